//! Repositories, issues, branches and tokens that are not as a run needs them: how the run ends, and what is told.

use tests::github::{Availability, Feature, Level, Permission, State, Visibility, When, World};

use crate::harness::{EDIT, PLAN, REPO, Story, check_all, hello, offline};

/// One misfortune, when it happens, and what comes of it.
struct Case {
    name: &'static str,
    mode: &'static str,
    /// Before the story begins.
    world: fn(World) -> World,
    /// The call at which `happen` happens; before the run if there is none.
    at: Option<&'static str>,
    happen: fn(&mut State),
    status: i32,
    /// The newest answer on the issue.
    answer: &'static str,
    /// What stands on standard error, where nothing can be told on the issue.
    stderr: &'static str,
}

const PLAIN: Case = Case {
    name: "",
    mode: "quickfix",
    world: |world| world,
    at: None,
    happen: |_| {},
    status: 0,
    answer: "",
    stderr: "",
};

/// The last word of a run whose pull request is in this repository.
macro_rules! done {
    ($repository:literal) => {
        concat!(
            "**Done**: #2 ([diff](/",
            $repository,
            "/pull/2/files)) is ready for review.\n\nopenai:scripted, 1 call, BILL\n\nNot what you meant? Close the \
             pull request, say more on this issue, and comment `/retry`."
        )
    };
}

