//! A *rule* is what an answer proposes for a repository's instructions: its text, what was said that it follows from, and
//! where in the code it holds. Whether any of that is so is not known here.
//!
//! ```text
//! RULE: Add a line to CHANGELOG.md for every change that users notice.
//! CITE: 12/c345 "please add a changelog entry"
//! CITE: 17/r401 "the changelog is missing again"
//! PLACE: CHANGELOG.md
//! PLACE: docs/releases.md:12
//! ```

use super::clip;
use super::paths::Paths;

/// Rules of one answer that are kept.
pub(super) const MAX_RULES: usize = 10;
/// Characters of a rule that are kept.
const MAX_TEXT: usize = 1_000;
/// Characters of a quotation that are kept.
const MAX_QUOTE: usize = 500;
/// Citations, and places, of one rule that are kept.
const MAX_EACH: usize = 8;

/// See the module's documentation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// In one line; may be empty.
    pub text: String,
    pub cites: Vec<Cite>,
    pub places: Vec<Place>,
}

/// Words that somebody wrote, as the model says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cite {
    /// What the material calls the text with these words.
    pub id: String,
    /// In one line; may be empty.
    pub quote: String,
}

/// Where a rule holds, as the model says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub path: String,
    /// From 1.
    pub line: Option<usize>,
}

impl Rule {
    /// Reads what stands behind the directive's colon, and the lines below it.
    pub(super) fn of(first: &str, below: &[&str], paths: &Paths<'_>) -> Self {
        let mut text = vec![first.trim()];
        let mut rule = Self::default();
        let mut lines = below.iter().map(|line| line.trim()).peekable();
        let mut is_text = true;
        while let Some(line) = lines.next() {
            if let Some(cited) = part(line, "CITE") {
                is_text = false;
                let (id, mut quote) = named(cited);
                // The words may stand below.
                if quote.is_empty()
                    && let Some(next) = lines.next_if(|next| !next.is_empty() && !is_part(next))
                {
                    quote = next.trim_start_matches(['>', ' ']);
                }
                if rule.cites.len() < MAX_EACH {
                    let quote = clip(&one_line(unquoted(quote)), MAX_QUOTE);
                    rule.cites.push(Cite { id: id.to_owned(), quote });
                }
            } else if let Some(placed) = part(line, "PLACE") {
                is_text = false;
                if rule.places.len() < MAX_EACH {
                    rule.places.push(place(placed, paths));
                }
            } else if line.is_empty() {
                is_text = is_text && text.iter().all(|line| line.is_empty());
            } else if is_text {
                text.push(line);
            }
        }
        rule.text = clip(&one_line(&text.join(" ")), MAX_TEXT);
        rule
    }
}

/// What stands behind a word of a rule and its colon.
fn part<'l>(line: &'l str, word: &str) -> Option<&'l str> {
    let item = line.trim_start_matches(['-', '*', ' ']);
    let rest = item.strip_prefix(word)?.trim_start_matches('*');
    Some(rest.strip_prefix(':')?.trim_start_matches('*').trim())
}

fn is_part(line: &str) -> bool {
    ["CITE", "PLACE"].iter().any(|word| part(line, word).is_some())
}

/// The name of a text, and what is quoted of it.
fn named(cited: &str) -> (&str, &str) {
    let cited = cited.trim_start_matches(['[', '(', '`', '#']);
    let ends = |c: char| !(c.is_ascii_alphanumeric() || c == '/');
    let end = cited.find(ends).unwrap_or(cited.len());
    let (id, rest) = cited.split_at(end);
    // A back tick behind a space begins the quotation.
    let rest = rest.trim_start_matches([']', ')', '`']);
    (id, rest.trim_start_matches([':', '-', '–', '—', ' ', '\t']))
}

