//! A plan, read by a person, approved, and carried out only while it is what was approved.

use crate::world::{Model, README, Run, STATION, World, blocks, said};

const BRANCH: &str = "ai-agent/issue-2";
const ISSUE: &str = "# #2: Sensors go offline too early\n\nChange 30 to 90 in src/station.py.\n";
const PLAN: &str = "## Summary\n\nThe timeout is too short.\n\n## Files\n\n- `src/station.py`: 30 becomes 90\n\n\
                    ## Steps\n\n1. Change the number.\n\n## Tests\n\nNone.\n\n## Risks\n\nNone.\n\n## Questions\n\nNone.";

/// A repository, and a plan for it in `plan.md`.
fn planned() -> (World, String, String) {
    let world = World::sample();
    let issue = world.file("issue.md", ISSUE);
    let plan = world.path("plan.md").to_str().unwrap().to_owned();
    let model = Model::saying(&[PLAN]);
    model.solve(&world, &issue, &["--mode", "plan", "--out", &plan], &[]).done();
    model.finish();
    (world, issue, plan)
}

/// Approves the plan with a model that answers so.
fn approve(world: &World, issue: &str, plan: &str, answers: &[&str]) -> (Run, Vec<tests::model::Request>) {
    let model = Model::saying(answers);
    let run = model.solve(world, issue, &["--approve", plan], &[]);
    (run, model.finish())
}

fn change() -> String {
    blocks(&[("src/station.py", "    return now - seen <= 30", "    return now - seen <= 90")])
}

#[test]
fn a_plan_is_shown_written_and_carried_out() {
    let world = World::sample();
    let issue = world.file("issue.md", ISSUE);
    let before = world.snapshot("repo");
    let model = Model::saying(&[PLAN]);
    let run = model.solve(&world, &issue, &["--mode", "plan", "--out", "my plan.md"], &[]).done();
    assert_eq!(world.snapshot("repo"), before, "a plan writes nothing to the repository");
    let requests = model.finish();
    let form = said(&requests[0])[0].lines().nth(4).unwrap().to_owned();
    assert!(form.ends_with("Then answer in this form and with nothing behind it:"), "{form}");

    let shown = &run.stdout;
    let words = &format!(
        "{PLAN}\n\n2 files read. openai:m, 1 call, {} tokens in, {} out, no cost. Carrying the plan out costs nothing.\n\
         Approve it as it is, or after you have edited it:\n  TASK solve --repo repo --issue WORLD/issue.md --approve 'my plan.md'\n",
        counted(&requests[0]),
        PLAN.len().div_ceil(4)
    );
    assert_eq!(shown, words);

    let (run, requests) = approve(&world, &issue, "my plan.md", &[&change()]);
    run.done();
    assert_eq!(world.at(BRANCH, "src/station.py"), STATION.replace("30", "90"));
    let material = said(&requests[0]).pop().unwrap();
    let plan = material.split_once("carry it out, no more and no less:\n[").unwrap().1;
    assert_eq!(plan.split_once('\n').unwrap().1.get(..PLAN.len()), Some(PLAN));
}

/// There is nothing else that a dry run could leave out of a plan.
#[test]
fn a_dry_run_writes_the_plan_that_was_asked_for() {
    let world = World::sample();
    let issue = world.file("issue.md", ISSUE);
    let (refs, before) = (world.refs(), world.snapshot("repo"));
    let model = Model::saying(&[PLAN]);
    let run = model.solve(&world, &issue, &["--mode", "plan", "--dry-run", "--out", "plan.md"], &[]).done();
    model.finish();
    assert!(run.stdout.contains("--approve plan.md\n"), "{}", run.stdout);
    assert_eq!((world.refs(), world.snapshot("repo")), (refs, before));
    approve(&world, &issue, "plan.md", &[&change()]).0.done();
    assert_eq!(world.at(BRANCH, "src/station.py"), STATION.replace("30", "90"));
}

