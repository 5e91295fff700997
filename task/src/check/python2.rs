//! Python 2, whose statements Python 3 has no rule for.

use super::Fault;

/// Whether Python 2 has the rule that a text broke: blocks are indented in both.
pub(super) fn has(fault: &Fault) -> bool {
    matches!(fault, Fault::Python(message) if message.contains("indent"))
}

/// Whether a text has a statement that only Python 2 has.
pub(super) fn is_likely(text: &str) -> bool {
    text.lines().map(str::trim).any(|line| {
        let statement = |word: &str| {
            line.strip_prefix(word).is_some_and(|rest| {
                let rest = rest.trim_start();
                rest.starts_with(['"', '\'', '%'])
                    || (rest.starts_with(char::is_alphabetic)
                        && !["in ", "is ", "if ", "and ", "or ", "not ", "for "]
                            .iter()
                            .any(|word| rest.starts_with(word)))
            })
        };
        statement("print ")
            || statement("exec ")
            || line.starts_with("print >>")
            || (line.starts_with("except ")
                && line.ends_with(':')
                && !line.contains([')', '('])
                && line.contains(','))
            || (line.starts_with("raise ") && line.contains(", \"") && !line.contains('('))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_tell() {
        for line in [
            "print a",
            "    print 'a'",
            "print \"%s\" % a",
            "print >>f, a",
            "exec a in b",
            "except A, e:",
            "raise A, \"b\"",
        ] {
            assert!(is_likely(line), "{line}");
        }
        for line in [
            "print(a)",
            "print (a)",
            "print = 1",
            "except (A, B):",
            "except A as e:",
            "# print",
            "printed a",
            "x = 'print a'",
        ] {
            assert!(!is_likely(line), "{line}");
        }
    }
}
