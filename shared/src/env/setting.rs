//! A *setting* is one variable with its grammar: what its value may look like, and the type that it becomes.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

/// The longest duration. Whatever is meant to wait for ever is content with it, and no sum of times overflows.
const LONGEST: Duration = Duration::from_hours(10 * 366 * 24);

/// A variable whose value becomes a `T`.
pub struct Setting<T> {
    variable: Variable,
    parse: fn(&str, Form) -> Result<T, String>,
}

/// What is known of a variable, whatever its value becomes.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    pub name: &'static str,
    pub form: Form,
    pub fallback: Fallback,
    /// For the documentation: what it is for, in one line.
    pub meaning: &'static str,
}

/// What holds where a variable is not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// This value.
    Value(&'static str),
    /// What these words say; empty where there is nothing to say.
    Words(&'static str),
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As the hint says.
    Text {
        noun: &'static str,
        hint: &'static str,
    },
    /// `true`, `false`, `yes`, `no`, `1` or `0`.
    Flag,
    /// Numbers with units, such as `90s` or `1h 30min`.
    Duration {
        least: Duration,
    },
    /// A number with a unit, such as `25MiB`.
    Size,
    /// A whole number.
    Number {
        least: u64,
        most: u64,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Values separated by commas, spaces or line ends.
    List,
    /// `ADDRESS:PORT`.
    Address,
    Path,
    Secret(Secrecy),
}

/// How a secret stands in its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrecy {
    /// The value is the secret.
    Whole,
    /// The value is a token, which a header carries.
    Token,
    /// Several, separated by commas or line ends; each may hold spaces.
    Several,
    /// An address that may hold a password.
    Url(&'static str),
    /// Headers, one a line, whose values are secrets.
    Headers(&'static str),
    /// Headers as OpenTelemetry writes them: `NAME=VALUE`, percent-encoded, separated by commas or line ends.
    Pairs(&'static str),
}

/// A grammar of values that become a `T`.
#[derive(Clone, Copy)]
pub struct Grammar<T> {
    form: Form,
    parse: fn(&str, Form) -> Result<T, String>,
}

impl<T> Setting<T> {
    pub const fn new(
        name: &'static str,
        grammar: &Grammar<T>,
        fallback: Fallback,
        meaning: &'static str,
    ) -> Self {
        Self { variable: Variable { name, form: grammar.form, fallback, meaning }, parse: grammar.parse }
    }

    pub const fn variable(&self) -> &Variable {
        &self.variable
    }

    /// The value of a text, or how it should be written.
    pub(super) fn parse(&self, text: &str) -> Result<T, String> {
        (self.parse)(text, self.variable.form)
    }
}

impl Form {
    /// What an error calls the value.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Text { noun, .. } => noun,
            Self::Flag => "boolean",
            Self::Duration { .. } => "duration",
            Self::Size => "size",
            Self::Number { .. } => "number",
            Self::Choice(_) => "value",
            Self::List => "list",
            Self::Address | Self::Secret(Secrecy::Url(_)) => "address",
            Self::Path => "path",
            Self::Secret(Secrecy::Whole | Secrecy::Token | Secrecy::Several) => "secret",
            Self::Secret(Secrecy::Headers(_) | Secrecy::Pairs(_)) => "headers",
        }
    }

    /// How the value is written.
    pub fn hint(self) -> String {
        match self {
            Self::Text { hint, .. }
            | Self::Secret(Secrecy::Url(hint) | Secrecy::Headers(hint) | Secrecy::Pairs(hint)) => {
                hint.to_owned()
            }
            Self::Flag => "use true, false, yes, no, 1 or 0".to_owned(),
            Self::Duration { .. } => "use a number and a unit, such as 90s or 45min".to_owned(),
            Self::Size => "use a whole number and a unit, such as 512KiB or 25MiB".to_owned(),
            Self::Number { least, most } if most >= u64::from(u32::MAX) => {
                format!("use a whole number of at least {least}")
            }
            Self::Number { least, most } => format!("use a whole number from {least} to {most}"),
            Self::Choice(words) => {
                let (last, first) = words.split_last().unwrap_or((&"", &[]));
                format!("use {} or {last}", first.join(", "))
            }
            Self::List => "separate the values by commas or spaces".to_owned(),
            Self::Address => "use ADDRESS:PORT, such as 0.0.0.0:8080".to_owned(),
            Self::Path => "use a path".to_owned(),
            Self::Secret(Secrecy::Whole) => "it was not copied whole, or more with it".to_owned(),
            Self::Secret(Secrecy::Token) => NO_TOKEN.to_owned(),
            Self::Secret(Secrecy::Several) => "separate the secrets by commas or line ends".to_owned(),
        }
    }

    /// Whether the value is written as its form says. What a text means is known only to who reads it.
    pub(super) fn check(self, text: &str) -> Result<(), String> {
        match self {
            Self::Flag => (flag().parse)(text, self).map(drop),
            Self::Duration { .. } => parse_duration(text, self).map(drop),
            Self::Size => (size().parse)(text, self).map(drop),
            Self::Number { .. } => parse_number::<u64>(text, self).map(drop),
            Self::Choice(words) => (choice(words).parse)(text, self).map(drop),
            Self::Address => (address().parse)(text, self).map(drop),
            Self::Secret(Secrecy::Token) => (token().parse)(text, self).map(drop),
            Self::Text { .. } | Self::List | Self::Path | Self::Secret(_) => Ok(()),
        }
    }

    /// How a secret stands in the value; `None` for what may be shown.
    pub fn secret(self) -> Option<Secrecy> {
        match self {
            Self::Secret(secrecy) => Some(secrecy),
            _ => None,
        }
    }
}

impl Secrecy {
    /// The secrets in a value.
    pub(super) fn secrets_in(self, text: &str) -> Vec<String> {
        match self {
            Self::Whole | Self::Token => vec![text.to_owned()],
            Self::Several => lines(text),
            Self::Headers(_) => text
                .lines()
                .filter_map(|line| line.split_once(':'))
                .flat_map(|(_, value)| header_secrets(value.trim()))
                .collect(),
            Self::Pairs(_) => pairs_of(text)
                .flat_map(|(_, value)| {
                    let decoded =
                        percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned();
                    header_secrets(value).into_iter().chain(header_secrets(&decoded))
                })
                .collect(),
            Self::Url(_) => {
                let Some(password) =
                    url::Url::parse(text).ok().and_then(|url| url.password().map(str::to_owned))
                else {
                    return Vec::new();
                };
                // As it is written, and as it is sent.
                let decoded =
                    percent_encoding::percent_decode_str(&password).decode_utf8_lossy().into_owned();
                if decoded == password { vec![password] } else { vec![password, decoded] }
            }
        }
    }
}

/// Any text; `noun` is what an error calls it, `hint` how it is written.
pub const fn text(noun: &'static str, hint: &'static str) -> Grammar<String> {
    Grammar { form: Form::Text { noun, hint }, parse: |text, _| Ok(text.to_owned()) }
}

pub const fn flag() -> Grammar<bool> {
    Grammar {
        form: Form::Flag,
        parse: |text, form| {
            let is = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
            match (is(&["true", "yes", "1"]), is(&["false", "no", "0"])) {
                (true, _) => Ok(true),
                (_, true) => Ok(false),
                _ => Err(form.hint()),
            }
        },
    }
}

/// A time that something may take: above zero.
pub const fn timeout() -> Grammar<Duration> {
    Grammar { form: Form::Duration { least: Duration::from_millis(1) }, parse: parse_duration }
}

/// A time to wait, which may be none.
pub const fn pause() -> Grammar<Duration> {
    Grammar { form: Form::Duration { least: Duration::ZERO }, parse: parse_duration }
}

fn parse_duration(text: &str, form: Form) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|_| form.hint())?;
    match form {
        Form::Duration { least } if duration < least => Err("it must be longer".to_owned()),
        _ if duration > LONGEST => Err("it must be at most ten years".to_owned()),
        _ => Ok(duration),
    }
}

