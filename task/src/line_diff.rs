//! The *line diff*: how one list of lines becomes another, by Myers' algorithm.
//!
//! One algorithm for one type: `similar` would otherwise bring half a megabyte of the same code for others.

use similar::DiffOp;
use similar::algorithms::{Capture, Compact, Replace, myers};

/// Equal and changed stretches that cover both lists, in order.
pub(crate) fn line_diff(old: &[&str], new: &[&str]) -> Vec<DiffOp> {
    let mut hook = Compact::new(Replace::new(Capture::new()), old, new);
    myers::diff(&mut hook, old, 0..old.len(), new, 0..new.len()).expect("capturing cannot fail");
    hook.into_inner().into_inner().into_ops()
}
