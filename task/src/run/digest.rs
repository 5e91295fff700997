//! The *digest* of an issue: a hash over what it says, which tells whether it was edited since.

use sha2::{Digest as _, Sha256};
use shared::hex;

use crate::issue::{MAX_BODY_CHARS, MAX_TITLE_CHARS};
use crate::tracker::model::Issue;

/// Hash of the issue's title and body as they are shown; SHA-256 in hexadecimal.
pub(super) fn digest(issue: &Issue) -> String {
    let title = issue.title.clone().clean_line(MAX_TITLE_CHARS);
    let mut hash = Sha256::new();
    hash.update(title.as_str());
    hash.update([0]);
    hash.update(clean_body(issue, MAX_BODY_CHARS));
    hex::text(&hash.finalize())
}

/// Its body, cleaned and cut.
pub(super) fn clean_body(issue: &Issue, cap: usize) -> String {
    issue.body.clone().clean(cap).as_str().to_owned()
}
