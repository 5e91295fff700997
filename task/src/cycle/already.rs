//! That nothing has to be changed *already*: a good end, if lines of the files that were read show it.

use super::complaint::Complaint;
use crate::context::read_set::ReadSet;
use crate::outbound::without_tokens;
use crate::outcome::Reason;
use crate::path::RepoPath;
use crate::protocol::{Quote, SOLVED_FORM, Solved};

/// Letters and digits that a quotation has at least, if it is only a part of its line.
const MIN_PART: usize = 8;
/// Refused quotations that are told.
const MAX_TOLD: usize = 5;
/// Characters of a quotation that are told.
const MAX_CHARS: usize = 200;

/// Why nothing has to be changed, and where that can be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// In the words of who says so.
    pub why: String,
    pub quotes: Vec<Found>,
}

/// A line, or some, of a file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub path: RepoPath,
    /// The first line, from 1, as it is in the file.
    pub line: usize,
    /// The lines as they are in the file.
    pub text: String,
}

/// Why a quotation shows nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Unfound {
    #[error("no file of this name was read")]
    Unknown,
    #[error("this file was not READ, and a hit of a search is no proof. Ask for it first: `READ: {0}`")]
    Unread(RepoPath),
    #[error("this was not READ, and a hit of a search is no proof. Ask for it first: `READ: {0}:{1}-{2}`")]
    Unshown(RepoPath, usize, usize),
    #[error("the place has no text behind it; copy the line that shows it")]
    Empty,
    #[error("a line without a word shows nothing; copy the line that does")]
    Wordless,
    #[error("the file, as far as it was shown to you, has no such line{}", near(.0.as_deref()))]
    Absent(Option<String>),
}

fn near(line: Option<&str>) -> String {
    line.map_or_else(String::new, |line| format!("; the line of that number is `{line}`"))
}

/// Looks each quotation up in what was read. One that was made up proves nothing of what the others are said to show.
///
/// `is_readable` tells of a file that was not read whether it could be.
pub(super) fn prove(
    solved: &Solved,
    read: &ReadSet,
    is_readable: impl Fn(&RepoPath) -> bool,
) -> Result<Proof, Complaint> {
    let complaint = |text: String| {
        let account = "It says that nothing has to change, and does not show it.";
        Err(Complaint { account: account.to_owned(), ..Complaint::new(Reason::Unfounded, text) })
    };
    let lacks = match (solved.why.trim().is_empty(), solved.quotes.is_empty()) {
        (false, false) => None,
        (true, false) => Some("without the reason"),
        (false, true) => Some("without the lines that show it"),
        (true, true) => Some("without the reason and without the lines that show it"),
    };
    if let Some(lacks) = lacks {
        return complaint(format!(
            "It says that nothing has to change, {lacks}. Write {SOLVED_FORM}. If something has to change after all, propose that."
        ));
    }
    let mut quotes: Vec<Found> = Vec::new();
    let mut wrong = Vec::new();
    let mut is_made_up = false;
    for quote in &solved.quotes {
        match find(quote, read, &is_readable) {
            Ok(found) if quotes.contains(&found) => {}
            Ok(found) => quotes.push(found),
            Err(why) => {
                is_made_up |= !matches!(why, Unfound::Unread(_) | Unfound::Unshown(..));
                wrong.push(format!("- {}:{}: {why}.", shortened(&quote.path), quote.line));
            }
        }
    }
    if wrong.is_empty() {
        return Ok(Proof { why: solved.why.clone(), quotes });
    }
    let more = match wrong.len().saturating_sub(MAX_TOLD) {
        0 => String::new(),
        more => format!("\nAnd {more} more."),
    };
    wrong.truncate(MAX_TOLD);
    let what = if is_made_up { "what is not there" } else { "what you have not read" };
    complaint(format!(
        "It says that nothing has to change, and quotes {what}:\n{}{more}\nQuote only lines of files that \
         you have READ, copied exactly: {SOLVED_FORM}. If something has to change after all, propose that.",
        wrong.join("\n")
    ))
}

