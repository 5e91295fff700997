//! Markdown that GitHub *renders* as something else than its text: diagrams, maps, models, formulas.
//!
//! What such a source says and what a reader sees are two texts: a comment of Mermaid, a property of `GeoJSON`, a phantom
//! of `TeX` is in one of them alone. A word stands for the whole of it, since telling the two apart takes the renderer.

use std::ops::Range;

/// Languages of fences that GitHub draws, in small letters, and what it draws: GitHub's documentation under "Creating diagrams" and
/// "Writing mathematical expressions" (<https://docs.github.com/en/get-started/writing-on-github>).
const DRAWN: [(&str, &str); 5] = [
    ("mermaid", "(diagram)"),
    ("geojson", "(map)"),
    ("topojson", "(map)"),
    ("stl", "(3D model)"),
    ("math", FORMULA),
];

/// What stands for a formula.
const FORMULA: &str = "(formula)";

/// Languages that people name behind a fence, as GitHub's highlighter knows them (linguist's `languages.yml`). The name is
/// not shown, so only one that is known to be a name is kept.
const LANGUAGES: &[&str] = &[
    "ada",
    "apache",
    "applescript",
    "asciidoc",
    "asm",
    "astro",
    "awk",
    "bash",
    "bat",
    "batch",
    "bazel",
    "bicep",
    "c",
    "c#",
    "c++",
    "cc",
    "clj",
    "clojure",
    "cmake",
    "cmd",
    "cobol",
    "coffee",
    "coffeescript",
    "conf",
    "console",
    "cpp",
    "cr",
    "crystal",
    "cs",
    "csharp",
    "css",
    "csv",
    "cuda",
    "cxx",
    "cypher",
    "cython",
    "d",
    "dart",
    "diff",
    "docker",
    "dockerfile",
    "dos",
    "dotenv",
    "ebnf",
    "editorconfig",
    "ejs",
    "elisp",
    "elixir",
    "elm",
    "env",
    "erb",
    "erl",
    "erlang",
    "ex",
    "exs",
    "f#",
    "fish",
    "fortran",
    "fs",
    "fsharp",
    "gherkin",
    "gitignore",
    "gleam",
    "glsl",
    "go",
    "golang",
    "gradle",
    "graphql",
    "groovy",
    "h",
    "haml",
    "handlebars",
    "haskell",
    "hbs",
    "hcl",
    "hlsl",
    "hpp",
    "hs",
    "html",
    "http",
    "ini",
    "java",
    "javascript",
    "jinja",
    "jinja2",
    "jl",
    "jq",
    "js",
    "json",
    "json5",
    "jsonc",
    "jsonl",
    "jsonnet",
    "jsx",
    "julia",
    "just",
    "kotlin",
    "kt",
    "kts",
    "latex",
    "less",
    "liquid",
    "lisp",
    "log",
    "logs",
    "lua",
    "make",
    "makefile",
    "markdown",
    "matlab",
    "md",
    "mdx",
    "meson",
    "mjs",
    "ml",
    "mustache",
    "nginx",
    "nim",
    "nix",
    "none",
    "nushell",
    "objc",
    "objective-c",
    "ocaml",
    "output",
    "pascal",
    "patch",
    "perl",
    "php",
    "pl",
    "plain",
    "plaintext",
    "po",
    "postgresql",
    "powershell",
    "prisma",
    "prolog",
    "properties",
    "proto",
    "protobuf",
    "ps1",
    "pug",
    "puppet",
    "pwsh",
    "py",
    "pycon",
    "pytb",
    "python",
    "python3",
    "qml",
    "r",
    "racket",
    "rb",
    "reg",
    "regex",
    "rs",
    "rst",
    "ruby",
    "rust",
    "sass",
    "sbt",
    "scala",
    "scheme",
    "scss",
    "sed",
    "sh",
    "shell",
    "shellsession",
    "sol",
    "solidity",
    "sql",
    "starlark",
    "stylus",
    "suggestion",
    "svelte",
    "svg",
    "swift",
    "systemd",
    "tcl",
    "terraform",
    "tex",
    "text",
    "tf",
    "toml",
    "ts",
    "tsv",
    "tsx",
    "twig",
    "txt",
    "typescript",
    "v",
    "vb",
    "vbnet",
    "verilog",
    "vhdl",
    "vim",
    "viml",
    "vue",
    "wasm",
    "wat",
    "wgsl",
    "wit",
    "xml",
    "yaml",
    "yml",
    "zig",
    "zsh",
];

