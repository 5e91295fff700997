//! A *document* is what we say on an issue of Jira: our Markdown as ADF.
//!
//! Only text that has passed the gate comes here. Addresses that are relative to the host of the repository, and numbers
//! of its pull requests, become links, as they would on the page of the repository.

use std::sync::LazyLock;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Parser, Tag, TagEnd};
use regex::Regex;
use serde_json::{Value, json};
use shared::repo::Repo;

use crate::text::FLAVOUR;

/// Characters of a comment: Jira refuses one with more than 32,767
/// (<https://support.atlassian.com/jira/kb/error-the-entered-text-is-too-long/>), whatever it counts.
const MAX_CHARS: usize = 20_000;

/// A reference to a pull request, at the start of a word.
static NUMBER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"#([1-9][0-9]{0,9})\b").expect("the pattern is right"));

/// The Markdown as a document; `repo` is where its references lead.
pub fn of_markdown(markdown: &str, repo: Option<&Repo>) -> Value {
    let mut text: String = markdown.chars().take(MAX_CHARS).collect();
    if text.len() < markdown.len() {
        text.push_str("\n\n…");
    }
    let mut writer = Writer { repo, frames: vec![Frame::new("doc")], marks: Vec::new(), skip: 0 };
    for event in Parser::new_ext(&text, FLAVOUR) {
        writer.take(event);
    }
    while writer.frames.len() > 1 {
        writer.close();
    }
    let content = writer.frames.pop().map(Frame::into_blocks).unwrap_or_default();
    json!({ "version": 1, "type": "doc", "content": content })
}

/// A node that is being written.
struct Frame {
    kind: &'static str,
    attrs: Option<Value>,
    blocks: Vec<Value>,
    /// Text that is no block yet.
    inline: Vec<Value>,
}

impl Frame {
    fn new(kind: &'static str) -> Self {
        Self { kind, attrs: None, blocks: Vec::new(), inline: Vec::new() }
    }

    /// What is in it, as blocks.
    fn into_blocks(mut self) -> Vec<Value> {
        self.end_paragraph();
        self.blocks
    }

    fn end_paragraph(&mut self) {
        let inline = std::mem::take(&mut self.inline);
        if inline.iter().any(|node| node["type"] != "hardBreak") {
            self.blocks.push(json!({ "type": "paragraph", "content": inline }));
        }
    }

    fn is_text(&self) -> bool {
        matches!(self.kind, "paragraph" | "heading" | "codeBlock")
    }
}

struct Writer<'a> {
    repo: Option<&'a Repo>,
    frames: Vec<Frame>,
    marks: Vec<Value>,
    /// Inside of how many nodes that are left out.
    skip: usize,
}

