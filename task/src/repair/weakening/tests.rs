//! The rule, over languages: what weakens tests, and what does not.

use super::*;

/// A file of a change: path, before, after.
type Row<'a> = (&'a str, Option<&'a str>, Option<&'a str>);

fn found(rows: &[Row<'_>]) -> Option<Weakening> {
    let paths: Vec<RepoPath> = rows.iter().map(|(path, ..)| RepoPath::parse(path).unwrap()).collect();
    let files: Vec<File<'_>> = rows
        .iter()
        .zip(&paths)
        .map(|((_, before, after), path)| File {
            path,
            from: path,
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        })
        .collect();
    judge(&files)
}

/// A change of the product, beside which a change of tests is allowed.
const PRODUCT: Row<'_> =
    ("src/limit.rs", Some("pub const LIMIT: u8 = 1;\n"), Some("pub const LIMIT: u8 = 2;\n"));

/// A test file of a language as it is; what skips its test; what removes an assertion; what removes the test; and what is
/// fine: one more test with one more assertion.
struct Sample {
    path: &'static str,
    good: &'static str,
    skipped: &'static [&'static str],
    gutted: &'static str,
    removed: &'static [&'static str],
    more: &'static str,
}

const SAMPLES: &[Sample] = &[
    Sample {
        path: "tests/limit.rs",
        good: "#[test]\nfn holds() {\n    assert_eq!(f(), 3);\n}\n",
        skipped: &[
            "#[test]\n#[ignore]\nfn holds() {\n    assert_eq!(f(), 3);\n}\n",
            "#[test]\n#[ignore = \"flaky\"]\nfn holds() {\n    assert_eq!(f(), 3);\n}\n",
            "#[test]\n#[cfg_attr(linux, ignore)]\nfn holds() {\n    assert_eq!(f(), 3);\n}\n",
            "#![cfg(any())]\n#[test]\nfn holds() {\n    assert_eq!(f(), 3);\n}\n",
        ],
        gutted: "#[test]\nfn holds() {\n    f();\n}\n",
        removed: &[
            "fn holds() {\n    assert_eq!(f(), 3);\n}\n",
            "// #[test]\n// fn holds() {\n//    assert_eq!(f(), 3);\n// }\n",
            "/*\n#[test]\nfn holds() {\n    assert_eq!(f(), 3);\n}\n*/\n",
        ],
        more: "#[test]\nfn holds() {\n    assert_eq!(f(), 3);\n}\n\n#[tokio::test]\nasync fn more() {\n    assert!(true);\n}\n",
    },
    Sample {
        path: "tests/test_limit.py",
        good: "def test_holds():\n    assert f() == 3\n",
        skipped: &[
            "@pytest.mark.skip\ndef test_holds():\n    assert f() == 3\n",
            "@pytest.mark.xfail(reason=\"x\")\ndef test_holds():\n    assert f() == 3\n",
            "def test_holds():\n    pytest.skip(\"x\")\n    assert f() == 3\n",
            "@unittest.skip(\"x\")\ndef test_holds():\n    assert f() == 3\n",
        ],
        gutted: "def test_holds():\n    f()\n",
        removed: &[
            "def holds():\n    assert f() == 3\n",
            "# def test_holds():\n#    assert f() == 3\n",
            "\"\"\"\ndef test_holds():\n    assert f() == 3\n\"\"\"\n",
        ],
        more: "def test_holds():\n    assert f() == 3\n\n\ndef test_more():\n    with pytest.raises(ValueError):\n        f(0)\n",
    },
    Sample {
        path: "web/limit.test.ts",
        good: "test(\"holds\", () => {\n  expect(f()).toBe(3);\n});\n",
        skipped: &[
            "test.skip(\"holds\", () => {\n  expect(f()).toBe(3);\n});\n",
            "xtest(\"holds\", () => {\n  expect(f()).toBe(3);\n});\n",
            "test.todo(\"holds\", () => {\n  expect(f()).toBe(3);\n});\n",
            "test.only(\"holds\", () => {\n  expect(f()).toBe(3);\n});\n",
        ],
        gutted: "test(\"holds\", () => {\n  f();\n});\n",
        removed: &["", "// test(\"holds\", () => {\n//  expect(f()).toBe(3);\n// });\n"],
        more: "test(\"holds\", () => {\n  expect(f()).toBe(3);\n});\nit(\"more // or less\", () => {\n  expect(f(1)).toBe(4);\n});\n",
    },
    Sample {
        path: "limit_test.go",
        good: "func TestHolds(t *testing.T) {\n\tif f() != 3 {\n\t\tt.Fatal(\"no\")\n\t}\n}\n",
        skipped: &[
            "func TestHolds(t *testing.T) {\n\tt.Skip(\"x\")\n\tif f() != 3 {\n\t\tt.Fatal(\"no\")\n\t}\n}\n",
            "//go:build ignore\n\nfunc TestHolds(t *testing.T) {\n\tif f() != 3 {\n\t\tt.Fatal(\"no\")\n\t}\n}\n",
        ],
        gutted: "func TestHolds(t *testing.T) {\n\tf()\n}\n",
        removed: &["func testHolds(t *testing.T) {\n\tif f() != 3 {\n\t\tt.Fatal(\"no\")\n\t}\n}\n"],
        more: "func TestHolds(t *testing.T) {\n\tif f() != 3 {\n\t\tt.Fatal(\"no\")\n\t}\n}\n\nfunc TestMore(t *testing.T) {\n\trequire.True(t, true)\n}\n",
    },
    Sample {
        path: "src/test/java/LimitTest.java",
        good: "class LimitTest {\n  @Test\n  void holds() {\n    assertEquals(3, f());\n  }\n}\n",
        skipped: &[
            "class LimitTest {\n  @Disabled(\"x\")\n  @Test\n  void holds() {\n    assertEquals(3, f());\n  }\n}\n",
            "class LimitTest {\n  @Test @Ignore\n  void holds() {\n    assertEquals(3, f());\n  }\n}\n",
            "class LimitTest {\n  @Test\n  void holds() {\n    assumeTrue(false);\n    assertEquals(3, f());\n  }\n}\n",
        ],
        gutted: "class LimitTest {\n  @Test\n  void holds() {\n    f();\n  }\n}\n",
        removed: &["class LimitTest {\n  void holds() {\n    assertEquals(3, f());\n  }\n}\n"],
        more: "class LimitTest {\n  @Test\n  void holds() {\n    assertEquals(3, f());\n  }\n  @ParameterizedTest\n  void more() {\n    assertTrue(true);\n  }\n}\n",
    },
    Sample {
        path: "tests/LimitTests.cs",
        good: "class LimitTests {\n  [Fact]\n  public void Holds() {\n    Assert.Equal(3, F());\n  }\n}\n",
        skipped: &[
            "class LimitTests {\n  [Fact(Skip = \"x\")]\n  public void Holds() {\n    Assert.Equal(3, F());\n  }\n}\n",
            "#if false\nclass LimitTests {\n  [Fact]\n  public void Holds() {\n    Assert.Equal(3, F());\n  }\n}\n#endif\n",
        ],
        gutted: "class LimitTests {\n  [Fact]\n  public void Holds() {\n    F();\n  }\n}\n",
        removed: &["class LimitTests {\n  public void Holds() {\n    Assert.Equal(3, F());\n  }\n}\n"],
        more: "class LimitTests {\n  [Fact]\n  public void Holds() {\n    Assert.Equal(3, F());\n  }\n  [Theory]\n  public void More() {\n    Assert.True(true);\n  }\n}\n",
    },
    Sample {
        path: "tests/limit_test.cc",
        good: "TEST(Limit, Holds) {\n  EXPECT_EQ(f(), 3);\n}\n",
        skipped: &[
            "TEST(Limit, DISABLED_Holds) {\n  EXPECT_EQ(f(), 3);\n}\n",
            "TEST(Limit, Holds) {\n  GTEST_SKIP();\n  EXPECT_EQ(f(), 3);\n}\n",
            "#if 0\nTEST(Limit, Holds) {\n  EXPECT_EQ(f(), 3);\n}\n#endif\n",
        ],
        gutted: "TEST(Limit, Holds) {\n  f();\n}\n",
        removed: &["void Holds() {\n  EXPECT_EQ(f(), 3);\n}\n"],
        more: "TEST(Limit, Holds) {\n  EXPECT_EQ(f(), 3);\n}\nTEST_F(Limit, More) {\n  ASSERT_TRUE(true);\n}\n",
    },
    Sample {
        path: "spec/limit_spec.rb",
        good: "it \"holds\" do\n  expect(f).to eq(3)\nend\n",
        skipped: &[
            "xit \"holds\" do\n  expect(f).to eq(3)\nend\n",
            "it \"holds\" do\n  skip\n  expect(f).to eq(3)\nend\n",
            "fit \"holds\" do\n  expect(f).to eq(3)\nend\n",
        ],
        gutted: "it \"holds\" do\n  f\nend\n",
        removed: &["# it \"holds\" do\n#  expect(f).to eq(3)\n# end\n"],
        more: "it \"holds\" do\n  expect(f).to eq(3)\nend\nit \"more\" do\n  expect(f).to eq(3)\nend\n",
    },
    Sample {
        path: "tests/LimitTest.php",
        good: "<?php\nclass LimitTest {\n  public function testHolds() {\n    $this->assertSame(3, f());\n  }\n}\n",
        skipped: &[
            "<?php\nclass LimitTest {\n  public function testHolds() {\n    $this->markTestSkipped();\n    $this->assertSame(3, f());\n  }\n}\n",
        ],
        gutted: "<?php\nclass LimitTest {\n  public function testHolds() {\n    f();\n  }\n}\n",
        removed: &[
            "<?php\nclass LimitTest {\n  public function holds() {\n    $this->assertSame(3, f());\n  }\n}\n",
        ],
        more: "<?php\nclass LimitTest {\n  public function testHolds() {\n    $this->assertSame(3, f());\n  }\n  public function testMore() {\n    $this->assertTrue(true);\n  }\n}\n",
    },
    Sample {
        path: "Tests/LimitTests.swift",
        good: "final class LimitTests: XCTestCase {\n  func testHolds() {\n    XCTAssertEqual(f(), 3)\n  }\n}\n",
        skipped: &[
            "final class LimitTests: XCTestCase {\n  func testHolds() throws {\n    throw XCTSkip()\n    XCTAssertEqual(f(), 3)\n  }\n}\n",
        ],
        gutted: "final class LimitTests: XCTestCase {\n  func testHolds() {\n    f()\n  }\n}\n",
        removed: &[
            "final class LimitTests: XCTestCase {\n  func holds() {\n    XCTAssertEqual(f(), 3)\n  }\n}\n",
        ],
        more: "final class LimitTests: XCTestCase {\n  func testHolds() {\n    XCTAssertEqual(f(), 3)\n  }\n  func testMore() {\n    XCTAssertTrue(true)\n  }\n}\n",
    },
    Sample {
        path: "test/limit_test.exs",
        good: "test \"holds\" do\n  assert f() == 3\nend\n",
        skipped: &["@tag :skip\ntest \"holds\" do\n  assert f() == 3\nend\n"],
        gutted: "test \"holds\" do\n  f()\nend\n",
        removed: &["def holds do\n  assert f() == 3\nend\n"],
        more: "test \"holds\" do\n  assert f() == 3\nend\ntest \"more\" do\n  refute f() == 4\nend\n",
    },
];

