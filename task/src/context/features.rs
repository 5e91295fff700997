//! The *features* of a file: what is known of it for ranking, each as one number.

#![expect(clippy::cast_precision_loss, reason = "counts far below 2^24, and scores that need no more")]

use std::collections::BTreeMap;

use super::bm25::Bm25;
use super::graph::{Defines, Graph};
use super::history::History;
use super::query::{Query, QueryTerm};
use super::relevance::Relevance;
use super::role::Role;
use super::stats::{Closer, Counts, Field, FileStats};
use super::walk::Walk;
use super::weights::{self, Feature};
use crate::path::RepoPath;

/// How often a path counts where it is one text with the content.
const PATH_REPEAT: u16 = 3;

/// Lines of a definition of ordinary length.
const DEFINITION_LINES: f32 = 30.0;

/// The features of one file, in the order of [`Feature::all`].
pub(super) type Row = [f32; Feature::COUNT];

/// What all files together say of the query's terms, and of each other.
#[derive(Clone, Debug)]
pub(super) struct Corpus {
    text: Bm25,
    with_path: Bm25,
    head: Bm25,
    path: Bm25,
    /// Of each term, in the whole issue.
    weights: Vec<f32>,
    /// Of each term, in the issue without code and logs.
    prose_weights: Vec<f32>,
    /// Of each term, in the title.
    title_weights: Vec<f32>,
    /// In how many files each phrase stands.
    phrase_files: Vec<u32>,
    graph: Graph,
    /// Of pairs of terms.
    pairs: Bm25,
    past: Relevance,
}

impl Corpus {
    /// Tests and prose use the words of issues more freely than sources do, so that only sources say what is rare.
    pub(super) fn new(files: &[FileStats], walk: &Walk, history: &History, query: &Query) -> Self {
        let any = files.iter().any(|file| file.role == Role::Source);
        let sources = || files.iter().filter(move |file| file.role == Role::Source || !any);
        let joined: Vec<Field> = sources().map(with_path).collect();
        let terms = query.terms.len();
        let closer = files.iter().enumerate().filter_map(|(at, file)| {
            let defines = if file.role == Role::Test { Defines::ForItself } else { Defines::ForOthers };
            file.closer.as_ref().map(|closer| (at, defines, closer))
        });
        let mut phrase_files = vec![0; query.phrases.len()];
        for (_, _, closer) in closer.clone() {
            for phrase in &closer.phrases {
                phrase_files[usize::from(*phrase)] += 1;
            }
        }
        Self {
            text: Bm25::new(sources().map(|file| &file.text), terms),
            with_path: Bm25::new(joined.iter(), terms),
            head: Bm25::new(sources().map(|file| &file.head), terms),
            path: Bm25::new(sources().map(|file| &file.path), terms),
            weights: weights(query, |term| term.count),
            prose_weights: weights(query, |term| term.prose),
            title_weights: weights(query, |term| term.title),
            phrase_files,
            pairs: Bm25::new(
                closer.clone().filter(|c| c.1 == Defines::ForOthers).map(|(_, _, closer)| &closer.pairs),
                query.pairs.weights.len(),
            ),
            past: Relevance::new(history, files, walk, query),
            graph: Graph::new(closer),
        }
    }

    /// BM25 of a passage of a file.
    pub(super) fn passage(&self, field: &Field) -> f32 {
        self.text.score_flat(&field.counts, &self.weights)
    }

    /// BM25 of a passage of a file for the title alone.
    pub(super) fn title_passage(&self, field: &Field) -> f32 {
        self.text.score_flat(&field.counts, &self.title_weights)
    }

    /// BM25 of a definition of so many lines.
    pub(super) fn definition(&self, counts: &Counts, lines: usize) -> f32 {
        self.text.score_with_length(counts, lines as f32, DEFINITION_LINES, &self.weights)
    }

    /// How much a term of the issue tells of a file that has it.
    pub(super) fn telling(&self, term: u16) -> f32 {
        self.text.idf(term) * self.weights[usize::from(term)]
    }

