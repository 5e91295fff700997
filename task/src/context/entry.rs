//! An *entry* of a tree, as the walk lists it.

use gix::ObjectId;

use super::role::{Omission, Role};
use crate::context::read_set::FileMode;
use crate::path::RepoPath;

/// A file of the tree, or what takes the place of one.
#[derive(Clone, Debug)]
pub struct Entry {
    pub path: RepoPath,
    pub blob: ObjectId,
    pub mode: FileMode,
    /// What the path and the mode say; the content may yet say otherwise.
    pub role: Result<Role, Omission>,
}
