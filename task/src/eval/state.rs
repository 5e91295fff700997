//! The *state* of an evaluation: what was asked and what came of it, in a file, so that one that was killed goes on and
//! no case is paid for twice.
//!
//! A line is written before a case is asked, with the most that it can cost, and one after it, with its answer. Of a case
//! that has the first line alone nobody knows what it cost: it counts as all of that, and is not asked again.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::facts::{Answer, ResultKind, dollars};
use crate::llm::Usd;
use crate::outcome::{Failure, Reason};

/// See the module's documentation.
pub(super) struct State {
    path: PathBuf,
    file: File,
    answers: BTreeMap<String, Answer>,
    spent: Usd,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Line {
    Begun {
        case: String,
        #[serde(deserialize_with = "dollars")]
        at_most_usd: Usd,
    },
    Answered {
        case: String,
        answer: Answer,
    },
    /// Nothing was asked after all.
    Forgotten {
        case: String,
    },
}

impl State {
    /// Opens the file, makes it, or says why another one is to be named.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let storage = |what: String, next: &str| Failure::new(Reason::Storage, what, next);
        let unusable = |error: &std::io::Error| {
            storage(
                format!("the state of the evaluation cannot be kept in {shown}: {error}"),
                "Name a file that can be written to with `--state`.",
            )
        };
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| unusable(&error))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            let next = "Wait until it has ended, or name another file with `--state`.";
            return Err(storage(format!("another evaluation works with {shown}"), next));
        }
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(|error| unusable(&error))?;
        let mut lines: Vec<&str> = text.split('\n').collect();
        // A line that was cut by a kill is the last one; what it would have said is in the line before.
        let cut = lines.pop().unwrap_or_default();
        if !cut.is_empty() {
            file.write_all(b"\n").map_err(|error| unusable(&error))?;
        }
        let mut state = Self { path: path.to_owned(), file, answers: BTreeMap::new(), spent: Usd::ZERO };
        let mut begun: BTreeMap<String, Usd> = BTreeMap::new();
        for (number, line) in (1..).zip(lines).filter(|(_, line)| !line.trim().is_empty()) {
            match serde_json::from_str(line) {
                Ok(Line::Begun { case, at_most_usd }) => {
                    begun.insert(case, at_most_usd);
                }
                Ok(Line::Answered { case, answer }) => {
                    begun.remove(&case);
                    state.spent = state.spent.plus(answer.cost_usd);
                    state.answers.insert(case, Answer { kept: true, ..answer });
                }
                Ok(Line::Forgotten { case }) => {
                    begun.remove(&case);
                }
                // What a kill cut off, and a later evaluation ended with a line end.
                Err(error) if error.is_eof() => {}
                Err(error) => {
                    let what = format!("line {number} of {shown} is not of an evaluation: {error}");
                    return Err(storage(what, "Name another file with `--state`, or delete this one."));
                }
            }
        }
        for (case, at_most_usd) in begun {
            state.spent = state.spent.plus(at_most_usd);
            let answer = Answer { cost_usd: at_most_usd, kept: true, ..Answer::of(ResultKind::Interrupted) };
            state.answers.insert(case, answer);
        }
        Ok(state)
    }

    /// By all cases so far.
    pub(super) fn spent(&self) -> Usd {
        self.spent
    }

    /// What came of a case before.
    pub(super) fn answer(&self, case: &str) -> Option<&Answer> {
        self.answers.get(case)
    }

    /// Notes that a case is about to be asked, for at most so much.
    pub(super) fn begin(&mut self, case: &str, at_most_usd: Usd) -> Result<(), Failure> {
        self.write(&Line::Begun { case: case.to_owned(), at_most_usd })
    }

    /// Takes back that a case is asked: no call was made.
    pub(super) fn forget(&mut self, case: &str) -> Result<(), Failure> {
        self.write(&Line::Forgotten { case: case.to_owned() })
    }

    /// Keeps what came of it.
    pub(super) fn keep(&mut self, case: &str, answer: &Answer) -> Result<(), Failure> {
        self.spent = self.spent.plus(answer.cost_usd);
        self.write(&Line::Answered { case: case.to_owned(), answer: answer.clone() })
    }

    fn write(&mut self, line: &Line) -> Result<(), Failure> {
        let mut text = serde_json::to_string(line).expect("a line has a JSON form");
        text.push('\n');
        // What is not on the disk may be paid for twice.
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(|error| {
            let what =
                format!("the state of the evaluation cannot be kept in {}: {error}", self.path.display());
            Failure::new(Reason::Storage, what, "Make room; what was asked so far is kept.")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_is_known_again_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.jsonl");
        let cost = |text: &str| text.parse::<Usd>().unwrap();
        let answer = Answer { cost_usd: cost("0.10"), ..Answer::of(ResultKind::Change) };
        {
            let mut state = State::open(&path).unwrap();
            assert!(State::open(&path).is_err(), "two evaluations share a state");
            state.begin("a", cost("1")).unwrap();
            state.keep("a", &answer).unwrap();
            state.begin("b", cost("2")).unwrap();
        }
        // A kill in the middle of a line.
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"event\":\"answered\",\"case\":\"b\",\"ans").unwrap();
        drop(file);
        for _ in 0..2 {
            let state = State::open(&path).unwrap();
            assert_eq!(state.spent(), cost("2.10"));
            assert_eq!(state.answer("a").unwrap().result, ResultKind::Change);
            assert_eq!(state.answer("b").unwrap().result, ResultKind::Interrupted);
            assert!(state.answer("a").unwrap().kept && state.answer("c").is_none());
        }
        std::fs::write(&path, "something else\n").unwrap();
        assert!(State::open(&path).err().unwrap().what.contains("line 1 of "));
    }
}
