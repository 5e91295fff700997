//! A *setting* is a key and its scalar value as they stand in a file: configuration, a constant, a default.
//!
//! One scanner reads them all, line by line: the key, perhaps quoted, perhaps a type, then `=`, `:`, `:=` or `=>`,
//! then a literal that ends the expression. `[sections]` and indentation give the parents for dotted keys.

use std::ops::Range;

use super::Stop;
use super::files::{Change, Places, Source, is_prose, line_of, line_range};
use super::grammar::Name;
use super::term::{self, Literal, short};

/// Longest line in bytes that is looked at: what is longer was written by a program.
const MAX_LINE: usize = 4096;

/// A scalar of a file, without its quotes.
#[derive(Clone, Debug)]
struct Setting<'a> {
    source: Source<'a>,
    /// The key as it is written there.
    key: &'a str,
    range: Range<usize>,
    quote: Option<char>,
}

impl<'a> Setting<'a> {
    fn value(&self) -> &'a str {
        &self.source.text[self.range.clone()]
    }

    fn place(&self) -> String {
        format!("{}:{}", self.source.path, line_of(self.source.text, self.range.start))
    }
}

/// The one setting that a name means: the change of its value, and its key as it is written.
pub(super) fn places<'a>(
    sources: &[Source<'a>],
    named: bool,
    name: &Name,
    from: Option<&str>,
    to: &str,
    line: Option<usize>,
) -> Result<(Places<'a>, String), Stop> {
    let key = name.as_str();
    let mut settings = Vec::new();
    let mut computed = None;
    for source in sources.iter().filter(|source| named || !is_prose(source.path)) {
        scan(*source, name, &mut settings, &mut computed);
        if let Some(line) = line {
            let wanted = line_range(source.text, line);
            settings.retain(|setting| {
                setting.source.path != source.path || wanted.contains(&setting.range.start)
            });
        }
    }
    if settings.is_empty() {
        return Err(Stop::Cannot(match computed {
            Some(place) => format!("the value of `{}` at {place} is not a plain literal", short(key)),
            None => format!("no file that was read gives `{}` a value", short(key)),
        }));
    }
    if let Some(from) = from {
        let all: Vec<&str> = settings.iter().map(Setting::value).collect();
        let has = format!("`{}` is `{}`, not `{}`", short(key), short(all[0]), short(from));
        settings.retain(|setting| same(setting.value(), from));
        if settings.is_empty() {
            return Err(Stop::Cannot(has));
        }
    }
    let [setting] = &settings[..] else {
        let all: Vec<String> = settings.iter().take(4).map(Setting::place).collect();
        return Err(Stop::Cannot(format!(
            "`{}` has a value in {} places ({}), and the issue does not name one",
            short(key),
            settings.len(),
            all.join(", ")
        )));
    };
    if setting.source.protected {
        return Err(Stop::Cannot(format!("`{}` is protected", setting.source.path)));
    }
    if same(setting.value(), to) {
        return Err(Stop::Cannot(format!("`{}` is `{}` already", short(key), short(to))));
    }
    let new = fit(setting, to)
        .map_err(|why| Stop::Cannot(format!("`{}` at {} {why}", short(key), setting.place())))?;
    let change = Change { source: setting.source.path, range: setting.range.clone(), new };
    let key = if matches!(name, Name::Exact(_)) { key } else { setting.key };
    Ok((Places { changes: vec![change], notes: Vec::new() }, key.to_owned()))
}

/// Whether any file gives the name a value.
pub(super) fn is_key(sources: &[Source<'_>], name: &str) -> bool {
    let name = Name::Exact(name.to_owned());
    let mut settings = Vec::new();
    for source in sources.iter().filter(|source| !is_prose(source.path)) {
        scan(*source, &name, &mut settings, &mut None);
    }
    !settings.is_empty()
}

fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let inner = text.strip_prefix(['"', '\'']).and_then(|text| text.strip_suffix(['"', '\'']));
    inner.unwrap_or(text)
}

fn same(value: &str, wish: &str) -> bool {
    let wish = unquoted(wish);
    let plain = |text: &str| text.replace('_', "");
    value == wish
        || term::literal(value) == Some(Literal::Bool) && value.eq_ignore_ascii_case(wish)
        || term::literal(value) == Some(Literal::Number) && plain(value) == plain(wish)
}

