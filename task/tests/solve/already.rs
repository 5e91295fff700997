//! Nothing to do: what the issue asks for is there. A good end, if the model shows it; a correction, if it does not.

use crate::world::{Model, STATION, World, blocks, said};

const ISSUE: &str = "# #3: Sensors go offline too early\n\nA sensor should be online for 30 seconds.\n";
const SOLVED: &str = "The comparison is `<= 30`, which is what was asked for.\n\nSOLVED: a sensor is online for 30 seconds already.\n\
                      src/station.py:9:     return now - seen <= 30\n";

#[test]
fn nothing_to_do_is_a_good_end_in_every_mode() {
    for mode in [&[][..], &["--mode", "plan", "--out", "plan.md"], &["--dry-run"]] {
        let world = World::sample();
        let issue = world.file("issue.md", ISSUE);
        let (refs, before) = (world.refs(), world.snapshot("repo"));
        let model = Model::saying(&[SOLVED]);
        let run = model.solve(&world, &issue, mode, &[]).done();
        let requests = model.finish();
        let expected = "Nothing to change: the repository already does what the issue asks for.\n  \
                        a sensor is online for 30 seconds already.\n\n  src/station.py:2:     return now - seen <= 30\n\n2 files read. ";
        assert!(run.stdout.starts_with(expected), "{}", run.stdout);
        assert!(!run.stdout.contains("The comparison"), "thoughts are shown: {}", run.stdout);
        assert_eq!((world.refs(), world.snapshot("repo")), (refs, before), "nothing is written");
        assert!(!world.path("plan.md").exists());
        assert!(
            said(&requests[0])[0].contains("nothing has to change, and finding that out is a correct answer")
        );
    }
}

#[test]
fn a_program_reads_what_was_found_and_where() {
    let world = World::sample();
    let issue = world.file("issue.md", ISSUE);
    let model = Model::saying(&[SOLVED]);
    let report = model.solve(&world, &issue, &["--json"], &[]).done().json();
    model.finish();
    assert_eq!((&report["outcome"], &report["result"]), (&"done".into(), &"already".into()));
    assert_eq!(report["summary"], "a sensor is online for 30 seconds already.");
    let quote =
        serde_json::json!([{"path": "src/station.py", "line": 2, "text": "    return now - seen <= 30"}]);
    assert_eq!((&report["quotes"], &report["calls"]), (&quote, &1.into()));
}

/// What was made up is refused once with a correction, and is a failure when it comes again; what comes in its place counts.
#[test]
fn a_quotation_that_was_made_up_is_refused() {
    let change = blocks(&[("src/station.py", "    return now - seen <= 30", "    return now - seen <= 90")]);
    for (wrong, part) in [
        ("SOLVED: it is so.\nsrc/station.py:2: return now - seen <= 60\n", "no such line"),
        ("SOLVED: it is so.\nsrc/other.py:2: return now - seen <= 30\n", "no file of this name was read"),
        ("SOLVED: it is so.\n", "without the lines that show it"),
        ("SOLVED:\nsrc/station.py:2: return now - seen <= 30\n", "without the reason"),
        (&format!("{change}\n{SOLVED}"), "Send one of the two"),
    ] {
        let world = World::sample();
        let issue = world.file("issue.md", ISSUE);
        let model = Model::saying(&[wrong, SOLVED]);
        model.solve(&world, &issue, &[], &[]).done();
        let requests = model.finish();
        assert!(said(&requests[1]).pop().unwrap().contains(part), "{wrong}: {:?}", said(&requests[1]).pop());

        let model = Model::saying(&[wrong, &change]);
        model.solve(&world, &issue, &[], &[]).done();
        model.finish();
        assert_eq!(world.at("ai-agent/issue-3", "src/station.py"), STATION.replace("30", "90"));

        let world = World::sample();
        let issue = world.file("issue.md", ISSUE);
        let refs = world.refs();
        let model = Model::saying(&[wrong, wrong]);
        let run = model.solve(&world, &issue, &["--json"], &[]);
        model.finish();
        assert_eq!((run.status, &run.json()["failure"]["reason"]), (Some(1), &"unfounded".into()), "{wrong}");
        assert!(run.stderr.contains("does not show it, also after a correction"), "{}", run.stderr);
        assert_eq!(world.refs(), refs);
    }
}

/// What only a search has shown is to be read first, and counts then.
#[test]
fn a_hit_of_a_search_is_no_proof() {
    let world = World::new();
    world.init("repo");
    let names: Vec<String> = (10..40).map(|number| format!("a/sensor_{number}.py")).collect();
    let mut files: Vec<(&str, &str)> =
        names.iter().map(|name| (name.as_str(), "sensor = \"sensor\"\n# sensor sensor\n")).collect();
    files.push(("z/deep.py", "fathom = 1\n"));
    world.commit("repo", &files);
    let issue = world.file("issue.md", "# #4: The sensor\n\nEach sensor is wrong.\n");
    let solved = "SOLVED: it is so.\n\n1. `z/deep.py`:1: `fathom = 1`\n";
    let model = Model::saying(&["FIND: fathom", solved, "READ: z/deep.py", solved]);
    let run = model.solve(&world, &issue, &[], &[]).done();
    let requests = model.finish();
    let complaint = said(&requests[2]).pop().unwrap();
    assert!(
        complaint.contains("a hit of a search is no proof. Ask for it first: `READ: z/deep.py`"),
        "{complaint}"
    );
    assert!(run.stdout.contains("z/deep.py:1: fathom = 1"), "{}", run.stdout);
}

#[test]
fn the_rule_based_engine_finds_what_is_set_already() {
    let world = World::sample();
    world.commit("repo", &[("config.toml", "port = 8000\ntimeout = 30\n")]);
    let issue = world.file("issue.md", "# Set `timeout` to 30 in config.toml\n");
    let refs = world.refs();
    for mode in [&[][..], &["--mode", "plan"]] {
        let run = world.solve(&issue, mode).done();
        let expected = "Nothing to change: the repository already does what the issue asks for.\n  `timeout` is `30` already.\n\n  \
                        config.toml:2: timeout = 30\n\n1 file read. ";
        assert!(run.stdout.contains(expected), "{}", run.stdout);
    }
    assert_eq!(world.solve(&issue, &["--json"]).done().json()["result"], "already");
    assert_eq!(world.refs(), refs);
}

#[test]
fn a_secret_is_quoted_by_nobody() {
    let world = World::sample();
    let token = format!("ghp_{}", "A1b2C3d4E5".repeat(4));
    world.commit("repo", &[("src/client.py", format!("TOKEN = \"{token}\"  # seconds online\n"))]);
    let issue = world.file("issue.md", ISSUE);
    let answer = format!(
        "SOLVED: the token is {token}.\nsrc/client.py:1: TOKEN = \"{token}\"  # seconds online\nsrc/station.py:2: return now - seen <= 30\n"
    );
    let shown = "SOLVED: the token is set.\nsrc/client.py:1: # seconds online\n";
    let model = Model::saying(&[&answer, shown]);
    let run = model.solve(&world, &issue, &[], &[]).done();
    model.finish();
    assert!(
        !run.stdout.contains(&token) && run.stdout.contains("src/client.py:1: TOKEN = "),
        "{}",
        run.stdout
    );
}
