use super::*;

fn check() -> Request {
    Request { language: Language::Rust, job: Job::Check { places: vec![1, 4] }, within: 1_000 }
}

fn outline() -> Request {
    Request { job: Job::Outline, ..check() }
}

fn findings(error: ParseError) -> Answer {
    Answer::Findings(Findings { errors: vec![error], holders: vec![None, None] })
}

fn definition(lines: (usize, usize)) -> Definition {
    Definition { name: "a".to_owned(), signature: "fn a()".to_owned(), lines, depth: 0 }
}

#[test]
fn requests_and_answers_pass_as_they_are() {
    let mut socket = Vec::new();
    for text in ["", "fn a() {}\n", "é\0"] {
        write_request(&mut socket, &check(), text).unwrap();
        write_request(&mut socket, &outline(), text).unwrap();
    }
    let mut rest = socket.as_slice();
    for text in ["", "fn a() {}\n", "é\0"] {
        assert_eq!(read_request(&mut rest).unwrap(), Some((check(), text.to_owned())));
        assert_eq!(read_request(&mut rest).unwrap(), Some((outline(), text.to_owned())));
    }
    assert_eq!(read_request(&mut rest).unwrap(), None);
    for cut in 1..12 {
        assert!(read_request(&mut &socket[..cut]).is_err(), "{cut}");
    }

    let answer = Answer::Outline(vec![definition((1, 1))]);
    let mut socket = Vec::new();
    write_answer(&mut socket, &answer).unwrap();
    assert_eq!(read_answer(&mut socket.as_slice()).unwrap(), answer);
    for cut in 0..socket.len() {
        assert!(read_answer(&mut &socket[..cut]).is_err(), "{cut}");
    }
}

#[test]
fn no_length_exceeds_its_cap() {
    let long = "x".repeat(MAX_BYTES + 1);
    assert!(write_request(&mut Vec::new(), &check(), &long).is_err());
    assert!(write_request(&mut Vec::new(), &check(), &long[1..]).is_ok());
    for length in [u32::MAX, u32::try_from(MAX_ANSWER).unwrap() + 1] {
        let frame = [&length.to_le_bytes()[..], b"{}"].concat();
        let error = read_answer(&mut frame.as_slice()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{length}");
        assert!(read_request(&mut frame.as_slice()).is_err());
    }
}

#[test]
fn an_answer_that_does_not_fit_the_text_is_not_believed() {
    let text = "fn é() {}\n";
    let error = |range| ParseError { range, fault: ParseFault::Unexpected };
    let fault = |fault| ParseError { range: 0..0, fault };
    let holder = |range| Some(Holder { kind: HolderKind::Comment, range });
    let held = |holders| Answer::Findings(Findings { holders, ..Findings::default() });
    let named =
        |name: &str| Answer::Outline(vec![Definition { name: name.to_owned(), ..definition((1, 1)) }]);
    let other = |why: &str| Answer::Failed(Failure::Other(why.to_owned()));
    for (sound, request, answer) in [
        (true, check(), findings(error(0..11))),
        (true, check(), findings(error(11..11))),
        (false, check(), findings(error(0..12))),
        // Inside of a character, and backwards.
        (false, check(), findings(error(4..5))),
        #[expect(clippy::reversed_empty_ranges, reason = "that is the case")]
        (false, check(), findings(error(3..2))),
        (false, check(), findings(error(usize::MAX..usize::MAX))),
        (true, check(), findings(fault(ParseFault::Missing(";".to_owned())))),
        (false, check(), findings(fault(ParseFault::Missing("a\nb".to_owned())))),
        (false, check(), findings(fault(ParseFault::Python("x".repeat(MAX_MESSAGE + 1))))),
        (true, check(), held(vec![None, holder(3..11)])),
        (false, check(), held(vec![None])),
        (false, check(), held(vec![None, holder(0..3)])),
        (false, check(), held(vec![None, holder(0..12)])),
        (false, check(), Answer::Outline(Vec::new())),
        (true, check(), Answer::Failed(Failure::TooDeep)),
        (true, check(), other("it panicked")),
        (false, check(), other("a\nb")),
        (true, outline(), Answer::Outline(vec![definition((1, 1))])),
        (false, outline(), Answer::Outline(vec![definition((0, 1))])),
        (false, outline(), Answer::Outline(vec![definition((1, 2))])),
        (false, outline(), Answer::Outline(vec![Definition { depth: MAX_DEPTH + 1, ..definition((1, 1)) }])),
        (true, outline(), named("é")),
        (false, outline(), named(&"x".repeat(MAX_NAME + 1))),
        (false, outline(), Answer::Outline(vec![definition((1, 1)); MAX_DEFINITIONS + 1])),
        (false, outline(), held(vec![None, None])),
        (true, outline(), Answer::Failed(Failure::OutOfTime)),
    ] {
        assert_eq!(answer.clone().checked(&request, text).is_ok(), sound, "{answer:?}");
    }
    let many = Findings { errors: vec![error(0..1); MAX_ERRORS + 1], holders: vec![None, None] };
    assert_eq!(Answer::Findings(many).checked(&check(), text), Err(Unsound));
}

#[test]
fn what_a_parser_says_is_cut_to_one_line_that_passes() {
    for text in ["", "a\nb\u{7f}", &"é".repeat(MAX_MESSAGE)] {
        assert!(is_message(&message(text)), "{text:?}");
    }
}
