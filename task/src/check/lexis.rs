//! What a language writes its comments, its strings and its blocks with: as much as finding pairs takes.

use crate::language::Language;

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lexis {
    pub(super) line_comments: &'static [&'static str],
    pub(super) block_comment: Option<BlockComment>,
    double: Quote,
    single: Quote,
    back: Quote,
    /// Quotes of which three begin and end a text of many lines.
    pub(super) triples: &'static [char],
    /// Texts that no escape ends early.
    raw: Raw,
    /// Code inside of strings.
    interpolation: Option<Interpolation>,
    pub(super) feature: Feature,
    pub(super) words: Option<Words>,
}

/// What tells a few languages from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Feature {
    None,
    Regexes,
    /// Those, and elements of JSX.
    RegexesAndTags,
    Preprocessor,
    /// What stands outside of `<?` and `?>` is another language.
    Embedded,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct BlockComment {
    pub(super) open: &'static str,
    pub(super) close: &'static str,
    pub(super) nests: bool,
}

/// How code stands inside of a string.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interpolation {
    quotes: &'static [char],
    /// What stands before the quote of a string that may have some.
    prefix: Prefix,
    /// What it begins with, a bracket at the end.
    sign: &'static str,
}

#[derive(Clone, Copy, Debug)]
enum Prefix {
    Any,
    Letter,
    Dollar,
}

/// What a quote begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quote {
    None,
    /// One character; alone it is something else, such as a lifetime.
    Char,
    /// Text that ends with its line at the latest.
    Line,
    /// Text of any number of lines.
    Text,
    /// As [`Self::Text`], without escapes.
    Raw,
    /// As [`Self::Text`], where a value can begin; elsewhere it is a letter.
    Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Raw {
    None,
    /// `R"x(…)x"`
    Cpp,
    /// `r#"…"#`
    Rust,
    /// `#"…"#`
    Swift,
    /// `@"…"`, in which two quotes are one, and `"""…"""`.
    CSharp,
    /// `[==[…]==]`
    Lua,
}

/// Words that open and close blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Words {
    Lua,
    Ruby,
    Shell,
}

const C_COMMENT: Option<BlockComment> = Some(BlockComment { open: "/*", close: "*/", nests: false });
const NESTED_COMMENT: Option<BlockComment> = Some(BlockComment { open: "/*", close: "*/", nests: true });

/// C and what looks like it.
const BRACES: Lexis = Lexis {
    line_comments: &["//"],
    block_comment: C_COMMENT,
    double: Quote::Line,
    single: Quote::Char,
    back: Quote::None,
    triples: &[],
    raw: Raw::None,
    interpolation: None,
    feature: Feature::None,
    words: None,
};
const BASH: Lexis = Lexis { double: Quote::Text, single: Quote::Raw, words: Some(Words::Shell), ..HASH };
const C: Lexis = Lexis { feature: Feature::Preprocessor, ..BRACES };
const CPP: Lexis = Lexis { raw: Raw::Cpp, ..C };
const CSHARP: Lexis = Lexis { raw: Raw::CSharp, interpolation: Some(code(&['"'], Prefix::Dollar, "{")), ..C };
const CSS: Lexis = Lexis { line_comments: &[], single: Quote::Line, ..BRACES };
const GO: Lexis = Lexis { back: Quote::Raw, ..BRACES };
/// Comments begin with a hash.
const HASH: Lexis = Lexis { line_comments: &["#"], block_comment: None, ..BRACES };
const JAVA: Lexis = Lexis { triples: &['"'], ..BRACES };
const JSX: Lexis = Lexis { feature: Feature::RegexesAndTags, ..SCRIPT };
const KOTLIN: Lexis =
    Lexis { block_comment: NESTED_COMMENT, interpolation: Some(code(&['"'], Prefix::Any, "${")), ..JAVA };
const LUA: Lexis = Lexis {
    line_comments: &["--"],
    block_comment: None,
    single: Quote::Line,
    raw: Raw::Lua,
    words: Some(Words::Lua),
    ..BRACES
};
const PHP: Lexis = Lexis {
    line_comments: &["//", "#"],
    double: Quote::Text,
    single: Quote::Text,
    back: Quote::Text,
    interpolation: Some(code(&['"'], Prefix::Any, "{$")),
    feature: Feature::Embedded,
    ..BRACES
};
const PYTHON: Lexis = Lexis { single: Quote::Line, triples: &['"', '\''], ..HASH };
const RUBY: Lexis = Lexis {
    single: Quote::Line,
    back: Quote::Line,
    interpolation: Some(code(&['"', '`'], Prefix::Any, "#{")),
    feature: Feature::Regexes,
    words: Some(Words::Ruby),
    ..HASH
};
const RUST: Lexis = Lexis { block_comment: NESTED_COMMENT, double: Quote::Text, raw: Raw::Rust, ..BRACES };
const SCALA: Lexis = Lexis { interpolation: Some(code(&['"'], Prefix::Letter, "${")), ..KOTLIN };
const SCRIPT: Lexis = Lexis {
    single: Quote::Line,
    back: Quote::Text,
    interpolation: Some(code(&['`'], Prefix::Any, "${")),
    feature: Feature::Regexes,
    ..BRACES
};
const SWIFT: Lexis = Lexis {
    block_comment: NESTED_COMMENT,
    single: Quote::None,
    raw: Raw::Swift,
    interpolation: Some(code(&['"'], Prefix::Any, "\\(")),
    ..JAVA
};
const YAML: Lexis = Lexis { double: Quote::Value, single: Quote::Value, ..HASH };