/// Where a quotation stands: of several places the one nearest to the line that the model named, since it cannot see the
/// numbers of the lines of a whole file.
fn find(quote: &Quote, read: &ReadSet, is_readable: &impl Fn(&RepoPath) -> bool) -> Result<Found, Unfound> {
    let name = quote.path.trim_start_matches("./").trim_start_matches('/');
    let path = RepoPath::parse(name).map_err(|_| Unfound::Unknown)?;
    let file = read
        .get(&path)
        .ok_or_else(|| if is_readable(&path) { Unfound::Unread(path.clone()) } else { Unfound::Unknown })?;
    if quote.lines.iter().all(|line| essence(without_number(line)).is_empty()) {
        return Err(Unfound::Empty);
    }
    let spellings: Vec<Vec<String>> = spellings(&quote.lines)
        .into_iter()
        .map(|lines| lines.iter().map(|line| essence(without_number(line))).collect())
        .filter(|lines: &Vec<String>| lines.iter().any(|line| line.chars().any(char::is_alphanumeric)))
        .collect();
    if spellings.is_empty() {
        return Err(Unfound::Wordless);
    }
    let content = String::from_utf8_lossy(&file.content);
    // What stands in place of a secret is what the model saw.
    let seen = without_tokens(&content);
    let lines: Vec<&str> = seen.lines().collect();
    let essences: Vec<String> = lines.iter().map(|line| essence(line)).collect();
    let mut unshown = None;
    for wanted in spellings {
        let is_at = |at: &usize| {
            wanted.len() <= essences.len() - at
                && wanted.iter().zip(&essences[*at..]).all(|(wanted, line)| is_of(wanted, line))
        };
        let is_shown = |at: &usize| (*at..*at + wanted.len()).all(|at| file.shown.has(at + 1));
        let nearest = |at: &usize| (at + 1).abs_diff(quote.line);
        let places: Vec<usize> = (0..essences.len()).filter(is_at).collect();
        if let Some(at) = places.iter().copied().filter(is_shown).min_by_key(nearest) {
            // The text is shown again, so it is the one without secrets.
            let text = lines.get(at..at + wanted.len()).unwrap_or_default().join("\n");
            return Ok(Found { path, line: at + 1, text });
        }
        let at = places.into_iter().min_by_key(nearest);
        unshown = unshown.or(at.map(|at| (at + 1, at + wanted.len())));
    }
    if let Some((from, to)) = unshown {
        return Err(Unfound::Unshown(path, from, to));
    }
    let there = quote.line.checked_sub(1).filter(|at| file.shown.has(at + 1));
    let there = there.and_then(|at| lines.get(at)).map(|line| shortened(line.trim()));
    Err(Unfound::Absent(there.filter(|line| !line.is_empty())))
}

/// What stands around quoted text that the file need not have, beginning and end.
const MARKS: [(&str, &str); 6] = [("`", "`"), ("\"", "\""), ("'", "'"), ("“", "”"), ("«", "»"), ("> ", "")];

/// The quoted lines as they are, and then without one kind of marks around all of them or around each.
fn spellings(lines: &[String]) -> Vec<Vec<String>> {
    let mut spellings = vec![lines.to_vec()];
    for (open, close) in MARKS {
        let unmarked = |line: &str| {
            let inner = line.trim().strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
            inner.map(str::to_owned)
        };
        if let Some(each) = lines.iter().map(|line| unmarked(line)).collect() {
            spellings.push(each);
        } else if let Some(all) = unmarked(&lines.join("\n")) {
            spellings.push(all.lines().map(str::to_owned).collect());
        }
    }
    spellings
}

/// Whether a quoted line is a line of the file: all of it, or a part that is long enough to be told from others.
fn is_of(wanted: &str, line: &str) -> bool {
    let is_long = || wanted.chars().filter(|c| c.is_alphanumeric()).count() >= MIN_PART;
    wanted == line || (line.contains(wanted) && is_long())
}