const DONE: &str = done!("octo/hello");
const CASES: &[Case] = &[
    Case {
        name: "repository archived",
        world: World::archived,
        stderr: "ended with an explanation on the issue (Repository)",
        ..PLAIN
    },
    Case {
        name: "repository without issues",
        world: World::without_issues,
        stderr: "ended with an explanation on the issue (Repository)",
        ..PLAIN
    },
    Case {
        name: "repository renamed",
        happen: |state| state.at(REPO).rename("octo/greetings"),
        answer: done!("octo/greetings"),
        ..PLAIN
    },
    Case {
        name: "repository transferred",
        happen: |state| state.at(REPO).rename("dev1/greetings"),
        answer: done!("dev1/greetings"),
        ..PLAIN
    },
    Case {
        name: "repository renamed and private",
        happen: |state| {
            state.at(REPO).set_visibility(Visibility::Private);
            state.at(REPO).rename("octo/greetings");
        },
        answer: done!("octo/greetings"),
        ..PLAIN
    },
    Case {
        name: "repository taken down",
        happen: |state| state.at(REPO).set_availability(Availability::Blocked),
        status: 2,
        stderr: "error: GitHub does not allow GET /repos/octo/hello/collaborators/dev1/permission: Repository access blocked",
        ..PLAIN
    },
    Case {
        name: "repository archived meanwhile",
        at: Some("git:upload-pack"),
        happen: |state| state.at(REPO).set_availability(Availability::Archived),
        status: 2,
        answer: "**Working on it**, as @dev1 asked.\n\n- [ ] Reading the repository\n\nComment `/stop` to cancel.",
        stderr: "error: GitHub does not allow PATCH /repos/octo/hello/issues/comments/1006: Repository was archived so is read-only.",
        ..PLAIN
    },
    Case {
        name: "issue closed",
        happen: |state| state.at(REPO).close("dev1", 1),
        answer: "**Could not be done.** The issue is closed.\n\nOpen it again.\n\nComment `/retry` to start again.",
        ..PLAIN
    },
    // No App may write there, so the label and the log have to do.
    Case {
        name: "issue locked",
        happen: |state| state.at(REPO).lock(1),
        stderr: "ended with an explanation on the issue (Usage)",
        ..PLAIN
    },
    Case {
        name: "issue deleted",
        happen: |state| state.at(REPO).delete(1),
        stderr: "ended with an explanation on the issue (Usage)",
        ..PLAIN
    },
    Case {
        name: "issue deleted meanwhile",
        at: Some("git:upload-pack"),
        happen: |state| state.at(REPO).delete(1),
        answer: "**Working on it**, as @dev1 asked.\n\n- [ ] Reading the repository\n\nComment `/stop` to cancel.",
        stderr: "ended with an explanation on the issue (Usage)",
        ..PLAIN
    },
    Case {
        name: "issue is a pull request of a person's",
        happen: |state| {
            state.at(REPO).push_file("dev1", "feature", "other.txt", "new\n");
            let mut scene = state.at(REPO);
            scene.open_pull("dev1", "A feature", "feature", "main");
        },
        ..PLAIN
    },
    Case {
        name: "branch protected",
        world: |world| world.protected("ai-agent/issue-1"),
        answer: "**Could not be done.** GitHub does not let the agent write to its branch `ai-agent/issue-1`: Cannot update this protected ref refs/heads/ai-agent/issue-1.\n\nLet it create and change branches below `ai-agent/` in the rules for branches, then comment `/retry`.",
        ..PLAIN
    },
    Case {
        name: "branch protected meanwhile",
        at: Some("git:upload-pack"),
        happen: |state| state.at(REPO).protect("ai-agent/issue-1"),
        answer: "**Could not be done.** GitHub does not let the agent commit to `ai-agent/issue-1`: Cannot update this protected ref.\n\nLet it write below `ai-agent/` in the rules for branches, then ask again.",
        ..PLAIN
    },
    Case {
        name: "branch deleted meanwhile",
        at: Some("graphql:repository"),
        happen: |state| state.at(REPO).delete_branch("ai-agent/issue-1"),
        answer: "**Could not be done.** The branch `ai-agent/issue-1` was deleted while the agent worked.\n\nComment `/retry` on the issue to start again.",
        ..PLAIN
    },
    Case {
        name: "branch deleted before the clone",
        at: Some("git:info/upload-pack"),
        happen: |state| state.at(REPO).delete_branch("ai-agent/issue-1"),
        answer: "**Could not be done.** The branch `ai-agent/issue-1` was deleted while the agent worked.\n\nComment `/retry` on the issue to start again.",
        ..PLAIN
    },
    Case {
        name: "branch deleted after the commit",
        at: Some("pulls/create"),
        happen: |state| state.at(REPO).delete_branch("ai-agent/issue-1"),
        answer: "**Could not be done.** The branch `ai-agent/issue-1` was deleted while the agent worked.\n\nComment `/retry` on the issue to start again.",
        ..PLAIN
    },
    Case {
        name: "branch holds a person's commits",
        happen: |state| {
            state.at(REPO).push_file("dev1", "ai-agent/issue-1", "other.txt", "mine\n");
        },
        answer: "**Could not be done.** The branch `ai-agent/issue-1` holds commits that are not the agent's.\n\nRename or delete the branch, then comment `/retry` on the issue.",
        ..PLAIN
    },
    Case {
        name: "a person commits meanwhile",
        at: Some("graphql:repository"),
        happen: |state| {
            state.at(REPO).push_file("dev1", "ai-agent/issue-1", "other.txt", "mine\n");
        },
        answer: "**Could not be done.** The branch `ai-agent/issue-1` was changed while the agent worked.\n\nLook at the branch; delete or rename it, then comment `/retry`.",
        ..PLAIN
    },
    Case {
        name: "default branch moved meanwhile",
        at: Some("graphql:repository"),
        happen: |state| {
            state.at(REPO).push_file("dev1", "main", "other.txt", "newer\n");
        },
        answer: DONE,
        ..PLAIN
    },
    Case {
        name: "default branch renamed meanwhile",
        at: Some("pulls/create"),
        happen: |state| {
            let mut scene = state.at(REPO);
            scene.create_branch("trunk", "main");
            scene.set_default_branch("trunk");
            scene.delete_branch("main");
        },
        answer: "**Could not be done.** The branch `main` is gone; it was renamed or deleted meanwhile.\n\nComment `/retry` on the issue to start again.",
        ..PLAIN
    },
    Case {
        name: "installation suspended",
        happen: State::suspend_installation,
        status: 2,
        stderr: "error: GitHub does not allow POST /app/installations/42/access_tokens: This installation has been suspended",
        ..PLAIN
    },
    Case {
        name: "installation suspended meanwhile",
        at: Some("graphql:createCommitOnBranch"),
        happen: State::suspend_installation,
        status: 2,
        answer: "**Working on it**, as @dev1 asked.\n\n- [x] Read the repository and asked the model\n- [ ] Publishing the result\n\nComment `/stop` to cancel.",
        stderr: "error: GitHub does not allow GraphQL createCommitOnBranch: This installation has been suspended",
        ..PLAIN
    },
    Case {
        name: "token expired meanwhile",
        at: Some("graphql:createCommitOnBranch"),
        happen: State::expire_tokens,
        status: 2,
        answer: "**Working on it**, as @dev1 asked.\n\n- [x] Read the repository and asked the model\n- [ ] Publishing the result\n\nComment `/stop` to cancel.",
        stderr: "error: GitHub does not accept the credentials for GET /repos/octo/hello/git/ref/heads/ai-agent/issue-1: Bad credentials",
        ..PLAIN
    },
    Case {
        name: "App without a permission",
        world: |world| world.app_permissions(&[("issues", Level::Write), ("contents", Level::Write)]),
        status: 2,
        stderr: "error: GitHub does not allow POST /app/installations/42/access_tokens: The permissions requested are not granted to this installation. (needs contents=write, issues=write, pull_requests=write)",
        ..PLAIN
    },
    Case {
        name: "drafts not to be had",
        mode: "plan",
        world: |world| world.before(|scene| scene.set_drafts(Feature::Off)),
        answer: "**Plan ready for review**: #2.\n\nopenai:scripted, 1 call, BILL\n\nComment `/approve` to have it carried out, `/revise` and what should be different to have it rewritten, or close the pull request.",
        ..PLAIN
    },
    Case {
        name: "pull request opened by a person meanwhile",
        at: Some("pulls/create"),
        happen: |state| {
            state.at(REPO).open_pull("dev1", "I was first", "ai-agent/issue-1", "main");
        },
        answer: DONE,
        ..PLAIN
    },
    Case {
        name: "contradictory labels",
        happen: |state| {
            state.at(REPO).label("dev1", 1, "ai-done");
            state.at(REPO).label("dev1", 1, "plan-pending");
        },
        answer: "**Could not be done.** The labels ai-done and plan-pending contradict each other; remove all but the true one.\n\nRemove the labels that are wrong.\n\nComment `/retry` to start again.",
        ..PLAIN
    },
];

