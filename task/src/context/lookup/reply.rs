//! A *reply* is what is told of what was found, in a share of the round's tokens; what has no room in it is counted.

use std::fmt::Write as _;

use crate::context::tokens;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Reply {
    pub(super) text: String,
    /// How to get what was left out.
    pub(super) how: Option<String>,
    /// Whether asking again brings more.
    pub(super) is_left_out: bool,
    /// Lines, names or definitions that are told and were not before.
    pub(super) told: usize,
    /// The lines among them: number of the entry, and of the line.
    pub(super) lines: Vec<(usize, usize)>,
    /// What it takes of its share.
    pub(super) tokens: u32,
}

impl Reply {
    pub(super) fn of(text: String) -> Self {
        Self { tokens: tokens::estimate(&text), text, ..Self::default() }
    }

    /// Those of `items` behind the first `skip`, as lines.
    pub(super) fn list(items: &[String], skip: usize, most: usize, what: &str, budget: u32) -> Self {
        let mut reply = Self::default();
        let new = items.get(skip..).unwrap_or_default();
        for item in new.iter().take(most) {
            if !reply.add(&format!("\n{item}"), budget) {
                break;
            }
        }
        if reply.told < new.len() {
            write!(reply.text, "\nnot listed: {} more {what}", new.len() - reply.told)
                .expect("a String takes any text");
            reply.how = Some("ask again for more of them".to_owned());
            reply.is_left_out = true;
        }
        reply
    }

    /// Tells something, if there is room.
    pub(super) fn add(&mut self, text: &str, budget: u32) -> bool {
        let is_told = self.note(text, budget);
        self.told += usize::from(is_told);
        is_told
    }

    /// The same for what is no news.
    pub(super) fn note(&mut self, text: &str, budget: u32) -> bool {
        let tokens = self.tokens.saturating_add(tokens::estimate(text));
        if tokens > budget {
            return false;
        }
        self.text.push_str(text);
        self.tokens = tokens;
        true
    }
}

/// Shares of a pool: what one does not need goes to the others.
pub(super) fn shares(needs: &[u32], pool: u32) -> Vec<u32> {
    let mut order: Vec<usize> = (0..needs.len()).collect();
    order.sort_by_key(|at| needs[*at]);
    let mut shares = vec![0; needs.len()];
    let mut left = pool;
    for (others, at) in (0_u32..needs.len().try_into().unwrap_or(u32::MAX)).rev().zip(order) {
        shares[at] = needs[at].min(left / (others + 1));
        left -= shares[at];
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_does_not_need_goes_to_the_others() {
        for (needs, pool, expect) in [
            (&[][..], 100, &[][..]),
            (&[10, 20, 30], 100, &[10, 20, 30]),
            (&[1000, 10, 1000], 100, &[45, 10, 45]),
            (&[1000, 10, 40], 100, &[50, 10, 40]),
            (&[5, 5, 5], 0, &[0, 0, 0]),
            (&[u32::MAX, 0, u32::MAX], 7, &[3, 0, 4]),
        ] {
            assert_eq!(shares(needs, pool), expect, "{needs:?}");
        }
    }
}
