//! The model looks around: what it may ask to see, what it is shown, and where that ends.

use tests::model::{Request, Step, Wire};

use crate::world::{Model, Run, World, blocks, said};

const ISSUE: &str = "# #4: The sensor\n\nEach sensor is wrong.\n";

/// More files than are read at first; what the issue is about is in `z/deep.py`, far down in it.
fn crowded() -> (World, String) {
    let world = World::new();
    world.init("repo");
    let names: Vec<String> = (10..60).map(|number| format!("a/sensor_{number}.py")).collect();
    let mut files: Vec<(&str, String)> = names
        .iter()
        .map(|name| (name.as_str(), "sensor = \"sensor\"\n# sensor sensor\n".to_owned()))
        .collect();
    files.push(("z/deep.py", deep()));
    world.commit("repo", &files);
    let issue = world.file("issue.md", ISSUE);
    (world, issue)
}

fn deep() -> String {
    let before: String =
        (0..200).map(|n| format!("def part_{n}():\n    return {n}\n\n\n")).collect::<Vec<_>>().concat();
    format!("{before}def fathom(depth):\n    return depth + 1\n")
}

fn good() -> String {
    blocks(&[("z/deep.py", "    return depth + 1", "    return depth + 2")])
}

fn solve(answers: &[&str], variables: &[(&str, &str)]) -> (World, Run, Vec<Request>) {
    let (world, issue) = crowded();
    let model = Model::saying(answers);
    let run = model.solve(&world, &issue, &["--json"], variables);
    let requests = model.finish();
    (world, run, requests)
}

/// The last thing that was said in a request, without the word of the fences.
fn last(request: &Request) -> String {
    let said = said(request);
    let nonce = said[0].split_once("carry the word ").unwrap().1.split_once('.').unwrap().0;
    said.last().unwrap().replace(nonce, "~")
}

#[test]
fn the_model_searches_reads_a_range_and_answers() {
    let looks = ["FIND: fathom\nDEFINE: fathom\n- LIST: z/", "READ: z/deep.py:795-802"];
    let (world, run, requests) = solve(&[looks[0], looks[1], &good()], &[]);
    let report = run.done().json();
    assert_eq!(
        last(&requests[1]),
        "[~\nFIND: fathom: 1 hit\nz/deep.py:801: def fathom(depth):\n\nDEFINE: fathom: \nz/deep.py:801-802: def \
         fathom(depth)\n\nLIST: z/: \ndeep.py\n~]\n\nAnswer now in the form that was asked for, or ask for more."
    );
    assert_eq!(
        last(&requests[2]),
        "(excerpt: lines 795-802 of 802; line numbers are not part of the file)\n[~ z/deep.py\n795| \n796| \n\
         797| def part_199():\n798|     return 199\n799| \n800| \n801| def fathom(depth):\n802|     return depth + 1\n~]\n\n\
         [~\n`z/deep.py`: added, lines 795-802 of 802\n~]\n\nAnswer now in the form that was asked for, or ask for more."
    );
    assert_eq!(world.at("ai-agent/issue-4", "z/deep.py"), deep().replace("depth + 1", "depth + 2"));
    assert_eq!(report["calls"], 3);
    // What was said stays as it was, so that a provider finds it in its cache.
    let (first, third) = (said(&requests[0]), said(&requests[2]));
    assert_eq!(third[..first.len()], first);
    assert_eq!([&third[first.len()], &third[first.len() + 2]], looks);
}

#[test]
fn what_a_search_shows_may_not_be_changed() {
    let (_, run, requests) = solve(&["FIND: fathom", &good(), "CANNOT: no"], &[]);
    assert_eq!(run.status, Some(1));
    let said = last(&requests[2]);
    assert!(
        said.contains("only files that you have read may be changed. Ask for it first: `READ: z/deep.py`"),
        "{said}"
    );
}

