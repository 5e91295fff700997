use std::sync::LazyLock;
use std::time::{Duration, Instant};

use super::*;
use crate::parser::MAX_BYTES;

fn soon() -> Instant {
    Instant::now() + Duration::from_mins(5)
}

fn path(text: &str) -> RepoPath {
    RepoPath::parse(text).unwrap()
}

/// The verdict of the processes that all tests share.
fn file(path: &RepoPath, before: Option<&[u8]>, after: &[u8], deadline: Instant) -> Verdict {
    static PARSERS: LazyLock<Parsers> = LazyLock::new(Parsers::of_this_program);
    super::file(&PARSERS, path, before, after, deadline)
}

fn edit(name: &str, before: &str, after: &str) -> Verdict {
    file(&path(name), Some(before.as_bytes()), after.as_bytes(), soon())
}

fn new(name: &str, after: &str) -> Verdict {
    file(&path(name), None, after.as_bytes(), soon())
}

fn leftovers(name: &str, before: Option<&str>, after: &str) -> Vec<SyntaxError> {
    Leftovers::added(&path(name), before, after).judged(None)
}

/// Where and what, of the first problem.
fn first(verdict: &Verdict) -> Option<(usize, &str)> {
    match verdict {
        Verdict::Broken(errors) => {
            errors.problems.first().map(|problem| (problem.line, problem.what.as_str()))
        }
        Verdict::Sound | Verdict::Noted(_) => None,
    }
}

/// A good file of every language, and a piece of it that it cannot do without.
const GOOD: [(Language, &str, &str, &str); 22] = [
    (Language::Bash, "a.sh", "f() {\n  if [ -n \"$1\" ]; then\n    echo \"$1\"\n  fi\n}\nf x\n", "  fi\n"),
    (Language::C, "a.c", "int f(int a) {\n  if (a) {\n    return 1;\n  }\n  return 0;\n}\n", "  }\n"),
    (Language::Cpp, "a.cpp", "struct A {\n  int f() const { return a; }\n  int a;\n};\n", "{ return"),
    (Language::CSharp, "a.cs", "class A {\n  int F(int a) {\n    return a;\n  }\n}\n", "  }\n"),
    (Language::Css, "a.css", "a {\n  color: red;\n}\nb > c {\n  top: 1px;\n}\n", "}\nb"),
    (
        Language::Go,
        "a.go",
        "package a\n\nfunc F(a int) int {\n\tif a > 0 {\n\t\treturn 1\n\t}\n\treturn 0\n}\n",
        "\t}\n",
    ),
    (Language::Html, "a.html", "<html>\n<body>\n<p class=\"a\">b</p>\n</body>\n</html>\n", "\"a\">"),
    (Language::Java, "A.java", "class A {\n  int f(int a) {\n    return g(a);\n  }\n}\n", ");\n"),
    (Language::JavaScript, "a.js", "function f(a) {\n  return g({ a, b: [1] });\n}\n", " });"),
    (Language::Json, "a.json", "{\n  \"a\": [1, 2],\n  \"b\": { \"c\": null }\n}\n", "],"),
    (Language::Kotlin, "a.kt", "class A {\n  fun f(a: Int): Int {\n    return a\n  }\n}\n", "  }\n"),
    (
        Language::Lua,
        "a.lua",
        "local function f(a)\n  if a then\n    return 1\n  end\n  return { a = 2 }\nend\n",
        "  end\n",
    ),
    (Language::Php, "a.php", "<?php\nfunction f($a) {\n  return [$a, 'b' => 1];\n}\n", "];"),
    (Language::Python, "a.py", "def f(a):\n    if a:\n        return [1, 2]\n    return {}\n", "]"),
    (
        Language::Ruby,
        "a.rb",
        "class A\n  def f(a)\n    return 1 if a\n    [a].map { |b| b }\n  end\nend\n",
        "  end\n",
    ),
    (
        Language::Rust,
        "a.rs",
        "fn f(a: u8) -> u8 {\n    match a {\n        0 => 1,\n        b => b,\n    }\n}\n",
        "    }\n",
    ),
    (Language::Scala, "a.scala", "object A {\n  def f(a: Int): Int = {\n    a + 1\n  }\n}\n", "  }\n"),
    (Language::Swift, "a.swift", "struct A {\n  func f(a: Int) -> Int {\n    return a\n  }\n}\n", "  }\n"),
    (Language::Toml, "a.toml", "[a]\nb = [1, 2]\nc = { d = \"e\" }\n", "]\nc"),
    (
        Language::Tsx,
        "a.tsx",
        "export const A = (p: { a: string }) => {\n  return <p>{p.a}</p>;\n};\n",
        "</p>",
    ),
    (
        Language::TypeScript,
        "a.ts",
        "export function f(a: string): number {\n  return g<number>(a);\n}\n",
        ");\n",
    ),
    (Language::Yaml, "a.yaml", "a:\n  b: [1, 2]\n  c: {d: e}\n", "]"),
];

