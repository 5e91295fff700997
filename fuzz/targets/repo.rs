//! An address of a repository.

use shared::repo::{HostPolicy, Repo};

pub(crate) fn run(data: &[u8]) {
    let Ok(data) = std::str::from_utf8(data) else { return };
    let github = HostPolicy::github();
    for policy in [github.clone().and_loopback(), github.clone().with_groups(), github] {
        if let Ok(repo) = Repo::parse(data, &policy) {
            let url = url::Url::parse(&repo.url()).expect("an address of the web");
            assert_eq!(url.path(), format!("/{repo}"));
            assert!(matches!(url.host_str(), Some("github.com" | "127.0.0.1" | "localhost" | "[::1]")));
            assert_eq!(url.host_str() == Some("github.com"), url.scheme() == "https");
            assert_eq!(Repo::parse(&repo.url(), &policy), Ok(repo));
        }
    }
}