const fn code(quotes: &'static [char], prefix: Prefix, sign: &'static str) -> Interpolation {
    Interpolation { quotes, prefix, sign }
}

impl Lexis {
    /// `None` for languages in which pairs are another parser's matter, or none's.
    pub(super) fn of(language: Language) -> Option<&'static Self> {
        Some(match language {
            Language::Html | Language::Json | Language::Toml => return None,
            Language::Bash => &BASH,
            Language::C => &C,
            Language::Cpp => &CPP,
            Language::CSharp => &CSHARP,
            Language::Css => &CSS,
            Language::Go => &GO,
            Language::Java => &JAVA,
            Language::JavaScript | Language::Tsx => &JSX,
            Language::Kotlin => &KOTLIN,
            Language::Lua => &LUA,
            Language::Php => &PHP,
            Language::Python => &PYTHON,
            Language::Ruby => &RUBY,
            Language::Rust => &RUST,
            Language::Scala => &SCALA,
            Language::Swift => &SWIFT,
            Language::TypeScript => &SCRIPT,
            Language::Yaml => &YAML,
        })
    }

    pub(super) fn is_embedded(&self) -> bool {
        self.feature == Feature::Embedded
    }

    pub(super) fn quote(&self, quote: char) -> Quote {
        match quote {
            '"' => self.double,
            '\'' => self.single,
            _ => self.back,
        }
    }

    /// What begins code inside of a string that `quote` begins, behind `previous`.
    pub(super) fn interpolation(&self, quote: char, previous: Option<char>) -> Option<&'static str> {
        let Interpolation { quotes, prefix, sign } = self.interpolation?;
        let fits = match prefix {
            Prefix::Any => true,
            Prefix::Letter => previous.is_some_and(char::is_alphabetic),
            Prefix::Dollar => previous == Some('$'),
        };
        (fits && quotes.contains(&quote)).then_some(sign)
    }

    /// What ends the comment of many lines that `rest` begins with, in Lua.
    pub(super) fn long_comment(&self, rest: &str) -> Option<String> {
        if self.raw != Raw::Lua {
            return None;
        }
        long_bracket(rest.strip_prefix("--")?)
    }

    /// How long the raw text is that `rest` begins with; one that never ends takes all of it.
    pub(super) fn raw_text(&self, rest: &str, previous: Option<char>) -> Option<usize> {
        let in_word = previous.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let until =
            |from: usize, end: &str| rest[from..].find(end).map_or(rest.len(), |at| from + at + end.len());
        match self.raw {
            Raw::None => None,
            Raw::Cpp => {
                let from = rest.strip_prefix("R\"").filter(|_| !in_word || previous == Some('8'))?;
                let (delimiter, _) = from.split_once('(').filter(|(word, _)| word.len() <= 16)?;
                Some(until(2 + delimiter.len(), &format!("){delimiter}\"")))
            }
            Raw::Rust | Raw::Swift => {
                let prefix = if self.raw == Raw::Swift {
                    ""
                } else {
                    ["br", "cr", "r"].into_iter().find(|prefix| !in_word && rest.starts_with(*prefix))?
                };
                let marks = rest[prefix.len()..].len() - rest[prefix.len()..].trim_start_matches('#').len();
                let start = prefix.len() + marks;
                if self.raw == Raw::Swift && marks > 0 && rest[start..].starts_with('/') {
                    return Some(until(start + 1, &format!("/{}", "#".repeat(marks))));
                }
                let is_raw = rest[start..].starts_with('"') && (marks > 0 || self.raw == Raw::Rust);
                is_raw.then(|| until(start + 1, &format!("\"{}", "#".repeat(marks))))
            }
            Raw::CSharp => {
                let marks = rest.len() - rest.trim_start_matches(['$', '@']).len();
                let text = &rest[marks..];
                let quotes = text.len() - text.trim_start_matches('"').len();
                if quotes >= 3 && quotes != 4 {
                    return Some(until(marks + quotes, &"\"".repeat(quotes)));
                }
                if quotes == 0 || !rest[..marks].contains('@') {
                    return None;
                }
                let mut at = marks + 1;
                loop {
                    at = until(at, "\"");
                    if !rest[at..].starts_with('"') {
                        return Some(at);
                    }
                    at += 1;
                }
            }
            Raw::Lua => {
                let end = long_bracket(rest)?;
                Some(until(end.len(), &end))
            }
        }
    }

    /// The word that ends the heredoc that `rest` announces, and how long the announcement is.
    pub(super) fn heredoc<'t>(&self, rest: &'t str) -> Option<(&'t str, usize)> {
        let sign = if self.is_embedded() { "<<<" } else { "<<" };
        if !self.is_embedded() && self.words.is_none_or(|words| words == Words::Lua) {
            return None;
        }
        let after = rest.strip_prefix(sign)?;
        let mut word = after.trim_start_matches(['-', '~']);
        if self.words == Some(Words::Shell) || self.is_embedded() {
            word = word.trim_start_matches([' ', '\t']);
        }
        let quoted = word.starts_with(['\'', '"', '\\']);
        word = word.trim_start_matches(['\'', '"', '\\']);
        let end = word.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(word.len());
        let first = word.chars().next()?;
        // `a << b` and `class << self` are none.
        let is_word = first.is_ascii_uppercase() || first == '_' || self.is_embedded() || quoted;
        let is_shell = self.words == Some(Words::Shell) && first.is_alphabetic();
        let close = usize::from(quoted && word[end..].starts_with(['\'', '"']));
        (end > 0 && (is_word || is_shell)).then(|| (&word[..end], rest.len() - word.len() + end + close))
    }
}

