//! Lines that the model wrote, as the file would have them: indentation, typographic characters, trailing space.
//!
//! What the model did to the lines that it copied tells what it did to those that it wrote.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::form::{Form, fold, fold_char, indentation, is_blank};
use super::hunk::{Hunk, copies};
use super::listing::borrowed;
use super::text::Text;

/// Widths that one tab may have been shown or written as.
const TAB_WIDTHS: [usize; 4] = [4, 2, 8, 3];

/// Turns lines of a REPLACE into lines of the file.
pub(super) struct Adapter<'a> {
    replace: &'a [&'a str],
    search: &'a [&'a str],
    /// Pairs of indentations by line of SEARCH: the model's and the file's.
    by_line: BTreeMap<usize, &'a str>,
    shift: Shift,
    /// Characters that the model has where the file has plain ones.
    foreign: BTreeSet<char>,
    trailing: Trailing,
}

/// How the model's indentation becomes the file's.
enum Shift {
    Same,
    /// The model left out this much.
    Add(String),
    /// The model put this much in front.
    Strip(String),
    /// A tab of the model's is this many spaces of the file's.
    TabsToSpaces(usize),
    /// So many spaces of the model's are a tab of the file's.
    SpacesToTabs(usize),
    /// Indentations that were seen, and no rule for others.
    Known(BTreeMap<String, String>),
    Unknown,
}

/// Whose indentation REPLACE has.
#[derive(Clone, Copy)]
enum Side {
    Search,
    File,
    Unclear,
}

/// What becomes of white space at the end of new lines.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trailing {
    Keep,
    Cut,
}

impl<'a> Adapter<'a> {
    /// `pairs` are the lines of SEARCH by number and the lines of the file that they are the same as.
    pub(super) fn new(
        text: &'a Text<'_>,
        search: &'a [&'a str],
        replace: &'a [&'a str],
        pairs: &[(usize, usize)],
        form: Form,
    ) -> Self {
        let surplus = |(at, line): &(usize, usize)| {
            let theirs = fold(tail(search[*at]));
            !theirs.is_empty() && theirs != tail(text.lines()[*line])
        };
        let cut = form != Form::Exact && pairs.iter().any(surplus);
        let trailing = if cut { Trailing::Cut } else { Trailing::Keep };
        let pairs = full(text, search, pairs);
        let foreign = if matches!(form, Form::Exact | Form::TrimmedEnd) {
            BTreeSet::new()
        } else {
            foreign(&pairs, search, replace, text)
        };
        let by_line = pairs.iter().map(|(at, _, ours)| (*at, indentation(ours))).collect();
        let indents: Vec<(String, &str)> =
            pairs.iter().map(|(_, theirs, ours)| (indent(theirs), indentation(ours))).collect();
        let shift = match Shift::of(&indents) {
            Shift::Same => Shift::by_style(text, search, replace),
            shift => match indented_as(&pairs, search, replace) {
                Side::Search => shift,
                Side::File => Shift::Same,
                Side::Unclear => Shift::Unknown,
            },
        };
        Self { replace, search, by_line, shift, foreign, trailing }
    }

    /// The line of REPLACE with the given number, which is part of `hunk`; `None` if its indentation is unknown.
    pub(super) fn line(&self, at: usize, hunk: &Hunk) -> Option<String> {
        let mut line = self.replace[at].to_owned();
        if !self.foreign.is_empty() {
            line = line
                .chars()
                .map(|c| match fold_char(c) {
                    Some(plain) if self.foreign.contains(&c) => plain,
                    _ => c.to_string(),
                })
                .collect();
        }
        if self.trailing == Trailing::Cut {
            line.truncate(if is_blank(&line) { self.padding(at, &line) } else { line.trim_end().len() });
        }
        if is_blank(&line) {
            // Tools that shift text leave blank lines alone; what they put in front is not on these.
            return match &self.shift {
                Shift::Strip(_) => Some(line),
                _ if line.is_empty() => Some(line),
                shift => Some(shift.apply(&line).unwrap_or_default()),
            };
        }
        let own = indentation(&line);
        let rest = &line[own.len()..];
        if matches!(self.shift, Shift::Same) {
            return Some(line);
        }
        let opposite = hunk.old.start + (at - hunk.new.start);
        let indent = self.shift.apply(&fold(own)).or_else(|| {
            // Lines replaced one for one are indented as the lines that they replace.
            let same = hunk.old.len() == hunk.new.len() && indentation(self.search[opposite]) == own;
            same.then(|| self.by_line.get(&opposite).map(|ours| (*ours).to_owned())).flatten()
        })?;
        Some(indent + rest)
    }
}

