//! The facts of an explanation. As JSON they are what `docs/explain.schema.json` describes.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::context::role::{Omission, Role};
use crate::context::weights::{Family, Feature};
use crate::llm::Usd;
use crate::path::RepoPath;
use crate::report::{BaseFacts, IssueFacts};

/// Ranges of lines that are named of a file; the rest is counted.
const SHOWN_RANGES: usize = 6;

/// What a run would read, and why.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// `explained`; a failure says `failed`.
    pub outcome: &'static str,
    pub issue: IssueFacts,
    pub base: BaseFacts,
    /// The model that a run would ask, `provider:model`.
    pub model: String,
    /// The most calls to the model that a run makes.
    pub calls_at_most: u32,
    /// The most that these can cost, in words.
    pub cost_at_most: String,
    /// The same as a number; `None` where the price of the model is unknown.
    pub cost_at_most_usd: Option<Usd>,
    pub tokens: Tokens,
    /// How many files were ranked.
    pub ranked: usize,
    /// How many others were not, by reason.
    pub left_out: BTreeMap<Omission, usize>,
    /// What decides over the order.
    pub features: Vec<FeatureFacts>,
    /// Best first.
    pub files: Vec<FileFacts>,
    /// The project's own notes for contributors that the model is shown.
    pub instructions: Vec<RepoPath>,
    pub times: Times,
}

/// Tokens of the first message's material, as they are estimated.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Tokens {
    /// The most that may be used.
    pub budget: u32,
    pub files: u32,
    pub map: u32,
    pub instructions: u32,
    pub total: u32,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct FeatureFacts {
    /// The key of a file's shares.
    pub name: &'static str,
    pub family: Family,
    /// The share of a file that has the most of it.
    pub weight: f32,
    pub meaning: &'static str,
}

impl FeatureFacts {
    pub(super) fn of(feature: Feature) -> Self {
        Self {
            name: feature.name(),
            family: feature.family(),
            weight: feature.weight(),
            meaning: feature.meaning(),
        }
    }
}

/// How much of a file the model is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Given {
    Whole,
    /// The lines that matter most.
    Part,
    /// Its name, and its definitions where they fit.
    Map,
    No,
}

impl Given {
    /// For people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Part => "part",
            Self::Map => "map",
            Self::No => "no",
        }
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct FileFacts {
    /// From 1.
    pub rank: usize,
    pub path: RepoPath,
    pub role: Role,
    pub given: Given,
    /// First and last of each range that is given of a part.
    pub lines: Vec<(usize, usize)>,
    /// Of the whole file, estimated from its size.
    pub tokens: u32,
    /// The sum of prior and shares.
    #[serde(serialize_with = "thousandths")]
    pub score: f32,
    /// What its role takes away.
    #[serde(serialize_with = "thousandths")]
    pub prior: f32,
    /// What each feature adds, in the order of the features, without those that add nothing.
    #[serde(serialize_with = "shares")]
    pub shares: Vec<(&'static str, f32)>,
    /// The strongest reason, a clause.
    pub why: String,
}

impl FileFacts {
    /// The shares, largest first.
    pub(super) fn largest(&self) -> Vec<(&'static str, f32)> {
        let mut shares = self.shares.clone();
        shares.sort_by(|a, b| b.1.total_cmp(&a.1));
        shares
    }

    /// The lines of a part; most are more than one.
    pub(super) fn ranges(&self) -> impl Iterator<Item = String> {
        self.lines.iter().map(
            |(first, last)| {
                if first == last { first.to_string() } else { format!("{first}–{last}") }
            },
        )
    }

    /// How much of the file is given, for people: its size says nothing of that.
    pub(super) fn amount(&self) -> String {
        match self.given {
            Given::Whole => format!("about {} tokens", self.tokens),
            Given::Part => {
                let shown: Vec<String> = self.ranges().take(SHOWN_RANGES).collect();
                let shown = shown.join(", ");
                match self.lines.len().saturating_sub(SHOWN_RANGES) {
                    0 => format!("lines {shown}"),
                    more => format!("lines {shown} and {more} more"),
                }
            }
            Given::Map => "name and definitions".to_owned(),
            Given::No => "nothing".to_owned(),
        }
    }
}

/// Milliseconds spent in each step.
#[expect(clippy::struct_field_names, reason = "the unit is part of the name in JSON")]
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Times {
    pub open_ms: u64,
    pub walk_ms: u64,
    pub index_ms: u64,
    pub pack_ms: u64,
    pub total_ms: u64,
}

/// Scores have no meaning beyond the third digit after the point.
pub(super) fn rounded(value: f32) -> f64 {
    (f64::from(value) * 1000.0).round() / 1000.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the derived code gives a reference")]
fn thousandths<S: Serializer>(value: &f32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(rounded(*value))
}

fn shares<S: Serializer>(shares: &[(&'static str, f32)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(shares.iter().map(|(name, share)| (name, rounded(*share))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_what_is_given() {
        let of = |given, lines: &[(usize, usize)]| {
            let file = FileFacts {
                rank: 1,
                path: RepoPath::parse("a.rs").unwrap(),
                role: Role::Source,
                given,
                lines: lines.to_vec(),
                tokens: 40,
                score: 0.0,
                prior: 0.0,
                shares: Vec::new(),
                why: String::new(),
            };
            file.amount()
        };
        assert_eq!(of(Given::Whole, &[]), "about 40 tokens");
        assert_eq!(of(Given::Part, &[(1, 4), (9, 9)]), "lines 1–4, 9");
        let many: Vec<(usize, usize)> = (1..=8).map(|n| (n * 10, n * 10 + 1)).collect();
        assert_eq!(of(Given::Part, &many), "lines 10–11, 20–21, 30–31, 40–41, 50–51, 60–61 and 2 more");
        assert_eq!(
            (of(Given::Map, &[]), of(Given::No, &[])),
            ("name and definitions".into(), "nothing".into())
        );
    }
}
