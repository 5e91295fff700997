//! What the operator runs: `ai-agent sweep` finds what was lost on Jira, `ai-agent doctor` what is wrong with a site.

use std::process::Command;

use serde_json::{Value, json};
use shared::queue;
use tests::bin::program;
use tests::broker::{Broker, Cause, VirtualHost};
use tests::github::{CheckKind, Verdict};
use tests::ingest::{Ingest, answer};
use tests::jira::{AGENT, Fault};
use tests::webhook::sign;

use crate::harness::{BRANCH, ISSUE, REPO, Story, typo};

const SECRET: &str = "a secret of the site acme";

/// Runs a command of the program, and returns its status and what it printed, without the addresses of the stand-ins.
fn command(story: &Story, host: &VirtualHost<'_>, arguments: &[&str], user: &str) -> (Option<i32>, String) {
    command_with(story, host, arguments, user, &[])
}

fn command_with(
    story: &Story,
    host: &VirtualHost<'_>,
    arguments: &[&str],
    user: &str,
    more: &[(&str, &str)],
) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(program("ai-agent"))
        .args(arguments)
        .env_clear()
        .envs(story.variables(folder.path()))
        .env("AGENT_MODEL", "builtin")
        .env("AGENT_AMQP_URL", host.url(user))
        .env("AGENT_SWEEP_REPOSITORIES", story.github.repo_url(REPO))
        .env("AGENT_SWEEP_GRACE", "0s")
        .envs(more.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).replace(&story.github.url(), "GITHUB");
    (output.status.code(), text.replace(&story.jira.url(), "JIRA"))
}

fn sweep(story: &Story, host: &VirtualHost<'_>, arguments: &[&str]) -> (Option<i32>, String) {
    command(story, host, &[&["sweep"], arguments].concat(), "sweep")
}

/// The id that the webhook of the label has, from `ingest` itself.
fn id_of_webhook(story: &Story, host: &VirtualHost<'_>) -> String {
    let secrets = format!("acme={SECRET}");
    let accounts = format!("acme={AGENT}");
    let settings = [("AGENT_JIRA_WEBHOOK_SECRETS", &*secrets), ("AGENT_JIRA_ACCOUNTS", &*accounts)];
    let ingest = Ingest::start(&host.url("ingest"), &settings).unwrap();
    let body = story.jira.now(|site| site.webhook(ISSUE));
    let request = reqwest::Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .post(ingest.url("/webhook/jira/acme"))
        .header("content-type", "application/json")
        .header("x-hub-signature", sign(SECRET, &body))
        .body(body);
    let (status, told) = story.runtime.block_on(async { answer(request).await.unwrap() });
    assert_eq!(status, 202, "{told}");
    story.runtime.block_on(host.take(queue::TASKS)).unwrap().unwrap();
    told["task_id"].as_str().unwrap().to_owned()
}

#[test]
fn a_missed_label_is_published_with_the_id_of_its_webhook() {
    let story = Story::new(typo(), &[]);
    story.label("dev1", &["ai-help", "quickfix"]);
    let broker = story.runtime.block_on(Broker::shared()).unwrap();
    let host = story.runtime.block_on(broker.virtual_host()).unwrap();
    let id = id_of_webhook(&story, &host);

    let line = format!("PROJ-7: published the quickfix that dev1 asked for, as task {id}\n");
    assert_eq!(sweep(&story, &host, &["--dry-run"]), (Some(0), line.clone()), "{}", story.jira.summary());
    assert_eq!(story.runtime.block_on(host.ready(queue::TASKS)).unwrap(), 0);
    assert_eq!(sweep(&story, &host, &[]), (Some(0), line), "{}", story.jira.summary());

    let message = story.runtime.block_on(host.take(queue::TASKS)).unwrap().unwrap();
    let message: Value = serde_json::from_str(message["payload"].as_str().unwrap()).unwrap();
    assert_eq!(message["task_id"], json!(id));
    let run = story.run_by_rules(&message);
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    assert_eq!(story.labels(), "ai-done ai-help quickfix");
    // Nothing is missed any more.
    assert_eq!(sweep(&story, &host, &[]), (Some(0), String::new()));
    story.finish();
}

