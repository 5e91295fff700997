//! A *lookup* answers what the model asks to see of the repository: files and lines of them, hits of a text, where a name
//! is defined or used, the names in a folder.
//!
//! It reads the object database at the base commit and nothing else. Only what a [`Request::Read`] shows joins the read
//! set. No line is sent twice; no answer is longer than its share of the tokens; what was left out is counted, and the
//! answer says how to get it. What one request does not need of the round's tokens goes to the others.

mod definitions;
mod folder;
mod glob;
mod hits;
mod reply;
mod search;
#[cfg(test)]
mod tests;

use std::fmt::{self, Write as _};

use super::more::{Answer, Outcome, Wish};
use super::pack::Context;
use super::read_set::Shown;
use super::stats::Reader;
use super::tokens;
use crate::path::{PathError, RepoPath, is_hidden};
use crate::protocol::request::{MAX_TEXT, Pattern, Request, Requests};
use glob::Glob;
use reply::{Reply, shares};
use search::{Needle, Search, Unsearched};

/// The part of a round's tokens that hits and lists may take, and what files do not need; the rest is for files.
const SEARCH_SHARE: u32 = 3;
/// The most tokens of one answer that is no file.
const ONE_SEARCH: u32 = 2_500;
/// Lines that name what was asked for are short.
const LABEL_CHARS: usize = 120;

/// What comes of the requests of one answer.
#[derive(Debug, Default)]
pub struct Found {
    /// What was read, in the order that it was asked for.
    pub files: Vec<(RepoPath, Shown)>,
    /// The files that were asked for, as they were named.
    pub asked: Vec<String>,
    /// How many of the requests were for something else.
    pub searches: usize,
    /// Whether the model learns anything.
    pub is_new: bool,
    /// Whether something was left out, for number or for room, that comes where it asks again.
    pub is_left_out: bool,
    /// Whether it has read all that it asks for.
    pub is_had: bool,
    said: Vec<Said>,
}

impl Found {
    /// A text for each request, for the model. It quotes the repository: material. How to get what was left out is only
    /// said to who can ask again.
    pub fn answers(&self, is_last: bool) -> Vec<String> {
        let text = |said: &Said| match &said.how {
            Some(how) if !is_last => format!("{}; {how}", said.text),
            _ => said.text.clone(),
        };
        self.said.iter().map(text).collect()
    }

    fn say(&mut self, text: String, how: Option<String>) {
        self.said.push(Said { text, how });
    }
}

/// The answer to one request.
#[derive(Debug, Default)]
struct Said {
    text: String,
    how: Option<String>,
}

/// Why nothing is searched for. The text is for the model.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Refused {
    TooLong,
    NoName,
    MatchesAll,
    NoPattern(String),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "not searched: it has more than {MAX_TEXT} characters"),
            Self::NoName => f.write_str("not searched: that is not a name; use FIND for any other text"),
            Self::MatchesAll => {
                f.write_str("not searched: the expression matches an empty text, so every line")
            }
            Self::NoPattern(why) => write!(f, "not searched: {why}"),
        }
    }
}

/// A search that is to be made, and for which request.
struct Wanted {
    request: usize,
    needle: Needle,
}

/// What the answer to a request that is for no file is made of.
enum Material {
    Hits {
        search: Search,
        /// What is to be said behind the hits.
        note: String,
    },
    Definitions(Vec<String>),
    Folder,
    Nothing(String),
}

/// A file that is to be read, for which request.
struct Reading {
    request: usize,
    path: RepoPath,
    wish: Wish,
    /// The tokens of all of it that is not shown yet.
    need: u32,
}