#[test]
fn the_whole_conversation_is_cached_where_a_provider_is_told_to() {
    let (world, issue) = crowded();
    let answers = ["FIND: fathom", "READ: z/deep.py", &good()].map(Step::text);
    let model = Model::new(Wire::Anthropic, answers);
    model.solve(&world, &issue, &["--json"], &[]).done();
    for request in model.finish() {
        let messages = request.body["messages"].as_array().unwrap();
        let marked = |message: &serde_json::Value| message["content"][0]["cache_control"].is_object();
        assert!(marked(messages.last().unwrap()), "{:?}", messages.last());
        assert!(
            messages.iter().filter(|message| marked(message)).count() <= 3,
            "a request has four breakpoints at most"
        );
    }
}

#[test]
fn who_asks_for_the_same_again_is_told_so_and_has_to_answer() {
    let (_, run, requests) =
        solve(&["FIND: fathom\nREAD: z/deep.py", "FIND: fathom\nREAD: z/deep.py", &good()], &[]);
    run.done();
    assert_eq!(
        last(&requests[2]),
        "[~\nFIND: fathom: you asked for that before; the answer is above\n\n`z/deep.py`: you have the whole of it \
         already\n~]\n\nNothing more can be shown. Answer now with what you have, in the form that was asked for, or with \
         CANNOT."
    );
    // Who does not gets the one correction, and nothing else.
    let again = "FIND: fathom";
    let (_, run, requests) = solve(&[again, again, again, again], &[]);
    assert_eq!((run.status, requests.len()), (Some(1), 4));
    assert!(
        last(&requests[3]).contains("It asks to see more, but nothing more can be shown."),
        "{}",
        last(&requests[3])
    );
}

#[test]
fn looking_goes_on_where_a_path_is_not_understood_or_something_was_left_out() {
    let reads = |n: usize| format!("READ: z/deep.py:{}-{}\n", 4 * n + 1, 4 * n + 2);
    let reads = (0..12).map(reads).collect::<Vec<_>>().concat();
    let outside = "READ: ../deep.py";
    let (_, run, requests) = solve(&[outside, "READ: /z\\deep.py:801-802", &reads, &reads, &good()], &[]);
    run.done();
    for request in &requests[1..] {
        let said = last(request);
        assert!(said.ends_with("Answer now in the form that was asked for, or ask for more."), "{said}");
        assert!(!said.contains("You have all of that already."), "{said}");
    }
    assert!(last(&requests[1]).contains("\"../deep.py\" cannot be read: "), "{}", last(&requests[1]));
    assert!(
        last(&requests[2]).contains("`z/deep.py`: added, lines 801-802 of 802"),
        "{}",
        last(&requests[2])
    );
    let (_, _, requests) = solve(&[outside, outside, "CANNOT: no"], &[]);
    assert!(last(&requests[2]).contains("Nothing more can be shown."), "{}", last(&requests[2]));
}

#[test]
fn rounds_end_by_number() {
    let looks: Vec<String> = (0..12).map(|n| format!("FIND: part_{n}")).collect();
    for (rounds, variables) in
        [(8, &[][..]), (3, &[("AGENT_READ_ROUNDS", "3")]), (0, &[("AGENT_READ_ROUNDS", "0")])]
    {
        // One question more than there are rounds, and the correction.
        let answers: Vec<&str> = looks[..rounds + 2].iter().map(String::as_str).collect();
        let (_, run, requests) = solve(&answers, variables);
        assert_eq!((run.status, requests.len()), (Some(1), rounds + 2), "{rounds}");
        assert_eq!(run.json()["failure"]["reason"], "no-edits");
        for (at, request) in requests.iter().enumerate().skip(1) {
            assert_eq!(last(request).contains("Nothing more can be shown."), at == rounds, "{rounds} {at}");
        }
        let system = &said(&requests[0])[0];
        assert_eq!(system.contains("FIND: text"), rounds > 0, "{system}");
        // Which limit it was is told to all of them.
        let why = match rounds {
            0 => "looking up more is turned off".to_owned(),
            rounds => format!("all {rounds} rounds of looking are used"),
        };
        assert!(run.stderr.contains(&format!("the model can look no further: {why} (AGENT_READ_ROUNDS)\n")));
        assert_eq!(last(&requests[rounds]).contains(&why), rounds > 0, "{}", last(&requests[rounds]));
        let complaint = last(&requests[rounds + 1]);
        assert!(complaint.contains(&format!("Nothing more can be looked up: {why}.")), "{complaint}");
        let failure = &run.json()["failure"];
        let what = failure["what"].as_str().unwrap();
        assert!(what.ends_with(&format!("It could look no further: {why}.")), "{what}");
        assert!(failure["next"].as_str().unwrap().starts_with("Raise AGENT_READ_ROUNDS, "), "{failure}");
    }
}