/// An assignment to the agent asks without the label. One that is done, one that was taken back and one to somebody else ask for
/// nothing.
#[test]
fn a_missed_assignment_is_published_with_the_id_of_its_webhook() {
    let site = typo()
        .issue("PROJ-8", "dev1", "Done", "x", &[])
        .issue("PROJ-9", "dev1", "Taken back", "x", &[])
        .issue("OPS-1", "dev1", "Of another project", "x", &[]);
    let story = Story::new(site, &[]);
    story.jira.now(|site| {
        for key in ["PROJ-8", "PROJ-9", "OPS-1"] {
            site.assign(key, "dev1", AGENT);
        }
        site.transition("PROJ-8", "dev1", "Done");
        site.assign("PROJ-9", "dev1", "dev2");
        site.relabel(ISSUE, "dev2", &["quickfix"]);
        site.assign(ISSUE, "dev1", AGENT);
    });
    let broker = story.runtime.block_on(Broker::shared()).unwrap();
    let host = story.runtime.block_on(broker.virtual_host()).unwrap();
    let id = id_of_webhook(&story, &host);
    let line = format!("PROJ-7: published the quickfix that dev1 asked for, as task {id}\n");
    assert_eq!(sweep(&story, &host, &[]), (Some(0), line), "{}", story.jira.summary());
    let message = story.runtime.block_on(host.take(queue::TASKS)).unwrap().unwrap();
    let message: Value = serde_json::from_str(message["payload"].as_str().unwrap()).unwrap();
    let run = story.run_by_rules(&message);
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    assert_eq!(story.labels(), "ai-done ai-help quickfix");
    // Nothing is missed any more, also where the labels are taken off.
    story.jira.now(|site| site.relabel(ISSUE, "dev1", &[]));
    assert_eq!(sweep(&story, &host, &[]), (Some(0), String::new()));
    story.finish();
}

#[test]
fn only_who_may_ask_has_missed_something() {
    for (who, edit, expected) in [
        ("stranger", false, "PROJ-7: not published: no login is configured for who asked\n"),
        ("guest", false, "PROJ-7: not published: the requester has no write access\n"),
        (
            "dev1",
            true,
            "PROJ-7: not published: it was edited after the request; set the label or the assignee again\n",
        ),
    ] {
        let story = Story::new(typo(), &[]);
        story.label(who, &["ai-help", "quickfix"]);
        if edit {
            story.jira.now(|site| site.describe(ISSUE, "dev1", "Something else."));
        }
        let broker = story.runtime.block_on(Broker::shared()).unwrap();
        let host = story.runtime.block_on(broker.virtual_host()).unwrap();
        assert_eq!(sweep(&story, &host, &[]), (Some(0), expected.to_owned()), "{}", story.jira.summary());
        story.finish();
    }
}

/// A label that the agent set for an assignment that was taken back is nobody's request: neither that of who created the issue
/// nor that of who took the label off before.
#[test]
fn a_label_of_the_agents_own_is_nobodys_request() {
    for was_labelled in [false, true] {
        let story = Story::new(typo(), &[]);
        if was_labelled {
            story.label("dev1", &["ai-help", "quickfix"]);
        }
        story.label("dev1", &["quickfix"]);
        story.jira.now(|site| {
            site.assign(ISSUE, "guest", AGENT);
            site.relabel(ISSUE, AGENT, &["quickfix", "ai-help"]);
            site.assign(ISSUE, "dev2", "dev2");
        });
        let broker = story.runtime.block_on(Broker::shared()).unwrap();
        let host = story.runtime.block_on(broker.virtual_host()).unwrap();
        let line =
            "PROJ-7: not published: nobody's request stands any more; set the label or the assignee again\n";
        assert_eq!(sweep(&story, &host, &[]), (Some(0), line.to_owned()), "{}", story.jira.summary());
        assert_eq!(story.runtime.block_on(host.ready(queue::TASKS)).unwrap(), 0);
        story.finish();
    }
}