/// The new value as it has to be written in the place of the old one, or why it does not fit.
fn fit(setting: &Setting<'_>, wish: &str) -> Result<String, String> {
    let new = unquoted(wish);
    if new.is_empty() || new.contains(['\n', '\\', '"', '\'', '`']) || new.chars().any(crate::path::is_hidden)
    {
        return Err("would need characters that have to be escaped".to_owned());
    }
    let old = setting.value();
    let line_valued = is_line_valued(setting.source);
    if setting.quote.is_some() {
        return Ok(new.to_owned());
    }
    match (term::literal(old), term::literal(new)) {
        (Some(Literal::Number), Some(Literal::Number)) => {
            let unit = |text: &str| {
                let hex = text.starts_with("0x");
                text.trim_start_matches(|c: char| !c.is_ascii_alphabetic() && c != '%' || hex).to_owned()
            };
            let (old_unit, new_unit) = (unit(old), unit(new));
            if old_unit != new_unit {
                return Err(format!("is `{old}`; with `{new}` the unit would change"));
            }
            Ok(new.to_owned())
        }
        (Some(Literal::Bool), Some(Literal::Bool)) => Ok(if old.starts_with(char::is_uppercase) {
            let rest = new[1..].to_ascii_lowercase();
            format!("{}{rest}", new[..1].to_ascii_uppercase())
        } else {
            new.to_ascii_lowercase()
        }),
        (Some(a), b) if b != Some(a) => {
            Err(format!("is `{old}`, which is another kind of value than `{new}`"))
        }
        _ if line_valued && new.contains(": ")
            || new.contains(" #")
            || new.contains(['{', '[', '&', '*', ';']) =>
        {
            Err("would need quotation marks".to_owned())
        }
        _ => Ok(new.to_owned()),
    }
}

/// Whether a value goes to the end of its line.
fn is_line_valued(source: Source<'_>) -> bool {
    let path = source.path;
    path.file_name().starts_with(".env")
        || path.extension().is_some_and(|extension| {
            ["yaml", "yml", "ini", "cfg", "conf", "env", "properties"].contains(&extension)
        })
}

/// Collects the settings of one file under the name.
fn scan<'a>(source: Source<'a>, name: &Name, settings: &mut Vec<Setting<'a>>, computed: &mut Option<String>) {
    let (parents, key) = match name {
        Name::Exact(name) => {
            name.rsplit_once('.').map_or((None, name.as_str()), |(head, key)| (Some(head), key))
        }
        Name::Loose(name) => (None, name.as_str()),
    };
    let mut start = 0;
    let mut outline = Outline::default();
    for line in source.text.split_inclusive('\n') {
        let content = line.trim_end_matches(['\n', '\r']);
        let comment = ["#", "//", ";", "*", "/*", "--", "<!--"]
            .iter()
            .any(|mark| content.trim_start().starts_with(mark));
        // `#define` and `--flag: x` of YAML lists are no comments.
        let long = content.len() > MAX_LINE;
        if long || comment && !content.trim_start().starts_with("#define ") {
            start += line.len();
            continue;
        }
        outline.enter(content);
        let mut found = |key_range: Range<usize>| match value_after(source, content, key_range.clone()) {
            Value::Scalar(range, quote) => {
                let range = start + range.start..start + range.end;
                settings.push(Setting { source, key: &content[key_range], range, quote });
            }
            Value::Computed if computed.is_none() => {
                *computed = Some(format!("{}:{}", source.path, line_of(source.text, start)));
            }
            Value::Computed | Value::None => {}
        };
        match name {
            Name::Exact(full) => {
                for range in whole_keys(content, full) {
                    found(range);
                }
                if let Some(parents) = parents
                    && outline.is_under(parents)
                {
                    for range in whole_keys(content, key) {
                        found(range);
                    }
                }
            }
            Name::Loose(words) => {
                let wanted = term::loose(words);
                for range in identifiers(content) {
                    if term::loose(&content[range.clone()]) == wanted {
                        found(range);
                    }
                }
            }
        }
        start += line.len();
    }
}

fn is_key_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '$' | '.' | '@')
}

/// Where the key stands with no character of a key on either side.
fn whole_keys(line: &str, key: &str) -> Vec<Range<usize>> {
    line.match_indices(key)
        .map(|(at, _)| at..at + key.len())
        .filter(|range| {
            !line[..range.start].ends_with(is_key_char) && !line[range.end..].starts_with(is_key_char)
        })
        .collect()
}

fn identifiers(line: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = None;
    for (at, c) in line.char_indices().chain([(line.len(), ' ')]) {
        if c.is_alphanumeric() || matches!(c, '_' | '-') {
            start.get_or_insert(at);
        } else if let Some(start) = start.take() {
            let within = !line[..start].ends_with('.') && c != '.';
            if within {
                found.push(start..at);
            }
        }
    }
    found
}

enum Value {
    Scalar(Range<usize>, Option<char>),
    /// Something that is more than a literal.
    Computed,
    None,
}

