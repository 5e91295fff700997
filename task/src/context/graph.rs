//! The *graph* of the best files: who uses a name that who defines.
//!
//! A fix often touches not the file that the issue describes but the one that it calls, or a caller. So what is
//! likely of a file is passed along the edges, once, as one step of `PageRank` would that starts at the likely files.

#![expect(clippy::cast_precision_loss, reason = "counts far below 2^24")]

use std::collections::BTreeMap;

use super::stats::Closer;
use super::term::NameHash;

/// A name that more files define says nothing of which one is meant.
const MAX_DEFINERS: usize = 4;

/// Edges from the files that use a name to those that define it, by their places in the index.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph {
    /// User, definer, weight; ordered by user, then definer.
    edges: Vec<(usize, usize, f32)>,
    /// How many of the files define a name.
    definers: BTreeMap<NameHash, usize>,
}

impl Graph {
    /// The graph over the files that were looked at closely: their places in the index, whether what they define
    /// counts (what tests define is for themselves), and what was seen.
    pub(super) fn new<'a>(files: impl Iterator<Item = (usize, Defines, &'a Closer)> + Clone) -> Self {
        let mut definers: BTreeMap<NameHash, Vec<usize>> = BTreeMap::new();
        for (at, defines, closer) in files.clone() {
            if defines == Defines::ForOthers {
                for name in &closer.names {
                    definers.entry(*name).or_default().push(at);
                }
            }
        }
        let mut uses: BTreeMap<NameHash, u32> = BTreeMap::new();
        for (_, _, closer) in files.clone() {
            for name in closer.uses.iter().filter(|name| definers.contains_key(name)) {
                *uses.entry(*name).or_default() += 1;
            }
        }
        let count = files.clone().count() as f32;
        let mut edges = Vec::new();
        for (at, _, closer) in files {
            let mut weights: BTreeMap<usize, f32> = BTreeMap::new();
            for name in &closer.uses {
                let Some(defined) = definers.get(name).filter(|defined| defined.len() <= MAX_DEFINERS) else {
                    continue;
                };
                let using = uses.get(name).map_or(1.0, |files| *files as f32);
                let weight = (1.0 + count / using).ln() / defined.len() as f32;
                for definer in defined.iter().filter(|definer| **definer != at) {
                    *weights.entry(*definer).or_default() += weight;
                }
            }
            edges.extend(weights.into_iter().map(|(definer, weight)| (at, definer, weight.sqrt())));
        }
        let definers = definers.into_iter().map(|(name, files)| (name, files.len())).collect();
        Self { edges, definers }
    }

    /// A graph of these edges: user, definer, weight.
    pub(super) fn of(edges: Vec<(usize, usize, f32)>) -> Self {
        Self { edges, definers: BTreeMap::new() }
    }

    /// How many of the files define `name`.
    pub(super) fn definers(&self, name: NameHash) -> usize {
        self.definers.get(&name).copied().unwrap_or(0)
    }

    /// What each of `count` files gets when each file passes its `likelihood` on to the files that it uses.
    pub(super) fn to_used(&self, likelihood: &[f32], count: usize) -> Vec<f32> {
        pass(self.edges.iter().copied(), likelihood, count)
    }

    /// What each of `count` files gets when each file passes its `likelihood` on to the files that use it.
    pub(super) fn to_users(&self, likelihood: &[f32], count: usize) -> Vec<f32> {
        pass(self.edges.iter().map(|&(user, definer, weight)| (definer, user, weight)), likelihood, count)
    }
}

/// Whether what a file defines is meant for other files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Defines {
    ForOthers,
    ForItself,
}

fn pass(
    edges: impl Iterator<Item = (usize, usize, f32)> + Clone,
    likelihood: &[f32],
    count: usize,
) -> Vec<f32> {
    let mut out = vec![0.0; count];
    for (from, _, weight) in edges.clone() {
        out[from] += weight;
    }
    let mut received = vec![0.0; count];
    for (from, to, weight) in edges {
        received[to] += likelihood[from] * weight / out[from];
    }
    received
}

#[cfg(test)]
mod tests {
    use super::super::term;
    use super::*;

    /// What a file defines and what it uses.
    fn closer(defines: &str, uses: &str) -> Closer {
        Closer { names: term::names(defines), uses: term::names(uses), ..Closer::default() }
    }

    #[test]
    fn likelihood_goes_to_who_is_used_and_to_who_uses() {
        let files = [
            (0, Defines::ForOthers, closer("alpha", "beta gamma alpha")),
            (1, Defines::ForOthers, closer("beta", "")),
            (2, Defines::ForOthers, closer("gamma", "")),
            (3, Defines::ForItself, closer("check_alpha", "alpha")),
            (4, Defines::ForOthers, closer("delta", "check_alpha unknown")),
        ];
        let graph = Graph::new(files.iter().map(|(at, defines, closer)| (*at, *defines, closer)));
        assert_eq!(graph.to_used(&[1.0, 0.0, 0.0, 0.0, 0.0], 5), [0.0, 0.5, 0.5, 0.0, 0.0]);
        assert_eq!(graph.to_used(&[0.0, 0.0, 0.0, 1.0, 1.0], 5), [1.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(graph.to_users(&[0.0, 0.25, 0.5, 0.0, 0.0], 5), [0.75, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn a_name_that_many_files_define_makes_no_edge() {
        let mut files: Vec<_> = (0..5).map(|at| (at, Defines::ForOthers, closer("main", ""))).collect();
        files.push((5, Defines::ForOthers, closer("", "main")));
        let graph = Graph::new(files.iter().map(|(at, defines, closer)| (*at, *defines, closer)));
        assert_eq!(graph.to_used(&[1.0; 6], 6), [0.0; 6]);
    }
}