#[test]
fn a_dead_letter_is_told_on_jira_once() {
    let story = Story::new(typo(), &[]);
    let message = story.label("dev1", &["ai-help", "quickfix"]);
    let broker = story.runtime.block_on(Broker::shared()).unwrap();
    let host = story.runtime.block_on(broker.virtual_host()).unwrap();
    story.runtime.block_on(host.bury(&message.to_string(), Cause::Rejected)).unwrap();
    let (status, text) = sweep(&story, &host, &[]);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.starts_with("PROJ-7: reported that task"), "{text}");
    assert_eq!(story.labels(), "ai-failed ai-help quickfix");
    assert!(story.said()[0].starts_with("Could not be done. It was given up"), "{:?}", story.said());
    assert_eq!(sweep(&story, &host, &[]), (Some(0), String::new()));
    assert_eq!(story.said().len(), 1);
    story.finish();
}

/// Nobody is left without an answer because no run came to give it.
#[test]
fn a_dead_letter_of_who_cannot_ask_is_answered() {
    let story = Story::new(typo(), &[]);
    let message = story.label("stranger", &["ai-help", "quickfix"]);
    let task = message["task_id"].as_str().unwrap();
    let broker = story.runtime.block_on(Broker::shared()).unwrap();
    let host = story.runtime.block_on(broker.virtual_host()).unwrap();
    story.runtime.block_on(host.bury(&message.to_string(), Cause::Rejected)).unwrap();
    let settled = format!("PROJ-7: dead letter of task {task} removed: no login is configured for who asked");
    let (status, text) = sweep(&story, &host, &["--dry-run"]);
    assert!(status == Some(0) && text.starts_with(&settled), "{text}");
    assert!(story.said().is_empty(), "{:?}", story.said());
    let (status, text) = sweep(&story, &host, &[]);
    assert!(status == Some(0) && text.starts_with(&settled), "{text}");
    let said = story.said();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("`557058:stranger` has no GitHub login"), "{said:?}");
    story.finish();
}

/// The findings about Jira.
fn of_jira(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.contains("  Jira  ")).map(str::trim_end).collect()
}

/// Webhooks of the admin console leave no record that could be read, so the doctor sends one itself.
#[test]
fn the_doctor_tries_the_way_in() {
    let story = Story::new(typo(), &[]);
    let broker = story.runtime.block_on(Broker::shared()).unwrap();
    let host = story.runtime.block_on(broker.virtual_host()).unwrap();
    let secrets = format!("acme={SECRET}");
    let ingest = Ingest::start(&host.url("ingest"), &[("AGENT_JIRA_WEBHOOK_SECRETS", &secrets)]).unwrap();
    let doctor = |url: &str, secrets: &str, accounts: &str| {
        let more = [
            ("AGENT_INGEST_URL", url),
            ("AGENT_JIRA_WEBHOOK_SECRETS", secrets),
            ("AGENT_JIRA_ACCOUNTS", accounts),
        ];
        command_with(&story, &host, &["doctor", "--no-model-call"], "task", &more)
    };
    let address = ingest.url("");
    let (_, text) = doctor(&address, &secrets, "acme=557058:agent");
    let took = format!(
        "ok      Webhook     acme: {}webhook/jira/acme takes what is signed with its secret",
        ingest.url("/")
    );
    assert!(text.contains(&took), "{text}");
    for (url, secrets, accounts, expect) in [
        (
            &*address,
            "acme=another one",
            "",
            "answers 401 Unauthorized\n                      ingest has another secret",
        ),
        (&*address, "other=a secret of it", "", "acme: ingest has no secret for this site"),
        (
            &*address,
            "other=a secret of it",
            "",
            "answers 404 Not Found\n                      ingest does not know this site",
        ),
        ("http://127.0.0.1:1", &*secrets, "", "http://127.0.0.1:1/webhook/jira/acme does not answer"),
        (&*address, "acme", "", "write NAME=SECRET, one for each site"),
        (
            &*address,
            &*secrets,
            "acme=1:2",
            "AGENT_JIRA_ACCOUNTS has the account 1:2, and AGENT_JIRA has 557058:agent",
        ),
    ] {
        let (status, text) = doctor(url, secrets, accounts);
        assert!(text.contains(expect), "{expect}\n{text}");
        assert_ne!(status, Some(0), "{text}");
        assert!(!text.contains("another one") && !text.contains(SECRET), "{text}");
    }
    story.finish();
}

