//! A *login*: the name of an account on GitHub, as people write it after an `@`.

use std::fmt;

/// The login of a person's account.
///
/// Letters, digits and hyphens, at most 39, starting with a letter or digit
/// (<https://docs.github.com/en/enterprise-cloud@latest/admin/managing-iam/iam-configuration-reference/username-considerations-for-external-authentication>);
/// accounts that an enterprise manages carry its short code after an underscore. The `NAME[bot]` of an app is no
/// login of a person and is refused.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Login(String);

/// The text is not the login of a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the user is not 1 to 39 letters, digits, `-` or `_`, starting with a letter or digit")]
pub struct LoginError;

impl Login {
    pub fn parse(text: &str) -> Result<Self, LoginError> {
        if is_login(text) { Ok(Self(text.to_owned())) } else { Err(LoginError) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `login` is the same account: GitHub ignores case.
    pub fn is(&self, login: &str) -> bool {
        self.0.eq_ignore_ascii_case(login)
    }
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Owners of repositories, people and organizations alike, follow the same rule.
pub(crate) fn is_login(text: &str) -> bool {
    text.len() <= 39
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_people_and_refuses_everything_else() {
        let longest = "a".repeat(39);
        for good in ["dev1", "Octo-Cat", "9", "ends-", "a--b", "mona_acme", longest.as_str()] {
            assert_eq!(Login::parse(good).as_ref().map(Login::as_str), Ok(good));
        }
        let too_long = "a".repeat(40);
        for bad in [
            "",
            "-a",
            "_a",
            "a b",
            "a.b",
            "a/b",
            "dependabot[bot]",
            "d\u{435}v1",
            "a\n",
            "@a",
            too_long.as_str(),
        ] {
            assert_eq!(Login::parse(bad), Err(LoginError), "{bad:?}");
        }
    }

    #[test]
    fn compares_without_case() {
        let login = Login::parse("Octo-Cat").unwrap();
        assert!(login.is("octo-cat"));
        assert!(!login.is("octo-cat2"));
    }
}