#[test]
fn whatever_is_amiss_is_told_where_it_can_be() {
    check_all(CASES, |case| {
        let world = offline((case.world)(hello()));
        let replies: &[&str] = if case.mode == "plan" { &[crate::harness::PLAN] } else { &[EDIT] };
        let story = Story::new(world, replies);
        let mut task = story.wish(case.mode);
        match (case.name, case.at) {
            ("issue is a pull request of a person's", _) => {
                story.github.now(case.happen);
                task["issue_id"] = 2.into();
                let ended = story.run(&task);
                let told = story.answer(2);
                let expected = "**Could not be done.** #2 is a pull request that the agent did not open.\n\nAsk on an issue.";
                return if told == expected && ended.status == Some(0) {
                    Ok(())
                } else {
                    Err(story.told(&ended))
                };
            }
            (_, None) => story.github.now(case.happen),
            (_, Some(call)) => story.github.on_call(When::next(call), case.happen),
        }
        let ended = story.run(&task);
        let answer = crate::harness::without_tokens(&story.answer(1));
        let violations = story.github.take_violations();
        let last = ended.told().unwrap_or_default();
        let right = ended.status == Some(case.status)
            && answer == case.answer
            && (case.stderr.is_empty() || last == case.stderr)
            && violations.is_empty();
        right.then_some(()).ok_or_else(|| {
            format!("{}: {answer:?}\n{last}\n{violations:?}\n{}", case.name, story.told(&ended))
        })
    });
}

/// An issue that is now another repository's: nobody there has asked for anything.
#[test]
fn an_issue_that_was_transferred_is_left_alone() {
    let world = offline(hello()).repo("octo/other").file("a.txt", "a\n");
    let story = Story::new(world, &[]);
    story.github.now(|state| state.at(REPO).transfer(1, "octo/other"));
    let before = story.github.snapshot();
    let ended = story.run(&story.wish("quickfix"));
    assert_eq!((ended.status, story.github.snapshot()), (Some(0), before), "{}", story.told(&ended));
    assert!(ended.stderr.contains("issue #1 was transferred to"), "{}", ended.stderr);
    story.finish();
}

