//! Where **logs of checks** lie: at another host than the interface, under an address that is a secret of its own.

use super::reply::{Body, Reply};
use super::state::{Log, State};

/// The folder of that host.
const FOLDER: &str = "/stored-logs/";

/// The address of a log. The server is the same, under another name, as far as a client can tell.
pub(crate) fn log_address(base: &str, id: u64) -> String {
    let elsewhere = base.replacen("127.0.0.1", "localhost", 1);
    format!("{elsewhere}{FOLDER}{id}?sig=c2lnbmF0dXJl")
}

/// The number of the log, if a path is that of one.
pub(crate) fn log_of(path: &str) -> Option<u64> {
    path.strip_prefix(FOLDER)?.parse().ok()
}

/// Answers a request for a log, and says what was wrong with it. A store of this kind refuses a request with two proofs.
pub(crate) fn answer(state: &State, id: u64, authorization: Option<&str>) -> (Reply, Vec<String>) {
    if authorization.is_some() {
        let violation = "a token was sent to where logs lie, which is not GitHub".to_owned();
        return (text(400, b"InvalidAuthenticationInfo".to_vec()), vec![violation]);
    }
    let mut all = state.repos.iter().flat_map(|repo| repo.checks.values().flatten());
    let reply = match all.find(|check| check.id == id).map(|check| &check.report.log) {
        Some(Log::Kept(log)) => text(200, log.clone()),
        _ => text(404, b"BlobNotFound".to_vec()),
    };
    (reply, Vec::new())
}

fn text(status: u16, body: Vec<u8>) -> Reply {
    Reply { status, headers: Vec::new(), body: Body::Raw(body) }
}
