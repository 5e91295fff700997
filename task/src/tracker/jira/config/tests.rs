use super::*;

const GOOD: &str = r#"
[sites.acme]
url = "https://acme.atlassian.net"
account = "557058:agent"

[sites.acme.projects]
PROJ = "octo/hello"
OPS = "https://github.com/octo/ops"

[sites.acme.components.PROJ]
Backend = "octo/backend"
"Front end" = "octo/frontend"

[sites.acme.components.LIB]
Core = "octo/core"

[sites.acme.people]
5c5f880629be9642ba529340 = "dev1"

[sites.acme.transitions]
started = "In Progress"
"#;
const CREDENTIALS: &str = "acme: agent@example.com token-of-the-agent";

fn config(text: &str, credentials: &str) -> Result<JiraConfig, String> {
    let env = Environment::of([("AGENT_JIRA", text), ("AGENT_JIRA_CREDENTIALS", credentials)]);
    let config = JiraConfig::from_env(&env, &HostPolicy::github()).map_err(|error| error.to_string())?;
    config.ok_or_else(|| "none".to_owned())
}

fn site(text: &str) -> Site {
    config(text, CREDENTIALS).unwrap().sites().next().unwrap().clone()
}

fn account(id: &str, kind: &str, address: Option<&str>) -> User {
    User {
        account_id: id.to_owned(),
        account_type: Some(kind.to_owned()),
        email_address: address.map(str::to_owned),
        active: true,
    }
}

#[test]
fn a_project_or_its_component_tells_the_repository() {
    let site = site(GOOD);
    for (project, components, expected) in [
        ("PROJ", &[][..], Ok("octo/hello")),
        ("PROJ", &["Unknown"], Ok("octo/hello")),
        ("PROJ", &["backend"], Ok("octo/backend")),
        ("PROJ", &["Unknown", "FRONT END"], Ok("octo/frontend")),
        ("PROJ", &["Backend", "Front end"], Err(Unmapped::Ambiguous)),
        ("OPS", &["Backend"], Ok("octo/ops")),
        ("LIB", &["Core"], Ok("octo/core")),
        ("LIB", &[], Err(Unmapped::Component)),
        ("NONE", &["Backend"], Err(Unmapped::Project)),
    ] {
        let found = site.repo(project, components.iter().copied());
        assert_eq!(found.map(ToString::to_string), expected.map(str::to_owned), "{project} {components:?}");
    }
    assert_eq!(site.page(&IssueKey::parse("PROJ-7").unwrap()), "https://acme.atlassian.net/browse/PROJ-7");
    let backend = repository("octo/backend", &HostPolicy::github()).unwrap();
    assert_eq!(site.projects_of(&backend).collect::<Vec<_>>(), ["PROJ"]);
}

#[test]
fn an_account_is_who_the_operator_says() {
    let dev = "5c5f880629be9642ba529340";
    let login = |site: &Site, user: &User| site.login(user).map(ToString::to_string);
    let plain = site(GOOD);
    assert_eq!(login(&plain, &account(dev, "atlassian", None)).as_deref(), Some("dev1"));
    assert_eq!(login(&plain, &account("other", "atlassian", Some("dev1@example.com"))), None);

    let by_address =
        GOOD.replace("[sites.acme.people]", "[sites.acme.people]\n\"Dev2@example.com\" = \"dev2\"");
    let told = config(&by_address, CREDENTIALS).err().unwrap();
    assert!(told.contains("Dev2@example.com is an e-mail address"), "{told}");
    let trusting = by_address.replace("account =", "trust-email-addresses = true\naccount =");
    let trusting = site(&trusting);
    for (user, expected) in [
        (account("x", "atlassian", Some("dev2@EXAMPLE.com")), Some("dev2")),
        (account("x", "customer", Some("dev2@example.com")), None),
        (account("x", "app", Some("dev2@example.com")), None),
        (account("x", "atlassian", None), None),
        (User { active: false, ..account("x", "atlassian", Some("dev2@example.com")) }, None),
        (account(dev, "atlassian", Some("dev2@example.com")), Some("dev1")),
    ] {
        assert_eq!(login(&trusting, &user).as_deref(), expected, "{user:?}");
    }
}

