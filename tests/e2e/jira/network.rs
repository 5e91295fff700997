//! The way out to Jira: by a proxy, to a site whose certificate an authority of the operator's own signed.

use std::collections::BTreeSet;

use tests::proxy::{AUTHORITY, Proxy};

use crate::harness::{BRANCH, Story, typo};

const SITE: &str = "jira.example.com";

#[test]
fn a_site_is_reached_by_the_proxy_and_trusted_by_the_operators_authority() {
    let story = Story::new(typo(), &[]);
    let url = story.jira.url();
    let address = url.trim_start_matches("http://").to_owned();
    let proxy = story.runtime.block_on(Proxy::start([(SITE, address)]));
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let config = file("jira.toml", &story.config().replace(&url, &format!("https://{SITE}")));
    let authority = file("ca.crt", AUTHORITY);
    let way = format!("http://agent:hunter2@{}", proxy.address());
    let outside =
        [("AGENT_MODEL", "builtin"), ("AGENT_JIRA_FILE", config.as_str()), ("HTTPS_PROXY", way.as_str())];
    let message = story.label("dev1", &["ai-help", "quickfix"]);

    // Nobody named the authority.
    let impatient = [("AGENT_GITHUB_MAX_WAIT", "0s")];
    let run = story.run_with(&message, &[&outside[..], &impatient[..]].concat());
    assert_ne!(run.status, Some(0), "{}", story.told(&run));
    assert!(run.stderr.contains("invalid peer certificate"), "{}", story.told(&run));
    assert_eq!(story.jira.calls().len(), 0, "{}", story.told(&run));

    let trusted = [("AGENT_CA_FILE", authority.as_str())];
    let run = story.run_with(&message, &[&outside[..], &trusted[..]].concat());
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    assert!(story.github.snapshot().contains(BRANCH), "{}", story.told(&run));
    assert_eq!(story.labels(), "ai-done ai-help quickfix");
    assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
    let connects = proxy.connects();
    let targets: BTreeSet<&str> = connects.iter().map(|connect| connect.target.as_str()).collect();
    assert_eq!(targets, BTreeSet::from(["jira.example.com:443"]));
    let password = Some("Basic YWdlbnQ6aHVudGVyMg==");
    assert!(connects.iter().all(|connect| connect.authorization.as_deref() == password), "{connects:?}");
    story.finish();
}
