//! What the model was *told* of the tree in addition to files, so that it is told nothing twice.

use std::collections::HashSet;

use crate::protocol::request::Request;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Requests that were answered.
    pub(super) requests: HashSet<Request>,
    /// Lines that were quoted: number of the entry, and of the line.
    pub(super) lines: HashSet<(usize, usize)>,
}
