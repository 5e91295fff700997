use proptest::prelude::*;

use super::*;
use crate::repo::HostPolicy;

fn number(n: u64) -> NonZeroU64 {
    NonZeroU64::new(n).unwrap()
}

fn key(text: &str) -> IssueId {
    IssueId::Key(IssueKey::parse(text).unwrap())
}

/// Each id with its JSON form, how texts refer to it here and elsewhere, and its branch.
#[test]
fn an_id_is_written_in_one_way_and_read_again() {
    let repo = Repo::parse("https://github.com/octo/hello", &HostPolicy::github()).unwrap();
    let longest = "ABCDEFGHIJ-18446744073709551615";
    for (id, json, here, elsewhere, branch) in [
        (IssueId::Number(number(1)), "1", "#1", "octo/hello#1", "ai-agent/issue-1"),
        (
            IssueId::Number(NonZeroU64::MAX),
            "18446744073709551615",
            "#18446744073709551615",
            "octo/hello#18446744073709551615",
            "ai-agent/issue-18446744073709551615",
        ),
        (key("PROJ-123"), "\"PROJ-123\"", "PROJ-123", "PROJ-123", "ai-agent/PROJ-123"),
        (key("R2_D2-1"), "\"R2_D2-1\"", "R2_D2-1", "R2_D2-1", "ai-agent/R2_D2-1"),
        // A project that is called as what stands before a number.
        (key("ISSUE-7"), "\"ISSUE-7\"", "ISSUE-7", "ISSUE-7", "ai-agent/ISSUE-7"),
        (
            key(longest),
            "\"ABCDEFGHIJ-18446744073709551615\"",
            longest,
            longest,
            "ai-agent/ABCDEFGHIJ-18446744073709551615",
        ),
    ] {
        assert_eq!(serde_json::to_string(&id).unwrap(), json);
        assert_eq!(serde_json::from_str::<IssueId>(json).unwrap(), id);
        assert_eq!(id.to_string(), json.trim_matches('"'));
        assert_eq!(id.to_string().parse(), Ok(id.clone()));
        assert_eq!(id.reference(), here);
        assert_eq!(id.reference_from_outside(&repo), elsewhere);
        assert_eq!(id.branch(), branch);
        assert_eq!(IssueId::of_branch(branch), Some(id));
    }
}

#[test]
fn what_is_no_id_is_refused() {
    for text in [
        "",
        "0",
        "01",
        "+1",
        "-1",
        "1.0",
        "#1",
        " 1",
        "1 ",
        "1\n",
        "18446744073709551616",
        "\u{661}",
        "PROJ",
        "PROJ-",
        "PROJ-0",
        "PROJ-01",
        "PROJ-+1",
        "PROJ--1",
        "PROJ-1-2",
        "PROJ-1a",
        "PROJ-18446744073709551616",
        "PROJ_1",
        "PROJ 1",
        "proj-1",
        "Proj-1",
        "P-1",
        "-1",
        "2PROJ-1",
        "_PROJ-1",
        "PRO/J-1",
        "PRO.J-1",
        "ABCDEFGHIJK-1",
        "\u{41f}ROJ-1",
        "\u{ff30}ROJ-1",
        "PROJ\u{2010}1",
        "PROJ-1\n",
        " PROJ-1",
    ] {
        assert_eq!(text.parse::<IssueId>(), Err(IssueIdError(text.to_owned())), "{text:?}");
        let json = serde_json::to_string(text).unwrap();
        assert!(serde_json::from_str::<IssueId>(&json).is_err(), "{text:?}");
        assert_eq!(IssueId::of_branch(&format!("ai-agent/{text}")), None, "{text:?}");
    }
    assert_eq!(
        "proj-1".parse::<IssueId>().unwrap_err().to_string(),
        "`proj-1` is not the id of an issue: use a number, such as 123, or a key, such as PROJ-123"
    );
}

#[test]
fn only_a_branch_of_the_agents_tells_an_issue() {
    for branch in [
        "",
        "ai-agent",
        "ai-agent/",
        "ai-agent/1",
        "ai-agent/issue-",
        "ai-agent/issue-0",
        "ai-agent/issue-07",
        "ai-agent/issue-+7",
        "ai-agent/issue-7/x",
        "ai-agent/issue-PROJ-1",
        "ai-agent/Issue-7",
        "ai-agent/fix-the-typo",
        "AI-agent/issue-7",
        "x/ai-agent/issue-7",
        "refs/heads/ai-agent/issue-7",
        "issue-7",
        "PROJ-1",
    ] {
        assert_eq!(IssueId::of_branch(branch), None, "{branch:?}");
    }
}

#[test]
fn a_key_names_its_project() {
    assert_eq!(IssueKey::parse("R2_D2-7").unwrap().project(), "R2_D2");
}

proptest! {
    #[test]
    fn what_is_read_is_written_again(text in "[A-Z0-9_]{0,11}-?[0-9]{1,20}|.{0,12}") {
        if let Ok(id) = text.parse::<IssueId>() {
            prop_assert_eq!(id.to_string(), text);
            prop_assert_eq!(IssueId::of_branch(&id.branch()), Some(id.clone()));
            let json = serde_json::to_string(&id).unwrap();
            prop_assert_eq!(serde_json::from_str::<IssueId>(&json).unwrap(), id);
        }
    }
}
