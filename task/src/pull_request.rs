//! The words of a *pull request*: title, description and commit message, as pure functions of what a run found.

use std::fmt::Write as _;

use serde::Serialize;

use crate::outbound::markup::code_span;
use crate::path::RepoPath;

/// Files of the read set that the description lists; the rest is counted.
const MAX_LISTED_FILES: usize = 30;
/// Characters of that list: paths can be long.
const MAX_LIST: usize = 8_000;

/// What a run has to tell its readers.
#[derive(Clone, Debug, Serialize)]
pub struct Facts {
    #[serde(skip)]
    pub issue: Option<u64>,
    pub title: String,
    pub summary: String,
    /// Every file that the model read, and why.
    pub read: Vec<ReadFact>,
    /// What the checks of the change said besides "good". It may hold paths that the model made up, so it passes the gate
    /// as the summary does.
    pub notes: Vec<String>,
    /// `provider:model`
    pub model: String,
    pub calls: u32,
    pub input_tokens: u64,
    pub output_tokens: u64,
    /// As it is shown, such as `$0.0123`; `None` where the price of the model is not known.
    pub cost: Option<String>,
}

/// One file of the read set.
#[derive(Clone, Debug, Serialize)]
pub struct ReadFact {
    pub path: RepoPath,
    /// It may quote the issue, so it passes the gate, too.
    pub why: String,
    pub changed: bool,
}

/// The description of the pull request, in Markdown.
pub fn body(facts: &Facts) -> String {
    let mut body = String::new();
    let summary = facts.summary.trim();
    body.push_str(if summary.is_empty() { &facts.title } else { summary });
    if let Some(number) = facts.issue {
        write!(body, "\n\nFixes #{number}").expect("a String takes any text");
    }
    for note in &facts.notes {
        write!(body, "\n\n> {note}").expect("a String takes any text");
    }
    write!(body, "\n\n<details><summary>{}</summary>\n", read_heading(facts))
        .expect("a String takes any text");
    let start = body.chars().count();
    let mut listed = 0;
    for file in facts.read.iter().take(MAX_LISTED_FILES) {
        let mark = if file.changed { " (changed)" } else { "" };
        let line = format!("\n- {}{mark}: {}", code_span(file.path.as_str()), file.why);
        if body.chars().count() - start + line.chars().count() > MAX_LIST {
            break;
        }
        body.push_str(&line);
        listed += 1;
    }
    if facts.read.len() > listed {
        write!(body, "\n- and {} more", facts.read.len() - listed).expect("a String takes any text");
    }
    write!(body, "\n\n</details>\n\n{}. The change was parsed and checked for syntax, not run.", bill(facts))
        .expect("a String takes any text");
    body
}

fn read_heading(facts: &Facts) -> String {
    let changed = facts.read.iter().filter(|file| file.changed).count();
    format!("{} files read, {changed} of them changed", facts.read.len())
}

/// Model, calls, tokens and money in one line.
pub fn bill(facts: &Facts) -> String {
    let cost = facts.cost.as_deref().unwrap_or("cost not known");
    let calls = match facts.calls {
        0 => return format!("{}, no model was asked, {cost}", facts.model),
        1 => "1 call".to_owned(),
        calls => format!("{calls} calls"),
    };
    format!("{}, {calls}, {} tokens in, {} out, {cost}", facts.model, facts.input_tokens, facts.output_tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_says_what_why_from_what_and_for_how_much() {
        let read = |path: &str, changed| ReadFact {
            path: RepoPath::parse(path).unwrap(),
            why: "names `parse`".to_owned(),
            changed,
        };
        let facts = Facts {
            issue: Some(7),
            title: "Keep the last line".to_owned(),
            summary: "The parser dropped it.\n".to_owned(),
            read: vec![read("src/a.rs", true), read("src/b.rs", false)],
            notes: vec!["`a.txt` could not be checked: no grammar.".to_owned()],
            model: "anthropic:some-model".to_owned(),
            calls: 2,
            input_tokens: 1200,
            output_tokens: 90,
            cost: Some("$0.0123".to_owned()),
        };
        let expected = "The parser dropped it.\n\nFixes #7\n\n> `a.txt` could not be checked: no grammar.\n\n\
            <details><summary>2 files read, 1 of them changed</summary>\n\n- `src/a.rs` (changed): names `parse`\n\
            - `src/b.rs`: names `parse`\n\n</details>\n\nanthropic:some-model, 2 calls, 1200 tokens in, 90 out, \
            $0.0123. The change was parsed and checked for syntax, not run.";
        assert_eq!(body(&facts), expected);
    }
}
