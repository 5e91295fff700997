//! What a run costs beside the model: time against a shallow clone by git from the same server, memory, calls. Not a test:
//! `benches/github` runs it and prints the figures.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};
use tests::collector::{Collector, Mood};
use tests::github::{GitHub, World};
use tests::model::{KEY, ScriptedModel, Step, Wire};

use crate::harness::{MARKER_KEY, REPO, Story, hello, mutations, offline, typo, wish};

/// Starts a program with the task on its standard input and prints its peak memory in KiB as the last line of its errors.
const WATCH: &str = "import resource, subprocess, sys\n\
    status = subprocess.call(sys.argv[1:])\n\
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)\n\
    sys.exit(status)\n";

/// Makes a repository of source files and prints the title of an issue about it, as `scripts/bench-overhead` does.
const GENERATE: &str = "import importlib.machinery, importlib.util, sys\n\
    loader = importlib.machinery.SourceFileLoader('overhead', sys.argv[1])\n\
    overhead = importlib.util.module_from_spec(importlib.util.spec_from_loader('overhead', loader))\n\
    loader.exec_module(overhead)\n\
    overhead.generate(sys.argv[2], int(sys.argv[3]), 1)\n\
    print(overhead.issue_for(sys.argv[2], 1)[0])\n";

/// What the model answers, whatever it is asked.
const ANSWER: &str = "TITLE: Measure\nSUMMARY:\nMeasured.\n\nWRITE: measured.txt\n```\nMeasured.\n```\n";

fn git(arguments: &[&str]) -> Command {
    let mut git = Command::new("git");
    git.args(arguments).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    git
}