#[test]
fn what_is_wrong_is_told_and_no_token_with_it() {
    let replaced = |from: &str, to: &str| {
        assert!(GOOD.contains(from), "{from}");
        GOOD.replacen(from, to, 1)
    };
    let two = format!(
        "{GOOD}\n[sites.other]\nurl = \"https://other.atlassian.net\"\naccount = \"b\"\n[sites.other.projects]\nPROJ = \"octo/backend\"\n"
    );
    let both = "acme: agent@example.com token-of-the-agent\nother: agent@example.com token-of-the-agent";
    for (text, credentials, expected) in [
        (GOOD.to_owned(), "", "AGENT_JIRA_CREDENTIALS has no line for it"),
        (GOOD.to_owned(), "acme agent token-of-the-agent", "write one site a line"),
        (GOOD.to_owned(), "acme: token-of-the-agent", "write one site a line"),
        (
            GOOD.to_owned(),
            "acme: agent@example.com token-of-the-agent x",
            "it has characters that no key has",
        ),
        (GOOD.to_owned(), "acme: id token-of-the-agent", "do not begin with an e-mail address"),
        (GOOD.to_owned(), both, "has a site `other` that is not configured"),
        (two, both, "the project PROJ of the sites `acme` and `other` has one repository, octo/backend"),
        (replaced("https://acme", "http://acme"), CREDENTIALS, "site `acme`: url: use https://HOST"),
        (replaced("https://acme", "https://u:p@acme"), CREDENTIALS, "site `acme`: url: use https://HOST"),
        (replaced("557058:agent", "a b"), CREDENTIALS, "account: use the id of the agent's account"),
        (
            replaced("octo/hello", "hello"),
            CREDENTIALS,
            "projects.PROJ: the repository address is not `OWNER/NAME`",
        ),
        (
            replaced("octo/hello", "https://evil.example/a/b"),
            CREDENTIALS,
            "projects.PROJ: the repository is on `evil.example`",
        ),
        (replaced("PROJ = ", "proj = "), CREDENTIALS, "`proj` is not the key of a project"),
        (replaced("= \"dev1\"", "= \"@dev1\""), CREDENTIALS, "people: `@dev1`: the user is not"),
        (
            replaced("5c5f880629be9642ba529340 =", "\"557058:agent\" ="),
            CREDENTIALS,
            "the agent's own account cannot ask",
        ),
        (replaced("started", "begun"), CREDENTIALS, "unknown field `begun`"),
        (
            GOOD.replace("sites.acme", "sites.ACME"),
            "ACME: agent@example.com token-of-the-agent",
            "the name of a site is",
        ),
        ("nonsense".to_owned(), CREDENTIALS, "AGENT_JIRA"),
        (CREDENTIALS.to_owned(), CREDENTIALS, "invalid Jira configuration for AGENT_JIRA"),
    ] {
        let told = config(&text, credentials).err().unwrap_or_else(|| panic!("taken: {expected}"));
        assert!(told.contains(expected) && told.contains("AGENT_JIRA"), "{told}");
        assert!(!told.contains("token-of-the-agent"), "{told}");
    }
    assert_eq!(config("", "").err().as_deref(), Some("none"));
}

#[test]
fn a_service_account_has_a_client() {
    let text = GOOD.replacen(
        "account =",
        "auth = \"client\"\napi = \"https://api.atlassian.com/ex/jira/0ac1\"\naccount =",
        1,
    );
    let config = config(&text, "acme: client-id client-secret").unwrap();
    let site = config.sites().next().unwrap();
    assert_eq!(site.api.as_str(), "https://api.atlassian.com/ex/jira/0ac1");
    let Credentials::Client { id, tokens, .. } = &site.credentials else { panic!("a token") };
    assert_eq!((id.as_str(), tokens.as_str()), ("client-id", TOKENS));
}