#[test]
fn tests_are_neither_skipped_nor_gutted_nor_removed_in_any_language() {
    for Sample { path, good, skipped, gutted, removed, more } in SAMPLES {
        let after = |after: &str| found(&[PRODUCT, (path, Some(good), Some(after))]);
        for text in *skipped {
            assert_eq!(after(text), Some(Weakening::Skips), "{path}: {text}");
            // Who takes a skip away strengthens.
            assert_eq!(found(&[PRODUCT, (path, Some(text), Some(good))]), None, "{path}: {text}");
        }
        assert_eq!(after(gutted), Some(Weakening::FewerAssertions { before: 1, after: 0 }), "{path}");
        for text in *removed {
            assert_eq!(after(text), Some(Weakening::FewerTests { before: 1, after: 0 }), "{path}: {text}");
        }
        let gone = found(&[PRODUCT, (path, Some(good), None)]);
        assert_eq!(gone, Some(Weakening::Deleted(RepoPath::parse(path).unwrap())), "{path}");
        assert_eq!(after(more), None, "{path}");
        assert_eq!(found(&[(path, Some(good), Some(more))]), Some(Weakening::OnlyTests), "{path}");
        assert_eq!(found(&[PRODUCT, (path, None, Some(good))]), None, "{path}: a new file of tests");
    }
}

