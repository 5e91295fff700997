//! A *repair* is a change of a change: its checks failed, and a model is shown what they say.
//!
//! What is here knows neither a forge nor a model. [`log`] reads a log of any length, [`evidence`] makes of all that failed a
//! text of bounded length, and a fingerprint by which the same failure is known again; [`traces`] finds the files that it names,
//! and [`weakening`] is the rule that no repair makes checks pass by taking tests away.

pub(crate) mod evidence;
pub(crate) mod log;
pub(crate) mod traces;
pub(crate) mod weakening;
