//! *Weights* say how much each feature of a file counts for its rank.
//!
//! They were fitted to 327 issues of 24 repositories in eight languages, each with the files that its fix changed:
//! non-negative, by logistic loss of each such file against the 100 best others, half of it for each file and half
//! for the best of them, with a penalty of 0.0015 on squares. `benches/corpus/src/rank_corpus.rs` writes the features
//! of such a collection, and `fit_weights.rs` beside it fits and measures; `docs/PERFORMANCE.md` has the tables. On
//! repositories that they were not fitted on, every changed file is among the first five for 59.9 % of the issues, 91.1 % of the
//! changed files are among the first 20, and the mean of one over the rank of the first is 76.0 %.
//!
//! Two more were fitted at nothing and left out: how likely the files are that use what a file defines, and the tests.
//!
//! The features overlap, so that a weight alone does not say how much its feature is worth.

use serde::Serialize;

use super::role::Role;

/// What is known of a file for ranking. Each is scaled so that the best source of a run has 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    /// BM25 of the issue over the text.
    Text,
    /// BM25 of the issue without code and logs over the text.
    Prose,
    /// BM25 of the title over text and path.
    Title,
    /// BM25 of the issue over the beginning of the file.
    Head,
    /// BM25 of the issue over the path.
    Path,
    /// BM25 of the title over the path.
    TitleInPath,
    /// BM25 of the issue over the best passage.
    Passage,
    /// BM25 of the issue over the best passage of three times the length.
    LongPassage,
    /// BM25 of the title over the best passage.
    TitlePassage,
    /// The file defines what the title names.
    Definition,
    /// The file defines an identifier that the issue spells as code.
    Named,
    /// The issue names the path.
    Mention,
    /// The issue has the base name as a word.
    Stem,
    /// Literal text that the issue quotes.
    Phrase,
    /// The logarithm of the length.
    Size,
    /// The file is in the language of most sources.
    Language,
    /// The share of the sources that is in the file's top-level folder.
    Area,
    /// How likely the other files of its folder are.
    Siblings,
    /// How likely the files are whose definitions it uses.
    User,
    /// BM25 of pairs of neighboring words.
    Pairs,
    /// BM25 of the issue over the best definition.
    BestDefinition,
    /// How much the messages of its past commits are like the issue.
    Past,
    /// How likely the files are that past commits changed together with it.
    Together,
}

/// What kind of evidence a feature is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Words of the issue in the text.
    Words,
    /// Names and literal text that the issue and the file share.
    Names,
    /// The path.
    Path,
    /// What other files make likely.
    Neighbours,
    /// What past commits make likely.
    Past,
    /// What the file is, whatever the issue says.
    Kind,
}

/// Each feature with its weight, its family and its name for people.
const WEIGHTS: [(Feature, f32, Family, &str); Feature::COUNT] = [
    (Feature::Text, 0.11, Family::Words, "text"),
    (Feature::Prose, 0.25, Family::Words, "prose"),
    (Feature::Title, 1.40, Family::Words, "title"),
    (Feature::Head, 0.63, Family::Words, "head"),
    (Feature::Path, 0.72, Family::Path, "path"),
    (Feature::TitleInPath, 0.48, Family::Path, "title in path"),
    (Feature::Passage, 0.87, Family::Words, "passage"),
    (Feature::LongPassage, 1.14, Family::Words, "long passage"),
    (Feature::TitlePassage, 0.54, Family::Words, "title in passage"),
    (Feature::Definition, 0.72, Family::Names, "definition"),
    (Feature::Named, 0.70, Family::Names, "identifier"),
    (Feature::Mention, 0.53, Family::Path, "mention"),
    (Feature::Stem, 0.40, Family::Path, "base name"),
    (Feature::Phrase, 0.88, Family::Names, "quotation"),
    (Feature::Size, 0.06, Family::Kind, "size"),
    (Feature::Language, 1.35, Family::Kind, "language"),
    (Feature::Area, 0.58, Family::Kind, "area"),
    (Feature::Siblings, 0.60, Family::Neighbours, "siblings"),
    (Feature::User, 0.44, Family::Neighbours, "user"),
    (Feature::Pairs, 0.95, Family::Words, "pairs"),
    (Feature::BestDefinition, 1.22, Family::Words, "best definition"),
    (Feature::Past, 1.05, Family::Past, "past"),
    (Feature::Together, 0.25, Family::Past, "together"),
];

impl Feature {
    pub const COUNT: usize = 23;

    /// Every feature, in the order in which [`Ranked`](super::rank::Ranked) has them.
    pub fn all() -> [Self; Self::COUNT] {
        WEIGHTS.map(|(feature, _, _, _)| feature)
    }

    /// One to three words for people.
    pub fn name(self) -> &'static str {
        WEIGHTS[self as usize].3
    }

    pub fn family(self) -> Family {
        WEIGHTS[self as usize].2
    }

    /// What a file gets for having the most of it.
    pub fn weight(self) -> f32 {
        WEIGHTS[self as usize].1
    }

    /// What it says of a file, as a clause for people.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Text => "words of the issue, in the text",
            Self::Prose => "words of the issue without its code and logs, in the text",
            Self::Title => "words of the title, in text and path",
            Self::Head => "words of the issue, in the first lines",
            Self::Path => "words of the issue, in the path",
            Self::TitleInPath => "words of the title, in the path",
            Self::Passage => "words of the issue, in the best 40 lines",
            Self::LongPassage => "words of the issue, in the best 120 lines",
            Self::TitlePassage => "words of the title, in the best 40 lines",
            Self::Definition => "defines what the title names",
            Self::Named => "defines a name that the issue spells as code",
            Self::Mention => "the issue names the path",
            Self::Stem => "the issue has the base name as a word",
            Self::Phrase => "has text that the issue quotes",
            Self::Size => "length of the file",
            Self::Language => "is in the language of most sources",
            Self::Area => "share of the sources that its top-level folder has",
            Self::Siblings => "likely files are in its folder",
            Self::User => "it uses what likely files define",
            Self::Pairs => "neighboring words of the issue side by side, in the text",
            Self::BestDefinition => "words of the issue, in the best definition",
            Self::Past => "past commits like the issue changed it",
            Self::Together => "past commits changed it together with likely files",
        }
    }
}

/// The score of a file with these features.
pub(super) fn score(features: &[f32; Feature::COUNT], role: Role) -> f32 {
    prior(role)
        + features.iter().zip(WEIGHTS).map(|(feature, (_, weight, _, _))| feature * weight).sum::<f32>()
}

/// What a file's role adds, set by hand: tests come after the sources that match as well, unless the issue names them.
pub(super) fn prior(role: Role) -> f32 {
    match role {
        Role::Source => 0.0,
        Role::Markup => -1.0,
        Role::Config => -2.5,
        Role::Document | Role::Example => -3.0,
        Role::Test => -5.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_features() {
        for (at, (feature, weight, family, name)) in WEIGHTS.into_iter().enumerate() {
            let found = (feature as usize, feature.weight(), feature.family(), feature.name());
            assert_eq!(found, (at, weight, family, name));
        }
    }
}
