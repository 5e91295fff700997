//! What GitHub keeps of a *run* that failed: check runs with their annotations, and of jobs of Actions the steps and the log.

use std::ops::ControlFlow;
use std::time::Duration;

use futures_util::StreamExt as _;
use http::{Method, StatusCode, header};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::repository::path_segment;
use super::{Effect, GitHub, exchange, first_line, limits};
use crate::call::{Call, CallError};
use crate::forge::model::{Annotation, Checker, FailedRun, FailedStep, LogEnd, Weight};
use crate::text::Raw;

/// The App whose check runs are jobs of Actions. Both have the same number.
const ACTIONS: &str = "github-actions";
/// Pages of a hundred check runs that are read of one commit.
const MAX_PAGES: u32 = 10;
/// Bytes of a log that are read: GitHub's own pages show no more.
const MAX_LOG_BYTES: usize = 64 * 1024 * 1024;
/// The longest that a log takes, in times of one call.
const LOG_CALLS: u32 = 4;

#[derive(Deserialize)]
struct CheckRuns {
    #[serde(default)]
    check_runs: Vec<CheckRun>,
}

#[derive(Deserialize)]
struct CheckRun {
    id: u64,
    name: String,
    /// Absent while it runs.
    conclusion: Option<String>,
    app: Option<App>,
    output: Output,
}

#[derive(Deserialize)]
struct App {
    slug: Option<String>,
}

#[derive(Deserialize)]
struct Output {
    title: Option<String>,
    summary: Option<String>,
    text: Option<String>,
    annotations_count: u64,
}

impl CheckRun {
    /// Whether it ran and found something. What a person canceled, or has to allow first, did not.
    fn has_failed(&self) -> bool {
        is_failure(self.conclusion.as_deref())
    }
}

fn is_failure(conclusion: Option<&str>) -> bool {
    matches!(conclusion, Some("failure" | "timed_out"))
}

impl From<CheckRun> for FailedRun {
    fn from(run: CheckRun) -> Self {
        let is_ci = run.app.and_then(|app| app.slug).as_deref() == Some(ACTIONS);
        let Output { title, summary, text, annotations_count } = run.output;
        let output: Vec<String> = [title, summary, text].into_iter().flatten().collect();
        Self {
            id: run.id,
            name: run.name,
            annotations: annotations_count,
            output: Raw::new(output.join("\n\n")),
            by: if is_ci { Checker::Ci } else { Checker::Other },
        }
    }
}

#[derive(Deserialize)]
struct OneAnnotation {
    path: Raw,
    start_line: u64,
    annotation_level: Option<String>,
    title: Option<String>,
    message: Option<String>,
    raw_details: Option<String>,
}

impl From<OneAnnotation> for Annotation {
    fn from(annotation: OneAnnotation) -> Self {
        let OneAnnotation { path, start_line, annotation_level, title, message, raw_details } = annotation;
        let text: Vec<String> = [title, message, raw_details].into_iter().flatten().collect();
        Self {
            path,
            line: start_line,
            weight: match annotation_level.as_deref() {
                Some("failure") => Weight::Failure,
                Some("warning") => Weight::Warning,
                _ => Weight::Notice,
            },
            text: Raw::new(text.join("\n")),
        }
    }
}

#[derive(Deserialize)]
struct Job {
    #[serde(default)]
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    name: Raw,
    conclusion: Option<String>,
    started_at: Option<Timestamp>,
    completed_at: Option<Timestamp>,
}

impl GitHub {
    /// The check runs of a commit that failed, the newest of each name.
    pub async fn failed_runs(&self, commit: &str) -> Result<Vec<FailedRun>, CallError> {
        let route = self.under(&format!("commits/{}/check-runs?filter=latest", path_segment(commit)));
        let mut failed = Vec::new();
        let take = |page: CheckRuns| {
            failed.extend(page.check_runs.into_iter().filter(CheckRun::has_failed).map(FailedRun::from));
            ControlFlow::Continue(())
        };
        self.pages(&route, MAX_PAGES, take).await?;
        Ok(failed)
    }

    /// The first hundred annotations of a check run.
    pub async fn annotations(&self, run: u64) -> Result<Vec<Annotation>, CallError> {
        let route = self.under(&format!("check-runs/{run}/annotations?per_page=100"));
        let found: Vec<OneAnnotation> = self.get(&route).await?;
        Ok(found.into_iter().map(Into::into).collect())
    }

    /// The steps of a job that failed.
    pub async fn failed_steps(&self, job: u64) -> Result<Vec<FailedStep>, CallError> {
        let found: Job = self.get(&self.under(&format!("actions/jobs/{job}"))).await?;
        let failed = found.steps.into_iter().filter(|step| is_failure(step.conclusion.as_deref()));
        Ok(failed
            .map(|step| FailedStep { name: step.name, began: step.started_at, ended: step.completed_at })
            .collect())
    }

