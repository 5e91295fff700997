//! A *page* for a browser. It loads nothing and runs nothing: its policy allows one style sheet, named by its hash. The
//! template escapes every value: paths, titles and issues are a stranger's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::{Value, context};
use sha2::{Digest as _, Sha256};

use crate::templates::Templates;

/// The page of a template that is part of the program, with its style sheet.
///
/// # Panics
///
/// If the template is wrong, or a value that it names is missing.
pub(crate) fn render(template: &'static str, style: &'static str, values: &Value) -> String {
    let values = context! {
        style => Value::from_safe_string(style.to_owned()),
        style_hash => STANDARD.encode(Sha256::digest(style.as_bytes())),
        ..values.clone()
    };
    // The ending of the name makes it escape every value.
    Templates::of([("page.html", template)]).render("page.html", values)
}