/// Whoever commands something on its pull request is answered there, once.
#[test]
fn a_command_on_the_pull_request_of_an_issue_that_was_transferred_is_answered() {
    let world = offline(hello()).repo("octo/other").file("a.txt", "a\n");
    let story = Story::new(world, &[EDIT]);
    let done = story.run(&story.wish("quickfix"));
    assert_eq!(done.status, Some(0), "{}", story.told(&done));
    story.github.now(|state| state.at(REPO).transfer(1, "octo/other"));
    let task = story.command("fix", "dev1", 2, "/fix make it 120");
    let ended = story.run(&task);
    assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
    let answer = story.answer(2);
    assert!(
        answer.starts_with("**Could not be done.** Issue #1 was transferred to ")
            && answer.ends_with("Ask there, or go on with this pull request yourself."),
        "{answer}"
    );
    let before = story.github.snapshot();
    let ended = story.run(&task);
    assert_eq!((ended.status, story.github.snapshot()), (Some(0), before), "{}", story.told(&ended));
    story.finish();
}

#[test]
fn a_repository_that_is_not_there_is_the_operators_matter() {
    let story = Story::new(offline(hello()), &[]);
    let mut task = story.wish("quickfix");
    task["repo_url"] = story.github.repo_url("octo/nowhere").into();
    let ended = story.run(&task);
    let expected = "error: GitHub finds nothing for GET /repos/octo/nowhere/installation: Not Found";
    let last = ended.told();
    assert_eq!((ended.status, last), (Some(2), Some(expected)), "{}", story.told(&ended));
    // It was asked once more, and no oftener.
    assert_eq!(story.github.journal().count("apps/get-repo-installation"), 2);
    story.finish();
}

/// Whoever runs the agent with a token of their own is not taken for it: what a run wrote has a marker.
#[test]
fn with_ones_own_token_ones_own_words_count() {
    let story = Story::new(offline(hello()), &["CANNOT: It is not clear.", EDIT]);
    story.github.now(|state| state.first().comment("dev1", 1, "Mind the rounding."));
    let token = story.github.personal_token("dev1");
    let own = [("AGENT_GITHUB_APP_ID", ""), ("AGENT_GITHUB_TOKEN", token.as_str())];
    let mut task = story.wish("quickfix");
    let declined = story.run_with(&task, &own);
    assert_eq!(declined.status, Some(0), "{}", story.told(&declined));
    task["delivery_id"] = "retry-1".into();
    let done = story.run_with(&task, &own);
    assert_eq!(done.status, Some(0), "{}", story.told(&done));
    for request in story.asked() {
        let prompt = request.body.to_string();
        assert!(prompt.contains("Mind the rounding."), "{prompt}");
        assert!(!prompt.contains("Working on it") && !prompt.contains("Could not be done"), "{prompt}");
    }
    // And nobody is asked to review what is their own.
    assert_eq!(story.github.journal().count("pulls/request-reviewers"), 0);
    story.finish();
}

/// An App logs in by GitHub's clock where its own is off, and says so.
#[test]
fn a_clock_that_is_off_is_told_and_corrected() {
    use std::time::Duration;
    let story = Story::new(offline(hello()), &[EDIT]);
    story.github.now(|state| state.run_ahead_by(Duration::from_hours(2)));
    let ended = story.run(&story.wish("quickfix"));
    assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
    let told = ended.stderr.matches("the clock of this machine is off from GitHub's").count();
    assert_eq!(told, 1, "{}", story.told(&ended));
    story.finish();
}