fn long_bracket(rest: &str) -> Option<String> {
    let level = rest.strip_prefix('[')?;
    let marks = level.len() - level.trim_start_matches('=').len();
    level[marks..].starts_with('[').then(|| format!("]{}]", "=".repeat(marks)))
}

/// What a word does to blocks, with the word that closes the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Opens(&'static str),
    Closes(&'static str),
}

impl Words {
    /// What `word` does between the text before it and the text after it on its line.
    pub(super) fn sign(self, word: &str, before: &str, after: &str) -> Option<Sign> {
        match self {
            Self::Lua => match word {
                // A field may be called so.
                _ if before.ends_with(['.', ':']) => None,
                "function" | "if" | "do" => Some(Sign::Opens("end")),
                "repeat" => Some(Sign::Opens("until")),
                "end" => Some(Sign::Closes("end")),
                "until" => Some(Sign::Closes("until")),
                _ => None,
            },
            Self::Shell => {
                let before = before.trim_end();
                let command = before.is_empty()
                    || before.ends_with([';', '|', '&', '(', '{', ')'])
                    || ["do", "then", "else"].iter().any(|word| {
                        before
                            .strip_suffix(word)
                            .is_some_and(|rest| !rest.ends_with(|c: char| c.is_alphanumeric()))
                    });
                match word {
                    _ if !command => None,
                    "if" => Some(Sign::Opens("fi")),
                    "case" => Some(Sign::Opens("esac")),
                    "do" => Some(Sign::Opens("done")),
                    "fi" => Some(Sign::Closes("fi")),
                    "esac" => Some(Sign::Closes("esac")),
                    "done" => Some(Sign::Closes("done")),
                    _ => None,
                }
            }
            Self::Ruby => ruby(word, before, after),
        }
    }
}

/// In Ruby most words open a block only where a statement begins.
fn ruby(word: &str, before: &str, after: &str) -> Option<Sign> {
    if before.ends_with(['.', ':', '@']) || (after.starts_with(':') && !after.starts_with("::")) {
        return None;
    }
    if after.starts_with(['?', '!']) {
        return None;
    }
    let before = before.trim_end();
    let begins = before.is_empty()
        || before.ends_with([';', '=', '(', '{', '[', ',', '|', '&'])
        || ["then", "else", "do", "and", "or", "not", "private", "protected", "public", "memoize"]
            .iter()
            .any(|word| {
                before.strip_suffix(word).is_some_and(|rest| !rest.ends_with(|c: char| c.is_alphanumeric()))
            });
    match word {
        "end" => Some(Sign::Closes("end")),
        "class" | "module" | "begin" | "case" | "if" | "unless" | "for" | "while" | "until" if begins => {
            Some(Sign::Opens("end"))
        }
        // Not `def f(a) = b`.
        "def" if !is_endless(after) => Some(Sign::Opens("end")),
        "do" => {
            // A loop has its own.
            let line = before.trim_start();
            let of_loop = ["while ", "until ", "for "].iter().any(|word| line.starts_with(word));
            (!of_loop).then_some(Sign::Opens("end"))
        }
        _ => None,
    }
}

fn is_endless(after: &str) -> bool {
    let name = after.trim_start();
    let end = name.find(|c: char| !(c.is_alphanumeric() || "_?!.".contains(c))).unwrap_or(name.len());
    let rest = &name[end..];
    let rest = match rest.strip_prefix('(') {
        Some(parameters) => parameters.split_once(')').map_or("", |(_, rest)| rest),
        None => rest,
    };
    rest.trim_start().starts_with('=') && !rest.trim_start().starts_with("==")
}
