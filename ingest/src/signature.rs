//! A *signature*: the proof that a webhook was sent by who shares a secret with us.
//!
//! GitHub sends the HMAC-SHA256 of the body, byte for byte, in `X-Hub-Signature-256`
//! (<https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>). The older header with
//! SHA-1 is not looked at.

use std::fmt;

use axum::http::HeaderName;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use shared::hex;

/// The header that holds the signature.
pub static HEADER: HeaderName = HeaderName::from_static("x-hub-signature-256");

/// The secrets that a webhook may be signed with: one, or while it is being replaced the new and the old one.
///
/// Holds hash states keyed with the secrets, not their text.
#[derive(Clone)]
pub struct Secrets(Vec<Hmac<Sha256>>);

/// There is nothing to verify a signature with.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretsError {
    #[error("no webhook secret is configured")]
    None,
    #[error("a webhook secret is shorter than {MIN_BYTES} bytes")]
    Short,
}

/// A secret that can be guessed is none. GitHub's own example has 16 characters or more.
const MIN_BYTES: usize = 16;

/// Why a request is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("the request has no signature in X-Hub-Signature-256")]
    Missing,
    #[error("the request has more than one signature")]
    Several,
    #[error("the signature is not `sha256=` and 64 hexadecimal digits")]
    Malformed,
    #[error("the signature does not fit the body")]
    Wrong,
}

impl Secrets {
    pub fn new<S: AsRef<[u8]>>(secrets: impl IntoIterator<Item = S>) -> Result<Self, SecretsError> {
        let keyed = secrets
            .into_iter()
            .map(|secret| {
                let secret = secret.as_ref();
                if secret.len() < MIN_BYTES {
                    return Err(SecretsError::Short);
                }
                Hmac::new_from_slice(secret).map_err(|_| SecretsError::Short)
            })
            .collect::<Result<Vec<_>, _>>()?;
        if keyed.is_empty() { Err(SecretsError::None) } else { Ok(Self(keyed)) }
    }

    /// Checks `body` against the values of the header. Every secret is tried, whichever fits, so that the time
    /// taken does not tell which one did.
    pub fn verify<'a>(
        &self,
        mut headers: impl Iterator<Item = &'a [u8]>,
        body: &[u8],
    ) -> Result<(), SignatureError> {
        let header = headers.next().ok_or(SignatureError::Missing)?;
        if headers.next().is_some() {
            return Err(SignatureError::Several);
        }
        let tag = parse(header).ok_or(SignatureError::Malformed)?;
        let fits = self.0.iter().fold(false, |fits, keyed| {
            let mut mac = keyed.clone();
            mac.update(body);
            // The comparison takes the same time wherever the first difference is.
            mac.verify_slice(&tag).is_ok() | fits
        });
        if fits { Ok(()) } else { Err(SignatureError::Wrong) }
    }
}

/// Never shows what it holds.
impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

