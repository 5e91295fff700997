//! Measures how SEARCH/REPLACE blocks apply that are not copied as they should be.
//!
//! Reads cases as JSON lines, one object each with the strings `path`, `before`, `search`, `replace` and `after`
//! (others are ignored), damages each block in every way that models are known to, sends it through
//! `Answer::read` and `patch::resolve`, and prints how many gave the right bytes, were refused, or gave wrong ones:
//!
//! ```text
//! zcat cases.jsonl.gz | cargo run --release -p corpus --bin edit_corpus
//! zcat cases.jsonl.gz | cargo run --release -p corpus --bin edit_corpus -- "one wrong"    these kinds only, failures shown
//! ```
//!
//! A case whose undamaged block does not give the right bytes counts in the first row only: a block cannot express,
//! for instance, that a newline is added at the end of the file.
//!
//! Damage is drawn from a fixed seed, so that two runs over the same cases agree.

#![expect(clippy::print_stdout, reason = "the table is the program's output")]
#![expect(
    clippy::unnecessary_wraps,
    reason = "every damage has the same signature, also what applies always"
)]

use std::collections::BTreeMap;
use std::io::{self, BufRead};

use anyhow::{Context, Result};
use serde::Deserialize;
use similar::TextDiff;
use task::context::read_set::{FileMode, ReadFile, ReadSet, Shown};
use task::patch::{self, EditErrors};
use task::path::RepoPath;
use task::protect::Protection;
use task::protocol::{Answer, Paths};

/// One real change of a file as a block.
#[derive(Deserialize)]
struct Case {
    path: String,
    before: String,
    search: String,
    replace: String,
    after: String,
}

/// A case as it reaches the patch engine, and what should come of it.
struct Damaged {
    before: String,
    reply: String,
    expect: Expect,
}

enum Expect {
    Content(String),
    Refusal,
}

#[derive(Default)]
struct Tally {
    right: usize,
    refused: usize,
    wrong: usize,
}

/// Which halves of a block are damaged.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Halves {
    Both,
    Search,
}

/// One way to damage a block; `None` where the block has nothing to damage.
type Damage = fn(&Case, Halves, &mut Random) -> Option<Damaged>;

const KINDS: [(&str, Halves, Damage); 32] = [
    ("as it is", Halves::Both, as_is),
    ("trailing white space", Halves::Both, trailing_space),
    ("trailing white space, SEARCH only", Halves::Search, trailing_space),
    ("no-break spaces", Halves::Both, no_break_spaces),
    ("no-break spaces, SEARCH only", Halves::Search, no_break_spaces),
    ("typographic quotes", Halves::Both, quotes),
    ("typographic quotes, SEARCH only", Halves::Search, quotes),
    ("dedented", Halves::Both, dedented),
    ("dedented, SEARCH only", Halves::Search, dedented),
    ("indented further", Halves::Both, indented),
    ("indented further, SEARCH only", Halves::Search, indented),
    ("tabs for spaces", Halves::Both, tabs_for_spaces),
    ("tabs for spaces, SEARCH only", Halves::Search, tabs_for_spaces),
    ("spaces for tabs", Halves::Both, spaces_for_tabs),
    ("spaces for tabs, SEARCH only", Halves::Search, spaces_for_tabs),
    ("a blank line left out", Halves::Both, blank_line_left_out),
    ("a blank line left out, SEARCH only", Halves::Search, blank_line_left_out),
    ("CRLF file", Halves::Both, crlf_file),
    ("CRLF block", Halves::Both, crlf_block),
    ("line numbers", Halves::Both, line_numbers),
    ("line numbers, SEARCH only", Halves::Search, line_numbers),
    ("HTML entities", Halves::Both, entities),
    ("HTML entities, SEARCH only", Halves::Search, entities),
    ("diff markers", Halves::Both, diff_markers),
    ("elided by dots", Halves::Both, elided_by_dots),
    ("elided by a comment", Halves::Both, elided_by_comment),
    ("one wrong character in context", Halves::Both, wrong_character),
    ("one wrong character in context, SEARCH only", Halves::Search, wrong_character),
    ("in several places (refused is right)", Halves::Both, in_several_places),
    ("in several places, re-indented (refused is right)", Halves::Both, in_several_places_dedented),
    ("not in the file (refused is right)", Halves::Both, not_in_the_file),
    ("elided in REPLACE only (refused is right)", Halves::Both, elided_in_replace),
];

