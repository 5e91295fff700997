//! A *log*: the last lines of what a job printed, read piece by piece, however long it is and whatever is in it.
//!
//! Actions writes the time before each line, so the lines of one step are told by when it ran.

use std::collections::VecDeque;
use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use regex::Regex;

use crate::text::visible;

/// Bytes of a line that are kept.
const MAX_LINE: usize = 2_000;
/// Bytes of lines that are kept, of the steps and of all.
const MAX_KEPT: usize = 256 * 1024;
/// A log is not text if more than one byte in so many is a control character that no program prints.
const ODD_BYTES: u64 = 50;
/// Bytes of a time.
const MAX_TIME: usize = 40;
/// Steps have whole seconds.
const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// What moves a cursor or colors a text (ECMA-48), and titles of terminals.
static ESCAPES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]")
        .expect("the pattern is part of the program")
});

/// When a step ran.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) began: Timestamp,
    pub(crate) ended: Timestamp,
}

/// See the module's documentation.
pub(crate) struct LogTail {
    steps: Vec<Span>,
    line: Vec<u8>,
    /// Lines of the steps.
    selected: Kept,
    /// All lines, for a log without times.
    all: Kept,
    bytes: u64,
    odd: u64,
}

/// What is left of a log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Tail {
    /// The last lines.
    Lines(Vec<String>),
    /// There are none.
    Empty,
    /// It is not text.
    Binary,
}

/// The last lines, as they came: only what is left of a log is looked at character by character.
#[derive(Default)]
struct Kept {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
}

impl Kept {
    fn push(&mut self, line: &[u8]) {
        self.bytes += line.len() + 1;
        self.lines.push_back(line.to_vec());
        while self.bytes > MAX_KEPT {
            let Some(first) = self.lines.pop_front() else { break };
            self.bytes -= first.len() + 1;
        }
    }

    /// The lines as a person sees them, without those that are empty then.
    fn plain(self) -> Vec<String> {
        let lines = self.lines.iter().map(|line| plain(&String::from_utf8_lossy(line)));
        lines.filter(|line| !line.is_empty()).collect()
    }
}

impl LogTail {
    /// Of these steps; of the whole log if there are none.
    pub(crate) fn new(steps: Vec<Span>) -> Self {
        Self { steps, line: Vec::new(), selected: Kept::default(), all: Kept::default(), bytes: 0, odd: 0 }
    }

    /// Takes the next piece, which may end in the middle of a line or of a character.
    pub(crate) fn feed(&mut self, piece: &[u8]) {
        self.bytes += piece.len() as u64;
        self.odd += piece.iter().filter(|byte| is_odd(**byte)).count() as u64;
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            let text = part.strip_suffix(b"\n");
            let kept = text.unwrap_or(part);
            let room = MAX_LINE.saturating_sub(self.line.len());
            self.line.extend_from_slice(&kept[..kept.len().min(room)]);
            if text.is_some() {
                self.end_line();
            }
        }
    }

    /// What is left.
    pub(crate) fn finish(mut self) -> Tail {
        if !self.line.is_empty() {
            self.end_line();
        }
        if self.odd * ODD_BYTES > self.bytes {
            return Tail::Binary;
        }
        let selected = self.selected.plain();
        let lines = if selected.is_empty() { self.all.plain() } else { selected };
        if lines.is_empty() { Tail::Empty } else { Tail::Lines(lines) }
    }

    fn end_line(&mut self) {
        let line = self.line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.line);
        let (at, text) = timed(line);
        let ran = |span: &Span| at.is_some_and(|at| span.began <= at && at <= span.ended + SECOND);
        if self.steps.iter().any(ran) {
            self.selected.push(text);
        }
        self.all.push(text);
        self.line.clear();
    }
}

/// Whether a byte is one that text does not have. The end of a line and what begins an escape are.
fn is_odd(byte: u8) -> bool {
    byte < 0x20 && !matches!(byte, b'\n' | b'\r' | b'\t' | 0x07 | 0x08 | 0x0c | 0x1b)
}

/// The time at the beginning of a line, and what is behind it.
fn timed(line: &[u8]) -> (Option<Timestamp>, &[u8]) {
    let end = line.iter().take(MAX_TIME).position(|byte| *byte == b' ').unwrap_or(line.len().min(MAX_TIME));
    let (first, rest) = line.split_at(end);
    match std::str::from_utf8(first).ok().and_then(|first| first.parse().ok()) {
        Some(at) => (Some(at), rest.strip_prefix(b" ").unwrap_or(rest)),
        None => (None, line),
    }
}

