use std::time::Duration;

use super::*;

fn outline(text: &str, language: Language) -> Vec<Definition> {
    super::outline(text, language, Instant::now() + Duration::from_mins(1)).unwrap()
}

/// The outline of `text`, a line for each definition: indented name, first and last line.
fn check(language: Language, text: &str, expect: &[&str]) {
    let found: Vec<String> = outline(text, language)
        .into_iter()
        .map(|d| format!("{}{} {}-{}", " ".repeat(d.depth), d.name, d.lines.0, d.lines.1))
        .collect();
    assert_eq!(found, expect, "{}", language.name());
}

#[test]
fn definitions_of_each_language() {
    check(
        Language::Rust,
        "/// A.\n#[derive(Debug)]\nstruct A {\n    x: u8,\n}\n\nimpl<T> B for A<T> {\n    fn m(&self) {\n        fn inner() {}\n    }\n}\nmacro_rules! mac { () => {} }\nconst C: u8 = 1;\nmod t {\n    fn u() {}\n}\n",
        &["A 1-5", "A 7-11", " m 8-10", "mac 12-12", "C 13-13", "t 14-16", " u 15-15"],
    );
    check(
        Language::Python,
        "import x\n@dec\nclass A(B):\n    def m(self):\n        def inner(): pass\n        return 1\n\ndef f(): pass\n",
        &["A 2-6", " m 4-6", "f 8-8"],
    );
    check(
        Language::Go,
        "package a\n\n// F does.\nfunc F(x int) error {\n\treturn nil\n}\n\nfunc (s *S) M() {}\n\ntype S struct {\n\tA int\n}\n",
        &["F 3-6", "M 8-8", "S 10-12"],
    );
    check(
        Language::Java,
        "package a;\npublic class A {\n    @Override\n    public int m() {\n        return 1;\n    }\n    A() {}\n    interface I { void n(); }\n}\n",
        &["A 2-9", " m 3-6", " A 7-7", " I 8-8", "  n 8-8"],
    );
    check(
        Language::JavaScript,
        "export function f() {}\nconst g = (x) => {\n  const h = () => 1;\n  return h;\n};\nconst n = 1;\nclass A {\n  m() {}\n}\n",
        &["f 1-1", "g 2-5", "A 7-9", " m 8-8"],
    );
    check(
        Language::TypeScript,
        "interface I { a(): void }\ntype T = string;\nexport const f = async () => {};\nnamespace N { export function g() {} }\nabstract class A { abstract m(): void; }\n",
        &["I 1-1", " a 1-1", "T 2-2", "f 3-3", "N 4-4", " g 4-4", "A 5-5", " m 5-5"],
    );
    check(
        Language::C,
        "#define MAX(a) (a)\nstruct s { int x; };\nstatic struct s *make(int a)\n{\n    struct s t;\n    return 0;\n}\ntypedef int num;\n",
        &["MAX 1-1", "s 2-2", "make 3-7", "num 8-8"],
    );
    check(
        Language::Cpp,
        "namespace n {\nclass A {\n  int m() { return 1; }\n};\ntemplate <class T> T id(T t) { return t; }\n}\nint n::A::k() { return 2; }\n",
        &["n 1-6", " A 2-4", "  m 3-3", " id 5-5", "k 7-7"],
    );
    check(
        Language::CSharp,
        "namespace N {\n  public class A {\n    public int P { get; set; }\n    public void M() {}\n  }\n}\n",
        &["N 1-6", " A 2-5", "  P 3-3", "  M 4-4"],
    );
    check(
        Language::Ruby,
        "module M\n  class A\n    def m\n    end\n    def self.s; end\n  end\nend\n",
        &["M 1-7", " A 2-6", "  m 3-4", "  s 5-5"],
    );
    check(
        Language::Php,
        "<?php\nclass A {\n  public function m() {}\n}\nfunction f() {}\n",
        &["A 2-4", " m 3-3", "f 5-5"],
    );
    check(
        Language::Kotlin,
        "class A {\n  fun m() {}\n}\nobject O\nfun f() = 1\n",
        &["A 1-3", " m 2-2", "O 4-4", "f 5-5"],
    );
    check(
        Language::Scala,
        "object O {\n  def m(x: Int): Int = x\n  val v = 1\n}\ntrait T\n",
        &["O 1-4", " m 2-2", " v 3-3", "T 5-5"],
    );
    check(
        Language::Swift,
        "class A {\n  func m() {}\n}\nprotocol P { func n() }\n",
        &["A 1-3", " m 2-2", "P 4-4", " n 4-4"],
    );
    check(Language::Lua, "function f() end\nlocal function g() end\n", &["f 1-1", "g 2-2"]);
    check(Language::Bash, "f() {\n  echo\n}\n", &["f 1-3"]);
}

#[test]
fn signatures_are_one_line_without_the_body() {
    let signature = |text: &str, language| outline(text, language)[0].signature.clone();
    assert_eq!(
        signature(
            "pub async fn f<T>(\n    a: T,\n    b: u8,\n) -> Result<()>\nwhere\n    T: X,\n{\n}\n",
            Language::Rust
        ),
        "pub async fn f<T>( a: T, b: u8, ) -> Result<()> where T: X,"
    );
    assert_eq!(signature("class A(B,\n        C):\n    pass\n", Language::Python), "class A(B, C)");
    let long = format!("fn f({}) {{}}", "a: u8, ".repeat(60));
    assert_eq!(signature(&long, Language::Rust).chars().count(), MAX_SIGNATURE);
}

#[test]
fn deep_nesting_does_not_take_the_process_down() {
    let text = format!("{}{}", "mod m { ".repeat(5000), "}".repeat(5000));
    assert!(outline(&text, Language::Rust).len() <= MAX_DEPTH);
    assert_eq!(outline(&"(".repeat(20_000), Language::JavaScript), []);
}
