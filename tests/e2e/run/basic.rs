//! What whoever asked sees in the end, in the ordinary cases.

use tests::github::{Fault, File, GitHub, Permission, Refused, When};

use crate::harness::{REPO, check_all, hello, mutations, run, seen, typo, wish};

pub(crate) const QUICKFIX_DONE: &str = "\
repository octo/hello (default branch main)
  branch ai-agent/issue-1
    commit by ai-agent[bot]: Fix typo: `recieves` → `receives`
    M 100644 878def5 README.md
  branch main
    100644 749c769 README.md
    100644 5c89b7c config.toml
  issue #1 open by dev1: Typo in README.md
    labels: ai-done, ai-help, quickfix
    reactions: eyes by ai-agent[bot]
      | The word `recieves` in README.md should be `receives`.
    comment by ai-agent[bot] (edited)
      | **Done**: #2 ([diff](/octo/hello/pull/2/files)) is ready for review.
      |
      | Rule-based change: no AI model was used, $0
      |
      | Not what you meant? Close the pull request, say more on this issue, and comment `/retry`.
      |
  pull #2 open by ai-agent[bot]: Fix typo: `recieves` → `receives`
    ai-agent/issue-1 -> main
    reviewers: dev1
    labels: ai-generated, quickfix
      | Changed, as requested:
      |
      | - `README.md`: line 3
      |
      | Fixes #1
      |
      | <details><summary>1 file changed, 1 file read</summary>
      |
      | - `README.md` (changed): it has what the issue asks to change
      |
      | </details>
      |
      | Rule-based change: no AI model was used, $0. The change was parsed and checked for syntax, not run.
      |
";

#[test]
fn a_label_becomes_a_pull_request_in_twenty_two_calls() {
    let github = GitHub::start(typo(hello(), &["ai-help", "quickfix"]));
    let mut task = wish(&github, "quickfix", "dev1");
    task["installation_id"] = github.installation_id().into();
    let ended = run(&github, &task, &[]);
    assert_eq!(ended.status, Some(0), "{}\n{}", ended.stderr, github.journal().summary());
    assert_eq!(seen(&github), QUICKFIX_DONE);
    let calls = github.journal().calls.iter().filter(|call| !call.operation.starts_with("git:")).count();
    assert!(calls <= 22, "{calls} calls\n{}", github.journal().summary());

    // By this an operator finds the run in the log.
    assert_eq!(github.snapshot().matches("` in the agent's log.").count(), 1, "{}", github.snapshot());

    // The same message once more changes nothing.
    let before = mutations(&github).len();
    let again = run(&github, &task, &[]);
    assert_eq!(again.status, Some(0), "{}", again.stderr);
    assert_eq!(seen(&github), QUICKFIX_DONE);
    let tokens = ["apps/create-installation-access-token", "apps/revoke-installation-access-token"];
    assert_eq!(mutations(&github)[before..], tokens);
    github.finish();
}

/// The comment that says how a run ended links the page that the operator names.
#[test]
fn the_page_with_the_commands_is_linked() {
    let github = GitHub::start(typo(hello(), &["ai-help", "quickfix"]));
    let task = wish(&github, "quickfix", "dev1");
    let ended = run(&github, &task, &[("AGENT_HELP_URL", "https://wiki.example/agent#commands")]);
    assert_eq!(ended.status, Some(0), "{}\n{}", ended.stderr, github.journal().summary());
    let link = "in the agent's log. [Labels and commands](https://wiki.example/agent#commands)";
    assert_eq!(github.snapshot().matches(link).count(), 1, "{}", github.snapshot());
    github.finish();
}

/// GitHub's commit call would take the mode away.
#[test]
fn an_executable_stays_one() {
    let github = GitHub::start(typo(hello(), &["ai-help", "quickfix"]).put(executable("README.md")));
    let ended = run(&github, &wish(&github, "quickfix", "dev1"), &[]);
    assert_eq!(ended.status, Some(0), "{}\n{}", ended.stderr, github.journal().summary());
    assert!(seen(&github).contains("\n    M 100755 878def5 README.md\n"), "{}", seen(&github));
    assert!(!mutations(&github).iter().any(|call| call.contains("createCommitOnBranch")));
    github.finish();
}

/// A change is pushed, and git answers once that it does not know the token, does not allow it, or finds nothing: that is
/// doubted, and the change lands. Said twice, it is believed.
#[test]
fn a_push_that_is_refused_once_is_made_again() {
    let cases = ["git:info/receive-pack", "git:receive-pack"].into_iter().flat_map(|operation| {
        [Refused::BadCredentials, Refused::Permission, Refused::NotFound].map(|refused| (operation, refused))
    });
    let cases: Vec<(&str, Refused)> = cases.collect();
    check_all(&cases, |(operation, refused)| {
        for (when, lands) in [(When::next(operation), true), (When::every(operation), false)] {
            let world = typo(hello(), &["ai-help", "quickfix"]).put(executable("README.md"));
            let github = GitHub::start(world);
            github.fault(when, Fault::Refused(*refused));
            let ended = run(&github, &wish(&github, "quickfix", "dev1"), &[]);
            let page = seen(&github);
            let is_right = if lands {
                ended.status == Some(0) && page.contains("\n    M 100755 878def5 README.md\n")
            } else {
                page.contains("**Could not be done.**") && github.journal().count(operation) == 2
            };
            if !is_right {
                return Err(format!("{operation}, {refused:?}, lands: {lands}: {ended:?}\n{page}"));
            }
        }
        Ok(())
    });
}

