//! Where a name is *defined*: the files that have it are parsed, the likeliest first, and what no grammar knows is told
//! by the look of its line.

use std::time::{Duration, Instant};

use super::search::{InFile, Search};
use super::{last_part, qualifier};
use crate::context::closer::outline_of;
use crate::context::index::in_parallel;
use crate::context::pack::Context;
use crate::context::role;
use crate::outbound::token_places;
use crate::parser::Definition;

/// Files that are parsed, and the longest that it takes.
const PARSED: usize = 32;
const TIME: Duration = Duration::from_secs(3);
/// Definitions that are told at once.
pub(super) const MAX_DEFINITIONS: usize = 30;
/// Lines at the top of a definition that its signature may be from.
const SIGNATURE_LINES: usize = 12;
/// Words in front of a name that is being defined, over all languages.
const KEYWORDS: &[&str] = &[
    "class",
    "concept",
    "const",
    "constexpr",
    "def",
    "define",
    "enum",
    "extension",
    "fn",
    "fun",
    "func",
    "function",
    "impl",
    "interface",
    "let",
    "macro_rules!",
    "mod",
    "module",
    "namespace",
    "object",
    "package",
    "protocol",
    "record",
    "static",
    "struct",
    "sub",
    "trait",
    "type",
    "typedef",
    "union",
    "val",
    "var",
];
/// Words that begin a line that only uses a name.
const STATEMENTS: &[&str] = &[
    "assert", "await", "case", "catch", "elif", "else", "for", "foreach", "if", "import", "match", "new",
    "return", "switch", "throw", "use", "using", "while", "with", "yield",
];

/// One definition, where it is.
struct Found {
    text: String,
    is_inside: bool,
}

impl Context {
    /// The definitions of a name, or what there is of it instead.
    pub(super) fn definitions(
        &self,
        repo: &gix::ThreadSafeRepository,
        written: &str,
        search: &Search,
    ) -> Result<Vec<String>, String> {
        let name = last_part(written);
        let looks = |file: &InFile| file.lines.iter().any(|line| defines(&line.text, name));
        // A definition that does not look like one may be in any of them.
        let (likely, others): (Vec<&InFile>, Vec<&InFile>) =
            search.files.iter().partition(|file| looks(file));
        let candidates: Vec<&InFile> = likely.iter().chain(&others).copied().take(PARSED).collect();
        let until = Instant::now() + TIME;
        let parsed = in_parallel(repo, candidates.len(), 1, |reader, at| {
            let entry = &self.walk.entries()[candidates[at].entry];
            if Instant::now() > until {
                return None;
            }
            let content = reader.read(entry, &self.caps).ok()?;
            let text = role::plain_text(&content).ok()?;
            let outline = match self.index.closer(&self.walk, &entry.path) {
                Some(closer) if !closer.outline.is_empty() => closer.outline.clone(),
                Some(_) | None => outline_of(self.index.parsers(), &entry.path, text).unwrap_or_default(),
            };
            let found = of_file(entry.path.as_str(), text, &outline, written);
            (!found.is_empty()).then_some(found)
        });
        let mut lines: Vec<Found> = Vec::new();
        let parsed_files: Vec<usize> = parsed.iter().map(|(at, _)| candidates[*at].entry).collect();
        lines.extend(parsed.into_iter().flat_map(|(_, found)| found));
        if lines.iter().any(|found| found.is_inside) {
            lines.retain(|found| found.is_inside);
        } else {
            for file in likely.iter().filter(|file| !parsed_files.contains(&file.entry)) {
                let path = &self.walk.entries()[file.entry].path;
                let by_look = file.lines.iter().filter(|line| defines(&line.text, name));
                lines.extend(by_look.map(|line| Found {
                    text: format!("{path}:{}: {}", line.number, line.text),
                    is_inside: false,
                }));
            }
        }
        if lines.is_empty() {
            let all = if search.unsearched.is_empty() { "in the repository" } else { "in what was searched" };
            return Err(match search.lines() {
                0 => format!("the name is nowhere {all}"),
                1 => "no definition found; the name is in 1 line, ask for it with USES".to_owned(),
                lines => format!("no definition found; the name is in {lines} lines, ask for them with USES"),
            });
        }
        Ok(lines.into_iter().map(|found| found.text).collect())
    }
}

