//! An issue that is given by its address, read over HTTP from the stand-in for GitHub.

use tests::github::{GitHub, Permission, World as Hub};

use crate::world::{README, Run, World, nobody};

const BODY: &str = "The word `recieves` in README.md should be `receives`.";
/// For the stand-in, which this machine serves.
const LOOPBACK: (&str, &str) = ("AGENT_ALLOW_LOOPBACK", "true");

fn hub() -> Hub {
    Hub::new()
        .user("dev1", Permission::Write)
        .repo("octo/open")
        .file("README.md", README)
        .issue(7, "Typo in the README", BODY, &[])
        .repo("octo/closed")
        .file("README.md", README)
        .issue(8, "Typo in the README", BODY, &[])
        .private()
}

fn solve(world: &World, address: &str, variables: &[(&str, &str)]) -> Run {
    let variables = [&[LOOPBACK], variables].concat();
    let mut run = world.solve_with(address, &["--json"], &variables);
    // The port is another one each time.
    let origin = address.split_once("/octo/").map_or("", |(origin, _)| origin);
    run.stderr = run.stderr.replace(origin, "HUB");
    run
}

#[test]
fn an_issue_that_anybody_can_read_needs_no_token() {
    let github = GitHub::start(hub());
    let world = World::sample();
    let address = format!("{}/issues/7", github.repo_url("octo/open"));
    let report = solve(&world, &address, &[]).done().json();
    assert_eq!(report["issue"], serde_json::json!({"number": 7, "title": "Typo in the README"}));
    assert_eq!(world.at("ai-agent/issue-7", "README.md"), README.replace("recieves", "receives"));
    let explained =
        world.explain(&["--repo", "repo", "--issue", &address, "--json"], &[LOOPBACK]).done().json();
    assert_eq!(explained["issue"], report["issue"]);
    let journal = github.journal();
    assert_eq!(
        (journal.calls.len(), journal.mutations().count()),
        (2, 0),
        "one call for each, and nothing is written"
    );
    github.finish();
}

#[test]
fn an_issue_of_a_private_repository_needs_a_token() {
    let github = GitHub::start(hub());
    let address = format!("{}/issues/8", github.repo_url("octo/closed"));
    let world = World::sample();
    let (status, said) = solve(&world, &address, &[]).failure();
    assert_eq!(
        (status, said.as_str()),
        (
            Some(2),
            "error: the issue HUB/octo/closed/issues/8 cannot be read: GitHub finds nothing for GET \
             /repos/octo/closed/issues/8: Not Found |   Check the address; for a private repository set \
             AGENT_GITHUB_TOKEN_FILE to the file of a token that may read its issues."
        )
    );
    let token = github.personal_token("dev1");
    let file = world.file("token", &token);
    for variable in [("AGENT_GITHUB_TOKEN", token.as_str()), ("AGENT_GITHUB_TOKEN_FILE", &file)] {
        solve(&world, &address, &[variable]).done();
        assert_eq!(world.at("ai-agent/issue-8", "README.md"), README.replace("recieves", "receives"));
    }
    let (status, said) = solve(&world, &address, &[("AGENT_GITHUB_TOKEN", "wrong")]).failure();
    assert_eq!((status, said.contains("does not accept the credentials")), (Some(2), true), "{said}");
    github.finish();
}

/// The token goes to the host that the operator named, and to no other one.
#[test]
fn an_address_that_cannot_be_read_is_told_before_anything_is_asked() {
    let world = World::sample();
    for (address, what, next) in [
        (
            "https://git.example.org/octo/hello/issues/7",
            "the repository is on `git.example.org`, which is not the configured host",
            "Set AGENT_GITHUB_HOST to the host of your GitHub Enterprise Server",
        ),
        (
            "https://github.com/octo/hello/pull/7",
            "it does not end in /issues/NUMBER",
            "Give the address as HUB/OWNER/",
        ),
    ] {
        let (status, said) = solve(&world, address, &[("AGENT_GITHUB_TOKEN", "t")]).failure();
        let path = address.splitn(4, '/').last().unwrap();
        let expected = format!("error: HUB/{path} is not the address of an issue: {what} |   {next}");
        assert!(said.starts_with(&expected), "{said}");
        assert_eq!(status, Some(2));
    }
    let nowhere = nobody();
    let origin = nowhere.split('/').take(3).collect::<Vec<_>>().join("/");
    let (status, said) = solve(&world, &format!("{origin}/octo/hello/issues/7"), &[]).failure();
    assert_eq!((status, said.contains("GitHub is not available")), (Some(75), true), "{said}");
}
