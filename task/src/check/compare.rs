//! Errors that a text has and its older version had not.
//!
//! Many a good file has errors: macros and extensions that the grammar does not know, or Python 2. They move when
//! lines are added above them, and change their shape when their own line is edited. So positions say nothing, and
//! two questions are asked: are there more errors than before, and which of them stand on a line that had none, and
//! are about something that the older version did not have either?
//!
//! Parsers recover from a gross mistake by taking all the rest as one error, and then there are fewer than before.
//! Brackets without a partner do not have that weakness, and are compared beside the errors of the grammar.

use std::collections::{HashMap, HashSet};
use std::mem;

use super::{Fault, SyntaxError, line_start};

/// The errors of `after` that `before` does not account for; none unless there are more of them than before.
pub(super) fn grown(
    (before_text, before): (&str, &[SyntaxError]),
    (after_text, after): (&str, Vec<SyntaxError>),
) -> Vec<SyntaxError> {
    if after.len() <= before.len() {
        return Vec::new();
    }
    let mut known: HashMap<_, usize> = HashMap::new();
    let mut unknown_to_the_grammar: HashSet<&Fault> = HashSet::new();
    for error in before {
        *known.entry((mem::discriminant(&error.fault), line(before_text, error))).or_default() += 1;
        if matches!(&error.fault, Fault::Unexpected(quote) | Fault::Python(quote) if !quote.is_empty()) {
            unknown_to_the_grammar.insert(&error.fault);
        }
    }
    after
        .into_iter()
        .filter(|error| match known.get_mut(&(mem::discriminant(&error.fault), line(after_text, error))) {
            Some(count) if *count > 0 => {
                *count -= 1;
                false
            }
            _ => !unknown_to_the_grammar.contains(&error.fault),
        })
        .collect()
}

/// The line on which an error begins, without the white space around it.
fn line<'t>(text: &'t str, error: &SyntaxError) -> &'t str {
    let start = line_start(text, error.range.start);
    let end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    text[start..end].trim()
}
