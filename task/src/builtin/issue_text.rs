//! The *text of an issue* as the forms of requests read it: paragraphs on one line each, with a number in place of each
//! quoted text. What Markdown marks up in another way is refused: what is struck out or quoted is no request.

use regex::Captures;

use super::{Declined, regex};

/// Stands before and after such a number; cleaned text has no such character.
const MARK: char = '\0';
/// A code span, or a text in quotation marks that are no apostrophes.
const QUOTED: &str = r#"``(?<wide>(?:[^`]|`[^`])+)``|`(?<code>[^`]+)`|"(?<a>[^"]+)"|“(?<b>[^”]+)”|‘(?<c>[^’]+)’|\B'(?<d>[^']+)'\B"#;
/// Quoted texts without back ticks that are shown as they are written.
const PLAIN: &str = r"^[\w\n .,:;!?'/()=+%$@#’-]*$";
/// Between paragraphs, and before the items of a list.
const BREAK: &str = r"(?m)\n[ \t]*\n|^[ \t]*(?:[-*+]|\d+[.)]) +";
/// What makes a text, and one without its quoted texts, no plain text.
const MARKUP: [(&str, &str); 5] = [
    (r"(?m)^\s*>", "the issue quotes a text, and I can't tell whether that is a request"),
    (r"(?m)^(?:    |\t|\s*```|\s*~~~)", "the issue has a code block, and I can't tell what it is for"),
    (
        r"(?m)^\s*(?:[-*+]|\d+[.)]) +\[",
        "the issue has check boxes, and I can't tell which are still to be done",
    ),
    (r"~~|\(struck out\)", "a part of the issue is struck out"),
    (r"[?？]", "the issue asks a question, and I only carry out requests"),
];

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct IssueText {
    pub(super) paragraphs: Vec<String>,
    quoted: Vec<String>,
}

impl IssueText {
    pub(super) fn read(markdown: &str) -> Result<Self, Declined> {
        refuse(markdown, &MARKUP[..3])?;
        let (plain, mut formatted, mut quoted) = (regex(PLAIN), String::new(), Vec::new());
        let text = regex(QUOTED).replace_all(markdown, |found: &Captures<'_>| {
            let inside = found.iter().skip(1).flatten().next().map_or("", |inside| inside.as_str());
            let is_code = found[0].starts_with('`');
            if inside.contains("\n\n") || !is_code && !plain.is_match(inside) {
                inside.clone_into(&mut formatted);
            }
            let padded = inside.strip_prefix(' ').and_then(|rest| rest.strip_suffix(' ')).filter(|_| is_code);
            quoted.push(padded.unwrap_or(inside).replace('\n', " "));
            format!("{MARK}{}{MARK}", quoted.len() - 1)
        });
        if !formatted.is_empty() {
            return Declined::new(format!("\"{formatted}\" has signs of Markdown; put it in back ticks"));
        }
        refuse(&text, &MARKUP[3..])?;
        let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        Ok(Self { paragraphs: regex(BREAK).split(&text).map(one_line).collect(), quoted })
    }

    /// A part of a paragraph with the quoted texts.
    pub(super) fn expanded(&self, part: &str) -> String {
        let piece = |(at, piece): (usize, &str)| match piece.parse().ok().filter(|_| at % 2 == 1) {
            Some(number) => self.quoted.get::<usize>(number).cloned().unwrap_or_default(),
            None => piece.to_owned(),
        };
        part.split(MARK).enumerate().map(piece).collect()
    }
}

fn refuse(text: &str, markup: &[(&str, &str)]) -> Result<(), Declined> {
    match markup.iter().find(|(pattern, _)| regex(pattern).is_match(text)) {
        Some((_, why)) => Declined::new(*why),
        None => Ok(()),
    }
}