fn succeed(command: &mut Command) -> String {
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{command:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Seconds and peak memory in MiB.
fn task_run(task: &str, github: &GitHub, message: &Value, folder: &Path, model: &str) -> (f64, f64) {
    let key = folder.join("key.pem");
    std::fs::write(&key, github.app_private_key()).unwrap();
    let file = folder.join("task.json");
    std::fs::write(&file, message.to_string()).unwrap();
    let started = Instant::now();
    let output = Command::new("python3")
        .args(["-c", WATCH, task, "run"])
        .arg(&file)
        .env("AGENT_GITHUB_APP_ID", github.app_id().to_string())
        .env("AGENT_GITHUB_APP_KEY_FILE", &key)
        .env("AGENT_MARKER_KEY", MARKER_KEY)
        .env("AGENT_ALLOW_LOOPBACK", "1")
        .env("AGENT_WORK_DIR", folder)
        .envs([("AGENT_MODEL", "openai:scripted"), ("OPENAI_BASE_URL", model), ("OPENAI_API_KEY", KEY)])
        .envs([("AGENT_MODEL_PRICE", "free"), ("AGENT_FILE_SELECTION", "never")])
        .output()
        .unwrap();
    let seconds = started.elapsed().as_secs_f64();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    (seconds, errors.lines().last().unwrap().parse::<f64>().unwrap() / 1024.0)
}

#[test]
#[ignore = "a measurement: benches/github"]
fn beside_the_model() {
    let task = std::env::var("TASK").expect("TASK names the program to measure");
    let files = std::env::var("FILES").unwrap_or_else(|_| "10000".to_owned());
    let rounds: usize = std::env::var("ROUNDS").map_or(3, |rounds| rounds.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("made.git");
    let overhead = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/bench-overhead");
    let title = succeed(Command::new("python3").args(["-c", GENERATE]).arg(overhead).arg(&made).arg(&files));
    let bytes = succeed(git(&["-C"]).arg(&made).args([
        "cat-file",
        "--batch-all-objects",
        "--batch-check=%(objectsize)",
    ]));
    let bytes: u64 = bytes.lines().filter_map(|line| line.parse::<u64>().ok()).sum();
    println!("{files} files, {} MB of objects", bytes / 1_000_000);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let answers = (0..=rounds).map(|_| Step::text(ANSWER));
    let model = runtime.block_on(ScriptedModel::start(answers));
    let url = model.base_url(Wire::OpenAi);
    for round in 0..=rounds {
        let world: World = hello().issue(1, title.trim(), "", &["ai-help", "quickfix"]);
        let github = GitHub::start(world);
        let store = github.now(|state| state.at(REPO).repo().store.path().to_owned());
        succeed(git(&["-C"]).arg(&store).args(["fetch", "-q", "--force"]).arg(&made).arg("main:main"));
        succeed(git(&["-C"]).arg(&store).args(["repack", "-q", "-a", "-d"]));
        let clone = folder.path().join("clone");
        let mut times = Vec::new();
        for options in [&["--bare"][..], &[]] {
            let started = Instant::now();
            succeed(
                git(&["clone", "-q", "--depth", "1"]).args(options).arg(github.repo_url(REPO)).arg(&clone),
            );
            times.push(started.elapsed().as_secs_f64());
            std::fs::remove_dir_all(&clone).unwrap();
        }
        let (seconds, peak) =
            task_run(&task, &github, &wish(&github, "quickfix", "dev1"), folder.path(), &url);
        let note = if round == 0 { " (not counted)" } else { "" };
        println!(
            "ai-agent run {seconds:.2} s, {peak:.0} MiB; git clone --depth 1: bare {:.2} s, with a work tree {:.2} s; \
             ratios {:.2} and {:.2}{note}",
            times[0],
            times[1],
            seconds / times[0],
            seconds / times[1]
        );
    }
    model.finish();
}

#[test]
#[ignore = "a measurement: benches/github"]
fn calls_by_mode() {
    use crate::faults::{Mode, stage};
    use crate::harness::{EDIT, PLAN};
    let count = |story: &Story, before: usize, writes: usize, mode: &str| {
        let journal = story.github.journal();
        let git = journal.calls[before..].iter().filter(|call| call.operation.starts_with("git:")).count();
        let writes = mutations(&story.github).len() - writes;
        println!(
            "{mode}: {} calls, {writes} of them writes, and {git} of git",
            journal.calls.len() - before - git
        );
    };
    let with_installation = |story: &Story, mut task: Value| {
        task["installation_id"] = json!(story.github.installation_id());
        let (before, writes) = (story.github.journal().calls.len(), mutations(&story.github).len());
        let ended = story.run(&task);
        assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
        (before, writes)
    };
    let story = Story::new(typo(hello(), &["ai-help", "quickfix"]), &[EDIT]);
    let (before, writes) = with_installation(&story, story.wish("quickfix"));
    count(&story, before, writes, "quickfix");
    let story = Story::new(offline(hello()), &[PLAN, PLAN, EDIT]);
    let (before, writes) = with_installation(&story, story.wish("plan"));
    count(&story, before, writes, "plan");
    let task = story.command("revise", "dev1", 2, "/revise as before");
    let (before, writes) = with_installation(&story, task);
    count(&story, before, writes, "revise");
    let task = story.command("approve", "dev1", 2, "/approve");
    let (before, writes) = with_installation(&story, task);
    count(&story, before, writes, "approve");
    let story = Story::new(crate::fix::opened_in(hello()), &[crate::fix::ANSWER]);
    let (review, _) = crate::fix::review(&story, "dev1");
    let (before, writes) = with_installation(&story, crate::fix::asked(&story, "dev1", review));
    count(&story, before, writes, "fix, with three threads");
    for (mode, name) in [
        (Mode::Ci, "ci"),
        (Mode::Update, "update, with a conflict"),
        (Mode::Repair, "checks, with a repair"),
        (Mode::Closed, "closed"),
    ] {
        let (story, task) = stage(mode);
        let (before, writes) = with_installation(&story, task);
        count(&story, before, writes, name);
    }
    let story = Story::new(crate::repair::checked(), &[EDIT]);
    with_installation(&story, story.wish("quickfix"));
    crate::repair::passes(&story, "build");
    let (before, writes) = with_installation(&story, crate::repair::event(&story));
    count(&story, before, writes, "checks, which makes it ready");
}

/// What telemetry costs a run: the time of a run with a collector on this machine, and without one.
#[test]
#[ignore = "a measurement: cargo nextest run -p tests --test run --run-ignored only measure::of_telemetry --no-capture"]
fn of_telemetry() {
    let rounds: usize = std::env::var("ROUNDS").map_or(11, |rounds| rounds.parse().unwrap());
    let collector = Collector::start(Mood::Good);
    let with = [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()), ("RUST_LOG", "shared=debug")];
    let (mut times, mut flushes) = ([Vec::new(), Vec::new()], Vec::new());
    for _ in 0..rounds {
        for (at, variables) in [&[][..], &with[..]].into_iter().enumerate() {
            let github = GitHub::start(typo(hello(), &["ai-help", "quickfix"]));
            let started = Instant::now();
            let ended = crate::harness::run(&github, &wish(&github, "quickfix", "dev1"), variables);
            times[at].push(started.elapsed().as_secs_f64() * 1000.0);
            assert_eq!(ended.status, Some(0), "{}", ended.stderr);
            let sent = ended.stderr.lines().find(|line| line.contains("telemetry was sent"));
            let sent = sent.and_then(|line| serde_json::from_str::<Value>(line).ok());
            flushes.extend(sent.and_then(|line| line["milliseconds"].as_f64()));
        }
    }
    let median = |values: &mut Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let [mut without, mut with] = times;
    let least = flushes.iter().copied().fold(f64::MAX, f64::min);
    println!(
        "run without a collector: {:.0} ms, with one: {:.0} ms (medians of {rounds})",
        median(&mut without),
        median(&mut with)
    );
    println!("sending: {:.0} ms in the median, {least:.0} ms at least", median(&mut flushes));
}
