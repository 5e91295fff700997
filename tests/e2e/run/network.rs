//! The way out: by a proxy, to servers whose certificate an authority of the operator's own signed.

use std::collections::BTreeSet;

use serde_json::json;
use tests::collector::{Collector, Mood};
use tests::proxy::{AUTHORITY, Proxy};

use crate::harness::{EDIT, REPO, Story, hello, offline};

const GITHUB: &str = "github.example.com";
const MODEL: &str = "model.example.com";
const COLLECTOR: &str = "collector.example.com";

struct Outside {
    story: Story,
    proxy: Proxy,
    collector: Collector,
    folder: tempfile::TempDir,
}

impl Outside {
    fn set(replies: &[&str]) -> Self {
        let story = Story::new(offline(hello()), replies);
        let address = |url: &str| url.trim_start_matches("http://").split('/').next().unwrap().to_owned();
        let collector = Collector::start(Mood::Good);
        let routes = [
            (GITHUB, address(&story.github.url())),
            (MODEL, address(&story.model_url())),
            (COLLECTOR, address(collector.url())),
        ];
        let proxy = story.block_on(Proxy::start(routes));
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.crt"), AUTHORITY).unwrap();
        let proxy_url = format!("http://agent:hunter2@{}\n", proxy.address());
        std::fs::write(folder.path().join("proxy"), proxy_url).unwrap();
        Self { story, proxy, collector, folder }
    }

    /// Runs the quick fix of the issue; the exit status and what was said.
    fn run(&self, variables: &[(&str, &str)]) -> (Option<i32>, String) {
        let task = json!({
            "repo_url": format!("https://{GITHUB}/{REPO}"), "issue_id": 1, "mode": "quickfix", "trigger_user": "dev1",
        });
        let model = format!("https://{MODEL}/v1");
        let fixed = [("AGENT_GITHUB_HOST", GITHUB), ("OPENAI_BASE_URL", model.as_str())];
        let run = self.story.run_with(&task, &[&fixed[..], variables].concat());
        (run.status, run.stderr)
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn targets(&self) -> BTreeSet<String> {
        self.proxy.connects().into_iter().map(|connect| connect.target).collect()
    }
}

#[test]
fn everything_goes_by_the_proxy_and_trusts_the_operators_authority() {
    let outside = Outside::set(&[EDIT]);
    let (ca, proxy) = (outside.path("ca.crt"), outside.path("proxy"));
    let endpoint = format!("https://{COLLECTOR}");
    let (status, told) = outside.run(&[
        ("AGENT_CA_FILE", &ca),
        ("HTTPS_PROXY_FILE", &proxy),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint),
    ]);
    assert_eq!(status, Some(0), "{told}");
    let seen = outside.story.github.snapshot();
    assert!(seen.contains("commit by ai-agent[bot]: Raise the time-out"), "{seen}");
    assert_eq!(
        outside.targets(),
        BTreeSet::from([GITHUB, MODEL, COLLECTOR].map(|host| format!("{host}:443")))
    );
    assert_eq!(outside.collector.violations(), Vec::<String>::new());
    assert!(outside.collector.spans().iter().any(|span| span.name == "run quickfix"), "{told}");
    // The interface and git have a client each.
    let github = outside.proxy.connects().into_iter().filter(|connect| connect.target.starts_with(GITHUB));
    assert!(github.count() >= 2);
    for connect in outside.proxy.connects() {
        assert_eq!(connect.authorization.as_deref(), Some("Basic YWdlbnQ6aHVudGVyMg=="), "{connect:?}");
    }
    assert!(!told.contains("hunter2"), "{told}");
    outside.story.finish();
}

#[test]
fn an_authority_that_nobody_named_is_not_trusted() {
    let outside = Outside::set(&[]);
    let proxy = format!("http://{}", outside.proxy.address());
    let (status, told) = outside.run(&[("HTTPS_PROXY", &proxy), ("AGENT_GITHUB_MAX_WAIT", "0s")]);
    assert_eq!(status, Some(75), "{told}");
    assert!(told.contains("invalid peer certificate"), "{told}");
    assert_eq!(outside.targets(), BTreeSet::from([format!("{GITHUB}:443")]));
}

#[test]
fn what_is_excepted_is_reached_without_the_proxy() {
    let outside = Outside::set(&[]);
    let ca = outside.path("ca.crt");
    let proxy = format!("http://{}", outside.proxy.address());
    let (status, told) = outside.run(&[
        ("AGENT_CA_FILE", &ca),
        ("HTTPS_PROXY", &proxy),
        ("NO_PROXY", ".example.com"),
        ("AGENT_GITHUB_MAX_WAIT", "0s"),
    ]);
    // No such host is known to this machine.
    assert_eq!(status, Some(75), "{told}");
    assert_eq!(outside.targets(), BTreeSet::new());
}

#[test]
fn settings_that_cannot_be_used_are_named() {
    let outside = Outside::set(&[]);
    for (variable, value, expect) in [
        ("HTTPS_PROXY", "ftp://u:hunter2@x", "invalid address for HTTPS_PROXY: use http://HOST:PORT"),
        ("AGENT_CA", "nothing", "use certificates in PEM, or name their file in AGENT_CA_FILE"),
    ] {
        let (status, told) = outside.run(&[(variable, value)]);
        assert_eq!(status, Some(2), "{told}");
        assert!(told.contains(expect) && !told.contains("hunter2"), "{told}");
    }
}
