//! A *request* is what the model asks to see before it answers: lines of a file, hits of a text, where a name is defined
//! or used, the names in a folder.

use std::fmt;

use super::marker;
use super::name;
use super::paths::Paths;

/// Requests of one answer that are kept; of more, only the number is.
const MAX_KEPT: usize = 100;
/// Longest text, pattern or name that is looked for, in characters.
pub(crate) const MAX_TEXT: usize = 200;
/// Names or paths of one line.
const MAX_PARTS: usize = 20;

/// One thing that the model asks for, as it wrote it, decoration taken off.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Request {
    /// A file, or some of its lines: 1-based, both ends included, none of them checked against the file.
    Read { path: String, lines: Option<(usize, usize)> },
    /// Lines with a text.
    Find { what: Pattern, within: Option<String> },
    /// Where a name is defined.
    Define(String),
    /// Where a name is used.
    Uses(String),
    /// The names in a folder; empty for the top.
    List(String),
}

impl Request {
    /// Whether it is for a file of the tree.
    pub(super) fn is_of(&self, paths: &Paths<'_>) -> bool {
        matches!(self, Self::Read { path, .. } if paths.has(path))
    }
}

/// As the model should write it.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, lines: None } => write!(f, "READ: {path}"),
            Self::Read { path, lines: Some((first, usize::MAX)) } => write!(f, "READ: {path}:{first}-"),
            Self::Read { path, lines: Some((first, last)) } => write!(f, "READ: {path}:{first}-{last}"),
            Self::Find { what, within } => {
                match what {
                    Pattern::Text(text) => write!(f, "FIND: {text}")?,
                    Pattern::Regex { text, ignores_case } => {
                        write!(f, "FIND: /{text}/{}", if *ignores_case { "i" } else { "" })?;
                    }
                }
                within.iter().try_for_each(|glob| write!(f, " in {glob}"))
            }
            Self::Define(name) => write!(f, "DEFINE: {name}"),
            Self::Uses(name) => write!(f, "USES: {name}"),
            Self::List(folder) => write!(f, "LIST: {folder}/"),
        }
    }
}

/// What is searched for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pattern {
    Text(String),
    /// A regular expression, and whether letter case counts in it.
    Regex {
        text: String,
        ignores_case: bool,
    },
}

/// The requests of an answer, in order, without repeats.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    kept: Vec<Request>,
    /// How many more there were.
    pub dropped: usize,
}

impl Requests {
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Request> {
        self.kept.iter()
    }

    pub(super) fn extend(&mut self, requests: impl IntoIterator<Item = Request>) {
        for request in requests {
            if self.kept.contains(&request) {
                continue;
            }
            if self.kept.len() == MAX_KEPT {
                self.dropped = self.dropped.saturating_add(1);
            } else {
                self.kept.push(request);
            }
        }
    }

    /// The files that are asked for, whole or not.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.kept.iter().filter_map(|request| match request {
            Request::Read { path, .. } => Some(path.as_str()),
            _ => None,
        })
    }
}