#[test]
fn a_change_of_tests_and_of_what_runs_them_alone_repairs_nothing() {
    let change = |path| (path, Some("a = 1\n"), Some("a = 2\n"));
    for path in [
        ".github/workflows/ci.yml",
        ".github/actions/test/action.yml",
        ".gitlab-ci.yml",
        "jest.config.js",
        "web/vitest.config.ts",
        "pytest.ini",
        "tests/data/expected.json",
        "web/__snapshots__/a.snap",
        "conftest.py",
    ] {
        assert_eq!(found(&[change(path)]), Some(Weakening::OnlyTests), "{path}");
        assert_eq!(found(&[change(path), PRODUCT]), None, "{path}");
    }
    for path in ["src/a.rs", "package.json", "Cargo.toml", "README.md", "latest.py", "src/attest.rs"] {
        assert_eq!(found(&[change(path)]), None, "{path}");
    }
}

/// Rust has tests in the files of the product.
#[test]
fn tests_beside_the_code_count_and_other_code_of_the_same_look_does_not() {
    let path = "src/limit.rs";
    let product = "pub fn f() -> u8 { assert!(true); 3 }\n";
    let tests =
        "\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn holds() { assert_eq!(super::f(), 3); }\n}\n";
    let whole = format!("{product}{tests}");
    let change = |after: &str| found(&[(path, Some(&whole), Some(after))]);
    let other = "pub fn f() -> u8 { 4 }\n";
    assert_eq!(change(&format!("{other}{tests}")), None, "an assertion of the product may go");
    assert_eq!(change(&format!("{product}{}", tests.replace('3', "4"))), Some(Weakening::OnlyTests));
    assert_eq!(change(other), Some(Weakening::FewerTests { before: 1, after: 0 }));
    assert_eq!(
        change(&format!("{other}{}", tests.replace("#[test]", "#[test]\n    #[ignore]"))),
        Some(Weakening::Skips)
    );
    // A method that happens to be called `test`, outside of tests.
    assert_eq!(found(&[("src/a.js", Some("test(1);\nexpect(2);\n"), Some("run(1);\n"))]), None);
}

