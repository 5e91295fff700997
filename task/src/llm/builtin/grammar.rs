//! The *wish* of an issue: one atomic change, understood from its words.
//!
//! X, Y and Z are terms (in back ticks or quotation marks) or single words; `[..]` may be absent:
//!
//! ```text
//! replace X with|by Y             rename [the constant] X to Y       substitute|correct X by|to Y
//! X -> Y                          X should be|read|say Y             X is a typo for|misspelling of Y
//! Y is misspelled as X            typo: X, correct: Y                says X instead of Y
//! use Y instead of X              should be Y instead of X           Current text: X / Correct text: Y
//! set X to Y                      change X [from Z] to Y             the default X should be Y [instead of Z]
//! X: Z -> Y                       bump|upgrade X [from Z] to Y       X: bump to Y      upgrade to X Y
//! ```
//!
//! A clause may go on with where (`in docs/a.md`, `on line 12`, `everywhere`) and why (`because …`). A word
//! that was not set apart counts only where nothing else can be meant: beside a word for a misspelling, as a
//! name that no prose would hold (`MAX_RETRIES`), or as the key that a literal value is given to. Conditions,
//! negations, alternatives, hedges and questions are refused, and so is an issue that asks for more besides.

use super::reader::Reader;
use super::term;
use super::token::Text;
use super::words;

/// Why an issue was not understood, or is more than one atomic change: the end of a sentence for its author.
pub(super) type Refusal = String;

/// See the module's documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Put `new` where `old` stands.
    Replace { old: String, new: String, spread: Spread },
    /// Give what `name` stands for, a key or a dependency, the value `to`; `from` is what it has.
    Assign { name: Name, from: Option<String>, to: String },
    /// `change X to Y` of two names: a replacement, unless X is a key.
    ReplaceOrAssign { old: String, new: String },
}

/// Which spellings of the text are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spread {
    Exact,
    /// For a misspelling, also where it starts with a capital or is all in capitals.
    AnyCase,
}

/// How the issue names a key or a dependency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// As a term: letter by letter.
    Exact(String),
    /// As words of prose: `max retries` is `MAX_RETRIES`, `max-retries` or `maxRetries`.
    Loose(String),
}

impl Name {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Exact(name) | Self::Loose(name) => name,
        }
    }
}

/// A wish and where it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Instruction {
    pub(super) wish: Wish,
    /// Files or folders, as the issue spells them; none is everywhere.
    pub(super) paths: Vec<String>,
    pub(super) line: Option<usize>,
    /// Words that restrict the wish in a way that has not been understood: it must have one place only.
    pub(super) restriction: Option<String>,
    /// Whether the wish was written with a word for raising, lowering or neither.
    pub(super) direction: Direction,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Any,
    Up,
    Down,
}

/// Reads every wish of an issue; an empty list means that none was found.
pub(super) fn understand(
    title: &str,
    body: &Text,
    is_path: &dyn Fn(&str) -> bool,
) -> Result<Vec<Instruction>, Refusal> {
    let mut clauses = super::token::read(title).clauses;
    clauses.extend(body.clauses.iter().cloned());
    let reader = Reader {
        misspelling: clauses.iter().any(|clause| clause.tokens.iter().any(words::is_misspelling)),
        is_path,
        clauses: &clauses,
    };
    let mut found: Vec<Instruction> = Vec::new();
    let mut used = vec![false; clauses.len()];
    for (index, clause) in clauses.iter().enumerate() {
        let mut wishes = reader.wishes(index, clause)?;
        used[index] = !wishes.is_empty();
        found.append(&mut wishes);
    }
    for (old, new) in body.diffs.iter().cloned().chain(reader.labelled(&mut used)?) {
        found.push(Instruction::of(Wish::Replace { old, new, spread: Spread::Exact }));
    }
    if found.is_empty() {
        return reader.why_nothing().map_or(Ok(found), Err);
    }
    if words::is_bug_report(&clauses) {
        return Err("the issue reads as the report of a bug".to_owned());
    }
    for (clause, used) in clauses.iter().zip(&used) {
        if let Some(demand) = words::demand(clause).filter(|_| !used) {
            return Err(format!("the issue also asks to `{demand} …`, which is more than one atomic change"));
        }
    }
    let paths = reader.paths(&used, &found);
    for instruction in &mut found {
        if instruction.paths.is_empty() {
            instruction.paths.clone_from(&paths);
        }
    }
    merge(found)
}

impl Instruction {
    pub(super) fn of(wish: Wish) -> Self {
        Self { wish, paths: Vec::new(), line: None, restriction: None, direction: Direction::Any }
    }
}

/// One wish a subject: equal wishes are one, different ones for the same text or key contradict each other.
fn merge(found: Vec<Instruction>) -> Result<Vec<Instruction>, Refusal> {
    let mut merged: Vec<Instruction> = Vec::new();
    'next: for instruction in found {
        for known in &mut merged {
            if subject(&known.wish) == subject(&instruction.wish) {
                join(known, instruction)?;
                continue 'next;
            }
            if let (Wish::Replace { old, new, .. }, Wish::Replace { old: other, .. }) =
                (&known.wish, &instruction.wish)
                && new == other
            {
                return Err(format!("the issue wants `{old}` to become `{new}`, and `{new}` to change too"));
            }
        }
        merged.push(instruction);
    }
    Ok(merged)
}

fn subject(wish: &Wish) -> String {
    match wish {
        Wish::Replace { old, .. } | Wish::ReplaceOrAssign { old, .. } => old.clone(),
        Wish::Assign { name, .. } => term::loose(name.as_str()),
    }
}

fn join(known: &mut Instruction, other: Instruction) -> Result<(), Refusal> {
    let clash = |a: &str, b: &str| Err(format!("the issue wants both `{a}` and `{b}` for the same thing"));
    match (&mut known.wish, other.wish) {
        (Wish::Assign { from, to, name }, Wish::Assign { from: from2, to: to2, name: name2 }) => {
            if *to != to2 {
                return clash(to, &to2);
            }
            match (&from, from2) {
                (Some(a), Some(b)) if **a != b => return clash(a, &b),
                (None, Some(b)) => *from = Some(b),
                _ => {}
            }
            if matches!(name2, Name::Exact(_)) {
                *name = name2;
            }
        }
        (Wish::Replace { new, .. } | Wish::ReplaceOrAssign { new, .. }, wish) => {
            let (Wish::Replace { new: new2, .. } | Wish::ReplaceOrAssign { new: new2, .. }) = &wish else {
                return clash(new, subject(&wish).as_str());
            };
            if new != new2 {
                return clash(new, new2);
            }
            if matches!(wish, Wish::Replace { .. }) {
                known.wish = wish;
            }
        }
        (Wish::Assign { to, .. }, wish) => return clash(to, subject(&wish).as_str()),
    }
    known.paths.extend(other.paths);
    known.line = known.line.or(other.line);
    known.restriction = known.restriction.take().or(other.restriction);
    Ok(())
}
