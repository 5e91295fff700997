//! The *story* of a change from the label to the merge: webhooks are posted to `ingest`, which publishes them; processes take
//! the tasks and are killed at any moment; what GitHub would send of what they do is posted in turn, now and then twice. In the
//! end all is as in a story in which nothing goes wrong.
//!
//! `STORIES` says how many, `STORIES_AT_ONCE` how many side by side, `STORY_SEED` when to kill:
//! `STORIES=100 cargo nextest run --workspace --test consume story --no-capture`

use std::collections::HashSet;
use std::io::Write as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use shared::queue::{DELAYS, HEADER_NOT_BEFORE, TASKS};
use tests::broker::Broker;
use tests::github::{CheckKind, GitHub, Opinion, Report, Stage as PullStage, Verdict, World};
use tests::ingest::Ingest;
use tests::model::{Request, ScriptedModel, Step};
use tests::webhook::examples;
use tokio::time::sleep;

use crate::soak::{Dice, setting};
use crate::stage::{End, REPO, Stage, people};

const BRANCH: &str = "ai-agent/issue-1";
const ISSUE: u64 = 1;
const PULL: u64 = 2;
/// Processes of one story at a time.
const PROCESSES: usize = 2;
/// Of a hundred processes with a task, so many are killed before they end by themselves.
const KILLED: u64 = 40;
/// The last moment after a task was taken at which a process is killed, in milliseconds.
const KILLED_WITHIN: u64 = 2_000;
/// Of a hundred webhooks, so many come twice.
const DOUBLED: u64 = 30;

const PLAN: &str = "## Summary\nThe time-out is too short.\n\n## Files\n- `config.toml`: raise `timeout`\n\n\
    ## Steps\n1. Set `timeout` to 90.\n\n## Tests\n- None.\n\n## Risks\n- None.\n\n## Questions\n- None.";

/// Raises the time-out too far: its check fails.
const CHANGE: &str = "TITLE: Raise the time-out\nSUMMARY:\nSensors need longer.\n\nconfig.toml\n<<<<<<< SEARCH\n\
    timeout = 30\n=======\ntimeout = 90\n>>>>>>> REPLACE\n";
const REPAIR: &str = "TITLE: Lower the time-out\nSUMMARY:\nThe test allows less than 80.\n\nconfig.toml\n<<<<<<< SEARCH\n\
    timeout = 90\n=======\ntimeout = 60\n>>>>>>> REPLACE\n";
const FOLLOW_UP: &str = "FIX: 1 It is 70 now.\nANSWER: 2 The port is not part of the issue.\nASK: 3 Which text do you mean?\n\
    TITLE: Wait for 70 seconds\n\nconfig.toml\n<<<<<<< SEARCH\ntimeout = 60\n=======\ntimeout = 70\n>>>>>>> REPLACE\n";

/// What happens to a story on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Luck {
    Good,
    /// With this seed.
    Bad(u64),
}

/// What it took.
#[derive(Debug, Default)]
struct Tally {
    processes: usize,
    killed: usize,
    webhooks: usize,
    model_calls: usize,
    /// How each process ended, for who looks for what went wrong.
    ends: String,
}

/// What a story has between its steps.
struct Play<'a> {
    stage: Stage<'a>,
    ingest: Ingest,
    /// `None` where nothing goes wrong.
    dice: Option<Mutex<Dice>>,
    tally: Mutex<Tally>,
    /// Commits whose checks were told.
    checked: Mutex<HashSet<String>>,
}

fn world() -> World {
    people()
        .repo(REPO)
        .file("README.md", "# Sensors\n\nSee config.toml.\nIt recieves readers.\n")
        .file("config.toml", "port = 8000\ntimeout = 30\n")
        .file("tests/test_config.py", "def test_timeout():\n    assert timeout() < 80\n")
        .issue(ISSUE, "Sensors go offline too early", "Change `timeout` from 30 to 90 in config.toml.", &[])
        .before(|scene| scene.check("main", "build", CheckKind::Run, Verdict::Passed))
}