#[test]
fn a_test_may_move_from_file_to_file() {
    let test = "def test_holds():\n    assert f() == 3\n";
    let moved =
        [PRODUCT, ("tests/test_a.py", Some(test), Some("x = 1\n")), ("tests/test_b.py", None, Some(test))];
    assert_eq!(found(&moved), None);
    let (old, new) = (RepoPath::parse("tests/test_a.py").unwrap(), RepoPath::parse("old/a.txt").unwrap());
    let renamed =
        |path| File { path, from: &old, before: Some(test.to_owned()), after: Some(test.to_owned()) };
    assert_eq!(judge(&[renamed(&new)]), Some(Weakening::Deleted(old.clone())));
    let better = RepoPath::parse("tests/test_c.py").unwrap();
    assert_eq!(judge(&[renamed(&better)]), Some(Weakening::OnlyTests));
}

#[test]
fn settings_leave_no_tests_out() {
    let script = |script: &str| format!(r#"{{"scripts": {{"test": "{script}"}}}}"#);
    let jest =
        |ignored: &str| format!(r#"{{"jest": {{"testPathIgnorePatterns": ["/node_modules/"{ignored}]}}}}"#);
    let pytest = |options: &str| format!("[tool.pytest.ini_options]\naddopts = [\n    \"-q\",\n{options}]\n");
    let text = str::to_owned;
    for (path, before, after, what) in [
        (
            "package.json",
            script("jest"),
            script("jest --testPathIgnorePatterns=limit"),
            "--testPathIgnorePatterns=limit",
        ),
        ("package.json", script("jest"), script("jest --passWithNoTests"), "--passWithNoTests"),
        ("web/package.json", script("jest"), script("jest || true"), "|| true"),
        ("package.json", script("mocha"), script("mocha; exit 0"), "; exit 0"),
        ("package.json", jest(""), jest(r#", "limit.test.ts""#), "limit.test.ts"),
        (
            "pyproject.toml",
            pytest(""),
            pytest("    \"--deselect=tests/test_limit.py::test_holds\",\n"),
            "--deselect=tests/test_limit.py::test_holds",
        ),
        (
            "pytest.ini",
            text("[pytest]\naddopts = -q\n"),
            text("[pytest]\naddopts = -q --ignore=tests/slow\n"),
            "--ignore=tests/slow",
        ),
        (
            "setup.cfg",
            text("[tool:pytest]\nnorecursedirs = docs\n"),
            text("[tool:pytest]\nnorecursedirs = docs\n    tests/slow\n"),
            "tests/slow",
        ),
        (
            "tox.ini",
            text("[testenv]\ncommands = pytest\n"),
            text("[testenv]\ncommands = pytest -k 'not limit'\n"),
            "-k 'not limit",
        ),
        (
            "Makefile",
            text("test:\n\tcargo test\n"),
            text("test:\n\tcargo test -- --skip holds\n"),
            "--skip holds",
        ),
        (
            "vitest.config.ts",
            text("export default { test: { exclude: ['dist'] } }\n"),
            text("export default { test: { exclude: ['dist', 'src/limit.test.ts'] } }\n"),
            "src/limit.test.ts",
        ),
        (
            "Cargo.toml",
            text("[lib]\nname = \"a\"\n"),
            text("[lib]\nname = \"a\"\ntest = false\n"),
            "test = false",
        ),
        (
            "pom.xml",
            text("<skipTests>false</skipTests>"),
            text("<skipTests>true</skipTests>"),
            "<skipTests>true",
        ),
    ] {
        let change = |before: &str, after: &str| found(&[PRODUCT, (path, Some(before), Some(after))]);
        assert_eq!(change(&before, &after), Some(Weakening::LeavesOut(what.to_owned())), "{path}: {after}");
        // Who takes it away strengthens, and what was there may stay.
        assert_eq!(change(&after, &before), None, "{path}: {before}");
        assert_eq!(change(&after, &format!("{after}\n")), None, "{path}: {after}");
    }
}

#[test]
fn settings_may_change_in_other_ways() {
    let scripts =
        |test: &str, lint: &str| format!(r#"{{"scripts": {{"test": "{test}", "lint": "{lint}"}}}}"#);
    let jest =
        |ignored: &str| format!(r#"{{"jest": {{"testPathIgnorePatterns": ["/node_modules/"{ignored}]}}}}"#);
    let text = str::to_owned;
    for (path, before, after) in [
        ("package.json", scripts("jest", "eslint ."), scripts("jest --runInBand", "eslint . || true")),
        (
            "package.json",
            scripts("jest", "eslint ."),
            scripts("vitest run", "eslint . --ignore-path .gitignore"),
        ),
        ("package.json", scripts("jest --ignore=a", "x"), scripts("jest --ignore=a --ci", "x")),
        (
            "package.json",
            scripts("jest --testPathIgnorePatterns=a", "x"),
            scripts("jest --testPathIgnorePatterns=a --ci", "x"),
        ),
        ("package.json", jest(""), jest(r#", "<rootDir>/dist/""#)),
        ("package.json", text("{}"), scripts("jest", "eslint .")),
        ("pytest.ini", text("[pytest]\naddopts = -q\n"), text("[pytest]\naddopts = -q --strict-markers\n")),
        (
            "pytest.ini",
            text("[pytest]\naddopts = -q\n"),
            text("[pytest]\naddopts = -q\n# --ignore=tests/slow\n"),
        ),
        ("Makefile", text("clean:\n\trm -r build\n"), text("clean:\n\trm -r build || true\n")),
        ("playwright.config.ts", text("retries: 1,\n"), text("grepInvert: /out/,\n  retries: 2,\n")),
        ("README.md", text("Run jest.\n"), text("Run jest --testPathIgnorePatterns=limit || true\n")),
    ] {
        assert_eq!(
            found(&[PRODUCT, (path, Some(before.as_str()), Some(after.as_str()))]),
            None,
            "{path}: {after}"
        );
    }
}

#[test]
fn the_script_for_tests_runs_some() {
    let scripts = |scripts: &str| format!(r#"{{"scripts": {{{scripts}}}}}"#);
    let before = scripts(r#""test": "jest", "test:unit": "jest unit""#);
    let change = |path, after: &str| found(&[PRODUCT, (path, Some(before.as_str()), Some(after))]);
    let stopped = Some(Weakening::StopsScript(RepoPath::parse("package.json").unwrap()));
    for after in [
        r#""test:unit": "jest unit""#,
        r#""test": "", "test:unit": "jest unit""#,
        r#""test": "echo no tests", "test:unit": "jest unit""#,
        r#""test": "true && exit 0", "test:unit": "jest unit""#,
        r#""test": "jest", "test:unit": "exit 0""#,
    ] {
        assert_eq!(change("package.json", &scripts(after)), stopped, "{after}");
    }
    for after in [r#""test": "npm run units", "units": "jest unit""#, r#""test": "echo all && jest""#] {
        assert_eq!(change("package.json", &scripts(after)), None, "{after}");
    }
    assert_eq!(change("package.lock.json", "{}"), None);
}