fn of_file(path: &str, text: &str, outline: &[Definition], written: &str) -> Vec<Found> {
    let (name, within) = (last_part(written), qualifier(written));
    let secrets = token_places(text);
    let found = outline.iter().enumerate().filter(|(_, definition)| last_part(&definition.name) == name);
    found
        .map(|(at, definition)| {
            let (first, last) = definition.lines;
            let is_inside = within.is_some_and(|within| {
                let around =
                    outline[..at].iter().filter(|outer| outer.lines.0 <= first && outer.lines.1 >= last);
                around.into_iter().any(|outer| last_part(&outer.name) == within)
                    || qualifier(&definition.name) == Some(within)
            });
            // A signature is cut where it is long, and a cut secret has no look.
            let is_secret = !secrets.is_empty() && {
                let start = line_start(text, first);
                let end = line_start(text, first + SIGNATURE_LINES);
                secrets.iter().any(|place| place.start < end && start < place.end)
            };
            let signature = if is_secret { name } else { definition.signature.as_str() };
            Found { text: format!("{path}:{first}-{last}: {signature}"), is_inside }
        })
        .collect()
}

/// The byte that a line begins at, 1-based; the end of the text for one behind it.
fn line_start(text: &str, line: usize) -> usize {
    match line.checked_sub(2) {
        None => 0,
        Some(before) => {
            memchr::memchr_iter(b'\n', text.as_bytes()).nth(before).map_or(text.len(), |at| at + 1)
        }
    }
}

/// Whether a line looks like the definition of a name.
pub(super) fn defines(line: &str, name: &str) -> bool {
    let line = line.trim();
    let is_joined = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(name).any(|(at, _)| {
        let (before, behind) = (&line[..at], &line[at + name.len()..]);
        if before.ends_with(is_joined) || behind.starts_with(is_joined) {
            return false;
        }
        let front = before.trim_end();
        let word = front.rsplit(|c: char| c.is_whitespace() || c == '(').next().unwrap_or(front);
        let word = word.trim_start_matches('#');
        if before.len() > front.len()
            && (KEYWORDS.contains(&word) || (front.starts_with("func (") && front.ends_with(')')))
        {
            return true;
        }
        let rest = behind.trim_start();
        let is_set = rest.starts_with('=') && !rest.starts_with("==") && !rest.starts_with("=>");
        if front.is_empty() && (is_set || (rest.starts_with(':') && rest.contains(" = "))) {
            return true;
        }
        let first = line.split(|c: char| !is_joined(c)).next().unwrap_or_default();
        let is_statement = STATEMENTS.contains(&first);
        // A method of a class or a function in C: a head with parentheses, and a body.
        rest.starts_with('(')
            && line.ends_with('{')
            && !is_statement
            && !before.contains(['=', '(', '.', '"', '\''])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_defines_is_known_by_its_look() {
        for (line, expect) in [
            ("def wind(spring):", true),
            ("    async def wind(self):", true),
            ("pub(crate) fn wind(spring: &Spring) -> bool {", true),
            ("func (c *Clock) wind(n int) error {", true),
            ("func wind() {", true),
            ("export const wind = (spring) => {", true),
            ("#define wind 3", true),
            ("wind = 3", true),
            ("wind: int = 3", true),
            ("public boolean wind(Spring spring) {", true),
            ("wind(spring) {", true),
            ("static int wind(struct spring *s) {", true),
            ("if wind == 3 {", false),
            ("if (wind(spring)) {", false),
            ("return wind(spring) {", false),
            ("clock.wind(spring)", false),
            ("rewind = 3", false),
            ("let a = wind(3);", false),
            ("wind == 3", false),
            ("x = { wind: 3 }", false),
        ] {
            assert_eq!(defines(line, "wind"), expect, "{line}");
        }
    }
}
