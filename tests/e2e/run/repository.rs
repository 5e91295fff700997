//! The repository's own configuration, `.github/ai-agent.toml`: what each key does, and how a mistake in it is told.

use tests::github::State;

use crate::harness::{EDIT, REPO, Run, Story, check_all, hello, offline, without_tokens};

const PATH: &str = ".github/ai-agent.toml";
const DONE: &str = "**Done**: #2 is ready for review.\n\nopenai:scripted, 1 call, BILL\n\nNot what you meant? Close the \
    pull request, say more on this issue, and comment `/retry`.";

struct Case {
    name: &'static str,
    file: &'static str,
    replies: &'static [&'static str],
    happen: fn(&mut State),
    variables: &'static [(&'static str, &'static str)],
    answer: &'static str,
    /// What else must be so.
    also: fn(&Story, &Run) -> bool,
}

const PLAIN: Case = Case {
    name: "",
    file: "",
    replies: &[EDIT],
    happen: |_| {},
    variables: &[],
    answer: DONE,
    also: |_, _| true,
};

fn prompt(story: &Story) -> String {
    story.asked().first().map(|request| request.body.to_string()).unwrap_or_default()
}

const CASES: &[Case] = &[
    Case { name: "an empty file", ..PLAIN },
    Case {
        name: "language",
        file: "language = \"Klingon\"\n",
        also: |story, _| prompt(story).contains("in this language: Klingon"),
        ..PLAIN
    },
    Case {
        name: "instructions",
        file: "instructions = \"Mention the weather.\"\n",
        also: |story, _| prompt(story).contains("Mention the weather."),
        ..PLAIN
    },
    Case {
        name: "base branch",
        file: "base-branch = \"develop\"\n",
        happen: |state| {
            state.at(REPO).push_file("dev1", "develop", "config.toml", "port = 1\ntimeout = 30\n");
        },
        also: |story, _| {
            prompt(story).contains("port = 1")
                && story.github.snapshot().contains("    ai-agent/issue-1 -> develop\n")
        },
        ..PLAIN
    },
    Case {
        name: "base branch that is not there",
        file: "base-branch = \"develop\"\n",
        replies: &[],
        answer: "**Not done.** The repository has no branch `develop`, which `.github/ai-agent.toml` names.\n\nCorrect the file on the default branch, then comment `/retry`.",
        ..PLAIN
    },
    Case {
        name: "labels",
        file: "[labels]\ndone = \"bot done\"\ngenerated = \"by a bot\"\n",
        also: |story, _| story.labels(1) == "ai-help bot done" && story.labels(2) == "by a bot quickfix",
        ..PLAIN
    },
    Case {
        name: "protected path",
        file: "[paths]\nprotected = [\"config.*\"]\n",
        replies: &[EDIT, EDIT],
        answer: "**Not done.** The change touches a protected path.\n\nconfig.toml: the configuration protects it.\n\nMake that change by hand, or allow the path in the configuration.\n\nComment `/retry` to start again.",
        ..PLAIN
    },
    Case {
        name: "allowed path",
        file: "[paths]\nallowed = [\"go.sum\"]\n",
        replies: &["TITLE: Sum\nSUMMARY:\nSum.\n\nWRITE: go.sum\n```\nx\n```\n"],
        also: |story, _| story.github.snapshot().contains(" go.sum\n"),
        ..PLAIN
    },
    Case {
        name: "allowed by the repository, protected by the operator",
        file: "[paths]\nallowed = [\"config.toml\"]\n",
        replies: &[EDIT, EDIT],
        variables: &[("AGENT_PROTECT", "config.toml")],
        answer: "**Not done.** The change touches a protected path.\n\nconfig.toml: the configuration protects it.\n\nMake that change by hand, or allow the path in the configuration.\n\nComment `/retry` to start again.",
        ..PLAIN
    },
    Case {
        name: "a model of the operator's list",
        file: "model = \"openai:other\"\n",
        variables: &[("AGENT_MODELS", "openai:other openai:third")],
        answer: "**Done**: #2 is ready for review.\n\nopenai:other, 1 call, BILL\n\nNot what you meant? Close the pull request, say more on this issue, and comment `/retry`.",
        also: |story, _| story.asked()[0].body["model"] == "other",
        ..PLAIN
    },
    Case {
        name: "a model that is not on it",
        file: "model = \"openai:dear\"\n",
        replies: &[],
        variables: &[("AGENT_MODELS", "openai:other")],
        answer: "**Not done.** `.github/ai-agent.toml` asks for the model `openai:dear`. Allowed here: `openai:scripted`, `openai:other`.\n\nCorrect the file on the default branch.\n\nComment `/retry` to start again.",
        ..PLAIN
    },
    Case {
        name: "a budget that is too small",
        file: "[budget]\nmax-tokens = 100\n",
        replies: &[],
        also: |story, _| {
            story.answer(1).starts_with("**Not done.**") && story.labels(1) == "ai-failed ai-help"
        },
        answer: "",
        ..PLAIN
    },
    Case {
        name: "a budget above the operator's",
        file: "[budget]\nmax-tokens = 100000000\n",
        replies: &[],
        variables: &[("AGENT_MAX_TOKENS", "100")],
        also: |story, _| {
            story.answer(1).starts_with("**Not done.**") && story.labels(1) == "ai-failed ai-help"
        },
        answer: "",
        ..PLAIN
    },
    Case {
        name: "an unknown key",
        file: "langauge = \"German\"\n",
        replies: &[],
        answer: "**Not done.** `.github/ai-agent.toml` cannot be used:\n\n```text\nTOML parse error at line 1, column 1\n  |\n1 | langauge = \"German\"\n  | ^^^^^^^^\nunknown field `langauge`, expected one of `language`, `instructions`, `base-branch`, `model`, `labels`, `paths`, `budget`\n```\n\nCorrect the file on the default branch.\n\nComment `/retry` to start again.",
        also: |story, _| story.labels(1) == "ai-failed ai-help",
        ..PLAIN
    },
    Case {
        name: "a pattern that is none",
        file: "[paths]\nprotected = [\"!x\"]\n",
        replies: &[],
        answer: "**Not done.** `.github/ai-agent.toml`: the pattern \"!x\" begins with `!`; name exceptions in the list of allowed paths.\n\nCorrect the file on the default branch.\n\nComment `/retry` to start again.",
        ..PLAIN
    },
    Case {
        name: "the file on another branch",
        happen: |state| {
            state.at(REPO).push_file("dev1", "feature", PATH, "langauge = \"German\"\n");
        },
        ..PLAIN
    },
];

#[test]
fn each_key_does_what_it_says() {
    check_all(CASES, |case| {
        let world = offline(hello());
        let story = Story::new(world, case.replies);
        story.github.now(|state| {
            state.at(REPO).push_file("dev1", "main", PATH, case.file);
            (case.happen)(state);
        });
        let mode = "quickfix";
        let ended = story.run_with(&story.wish(mode), case.variables);
        let answer = without_tokens(&story.answer(1));
        let violations = story.github.take_violations();
        let right = ended.status == Some(0)
            && (case.answer.is_empty() || answer == case.answer)
            && (case.also)(&story, &ended)
            && violations.is_empty();
        right
            .then_some(())
            .ok_or_else(|| format!("{}: {answer:?} {violations:?}\n{}", case.name, story.told(&ended)))
    });
}
