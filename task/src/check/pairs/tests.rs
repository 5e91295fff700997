use Language::{
    Bash, C, CSharp, Cpp, Css, Go, Html, Java, JavaScript, Kotlin, Lua, Php, Python, Ruby, Rust, Scala,
    Swift, Tsx, TypeScript, Yaml,
};

use super::*;

/// What has no partner in a text, in its order.
fn left(language: Language, text: &str) -> Vec<String> {
    let name = |error: SyntaxError| match error.fault {
        Fault::Unclosed(open) => open,
        Fault::Unopened(close) => format!("{close} closes nothing"),
        other => panic!("{other:?}"),
    };
    unpaired(language, text).into_iter().map(name).collect()
}

#[test]
fn what_looks_like_a_bracket_and_is_none_pairs_with_nothing() {
    let mut wrong = Vec::new();
    for (language, text) in [
        (C, "char a = '{', b = '\\'', c = '\"'; // (\n/* [ \" */ char *d = \"(\\\"[\";\n"),
        (C, "#if A\nf(a,\n#else\nf(\n#endif\n  b);\n"),
        (C, "#if 0\nisn't {\n#elif A\n{\n#else\n{ {\n#endif\n}\n"),
        (C, "#ifdef A\n# if B\n{\n# else\n{\n# endif\n}\n#endif\n#error don't (\n"),
        (C, "#define A \\\n  do { \\\n  } while (0)\n"),
        (Cpp, "auto a = R\"x({ \" )\" )x\"; auto b = u8R\"({)\"; int c = 1'000'000; f<A<B>>(1 >> 2);\n"),
        (
            CSharp,
            "var a = @\"{ \"\" \\\"; var b = $@\"\"\"\"; var c = \"\"\"\n { \"\" (\n\"\"\"; char d = '\"';\n#region it's (\n#endregion\n",
        ),
        (Css, "a::before { content: \"}\"; } b { background: url('('); } /* { */\n"),
        (Go, "a := `{ \" \\`; b := '{'; c := '\\''; d := \"`\" // (\n"),
        (Java, "char a = '\"'; String b = \"\"\"\n  { \"(\" \\\"\"\"\n  \"\"\"; // {\n"),
        (
            JavaScript,
            "const a = /[/({]\\/'\"/.test(b); const c = d / e; // (\nconst f = `{ ${g} \"`; const h = '\\'(';\n",
        ),
        (JavaScript, "return /[(]\"/; const c = [/{/, /\\(/];\n"),
        (
            Tsx,
            "const a = <p>it's {b} > c</p>; const d = <Img alt=\"(\" on={() => { e(); }} />; const f = (g: Array<string>) => <>h</>;\n",
        ),
        (Tsx, "const a = <A.B c><A.B d={`>`}/>e</A.B>; const f = x as Map<string, number>;\n"),
        (TypeScript, "const a = <T,>(b: T) => b; type C = Array<Array<D>>;\n"),
        (Kotlin, "val a = \"\"\"{ \" (\"\"\"; val b = '\"'; /* /* { */ ( */\n"),
        (
            Lua,
            "local a = [[ { ]] local b = [==[ ]] ( ]==] -- (\n--[[ if then\n( ]] if a then b.end_ = '\"' end repeat until a\n",
        ),
        (
            Php,
            "<p>it's (</p>\n<?php\n$a = '{'; # (\n#[A(1)]\n$b = <<<B\n { it's\n  B;\n// ( ?>\n<p>{</p>\n<?= $a['b'] ?>\n",
        ),
        (
            Ruby,
            "class A\n  def b(c) = c\n  def d?\n    return if e\n    f.each do |g|\n      puts \"#{g}\" unless h\n    end\n    while i do j end\n    k = if l then m else n end\n    o.class\n    p(end: 1, if: ?()\n    r if s.t?(\"u\") && v?(:w)\n    q = <<~R\n      end { (\n    R\n  end\nend\n=begin\nit's (\n=end\n__END__\n(\n",
        ),
        (
            Rust,
            "fn f<'a>(a: &'a str) { let b = '{'; let c = r#\"\" (\"#; let d = b'\\''; 'e: loop { break 'e; } } /* /* */ { */\n",
        ),
        (Python, "a = '(' + r\"\\(\" # (\nb = \"\"\"{ ' (\"\"\"; c = f'{d[\"e\"]}'\n"),
        (Scala, "val a = '\"'; val b = \"\"\"{ \" \"\"\"; val c = 'd\n"),
        (Swift, "let a = \"\"\"\n { \" (\n\"\"\"; let b = #\"\\( \"{\"#; let c = \"\\(d)\"\n"),
        (
            Bash,
            "if a; then b; fi # (\ncase $a in b) c ;; (d) e ;; esac\nfor f in g; do h; done\necho if done '{' \"$(i)\"\ncat <<J\nit's (\nJ\nk=$((1 << 2)) l=${#m} n=${o#p}\nif (( #q )); then r; fi\n",
        ),
        (Yaml, "a: it's\nb: c \"d\ne: 'f'' ('\ng: [h, {i: \"j]\"}] # (\n"),
    ] {
        let found = left(language, text);
        if !found.is_empty() {
            wrong.push(format!("{language:?}: {found:?}\n{text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_has_no_partner_is_found() {
    let mut wrong = Vec::new();
    for (language, text, expected) in [
        (C, "void f() {\n  if (a) {\n    b();\n}\n", &["{"][..]),
        (C, "void f() {\n  b(;\n}\n", &["("]),
        (C, "f());\n", &[") closes nothing"]),
        (C, "char *a = \"b;\n", &["\""]),
        (C, "#if A\n{\n#endif\n", &["{"]),
        (C, "#if A\n{\n", &["{"]),
        (Go, "a := `b\n", &["`"]),
        (JavaScript, "a = \"b;\nc({);\n", &["\"", "{"]),
        (JavaScript, "a = `b ${c}\n", &["`"]),
        (Tsx, "const a = (\n  <p>\n    <b>c</p>\n);\n", &["<b>"]),
        (Tsx, "const a = <p>b</p></b>;\n", &["</b> closes nothing"]),
        (TypeScript, "const a = <b>c;\n", &[]),
        (JavaScript, "a = `b ${c`;\n", &["`"]),
        (JavaScript, "a = `b ${c(d}`;\n", &["("]),
        (JavaScript, "a = `b ${`c ${d} {`} }`;\n", &[]),
        (Ruby, "a = \"b #{c[\"d\"]} #{e\"\nf\n", &["\""]),
        (Kotlin, "val a = \"${b(\"c\")} ${d\"\n", &["\"", "\"", "{"]),
        (Scala, "val a = s\"${b}\"; val c = \"${\"\n", &[]),
        (Swift, "let a = \"\\(b(\"c\")) \\(d\"\n", &["\"", "\"", ") closes nothing"]),
        (CSharp, "var a = $\"{{ {b} {c[\"d\"]}\"; var e = $\"{f\";\n", &["\"", "\"", "{"]),
        (Php, "<?php $a = \"{$b['c']} {$d\";\n", &["\""]),
        (Lua, "if a then\n  b()\n", &["if"]),
        (Lua, "f()\nend\n", &["end closes nothing"]),
        (Ruby, "def a\n  b do\n  c\n  end\n", &["def"]),
        (Rust, "fn f() { let a = \"b; }\n", &["\"", "{"]),
        (Swift, "let a = \"\"\"\nb\n", &["\""]),
        (Bash, "if a; then\n  b\ndone\n", &["if", "done closes nothing"]),
        (Bash, "echo \"a\n", &["\""]),
        (Yaml, "a: [b\nc: d\n", &["["]),
        (Html, "<p class=\"a>b</p>\n", &["<"]),
        (Python, "f(\n  \"\"\"(\"\"\" # (\n", &["("]),
    ] {
        let mut found = left(language, text);
        found.sort();
        let mut expected: Vec<String> = expected.iter().map(|name| (*name).to_owned()).collect();
        expected.sort();
        if found != expected {
            wrong.push(format!("{language:?}: {found:?}, and not {expected:?}\n{text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

proptest::proptest! {
    /// Any text is scanned to its end, in time that its length bounds.
    #[test]
    fn any_text_is_scanned(
        language in 0..Language::ALL.len(),
        pieces in proptest::collection::vec(0_usize..30, 0..80),
    ) {
        let tokens = [
            "(", ")", "{", "}", "[", "]", "\"", "'", "`", "\n", " ", "\\", "/", "/*", "*/", "//", "#", "#if 0\n",
            "#else\n", "#endif\n", "<<A", "A\n", "é", "<p", ">", "R\"(", "r#\"", "[==[", "do", "end",
        ];
        let text: String = pieces.iter().map(|piece| tokens[*piece]).collect();
        let language = Language::ALL[language];
        for error in unpaired(language, &text) {
            proptest::prop_assert!(text.get(error.range).is_some());
        }
    }
}

/// Each level would double the work, were there no limit: without one this test does not end.
#[test]
fn strings_in_strings_that_do_not_end_are_given_up() {
    for (language, level) in [(Kotlin, "${\""), (Swift, "\\(\""), (Ruby, "#{\""), (Scala, "s\"${")] {
        for levels in [10, 45, 600] {
            let text = format!("x = \"{}\n", level.repeat(levels));
            // Whatever is said of it, it is said.
            let _ = unpaired(language, &text);
        }
        assert_eq!(left(language, &format!("x = \"{}\n", level.repeat(600))), [""; 0], "{language:?}");
    }
}
