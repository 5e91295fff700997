use super::*;

#[test]
fn paths_tell_what_files_are_for() {
    use Omission::{Binary, Generated, LockFile, Minified, Vendored};
    use Role::{Config, Document, Example, Markup, Source, Test};
    for (paths, expect) in [
        (
            "src/a.rs a.py lib/latest.py src/contest.java build/testing/cli.go src/Attestation.java a/vendors.py",
            Ok(Source),
        ),
        ("src/testing/a.go protest.py specs.go", Ok(Source)),
        (
            "tests/a.rs test/x/a.js a_test.go test_a.py a.test.ts a.spec.tsx conftest.py src/ATest.java",
            Ok(Test),
        ),
        ("src/tests.rs spec/a_spec.rb src/TestA.java testdata/x.json fixtures/a.py ParserIT.java", Ok(Test)),
        ("README README.md docs/conf.py doc/a.c a.rst CHANGELOG", Ok(Document)),
        ("examples/a.rs benches/b.rs demo/index.js", Ok(Example)),
        ("a.html a.css schema.sql a.proto", Ok(Markup)),
        ("Cargo.toml a.yaml Makefile a.json Dockerfile", Ok(Config)),
        ("node_modules/a.js vendor/a/b.go third_party/x.c", Err(Vendored)),
        ("Cargo.lock package-lock.json go.sum sub/yarn.lock", Err(LockFile)),
        ("a.min.js dist/a.bundle.js a.css.map", Err(Minified)),
        ("a.pb.go a_pb2.py x.generated.ts zz_generated_a.go", Err(Generated)),
        ("a.png A.PNG a.tar.gz", Err(Binary)),
    ] {
        for path in paths.split(' ') {
            assert_eq!(of_path(&RepoPath::parse(path).unwrap()), expect, "{path}");
        }
    }
}
