//! One task in, one outcome out: the cycle from an issue to a checked commit.

pub mod ask;
pub mod language;
pub mod path;
pub mod read_set;
