use std::num::NonZeroU64;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use pulldown_cmark::{Event, LinkType, Parser, Tag, TagEnd};

use shared::repo::HostPolicy;

use super::*;

const CANARY: &str = "canary/7f3e+91c0~d5aa_4412";
const KEY: &str = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEAcanarycanary0123\nq83vEjRWeJCrze8SNFZ4kKvN7xI0VniQ\n-----END RSA PRIVATE KEY-----\n";

fn gate() -> Gate {
    let secrets = [CANARY, KEY].map(|secret| SecretString::from(secret.to_owned()));
    Gate::new(&secrets, &["github.com".to_owned(), "Docs.rs".to_owned()], NonZeroU64::new(7))
        .with_mention("octocat")
}

fn body(markdown: &str) -> String {
    gate().body(markdown).0
}

#[test]
fn bodies_do_nothing_but_say_something() {
    for (raw, expect) in [
        // ordinary
        (
            "## What\n\n- *one* `two`\n\n```rust\nfn a<T>() {}\n```\n",
            "## What\n\n- *one* `two`\n\n```rust\nfn a<T>() {}\n```\n",
        ),
        (
            "Fixes #7, see #3 and https://github.com/o/r/issues/3",
            "Fixes #7, see #3 and https://github.com/o/r/issues/3",
        ),
        (
            "[docs](https://docs.rs/x) [rel](docs/a.md) <https://github.com/o>",
            "[docs](https://docs.rs/x) [rel](docs/a.md) <https://github.com/o>",
        ),
        ("thanks @octocat, 3 < 4 & 5", "thanks @octocat, 3 < 4 & 5"),
        // images
        ("a ![alt](https://evil.test/?q=1) b", "a  (image) b"),
        ("![alt][i]\n\n[i]: https://evil.test", " (image)\n\n"),
        ("[![a](https://evil.test/i)](https://evil.test/l)", " (image) (`https://evil.test/l`)"),
        ("<img src=https://evil.test>", "&lt;img src=`https://evil.test`>"),
        ("[a]![x](y)", "[a] (image)"),
        // links
        ("[click](https://evil.test/a \"title\")", "click (`https://evil.test/a`)"),
        ("[click][r]\n\n[r]: https://evil.test 'h'", "click (`https://evil.test`)\n\n"),
        ("<https://evil.test/x>", "`https://evil.test/x`"),
        ("see https://evil.test/x, or www.evil.test.", "see `https://evil.test/x`, or `www.evil.test`."),
        ("https://evil.test/*a*_b_", "`https://evil.test/ab`_"),
        (
            "[x](javascript:alert(1)) [y](//evil.test) [z](data:text/html,x)",
            "x (`javascript:alert(1)`) y (`//evil.test`) z (`data:text/html,x`)",
        ),
        (
            "[x](https://github.com@evil.test/) [x](https://github.com.evil.test)",
            "x (`https://github.com@evil.test/`) x (`https://github.com.evil.test`)",
        ),
        (
            "[x](https://GITHUB.com/a) http://github.com:81/",
            "[x](https://GITHUB.com/a) `http://github.com:81/`",
        ),
        ("mail me@evil.test or <me@evil.test>", "mail `me@evil.test` or `me@evil.test`"),
        ("`` ` `` ` https://evil.test `` x", "`` ` `` \\` `https://evil.test` \\`\\` x"),
        ("`a`https://evil.test`b`", "`a` `https://evil.test` `b`"),
        // mentions
        ("cc @someone and @org/team-a, (@x)", "cc `@someone` and `@org/team-a`, (`@x`)"),
        ("\\@someone &#64;someone &commat;someone", "`@someone` `@someone` `@someone`"),
        ("@OctoCat @octocat2 `@code`", "@OctoCat `@octocat2` `@code`"),
        ("@<!-- -->someone", "`@someone`"),
        ("**@someone**\n# @someone\n|@a|\n|-|\n|@b|", "**`@someone`**\n# `@someone`\n|`@a`|\n|-|\n|`@b`|"),
        // closing keywords
        ("fixes #3, Closes: #12 and RESOLVED #7", "fixes `#3`, Closes: `#12` and RESOLVED #7"),
        (
            "fix o/r#7; close GH-12; resolves https://github.com/o/r/issues/9",
            "fix `o/r#7`; close `GH-12`; resolves `https://github.com/o/r/issues/9`",
        ),
        (
            "f&#105;xes &#35;3, clo<!---->ses #3, fixes\n#4, *fixes* #5",
            "fixes `#3`, closes `#3`, fixes\n`#4`, *fixes* `#5`",
        ),
        (
            "fixes [this](https://github.com/o/r/pull/3) [#4](https://github.com/o/r/issues/4)",
            "fixes this (`https://github.com/o/r/pull/3`) [#4](https://github.com/o/r/issues/4)",
        ),
        ("prefixes #3 and fixes the #3", "prefixes #3 and fixes the #3"),
        ("done [skip ci]", "done skip ci"),
        // marks that keep CI from running
        ("[skip travis] [[Netlify Skip]] [CF-Pages-Skip]", "skip travis Netlify Skip CF-Pages-Skip"),
        ("a ***NO_CI*** b --skip-ci", "a NO_CI b skip-ci"),
        ("[skip ci](docs/a.md) [skip this](docs/a.md)", "skip ci (`docs/a.md`) skip this (`docs/a.md`)"),
        ("`[skip ci]`\n\n```\n[ci skip]\n```", "`[ skip ci]`\n\n```\n[ ci skip]\n```"),
        // links of this repository
        ("[a](#top) [b](./docs/a%20b.md#L3) [c](src/)", "[a](#top) [b](./docs/a%20b.md#L3) [c](src/)"),
        (
            "[a](/login/oauth/authorize?client_id=x) [b](../../../settings) [c](?x) [d](docs/%2e%2e/x)",
            "a (`/login/oauth/authorize?client_id=x`) b (`../../../settings`) c (`?x`) d (`docs/%2e%2e/x`)",
        ),
        (
            "[a](/o/other/issues/3) [b](docs/a.md?x=1) [c](\\login) [d](docs//x)",
            "a (`/o/other/issues/3`) b (`docs/a.md?x=1`) c d (`docs//x`)",
        ),
        // other repositories
        ("like o/r#7, octo#8 and o.x/r-y@c0ffee1", "like `o/r#7`, `octo#8` and `o.x/r-y@c0ffee1`"),
        ("see #3, GH-4, C#7 at @c0ffee1", "see #3, GH-4, `C#7` at `@c0ffee1`"),
        // commands to bots
        ("/close\n/hold cancel\nand /close", "`/close`\n`/hold` cancel\nand /close"),
        ("- /approve\n\n> bors r+\n\n/etc/hosts", "- `/approve`\n\n> `bors` r+\n\n/etc/hosts"),
        ("@dependabot merge `@dependabot merge`", "`@dependabot` merge `@ dependabot merge`"),
        ("```\n/close\nbors r+\n/usr\n```", "```\n/ close\nbors, r+\n/ usr\n```"),
        ("Co-authored-by: E <e>\nskip-checks: true", "`Co-authored-by:` E &lt;e>\n`skip-checks:` true"),
        // what is open is closed
        ("a\n\n```rust\nb", "a\n\n```rust\nb\n```\n"),
        ("~~~~\n```\nb\n", "~~~~\n```\nb\n~~~~\n"),
        ("a <!-- never closed", "a <!-- never closed"),
        ("<!-- never closed", "&lt;!-- never closed"),
        // HTML and what cannot be seen
        ("a<!-- b -->c <b onclick=x>d</b>", "ac &lt;b onclick=x>d&lt;/b>"),
        ("<div>\n![x](y) @a\n</div>", "&lt;div>\n (image) `@a`\n&lt;/div>"),
        (
            "<details>\n<summary>S</summary>\n\ntext\n\n</details>",
            "<details>\n<summary>S</summary>\n\ntext\n\n</details>",
        ),
        (
            "<details>\n@a &#64;b fixes #3 https://evil.test <\n</details>",
            "<details>\na &amp;#64;b fixes issue 3 evil.test &lt;\n</details>",
        ),
        ("</details> <details>", "&lt;/details> &lt;details>"),
        ("<details open>x</details>", "&lt;details open>x&lt;/details>"),
        ("in\u{200b}vi\u{202e}sible\u{e0041} &lt;b&gt; &shy;x", "invisible &lt;b&gt; x"),
    ] {
        assert_eq!(body(raw), expect, "{raw:?}");
        assert_eq!(body(expect), expect, "again");
    }
}