impl Context {
    /// Answers requests, in order, for at most `budget` tokens together: at most so many that are new, and as many again
    /// that were answered before.
    pub fn look_up(
        &mut self,
        repo: &gix::ThreadSafeRepository,
        requests: &Requests,
        most: usize,
        budget: u32,
    ) -> Found {
        let mut found = Found::default();
        let (chosen, repeated, dropped) = self.chosen(requests, most);
        let mut said: Vec<Said> = chosen.iter().map(|_| Said::default()).collect();
        let mut had = 0;
        let reader = Reader::new(repo.to_thread_local());
        let mut readings = Vec::new();
        for (at, request) in chosen.iter().enumerate() {
            let Request::Read { path, lines } = request else { continue };
            found.asked.push(label(path));
            match self.wish_of(&reader, path, *lines) {
                Ok((path, wish)) => {
                    let need = self.need(&wish);
                    readings.push(Reading { request: at, path, wish, need });
                }
                Err(text) => {
                    found.is_new |= self.told.requests.insert((*request).clone());
                    said[at].text = text;
                }
            }
        }
        found.searches = chosen.len() - found.asked.len();
        let files: u32 = readings.iter().map(|read| read.need).fold(0, u32::saturating_add);
        let pool = (budget / SEARCH_SHARE).max(budget.saturating_sub(files));
        let unsearched = self.search_all(repo, &chosen, pool, &mut said, &mut found);
        let notes = self.notes(&unsearched, repeated, dropped, most);
        let told = said.iter().chain(&notes).map(|said| tokens::estimate(&said.text));
        let left = budget.saturating_sub(told.fold(0, u32::saturating_add));
        for (at, answer) in self.read_all_of(readings, left, budget) {
            said[at] = Said { text: answer.to_string(), how: answer.how() };
            match answer.outcome {
                Outcome::Added { shown, .. } => {
                    found.is_new = true;
                    found.files.push((answer.path, shown));
                }
                Outcome::AlreadyRead(_) => had += 1,
                // That it does not fit is news once.
                Outcome::OverBudget { is_beside, .. } => {
                    found.is_new |= self.told.begun.insert(chosen[at].clone(), 0).is_none();
                    found.is_left_out |= is_beside;
                }
                _ => {}
            }
        }
        found.is_left_out |= dropped > 0;
        found.is_had = had == chosen.len() && had > 0 && dropped == 0 && repeated == 0;
        found.said = said;
        for Said { text, how } in notes {
            found.say(text, how);
        }
        found
    }

