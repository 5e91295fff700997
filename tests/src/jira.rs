//! **Jira**, as far as a program can tell that works on its issues: a site of the cloud on the wire, with state of its own.
//!
//! A test fills a [`Site`], starts it, points a program at [`Jira::url`], and looks at what became of the state. Each
//! request is held against Atlassian's published description, each answer too; [`Jira::finish`] fails the test if anything
//! was amiss, or if an ordered fault never happened. It is no kinder than Jira: documents have to be well formed,
//! properties are not told with comments, an issue of another project keeps its old key, and what may not be seen is 404.
//!
//! Played: getCurrentUser, getServerInfo, getMyPermissions, getIssue, editIssue (labels), getChangeLogs, getComments, addComment,
//! getComment, updateComment, getCommentProperty, getTransitions, doTransition, createOrUpdateRemoteIssueLink,
//! searchAndReconsileIssuesUsingJqlPost, and the token of a service account.

mod contract;
mod document;
mod present;
mod routes;
mod server;
mod state;
mod webhook;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use server::{Call, Fault};
pub use state::{Change, Comment, Issue, Person, Site, account, doc};

use server::Hub;

/// A running stand-in. It stops when it is dropped.
#[derive(Debug)]
pub struct Jira {
    hub: Arc<Mutex<Hub>>,
    address: SocketAddr,
    runtime: Option<tokio::runtime::Runtime>,
}

/// The agent's account.
pub const AGENT: &str = "557058:agent";
/// Its e-mail address.
pub const EMAIL: &str = "agent@example.com";
/// Its API token.
pub const TOKEN: &str = "jira-token-of-the-agent-0123456789";
/// The client of a service account.
pub const CLIENT: (&str, &str) = ("client-of-the-agent", "jira-client-secret-0123456789");

impl Jira {
    /// Serves this site on a free port of the loopback interface.
    pub fn start(mut site: Site) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime can be made");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket that does not block");
        let address = listener.local_addr().expect("the socket has an address");
        site.base = format!("http://{address}");
        let hub = Arc::new(Mutex::new(Hub::new(site)));
        runtime.spawn(server::serve(listener, Arc::clone(&hub)));
        Self { hub, address, runtime: Some(runtime) }
    }

    fn hub(&self) -> MutexGuard<'_, Hub> {
        self.hub.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets something happen on the site now, or looks at it.
    pub fn now<T>(&self, happen: impl FnOnce(&mut Site) -> T) -> T {
        happen(&mut self.hub().site)
    }

    /// Lets the n-th call of this operation from now on go wrong, counted from 1.
    pub fn fault(&self, operation: &str, nth: usize, fault: Fault) {
        self.hub().faults.push((operation.to_owned(), nth, fault));
    }

    /// Lets something happen on the site when the n-th call of this operation from now on arrives.
    pub fn on_call(&self, operation: &str, nth: usize, happen: impl FnMut(&mut Site) + Send + 'static) {
        self.hub().hooks.push((operation.to_owned(), nth, Box::new(happen)));
    }

    /// Forgets every fault that was ordered.
    pub fn recover(&self) {
        self.hub().faults.clear();
    }

    /// Whether a call waits for an answer that it will not get.
    pub fn is_stalling(&self) -> bool {
        self.hub().is_stalling
    }

    pub fn calls(&self) -> Vec<Call> {
        self.hub().calls.clone()
    }

    /// How often an operation was called.
    pub fn count(&self, operation: &str) -> usize {
        self.hub().calls.iter().filter(|call| call.operation == operation).count()
    }

    /// The calls in short, for a failure message.
    pub fn summary(&self) -> String {
        let line =
            |call: &Call| format!("{} {} {}: {}\n", call.method, call.path, call.operation, call.status);
        self.hub().calls.iter().map(line).collect()
    }

    /// What was amiss so far. Whoever takes it answers for it.
    pub fn take_violations(&self) -> Vec<String> {
        std::mem::take(&mut self.hub().violations)
    }

    /// Ends the story: panics if a call broke the contract, or if something that was ordered never came to pass.
    pub fn finish(self) {
        drop(self);
    }
}

impl Drop for Jira {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        let complaints = self.hub().complaints();
        assert!(
            complaints.is_empty() || std::thread::panicking(),
            "Jira would not have it:\n{}",
            complaints.join("\n")
        );
    }
}
