//! A *clone* is the newest commit of one branch of a remote, with everything that commit holds, in a bare repository.
//!
//! Nothing is checked out, so nothing in the repository can act: no link, no hook, no filter, no submodule, and a tree
//! of ten million paths costs what its few objects cost. The remote is not written into the clone's configuration.

use std::io::{self, Read as _};
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use gix::ObjectId;
use gix::protocol::fetch;
use gix::protocol::fetch::negotiate::{Action, Round, one_round};
use gix::refs::transaction::{PreviousValue, RefEdit};
use gix::refs::{FullName, Target};

use crate::causes::chain;
use crate::git::remote::{Head, Remote, RemoteError, Session, UploadPack, Watch, agent, head_of, tip_of};

/// How often the indexing of a pack learns that it must stop.
const TICK: Duration = Duration::from_millis(50);

/// What to clone.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    pub remote: &'a Remote,
    /// `None` for the branch that the host calls the default.
    pub branch: Option<&'a str>,
}

/// What one clone or fetch may take.
#[derive(Clone, Copy, Debug)]
pub struct CloneCaps {
    pub time: Duration,
    /// Received, in bytes.
    pub bytes: u64,
    /// The largest single object, inflated, in bytes: a small pack cannot fill the memory.
    pub object: usize,
    /// How many objects: an index of a million takes 150 MB of memory to make.
    pub objects: u32,
}

impl Default for CloneCaps {
    /// 5 minutes, 2 GiB, and a million objects of at most 128 MiB; GitHub blocks files over 100 MiB
    /// (its documentation, "About large files on GitHub").
    fn default() -> Self {
        Self {
            time: Duration::from_mins(5),
            bytes: 2 * 1024 * 1024 * 1024,
            object: 128 * 1024 * 1024,
            objects: 1_000_000,
        }
    }
}

/// What was cloned.
pub struct Cloned {
    pub repo: gix::ThreadSafeRepository,
    pub commit: ObjectId,
    /// Without `refs/heads/`.
    pub branch: String,
    /// What the host sent, in bytes.
    pub received: u64,
}

/// Why there is no clone.
#[derive(Debug, thiserror::Error)]
pub enum CloneError {
    #[error(transparent)]
    Remote(#[from] RemoteError),
    #[error("the repository is empty; commit something first")]
    Empty,
    #[error("the repository has no branch {branch:?}")]
    NoSuchBranch { branch: String },
    #[error("the repository's HEAD is on no branch; name the branch to start from")]
    NoDefaultBranch,
    #[error("the repository holds an object of more than {limit} bytes, the largest that is taken")]
    ObjectTooLarge { limit: usize },
    #[error("the repository's newest commit holds {found} objects, more than the {limit} that are taken")]
    TooManyObjects { found: u32, limit: u32 },
    #[error("the clone cannot be written: {reason}")]
    Disk { reason: String },
}

impl CloneError {
    /// Whether the same clone may succeed a little later, with nobody changing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Remote(error) => error.is_transient(),
            // Another machine, or this one after its cleaning, may have room.
            Self::Disk { .. } => true,
            Self::Empty
            | Self::NoSuchBranch { .. }
            | Self::NoDefaultBranch
            | Self::ObjectTooLarge { .. }
            | Self::TooManyObjects { .. } => false,
        }
    }
}

/// Clones `source` into the folder `into`, which must be missing or empty and is removed again on failure.
///
/// Blocks for at most `caps.time`, and stops within moments once `interrupt` is set; call it where blocking is allowed.
pub fn clone(
    source: &Source<'_>,
    into: &Path,
    caps: &CloneCaps,
    interrupt: &AtomicBool,
) -> Result<Cloned, CloneError> {
    let watch = Watch::start(caps.time, interrupt);
    let mut remote = UploadPack::open(Session::open(source.remote, &watch)?)?;
    let (name, commit) = branch_to_clone(&mut remote, source.branch)?;

    let mut folder = Folder::claim(into)?;
    let repo = gix::ThreadSafeRepository::init_opts(
        into,
        gix::create::Kind::Bare,
        gix::create::Options::default(),
        options(caps),
    )
    .map_err(|error| disk(&error))?
    .to_thread_local();
    let received = receive(remote, &repo, Want { tips: vec![commit], base: None }, caps, &watch)?;
    name_commit(&repo, &name, commit).map_err(|error| disk(&error))?;

    let repo = gix::ThreadSafeRepository::open_opts(into, options(caps)).map_err(|error| disk(&error))?;
    folder.keep();
    let branch = name.shorten().to_string();
    Ok(Cloned { repo, commit, branch, received })
}

