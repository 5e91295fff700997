//! `ai-agent explain`: what would be read and why, as a table, as JSON and as a page.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::world::{TYPO, World};

fn explain(world: &World, more: &[&str]) -> crate::world::Run {
    world.file("issue.md", TYPO);
    let mut arguments = vec!["--repo", "repo", "--issue", "issue.md"];
    arguments.extend(more);
    world.explain(&arguments, &[])
}

/// What was explained, without what differs from run to run.
fn facts(world: &World, more: &[&str]) -> Value {
    let mut facts = explain(world, &[&["--json"], more].concat()).done().json();
    facts["times"] = Value::Null;
    facts
}

#[test]
fn a_table_says_what_is_read_and_why() {
    let world = World::sample();
    world.commit("repo", &[("AGENTS.md", "Keep lines short.\n"), ("logo.png", "\0")]);
    let run = explain(&world, &[]).done();
    assert_eq!(run.stdout, include_str!("explain.txt"));
    assert_eq!(run.stderr, "reading the repository\nread 3 of 3 files (about 140 tokens)\n");
}

#[test]
fn json_is_as_documented_and_the_shares_are_the_score() {
    let world = World::sample();
    let facts = facts(&world, &[]);
    assert_eq!(
        (&facts["issue"], &facts["model"], &facts["cost_at_most"], &facts["ranked"]),
        (
            &json!({"number": 7, "title": "Typo in the README"}),
            &json!("builtin"),
            &json!("nothing"),
            &json!(2)
        )
    );
    for file in facts["files"].as_array().unwrap() {
        let shares: f64 =
            file["shares"].as_object().unwrap().values().map(|share| share.as_f64().unwrap()).sum();
        let sum = shares + file["prior"].as_f64().unwrap();
        assert!((sum - file["score"].as_f64().unwrap()).abs() < 0.02, "{file}");
    }
}

#[test]
fn the_limit_is_on_files_that_would_not_be_read() {
    let world = World::sample();
    let large = "def is_online(seen, now):\n    return now - seen <= 30\n".repeat(20_000);
    let names: Vec<String> = (0..40).map(|n| format!("src/part{n:02}.py")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), large.as_str())).collect();
    world.commit("repo", &files);
    for limit in ["1", "5", "100"] {
        let facts = facts(&world, &["--limit", limit]);
        let given = |file: &Value| matches!(file["given"].as_str(), Some("whole" | "part"));
        let files = facts["files"].as_array().unwrap();
        let read = files.iter().filter(|file| given(file)).count();
        let above = files.iter().filter(|file| file["rank"].as_u64().unwrap() > limit.parse().unwrap());
        assert!(read > 1 && above.clone().all(given), "{facts}");
    }
}

#[test]
fn the_cost_is_that_of_the_model() {
    let world = World::sample();
    for (model, expect, is_known) in [
        ("anthropic:claude-sonnet-5-5", "at most $3.00", true),
        ("openai:unheard-of", "an unknown amount (the model has no known price)", false),
    ] {
        let variables = [("ANTHROPIC_API_KEY", "k"), ("OPENAI_API_KEY", "k"), ("AGENT_MODEL", model)];
        world.file("issue.md", TYPO);
        let run = world.explain(&["--repo", "repo", "--issue", "issue.md", "--json"], &variables).done();
        assert_eq!((&run.json()["model"], &run.json()["cost_at_most"]), (&json!(model), &json!(expect)));
        let number = run.json()["cost_at_most_usd"].as_f64();
        assert_eq!(
            number.is_some_and(|cost| expect == format!("at most ${cost:.2}")),
            is_known,
            "{number:?}"
        );
    }
}

#[test]
fn nothing_is_written() {
    let world = World::sample();
    let before = world.snapshot("repo");
    explain(&world, &["--html", "page.html"]).done();
    assert_eq!(world.snapshot("repo"), before);
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let world = World::sample();
    let names: Vec<String> = (0..300).map(|n| format!("src/a{}/part{n}.py", n % 7)).collect();
    world
        .commit("repo", &names.iter().map(|name| (name.as_str(), "word = 'recieves'\n")).collect::<Vec<_>>());
    let page = |name: &str| {
        let run = explain(&world, &["--html", name]).done();
        (run.stdout, std::fs::read_to_string(world.path(name)).unwrap(), facts(&world, &[]))
    };
    let first = page("first.html");
    for name in ["second.html", "third.html"] {
        assert_eq!(page(name), first);
    }
}

/// Every name of an element, and every name of an attribute.
fn markup(page: &str) -> (BTreeSet<&str>, BTreeSet<&str>) {
    let body = page.split_once("</style>").unwrap().1;
    let (mut elements, mut attributes) = (BTreeSet::new(), BTreeSet::new());
    for tag in body.split('<').skip(1) {
        let tag = tag.split_once('>').unwrap().0;
        let mut parts = tag.split('"').step_by(2).flat_map(str::split_whitespace);
        elements.insert(parts.next().unwrap().trim_matches('/'));
        attributes.extend(parts.map(|part| part.trim_matches(['=', '/'])).filter(|part| !part.is_empty()));
    }
    (elements, attributes)
}

