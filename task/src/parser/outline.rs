//! An *outline* is the list of a file's definitions: what a map of the repository shows of it, and the pieces in
//! which a large file is read.
//!
//! Definitions are found by the kinds of syntax nodes that the grammars give them. The bodies of functions are
//! not searched: what they define is of no use to another file.

use std::time::Instant;

use tree_sitter::{Node, TreeCursor};

use super::syntax::Syntax;
use super::wire::{Definition, Failure, MAX_DEFINITIONS, MAX_DEPTH, MAX_NAME, MAX_SIGNATURE};
use crate::language::Language;

/// Whether definitions are looked for inside.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Searched,
    Skipped,
}

/// The node kinds that define something, over all grammars; a kind means the same wherever it occurs.
fn definition(kind: &str) -> Option<Inside> {
    Some(match kind {
        "class_definition"
        | "class_declaration"
        | "abstract_class_declaration"
        | "class_specifier"
        | "struct_specifier"
        | "union_specifier"
        | "enum_specifier"
        | "namespace_definition"
        | "namespace_declaration"
        | "file_scoped_namespace_declaration"
        | "internal_module"
        | "module"
        | "class"
        | "interface_declaration"
        | "enum_declaration"
        | "record_declaration"
        | "struct_declaration"
        | "annotation_type_declaration"
        | "trait_declaration"
        | "trait_definition"
        | "object_definition"
        | "object_declaration"
        | "enum_definition"
        | "protocol_declaration"
        | "impl_item"
        | "trait_item"
        | "mod_item"
        | "companion_object" => Inside::Searched,
        "function_definition"
        | "function_declaration"
        | "function_item"
        | "function_signature_item"
        | "function_signature"
        | "generator_function_declaration"
        | "method_definition"
        | "method_declaration"
        | "method_signature"
        | "abstract_method_signature"
        | "constructor_declaration"
        | "method"
        | "singleton_method"
        | "struct_item"
        | "enum_item"
        | "union_item"
        | "type_item"
        | "macro_definition"
        | "const_item"
        | "static_item"
        | "type_spec"
        | "type_alias"
        | "type_alias_declaration"
        | "const_spec"
        | "type_definition"
        | "alias_declaration"
        | "concept_definition"
        | "preproc_function_def"
        | "preproc_def"
        | "init_declaration"
        | "protocol_function_declaration"
        | "typealias_declaration"
        | "delegate_declaration"
        | "property_declaration"
        | "public_field_definition"
        | "val_definition"
        | "var_definition"
        | "given_definition"
        | "variable_declarator"
        | "var_spec" => Inside::Skipped,
        _ => return None,
    })
}

/// The definitions of `text`, in order.
pub(super) fn outline(text: &str, language: Language, deadline: Instant) -> Result<Vec<Definition>, Failure> {
    let syntax = Syntax::parse(language, text, deadline)?;
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    collect(&mut syntax.walker(), text, &lines, &mut found);
    Ok(found)
}

/// Walks the tree without recursion: its depth is the input's to choose.
fn collect(cursor: &mut TreeCursor<'_>, text: &str, lines: &[&str], found: &mut Vec<Definition>) {
    let mut depth = 0;
    // Whether each node on the way down is a definition.
    let mut path: Vec<bool> = Vec::new();
    loop {
        let node = cursor.node();
        let kind = if node.is_named() { definition(node.kind()) } else { None };
        let name = kind.and_then(|_| name(node, text));
        if let Some(name) = &name {
            if found.len() == MAX_DEFINITIONS {
                return;
            }
            found.push(describe(node, name, text, lines, depth));
        }
        let closed = match kind {
            Some(inside) => {
                inside == Inside::Skipped && (name.is_some() || node.kind() != "variable_declarator")
            }
            None => is_body(node),
        };
        if !closed && path.len() < MAX_DEPTH && cursor.goto_first_child() {
            path.push(name.is_some());
            depth += usize::from(name.is_some());
            continue;
        }
        while !cursor.goto_next_sibling() {
            let Some(definition) = path.pop() else { return };
            depth -= usize::from(definition);
            cursor.goto_parent();
        }
    }
}

/// The block of a function: what is local to it.
fn is_body(node: Node<'_>) -> bool {
    matches!(
        node.kind(),
        "arrow_function" | "function_expression" | "lambda" | "closure_expression" | "func_literal"
    ) || (matches!(node.kind(), "statement_block" | "compound_statement" | "block" | "function_body")
        && node.parent().is_some_and(|parent| {
            matches!(definition(parent.kind()), Some(Inside::Skipped))
                || parent.kind().ends_with("_statement")
        }))
}

/// The name of what `node` defines.
fn name(node: Node<'_>, text: &str) -> Option<String> {
    if node.kind() == "variable_declarator" {
        let value = node.child_by_field_name("value")?;
        if !matches!(
            value.kind(),
            "arrow_function" | "function_expression" | "function" | "class" | "generator_function"
        ) {
            return None;
        }
    }
    // C names a type wherever it uses it, and Rust a module where it says that there is a file of it.
    if matches!(
        node.kind(),
        "struct_specifier" | "union_specifier" | "enum_specifier" | "class_specifier" | "mod_item"
    ) {
        node.child_by_field_name("body")?;
    }
    let mut named = match node.kind() {
        "impl_item" => node.child_by_field_name("type")?,
        _ => node
            .child_by_field_name("name")
            .or_else(|| node.child_by_field_name("pattern"))
            .or_else(|| node.child_by_field_name("declarator"))?,
    };
    // C and C++ wrap the name in its type: pointers, references, parameters.
    for _ in 0..MAX_DEPTH {
        let Some(inner) =
            named.child_by_field_name("declarator").or_else(|| named.child_by_field_name("name"))
        else {
            break;
        };
        named = inner;
    }
    let name = text.get(named.byte_range())?.trim();
    let name = name.split('<').next().unwrap_or(name);
    (!name.is_empty() && name.len() <= MAX_NAME).then(|| name.to_owned())
}

fn describe(node: Node<'_>, name: &str, text: &str, lines: &[&str], depth: usize) -> Definition {
    let body = node.child_by_field_name("body").map_or(node.end_byte(), |body| body.start_byte());
    let head = text.get(node.start_byte()..body).unwrap_or(name);
    let mut signature = String::new();
    for word in head.split_whitespace().take(64) {
        if !signature.is_empty() {
            signature.push(' ');
        }
        signature.push_str(word);
    }
    let signature = signature.trim_end_matches(['{', ':', '=', ' ']);
    let signature: String = if signature.chars().count() > MAX_SIGNATURE {
        signature.chars().take(MAX_SIGNATURE - 1).chain(['…']).collect()
    } else {
        signature.to_owned()
    };
    let mut first = node.start_position().row;
    while first > 0 && lines.get(first - 1).is_some_and(|line| belongs_below(line)) {
        first -= 1;
    }
    let end = node.end_position();
    // A node that ends at the start of a line does not reach into it.
    let last = if end.column == 0 && end.row > node.start_position().row { end.row } else { end.row + 1 };
    Definition { name: name.to_owned(), signature, lines: (first + 1, last.min(lines.len().max(1))), depth }
}

/// Whether a line is a comment, an attribute or a decorator, which go with the definition below.
fn belongs_below(line: &str) -> bool {
    let line = line.trim_start();
    ["//", "#[", "@", "/*", "*", "--", "# "].iter().any(|start| line.starts_with(start))
}

#[cfg(test)]
mod tests;