/// The line as a person sees it in the end: without escapes, and of what was written over the last text alone.
fn plain(line: &str) -> String {
    let line = ESCAPES.replace_all(line, "");
    let last = line.rsplit('\r').find(|part| !part.trim().is_empty()).unwrap_or_default();
    let text = visible(last);
    let text = text.trim_end();
    match text.strip_prefix("##[") {
        // A command of the runner's, such as `##[error]`.
        Some(command) => command.replacen(']', ": ", 1),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_a_log_holds_its_lines_are_bounded_and_can_be_seen(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..20),
        ) {
            let mut tail = LogTail::new(Vec::new());
            for piece in &pieces {
                tail.feed(piece);
            }
            if let Tail::Lines(lines) = tail.finish() {
                for line in lines {
                    // What is not UTF-8 is three bytes for each of one.
                    prop_assert!(!line.is_empty() && line.len() <= 3 * MAX_LINE, "{line:?}");
                    prop_assert!(!line.chars().any(|c| c != '\t' && c.is_control()), "{line:?}");
                }
            }
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn tail(log: &[u8], steps: &[(&str, &str)]) -> Tail {
        let steps = steps.iter().map(|(began, ended)| Span { began: at(began), ended: at(ended) });
        let mut tail = LogTail::new(steps.collect());
        // In pieces of an odd length, which part lines and characters.
        for piece in log.chunks(7) {
            tail.feed(piece);
        }
        tail.finish()
    }

    fn lines(lines: &[&str]) -> Tail {
        Tail::Lines(lines.iter().map(|line| (*line).to_owned()).collect())
    }

    #[test]
    fn only_the_lines_of_the_steps_that_failed_are_read_and_none_of_their_dress() {
        let log = "\u{feff}2026-11-29T08:00:00.1234567Z Set up\r\n2026-11-29T08:00:05.0000000Z ##[group]Run cargo test\r\n\
                   2026-11-29T08:00:06.0000000Z \u{1b}[31;1merror\u{1b}[0m[E0308]: größer\r\n2026-11-29T08:00:07.9Z \r\n\
                   2026-11-29T08:00:07.9Z 10 %\r50 %\r100 %\r\n2026-11-29T08:00:08Z ##[error]Process completed with exit code 1.\r\n\
                   2026-11-29T08:00:10.5Z Post job cleanup.\r\n";
        let step = ("2026-11-29T08:00:05Z", "2026-11-29T08:00:08Z");
        assert_eq!(
            tail(log.as_bytes(), &[step]),
            lines(&[
                "group: Run cargo test",
                "error[E0308]: größer",
                "100 %",
                "error: Process completed with exit code 1."
            ])
        );
        // A log without times, and a step of another time.
        assert_eq!(tail(b"a\nb", &[step]), lines(&["a", "b"]));
        let elsewhere = ("2027-01-01T00:00:00Z", "2027-01-01T00:00:01Z");
        assert_eq!(
            tail(b"2026-11-29T08:00:00Z a\n2026-11-29T08:00:01Z b\n", &[elsewhere]),
            lines(&["a", "b"])
        );
    }

    #[test]
    fn a_log_that_is_no_text_is_told_from_one_in_another_encoding() {
        assert_eq!(tail(b"", &[]), Tail::Empty);
        assert_eq!(tail(b"\n\n\x1b[0m\n", &[]), Tail::Empty);
        assert_eq!(tail(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b, 4], &[]), Tail::Binary);
        let wide: Vec<u8> = "error: no".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(tail(&wide, &[]), Tail::Binary);
        // Latin-1: what is not UTF-8 is shown as such, and the rest can be read.
        assert_eq!(tail(b"erreur: pr\xe9vue\n", &[]), lines(&["erreur: pr\u{fffd}vue"]));
        // What nobody sees is not there.
        assert_eq!(tail("a\u{202e}b\u{200b}c\n".as_bytes(), &[]), lines(&["abc"]));
        assert_eq!(tail(b"\x1b]0;title\x07done \x1b[2Kok\x1b(B\n", &[]), lines(&["done ok"]));
    }

    #[test]
    fn of_a_long_log_and_of_a_long_line_the_end_and_the_start_are_kept() {
        let mut tail = LogTail::new(Vec::new());
        tail.feed(&vec![b'x'; 3 * MAX_LINE]);
        tail.feed(b"\n");
        for number in 0..100_000 {
            tail.feed(format!("line {number}\n").as_bytes());
        }
        let Tail::Lines(kept) = tail.finish() else { panic!("it has lines") };
        assert_eq!(kept.last().map(String::as_str), Some("line 99999"));
        assert!(kept.iter().map(|line| line.len() + 1).sum::<usize>() <= MAX_KEPT);
        let mut tail = LogTail::new(Vec::new());
        tail.feed(&vec![b'x'; 3 * MAX_LINE]);
        assert_eq!(tail.finish(), lines(&["x".repeat(MAX_LINE).as_str()]));
    }
}
