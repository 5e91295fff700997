use proptest::prelude::*;

use super::*;
use RepoError::{Escaped, Fragment, Name, NotAscii, Owner, Path, Port, Query, Scheme, TooLong, UserInfo};

fn on(host: &str) -> RepoError {
    RepoError::Host(host.to_owned())
}

fn check(policy: &HostPolicy, address: &str, expect: Result<&str, RepoError>) {
    assert_eq!(Repo::parse(address, policy).map(|repo| repo.url()), expect.map(str::to_owned), "{address:?}");
}

#[test]
fn takes_repositories_and_rebuilds_their_address() {
    let long_owner = format!("https://github.com/{}/x", "a".repeat(39));
    let long_name = format!("https://github.com/a/{}", "x".repeat(100));
    for (address, url) in [
        ("https://github.com/octo/hello", "https://github.com/octo/hello"),
        ("https://github.com/octo/hello.git", "https://github.com/octo/hello"),
        ("HTTPS://GitHub.COM/Octo/Hello", "https://github.com/Octo/Hello"),
        ("https://github.com/octo/.github", "https://github.com/octo/.github"),
        ("https://github.com/octo/-", "https://github.com/octo/-"),
        ("https://github.com/octo/...", "https://github.com/octo/..."),
        ("https://github.com/octo/a.b-c_d", "https://github.com/octo/a.b-c_d"),
        ("https://github.com/octo/git", "https://github.com/octo/git"),
        ("https://github.com/octo/git.git", "https://github.com/octo/git"),
        ("https://github.com/octo/x.gitx", "https://github.com/octo/x.gitx"),
        ("https://github.com/octo-org/hello", "https://github.com/octo-org/hello"),
        ("https://github.com/mona_acme/hello", "https://github.com/mona_acme/hello"),
        ("https://github.com/1/2", "https://github.com/1/2"),
        (&long_owner, &long_owner),
        (&long_name, &long_name),
    ] {
        check(&HostPolicy::github(), address, Ok(url));
    }
}

/// Addresses on other hosts.
const ELSEWHERE: &[&str] = &[
    "https:///github.com/octo/hello",
    "https://",
    "https://gitlab.com/octo/hello",
    "https://github.com.evil.example/octo/hello",
    "https://evil-github.com/octo/hello",
    "https://api.github.com/octo/hello",
    "https://www.github.com/octo/hello",
    "https://raw.githubusercontent.com/octo/hello",
    "https://github.co/octo/hello",
    "https://github.com./octo/hello",
    "https://.github.com/octo/hello",
    "https://githubXcom/octo/hello",
    "https://localhost/octo/hello",
    "https://127.0.0.1/octo/hello",
    "https://127.1/octo/hello",
    "https://0/octo/hello",
    "https://2130706433/octo/hello",
    "https://0x7f000001/octo/hello",
    "https://0177.0.0.1/octo/hello",
    "https://169.254.169.254/octo/hello",
    "https://[::1]/octo/hello",
    "https://[::ffff:169.254.169.254]/octo/hello",
    "https://metadata.google.internal/octo/hello",
    "https://github.com,evil.example/octo/hello",
    "https://github.com;evil.example/octo/hello",
    "https://evil.example/github.com/octo/hello",
    "https://xn--gthub-n4a.com/octo/hello",
];