#[test]
fn links_by_path_lead_to_pages_of_the_repository_alone() {
    let repo = Repo::parse("https://github.com/octo/hello", &HostPolicy::github()).unwrap();
    let gate = gate().with_repository(&repo);
    for (target, allowed) in [
        ("/octo/hello/pull/2/files", true),
        ("/Octo/Hello/issues/3#issuecomment-1", true),
        ("/octo/hello/blob/main/a%20b.md", true),
        ("/octo/hello", false),
        ("/octo/hello/../../login/oauth/authorize", false),
        ("/octo/hello/%2e%2e/%2e%2e/login", false),
        ("/octo/hello/compare?expand=1", false),
        ("/octo/hello-evil/pull/1", false),
        ("//octo/hello/pull/1", false),
        ("/octo/other/pull/1", false),
        ("/login/oauth/authorize?client_id=x", false),
    ] {
        assert_eq!(gate.allows_target(target), allowed, "{target}");
    }
}

#[test]
fn secrets_are_struck_out_in_every_dress() {
    let hex = CANARY.bytes().map(|b| format!("{b:02x}")).collect::<Vec<_>>().concat();
    let percent = CANARY.bytes().map(|b| format!("%{b:02X}")).collect::<Vec<_>>().concat();
    let mut dresses = vec![
        CANARY.to_owned(),
        CANARY.chars().rev().collect(),
        hex.to_uppercase(),
        hex,
        percent.to_lowercase(),
        percent,
        "canary%2F7f3e%2B91c0~d5aa_4412".to_owned(),
        "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQ".to_owned(),
        KEY.trim_end().to_owned(),
    ];
    for lead in ["", "a", "ab", "token=", "user:"] {
        for tail in ["", "\n", "xy"] {
            let wrapped = format!("{lead}{CANARY}{tail}");
            dresses.extend([STANDARD.encode(&wrapped), URL_SAFE_NO_PAD.encode(&wrapped)]);
        }
    }
    let gate = gate();
    for dress in &dresses {
        let redacted = gate.redact(&format!("x {dress} y"));
        let rest = redacted.replace("[redacted]", "");
        assert!(redacted.contains("[redacted]") && rest.len() <= 20, "{dress} {redacted}");
        assert_eq!(gate.redact(&redacted), redacted);
    }
    let in_code = format!("`{CANARY}`\n\n    {CANARY}\n\n```\n{CANARY}\n```");
    assert_eq!(body(&in_code), "`[redacted]`\n\n    [redacted]\n\n```\n[redacted]\n```");
    assert_eq!(body("canary/7f3e<!-- -->+91c0~d5aa\\_4412"), "[redacted]");
}

