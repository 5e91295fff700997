use serde_json::json;
use shared::repo::HostPolicy;

use super::*;

const OURS: &str = "0123456789abcdef0123456789abcdef";
const THEIRS: &str = "fedcba9876543210fedcba9876543210";
const FINISHED: Option<InTheWay> = Some(InTheWay::Finished);
const DOUBLE: Option<InTheWay> = Some(InTheWay::Double);
const OTHER: Option<InTheWay> = Some(InTheWay::Other);
const ANSWERED: Option<InTheWay> = Some(InTheWay::Answered);

/// A time on one morning.
fn at(clock: &str) -> Timestamp {
    format!("2026-11-21T{clock}Z").parse().unwrap()
}

fn task(mode: &str, asked: &str) -> Task {
    let mut message = json!({
        "repo_url": "https://github.com/octo/hello", "issue_id": 1, "mode": mode, "trigger_user": "dev1",
        "task_id": OURS, "triggered_at": at(asked),
    });
    if mode == "approve" {
        message["pull_request"] = 2.into();
        message["comment_id"] = 3.into();
    }
    Task::parse(message.to_string().as_bytes(), &HostPolicy::github()).unwrap()
}

/// What a run that began at 10:00:00 says at 10:00:20.
fn status(task: &str, phase: Phase, delivery: Option<u32>, answered: Option<&str>) -> Status {
    Status {
        task: task.to_owned(),
        phase,
        since: at("09:00:00"),
        asked: None,
        proposal: None,
        already: None,
        follow_up: None,
        request: None,
        by: Some(Holder { delivery, publication: None, since: at("10:00:00") }),
        answered: answered.map(str::to_owned),
        done: false,
        refused: false,
        again: false,
        passed: false,
        issue: None,
        spent: None,
        bill: None,
        barred: None,
        until: None,
    }
}

fn check(task: &Task, delivery: Option<u32>, now: &str, status: Status) -> Option<InTheWay> {
    let run = Holder { delivery, publication: None, since: at(now) };
    let claimant = Claimant { task, run: &run, deadline: Duration::from_mins(45) };
    in_the_way(&claimant, &[StatusComment { id: 7, written_at: at("10:00:20"), status }])
}

/// Deliveries are counted for each message: a second one of the same task that came back says nothing about the first.
#[test]
fn another_message_of_the_same_task_takes_nothing_over() {
    let first = task("quickfix", "09:59:00");
    for (ours, theirs, now, expected) in [
        (Some(1), Some(1), "10:00:05", None),
        (Some(2), Some(1), "10:00:05", DOUBLE),
        (Some(2), Some(1), "10:45:00", None),
        (None, Some(1), "10:00:05", None),
        (Some(2), None, "10:00:05", None),
    ] {
        let run = Holder { delivery: Some(2), publication: ours, since: at(now) };
        let claimant = Claimant { task: &first, run: &run, deadline: Duration::from_mins(45) };
        let by = Holder { delivery: Some(1), publication: theirs, since: at("10:00:00") };
        let status = Status { by: Some(by), ..status(OURS, Phase::Working, None, None) };
        let said = StatusComment { id: 7, written_at: at("10:00:20"), status };
        assert_eq!(in_the_way(&claimant, &[said]), expected, "{ours:?} {theirs:?} {now}");
    }
}

#[test]
fn an_earlier_run_of_the_same_task_is_in_the_way_unless_its_message_came_back() {
    use Phase::{Ended, Waiting, Working};
    let first = task("quickfix", "09:59:00");
    for (theirs, phase, ours, now, expected) in [
        (Some(1), Working, Some(1), "10:00:05", DOUBLE),
        (Some(2), Working, Some(1), "10:00:05", DOUBLE),
        (Some(1), Working, Some(2), "10:00:05", None),
        (Some(1), Working, None, "10:00:05", None),
        (None, Working, Some(1), "10:00:05", DOUBLE),
        (Some(1), Working, Some(1), "10:44:59", DOUBLE),
        (Some(1), Working, Some(1), "10:45:00", None),
        (Some(1), Waiting, Some(1), "10:00:05", None),
        (Some(1), Ended, Some(2), "10:00:05", FINISHED),
        (Some(1), Ended, None, "12:00:00", FINISHED),
    ] {
        let found = check(&first, ours, now, status(OURS, phase, theirs, None));
        assert_eq!(found, expected, "{theirs:?} {phase:?} {ours:?} {now}");
    }
}

#[test]
fn a_run_of_another_task_is_in_the_way_until_its_time_is_over() {
    use Phase::{Ended, Waiting, Working};
    for (phase, ours, now, expected) in [
        (Working, Some(1), "10:00:05", OTHER),
        (Working, Some(3), "10:00:05", OTHER),
        (Working, None, "10:00:05", OTHER),
        (Waiting, Some(1), "10:00:05", OTHER),
        (Working, Some(1), "10:45:00", None),
        (Waiting, Some(1), "10:45:00", None),
        (Ended, Some(1), "10:00:05", None),
    ] {
        let found = check(&task("quickfix", "10:00:04"), ours, now, status(THEIRS, phase, Some(1), None));
        assert_eq!(found, expected, "{phase:?} {ours:?} {now}");
    }
}

/// What checks say is told more than once, so that an earlier word of the same task hides nobody who works.
#[test]
fn behind_its_own_end_a_task_sees_who_works() {
    let task = task("quickfix", "10:00:04");
    let run = Holder { delivery: Some(1), publication: None, since: at("10:00:05") };
    let claimant = Claimant { task: &task, run: &run, deadline: Duration::from_mins(45) };
    let said = |id, of, phase| StatusComment {
        id,
        written_at: at("10:00:20"),
        status: status(of, phase, Some(1), None),
    };
    let statuses = [said(7, OURS, Phase::Ended), said(8, THEIRS, Phase::Working)];
    assert_eq!(in_the_way(&claimant, &statuses), FINISHED);
    assert_eq!(at_work(&claimant, &statuses), OTHER);
    assert_eq!(at_work(&claimant, &statuses[..1]), None);
}

#[test]
fn a_wish_from_before_an_answer_has_that_answer() {
    for (mode, asked, answered, expected) in [
        ("quickfix", "10:00:02", Some("quickfix"), ANSWERED),
        ("plan", "10:00:02", Some("quickfix"), ANSWERED),
        ("quickfix", "10:00:20", Some("plan"), ANSWERED),
        ("quickfix", "10:00:21", Some("quickfix"), None),
        // Refused or canceled.
        ("quickfix", "10:00:02", None, None),
        // An approval is asked for by a comment of its own, and answers no label.
        ("approve", "10:00:02", Some("plan"), None),
        ("quickfix", "10:00:02", Some("approve"), None),
    ] {
        let found =
            check(&task(mode, asked), Some(1), "10:00:25", status(THEIRS, Phase::Ended, Some(1), answered));
        assert_eq!(found, expected, "{mode} {asked} {answered:?}");
    }
}
