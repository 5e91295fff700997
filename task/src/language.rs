//! A *language* is what a file's name says it is written in: it decides how the file is parsed, checked and outlined.

use serde::{Deserialize, Serialize};

use crate::path::RepoPath;

/// The languages with a grammar. Any other file is plain text: it can be read and edited, not checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Language {
    Bash,
    C,
    Cpp,
    CSharp,
    Css,
    Go,
    Html,
    Java,
    JavaScript,
    Json,
    Kotlin,
    Lua,
    Php,
    Python,
    Ruby,
    Rust,
    Scala,
    Swift,
    Toml,
    Tsx,
    TypeScript,
    Yaml,
}

impl Language {
    pub const ALL: [Self; 22] = [
        Self::Bash,
        Self::C,
        Self::Cpp,
        Self::CSharp,
        Self::Css,
        Self::Go,
        Self::Html,
        Self::Java,
        Self::JavaScript,
        Self::Json,
        Self::Kotlin,
        Self::Lua,
        Self::Php,
        Self::Python,
        Self::Ruby,
        Self::Rust,
        Self::Scala,
        Self::Swift,
        Self::Toml,
        Self::Tsx,
        Self::TypeScript,
        Self::Yaml,
    ];

    /// What the name of the file says, by extension or by well-known name.
    pub fn of(path: &RepoPath) -> Option<Self> {
        let name = path.file_name();
        if matches!(name, "Pipfile" | "Cargo.lock" | "poetry.lock" | "uv.lock" | "pdm.lock") {
            return Some(Self::Toml);
        }
        if matches!(
            name,
            "Rakefile"
                | "Gemfile"
                | "Vagrantfile"
                | "Podfile"
                | "Fastfile"
                | "Brewfile"
                | "Dangerfile"
                | "Guardfile"
        ) {
            return Some(Self::Ruby);
        }
        if matches!(name, "SConstruct" | "SConscript" | "wscript") {
            return Some(Self::Python);
        }
        if matches!(name, ".bashrc" | ".bash_profile" | ".profile" | ".envrc") {
            return Some(Self::Bash);
        }
        if matches!(name, "Pipfile.lock" | "composer.lock" | "flake.lock") {
            return Some(Self::Json);
        }
        Some(match path.extension()?.to_ascii_lowercase().as_str() {
            "sh" | "bash" => Self::Bash,
            "c" | "h" => Self::C,
            "cc" | "cpp" | "cxx" | "hh" | "hpp" | "hxx" | "ipp" | "inl" | "tpp" => Self::Cpp,
            "cs" => Self::CSharp,
            "css" => Self::Css,
            "go" => Self::Go,
            "html" | "htm" => Self::Html,
            "java" => Self::Java,
            "js" | "jsx" | "mjs" | "cjs" => Self::JavaScript,
            "json" | "geojson" | "webmanifest" | "ipynb" | "jsonc" | "json5" | "code-workspace" => Self::Json,
            "kt" | "kts" => Self::Kotlin,
            "lua" => Self::Lua,
            "php" | "phtml" => Self::Php,
            "py" | "pyi" | "pyw" => Self::Python,
            "rb" | "rake" | "gemspec" | "podspec" | "ru" => Self::Ruby,
            "rs" => Self::Rust,
            "scala" | "sc" | "sbt" => Self::Scala,
            "swift" => Self::Swift,
            "toml" => Self::Toml,
            "tsx" => Self::Tsx,
            "ts" | "mts" | "cts" => Self::TypeScript,
            "yaml" | "yml" => Self::Yaml,
            _ => return None,
        })
    }

    /// What the name says, or else the beginning of the text: a `#!` line names the language of a file without an
    /// extension, and a header is C++ if it reads like it.
    pub fn of_file(path: &RepoPath, text: &str) -> Option<Self> {
        match Self::of(path) {
            Some(Self::C) if path.extension() != Some("c") && reads_like_cpp(text) => Some(Self::Cpp),
            None if path.extension().is_none() => interpreted(text.lines().next()?),
            known => known,
        }
    }

