//! The *threads* that wait for an answer: those in which a person with write access had the last word, as it was when the
//! follow-up was asked for. What others write there is passed over: it neither asks for anything nor hides what does.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use shared::command::Command;

use super::request::{self, Request};
use crate::context::tokens;
use crate::forge::model::{Discussion, ReviewThread, ThreadComment, ThreadPlace, ThreadState};
use crate::record::status::{Reply, ReplyKind};
use crate::run::desk::Desk;
use crate::run::ended::Stop;

/// Threads of one follow-up.
const MAX_THREADS: usize = 20;
/// Tokens of all of them.
const MAX_TOKENS: u32 = 8_000;
/// Authors whose permission is asked for, beside who asked; each is a call.
pub(super) const MAX_AUTHORS: usize = 10;
/// Characters of one comment.
const MAX_COMMENT: usize = 4_000;
/// Lines of a hunk, those nearest to the place.
const MAX_HUNK: usize = 20;
/// Characters of a line of it.
const MAX_LINE: usize = 300;
/// GitHub's clock has whole seconds.
const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// A thread that waits.
pub(super) struct Waiting {
    pub(super) handle: String,
    pub(super) first: u64,
    /// Its last word that counts, and when that was edited.
    last: (u64, Option<Timestamp>),
    /// All that stood there, whoever said it.
    seen: Vec<u64>,
    /// For the model.
    text: String,
}

/// What is answered, and what is not.
pub(super) struct Chosen {
    /// Whose line is there.
    pub(super) open: Vec<Waiting>,
    /// Whose line is gone: they are asked about.
    pub(super) gone: Vec<Waiting>,
    /// How many there was no room for.
    pub(super) left_out: usize,
    /// How many have changed since the request.
    pub(super) changed: usize,
    /// The logins of whom nobody knows whether they may ask, because too many write in threads.
    pub(super) unheard: BTreeSet<String>,
}

/// What the model is shown of it.
pub(super) struct Said {
    pub(super) text: String,
    /// How many comments there are.
    pub(super) count: usize,
    /// Whether the first one is about the change as a whole.
    has_general: bool,
}

impl Said {
    /// The thread with a number; `None` for what is about the change as a whole.
    pub(super) fn thread_of<'c>(&self, number: usize, chosen: &'c Chosen) -> Option<&'c Waiting> {
        let before = 1 + usize::from(self.has_general);
        chosen.open.get(number.checked_sub(before)?)
    }
}