const REFUSED: &[(&str, RepoError)] = &[
    // not a web address
    ("", Scheme),
    ("octo/hello", Scheme),
    ("github.com/octo/hello", Scheme),
    ("//github.com/octo/hello", Scheme),
    ("https:github.com/octo/hello", Scheme),
    ("https:/github.com/octo/hello", Scheme),
    ("https://github.com", Path),
    ("http://github.com/octo/hello", Scheme),
    ("ssh://git@github.com/octo/hello", Scheme),
    ("git@github.com:octo/hello", Scheme),
    ("git://github.com/octo/hello", Scheme),
    ("git+ssh://github.com/octo/hello", Scheme),
    ("ftp://github.com/octo/hello", Scheme),
    ("file:///etc/passwd", Scheme),
    ("file://github.com/octo/hello", Scheme),
    ("ext::sh -c id", NotAscii),
    ("ext::sh", Scheme),
    ("javascript://github.com/octo/hello", Scheme),
    ("data:text/plain,x", Scheme),
    ("-oProxyCommand=id", Scheme),
    ("--upload-pack=id", Scheme),
    ("/octo/hello", Scheme),
    ("../octo/hello", Scheme),
    // user, port
    ("https://github.com@evil.example/octo/hello", UserInfo),
    ("https://user@github.com/octo/hello", UserInfo),
    ("https://user:pass@github.com/octo/hello", UserInfo),
    ("https://:@github.com/octo/hello", UserInfo),
    ("https://@github.com/octo/hello", UserInfo),
    ("https://github.com:443@evil.example/octo/hello", UserInfo),
    ("https://x-access-token:t@github.com/octo/hello", UserInfo),
    ("https://github.com:443/octo/hello", Port),
    ("https://github.com:/octo/hello", Port),
    ("https://github.com:22/octo/hello", Port),
    ("https://github.com:8080/octo/hello", Port),
    ("https://[::1]:443/octo/hello", Port),
    ("https://evil.example:443/octo/hello", Port),
    // query, fragment
    ("https://github.com/octo/hello?x=1", Query),
    ("https://github.com/octo/hello?", Query),
    ("https://github.com?/octo/hello", Query),
    ("https://github.com/octo?/hello", Query),
    ("https://github.com/octo/hello#x", Fragment),
    ("https://github.com/octo/hello#", Fragment),
    ("https://github.com#/octo/hello", Fragment),
    ("https://github.com/octo/hello?x#y", Fragment),
    ("https://github.com#@evil.example/octo/hello", Fragment),
    // path
    ("https://github.com/", Path),
    ("https://github.com/octo", Path),
    ("https://github.com/octo/", Name),
    ("https://github.com//hello", Owner),
    ("https://github.com//octo/hello", Path),
    ("https://github.com/octo//hello", Path),
    ("https://github.com/octo/hello/", Path),
    ("https://github.com/octo/hello.git/", Path),
    ("https://github.com/octo/hello/issues/1", Path),
    ("https://github.com/octo/hello/../../evil/x", Path),
    ("https://github.com/octo/../evil", Path),
    ("https://github.com/./octo/hello", Path),
    ("https://github.com/../octo", Owner),
    ("https://github.com/octo/..", Name),
    ("https://github.com/octo/.", Name),
    // owner
    ("https://github.com/-octo/hello", Owner),
    ("https://github.com/_octo/hello", Owner),
    ("https://github.com/.octo/hello", Owner),
    ("https://github.com/oc.to/hello", Owner),
    ("https://github.com/octo:x/hello", Owner),
    ("https://github.com/octo@x/hello", Owner),
    ("https://github.com/octo[bot]/hello", Owner),
    ("https://github.com/~octo/hello", Owner),
    ("https://github.com/$(id)/hello", Owner),
    // name
    ("https://github.com/octo/.git", Name),
    ("https://github.com/octo/x.git.git", Name),
    ("https://github.com/octo/x.GIT", Name),
    ("https://github.com/octo/hello.wiki", Name),
    ("https://github.com/octo/hello.wiki.git", Name),
    ("https://github.com/octo/hello.Wiki", Name),
    ("https://github.com/octo/he+llo", Name),
    ("https://github.com/octo/he~llo", Name),
    ("https://github.com/octo/hello:main", Name),
    ("https://github.com/octo/hello@main", Name),
    ("https://github.com/octo/hello;id", Name),
    ("https://github.com/octo/`id`", Name),
    ("https://github.com/octo/hello&x", Name),
    // characters
    ("https://github.com/octo/hel%6co", Escaped),
    ("https://github.com/octo%2fhello", Escaped),
    ("https://github.com/octo/%2e%2e", Escaped),
    ("https://github.com%2f@evil.example/octo/hello", Escaped),
    ("https:\\\\github.com\\octo\\hello", Escaped),
    ("https://github.com\\@evil.example/octo/hello", Escaped),
    ("https://github.com/octo\\hello", Escaped),
    (" https://github.com/octo/hello", NotAscii),
    ("https://github.com/octo/hello ", NotAscii),
    ("https://github.com/octo/hel lo", NotAscii),
    ("https://github.com/octo/hello\n", NotAscii),
    ("https://github.com/octo/hello\r\nHost: evil", NotAscii),
    ("https://git\thub.com/octo/hello", NotAscii),
    ("https://github.com/octo/hello\0", NotAscii),
    ("https://github.com/octo/hello\u{7f}", NotAscii),
    ("https://g\u{456}thub.com/octo/hello", NotAscii),
    ("https://\u{ff47}ithub.com/octo/hello", NotAscii),
    ("https://github\u{3002}com/octo/hello", NotAscii),
    ("https://github\u{ff0e}com/octo/hello", NotAscii),
    ("https://github.com\u{2044}octo\u{2044}hello", NotAscii),
    ("https://github.com/\u{43e}cto/hello", NotAscii),
    ("https://github.com/octo/he\u{200b}llo", NotAscii),
    ("https://github.com/octo/\u{202e}olleh", NotAscii),
    ("https\u{ff1a}//github.com/octo/hello", NotAscii),
];