fn main() -> Result<()> {
    let shown = std::env::args().nth(1);
    let mut tallies: BTreeMap<usize, Tally> = BTreeMap::new();
    for (number, line) in io::stdin().lock().lines().enumerate() {
        let line = line.context("reading cases")?;
        let case: Case =
            serde_json::from_str(&line).with_context(|| format!("reading case {}", number + 1))?;
        for (at, (kind, halves, damage)) in KINDS.iter().enumerate() {
            let wanted = shown.as_deref().is_none_or(|shown| kind.starts_with(shown));
            if at > 0 && !wanted {
                continue;
            }
            let mut random = Random::new(number, at);
            let Some(damaged) = damage(&case, *halves, &mut random) else { continue };
            let result = apply(&case.path, &damaged)?;
            let tally = tallies.entry(at).or_default();
            let verdict = match (&damaged.expect, &result) {
                (Expect::Content(after), Ok(found)) if after == found => &mut tally.right,
                (Expect::Refusal, Err(_)) => &mut tally.right,
                (Expect::Content(_), Err(_)) => &mut tally.refused,
                (_, Ok(_)) => &mut tally.wrong,
            };
            *verdict += 1;
            if shown.is_some() && wanted {
                show(number, &damaged, &result);
            }
            if at == 0 && !matches!(&damaged.expect, Expect::Content(after) if result.as_ref() == Ok(after)) {
                break;
            }
        }
    }
    print_table(&tallies);
    Ok(())
}

fn print_table(tallies: &BTreeMap<usize, Tally>) {
    println!(
        "{:<52} {:>6} {:>7} {:>7} {:>7} {:>8}",
        "damage", "cases", "right", "refused", "wrong", "right %"
    );
    let mut sum = Tally::default();
    for (at, tally) in tallies {
        print_row(KINDS[*at].0, tally);
        sum.right += tally.right;
        sum.refused += tally.refused;
        sum.wrong += tally.wrong;
    }
    print_row("all", &sum);
}

fn print_row(kind: &str, tally: &Tally) {
    let cases = tally.right + tally.refused + tally.wrong;
    let per_mille = tally.right * 1000 / cases.max(1);
    println!(
        "{kind:<52} {cases:>6} {:>7} {:>7} {:>7} {:>6}.{}",
        tally.right,
        tally.refused,
        tally.wrong,
        per_mille / 10,
        per_mille % 10
    );
}

fn show(number: usize, damaged: &Damaged, result: &Result<String, String>) {
    match (&damaged.expect, result) {
        (Expect::Content(after), Ok(found)) if after != found => {
            let diff = TextDiff::from_lines(after.as_str(), found.as_str());
            println!("== case {}: wrong\n{}\n{}", number + 1, damaged.reply, diff.unified_diff());
        }
        (Expect::Content(_), Err(why)) => {
            println!("== case {}: refused\n{}\n{why}", number + 1, damaged.reply);
        }
        (Expect::Refusal, Ok(found)) => {
            let diff = TextDiff::from_lines(damaged.before.as_str(), found.as_str());
            println!("== case {}: not refused\n{}\n{}", number + 1, damaged.reply, diff.unified_diff());
        }
        _ => {}
    }
}

/// The file after the reply, or the text of the refusal.
fn apply(name: &str, damaged: &Damaged) -> Result<Result<String, String>> {
    let file = RepoPath::parse(name).with_context(|| format!("path {name:?}"))?;
    let mut read = ReadSet::default();
    let content = damaged.before.clone().into_bytes();
    let blob = gix::ObjectId::null(gix::hash::Kind::Sha1);
    let (mode, why) = (FileMode::Regular, String::new());
    read.insert(file, ReadFile { content, blob, mode, shown: Shown::Whole, why });
    let edits = match Answer::read(&damaged.reply, &Paths::new([name])).edits {
        Ok(edits) => edits,
        Err(error) => return Ok(Err(error.to_string())),
    };
    match patch::resolve(&edits, &read, &Protection::default(), |_| Vec::new()) {
        Ok(patch) => {
            let after = patch.changes().first().and_then(patch::Change::after).unwrap_or_default();
            Ok(Ok(String::from_utf8(after.to_vec()).context("the result is UTF-8")?))
        }
        // A real change that was taken for none would be lost without a word.
        Err(EditErrors::NoChange(_)) => Ok(Ok(damaged.before.clone())),
        Err(errors) => Ok(Err(errors.to_string())),
    }
}

