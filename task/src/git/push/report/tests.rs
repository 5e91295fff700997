use gix::protocol::transport::packetline::blocking_io::encode::{data_to_write, flush_to_write};
use proptest::prelude::*;

use super::*;

const NAME: &str = "refs/heads/x";

type Verdict = Option<Result<(), String>>;

/// Packet lines and their flush.
fn lines(lines: &[&str]) -> Vec<u8> {
    let mut answer = Vec::new();
    for line in lines {
        data_to_write(line.as_bytes(), &mut answer).unwrap();
    }
    flush_to_write(&mut answer).unwrap();
    answer
}

/// What `parts` carry in their bands, and the flush.
fn banded(parts: &[(u8, &[u8])]) -> Vec<u8> {
    let mut answer = Vec::new();
    for (band, data) in parts {
        data_to_write(&[&[*band], *data].concat(), &mut answer).unwrap();
    }
    flush_to_write(&mut answer).unwrap();
    answer
}

#[test]
fn a_verdict_is_read() {
    let declined = Some(Err("pre-receive hook declined".to_owned()));
    let cases: &[(&[&str], Verdict)] = &[
        (&["unpack ok\n", "ok refs/heads/x\n"], Some(Ok(()))),
        (&["unpack ok", "ok refs/heads/x"], Some(Ok(()))),
        (&["unpack ok\n", "ng refs/heads/x pre-receive hook declined\n"], declined),
        (&["unpack ok\n", "ng refs/heads/x\n"], Some(Err("no reason given".to_owned()))),
        (&["unpack index-pack abnormal exit\n"], Some(Err("index-pack abnormal exit".to_owned()))),
        (
            &["unpack index-pack failed\n", "ng refs/heads/x unpacker error\n"],
            Some(Err("index-pack failed".to_owned())),
        ),
        (&["unpack ok\n", "ok refs/heads/other\n"], None),
        (&["unpack ok\n"], None),
    ];
    for (given, expected) in cases {
        let plain = lines(given);
        assert_eq!(parse(&plain, Framing::Plain).unwrap().verdict(NAME), *expected, "{given:?}");
        // In a side band the lines may be cut anywhere, and talk stands between them.
        for cut in 1..plain.len() {
            let (one, two) = plain.split_at(cut);
            let answer = banded(&[(2, b"remote: hel"), (1, one), (2, b"lo\n"), (1, two)]);
            let report = parse(&answer, Framing::SideBand).unwrap();
            assert_eq!((report.verdict(NAME), report.said.as_str()), (expected.clone(), "remote: hello"));
        }
    }
}

#[test]
fn what_is_no_report_is_no_verdict() {
    let whole = lines(&["unpack ok\n", "ok refs/heads/x\n"]);
    for cut in 0..whole.len() {
        assert_eq!(parse(&whole[..cut], Framing::Plain), Err(Malformed::CutShort), "{cut}");
        assert_eq!(
            parse(&banded(&[(1, &whole[..cut])]), Framing::SideBand),
            Err(Malformed::CutShort),
            "{cut}"
        );
    }
    let banded_whole = banded(&[(1, &whole)]);
    for cut in 0..banded_whole.len() {
        assert_eq!(parse(&banded_whole[..cut], Framing::SideBand), Err(Malformed::CutShort), "{cut}");
    }
    let unexpected = |text: &str| Err(Malformed::Unexpected(text.to_owned()));
    assert_eq!(parse(b"<html>no</html>", Framing::Plain), unexpected("<html>no</html>"));
    assert_eq!(parse(&lines(&["hello\n"]), Framing::Plain), unexpected("hello"));
    assert_eq!(parse(&banded(&[(9, b"?")]), Framing::SideBand), unexpected("\t?"));
    let gave_up = banded(&[(3, b"fatal: out of memory\n")]);
    assert_eq!(parse(&gave_up, Framing::SideBand), Err(Malformed::GaveUp("fatal: out of memory".to_owned())));
}

#[test]
fn rejections_are_told_apart() {
    for (reason, said, expected) in [
        ("non-fast-forward", "", Rejection::Stale),
        (
            "failed to update ref",
            "error: cannot lock ref 'refs/heads/x': is at 1 but expected 2",
            Rejection::Stale,
        ),
        (
            "failed to update ref",
            "error: cannot lock ref 'refs/heads/x': reference already exists",
            Rejection::Stale,
        ),
        ("incorrect old value provided", "", Rejection::Stale),
        (
            "failed to update ref",
            "error: cannot lock ref 'refs/heads/a/b': 'refs/heads/a' exists; cannot create 'refs/heads/a/b'",
            Rejection::NameTaken,
        ),
        (
            "protected branch hook declined",
            "error: GH006: Protected branch update failed",
            Rejection::Protected,
        ),
        (
            "push declined due to repository rule violations",
            "error: GH013: Repository rule violations found for refs/heads/x.",
            Rejection::Protected,
        ),
        (
            "push declined due to repository rule violations",
            "error: GH013: Repository rule violations found.\n- GITHUB PUSH PROTECTION\n- Push cannot contain secrets",
            Rejection::Secret,
        ),
        ("pre-receive hook declined", "error: GH009: Secrets detected! This push failed.", Rejection::Secret),
        (
            "refusing to allow a GitHub App to create or update workflow `.github/workflows/x.yml` without `workflows` permission",
            "",
            Rejection::Workflow,
        ),
        (
            "refusing to allow a Personal Access Token to create or update workflow `.github/workflows/x.yml` without `workflow` scope",
            "",
            Rejection::Workflow,
        ),
        ("pre-receive hook declined", "error: GH001: Large files detected.", Rejection::TooLarge),
        ("unpacker error", "fatal: pack exceeds maximum allowed size (10 bytes)", Rejection::TooLarge),
        ("pre-receive hook declined", "Not on Fridays.", Rejection::Hook),
        ("hook declined", "", Rejection::Hook),
        ("missing necessary objects", "", Rejection::Other),
    ] {
        assert_eq!(Rejection::of(reason, said), expected, "{reason} {said}");
    }
}

proptest! {
    #[test]
    fn no_answer_panics(answer: Vec<u8>) {
        for framing in [Framing::Plain, Framing::SideBand] {
            // Either way is fine; a random answer must not be taken for consent.
            if let Ok(report) = parse(&answer, framing) {
                prop_assert_ne!(report.verdict(NAME), Some(Ok(())));
            }
        }
    }

    #[test]
    fn a_reason_comes_back_as_it_was_given(reason in "[!-~][ -~]{0,60}") {
        let ng = format!("ng {NAME} {reason}\n");
        let report = parse(&lines(&["unpack ok\n", &ng]), Framing::Plain).unwrap();
        prop_assert_eq!(report.verdict(NAME), Some(Err(reason)));
    }
}