/// The text without one pair of quotation marks around all of it.
fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let pairs = [("\"", "\""), ("“", "”"), ("`", "`"), ("'", "'"), ("«", "»")];
    let inner = |(open, close): &(&str, &str)| text.strip_prefix(open)?.strip_suffix(close);
    pairs.iter().find_map(inner).unwrap_or(text).trim()
}

fn place(text: &str, paths: &Paths<'_>) -> Place {
    let text = text.trim_matches(['`', '"', ' ']);
    let whole = || Place { path: text.to_owned(), line: None };
    if paths.has(text) {
        return whole();
    }
    let Some((path, rest)) = text.rsplit_once(':') else { return whole() };
    let rest = rest.trim_start_matches(['L', ' ']);
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    match rest[..digits].parse() {
        Ok(line) if line > 0 => Place { path: path.trim_matches('`').to_owned(), line: Some(line) },
        _ => whole(),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::Answer;
    use super::*;

    fn told(reply: &str) -> Vec<String> {
        let paths = Paths::new(["src/a.rs", "odd:12"]);
        let shown = |rule: &Rule| {
            let cites = rule.cites.iter().map(|cite| format!("{}={}", cite.id, cite.quote));
            let places = rule.places.iter().map(|place| match place.line {
                Some(line) => format!("{}@{line}", place.path),
                None => place.path.clone(),
            });
            let parts = std::iter::once(rule.text.clone()).chain(cites).chain(places);
            parts.collect::<Vec<_>>().join("|")
        };
        Answer::read(reply, &paths).rules.iter().map(shown).collect()
    }

    #[test]
    fn a_rule_has_citations_and_places_in_many_dresses() {
        let expected = ["Keep it short.|12/c345=please shorten this|17/r4=too long|src/a.rs@3"];
        for reply in [
            "RULE: Keep it short.\nCITE: 12/c345 \"please shorten this\"\nCITE: 17/r4 \"too long\"\nPLACE: src/a.rs:3",
            "I think.\n\nRULE: Keep it\nshort.\n\nCITE: [12/c345] please shorten  this\nCITE: #17/r4: “too long”\nPLACE: `src/a.rs`:3-9\n",
            "- **RULE:** Keep it short.\n- **CITE:** 12/c345 `please shorten this`\n- CITE: 17/r4\n  > too long\n- PLACE: `src/a.rs:L3`",
            "```\nRULE: Keep it short.\nCITE: 12/c345 please shorten this\nCITE: 17/r4 too long\nPLACE: src/a.rs:3\n```",
            "RULE: Keep it short.\r\nCITE: 12/c345 - please shorten this\r\nCITE: 17/r4 too long\r\nPLACE: src/a.rs:3\r\n",
            "<think>\nRULE: A draft.\n</think>\nRULE: Keep it short.\nCITE: 12/c345 please shorten this\nCITE: 17/r4 too long\nPLACE: src/a.rs:3",
        ] {
            assert_eq!(told(reply), expected, "{reply}");
        }
    }

    #[test]
    fn rules_stand_below_each_other_and_what_they_lack_is_empty() {
        assert_eq!(
            told("RULE: One.\nPLACE: odd:12\n\nwords\nRULE: Two.\nCITE: 1/c2\nCITE: 3/c4 x\nRULE:\nTITLE: x"),
            ["One.|odd:12", "Two.|1/c2=|3/c4=x", ""]
        );
        assert_eq!(told("Follow this RULE: never.\nCANNOT: nothing was said twice."), Vec::<String>::new());
    }

    #[test]
    fn an_endless_answer_is_read_in_part() {
        let many =
            format!("RULE: {}\n{}", "x".repeat(5_000), "CITE: 1/c1 y\nPLACE: a\n".repeat(100)).repeat(100);
        let rules = Answer::read(&many, &Paths::default()).rules;
        assert_eq!(rules.len(), MAX_RULES);
        for Rule { text, cites, places } in rules {
            assert_eq!((text.chars().count(), cites.len(), places.len()), (MAX_TEXT, MAX_EACH, MAX_EACH));
        }
    }
}
