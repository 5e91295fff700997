//! *Text of a stranger* is what anyone on the internet can write: an issue, a comment, a file name, a commit message.
//!
//! It comes in as [`Raw`], which can be neither read nor shown, and leaves as [`Clean`], which may reach a prompt.
//! Cleaning takes away what a person who looks at the text on GitHub does not see, so that nobody can tell the
//! model what the maintainers cannot read: comments, attributes, alternative texts, titles of links, definitions,
//! invisible characters, and the source of what GitHub draws in place of it.

mod html;
mod markup;
mod rendered;

#[cfg(test)]
mod tests;

use std::fmt;

use serde::Deserialize;

use crate::path::is_hidden;
use markup::Tags;

pub(crate) use markup::FLAVOUR;

/// Text as it came in.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Raw(String);

/// Text that a person could have read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clean(String);

/// How often Markdown is cleaned of what cleaning has laid bare, before everything that could start markup is dropped.
const MAX_PASSES: usize = 8;

impl Raw {
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text as it came in, for a program alone: to look for a marker of ours or a command, to compare, to hash.
    /// No part of it may be shown or put into a prompt; for that there is [`Raw::clean`].
    pub(crate) fn for_machine(&self) -> &str {
        &self.0
    }

    /// What of this Markdown is seen on GitHub, still as Markdown, at most `cap` characters with the note of how many
    /// were cut. Cleaning what is clean changes nothing.
    pub fn clean(self, cap: usize) -> Clean {
        let text = settle(&self.0);
        if text.chars().count() <= cap {
            return Clean(text);
        }
        cut(&text, cap)
    }

    /// The same for a text that is no Markdown, such as what a compiler says.
    pub fn clean_text(self, cap: usize) -> Clean {
        let text = visible(&self.0);
        if text.chars().count() <= cap {
            return Clean(text);
        }
        let kept: String = text.chars().take(cap.saturating_sub(1)).collect();
        Clean(visible(&format!("{kept}…")))
    }

    /// What is seen of a text that is no Markdown and has one line (a title, a file name, the subject of a commit):
    /// white space becomes single spaces; at most `cap` characters, the last one `…` if any were cut.
    pub fn clean_line(self, cap: usize) -> Clean {
        let visible = visible(&self.0);
        let line: Vec<&str> = visible.split_whitespace().collect();
        let line = line.join(" ");
        if line.chars().count() <= cap {
            return Clean(line);
        }
        let kept: String = line.chars().take(cap.saturating_sub(1)).collect();
        let ellipsis = if cap == 0 { "" } else { "…" };
        // The cut can part an emoji from the invisible character behind it.
        Clean(format!("{}{ellipsis}", self::visible(kept.trim_end())))
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Raw({} bytes)", self.0.len())
    }
}

impl Clean {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Markdown of our own without what GitHub would not show of it; once, which can lay bare more.
pub(crate) fn shown(markdown: &str) -> String {
    markup::without_hidden(markdown, Tags::Show)
}

/// Cleans until nothing changes.
fn settle(text: &str) -> String {
    let mut text = visible(text);
    for _ in 0..MAX_PASSES {
        let next = visible(&markup::without_hidden(&text, Tags::Drop));
        if next == text {
            return text;
        }
        text = next;
    }
    // Only text built to defeat this gets here. Without these characters Markdown has nothing that can be hidden.
    visible(&text.replace(['<', '&', '[', '`', '~', '|', '$'], " "))
}

/// The start of a text that is too long, with a note.
fn cut(text: &str, cap: usize) -> Clean {
    let total = text.chars().count();
    let note = |kept: usize| format!("\n\n(… {} more characters)\n", total.saturating_sub(kept));
    let mut keep = cap.saturating_sub(note(0).chars().count());
    loop {
        // What was cut in the middle of its markup is markup no longer, or other markup.
        let start = settle(&text.chars().take(keep).collect::<String>());
        let cut = format!("{start}{}", note(keep));
        let clean = settle(&cut);
        if clean == cut && clean.chars().count() <= cap {
            return Clean(clean);
        }
        if keep == 0 {
            return Clean(String::new());
        }
        keep /= 2;
    }
}

/// The text without characters that cannot be seen, lines ended by `\n`. An emoji keeps the selector of its colors
/// and the joiner to the next one, one of each at most.
pub(crate) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    // The last character written, and before that one the last that was no selector.
    let (mut last, mut base) = ('\0', '\0');
    while let Some(c) = chars.next() {
        let c = match c {
            '\r' => {
                if chars.peek() == Some(&'\n') {
                    continue;
                }
                '\n'
            }
            '\n' | '\t' => c,
            '\u{fe0f}' if is_emoji(last) || is_keycap(last) && chars.peek() == Some(&'\u{20e3}') => c,
            '\u{200d}' if is_emoji(base) && last != c && chars.peek().copied().is_some_and(is_emoji) => c,
            c if is_hidden(c) => continue,
            c => c,
        };
        out.push(c);
        last = c;
        if c != '\u{fe0f}' {
            base = c;
        }
    }
    out
}

/// Characters that Unicode's `emoji-data.txt` gives the property Emoji, by the blocks that hold them.
pub(crate) fn is_emoji(c: char) -> bool {
    matches!(c, '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{2194}'..='\u{21aa}'
        | '\u{231a}'..='\u{23ff}' | '\u{24c2}' | '\u{25aa}'..='\u{25fe}' | '\u{2600}'..='\u{27bf}' | '\u{2934}'..='\u{2935}'
        | '\u{2b05}'..='\u{2b55}' | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}' | '\u{1f000}'..='\u{1faff}')
}

pub(crate) fn is_keycap(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '#' | '*')
}