#[test]
fn good_edits_pass_and_broken_ones_do_not_in_every_language() {
    assert_eq!(GOOD.map(|(language, ..)| language), Language::ALL);
    for (language, name, good, piece) in GOOD {
        assert_eq!(Language::of(&path(name)), Some(language), "{name}");
        assert_eq!(new(name, good), Verdict::Sound, "new {name}");
        assert_eq!(edit(name, "", good), Verdict::Sound, "filled {name}");
        assert_eq!(edit(name, good, &format!("\n{good}\n")), Verdict::Sound, "longer {name}");
        assert_eq!(edit(name, good, &good.replace('\n', "\r\n")), Verdict::Sound, "CRLF in {name}");
        assert_eq!(good.matches(piece).count(), 1, "{name}");
        for (broken, text) in [
            ("a piece missing", good.replacen(piece, "", 1)),
            ("a fence around", format!("```{}\n{good}```\n", language.name())),
            ("a fence behind", format!("{good}```\n")),
            ("a conflict", format!("<<<<<<< HEAD\n{good}=======\n{good}>>>>>>> main\n")),
            ("an edit marker", format!("{good}>>>>>>> REPLACE\n")),
        ] {
            let verdict = edit(name, good, &text);
            assert!(matches!(verdict, Verdict::Broken(_)), "{broken} in {name}: {verdict:?}\n{text}");
        }
    }
}

#[test]
fn errors_from_before_are_tolerated_wherever_they_stand_now() {
    let macros = "void f(void) {\n  FOREACH(a, b) int c = 1;\n  g(,);\n}\n";
    let python2 = "def f(a):\n    print a\n    exec a in b\n";
    for (name, before, after) in [
        ("a.c", macros, format!("int a;\n\n{macros}\nint b;\n")),
        ("a.c", macros, macros.replace("g(,)", "g(,,)")),
        ("a.py", python2, format!("import a\n{python2}\n\ndef g():\n    return 1\n")),
        ("a.py", python2, python2.replace("print a", "print b")),
        ("a.rs", "fn a( {\n", "fn b( {\n".to_owned()),
    ] {
        assert_ne!(new(name, before), Verdict::Sound, "the case has an error: {before}");
        assert_eq!(edit(name, before, &after), Verdict::Sound, "{after}");
    }
}

#[test]
fn errors_are_found_beside_those_from_before() {
    let macros = "void f(void) {\n  FOREACH(a, b) int c = 1;\n  g(,);\n}\n\nint h(int a) {\n  return a;\n}\n";
    assert_eq!(
        first(&edit("a.c", macros, &macros.replace("  g(,);\n}\n", "  g(,);\n"))),
        Some((1, "this `{` is never closed"))
    );
    let python2 = "def f(a):\n    print a\n\n\ndef g(a):\n    return a\n";
    assert_eq!(
        first(&edit("a.py", python2, &python2.replace("    return", "    if a:\n    return"))),
        Some((7, "Expected an indented block after `if` statement"))
    );
}

#[test]
fn the_bracket_that_is_never_closed_is_told_from_the_one_that_is_left_over() {
    let good =
        "impl A {\n    fn f() {\n        if a {\n            b();\n        }\n    }\n\n    fn g() {}\n}\n";
    for (after, expected) in [
        (good.replace("        }\n", ""), (3, "this `{` is never closed")),
        (good.replace("    }\n\n", "\n"), (2, "this `{` is never closed")),
        (good.replace("{}\n}", "{}\n"), (1, "this `{` is never closed")),
        (good.replace("{}\n}", "{}\n}}"), (9, "this `}` closes nothing")),
        (good.replace("b();", "b((;"), (4, "this `(` is never closed")),
    ] {
        assert_eq!(first(&edit("a.rs", good, &after)), Some(expected), "{after}");
    }
}