    /// The terms of a field, those that tell most first; one of the title tells a reader twice as much.
    pub(super) fn best_terms(&self, field: &Field) -> Vec<u16> {
        let tells = |term: u16| {
            let in_title = self.title_weights[usize::from(term)] > 0.0;
            self.telling(term) * if in_title { 2.0 } else { 1.0 }
        };
        let mut terms: Vec<u16> = field.counts.iter().map(|(term, _)| *term).collect();
        terms.sort_by(|a, b| tells(*b).total_cmp(&tells(*a)).then(a.cmp(b)));
        terms
    }

    fn definitions(&self, closer: &Closer) -> f32 {
        let in_title = |term: &&u16| self.title_weights[usize::from(**term)] > 0.0;
        closer.defines.iter().filter(in_title).map(|term| self.telling(*term)).sum()
    }

    fn named(&self, closer: &Closer, query: &Query) -> f32 {
        closer
            .names
            .iter()
            .filter(|name| query.identifiers.contains(name))
            .map(|name| 1.0 / self.graph.definers(*name).max(1) as f32)
            .sum()
    }

    fn phrases(&self, closer: &Closer) -> f32 {
        closer.phrases.iter().map(|phrase| 1.0 / self.phrase_files[usize::from(*phrase)].max(1) as f32).sum()
    }
}

/// What each term counts for by how often a part of the issue has it: the second time less than the first.
fn weights(query: &Query, count: impl Fn(&QueryTerm) -> u32) -> Vec<f32> {
    query.terms.iter().map(|term| (count(term) as f32).ln_1p()).collect()
}

/// The text and, several times over, the path, as one field.
fn with_path(file: &FileStats) -> Field {
    let mut counts = file.text.counts.clone();
    for &(term, count) in &file.path.counts {
        let more = count.saturating_mul(PATH_REPEAT);
        match counts.binary_search_by_key(&term, |(term, _)| *term) {
            Ok(at) => counts[at].1 = counts[at].1.saturating_add(more),
            Err(at) => counts.insert(at, (term, more)),
        }
    }
    Field { counts, length: file.text.length + u32::from(PATH_REPEAT) * file.path.length }
}

/// The features of each file, each scaled so that the best source has 1.
pub(super) fn features(files: &[FileStats], walk: &Walk, query: &Query, corpus: &Corpus) -> Vec<Row> {
    let paths: Vec<&RepoPath> = files.iter().map(|file| &walk.entries()[file.entry].path).collect();
    let families = shares(files, &paths, family);
    let main_family = families.iter().copied().fold(0.0, f32::max);
    let areas = shares(files, &paths, |path| path.as_str().split_once('/').map_or("", |(top, _)| top));
    let mut rows: Vec<Row> = files
        .iter()
        .zip(&paths)
        .enumerate()
        .map(|(at, (file, path))| {
            let closer = file.closer.as_ref();
            Feature::all().map(|feature| match feature {
                Feature::Text => corpus.text.score(&file.text, &corpus.weights),
                Feature::Title => corpus.with_path.score(&with_path(file), &corpus.title_weights),
                Feature::Head => corpus.head.score(&file.head, &corpus.weights),
                Feature::Path => corpus.path.score(&file.path, &corpus.weights),
                Feature::Mention => {
                    query.mentions.iter().map(|mention| mention.fit(path)).fold(0.0, f32::max)
                }
                Feature::Stem => query.names_stem(path),
                Feature::Size => (file.text.length as f32).ln_1p(),
                Feature::Prose => corpus.text.score(&file.text, &corpus.prose_weights),
                Feature::LongPassage => closer.map_or(0.0, |closer| closer.long_passage),
                Feature::TitlePassage => closer.map_or(0.0, |closer| closer.title_passage),
                Feature::Definition => closer.map_or(0.0, |closer| corpus.definitions(closer)),
                Feature::TitleInPath => corpus.path.score(&file.path, &corpus.title_weights),
                Feature::Named => closer.map_or(0.0, |closer| corpus.named(closer, query)),
                Feature::Passage => closer.map_or(0.0, |closer| closer.passage),
                Feature::Phrase => closer.map_or(0.0, |closer| corpus.phrases(closer)),
                Feature::Pairs => {
                    closer.map_or(0.0, |closer| corpus.pairs.score(&closer.pairs, &query.pairs.weights))
                }
                Feature::BestDefinition => closer.map_or(0.0, |closer| closer.best_definition),
                Feature::Past => corpus.past.message(at),
                Feature::Language => f32::from(u8::from(families[at] >= main_family)),
                Feature::Area => areas[at],
                // Known once the others are.
                Feature::Siblings | Feature::User | Feature::Together => 0.0,
            })
        })
        .collect();
    scale(&mut rows, files);
    relate(&mut rows, files, &paths, corpus);
    scale(&mut rows, files);
    rows
}

