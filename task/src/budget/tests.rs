use super::*;

fn read(variables: &[(&str, &str)]) -> Result<Budgets, String> {
    Budgets::from_env(&Environment::of(variables.iter().copied())).map_err(|error| error.to_string())
}

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

#[test]
fn ceilings_are_those_of_the_repository_and_of_all() {
    let budgets = read(&[
        ("AGENT_BUDGET_MONTH", "500"),
        ("AGENT_REPO_BUDGET_DAY", "5"),
        ("AGENT_REPO_BUDGETS", "octo/Hello=20/100, octo/free=-/-"),
    ])
    .unwrap();
    assert!(budgets.is_set());
    let limits = |name: &str| -> Vec<(&'static str, Usd)> {
        budgets.of(7, name).iter().map(|limit| (limit.setting(), limit.ceiling)).collect()
    };
    let month = ("AGENT_BUDGET_MONTH", usd("500"));
    assert_eq!(limits("octo/other"), [("AGENT_REPO_BUDGET_DAY", usd("5")), month]);
    let own = [("AGENT_REPO_BUDGET_DAY", usd("20")), ("AGENT_REPO_BUDGET_MONTH", usd("100")), month];
    assert_eq!(limits("Octo/hello"), own);
    assert_eq!(limits("octo/free"), [month]);
    assert!(!read(&[]).unwrap().is_set());
    assert!(budgets.limits_all() && !read(&[("AGENT_REPO_BUDGET_DAY", "5")]).unwrap().limits_all());
    assert!(!read(&[("AGENT_REPO_BUDGETS", "octo/free=-/-")]).unwrap().is_set());
    assert!(read(&[("AGENT_BUDGET_DAY", "0")]).unwrap().is_set(), "a ceiling of nothing is one");
}

#[test]
fn what_is_no_ceiling_is_told() {
    const FORM: &str = "use OWNER/NAME=DAY/MONTH in dollars, `-` for no ceiling, such as octo/hello=5/100";
    for (name, value, hint) in [
        ("AGENT_BUDGET_DAY", "$5", "use dollars with at most six digits after the point, such as 2.50"),
        ("AGENT_BUDGET_MONTH", "10000.01", "use at most 10000, so that the broker can count it"),
        ("AGENT_REPO_BUDGETS", "octo/hello", FORM),
        ("AGENT_REPO_BUDGETS", "octo/hello=5", FORM),
        ("AGENT_REPO_BUDGETS", "octo=5/5", FORM),
        ("AGENT_REPO_BUDGETS", "octo/hello=five/5", FORM),
        ("AGENT_REPO_BUDGETS", "octo/hello=5/20000", "use at most 10000, so that the broker can count it"),
    ] {
        let error = read(&[(name, value)]).unwrap_err();
        assert!(error.contains(&format!("{value:?} for {name}: {hint}")), "{error}");
    }
    assert!(read(&[("AGENT_REPO_BUDGETS", "octo/a=1/1,Octo/A=2/2")]).is_err());
}

#[test]
fn units_are_whole_and_never_too_few() {
    for (amount, up, down) in
        [("0", 0, 0), ("0.000001", 1, 0), ("0.05", 1, 1), ("0.051", 2, 1), ("10", 200, 200)]
    {
        assert_eq!((usd(amount).in_units_up(UNIT), usd(amount).in_units_down(UNIT)), (up, down), "{amount}");
    }
}
