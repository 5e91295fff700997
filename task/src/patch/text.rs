//! A file as lines without their endings, and back to bytes with each ending as it was.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::ops::Range;

use super::form::Form;

const BOM: &str = "\u{feff}";

/// The text of a file of the read set.
pub(super) struct Text<'a> {
    bom: Bom,
    lines: Vec<&'a str>,
    endings: Vec<Ending>,
    /// What most lines end with.
    usual: Ending,
    indexes: [OnceCell<Index<'a>>; Form::ALL.len()],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Lf,
    CrLf,
    /// The last line of a file without a newline at its end.
    None,
}

/// How a file begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edges {
    pub(super) bom: Bom,
    pub(super) last: LastLine,
}

/// A byte order mark at the beginning of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bom {
    Present,
    Absent,
}

/// Whether the last line of a file ends with a newline, like all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LastLine {
    Closed,
    Open,
}

/// Lines that take the place of a range of lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Splice {
    pub(super) range: Range<usize>,
    pub(super) lines: Vec<String>,
}

impl Splice {
    /// Whether the file stays as it is.
    pub(super) fn is_idle(&self, text: &Text<'_>) -> bool {
        self.lines.iter().map(String::as_str).eq(text.lines[self.range.clone()].iter().copied())
    }

    /// The same change without the lines, first and last, that the file has already.
    pub(super) fn without_common_ends(mut self, text: &Text<'_>) -> Self {
        let ours = &text.lines[self.range.clone()];
        let head = self.lines.iter().zip(ours).take_while(|(new, ours)| new == ours).count();
        let most = self.lines.len().min(ours.len()) - head;
        let pairs = self.lines.iter().rev().zip(ours.iter().rev()).take(most);
        let tail = pairs.take_while(|(new, ours)| new == ours).count();
        self.lines.truncate(self.lines.len() - tail);
        self.lines.drain(..head);
        self.range = self.range.start + head..self.range.end - tail;
        self
    }
}

/// The lines of a file in one form, as numbers: equal lines have equal numbers.
struct Index<'a> {
    numbers: Vec<u32>,
    known: HashMap<Cow<'a, str>, u32>,
}

impl<'a> Text<'a> {
    /// `None` if the bytes are not UTF-8.
    pub(super) fn parse(content: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(content).ok()?;
        let (bom, text) = text.strip_prefix(BOM).map_or((Bom::Absent, text), |rest| (Bom::Present, rest));
        let (mut lines, mut endings) = (Vec::new(), Vec::new());
        for piece in text.split_inclusive('\n') {
            let (line, ending) = match (piece.strip_suffix("\r\n"), piece.strip_suffix('\n')) {
                (Some(line), _) => (line, Ending::CrLf),
                (None, Some(line)) => (line, Ending::Lf),
                (None, None) => (piece, Ending::None),
            };
            lines.push(line);
            endings.push(ending);
        }
        let count = |wanted: Ending| endings.iter().filter(|ending| **ending == wanted).count();
        let usual = if count(Ending::CrLf) > count(Ending::Lf) { Ending::CrLf } else { Ending::Lf };
        Some(Self { bom, lines, endings, usual, indexes: Default::default() })
    }

    /// Lines apart from any file, to be searched only.
    pub(super) fn of_lines(lines: Vec<&'a str>) -> Self {
        let endings = vec![Ending::Lf; lines.len()];
        Self { bom: Bom::Absent, lines, endings, usual: Ending::Lf, indexes: Default::default() }
    }

    pub(super) fn lines(&self) -> &[&'a str] {
        &self.lines
    }

    pub(super) fn edges(&self) -> Edges {
        let is_open = self.endings.last() == Some(&Ending::None);
        Edges { bom: self.bom, last: if is_open { LastLine::Open } else { LastLine::Closed } }
    }

    /// Where the lines of `search` stand one after the other in the given form, at most `limit` places.
    pub(super) fn find(&self, form: Form, search: &[&str], limit: usize) -> Vec<usize> {
        self.index(form).find(form, search, limit)
    }

