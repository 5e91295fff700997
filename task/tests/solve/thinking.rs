//! Room to think: free text before the form, title and summary in either order, and nothing of the worked example.

use tests::model::{Step, Wire};

use crate::world::{Model, STATION, World, blocks, said};

const BRANCH: &str = "ai-agent/issue-3";
const ISSUE: &str = "# #3: Sensors go offline too early\n\nThey should have 90 seconds.\n";
const BLOCK: &str = "src/station.py\n<<<<<<< SEARCH\n    return now - seen <= 30\n=======\n    return now - seen <= 90\n>>>>>>> REPLACE\n";

#[test]
fn what_stands_before_the_form_is_shown_to_nobody() {
    let thought = "Let me see. The file src/station.py compares with 30.\n\n## What could go wrong\n- README.md may say so, too.\n\
                   * `is_late` stays.\n```python\nreturn now - seen <= 90\n```\nNow the answer.\n\n";
    for form in [
        format!("SUMMARY:\nThe limit was too low.\nTITLE: Raise the limit\n\n{BLOCK}"),
        format!("TITLE: Raise the limit\nSUMMARY:\nThe limit was too low.\n\n{BLOCK}"),
    ] {
        for reply in [form.clone(), format!("{thought}{form}")] {
            let world = World::sample();
            let issue = world.file("issue.md", ISSUE);
            let model = Model::saying(&[&reply]);
            let run = model.solve(&world, &issue, &["--json"], &[]).done();
            model.finish();
            let report = run.json();
            assert_eq!(
                (&report["title"], &report["summary"]),
                (&"Raise the limit".into(), &"The limit was too low.".into()),
                "{reply}"
            );
            assert!(
                !run.stdout.contains("Let me see") && !run.stdout.contains("could go wrong"),
                "{}",
                run.stdout
            );
            assert_eq!(world.at(BRANCH, "src/station.py"), STATION.replace("30", "90"));
            assert_eq!(
                world.git("repo", &["log", "-1", "--format=%B", BRANCH]),
                "Raise the limit\n\nThe limit was too low.\n\nAgent-Task: local issue-3"
            );
        }
    }
}

/// What a small model copies of the example is told from the repository's files, and never written.
#[test]
fn the_worked_example_is_not_copied_into_the_repository() {
    let copied = include_str!("../../prompts/example_answer.md");
    let written = "SUMMARY:\nx\nTITLE: x\n\nWRITE: path/of/the/file.ext\n```\nx\n```\n";
    let good = blocks(&[("src/station.py", "    return now - seen <= 30", "    return now - seen <= 90")]);
    for wrong in [copied, written] {
        let world = World::sample();
        let issue = world.file("issue.md", ISSUE);
        let model = Model::new(Wire::Ollama, [wrong, good.as_str()].map(Step::text));
        model.solve(&world, &issue, &[], &[]).done();
        let requests = model.finish();
        let shown = said(&requests[0]);
        assert!(shown[2].contains("worked-example/not-in-your-repository/greeting.py"), "{}", shown[2]);
        let correction = said(&requests[1]).pop().unwrap();
        assert!(
            correction.contains("is a path of the instructions and not of this repository"),
            "{correction}"
        );
        assert_eq!(world.at(BRANCH, "src/station.py"), STATION.replace("30", "90"));

        let world = World::sample();
        let issue = world.file("issue.md", ISSUE);
        let model = Model::new(Wire::Ollama, [wrong, wrong].map(Step::text));
        let run = model.solve(&world, &issue, &[], &[]);
        model.finish();
        assert_eq!(run.status, Some(1));
        assert!(
            run.stderr.contains("was copied from the instructions; the repository has no such file"),
            "{}",
            run.stderr
        );
    }
    // A repository that has such a file may change it.
    let world = World::sample();
    world.commit("repo", &[("path/of/station.py", STATION)]);
    let issue = world.file("issue.md", ISSUE);
    let own = blocks(&[("path/of/station.py", "    return now - seen <= 30", "    return now - seen <= 90")]);
    let model = Model::saying(&[&own]);
    model.solve(&world, &issue, &[], &[]).done();
    model.finish();
    assert_eq!(world.at(BRANCH, "path/of/station.py"), STATION.replace("30", "90"));
}
