//! *ADF* is the form of Jira's texts: a tree of nodes in JSON
//! (<https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/>). Here it becomes Markdown, which is
//! what everything behind a tracker reads.
//!
//! What a person sees on the page is kept, and nothing else is: attributes of nodes, such as the description of an image,
//! are no text, and a text in the color of what is behind it is left out. What a stranger wrote as text stays text: characters
//! that Markdown would act on are escaped, so that no text becomes a comment that hides what follows, or ends the block
//! that it stands in. A node that is not known is its text. The result still is a stranger's: it is [`Raw`].
//!
//! Characters that cannot be seen go first: what is dropped later would join what was measured apart.

use std::fmt::Write as _;

use serde_json::Value;

use crate::text::{Raw, visible};

/// Nodes that are read of one document.
const MAX_NODES: usize = 20_000;
/// Nodes one in the other.
const MAX_DEPTH: usize = 40;
/// Characters of one document; Jira itself allows 32,767.
const MAX_CHARS: usize = 200_000;

/// Red, green and blue.
type Color = [u8; 3];

/// What is behind a text where nothing else says so.
const PAGE: Color = [0xff; 3];
/// The colors that a text without one has in Jira's light theme: in the older and in the newer palette.
const INKS: [Color; 2] = [[0x17, 0x2b, 0x4d], [0x29, 0x2a, 0x2e]];
/// How far two colors are apart, in each of the three, that nobody tells from each other at a glance.
const NEAR: u8 = 0x18;

/// The text of a document, as Markdown. A document that is no tree is empty.
pub fn to_markdown(document: &Value) -> Raw {
    let mut reader = Reader { nodes: 0, chars: 0, ground: PAGE };
    let mut text = match document {
        // The interface before this version had plain texts.
        Value::String(text) => reader.text(text, Place::Prose),
        document => reader.blocks(document, 0),
    };
    if reader.is_full() {
        text.push_str("\n\n(… the rest of the text is left out)");
    }
    Raw::new(text.trim_matches('\n').to_owned())
}

/// What is around a text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Prose,
    /// In a cell of a table a bar ends the cell.
    Cell,
}

struct Reader {
    nodes: usize,
    chars: usize,
    /// What is behind the text here.
    ground: Color,
}

impl Reader {
    fn is_full(&self) -> bool {
        self.nodes >= MAX_NODES || self.chars >= MAX_CHARS
    }

    /// Counts a node; false if there were too many.
    fn enter(&mut self, depth: usize) -> bool {
        if self.is_full() || depth > MAX_DEPTH {
            // What is nested that deep was made to be in the way.
            self.nodes = MAX_NODES;
            return false;
        }
        self.nodes += 1;
        true
    }

    /// The blocks in a node, one below the other.
    fn blocks(&mut self, node: &Value, depth: usize) -> String {
        let mut parts: Vec<String> = Vec::new();
        let mut inline: Vec<&Value> = Vec::new();
        for child in children(node) {
            if is_inline(kind(child)) {
                inline.push(child);
                continue;
            }
            self.flush(&mut inline, &mut parts, depth);
            let block = self.block(child, depth + 1);
            if !block.trim().is_empty() {
                parts.push(block);
            }
        }
        self.flush(&mut inline, &mut parts, depth);
        parts.join("\n\n")
    }

    /// Text that stands where blocks should.
    fn flush(&mut self, inline: &mut Vec<&Value>, parts: &mut Vec<String>, depth: usize) {
        if !inline.is_empty() {
            let text = self.line(inline.drain(..), depth, Place::Prose);
            parts.push(guarded(&text));
        }
    }