    /// The requests that are answered, and how many are not, of those that were answered before and of the others.
    fn chosen<'r>(&self, requests: &'r Requests, most: usize) -> (Vec<&'r Request>, usize, usize) {
        let (mut repeated, mut new) = (0, 0);
        let chosen = requests.iter().filter(|request| {
            let count = if self.is_known(request) { &mut repeated } else { &mut new };
            *count += 1;
            *count <= most
        });
        let chosen = chosen.collect();
        (chosen, repeated.saturating_sub(most), new.saturating_sub(most) + requests.dropped)
    }

    /// Whether a request was answered before, so that it takes nobody's place.
    fn is_known(&self, request: &Request) -> bool {
        self.told.requests.contains(request)
            || matches!(request, Request::Read { path, lines }
                if self.located(path).is_ok_and(|path| self.has_read(&path, *lines)))
    }

    /// What is told once an answer.
    fn notes(&self, unsearched: &Unsearched, repeated: usize, dropped: usize, most: usize) -> Vec<Said> {
        let mut notes = Vec::new();
        if !unsearched.is_empty() {
            let how = (unsearched.out_of_time > 0)
                .then(|| "look in fewer files, with ` in ` and a pattern of their paths".to_owned());
            notes.push(Said { text: self.unsearched(unsearched), how });
        }
        if repeated > 0 {
            let text = format!("{repeated} more requests of that answer were answered before");
            notes.push(Said { text, how: None });
        }
        if dropped > 0 {
            let text = format!(
                "{dropped} more requests of that answer were not looked at: at most {most} are, each time"
            );
            notes.push(Said { text, how: Some("ask for them again".to_owned()) });
        }
        notes
    }

    /// Answers all requests that are for no file, for at most `pool` tokens together; returns what was not searched.
    fn search_all(
        &mut self,
        repo: &gix::ThreadSafeRepository,
        requests: &[&Request],
        pool: u32,
        said: &mut [Said],
        found: &mut Found,
    ) -> Unsearched {
        let mut wanted = Vec::new();
        let mut materials: Vec<(usize, Material)> = Vec::new();
        for (at, request) in requests.iter().enumerate() {
            if matches!(request, Request::Read { .. }) {
                continue;
            }
            if self.told.requests.contains(*request) {
                let text = "you asked for that before; the answer is above".to_owned();
                materials.push((at, Material::Nothing(text)));
                continue;
            }
            match needle(request) {
                Some(Ok(needle)) => wanted.push(Wanted { request: at, needle }),
                Some(Err(why)) => materials.push((at, Material::Nothing(why.to_string()))),
                None => materials.push((at, Material::Folder)),
            }
        }
        let (searched, unsearched) = self.searched(repo, requests, &wanted);
        materials.extend(searched);
        materials.sort_by_key(|(at, _)| *at);
        let needs: Vec<u32> = materials
            .iter()
            .map(|(at, material)| self.reply(requests[*at], material, ONE_SEARCH).tokens)
            .collect();
        for ((at, material), share) in materials.iter().zip(shares(&needs, pool)) {
            let request = requests[*at];
            // An earlier answer may have told some of its lines.
            let reply = self.reply(request, material, share);
            said[*at] =
                Said { text: format!("{}: {}", label(&request.to_string()), reply.text), how: reply.how };
            let is_first = !self.told.begun.contains_key(request) && !self.told.requests.contains(request);
            found.is_new |= is_first || reply.told > 0;
            found.is_left_out |= reply.is_left_out;
            self.told.lines.extend(reply.lines);
            if reply.is_left_out {
                *self.told.begun.entry(request.clone()).or_default() += reply.told;
            } else {
                self.told.requests.insert(request.clone());
            }
        }
        unsearched
    }

    /// Searches for all that is wanted, and for what else may have been meant where nothing is found.
    fn searched(
        &self,
        repo: &gix::ThreadSafeRepository,
        requests: &[&Request],
        wanted: &[Wanted],
    ) -> (Vec<(usize, Material)>, Unsearched) {
        let mut unsearched = Unsearched::default();
        let needles: Vec<&Needle> = wanted.iter().map(|wanted| &wanted.needle).collect();
        let mut searches = search::search(repo, self, &needles);
        let mut guesses: Vec<(usize, &str, Request, Needle)> = Vec::new();
        for (Wanted { request, .. }, search) in wanted.iter().zip(&mut searches) {
            unsearched.join(&search.unsearched);
            if search.lines() == 0 && search.searched > 0 {
                let others = other_readings(requests[*request]);
                guesses.extend(others.into_iter().map(|(how, other, needle)| (*request, how, other, needle)));
            }
            if let Request::Uses(name) = requests[*request] {
                let name = last_part(name);
                search.leave_out(|line| definitions::defines(line, name));
            }
        }
        let needles: Vec<&Needle> = guesses.iter().map(|(.., needle)| needle).collect();
        let tried = search::search(repo, self, &needles);
        let mut notes: Vec<String> = vec![String::new(); requests.len()];
        for ((request, how, other, _), search) in guesses.iter().zip(tried) {
            let hits = match search.lines() {
                0 => continue,
                1 => "1 hit".to_owned(),
                lines => format!("{lines} hits"),
            };
            write!(notes[*request], "\n{how}: `{other}` has {hits}").expect("a String takes any text");
        }
        let materials = wanted.iter().zip(searches).map(|(Wanted { request, needle }, search)| {
            let mut note = std::mem::take(&mut notes[*request]);
            if needle.is_ascii {
                note.push_str("\nthe expression is large: `\\w`, `\\d` and `\\s` are those of ASCII in it");
            }
            let material = match requests[*request] {
                Request::Define(name) => match self.definitions(repo, name, &search) {
                    Ok(lines) => Material::Definitions(lines),
                    Err(text) => Material::Nothing(text + &note),
                },
                _ => Material::Hits { search, note },
            };
            (*request, material)
        });
        (materials.collect(), unsearched)
    }

    /// What is told of it, in at most so many tokens.
    fn reply(&self, request: &Request, material: &Material, budget: u32) -> Reply {
        let skip = self.told.begun.get(request).copied().unwrap_or_default();
        match (material, request) {
            (Material::Hits { search, note }, _) => {
                let mut reply = self.hits(search, budget);
                reply.text.push_str(note);
                reply
            }
            (Material::Definitions(lines), _) => {
                Reply::list(lines, skip, definitions::MAX_DEFINITIONS, "definitions", budget)
            }
            (Material::Folder, Request::List(folder)) => self.folder(folder, skip, budget),
            (Material::Folder, _) => Reply::default(),
            (Material::Nothing(text), _) => Reply::of(text.clone()),
        }
    }

    /// Reads files for at most `left` tokens: those that need no more than their share, then all of others and parts of
    /// others, in the order that they were asked for.
    fn read_all_of(&mut self, readings: Vec<Reading>, mut left: u32, budget: u32) -> Vec<(usize, Answer)> {
        let needs: Vec<u32> = readings.iter().map(|read| read.need).collect();
        let shares = shares(&needs, left);
        let mut outcomes: Vec<Option<Outcome>> = readings.iter().map(|_| None).collect();
        for is_share_enough in [true, false] {
            for (at, read) in readings.iter().enumerate() {
                if (shares[at] == needs[at]) == is_share_enough {
                    outcomes[at] = self.read_all(&read.wish, &mut left);
                }
            }
        }
        let answers =
            readings.into_iter().zip(outcomes).map(|(Reading { request, path, wish, .. }, outcome)| {
                let outcome = outcome.unwrap_or_else(|| self.read_part(&wish, &mut left, budget));
                (request, Answer { path, outcome })
            });
        answers.collect()
    }

    /// The file that is asked for, or what is said in place of it.
    fn wish_of(
        &self,
        reader: &Reader,
        name: &str,
        lines: Option<(usize, usize)>,
    ) -> Result<(RepoPath, Wish), String> {
        if plain_path(name).is_some_and(|path| path.is_empty()) {
            return Err("`/`: is the top folder; ask for what is in it as `LIST: /`".to_owned());
        }
        let path =
            self.located(name).map_err(|error| format!("{:?} cannot be read: {error}", label(name)))?;
        match self.wish(reader, &path, lines) {
            Ok(wish) => Ok((path, wish)),
            Err(outcome) => Err(Answer { path, outcome }.to_string()),
        }
    }

    /// The path that is meant: as it is written if the tree has it, else without what other systems put into one.
    fn located(&self, name: &str) -> Result<RepoPath, PathError> {
        let written = RepoPath::parse(name);
        match plain_path(name) {
            Some(plain) if !written.as_ref().is_ok_and(|path| self.walk.exists(path)) => {
                RepoPath::parse(&plain)
            }
            _ => written,
        }
    }
}

