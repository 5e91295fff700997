//! A *wrapping* is a code block that a model puts around its whole answer.

use super::marker::{Directive, Fence, heading};

/// What is inside of the fence around the whole text, if there is one, and the text inside begins as an answer does.
pub(super) fn inner(text: &str) -> Option<&str> {
    let start = text.len() - text.trim_start().len();
    let text = text[start..].trim_end();
    let (first, rest) = text.split_once('\n')?;
    let (inner, last) = rest.rsplit_once('\n')?;
    let open = Fence::of(first)?;
    let line = inner.lines().find(|line| !line.trim().is_empty())?;
    let begins = Directive::of(line).is_some() || heading(line).is_some();
    (begins && Fence::of(last)?.closes(&open) && is_closed(inner, &open)).then_some(inner)
}

/// Whether every fence inside is one of a block of its own, so that none of them ends the block around all.
fn is_closed(inner: &str, open: &Fence<'_>) -> bool {
    let mut nested = 0_usize;
    let mut is_awaited = false;
    for line in inner.lines().filter(|line| !line.trim().is_empty()) {
        match Fence::of(line) {
            Some(fence) if fence.nests_in(open) => nested += 1,
            // The one below `WRITE:` opens a block, also without a word behind it.
            Some(fence) if fence.closes(open) && is_awaited => nested += 1,
            Some(fence) if fence.closes(open) => match nested.checked_sub(1) {
                Some(rest) => nested = rest,
                None => return false,
            },
            _ => {}
        }
        is_awaited = matches!(Directive::of(line), Some((Directive::Write, _)));
    }
    nested == 0
}
