//! The *spans* of a run: its parts, as a trace shows them.

use shared::issue::PullRequestNumber;
use shared::otlp::Span;
use shared::otlp::catalog::{COMMIT, PUBLISH, VCS_BRANCH, VCS_CHANGE};

use super::desk::Desk;
use super::ended::Stop;

/// Does a part of a run, which has failed where it answers with a [`Stop`].
pub(super) async fn part<T>(span: &Span, work: impl Future<Output = Result<T, Stop>>) -> Result<T, Stop> {
    let done = span.run(work).await;
    if let Err(stop) = &done {
        span.fail(&why(stop));
    }
    done
}

/// Puts a commit onto the branch of a run.
pub(super) async fn committed<T>(
    desk: &Desk<'_>,
    work: impl Future<Output = Result<T, Stop>>,
) -> Result<T, Stop> {
    let span = Span::start(&COMMIT).with(&VCS_BRANCH, &desk.branch);
    // Boxed, so that a future is not as many times as large as there are layers around it.
    part(&span, Box::pin(work)).await
}

/// Tells on a pull request that is there what became of it.
pub(super) async fn published<T>(
    desk: &Desk<'_>,
    pull_request: PullRequestNumber,
    work: impl Future<Output = Result<T, Stop>>,
) -> Result<T, Stop> {
    let span =
        Span::start(&PUBLISH).with(&VCS_BRANCH, &desk.branch).with(&VCS_CHANGE, pull_request.to_string());
    part(&span, Box::pin(work)).await
}

/// Why a run stopped, in a word.
fn why(stop: &Stop) -> String {
    match stop {
        Stop::Call(error) => error.kind().to_owned(),
        Stop::Failure(failure) | Stop::Moved(failure) => failure.reason.name(),
        Stop::Ended(ended) => ended.kind().error.unwrap_or_else(|| "nothing".to_owned()),
        Stop::CalledOff(_) => "canceled".to_owned(),
    }
}
