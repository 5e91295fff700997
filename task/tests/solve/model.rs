//! A change at once, by a model: what it is shown, what it may answer, and the one correction that it gets.

use tests::model::{Answer, Request, Step, Stop, Wire};

use crate::world::{Model, README, STATION, World, blocks, said};

const BRANCH: &str = "ai-agent/issue-3";
const ISSUE: &str = "# #3: Sensors go offline too early\n\nThey should have 90 seconds.\n";

/// The edit that resolves [`ISSUE`].
fn good() -> String {
    blocks(&[("src/station.py", "    return now - seen <= 30", "    return now - seen <= 90")])
}

/// Runs a sample repository against these answers and returns what was asked.
#[track_caller]
fn solved(answers: &[&str]) -> (World, Vec<Request>) {
    let world = World::sample();
    let issue = world.file("issue.md", ISSUE);
    let model = Model::saying(answers);
    model.solve(&world, &issue, &[], &[]).done();
    let requests = model.finish();
    assert_eq!(world.git("repo", &["fsck", "--strict"]), "");
    (world, requests)
}

/// The last thing that was said in a request.
fn last(request: &Request) -> String {
    said(request).pop().unwrap()
}

/// The word of the fences, which the standing instructions name.
fn nonce(request: &Request) -> String {
    let system = said(request).swap_remove(0);
    let nonce = system.split_once("carry the word ").unwrap().1.split_once('.').unwrap().0;
    assert_eq!((nonce.len(), nonce.chars().all(|c| c.is_ascii_hexdigit())), (12, true), "{nonce}");
    nonce.to_owned()
}

#[test]
fn each_provider_resolves_an_issue() {
    for wire in Wire::ALL {
        let world = World::sample();
        let issue = world.file("issue.md", ISSUE);
        let model = Model::new(wire, [Step::text(&good())]);
        let report = model.solve(&world, &issue, &["--json"], &[]).done().json();
        assert_eq!(world.at(BRANCH, "src/station.py"), STATION.replace("30", "90"), "{wire:?}");
        assert_eq!(
            world.git("repo", &["log", "-1", "--format=%B", BRANCH]),
            "Change it\n\nBecause the issue says so.\n\nAgent-Task: local issue-3",
            "{wire:?}"
        );
        let requests = model.finish();
        assert_eq!(requests.len(), 1, "{wire:?}");
        let given = said(&requests[0]).iter().map(String::len).sum::<usize>().div_ceil(4);
        assert_eq!(
            (&report["calls"], &report["output_tokens"], &report["cost_usd"]),
            (&1.into(), &good().len().div_ceil(4).into(), &0.0.into()),
            "{wire:?}"
        );
        // Anthropic's server counts what it reads from its cache and what it writes there apart, each rounded up.
        let counted = usize::try_from(report["input_tokens"].as_u64().unwrap()).unwrap();
        let rounded = if wire == Wire::Anthropic { 2 } else { 0 };
        assert!((given..=given + rounded).contains(&counted), "{wire:?}: {counted}, not {given}");
    }
}

#[test]
fn markers_in_lower_case_are_markers_and_no_part_of_the_summary() {
    let reply = good().replace("SEARCH", "search").replace("REPLACE", "replace");
    let (world, requests) = solved(&[&reply]);
    assert_eq!(requests.len(), 1);
    assert_eq!(world.at(BRANCH, "src/station.py"), STATION.replace("30", "90"));
    assert_eq!(
        world.git("repo", &["log", "-1", "--format=%B", BRANCH]),
        "Change it\n\nBecause the issue says so.\n\nAgent-Task: local issue-3"
    );
}

#[test]
fn directives_inside_of_content_cost_no_call_and_new_files_are_named() {
    let world = World::sample();
    let issue = world.file("issue.md", ISSUE);
    let content = "# Protocol\n\n```text\nhello\n```\n\nREAD: the file of the model\nSUMMARY: of the file\n";
    let edit = "    text = \"\"\"\nREAD: nothing/here.py\n\"\"\"\n    return now - seen <= 90";
    let reply = format!(
        "TITLE: Document it\nSUMMARY:\nAdds docs.\n\nWRITE: PROTOCOL.md\n```markdown\n{content}```\n\n\
         RENAME: README.md -> docs/README.md\n\n\
         src/station.py\n             issue smaller. |   Spent: openai:m, 1 call, 841 tokens in, 41 out, no cost."
                .to_owned()
        )
    );
    assert_eq!(world.refs(), refs);
}