/// Tokens are put together here, so that no scanner takes this file for a leak.
fn token(prefix: &str, length: usize) -> String {
    format!("{prefix}{}", "A1b2C3d4E5".repeat(10).get(..length).unwrap())
}

#[test]
fn tokens_are_known_by_their_shape() {
    for (token, kind) in [
        (token("ghp_", 36), "a token of GitHub"),
        (token("gho_", 36), "a token of GitHub"),
        (token("ghu_", 36), "a token of GitHub"),
        (token("ghs_", 36), "a token of GitHub"),
        (token("ghr_", 36), "a token of GitHub"),
        (token("github_pat_", 22) + "_" + &token("", 59), "a token of GitHub"),
        (token("sk-ant-api03-", 80), "a key of Anthropic"),
        (token("sk-proj-", 80), "a key of OpenAI"),
        (token("sk-", 48), "a key with the prefix sk-"),
        (token("AKIA", 16).to_uppercase(), "a key of AWS"),
        (token("ASIA", 16).to_uppercase(), "a key of AWS"),
        (token("xoxb-", 12) + "-" + &token("", 12), "a token of Slack"),
        (token("glpat-", 20), "a token of GitLab"),
        (token("AIza", 35), "a key of Google"),
        (token("npm_", 36), "a token of npm"),
        (token("hf_", 34), "a token of Hugging Face"),
        (token("sk_live_", 24), "a key of Stripe"),
        (token("eyJ", 20) + "." + &token("eyJ", 30) + "." + &token("", 43), "a JSON web token"),
        (
            format!("-----BEGIN {}PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----", "OPENSSH "),
            "a private key",
        ),
        ("https://user:pa55word@host.test/x".to_owned(), "a password in an address"),
    ] {
        let path = RepoPath::parse("src/a.rs").unwrap();
        let new = format!("let a = 1;\nlet b = \"{token}\";\n");
        let leak = gate().scan_added_lines(&path, "let a = 1;\n", &new).unwrap_err();
        assert_eq!(leak, Leak { path: path.clone(), line: 2, kind });
        assert_eq!(leak.to_string(), format!("line 2 of src/a.rs holds {kind}"));
        assert_eq!(gate().scan_added_lines(&path, &new, &new), Ok(()));
        assert!(!gate().redact(&new).contains(&token), "{token}");
    }
    let ordinary = "sk-loading-spinner task-force AKIA hf_model eyJhbGciOiJ9 npm_config_registry ghp_ https://a.test/@x:y risk-free-and-more-things-than-you-think-of";
    assert_eq!(gate().redact(ordinary), ordinary);
}

