//! The *scan* of a change: what it would publish.

use super::{Gate, REDACTED};
use crate::check::{CheckedPatch, unseen};
use crate::outcome::{Failure, Reason};
use crate::patch::ChangeKind;

/// Refuses a change that would publish a secret, or add a file whose name passes for another one's.
pub(crate) fn scan(gate: &Gate, patch: &CheckedPatch) -> Result<(), Failure> {
    for change in patch.changes() {
        let is_new = !matches!(change.kind(), ChangeKind::Modify | ChangeKind::Delete);
        if is_new && unseen::is_deceptive(change.path().as_str()) {
            let what = format!("`{}` mixes letters that look alike.", change.path());
            return Err(Failure::new(Reason::Protected, what, "Make that change by hand."));
        }
        if is_new && gate.redact(change.path().as_str()) != change.path().as_str() {
            let what = "The name of a new file would publish a secret.";
            return Err(Failure::new(Reason::Secret, what, "Look at what the issue asks for."));
        }
        let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        // The model is shown this in place of a secret; written back, it would replace the secret.
        let marks = |bytes| text(bytes).matches(REDACTED).count();
        if marks(change.after()) > marks(change.before()) {
            let what = format!(
                "The change of `{}` would overwrite a secret that the model was not shown.",
                change.path()
            );
            return Err(Failure::new(Reason::Secret, what, "Make that change by hand."));
        }
        gate.scan_added_lines(change.path(), &text(change.before()), &text(change.after())).map_err(
            |leak| {
                let next = "Take the secret out of the issue or the repository, and revoke it.";
                Failure::new(Reason::Secret, format!("The change would publish a secret: {leak}."), next)
            },
        )?;
    }
    Ok(())
}
