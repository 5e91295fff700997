//! The *graph* of the best files: who uses a name that who defines.
//!
//! A fix often touches not the file that the issue describes but a caller of it. So what is likely of a file is passed to those
//! that use it, once, as one step of `PageRank` would that starts at the likely files.

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

    /// How many of the files define `name`.
    pub(super) fn definers(&self, name: NameHash) -> usize {
        self.definers.get(&name).copied().unwrap_or(0)
    }

    /// What each of `count` files gets when each file passes its `likelihood` on to the files that use it.
    pub(super) fn to_users(&self, likelihood: &[f32], count: usize) -> Vec<f32> {
        let mut out = vec![0.0; count];
        for (_, definer, weight) in &self.edges {
            out[*definer] += weight;
        }
        let mut received = vec![0.0; count];
        for (user, definer, weight) in &self.edges {
            received[*user] += likelihood[*definer] * weight / out[*definer];
        }
        received
    }
}

/// Whether what a file defines is meant for other files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Defines {
    ForOthers,
    ForItself,
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
    fn likelihood_goes_to_who_uses() {
        let files = [
            (0, Defines::ForOthers, closer("alpha", "beta gamma alpha")),
            (1, Defines::ForOthers, closer("beta", "")),
            (2, Defines::ForOthers, closer("gamma", "")),
            (3, Defines::ForItself, closer("check_alpha", "alpha")),
            (4, Defines::ForOthers, closer("delta", "check_alpha unknown")),
        ];
        let graph = Graph::new(files.iter().map(|(at, defines, closer)| (*at, *defines, closer)));
        // What a test defines is for itself, and what it uses makes it likely; who uses itself passes nothing on.
        assert_eq!(graph.to_users(&[1.0, 0.0, 0.0, 0.0, 0.0], 5), [0.0, 0.0, 0.0, 1.0, 0.0]);
        assert_eq!(graph.to_users(&[0.0, 0.0, 0.0, 1.0, 1.0], 5), [0.0; 5]);
        assert_eq!(graph.to_users(&[0.0, 0.25, 0.5, 0.0, 0.0], 5), [0.75, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn a_name_that_many_files_define_makes_no_edge() {
        let mut files: Vec<_> = (0..5).map(|at| (at, Defines::ForOthers, closer("main", ""))).collect();
        files.push((5, Defines::ForOthers, closer("", "main")));
        let graph = Graph::new(files.iter().map(|(at, defines, closer)| (*at, *defines, closer)));
        assert_eq!(graph.to_users(&[1.0; 6], 6), [0.0; 6]);
    }
}
