//! The *failures* of a commit: what the checks say that failed, asked check by check.
//!
//! What cannot be had is left out with words. Nothing of it is believed: it is cleaned, secrets are struck out, and it goes
//! into the question to the model and nowhere else.

use super::desk::Desk;
use super::ended::Stop;
use super::ending;
use crate::call::CallError;
use crate::forge::model::{Annotation, Checker, FailedRun, FailedStep, LogEnd};
use crate::outbound::markup::code_span;
use crate::outcome::sentence;
use crate::repair::evidence::{Failed, Said};
use crate::repair::log::{LogTail, Span, Tail};

/// Checks that are asked. Each is up to three calls.
const MAX_ASKED: usize = 3;
/// Characters of one annotation.
const MAX_ANNOTATION: usize = 4_000;
/// Characters of what a check says of itself.
const MAX_OUTPUT: usize = 20_000;
/// Characters of a path or a name.
const MAX_NAME: usize = 200;

/// See the module's documentation.
pub(super) struct Failures {
    pub(super) failed: Vec<Failed>,
    /// What could not be had, sentences for the maintainer.
    pub(super) missing: Vec<String>,
}

/// Asks about those of the failed checks of a commit that have these names.
pub(super) async fn look(desk: &Desk<'_>, commit: &str, names: &[String]) -> Result<Failures, Stop> {
    let mut failures = Failures { failed: Vec::new(), missing: Vec::new() };
    let runs = match desk.forge.failed_runs(commit).await {
        Ok(runs) => runs,
        Err(error) => {
            let error = ending::tolerated(desk, error)?;
            failures.missing.push(format!("What the checks say could not be read: {error}."));
            return Ok(failures);
        }
    };
    let ours = runs.into_iter().filter(|run| names.contains(&run.name)).take(MAX_ASKED);
    for run in ours {
        let found = one(desk, &run, &mut failures.missing).await?;
        failures.failed.push(found);
    }
    Ok(failures)
}

async fn one(desk: &Desk<'_>, run: &FailedRun, missing: &mut Vec<String>) -> Result<Failed, Stop> {
    let clean = |text: String| desk.gate.redact(&text);
    let mut annotations = Vec::new();
    if run.annotations > 0 {
        match desk.forge.annotations(run).await {
            Ok(found) => annotations = found,
            Err(error) => {
                let error = ending::tolerated(desk, error)?;
                missing.push(not_read("the annotations", run, &error));
            }
        }
    }
    annotations.sort_by_key(|annotation| annotation.weight);
    // Warnings of a check that has errors are not why it failed.
    if let Some(gravest) = annotations.first().map(|annotation| annotation.weight) {
        annotations.retain(|annotation| annotation.weight == gravest);
    }
    let said = annotations.into_iter().map(|annotation| {
        let Annotation { path, line, text, .. } = annotation;
        let place = format!("{}:{line}", path.clean_line(MAX_NAME).as_str());
        let text = text.clean_text(MAX_ANNOTATION).as_str().to_owned();
        Said { place: clean(place), text: clean(text) }
    });
    let mut failed = Failed {
        name: clean(run.name.clone()),
        annotations: said.collect(),
        output: clean(run.output.clone().clean(MAX_OUTPUT).as_str().to_owned()),
        ..Failed::default()
    };
    if run.by == Checker::Ci {
        log(desk, run, &mut failed, missing).await?;
    }
    Ok(failed)
}

/// Reads the log of the steps that failed.
async fn log(
    desk: &Desk<'_>,
    run: &FailedRun,
    failed: &mut Failed,
    missing: &mut Vec<String>,
) -> Result<(), Stop> {
    let steps = match desk.forge.failed_steps(run).await {
        Ok(steps) => steps,
        Err(error) => {
            let error = ending::tolerated(desk, error)?;
            missing.push(not_read("the log", run, &error));
            return Ok(());
        }
    };
    let span = |step: &FailedStep| Some(Span { began: step.began?, ended: step.ended? });
    let mut tail = LogTail::new(steps.iter().filter_map(span).collect());
    let end = match desk.forge.log_of(run, |piece| tail.feed(piece)).await {
        Ok(end) => end,
        Err(error) => {
            let error = ending::tolerated(desk, error)?;
            missing.push(not_read("the log", run, &error));
            return Ok(());
        }
    };
    let name = code_span(&run.name);
    match tail.finish() {
        Tail::Lines(lines) => {
            // A key of several lines is one secret.
            let text = desk.gate.redact(&lines.join("\n"));
            failed.log = text.lines().map(str::to_owned).collect();
        }
        Tail::Empty => missing.push(format!("The log of {name} is empty.")),
        Tail::Binary => missing.push(format!("The log of {name} is not text.")),
    }
    if end == LogEnd::Cut {
        missing.push(format!("The log of {name} is too long, and its end was not read."));
    }
    let names = steps.into_iter().map(|step| step.name.clean_line(MAX_NAME).as_str().to_owned());
    failed.steps = names.map(|name| desk.gate.redact(&name)).collect();
    Ok(())
}

fn not_read(what: &str, run: &FailedRun, error: &CallError) -> String {
    let name = code_span(&run.name);
    match error {
        CallError::Forbidden { needed, .. } => {
            let needed = needed.as_deref().unwrap_or("actions=read");
            sentence(&format!(
                "{what} of {name} could not be read: the agent lacks the permission `{needed}`; its operator can grant it"
            ))
        }
        error if error.is_absence() => {
            sentence(&format!("{what} of {name} could not be read: it is not kept any longer"))
        }
        error => sentence(&format!("{what} of {name} could not be read: {error}")),
    }
}
