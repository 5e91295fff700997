//! *Hits* are lines of files in which something was found, as `path:line: text`, those of the likeliest files first.

use std::fmt::Write as _;

use super::search::{InFile, Search};
use crate::context::pack::Context;
use crate::context::tokens;

/// Lines that are told.
const MAX_LINES: usize = 60;
/// Lines of one file, where other files have some.
const OF_ONE_FILE: usize = 12;
/// Files that are named of those whose lines are not told.
const NAMED_FILES: usize = 15;

impl Context {
    /// What was found, in at most so many tokens; the rest is counted.
    pub(super) fn hits(&mut self, search: &Search, budget: u32) -> String {
        let mut text = match (search.lines(), search.files.len()) {
            (0, _) => "no hits".to_owned(),
            (1, _) => "1 hit".to_owned(),
            (lines, 1) => format!("{lines} hits in 1 file"),
            (lines, files) => format!("{lines} hits in {files} files"),
        };
        let each = if search.files.len() < 4 { MAX_LINES } else { OF_ONE_FILE };
        let (mut told, mut spent) = (0, tokens::estimate(&text));
        let mut rest: Vec<(&InFile, usize)> = Vec::new();
        for file in &search.files {
            let mut of_file = 0;
            let path = self.walk.entries()[file.entry].path.clone();
            let shown = self.read.get(&path).map(|file| file.shown.clone());
            let mut known = Vec::new();
            for line in file.lines.iter().take(each) {
                let is_known = shown.as_ref().is_some_and(|shown| shown.has(line.number))
                    || self.told.lines.contains(&(file.entry, line.number));
                if is_known {
                    known.push(line.number.to_string());
                    of_file += 1;
                    continue;
                }
                let line_text = format!("\n{path}:{}: {}", line.number, line.text);
                let cost = tokens::estimate(&line_text);
                if told == MAX_LINES || spent + cost > budget {
                    break;
                }
                text.push_str(&line_text);
                self.told.lines.insert((file.entry, line.number));
                (told, spent, of_file) = (told + 1, spent + cost, of_file + 1);
            }
            if !known.is_empty() {
                let names = format!("\n{path}: lines {}, which you have", known.join(", "));
                let cost = tokens::estimate(&names);
                if spent + cost <= budget {
                    text.push_str(&names);
                    spent += cost;
                }
            }
            if file.count > of_file {
                rest.push((file, file.count - of_file));
            }
        }
        self.count_rest(&mut text, &rest);
        text.push_str(&self.unsearched(search));
        text
    }

    /// What was not searched, on lines of their own.
    pub(super) fn unsearched(&self, search: &Search) -> String {
        let mut text = String::new();
        if search.out_of_time > 0 {
            text = format!("\nout of time: {} files were not searched", search.out_of_time);
        }
        if !search.too_large.is_empty() {
            let named = named(&search.too_large, |at| self.walk.entries()[*at].path.to_string());
            write!(text, "\nnot searched, too large: {named}").expect("a String takes any text");
        }
        text
    }

    fn count_rest(&self, text: &mut String, rest: &[(&InFile, usize)]) {
        if rest.is_empty() {
            return;
        }
        let lines: usize = rest.iter().map(|(_, count)| count).sum();
        let named =
            named(rest, |(file, count)| format!("{} ({count})", self.walk.entries()[file.entry].path));
        write!(text, "\nnot listed: {lines} more hits, in {named}").expect("a String takes any text");
    }
}

/// The first files by name, and how many more there are.
fn named<T>(files: &[T], name: impl Fn(&T) -> String) -> String {
    let named: Vec<String> = files.iter().take(NAMED_FILES).map(name).collect();
    let more = files.len().saturating_sub(NAMED_FILES);
    let and_more = if more > 0 { format!(" and {more} more files") } else { String::new() };
    named.join(", ") + &and_more
}