impl Chosen {
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.gone.is_empty()
    }

    /// Whether each of them still waits, says what it said, and nobody with write access has said more.
    pub(super) async fn still_holds(&self, desk: &Desk<'_>, now: &Discussion) -> Result<bool, Stop> {
        let mut voices = Voices::default();
        for waiting in &self.open {
            let Some(thread) = now.threads.iter().find(|thread| thread.handle == waiting.handle) else {
                return Ok(false);
            };
            let (id, edited_at) = waiting.last;
            let is_there = thread.comments.iter().any(|said| said.id == id && said.edited_at == edited_at);
            if thread.state != ThreadState::Open || !is_there {
                return Ok(false);
            }
            for said in &thread.comments {
                let is_new = !waiting.seen.contains(&said.id);
                if is_new && voices.of(desk, said).await? == Voice::Insider {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

/// Who said something, as far as a follow-up cares.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Voice {
    /// Somebody with write access.
    Insider,
    Ours,
    /// Anybody else.
    Other,
}

/// Which of two times a comment belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Age {
    Before,
    /// Written or edited after the request.
    After,
}

/// Reads which threads wait.
pub(super) async fn choose(desk: &Desk<'_>, talk: &Discussion, request: &Request) -> Result<Chosen, Stop> {
    let mut voices = Voices::default();
    let mut chosen =
        Chosen { open: Vec::new(), gone: Vec::new(), left_out: 0, changed: 0, unheard: BTreeSet::new() };
    let mut threads: Vec<&ReviewThread> =
        talk.threads.iter().filter(|thread| thread.state == ThreadState::Open).collect();
    let is_of_request = |thread: &&ReviewThread| {
        request.review.is_some() && thread.comments.iter().any(|said| said.review == request.review)
    };
    // What was asked for comes first.
    threads.sort_by_key(|thread| !is_of_request(thread));
    // Of what is answered and has not changed nobody's permission is asked for.
    threads.retain(|thread| {
        let is_late = |said: &ThreadComment| age(said, request.until) == Age::After;
        !thread.comments.last().is_some_and(|last| is_ours(desk, last)) || thread.comments.iter().any(is_late)
    });
    let mut room = MAX_TOKENS.saturating_sub(tokens::estimate(&request.text));
    for thread in threads {
        let mut said = Vec::new();
        for comment in &thread.comments {
            let voice = voices.of(desk, comment).await?;
            if voice != Voice::Other {
                said.push((comment, voice, age(comment, request.until)));
            }
        }
        if said.iter().any(|(_, voice, age)| (*voice, *age) == (Voice::Insider, Age::After)) {
            chosen.changed += 1;
            continue;
        }
        let Some((last, Voice::Insider, _)) = said.last() else { continue };
        let said: Vec<_> = said.iter().map(|(comment, voice, _)| (*comment, *voice)).collect();
        let waiting = Waiting {
            handle: thread.handle.clone(),
            first: thread.first,
            last: (last.id, last.edited_at),
            seen: thread.comments.iter().map(|comment| comment.id).collect(),
            text: shown(thread, &said),
        };
        let tokens = tokens::estimate(&waiting.text);
        if chosen.open.len() + chosen.gone.len() >= MAX_THREADS || tokens > room {
            chosen.left_out += 1;
        } else if thread.place == ThreadPlace::Gone {
            chosen.gone.push(waiting);
        } else {
            room -= tokens;
            chosen.open.push(waiting);
        }
    }
    chosen.unheard = voices.unheard;
    Ok(chosen)
}

/// Whether a run wrote it. Whoever runs the agent with a token of their own writes under the same account.
fn is_ours(desk: &Desk<'_>, comment: &ThreadComment) -> bool {
    desk.forge.identity().is(comment.by.as_ref()) && crate::marker::is_in(comment.body.for_machine())
}

/// Who may ask, as far as that was asked for.
#[derive(Default)]
struct Voices {
    known: HashMap<String, bool>,
    unheard: BTreeSet<String>,
}

impl Voices {
    async fn of(&mut self, desk: &Desk<'_>, comment: &ThreadComment) -> Result<Voice, Stop> {
        let Some(user) = &comment.by else { return Ok(Voice::Other) };
        if is_ours(desk, comment) {
            return Ok(Voice::Ours);
        }
        if !request::is_person(user) {
            return Ok(Voice::Other);
        }
        let may = match self.known.get(&user.login) {
            Some(may) => *may,
            // Asking for it is no call.
            None if desk.task.trigger_user.is(&user.login) => true,
            None if self.known.len() >= MAX_AUTHORS => {
                self.unheard.insert(user.login.clone());
                false
            }
            None => {
                let may = request::may_ask(desk, &user.login).await?;
                self.known.insert(user.login.clone(), may);
                may
            }
        };
        Ok(if may { Voice::Insider } else { Voice::Other })
    }
}

fn age(comment: &ThreadComment, until: Option<Timestamp>) -> Age {
    let newest = comment.edited_at.map_or(comment.created_at, |edited| edited.max(comment.created_at));
    let until = until.and_then(|until| until.checked_add(SECOND).ok());
    if until.is_none_or(|until| newest <= until) { Age::Before } else { Age::After }
}

/// A thread for the model: place, lines, and who said what.
fn shown(thread: &ReviewThread, said: &[(&ThreadComment, Voice)]) -> String {
    let mut text = match thread.place {
        ThreadPlace::Line(line) => format!("{}, line {line}:\n", thread.path),
        ThreadPlace::File | ThreadPlace::Gone => format!("{}:\n", thread.path),
    };
    let lines: Vec<&str> = thread.hunk.lines().collect();
    for line in &lines[lines.len().saturating_sub(MAX_HUNK)..] {
        let line: String = line.chars().take(MAX_LINE).collect();
        writeln!(text, "    {line}").expect("a String takes any text");
    }
    for (comment, voice) in said {
        let body = match Command::parse(comment.body.for_machine()) {
            Some(_) => request::feedback(&comment.body),
            None => comment.body.clone().clean(MAX_COMMENT).as_str().trim().to_owned(),
        };
        let who = match (voice, &comment.by) {
            (Voice::Ours, _) => "You".to_owned(),
            (_, Some(user)) => format!("@{}", user.login),
            (_, None) => continue,
        };
        let body: String = if body.is_empty() { "(asks for this)".to_owned() } else { body };
        let body: String = body.chars().take(MAX_COMMENT).collect();
        writeln!(text, "{who}: {body}").expect("a String takes any text");
    }
    text
}

/// What the model is asked about, each with its number.
pub(super) fn material(request: &Request, chosen: &Chosen) -> Said {
    let has_general = !request.text.is_empty();
    let general =
        has_general.then(|| format!("On the change as a whole:\n@{}: {}\n", request.by, request.text));
    let parts: Vec<String> =
        general.into_iter().chain(chosen.open.iter().map(|thread| thread.text.clone())).collect();
    let numbered = parts.iter().zip(1..).map(|(part, number)| format!("{number}. {part}"));
    Said { text: numbered.collect::<Vec<_>>().join("\n"), count: parts.len(), has_general }
}

/// What is said in a thread whose line is gone.
pub(super) fn question(thread: &Waiting) -> Reply {
    let text = "The line that this is about is not there any more. If it still matters, say it on a line as it is now, and \
                comment `/fix`.";
    Reply {
        thread: thread.handle.clone(),
        first: thread.first,
        kind: ReplyKind::Asked,
        text: text.to_owned(),
    }
}
