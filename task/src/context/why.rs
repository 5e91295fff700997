//! *Why* a file is read, in one clause for people.

use super::features::Corpus;
use super::index::FileStats;
use super::query::Query;
use super::rank::Ranked;
use super::role::Role;
use super::weights::Feature;

/// How many words of the issue are named.
const WORDS: usize = 3;

/// The strongest of the reasons that a person can check.
pub(super) fn why(ranked: &Ranked, file: &FileStats, query: &Query, corpus: &Corpus) -> String {
    let has = |feature: Feature, least: f32| ranked.features[feature as usize] >= least;
    if has(Feature::Mention, 0.5) {
        return "the issue names it".to_owned();
    }
    if let Some(closer) = &file.closer {
        if let Some(phrase) = closer.phrases.first().filter(|_| has(Feature::Phrase, 0.5)) {
            return format!("has the quoted text `{}`", query.phrases[usize::from(*phrase)]);
        }
        if has(Feature::Definition, 0.5) {
            let mut defines = closer.defines.clone();
            defines.sort_by(|a, b| corpus.telling(*b).total_cmp(&corpus.telling(*a)).then(a.cmp(b)));
            let names: Vec<String> = defines.iter().take(WORDS).map(|term| spelled(*term, query)).collect();
            if !names.is_empty() {
                return format!("defines {}", names.join(", "));
            }
        }
    }
    if has(Feature::Stem, 1.0) {
        return "the title has its name".to_owned();
    }
    let words: Vec<String> =
        corpus.best_terms(&file.text).into_iter().take(WORDS).map(|term| spelled(term, query)).collect();
    match (words.is_empty(), file.role) {
        (false, Role::Test) => format!("tests {}", words.join(", ")),
        (false, _) => format!("mentions {}", words.join(", ")),
        (true, _) => "one of the larger files".to_owned(),
    }
}

fn spelled(term: u16, query: &Query) -> String {
    format!("`{}`", query.terms[usize::from(term)].spelling)
}
