use super::*;

/// How a binary of unit tests is a worker: started as this one test, over its standard input.
#[test]
#[ignore = "a worker, which the other tests start"]
fn serve() {
    drop(worker::serve());
    std::process::exit(0);
}

fn soon() -> Instant {
    Instant::now() + Duration::from_mins(1)
}

fn check(parsers: &Parsers, language: Language, text: &str) -> Result<Findings, Unparsed> {
    parsers.check(language, text, Vec::new(), soon())
}

/// Files of a few hundred bytes at which a grammar ends its process.
fn killers() -> [(Language, String); 3] {
    [
        (Language::Yaml, format!("{}\n", "- ".repeat(254))),
        (Language::Ruby, format!("a = <<{0}\nb\n{0}\n", "A".repeat(256))),
        (Language::Python, (0..512).map(|depth| " ".repeat(depth) + "if 'a':\n").collect()),
    ]
}

#[test]
fn a_file_that_crashes_its_parser_is_an_answer_and_the_next_file_is_parsed() {
    let parsers = Parsers::of_this_program();
    let good = "fn a() {}\n";
    for (language, text) in killers() {
        assert_eq!(parsers.outline(Language::Rust, good).map(|found| found.len()), Ok(1));
        let crashed = match language {
            Language::Yaml => check(&parsers, language, &text).map(|_| ()),
            _ => parsers.outline(language, &text).map(|_| ()),
        };
        assert!(matches!(crashed, Err(Unparsed::Crashed(_))), "{}: {crashed:?}", language.name());
    }
    assert_eq!(check(&parsers, Language::Rust, good), Ok(Findings::default()));
}

#[test]
fn a_process_that_does_not_answer_as_it_should_is_a_crash() {
    for (script, expected) in [
        ("exit 3", "exit status: 3"),
        ("kill -9 $$", "signal: 9 (SIGKILL)"),
        // Half an answer, one that is longer than any may be, and one that is no answer.
        (r"printf '\7\0\0\0x' >&0", "exit status: 0"),
        (r"printf '\377\377\377\377x' >&0; sleep 60", "it had to be killed"),
        (r"printf '\2\0\0\0{}' >&0; sleep 60", "it had to be killed"),
        // An error behind the end of the text.
        (
            r#"printf 'k\0\0\0{"Findings":{"errors":[{"range":{"start":0,"end":99},"fault":"Unexpected"}],"holders":[]}}                    ' >&0; sleep 60"#,
            "its answer does not fit the text",
        ),
    ] {
        let parsers = Parsers::new("/bin/sh".into(), &["-c", script]);
        assert_eq!(
            check(&parsers, Language::Rust, "fn a() {}\n"),
            Err(Unparsed::Crashed(expected.to_owned())),
            "{script}"
        );
    }
}

#[test]
fn a_process_that_never_answers_is_killed() {
    // One of them does not even read.
    for script in ["sleep 60", "cat"] {
        let parsers = Parsers::new("/bin/sh".into(), &["-c", script]);
        let text = "x".repeat(MAX_BYTES);
        let started = Instant::now();
        let deadline = started + Duration::from_millis(200);
        assert_eq!(parsers.check(Language::Rust, &text, Vec::new(), deadline), Err(Unparsed::OutOfTime));
        assert!(started.elapsed() < Duration::from_secs(30), "{script}");
    }
}

#[test]
fn what_is_not_there_cannot_be_started() {
    let parsers = Parsers::of_program("/nowhere/task");
    assert!(matches!(check(&parsers, Language::Rust, ""), Err(Unparsed::NotStarted(_))));
}

#[test]
fn a_process_has_no_environment_and_none_of_our_files() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let name = file.path().file_name().unwrap().to_str().unwrap();
    let script = format!(
        "[ -z \"$(tr '\\0' '\\n' < /proc/$$/environ)\" ] && ! ls -l /proc/$$/fd | grep -q {name} && exit 7"
    );
    let parsers = Parsers::new("/bin/sh".into(), &["-c", &script]);
    assert_eq!(check(&parsers, Language::Rust, ""), Err(Unparsed::Crashed("exit status: 7".to_owned())));
}

#[test]
fn texts_beyond_the_bounds_are_not_sent() {
    let parsers = Parsers::of_program("/nowhere/task");
    let long = "x".repeat(MAX_BYTES + 1);
    assert_eq!(check(&parsers, Language::Rust, &long), Err(Unparsed::TooLarge));
    assert_eq!(parsers.outline(Language::Rust, &long), Ok(Vec::new()));
    assert_eq!(parsers.outline(Language::Json, "{}"), Ok(Vec::new()));
    assert_eq!(parsers.check(Language::Rust, "", Vec::new(), Instant::now()), Err(Unparsed::OutOfTime));
}

#[test]
fn many_threads_are_answered_at_the_same_time() {
    let parsers = Parsers::of_this_program();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let parsers = parsers.clone();
            scope.spawn(move || {
                for number in 1..50 {
                    let text = "fn a() {}\n".repeat(number + thread);
                    let found = parsers.outline(Language::Rust, &text).unwrap();
                    assert_eq!(found.len(), number + thread);
                }
            });
        }
    });
    assert!(parsers.0.idle().len() <= 4);
}