    fn block(&mut self, node: &Value, depth: usize) -> String {
        if !self.enter(depth) {
            return String::new();
        }
        match kind(node) {
            "paragraph" => guarded(&self.line(children(node), depth, Place::Prose)),
            "heading" => {
                let level = node["attrs"]["level"].as_u64().unwrap_or(1).clamp(1, 6);
                let text = self.line(children(node), depth, Place::Prose).replace('\n', " ");
                if text.trim().is_empty() {
                    return String::new();
                }
                format!("{} {}", "#".repeat(usize::try_from(level).unwrap_or(1)), text.trim())
            }
            "bulletList" | "decisionList" => self.list(node, depth, |_, _| "- ".to_owned()),
            "orderedList" => {
                let first = node["attrs"]["order"].as_u64().unwrap_or(1).min(100_000_000);
                self.list(node, depth, |at, _| format!("{}. ", first + at as u64))
            }
            "taskList" => self.list(node, depth, |_, item| {
                if item["attrs"]["state"] == "DONE" { "- [x] ".to_owned() } else { "- [ ] ".to_owned() }
            }),
            "codeBlock" => self.code_block(node),
            "blockquote" => quoted(&self.blocks(node, depth)),
            "panel" => {
                let title = match node["attrs"]["panelType"].as_str() {
                    Some("warning") => "Warning",
                    Some("error") => "Error",
                    Some("success") => "Success",
                    _ => "Note",
                };
                let own = &node["attrs"]["panelColor"];
                let own = opaque(own).filter(|_| node["attrs"]["panelType"] == "custom");
                let around = self.ground;
                self.ground = own.unwrap_or(around);
                let body = self.blocks(node, depth);
                self.ground = around;
                quoted(&format!("**{title}:**\n\n{body}"))
            }
            "rule" => "---".to_owned(),
            "table" => self.table(node, depth),
            "expand" | "nestedExpand" => {
                let title = node["attrs"]["title"].as_str().map(|title| self.text(title, Place::Prose));
                let title =
                    title.map(|title| title.replace('\n', " ")).filter(|title| !title.trim().is_empty());
                let body = self.blocks(node, depth);
                title.map_or(body.clone(), |title| format!("**{}**\n\n{body}", title.trim()))
            }
            "mediaSingle" | "mediaGroup" | "media" => "(an attached file)".to_owned(),
            "blockCard" | "embedCard" => self.card(node),
            "extension" => "(content of an app)".to_owned(),
            // A list item out of its list, a row out of its table, and whatever comes next year.
            _ => self.blocks(node, depth),
        }
    }

    fn list(&mut self, node: &Value, depth: usize, mark: impl Fn(usize, &Value) -> String) -> String {
        let mut lines = Vec::new();
        for (at, item) in children(node).enumerate() {
            if !self.enter(depth + 1) {
                break;
            }
            let body = match kind(item) {
                "listItem" | "taskItem" | "blockTaskItem" | "decisionItem" => self.blocks(item, depth + 1),
                // A list in a list of tasks stands beside its items.
                _ => self.block(item, depth + 1),
            };
            let mark = mark(at, item);
            let indent = " ".repeat(mark.len().min(6));
            let mut body = body.lines();
            lines.push(format!("{mark}{}", body.next().unwrap_or_default()));
            lines.extend(
                body.map(|line| if line.is_empty() { String::new() } else { format!("{indent}{line}") }),
            );
        }
        lines.join("\n")
    }