/// Adds commits of the remote to a clone, each with everything that it holds and without its parents.
///
/// `have` is a commit that the clone has, so that what it holds is not sent again. No reference is written.
pub fn fetch_commits(
    repo: &gix::Repository,
    remote: &Remote,
    commits: &[ObjectId],
    have: ObjectId,
    caps: &CloneCaps,
    interrupt: &AtomicBool,
) -> Result<(), CloneError> {
    let mut tips: Vec<ObjectId> =
        commits.iter().copied().filter(|commit| !repo.has_object(*commit)).collect();
    tips.sort_unstable();
    tips.dedup();
    if tips.is_empty() {
        return Ok(());
    }
    let watch = Watch::start(caps.time, interrupt);
    let remote = UploadPack::open(Session::open(remote, &watch)?)?;
    let want = Want { tips, base: Some(have) };
    receive(remote, repo, want, caps, &watch).map(drop)
}

/// The full name of the branch, and its commit.
fn branch_to_clone(
    remote: &mut UploadPack<'_>,
    branch: Option<&str>,
) -> Result<(FullName, ObjectId), CloneError> {
    let wanted = match branch {
        Some(branch) => {
            let target = format!("refs/heads/{branch}");
            let tip = tip_of(&remote.refs(&[&target])?, &target);
            Some(Head { target, tip })
        }
        None => head_of(&remote.refs(&["HEAD"])?),
    };
    if let Some(Head { target, tip: Some(tip) }) = &wanted
        && target.starts_with("refs/heads/")
        && let Ok(name) = FullName::try_from(target.as_str())
    {
        return Ok((name, *tip));
    }
    if !has_branches(remote)? {
        return Err(CloneError::Empty);
    }
    Err(match wanted.as_ref().and_then(|head| head.target.strip_prefix("refs/heads/")) {
        Some(branch) => CloneError::NoSuchBranch { branch: branch.to_owned() },
        None => CloneError::NoDefaultBranch,
    })
}

fn has_branches(remote: &mut UploadPack<'_>) -> Result<bool, CloneError> {
    // An empty repository of an old protocol may list its unborn HEAD; only branches count.
    Ok(remote.refs(&["refs/heads/"])?.iter().any(|found| {
        let (name, _, _) = found.unpack();
        name.starts_with(b"refs/heads/")
    }))
}

/// What is asked of the remote: commits, without the history behind each.
struct Want {
    tips: Vec<ObjectId>,
    base: Option<ObjectId>,
}

/// There is nothing to find out about what both sides have: all is said in one request.
impl fetch::Negotiate for Want {
    fn mark_complete_and_common_ref(&mut self) -> gix::Result<Action> {
        Ok(Action::MustNegotiate { remote_ref_target_known: vec![false; self.tips.len()] })
    }

    fn add_wants(&mut self, arguments: &mut fetch::Arguments, _known: &[bool]) -> bool {
        for tip in &self.tips {
            arguments.want(tip);
        }
        true
    }

    fn one_round(
        &mut self,
        _state: &mut one_round::State,
        arguments: &mut fetch::Arguments,
        _previous: Option<&fetch::Response>,
    ) -> gix::Result<(Round, bool)> {
        if let Some(base) = self.base {
            arguments.have(base);
        }
        let haves = usize::from(self.base.is_some());
        let round = Round {
            haves_sent: haves,
            in_vain: 0,
            haves_to_send: haves,
            previous_response_had_at_least_one_in_common: false,
        };
        Ok((round, true))
    }
}

