//! What the model was *told* of the tree in addition to files, so that it is told nothing twice.

use std::collections::{HashMap, HashSet};

use crate::protocol::request::Request;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Requests that were answered, with nothing left out that asking again would bring.
    pub(super) requests: HashSet<Request>,
    /// Requests that were answered in part, and how many names or definitions were told of each.
    pub(super) begun: HashMap<Request, usize>,
    /// Lines that were quoted: number of the entry, and of the line.
    pub(super) lines: HashSet<(usize, usize)>,
}