#[test]
fn a_new_file_of_a_language_whose_grammar_errs_is_noted() {
    for name in ["a.c", "a.cpp", "a.sh"] {
        let verdict = new(name, "f() {\n  a b c ) ) = ;\n");
        assert!(
            matches!(&verdict, Verdict::Noted(notes) if matches!(notes[..], [Note::Suspect(_), ..])),
            "{name}: {verdict:?}"
        );
    }
    // What it says of brackets holds.
    for (name, text) in
        [("a.css", "a {\n"), ("a.kt", "fun f() {\n"), ("a.swift", "func f() {\n"), ("a.cs", "class A {\n")]
    {
        assert_eq!(first(&new(name, text)), Some((1, "this `{` is never closed")), "{name}");
    }
    let template = "a: b\n{{- if .c }}\n  - d: [\n";
    assert!(matches!(new("chart/a.yaml", template), Verdict::Noted(_)));
    assert!(matches!(
        edit("chart/a.yaml", template, &format!("{template}d: [\n")),
        Verdict::Noted(_) | Verdict::Sound
    ));
}

#[test]
fn python_is_checked_for_indentation() {
    let good =
        "class A:\n    def f(self):\n        a = 1\n        return a\n\n    def g(self):\n        pass\n";
    for (after, expected) in [
        (
            good.replace("        a = 1", "    a = 1"),
            (3, "Expected an indented block after function definition"),
        ),
        (good.replace("        return", "         return"), (4, "Unexpected indentation")),
        (
            good.replace("        return", "       return"),
            (4, "unindent does not match any outer indentation level"),
        ),
        (
            good.replace("        return", "\treturn"),
            (4, "unindent does not match any outer indentation level"),
        ),
        (good.replace("        pass\n", ""), (6, "Expected an indented block after function definition")),
        (good.replace("(self):\n        a", "(self:\n        a"), (2, "this `(` is never closed")),
    ] {
        assert_eq!(first(&edit("a.py", good, &after)), Some(expected), "{after}");
    }
    for fine in [
        "match a:\n    case [b, *_] if b:\n        pass\n",
        "type A[T] = list[T]\nasync def f() -> None:\n    async with a as b, c: ...\n",
        "f'{a!r:>{b}} {f\"{c}\"}'\n",
        "if a:\n\tb\nelse:\n        c\n",
    ] {
        assert_eq!(new("a.py", fine), Verdict::Sound, "{fine}");
    }
}

#[test]
fn fences_in_comments_and_strings_are_no_leftovers() {
    for (name, after) in [
        ("a.rs", "/// ```\n/// f();\n/// ```\nfn f() {}\n"),
        ("a.rs", "/*!\n```\nf();\n```\n*/\nfn f() {}\n"),
        ("a.rs", "const A: &str = \"\n```\nf\n```\n\";\n"),
        ("a.js", "/**\n```js\nf()\n```\n*/\nf();\n"),
        ("a.py", "\"\"\"Doc.\n\n```python\nf()\n```\n\"\"\"\n"),
        ("a.yaml", "a: |\n  text\n  ```sh\n  b\n  ```\n"),
        ("a.rb", "a = <<~B\n  ```\n  b\n  ```\nB\n"),
        ("a.sh", "cat <<B\n```\nb\n```\nB\n"),
        ("README.md", "```sh\nmake\n```\n"),
        ("a.ex", "@doc \"\"\"\n```\nf()\n```\n\"\"\"\n"),
        ("Dockerfile", "FROM a\nRUN b\n"),
    ] {
        assert_eq!(new(name, after), Verdict::Sound, "{after}");
    }
    for (name, after, line) in [
        ("Dockerfile", "```dockerfile\nFROM a\nRUN b\n```\n", 1),
        ("Makefile", "a:\n\tb\n```\n", 3),
        ("A.java", "/**\n * ```\n * f()\n * ```\n```\n */\nclass A {}\n", 5),
        ("a.py", "\"\"\"\nDoc.\n```\n\"\"\"\n", 3),
        ("a.js", "f();\n```js\ng();\n```\n", 2),
        ("a.rb", "f\n```ruby\ng\n```\n", 2),
        ("a.sh", "f\n```bash\ng\n```\n", 2),
        ("a.php", "```php\n<?php\nf();\n", 1),
    ] {
        assert_eq!(first(&new(name, after)), Some((line, "a code fence was left in the file")), "{after}");
    }
    let known = "a\n```\nb\n";
    assert_eq!(edit("Makefile", known, &format!("{known}c\n")), Verdict::Sound);
}

