//! A *request* is what an issue asks for in one of the forms that are understood. Anything else in the issue, but for
//! greetings and thanks, makes it one that is not understood.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::issue_text::IssueText;
use super::{Declined, regex};
use crate::outbound::markup::code_span;
use crate::path::is_hidden;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) verb: Verb,
    /// The text, key or name that it is about.
    pub(super) subject: String,
    /// What a value or version is now.
    pub(super) from: Option<String>,
    pub(super) to: String,
    /// The files as they are written; none means the whole tree.
    pub(super) files: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Replace,
    /// Replace a text by one that is like it.
    FixTypo,
    Set,
    Bump,
}

/// Bytes of an issue and of a text of a request, requests of an issue, words of a title that is only a headline.
const MAX_ISSUE: usize = 16 * 1024;
const MAX_TEXT: usize = 500;
const MAX_REQUESTS: usize = 20;
const MAX_HEADLINE: usize = 10;

/// `Q` is a quoted text, `W` that or a word, `F` the paths of files; `a` is the subject, `b` the new, `c` the old.
const FORMS: [(Verb, &str); 6] = [
    (Verb::Replace, r"replace (?:the )?(?:(?:word|text|phrase|string) )?(?<a>Q) (?:by|with) (?<b>Q)"),
    (Verb::FixTypo, r"(?:fix (?:the |a )?)?typo(?: in (?<of>F))?:? (?<a>Q) ?(?:->|→|by|with) ?(?<b>Q)"),
    (Verb::FixTypo, r"the (?:word|text|phrase) (?<a>Q)(?: in (?<of>F))? should be (?<b>Q)"),
    (Verb::Set, r"set (?<a>W) (?:to|=) (?<b>W)"),
    (Verb::Set, r"change (?<a>W) from (?<c>W) to (?<b>W)"),
    (Verb::Bump, r"(?:bump|upgrade|update) (?<a>W) from (?<c>W) to (?<b>W)"),
];
/// What may stand around a form, and what follows it.
const FRAME: &str = r"(?i)^(?:in (?<before>F)(?: only)?[,:]? )?(?:please )?(?:FORM)(?: in (?<after>F)(?: only)?| everywhere)?(?<rest>[\s.,;:!].*)?$";
const COURTESY: &str = r"(?ix)^(?:[\s.,;:!]+ | and\s | please\b | (?:best|kind)\sregards\b | cheers\b
    | (?:hi|hello|hey|dear)(?:\s(?:all|there|everyone|team|folks|maintainers))?\b | good\s(?:morning|day|evening)\b
    | (?:many\s)?(?:thanks|thank\syou|thx)(?:\s(?:a\slot|so\smuch|very\smuch|in\sadvance|all))*
        (?:\sfor\s(?:the|this|your)\s(?:great\s)?(?:work|project|library|tool))?\b
    | :-?\) | [🙏👍🙂😊🎉❤]\x{fe0f}? )";
/// The kind of change before a title, as in `docs: fix typo …`.
const PREFIX: &str = r"^(?i:docs?|fix|chore|build|style|refactor)(?:\([a-z-]+\))?: ";
/// Words by which a title can say that its issue is not to be carried out, or ask for something else.
const STANCES: &str = include_str!("stances.txt");

static PATTERNS: LazyLock<Vec<(Verb, Regex)>> = LazyLock::new(|| {
    let file = r"(?:\x00\d+\x00|[^\s\x00,;:!]*(?:[./][^\s\x00,;:!]*\w|file))";
    let files = format!("{file}(?:(?:,|,? and) {file})*");
    let pattern = |form: &str| {
        let pattern = FRAME.replace("FORM", form).replace('F', &files).replace('Q', r"\x00\d+\x00");
        regex(&pattern.replace('W', r"(?:\x00\d+\x00|[^\s\x00]*[^\s\x00.,;:!])"))
    };
    FORMS.iter().map(|(verb, form)| (*verb, pattern(form))).collect()
});

/// The requests of an issue: at least one.
pub(super) fn of_issue(title: &str, body: &str) -> Result<Vec<Request>, Declined> {
    if title.len() + body.len() > MAX_ISSUE {
        return Declined::new(format!("the issue is longer than {} KiB", MAX_ISSUE / 1024));
    }
    let mut requests = of_text(body)?;
    let mut in_title = match of_text(&regex(PREFIX).replace(title, "")) {
        Err(_) if !requests.is_empty() && is_headline(title) => Vec::new(),
        in_title => in_title?,
    };
    // The text may repeat the title, and say in which files.
    in_title.retain(|asked| {
        let narrowed = |other: &Request| Request { files: other.files.clone(), ..asked.clone() };
        !requests.iter().any(|other| asked == other || asked.files.is_empty() && narrowed(other) == *other)
    });
    requests.extend(in_title);
    match requests.len() {
        0 => Declined::new("I couldn't find a specific text or value to change"),
        1..=MAX_REQUESTS => Ok(requests),
        _ => Declined::new(format!("the issue has more than {MAX_REQUESTS} requests")),
    }
}

