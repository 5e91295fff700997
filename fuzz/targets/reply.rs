//! The directives of a reply.

use task::protocol::reply::parse;

pub(crate) fn run(data: &[u8]) {
    let reply = parse(&String::from_utf8_lossy(data));
    for (text, chars) in [(&reply.title, 72), (&reply.summary, 8_000), (&reply.cannot, 8_000)] {
        assert!(text.as_ref().is_none_or(|text| text.chars().count() <= chars));
    }
    assert!(reply.title.as_ref().is_none_or(|title| !title.contains('\n')), "a title is one line");
    let mut reads = reply.reads.clone();
    reads.sort();
    reads.dedup();
    assert_eq!(reads.len(), reply.reads.len(), "no file is asked for twice");
}