#[test]
fn the_doctor_says_who_we_are_and_what_we_may_do() {
    let story = Story::new(typo(), &[]);
    let broker = story.runtime.block_on(Broker::shared()).unwrap();
    let host = story.runtime.block_on(broker.virtual_host()).unwrap();
    let (_, text) = command(&story, &host, &["doctor", "--no-model-call"], "task");
    assert_eq!(
        of_jira(&text),
        [
            "ok      Jira        acme: logged in as the account 557058:agent",
            "ok      Jira        acme: project PROJ: the agent may read, comment and label",
            "ok      Jira        acme: projects with a repository: 1, accounts with a login: 3",
            "ok      Jira        acme: octo/hello takes changes",
            "ok      Jira        acme: logins that GitHub knows: 3",
        ],
        "{text}"
    );
    assert!(text.contains("the way of webhooks to ingest was not checked"), "{text}");
    story.jira.now(|site| {
        site.permissions.remove("EDIT_ISSUES");
    });
    let (status, text) = command(&story, &host, &["doctor", "--no-model-call"], "task");
    assert!(text.contains("acme: project PROJ: the agent lacks permissions: EDIT_ISSUES missing"), "{text}");
    assert_eq!(status, Some(2), "{text}");

    for nth in 1..=4 {
        story.jira.fault("getCurrentUser", nth, Fault::Unauthorized);
    }
    let (status, text) = command(&story, &host, &["doctor", "--no-model-call"], "task");
    assert!(text.contains("acme: Jira does not accept the credentials for GET /rest/api/3/myself"), "{text}");
    assert!(text.contains("Put a new token into the file of AGENT_JIRA_CREDENTIALS_FILE."), "{text}");
    assert_eq!(status, Some(2), "{text}");
    story.jira.recover();
    story.finish();
}

/// What the configuration names has to be there: the repositories, for the App or the token, and the logins.
#[test]
fn the_doctor_looks_at_what_is_mapped() {
    let world = crate::harness::hello().repo("octo/old").file("a.txt", "a\n").archived();
    let mut story = Story::of(world, typo(), &[]);
    let url = |name: &str| story.github.repo_url(name);
    let more = format!(
        "\"557058:ghost\" = \"ghost\"\n[sites.acme.components.PROJ]\nOld = \"{}\"\nGone = \"{}\"\n",
        url("octo/old"),
        url("octo/gone")
    );
    story.more = more;
    let broker = story.runtime.block_on(Broker::shared()).unwrap();
    let host = story.runtime.block_on(broker.virtual_host()).unwrap();
    let (status, text) = command(&story, &host, &["doctor", "--no-model-call"], "task");
    assert_eq!(status, Some(2), "{text}");
    for line in [
        "FAILED  Jira        acme: octo/gone: GitHub finds nothing for GET /repos/octo/gone/installation: Not Found",
        "                      Is the App installed there, and does the token reach it?",
        "ok      Jira        acme: octo/hello takes changes",
        "FAILED  Jira        acme: octo/old is archived and takes no changes",
        "FAILED  Jira        acme: `people` has the login ghost, and GitHub has no such account",
        "ok      Jira        acme: logins that GitHub knows: 3",
    ] {
        assert!(text.lines().any(|known| known.trim_end() == line), "{line}\n{text}");
    }

    // A token of somebody who may only read.
    let token = story.github.personal_token("guest");
    let own = [("AGENT_GITHUB_APP_ID", ""), ("AGENT_GITHUB_TOKEN", &*token)];
    let (status, text) = command_with(&story, &host, &["doctor", "--no-model-call"], "task", &own);
    let line = "FAILED  Jira        acme: octo/hello: the token's account may not write to it";
    assert!(status == Some(2) && text.lines().any(|known| known.trim_end() == line), "{text}");
    story.finish();
}