/// The requests of a text that has nothing else.
fn of_text(markdown: &str) -> Result<Vec<Request>, Declined> {
    let (text, courtesy) = (IssueText::read(markdown)?, regex(COURTESY));
    let mut requests = Vec::new();
    for mut rest in text.paragraphs.iter().map(String::as_str) {
        while !rest.is_empty() {
            if let Some(found) = courtesy.find(rest) {
                rest = &rest[found.end()..];
                continue;
            }
            let read = |(verb, form): &(Verb, Regex)| Some((*verb, form.captures(rest)?));
            let Some((verb, found)) = PATTERNS.iter().find_map(read) else {
                let shown: String = text.expanded(rest).chars().take(60).collect();
                return Declined::new(format!("I don't understand the issue from {} on", code_span(&shown)));
            };
            requests.push(Request::read(verb, &text, &found)?);
            rest = found.name("rest").map_or("", |rest| rest.as_str());
        }
    }
    Ok(requests)
}

/// Whether a title that is no request may be the headline of one: a few plain words that take no stance.
fn is_headline(title: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || " -_./".contains(c);
    let lower = title.to_lowercase();
    let words: Vec<&str> = lower.split([' ', '-', '/']).map(|word| word.trim_end_matches('.')).collect();
    let asks = ["is", "are", "am", "was", "were", "do", "does", "did", "has", "have"].contains(&words[0]);
    let takes_stance = |word: &&str| STANCES.split_whitespace().any(|stance| stance == *word);
    title.chars().all(is_plain) && words.len() <= MAX_HEADLINE && !asks && !words.iter().any(takes_stance)
}

impl Request {
    fn read(verb: Verb, text: &IssueText, found: &Captures<'_>) -> Result<Self, Declined> {
        let part = |name: &str| found.name(name).map_or("", |part| part.as_str());
        let operand = |name: &str| text.expanded(part(name));
        let lists = ["before", "of", "after"].map(part);
        let listed = lists.concat().replace(" and ", ",").replace(' ', "");
        let files = listed.split(',').filter(|file| !file.is_empty()).map(|file| text.expanded(file));
        let files: Vec<String> = files.map(|file| file.trim_start_matches("./").to_owned()).collect();
        let (subject, to, from) = (operand("a"), operand("b"), operand("c"));
        let from = Some(from).filter(|from| !from.is_empty());
        let is_bad = |text: &str| text.trim().is_empty() || text.len() > MAX_TEXT || text.contains(is_hidden);
        let (old, new) = (code_span(&subject), code_span(&to));
        if lists.iter().filter(|list| !list.is_empty()).count() > 1 {
            Declined::new("the request names its files in two places")
        } else if is_bad(&subject) || is_bad(&to) {
            Declined::new("a text of the request is empty, too long, or has characters that cannot be seen")
        } else if verb == Verb::Replace && files.is_empty() && subject.chars().nth(1).is_none() {
            Declined::new(format!("{old} is too short to be replaced everywhere; name the files"))
        } else if verb == Verb::Set && files.is_empty() {
            Declined::new(format!("the request names no file; write: set {old} to {new} in `FILE`"))
        } else if verb == Verb::FixTypo && !are_alike(&subject, &to) {
            Declined::new(format!("{old} and {new} are too unlike for a typo; write: replace {old} by {new}"))
        } else if verb != Verb::Set && subject == to {
            Declined::new(format!("{old} is to be replaced by the same"))
        } else {
            Ok(Self { verb, subject, from, to, files })
        }
    }

    /// The request in its own form, without its files, each text cut after so many characters.
    pub(super) fn words(&self, most: usize) -> String {
        let show = |text: &str| match text.char_indices().nth(most) {
            Some((at, _)) => code_span(&format!("{}…", &text[..at])),
            None => code_span(text),
        };
        let (subject, to) = (show(&self.subject), show(&self.to));
        match (self.verb, self.from.as_deref().map(show)) {
            (Verb::Replace, _) => format!("Replace {subject} by {to}"),
            (Verb::FixTypo, _) => format!("Fix typo: {subject} → {to}"),
            (Verb::Set, Some(from)) => format!("Change {subject} from {from} to {to}"),
            (Verb::Set, None) => format!("Set {subject} to {to}"),
            (Verb::Bump, from) => format!("Bump {subject} from {} to {to}", from.unwrap_or_default()),
        }
    }
}

/// Whether one text may be a misspelling of the other: as many words, most of whose letters are the same.
fn are_alike(old: &str, new: &str) -> bool {
    let mut added: Vec<char> = new.to_lowercase().chars().collect();
    let mut keep = |c: &char| added.iter().position(|new| new == c).map(|at| added.swap_remove(at));
    let gone = old.to_lowercase().chars().filter(|c| keep(c).is_none()).count();
    old.split(' ').count() == new.split(' ').count() && (gone + added.len()) * 3 <= old.chars().count().max(4)
}