/// Bytes.
pub const fn size() -> Grammar<usize> {
    const UNITS: [(&str, u64); 7] = [
        ("b", 1),
        ("kb", 1_000),
        ("mb", 1_000_000),
        ("gb", 1_000_000_000),
        ("kib", 1 << 10),
        ("mib", 1 << 20),
        ("gib", 1 << 30),
    ];
    Grammar {
        form: Form::Size,
        parse: |text, form| {
            let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
            let number = text[..text.len() - unit.len()].parse::<u64>().map_err(|_| form.hint())?;
            let (_, bytes) = UNITS
                .iter()
                .find(|(name, _)| unit.trim_start().eq_ignore_ascii_case(name))
                .ok_or_else(|| form.hint())?;
            match number.checked_mul(*bytes).and_then(|bytes| usize::try_from(bytes).ok()) {
                Some(0) => Err("it must be above zero".to_owned()),
                Some(bytes) if bytes <= isize::MAX.unsigned_abs() => Ok(bytes),
                _ => Err("it is too large".to_owned()),
            }
        },
    }
}

/// A whole number in a range.
pub const fn number<T: TryFrom<u64>>(least: u64, most: u64) -> Grammar<T> {
    Grammar { form: Form::Number { least, most }, parse: parse_number::<T> }
}

