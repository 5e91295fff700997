use proptest::prelude::*;

use super::*;
use crate::merge::tests::git;

/// The parts in a form that can be written down: merged text, and `<base|ours|theirs>` for a conflict.
fn shown(parts: &[Part]) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace('\n', ".");
    let part = |part: &Part| match part {
        Part::Merged(lines) => text(lines),
        Part::Conflict(Conflict { base, ours, theirs }) => {
            format!("<{}|{}|{}>", text(base), text(ours), text(theirs))
        }
    };
    parts.iter().map(part).collect()
}

#[test]
fn lines_that_one_side_changed_are_taken_and_those_of_both_are_conflicts() {
    for (base, ours, theirs, expected) in [
        ("", "", "", ""),
        ("a.b.c.", "a.b.c.", "a.b.c.", "a.b.c."),
        ("a.b.c.", "A.b.c.", "a.b.C.", "A.b.C."),
        ("a.b.c.d.", "a.c.d.", "a.b.c.d.e.", "a.c.d.e."),
        // Both have changed it alike.
        ("a.b.c.", "a.x.c.", "a.x.c.", "a.x.c."),
        ("a.b.c.", "a.c.", "a.c.", "a.c."),
        ("a.b.c.", "a.x.c.", "a.y.c.", "a.<b.|x.|y.>c."),
        // What both begin or end with is settled.
        ("a.b.c.", "a.p.x.q.c.", "a.p.y.q.c.", "a.p.<b.|x.|y.>q.c."),
        // Changes that touch are one.
        ("a.b.c.d.", "a.x.c.d.", "a.b.y.d.", "a.<b.c.|x.c.|b.y.>d."),
        ("a.b.c.d.e.", "a.x.c.d.e.", "a.b.c.y.e.", "a.x.c.y.e."),
        // One side deletes what the other one changes.
        ("a.b.c.", "a.c.", "a.y.c.", "a.<b.||y.>c."),
        // Both insert at one place.
        ("a.b.", "a.x.b.", "a.y.b.", "a.<|x.|y.>b."),
        ("", "x.", "y.", "<|x.|y.>"),
        // Several conflicts in a row.
        ("a.b.c.d.e.", "a.x.c.y.e.", "a.p.c.q.e.", "a.<b.|x.|p.>c.<d.|y.|q.>e."),
    ] {
        let text = |short: &str| short.replace('.', "\n").into_bytes();
        let parts = merge(&text(base), &text(ours), &text(theirs));
        assert_eq!(shown(&parts), expected, "{base} {ours} {theirs}");
    }
}

#[test]
fn the_end_of_a_file_is_a_part_of_its_last_line() {
    let parts = merge(b"a\nb", b"a\nb\n", b"a\nb\nc\n");
    assert_eq!(shown(&parts), "a.b.<b||c.>");
    let parts = merge(b"a\nb", b"a\nb\n", b"a\nb");
    assert_eq!(shown(&parts), "a.b.");
}

/// An edit of a text whose lines are all different: what becomes of each line, and what is put before it.
fn edited(base: &[String], edits: &[(u8, u8)], own: char) -> Vec<String> {
    let mut lines = Vec::new();
    for (at, line) in base.iter().enumerate() {
        let (kept, put) = edits.get(at).copied().unwrap_or_default();
        match put % 12 {
            0 => lines.push(format!("{own}-before-{at}")),
            1 => lines.push(format!("both-before-{at}")),
            _ => {}
        }
        match kept % 12 {
            0 => lines.push(format!("{own}-{at}")),
            1 => lines.push(format!("both-{at}")),
            2 => {}
            _ => lines.push(line.clone()),
        }
    }
    lines
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// git merges what we merge, and to the same, where it is clear which lines are which.
    #[test]
    fn git_agrees(
        count in 0_usize..14,
        ours in prop::collection::vec(any::<(u8, u8)>(), 14),
        theirs in prop::collection::vec(any::<(u8, u8)>(), 14),
    ) {
        let base: Vec<String> = (0..count).map(|at| format!("line-{at}")).collect();
        let text = |lines: &[String]| lines.iter().map(|line| format!("{line}\n")).collect::<Vec<_>>().concat();
        let (our_text, their_text) = (text(&edited(&base, &ours, 'o')), text(&edited(&base, &theirs, 't')));
        let base_text = text(&base);
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("base", &base_text), ("ours", &our_text), ("theirs", &their_text)] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let (is_clean, merged) = git(folder.path(), &["merge-file", "-p", "ours", "base", "theirs"]);
        let parts = merge(base_text.as_bytes(), our_text.as_bytes(), their_text.as_bytes());
        let conflicts = parts.iter().filter(|part| matches!(part, Part::Conflict(_))).count();
        prop_assert_eq!(is_clean, conflicts == 0, "{}", shown(&parts));
        if is_clean {
            let whole: Vec<u8> = parts.iter().flat_map(|part| match part {
                Part::Merged(lines) => lines.clone(),
                Part::Conflict(_) => Vec::new(),
            }).collect();
            prop_assert_eq!(String::from_utf8(whole).unwrap(), merged);
        }
    }

    /// Whatever the texts are: with our side, or theirs, in the place of each conflict the merge has nothing that is on
    /// neither side.
    #[test]
    fn nothing_is_made_up(
        base in "[abc\n]{0,40}",
        ours in "[abc\n]{0,40}",
        theirs in "[abc\n]{0,40}",
    ) {
        let parts = merge(base.as_bytes(), ours.as_bytes(), theirs.as_bytes());
        let known: std::collections::HashSet<&[u8]> =
            lines(ours.as_bytes()).into_iter().chain(lines(theirs.as_bytes())).collect();
        for part in &parts {
            if let Part::Merged(text) = part {
                prop_assert!(lines(text).iter().all(|line| known.contains(line)), "{}", shown(&parts));
            }
        }
        prop_assert_eq!(shown(&merge(base.as_bytes(), ours.as_bytes(), base.as_bytes())), ours.replace('\n', "."));
        prop_assert_eq!(shown(&merge(base.as_bytes(), base.as_bytes(), theirs.as_bytes())), theirs.replace('\n', "."));
        prop_assert_eq!(shown(&merge(base.as_bytes(), ours.as_bytes(), ours.as_bytes())), ours.replace('\n', "."));
    }
}
