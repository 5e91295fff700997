//! The *protocol* between a run and a model: what is asked, and what an answer says.

pub mod ask;
pub mod edits;
pub mod reply;
