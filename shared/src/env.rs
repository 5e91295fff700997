//! *Settings* are variables of the environment. Each is declared once, in [`catalog`], and read by the same rules in
//! both programs:
//!
//! - `NAME_FILE` is the path of a file that holds the value, and takes precedence over `NAME`.
//! - An empty value is an unset one. White space around a value is not part of it.
//! - Booleans, durations, sizes and lists have one grammar each ([`setting::Form`]).
//! - A variable that starts with `AGENT_` and that no program reads is an error ([`Environment::check_names`]): a misspelled
//!   limit must not be a missing one.
//! - A name of before is read where the new one is not set ([`Environment::old_names`]); a value that contradicts the new
//!   one's is an error.
//!
//! This is the only module that looks at the environment of the process; a lint forbids it elsewhere.

pub mod catalog;
pub mod help;
mod names;
pub mod setting;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use catalog::Group;
use setting::{Fallback, Setting, Variable};

pub use names::{NameError, RENAMED};

/// The longest value that is read from a file, in bytes: a price table or a bundle of certificates fits many times.
const MAX_FILE: u64 = 1024 * 1024;
/// Characters of a wrong value that an error repeats.
const MAX_SHOWN: usize = 80;

/// The variables that the process was started with.
pub struct Environment {
    /// `None` for a value that is not Unicode.
    variables: BTreeMap<String, Option<String>>,
    asked: RefCell<BTreeSet<&'static str>>,
}

/// What is wrong with a setting, and how to correct it. A secret is never repeated.
#[derive(Debug, thiserror::Error)]
pub enum SettingError {
    #[error("invalid {noun} {value:?} for {name}: {hint}")]
    Invalid { name: String, noun: &'static str, value: String, hint: String },
    #[error("invalid {noun} for {name}: {hint}")]
    InvalidSecret { name: String, noun: &'static str, hint: String },
    #[error("{name} is required: set it, or name a file that holds it in {name}_FILE")]
    Missing { name: &'static str },
    #[error("cannot read {path}, which {name} names: {source}")]
    Unreadable { name: String, path: String, source: io::Error },
    #[error("{name} is not valid UTF-8")]
    NotUnicode { name: String },
    #[error(transparent)]
    Names(#[from] NameError),
}

/// A value as it was found.
struct Found {
    text: String,
    /// `NAME`, or `NAME_FILE` where the value came from a file.
    source: String,
}

impl Environment {
    /// The environment of this process.
    #[expect(
        clippy::disallowed_methods,
        reason = "everything else reads its settings from what this returns"
    )]
    pub fn of_process() -> Self {
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            // A name that is not Unicode is none of ours.
            Some((name.into_string().ok()?, value.into_string().ok()))
        });
        Self { variables: variables.collect(), asked: RefCell::default() }
    }

