//! The *trailers* of our commits: what the last lines of a commit's message keep of it, for the runs that come after.

use shared::user::Login;

use super::desk::Desk;
use super::work::{Basis, Claim};
use crate::git::workspace::{TASK_TRAILER, trailers};
use crate::record::status::Proposal;

/// The trailer of a commit that changes files that the approved plan does not name.
const OUTSIDE_PLAN: &str = "Agent-Outside-Plan";
/// The trailer of a repair: which one it is, of how many at most, as in `2/3`.
const REPAIR: &str = "Agent-Repair";
/// The trailer of a repair for each failure that it is for.
const REPAIR_OF: &str = "Agent-Repair-Of";
/// The trailer that counts the changes that answer reviews.
const ROUND: &str = "Agent-Review-Round";
/// The trailer that names who a commit was made for.
const CO_AUTHOR: &str = "Co-authored-by";

/// The trailers of a commit that a run makes.
pub(super) fn own(desk: &Desk<'_>, claim: &Claim, proposal: &Proposal) -> Vec<(&'static str, String)> {
    let mut own = vec![(TASK_TRAILER, desk.task.id.to_string())];
    let mut is_outside = !proposal.unplanned.is_empty();
    if let Basis::Change { round, is_outside_plan, .. } = &claim.basis {
        own.extend(round.map(|round| (ROUND, round.to_string())));
        is_outside |= is_outside_plan;
    }
    if is_outside {
        own.push((OUTSIDE_PLAN, "true".to_owned()));
    }
    let co_author = match &claim.basis {
        Basis::Repair(repair) => {
            own.push((REPAIR, format!("{}/{}", repair.number, repair.most)));
            own.extend(repair.fingerprints.iter().map(|print| (REPAIR_OF, print.clone())));
            repair.co_author.clone()
        }
        _ => Some(format!("{} <{}>", desk.task.trigger_user, desk.forge.address_of(&desk.asker))),
    };
    own.extend(co_author.map(|co_author| (CO_AUTHOR, co_author)));
    own
}

/// Which repair a commit of ours is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RepairTrailer {
    /// From 1.
    pub(super) number: u32,
    pub(super) most: u32,
    pub(super) fingerprints: Vec<String>,
}

/// Which repair a commit of ours is, if it is one. Nothing that a model wrote can imitate the trailers.
pub(super) fn repair_of(message: &str) -> Option<RepairTrailer> {
    let (number, most) = trailers(message, REPAIR).next()?.split_once('/')?;
    let fingerprints = trailers(message, REPAIR_OF).map(str::to_owned).collect();
    Some(RepairTrailer { number: number.parse().ok()?, most: most.parse().ok()?, fingerprints })
}

/// Whether a commit of ours changes files that the approved plan does not name.
pub(super) fn is_outside_plan(message: &str) -> bool {
    trailers(message, OUTSIDE_PLAN).any(|value| value == "true")
}

/// Whether a commit of ours answers reviews.
pub(super) fn is_round(message: &str) -> bool {
    trailers(message, ROUND).next().is_some()
}

/// Who a commit of ours was made for. Nothing that a model wrote can imitate the trailer.
pub(super) fn made_for(message: &str) -> Option<Login> {
    Login::parse(co_author(message)?.split(" <").next()?).ok()
}

/// The same as the commit has it, with the address.
pub(super) fn co_author(message: &str) -> Option<&str> {
    trailers(message, CO_AUTHOR).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_tells_who_it_was_made_for() {
        let message = "Add x\n\nProposed for #1.\n\nAgent-Task: 00\nCo-authored-by: dev1 <5+dev1@users.noreply.github.com>\n";
        assert_eq!(made_for(message).map(|login| login.to_string()), Some("dev1".to_owned()));
        assert_eq!(co_author(message), Some("dev1 <5+dev1@users.noreply.github.com>"));
        assert_eq!(made_for("Add x\n"), None);
        assert_eq!(made_for("Add x\n\nCo-authored-by: a b <x@y>\n"), None);
    }

    #[test]
    fn a_repair_tells_which_one_it_is_and_of_what() {
        let message = "Add x\n\nProposed for #1.\n\nAgent-Task: 00\nAgent-Repair: 2/3\nAgent-Repair-Of: aa\nAgent-Repair-Of: bb\n";
        let found = repair_of(message).unwrap();
        assert_eq!((found.number, found.most), (2, 3));
        assert_eq!(found.fingerprints, ["bb", "aa"]);
        for other in ["Add x\n", "Add x\n\nAgent-Repair: x/3\n", "Add x\n\nAgent-Repair: 2\n"] {
            assert_eq!(repair_of(other), None, "{other}");
        }
    }
}
