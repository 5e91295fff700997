//! Tells the program which commit it is built from.

#![expect(clippy::disallowed_methods, reason = "a build script has no settings of the program")]

include!("../shared/build/revision.rs");
