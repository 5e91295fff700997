//! Measures the syntax gate: how often it stops a good edit, and how often it finds one that was broken on purpose.
//!
//! ```text
//! cargo run --release -p corpus --bin syntax_corpus < cases.jsonl
//! ```
//!
//! Every line of the input is an object with `path`, `before` and `after`; `after` is good code. Each case is broken
//! in every way that applies to its language, at a place drawn from a fixed seed. With `-v`, every good edit that was
//! stopped and every broken one that was not is listed.

#![allow(clippy::print_stdout, reason = "the table is the result")]

use std::collections::BTreeMap;
use std::io::BufRead;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use task::check::{self, Verdict};
use task::language::Language;
use task::path::RepoPath;
use tree_sitter::{Node, Parser};

/// Time for one file, before the gate gives up.
const TIME: Duration = Duration::from_secs(10);

#[derive(serde::Deserialize)]
struct Case {
    path: RepoPath,
    before: Option<String>,
    after: String,
}

/// What became of the cases of one kind in one language.
#[derive(Default)]
struct Row {
    cases: usize,
    stopped: usize,
    noted: usize,
    times: Vec<Duration>,
}

fn main() -> Result<()> {
    let verbose = std::env::args().any(|argument| argument == "-v");
    let mut rows: BTreeMap<(&str, &str), Row> = BTreeMap::new();
    for line in std::io::stdin().lock().lines() {
        let case: Case = serde_json::from_str(&line?).context("reading a case")?;
        let Some(language) = Language::of_file(&case.path, &case.after) else { continue };
        for (kind, text) in variants(language, &case.after)? {
            let start = Instant::now();
            let before = case.before.as_deref().map(str::as_bytes);
            let verdict = check::file(&case.path, before, text.as_bytes(), start + TIME);
            let row = rows.entry((language.name(), kind)).or_default();
            row.cases += 1;
            row.times.push(start.elapsed());
            match &verdict {
                Verdict::Sound => {}
                Verdict::Noted(_) => row.noted += 1,
                Verdict::Broken(_) => row.stopped += 1,
            }
            match verdict {
                Verdict::Broken(errors) if verbose && kind == GOOD => {
                    println!("stopped though good: {errors}");
                }
                Verdict::Sound | Verdict::Noted(_) if verbose && kind != GOOD => {
                    println!("not found: {kind} in {}", case.path);
                }
                _ => {}
            }
        }
    }
    println!(
        "{:12} {:18} {:>5} {:>9} {:>7} {:>10}",
        "language", "case", "n", "stopped %", "noted %", "median ms"
    );
    for ((language, kind), mut row) in rows {
        row.times.sort_unstable();
        let median = row.times[row.times.len() / 2].as_secs_f64() * 1e3;
        let (stopped, noted) = (percent(row.stopped, row.cases), percent(row.noted, row.cases));
        println!("{language:12} {kind:18} {:5} {stopped:9.1} {noted:7.1} {median:10.2}", row.cases);
    }
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "counts of cases are small")]
fn percent(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole as f64
}

const GOOD: &str = "good";

