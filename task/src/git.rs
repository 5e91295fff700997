//! *git*: objects and references of a repository, and smart HTTP, by gix, without a git binary or a work tree.

pub mod clone;
mod format;
pub mod push;
pub mod remote;
pub(crate) mod workspace;