#[test]
fn markers_of_merges_and_edits_are_leftovers() {
    let conflict = "a conflict marker was left in the file";
    let edit_marker = "a marker of the edit format was left in the file";
    for (name, after, expected) in [
        ("a.txt", "a\n<<<<<<< HEAD\nb\n=======\nc\n>>>>>>> main\n", Some((2, conflict))),
        ("a.rs", "// a\n>>>>>>> main\n", Some((2, conflict))),
        ("a.py", "'''\n<<<<<<< ours\n'''\n", Some((2, conflict))),
        ("a.md", "<<<<<<< SEARCH\n", Some((1, edit_marker))),
        ("a.go", "package a\n  >>>>>>> REPLACE\n", Some((2, edit_marker))),
        ("a.cfg", "------- SEARCH\na\n=======\nb\n+++++++ REPLACE\n", Some((1, edit_marker))),
        ("a.md", "Title\n=======\n\n>>>>>>> quoted\n", None),
        ("a.rst", "Title\n=======\n", None),
        ("a.cfg", "<<<<<<<<<< a\n", None),
        ("a.txt", "-------\n", None),
    ] {
        assert_eq!(first(&new(name, after)), expected, "{after}");
    }
    let known = "<<<<<<< HEAD\na\n=======\nb\n>>>>>>> main\n";
    assert_eq!(edit("a.txt", known, &format!("c\n{known}")), Verdict::Sound);
}

#[test]
fn comments_that_stand_for_code_are_leftovers() {
    for line in [
        "// ... rest of the code unchanged ...",
        "    # ... existing code ...",
        "/* ... rest of file ... */",
        "// rest of the implementation remains the same",
        "<!-- ... existing content ... -->",
        "{/* ... rest of the component code ... */}",
        "-- ... other methods",
        "... existing code ...",
        "# ... (unchanged)",
        "// … remaining methods …",
        "[... rest of the file unchanged ...]",
        "// ... same as before",
        "// existing code here",
    ] {
        assert!(leftovers("a.conf", None, line).len() == 1, "{line}");
    }
    for line in [
        "// the rest of the code relies on this",
        "# Existing files are kept",
        "// and so on...",
        "...",
        "    ...",
        "let a = [...rest];",
        "...rest,",
        "# other",
        "// Wait for the remaining tasks...",
        "/* loading... */",
        "// same as before, but with the file open",
    ] {
        assert_eq!(leftovers("a.conf", None, line), [], "{line}");
    }
    let before = "a\nb\nc\nd\ne\nf\n";
    assert_eq!(leftovers("a.conf", Some(before), "a\n# ...\nf\n")[0].fault, Fault::Elision);
    assert_eq!(leftovers("a.conf", Some(before), "a\nb\n# ...\nd\ne\nf\n"), []);
    assert_eq!(leftovers("a.md", None, "// ... existing code ..."), []);
}

/// The worst that was found: what is never closed, what is, and what opens two things at once.
#[test]
fn nesting_bombs_are_survived() {
    const DEEP: usize = 100_000;
    for (_, name, ..) in GOOD {
        for text in
            ["(".repeat(DEEP), format!("x = {}{}", "[".repeat(DEEP), "]".repeat(DEEP)), "a{".repeat(DEEP)]
        {
            let deadline = Instant::now() + Duration::from_millis(100);
            // What the verdict is depends on the grammar and the machine; that there is one is the point.
            if let Verdict::Broken(errors) = file(&path(name), Some(b""), text.as_bytes(), deadline) {
                assert!((1..=MAX_SHOWN).contains(&errors.problems.len()), "{name}");
            }
        }
    }
}

#[test]
fn python_that_nests_too_deeply_for_its_parser_is_not_parsed() {
    let too_deep = Verdict::Noted(vec![Note::Unchecked(Unparsed::TooDeep.into())]);
    for (open, close, tokens) in [
        ("(", ")", 1),
        ("[", "]", 1),
        ("{", "}", 1),
        ("-", "", 1),
        ("not ", "", 1),
        ("lambda: ", "", 2),
        ("a if b else ", "", 4),
        ("a ** ", "", 2),
        ("a + ", "", 2),
        ("(], ", ")", 2),
        ("f(1, ", ")", 2),
        ("a[b, ", "]", 2),
    ] {
        let text = |depth: usize| format!("x = {}1{}\n", open.repeat(depth), close.repeat(depth));
        // Just within the bound, where the parser must not run out of stack, and beyond it.
        assert!(!matches!(new("a.py", &text(4_990 / tokens)), Verdict::Noted(_)), "{open}");
        assert_eq!(new("a.py", &text(5_100)), too_deep, "{open}");
    }
    let dots = format!("x = a{}\n", ".b".repeat(5_000));
    assert_eq!(new("a.py", &dots), too_deep);
    // Side by side is not deep.
    let wide = format!("x = [{}]\ny = {}\n", "(1, 2), ".repeat(6_000), "'a' ".repeat(6_000));
    assert_eq!(new("a.py", &wide), Verdict::Sound);
    // The deepest indentation that fits.
    let indented = (0..1_400).map(|depth| " ".repeat(depth) + "if a:\n").collect::<Vec<_>>().concat();
    assert!(matches!(new("a.py", &indented), Verdict::Broken(_)));
}