/// The good text, and the broken ones.
fn variants(language: Language, text: &str) -> Result<Vec<(&'static str, String)>> {
    let mut parser = Parser::new();
    parser.set_language(&language.grammar())?;
    let tree = parser.parse(text, None).context("no tree")?;
    let places = Places::of(tree.root_node());
    let mut draw = Draw(text.len() as u64);
    let mut variants = vec![(GOOD, text.to_owned())];
    if let Some(at) = draw.one(&places.braces) {
        variants.push(("no closing brace", without(text, at)));
    }
    if let Some(at) = draw.one(&places.parentheses) {
        variants.push(("no closing paren", without(text, at)));
    }
    // Elsewhere either may stand in a word.
    let strict = !matches!(language, Language::Bash | Language::Html | Language::Yaml);
    if let Some(at) = draw.one(&places.tokens).filter(|_| strict) {
        variants.push(("extra paren", format!("{}){}", &text[..at], &text[at..])));
    }
    if let Some(at) = draw.one(&places.tokens).filter(|_| strict) {
        variants.push(("extra operators", format!("{} = = {}", &text[..at], &text[at..])));
    }
    if let Some(end) = places.inside_brackets.iter().find(|end| **end >= text.len() / 2) {
        variants.push(("cut at half", text[..*end].to_owned()));
    }
    if let Some(at) = draw.one(&places.first_in_block) {
        let line = line_start(text, at);
        let header = line_start(text, line - 1);
        let indent = text[header..].len() - text[header..].trim_start_matches([' ', '\t']).len();
        let dedented = format!("{}{}{}", &text[..line], &text[header..header + indent], &text[at..]);
        variants.push(("body dedented", dedented));
    }
    if let Some(at) = draw.one(&places.later_in_block) {
        let line = line_start(text, at);
        variants.push(("one space more", format!("{} {}", &text[..line], &text[line..])));
    }
    let name = language.name();
    variants.push(("fences around", format!("```{name}\n{}\n```\n", text.trim_end())));
    let lines: Vec<usize> = text.match_indices('\n').map(|(at, _)| at + 1).collect();
    if let Some(at) = draw.one(&lines) {
        variants.push(("fence left over", format!("{}```\n{}", &text[..at], &text[at..])));
        let end = text[at..].find('\n').map_or(text.len(), |length| at + length + 1);
        let line = &text[at..end];
        let both = format!("<<<<<<< HEAD\n{line}=======\n{line}>>>>>>> theirs\n");
        variants.push(("conflict markers", format!("{}{both}{}", &text[..at], &text[end..])));
    }
    Ok(variants)
}

fn without(text: &str, at: usize) -> String {
    format!("{}{}", &text[..at], &text[at + 1..])
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |at| at + 1)
}

/// Bytes at which a text can be broken.
#[derive(Default)]
struct Places {
    braces: Vec<usize>,
    parentheses: Vec<usize>,
    tokens: Vec<usize>,
    /// Ends of tokens behind which a bracket is open.
    inside_brackets: Vec<usize>,
    /// Statements that begin a line and a Python block, behind a header of one line.
    first_in_block: Vec<usize>,
    /// Statements that begin a line, and follow another of their Python block.
    later_in_block: Vec<usize>,
}

impl Places {
    fn of(root: Node<'_>) -> Self {
        let mut places = Self::default();
        let mut open = 0_usize;
        let mut cursor = root.walk();
        loop {
            let node = cursor.node();
            if node.kind() == "block" && node.language().name() == Some("python") {
                places.add_block(node);
            }
            if node.child_count() == 0 && !node.byte_range().is_empty() && !node.is_error() {
                match node.kind() {
                    "(" | "[" | "{" => open += 1,
                    ")" | "]" | "}" => open = open.saturating_sub(1),
                    _ => {}
                }
                match node.kind() {
                    "}" => places.braces.push(node.start_byte()),
                    ")" => places.parentheses.push(node.start_byte()),
                    _ => {}
                }
                // Between the parts of a string or a comment an insertion breaks nothing.
                if !node.is_extra() && !node.is_named() && !node.kind().contains(['"', '\'', '`', '#']) {
                    places.tokens.push(node.start_byte());
                    if open > 0 {
                        places.inside_brackets.push(node.end_byte());
                    }
                }
            }
            if cursor.goto_first_child() {
                continue;
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    return places;
                }
            }
        }
    }

    fn add_block(&mut self, block: Node<'_>) {
        let mut last_row = match block.parent() {
            Some(header) => header.start_position().row,
            None => return,
        };
        let mut cursor = block.walk();
        for (index, statement) in block.named_children(&mut cursor).enumerate() {
            let row = statement.start_position().row;
            if index == 0 && row == last_row + 1 {
                self.first_in_block.push(statement.start_byte());
            } else if index > 0 && row > last_row && !statement.is_extra() {
                self.later_in_block.push(statement.start_byte());
            }
            last_row = statement.end_position().row;
        }
    }
}

/// A linear congruential generator (Knuth's MMIX constants).
struct Draw(u64);

impl Draw {
    fn one(&mut self, places: &[usize]) -> Option<usize> {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let index = usize::try_from(self.0 >> 33).ok()?.checked_rem(places.len())?;
        places.get(index).copied()
    }
}