impl<'a> IntoIterator for &'a Requests {
    type Item = &'a Request;
    type IntoIter = std::slice::Iter<'a, Request>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The requests of a line `READ: …`.
pub(super) fn reads(behind: &str, paths: &Paths<'_>) -> Vec<Request> {
    if name::of_directive(behind, paths).is_empty() {
        return Vec::new();
    }
    // A name may have a comma or a colon in it.
    if let Some(request) = part(behind, paths) {
        return vec![request];
    }
    let pieces: Vec<&str> = behind.split(',').take(MAX_PARTS).collect();
    let mut found: Vec<Request> = Vec::new();
    let mut at = 0;
    while at < pieces.len() {
        let known = (at + 1..=pieces.len()).rev().find_map(|end| {
            let text = pieces[at..end].join(",");
            part(&text, paths).map(|request| (request, end))
        });
        if let Some((request, end)) = known {
            found.push(request);
            at = end;
            continue;
        }
        let written = pieces[at].trim();
        at += 1;
        match (lines(written), found.last()) {
            // `a.rs:10-20, 40-50`: more of the same file.
            (Some(lines), Some(Request::Read { path, .. })) => {
                let path = path.clone();
                found.push(Request::Read { path, lines: Some(lines) });
            }
            _ => found.extend(unknown(written, paths)),
        }
    }
    found
}

/// A path of the tree, with its lines or without.
fn part(text: &str, paths: &Paths<'_>) -> Option<Request> {
    let written = text.trim();
    let bare = written.trim_matches('`');
    // The lines may stand behind the back ticks around a path, or inside of them. What is a path as it stands has none.
    let with_lines = [written, bare].into_iter().filter(|_| !paths.has(bare)).find_map(|text| {
        let (path, lines) = ranged(text)?;
        // Two ranges are two requests.
        if ranged(path).is_some() && !paths.has(path) {
            return None;
        }
        let path = name::of_directive(path, paths);
        paths.has(&path).then_some(Request::Read { path, lines: Some(lines) })
    });
    with_lines.or_else(|| {
        let path = name::of_directive(text, paths);
        paths.has(&path).then_some(Request::Read { path, lines: None })
    })
}

/// What is not a path of the tree: it is looked up all the same, so that the answer says what is there.
fn unknown(text: &str, paths: &Paths<'_>) -> Option<Request> {
    let (path, lines) = match ranged(text) {
        Some((path, lines)) => (path, Some(lines)),
        None => (text, None),
    };
    let path = name::of_directive(path, paths);
    (!path.is_empty()).then_some(Request::Read { path, lines })
}

/// A path and the lines behind it: `a.rs:120-220`, `a.rs#L120-L220`, `a.rs (lines 120-220)`, `a.rs lines 120 to 220`.
fn ranged(text: &str) -> Option<(&str, (usize, usize))> {
    let text = text.trim().trim_end_matches(')').trim_end();
    // The lines are what is behind the last sign that can begin them.
    let start = text.rfind([':', '#', '(', ' ']).filter(|_| !text.ends_with('/'))?;
    let mut path = &text[..start];
    let mut range = lines(&text[start + 1..]);
    // `lines 120 - 220` has spaces in it.
    let lower = text.to_ascii_lowercase();
    if let Some(at) = [" line", "(line"].into_iter().filter_map(|word| lower.rfind(word)).max()
        && let Some(all) = lines(&text[at + 1..])
    {
        (path, range) = (&text[..at], Some(all));
    }
    let path = path.trim_end_matches([':', '#', '(', ' ', ',']);
    range.filter(|_| !path.is_empty()).map(|range| (path, range))
}

/// `120-220`, `L120-L220`, `120..220`, `120 to 220`, `lines 120-220`, `120-` or `120`.
fn lines(text: &str) -> Option<(usize, usize)> {
    let lower = text.trim().to_ascii_lowercase();
    let text = lower.trim_start_matches("lines").trim_start_matches("line").trim();
    let number = |text: &str| text.trim().trim_start_matches('l').parse::<usize>().ok();
    let parted = ["-", "–", "..", " to ", ":"].into_iter().find_map(|sign| text.split_once(sign));
    match parted {
        Some((first, "")) => Some((number(first)?, usize::MAX)),
        Some((first, last)) => Some((number(first)?, number(last)?)),
        None => number(text).map(|line| (line, line)),
    }
}

/// The request of a line `FIND: …`: a text or `/a regular expression/`, and perhaps ` in ` and a pattern of paths.
pub(super) fn find(behind: &str) -> Option<Request> {
    let text = marker::argument(behind);
    let quoted = |sign: char, text: &str| -> Option<(String, String)> {
        let inner = text.strip_prefix(sign)?;
        // The last sign that ends the line, or has only a place behind it, is the closing one.
        inner.rmatch_indices(sign).map(|(at, _)| at).find_map(|at| {
            let (what, rest) = (&inner[..at], &inner[at + 1..]);
            let is_end =
                rest.is_empty() || rest == "i" || rest.starts_with(" in ") || rest.starts_with("i in ");
            (is_end && !what.is_empty()).then(|| (what.to_owned(), rest.to_owned()))
        })
    };
    let place = |rest: &str| -> Option<String> {
        let glob = rest.strip_prefix("in ").or_else(|| rest.split_once(" in ").map(|(_, glob)| glob))?;
        let glob = glob.trim().trim_matches(['`', '"', '\'']).trim_start_matches("./");
        (!glob.is_empty()).then(|| glob.to_owned())
    };
    let unquoted = text.trim_matches('`');
    if let Some((pattern, rest)) = quoted('/', text).or_else(|| quoted('/', unquoted)) {
        let what =
            Pattern::Regex { text: pattern, ignores_case: rest.starts_with('i') && !rest.starts_with("in") };
        return Some(Request::Find { what, within: place(&rest) });
    }
    for sign in ['`', '"', '\''] {
        if let Some((what, rest)) = quoted(sign, text) {
            let within = place(&rest);
            // In back ticks a regular expression is one as well.
            if let Some((pattern, flags)) = quoted('/', &what) {
                let what = Pattern::Regex { text: pattern, ignores_case: flags == "i" };
                return Some(Request::Find { what, within });
            }
            return Some(Request::Find { what: Pattern::Text(what), within });
        }
    }
    // Without quotation marks only what can be nothing but a pattern of paths is one.
    let parted = text.rsplit_once(" in ").filter(|(what, glob)| {
        !what.trim().is_empty() && !glob.trim().contains(' ') && glob.contains(['*', '/'])
    });
    let (what, within) = match parted {
        Some((what, glob)) => (what, place(&format!("in {glob}"))),
        None => (text, None),
    };
    let what = what.trim();
    (!what.is_empty()).then(|| Request::Find { what: Pattern::Text(what.to_owned()), within })
}

/// The names of a line `DEFINE: …` or `USES: …`.
pub(super) fn names(behind: &str) -> Vec<String> {
    let parts = marker::argument(behind).split(',').take(MAX_PARTS);
    let clean = |part: &str| {
        let part = part.trim().trim_matches(['`', '"', '\'', '*']).trim();
        let part = part.strip_suffix("()").unwrap_or(part).trim();
        (!part.is_empty()).then(|| part.to_owned())
    };
    parts.filter_map(clean).collect()
}

/// The folder of a line `LIST: …`, without slashes around it; empty for the top.
pub(super) fn folder(behind: &str) -> String {
    let text = marker::argument(behind).trim_matches(['`', '"', '\'']).trim();
    let mut text = text.trim_matches('/');
    while let Some(rest) = text.strip_prefix("./") {
        text = rest.trim_start_matches('/');
    }
    if text == "." { String::new() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str, lines: Option<(usize, usize)>) -> Request {
        Request::Read { path: path.to_owned(), lines }
    }

    #[test]
    fn a_line_reads_files_and_ranges() {
        let tree = ["src/a.rs", "src/b.rs", "a, b.txt", "c:12.txt", "with space.py", "x,y.c", "odd (1).md"];
        let paths = Paths::new(tree);
        let (a, b) = ("src/a.rs", "src/b.rs");
        for (written, expect) in [
            ("src/a.rs", vec![read(a, None)]),
            ("`src/a.rs`", vec![read(a, None)]),
            ("src/a.rs, src/b.rs", vec![read(a, None), read(b, None)]),
            ("`src/a.rs`,`src/b.rs`", vec![read(a, None), read(b, None)]),
            ("src/a.rs:120-220", vec![read(a, Some((120, 220)))]),
            ("src/a.rs:L120-L220", vec![read(a, Some((120, 220)))]),
            ("src/a.rs#L120-L220", vec![read(a, Some((120, 220)))]),
            ("`src/a.rs:120-220`", vec![read(a, Some((120, 220)))]),
            ("`src/a.rs`:120-220", vec![read(a, Some((120, 220)))]),
            ("`src/a.rs` (lines 120-220)", vec![read(a, Some((120, 220)))]),
            ("src/a.rs lines 120 to 220", vec![read(a, Some((120, 220)))]),
            ("src/a.rs:120", vec![read(a, Some((120, 120)))]),
            ("src/a.rs:120-", vec![read(a, Some((120, usize::MAX)))]),
            (
                "src/a.rs:0-9, 40-50, src/b.rs",
                vec![read(a, Some((0, 9))), read(a, Some((40, 50))), read(b, None)],
            ),
            ("a, b.txt", vec![read("a, b.txt", None)]),
            ("a, b.txt, src/a.rs:1-2", vec![read("a, b.txt", None), read(a, Some((1, 2)))]),
            ("x,y.c:3-4, a, b.txt", vec![read("x,y.c", Some((3, 4))), read("a, b.txt", None)]),
            ("c:12.txt", vec![read("c:12.txt", None)]),
            ("c:12.txt:5-6", vec![read("c:12.txt", Some((5, 6)))]),
            ("with space.py", vec![read("with space.py", None)]),
            ("with space.py 7-8", vec![read("with space.py", Some((7, 8)))]),
            ("odd (1).md", vec![read("odd (1).md", None)]),
            ("none.rs", vec![read("none.rs", None)]),
            ("none.rs:3-4", vec![read("none.rs", Some((3, 4)))]),
            ("../../etc/passwd, src", vec![read("../../etc/passwd", None), read("src", None)]),
            ("", vec![]),
        ] {
            assert_eq!(reads(&format!(" {written}"), &paths), expect, "{written}");
        }
    }

    #[test]
    fn a_line_finds_texts_and_expressions() {
        let text = |text: &str| Pattern::Text(text.to_owned());
        let regex = |text: &str, ignores_case| Pattern::Regex { text: text.to_owned(), ignores_case };
        for (written, what, within) in [
            ("is_online", text("is_online"), None),
            ("`is_online`", text("is_online"), None),
            ("\"is online\" in src/", text("is online"), Some("src/")),
            ("is online in *.py", text("is online"), Some("*.py")),
            ("what is in here", text("what is in here"), None),
            ("/is_\\w+/", regex("is_\\w+", false), None),
            ("/is_\\w+/i", regex("is_\\w+", true), None),
            ("/a/ in src/**/*.rs", regex("a", false), Some("src/**/*.rs")),
            ("/a/i in `*.rs`", regex("a", true), Some("*.rs")),
            ("`/a b/` in *.rs", regex("a b", false), Some("*.rs")),
            ("`/a b/`", regex("a b", false), None),
            ("/api/v1/users/", regex("api/v1/users", false), None),
            ("/api/v1", text("/api/v1"), None),
            ("\"", text("\""), None),
        ] {
            let expect = Request::Find { what, within: within.map(str::to_owned) };
            assert_eq!(find(&format!(" {written}")), Some(expect), "{written}");
        }
        assert_eq!(find("  "), None);
    }

    #[test]
    fn names_and_folders_lose_what_is_around_them() {
        assert_eq!(names(" `Station.is_online()`, seen"), ["Station.is_online", "seen"]);
        assert_eq!(names(" ``, "), [""; 0]);
        for (written, expect) in
            [("src/", "src"), ("`./src/a/`", "src/a"), ("/", ""), (".", ""), ("", ""), ("./", "")]
        {
            assert_eq!(folder(&format!(" {written}")), expect, "{written}");
        }
    }

    #[test]
    fn of_very_many_requests_only_the_number_is_kept() {
        let mut requests = Requests::default();
        requests.extend((0..100_000).map(|n| Request::Define(n.to_string())));
        requests.extend([Request::Define("0".to_owned())]);
        assert_eq!((requests.iter().count(), requests.dropped), (MAX_KEPT, 100_000 - MAX_KEPT));
    }
}
