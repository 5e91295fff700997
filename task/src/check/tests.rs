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
    let language = Language::of(&path(name));
    Leftovers::added(&path(name), language, before, after).judged(None).certain
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

/// What becomes of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Nothing is said.
    Sound,
    /// A note at most, because what the grammar says of it depends on the grammar's age.
    Passes,
    /// A person is told.
    Noted,
    /// The model is told to correct it.
    Stopped,
}

fn judge(cases: &[(&str, Option<&str>, &str, Fate)]) {
    let mut wrong = Vec::new();
    for &(name, before, after, expected) in cases {
        let verdict = file(&path(name), before.map(str::as_bytes), after.as_bytes(), soon());
        let found = match verdict {
            Verdict::Sound => Fate::Sound,
            Verdict::Noted(_) => Fate::Noted,
            Verdict::Broken(_) => Fate::Stopped,
        };
        if found != expected && (expected != Fate::Passes || found == Fate::Stopped) {
            wrong.push(format!("{name}: {verdict:?}, and not {expected:?}\n{after}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table is as long as it has rows")]
fn what_only_the_grammar_finds_is_at_most_noted() {
    let c = "int f(int a)\n{\n\treturn a;\n}\n";
    let css = "a {\n  top: 0;\n}\n";
    let jsx = "export const A = () => <p>x</p>;\n";
    for (name, before, added) in [
        ("a.c", c, "void g(struct l *h)\n{\n\tlist_for_each_entry(p, h, list) {\n\t\tf(p->a);\n\t}\n}\n"),
        ("a.c", c, "static DEFINE_MUTEX(a)\nMODULE_LICENSE(\"GPL\")\nAPI_EXPORT int g(void) ATTR(1);\n"),
        ("a.c", c, "#if 0\nit isn't code ({\n#endif\n#error don't (\n"),
        (
            "a.c",
            c,
            "int g(int a)\n{\n#if A\n\tif (a) {\n#else\n\tif (!a) {\n#endif\n\t\treturn 1;\n\t}\n\treturn 0;\n}\n",
        ),
        (
            "a.h",
            c,
            "#ifdef __cplusplus\nextern \"C\" {\n#endif\nint g(int a);\n#ifdef __cplusplus\n}\n#endif\n",
        ),
        ("a.h", c, "BEGIN_DECLS\nint g(int a) NOEXCEPT;\nEND_DECLS\n"),
        ("a.cpp", c, "Q_OBJECT\nTEST(A, B) { a(); }\nauto s = R\"x(\"({)x\";\n"),
        ("a.css", css, "@media (width >= 40em) and (400px <= height < 900px) {\n  b { top: 1px; }\n}\n"),
        (
            "a.css",
            css,
            "@keyframes k {\n  33.3% { top: 0; }\n}\n@layer a, b;\n@container c (width > 3em) { d { &:hover { top: 0; } } }\n",
        ),
        ("a.go", "package a\n", "func f() { p := new(1 + 2); for range 3 { _ = p } }\ntype S[T any] = []T\n"),
        (
            "a.kt",
            "val a = 1\n",
            "fun f(a: Any) = when (a) {\n  is B if a.c -> 1\n  else if d -> 2\n  else -> 3\n}\ncontext(_: A) fun g() {}\nval s = $$\"a $b\"\n",
        ),
        (
            "A.java",
            "class A {}\n",
            "import module java.base;\nvoid main() { IO.println(\"a\"); }\nclass B { B(int a) { check(a); super(a); } }\n",
        ),
        (
            "a.cs",
            "class A { }\n",
            "class B { public int C { get => field; set => field = value; } }\nstatic class E { extension(string s) { public int D => s.Length; } }\n",
        ),
        (
            "a.ts",
            "export * from \"./a\";\n",
            "export type * from \"./types\";\nconst a = await f<typeof import(\"./a\")>();\ntype B = import(\"x\").T<U>;\ninterface C<in T, out U> {}\nusing r = open();\n",
        ),
        (
            "a.jsx",
            jsx,
            "export const B = ({ open }) => <Collapse in={open} class=\"b\" for=\"c\">Tom & Jerry's > don't</Collapse>;\n",
        ),
        ("a.tsx", jsx, "export const B = () => <p>a & b > c -> d</p>;\nconst f = <T,>(a: Array<T>) => a;\n"),
        ("a.html", "<p>a</p>\n", "<p>Tom & Jerry: File -> Open, 1 < 2, a > b</p>\n"),
        (
            "app.component.html",
            "<p>a</p>\n",
            "@if (a && n > 3) {\n  <p>a</p>\n} @else {\n  <p (click)=\"f('a')\" [b]=\"c > d\">e</p>\n}\n",
        ),
        (
            "a.rs",
            "fn f() {}\n",
            "gen fn g() { yield 1; }\nfn h() -> impl use<'a> A { if let B = c && d { e } }\n",
        ),
        (
            "a.swift",
            "let a = 1\n",
            "@available(*, noasync) func f() throws(E) -> [3 of Int] { a }\nlet r = #/a{2}\"/#\n",
        ),
        (
            "a.php",
            "<?php\n$a = 1;\n",
            "$b = $a |> f(...);\nclass C { public string $d { get => $this->d; } }\n",
        ),
        ("a.rb", "a = 1\n", "b = [1].map { it + 1 }\nc => { d: }\ndef e(*, **) = f(*, **)\ng = %w[( {]\n"),
        ("a.scala", "val a = 1\n", "def f(using A): B = ???\ntype C = [X] =>> D[X]\nval e = s\"${\"a\"}\"\n"),
        ("a.sh", "a=1\n", "case $a in\n  b) c ;;\nesac\nd=$((2#101))\ne=${f//\\(/x}\n"),
        ("a.lua", "local a = 1\n", "local b <const> = 2\ngoto c\n::c::\nlocal d = [==[ it's ]] ]==]\n"),
        (
            "templates/cm.yaml",
            "kind: ConfigMap\nname: {{ .Values.name }}\n",
            "{{- if .Values.labels }}\nlabels: {{ include \"a\" . }}\n{{- end }}\n",
        ),
        ("a.yaml", "a: b\n", "c: !!binary |\n  x\nd: it's\ne: a \"b\n"),
        (
            "a.py",
            "def f(a):\n    print \"a\"\n",
            "def g(a):\n    try:\n        exec a in b\n    except A, e:\n        raise B, \"c\"\n",
        ),
    ] {
        let after = format!("{before}{added}");
        judge(&[(name, Some(before), &after, Fate::Passes), (name, None, &after, Fate::Passes)]);
    }
    judge(&[
        ("a.go", None, "package {{ .Name }}\nfunc f() { {{ range .A }}\n", Fate::Passes),
        (
            "{{cookiecutter.a}}/a.py",
            None,
            "from {{ cookiecutter.a }} import b\n{% if c %}\nd(\n{% endif %}\n",
            Fate::Passes,
        ),
        ("chart/a.yaml", None, "a: b\n{{- if .c }}\n  - d: [\n", Fate::Noted),
        ("testdata/broken.go", None, "package a\nfunc f( {\n", Fate::Noted),
        ("tests/fixtures/bad.py", None, "def f(:\n", Fate::Noted),
        ("tests/fixtures/bad.py", Some("def f():\n    pass\n"), "def f(:\n", Fate::Stopped),
    ]);
}

#[test]
fn what_does_not_pair_stops_whatever_the_grammar_knows() {
    use Fate::Stopped;
    let c = "#include \"a.h\"\n\nvoid f(void)\n{\n\tfor_each(a, b) {\n\t\tc(a);\n\t}\n}\n";
    judge(&[
        ("a.c", Some(c), &c.replace("\t}\n", ""), Stopped),
        ("a.c", Some(c), &c.replace("c(a)", "c(a"), Stopped),
        ("a.c", Some(c), &c.replace("a.h\"", "a.h"), Stopped),
        ("a.c", None, &c.replace("\t}\n", ""), Stopped),
        ("a.cs", None, "class A {\n", Stopped),
        ("a.css", None, "a {\n", Stopped),
        ("a.kt", None, "fun f() {\n", Stopped),
        ("a.swift", None, "func f() {\n", Stopped),
        ("a.html", None, "<p class=\"a>b</p>\n", Stopped),
        ("a.html", Some("<p>a</p>\n"), "<p>a</p>\n<p class=\"b\" c</p>\n", Stopped),
        ("a.tsx", None, "export const A = () => {\n  return <p>{a};\n};\n", Stopped),
        ("a.jsx", None, "export const A = () => (\n  <p>\n    <b>{a}</p>\n);\n", Stopped),
        ("a.js", None, "const a = 'b';\nconst c = `d${e}`;\nf(\n", Stopped),
        ("a.js", Some("a = 1;\n"), "a = 1;\nb = `c;\n", Stopped),
        ("a.rb", None, "class A\n  def b\n    c do |d|\n      e if d\n  end\nend\n", Stopped),
        ("a.sh", None, "if a; then\n  b\n", Stopped),
        ("a.sh", None, "a \"b\n", Stopped),
        ("a.lua", None, "function f()\n  if a then\n    b()\nend\n", Stopped),
        ("a.yaml", None, "a: \"b\nc: d\n", Stopped),
        (".github/workflows/a.yml", None, "a: ${{ b }}\nc: [d\n", Stopped),
        ("a.yaml", Some("a: [b]\n"), "a: [b\n", Stopped),
        // Cut in the middle, with nothing open.
        (
            "a.go",
            Some("package a\n\nvar A = 1\n\nvar B = 2\n"),
            "package a\n\nvar A = 1\n\nvar B =\n\t1 +\n",
            Stopped,
        ),
    ]);
}

#[test]
fn json_is_what_its_readers_take_for_it() {
    use Fate::{Noted, Sound, Stopped};
    let object = Some("{\n  \"a\": true\n}\n");
    let commented = "// c\n{\n  \"a\": true,\n}\n";
    let trailing = "{\n  \"a\": true,\n}\n";
    let notebook = "{\n \"cells\": [\n  {\"cell_type\": \"code\", \"source\": []}\n ]\n}\n";
    judge(&[
        ("a.json", Some("{\"a\": 1}\n"), "{\"a\": 1e+10, \"b\": -0.5E-3}\n", Sound),
        ("a.json", None, "[1, 2.5, \"\\u00e9\\n\", null]", Sound),
        ("a.json", None, "{\"a\": 1}\n{\"a\": 2}\n", Sound),
        ("a.json", object, trailing, Stopped),
        ("a.json", None, trailing, Stopped),
        ("a.json", object, commented, Noted),
        ("a.json", None, commented, Noted),
        ("a.json", Some(commented), &commented.replace("true", "false"), Sound),
        ("a.json", Some(commented), &commented.replace("true", "tru"), Stopped),
        ("tsconfig.json", object, commented, Sound),
        ("tsconfig.base.json", object, commented, Sound),
        (".vscode/settings.json", object, commented, Sound),
        (".devcontainer/devcontainer.json", object, commented, Sound),
        (".eslintrc.json", object, trailing, Sound),
        ("tsconfig.json", object, "{\n  \"a\": true\n  \"b\": 1\n}\n", Stopped),
        ("tsconfig.json", object, "{\n  a: true\n}\n", Stopped),
        ("babel.config.json", object, "{ a: 'b', c: .5, d: 0xF, e: +Infinity, }", Sound),
        ("a.json5", object, "// c\n{ a: 'b', }", Sound),
        ("a.json5", object, "{ a: 'b' c: 1 }", Stopped),
        ("a.jsonc", None, commented, Sound),
        ("a.jsonc", None, "{ \"a\" 1 }", Stopped),
        ("a.code-workspace", None, commented, Sound),
        ("a.code-workspace", None, "{ \"a\": }", Stopped),
        ("a.ipynb", Some(notebook), &notebook.replace("\"code\", ", "\"code\" "), Stopped),
        (
            "a.ipynb",
            Some(notebook),
            &notebook.replace("[]", "[\n\"```sh\\n\",\n\"<<<<<<< HEAD\\n\"\n]"),
            Sound,
        ),
        ("a.ipynb", Some(notebook), &notebook.replace("[]}", "[]}\n<<<<<<< HEAD"), Stopped),
        ("a.json", object, "{\n  \"a\": \"b\tc\"\n}\n", Stopped),
        ("a.json", object, "{\n  \"a\": \"b\n  c\"\n}\n", Stopped),
        ("a.json", object, "{\n  \"a\": \"\\q\"\n}\n", Stopped),
        ("a.json", object, "{\n  \"a\": 01\n}\n", Stopped),
        ("a.json", object, "{\n  \"a\": [1\n}\n", Stopped),
        ("a.json", object, "{\n  \"a\": True\n}\n", Stopped),
        ("a.json", object, "{\n  \"a\": true\n", Stopped),
        ("a.json", object, "", Noted),
        ("a.json", None, "{\"a\": {{ b }}}", Noted),
        ("a.json", None, "{\"a\": \"{{ b }}\"", Stopped),
        ("testdata/invalid.json", None, "{", Noted),
        ("a.json", Some("{\"a\": }"), "{\"b\": 1, \"a\": }", Sound),
    ]);
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
fn markers_may_be_what_a_text_is_about() {
    use Fate::{Noted, Sound, Stopped};
    const CONFLICT: &str = "<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> feature\n";
    let within = |open: &str, close: &str| format!("{open}{CONFLICT}{close}");
    judge(&[
        ("docs/git.md", Some("# Git\n"), &within("# Git\n\n```\n", "```\n"), Noted),
        ("docs/git.md", Some("# Git\n"), &within("# Git\n\n~~~\n", "~~~\n"), Noted),
        ("docs/git.md", Some("# Git\n"), &within("# Git\n\n", ""), Stopped),
        ("docs/git.md", Some("# Git\n"), &within("# Git\n\n```\na\n```\n", ""), Stopped),
        ("docs/edit.rst", None, "Edits\n=====\n\n::\n\n    <<<<<<< SEARCH\n    a\n", Noted),
        ("docs/git.md", Some(CONFLICT), &within("# Git\n", CONFLICT), Sound),
        ("a.py", None, &within("A = \"\"\"\n", "\"\"\"\n"), Noted),
        ("a.py", None, "'''\n<<<<<<< ours\n'''\n", Noted),
        ("a.rs", None, &within("const A: &str = \"\n", "\";\n"), Noted),
        ("a.js", None, &within("const a = `\n", "`;\n"), Noted),
        ("a.go", None, &within("package a\n\nconst a = `\n", "`\n"), Noted),
        ("a.sh", None, &within("cat <<A\n", "A\n"), Noted),
        ("a.c", None, &within("/*\n", "*/\nint a;\n"), Noted),
        ("tests/fixtures/conflict.txt", None, CONFLICT, Noted),
        // What stands left of everything in its comment did not grow there.
        ("a.py", None, &within("def f():\n    \"\"\"Do.\n\n    More.\n", "    \"\"\"\n"), Noted),
        ("a.py", None, "def f():\n    \"\"\"Do.\n\n    More.\n<<<<<<< HEAD\n    \"\"\"\n", Stopped),
        ("a.js", None, "/**\n * a\n>>>>>>> REPLACE\n * b\n */\nf();\n", Stopped),
        ("a.py", Some("a = 1\n"), &within("a = 1\n", ""), Stopped),
        ("a.c", Some("/*\nours\n*/\nint a;\n"), &within("/*\n", "*/\nint a;\n"), Stopped),
    ]);
}

#[test]
fn fences_are_judged_by_where_they_stand() {
    use Fate::{Sound, Stopped};
    judge(&[
        ("README", Some("Demo\n\nRun it.\n"), "Demo\n\nRun it:\n\n```\nmake\n```\n", Sound),
        ("CHANGELOG", None, "1.0\n\n```\na\n```\n", Sound),
        ("docs/a.md.j2", None, "# A\n\n```sh\nmake {{ b }}\n```\n", Sound),
        ("a.livemd", None, "# A\n\n```elixir\nIO.puts 1\n```\n", Sound),
        ("a.prompty", None, "---\n---\nsystem:\n```\na\n```\n", Sound),
        ("a.hbs", None, "{{a}}\n```\nb\n```\n", Sound),
        ("a.mkd", None, "```\na\n```\n", Sound),
        ("a.conf", Some("a\n"), "```conf\na\nb\n```\n", Stopped),
        ("a.conf", Some("a\n"), "a\nb\n```\n", Stopped),
        ("a.conf", Some("a\n```\nb\n"), "a\n```\nb\nc\n", Sound),
        ("a.html", Some("<p>a</p>\n"), "<p>a</p>\n```\n", Stopped),
    ]);
}

#[test]
fn lines_that_stand_for_code_are_leftovers_where_code_could_stand() {
    use Fate::{Passes, Sound, Stopped};
    let many = Some("fn a() {}\nfn b() {}\nfn c() {}\nfn d() {}\nfn e() {}\n");
    let yaml = Some("a: b\nc: d\ne: f\ng: h\ni: j\n");
    judge(&[
        (
            "a.py",
            Some("def f(x):\n    return x\n"),
            "def f(x):\n    # Check for existing users...\n    return x\n",
            Sound,
        ),
        ("a.rs", many, "fn a() {}\n// ... existing code ...\n", Stopped),
        ("a.rs", many, "fn a() {}\n// ...\n", Stopped),
        ("a.rs", many, "fn a() {}\n// Rest of the code...\n", Stopped),
        ("a.rs", Some("fn a() {}\n"), "fn a() {}\n// ...\nfn b() {}\n", Sound),
        ("a.rs", Some("fn a() {}\n"), "fn a() {}\n...\n", Stopped),
        ("a.rs", None, "const A: &str = \"\n...\n\";\n", Sound),
        (
            "a.js",
            Some("f();\n"),
            "f();\n// Reads the header, and then\n// the rest of the file\ng();\n",
            Sound,
        ),
        ("a.js", Some("f();\n"), "f();\n// rest of the file\n", Stopped),
        ("a.js", None, "const prompt = `\n// ... existing code ...\n`;\n", Sound),
        ("a.c", None, "void f(\n  const char *a,\n  ...\n);\n", Sound),
        ("a.pyi", Some("a = 1\nb = 2\nc = 3\nd = 4\n"), "def f(): ...\nclass A:\n    ...\n", Passes),
        ("a.yaml", yaml, "a: b\n...\n", Sound),
        ("a.yaml", yaml, "a: b\n# ...\n", Stopped),
        ("a.conf", None, "    # ... existing code ...\n", Stopped),
        ("a.md", None, "// ... existing code ...\n", Sound),
        ("README", None, "# ... existing code ...\n", Sound),
    ]);
    let before = "a\nb\nc\nd\ne\nf\n";
    assert_eq!(leftovers("a.conf", Some(before), "a\n# ...\nf\n")[0].fault, Fault::Elision);
    assert_eq!(leftovers("a.conf", Some(before), "a\nb\n# ...\nd\ne\nf\n"), []);
    // As it was.
    let known = "// ... existing code ...\n";
    assert_eq!(edit("a.rs", known, &format!("{known}fn a() {{}}\n")), Verdict::Sound);
}

#[test]
fn makefiles_and_toml_are_checked() {
    use Fate::{Noted, Passes, Sound, Stopped};
    judge(&[
        ("Makefile", Some("all: a\n\tcc a\n"), "all: a\n\tcc a\n    cc b\n", Stopped),
        ("Makefile", Some("all: a\n\tcc a\n"), "all: a\n        cc a\n", Stopped),
        ("rules.mk", None, "all: a\n    cc a\n", Stopped),
        ("Makefile", None, "all: a\n\tcc a\nX = \\\n    a\n", Sound),
        ("a.toml", Some("a = 1\n"), "a = 1 b = 2\n", Stopped),
        ("a.toml", Some("a = 1\n"), "a = 1\na = 2\n", Stopped),
        ("a.toml", Some("a = 1\n"), "a = 1\nb = [1, 2\n", Stopped),
        ("a.toml", None, "a = {{ b }}\n", Noted),
        ("Cargo.lock", None, "[[package]]\nname = \"a\"\n", Sound),
        ("a.toml", None, "a = { b = 1,\n  c = 2,\n}\n", Passes),
    ]);
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
    // JSON and TOML are read here, in the time that it takes to look at every byte once.
    let is_parsed = |language| !matches!(language, Language::Json | Language::Toml);
    for (_, name, good, _) in GOOD.into_iter().filter(|(language, ..)| is_parsed(*language)) {
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
