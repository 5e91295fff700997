//! What a listing puts around text, and a model copies: line numbers, HTML entities, diff markers.

/// A SEARCH and its REPLACE without the artefacts of a listing.
pub(super) struct Plain {
    pub(super) search: Vec<String>,
    pub(super) replace: Vec<String>,
}

/// The readings of a block whose text may come from a listing; none if it shows no trace of one.
pub(super) fn readings(search: &[&str], replace: &[&str]) -> Vec<Plain> {
    let mut readings = without_numbers(search, replace);
    readings.extend(without_entities(search, replace));
    let both: Vec<Plain> = readings
        .iter()
        .filter_map(|plain| without_entities(&borrowed(&plain.search), &borrowed(&plain.replace)))
        .collect();
    readings.extend(both);
    readings.extend(without_markers(search, replace, Context::Bare));
    readings
}

/// The reading of a block that is a diff, with a marker or a space in front of every line.
pub(super) fn of_diff(search: &[&str], replace: &[&str]) -> Option<Plain> {
    is_marked(search).then_some(())?;
    (replace.is_empty() || is_marked(replace)).then_some(())?;
    without_markers(search, replace, Context::Marked)
}

pub(super) fn borrowed(lines: &[String]) -> Vec<&str> {
    lines.iter().map(String::as_str).collect()
}

/// `12 | text`, `12: text`, `12→text`, `12<tab>text` or `12  text` on every line, in ascending order.
///
/// One space behind the separator may belong to the listing or to the text, so there can be two readings.
fn without_numbers(search: &[&str], replace: &[&str]) -> Vec<Plain> {
    let Some(numbered) = Numbered::all(search) else { return Vec::new() };
    let Some(separator) = numbered.first().map(|first| first.separator) else { return Vec::new() };
    let ascends = numbered.windows(2).all(|pair| pair[0].number < pair[1].number);
    if !ascends || numbered.iter().any(|line| line.separator != separator) {
        return Vec::new();
    }
    let replace_is_numbered =
        Numbered::all(replace).is_some_and(|lines| lines.iter().all(|line| line.separator == separator));
    let plain = |line: &&str, margin: &str| match Numbered::of(line) {
        Some(numbered) if numbered.separator == separator => {
            numbered.text.strip_prefix(margin).unwrap_or(numbered.text).to_owned()
        }
        _ => (*line).to_owned(),
    };
    let reading = |margin: &str| Plain {
        search: search.iter().map(|line| plain(line, margin)).collect(),
        replace: replace
            .iter()
            .map(|line| {
                // Among new lines without numbers, only a copied one has a number that is not its own.
                if replace_is_numbered || search.contains(line) {
                    plain(line, margin)
                } else {
                    (*line).to_owned()
                }
            })
            .collect(),
    };
    let spaced = numbered.iter().filter(|line| !line.text.is_empty()).all(|line| line.text.starts_with(' '));
    if spaced { vec![reading(" "), reading("")] } else { vec![reading("")] }
}

struct Numbered<'a> {
    number: u64,
    separator: char,
    text: &'a str,
}

impl<'a> Numbered<'a> {
    /// Every line but blank ones; `None` if one has no number.
    fn all(lines: &[&'a str]) -> Option<Vec<Self>> {
        lines.iter().filter(|line| !line.trim().is_empty()).map(|line| Self::of(line)).collect()
    }

    fn of(line: &'a str) -> Option<Self> {
        let rest = line.trim_start();
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number = rest[..digits].parse().ok()?;
        let rest = &rest[digits..];
        let after = rest.trim_start_matches(' ');
        match after.chars().next() {
            Some(separator @ ('|' | '│' | '→' | '\t')) => {
                Some(Self { number, separator, text: &after[separator.len_utf8()..] })
            }
            Some(separator @ (':' | ')' | '.')) if after.len() == rest.len() => {
                Some(Self { number, separator, text: &after[1..] })
            }
            // A number and nothing but space: of a blank line, or of a listing without a separator.
            None => Some(Self { number, separator: ' ', text: "" }),
            Some(_) if after.len() < rest.len() => Some(Self { number, separator: ' ', text: rest }),
            Some(_) => None,
        }
    }
}

fn without_entities(search: &[&str], replace: &[&str]) -> Option<Plain> {
    let plain = Plain {
        search: search.iter().map(|line| decode(line)).collect(),
        replace: replace.iter().map(|line| decode(line)).collect(),
    };
    search.iter().zip(&plain.search).any(|(before, after)| before != after).then_some(plain)
}

/// The five entities of XML, the no-break space, and numbered characters, decoded once.
fn decode(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some((c, length)) = entity(rest) {
            out.push(c);
            rest = &rest[length..];
        } else {
            out.push('&');
            rest = &rest[1..];
        }
    }
    out + rest
}

