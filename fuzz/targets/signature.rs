//! Header and body of a webhook, the body behind the first line end.

use std::sync::LazyLock;

use ingest::signature::Secrets;

static SECRETS: LazyLock<Secrets> = LazyLock::new(|| {
    Secrets::new(["It's a Secret to Everybody", "another secret of ours"])
        .expect("two secrets that are long enough")
});

pub(crate) fn run(data: &[u8]) {
    let at = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (header, body) = data.split_at(at);
    // A signature that fits would be a forgery.
    assert!(SECRETS.verify([header].into_iter(), body).is_err());
}
