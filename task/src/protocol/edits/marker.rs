//! Lines that mean something in a reply: markers, fences and directives.

/// A line that delimits a block; the number is its length in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    Head(usize),
    Divider(usize),
    End(usize),
}

impl Marker {
    pub(super) fn of(line: &str) -> Option<Self> {
        let first = *line.as_bytes().first()?;
        let length = line.bytes().take_while(|byte| *byte == first).count();
        if !(5..=9).contains(&length) {
            return None;
        }
        let rest = line[length..].trim();
        match first {
            b'<' if is_word(rest.trim_end_matches('>'), "SEARCH") => Some(Self::Head(length)),
            b'=' if rest.is_empty() => Some(Self::Divider(length)),
            b'>' if is_word(rest, "REPLACE") => Some(Self::End(length)),
            _ => None,
        }
    }
}

/// Whether the line was meant as a marker: indented, quoted, of another length, or with something behind it.
pub(super) fn is_botched(line: &str) -> bool {
    let line = line.trim_start_matches([' ', '\t', '>', '`', '*', '-']);
    let head = line.trim_start_matches('<');
    if line.len() - head.len() >= 4 && begins_with_word(head.trim_start(), "SEARCH") {
        return true;
    }
    // The leading `>` of an end marker are gone by now; what is left must be the word alone.
    false
}

fn is_word(text: &str, word: &str) -> bool {
    text.eq_ignore_ascii_case(word)
}

fn begins_with_word(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| is_word(start, word))
}

/// A line that opens or closes a code block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fence<'a> {
    sign: u8,
    length: usize,
    info: &'a str,
}

impl<'a> Fence<'a> {
    pub(super) fn of(line: &'a str) -> Option<Self> {
        let line = line.trim();
        let sign = *line.as_bytes().first()?;
        if !matches!(sign, b'`' | b'~') {
            return None;
        }
        let length = line.bytes().take_while(|byte| *byte == sign).count();
        let info = line[length..].trim();
        // Inline code that fills a line is no fence.
        (length >= 3 && !(sign == b'`' && info.contains('`'))).then_some(Self { sign, length, info })
    }

    pub(super) fn info(&self) -> &'a str {
        self.info
    }

    pub(super) fn is_bare(&self) -> bool {
        self.info.is_empty()
    }

    pub(super) fn closes(&self, open: &Self) -> bool {
        self.is_bare() && self.sign == open.sign && self.length >= open.length
    }

    /// Whether it opens a block inside `open` whose closing fence could be taken for that of `open`.
    pub(super) fn nests_in(&self, open: &Self) -> bool {
        !self.is_bare() && self.sign == open.sign && self.length >= open.length
    }
}

/// A line that begins with a word of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Directive {
    Delete,
    Rename,
    Write,
    /// One that is no edit.
    Other,
}

impl Directive {
    /// The directive and what follows its colon.
    pub(super) fn of(line: &str) -> Option<(Self, &str)> {
        let (word, argument) = line.split_once(':')?;
        let directive = match word.trim_start_matches("**").trim_end_matches("**") {
            "DELETE" => Self::Delete,
            "RENAME" => Self::Rename,
            "WRITE" => Self::Write,
            "TITLE" | "SUMMARY" | "READ" | "CANNOT" => Self::Other,
            _ => return None,
        };
        let argument = argument.trim();
        Some((directive, argument.strip_prefix("**").unwrap_or(argument).trim()))
    }

    pub(super) fn is_edit(self) -> bool {
        self != Self::Other
    }
}