/// `SplitMix64` by Steele, Lea and Flood.
struct Random(u64);

impl Random {
    fn new(case: usize, kind: usize) -> Self {
        Self((case as u64) << 16 | kind as u64)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap_or(0)
    }
}

fn reply(case: &Case, search: &[String], replace: &[String]) -> String {
    let join = |lines: &[String]| lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect::<String>();
    format!(
        "{}\n<<<<<<<<< SEARCH\n{}=========\n{}>>>>>>>>> REPLACE\n",
        case.path,
        join(search),
        join(replace)
    )
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

fn damaged(case: &Case, search: &[String], replace: &[String]) -> Damaged {
    Damaged {
        before: case.before.clone(),
        reply: reply(case, search, replace),
        expect: Expect::Content(case.after.clone()),
    }
}

/// Both halves, or SEARCH alone, with each line changed; `None` if SEARCH stays as it is.
fn line_by_line(case: &Case, halves: Halves, change: impl Fn(&str) -> String) -> Option<Damaged> {
    let change = |text: &str| text.lines().map(&change).collect::<Vec<String>>();
    let search = change(&case.search);
    let replace = if halves == Halves::Both { change(&case.replace) } else { lines(&case.replace) };
    (search != lines(&case.search)).then(|| damaged(case, &search, &replace))
}

/// The numbers of lines that SEARCH and REPLACE have in common before and after the change.
fn context(case: &Case) -> (usize, usize) {
    let (search, replace) = (lines(&case.search), lines(&case.replace));
    let head = search.iter().zip(&replace).take_while(|(a, b)| a == b).count();
    let rest = search.len().min(replace.len()) - head;
    let tail = search.iter().rev().zip(replace.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    (head, tail)
}

/// A number that depends on the line and the draw alone, so that equal lines are damaged alike.
fn draw(line: &str, seed: u64) -> u64 {
    line.bytes().fold(seed | 1, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)) >> 8
}

fn as_is(case: &Case, _: Halves, _: &mut Random) -> Option<Damaged> {
    Some(damaged(case, &lines(&case.search), &lines(&case.replace)))
}

fn trailing_space(case: &Case, halves: Halves, random: &mut Random) -> Option<Damaged> {
    let seed = random.next();
    line_by_line(case, halves, |line| match draw(line, seed) % 4 {
        0 => format!("{line} "),
        1 => format!("{line}   "),
        2 => format!("{line}\t"),
        _ => line.to_owned(),
    })
}

fn no_break_spaces(case: &Case, halves: Halves, random: &mut Random) -> Option<Damaged> {
    let seed = random.next();
    line_by_line(case, halves, |line| {
        if draw(line, seed).is_multiple_of(2) {
            line.replace(' ', "\u{a0}")
        } else {
            line.replacen(' ', "\u{a0}", 1)
        }
    })
}

fn quotes(case: &Case, halves: Halves, _: &mut Random) -> Option<Damaged> {
    if case.before.contains(['‘', '’', '“', '”']) {
        return None;
    }
    line_by_line(case, halves, |line| {
        let mut out = String::new();
        for c in line.chars() {
            let opens = out.chars().next_back().is_none_or(|before| !before.is_alphanumeric());
            out.push(match (c, opens) {
                ('"', true) => '“',
                ('"', false) => '”',
                ('\'', true) => '‘',
                ('\'', false) => '’',
                _ => c,
            });
        }
        out
    })
}

fn dedented(case: &Case, halves: Halves, _: &mut Random) -> Option<Damaged> {
    let indent = |line: &str| line[..line.len() - line.trim_start().len()].to_owned();
    let both = case.search.lines().chain(case.replace.lines());
    let common = both
        .filter(|line| !line.trim().is_empty())
        .map(indent)
        .reduce(|a, b| a.chars().zip(b.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect())?;
    line_by_line(case, halves, |line| {
        line.strip_prefix(common.as_str()).unwrap_or(line.trim_start()).to_owned()
    })
}

fn indented(case: &Case, halves: Halves, random: &mut Random) -> Option<Damaged> {
    let tabs = case.before.lines().any(|line| line.starts_with('\t'));
    let more = if tabs { "\t" } else { ["  ", "    ", "        "][random.below(3)] };
    line_by_line(
        case,
        halves,
        |line| {
            if line.trim().is_empty() { line.to_owned() } else { format!("{more}{line}") }
        },
    )
}

fn tabs_for_spaces(case: &Case, halves: Halves, _: &mut Random) -> Option<Damaged> {
    let widths = || case.before.lines().filter(|line| !line.trim().is_empty()).map(leading_spaces);
    let fours = widths().filter(|width| *width > 0 && width % 4 == 0).count();
    let unit = if fours * 10 >= widths().filter(|width| *width > 0).count() * 8 { 4 } else { 2 };
    if case.search.lines().chain(case.replace.lines()).any(|line| line.starts_with('\t')) {
        return None;
    }
    line_by_line(case, halves, |line| {
        let width = leading_spaces(line);
        format!("{}{}", "\t".repeat(width / unit), &line[width / unit * unit..])
    })
}

fn leading_spaces(line: &str) -> usize {
    line.bytes().take_while(|byte| *byte == b' ').count()
}

fn spaces_for_tabs(case: &Case, halves: Halves, random: &mut Random) -> Option<Damaged> {
    let unit = [4, 4, 2, 8][random.below(4)];
    line_by_line(case, halves, |line| {
        let tabs = line.bytes().take_while(|byte| *byte == b'\t').count();
        format!("{}{}", " ".repeat(tabs * unit), &line[tabs..])
    })
}

fn blank_line_left_out(case: &Case, halves: Halves, random: &mut Random) -> Option<Damaged> {
    let (mut search, mut replace) = (lines(&case.search), lines(&case.replace));
    let (head, tail) = context(case);
    let length = search.len();
    let blanks: Vec<usize> = (1..length - 1)
        .filter(|at| search[*at].trim().is_empty() && (*at < head || *at >= length - tail))
        // At the very ends SEARCH matches without them too.
        .filter(|at| !search[..*at].concat().trim().is_empty() && !search[*at..].concat().trim().is_empty())
        .collect();
    let at = *blanks.get(random.below(blanks.len()))?;
    if halves == Halves::Both {
        replace.remove(if at < head { at } else { replace.len() - (length - at) });
    }
    search.remove(at);
    Some(damaged(case, &search, &replace))
}

fn crlf_file(case: &Case, _: Halves, _: &mut Random) -> Option<Damaged> {
    let crlf = |text: &str| text.replace("\r\n", "\n").replace('\n', "\r\n");
    let whole = damaged(case, &lines(&case.search), &lines(&case.replace));
    Some(Damaged { before: crlf(&case.before), expect: Expect::Content(crlf(&case.after)), ..whole })
}

fn crlf_block(case: &Case, _: Halves, _: &mut Random) -> Option<Damaged> {
    let whole = damaged(case, &lines(&case.search), &lines(&case.replace));
    Some(Damaged { reply: whole.reply.replace('\n', "\r\n"), ..whole })
}

fn line_numbers(case: &Case, halves: Halves, random: &mut Random) -> Option<Damaged> {
    let first = case.before.split(&case.search).next()?.lines().count() + 1;
    let style = random.below(5);
    let number = |text: &str| -> Vec<String> {
        text.lines()
            .enumerate()
            .map(|(at, line)| {
                let number = first + at;
                let numbered = match style {
                    0 => format!("{number:>4} | {line}"),
                    1 => format!("{number}: {line}"),
                    2 => format!("{number:>6}\t{line}"),
                    3 => format!("{number}|{line}"),
                    _ => format!("{number:>6}→{line}"),
                };
                if line.is_empty() { numbered.trim_end_matches(' ').to_owned() } else { numbered }
            })
            .collect()
    };
    let replace = if halves == Halves::Both { number(&case.replace) } else { lines(&case.replace) };
    Some(damaged(case, &number(&case.search), &replace))
}

fn entities(case: &Case, halves: Halves, _: &mut Random) -> Option<Damaged> {
    line_by_line(case, halves, |line| {
        line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
    })
}

fn diff_markers(case: &Case, _: Halves, _: &mut Random) -> Option<Damaged> {
    let diff = TextDiff::from_lines(case.search.as_str(), case.replace.as_str());
    let side = |gone: similar::ChangeTag| -> Vec<String> {
        diff.iter_all_changes()
            .filter(|change| change.tag() != gone)
            .map(|change| format!("{}{}", change.tag(), change.value().trim_end_matches('\n')))
            .collect()
    };
    Some(damaged(case, &side(similar::ChangeTag::Insert), &side(similar::ChangeTag::Delete)))
}

fn elided(case: &Case, random: &mut Random, sign: &str) -> Option<Damaged> {
    let (search, replace) = (lines(&case.search), lines(&case.replace));
    let (head, tail) = context(case);
    // At least one line of context stays on either side of what is left out.
    let (from, to, offset) = if random.below(2) == 0 {
        (1, head.checked_sub(1)?, 0)
    } else {
        (search.len() - tail + 1, search.len() - 1, replace.len().wrapping_sub(search.len()))
    };
    if from >= to {
        return None;
    }
    let indent: String = search[from].chars().take_while(|c| c.is_whitespace()).collect();
    let cut = |lines: &[String], offset: usize| -> Vec<String> {
        let (from, to) = (from.wrapping_add(offset), to.wrapping_add(offset));
        let dots = std::iter::once(format!("{indent}{sign}"));
        lines[..from].iter().cloned().chain(dots).chain(lines[to..].iter().cloned()).collect()
    };
    Some(damaged(case, &cut(&search, 0), &cut(&replace, offset)))
}

fn elided_by_dots(case: &Case, _: Halves, random: &mut Random) -> Option<Damaged> {
    elided(case, random, "...")
}

fn elided_by_comment(case: &Case, _: Halves, random: &mut Random) -> Option<Damaged> {
    let words = ["... existing code ...", "... rest of the code ...", "..."][random.below(3)];
    elided(case, random, &comment(case, words))
}

fn comment(case: &Case, words: &str) -> String {
    let extension = case.path.rsplit('.').next().unwrap_or_default();
    let sign = if matches!(extension, "py" | "rb") { "#" } else { "//" };
    format!("{sign} {words}")
}

fn wrong_character(case: &Case, halves: Halves, random: &mut Random) -> Option<Damaged> {
    let (mut search, mut replace) = (lines(&case.search), lines(&case.replace));
    let (head, tail) = context(case);
    let length = search.len();
    let places: Vec<(usize, usize)> = (0..length)
        .filter(|at| *at < head || *at >= length - tail)
        .flat_map(|at| {
            let letters = search[at].char_indices().filter(|(_, c)| c.is_ascii_alphabetic());
            letters.map(|(column, _)| (at, column)).collect::<Vec<_>>()
        })
        .collect();
    let (at, column) = *places.get(random.below(places.len()))?;
    let wrong = if search[at].as_bytes()[column] == b'q' { "z" } else { "q" };
    let whole = search[at].clone();
    search[at].replace_range(column..=column, wrong);
    // Another line of the file would be a copy without a mistake.
    if case.before.lines().any(|line| line == search[at]) {
        return None;
    }
    if halves == Halves::Both {
        let opposite = if at < head { at } else { replace.len() - (length - at) };
        debug_assert_eq!(replace[opposite], whole);
        replace[opposite].clone_from(&search[at]);
    }
    Some(damaged(case, &search, &replace))
}

fn in_several_places(case: &Case, _: Halves, _: &mut Random) -> Option<Damaged> {
    let newline = if case.before.ends_with('\n') { "" } else { "\n" };
    let whole = damaged(case, &lines(&case.search), &lines(&case.replace));
    let before = format!("{}{newline}{}", case.before, case.search);
    Some(Damaged { before, expect: Expect::Refusal, ..whole })
}

fn in_several_places_dedented(case: &Case, halves: Halves, random: &mut Random) -> Option<Damaged> {
    let dedented = dedented(case, halves, random)?;
    let newline = if case.before.ends_with('\n') { "" } else { "\n" };
    let before = format!("{}{newline}{}", case.before, case.search);
    Some(Damaged { before, expect: Expect::Refusal, ..dedented })
}

/// The place that the block is for is gone from the file; what is left may look like it.
fn not_in_the_file(case: &Case, _: Halves, _: &mut Random) -> Option<Damaged> {
    let whole = damaged(case, &lines(&case.search), &lines(&case.replace));
    let before = case.before.replacen(&case.search, "", 1);
    (before.lines().count() > 10).then_some(Damaged { before, expect: Expect::Refusal, ..whole })
}

fn elided_in_replace(case: &Case, _: Halves, random: &mut Random) -> Option<Damaged> {
    let (search, replace) = (lines(&case.search), lines(&case.replace));
    let (head, _) = context(case);
    (head > 2).then(|| {
        let words = ["... existing code ...", "... rest of the code ..."][random.below(2)];
        let replace: Vec<String> =
            std::iter::once(comment(case, words)).chain(replace[head..].iter().cloned()).collect();
        Damaged { expect: Expect::Refusal, ..damaged(case, &search, &replace) }
    })
}
