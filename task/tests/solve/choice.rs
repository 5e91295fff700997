//! The model chooses what is read: when it is asked, what it is shown, and what its answer can do.

use tests::model::{Answer, Request, Step, Stop, Wire};

use crate::world::{Model, Run, STATION, World, blocks, said};

const OPEN: &str = "# #3: Too early\n\nIt should have 90 seconds.\n";
const SURE: &str =
    "# #3: is_online in src/station.py is false too early\n\n`is_online` waits 30 seconds, not 90.\n";

fn good() -> String {
    blocks(&[("src/station.py", "    return now - seen <= 30", "    return now - seen <= 90")])
}

/// More files than are read at once; what the issue is about is the last of them.
fn crowded() -> World {
    let world = World::sample();
    let names: Vec<String> = (0..45).map(|n| format!("src/part{n:02}.py")).collect();
    let text = "def seconds(early):\n    return early\n";
    world.commit("repo", &names.iter().map(|name| (name.as_str(), text)).collect::<Vec<_>>());
    world
}

fn solve(world: &World, issue: &str, script: Vec<Step>, variables: &[(&str, &str)]) -> (Run, Vec<Request>) {
    world.file("issue.md", issue);
    let model = Model::new(Wire::OpenAi, script);
    // A local model is taken for a small one, which has no room for a choice.
    let variables = [&[("AGENT_CONTEXT_WINDOW", "128000")], variables].concat();
    let run = model.solve(world, "issue.md", &["--json"], &variables);
    (run, model.finish())
}

#[test]
fn the_model_is_shown_candidates_and_reads_what_it_names() {
    let world = crowded();
    let named = "READ: src/part44.py\nREAD: src/station.py\nREAD: etc/passwd";
    let script = vec![Step::text(named), Step::text(&good())];
    let (run, requests) = solve(&world, OPEN, script, &[("AGENT_FILE_SELECTION", "always")]);
    let report = run.done().json();
    let [choice, edit] = requests.as_slice() else { panic!("{} calls", requests.len()) };
    let [system, question] = said(choice).try_into().unwrap();
    assert!(system.contains("you choose which files are read for it"), "{system}");
    let shown = question.lines().filter(|line| line.starts_with("src/"));
    assert_eq!(shown.count(), 46, "{question}");
    assert!(question.contains("\nsrc/part00.py\n  def seconds(early) [1-2]\n"), "{question}");
    assert!(question.contains("Too early\n\nIt should have 90 seconds.\n"), "{question}");
    let material = said(edit).pop().unwrap();
    assert!(material.contains(&format!(" src/station.py\n{STATION}")), "{material}");
    let read = report["read"].as_array().unwrap();
    let chosen = read.iter().filter(|file| file["why"].as_str().unwrap().starts_with("the model chose it: "));
    let chosen: Vec<&str> = chosen.map(|file| file["path"].as_str().unwrap()).collect();
    assert_eq!(chosen, ["src/part44.py", "src/station.py"]);
    assert_eq!(report["calls"], 2);
    // Both calls are counted, as the server counts them.
    let given: usize =
        requests.iter().map(|request| said(request).iter().map(String::len).sum::<usize>().div_ceil(4)).sum();
    assert_eq!(report["input_tokens"], given);
}

/// How many calls a run makes.
#[test]
fn it_is_asked_where_the_ranking_is_not_sure() {
    for (name, issue, variables, choices) in [
        ("open", OPEN, &[][..], 1),
        ("sure", SURE, &[], 0),
        ("sure, and always", SURE, &[("AGENT_FILE_SELECTION", "always")], 1),
        ("open, and never", OPEN, &[("AGENT_FILE_SELECTION", "never")], 0),
        (
            "a small context",
            OPEN,
            &[("AGENT_FILE_SELECTION", "always"), ("AGENT_CONTEXT_TOKENS", "11000")],
            0,
        ),
    ] {
        let mut script = vec![Step::text("READ: src/station.py"); choices];
        script.push(Step::text("CANNOT: no"));
        let (_, requests) = solve(&crowded(), issue, script, variables);
        assert_eq!(requests.len(), choices + 1, "{name}");
    }
    let everything_is_read = World::sample();
    let (run, requests) =
        solve(&everything_is_read, OPEN, vec![Step::text(&good())], &[("AGENT_FILE_SELECTION", "always")]);
    run.done();
    assert_eq!(requests.len(), 1);
}

/// An answer that names nothing leaves the ranking as it is.
#[test]
fn a_choice_that_cannot_be_used_changes_nothing() {
    let cut = Answer { stop: Stop::Limit, ..Answer::new("READ: src/sta") };
    for (name, answer) in [
        (
            "nothing that was shown",
            Step::text("READ: ../../etc/passwd\nREAD: src/nowhere.py\nREAD: .git/config"),
        ),
        ("prose", Step::text("I would look at the station.")),
        ("declined", Step::text("CANNOT: it is unclear")),
        ("edits", Step::text(&good())),
        ("cut off", Step::Answer(cut)),
    ] {
        let (_, without) =
            solve(&crowded(), OPEN, vec![Step::text("CANNOT: no")], &[("AGENT_FILE_SELECTION", "never")]);
        let script = vec![answer, Step::text("CANNOT: no")];
        let (_, with) = solve(&crowded(), OPEN, script, &[("AGENT_FILE_SELECTION", "always")]);
        assert_eq!(said(&with[1]), said(&without[0]), "{name}");
    }
}

/// The cost of the choice is looked at before it is made.
#[test]
fn the_choice_is_within_the_ceiling() {
    let variables = [("AGENT_FILE_SELECTION", "always"), ("AGENT_MAX_TOKENS", "5000")];
    let (run, requests) = solve(&crowded(), OPEN, vec![], &variables);
    assert_eq!(requests.len(), 0);
    assert_eq!(run.json()["failure"]["reason"], "budget");
}