#[test]
fn names_the_reason_for_every_other_address() {
    for (address, why) in REFUSED {
        check(&HostPolicy::github(), address, Err(why.clone()));
    }
    for (address, why) in [
        (format!("https://github.com/{}/x", "a".repeat(40)), Owner),
        (format!("https://github.com/a/{}", "x".repeat(101)), Name),
        (format!("https://github.com/a/{}", "x".repeat(600)), TooLong),
    ] {
        check(&HostPolicy::github(), &address, Err(why));
    }
    for address in ELSEWHERE {
        let host = address["https://".len()..].split('/').next().unwrap();
        check(&HostPolicy::github(), address, Err(RepoError::Host(host.to_owned())));
    }
}

#[test]
fn an_enterprise_server_stands_in_the_place_of_github() {
    let policy = HostPolicy::of("GitHub.Acme.example").unwrap();
    check(&policy, "https://github.acme.example/octo/hello", Ok("https://github.acme.example/octo/hello"));
    check(&policy, "https://github.com/octo/hello", Err(on("github.com")));
    check(&policy, "http://127.0.0.1:80/octo/hello", Err(Scheme));
    for bad in [
        "",
        "github",
        "github.com/",
        "a b.c",
        "https://x.y",
        "x.y:443",
        "-a.b",
        "a-.b",
        "a..b",
        ".a.b",
        "a.b.",
        "127.0.0.1",
        "[::1]",
        "\u{456}.com",
        "u@x.y",
    ] {
        assert_eq!(HostPolicy::of(bad), Err(HostError(bad.to_owned())), "{bad:?}");
    }
}

#[test]
fn loopback_is_taken_only_where_the_policy_opts_in() {
    let open = HostPolicy::github().and_loopback();
    for (address, expect) in [
        ("https://github.com/octo/hello", Ok("https://github.com/octo/hello")),
        ("http://127.0.0.1:4000/octo/hello.git", Ok("http://127.0.0.1:4000/octo/hello")),
        ("http://localhost:4000/octo/hello", Ok("http://localhost:4000/octo/hello")),
        ("http://[::1]:4000/octo/hello", Ok("http://[::1]:4000/octo/hello")),
        ("http://127.0.0.1/octo/hello", Err(Port)),
        ("http://127.0.0.1:/octo/hello", Err(Port)),
        ("http://127.0.0.1:+80/octo/hello", Err(Port)),
        ("http://127.0.0.1:65536/octo/hello", Err(Port)),
        ("http://127.0.0.2:80/octo/hello", Err(on("127.0.0.2:80"))),
        ("http://github.com:80/octo/hello", Err(on("github.com:80"))),
        ("http://localhost.evil.example:80/octo/hello", Err(on("localhost.evil.example:80"))),
        ("http://localhost:80@evil.example:80/octo/hello", Err(UserInfo)),
        ("https://127.0.0.1:4000/octo/hello", Err(Port)),
        ("file:///tmp/hello", Err(Scheme)),
    ] {
        check(&open, address, expect);
    }
    check(&HostPolicy::github(), "http://127.0.0.1:4000/octo/hello", Err(Scheme));
}

