use gix::objs::tree::EntryKind;

use super::*;
use crate::path::RepoPath;

fn file(parts: Vec<Part>) -> MergedFile {
    let path = RepoPath::parse("src/a.txt").unwrap();
    MergedFile { path, kind: EntryKind::Blob, parts, ours: b"o\n".to_vec(), theirs: b"t\n".to_vec() }
}

fn conflict(base: &str, ours: &str, theirs: &str) -> Conflict {
    let [base, ours, theirs] = [base, ours, theirs].map(|text| text.as_bytes().to_vec());
    Conflict { base, ours, theirs }
}

fn read(answer: &str, count: usize) -> Result<Vec<String>, String> {
    let names: Vec<String> = (1..=count).map(name).collect();
    let answer = Answer::read(answer, &Paths::new(names.iter().map(String::as_str)));
    let texts = texts_of(&answer, count).map_err(|complaint| complaint.text)?;
    Ok(texts.into_iter().map(str::to_owned).collect())
}

#[test]
fn an_answer_gives_lines_for_each_conflict_and_nothing_else() {
    let both = "I think.\n\nWRITE: conflict-2\n```rust\nb\n```\nWRITE: conflict-1\n```\na\n\n```\n";
    assert_eq!(read(both, 2).unwrap(), ["a\n\n", "b\n"]);
    assert_eq!(read("WRITE: conflict-1\n```\n```\n", 1).unwrap(), [""]);
    assert_eq!(read("WRITE: conflict-1\n``````\n```\nx\n```\n``````\n", 1).unwrap(), ["```\nx\n```\n"]);
    for (answer, part) in [
        ("WRITE: conflict-1\n```\na\n```\n", "not settled: conflict-2"),
        ("WRITE: conflict-1\n```\na\n```\nWRITE: conflict-1\n```\nb\n```\n", "settled twice"),
        ("WRITE: conflict-3\n```\na\n```\n", "is not `WRITE: conflict-N`"),
        ("WRITE: conflict-0\n```\na\n```\n", "is not `WRITE: conflict-N`"),
        ("WRITE: src/other.txt\n```\na\n```\n", "is not `WRITE: conflict-N`"),
        ("DELETE: src/other.txt\n", "is not `WRITE: conflict-N`"),
        ("conflict-1\n<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n", "is not `WRITE: conflict-N`"),
        ("CANNOT: I do not know.", "I do not know."),
        ("WRITE: conflict-1\n```\na\n", "not closed"),
        ("", "not settled: conflict-1, conflict-2"),
    ] {
        let why = read(answer, 2).unwrap_err();
        assert!(why.contains(part), "{answer}: {why}");
    }
}

#[test]
fn markers_and_struck_secrets_are_refused_unless_a_side_has_them() {
    let of = |text: &str, conflict: &Conflict| {
        leaves_nothing_behind(text, conflict, &file(Vec::new())).map_err(|complaint| complaint.reason)
    };
    let plain = conflict("b\n", "o\n", "t\n");
    assert_eq!(of("x\n", &plain), Ok(()));
    for marker in [
        "<<<<<<< main",
        "<<<<<<<",
        "<<<<<<< main\n||||||| base\n=======",
        ">>>>>>> theirs",
        "<<<<<<<<< SEARCH",
        "=======\n>>>>>>> REPLACE",
    ] {
        assert_eq!(of(&format!("x\n{marker}\ny\n"), &plain), Err(Reason::BadAnswer), "{marker}");
    }
    assert_eq!(of("<<<<<<< main\n", &conflict("", "<<<<<<< main\n", "")), Ok(()));
    // Headings, quotations and tables in a text, which are on no side.
    for text in
        ["Title\n=======\n", "Two words\n=========\n", ">>>>>>>> quoted\n", "|||||||| a |\n", "<<<<<<<<<<\n"]
    {
        assert_eq!(of(text, &plain), Ok(()), "{text}");
    }
    assert_eq!(of(&format!("key = {REDACTED}\n"), &plain), Err(Reason::Secret));
}

#[test]
fn a_conflict_is_shown_with_the_lines_around_it() {
    let many = (0..50).map(|number| format!("{number}\n")).collect::<Vec<_>>().concat();
    let merged = |text: &str| Part::Merged(text.as_bytes().to_vec());
    let parts = vec![
        merged(&many),
        Part::Conflict(conflict("b\n", "o\n", "t\n")),
        merged("between\n"),
        Part::Conflict(conflict("", "p\n", "q\n")),
    ];
    let shown = lines_of(&[&file(parts)]);
    assert_eq!(
        shown.iter().map(|lines| lines.name.as_str()).collect::<Vec<_>>(),
        ["conflict-1", "conflict-2"]
    );
    assert!(shown[0].above.starts_with("30\n") && shown[0].above.ends_with("49\n"), "{}", shown[0].above);
    assert_eq!((shown[0].below.as_str(), shown[1].above.as_str()), ("between\n", "between\n"));
    assert_eq!((shown[1].base.as_str(), shown[1].below.as_str()), ("", ""));
}
