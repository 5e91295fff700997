#![no_main]
//! An address of a repository.

use libfuzzer_sys::fuzz_target;
use shared::repo::{HostPolicy, Repo};

fuzz_target!(|data: &str| {
    for policy in [HostPolicy::github(), HostPolicy::github().and_loopback()] {
        if let Ok(repo) = Repo::parse(data, &policy) {
            let url = url::Url::parse(&repo.url()).unwrap();
            assert_eq!(url.path(), format!("/{repo}"));
            assert!(matches!(url.host_str(), Some("github.com" | "127.0.0.1" | "localhost" | "[::1]")));
            assert_eq!(url.host_str() == Some("github.com"), url.scheme() == "https");
            assert_eq!(Repo::parse(&repo.url(), &policy), Ok(repo));
        }
    }
});