/// What the model says, whichever run asks and however often.
fn answer(request: &Request) -> Step {
    let question = request.body["messages"].to_string();
    let text = if question.contains("Repair the change now") {
        REPAIR
    } else if question.contains("Its reviewers have commented on it") {
        FOLLOW_UP
    } else if question.contains("You plan the change") {
        PLAN
    } else {
        CHANGE
    };
    Step::text(text)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_story_ends_with_the_merge_whatever_is_killed() {
    let (stories, seed) = (setting("STORIES", 3), setting("STORY_SEED", 1));
    let at_once = usize::try_from(setting("STORIES_AT_ONCE", 2)).unwrap();
    let broker = Broker::shared().await.unwrap();
    let start = Instant::now();
    let (right, _) = play(&broker, Luck::Good).await.unwrap();
    let told = stream::iter(seed..seed + stories).map(|seed| {
        let (broker, right) = (&broker, &right);
        async move {
            match play(broker, Luck::Bad(seed)).await {
                Ok((page, tally)) if page == *right => Ok(tally),
                Ok((page, tally)) => Err(format!("seed {seed}:\n{}{}", difference(right, &page), tally.ends)),
                Err(wrong) => Err(format!("seed {seed}: {wrong}")),
            }
        }
    });
    let told: Vec<Result<Tally, String>> = told.buffer_unordered(at_once).collect().await;
    let (mut all, mut wrong) = (Tally::default(), Vec::new());
    for told in told {
        match told {
            Ok(Tally { processes, killed, webhooks, model_calls, .. }) => {
                all.processes += processes;
                all.killed += killed;
                all.webhooks += webhooks;
                all.model_calls += model_calls;
            }
            Err(told) => wrong.push(told),
        }
    }
    let right = stories - u64::try_from(wrong.len()).unwrap();
    let words = format!("{right} right ends of {stories} from seed {seed}: {all:?} in {:?}", start.elapsed());
    writeln!(std::io::stderr(), "{words}").unwrap();
    assert!(wrong.is_empty(), "{words}\n\n{}", wrong.join("\n\n"));
}

/// The lines that only one of two pages has.
fn difference(right: &str, page: &str) -> String {
    let only = |these: &str, those: &str, sign: &str| {
        let other: HashSet<&str> = those.lines().collect();
        let lines = these.lines().filter(|line| !other.contains(line));
        lines.flat_map(|line| [sign, " ", line, "\n"]).collect::<String>()
    };
    format!("{}{}\n{page}", only(right, page, "-"), only(page, right, "+"))
}

/// Plays one story. Gives the page in the end; or what is wrong.
async fn play(broker: &Broker, luck: Luck) -> Result<(String, Tally), String> {
    let host = broker.virtual_host().await.unwrap();
    let ingest = Ingest::start(&host.url("ingest"), &[("AGENT_ALLOW_LOOPBACK", "1")]).unwrap();
    let model = ScriptedModel::answering(answer).await;
    let play = Play {
        stage: Stage { host, github: GitHub::start(world()), model },
        ingest,
        dice: match luck {
            Luck::Good => None,
            Luck::Bad(seed) => Some(Mutex::new(Dice(seed))),
        },
        tally: Mutex::default(),
        checked: Mutex::default(),
    };
    let told = |play: &Play<'_>, wrong: String| format!("{}{wrong}", play.tally.lock().unwrap().ends);
    play.run_to_the_merge().await.map_err(|wrong| told(&play, wrong))?;
    play.end()
}

impl Play<'_> {
    async fn run_to_the_merge(&self) -> Result<(), String> {
        let github = &self.stage.github;
        github.now(|state| state.at(REPO).label("dev1", ISSUE, "ai-help"));
        self.post("issues", self.labelled()).await;
        self.until_quiet().await?;
        self.expect("a plan", self.stage.labels() == "ai-help plan-pending")?;

        let approval = github.now(|state| state.at(REPO).comment("dev1", PULL, "/approve"));
        self.post("issue_comment", self.commented(approval, "/approve")).await;
        self.until_quiet().await?;
        self.expect(
            "a repaired change that is shown",
            self.is_shown() && self.timeout("ai-agent/issue-1") == 60,
        )?;

        let lines = [
            ("config.toml", 2, "Too short: make it 70."),
            ("config.toml", 1, "Should the port change as well?"),
            ("README.md", 4, "This reads odd."),
        ];
        let (review, _) = github
            .now(|state| state.at(REPO).give_review("dev1", PULL, Opinion::ChangesRequested, "", &lines));
        self.post("pull_request_review", self.reviewed(review)).await;
        self.until_quiet().await?;
        self.expect("an answer to the review", self.is_shown() && self.timeout("ai-agent/issue-1") == 70)?;

        self.update().await?;

        github.now(|state| {
            state.at(REPO).merge("dev1", PULL);
            state.at(REPO).close("dev1", ISSUE);
        });
        self.post("pull_request", self.merged()).await;
        self.until_quiet().await?;
        self.expect("the change on the base", self.timeout("main") == 70)?;
        self.expect("the label of what is done", self.stage.labels() == "ai-done ai-help")
    }

    /// The base moves on where the change is not, and somebody wants it in the branch.
    async fn update(&self) -> Result<(), String> {
        let command = self.stage.github.now(|state| {
            let mut scene = state.at(REPO);
            scene.push_file("dev1", "main", "NOTES.md", "Of the base.\n");
            scene.check("main", "build", CheckKind::Run, Verdict::Passed);
            scene.comment("dev1", PULL, "/update")
        });
        self.post("issue_comment", self.commented(command, "/update")).await;
        self.until_quiet().await?;
        self.expect("the base in the branch", self.file(BRANCH, "NOTES.md").is_some())?;
        self.expect("the change as it was", self.is_shown() && self.timeout(BRANCH) == 70)
    }

    /// What is wrong with the end of a story, or the page.
    fn end(self) -> Result<(String, Tally), String> {
        let mut wrong = self.stage.github.take_violations();
        let commits = self.stage.github.now(|state| {
            let scene = state.at(REPO);
            let repo = scene.repo();
            let merge = repo.store.commit(&repo.branch("main").unwrap()).unwrap();
            repo.store.commits_between(&merge.parents[0], &merge.parents[1]).len()
        });
        // Plan, change, repair, answer to the review, and the merge of the base.
        let due = 5;
        if commits != due {
            wrong.push(format!("{commits} commits in place of {due}"));
        }
        // Whether a comment was written in one go hangs on what was killed.
        let page = self.stage.seen().replace(" (edited)", "");
        let asked = self.stage.model.finish().len();
        let tally = Tally { model_calls: asked, ..self.tally.into_inner().unwrap() };
        if wrong.is_empty() {
            Ok((page, tally))
        } else {
            Err(format!("{}{}\n{page}", tally.ends, wrong.join("\n")))
        }
    }

    fn expect(&self, what: &str, is_so: bool) -> Result<(), String> {
        if is_so { Ok(()) } else { Err(format!("there is not {what}:\n{}", self.stage.seen())) }
    }

    fn is_shown(&self) -> bool {
        self.stage.github.now(|state| {
            let scene = state.at(REPO);
            let pull = scene.issue(PULL).pull.as_ref().unwrap();
            pull.stage == PullStage::Ready && pull.reviewers == ["dev1"]
        })
    }

    fn file(&self, branch: &str, path: &str) -> Option<String> {
        self.stage.github.now(|state| {
            let scene = state.at(REPO);
            let head = scene.repo().branch(branch)?;
            let entry = scene.repo().store.entry_at(head.as_str(), path)?;
            String::from_utf8(scene.repo().store.blob(&entry.oid)?).ok()
        })
    }

    fn timeout(&self, branch: &str) -> u32 {
        let text = self.file(branch, "config.toml").unwrap_or_default();
        let value = text.lines().find_map(|line| line.strip_prefix("timeout = "));
        value.and_then(|value| value.parse().ok()).unwrap_or(0)
    }

    /// Lets processes work, and what they do have its consequences, until nothing is left to do.
    async fn until_quiet(&self) -> Result<(), String> {
        const ROUNDS: usize = 40;
        for _ in 0..ROUNDS {
            self.run_checks().await;
            self.come_back().await;
            if self.stage.host.ready(TASKS).await.unwrap() == 0 {
                // What a process held that was killed is back in a moment.
                sleep(Duration::from_millis(200)).await;
                if self.stage.host.ready(TASKS).await.unwrap() == 0 {
                    break;
                }
            }
            let workers = futures_util::future::join_all((0..PROCESSES).map(|_| self.work()));
            let ci = async {
                loop {
                    self.run_checks().await;
                    sleep(Duration::from_millis(30)).await;
                }
            };
            tokio::select! {
                _ = workers => {}
                () = ci => {}
            }
        }
        match self.stage.queues().await {
            (0, 0) => Ok(()),
            left => Err(format!("tasks and dead letters are left: {left:?}\n{}", self.stage.seen())),
        }
    }

    /// Lets one process after the other run, until one finds the queue empty.
    async fn work(&self) {
        loop {
            let running = self.stage.start(&[
                ("AGENT_QUEUE_WAIT", "300ms"),
                ("AGENT_GITHUB_TIMEOUT", "30s"),
                ("AGENT_GITHUB_MAX_WAIT", "2min"),
                // The clock of the stand-in is not that of this machine.
                ("AGENT_CHECKS_WITHIN", "3000days"),
            ]);
            let killed = (self.roll(100) < KILLED).then(|| Duration::from_millis(self.roll(KILLED_WITHIN)));
            let end = match killed {
                Some(after) if self.dice.is_some() => running.end_or_kill_at_work(after).await,
                _ => running.end().await,
            };
            let mut tally = self.tally.lock().unwrap();
            let is_idle = end.log.last().is_some_and(|line| line["message"] == "no task is waiting");
            tally.processes += usize::from(!is_idle);
            tally.killed += usize::from(end.status == 137);
            assert!([0, 1, 75, 137].contains(&end.status), "{end:#?}");
            if is_idle {
                return;
            }
            tally.ends += &summary(&end);
        }
    }

    fn roll(&self, limit: u64) -> u64 {
        self.dice.as_ref().map_or(0, |dice| dice.lock().unwrap().roll(limit))
    }

    /// Lets every task that was put off come back as if its time had come.
    async fn come_back(&self) {
        for delay in &DELAYS {
            while self.stage.host.ready(delay.queue).await.unwrap() > 0 {
                let message = self.stage.host.take(delay.queue).await.unwrap().expect("it waits");
                self.stage
                    .host
                    .publish_again(&message, HEADER_NOT_BEFORE, "2026-01-01T00:00:00Z")
                    .await
                    .unwrap();
            }
        }
    }

    /// CI: it checks each commit of the branch once, and tells of it.
    async fn run_checks(&self) {
        let Some(head) = self.stage.github.now(|state| state.at(REPO).repo().branch(BRANCH)) else { return };
        let head = head.to_string();
        if !self.checked.lock().unwrap().insert(head.clone()) {
            return;
        }
        let verdict = if self.timeout(BRANCH) < 80 { Verdict::Passed } else { Verdict::Failed };
        let line = ("tests/test_config.py".to_owned(), 2, "failure", "assert 90 < 80".to_owned());
        let report = Report { annotations: vec![line], ..Report::default() };
        self.stage.github.now(|state| {
            let mut scene = state.at(REPO);
            scene.check_reports(BRANCH, "build", CheckKind::Run, verdict, report);
            scene.check(BRANCH, "license/cla", CheckKind::Status, Verdict::Passed);
        });
        let conclusion = if verdict == Verdict::Passed { "success" } else { "failure" };
        self.post("check_suite", self.suite(&head, conclusion)).await;
        self.post("status", self.status(&head)).await;
    }

    /// Posts what GitHub sends, now and then twice, as it does when an answer was lost.
    async fn post(&self, event: &str, body: Value) {
        let delivery = format!("delivery-{}", self.tally.lock().unwrap().webhooks);
        let times = if self.dice.is_some() && self.roll(100) < DOUBLED { 2 } else { 1 };
        for _ in 0..times {
            let (status, told) =
                self.ingest.send(event, &delivery, body.to_string().as_bytes()).await.unwrap();
            assert_eq!(status, 202, "{event}: {told}");
            self.tally.lock().unwrap().webhooks += 1;
        }
    }

    /// One of GitHub's examples, about this repository.
    fn event(&self, example: &str, changes: Value) -> Value {
        let found = examples().unwrap().into_iter().find(|found| found.name == example);
        let mut body: Value = serde_json::from_slice(&found.expect("the example").body).unwrap();
        let id = self.stage.github.now(|state| state.at(REPO).repo().id);
        let address = self.stage.github.repo_url(REPO);
        merge(
            &mut body,
            json!({
                "repository": { "id": id, "html_url": address, "full_name": REPO, "archived": false },
                "installation": { "id": self.stage.github.installation_id() },
                "sender": { "login": "dev1", "id": 5, "type": "User" },
            }),
        );
        merge(&mut body, changes);
        body
    }

    /// The fields that events have of an issue or a pull request.
    fn thread(&self, number: u64) -> Value {
        self.stage.github.now(|state| {
            let scene = state.at(REPO);
            let issue = scene.issue(number);
            let labels: Vec<Value> = issue.labels.iter().map(|name| json!({ "name": name })).collect();
            json!({
                "number": number, "title": issue.title, "body": issue.body, "labels": labels,
                "state": if issue.closed_at.is_some() { "closed" } else { "open" },
                "created_at": issue.created_at, "updated_at": issue.updated_at,
            })
        })
    }

    fn pull(&self) -> Value {
        let (head, id) = self.stage.github.now(|state| {
            let scene = state.at(REPO);
            (scene.issue(PULL).pull.as_ref().unwrap().head_oid.to_string(), scene.repo().id)
        });
        let mut pull = self.thread(PULL);
        pull["head"] = json!({ "ref": BRANCH, "sha": head, "repo": { "id": id } });
        pull
    }

    fn labelled(&self) -> Value {
        let changes = json!({ "issue": self.thread(ISSUE), "label": { "name": "ai-help" } });
        self.event("issues/labeled.1", changes)
    }

    fn commented(&self, id: u64, text: &str) -> Value {
        let mut issue = self.thread(PULL);
        issue["pull_request"] = json!({});
        let at = issue["updated_at"].clone();
        let user = json!({ "login": "dev1", "id": 5, "type": "User" });
        let comment = json!({ "id": id, "user": user, "body": text, "created_at": at, "updated_at": at });
        self.event("issue_comment/created.1", json!({ "issue": issue, "comment": comment }))
    }

    fn reviewed(&self, id: u64) -> Value {
        let at = self.stage.github.now(|state| {
            let scene = state.at(REPO);
            let reviews = &scene.issue(PULL).pull.as_ref().unwrap().reviews;
            reviews.last().unwrap().text.created_at
        });
        let user = json!({ "login": "dev1", "id": 5, "type": "User" });
        let review =
            json!({ "id": id, "user": user, "body": null, "state": "changes_requested", "submitted_at": at });
        self.event(
            "pull_request_review/submitted.1",
            json!({ "review": review, "pull_request": self.pull() }),
        )
    }

    fn suite(&self, head: &str, conclusion: &str) -> Value {
        let suite = json!({
            "head_branch": BRANCH, "head_sha": head, "status": "completed", "conclusion": conclusion,
            "updated_at": self.thread(ISSUE)["updated_at"],
        });
        self.event("check_suite/completed.1", json!({ "check_suite": suite }))
    }

    /// There is no example of this event.
    fn status(&self, head: &str) -> Value {
        let like = self.suite(head, "success");
        json!({
            "sha": head, "state": "success", "context": "license/cla", "branches": [{ "name": BRANCH }],
            "updated_at": like["check_suite"]["updated_at"], "repository": like["repository"],
            "installation": like["installation"], "sender": like["sender"],
        })
    }

    fn merged(&self) -> Value {
        let mut pull = self.pull();
        pull["merged"] = json!(true);
        self.event("pull_request/closed.1", json!({ "number": PULL, "pull_request": pull }))
    }
}

/// A process in a few lines: its task, and what it logged.
fn summary(end: &End) -> String {
    let taken = end.log.iter().find(|line| line["message"] == "task taken");
    let of = |name: &str| taken.map_or(Value::Null, |line| line[name].clone());
    let said: Vec<String> =
        end.log.iter().map(|line| format!("{} {}", line["message"], line["end"])).collect();
    format!(
        "exit {} {} {} attempt {} from {}: {}\n",
        end.status,
        of("mode"),
        of("task_id"),
        of("attempt"),
        of("time"),
        said.join(" | ")
    )
}

/// Puts values into an object, and into the objects in it.
fn merge(into: &mut Value, changes: Value) {
    match (into, changes) {
        (Value::Object(into), Value::Object(changes)) => {
            for (name, value) in changes {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, value) => *into = value,
    }
}