/// The features that follow from how likely other files are.
fn relate(rows: &mut [Row], files: &[FileStats], paths: &[&RepoPath], corpus: &Corpus) {
    let likely = likelihood(rows, files);
    let users = corpus.graph.to_users(&likely, files.len());
    let together = corpus.past.together(&likely);
    let mut folders: BTreeMap<&str, f32> = BTreeMap::new();
    for (path, likely) in paths.iter().zip(&likely) {
        *folders.entry(path.parent().unwrap_or_default()).or_default() += likely;
    }
    for (at, row) in rows.iter_mut().enumerate() {
        let folder = folders.get(paths[at].parent().unwrap_or_default()).copied().unwrap_or_default();
        row[Feature::Siblings as usize] = (folder - likely[at]).max(0.0).sqrt();
        row[Feature::User as usize] = users[at].sqrt();
        row[Feature::Together as usize] = together[at].sqrt();
    }
}

/// How likely each file is the one, by the features so far: a distribution, zero for tests.
fn likelihood(rows: &[Row], files: &[FileStats]) -> Vec<f32> {
    let scores: Vec<Option<f32>> = rows
        .iter()
        .zip(files)
        .map(|(row, file)| (file.role != Role::Test).then(|| weights::score(row, file.role)))
        .collect();
    let best = scores.iter().flatten().copied().fold(f32::NEG_INFINITY, f32::max);
    let odds: Vec<f32> = scores.iter().map(|score| score.map_or(0.0, |score| (score - best).exp())).collect();
    let sum: f32 = odds.iter().sum();
    odds.into_iter().map(|odds| if sum > 0.0 { odds / sum } else { 0.0 }).collect()
}

/// Extensions that are used together in one program have one family.
fn family(path: &RepoPath) -> &str {
    match path.extension().unwrap_or_default() {
        "jsx" | "mjs" | "cjs" | "ts" | "tsx" | "mts" | "cts" => "js",
        "h" | "cc" | "cpp" | "cxx" | "hh" | "hpp" | "hxx" | "ipp" => "c",
        "pyi" | "pyx" | "pxd" => "py",
        "kts" => "kt",
        extension => extension,
    }
}

/// For each file, the share of all sources' bytes that is in files of its group, from 0 to 1.
fn shares<'a>(
    files: &[FileStats],
    paths: &[&'a RepoPath],
    group: impl Fn(&'a RepoPath) -> &'a str,
) -> Vec<f32> {
    let mut bytes: BTreeMap<&str, usize> = BTreeMap::new();
    for (file, path) in files.iter().zip(paths).filter(|(file, _)| file.role == Role::Source) {
        *bytes.entry(group(path)).or_default() += file.bytes;
    }
    let all = bytes.values().sum::<usize>().max(1) as f32;
    paths.iter().map(|path| bytes.get(group(path)).map_or(0.0, |bytes| *bytes as f32 / all)).collect()
}

/// Divides each feature by its maximum over the sources, or over all files where there are none.
fn scale(rows: &mut [Row], files: &[FileStats]) {
    let any = files.iter().any(|file| file.role == Role::Source);
    for feature in 0..Feature::COUNT {
        let of_sources = rows.iter().zip(files).filter(|(_, file)| file.role == Role::Source || !any);
        let max = of_sources.map(|(row, _)| row[feature]).fold(0.0, f32::max);
        if max > 0.0 {
            for row in rows.iter_mut() {
                row[feature] /= max;
            }
        }
    }
}