#[test]
fn what_could_not_be_checked_is_a_note() {
    let note = |why| Verdict::Noted(vec![Note::Unchecked(why)]);
    let past = Instant::now();
    let long = format!("// {}\n", "x".repeat(MAX_BYTES));
    for (_, name, good, _) in GOOD {
        let broken = format!("{good}}}}}");
        assert_eq!(
            file(&path(name), None, broken.as_bytes(), past),
            note(Unparsed::OutOfTime.into()),
            "{name}"
        );
    }
    assert_eq!(file(&path("a.rs"), None, b"fn \xff() {}", soon()), note(Unchecked::NotUtf8));
    assert_eq!(new("a.rs", &long), note(Unparsed::TooLarge.into()));
    assert_eq!(edit("a.rs", &long, "fn a() {"), note(Unparsed::TooLarge.into()));
    // What needs no parser is still looked for.
    assert!(matches!(file(&path("a.rs"), None, b">>>>>>> main\n", past), Verdict::Broken(_)));
    // Latin-1 before, UTF-8 now.
    assert_eq!(
        file(&path("a.rs"), Some(b"// \xe9\nfn a() {}\n"), "// é\nfn a() {}\n".as_bytes(), soon()),
        Verdict::Sound
    );
    assert_eq!(file(&path("a.bin"), None, b"\x00\xff", soon()), note(Unchecked::NotUtf8));
    assert_eq!(file(&path("a.rs"), Some(b"fn \xff("), b"fn \xff(", soon()), Verdict::Sound);
    assert_eq!(new("a.unknown", "fn ((("), Verdict::Sound);
    assert_eq!(new("tool", "#!/bin/bash\necho\n"), Verdict::Sound);
}

#[test]
fn the_model_is_told_where_and_what() {
    let Verdict::Broken(code) = edit("src/a.rs", "", "fn f() {\n\tg(1;\n}\n") else { panic!() };
    let fences = "```rust\n".repeat(7);
    let Verdict::Broken(fences) = edit("b.conf", "", &fences) else { panic!() };
    let wide = format!("a = {}\nb = 1\nc = 2\n", "x".repeat(300) + " )");
    let Verdict::Broken(wide) = edit("c.py", "", &wide) else { panic!() };
    let numbered = |first: usize, at: usize, last: usize| {
        let mut lines: Vec<String> = (first..=last).map(|number| format!("{number} | ```rust\n")).collect();
        lines.insert(at - first + 1, "  | ^^^^^^^\n".to_owned());
        format!("line {at}, column 1: a code fence was left in the file\n{}", lines.concat())
    };
    assert_eq!(
        SyntaxErrors(vec![code, fences, wide]).to_string(),
        [
            "src/a.rs: the edit breaks this file.\n",
            "line 2, column 3: this `(` is never closed\n1 | fn f() {\n2 | \tg(1;\n  | \t ^\n3 | }\n",
            "b.conf: the edit breaks this file.\n",
            &numbered(1, 1, 3),
            &numbered(1, 2, 4),
            &numbered(1, 3, 5),
            &numbered(2, 4, 6),
            &numbered(3, 5, 7),
            "and 2 more lines have errors, which may follow from these.\n",
            "c.py: the edit breaks this file.\n",
            &format!(
                "line 1, column 306: this `)` closes nothing\n1 | {} )\n  | {:79}^\n2 |\n3 |\n",
                "x".repeat(78),
                ""
            ),
        ]
        .join("\n")
    );
}

proptest::proptest! {
    /// Any text, after any other, gets a verdict and a message of bounded length.
    #[test]
    fn any_text_gets_a_verdict(
        language in 0..Language::ALL.len(),
        pieces in proptest::collection::vec(0_usize..20, 0..60),
        cut in 0_usize..400,
    ) {
        let (_, name, good, _) = GOOD[language];
        let tokens = ["(", ")", "{", "}", "[", "]", "\"", "'", "`", "\n", "    ", "\t", "<a>", "</", "<<A\n", "é", "\0", "#", "/*", good];
        let text: String = pieces.iter().map(|piece| tokens[*piece]).collect();
        let before: String = good.chars().take(cut).collect();
        if let Verdict::Broken(errors) = edit(name, &before, &text) {
            proptest::prop_assert!(!errors.problems.is_empty());
            proptest::prop_assert!(errors.to_string().len() < 20_000);
        }
    }
}
