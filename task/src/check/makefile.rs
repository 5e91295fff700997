//! Recipes of a Makefile that begin with spaces, where make wants a tab.

use super::{Fault, SyntaxError};
use crate::path::RepoPath;

/// Lines of `after` that make takes for the middle of nowhere, and that `before` did not have; none in other files.
pub(super) fn added(path: &RepoPath, before: Option<&str>, after: &str) -> Vec<SyntaxError> {
    let is_makefile = matches!(path.file_name(), "Makefile" | "makefile" | "GNUmakefile")
        || matches!(path.extension(), Some("mk" | "mak"));
    if is_makefile { spaces(before, after) } else { Vec::new() }
}

fn spaces(before: Option<&str>, after: &str) -> Vec<SyntaxError> {
    // Another prefix, or no make that we know.
    if after.contains(".RECIPEPREFIX") {
        return Vec::new();
    }
    let known: Vec<&str> = before.map(|text| text.lines().collect()).unwrap_or_default();
    let mut errors = Vec::new();
    let mut place = Place::Elsewhere;
    let mut continues = false;
    let mut start = 0;
    for line in after.split_inclusive('\n') {
        let text = line.trim_end();
        let was_continued = std::mem::replace(&mut continues, text.ends_with('\\'));
        if place == Place::Definition {
            if text.trim_start().starts_with("endef") {
                place = Place::Elsewhere;
            }
        } else if !was_continued && !text.trim().is_empty() && !text.trim_start().starts_with('#') {
            if text.starts_with("define ") {
                place = Place::Definition;
            } else if text.starts_with("  ") && place == Place::Recipe {
                if is_command(text.trim_start()) && !known.contains(&line.trim_end_matches(['\n', '\r'])) {
                    let indent = text.len() - text.trim_start().len();
                    errors.push(SyntaxError {
                        range: start..start + indent,
                        fault: Fault::Other("a command of a recipe must begin with a tab".to_owned()),
                    });
                }
            } else if !text.starts_with('\t') && !is_conditional(text) {
                place = if is_rule(text) { Place::Recipe } else { Place::Elsewhere };
            }
        }
        start += line.len();
    }
    errors
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Recipe,
    Definition,
    Elsewhere,
}

/// Whether a line names targets, a colon, and what they need.
fn is_rule(line: &str) -> bool {
    let Some((targets, rest)) = line.split_once(':') else { return false };
    let is_assignment =
        targets.contains('=') || rest.starts_with('=') || rest.starts_with(":=") || rest.contains('=');
    !line.starts_with(' ') && !is_assignment && !targets.trim().is_empty() && !targets.contains('#')
}

fn is_conditional(line: &str) -> bool {
    let word = line.split_whitespace().next().unwrap_or_default();
    ["if", "else", "endif", "include", "-include"].iter().any(|start| word.starts_with(start))
}

/// Whether an indented line can be nothing but a command.
fn is_command(line: &str) -> bool {
    let is_assignment = line.split_once('=').is_some_and(|(name, _)| {
        let name = name.trim_end_matches([':', '+', '?', '!', ' ']);
        !name.is_empty() && !name.contains(char::is_whitespace)
    });
    let word = line.split_whitespace().next().unwrap_or_default();
    !is_assignment
        && !is_conditional(line)
        && !is_rule(line)
        && !line.starts_with("$(")
        && !matches!(word, "export" | "unexport" | "override" | "vpath" | "undefine" | "private")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_of_recipes_begin_with_a_tab() {
        for (text, expected) in [
            ("all: a\n\tcc a\n", 0),
            ("all: a\n    cc a\n", 1),
            ("all:\n\tcc a\n    cc b\n\tcc c\n", 1),
            ("all: a\n\n  cc a\n  cc b\n", 2),
            ("all: a\n  X = 1\n", 0),
            ("all: a \\\n    b \\\n    c\n\tcc a\n", 0),
            ("all: X := 1\n  cc a\n", 0),
            ("X = a \\\n  b\n  Y = c\n", 0),
            ("all:\nifdef A\n\tcc a\n  else\n\tcc b\nendif\n", 0),
            ("all:\n  # cc a\n", 0),
            ("all:\n  $(call f)\n", 0),
            ("define f\nall:\n  cc a\nendef\n", 0),
            (".RECIPEPREFIX = >\nall:\n  cc a\n", 0),
            ("all: ; cc a\n", 0),
        ] {
            assert_eq!(spaces(None, text).len(), expected, "{text}");
            assert_eq!(spaces(Some(text), &format!("{text}\nb: c\n")), [], "{text}");
        }
    }
}
