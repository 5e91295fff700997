use super::*;

fn at() -> CommandAt {
    CommandAt { pull_request: None, comment: Comment::Issue(NonZeroU64::MIN) }
}

fn all() -> [Mode; 9] {
    [
        Mode::QuickFix,
        Mode::Plan,
        Mode::Revise(at()),
        Mode::Approve(at()),
        Mode::Fix(at()),
        Mode::Ci(at()),
        Mode::Update(at()),
        Mode::Checks,
        Mode::Closed,
    ]
}

#[test]
fn every_mode_has_a_name_that_is_its_form_in_messages() {
    assert_eq!(all().map(Mode::kind), ModeKind::ALL);
    let names = ["quickfix", "plan", "revise", "approve", "fix", "ci", "update", "checks", "closed"];
    for (kind, name) in ModeKind::ALL.into_iter().zip(names) {
        assert_eq!(kind.to_string(), name);
        assert_eq!(ModeKind::named(name), Some(kind));
        let json = format!("\"{name}\"");
        assert_eq!(serde_json::to_string(&kind).unwrap(), json);
        assert_eq!(serde_json::from_str::<ModeKind>(&json).unwrap(), kind);
    }
    for name in ["", "Plan", "retry", "quick-fix", "plan "] {
        assert_eq!(ModeKind::named(name), None, "{name:?}");
    }
}

/// What stands out about each mode; what is not named here does not apply to it.
fn traits(mode: Mode) -> Vec<&'static str> {
    let kind = mode.kind();
    let all = [
        (kind.begins_work(), "begins work"),
        (kind.needs_trigger_label(), "needs the trigger label"),
        (kind.makes() == Product::Plan, "makes a plan"),
        (kind.makes_commit(), "makes a commit"),
        (kind.skips_plan(), "skips the plan"),
        (kind.replaces_description(), "replaces the description"),
        (!kind.shows_on_labels(), "leaves the labels"),
        (!kind.is_asked_for(), "nobody asks"),
        (kind.waits_its_turn(), "waits its turn"),
        (kind.is_answered_when_closed(), "is answered when closed"),
        (kind.outlives_issue(), "outlives the issue"),
        (kind.is_told_to_reviewers(), "is told to reviewers"),
        (mode.start() == Start::Request(Request::Issue), "begins with the issue"),
        (mode.start() == Start::Request(Request::ApprovedPlan(at())), "begins with the approved plan"),
        (mode.start() == Start::Request(Request::Feedback(at())), "begins with feedback"),
        (mode.start() == Start::Request(Request::Reviews(at())), "begins with reviews"),
        (mode.start() == Start::Request(Request::Release(at())), "begins with held checks"),
        (mode.start() == Start::Request(Request::Base(at())), "begins with the base"),
        (mode.start() == Start::Event(Event::Checks), "begins with checks"),
        (mode.start() == Start::Event(Event::End), "begins with the end"),
        (mode.command() == Some(at()), "has a command"),
        (kind.is_about_end(), "is about the end"),
    ];
    all.into_iter().filter_map(|(applies, what)| applies.then_some(what)).collect()
}

#[test]
fn each_mode_answers_every_question() {
    assert_eq!(
        all().map(traits),
        [
            vec![
                "begins work",
                "needs the trigger label",
                "makes a commit",
                "skips the plan",
                "begins with the issue"
            ],
            vec![
                "begins work",
                "needs the trigger label",
                "makes a plan",
                "makes a commit",
                "begins with the issue"
            ],
            vec!["makes a plan", "is answered when closed", "begins with feedback", "has a command"],
            vec![
                "makes a commit",
                "replaces the description",
                "is answered when closed",
                "begins with the approved plan",
                "has a command"
            ],
            vec![
                "makes a commit",
                "leaves the labels",
                "waits its turn",
                "is answered when closed",
                "outlives the issue",
                "is told to reviewers",
                "begins with reviews",
                "has a command"
            ],
            vec![
                "leaves the labels",
                "is answered when closed",
                "outlives the issue",
                "begins with held checks",
                "has a command"
            ],
            vec![
                "makes a commit",
                "leaves the labels",
                "waits its turn",
                "is answered when closed",
                "outlives the issue",
                "is told to reviewers",
                "begins with the base",
                "has a command"
            ],
            vec!["makes a commit", "leaves the labels", "nobody asks", "begins with checks"],
            vec!["leaves the labels", "nobody asks", "begins with the end", "is about the end"],
        ]
    );
}

#[test]
fn only_the_beginnings_of_work_answer_each_other() {
    use ModeKind::{Plan, QuickFix};
    for mode in ModeKind::ALL {
        for other in ModeKind::ALL {
            let both = [mode, other].iter().all(|kind| [QuickFix, Plan].contains(kind));
            assert_eq!(mode.is_answered_by(other), both, "{mode} {other}");
        }
    }
}

#[test]
fn a_task_is_tried_again_by_its_command_as_long_as_that_means_something() {
    let revise = "Comment `/revise` and what should be different to try again.";
    let approve = "Comment `/approve` on the pull request to try again.";
    let ci = "Comment `/ci` on the pull request to try again.";
    let fix = "Comment `/retry` on the pull request to try again.";
    let update = "Comment `/update` on the pull request to try again.";
    assert_eq!(ModeKind::ALL.map(ModeKind::again), [RETRY, RETRY, revise, approve, fix, ci, update, "", ""]);
    let published = "The change is on the branch of the pull request. Review it as it is; or close the pull request, \
                     and comment `/retry` on the issue to start again.";
    assert_eq!(
        ModeKind::ALL.map(ModeKind::again_after_commit),
        [RETRY, RETRY, revise, published, fix, ci, update, "", ""]
    );
}

#[test]
fn the_labels_of_an_issue_choose_its_mode() {
    for (labels, expected) in [
        (&[][..], Mode::Plan),
        (&["ai-help", "bug"], Mode::Plan),
        (&["ai-help", "quickfix"], Mode::QuickFix),
        (&["QuickFix"], Mode::QuickFix),
        (&["quickfixes"], Mode::Plan),
    ] {
        assert_eq!(Mode::of_issue(labels.iter().copied(), "quickfix"), expected, "{labels:?}");
    }
    assert_eq!(Mode::of_issue(["СРОЧНО"], "срочно"), Mode::QuickFix);
}

#[test]
fn each_command_asks_for_something() {
    for (text, expected) in [
        ("/approve", Asked::Task(Mode::Approve(at()))),
        ("/revise use tokio", Asked::Task(Mode::Revise(at()))),
        ("/fix the names", Asked::Task(Mode::Fix(at()))),
        ("/ci", Asked::Task(Mode::Ci(at()))),
        ("/update", Asked::Task(Mode::Update(at()))),
        ("/retry", Asked::IssueAgain),
        ("/stop", Asked::Stop),
    ] {
        assert_eq!(Mode::of_command(&Command::parse(text).unwrap(), at()), expected);
    }
    let on_pull_request = CommandAt { pull_request: Some(NonZeroU64::MIN.into()), ..at() };
    assert_eq!(Mode::of_command(&Command::Retry, on_pull_request), Asked::Task(Mode::Fix(on_pull_request)));
}
