//! A *transcript* is the whole conversation of a run with its model, kept in a file for who wants to see what was sent.
//!
//! It is JSON, one object a line, a message or an answer each. What a call repeats of the call before is not written
//! again. Secrets are struck out; the file is its owner's alone. What cannot be written fails no run: a transcript that
//! breaks off says so once.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use rustix::fs::OFlags;
use secrecy::SecretString;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::prompt::{Message, Prompt, Reply, Role};
use crate::outbound::{Gate, without_tokens};

/// Only its owner reads it: it holds the repository's text.
const MODE: u32 = 0o600;

/// See the module's documentation.
#[derive(Debug)]
pub struct Transcript {
    path: PathBuf,
    gate: Gate,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// `None` once it could not be written.
    file: Option<File>,
    /// Why it broke off.
    problem: Option<String>,
    calls: u32,
    /// The messages of the call before, and its answer, by their hashes.
    known: Vec<Known>,
}

#[derive(Debug, PartialEq, Eq)]
enum Known {
    Message([u8; 32]),
    /// An answer, in whatever part of it the conversation goes on with.
    Answer,
}

/// What happens to a file that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    Refused,
    /// An earlier run of the same task wrote it.
    Continued,
}

impl Transcript {
    /// Begins, or goes on with, the file at a path. `secrets` are struck out of what is written.
    pub fn open(path: &Path, secrets: &[SecretString], existing: Existing) -> std::io::Result<Self> {
        let mut options = OpenOptions::new();
        options.mode(MODE).custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
        match existing {
            Existing::Refused => options.write(true).create_new(true),
            Existing::Continued => options.append(true).create(true),
        };
        let state = State { file: Some(options.open(path)?), problem: None, calls: 0, known: Vec::new() };
        let gate = Gate::new(secrets, &[], None);
        Ok(Self { path: path.to_owned(), gate, state: Mutex::new(state) })
    }

    /// Why nothing more was written, if so.
    pub fn problem(&self) -> Option<String> {
        let problem = self.state().problem.clone()?;
        Some(format!("the transcript {} is not complete: {problem}", self.path.display()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a model is about to be asked.
    pub(super) fn asked(&self, model: &str, prompt: &Prompt<'_>) {
        let mut state = self.state();
        state.calls += 1;
        let system = (None, prompt.system);
        let messages = prompt.messages.iter().map(|Message { role, text }| (Some(*role), text.as_str()));
        let all: Vec<(Option<Role>, &str)> = std::iter::once(system).chain(messages).collect();
        let is_known = |(known, (role, text)): (&Known, &(Option<Role>, &str))| match known {
            Known::Answer => *role == Some(Role::Assistant),
            Known::Message(hash) => *hash == hash_of(*role, text),
        };
        let repeated = state.known.iter().zip(&all).take_while(|pair| is_known(*pair)).count();
        for (role, text) in &all[repeated..] {
            let role = role.map_or("system", Role::name);
            self.write(&mut state, json!({ "model": model, "role": role, "text": self.clean(text) }));
        }
        state.known = all.iter().map(|(role, text)| Known::Message(hash_of(*role, text))).collect();
    }

    /// What it answered.
    pub(super) fn answered(&self, reply: &Reply) {
        let mut state = self.state();
        state.known.push(Known::Answer);
        let Reply { text, usage, model, .. } = reply;
        self.write(
            &mut state,
            json!({
                "model": self.clean(model), "role": "assistant", "text": self.clean(text),
                "input_tokens": usage.prompt_tokens(), "output_tokens": usage.output_tokens,
            }),
        );
    }

    /// Why it did not.
    pub(super) fn failed(&self, error: &str) {
        let error = self.clean(error);
        self.write(&mut self.state(), json!({ "error": error }));
    }

    fn clean(&self, text: &str) -> String {
        self.gate.redact(&without_tokens(text))
    }

    fn write(&self, state: &mut State, mut record: Value) {
        record["at"] = json!(Timestamp::now().to_string());
        record["call"] = json!(state.calls);
        let Some(file) = &mut state.file else { return };
        // In one piece, so that a line is whole or missing.
        if let Err(error) = file.write_all(format!("{record}\n").as_bytes()) {
            tracing::warn!(%error, path = %self.path.display(), "the transcript breaks off");
            state.problem = Some(error.to_string());
            state.file = None;
        }
    }
}

fn hash_of(role: Option<Role>, text: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(role.map_or("system", Role::name));
    hash.update([0]);
    hash.update(text);
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn prompt<'a>(system: &'a str, messages: &'a [Message]) -> Prompt<'a> {
        Prompt { system, messages, max_output_tokens: 1, estimated_tokens: 1 }
    }

    fn message(role: Role, text: &str) -> Message {
        Message { role, text: text.to_owned() }
    }

    fn reply(text: &str) -> Reply {
        let usage = crate::llm::Usage { input_tokens: 7, output_tokens: 3, ..Default::default() };
        Reply { text: text.to_owned(), usage, model: "m".to_owned(), elapsed: std::time::Duration::ZERO }
    }

    #[test]
    fn each_message_is_written_once_without_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.jsonl");
        let transcript =
            Transcript::open(&path, &[SecretString::from("hunter2hunter2")], Existing::Refused).unwrap();
        let first = [message(Role::User, "the key is hunter2hunter2")];
        transcript.asked("p:m", &prompt("be good", &first));
        transcript.answered(&reply("thinking\nREAD: a"));
        let more = [first[0].clone(), message(Role::Assistant, "READ: a"), message(Role::User, "here")];
        transcript.asked("p:m", &prompt("be good", &more));
        transcript.failed("overloaded");
        transcript.asked("p:m", &prompt("another", &first));
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let seen: Vec<String> = lines
            .iter()
            .map(|line| {
                let what = line["error"].as_str().or(line["text"].as_str()).unwrap();
                format!("{} {}: {what}", line["call"], line["role"].as_str().unwrap_or("error"))
            })
            .collect();
        assert_eq!(
            seen,
            [
                "1 system: be good",
                "1 user: the key is [redacted]",
                "1 assistant: thinking\nREAD: a",
                "2 user: here",
                "2 error: overloaded",
                "3 system: another",
                "3 user: the key is [redacted]",
            ]
        );
        assert_eq!((&lines[2]["input_tokens"], &lines[2]["output_tokens"]), (&7.into(), &3.into()));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        assert_eq!(transcript.problem(), None);

        assert!(Transcript::open(&path, &[], Existing::Refused).is_err());
        let continued = Transcript::open(&path, &[], Existing::Continued).unwrap();
        continued.failed("later");
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), lines.len() + 1);
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(Transcript::open(&link, &[], Existing::Continued).is_err(), "a link is followed");
    }

    #[test]
    fn a_full_disk_breaks_it_off_and_nothing_else() {
        let transcript = Transcript::open(Path::new("/dev/full"), &[], Existing::Continued).unwrap();
        let messages = [message(Role::User, "x")];
        transcript.asked("p:m", &prompt("s", &messages));
        transcript.answered(&reply("y"));
        let problem = transcript.problem().unwrap();
        assert!(problem.starts_with("the transcript /dev/full is not complete: No space left"), "{problem}");
    }
}