/// Fetches and indexes one pack, and says how much the conversation received, in bytes.
fn receive(
    mut remote: UploadPack<'_>,
    repo: &gix::Repository,
    mut want: Want,
    caps: &CloneCaps,
    watch: &Watch<'_>,
) -> Result<u64, CloneError> {
    let shallow_file = repo.shallow_file().map_err(|error| disk(&error))?;
    let packs = repo.objects.store_ref().path().join("pack");
    // What the remote knows us to have may come as a difference to it.
    let bases = want.base.map(|_| repo.objects.clone());
    let shallow = fetch::Shallow::DepthAtRemote(NonZeroU32::MIN);
    let write = gix_pack::bundle::write::Options {
        alloc_limit_bytes: Some(caps.object),
        ..gix_pack::bundle::write::Options::default()
    };
    let mut too_many = None;
    remote.session.allow(caps.bytes);
    let fetched = with_stop(watch, |stop| {
        gix::protocol::fetch(
            &mut want,
            |pack, progress, stop| {
                let mut header = [0; 12];
                pack.read_exact(&mut header).map_err(gix::Error::from_error)?;
                let (_version, found) = gix_pack::data::header::decode(&header)?;
                if found > caps.objects {
                    too_many = Some(found);
                    return Err(gix::Error::from_error(io::Error::other("too many objects")));
                }
                let written = gix_pack::Bundle::write_to_directory(
                    &mut header.chain(pack),
                    Some(&packs),
                    progress,
                    stop,
                    bases,
                    repo.object_hash(),
                    write,
                )?;
                // It guards against garbage collection, which this repository will not live to see.
                if let Some(keep) = written.keep_path {
                    std::fs::remove_file(keep).map_err(gix::Error::from_error)?;
                }
                Ok(true)
            },
            gix::progress::Discard,
            stop,
            fetch::Context {
                handshake: &mut remote.connection.handshake,
                transport: &mut remote.connection.transport,
                user_agent: agent(),
                trace_packetlines: false,
            },
            fetch::Options {
                shallow_file,
                shallow: &shallow,
                tags: fetch::Tags::None,
                reject_shallow_remote: false,
            },
        )
    });
    if let Some(found) = too_many {
        return Err(CloneError::TooManyObjects { found, limit: caps.objects });
    }
    fetched.map_err(|error| failed(&remote.session, &error, caps))?;
    Ok(remote.session.received())
}

/// Lends `work` a flag that is set when `watch` says that it must end.
fn with_stop<T>(watch: &Watch<'_>, work: impl FnOnce(&AtomicBool) -> T) -> T {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (done, finished) = mpsc::channel::<()>();
        let stop = &stop;
        scope.spawn(move || {
            while finished.recv_timeout(TICK) == Err(mpsc::RecvTimeoutError::Timeout) {
                if watch.check().is_err() {
                    stop.store(true, Ordering::Relaxed);
                    return;
                }
            }
        });
        let outcome = work(stop);
        drop(done);
        outcome
    })
}

/// Why a pack could not be received: the conversation, the disk, or what is in the pack.
fn failed(session: &Session<'_>, error: &gix::Error, caps: &CloneCaps) -> CloneError {
    let explained = session.explain(error);
    if !matches!(explained, RemoteError::Protocol { .. }) {
        return CloneError::Remote(explained);
    }
    if error.is_resource_exhausted() {
        return CloneError::ObjectTooLarge { limit: caps.object };
    }
    let on_disk = error.downcast_any_ref::<io::Error>().is_some_and(|error| {
        matches!(
            error.kind(),
            io::ErrorKind::StorageFull
                | io::ErrorKind::QuotaExceeded
                | io::ErrorKind::FileTooLarge
                | io::ErrorKind::ReadOnlyFilesystem
                | io::ErrorKind::PermissionDenied
        )
    });
    if on_disk { disk(error) } else { CloneError::Remote(explained) }
}

fn disk(error: &dyn std::error::Error) -> CloneError {
    CloneError::Disk { reason: chain(error) }
}

/// Sets the branch, and `HEAD` to the branch.
fn name_commit(repo: &gix::Repository, name: &FullName, commit: ObjectId) -> gix::Result<()> {
    let head = FullName::try_from("HEAD").map_err(gix::Error::from_error)?;
    let log = "clone";
    let edits = [
        RefEdit::update(name.clone(), commit, PreviousValue::Any, log),
        RefEdit::update(head, Target::Symbolic(name.clone()), PreviousValue::Any, log),
    ];
    repo.edit_references_as(edits, None)?;
    Ok(())
}

/// Nothing of the machine's or the user's configuration is read, no environment, and no object larger than the cap.
fn options(caps: &CloneCaps) -> gix::open::Options {
    gix::open::Options::isolated()
        .open_path_as_is(true)
        .config_overrides([format!("gitoxide.objects.allocLimit={}", caps.object)])
}

/// The folder of a clone in the making, removed with all that is in it unless it is kept.
struct Folder<'a> {
    path: &'a Path,
    kept: bool,
}

impl<'a> Folder<'a> {
    /// Takes a folder that is missing or empty.
    fn claim(path: &'a Path) -> Result<Self, CloneError> {
        match std::fs::read_dir(path) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    return Err(CloneError::Disk { reason: format!("{} is not empty", path.display()) });
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(disk(&error)),
        }
        Ok(Self { path, kept: false })
    }

    fn keep(&mut self) {
        self.kept = true;
    }
}

impl Drop for Folder<'_> {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        match std::fs::remove_dir_all(self.path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::warn!(path = %self.path.display(), %error, "the rest of a failed clone could not be removed");
            }
        }
    }
}
