use super::*;

#[test]
fn an_address_is_https_or_the_machine_itself() {
    for (given, taken) in [
        ("https://github.com/octo/hello", "https://github.com/octo/hello"),
        ("https://github.com/octo/hello.git", "https://github.com/octo/hello.git"),
        ("https://github.com/octo/hello.git/", "https://github.com/octo/hello.git"),
        ("HTTPS://GitHub.com/octo/hello", "https://github.com/octo/hello"),
        ("https://git.example:8443/deep/er/path.git", "https://git.example:8443/deep/er/path.git"),
        ("http://127.0.0.1:3000/octo/hello", "http://127.0.0.1:3000/octo/hello"),
        ("http://[::1]:3000/octo/hello", "http://[::1]:3000/octo/hello"),
        ("http://localhost/octo/hello", "http://localhost/octo/hello"),
        // How the URL standard reads a number in a host's place.
        ("http://2130706433/octo/hello", "http://127.0.0.1/octo/hello"),
    ] {
        let remote = Remote::new(given, None).unwrap();
        assert_eq!(remote.to_string(), taken);
    }
}

#[test]
fn other_addresses_are_refused() {
    let scheme = |scheme: &str| AddressError::Scheme(scheme.to_owned());
    for (given, expected) in [
        ("", AddressError::NotAUrl(url::ParseError::RelativeUrlWithoutBase)),
        ("octo/hello", AddressError::NotAUrl(url::ParseError::RelativeUrlWithoutBase)),
        ("-oProxyCommand=x", AddressError::NotAUrl(url::ParseError::RelativeUrlWithoutBase)),
        ("https://", AddressError::NotAUrl(url::ParseError::EmptyHost)),
        ("http://github.com/octo/hello", scheme("http")),
        ("http://127.0.0.1.example/octo/hello", scheme("http")),
        ("http://localhost.example/octo/hello", scheme("http")),
        ("http://169.254.169.254/latest/meta-data", scheme("http")),
        ("http://10.0.0.1/octo/hello", scheme("http")),
        ("git://github.com/octo/hello", scheme("git")),
        ("ssh://git@github.com/octo/hello", scheme("ssh")),
        ("file:///etc", scheme("file")),
        ("ext::sh -c id", scheme("ext")),
        ("git@github.com:octo/hello", AddressError::NotAUrl(url::ParseError::RelativeUrlWithoutBase)),
        ("https://token@github.com/octo/hello", AddressError::Credentials),
        ("https://github.com@evil.example/octo/hello", AddressError::Credentials),
        ("https://:pass@github.com/octo/hello", AddressError::Credentials),
        ("https://github.com/octo/hello?service=x", AddressError::Trailing),
        ("https://github.com/octo/hello#x", AddressError::Trailing),
        ("https://github.com", AddressError::NoPath),
        ("https://github.com//", AddressError::NoPath),
    ] {
        assert_eq!(Remote::new(given, None).unwrap_err(), expected, "{given}");
    }
}

#[test]
fn what_a_host_says_is_repeated_safely() {
    let remote = Remote::new("https://git.example/o/r", Some("s3cret".into())).unwrap();
    for (said, heard) in [
        ("Not found.\r\n", "Not found."),
        ("one\n\ttwo\u{1b}[31m three", "one two [31m three"),
        ("hid\u{202e}den\u{200b} text", "hid den text"),
        ("the token s3cret is wrong", "the token *** is wrong"),
    ] {
        assert_eq!(remote.heard(said), heard);
    }
    assert_eq!(remote.heard(&"x".repeat(10_000)).len(), SAID_CHARS);
    // An empty token is nothing to look for.
    assert_eq!(Remote::new("https://git.example/o/r", Some("".into())).unwrap().heard("abc"), "abc");
}

#[test]
fn a_remote_never_shows_its_token() {
    let remote = Remote::new("https://git.example/o/r", Some("s3cret".into())).unwrap();
    assert_eq!(format!("{remote:?}"), "Remote { url: \"https://git.example/o/r\", .. }");
    let header = remote.authorization().unwrap();
    assert_eq!(header.to_str().unwrap(), "Basic eC1hY2Nlc3MtdG9rZW46czNjcmV0");
    assert_eq!(format!("{header:?}"), "Sensitive");
}

#[test]
fn refusals_read_well() {
    let no_access = |status, said: &str| RemoteError::NoAccess { status, said: said.to_owned() }.to_string();
    assert_eq!(no_access(404, ""), "there is no such repository, or the token does not reach it (HTTP 404)");
    assert_eq!(
        no_access(403, "Write access to repository not granted."),
        "the git host refuses: the token lacks the permission, or the repository is archived or blocked (HTTP 403): \
         Write access to repository not granted."
    );
    let limit = Duration::from_mins(5);
    assert_eq!(RemoteError::TimedOut { limit }.to_string(), "the git host did not finish within 5m");
}
