//! That nothing has to be changed *already*: a good end, if lines of the files that were read show it.

use super::complaint::Complaint;
use crate::context::read_set::{ReadFile, ReadSet, Shown};
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
    Unread,
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
pub(super) fn prove(solved: &Solved, read: &ReadSet) -> Result<Proof, Complaint> {
    let complaint = |text: String| {
        let account = "It says that nothing has to change, and does not show it.";
        Err(Complaint { account: account.to_owned(), ..Complaint::new(Reason::Unfounded, text) })
    };
    if solved.why.trim().is_empty() || solved.quotes.is_empty() {
        return complaint(format!(
            "It says that nothing has to change, without the reason or without the lines that show it. Write {SOLVED_FORM}. If \
             something has to change after all, propose that."
        ));
    }
    let mut quotes: Vec<Found> = Vec::new();
    let mut wrong = Vec::new();
    for quote in &solved.quotes {
        match find(quote, read) {
            Ok(found) if quotes.contains(&found) => {}
            Ok(found) => quotes.push(found),
            Err(why) => wrong.push(format!("- {}:{}: {why}.", shortened(&quote.path), quote.line)),
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
    complaint(format!(
        "It says that nothing has to change, and quotes what is not there:\n{}{more}\nQuote only lines that you were given, \
         copied exactly: {SOLVED_FORM}. If something has to change after all, propose that.",
        wrong.join("\n")
    ))
}

/// Where a quotation stands: of several places the one nearest to the line that the model named, since it cannot see the
/// numbers of the lines of a whole file.
fn find(quote: &Quote, read: &ReadSet) -> Result<Found, Unfound> {
    let path = RepoPath::parse(quote.path.trim_start_matches("./")).map_err(|_| Unfound::Unread)?;
    let file = read.get(&path).ok_or(Unfound::Unread)?;
    let wanted: Vec<String> = quote.lines.iter().map(|line| essence(without_number(line))).collect();
    if wanted.iter().all(String::is_empty) {
        return Err(Unfound::Empty);
    }
    if !wanted.iter().any(|line| line.chars().any(char::is_alphanumeric)) {
        return Err(Unfound::Wordless);
    }
    let content = String::from_utf8_lossy(&file.content);
    // What stands in place of a secret is what the model saw.
    let seen = without_tokens(&content);
    let shown: Vec<&str> = seen.lines().collect();
    let essences: Vec<String> = shown.iter().map(|line| essence(line)).collect();
    let places = (0..essences.len()).filter(|at| {
        wanted.len() <= essences.len() - at
            && wanted.iter().zip(&essences[*at..]).all(|(wanted, line)| is_of(wanted, line))
            && (*at..*at + wanted.len()).all(|at| shows(file, at + 1))
    });
    if let Some(at) = places.min_by_key(|at| (at + 1).abs_diff(quote.line)) {
        // The text is shown again, so it is the one without secrets.
        let text = shown.get(at..at + wanted.len()).unwrap_or_default().join("\n");
        return Ok(Found { path, line: at + 1, text });
    }
    let there = quote.line.checked_sub(1).filter(|at| shows(file, at + 1));
    let there = there.and_then(|at| shown.get(at)).map(|line| shortened(line.trim()));
    Err(Unfound::Absent(there.filter(|line| !line.is_empty())))
}

/// Whether the model has seen a line, from 1, of a file.
fn shows(file: &ReadFile, line: usize) -> bool {
    match &file.shown {
        Shown::Whole => true,
        Shown::Lines(ranges) => ranges.iter().any(|(from, to)| (*from..=*to).contains(&line)),
    }
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
    use crate::context::read_set::FileMode;

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
            ("src/b.rs", 5, "fn other() -> u64 {", Err("no such line")),
            ("src/c.rs", 1, "fn limit() -> u64 {", Err("no file of this name was read")),
            ("../src/a.rs", 1, "fn limit() -> u64 {", Err("no file of this name was read")),
            ("src/a.rs", 3, "}", Err("a line without a word")),
            ("src/a.rs", 1, "", Err("no text behind it")),
        ] {
            match (find(&quote(path, line, text), &read()), expect) {
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
        let proof = prove(&solved("It is 30.", &[&good, &good]), &read()).ok().unwrap();
        assert_eq!((proof.why.as_str(), proof.quotes.len()), ("It is 30.", 1));
        let bad = quote("src/a.rs", 1, "fn limit() -> u32 {");
        for (wrong, part) in [
            (solved("It is 30.", &[&good, &bad]), "quotes what is not there:\n- src/a.rs:1: "),
            (solved("It is 30.", &[]), "without the lines that show it"),
            (solved(" ", &[&good]), "without the reason"),
        ] {
            let complaint = prove(&wrong, &read()).err().unwrap();
            assert!(complaint.text.contains(part), "{}", complaint.text);
            assert_eq!(complaint.reason, Reason::Unfounded);
        }
    }
}
