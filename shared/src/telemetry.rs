//! *Logs*: one line per event on standard error, as JSON for machines or as text for a person.
//!
//! Values come from strangers. In both formats control characters and those that change the direction of text are
//! escaped, so that a value can neither start a line of its own nor drive a terminal, and a long value is cut.

use std::{
    fmt,
    io::{self, IsTerminal as _, Write as _},
};

use serde_json::{Map, Value};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    span,
};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::LevelFilter,
    layer::{Context, SubscriberExt as _},
    registry::LookupSpan,
    util::{SubscriberInitExt as _, TryInitError},
};

use crate::env::catalog::{AGENT_LOG_FORMAT, RUST_LOG};
use crate::env::{Environment, SettingError};

/// Longest value of a field in characters; what was cut is counted behind it.
const MAX_VALUE: usize = 4096;

/// Libraries that log each failure that they also return. What we report of it says what was being done, and what to do.
const QUIET: [&str; 2] = ["lapin", "octocrab"];

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Json,
    Text,
}

impl Format {
    /// `AGENT_LOG_FORMAT` decides, if it is set; else text for a terminal, JSON for everything else.
    pub fn from_env(env: &Environment, terminal: Terminal) -> Result<Self, SettingError> {
        Ok(match (env.find(&AGENT_LOG_FORMAT)?, terminal) {
            (Some("text"), _) => Self::Text,
            (Some(_), _) => Self::Json,
            (None, terminal) => Self::of(terminal),
        })
    }

    fn of(terminal: Terminal) -> Self {
        match terminal {
            Terminal::Yes => Self::Text,
            Terminal::No => Self::Json,
        }
    }
}

/// Whether a person watches the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terminal {
    Yes,
    No,
}

/// Why logging did not start.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    #[error(transparent)]
    Setting(#[from] SettingError),
    #[error("the process logs already")]
    Running(#[from] TryInitError),
}

/// Starts logging for the whole process: level and targets by `RUST_LOG`, format by `AGENT_LOG_FORMAT`. The lines of the
/// [`QUIET`] libraries appear only if `RUST_LOG` names them. Where one of both is wrong, its default holds and logging has
/// started all the same: the error is told like that of any other setting.
pub fn init(env: &Environment) -> Result<(), InitError> {
    let terminal = if io::stderr().is_terminal() { Terminal::Yes } else { Terminal::No };
    let (format, wrong_format) = or_else(Format::from_env(env, terminal), || Format::of(terminal));
    let (filter, wrong_filter) =
        or_else(env.read_as(&RUST_LOG, filter), || quiet(EnvFilter::new("info"), "info"));
    tracing_subscriber::registry().with(filter).with(Lines { format, write: to_stderr }).try_init()?;
    wrong_format.or(wrong_filter).map_or(Ok(()), |error| Err(error.into()))
}

fn or_else<T>(read: Result<T, SettingError>, default: impl FnOnce() -> T) -> (T, Option<SettingError>) {
    match read {
        Ok(value) => (value, None),
        Err(error) => (default(), Some(error)),
    }
}

const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

/// Crates that log, which may stand in a filter without a level.
const CRATES: [&str; 22] = [
    "ai_agent",
    "axum",
    "gix",
    "h2",
    "hyper",
    "hyper_util",
    "ingest",
    "lambda_http",
    "lambda_runtime",
    "lapin",
    "mio",
    "octocrab",
    "opentelemetry",
    "opentelemetry_otlp",
    "opentelemetry_sdk",
    "reqwest",
    "rustls",
    "shared",
    "task",
    "tokio",
    "tower",
    "tower_http",
];

/// The filter that a text describes.
fn filter(text: &str) -> Result<EnvFilter, String> {
    // A word that is no level is a target to the parser, and everything else is silent.
    for word in
        text.split(',').map(str::trim).filter(|word| !word.is_empty() && !word.contains(['=', '[', '{']))
    {
        let is_level = LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word))
            || matches!(word.as_bytes(), [b'0'..=b'5']);
        let named = word.split("::").next().unwrap_or_default();
        if !is_level && !CRATES.contains(&named) {
            let lower = word.to_ascii_lowercase();
            let nearest = LEVELS.into_iter().min_by_key(|level| strsim::damerau_levenshtein(level, &lower));
            return Err(format!(
                "{word:?} is not a level: did you mean {}? For the logs of one module write MODULE=LEVEL",
                nearest.unwrap_or("info")
            ));
        }
    }
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).parse(text);
    filter.map(|filter| quiet(filter, text)).map_err(|error| error.to_string())
}

