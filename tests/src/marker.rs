//! *Markers* as the agent hides them in its comments, of whatever release: for what a release of before left behind.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use shared::hex;

/// The marker of a status comment on an issue of a repository, which has this number at GitHub.
pub fn status(key: &str, repository: u64, issue: u64, content: &Value) -> String {
    let json = content.to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any length");
    mac.update(format!("status\n{repository}\n{issue}\n{json}").as_bytes());
    format!("<!-- ai-agent:status {json} {} -->", hex::text(&mac.finalize().into_bytes()))
}
