use super::*;

#[test]
fn each_dialect_has_what_the_ones_before_it_have() {
    use Dialect::{Commented, Free, Strict};
    let mut wrong = Vec::new();
    for (text, least) in [
        ("{}", Some(Strict)),
        ("[]", Some(Strict)),
        ("\u{feff}{\"a\": [1, -0, 0.5, 1e9, 1E-2, 1e+10, \"\", true, false, null]}\n", Some(Strict)),
        ("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00Ff\"", Some(Strict)),
        ("7", Some(Strict)),
        ("[1,]", Some(Commented)),
        ("{\"a\": 1, /* b */ }// c", Some(Commented)),
        ("{a: 'b', $c: +1, _d: .5, e: 5., f: 0xfF, g: Infinity, h: -NaN}", Some(Free)),
        ("'a\\\nb\\q'", Some(Free)),
        ("\"a\tb\"", Some(Free)),
        ("", None),
        ("[", None),
        ("]", None),
        ("[}", None),
        ("[1 2]", None),
        ("[,]", None),
        ("[1,,2]", None),
        ("{,}", None),
        ("{\"a\"}", None),
        ("{\"a\" 1}", None),
        ("{\"a\": }", None),
        ("{\"a\": 1 \"b\": 2}", None),
        ("{1: 2}}", None),
        ("\"a", None),
        ("\"a\nb\"", None),
        ("\"\\u12g4\"", None),
        ("[01]", None),
        ("[1.e5.2]", None),
        ("[--1]", None),
        ("[truee]", None),
        ("/* a", None),
        ("{} {}", None),
    ] {
        for dialect in [Strict, Commented, Free] {
            let is_one = least.is_some_and(|least| least <= dialect);
            if read(text, dialect).is_ok() != is_one {
                wrong.push((dialect, text));
            }
        }
    }
    assert_eq!(wrong, []);
}

#[test]
fn an_error_says_where_and_what() {
    for (text, at, what) in [
        ("{\"a\": 1", 7, "expected `}` here"),
        ("[1, 2\n", 5, "expected `]` here"),
        ("{\"a\": 1 \"b\": 2}", 8, "expected `,` here"),
        ("{\"a\" 1}", 5, "expected `:` here"),
        ("[1}", 2, "this `}` closes nothing"),
        ("[\"a]", 1, "this `\"` is never closed"),
        ("[a]", 1, "this is not a value"),
        ("{} 1", 3, "expected the end of the file here"),
    ] {
        let error = read(text, Dialect::Strict).unwrap_err();
        assert_eq!(
            (error.range.start, crate::check::message::what(&error.fault).as_str()),
            (at, what),
            "{text}"
        );
    }
}

proptest::proptest! {
    /// What serde_json reads is strict JSON, and the other way round.
    #[test]
    fn strict_json_is_what_others_read(text in "[\\[\\]{},:\"0-9.eE+truefalsn -]{0,12}") {
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        // It refuses numbers that no float can hold.
        let is_range = theirs.as_ref().is_err_and(|error| error.to_string().starts_with("number out of range"));
        proptest::prop_assert_eq!(read(&text, Dialect::Strict).is_ok(), theirs.is_ok() || is_range, "{}", text);
    }

    /// Any text is read to its end without recursion.
    #[test]
    fn any_text_is_read(text in "\\PC{0,60}") {
        for dialect in [Dialect::Strict, Dialect::Commented, Dialect::Free] {
            if let Err(error) = read(&text, dialect) {
                proptest::prop_assert!(text.get(error.range).is_some());
            }
        }
    }
}
