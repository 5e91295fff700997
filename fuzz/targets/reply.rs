//! A reply of a model: all that it says.

use task::protocol::{Action, Answer, Halves, Paths};

pub(crate) fn run(data: &[u8]) {
    let reply = String::from_utf8_lossy(data);
    let paths = Paths::new(["a.rs", "src/a.rs", "VERSION", "```", "DELETE: a.rs"]);
    let answer = Answer::read(&reply, &paths);
    for (text, chars) in [(&answer.title, 72), (&answer.summary, 8_000), (&answer.cannot, 8_000)] {
        assert!(text.as_ref().is_none_or(|text| text.chars().count() <= chars));
    }
    assert!(answer.title.as_ref().is_none_or(|title| !title.contains('\n')), "a title is one line");
    let mut requests: Vec<_> = answer.requests.iter().collect();
    requests.sort();
    requests.dedup();
    assert_eq!(requests.len(), answer.requests.iter().len(), "nothing is asked for twice");

    for rule in &answer.rules {
        let lines = std::iter::once(&rule.text).chain(rule.cites.iter().map(|cite| &cite.quote));
        assert!(lines.into_iter().all(|text| text.chars().count() <= 1_000 && !text.contains('\n')));
        assert!(rule.places.iter().all(|place| place.line != Some(0)), "lines are counted from 1");
    }

    let Ok(edits) = &answer.edits else { return };
    let lines = reply.split('\n').count();
    let mut last = 0;
    for edit in edits {
        assert!((1..=lines).contains(&edit.line) && edit.line >= last, "edits are in the order of the reply");
        last = edit.line;
        let both = |halves: &Halves| [halves.search.clone(), halves.replace.clone()];
        let texts: Vec<String> = match &edit.action {
            Action::Replace(halves) => both(halves).into(),
            Action::Undivided(readings) => readings.iter().flat_map(both).collect(),
            Action::Create { content } | Action::Write { content } => vec![content.clone()],
            Action::Delete | Action::Rename { .. } => Vec::new(),
        };
        for text in texts {
            assert!(text.is_empty() || text.ends_with('\n'), "every line has its end");
        }
    }
    // Line ends of another system mean the same.
    if !reply.contains('\r') {
        let other = Answer::read(&reply.replace('\n', "\r\n"), &paths);
        assert_eq!(
            (&other.edits, &other.requests, &other.title),
            (&answer.edits, &answer.requests, &answer.title)
        );
    }
}
