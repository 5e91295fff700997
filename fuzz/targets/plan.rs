//! A plan.

use task::plan::Plan;

pub(crate) fn run(data: &[u8]) {
    if let Ok(plan) = Plan::parse(&String::from_utf8_lossy(data)) {
        // It is posted, and read again when it is approved.
        assert_eq!(Plan::parse(plan.text()), Ok(plan));
    }
}
