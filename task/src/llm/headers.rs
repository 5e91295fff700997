//! *Headers* that a gateway in front of a model asks for, as the operator writes them: one a line.

use reqwest::header::HeaderName;

/// What the client itself writes.
const OWN: [&str; 6] =
    ["host", "content-length", "content-type", "transfer-encoding", "connection", "accept-encoding"];

const HINT: &str = "write one header a line, as in `x-gateway-key: VALUE`";

/// Reads headers, one a line. An error names no value.
pub(super) fn parse(text: &str) -> Result<Vec<(HeaderName, String)>, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .enumerate()
        .map(|(at, line)| {
            let at = at + 1;
            let (name, value) =
                line.split_once(':').ok_or_else(|| format!("line {at} has no colon; {HINT}"))?;
            let name = HeaderName::from_bytes(name.trim().as_bytes())
                .map_err(|_| format!("line {at} begins with no header's name; {HINT}"))?;
            if OWN.contains(&name.as_str()) {
                return Err(format!("the header {name} is written by the client itself; leave it out"));
            }
            Ok((name, value.trim().to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_one_a_line() {
        let headers = parse("# of the gateway\nX-Team: agents\n\n authorization: a:b \r\n").unwrap();
        let headers: Vec<String> = headers.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(headers, ["x-team=agents", "authorization=a:b"]);
        for (text, expect) in [
            ("x-team agents", "line 1 has no colon; write one header a line, as in `x-gateway-key: VALUE`"),
            (
                "ok: 1\nx team: a",
                "line 2 begins with no header's name; write one header a line, as in `x-gateway-key: VALUE`",
            ),
            ("Host: x", "the header host is written by the client itself; leave it out"),
        ] {
            assert_eq!(parse(text).unwrap_err(), expect);
        }
    }
}