#[test]
fn added_lines_are_scanned_for_known_secrets_in_pieces_too() {
    let path = RepoPath::parse(".env").unwrap();
    let check = |old: &str, new: &str| {
        gate().scan_added_lines(&path, old, new).map_err(|leak| (leak.line, leak.kind))
    };
    assert_eq!(check("", "a\nb"), Ok(()));
    assert_eq!(check("x", &format!("x\ny\n{CANARY}")), Err((3, "a secret of this program")));
    assert_eq!(check(CANARY, CANARY), Ok(()));
    assert_eq!(
        check("", "k = \"canary/7f3e\" +\n  \"+91c0~d5\" + \"aa_4412\""),
        Err((1, "a secret of this program, in pieces"))
    );
    assert_eq!(check("", &format!("a\n{KEY}")), Err((2, "a private key")));
}

#[test]
fn titles_and_messages_are_plain() {
    let gate = gate();
    for (raw, expect) in [
        ("Fix  the\nthing", "Fix the thing"),
        ("Fixes #3 by @someone, see https://evil.test/x", "Fixes issue 3 by someone, see evil.test/x"),
        ("Fixes #7 @octocat Vec<String>", "Fixes #7 @octocat Vec<String>"),
        ("closes o/r#9 [skip ci] a@b.test www.evil.test", "closes issue 9 skip ci a at b.test evil.test"),
        ("x\u{202e}y", "xy"),
        ("[skip travis] a ***NO_CI*** --ci-skip [[[[[[[[[[skip ci]", "skip travis a NO_CI ci-skip skip ci"),
        ("/hold o/r#3 and o/r@c0ffee1", "hold o/r issue 3 and o/r commit c0ffee1"),
        ("bors r+", "(bors) r+"),
    ] {
        assert_eq!(gate.title(raw).as_str(), expect);
        assert_eq!(gate.title(expect).as_str(), expect);
    }
    let long = gate.title(&"wörd ".repeat(100)).0;
    assert_eq!((long.chars().count(), long.ends_with("d…")), (255, true));
    let message = "Add x\n\nFixes #7\nfixes #8\nCo-authored-by: Evil <e@evil.test>\nAgent-Task: 1\nskip-checks: true\n[ci skip]\n";
    let trailers = [("Agent-Task", "t1\nX: y"), ("Co-authored-by", "dev <1+dev@users.noreply.github.com>")];
    let expect = "Add x\n\nFixes #7\nfixes issue 8\nCo-authored-by - Evil <e at evil.test>\nAgent-Task - 1\nskip-checks - true\nci skip\n\n\
                  Agent-Task: t1 X: y\nCo-authored-by: dev <1+dev@users.noreply.github.com>\n";
    assert_eq!(gate.commit_message(message, &trailers).as_str(), expect);
}

