//! *Acceptance*: what of an answer can be used. That is edits that fit the files, keep their syntax and stay within the
//! approved plan; or the proof that nothing has to change; or a plan.

use std::collections::BTreeSet;
use std::time::Instant;

use shared::otlp::Span;
use shared::otlp::catalog::{CHANGED, CHECK};

use super::already::{self, Proof};
use super::base::Base;
use super::complaint::{Complaint, Proposed, reason_of, unlike_request};
use super::{CHECK_TIME, Cycle, Times};
use crate::bounds::Bounds;
use crate::check::{self, CheckedPatch};
use crate::context::pack::Context;
use crate::outcome::Reason;
use crate::patch::{self, ChangeKind, EditError, EditErrors, Patch, Refusal};
use crate::path::RepoPath;
use crate::plan::{Plan, PlanError};
use crate::progress::Step;
use crate::prompt;
use crate::protocol::{Action, Answer, Edit};
use crate::repair::weakening::{Weakening, weakening};

/// What an answer comes to.
pub(super) enum Accepted<T> {
    Made(T),
    /// Nothing has to change, and that was shown.
    Already(Proof),
}

/// Edits that can be committed.
pub(super) struct Change {
    pub(super) patch: CheckedPatch,
    pub(super) proposed: Proposed,
    /// Files that it changes and the approved plan does not name.
    pub(super) unplanned: Vec<RepoPath>,
    /// The refusal of those of them that the model was not told of.
    pub(super) untold: Option<Box<Complaint>>,
}

/// Whether the model may correct its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Try {
    First,
    Last,
}

/// What an answer is measured by.
#[derive(Clone, Copy)]
pub(super) struct Measure<'a> {
    /// What the approved plan names, if there is one.
    pub(super) bounds: Option<&'a Bounds>,
    pub(super) rule: Rule,
    pub(super) turn: Try,
}

/// What an answer may do to tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    Any,
    /// Neither take any away, nor change nothing else.
    KeepsTests,
}

impl Cycle<'_> {
    pub(super) fn accept_edits(
        &mut self,
        context: &Context,
        answer: &Answer,
        kept: Proposed,
        measure: Measure<'_>,
        times: &mut Times,
    ) -> Result<Accepted<Change>, Complaint> {
        (self.progress)(Step::Checking);
        let (started, span) = (Instant::now(), Span::start(&CHECK));
        let accepted = match proof_of(answer, context) {
            Some(proof) => proof.map(Accepted::Already),
            None => self.check_edits(context, answer, kept, measure).map(Accepted::Made),
        };
        times.check += started.elapsed();
        match &accepted {
            Ok(Accepted::Made(change)) => span.set(&CHANGED, change.patch.changes().len()),
            Ok(Accepted::Already(_)) => {}
            Err(complaint) => span.fail(&complaint.reason.name()),
        }
        accepted
    }

    pub(super) fn check_edits(
        &self,
        context: &Context,
        answer: &Answer,
        kept: Proposed,
        measure: Measure<'_>,
    ) -> Result<Change, Complaint> {
        let told: Vec<EditError> =
            kept.refused.iter().filter(|error| error.refusal == Refusal::Unplanned).cloned().collect();
        let all = kept.joined(answer)?;
        copies_no_example(context, &all.edits)?;
        let base = Base::of(&context.walk);
        let bounds = measure.bounds.filter(|_| measure.turn == Try::First);
        let patch = match patch::resolve(&all.edits, &context.read, self.protection, |path| base.at(path)) {
            Ok(patch) => patch,
            Err(mut error) => {
                if let EditErrors::Refused { errors, kept } = &mut error {
                    self.explain_unread(context, errors);
                    if let Some(bounds) = bounds {
                        refuse_unplanned(bounds, &all.edits, kept, errors);
                    }
                }
                return Err(refused(error, all));
            }
        };
        let unplanned = measure.bounds.map(|bounds| bounds.left_by(&patch)).unwrap_or_default();
        if bounds.is_some() && !unplanned.is_empty() {
            return Err(refused(outside(&patch, &unplanned, &all.edits), all));
        }
        let untold = untold(&patch, &unplanned, &told);
        let untold = (!untold.is_empty())
            .then(|| Box::new(refused(outside(&patch, &untold, &all.edits), all.clone())));
        match check::check(context.parsers(), patch, Instant::now() + CHECK_TIME) {
            Ok(patch) => match kept_tests(measure.rule, &patch) {
                Some(weakening) => Err(weakened(&weakening)),
                None => Ok(Change { patch, proposed: all, unplanned, untold }),
            },
            Err(errors) => Err(Complaint::new(Reason::Syntax, errors.to_string())),
        }
    }

    /// A file that cannot be read is not to be asked for.
    fn explain_unread(&self, context: &Context, errors: &mut [EditError]) {
        let repo = self.workspace.repo();
        for error in errors {
            let Refusal::Unread(path) = &error.refusal else { continue };
            if let Some(omission) = context.unreadable(&repo, path) {
                error.refusal = Refusal::Unreadable(omission);
            }
        }
    }
}

fn kept_tests(rule: Rule, patch: &CheckedPatch) -> Option<Weakening> {
    match rule {
        Rule::Any => None,
        Rule::KeepsTests => weakening(patch.changes()),
    }
}

fn weakened(weakening: &Weakening) -> Complaint {
    let text = format!(
        "The change is refused, because {weakening}. Correct the code that the checks complain of, and leave tests and workflows \
         as they are. If only a change of those can help, answer with CANNOT and say why."
    );
    let account = format!("{weakening}.");
    Complaint { account, ..Complaint::new(Reason::WeakensTests, text) }
}

