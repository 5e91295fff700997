//! **GitHub**, as far as a program can tell that turns issues into pull requests: a server on the wire with state of its own.
//!
//! A test builds a [`World`], starts it, points a program at [`GitHub::url`], and compares [`GitHub::snapshot`] with what it expects. Each
//! request is held against GitHub's published description, each answer too; [`GitHub::finish`] fails the test if anything was amiss, or if an
//! ordered fault never happened. The operations that are played, by GitHub's names for them:
//!
//! - meta/root, meta/get, rate-limit/get, users/get-authenticated, users/get-by-username
//! - apps/…: get-authenticated, list-installations, get-installation, get-repo-installation, create-installation-access-token, revoke-installation-access-token,
//!   list-repos-accessible-to-installation, list-webhook-deliveries, redeliver-webhook-delivery
//! - repos/…: get, get-collaborator-permission-level, list-branches, get-branch, get-content, list-commits, get-commit, compare-commits,
//!   get-combined-status-for-ref, list-webhook-deliveries, redeliver-webhook-delivery
//! - checks/…: list-for-ref, list-annotations; actions/…: get-job-for-workflow-run, download-job-logs-for-workflow-run, whose redirect leads
//!   to another host (`logs:read`), which refuses whoever brings a token
//! - issues/…: list-for-repo, create, get, update, list-comments, create-comment, get-comment, update-comment, delete-comment,
//!   list-labels-on-issue, add-labels, set-labels, remove-label, list-labels-for-repo, create-label, get-label, add-assignees,
//!   remove-assignees, list-events-for-timeline
//! - reactions/…: create-for-issue, list-for-issue, create-for-issue-comment, list-for-issue-comment,
//!   create-for-pull-request-review-comment
//! - pulls/…: list, create, get, update, list-files, list-commits, list-reviews, list-review-comments (both empty),
//!   list-requested-reviewers, request-reviewers, create-reply-for-review-comment
//! - git/…: get-ref, list-matching-refs, create-ref, update-ref, delete-ref, get-commit, create-commit, get-tree, create-tree, get-blob,
//!   create-blob
//! - graphql:…: createCommitOnBranch, markPullRequestReadyForReview, convertPullRequestToDraft, resolveReviewThread, addReaction (to a
//!   review), updateRefs, viewer, rateLimit, repository,
//!   node
//! - git:…: upload-pack and receive-pack over smart HTTP, by `git http-backend` (`git:info/upload-pack` and `git:info/receive-pack` are the
//!   advertisements)

mod auth;
mod checks;
mod contract;
pub(crate) mod fault;
mod graphql;
mod journal;
mod present;
mod reply;
mod routes;
mod scene;
pub(crate) mod server;
mod snapshot;
mod state;
mod store;
mod world;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use self::auth::Level;
pub use self::fault::{Fault, Refused};
pub use self::journal::{Call, Effect, Journal, When};
pub use self::scene::{File, Scene};
pub use self::state::{
    Account, Age, Availability, CheckKind, Checker, Comment, Feature, Home, Issue, Lock, Log, Opinion,
    Permission, Place, Pull, Repo, Report, Resolution, Review, ReviewText, Stage, State, Thread, Verdict,
    Visibility,
};
pub use self::store::{Oid, Store, clean_git};
pub use self::world::World;

pub(crate) use self::auth::{Actor, actor};
pub(crate) use self::reply::Refusal;
pub(crate) use self::server::Hub;

/// The text without the ids that no test can know: the paragraphs that name a task of the agent's log, which in a snapshot stand
/// behind a bar, and the links to commits, comments and threads beside a pull request.
///
/// Panics if one of them does not hold such an id.
pub fn without_ids(text: &str) -> String {
    const LOG: &str = "` in the agent's log.";
    let mut kept: Vec<&str> = Vec::new();
    for line in text.split('\n') {
        let words = line.trim_start_matches([' ', '|']);
        match words.strip_prefix("Task `").and_then(|rest| rest.strip_suffix(LOG)) {
            Some(id) => {
                assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()), "not a task: {line}");
                assert_eq!(kept.pop().map(|line| line.trim_matches([' ', '|'])), Some(""), "not a paragraph");
            }
            None => kept.push(line),
        }
    }
    without_links(&kept.join("\n"))
}