#[test]
fn bodies_are_cut_with_a_note_and_leave_room_for_the_marker() {
    let gate = gate();
    let whole = "x".repeat(MAX_BODY);
    assert_eq!(gate.body(&whole).0, whole);
    let cut = gate.body(&"ä\n".repeat(MAX_BODY)).0;
    assert!(cut.chars().count() <= MAX_BODY);
    assert!(cut.ends_with("ä\n\n_(… 65567 more characters)_\n"), "{:?}", &cut[cut.len() - 50..]);
    let code = gate.body(&format!("```\n{}", "y\n".repeat(MAX_BODY))).0;
    assert!(code.chars().count() <= MAX_BODY);
    assert!(code.ends_with("y\n```\n\n_(… 65578 more characters)_\n"), "{:?}", &code[code.len() - 50..]);
    for body in [&cut, &code] {
        assert_eq!(gate.body(body).0, *body);
    }
    let marker = |content: &str| {
        crate::marker::Marks::new(SecretString::from("key"), 1).write(
            crate::marker::Kind::Status,
            crate::marker::On::Issue(&"7".parse().unwrap()),
            &content,
        )
    };
    let short = marker("x");
    assert_eq!(gate.marked(&gate.body("hi"), &short).unwrap().0, format!("hi\n\n{short}"));
    let long = gate.marked(&gate.body(&whole), &short).unwrap().0;
    let room = MAX_BODY - short.to_string().len();
    assert!((room..=MAX_BODY).contains(&long.chars().count()), "{}", long.chars().count());
    assert!(long.ends_with(&format!(" more characters)_\n\n\n{short}")), "{}", &long[long.len() - 200..]);
    for bad in [CANARY.to_owned(), "x".repeat(MAX_BODY - 500)] {
        assert_eq!(gate.marked(&gate.body("hi"), &marker(&bad)), Err(BadMarker));
    }
    let own = "<details><summary>Two files</summary>\n\n- `a`\n\n</details>";
    assert_eq!(gate.composed(&format!("{own} {CANARY}")).0, format!("{own} [redacted]"));
    assert!(gate.composed(&own.repeat(2_000)).0.chars().count() <= MAX_BODY);
}