/// What a run can do without is a note, and what nobody configured is not looked at.
#[test]
fn the_doctor_notes_what_is_left_to_people() {
    let mut story = Story::new(typo(), &[]);
    story.jira.now(|site| {
        site.permissions.remove("LINK_ISSUES");
        site.permissions.remove("TRANSITION_ISSUES");
    });
    for (more, missing) in [
        ("", "LINK_ISSUES missing"),
        ("[sites.acme.transitions]\nmerged = \"Done\"\n", "LINK_ISSUES, TRANSITION_ISSUES missing"),
    ] {
        more.clone_into(&mut story.more);
        let broker = story.runtime.block_on(Broker::shared()).unwrap();
        let host = story.runtime.block_on(broker.virtual_host()).unwrap();
        let (_, text) = command(&story, &host, &["doctor", "--no-model-call"], "task");
        let note = format!("acme: project PROJ: links and transitions are left to people: {missing}");
        let found = of_jira(&text);
        assert!(found.iter().any(|line| line.starts_with("note ") && line.ends_with(&note)), "{text}");
        assert!(
            found.iter().any(|line| line.starts_with("ok ") && line.ends_with("comment and label")),
            "{text}"
        );
    }
    story.finish();
}

#[test]
fn an_issue_whose_pull_request_is_merged_is_moved_on() {
    let mut story = Story::new(typo(), &[]);
    story.more.push_str("[sites.acme.transitions]\nmerged = \"Finish\"\n");
    let run = story.run_by_rules(&story.label("dev1", &["ai-help", "quickfix"]));
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    let broker = story.runtime.block_on(Broker::shared()).unwrap();
    let host = story.runtime.block_on(broker.virtual_host()).unwrap();
    assert_eq!(sweep(&story, &host, &[]), (Some(0), String::new()), "{}", story.jira.summary());
    story.github.now(|state| state.at(REPO).merge("dev1", 1));
    let line = "PROJ-7: its pull request is merged; moved on\n";
    assert_eq!(sweep(&story, &host, &["--dry-run"]), (Some(0), line.to_owned()));
    assert_eq!(story.jira.now(|site| site.at(ISSUE).status), "To Do");
    assert_eq!(sweep(&story, &host, &[]), (Some(0), line.to_owned()));
    assert_eq!(story.jira.now(|site| site.at(ISSUE).status), "Done");
    assert_eq!(sweep(&story, &host, &[]), (Some(0), String::new()));
    story.finish();
}

/// Whoever takes it back has the last word: it is moved on once.
#[test]
fn an_issue_that_was_taken_back_is_left_alone() {
    let mut story = Story::new(typo(), &[]);
    story.more.push_str("[sites.acme.transitions]\nmerged = \"Finish\"\n");
    let run = story.run_by_rules(&story.label("dev1", &["ai-help", "quickfix"]));
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    let broker = story.runtime.block_on(Broker::shared()).unwrap();
    let host = story.runtime.block_on(broker.virtual_host()).unwrap();
    story.github.now(|state| state.at(REPO).merge("dev1", 1));
    assert_eq!(
        sweep(&story, &host, &[]),
        (Some(0), "PROJ-7: its pull request is merged; moved on\n".to_owned())
    );
    story.jira.now(|site| site.transition(ISSUE, "dev1", "In Progress"));
    assert_eq!(sweep(&story, &host, &[]), (Some(0), String::new()));
    assert_eq!(story.jira.now(|site| site.at(ISSUE).status), "In Progress");
    story.finish();
}

/// What was given up on the pull request of an issue of Jira is told there, and not lost for want of an issue on GitHub.
#[test]
fn a_dead_letter_of_a_command_on_the_pull_request_is_told_on_jira() {
    let story = Story::new(typo(), &[]);
    let run = story.run_by_rules(&story.label("dev1", &["ai-help", "quickfix"]));
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    let broker = story.runtime.block_on(Broker::shared()).unwrap();
    let host = story.runtime.block_on(broker.virtual_host()).unwrap();
    let comment = story.github.now(|state| state.at(REPO).comment("dev1", 1, "/fix make it shorter"));
    let command = json!({
        "repo_url": story.github.repo_url(REPO), "issue_id": 1, "mode": "fix", "trigger_user": "dev1",
        "comment_id": comment, "pull_request": 1, "task_id": "a123456789abcdef0123456789abcdef",
    });
    story.runtime.block_on(host.bury(&command.to_string(), Cause::Rejected)).unwrap();
    let (status, text) = sweep(&story, &host, &[]);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.starts_with("PROJ-7: reported that task a123456789abcdef0123456789abcdef"), "{text}");
    assert!(story.said()[1].starts_with("Could not be done. It was given up"), "{:?}", story.said());
    // The labels tell of the change.
    assert_eq!(story.labels(), "ai-done ai-help quickfix");
    // What happened to the branch names the issue itself; nobody asked for that.
    let happened = json!({
        "repo_url": story.github.repo_url(REPO), "issue_id": ISSUE, "mode": "checks", "trigger_user": "octo",
        "task_id": "b123456789abcdef0123456789abcdef",
    });
    story.runtime.block_on(host.bury(&happened.to_string(), Cause::Rejected)).unwrap();
    let line = "PROJ-7: dead letter of task b123456789abcdef0123456789abcdef removed: nobody asked for it\n";
    assert_eq!(sweep(&story, &host, &[]), (Some(0), line.to_owned()));
    story.finish();
}