/// The one correction may have been used for something else.
#[test]
fn a_file_outside_of_the_plan_is_refused_once_whatever_was_corrected_before() {
    let own = ("src/station.py", "    return now - seen <= 30", "    return now - seen <= 90");
    let readme = ("README.md", "recieves", "receives");
    let line = README.lines().find(|line| line.contains(readme.1)).unwrap();
    let fixed = line.replace(readme.1, readme.2);
    let both = blocks(&[own, (readme.0, line, &fixed)]);
    let alone = blocks(&[(readme.0, line, &fixed)]);
    let nothing = "SUMMARY:\nThe time-out alone.\nTITLE: Raise the time-out\n";
    for (answers, changes_readme) in [
        // Gives in.
        (&["hello", &both, nothing][..], false),
        // Insists.
        (&["hello", &both, &alone], true),
        // Says nothing that can be used: what there is stays, and is marked.
        (&["hello", &both, "CANNOT: no"], true),
        // It was told of that file already, and is not asked again.
        (&[&both, &alone], true),
    ] {
        let (world, issue, plan) = planned();
        let model = Model::saying(answers);
        let report = model.solve(&world, &issue, &["--approve", &plan, "--json"], &[]).done().json();
        let requests = model.finish();
        assert_eq!(requests.len(), answers.len());
        let last = said(requests.last().unwrap()).pop().unwrap();
        assert!(last.contains("the approved plan does not name this file. Leave it out"), "{last}");
        assert_eq!(world.at(BRANCH, "src/station.py"), STATION.replace("30", "90"), "{answers:?}");
        let unplanned = if changes_readme { serde_json::json!(["README.md"]) } else { serde_json::json!([]) };
        assert_eq!(report["unplanned"], unplanned, "{answers:?}");
        let expected = if changes_readme { README.replace(line, &fixed) } else { README.to_owned() };
        assert_eq!(world.at(BRANCH, "README.md"), expected, "{answers:?}");
    }
}

/// Tokens of a prompt as the scripted model counts them: one for every four bytes.
fn counted(request: &tests::model::Request) -> usize {
    said(request).iter().map(String::len).sum::<usize>().div_ceil(4)
}

#[test]
fn the_rule_based_engine_plans_and_carries_out() {
    let world = World::sample();
    let issue =
        world.file("issue.md", "# #2: Typo\n\nThe word `recieves` in README.md should be `receives`.\n");
    world.solve(&issue, &["--mode", "plan", "--out", "plan.md"]).done();
    let plan = std::fs::read_to_string(world.path("plan.md")).unwrap();
    let sections: Vec<&str> = plan.lines().filter(|line| line.starts_with("## ")).collect();
    assert_eq!(sections, ["## Summary", "## Files", "## Steps"], "{plan}");
    world.solve(&issue, &["--approve", "plan.md"]).done();
    assert_eq!(world.at(BRANCH, "README.md"), README.replace("recieves", "receives"));
}

#[test]
fn a_plan_as_json_holds_its_document() {
    let world = World::sample();
    let issue = world.file("issue.md", ISSUE);
    let model = Model::saying(&[PLAN]);
    let report = model.solve(&world, &issue, &["--mode", "plan", "--json"], &[]).done().json();
    model.finish();
    assert_eq!((&report["result"], &report["plan"]), (&"plan".into(), &PLAN.into()));
    assert_eq!(
        report["planned_files"],
        serde_json::json!([{"path": "src/station.py", "reason": "30 becomes 90"}])
    );
    assert_eq!(
        (&report["written_to"], &report["approve_with"]),
        (&serde_json::Value::Null, &serde_json::Value::Null)
    );
    // The document in it can be approved.
    let plan = world.file("plan.md", report["document"].as_str().unwrap());
    approve(&world, &issue, &plan, &[&change()]).0.done();
}