#[test]
fn a_forge_with_groups_has_longer_paths() {
    let policy = HostPolicy::of("gitlab.example").unwrap().with_groups();
    for (address, owner, name) in [
        ("https://gitlab.example/octo/hello", "octo", "hello"),
        ("https://gitlab.example/octo/hello.git", "octo", "hello"),
        ("https://gitlab.example/octo/tools/hello", "octo/tools", "hello"),
        ("HTTPS://GitLab.Example/Octo/Tools/a.b-c_d/Hello.git", "Octo/Tools/a.b-c_d", "Hello"),
        ("https://gitlab.example/1/2/3", "1/2", "3"),
    ] {
        let repo = Repo::parse(address, &policy).unwrap();
        assert_eq!((repo.owner(), repo.name()), (owner, name), "{address}");
        assert_eq!(repo.to_string(), format!("{owner}/{name}"));
        assert_eq!(repo.url(), format!("https://gitlab.example/{owner}/{name}"));
        assert_eq!(Repo::parse(&repo.url(), &policy), Ok(repo));
    }
    let deep = |groups: usize| format!("https://gitlab.example/{}hello", "g/".repeat(groups));
    check(&policy, &deep(20), Ok(&deep(20)));
    check(&policy, &deep(21), Err(RepoError::GroupPath));
    for (path, why) in [
        ("", RepoError::GroupPath),
        ("/", RepoError::GroupPath),
        ("/hello", RepoError::GroupPath),
        ("//hello", RepoError::GroupPath),
        ("/octo/", RepoError::GroupPath),
        ("/octo//hello", RepoError::GroupPath),
        ("/octo/tools/", RepoError::GroupPath),
        ("/octo/.git", RepoError::GroupPath),
        ("/octo/./hello", RepoError::Slug(".".to_owned())),
        ("/octo/../hello", RepoError::Slug("..".to_owned())),
        ("/octo/tools/..", RepoError::Slug("..".to_owned())),
        ("/octo/hello/-/issues/1", RepoError::Slug("-".to_owned())),
        ("/octo/tools/-hello", RepoError::Slug("-hello".to_owned())),
        ("/octo/tools_/hello", RepoError::Slug("tools_".to_owned())),
        ("/octo/.tools/hello", RepoError::Slug(".tools".to_owned())),
        ("/octo.git/hello", RepoError::Slug("octo.git".to_owned())),
        ("/octo/hello.git.git", RepoError::Slug("hello.git".to_owned())),
        ("/octo/hello.atom", RepoError::Slug("hello.atom".to_owned())),
        ("/octo/hel~lo", RepoError::Slug("hel~lo".to_owned())),
        ("/octo/tools:x/hello", RepoError::Slug("tools:x".to_owned())),
        ("/octo/tools/hello?x", Query),
        ("/octo/tools/hello#x", Fragment),
        ("/octo/tools%2fhello", Escaped),
    ] {
        check(&policy, &format!("https://gitlab.example{path}"), Err(why));
    }
    // What GitHub has is not taken for a forge with groups, nor the other way round.
    check(&HostPolicy::github(), "https://github.com/octo/tools/hello", Err(Path));
    check(&policy, "https://gitlab.example/octo/.github", Err(RepoError::Slug(".github".to_owned())));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// Whatever is accepted means the same to a parser of web addresses as it does here.
    #[test]
    fn an_accepted_address_means_what_it_says(
        address in prop_oneof![
            any::<String>(),
            "https://github\\.com[/a-zA-Z0-9._~:@?#%\\\\-]{0,40}",
            "https://github\\.com(/[a-zA-Z0-9._-]{0,5}){0,5}",
            "(https?|HTTPS)://[a-z.:@\\[\\]0-9]{0,20}/[a-zA-Z0-9._-]{1,41}/[a-zA-Z0-9._-]{1,10}(\\.git)?/?",
        ],
    ) {
        let policy = HostPolicy::github().and_loopback();
        for policy in [policy.clone(), policy.with_groups()] {
            let Ok(repo) = Repo::parse(&address, &policy) else { continue };
            let url = url::Url::parse(&repo.url()).unwrap();
            prop_assert_eq!(url.as_str(), repo.url());
            let authority = url[url::Position::BeforeHost..url::Position::AfterPort].to_owned();
            prop_assert!(repo.host() == authority || url.port_or_known_default() == Some(80));
            prop_assert_eq!(url.path(), format!("/{repo}"));
            prop_assert_eq!(Repo::parse(&repo.url(), &policy), Ok(repo));
        }
    }
}