#[test]
fn a_page_holds_no_markup_of_a_stranger() {
    let world = World::sample();
    // Names with angle brackets or double quotes are none that a path may have.
    world
        .commit("repo", &[("src/a&amp;'b.py", "recieves = '</title>'\n"), ("src/`${x}`.js", "recieves()\n")]);
    world.file(
        "issue.md",
        "# \"</title><script>alert(1)</script>recieves\n\n<svg onload=x> style=\"a:url(//x)\" `</pre><b>` [a](javascript:x)\n",
    );
    let arguments = ["--repo", "repo", "--issue", "issue.md", "--html", "page.html"];
    world.explain(&arguments, &[]).done();
    let page = std::fs::read_to_string(world.path("page.html")).unwrap();
    let (elements, attributes) = markup(&page);
    let expect = "a b body code dd details div dl dt g h1 h2 head header html li main ol p pre rect section span summary \
                  svg table td text th title tr";
    assert_eq!(elements, expect.split_whitespace().collect());
    let expect = "aria-hidden aria-label class height href id preserveAspectRatio role scope tabindex viewBox width x y";
    assert_eq!(attributes, expect.split_whitespace().collect());
    let name = "<span class=\"path\">src&#x2f;<b>a&amp;amp;&#x27;b.py</b></span>";
    assert_eq!(page.matches(name).count(), 1, "the name is shown");
}

#[test]
fn a_page_allows_its_own_style_and_nothing_else() {
    use base64::Engine as _;
    use sha2::Digest as _;
    let world = World::sample();
    explain(&world, &["--html", "page.html"]).done();
    let page = std::fs::read_to_string(world.path("page.html")).unwrap();
    let (head, rest) = page.split_once("<style>").unwrap();
    let style = rest.split_once("</style>").unwrap().0;
    let hash = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(style.as_bytes()));
    let policy =
        head.split_once("Content-Security-Policy\" content=\"").unwrap().1.split_once('"').unwrap().0;
    assert_eq!(
        policy,
        format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'")
    );
    assert!(!style.contains("url(") && !style.contains("@import"), "the style loads something");
}

/// What a rectangle of the map tells to a mouse is text as well, for a keyboard, a finger and a screen reader.
#[test]
fn no_name_on_the_map_needs_a_mouse() {
    let world = World::sample();
    let names: Vec<String> = (0..120).map(|n| format!("src/a{}/part{n}.py", n % 7)).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "word = 'other'\n")).collect();
    world.commit("repo", &files);
    explain(&world, &["--html", "page.html"]).done();
    let page = std::fs::read_to_string(world.path("page.html")).unwrap();
    let (map, text) = page.split_once("<svg class=\"tree\"").unwrap().1.split_once("</svg>").unwrap();
    let words: BTreeSet<&str> = text.split(['<', '>', ',', ' ']).collect();
    let mut seen = 0;
    for tile in map.split("<g class=\"").skip(1) {
        let (class, rest) = tile.split_once('"').unwrap();
        if ["folder", "rest"].contains(&class) {
            continue;
        }
        let path = rest.split_once("<title>").unwrap().1.split_once("</title>").unwrap().0;
        let name = path.rsplit("&#x2f;").next().unwrap();
        assert!(words.contains(path) || words.contains(name), "{path}");
        seen += 1;
    }
    assert!(seen > 50, "{seen}");
}

/// Bad input ends as it does for `ai-agent solve`.
#[test]
fn bad_input_is_told_as_by_solve() {
    for (arguments, variables) in [
        (&["--repo", "nowhere", "--issue", "issue.md"][..], &[][..]),
        (&["--repo", "issue.md", "--issue", "issue.md"], &[]),
        (&["--repo", "empty", "--issue", "issue.md"], &[]),
        (&["--repo", "pictures", "--issue", "issue.md", "--model", "ollama:m"], &[]),
        (&["--repo", "repo", "--issue", "nothing.md"], &[]),
        (&["--repo", "repo", "--issue", "blank.md"], &[]),
        (&["--repo", "repo", "--issue", "latin1.md"], &[]),
        (&["--repo", "repo", "--issue", "large.md"], &[]),
        (&["--repo", "repo", "--issue", "hidden.md"], &[]),
        (&["--repo", "repo", "--issue", "other.json"], &[]),
        (&["--repo", "repo", "--issue", "issue.md", "--base", "nowhere"], &[]),
        (&["--repo", "repo", "--issue", "issue.md", "--model", "hal"], &[]),
        (&["--repo", "repo", "--issue", "issue.md", "--model", "anthropic"], &[]),
        (&["--repo", "repo", "--issue", "issue.md"], &[("AGENT_CONTEXT_TOKENS", "few")]),
        (&["--repo", "repo", "--issue", "issue.md"], &[("AGENT_COMMIT_NAME", "a\nb")]),
    ] {
        let world = World::sample();
        world.init("empty");
        world.init("pictures");
        world.commit("pictures", &[("image.png", "\0")]);
        world.file("issue.md", TYPO);
        world.file("blank.md", " \n");
        world.file("latin1.md", b"Caf\xe9");
        world.file("large.md", "x".repeat((1 << 20) + 1));
        world.file("hidden.md", "<!-- x -->");
        world.file("other.json", "{}");
        let explained = world.explain(arguments, variables).failure();
        assert_eq!(explained, world.task(arguments, variables, b"").failure(), "{arguments:?} {variables:?}");
        assert_ne!(explained.0, Some(0), "{arguments:?}");
        let failed = world.explain(&[arguments, &["--json"]].concat(), variables).json();
        assert_eq!(failed["outcome"], "failed", "{arguments:?}");
    }
}

#[test]
fn a_page_that_cannot_be_written_is_a_failure() {
    let world = World::sample();
    let run = explain(&world, &["--html", "nowhere/page.html"]);
    let words = "error: the page cannot be written to nowhere/page.html: No such file or directory (os error 2) |   \
                 Give a place that can be written to with `--html`.";
    assert_eq!(run.failure(), (Some(1), words.to_owned()));
}