/// Commands of TeX that put a sign or a structure there, and neither hide nor shrink nor color nor define anything.
const COMMANDS: &[&str] = &[
    "Delta",
    "Gamma",
    "Lambda",
    "Leftarrow",
    "Leftrightarrow",
    "Omega",
    "Phi",
    "Pi",
    "Psi",
    "Rightarrow",
    "Sigma",
    "Theta",
    "alpha",
    "approx",
    "ast",
    "bar",
    "begin",
    "beta",
    "big",
    "binom",
    "bmod",
    "bullet",
    "cap",
    "cdot",
    "cdots",
    "chi",
    "circ",
    "cos",
    "cup",
    "delta",
    "det",
    "div",
    "dot",
    "dots",
    "ell",
    "emptyset",
    "end",
    "epsilon",
    "equiv",
    "eta",
    "exists",
    "exp",
    "forall",
    "frac",
    "gamma",
    "ge",
    "geq",
    "gg",
    "hat",
    "in",
    "infty",
    "int",
    "iota",
    "kappa",
    "lambda",
    "langle",
    "lceil",
    "ldots",
    "le",
    "left",
    "leftarrow",
    "leq",
    "lfloor",
    "lim",
    "ll",
    "ln",
    "log",
    "mapsto",
    "mathbb",
    "mathbf",
    "mathcal",
    "mathit",
    "mathrm",
    "max",
    "mid",
    "min",
    "mp",
    "mu",
    "nabla",
    "ne",
    "neg",
    "neq",
    "notin",
    "nu",
    "odot",
    "omega",
    "operatorname",
    "oplus",
    "otimes",
    "overline",
    "partial",
    "phi",
    "pi",
    "pm",
    "prime",
    "prod",
    "propto",
    "psi",
    "quad",
    "rangle",
    "rceil",
    "rfloor",
    "rho",
    "right",
    "rightarrow",
    "setminus",
    "sigma",
    "sim",
    "sin",
    "sqrt",
    "subset",
    "subseteq",
    "sum",
    "tan",
    "tau",
    "text",
    "theta",
    "tilde",
    "times",
    "to",
    "underline",
    "upsilon",
    "varepsilon",
    "varphi",
    "vec",
    "vee",
    "wedge",
    "xi",
    "zeta",
];

/// What GitHub draws in place of a block of this language.
pub(super) fn drawn(language: &str) -> Option<&'static str> {
    DRAWN.iter().find(|(name, _)| name.eq_ignore_ascii_case(language)).map(|(_, word)| *word)
}

/// Whether the name behind a fence is that of a language.
pub(super) fn is_language(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    LANGUAGES.binary_search(&name.as_str()).is_ok()
}

/// Whether every part of a formula is seen where GitHub draws it.
pub(super) fn is_plain_formula(tex: &str) -> bool {
    let mut chars = tex.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '%' => return false,
            '\\' => {
                let mut name = String::new();
                while let Some(letter) = chars.next_if(char::is_ascii_alphabetic) {
                    name.push(letter);
                }
                if name.is_empty() {
                    // A sign of its own, such as `\,` and `\\`. Some space is less than none: what follows covers what was
                    // before, by `\!` and `\\[-1em]`.
                    let sign = chars.next();
                    let is_spaced = || chars.clone().find(|c| !c.is_whitespace() && *c != '*') == Some('[');
                    if sign == Some('!') || sign == Some('\\') && is_spaced() {
                        return false;
                    }
                } else if COMMANDS.binary_search(&name.as_str()).is_err() {
                    return false;
                }
            }
            _ => {}
        }
    }
    true
}

/// The formulas of a text that show something else than their source, between their dollars; `is_code` tells bytes that are code.
///
/// A formula ends in the paragraph in which it begins. `$a$` begins before and ends behind what is no white space.
pub(super) fn veiled_formulas(source: &str, mut is_code: impl FnMut(usize) -> bool) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut open: Option<(usize, usize)> = None;
    let bytes = source.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\n' if is_blank_line(&source[at + 1..]) => open = None,
            // A back slash takes the meaning of what follows, also of a dollar.
            b'\\' => at += 1,
            b'$' if !is_code(at) => {
                let width = if bytes.get(at + 1) == Some(&b'$') { 2 } else { 1 };
                let end = at + width;
                match open {
                    Some((start, opened)) if opened == width && may_close(source, at, width) => {
                        if !is_plain_formula(&source[start + width..at]) {
                            found.push(start..end);
                        }
                        open = None;
                    }
                    Some((_, 2)) => {}
                    _ if may_open(source, end, width) => open = Some((at, width)),
                    _ => {}
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

fn is_blank_line(rest: &str) -> bool {
    rest.split('\n').next().is_some_and(|line| line.trim_matches([' ', '\t', '>']).is_empty())
}

fn may_open(source: &str, end: usize, width: usize) -> bool {
    width == 2 || source[end..].chars().next().is_some_and(|c| !c.is_whitespace())
}

fn may_close(source: &str, at: usize, width: usize) -> bool {
    width == 2 || source[..at].chars().next_back().is_some_and(|c| !c.is_whitespace())
}

/// What stands for a veiled formula in a line of text.
pub(super) const INLINE_FORMULA: &str = FORMULA;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted() {
        assert!(LANGUAGES.is_sorted() && COMMANDS.is_sorted());
    }

    #[test]
    fn a_formula_is_plain_if_all_of_it_is_seen() {
        for (tex, expected) in [
            ("x^2 + y_1", true),
            ("\\frac{a}{b} \\le \\sqrt{2}\\, \\\\ \\{x\\}", true),
            ("x % hidden", false),
            ("x \\% y", true),
            ("\\phantom{hidden}", false),
            ("\\color{white}{hidden}", false),
            ("\\textcolor{#fff}{hidden}", false),
            ("{\\tiny hidden}", false),
            ("\\def\\a{hidden}", false),
            ("\\hspace{-9em} x", false),
            ("x \\!\\!\\!\\! y", false),
            ("x \\\\[-1em] y", false),
            ("x \\\\ *[-1em] y", false),
            ("x! \\, y \\\\ {[}z]", true),
        ] {
            assert_eq!(is_plain_formula(tex), expected, "{tex}");
        }
    }
}
