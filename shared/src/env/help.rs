//! The section *Environment* of a command's help.

use std::fmt::Write as _;

use super::catalog::Group;
use super::setting::{Fallback, Variable};

/// Characters of a line.
const WIDTH: usize = 100;
/// Where the meaning of a variable begins.
const INDENT: usize = 28;

/// The variables of these groups, each with its meaning and its default.
pub fn environment(groups: &[&Group]) -> String {
    let mut text = "Environment:\n".to_owned();
    for variable in groups.iter().flat_map(|group| group.settings) {
        push(&mut text, variable);
    }
    text.push_str(
        "\n  Each AGENT_… and each key may be given as NAME_FILE, the path of a file that holds the value. NAME_FILE takes\n  \
         precedence over NAME. An empty value is an unset one.",
    );
    text
}

fn push(text: &mut String, variable: &Variable) {
    let default = match variable.fallback {
        Fallback::Words("") => String::new(),
        Fallback::Value(value) => format!(" [default: {value}]"),
        Fallback::Words(words) => format!(" [default: {words}]"),
    };
    let said = format!("{}{default}", variable.meaning).replace('`', "");
    let mut column = 2 + variable.name.len();
    // Writing to a string does not fail.
    let _: std::fmt::Result = write!(text, "  {}", variable.name);
    if column + 2 > INDENT {
        text.push('\n');
        column = 0;
    }
    for word in said.split(' ') {
        if column >= INDENT && column + 1 + word.chars().count() > WIDTH {
            text.push('\n');
            column = 0;
        }
        if column < INDENT {
            let _: std::fmt::Result = write!(text, "{:1$}", "", INDENT - column);
            column = INDENT;
        } else {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += word.chars().count();
    }
    text.push('\n');
}