/// A path with `/` for `\`, and without the parts that lead nowhere: `/src\a.rs` as `src/a.rs`. `None` for one that leaves
/// the repository.
fn plain_path(name: &str) -> Option<String> {
    let mut parts = Vec::new();
    for part in name.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// What else may be meant by a search that finds nothing: in words, as a request, and what it looks for.
fn other_readings(request: &Request) -> Vec<(&'static str, Request, Needle)> {
    let mut others: Vec<(&str, Pattern)> = Vec::new();
    let within = match request {
        Request::Find { what, within } => {
            match what {
                Pattern::Text(text) => {
                    if text.contains(['|', '\\', '*', '+', '[', '^', '$']) {
                        let regex = Pattern::Regex { text: text.clone(), ignores_case: false };
                        others.push(("as a regular expression", regex));
                    }
                    others.push(("where only letter case differs", any_case(&regex::escape(text))));
                }
                Pattern::Regex { ignores_case: true, .. } => {}
                Pattern::Regex { text, .. } => {
                    others.push(("where only letter case differs", any_case(text)));
                }
            }
            within.clone()
        }
        Request::Define(name) | Request::Uses(name) => {
            let name = last_part(name);
            let end = |c: Option<char>| if c.is_some_and(is_of_name) { r"\b" } else { "" };
            let (first, last) = (end(name.chars().next()), end(name.chars().next_back()));
            let name = regex::escape(name);
            others.push(("where only letter case differs", any_case(&format!("{first}{name}{last}"))));
            None
        }
        Request::Read { .. } | Request::List(_) => None,
    };
    let others = others.into_iter().filter_map(|(how, what)| {
        let request = Request::Find { what, within: within.clone() };
        let needle = needle(&request)?.ok()?;
        Some((how, request, needle))
    });
    others.collect()
}

fn any_case(pattern: &str) -> Pattern {
    Pattern::Regex { text: pattern.to_owned(), ignores_case: true }
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// What is searched for, or why it is not; `None` where nothing is.
fn needle(request: &Request) -> Option<Result<Needle, Refused>> {
    Some(match request {
        Request::Find { what, within } => {
            let glob = within.as_deref().map(Glob::parse);
            match what {
                Pattern::Text(text) | Pattern::Regex { text, .. } if text.chars().count() > MAX_TEXT => {
                    Err(Refused::TooLong)
                }
                Pattern::Text(text) => Ok(Needle::text(text, glob)),
                Pattern::Regex { text, ignores_case } => Needle::regex(text, *ignores_case, glob),
            }
        }
        Request::Define(name) | Request::Uses(name) => {
            let name = last_part(name);
            if name.chars().count() > MAX_TEXT {
                Err(Refused::TooLong)
            } else if name.is_empty() || name.chars().any(char::is_whitespace) {
                Err(Refused::NoName)
            } else {
                Ok(Needle::word(name))
            }
        }
        Request::Read { .. } | Request::List(_) => return None,
    })
}

/// The name itself, without the names of what it is in: `b` of `a.b`, `a::b`, `a#b` and `a->b`.
fn last_part(name: &str) -> &str {
    let name = name.strip_suffix("()").unwrap_or(name);
    name.rsplit(['.', ':', '#', '>', '/', '\\']).next().unwrap_or(name)
}

/// The name of what the name is in.
fn qualifier(name: &str) -> Option<&str> {
    let name = name.strip_suffix("()").unwrap_or(name);
    let front = name.strip_suffix(last_part(name))?;
    let front = front.trim_end_matches(['.', ':', '#', '-', '>', '/', '\\']);
    Some(last_part(front)).filter(|front| !front.is_empty())
}

fn label(text: &str) -> String {
    let mut label: String = text.chars().take(LABEL_CHARS).filter(|c| !is_hidden(*c)).collect();
    if text.chars().count() > LABEL_CHARS {
        label.push('…');
    }
    label
}