    /// In a fence that is longer than any in the code.
    fn code_block(&mut self, node: &Value) -> String {
        let mut code = String::new();
        for child in children(node) {
            code.push_str(child["text"].as_str().unwrap_or_default());
            code.push_str(if kind(child) == "hardBreak" { "\n" } else { "" });
        }
        let code = self.within(&visible(&code));
        let longest = code.split(|c| c != '`').map(str::len).max().unwrap_or(0);
        let fence = "`".repeat(longest.max(2) + 1);
        let language = node["attrs"]["language"].as_str().unwrap_or_default();
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '#' | '-' | '.' | '_');
        let language = if language.len() <= 20 && language.chars().all(is_word) { language } else { "" };
        format!("{fence}{language}\n{}\n{fence}", code.trim_end_matches('\n'))
    }

    fn table(&mut self, node: &Value, depth: usize) -> String {
        let mut rows: Vec<Vec<String>> = Vec::new();
        for row in children(node) {
            if !self.enter(depth + 1) {
                break;
            }
            let cells = children(row).map(|cell| self.cell(cell, depth + 2)).collect();
            rows.push(cells);
        }
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        if columns == 0 {
            return String::new();
        }
        // A cell that is missing at the end of a row need not be written. Only of the first row Markdown wants all of them, and
        // what a row had beyond those would not be shown.
        rows[0].resize(columns, String::new());
        let line = |cells: &Vec<String>| format!("| {} |", cells.join(" | "));
        let mut lines = vec![line(&rows[0]), format!("|{}", " --- |".repeat(columns))];
        lines.extend(rows[1..].iter().map(line));
        lines.join("\n")
    }

    /// A cell in one line: what is in it loses its structure, not its text.
    fn cell(&mut self, cell: &Value, depth: usize) -> String {
        if !self.enter(depth) {
            return String::new();
        }
        let own = opaque(&cell["attrs"]["background"])
            .filter(|_| matches!(kind(cell), "tableCell" | "tableHeader"));
        let around = self.ground;
        self.ground = own.unwrap_or(around);
        let mut parts = Vec::new();
        let mut inline: Vec<&Value> = Vec::new();
        for child in children(cell) {
            if is_inline(kind(child)) {
                inline.push(child);
                continue;
            }
            parts.push(self.line(inline.drain(..), depth, Place::Cell));
            parts.push(self.cell(child, depth + 1));
        }
        parts.push(self.line(inline.drain(..), depth, Place::Cell));
        self.ground = around;
        let words: Vec<&str> = parts.iter().flat_map(|part| part.split_whitespace()).collect();
        words.join(" ")
    }

    /// The text of inline nodes.
    fn line<'a>(&mut self, nodes: impl Iterator<Item = &'a Value>, depth: usize, place: Place) -> String {
        let mut out = String::new();
        for node in nodes {
            if !self.enter(depth + 1) {
                break;
            }
            match kind(node) {
                "text" => out.push_str(&self.marked(node, place)),
                "hardBreak" => out.push('\n'),
                "mention" => {
                    // A name that a person chose is no mention of anybody on another service.
                    let name = node["attrs"]["text"].as_str().unwrap_or("somebody").trim_start_matches('@');
                    let name = self.text(name, place).replace('\n', " ");
                    write!(out, "(mention of {})", name.trim()).expect("a String takes any text");
                }
                "emoji" => {
                    let attrs = &node["attrs"];
                    let text = attrs["text"].as_str().or(attrs["shortName"].as_str()).unwrap_or_default();
                    out.push_str(&self.text(text, place));
                }
                "status" => {
                    let text = node["attrs"]["text"].as_str().unwrap_or_default();
                    out.push_str(&self.text(text, place));
                }
                "date" => out.push_str(&date(&node["attrs"]["timestamp"])),
                "inlineCard" => out.push_str(&self.card(node)),
                "mediaInline" => out.push_str("(an attached file)"),
                "inlineExtension" => out.push_str("(content of an app)"),
                "placeholder" => {}
                _ => {
                    let text = node["text"].as_str().unwrap_or_default();
                    out.push_str(&self.text(text, place));
                    out.push_str(&self.line(children(node), depth + 1, place));
                }
            }
        }
        out
    }

    /// A text with its marks.
    fn marked(&mut self, node: &Value, place: Place) -> String {
        let text = visible(node["text"].as_str().unwrap_or_default());
        let marks: Vec<&Value> = node["marks"].as_array().into_iter().flatten().collect();
        let has = |name: &str| marks.iter().any(|mark| kind(mark) == name);
        if is_hidden(&marks, self.ground) {
            return String::new();
        }
        if has("code") && place == Place::Prose && !text.contains('\n') {
            return self.code_span(&text);
        }
        let text = self.text(&text, place);
        let bare = text.trim();
        if bare.is_empty() {
            return text;
        }
        let (start, rest) = text.split_at(text.len() - text.trim_start().len());
        let end = &rest[bare.len()..];
        let mut inner = bare.to_owned();
        for (name, sign) in [("strike", "~~"), ("em", "*"), ("strong", "**")] {
            if has(name) && !inner.contains('\n') {
                inner = format!("{sign}{inner}{sign}");
            }
        }
        let link = marks.iter().find(|mark| kind(mark) == "link");
        if let Some(target) = link.and_then(|mark| mark["attrs"]["href"].as_str()).and_then(target) {
            let target = self.within(&target);
            inner = format!("[{}]({target})", inner.replace('\n', " "));
        }
        format!("{start}{inner}{end}")
    }

    /// Code in more back ticks than there are in it. No character of it is invisible.
    fn code_span(&mut self, text: &str) -> String {
        let text = self.within(text);
        if text.is_empty() {
            return text;
        }
        let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
        let ticks = "`".repeat(longest + 1);
        let pad =
            if text.starts_with('`') || text.ends_with('`') || text.trim().is_empty() { " " } else { "" };
        format!("{ticks}{pad}{text}{pad}{ticks}")
    }

    fn card(&mut self, node: &Value) -> String {
        match node["attrs"]["url"].as_str().and_then(target) {
            Some(url) => format!("<{}>", self.within(&url)),
            None => String::new(),
        }
    }

    /// As much of a text as there is room for.
    fn within(&mut self, text: &str) -> String {
        let room = MAX_CHARS.saturating_sub(self.chars);
        let kept: String = text.chars().take(room).collect();
        self.chars += text.chars().count();
        kept
    }

    /// A stranger's text, so that Markdown shows what it says.
    fn text(&mut self, text: &str, place: Place) -> String {
        let text = self.within(&visible(text));
        let mut out = String::with_capacity(text.len());
        let chars: Vec<char> = text.chars().collect();
        for (at, &c) in chars.iter().enumerate() {
            let before = at.checked_sub(1).map(|at| chars[at]);
            let after = chars.get(at + 1).copied();
            let in_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
            let is_markup = match c {
                '\\' | '`' | '*' | '<' | '[' | ']' | '~' | '$' | '|' => true,
                '_' => !(in_word(before) && in_word(after)),
                '&' => after.is_some_and(|c| c.is_ascii_alphanumeric() || c == '#'),
                '!' => after == Some('['),
                _ => false,
            };
            if place == Place::Cell && c == '\n' {
                out.push(' ');
                continue;
            }
            if is_markup {
                out.push('\\');
            }
            out.push(c);
        }
        out
    }
}