/// The text without the links that lead to what a run made on a pull request.
fn without_links(text: &str) -> String {
    const LINKS: [(&str, &str); 4] = [
        (", [commit](/", "/commit/"),
        (", [comment](/", "#issuecomment-"),
        (", [thread ", "#discussion_r"),
        (" ([plan](/", "#issuecomment-"),
    ];
    LINKS.iter().fold(text.to_owned(), |text, (begin, before_id)| {
        let mut parts = text.split(begin);
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| {
            let (link, rest) = part.split_once(')').unwrap_or_else(|| panic!("not a link: {part}"));
            let id = link.split_once(before_id).map(|(_, id)| id);
            let is_id = |id: &str| !id.is_empty() && id.bytes().all(|b| b.is_ascii_hexdigit());
            assert!(id.is_some_and(is_id), "not a link to {before_id}: {link}");
            text + if begin.starts_with(" (") { rest.strip_prefix(')').unwrap_or(rest) } else { rest }
        })
    })
}

/// A running stand-in. It stops when it is dropped.
#[derive(Debug)]
pub struct GitHub {
    hub: Arc<Mutex<Hub>>,
    address: SocketAddr,
    runtime: Option<tokio::runtime::Runtime>,
}

impl GitHub {
    /// Serves this world on a free port of the loopback interface.
    pub fn start(world: World) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime can be made");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket that does not block");
        let address = listener.local_addr().expect("the socket has an address");
        let mut state = world.into_state();
        state.base = format!("http://{address}");
        let hub = Arc::new(Mutex::new(Hub::new(state)));
        runtime.spawn(server::serve(listener, Arc::clone(&hub)));
        Self { hub, address, runtime: Some(runtime) }
    }

    fn hub(&self) -> MutexGuard<'_, Hub> {
        self.hub.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base address of the interface, as `https://api.github.com` is; also that of the pages for people.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The base address of the interface as an enterprise server has it. GraphQL is beside it, at `/api/graphql`.
    pub fn enterprise_url(&self) -> String {
        format!("http://{}/api/v3", self.address)
    }

    /// The address of a repository, without `.git`, as the message of a task names it.
    pub fn repo_url(&self, full_name: &str) -> String {
        format!("http://{}/{full_name}", self.address)
    }

    pub fn app_id(&self) -> u64 {
        self.hub().state.app.id
    }

    pub fn installation_id(&self) -> u64 {
        self.hub().state.app.installation
    }

    /// The login under which the App writes.
    pub fn app_login(&self) -> String {
        self.hub().state.app.bot()
    }

    /// The App's private key in PEM.
    pub fn app_private_key(&self) -> String {
        auth::private_key_pem()
    }

    /// A new personal token of this user.
    pub fn personal_token(&self, login: &str) -> String {
        self.hub().state.personal_token(login)
    }

    /// Lets a call go wrong.
    pub fn fault(&self, when: When, fault: Fault) {
        self.hub().order_fault(when, fault);
    }

    /// Forgets every fault that was ordered: from now on all is well.
    pub fn recover(&self) {
        self.hub().recover();
    }

    /// Lets something happen in the world when a call arrives, before it is answered. What happens has the state to itself: it must not
    /// use this handle.
    pub fn on_call(&self, when: When, happen: impl FnMut(&mut State) + Send + 'static) {
        self.hub().order_hook(when, Box::new(happen));
    }

    /// Lets something happen in the world now, or looks at it.
    pub fn now<T>(&self, happen: impl FnOnce(&mut State) -> T) -> T {
        happen(&mut self.hub().state)
    }

    /// Which value of an answer was made null by the last [`Fault::Null`], as a JSON pointer; none if the answer had fewer.
    pub fn take_nulled(&self) -> Option<String> {
        self.hub().nulled.take()
    }

    pub fn journal(&self) -> Journal {
        self.hub().journal.clone()
    }

    /// What a person can see, as text, without times and without ids that depend on them.
    pub fn snapshot(&self) -> String {
        snapshot::render(&self.hub().state)
    }

    /// The content of every git object of every repository.
    pub fn git_objects(&self) -> Vec<u8> {
        self.hub().state.repos.iter().flat_map(|repo| repo.store.everything()).collect()
    }

    /// What was amiss so far. Whoever takes it answers for it: the end of the test does not see it again.
    pub fn take_violations(&self) -> Vec<String> {
        std::mem::take(&mut self.hub().violations)
    }

    /// Ends the story: panics if a call broke the contract, if one was made that the stand-in does not play, or if something that was ordered
    /// never came to pass. Dropping does the same.
    pub fn finish(self) {
        drop(self);
    }
}

impl Drop for GitHub {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        let complaints = self.hub().complaints();
        assert!(
            complaints.is_empty() || std::thread::panicking(),
            "GitHub would not have it:\n{}",
            complaints.join("\n")
        );
    }
}