    /// These variables and no others.
    pub fn of<N: Into<String>, V: Into<String>>(variables: impl IntoIterator<Item = (N, V)>) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), Some(value.into())));
        Self { variables: variables.collect(), asked: RefCell::default() }
    }

    /// The value, or the default. A setting that has neither is an error.
    pub fn read<T>(&self, setting: &Setting<T>) -> Result<T, SettingError> {
        let variable = setting.variable();
        if let Some(value) = self.find(setting)? {
            return Ok(value);
        }
        let Fallback::Value(default) = variable.fallback else {
            return Err(SettingError::Missing { name: variable.name });
        };
        setting.parse(default).map_err(|hint| variable.refuse_from(variable.name.to_owned(), default, hint))
    }

    /// The value, if there is one; defaults are not looked at.
    pub fn find<T>(&self, setting: &Setting<T>) -> Result<Option<T>, SettingError> {
        let variable = setting.variable();
        let Some(Found { text, source }) = self.found(variable)? else { return Ok(None) };
        setting.parse(&text).map(Some).map_err(|hint| variable.refuse_from(source, &text, hint))
    }

    /// The value or the default, as `parse` understands it.
    pub fn read_as<T, E: ToString>(
        &self,
        setting: &Setting<String>,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, SettingError> {
        let text = self.read(setting)?;
        parse(&text).map_err(|hint| self.refuse(setting, &text, hint.to_string()))
    }

    /// The value, if there is one, as `parse` understands it.
    pub fn find_as<T, E: ToString>(
        &self,
        setting: &Setting<String>,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, SettingError> {
        let Some(text) = self.find(setting)? else { return Ok(None) };
        parse(&text).map(Some).map_err(|hint| self.refuse(setting, &text, hint.to_string()))
    }

    /// The file that holds the value, where `NAME_FILE` names one.
    pub fn file_of<T>(&self, setting: &Setting<T>) -> Option<PathBuf> {
        self.value(&format!("{}_FILE", setting.variable().name)).ok().flatten().map(PathBuf::from)
    }

    /// The error of a value that was read and turned out to be wrong.
    pub fn refuse<T>(&self, setting: &Setting<T>, text: &str, hint: impl Into<String>) -> SettingError {
        let variable = setting.variable();
        let file = format!("{}_FILE", variable.name);
        let source = if self.is_set(&file) { file } else { variable.name.to_owned() };
        variable.refuse_from(source, text, hint.into())
    }

    /// The same without the value: whoever mixes files up puts a secret where none belongs.
    pub fn refuse_unquoted<T>(&self, setting: &Setting<T>, hint: impl Into<String>) -> SettingError {
        match self.refuse(setting, "", hint) {
            SettingError::Invalid { name, noun, hint, .. } => {
                SettingError::InvalidSecret { name, noun, hint }
            }
            other => other,
        }
    }

    /// What [`Self::check_names`] and [`Self::check_values`] refuse.
    pub fn check(&self, reads: &[&Group]) -> Result<(), SettingError> {
        self.check_names(reads)?;
        self.check_values(reads)
    }

    /// Refuses a value of `reads` that is not written as its form says, whether or not it is needed: it may be by the next
    /// run. Files are left to who needs them: a manifest names those of every provider.
    pub fn check_values(&self, reads: &[&Group]) -> Result<(), SettingError> {
        for variable in reads.iter().flat_map(|group| group.settings) {
            if self.is_set(&format!("{}_FILE", variable.name)) {
                continue;
            }
            if let Some(text) = self.value(variable.name)? {
                let name = || variable.name.to_owned();
                variable.form.check(text).map_err(|hint| variable.refuse_from(name(), text, hint))?;
            }
        }
        Ok(())
    }

    /// Refuses variables that no program reads, and old names of those of `reads` that contradict the new ones.
    pub fn check_names(&self, reads: &[&Group]) -> Result<(), SettingError> {
        let value_of = |name: &str| self.variables.get(name)?.as_deref();
        Ok(names::check(self.set(), value_of, reads)?)
    }

    /// The names of before that are set, where a program reads the new ones, each with the new one: to be warned of.
    pub fn old_names(&self, reads: &[&Group]) -> Vec<(String, String)> {
        self.set().filter_map(|(name, _)| Some((name.to_owned(), names::renamed(name, reads)?))).collect()
    }

    /// The names that have a value, with it.
    fn set(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().filter_map(|(name, value)| match value {
            Some(value) if value.trim().is_empty() => None,
            value => Some((name.as_str(), value.as_deref().unwrap_or_default())),
        })
    }

    /// The names that were asked for so far.
    pub fn asked(&self) -> BTreeSet<&'static str> {
        self.asked.borrow().clone()
    }

    /// Every secret that the process was given, for whatever purpose: what must be in nothing that is posted.
    ///
    /// One that cannot be read cannot be given away either, and is left out.
    pub fn secrets(&self) -> Vec<SecretString> {
        let mut secrets = Vec::new();
        let old = names::RENAMED.iter().filter_map(|(old, new)| {
            let variable = catalog::variables().find(|variable| variable.name == *new)?;
            Some((*old, variable.form))
        });
        let known = catalog::variables().map(|variable| (variable.name, variable.form));
        for (name, form) in known.chain(old) {
            if let Some(kind) = form.secret()
                && let Ok(Some(found)) = self.look(name)
            {
                secrets.extend(kind.secrets_in(&found.text).into_iter().map(SecretString::from));
            }
        }
        secrets
    }

    fn found(&self, variable: &Variable) -> Result<Option<Found>, SettingError> {
        self.asked.borrow_mut().insert(variable.name);
        if let Some(found) = self.look(variable.name)? {
            return Ok(Some(found));
        }
        let old = names::RENAMED.iter().filter(|(_, new)| *new == variable.name);
        for (old, _) in old {
            if let Some(mut found) = self.look(old)? {
                found.text = names::with_unit(old, found.text);
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The value of `NAME_FILE`'s file, else of `NAME`.
    fn look(&self, name: &str) -> Result<Option<Found>, SettingError> {
        let source = format!("{name}_FILE");
        let Some(path) = self.value(&source)? else {
            let found = |text: &str| Found { text: text.to_owned(), source: name.to_owned() };
            return Ok(self.value(name)?.map(found));
        };
        let unreadable =
            |error| SettingError::Unreadable { name: source.clone(), path: path.to_owned(), source: error };
        let text = read_value(Path::new(path)).map_err(unreadable)?;
        Ok(Some(Found { text, source: source.clone() }))
    }

    /// The text of one variable, without the white space around it; `None` if nothing is left.
    fn value(&self, name: &str) -> Result<Option<&str>, SettingError> {
        match self.variables.get(name) {
            None => Ok(None),
            Some(None) => Err(SettingError::NotUnicode { name: name.to_owned() }),
            Some(Some(value)) => Ok(Some(value.trim()).filter(|value| !value.is_empty())),
        }
    }

    fn is_set(&self, name: &str) -> bool {
        self.variables
            .get(name)
            .is_some_and(|value| value.as_deref().is_none_or(|value| !value.trim().is_empty()))
    }
}

/// Whether a variable is set, for what is asked where no [`Environment`] reaches.
#[expect(clippy::disallowed_methods, reason = "see the documentation")]
pub fn is_set(variable: &Variable) -> bool {
    std::env::var_os(variable.name).is_some_and(|value| !value.is_empty())
}

impl Variable {
    fn refuse_from(&self, name: String, text: &str, hint: String) -> SettingError {
        let noun = self.form.noun();
        // An address with a user name may have a password behind it, wherever it is written.
        if self.form.secret().is_some() || (text.contains("://") && text.contains('@')) {
            return SettingError::InvalidSecret { name, noun, hint };
        }
        let mut value: String = text.chars().take(MAX_SHOWN).collect();
        if value.len() < text.len() {
            value.push('…');
        }
        SettingError::Invalid { name, noun, value, hint }
    }
}

/// The value that a file holds, by the rules of `NAME_FILE`.
pub fn read_value(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(MAX_FILE + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_FILE {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 1 MiB"));
    }
    let text = text.trim();
    if text.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the file is empty"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests;