fn kind(node: &Value) -> &str {
    node["type"].as_str().unwrap_or_default()
}

fn children(node: &Value) -> impl Iterator<Item = &Value> {
    node["content"].as_array().into_iter().flatten()
}

fn is_inline(kind: &str) -> bool {
    matches!(
        kind,
        "text"
            | "hardBreak"
            | "mention"
            | "emoji"
            | "status"
            | "date"
            | "inlineCard"
            | "mediaInline"
            | "inlineExtension"
            | "placeholder"
    )
}

/// A paragraph none of whose lines begins a list, a heading, a quote, a fence or a rule.
fn guarded(text: &str) -> String {
    let lines = text.split('\n').map(|line| {
        let bare = line.trim_start_matches([' ', '\t']);
        let digits = bare.len() - bare.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number = digits > 0 && bare[digits..].starts_with(['.', ')']);
        if number {
            return format!("{}\\{}", &bare[..digits], &bare[digits..]);
        }
        // With more than three spaces before it a line would be code.
        if bare.starts_with(['#', '>', '-', '+', '=']) { format!("\\{bare}") } else { bare.to_owned() }
    });
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

fn quoted(text: &str) -> String {
    let lines = text.lines().map(|line| if line.is_empty() { ">".to_owned() } else { format!("> {line}") });
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether a text with these marks cannot be told from what is behind it.
fn is_hidden(marks: &[&Value], ground: Color) -> bool {
    let colors = |name: &'static str| {
        marks.iter().filter(move |mark| kind(mark) == name).map(|mark| &mark["attrs"]["color"])
    };
    let mut inks: Vec<Color> = colors("textColor").filter_map(color).collect();
    if inks.is_empty() {
        inks.extend(INKS);
    }
    let mut grounds: Vec<Color> = colors("backgroundColor").filter_map(opaque).collect();
    if grounds.is_empty() {
        grounds.push(ground);
    }
    inks.iter().any(|ink| grounds.iter().any(|ground| is_near(*ink, *ground)))
}

fn is_near(a: Color, b: Color) -> bool {
    a.iter().zip(b).all(|(a, b)| a.abs_diff(b) <= NEAR)
}

/// A color as `#rrggbb`, with or without how much shines through it.
fn color(value: &Value) -> Option<Color> {
    let digits = value.as_str()?.trim_start_matches('#');
    let channel = |at: usize| digits.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
    Some([channel(0)?, channel(2)?, channel(4)?])
}

/// The same for one that nothing shines through.
fn opaque(value: &Value) -> Option<Color> {
    color(value).filter(|_| value.as_str().is_some_and(|text| text.len() == "#rrggbb".len()))
}

/// The address of a link, if it is one of the web; written so that nothing in it ends the link.
fn target(href: &str) -> Option<String> {
    let url = url::Url::parse(href).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    Some(url.as_str().replace('(', "%28").replace(')', "%29").replace('<', "%3C").replace('>', "%3E"))
}

/// A day, from milliseconds as a text.
fn date(timestamp: &Value) -> String {
    let number = timestamp.as_str().and_then(|text| text.parse::<i64>().ok()).or(timestamp.as_i64());
    let at = number.and_then(|at| jiff::Timestamp::from_millisecond(at).ok());
    at.map_or_else(String::new, |at| at.strftime("%Y-%m-%d").to_string())
}

#[cfg(test)]
mod tests;
