//! The *context* is what the model is given to read of a repository: the files that matter for an issue, and a map
//! of those around them.
//!
//! ```text
//! tree ──walk──▶ paths ──index──▶ statistics ──rank──▶ order ──pack──▶ Context
//! commits ──history──────┘
//! ```
//!
//! Everything is read from the object database at one commit; there is no work tree. What the model asks to see beside it
//! is a [`lookup`].

mod bm25;
mod closer;
mod confidence;
mod entry;
mod excerpt;
mod features;
mod generated_docs;
mod graph;
pub mod history;
pub mod index;
pub(crate) mod lookup;
mod mention;
pub(crate) mod more;
pub(crate) mod pack;
mod places;
pub mod query;
pub mod rank;
pub mod read_set;
mod relevance;
pub mod role;
pub(crate) mod scan;
pub(crate) mod secret_names;
mod stats;
mod stop_words;
mod term;
pub(crate) mod tokens;
mod told;
pub mod walk;
pub mod weights;
mod why;

#[cfg(test)]
pub(crate) mod tests;