/// Adds that the [`QUIET`] libraries say nothing, unless the text of the filter names them.
fn quiet(filter: EnvFilter, text: &str) -> EnvFilter {
    let named = |library: &str| {
        text.split(',').any(|directive| {
            directive
                .trim()
                .strip_prefix(library)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['=', '[']) || rest.starts_with("::"))
        })
    };
    let unnamed = QUIET.into_iter().filter(|library| !named(library));
    unnamed.fold(filter, |filter, library| {
        let directive = format!("{library}=off").parse().expect("a crate and a level are a directive");
        filter.add_directive(directive)
    })
}

fn to_stderr(line: &str) {
    // A log that cannot be written has nowhere to say so.
    drop(io::stderr().lock().write_all(line.as_bytes()));
}

/// Formats events as lines.
struct Lines<W> {
    format: Format,
    write: W,
}

/// The fields of a span or an event, escaped and cut.
#[derive(Clone, Default)]
struct Fields(Map<String, Value>);

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Fn(&str) + 'static,
{
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context.event_scope(event).into_iter().flatten().collect::<Vec<_>>().iter().rev() {
            if let Some(outer) = span.extensions().get::<Fields>() {
                fields.0.extend(outer.0.clone());
            }
        }
        event.record(&mut fields);
        let message = fields.0.remove("message").unwrap_or_default();
        let (level, target) = (event.metadata().level(), event.metadata().target());
        let line = match self.format {
            Format::Json => json_line(*level, target, message, fields),
            Format::Text => text_line(*level, &message, &fields),
        };
        (self.write)(&line);
    }
}

fn json_line(level: Level, target: &str, message: Value, fields: Fields) -> String {
    let mut line = Map::new();
    line.insert("time".to_owned(), jiff::Timestamp::now().to_string().into());
    line.insert("level".to_owned(), level.as_str().to_ascii_lowercase().into());
    line.insert("target".to_owned(), target.into());
    line.insert("message".to_owned(), message);
    for (name, value) in fields.0 {
        // What describes the line itself cannot be replaced by a field of the same name.
        line.entry(name).or_insert(value);
    }
    format!("{}\n", Value::Object(line))
}

fn text_line(level: Level, message: &Value, fields: &Fields) -> String {
    let mut line = format!("{:5} {}", level.as_str(), message.as_str().unwrap_or_default());
    for (name, value) in &fields.0 {
        line.push(' ');
        line.push_str(name);
        line.push('=');
        line.push_str(&value.to_string());
    }
    line.push('\n');
    line
}

impl Fields {
    fn insert(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, printable(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut text = value.to_string();
        let mut source = value.source();
        while let Some(error) = source {
            text.push_str(": ");
            text.push_str(&error.to_string());
            source = error.source();
        }
        self.insert(field, printable(&text));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.insert(field, printable(&format!("{value:?}")));
    }
}

/// The text with every character escaped that a reader would not see, or that would change what is around it.
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(MAX_VALUE));
    let mut rest = text.chars();
    for c in rest.by_ref().take(MAX_VALUE) {
        let hidden = c.is_control()
            || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}');
        if hidden {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    match rest.count() {
        0 => out,
        cut => format!("{out}… ({cut} more)"),
    }
}

#[cfg(test)]
mod tests;