#[test]
fn rounds_end_where_the_next_call_could_not_be_paid_for() {
    // Room for the first call and one more of its size, not for a third.
    let (_, run, requests) = solve(&["READ: z/deep.py", &good()], &[("AGENT_MAX_TOKENS", "34000")]);
    let run_said = run.done().stderr;
    let said = last(&requests[1]);
    assert!(said.contains("def fathom") && said.contains("Nothing more can be shown."), "{said}");
    assert!(said.contains("another round could use more tokens than one run may"), "{said}");
    assert!(
        run_said.contains("the model can look no further: another round could use more tokens"),
        "{run_said}"
    );
    assert!(run_said.contains("(AGENT_MAX_TOKENS)"), "{run_said}");

    // A model that gives up then has the operator told which limit it was.
    let (_, run, _) =
        solve(&["READ: z/deep.py", "CANNOT: I see too little"], &[("AGENT_MAX_TOKENS", "34000")]);
    let failure = &run.json()["failure"];
    assert_eq!(failure["reason"], "declined");
    assert!(failure["next"].as_str().unwrap().starts_with("Raise AGENT_MAX_TOKENS, "), "{failure}");
    // Who had all of it is told nothing of a limit.
    let (_, run, _) = solve(&["FIND: fathom", "FIND: fathom", "CANNOT: no"], &[]);
    assert_eq!(run.json()["failure"]["next"], "Say more in the issue, or choose a stronger model.");
}

#[test]
fn fifty_requests_are_cut_to_what_one_answer_may_ask() {
    let many: String = (0..50).map(|n| format!("FIND: part_{n}\n")).collect::<Vec<_>>().concat();
    let (_, run, requests) = solve(&[&many, "READ: z/deep.py", &good()], &[]);
    run.done();
    let answer = last(&requests[1]);
    assert_eq!(answer.matches("FIND: part_").count(), 10, "{answer}");
    assert!(
        answer.contains("\n40 more requests of that answer were not looked at: at most 10 are, each time; ask for them again\n"),
        "{answer}"
    );
}

#[test]
fn edits_beside_requests_wait_until_it_has_seen_what_it_asks_for() {
    let both = format!("{}\nREAD: z/deep.py\n", good());
    let (world, run, requests) = solve(&[&both, &good()], &[]);
    run.done();
    let said = last(&requests[1]);
    assert!(
        said.contains("The edits of that answer are not used, because it asks to see more: send them again.\n\nAnswer now"),
        "{said}"
    );
    assert_eq!(world.at("ai-agent/issue-4", "z/deep.py"), deep().replace("depth + 1", "depth + 2"));
}

#[test]
fn a_small_window_is_offered_files_alone() {
    let small = [("AGENT_CONTEXT_WINDOW", "12000"), ("AGENT_MAX_OUTPUT_TOKENS", "2000")];
    let (_, run, requests) = solve(&["READ: z/deep.py:795-802", &good()], &small);
    run.done();
    let system = &said(&requests[0])[0];
    assert!(
        system.contains("answer only with lines `READ: path` (at most 10)") && !system.contains("FIND:"),
        "{system}"
    );
}