/// Of a list that is longer than what is read of it the log says so.
#[test]
fn a_list_that_is_not_read_to_its_end_is_told() {
    let story = Story::new(offline(hello()), &[EDIT]);
    story.github.now(|state| {
        let mut scene = state.at(REPO);
        for _ in 0..3_001 {
            scene.comment("guest", 1, "Me too.");
        }
    });
    let ended = story.run(&story.wish("quickfix"));
    let told = ["a list of GitHub is longer than 30 pages; what follows is not read", "/issues/1/comments"];
    assert!(told.iter().all(|text| ended.stderr.contains(text)), "{}", ended.stderr);
}

/// A personal token lacks a right: the answer names it where GitHub does.
#[test]
fn a_token_without_a_right_is_told_as_such() {
    use tests::github::Permission;
    let story = Story::new(offline(hello().user("agent", Permission::Triage)), &[EDIT]);
    let token = story.github.personal_token("agent");
    let ended = story
        .run_with(&story.wish("quickfix"), &[("AGENT_GITHUB_APP_ID", ""), ("AGENT_GITHUB_TOKEN", &token)]);
    let expected = "error: GitHub does not allow GET /repos/octo/hello/collaborators/dev1/permission: Must have admin rights to Repository.";
    assert_eq!((ended.status, ended.told()), (Some(2), Some(expected)), "{}", story.told(&ended));
}

#[test]
fn an_empty_repository_is_told_to_commit_something() {
    use tests::github::Permission;
    let world = World::new().user("dev1", Permission::Write).repo(REPO);
    let story = Story::new(offline(world), &[]);
    let ended = story.run(&story.wish("quickfix"));
    let expected = "**Could not be done.** The repository is empty.\n\nCommit something to the default branch, then comment `/retry`.";
    assert_eq!((ended.status, story.answer(1).as_str()), (Some(0), expected), "{}", story.told(&ended));
    story.finish();
}

/// A private repository's long conversation is read to its end.
#[test]
fn a_long_conversation_is_read_page_by_page() {
    let mut world = offline(hello()).private();
    for number in 0..120 {
        world = world.comment("dev1", 1, &format!("remark {number}"));
    }
    let story = Story::new(world, &[EDIT]);
    let ended = story.run(&story.wish("quickfix"));
    assert_eq!((ended.status, crate::harness::without_tokens(&story.answer(1)).as_str()), (Some(0), DONE));
    let prompt = story.asked()[0].body.to_string();
    assert!(prompt.contains("remark 119") && prompt.contains("remark 100"), "{prompt}");
    story.finish();
}

/// What the repository and its people say reaches the model, however much others write.
#[test]
fn others_take_no_room_from_maintainers() {
    type Crowd = fn(World, u32) -> World;
    let strangers: Crowd = |world, number| {
        let name = format!("stranger{number}");
        world.user(&name, Permission::Read).comment(&name, 1, "a stranger's words")
    };
    let bots: Crowd = |world, number| {
        let name = format!("bot{number}[bot]");
        world.bot(&name, Permission::Read).comment(&name, 1, "a bot's words")
    };
    let talkers: Crowd = |world, number| world.comment("guest", 1, &format!("a guest's words {number}"));
    // Who writes between the maintainers' first comments and the last, how many, and how often GitHub is asked for a
    // permission.
    let cases: &[(&str, Crowd, u32, usize)] = &[
        ("a few strangers", strangers, 5, 3 + 5),
        ("more strangers than are asked about", strangers, 30, 2 + 10),
        ("many bots", bots, 30, 2 + 1),
        ("one stranger at length", talkers, 30, 2 + 2),
    ];
    let file = "instructions = \"Mention the weather.\"\nlanguage = \"Klingon\"\n";
    check_all(cases, |(name, crowd, size, questions)| {
        let body = format!("Change `timeout` from 30 to 90 in config.toml. {}", "word ".repeat(13_000));
        let world = hello()
            .user("dev2", Permission::Write)
            .file(".github/ai-agent.toml", file)
            .issue_by("guest", 1, "Sensors go offline too early", &body, &["ai-help"])
            .comment("dev1", 1, "dev1 says it first")
            .comment("dev2", 1, "dev2 says it first");
        let world = (0..*size).fold(world, crowd).comment("dev2", 1, "dev2 says it last");
        let story = Story::new(world, &[EDIT]);
        let ended = story.run(&story.wish("quickfix"));
        let prompt = story.asked()[0].body.to_string();
        let asked = story.github.journal().count("repos/get-collaborator-permission-level");
        let there = [
            "Mention the weather.",
            "Klingon",
            "dev1 says it first",
            "dev2 says it first",
            "dev2 says it last",
        ];
        let right = there.iter().all(|text| prompt.contains(text))
            && !["a stranger's words", "a bot's words", "a guest's words"]
                .iter()
                .any(|text| prompt.contains(text))
            && asked == *questions
            && story.github.take_violations().is_empty();
        let end: String = prompt.chars().skip(prompt.chars().count().saturating_sub(2_000)).collect();
        right.then_some(()).ok_or_else(|| format!("{name}: {asked} questions\n{end}\n{}", story.told(&ended)))
    });
}