    /// The name for people, and for a fenced block's info string.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::C => "c",
            Self::Cpp => "cpp",
            Self::CSharp => "csharp",
            Self::Css => "css",
            Self::Go => "go",
            Self::Html => "html",
            Self::Java => "java",
            Self::JavaScript => "javascript",
            Self::Json => "json",
            Self::Kotlin => "kotlin",
            Self::Lua => "lua",
            Self::Php => "php",
            Self::Python => "python",
            Self::Ruby => "ruby",
            Self::Rust => "rust",
            Self::Scala => "scala",
            Self::Swift => "swift",
            Self::Toml => "toml",
            Self::Tsx => "tsx",
            Self::TypeScript => "typescript",
            Self::Yaml => "yaml",
        }
    }

    pub fn grammar(self) -> tree_sitter::Language {
        match self {
            Self::Bash => tree_sitter_bash::LANGUAGE.into(),
            Self::C => tree_sitter_c::LANGUAGE.into(),
            Self::Cpp => tree_sitter_cpp::LANGUAGE.into(),
            Self::CSharp => tree_sitter_c_sharp::LANGUAGE.into(),
            Self::Css => tree_sitter_css::LANGUAGE.into(),
            Self::Go => tree_sitter_go::LANGUAGE.into(),
            Self::Html => tree_sitter_html::LANGUAGE.into(),
            Self::Java => tree_sitter_java::LANGUAGE.into(),
            Self::JavaScript => tree_sitter_javascript::LANGUAGE.into(),
            Self::Json => tree_sitter_json::LANGUAGE.into(),
            Self::Kotlin => tree_sitter_kotlin_ng::LANGUAGE.into(),
            Self::Lua => tree_sitter_lua::LANGUAGE.into(),
            Self::Php => tree_sitter_php::LANGUAGE_PHP.into(),
            Self::Python => tree_sitter_python::LANGUAGE.into(),
            Self::Ruby => tree_sitter_ruby::LANGUAGE.into(),
            Self::Rust => tree_sitter_rust::LANGUAGE.into(),
            Self::Scala => tree_sitter_scala::LANGUAGE.into(),
            Self::Swift => tree_sitter_swift::LANGUAGE.into(),
            Self::Toml => tree_sitter_toml_ng::LANGUAGE.into(),
            Self::Tsx => tree_sitter_typescript::LANGUAGE_TSX.into(),
            Self::TypeScript => tree_sitter_typescript::LANGUAGE_TYPESCRIPT.into(),
            Self::Yaml => tree_sitter_yaml::LANGUAGE.into(),
        }
    }
}

/// The language of the interpreter that a `#!` line names, by its path or through `env`.
fn interpreted(first_line: &str) -> Option<Language> {
    let mut words = first_line.strip_prefix("#!")?.split_whitespace();
    let mut program = words.next()?;
    if program.ends_with("/env") {
        // Options and settings stand before the program.
        program = words.find(|word| !word.starts_with('-') && !word.contains('='))?;
    }
    let name = program.rsplit('/').next()?.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    Some(match name {
        "sh" | "bash" | "dash" | "ash" | "ksh" => Language::Bash,
        "lua" | "luajit" => Language::Lua,
        "node" | "nodejs" | "bun" => Language::JavaScript,
        "php" | "phtml" => Language::Php,
        "python" | "pypy" => Language::Python,
        "ruby" => Language::Ruby,
        "scala" => Language::Scala,
        "swift" => Language::Swift,
        "deno" | "ts-node" | "tsx" => Language::TypeScript,
        _ => return None,
    })
}

/// Whether a header has lines that C does not have.
fn reads_like_cpp(text: &str) -> bool {
    text.lines().map(str::trim_start).any(|line| {
        ["namespace ", "using namespace ", "template <", "template<", "public:", "private:", "protected:"]
            .iter()
            .any(|opening| line.starts_with(opening))
            || line.contains("std::")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_tells_what_the_name_leaves_open() {
        use Language::{Bash, C, Cpp, JavaScript, Lua, Python, Rust};
        for (name, text, expected) in [
            ("run", "#!/bin/sh\n", Some(Bash)),
            ("run", "#! /usr/bin/env -S FOO=1 python3.12 -u\n", Some(Python)),
            ("bin/tool", "#!/usr/bin/env node", Some(JavaScript)),
            ("tool", "#!/usr/local/bin/lua5.4\n", Some(Lua)),
            ("tool", "#!/usr/bin/perl\n", None),
            ("tool", "#!/usr/bin/env\n", None),
            ("tool", "#!\n", None),
            ("tool", "", None),
            ("notes.txt", "#!/bin/sh\n", None),
            ("x.rs", "#!/bin/sh\n", Some(Rust)),
            ("a.h", "int f(void);\n", Some(C)),
            ("a.h", "#pragma once\n  template <class T> struct A;\n", Some(Cpp)),
            ("a.h", "void f(std::string s);\n", Some(Cpp)),
            ("a.c", "// std::string\n", Some(C)),
        ] {
            assert_eq!(Language::of_file(&RepoPath::parse(name).unwrap(), text), expected, "{name} {text:?}");
        }
    }

    #[test]
    fn every_grammar_is_of_a_version_that_the_parser_speaks() {
        for language in Language::ALL {
            tree_sitter::Parser::new().set_language(&language.grammar()).unwrap();
        }
    }
}