    /// Reads the log of a job, piece by piece: it is never in memory as a whole.
    ///
    /// GitHub answers with the address of another host, which holds for a minute and is a secret of its own. Our token is not
    /// sent there, and no further redirect is followed. That there is no log is believed when it is said for the second time.
    pub async fn job_log(&self, job: u64, mut take: impl FnMut(&[u8])) -> Result<LogEnd, CallError> {
        let route = self.under(&format!("actions/jobs/{job}/logs"));
        let call = self.request(Method::GET, &route, Effect::Reads).call;
        let mut patience = self.patience();
        let mut is_doubted = false;
        loop {
            let mut is_empty = true;
            let seen = |piece: &[u8]| {
                is_empty &= piece.is_empty();
                take(piece);
            };
            let read = self.read_log(&route, &call, seen).await;
            let doubt = match &read {
                Ok(_) => is_empty.then(|| "the log is empty".to_owned()),
                Err(error @ (CallError::Gone { .. } | CallError::Unexpected { .. })) => {
                    Some(error.to_string())
                }
                Err(_) => None,
            };
            match (read, doubt.filter(|_| !is_doubted)) {
                (_, Some(why)) => {
                    is_doubted = true;
                    patience.before_retry(CallError::Unavailable { call: call.clone(), why }).await?;
                }
                (Err(error), None) => patience.before_retry(error).await?,
                (Ok(end), None) => return Ok(end),
            }
        }
    }

    async fn read_log(&self, route: &str, call: &Call, take: impl FnMut(&[u8])) -> Result<LogEnd, CallError> {
        let address = self.log_address(route, call).await?;
        let answer = self.log_at(&address, call).await?;
        Ok(self.stream(answer, take).await)
    }

    /// Where the log is.
    async fn log_address(&self, route: &str, call: &Call) -> Result<String, CallError> {
        let asked = exchange(&self.rest, &Method::GET, route, None::<&Value>);
        let unavailable = |why: String| CallError::Unavailable { call: call.clone(), why };
        let (head, body) = match tokio::time::timeout(self.timeout, asked).await {
            Ok(answered) => answered.map_err(unavailable)?,
            Err(_) => return Err(unavailable(format!("no answer within {} s", self.timeout.as_secs()))),
        };
        if !head.status.is_redirection() {
            if head.status.is_success() {
                let why = "the log stands in no other place".to_owned();
                return Err(CallError::Unexpected { call: call.clone(), why });
            }
            let refused =
                limits::Refused { head: &head, effect: Effect::Reads, patience: self.patience, call };
            return Err(refused.of_status(&body));
        }
        let target = head.headers.get(header::LOCATION).and_then(|target| target.to_str().ok());
        let target = target.unwrap_or_default();
        // Without TLS only this machine is spoken to.
        let is_safe = target.starts_with("https://")
            || (self.api.starts_with("http://") && target.starts_with("http://"));
        if is_safe {
            return Ok(target.to_owned());
        }
        let why = "the log stands at an address without TLS, which is not followed".to_owned();
        Err(CallError::Unexpected { call: call.clone(), why })
    }

    async fn log_at(&self, address: &str, call: &Call) -> Result<reqwest::Response, CallError> {
        let unavailable = |why: String| CallError::Unavailable { call: call.clone(), why };
        let Some(client) = &self.plain else {
            return Err(CallError::Unexpected { call: call.clone(), why: "there is no client".to_owned() });
        };
        let asked = tokio::time::timeout(self.timeout, client.get(address).send()).await;
        let answer = match asked {
            // The address is a secret.
            Ok(answer) => answer.map_err(|error| unavailable(first_line(&error.without_url())))?,
            Err(_) => return Err(unavailable(format!("no answer within {} s", self.timeout.as_secs()))),
        };
        let status = answer.status();
        let message = format!("the place of the log answers {}", status.as_u16());
        match status {
            StatusCode::OK => Ok(answer),
            StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::GONE => {
                Err(CallError::Gone { call: call.clone(), message })
            }
            _ if status.is_server_error() => Err(unavailable(message)),
            _ => Err(CallError::Unexpected { call: call.clone(), why: message }),
        }
    }

    async fn stream(&self, answer: reqwest::Response, mut take: impl FnMut(&[u8])) -> LogEnd {
        let until = tokio::time::Instant::now() + self.log_timeout();
        let mut pieces = answer.bytes_stream();
        let mut read = 0_usize;
        loop {
            match tokio::time::timeout_at(until, pieces.next()).await {
                Ok(None) => return LogEnd::Reached,
                Ok(Some(Ok(piece))) => {
                    read = read.saturating_add(piece.len());
                    take(&piece);
                    if read >= MAX_LOG_BYTES {
                        return LogEnd::Cut;
                    }
                }
                // What arrived is better than nothing.
                Ok(Some(Err(_))) | Err(_) => return LogEnd::Cut,
            }
        }
    }

    fn log_timeout(&self) -> Duration {
        self.timeout * LOG_CALLS
    }
}
