//! Hexadecimal digits in small letters, the only spelling that ids have here: two texts are equal if the ids are.

use std::fmt;

/// Exactly `2 * N` digits.
pub fn parse<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// Two digits for each byte.
pub fn write(f: &mut impl fmt::Write, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// Two digits for each byte, as a text of its own.
pub fn text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    write(&mut text, bytes).expect("a String takes any text");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_as_they_are_written_and_in_no_other_way() {
        let bytes = [0x00, 0x0f, 0xa0, 0xff];
        assert_eq!(text(&bytes), "000fa0ff");
        assert_eq!(parse("000fa0ff"), Some(bytes));
        for other in ["000FA0FF", "000fa0f", "000fa0ff0", "000fa0fg", "+00fa0ff", " 00fa0ff", "é0fa0ff", ""]
        {
            assert_eq!(parse::<4>(other), None, "{other}");
        }
    }
}