fn markdown() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "@someone",
        "@",
        "#3",
        "fixes ",
        "Fixes #7",
        "close",
        "https://evil.test/",
        "https://github.com/o",
        "www.e.test",
        "http://",
        "a@b.test",
        "[",
        "]",
        "(",
        ")",
        "![",
        "](",
        "[a]: https://evil.test\n",
        "[a]",
        "`",
        "``",
        "```\n",
        "<",
        ">",
        "<b>",
        "<details>",
        "</details>",
        "<!--",
        "-->",
        "&#64;",
        "&#35;",
        "&lt;",
        "&#96;",
        "\\",
        "*",
        "_",
        "\n",
        "\n\n",
        " ",
        "    ",
        "- ",
        "> ",
        "|",
        "|-|",
        "x",
        "é",
        "\u{200b}",
        "[skip ci]",
        "[ci skip](",
        "***NO_CI***",
        "PROJ-7 ",
        "#close ",
        "--skip-ci",
        "/close",
        "bors r+",
        "Release-As: 1",
        "@c0ffee1",
        "@dependabot x",
        ":",
        "//",
        "canary/7f3e",
        "+91c0~d5aa_4412",
        "o/r#4",
        "GH-3",
        "\"t\"",
        "'",
        "~~~",
        "# ",
        "&",
        ";",
        "www",
        ".",
    ]);
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_gate_is_passed_once_and_for_all(text in markdown()) {
        let gate = gate();
        let once = gate.body(&text).0;
        prop_assert_eq!(&gate.body(&once).0, &once);
        prop_assert!(!once.contains(CANARY));
        let allowed = |text: &str| active::find(text).iter().all(|active| gate.allows(&active.kind));
        let mut in_code = false;
        let mut run = String::new();
        for event in Parser::new_ext(&once, crate::text::FLAVOUR) {
            match event {
                Event::Start(Tag::CodeBlock(_)) => in_code = true,
                Event::End(TagEnd::CodeBlock | TagEnd::Link) => in_code = false,
                Event::Text(text) if !in_code => run.push_str(&text),
                Event::SoftBreak | Event::HardBreak => run.push('\n'),
                Event::Code(_) => run.push('`'),
                Event::Start(Tag::Emphasis | Tag::Strong) | Event::End(TagEnd::Emphasis | TagEnd::Strong) => {}
                Event::Start(Tag::Image { .. }) => prop_assert!(false, "an image in {once:?}"),
                Event::Start(Tag::Link { dest_url, link_type, .. }) => {
                    // An address that is allowed stands for itself.
                    if link_type == LinkType::Autolink {
                        in_code = true;
                        run.push('`');
                    }
                    prop_assert!(gate.allows_target(&dest_url), "{dest_url} in {once:?}");
                }
                Event::Html(html) | Event::InlineHtml(html) => {
                    run.push('`');
                    let tags = ["details", "/details", "summary", "/summary"];
                    let bare = tags.iter().fold(html.to_string(), |html, tag| html.replace(&format!("<{tag}>"), ""));
                    prop_assert!(!bare.contains('<'), "{html:?} in {once:?}");
                }
                _ => {
                    prop_assert!(allowed(&run), "{run:?} in {once:?}");
                    run.clear();
                }
            }
        }
        let title = gate.title(&text).0;
        prop_assert_eq!(&gate.title(&title).0, &title);
        prop_assert!(!title.contains('\n') && allowed(&title), "{title:?}");
        let message = gate.commit_message(&text, &[]).0;
        prop_assert_eq!(&gate.commit_message(&message, &[]).0, &message);
        prop_assert!(allowed(&message) && !message.contains(CANARY), "{message:?}");
    }

    #[test]
    fn any_text_passes(text in "(?s).*", path_text in "(?s).*") {
        let gate = gate();
        let once = gate.body(&text).0;
        prop_assert_eq!(&gate.body(&once).0, &once);
        gate.title(&text);
        gate.commit_message(&text, &[("A-b", &path_text)]);
        let path = RepoPath::parse("a").unwrap();
        prop_assert_eq!(gate.scan_added_lines(&path, &text, &path_text), Ok(()));
    }
}

#[test]
fn hostile_text_passes() {
    for piece in [
        "<",
        "&",
        "`",
        "<!--",
        "[",
        "![",
        "](",
        "@",
        "@a",
        "@a ",
        "#1",
        "fixes #1 ",
        "https://a.b/",
        "://",
        "a://",
        "www.",
        " www.)",
        "ghp_",
        "eyJ",
        "eyJ.",
        "-----BEGIN PRIVATE KEY-----\n",
        "-----BEGIN ",
        "\\",
        "\\`",
        "[a](b",
        "<details>",
        "<b>",
        "a@",
        "a.b@c.",
        "sk-",
        "AKIA",
        "GH-",
        "[skip ci]",
        "[[skip ci]",
        "--skip-ci ",
        "/close\n",
        "bors r+\n",
        "a@c0ffee1 ",
        "***no_ci",
        "Release-As: ",
        "o/r#",
        "*@a*",
        "[a](https://evil.test)",
        "&#64;",
        "|@a",
    ] {
        let text = piece.repeat((1 << 12) / piece.len());
        let once = body(&text);
        assert_eq!(body(&once), once, "{piece:?}");
        gate().title(&text);
        gate().commit_message(&text, &[]);
    }
}