#[test]
fn a_plan_holds_while_other_files_change() {
    let (world, issue, plan) = planned();
    world.commit("repo", &[("other.txt", "other\n")]);
    approve(&world, &issue, &plan, &[&change()]).0.done();
    assert_eq!(
        world.git("repo", &["rev-parse", &format!("{BRANCH}^")]),
        world.git("repo", &["rev-parse", "main"])
    );
}

/// Whoever approves on this machine is the one who can edit the file.
#[test]
fn a_plan_that_was_edited_is_carried_out_as_it_is_now() {
    let (world, issue, plan) = planned();
    let edited = std::fs::read_to_string(&plan).unwrap().replace("30 becomes 90", "30 becomes 120");
    world.file("plan.md", edited);
    let change = blocks(&[("src/station.py", "    return now - seen <= 30", "    return now - seen <= 120")]);
    let (run, requests) = approve(&world, &issue, &plan, &[&change]);
    let run = run.done();
    assert!(run.stderr.starts_with("carrying out the plan as it was edited\n"), "{}", run.stderr);
    assert!(said(&requests[0]).pop().unwrap().contains("`src/station.py`: 30 becomes 120"));
    assert_eq!(world.at(BRANCH, "src/station.py"), STATION.replace("30", "120"));

    // What is not a plan any more is not approved, and nobody is asked.
    world.file("plan.md", std::fs::read_to_string(&plan).unwrap().replace("## Steps", "## Ideas"));
    let (run, requests) = approve(&world, &issue, &plan, &[]);
    assert!(run.failure().1.contains("its text is no longer a plan"), "{}", run.stderr);
    assert!(requests.is_empty());
}

#[test]
fn a_plan_is_stale_once_what_it_was_made_from_has_moved() {
    const NEXT: &str = "Make the plan again with `--mode plan --out FILE`, read it, and approve that.";
    type Change = fn(&World);
    let changes: [(Change, &str); 5] = [
        (
            |world| drop(world.file("issue.md", ISSUE.replace("90", "60"))),
            "the issue's title or text was changed",
        ),
        (
            |world| drop(world.file("issue.md", ISSUE.replace("too early", "late"))),
            "the issue's title or text was changed",
        ),
        (
            |world| world.commit("repo", &[("src/station.py", format!("# new\n{STATION}"))]),
            "newer commits changed `src/station.py`",
        ),
        (
            |world| {
                world.git("repo", &["rm", "-q", "src/station.py"]);
                world.git("repo", &["commit", "-q", "-m", "Gone"]);
            },
            "newer commits changed `src/station.py`",
        ),
        (
            |world| {
                world.file("issue.md", "# #2: Something else\n");
                world.commit("repo", &[("src/station.py", "# new\n"), ("README.md", "new\n")]);
            },
            "the issue's title or text was changed; newer commits changed `README.md`, `src/station.py`",
        ),
    ];
    for (change, moved) in changes {
        let (world, issue, plan) = planned();
        change(&world);
        let refs = world.refs();
        let (run, requests) = approve(&world, &issue, &plan, &[]);
        assert_eq!(run.failure(), (Some(1), format!("error: The plan is stale: {moved}. |   {NEXT}")));
        assert_eq!(world.refs(), refs);
        assert!(requests.is_empty(), "a stale plan is not shown to a model");
    }
}

#[test]
fn a_plan_is_stale_under_another_model_or_other_protected_paths() {
    let (world, issue, plan) = planned();
    let stale = "error: The plan is stale: the agent's model or configuration was changed. |   \
                 Make the plan again with `--mode plan --out FILE`, read it, and approve that.";
    let model = Model::saying(&[]);
    let run = model.solve(&world, &issue, &["--approve", &plan, "--model", "openai:other"], &[]);
    assert_eq!(run.failure(), (Some(1), stale.to_owned()));
    let run = model.solve(&world, &issue, &["--approve", &plan], &[("AGENT_PROTECT", "docs/")]);
    assert_eq!(run.failure(), (Some(1), stale.to_owned()));
    model.finish();
}
