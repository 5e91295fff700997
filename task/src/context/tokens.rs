//! A *token* is the unit in which models count and bill text.
//!
//! Providers do not all publish their tokenizers, so the count is an estimate from the shape of the text. Its
//! numbers were fitted to the three tokenizers that are public: `cl100k_base` and `o200k_base` of `OpenAI`, and the
//! one that Anthropic published for Claude 2, over 600 files of 28 repositories in 18 languages and 66 issues, to
//! the largest of the three counts, and raised by an eighth. So for 98 texts of 100 it is above what each counts:
//! in the middle by a sixth for the third, by three tenths for the first two. Newer models may count more: whoever
//! needs certainty compares with the usage that the provider reports.

/// About how many tokens `text` takes, with a margin.
pub fn estimate(text: &str) -> u32 {
    let mut thousandths = 0_u64;
    let mut run = Run { kind: Kind::Space, length: 0 };
    let mut capital = false;
    for c in text.chars() {
        let kind = Kind::of(c);
        // A capital within a word begins a token.
        let inner_capital = c.is_ascii_uppercase() && !capital && run.length > 1;
        capital = c.is_ascii_uppercase();
        if kind == run.kind && !(kind == Kind::Letter && inner_capital) {
            run.length += 1;
        } else {
            thousandths += run.cost();
            run = Run { kind, length: 1 };
        }
    }
    thousandths += run.cost();
    u32::try_from(thousandths.div_ceil(1000)).unwrap_or(u32::MAX)
}

/// About how many tokens a file of code of this size takes.
pub(super) fn of_bytes(bytes: usize) -> u32 {
    u32::try_from(bytes / 3).unwrap_or(u32::MAX)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Letter,
    Digit,
    Punctuation,
    Space,
    Break,
    Alphabet,
    Ideograph,
}

impl Kind {
    fn of(c: char) -> Self {
        match c {
            'a'..='z' | 'A'..='Z' => Self::Letter,
            '0'..='9' => Self::Digit,
            ' ' | '\t' => Self::Space,
            '\n' | '\r' => Self::Break,
            _ if c.is_ascii() => Self::Punctuation,
            '\u{80}'..='\u{2fff}' => Self::Alphabet,
            _ => Self::Ideograph,
        }
    }
}

/// Neighboring characters of one kind.
struct Run {
    kind: Kind,
    length: u64,
}

impl Run {
    /// In thousandths of a token.
    fn cost(&self) -> u64 {
        let n = self.length;
        if n == 0 {
            return 0;
        }
        match self.kind {
            Kind::Letter => 1140 + n.saturating_sub(4) * 67,
            Kind::Digit => n * 950,
            Kind::Punctuation => 1100 + (n - 1) * 280,
            // A single blank joins the word that follows.
            Kind::Space => u64::from(n > 1) * 450,
            Kind::Break => 1000 + (n - 1) * 280,
            Kind::Alphabet => 560 + n * 670,
            Kind::Ideograph => n * 1570,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest count of the three public tokenizers.
    #[test]
    fn estimates_are_above_what_tokenizers_count_but_not_far() {
        for (text, counted) in [
            ("", 0),
            ("The quick brown fox jumps over the lazy dog.\n", 11),
            (
                "pub fn parse_header(text: &str) -> Result<Header, ParseError> {\n    \
                 let mut lines = text.lines();\n    lines.next().ok_or(ParseError::Empty)\n}\n",
                44,
            ),
            ("for (int i = 0; i < 1024; ++i) {\n\tbuffer[i] ^= 0x5f3759df;\n}\n", 34),
            ("{\"name\": \"demo\", \"version\": \"1.20.300\", \"private\": true}\n", 22),
            ("Ошибка при чтении файла настроек\n", 17),
            ("設定ファイルが読めません\n", 14),
            ("<div class=\"row\"><a href=\"/home\">Home</a></div>\n", 18),
            ("deadbeefcafebabe0123456789abcdef\n", 12),
        ] {
            let estimated = estimate(text);
            assert!(
                (counted..=counted * 9 / 5).contains(&estimated),
                "{text}: {estimated}, counted {counted}"
            );
        }
    }
}