impl Adapter<'_> {
    /// How much of a blank line of REPLACE is the indentation of the line that follows, as some editors have it.
    ///
    /// Less than four spaces may as well be what the model puts behind every line.
    fn padding(&self, at: usize, blank: &str) -> usize {
        let next = self.replace[at..].iter().find(|line| !is_blank(line)).map(|line| indentation(line));
        next.filter(|next| next.len() >= 4 && !next.contains('\t') && blank.starts_with(*next))
            .map_or(0, str::len)
    }
}

impl Shift {
    fn of(pairs: &[(String, &str)]) -> Self {
        if pairs.iter().all(|(theirs, ours)| theirs == ours) {
            return Self::Same;
        }
        let common = |difference: fn(&str, &str) -> Option<String>| -> Option<String> {
            let mut all = pairs.iter().map(|(theirs, ours)| difference(theirs, ours));
            let first = all.next()??;
            all.all(|other| other.as_ref() == Some(&first)).then_some(first)
        };
        if let Some(left_out) = common(|theirs, ours| ours.strip_suffix(theirs).map(str::to_owned)) {
            return Self::Add(left_out);
        }
        if let Some(too_much) = common(|theirs, ours| theirs.strip_suffix(ours).map(str::to_owned)) {
            return Self::Strip(too_much);
        }
        let spaces = |indent: &str| indent.bytes().all(|byte| byte == b' ');
        if pairs.iter().all(|(_, ours)| spaces(ours)) {
            let fitting = |width| pairs.iter().all(|(theirs, ours)| self::width(theirs, width) == ours.len());
            if let Some(width) = TAB_WIDTHS.into_iter().find(|width| fitting(*width)) {
                return Self::TabsToSpaces(width);
            }
        }
        if pairs.iter().all(|(theirs, _)| spaces(theirs)) {
            let fitting = |width| pairs.iter().all(|(theirs, ours)| theirs.len() == self::width(ours, width));
            if let Some(width) = TAB_WIDTHS.into_iter().find(|width| fitting(*width)) {
                return Self::SpacesToTabs(width);
            }
        }
        let mut known = BTreeMap::new();
        for (theirs, ours) in pairs {
            if known.insert(theirs.clone(), (*ours).to_owned()).is_some_and(|before| before != *ours) {
                return Self::Unknown;
            }
        }
        Self::Known(known)
    }

    /// What a file says that has one kind of indentation only, where all of SEARCH stands at the left edge.
    fn by_style(text: &Text<'_>, search: &[&str], replace: &[&str]) -> Self {
        if search.iter().any(|line| !indentation(line).is_empty() && !is_blank(line)) {
            return Self::Same;
        }
        let starts = |sign: &'static str| {
            let lines = text.lines().iter().filter(|line| !is_blank(line));
            lines.filter(move |line| line.starts_with(sign)).map(|line| indentation(line))
        };
        let (tabs, spaces) = (starts("\t").count(), starts("  ").count());
        let indents = || replace.iter().filter(|line| !is_blank(line)).map(|line| indent(line));
        if tabs == 0 && spaces > 1 && indents().any(|indent| indent.contains('\t')) {
            let smallest = starts("  ").map(str::len).min().unwrap_or_default();
            return if TAB_WIDTHS.contains(&smallest) { Self::TabsToSpaces(smallest) } else { Self::Same };
        }
        if spaces == 0 && tabs > 1 {
            let smallest = indents().filter(|indent| !indent.is_empty()).map(|indent| indent.len()).min();
            if let Some(smallest) = smallest.filter(|smallest| TAB_WIDTHS.contains(smallest))
                && indents().all(|indent| indent.bytes().all(|byte| byte == b' '))
            {
                return Self::SpacesToTabs(smallest);
            }
        }
        Self::Same
    }

    fn apply(&self, indent: &str) -> Option<String> {
        match self {
            Self::Same => Some(indent.to_owned()),
            Self::Add(left_out) => Some(format!("{left_out}{indent}")),
            Self::Strip(too_much) => indent.strip_prefix(too_much.as_str()).map(str::to_owned),
            Self::TabsToSpaces(width) => Some(" ".repeat(self::width(indent, *width))),
            Self::SpacesToTabs(width) => {
                let columns = self::width(indent, *width);
                Some("\t".repeat(columns / width) + &" ".repeat(columns % width))
            }
            Self::Known(known) => known.get(indent).cloned(),
            Self::Unknown => None,
        }
    }
}

/// Whether SEARCH has an indentation of its own, but REPLACE that of the file.
pub(super) fn is_indented_as_file(
    text: &Text<'_>,
    search: &[&str],
    replace: &[&str],
    pairs: &[(usize, usize)],
) -> bool {
    let pairs = full(text, search, pairs);
    pairs.iter().any(|(_, theirs, ours)| indent(theirs) != indentation(ours))
        && matches!(indented_as(&pairs, search, replace), Side::File)
}

