//! The *record* of a task is what its issue says of it: the status comment and the labels.

pub mod comment;
pub(crate) mod status;