/// What an answer says of nothing having to change, if it says so and nothing else.
fn proof_of(answer: &Answer, context: &Context) -> Option<Result<Proof, Complaint>> {
    let solved = answer.solved.as_ref()?;
    match &answer.edits {
        Ok(edits) if edits.is_empty() => {
            Some(already::prove(solved, &context.read, |path| context.is_readable(path)))
        }
        Ok(_) => Some(Err(Complaint::new(
            Reason::Unfounded,
            "It says that nothing has to change, and proposes a change. Send one of the two.",
        ))),
        // Why that cannot be read comes first.
        Err(_) => None,
    }
}

/// The plan in an answer.
pub(super) fn accept_plan(answer: &Answer, context: &Context) -> Result<Accepted<Plan>, Complaint> {
    let error = match Plan::of(answer) {
        Ok(plan) => return Ok(Accepted::Made(plan)),
        Err(error) => error,
    };
    if let Some(proof) = proof_of(answer, context) {
        return proof.map(Accepted::Already);
    }
    Err(match (&answer.cannot, error) {
        (Some(why), _) => Complaint::new(Reason::Declined, why),
        (None, error @ PlanError::MissingSection(_)) if !answer.requests.is_empty() => Complaint::new(
            Reason::NoPlan,
            format!("It asks to see more, but nothing more can be shown. {error}"),
        ),
        (None, error) => Complaint::new(Reason::NoPlan, format!("{error}{}", unlike_request(answer))),
    })
}

/// Refuses what was copied from the worked example.
fn copies_no_example(context: &Context, edits: &[Edit]) -> Result<(), Complaint> {
    let is_copied = |path: &str| {
        prompt::is_of_example(path)
            && RepoPath::parse(path).ok().is_none_or(|path| context.walk.get(&path).is_none())
    };
    let Some(edit) = edits.iter().find(|edit| is_copied(&edit.path)) else { return Ok(()) };
    let complaint = Complaint::new(
        Reason::EditsDoNotApply,
        format!(
            "It changes `{}`, which is a path of the instructions and not of this repository. Change the files of the issue that \
             were given to you, under their own paths.",
            edit.path
        ),
    );
    let account =
        format!("`{}` was copied from the instructions; the repository has no such file.", edit.path);
    Err(Complaint { account, ..complaint })
}

/// What is wrong with edits that were refused, and what stands of them.
fn refused(error: EditErrors, all: Proposed) -> Complaint {
    let complaint = Complaint::new(reason_of(&error), error.to_string());
    let EditErrors::Refused { errors, kept: edits } = error else { return complaint };
    let account: Vec<String> =
        errors.iter().map(|error| format!("{}: {}.", error.path, error.refusal.account())).collect();
    Complaint {
        account: account.join("\n"),
        kept: Box::new(Proposed { edits, refused: errors, ..all }),
        ..complaint
    }
}

/// The edits of a patch that leave the plan, refused; the others are kept.
fn outside(patch: &Patch, unplanned: &[RepoPath], edits: &[Edit]) -> EditErrors {
    let mut paths: BTreeSet<&RepoPath> = unplanned.iter().collect();
    for change in patch.changes().iter().filter(|change| unplanned.contains(change.path())) {
        if let ChangeKind::Rename { from } | ChangeKind::Copy { from } = change.kind() {
            paths.insert(from);
        }
    }
    let numbers: BTreeSet<usize> = patch
        .applied()
        .iter()
        .filter(|applied| paths.contains(&applied.path))
        .map(|applied| applied.number)
        .collect();
    let (mut errors, mut kept) = (Vec::new(), Vec::new());
    for (number, edit) in (1..).zip(edits) {
        if numbers.contains(&number) {
            errors.push(unplanned_edit(number, edit));
        } else {
            kept.push(edit.clone());
        }
    }
    EditErrors::Refused { errors, kept }
}

/// Files outside of the plan that none of these refusals was about.
fn untold(patch: &Patch, unplanned: &[RepoPath], told: &[EditError]) -> Vec<RepoPath> {
    let is_told = |path: &RepoPath| told.iter().any(|error| error.path == path.as_str());
    let outside = patch.changes().iter().filter(|change| unplanned.contains(change.path()));
    let new = outside.filter(|change| match change.kind() {
        ChangeKind::Rename { from } | ChangeKind::Copy { from } => !is_told(change.path()) && !is_told(from),
        _ => !is_told(change.path()),
    });
    new.map(|change| change.path().clone()).collect()
}

/// Refuses of the edits that are fine those whose path, as it is written, the plan does not name.
fn refuse_unplanned(bounds: &Bounds, edits: &[Edit], kept: &mut Vec<Edit>, errors: &mut Vec<EditError>) {
    let has = |path: &str| RepoPath::parse(path).is_ok_and(|path| bounds.has(&path));
    // A file that is moved is named by either of its paths.
    let is_moved = |path: &str| {
        edits.iter().any(|edit| match &edit.action {
            Action::Rename { to } => (to == path || edit.path == path) && (has(&edit.path) || has(to)),
            _ => false,
        })
    };
    kept.retain(|edit| {
        if has(&edit.path) || is_moved(&edit.path) {
            return true;
        }
        let number = edits.iter().position(|other| other == edit).map_or(1, |at| at + 1);
        errors.push(unplanned_edit(number, edit));
        false
    });
    errors.sort_by_key(|error| error.number);
}

fn unplanned_edit(number: usize, edit: &Edit) -> EditError {
    EditError { number, line: edit.line, path: edit.path.clone(), refusal: Refusal::Unplanned }
}