    fn index(&self, form: Form) -> &Index<'a> {
        self.indexes[form as usize].get_or_init(|| Index::new(&self.lines, form))
    }

    /// The bytes of the file with the splices applied, which are in order and do not overlap.
    ///
    /// A new line ends as its neighbors do.
    pub(super) fn splice(&self, splices: &[Splice], edges: Edges) -> Vec<u8> {
        let mut out: Vec<(&str, Ending)> = Vec::with_capacity(self.lines.len());
        let mut at = 0;
        for splice in splices {
            out.extend(self.kept(at..splice.range.start));
            let ending = self.ending_at(&splice.range);
            out.extend(splice.lines.iter().map(|line| (line.as_str(), ending)));
            at = splice.range.end;
        }
        out.extend(self.kept(at..self.lines.len()));
        self.assemble(&out, edges)
    }

    /// The bytes of the file with all its lines replaced; they end as most lines did.
    pub(super) fn rewritten(&self, lines: &[&str], edges: Edges) -> Vec<u8> {
        let out: Vec<_> = lines.iter().map(|line| (*line, self.usual)).collect();
        self.assemble(&out, edges)
    }

    fn kept(&self, range: Range<usize>) -> impl Iterator<Item = (&str, Ending)> {
        range.map(|line| (self.lines[line], self.endings[line]))
    }

    fn ending_at(&self, range: &Range<usize>) -> Ending {
        let neighbour = if range.is_empty() { range.start.saturating_sub(1) } else { range.start };
        match self.endings.get(neighbour) {
            Some(Ending::None) | None => self.usual,
            Some(ending) => *ending,
        }
    }

    fn assemble(&self, lines: &[(&str, Ending)], edges: Edges) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(lines.iter().map(|(line, _)| line.len() + 2).sum());
        if edges.bom == Bom::Present {
            bytes.extend_from_slice(BOM.as_bytes());
        }
        for (at, (line, ending)) in lines.iter().enumerate() {
            bytes.extend_from_slice(line.as_bytes());
            let last = at + 1 == lines.len();
            let ending = if last && edges.last == LastLine::Open {
                Ending::None
            } else if *ending == Ending::None {
                self.usual
            } else {
                *ending
            };
            bytes.extend_from_slice(match ending {
                Ending::Lf => b"\n",
                Ending::CrLf => b"\r\n",
                Ending::None => b"",
            });
        }
        bytes
    }
}

impl<'a> Index<'a> {
    fn new(lines: &[&'a str], form: Form) -> Self {
        let mut known = HashMap::new();
        let mut numbers = Vec::with_capacity(lines.len());
        for line in lines {
            let next = u32::try_from(known.len()).unwrap_or(u32::MAX);
            numbers.push(*known.entry(form.of(line)).or_insert(next));
        }
        Self { numbers, known }
    }

    /// Knuth, Morris and Pratt's search, so that no pair of texts takes longer than their length.
    fn find(&self, form: Form, search: &[&str], limit: usize) -> Vec<usize> {
        let wanted: Option<Vec<u32>> =
            search.iter().map(|line| self.known.get(form.of(line).as_ref()).copied()).collect();
        let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty()) else { return Vec::new() };
        let mut back = vec![0; wanted.len()];
        let mut matched = 0;
        for at in 1..wanted.len() {
            while matched > 0 && wanted[at] != wanted[matched] {
                matched = back[matched - 1];
            }
            matched += usize::from(wanted[at] == wanted[matched]);
            back[at] = matched;
        }
        let mut hits = Vec::new();
        matched = 0;
        for (at, number) in self.numbers.iter().enumerate() {
            while matched > 0 && *number != wanted[matched] {
                matched = back[matched - 1];
            }
            matched += usize::from(*number == wanted[matched]);
            if matched == wanted.len() {
                hits.push(at + 1 - matched);
                if hits.len() == limit {
                    break;
                }
                matched = back[matched - 1];
            }
        }
        hits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_survive() {
        let put = |range: Range<usize>, lines: &[&str]| Splice {
            range,
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        };
        for (before, splice, after) in [
            ("a\nb\n", put(1..2, &["x", "y"]), "a\nx\ny\n"),
            ("a\nb", put(1..2, &["x", "y"]), "a\nx\ny"),
            ("a\nb", put(2..2, &["c"]), "a\nb\nc"),
            ("a\nb", put(1..2, &[]), "a"),
            ("a\r\nb", put(2..2, &["c"]), "a\r\nb\r\nc"),
            ("a\r\nb\r\n", put(0..0, &["x"]), "x\r\na\r\nb\r\n"),
            ("a\nb\r\nc\n", put(1..2, &["x", "y"]), "a\nx\r\ny\r\nc\n"),
            ("\u{feff}a\nb\n", put(0..1, &["x"]), "\u{feff}x\nb\n"),
            ("", put(0..0, &["x"]), "x\n"),
            ("a\rb\nc\n", put(1..2, &["x"]), "a\rb\nx\n"),
        ] {
            let text = Text::parse(before.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(text.splice(&[splice], text.edges())).unwrap(), after, "{before:?}");
        }
        let text = Text::parse(b"\xef\xbb\xbfa\r\nb").unwrap();
        assert_eq!(text.rewritten(&["c", "d"], text.edges()), b"\xef\xbb\xbfc\r\nd");
        let other = Edges { bom: Bom::Absent, last: LastLine::Closed };
        assert_eq!(text.rewritten(&["c", "d"], other), b"c\r\nd\r\n");
        assert_eq!(text.splice(&[], other), b"a\r\nb\r\n");
    }

    #[test]
    fn finds_overlapping_places() {
        let text = Text::parse(b"a\na\na\nb\n").unwrap();
        assert_eq!(text.find(Form::Exact, &["a", "a"], 9), [0, 1]);
        assert_eq!(text.find(Form::Exact, &["a", "b"], 9), [2]);
        assert_eq!(text.find(Form::Exact, &["c"], 9), Vec::<usize>::new());
        assert_eq!(text.find(Form::Exact, &["a"], 2), [0, 1]);
    }
}