fn executable(path: &str) -> File {
    File::executable(path, "# Hello\n\nThis text recieves readers.\n")
}

#[test]
fn without_a_model_nothing_is_asked_of_github() {
    let github = GitHub::start(typo(hello(), &["ai-help", "quickfix"]));
    let ended = run(&github, &wish(&github, "quickfix", "dev1"), &[("AGENT_MODEL", "")]);
    let said = "error: no model is chosen: set AGENT_MODEL (or --model) to anthropic, openai or ollama; `builtin`, rules \
                for demos without an AI model, has to be asked for by name\n";
    assert!(ended.status == Some(2) && ended.stderr.starts_with(said), "{ended:?}");
    assert_eq!(github.journal().summary(), "");
    github.finish();
}

#[test]
fn a_stranger_gets_one_answer_and_no_run() {
    let github = GitHub::start(typo(hello(), &["ai-help", "quickfix"]));
    for _ in 0..2 {
        let ended = run(&github, &wish(&github, "quickfix", "guest"), &[]);
        assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    }
    let expected = "    comment by ai-agent[bot]\n      | @guest, only people with write access to this repository can ask for this. If you are given it, ask again here after 60 minutes. Whoever asks again without it is not heard here for 24 hours.\n";
    assert_eq!(seen(&github).matches(expected).count(), 1, "{}", seen(&github));
    assert_eq!(github.journal().count("issues/create-comment"), 1);
    assert_eq!(github.journal().count("git/create-ref"), 0);
    github.finish();
}

/// However many commands someone without write access writes, and wherever: one answer for each person and thread.
#[test]
fn a_flood_of_commands_gets_one_answer() {
    let world = typo(hello(), &["ai-help", "quickfix"]).user("other", Permission::Read);
    let github = GitHub::start(world);
    let flood = |user: &str, many: usize| {
        for _ in 0..many {
            let comment = github.now(|state| state.at(REPO).comment(user, 1, "/retry"));
            let mut task = wish(&github, "quickfix", user);
            task["task_id"] = format!("{comment:032x}").into();
            let ended = run(&github, &task, &[]);
            assert_eq!(ended.status, Some(0), "{}", ended.stderr);
        }
    };
    flood("guest", 5);
    flood("other", 3);
    assert_eq!(github.journal().count("issues/create-comment"), 2, "{}", seen(&github));
    let writes = github.journal().mutations().filter(|call| !call.operation.starts_with("apps/")).count();
    assert_eq!(writes, 2, "{}", github.journal().summary());
    github.finish();
}

/// What is not a task is refused with the reason, before any call: the stand-in at whose address some of them point hears
/// nothing.
#[test]
fn a_message_that_is_no_task_reaches_no_network() {
    let github = GitHub::start(typo(hello(), &["ai-help", "quickfix"]));
    let good = wish(&github, "quickfix", "dev1");
    let here = github.address().to_string();
    let addresses = [
        format!("https://{here}/octo/hello"),
        format!("ssh://git@{here}/octo/hello"),
        format!("git://{here}/octo/hello"),
        format!("http://user:password@{here}/octo/hello"),
        format!("http://{here}/octo/hello/tree/main"),
        format!("http://{here}/octo/../hello"),
        format!("http://{here}/octo/hello?x=1"),
        format!("http://{here}/octo/hello#x"),
        format!("http://{here}/octo/hel%6co"),
        format!("http://{here}\\octo\\hello"),
        format!("https://github.com@{here}/octo/hello"),
        "https://evil.example/octo/hello".to_owned(),
        "https://github.com.evil.example/octo/hello".to_owned(),
        "https://g\u{456}thub.com/octo/hello".to_owned(),
        "https://github.com:443/octo/hello".to_owned(),
        "http://169.254.169.254/octo/hello".to_owned(),
        "file:///octo/hello".to_owned(),
        "-oProxyCommand=x".to_owned(),
        String::new(),
    ];
    let mut wrong: Vec<serde_json::Value> = Vec::new();
    for address in addresses {
        let mut task = good.clone();
        task["repo_url"] = address.into();
        wrong.push(task);
    }
    for (field, value) in [
        ("mode", "merge".into()),
        ("mode", "approve".into()),
        ("issue_id", 0.into()),
        ("trigger_user", "../dev1".into()),
        ("trigger_user", "dev1\n/approve".into()),
        ("surprise", true.into()),
    ] {
        let mut task: serde_json::Value = good.clone();
        task[field] = value;
        wrong.push(task);
    }
    for task in wrong {
        let ended = run(&github, &task, &[]);
        assert_eq!(ended.status, Some(2), "{task}: {}", ended.stderr);
        assert!(ended.stderr.starts_with("error: "), "{task}: {}", ended.stderr);
    }
    assert_eq!(github.journal().summary(), "");
    github.finish();
}