impl Writer<'_> {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(Tag::MetadataBlock(_)) => self.skip += 1,
            Event::End(TagEnd::MetadataBlock(_)) => self.skip = self.skip.saturating_sub(1),
            _ if self.skip > 0 => {}
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => self.text(&text),
            Event::Code(code) => self.code(&code),
            Event::SoftBreak => self.plain(" "),
            Event::HardBreak => self.push(json!({ "type": "hardBreak" })),
            Event::Rule => self.block(json!({ "type": "rule" })),
            Event::TaskListMarker(done) => self.plain(if done { "☑ " } else { "☐ " }),
            // Tags and comments are no text.
            Event::Html(_) | Event::InlineHtml(_) | Event::FootnoteReference(_) => {}
            Event::InlineMath(text) | Event::DisplayMath(text) => self.plain(&text),
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph => self.open("paragraph", None),
            Tag::Heading { level, .. } => self.open("heading", Some(json!({ "level": number(level) }))),
            Tag::BlockQuote(_) => self.open("blockquote", None),
            Tag::CodeBlock(kind) => {
                let language = match &kind {
                    CodeBlockKind::Fenced(info) => info.split_whitespace().next().unwrap_or_default(),
                    CodeBlockKind::Indented => "",
                };
                let attrs = (!language.is_empty()).then(|| json!({ "language": language }));
                self.open("codeBlock", attrs);
            }
            Tag::List(None) => self.open("bulletList", None),
            Tag::List(Some(first)) => self.open("orderedList", Some(json!({ "order": first }))),
            Tag::Item => self.open("listItem", None),
            Tag::Table(_) => self.open("table", None),
            Tag::TableHead => {
                self.open("tableRow", None);
            }
            Tag::TableRow => self.open("tableRow", None),
            Tag::TableCell => self.open("tableCell", None),
            Tag::Emphasis => self.marks.push(json!({ "type": "em" })),
            Tag::Strong => self.marks.push(json!({ "type": "strong" })),
            Tag::Strikethrough => self.marks.push(json!({ "type": "strike" })),
            Tag::Link { dest_url, .. } => {
                // A link that leads nowhere still has its place in the list of marks.
                let mark =
                    self.target(&dest_url).map(|href| json!({ "type": "link", "attrs": { "href": href } }));
                self.marks.push(mark.unwrap_or(Value::Null));
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough | TagEnd::Link => {
                self.marks.pop();
            }
            TagEnd::Paragraph
            | TagEnd::Heading(_)
            | TagEnd::BlockQuote(_)
            | TagEnd::CodeBlock
            | TagEnd::List(_)
            | TagEnd::Item
            | TagEnd::Table
            | TagEnd::TableHead
            | TagEnd::TableRow
            | TagEnd::TableCell => self.close(),
            _ => {}
        }
    }

    fn open(&mut self, kind: &'static str, attrs: Option<Value>) {
        if let Some(top) = self.frames.last_mut() {
            top.end_paragraph();
        }
        self.frames.push(Frame { attrs, ..Frame::new(kind) });
    }

    /// Ends the innermost node, in the form that its parent may hold.
    fn close(&mut self) {
        if self.frames.len() < 2 {
            return;
        }
        let Some(frame) = self.frames.pop() else { return };
        let parent = self.frames.last().map_or("doc", |frame| frame.kind);
        let (kind, attrs) = (frame.kind, frame.attrs.clone());
        if frame.is_text() {
            if frame.inline.is_empty() {
                return;
            }
            // Of a heading in a list only the text may stay.
            let is_kept = kind != "heading" || matches!(parent, "doc");
            let kind = if is_kept { kind } else { "paragraph" };
            let mut node = json!({ "type": kind, "content": frame.inline });
            if let Some(attrs) = attrs.filter(|_| is_kept) {
                node["attrs"] = attrs;
            }
            self.block(node);
            return;
        }
        let mut blocks = frame.into_blocks();
        match kind {
            // Neither a quote in a quote nor one in a list.
            "blockquote" if parent != "doc" => {
                for block in blocks {
                    self.block(block);
                }
                return;
            }
            // A list with nothing in it is none; an item begins with a paragraph.
            "listItem" if blocks.first().is_none_or(|first| first["type"] != "paragraph") => {
                blocks.insert(0, json!({ "type": "paragraph", "content": [] }));
            }
            "tableCell" if blocks.is_empty() => blocks.push(json!({ "type": "paragraph", "content": [] })),
            "bulletList" | "orderedList" | "blockquote" | "table" | "tableRow" if blocks.is_empty() => return,
            _ => {}
        }
        let mut node = json!({ "type": kind, "content": blocks });
        if let Some(attrs) = attrs {
            node["attrs"] = attrs;
        }
        self.block(node);
    }

    /// A node among the blocks of the innermost one.
    fn block(&mut self, node: Value) {
        let Some(top) = self.frames.last_mut() else { return };
        if top.is_text() {
            top.inline.push(node);
            return;
        }
        top.end_paragraph();
        let is_allowed = match top.kind {
            "listItem" | "blockquote" | "tableCell" => node["type"] != "rule" && node["type"] != "table",
            _ => true,
        };
        if is_allowed {
            top.blocks.push(node);
        }
    }

    fn push(&mut self, node: Value) {
        if let Some(top) = self.frames.last_mut() {
            top.inline.push(node);
        }
    }

    fn is_code(&self) -> bool {
        self.frames.last().is_some_and(|top| top.kind == "codeBlock")
    }

    /// Text with the marks around it.
    fn plain(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        let mut node = json!({ "type": "text", "text": text });
        let marks: Vec<&Value> = self.marks.iter().filter(|mark| !mark.is_null()).collect();
        if !marks.is_empty() && !self.is_code() {
            node["marks"] = json!(marks);
        }
        self.push(node);
    }

    /// The same, with references to pull requests as links.
    fn text(&mut self, text: &str) {
        let is_link = self.marks.iter().any(|mark| mark["type"] == "link");
        let Some(repo) = self.repo.filter(|_| !self.is_code() && !is_link) else { return self.plain(text) };
        let mut from = 0;
        for found in NUMBER.captures_iter(text) {
            let (Some(whole), Some(number)) = (found.get(0), found.get(1)) else { continue };
            let is_start =
                !text[..whole.start()].ends_with(|c: char| c.is_alphanumeric() || c == '/' || c == '&');
            if !is_start {
                continue;
            }
            self.plain(&text[from..whole.start()]);
            let href = format!("{}/pull/{}", repo.url(), number.as_str());
            self.marks.push(json!({ "type": "link", "attrs": { "href": href } }));
            self.plain(whole.as_str());
            self.marks.pop();
            from = whole.end();
        }
        self.plain(&text[from..]);
    }

    /// Code stands beside a link at most.
    fn code(&mut self, code: &str) {
        if code.is_empty() {
            return;
        }
        let mut marks = vec![json!({ "type": "code" })];
        marks.extend(self.marks.iter().filter(|mark| mark["type"] == "link").cloned());
        self.push(json!({ "type": "text", "text": code, "marks": marks }));
    }

    /// Where a link leads: an address of the web, or a path of the host of the repository.
    fn target(&self, href: &str) -> Option<String> {
        if let Ok(url) = url::Url::parse(href) {
            return matches!(url.scheme(), "http" | "https").then(|| url.to_string());
        }
        let base = url::Url::parse(&format!("{}/", self.repo?.url())).ok()?;
        base.join(href)
            .ok()
            .filter(|url| url.host() == base.host() && url.port() == base.port())
            .map(String::from)
    }
}

fn number(level: HeadingLevel) -> u8 {
    level as u8
}

#[cfg(test)]
mod tests;