/// A line with single spaces for white space.
fn essence(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A line without the number that stands before it in an excerpt.
fn without_number(line: &str) -> &str {
    let digits = line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit());
    match digits.strip_prefix('|') {
        Some(rest) if digits.len() < line.trim_start().len() => rest,
        _ => line,
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(MAX_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::read_set::{FileMode, ReadFile, Shown};

    const CODE: &str =
        "fn limit() -> u64 {\n    30\n}\n\nfn other() -> u64 {\n    30\n}\nlet token = compute(\"a\", b);\n";

    fn read() -> ReadSet {
        let mut read = ReadSet::default();
        for (path, shown) in [("src/a.rs", Shown::Whole), ("src/b.rs", Shown::Lines(vec![(1, 3)]))] {
            let blob = gix::ObjectId::null(gix::hash::Kind::Sha1);
            let (content, mode, why) = (CODE.as_bytes().to_vec(), FileMode::Regular, String::new());
            read.insert(RepoPath::parse(path).unwrap(), ReadFile { content, blob, mode, shown, why });
        }
        read
    }

    fn quote(path: &str, line: usize, text: &str) -> Quote {
        Quote { path: path.to_owned(), line, lines: text.lines().map(str::to_owned).collect() }
    }

    #[test]
    fn a_quotation_is_found_where_it_stands_and_nowhere_else() {
        for (path, line, text, expect) in [
            ("src/a.rs", 1, "fn limit() -> u64 {", Ok(1)),
            ("./src/a.rs", 1, "fn  limit()  -> u64 {", Ok(1)),
            // The nearest of two places, whatever the model counted.
            ("src/a.rs", 2, "30", Ok(2)),
            ("src/a.rs", 7, "    30", Ok(6)),
            ("src/a.rs", 999, "fn limit() -> u64 {\n    30\n}", Ok(1)),
            ("src/a.rs", 8, "token = compute(\"a\"", Ok(8)),
            ("src/b.rs", 2, "2|     30", Ok(2)),
            // Made up, of a file or a part that was not shown, too short to be told, or nothing.
            ("src/a.rs", 2, "    31", Err("; the line of that number is `30`")),
            (
                "src/a.rs",
                1,
                "fn limit() -> u64 {\n    31\n}",
                Err("; the line of that number is `fn limit() -> u64 {`"),
            ),
            ("src/a.rs", 1, "limit", Err("; the line of that number is `fn limit() -> u64 {`")),
            ("src/a.rs", 99, "fn absent() {", Err("no such line")),
            ("src/b.rs", 5, "fn other() -> u64 {", Err("`READ: src/b.rs:5-5`")),
            // What only a search has shown.
            ("src/hit.rs", 5, "fn limit() -> u64 {", Err("Ask for it first: `READ: src/hit.rs`")),
            // Marks around it.
            ("/src/a.rs", 1, "\"fn limit() -> u64 {\"", Ok(1)),
            ("src/a.rs", 2, "“30”", Ok(2)),
            ("src/a.rs", 1, "`fn limit() -> u64 {`\n`30`", Ok(1)),
            ("src/a.rs", 1, "> fn limit() -> u64 {\n>     30", Ok(1)),
            ("src/a.rs", 1, "\"fn limit() -> u32 {\"", Err("the line of that number is")),
            ("src/a.rs", 1, "\"limit\"", Err("the line of that number is")),
            ("src/a.rs", 1, "\"}\"", Err("a line without a word")),
            ("src/c.rs", 1, "fn limit() -> u64 {", Err("no file of this name was read")),
            ("../src/a.rs", 1, "fn limit() -> u64 {", Err("no file of this name was read")),
            ("src/a.rs", 3, "}", Err("a line without a word")),
            ("src/a.rs", 1, "", Err("no text behind it")),
        ] {
            let is_hit = |path: &RepoPath| path.as_str() == "src/hit.rs";
            match (find(&quote(path, line, text), &read(), &is_hit), expect) {
                (Ok(found), Ok(line)) => assert_eq!(found.line, line, "{path} {text:?}"),
                (Err(error), Err(part)) => {
                    assert!(error.to_string().contains(part), "{path} {text:?}: {error}");
                }
                (found, _) => panic!("{path}:{line} {text:?}: {found:?}"),
            }
        }
    }

    #[test]
    fn one_quotation_that_was_made_up_refuses_the_answer() {
        let good = quote("src/a.rs", 1, "fn limit() -> u64 {");
        let solved = |why: &str, quotes: &[&Quote]| Solved {
            why: why.to_owned(),
            quotes: quotes.iter().map(|quote| (*quote).clone()).collect(),
        };
        let proof = prove(&solved("It is 30.", &[&good, &good]), &read(), |_| true).ok().unwrap();
        assert_eq!((proof.why.as_str(), proof.quotes.len()), ("It is 30.", 1));
        let bad = quote("src/a.rs", 1, "fn limit() -> u32 {");
        let hit = quote("src/c.rs", 1, "fn limit() -> u64 {");
        for (wrong, part) in [
            (solved("It is 30.", &[&good, &bad]), "quotes what is not there:\n- src/a.rs:1: "),
            (solved("It is 30.", &[&good, &hit]), "quotes what you have not read:\n- src/c.rs:1: "),
            (solved("It is 30.", &[&bad, &hit]), "quotes what is not there:\n- src/a.rs:1: "),
            (solved("It is 30.", &[]), "without the lines that show it"),
            (solved(" ", &[&good]), "without the reason"),
        ] {
            let complaint = prove(&wrong, &read(), |_| true).err().unwrap();
            assert!(complaint.text.contains(part), "{}", complaint.text);
            assert_eq!(complaint.reason, Reason::Unfounded);
        }
    }
}