/// `sha256=` and 64 digits, large letters allowed.
fn parse(header: &[u8]) -> Option<[u8; 32]> {
    let digits: [u8; 64] = header.strip_prefix(b"sha256=")?.try_into().ok()?;
    hex::parse(std::str::from_utf8(&digits.to_ascii_lowercase()).ok()?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The example in GitHub's documentation.
    const SECRET: &str = "It's a Secret to Everybody";
    const BODY: &[u8] = b"Hello, World!";
    const TAG: &str = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    fn verify(secrets: &[&str], headers: &[&str], body: &[u8]) -> Result<(), SignatureError> {
        Secrets::new(secrets).unwrap().verify(headers.iter().map(|header| header.as_bytes()), body)
    }

    #[test]
    fn believes_what_github_documents_and_nothing_near_it() {
        use SignatureError::{Malformed, Missing, Several, Wrong};
        let good = format!("sha256={TAG}");
        let upper = format!("sha256={}", TAG.to_uppercase());
        let long = format!("sha256={TAG}00");
        let one_more = format!("sha256={TAG}0");
        let one_less = format!("sha256={}", &TAG[1..]);
        let sha1 = format!("sha1={TAG}");
        let capital = format!("SHA256={TAG}");
        let space = format!("sha256= {TAG}");
        let tail = format!("sha256={TAG} ");
        let sign = format!("sha256=+{}", &TAG[1..]);
        let letter = format!("sha256=g{}", &TAG[1..]);
        let wide = format!("sha256={}\u{e9}", &TAG[2..]);
        let zeros = format!("sha256={}", "0".repeat(64));
        let table: &[(&[&str], Result<(), SignatureError>)] = &[
            (&[&good], Ok(())),
            (&[&upper], Ok(())),
            (&[], Err(Missing)),
            (&[&good, &good], Err(Several)),
            (&[""], Err(Malformed)),
            (&["sha256="], Err(Malformed)),
            (&[TAG], Err(Malformed)),
            (&[&long], Err(Malformed)),
            (&[&one_more], Err(Malformed)),
            (&[&one_less], Err(Malformed)),
            (&[&sha1], Err(Malformed)),
            (&[&capital], Err(Malformed)),
            (&[&space], Err(Malformed)),
            (&[&tail], Err(Malformed)),
            (&[&sign], Err(Malformed)),
            (&[&letter], Err(Malformed)),
            (&[&wide], Err(Malformed)),
            (&[&zeros], Err(Wrong)),
        ];
        for (headers, expect) in table {
            assert_eq!(verify(&[SECRET], headers, BODY), *expect, "{headers:?}");
        }
        assert_eq!(verify(&[SECRET], &[&good], b"Hello, World! "), Err(Wrong));
        assert_eq!(verify(&[SECRET], &[&good], b""), Err(Wrong));
    }

    #[test]
    fn any_of_several_secrets_serves() {
        let good = format!("sha256={TAG}");
        let (other, third) = ("another secret of ours", "and one more of them");
        for (secrets, expect) in [
            (&[SECRET, other][..], Ok(())),
            (&[other, SECRET], Ok(())),
            (&[other, SECRET, third], Ok(())),
            (&[other, third], Err(SignatureError::Wrong)),
        ] {
            assert_eq!(verify(secrets, &[&good], BODY), expect);
        }
    }

    #[test]
    fn a_secret_is_needed_and_never_shown() {
        assert_eq!(Secrets::new::<&str>([]).unwrap_err(), SecretsError::None);
        assert_eq!(Secrets::new([""]).unwrap_err(), SecretsError::Short);
        assert_eq!(Secrets::new([SECRET, "short"]).unwrap_err(), SecretsError::Short);
        assert_eq!(format!("{:?}", Secrets::new([SECRET]).unwrap()), "Secrets(1)");
    }

    proptest! {
        #[test]
        fn one_bit_makes_the_difference(mut body in proptest::collection::vec(any::<u8>(), 1..300), at in any::<prop::sample::Index>()) {
            let secrets = Secrets::new([SECRET]).unwrap();
            let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
            mac.update(&body);
            let tag: [u8; 32] = mac.finalize().into_bytes().into();
            let header = |tag: &[u8]| tag.iter().fold("sha256=".to_owned(), |text, byte| format!("{text}{byte:02x}"));
            let check = |tag: &[u8], body: &[u8]| secrets.verify([header(tag).as_bytes()].into_iter(), body);
            prop_assert_eq!(check(&tag, &body), Ok(()));

            let bit = at.index(tag.len() * 8);
            let mut other = tag;
            other[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(check(&other, &body), Err(SignatureError::Wrong));

            let bit = at.index(body.len() * 8);
            body[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(check(&tag, &body), Err(SignatureError::Wrong));
        }

        #[test]
        fn no_header_makes_it_fail_otherwise(header in any::<Vec<u8>>(), body in any::<Vec<u8>>()) {
            let secrets = Secrets::new([SECRET]).unwrap();
            prop_assert!(secrets.verify([header.as_slice()].into_iter(), &body).is_err());
        }
    }
}
