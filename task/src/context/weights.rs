//! *Weights* say how much each feature of a file counts for its rank.
//!
//! They were fitted to 327 issues of 24 repositories in eight languages, each with the files that its fix changed:
//! non-negative, by logistic loss of each such file against the 100 best others, half of it for each file and half
//! for the best of them, with a penalty of 0.0015 on squares. `examples/rank_corpus.rs` writes the features of such a
//! collection, and `examples/fit_weights.rs` fits and measures. Out of sample by repository, in percent (all@5: every
//! changed file is among the first five; rec@20: share of the changed files among the first 20; MRR: mean of one
//! over the rank of the first):
//!
//! | | all@1 | all@5 | all@10 | rec@5 | rec@20 | MRR |
//! |---|---|---|---|---|---|---|
//! | BM25 over the text | 22.6 | 51.4 | 65.1 | 66.2 | 86.9 | 62.7 |
//! | the same with path, mention, definition, base name, by hand | 27.8 | 53.2 | 67.0 | 68.1 | 87.6 | 68.6 |
//! | all features, fitted | 31.2 | 60.2 | 71.6 | 75.0 | 91.1 | 73.7 |
//!
//! The features overlap: leaving one out costs at most 1.2 points of all@5 (title in path, identifier, user, language)
//! and 0.6 of MRR (prose, head, identifier, language).

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
    /// How likely the files are that use what it defines.
    Used,
    /// How likely the files are whose definitions it uses.
    User,
    /// How likely the tests are that use what it defines.
    Tested,
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
    /// What the file is, whatever the issue says.
    Kind,
}

/// Each feature with its weight, its family and its name for people.
const WEIGHTS: [(Feature, f32, Family, &str); Feature::COUNT] = [
    (Feature::Text, 0.50, Family::Words, "text"),
    (Feature::Prose, 0.76, Family::Words, "prose"),
    (Feature::Title, 1.36, Family::Words, "title"),
    (Feature::Head, 0.66, Family::Words, "head"),
    (Feature::Path, 0.98, Family::Path, "path"),
    (Feature::TitleInPath, 0.52, Family::Path, "title in path"),
    (Feature::Passage, 1.64, Family::Words, "passage"),
    (Feature::LongPassage, 1.42, Family::Words, "long passage"),
    (Feature::TitlePassage, 0.89, Family::Words, "title in passage"),
    (Feature::Definition, 0.71, Family::Names, "definition"),
    (Feature::Named, 0.89, Family::Names, "identifier"),
    (Feature::Mention, 0.57, Family::Path, "mention"),
    (Feature::Stem, 0.35, Family::Path, "base name"),
    (Feature::Phrase, 0.97, Family::Names, "quotation"),
    (Feature::Size, 0.68, Family::Kind, "size"),
    (Feature::Language, 1.60, Family::Kind, "language"),
    (Feature::Area, 0.67, Family::Kind, "area"),
    (Feature::Siblings, 0.81, Family::Neighbours, "siblings"),
    (Feature::Used, 0.14, Family::Neighbours, "used"),
    (Feature::User, 0.95, Family::Neighbours, "user"),
    (Feature::Tested, 0.29, Family::Neighbours, "tested"),
];

impl Feature {
    pub const COUNT: usize = 21;

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
            Self::Used => "likely files use what it defines",
            Self::User => "it uses what likely files define",
            Self::Tested => "likely tests use what it defines",
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
