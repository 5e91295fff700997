//! *Why* a file is read, in one clause for people.

use super::features::Corpus;
use super::query::Query;
use super::rank::Ranked;
use super::role::Role;
use super::stats::FileStats;
use super::weights::{Family, Feature};
use crate::outbound::markup::code_span;

/// How many words of the issue are named.
const WORDS: usize = 3;
/// Words that tell the ranking something, but a reader nothing: counts, and what issues are about in general.
const VAGUE: &[&str] = &[
    "able",
    "add",
    "added",
    "adding",
    "bit",
    "case",
    "change",
    "changed",
    "changes",
    "code",
    "correct",
    "current",
    "currently",
    "error",
    "errors",
    "example",
    "fails",
    "false",
    "file",
    "files",
    "first",
    "fix",
    "following",
    "good",
    "last",
    "line",
    "lines",
    "long",
    "look",
    "lot",
    "name",
    "new",
    "non",
    "none",
    "null",
    "old",
    "one",
    "open",
    "run",
    "running",
    "runs",
    "second",
    "set",
    "similar",
    "simple",
    "source",
    "start",
    "string",
    "support",
    "test",
    "tests",
    "text",
    "three",
    "time",
    "true",
    "two",
    "type",
    "user",
    "users",
    "value",
    "values",
    "version",
    "without",
    "wrong",
];

/// The strongest of the reasons that a person can check.
pub(super) fn why(ranked: &Ranked, file: &FileStats, query: &Query, corpus: &Corpus) -> String {
    let has = |feature: Feature, least: f32| ranked.features[feature as usize] >= least;
    if has(Feature::Mention, 0.5) {
        return "the issue names it".to_owned();
    }
    if let Some(closer) = &file.closer {
        if let Some(phrase) = closer.phrases.first().filter(|_| has(Feature::Phrase, 0.5)) {
            return format!("has the quoted text {}", code_span(&query.phrases[usize::from(*phrase)]));
        }
        if has(Feature::Definition, 0.5) {
            let mut defines = closer.defines.clone();
            defines.sort_by(|a, b| corpus.telling(*b).total_cmp(&corpus.telling(*a)).then(a.cmp(b)));
            let names = defines.iter().filter(|term| tells(&query.terms[usize::from(**term)].spelling));
            let names: Vec<String> = names.take(WORDS).map(|term| spelled(*term, query)).collect();
            if !names.is_empty() {
                return format!("defines {}", names.join(", "));
            }
        }
    }
    if has(Feature::Stem, 1.0) {
        return "the title has its name".to_owned();
    }
    let words: Vec<String> = corpus
        .best_terms(&file.text)
        .into_iter()
        .filter(|term| tells(&query.terms[usize::from(*term)].spelling))
        .take(WORDS)
        .map(|term| spelled(term, query))
        .collect();
    match (words.is_empty(), file.role) {
        (false, Role::Test) => format!("tests {}", words.join(", ")),
        (false, _) => format!("mentions {}", words.join(", ")),
        (true, _) => strongest(ranked),
    }
}

/// Whether a word says something to a reader.
fn tells(word: &str) -> bool {
    word.chars().count() > 2 && !VAGUE.contains(&word)
}

/// What the feature with the largest share says.
fn strongest(ranked: &Ranked) -> String {
    let features = Feature::all().into_iter().filter(|feature| feature.family() != Family::Kind);
    features
        .filter(|feature| ranked.share(*feature) > 0.0)
        .max_by(|a, b| ranked.share(*a).total_cmp(&ranked.share(*b)))
        .map_or("one of the larger files", Feature::meaning)
        .to_owned()
}

fn spelled(term: u16, query: &Query) -> String {
    format!("`{}`", query.terms[usize::from(term)].spelling)
}