fn parse_number<T: TryFrom<u64>>(text: &str, form: Form) -> Result<T, String> {
    let number = text.parse::<u64>().ok().filter(|number| match form {
        Form::Number { least, most } => (least..=most).contains(number),
        _ => true,
    });
    number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| form.hint())
}

/// One of these words, as they are written.
pub const fn choice(words: &'static [&'static str]) -> Grammar<&'static str> {
    Grammar {
        form: Form::Choice(words),
        parse: |text, form| match form {
            Form::Choice(words) => {
                words.iter().find(|word| **word == text).copied().ok_or_else(|| form.hint())
            }
            _ => Err(form.hint()),
        },
    }
}

pub const fn list() -> Grammar<Vec<String>> {
    Grammar {
        form: Form::List,
        parse: |text, _| {
            let values = text.split(|c: char| c == ',' || c.is_whitespace());
            Ok(values.filter(|value| !value.is_empty()).map(str::to_owned).collect())
        },
    }
}

pub const fn address() -> Grammar<SocketAddr> {
    Grammar { form: Form::Address, parse: |text, form| text.parse().map_err(|_| form.hint()) }
}

pub const fn path() -> Grammar<PathBuf> {
    Grammar { form: Form::Path, parse: |text, _| Ok(PathBuf::from(text)) }
}

pub const fn secret() -> Grammar<SecretString> {
    Grammar { form: Form::Secret(Secrecy::Whole), parse: |text, _| Ok(SecretString::from(text)) }
}

/// A key or a token that a header carries.
pub const fn token() -> Grammar<SecretString> {
    Grammar {
        form: Form::Secret(Secrecy::Token),
        parse: |text, form| if is_token(text) { Ok(SecretString::from(text)) } else { Err(form.hint()) },
    }
}

/// What is wrong with a token that is none.
pub const NO_TOKEN: &str = "it has characters that no key has: was it copied whole, and nothing with it?";

/// Whether this can be a token: a line end or a space inside would end the header that carries it, or split it.
pub fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Several secrets, separated by commas or line ends.
pub const fn secrets() -> Grammar<Vec<SecretString>> {
    Grammar {
        form: Form::Secret(Secrecy::Several),
        parse: |text, _| Ok(lines(text).into_iter().map(SecretString::from).collect()),
    }
}

/// An address that may hold a password; `hint` is how it is written.
pub const fn secret_url(hint: &'static str) -> Grammar<SecretString> {
    Grammar { form: Form::Secret(Secrecy::Url(hint)), parse: |text, _| Ok(SecretString::from(text)) }
}

/// Headers, one a line; `hint` is how they are written.
pub const fn headers(hint: &'static str) -> Grammar<SecretString> {
    Grammar { form: Form::Secret(Secrecy::Headers(hint)), parse: |text, _| Ok(SecretString::from(text)) }
}

/// Headers as OpenTelemetry writes them; `hint` is how they are written.
pub const fn pairs(hint: &'static str) -> Grammar<SecretString> {
    Grammar { form: Form::Secret(Secrecy::Pairs(hint)), parse: |text, _| Ok(SecretString::from(text)) }
}

/// The pairs of a list such as `NAME=VALUE,NAME=VALUE`, as they are written; what is no pair is left out.
pub fn pairs_of(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let parts = text.split([',', '\n', '\r']).map(str::trim);
    parts.filter_map(|part| part.split_once('=')).map(|(name, value)| (name.trim(), value.trim()))
}

/// What of a header's value is a secret: all of it, and what follows a scheme such as `Bearer`. A short value is a
/// name or a switch, and stands in every other text.
pub fn header_secrets(value: &str) -> Vec<String> {
    const LEAST: usize = 12;
    let credentials = value.split_once(' ').map(|(_, credentials)| credentials.trim());
    let all = std::iter::once(value).chain(credentials);
    all.filter(|secret| secret.len() >= LEAST).map(str::to_owned).collect()
}

fn lines(text: &str) -> Vec<String> {
    let parts = text.split([',', '\n', '\r']).map(str::trim);
    parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}