/// The pairs of lines that are not blank, with their texts.
fn full<'a>(
    text: &'a Text<'_>,
    search: &[&'a str],
    pairs: &[(usize, usize)],
) -> Vec<(usize, &'a str, &'a str)> {
    let pairs = pairs.iter().filter(|(at, _)| !is_blank(search[*at]));
    pairs.map(|(at, line)| (*at, search[*at], text.lines()[*line])).collect()
}

/// Whether REPLACE is indented as SEARCH is, or already as the file is.
fn indented_as(pairs: &[(usize, &str, &str)], search: &[&str], replace: &[&str]) -> Side {
    let ours: BTreeMap<usize, &str> = pairs.iter().map(|(at, _, ours)| (*at, indentation(ours))).collect();
    let bare = |lines: &[&str]| -> Vec<String> { lines.iter().map(|line| line.trim().to_owned()).collect() };
    let (bare_search, bare_replace) = (bare(search), bare(replace));
    let (mut as_file, mut as_search) = (0, 0);
    let mut sides = Vec::new();
    for (at, opposite) in copies(&borrowed(&bare_search), &borrowed(&bare_replace)) {
        let (theirs, new) = (indentation(search[at]), indentation(replace[opposite]));
        if let Some(ours) = ours.get(&at).filter(|ours| **ours != theirs) {
            as_file += usize::from(new == *ours);
            as_search += usize::from(new == theirs);
            sides.extend((new == *ours || new == theirs).then_some(new == theirs));
        }
    }
    let least = |lines: &mut dyn Iterator<Item = &str>| {
        lines.filter(|line| !is_blank(line)).map(|line| indentation(line).len()).min()
    };
    let in_file = least(&mut pairs.iter().map(|(_, _, ours)| *ours));
    let in_search = least(&mut search.iter().copied());
    let in_replace = least(&mut replace.iter().copied());
    // The first and the last copied line are the least likely to have been moved.
    let ends_say_search = sides.first().zip(sides.last()).map(|(first, last)| (*first, *last));
    match (as_file, as_search) {
        // Nothing was copied: REPLACE has the indentation that it is nearer to.
        (0, 0) => {
            let distance = |side: Option<usize>| in_replace.zip(side).map(|(new, side)| new.abs_diff(side));
            match distance(in_search).cmp(&distance(in_file)) {
                Ordering::Less => Side::Search,
                Ordering::Greater => Side::File,
                Ordering::Equal if in_search == in_file => Side::Search,
                Ordering::Equal => Side::Unclear,
            }
        }
        (as_file, as_search) if as_search > 2 * as_file && ends_say_search == Some((true, true)) => {
            Side::Search
        }
        (as_file, as_search)
            if as_file > 2 * as_search
                && in_replace >= in_file
                && ends_say_search == Some((false, false)) =>
        {
            Side::File
        }
        // Lines that were put into a new block, and so happen to be indented as in the file.
        (_, 0) if in_replace == in_search => Side::Search,
        _ => Side::Unclear,
    }
}

/// Characters of SEARCH that fold to what the file has in their place, and their like in REPLACE.
fn foreign(
    pairs: &[(usize, &str, &str)],
    search: &[&str],
    replace: &[&str],
    text: &Text<'_>,
) -> BTreeSet<char> {
    let mut foreign = BTreeSet::new();
    for (_, theirs, ours) in pairs.iter().filter(|(_, theirs, _)| !theirs.is_ascii()) {
        foreign.extend(theirs.chars().filter(|c| fold_char(*c).is_some() && !ours.contains(*c)));
    }
    if foreign.is_empty() && search.iter().all(|line| line.is_ascii()) {
        return foreign;
    }
    if !foreign.is_empty() {
        let written = replace.iter().filter(|line| !line.is_ascii()).flat_map(|line| line.chars());
        let unknown: BTreeSet<char> =
            written.filter(|c| !c.is_ascii() && fold_char(*c).is_some() && !foreign.contains(c)).collect();
        foreign.extend(unknown.into_iter().filter(|c| !text.lines().iter().any(|line| line.contains(*c))));
    }
    foreign
}

fn indent(line: &str) -> String {
    fold(indentation(line)).into_owned()
}

fn tail(line: &str) -> &str {
    &line[line.trim_end().len()..]
}

/// Columns of an indentation whose tabs are so wide.
fn width(indent: &str, tab: usize) -> usize {
    indent.chars().fold(0, |columns, c| if c == '\t' { columns + tab } else { columns + 1 })
}
