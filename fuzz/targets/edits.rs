//! The edits of a reply.

use task::protocol::edits::{Action, parse};

pub(crate) fn run(data: &[u8]) {
    let reply = String::from_utf8_lossy(data);
    let Ok(edits) = parse(&reply) else { return };
    let lines = reply.split('\n').count();
    let mut last = 0;
    for edit in &edits {
        assert!((1..=lines).contains(&edit.line) && edit.line >= last, "edits are in the order of the reply");
        last = edit.line;
        let texts: &[&str] = match &edit.action {
            Action::Replace { search, replace, .. } => &[search, replace],
            Action::Create { content } | Action::Write { content } => &[content],
            Action::Delete | Action::Rename { .. } => &[],
        };
        for text in texts {
            assert!(text.is_empty() || text.ends_with('\n'), "every line has its end");
        }
    }
    // Line ends of another system mean the same.
    if !reply.contains('\r') {
        assert_eq!(parse(&reply.replace('\n', "\r\n")), Ok(edits));
    }
}