/// Reads the operator and the literal after a key.
fn value_after(source: Source<'_>, line: &str, key: Range<usize>) -> Value {
    let quote = line[..key.start].chars().next_back().filter(|c| "\"'`".contains(*c));
    let mut rest = &line[key.end..];
    if let Some(quote) = quote {
        let Some(after) = rest.strip_prefix(quote) else { return Value::None };
        rest = after;
    }
    let defined = line.trim_start().starts_with("#define ") && line[..key.start].trim() == "#define";
    let Some(value) =
        (if defined { rest.strip_prefix(' ').map(str::trim_start) } else { operator(rest, quote.is_some()) })
    else {
        return Value::None;
    };
    let at = line.len() - value.len();
    let Some(first) = value.chars().next() else { return Value::None };
    if "\"'`".contains(first) {
        let inner = &value[1..];
        let Some(end) = inner.find(first) else { return Value::Computed };
        let text = &inner[..end];
        if text.contains('\\') || text.contains("${") || !ends_expression(&inner[end + 1..]) {
            return Value::Computed;
        }
        return Value::Scalar(at + 1..at + 1 + end, Some(first));
    }
    if is_line_valued(source) {
        let end = [" #", " ;", "\t#"].iter().filter_map(|mark| value.find(mark)).min().unwrap_or(value.len());
        let text = value[..end].trim_end();
        if text.is_empty()
            || text.starts_with(['&', '*', '!', '|', '>', '{', '[', '%', '@', '#', '-'])
                && term::literal(text).is_none()
        {
            return Value::Computed;
        }
        return Value::Scalar(at..at + text.len(), None);
    }
    let end = value.find(|c: char| c.is_whitespace() || ",;)]}".contains(c)).unwrap_or(value.len());
    let text = &value[..end];
    let style_sheet =
        source.path.extension().is_some_and(|extension| ["css", "scss", "less"].contains(&extension));
    let number_with_type = text.find(['u', 'i', 'f', 'L']).filter(|at| {
        let (digits, kind) = text.split_at(*at);
        term::literal(digits) == Some(Literal::Number)
            && [
                "u8", "u16", "u32", "u64", "usize", "i8", "i16", "i32", "i64", "isize", "f32", "f64", "L",
                "u128", "i128",
            ]
            .contains(&kind.trim_start_matches('_'))
    });
    let text = number_with_type.map_or(text, |at| text[..at].trim_end_matches('_'));
    let is_plain = !text.is_empty() && !text.contains('(');
    let literal = matches!(term::literal(text), Some(Literal::Number))
        || ["true", "false", "True", "False"].contains(&text);
    if !(literal || style_sheet && is_plain) || !ends_expression(&value[end..]) {
        return Value::Computed;
    }
    Value::Scalar(at..at + text.len(), None)
}

/// What stands behind `=`, `:`, `:=` or `=>`, and behind a type before `=`.
fn operator(rest: &str, quoted: bool) -> Option<&str> {
    let rest = rest.trim_start();
    if let Some(after) = rest.strip_prefix("=>") {
        return quoted.then(|| after.trim_start());
    }
    if rest.starts_with("==") || rest.starts_with("=~") || rest.starts_with("::") {
        return None;
    }
    if let Some(after) =
        rest.strip_prefix('=').or_else(|| rest.strip_prefix(":=")).or_else(|| rest.strip_prefix("?="))
    {
        return Some(after.trim_start());
    }
    let after = rest.strip_prefix(':').map(str::trim_start);
    // `name: Type = value`, `Name Type = value`
    let typed = after.unwrap_or(rest);
    if let Some((kind, value)) = typed.split_once('=')
        && !kind.trim().is_empty()
        && kind.chars().all(|c| c.is_alphanumeric() || "_.<>&'|?[] :*".contains(c))
        && !value.starts_with(['=', '>', '~'])
        && !kind.ends_with(['<', '>'])
        && !quoted
    {
        return Some(value.trim_start());
    }
    after
}

/// Whether nothing that would take part in the expression follows a literal.
fn ends_expression(rest: &str) -> bool {
    let rest = rest.trim_start();
    rest.is_empty()
        || rest.starts_with([',', ';', ')', ']', '}', '#'])
        || ["//", "/*", "--", "<!--"].iter().any(|comment| rest.starts_with(comment))
}

/// The parents of the current line, by `[section]` and by indentation.
#[derive(Default)]
struct Outline {
    section: Vec<String>,
    /// Indentation and key of the lines that enclose this one.
    open: Vec<(usize, String)>,
}

impl Outline {
    fn enter(&mut self, line: &str) {
        let content = line.trim();
        if content.is_empty() {
            return;
        }
        if let Some(header) = content.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            let name = header.0.trim_matches(['[', ']', ' ']);
            self.section =
                name.split('.').map(|part| part.trim_matches(['"', '\'', ' ']).to_owned()).collect();
            return;
        }
        let indent = line.len() - line.trim_start().len();
        while self.open.last().is_some_and(|(open, _)| *open >= indent) {
            self.open.pop();
        }
        let key = content.trim_start_matches("- ").split([':', '=']).next().unwrap_or_default();
        self.open.push((indent, key.trim().trim_matches(['"', '\'']).to_owned()));
    }

    /// Whether the line stands under these parents, given from the outermost that matters.
    fn is_under(&self, parents: &str) -> bool {
        let mut path: Vec<&str> = self.section.iter().map(String::as_str).collect();
        path.extend(self.open.iter().rev().skip(1).rev().map(|(_, key)| key.as_str()));
        let wanted: Vec<&str> = parents.split('.').collect();
        path.ends_with(&wanted)
    }
}
