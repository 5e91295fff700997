//! A run's *clone*: the newest commit of its branch, in a folder that goes with the run.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use shared::otlp::Span;
use shared::otlp::catalog::{CLONE, VCS_BRANCH, VCS_COMMIT, VCS_PROVIDER, VCS_URL};

use super::desk::Desk;
use super::ended::Stop;
use super::{commit, spans};
use crate::call::CallError;
use crate::git::clone::{self, CloneCaps, CloneError, Cloned, Source};
use crate::git::remote::{Remote, RemoteError};
use crate::git::workspace::Workspace;
use crate::lease::Lease;
use crate::outcome::{Failure, Reason};
use crate::patience::Patience;

/// The longest that a clone takes to notice that it was interrupted: a read that waits ends with its time limit.
const CLONE_ENDS_WITHIN: Duration = Duration::from_secs(20);

/// Where a run works.
pub(super) fn folder(desk: &Desk<'_>) -> Result<tempfile::TempDir, Failure> {
    let work_dir = &desk.settings.work_dir;
    tempfile::Builder::new().prefix("task-").tempdir_in(work_dir).map_err(|error| {
        let what = format!("no working folder can be made in {}: {error}", work_dir.display());
        Failure::new(Reason::Unavailable, what, "")
    })
}

/// Clones the branch of the issue.
pub(super) async fn cloned(desk: &Desk<'_>, folder: &Path, lease: &Lease) -> Result<Workspace, Stop> {
    let span = Span::start(&CLONE)
        .with(&VCS_PROVIDER, desk.forge.provider())
        .with(&VCS_URL, desk.forge.repo().url())
        .with(&VCS_BRANCH, &desk.branch);
    let workspace = spans::part(&span, clone_branch(desk, folder, lease)).await?;
    span.set(&VCS_COMMIT, workspace.base().commit.to_string());
    Ok(workspace)
}

async fn clone_branch(desk: &Desk<'_>, folder: &Path, lease: &Lease) -> Result<Workspace, Stop> {
    let mut patience = desk.forge.patience();
    let cloned = loop {
        let error = match clone_once(desk, folder, lease).await? {
            Ok(cloned) => break cloned,
            Err(error) => error,
        };
        let is_missing = matches!(error, CloneError::NoSuchBranch { .. } | CloneError::Empty);
        if is_missing && desk.forge.branch(&desk.branch).await?.is_none() {
            return Err(commit::gone(desk).into());
        }
        before_reading_again(desk, &mut patience, "clone", &error).await?;
    };
    let workspace = Workspace::of_clone(cloned.repo, cloned.commit, &cloned.branch)
        .map_err(|error| Failure::new(Reason::Repository, error.to_string(), ""))?;
    Ok(workspace)
}

async fn clone_once(
    desk: &Desk<'_>,
    folder: &Path,
    lease: &Lease,
) -> Result<Result<Cloned, CloneError>, Stop> {
    let branch = desk.branch.clone();
    let into = folder.join("repo");
    over_git(desk, lease, move |remote, interrupt| {
        let source = Source { remote, branch: Some(&branch) };
        clone::clone(&source, &into, &CloneCaps::default(), interrupt)
    })
    .await
}

/// Reads from the git server, where blocking is allowed; ends with the lease.
async fn over_git<T: Send + 'static>(
    desk: &Desk<'_>,
    lease: &Lease,
    read: impl FnOnce(&Remote, &AtomicBool) -> Result<T, CloneError> + Send + 'static,
) -> Result<Result<T, CloneError>, Stop> {
    let remote = Remote::new(&desk.forge.repo().url(), Some(desk.forge.token().clone()))
        .map(|remote| remote.through(&desk.settings.network))
        .map_err(|error| Failure::new(Reason::Repository, error.to_string(), ""))?;
    let interrupt = Arc::new(AtomicBool::new(false));
    let flag = interrupt.clone();
    let reading = tokio::task::spawn_blocking(move || read(&remote, &flag));
    tokio::pin!(reading);
    tokio::select! {
        read = &mut reading => read.map_err(|error| {
            Failure::new(Reason::Unavailable, format!("cloning failed: {error}"), "").into()
        }),
        lost = lease.lost() => {
            interrupt.store(true, Ordering::Relaxed);
            // What it still writes would outlive the folder.
            if tokio::time::timeout(CLONE_ENDS_WITHIN, reading).await.is_err() {
                tracing::warn!("a clone that was interrupted goes on");
            }
            Err(lost.into())
        }
    }
}

/// Adds commits to a clone, with all that each holds.
pub(super) async fn fetched(
    desk: &Desk<'_>,
    workspace: &Workspace,
    commits: [gix::ObjectId; 2],
    lease: &Lease,
) -> Result<(), Stop> {
    let mut patience = desk.forge.patience();
    let have = workspace.base().commit;
    loop {
        let repo = workspace.shared().clone();
        let fetched = over_git(desk, lease, move |remote, interrupt| {
            let caps = CloneCaps::default();
            clone::fetch_commits(&repo.to_thread_local(), remote, &commits, have, &caps, interrupt)
        });
        let Err(error) = fetched.await? else { return Ok(()) };
        before_reading_again(desk, &mut patience, "fetch", &error).await?;
    }
}

/// Waits before the git server is read from once more; ends the run where that is of no use, or was done for long enough.
async fn before_reading_again(
    desk: &Desk<'_>,
    patience: &mut Patience,
    call: &str,
    error: &CloneError,
) -> Result<(), Stop> {
    let (call, why) = (desk.forge.call(call), error.to_string());
    let failed = match error {
        // The branch was made a moment ago.
        CloneError::NoSuchBranch { .. } | CloneError::Empty => CallError::NotYet { call, message: why },
        CloneError::Remote(RemoteError::NoAccess { .. }) => CallError::Unauthorized { call, message: why },
        error if error.is_transient() => CallError::Unavailable { call, why },
        error => return Err(not_cloned(error).into()),
    };
    patience.before_retry(failed).await.map_err(|failed| match failed {
        CallError::Lost(lost) => lost.into(),
        _ => not_cloned(error).into(),
    })
}

fn not_cloned(error: &CloneError) -> Failure {
    let reason = if error.is_transient() { Reason::Unavailable } else { Reason::Repository };
    Failure::new(reason, error.to_string(), "")
}
