//! `ai-agent eval`: resolved issues of a real repository, with the fix hidden; and what is paid for, once.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::model::{Answer, Counts, Request, Step, Wire};

use crate::world::{Model, STATION, World, blocks, said};

const STATE: [&str; 2] = ["--state", "state.jsonl"];

/// A repository in which two issues were resolved: one by a merge of two commits, one by a commit that makes a file; and
/// what came later.
struct Resolved {
    world: World,
    cases: String,
    /// The fixes: the merge, the commit.
    fixes: [String; 2],
}

fn resolved() -> Resolved {
    let world = World::sample();
    world.git("repo", &["switch", "-q", "-c", "topic"]);
    world.commit("repo", &[("src/station.py", STATION.replace("<= 30", "<= 60"))]);
    world.commit("repo", &[("src/station.py", STATION.replace("<= 30", "<= 90"))]);
    world.git("repo", &["switch", "-q", "main"]);
    world.git(
        "repo",
        &["merge", "-q", "--no-ff", "-m", "Merge: sensors stay online (secret-of-the-merge)", "topic"],
    );
    let merge = world.git("repo", &["rev-parse", "HEAD"]);
    world.commit(
        "repo",
        &[
            ("README.md", "# weather\n\nA small station that receives readings.\n"),
            ("docs/usage.md", "Use it.\n"),
        ],
    );
    let second = world.git("repo", &["rev-parse", "HEAD"]);
    world.commit("repo", &[("src/later.py", "LATER = \"secret-of-the-future\"\n")]);
    let lines = [
        json!({"number": 7, "title": "Sensors go offline & \"early\" {{ x }}", "body": "They should have 90 seconds.", "commit": merge}),
        json!({"number": "DOC-8", "title": "README.md has a typo, and usage is not documented", "commit": second}),
    ];
    let cases = world.file("cases.jsonl", lines.map(|line| line.to_string() + "\n").concat());
    Resolved { world, cases, fixes: [merge, second] }
}

fn station(seconds: u32) -> String {
    blocks(&[(
        "src/station.py",
        "    return now - seen <= 30",
        &format!("    return now - seen <= {seconds}"),
    )])
}

fn documented() -> String {
    blocks(&[(
        "README.md",
        "A small station that recieves readings.",
        "A small station that receives readings.",
    )]) + "\nWRITE: docs/usage.md\n```\nUse it well.\n```\n"
}

/// By number, as the newest comes first.
fn case<'a>(report: &'a Value, number: &Value) -> &'a Value {
    report["cases"].as_array().unwrap().iter().find(|case| case["number"] == *number).unwrap()
}

