//! *Hits* are lines of files in which something was found, as `path:line: text`, those of the likeliest files first.

use std::fmt::Write as _;

use super::reply::Reply;
use super::search::{InFile, Search, Unsearched};
use crate::context::pack::Context;
use crate::context::role::Omission;
use crate::context::tokens;

/// Lines that are told.
const MAX_LINES: usize = 60;
/// Lines of one file, where other files have some.
const OF_ONE_FILE: usize = 12;
/// Lines of one file that are named, of those that the model has.
const NAMED_LINES: usize = 12;
/// Files that are named of those whose lines are not told.
const NAMED_FILES: usize = 15;

impl Context {
    /// What was found, in at most so many tokens; the rest is counted.
    pub(super) fn hits(&self, search: &Search, budget: u32) -> Reply {
        let text = match (search.lines(), search.files.len()) {
            (0, _) => no_hits(search),
            (1, _) => "1 hit".to_owned(),
            (lines, 1) => format!("{lines} hits in 1 file"),
            (lines, files) => format!("{lines} hits in {files} files"),
        };
        let mut reply = Reply { tokens: tokens::estimate(&text), text, ..Reply::default() };
        let each = if search.files.len() < 4 { MAX_LINES } else { OF_ONE_FILE };
        let mut rest: Vec<(&InFile, usize)> = Vec::new();
        for file in &search.files {
            let mut of_file = 0;
            let path = &self.walk.entries()[file.entry].path;
            let shown = self.read.get(path).map(|file| &file.shown);
            let mut known = Vec::new();
            for line in &file.lines {
                if shown.is_some_and(|shown| shown.has(line.number))
                    || self.told.lines.contains(&(file.entry, line.number))
                {
                    known.push(line.number);
                    continue;
                }
                let text = format!("\n{path}:{}: {}", line.number, line.text);
                let is_room = of_file < each && reply.told < MAX_LINES;
                if !(is_room && reply.add(&text, budget)) {
                    reply.is_left_out = true;
                    break;
                }
                reply.lines.push((file.entry, line.number));
                of_file += 1;
            }
            if !known.is_empty() {
                let named: Vec<String> = known.iter().take(NAMED_LINES).map(usize::to_string).collect();
                let more = if known.len() > NAMED_LINES { " and more" } else { "" };
                reply.note(&format!("\n{path}: lines {}{more}, which you have", named.join(", ")), budget);
            }
            let told = of_file + known.len();
            if file.count > told {
                rest.push((file, file.count - told));
            }
        }
        self.count_rest(&mut reply, &rest);
        reply
    }

    fn count_rest(&self, reply: &mut Reply, rest: &[(&InFile, usize)]) {
        if rest.is_empty() {
            return;
        }
        let lines: usize = rest.iter().map(|(_, count)| count).sum();
        let named = named(
            rest.iter().map(|(file, count)| format!("{} ({count})", self.walk.entries()[file.entry].path)),
        );
        write!(reply.text, "\nnot listed: {lines} more hits, in {named}").expect("a String takes any text");
        let how = if reply.is_left_out {
            "ask again for more of them, or look for less"
        } else {
            "they are too many of one file: look for less, or READ its lines"
        };
        reply.how = Some(how.to_owned());
    }

    /// What was not searched, for the model.
    pub(super) fn unsearched(&self, unsearched: &Unsearched) -> String {
        let path = |entry: &usize| self.walk.entries()[*entry].path.to_string();
        let mut parts: Vec<String> = Vec::new();
        for (omission, files) in &unsearched.named {
            // The likeliest first.
            let mut files: Vec<&usize> = files.iter().collect();
            files.sort_by_key(|entry| (self.places.of_entry(**entry), **entry));
            parts.push(format!("{omission}: {}", named(files.into_iter().map(path))));
        }
        let counted = unsearched.counted.iter().map(|(omission, count)| match omission {
            Omission::Secret => format!("secrets, by their names: {count}"),
            omission => format!("{omission}: {count}"),
        });
        parts.extend(counted);
        if unsearched.out_of_time > 0 {
            parts.push(format!("files that there was no time for: {}", unsearched.out_of_time));
        }
        format!("not searched: {}", parts.join("; "))
    }
}

fn no_hits(search: &Search) -> String {
    let why = match search {
        Search { left_out: 1.., .. } => "no hits but for the lines that define it",
        Search { has_files: false, .. } => "no hits, for no file matches that pattern",
        Search { searched: 0, .. } => "no hits, for no file that matches can be searched",
        search if !search.unsearched.is_empty() => "no hits in what was searched",
        _ => "no hits",
    };
    why.to_owned()
}

/// The first files by name, and how many more there are.
fn named(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(NAMED_FILES);
    let first: Vec<String> = names.take(NAMED_FILES).collect();
    let and_more = if more > 0 { format!(" and {more} more files") } else { String::new() };
    first.join(", ") + &and_more
}