fn entity(text: &str) -> Option<(char, usize)> {
    let end = text.bytes().take(10).position(|byte| byte == b';')?;
    let name = text.get(1..end)?;
    let c = match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code).filter(|c| !c.is_control())?
        }
    };
    Some((c, end + 1))
}

/// How a diff shows the lines that it does not change.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Context {
    /// With a space in front.
    Marked,
    /// As they are.
    Bare,
}

/// Whether every full line begins as the lines of a diff do.
fn is_marked(lines: &[&str]) -> bool {
    let mut full = lines.iter().filter(|line| !line.trim().is_empty()).peekable();
    full.peek().is_some() && full.all(|line| line.starts_with(['+', '-', ' ']))
}

/// `-` in front of lines that go, `+` in front of lines that come.
fn without_markers(search: &[&str], replace: &[&str], context: Context) -> Option<Plain> {
    let changed = |lines: &[&str]| lines.iter().any(|line| line.starts_with(['+', '-']));
    if !(changed(search) || changed(replace)) {
        return None;
    }
    // A SEARCH that is a whole diff has new lines in it, a REPLACE old ones.
    let side = |lines: &[&str], foreign: char, own: char| -> Vec<String> {
        let mixed = lines.iter().any(|line| line.starts_with(foreign))
            && lines.iter().any(|line| line.starts_with(own));
        lines
            .iter()
            .filter(|line| !(mixed && line.starts_with(foreign)))
            .map(|line| {
                let strips =
                    line.starts_with(['+', '-']) || (context == Context::Marked && line.starts_with(' '));
                line[usize::from(strips)..].to_owned()
            })
            .collect()
    };
    Some(Plain { search: side(search, '+', '-'), replace: side(replace, '-', '+') })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(search: &str, replace: &str, expect: &[(&str, &str)]) {
        let search: Vec<&str> = search.split('\n').collect();
        let replace: Vec<&str> = replace.split('\n').collect();
        let found: Vec<(String, String)> = of_diff(&search, &replace)
            .into_iter()
            .chain(readings(&search, &replace))
            .map(|plain| (plain.search.join("\n"), plain.replace.join("\n")))
            .collect();
        let expect: Vec<(String, String)> =
            expect.iter().map(|(search, replace)| ((*search).to_owned(), (*replace).to_owned())).collect();
        assert_eq!(found, expect, "{search:?}");
    }

    #[test]
    fn takes_artefacts_off() {
        check("a\nb", "a\nc", &[]);
        check(" 9 | a\n10 |   b", " 9 | a\n10 |   c", &[("a\n  b", "a\n  c"), (" a\n   b", " a\n   c")]);
        check("1: a\n2:\n3:   b", "1: a\n  c", &[("a\n\n  b", "a\n  c"), (" a\n\n   b", " a\n  c")]);
        check("3:a\n4:b", "a\n0:c", &[("a\nb", "a\n0:c")]);
        check("1:a\n2:  b", "a\n  c", &[("a\n  b", "a\n  c")]);
        check("     1\ta\n     2\t\tb", "     1\ta\n     2\t\tc", &[("a\n\tb", "a\n\tc")]);
        check("2: a\n1: b", "x", &[]);
        check("if a &lt; b &amp;&amp; c", "if a &lt;= b", &[("if a < b && c", "if a <= b")]);
        check("&#39;a&#x27; &nope; &", "x", &[("'a' &nope; &", "x")]);
        check("1|a &lt; b", "1|a", &[("a &lt; b", "a"), ("1|a < b", "1|a"), ("a < b", "a")]);
        check(" a\n-b\n", " a\n+c\n", &[("a\nb\n", "a\nc\n"), (" a\nb\n", " a\nc\n")]);
        check(" a\n-b\n+c", " a\n-b\n+c", &[("a\nb", "a\nc"), (" a\nb", " a\nc")]);
    }
}
