//! *Templates*: texts with places for values that are part of the program.

use minijinja::{Environment, UndefinedBehavior, Value};

/// Some of them, by their names. Where a name ends with `.html`, every value is escaped.
pub(crate) struct Templates(Environment<'static>);

impl Templates {
    /// # Panics
    ///
    /// If a text is no template.
    pub(crate) fn of<const N: usize>(texts: [(&'static str, &'static str); N]) -> Self {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        for (name, text) in texts {
            templates.add_template(name, text).expect("the templates are part of the program");
        }
        Self(templates)
    }

    /// The text of this name with values in their places.
    ///
    /// # Panics
    ///
    /// If there is none of this name, or a value that it names is missing.
    pub(crate) fn render(&self, name: &str, values: Value) -> String {
        self.0
            .get_template(name)
            .and_then(|template| template.render(values))
            .expect("the templates are part of the program and are given every value")
    }
}

#[cfg(test)]
mod tests {
    use minijinja::context;

    use super::*;

    #[test]
    fn only_a_page_escapes_its_values() {
        let templates = Templates::of([("words", "{{ text }}"), ("page.html", "{{ text }}")]);
        let text = "<b>";
        assert_eq!(templates.render("words", context! { text }), "<b>");
        assert_eq!(templates.render("page.html", context! { text }), "&lt;b&gt;");
    }

    #[test]
    #[should_panic(expected = "every value")]
    fn a_value_that_is_missing_is_an_error() {
        Templates::of([("words", "{{ text }}")]).render("words", context! {});
    }
}