/// Words of the model alone change nothing, and cost what they cost.
#[test]
fn a_failure_tells_its_cost() {
    let story = Story::new(offline(hello()), &["I would rather not.", "I would really rather not."]);
    let ended = story.run(&story.wish("quickfix"));
    let answer = story.answer(1);
    let last = answer.trim_end().rsplit_once("\n\n").map_or("", |(_, last)| last);
    assert!(answer.starts_with("**Could not be done.**"), "{}", story.told(&ended));
    assert!(crate::harness::tells_its_cost(last), "{answer}");
    story.finish();
}

/// What a reader of an issue does not see on GitHub, each where PLANTED stands.
const UNSEEN: [&str; 13] = [
    "<!-- PLANTED -->",
    "<div hidden>PLANTED</div>",
    "```mermaid\ngraph TD\n%% PLANTED\nA[seen]\n```",
    "```geojson\n{\"type\": \"Feature\", \"properties\": {\"note\": \"PLANTED\"}, \"geometry\": null}\n```",
    "```topojson\n{\"note\": \"PLANTED\"}\n```",
    "```stl\nsolid PLANTED\nendsolid\n```",
    "```math\nx % PLANTED\n```",
    "It is $\\phantom{PLANTED}$ too early.",
    "$$\n\\color{white}{PLANTED}\n$$",
    "<ruby>a<rp>PLANTED</rp><rt>b</rt></ruby>",
    "<bdo dir=rtl>PLANTED</bdo>",
    "```PLANTED\ncode\n```",
    "[ ](https://example.com/PLANTED)",
];

/// Whoever writes an issue or a comment tells the model nothing that a maintainer who reads the same does not see.
#[test]
fn what_nobody_sees_on_github_reaches_no_prompt() {
    let numbered =
        (1..).zip(UNSEEN).map(|(number, text)| text.replace("PLANTED", &format!("PLANTED-{number}-")));
    let unseen = numbered.collect::<Vec<_>>().join("\n\n");
    let text = |request: &str| format!("{request}\n\n{unseen}\n\nThat is all.");
    let world = hello().issue(
        1,
        "Sensors go offline too early",
        &text("Change `timeout` from 30 to 90 in config.toml."),
        &["ai-help"],
    );
    let story = Story::new(world, &[PLAN, &PLAN.replace("to 90", "to 120")]);
    let planned = story.run(&story.wish("plan"));
    assert_eq!(planned.status, Some(0), "{}", story.told(&planned));
    let revised = story.run(&story.command("revise", "dev1", 2, &text("/revise make it 120")));
    assert_eq!(revised.status, Some(0), "{}", story.told(&revised));
    let prompts: Vec<String> = story.asked().iter().map(|request| request.body.to_string()).collect();
    for (prompt, said) in prompts.iter().zip(["from 30 to 90 in config.toml.", "make it 120"]) {
        let seen = [said, "(diagram)", "(map)", "(3D model)", "(formula)", "That is all."];
        assert!(seen.iter().all(|text| prompt.contains(text)), "{prompt}");
        let found: Vec<&str> =
            prompt.split("PLANTED-").skip(1).filter_map(|rest| rest.split('-').next()).collect();
        assert_eq!(found, Vec::<&str>::new(), "{prompt}");
    }
    assert_eq!(prompts.len(), 2);
    story.finish();
}