/// No event tells that the checks of a draft do not end, whichever tracker has its issue.
#[test]
fn checks_of_an_issue_of_jira_that_do_not_end_are_looked_at_once() {
    let story = Story::of(crate::after::checked(), typo(), &[]);
    let run = story.run_by_rules(&story.label("dev1", &["ai-help", "quickfix"]));
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    story.github.now(|state| state.at(REPO).check(BRANCH, "build", CheckKind::Run, Verdict::Running));
    let broker = story.runtime.block_on(Broker::shared()).unwrap();
    let host = story.runtime.block_on(broker.virtual_host()).unwrap();
    let within = [("AGENT_CHECKS_WITHIN", "1s")];
    let sweep = || command_with(&story, &host, &["sweep"], "sweep", &within);
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let (status, text) = sweep();
    assert_eq!(status, Some(0), "{text}");
    assert!(text.starts_with("octo/hello#1: its checks do not end; published a look at them"), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    let message = story.runtime.block_on(host.take(queue::TASKS)).unwrap().unwrap();
    let message: Value = serde_json::from_str(message["payload"].as_str().unwrap()).unwrap();
    assert_eq!(message["issue_id"], json!(ISSUE));
    let run = story.run_with(&message, &[("AGENT_MODEL", "builtin"), within[0]]);
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    assert!(story.said()[1].starts_with("Checks do not end on #1"), "{:?}", story.said());
    assert_eq!(sweep(), (Some(0), String::new()));
    story.finish();
}

/// A list is read as far as there is room for, and what is beyond that is not passed over in silence.
#[test]
fn issues_beyond_those_that_are_listed_are_told_by_the_sweep() {
    let mut site = typo();
    site.page = 100;
    for number in 1_000..4_001 {
        site = site.issue(&format!("PROJ-{number}"), "dev1", "Old", "x", &["ai-help", "ai-done"]);
    }
    let story = Story::new(site, &[]);
    let broker = story.runtime.block_on(Broker::shared()).unwrap();
    let host = story.runtime.block_on(broker.virtual_host()).unwrap();
    let (status, text) = sweep(&story, &host, &[]);
    let line = "octo/hello: not looked at: there are more issues with the label `ai-help` or the agent as assignee than are listed";
    assert!(status != Some(0) && text.starts_with(line), "{status:?}: {text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    story.finish();
}

/// One issue that nobody can read hides no other one.
#[test]
fn an_issue_of_any_depth_hides_no_other_one_from_a_sweep() {
    let site = typo().issue("PROJ-8", "dev1", "Deep", "x", &["ai-help"]);
    let story = Story::new(site, &[]);
    story.jira.now(|site| {
        let mut inner = json!({ "type": "paragraph", "content": [{ "type": "text", "text": "x" }] });
        for _ in 0..100 {
            inner = json!({ "type": "bulletList", "content": [{ "type": "listItem", "content": [inner] }] });
        }
        site.at("PROJ-8").description = json!({ "version": 1, "type": "doc", "content": [inner] });
    });
    story.label("dev1", &["ai-help", "quickfix"]);
    let broker = story.runtime.block_on(Broker::shared()).unwrap();
    let host = story.runtime.block_on(broker.virtual_host()).unwrap();
    let (status, text) = sweep(&story, &host, &[]);
    assert_eq!(status, Some(0), "{text}");
    for key in ["PROJ-7: published the quickfix", "PROJ-8: published the plan"] {
        assert!(text.contains(key), "{key}: {text}");
    }
    story.finish();
}
