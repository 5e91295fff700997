//! A *repair* is a change of a change: its checks failed, and a model is shown what they say.
//!
//! What is here knows neither a forge nor a model. [`log`] reads a log of any length, [`evidence`] makes of all that failed a
//! text of bounded length, and a fingerprint by which the same failure is known again; [`traces`] finds the files that it names,
//! and [`weakening`] is the rule that no repair makes checks pass by taking tests away.

pub(crate) mod evidence;
pub(crate) mod log;
pub(crate) mod traces;
pub(crate) mod weakening;

/// What a model is asked to repair. All of it is text of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken<'a> {
    /// What the checks say.
    pub evidence: &'a str,
    /// The change so far.
    pub diff: &'a str,
    /// The plan that the change carries out, if there is one.
    pub plan: Option<&'a str>,
}