#[test]
fn what_would_be_read_is_measured_without_a_model() {
    let Resolved { world, cases, fixes } = resolved();
    let before = world.snapshot("repo");
    let run = world.eval(&["--repo", "repo", "--cases", &cases, "--json", "--html", "page.html"], &[]).done();
    let report = run.json();
    assert_eq!(
        (&report["measure"], &report["model"], &report["budget_usd"]),
        (&"reading".into(), &"builtin".into(), &Value::Null)
    );
    let first = case(&report, &7.into());
    assert_eq!(first["commit"], fixes[0].as_str());
    assert_eq!(first["base"], world.git("repo", &["rev-parse", &format!("{}^1", fixes[0])]));
    assert_eq!(first["size"], json!({"added": 1, "removed": 1}), "the merge is one change: 30 becomes 90");
    assert_eq!(first["files"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&first["files"][0]["given"], &first["files"][0]["lines_given"]),
        (&"whole".into(), &true.into())
    );
    let second = case(&report, &"DOC-8".into());
    let files: Vec<(&Value, &Value, &Value)> = second["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| (&file["path"], &file["change"], &file["given"]))
        .collect();
    assert_eq!(
        files,
        [
            (&"README.md".into(), &"modified".into(), &"whole".into()),
            (&"docs/usage.md".into(), &"new".into(), &Value::Null)
        ]
    );
    let sums = &report["summary"];
    for (name, value) in
        [("cases", 2), ("all_given", 2), ("all_whole", 2), ("files", 2), ("files_given", 2), ("asked", 0)]
    {
        assert_eq!(sums[name], value, "{name}: {sums}");
    }
    assert_eq!((&sums["one_call_each_usd"], &sums["run_at_most_usd"]), (&Value::Null, &Value::Null));
    // The page is whole in itself, and what strangers wrote is no markup on it.
    let page = std::fs::read_to_string(world.path("page.html")).unwrap();
    assert!(page.contains("Sensors go offline &amp; &quot;early&quot; {{ x }}"), "{page}");
    for foreign in ["\"early\"", "http://", "https://", "<script", "src="] {
        assert!(!page.contains(foreign), "{foreign} is in {page}");
    }
    assert!(page.contains("What the agent would have read</p>") && !page.contains("builtin"), "{page}");
    let text = world.eval(&["--repo", "repo", "--cases", &cases], &[]).done();
    assert!(text.stdout.contains("#7 Sensors go offline & \"early\" {{ x }}"), "{}", text.stdout);
    let sentence = "2 cases: all files that had to change would be given in 2 (100 %), whole in 2 (100 %); of 2 such files 2, whole 2.";
    assert!(text.stdout.contains(sentence), "{}", text.stdout);
    let priced = "tokens (median); any model is given that, and `--model` names one to price it.";
    assert!(text.stdout.contains(priced), "{}", text.stdout);
    assert!(
        text.stdout.ends_with("No model was asked. With `--model` and `--budget` it is.\n"),
        "{}",
        text.stdout
    );
    assert!(text.stderr.contains("case 1 of 2: Sensors go "), "{}", text.stderr);
    assert_eq!(world.snapshot("repo"), before, "nothing is written to the repository");
    assert!(!world.path("ai-agent-eval.jsonl").exists(), "nothing was asked, so nothing is kept");
    let last = world.eval(&["--repo", "repo", "--cases", &cases, "--last", "1", "--json"], &[]).done().json();
    assert_eq!((&last["cases"][0]["number"], &last["summary"]["cases"]), (&7.into(), &1.into()));
}

#[test]
fn a_model_sees_nothing_of_the_fix_and_is_measured_beside_it() {
    let Resolved { world, cases, .. } = resolved();
    let before = world.snapshot("repo");
    let model = Model::saying(&[&station(90), &documented()]);
    let all = [&["--repo", "repo", "--cases", &cases, "--budget", "1", "--json"][..], &STATE].concat();
    let report = model.eval(&world, &all, &[]).done().json();
    let requests = model.finish();
    assert_eq!(requests.len(), 2);
    for request in &requests {
        let text = said(request).join("\n");
        for hidden in ["secret-of-the-merge", "secret-of-the-future", "later.py", "receives", "docs/usage.md"]
        {
            assert!(!text.contains(hidden), "{hidden} is shown: {text}");
        }
    }
    // Of the first issue the fix is hidden; before the second one it is there, and so is its commit.
    let shows = |number: usize, text: &str| said(&requests[number]).join("\n").contains(text);
    assert!(shows(0, "<= 30") && !shows(0, "<= 90") && !shows(1, "<= 30") && shows(1, "<= 90"));
    let answer = &case(&report, &7.into())["answer"];
    assert_eq!(
        (&answer["result"], &answer["same"], &answer["files"]),
        (&"change".into(), &true.into(), &json!(["src/station.py"]))
    );
    let answer = &case(&report, &"DOC-8".into())["answer"];
    assert_eq!(
        (&answer["result"], &answer["same"], &answer["missed"]),
        (&"change".into(), &false.into(), &json!([]))
    );
    assert_eq!(answer["size"], json!({"added": 2, "removed": 1}));
    assert_eq!(
        (&report["summary"]["applied"], &report["summary"]["same"], &report["summary"]["right_files"]),
        (&2.into(), &1.into(), &2.into())
    );
    assert_eq!(world.snapshot("repo"), before, "nothing is written to the repository");

    // Once more: everything is known, and nobody is asked.
    let silent = Model::saying(&[]);
    let again = silent.eval(&world, &all, &[]).done().json();
    silent.finish();
    assert_eq!(again["summary"], report["summary"]);
    assert_eq!(case(&again, &7.into())["answer"]["kept"], true);

    // The control is another question.
    let solved = "SOLVED: it is 90 already.\nsrc/station.py:2: return now - seen <= 90\n";
    let more = "A small station that receives readings.";
    let model =
        Model::saying(&[solved, &blocks(&[("README.md", more, "A station that receives readings.")])]);
    let control = model.eval(&world, &[&all[..], &["--already-fixed"]].concat(), &[]).done().json();
    model.finish();
    assert_eq!(control["measure"], "already-fixed");
    assert_eq!(case(&control, &7.into())["answer"]["result"], "already");
    assert_eq!((&control["summary"]["already"], &control["summary"]["asked"]), (&1.into(), &2.into()));
}

/// An answer that used so many tokens: at 1 dollar a million in and 10 out.
fn priced(text: &str, prompt: u64, answer: u64) -> Step {
    Step::Answer(Answer { counts: Counts::Given { prompt, answer }, ..Answer::new(text) })
}

#[test]
fn the_budget_is_a_ceiling_over_all_cases_and_all_evaluations() {
    let Resolved { world, cases, .. } = resolved();
    let all = [&["--repo", "repo", "--cases", &cases, "--json"][..], &STATE].concat();
    let prices = [
        ("AGENT_MODEL_PRICE", "1/10"),
        ("AGENT_MAX_OUTPUT_TOKENS", "10000"),
        ("AGENT_CONTEXT_WINDOW", "100000"),
    ];
    let with = |model: Model, budget: &str| -> (Value, Vec<Request>) {
        let report = model.eval(&world, &[&all[..], &["--budget", budget]].concat(), &prices).done().json();
        (report, model.finish())
    };
    // A call may cost about 10 cents for its answer alone: of these, none can be made.
    let (report, requests) = with(Model::saying(&[]), "0.05");
    assert_eq!((&report["summary"]["unasked"], requests.len()), (&2.into(), 0));
    // A person is told what one would need.
    let words = [&["--repo", "repo", "--cases", &cases, "--budget", "0.05"][..], &STATE].concat();
    let nobody = Model::saying(&[]);
    let text = nobody.eval(&world, &words, &prices).done().stdout;
    nobody.finish();
    assert!(text.contains("2 not asked, because what is left does not cover one call at its most"), "{text}");
    assert!(text.contains("\nNot asked: the next call to the model may cost $0.1"), "{text}");
    // The first one uses 8 cents; what is left is too little for the second.
    let (report, _) = with(Model::new(Wire::OpenAi, [priced(&station(90), 1_000, 7_900)]), "0.15");
    assert_eq!(report["summary"]["spent_usd"], 0.08);
    assert_eq!((&report["summary"]["asked"], &report["summary"]["unasked"]), (&1.into(), &1.into()));
    assert_eq!(case(&report, &"DOC-8".into())["answer"]["result"], "not-asked");
    let (report, _) = with(Model::saying(&[]), "0.15");
    assert_eq!(report["summary"]["spent_usd"], 0.08);
    // With more it goes on where it was.
    let (report, requests) = with(Model::new(Wire::OpenAi, [priced(&documented(), 1_000, 1_900)]), "0.30");
    assert_eq!((&report["summary"]["spent_usd"], requests.len()), (&0.1.into(), 1));
    let answer = &case(&report, &"DOC-8".into())["answer"];
    assert_eq!(
        (&answer["same"], &answer["cost_usd"], &answer["kept"]),
        (&false.into(), &0.02.into(), &false.into())
    );
}

#[test]
fn an_evaluation_that_was_killed_goes_on_and_pays_for_nothing_twice() {
    let Resolved { world, cases, .. } = resolved();
    let all = [&["--repo", "repo", "--cases", &cases, "--budget", "1", "--json"][..], &STATE].concat();
    let model = Model::new(Wire::OpenAi, [Step::Hang, Step::text(&documented())]);
    let (variables, _) = model.variables();
    let mut child = Command::new(env!("CARGO_BIN_EXE_ai-agent"))
        .arg("eval")
        .args(&all)
        .current_dir(world.path("."))
        .env_clear()
        .envs(variables)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while !std::fs::read_to_string(world.path("state.jsonl")).is_ok_and(|text| text.contains("begun")) {
        assert!(started.elapsed() < Duration::from_mins(1), "no case was begun");
        std::thread::sleep(Duration::from_millis(20));
    }
    // Meanwhile the state is in use.
    let run = model.eval(&world, &all, &[]);
    assert!(run.stderr.contains("another evaluation works with state.jsonl"), "{}", run.stderr);
    std::thread::sleep(Duration::from_secs(1));
    child.kill().unwrap();
    child.wait().unwrap();
    let report = model.eval(&world, &all, &[]).done().json();
    assert_eq!(case(&report, &7.into())["answer"]["result"], "interrupted");
    assert_eq!(case(&report, &"DOC-8".into())["answer"]["result"], "change");
    // All that may be spent counts as spent.
    assert_eq!(report["summary"]["spent_usd"], 1.0);
    assert_eq!(model.finish().len(), 2, "the case that was interrupted is asked again");
}

#[test]
fn pull_requests_and_issues_are_taken_as_gh_prints_them() {
    let Resolved { world, fixes, .. } = resolved();
    let pulls = json!([
        {"number": 21, "mergeCommit": {"oid": fixes[0]}, "closingIssuesReferences": [{"id": "I_x", "number": 7, "url": "https://github.com/o/r/issues/7"}]},
        {"number": 22, "mergeCommit": {"oid": fixes[1]}, "closingIssuesReferences": [], "body": "Fixes #8."},
        {"number": 23, "mergeCommit": {"oid": fixes[1]}, "body": "No issue."},
        {"number": 24, "mergeCommit": {"oid": fixes[1]}, "body": "Closes #99"},
        {"number": 25, "mergeCommit": null, "body": "Closes #7"},
    ]);
    let issues = json!([{"number": 7, "title": "Sensors", "body": "90 seconds"}, {"number": 8, "title": "Typo in README.md", "body": null}]);
    let (pulls, issues) =
        (world.file("pulls.json", pulls.to_string()), world.file("issues.json", issues.to_string()));
    let report =
        world.eval(&["--repo", "repo", "--pulls", &pulls, "--issues", &issues, "--json"], &[]).done().json();
    let numbers: Vec<&Value> =
        report["cases"].as_array().unwrap().iter().map(|case| &case["number"]).collect();
    assert_eq!(numbers, [&Value::from(7), &Value::from(8)]);
    let left: Vec<String> = report["left_out"]
        .as_array()
        .unwrap()
        .iter()
        .map(|left| format!("{}: {}", left["what"].as_str().unwrap(), left["why"].as_str().unwrap()))
        .collect();
    let elsewhere = format!("pull request #24: it closes #99, which is not in {issues}")
        .replace(world.path(".").parent().unwrap().to_str().unwrap(), "");
    assert_eq!(left.len(), 3, "{left:?}");
    assert_eq!(
        (left[0].as_str(), left[2].as_str()),
        ("pull request #23: it closes no issue", "pull request #25: it is not merged")
    );
    assert!(
        left[1].starts_with("pull request #24: it closes #99, which is not in "),
        "{} {elsewhere}",
        left[1]
    );
}

#[test]
fn what_cannot_be_evaluated_says_why_and_what_to_do() {
    let Resolved { world, cases, fixes } = resolved();
    let many: Vec<(String, String)> =
        (0..500).map(|number| (format!("gen/{number}.py"), format!("X = {number}\n"))).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    world.commit("repo", &many);
    let huge = world.git("repo", &["rev-parse", "HEAD"]);
    let root = world.git("repo", &["rev-list", "--max-parents=0", "HEAD"]);
    world.git(
        ".",
        &["clone", "-q", "--depth", "1", &format!("file://{}", world.path("repo").display()), "shallow"],
    );
    let one = |name: &str, commit: &str| {
        world.file(name, json!({"number": 1, "title": "x", "commit": commit}).to_string() + "\n")
    };
    let (absent, huge, root) =
        (one("absent.jsonl", &"ab".repeat(20)), one("huge.jsonl", &huge), one("root.jsonl", &root));
    let shallow = one("shallow.jsonl", "HEAD");
    let (empty, broken) =
        (world.file("empty.jsonl", "\n"), world.file("broken.jsonl", "{\"title\": \"x\"}\n"));
    let nothing = world.file("nothing.json", "[]");
    let object = world.file("object.json", "{}");
    let odd = world.file("odd.jsonl", "something else\n");
    for (arguments, variables, status, parts) in [
        (vec!["--repo", "home", "--cases", &cases], &[][..], 2, &["is not a git repository"][..]),
        (
            vec!["--repo", "repo"],
            &[],
            2,
            &["nothing says which changes were merged", "gh pr list --state merged"],
        ),
        (
            vec!["--repo", "repo", "--cases", "nowhere"],
            &[],
            2,
            &["the cases in nowhere cannot be read: No such file"],
        ),
        (vec!["--repo", "repo", "--cases", &empty], &[], 2, &["there is no case to evaluate"]),
        (vec!["--repo", "repo", "--cases", &broken], &[], 2, &["line 1 of ", "missing field `commit`"]),
        (
            vec!["--repo", "repo", "--cases", &absent],
            &[],
            2,
            &["#1 x: the repository has no commit abababab", "git fetch"],
        ),
        (vec!["--repo", "repo", "--cases", &huge], &[], 2, &["it changes 500 files, more than the 100"]),
        (vec!["--repo", "repo", "--cases", &root], &[], 2, &["is the first commit"]),
        (vec!["--repo", "shallow", "--cases", &shallow], &[], 2, &["shallow clone", "git fetch --unshallow"]),
        (
            vec!["--repo", "repo", "--pulls", &nothing, "--issues", &nothing],
            &[],
            2,
            &["there is no case to evaluate"],
        ),
        (
            vec!["--repo", "repo", "--pulls", &object, "--issues", &nothing],
            &[],
            2,
            &["is not what gh prints", "--json number,body,mergeCommit"],
        ),
        (
            vec!["--repo", "repo", "--cases", &cases, "--budget", "1"],
            &[],
            2,
            &["the rule-based engine (builtin) asks none"],
        ),
        (
            vec!["--repo", "repo", "--cases", &cases, "--budget", "1", "--model", "openai:nobody-knows-it"],
            &[("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")],
            2,
            &["the price of openai:nobody-knows-it is unknown", "AGENT_MODEL_PRICE"],
        ),
        (
            vec!["--repo", "repo", "--cases", &cases, "--budget", "1", "--state", &odd],
            &[
                ("AGENT_MODEL", "openai:m"),
                ("AGENT_MODEL_PRICE", "free"),
                ("OPENAI_BASE_URL", "http://127.0.0.1:9/v1"),
            ],
            1,
            &["line 1 of WORLD/odd.jsonl is not of an evaluation"],
        ),
    ] {
        let run = world.eval(&arguments, variables);
        assert_eq!(run.status, Some(status), "{arguments:?}: {}{}", run.stdout, run.stderr);
        for part in parts {
            assert!(run.stderr.contains(part), "{arguments:?}: {part} is not in {}", run.stderr);
        }
        let json = world.eval(&[&arguments[..], &["--json"]].concat(), variables).json();
        assert_eq!(json["outcome"], "failed", "{arguments:?}");
    }
    // A wrong one beside a right one is left out.
    let lines = std::fs::read_to_string(&cases).unwrap() + &std::fs::read_to_string(&huge).unwrap();
    let mixed = world.file("mixed.jsonl", lines);
    let report = world.eval(&["--repo", "repo", "--cases", &mixed, "--json"], &[]).done().json();
    assert_eq!((&report["summary"]["cases"], report["left_out"].as_array().unwrap().len()), (&2.into(), 1));
    assert_eq!(case(&report, &7.into())["commit"], fixes[0].as_str());
}
