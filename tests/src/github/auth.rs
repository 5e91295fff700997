//! Who is calling: an **actor**, from the `Authorization` header, and what its token may do.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::Value;

use super::reply::{Refusal, error};
use super::state::{Permission, Repo, State};

/// How much of a permission a token has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Read,
    Write,
}

impl Level {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "read" => Some(Self::Read),
            "write" => Some(Self::Write),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// Permissions of an App by GitHub's names for them (`contents`, `issues`, `pull_requests`, `metadata`, `workflows`, …).
pub(crate) type Permissions = BTreeMap<String, Level>;

/// Whether an installation serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Installed {
    Active,
    Suspended,
}

/// The GitHub App of the story and its one installation, which covers every repository.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) id: u64,
    pub(crate) client_id: String,
    pub(crate) slug: String,
    pub(crate) installation: u64,
    pub(crate) permissions: Permissions,
    pub(crate) events: Vec<String>,
    pub(crate) installed: Installed,
    /// Another installation that the list has first, and that serves no more: there is no token for it.
    pub(crate) dead_installation: Option<u64>,
}

/// What the App is sent.
const EVENTS: [&str; 7] = [
    "issues",
    "issue_comment",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "check_suite",
    "status",
];

impl App {
    pub(crate) fn new() -> Self {
        let write = ["contents", "issues", "pull_requests"].map(|name| (name.to_owned(), Level::Write));
        Self {
            id: 777,
            client_id: "Iv23liStandInClient0".to_owned(),
            slug: "ai-agent".to_owned(),
            installation: 42,
            permissions: write
                .into_iter()
                .chain(
                    ["metadata", "checks", "statuses", "actions"].map(|name| (name.to_owned(), Level::Read)),
                )
                .collect(),
            events: EVENTS.map(str::to_owned).to_vec(),
            installed: Installed::Active,
            dead_installation: None,
        }
    }

    /// The login under which the App acts.
    pub(crate) fn bot(&self) -> String {
        format!("{}[bot]", self.slug)
    }
}

/// The App's key pair, made for each process that asks for it.
static KEY: LazyLock<KeyPair> =
    LazyLock::new(|| KeyPair::generate(KeySize::Rsa2048).expect("a key can be made"));

/// The App's private key as GitHub hands it out, in PEM (PKCS #8).
pub(crate) fn private_key_pem() -> String {
    let der = AsDer::<Pkcs8V1Der<'static>>::as_der(&*KEY).expect("the key can be encoded");
    let text = BASE64_STANDARD.encode(der.as_ref());
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}

/// A token that the stand-in has given out.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) secret: String,
    pub(crate) grant: Grant,
    pub(crate) standing: Standing,
}

/// What a token stands for.
#[derive(Debug, Clone)]
pub(crate) enum Grant {
    Personal { login: String },
    Installation { permissions: Permissions, repositories: Option<Vec<u64>>, expires: SystemTime },
}

/// Whether a token is still good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Good,
    Revoked,
}

/// Who is calling.
#[derive(Debug, Clone)]
pub(crate) enum Actor {
    Anonymous,
    App,
    Installation { secret: String, permissions: Permissions, repositories: Option<Vec<u64>> },
    User { login: String },
}

impl Actor {
    /// Under which login it acts, if it can write at all.
    pub(crate) fn login(&self, state: &State) -> String {
        match self {
            Self::Anonymous | Self::App => String::new(),
            Self::Installation { .. } => state.app.bot(),
            Self::User { login } => login.clone(),
        }
    }

    pub(crate) fn has(&self, permission: &str, level: Level) -> bool {
        match self {
            Self::Installation { permissions, .. } => {
                permissions.get(permission).is_some_and(|it| *it >= level)
            }
            _ => false,
        }
    }

    /// Whether the repository exists at all for this actor.
    pub(crate) fn sees(&self, state: &State, repo: &Repo) -> bool {
        match self {
            Self::Installation { repositories, .. } => {
                repositories.as_ref().is_none_or(|ids| ids.contains(&repo.id))
                    || state.permission(repo, "") >= Permission::Read
            }
            Self::User { login } => state.permission(repo, login) >= Permission::Read,
            Self::Anonymous | Self::App => state.permission(repo, "") >= Permission::Read,
        }
    }

    /// Whether an installation token was narrowed to other repositories than this one. Users are judged by their role.
    pub(crate) fn covers(&self, repo: &Repo) -> bool {
        match self {
            Self::Installation { repositories, .. } => {
                repositories.as_ref().is_none_or(|ids| ids.contains(&repo.id))
            }
            _ => true,
        }
    }
}

/// Reads the actor out of the value of an `Authorization` header. Basic credentials are those of git: any name, the token as the password.
pub(crate) fn actor(state: &State, header: Option<&str>) -> Result<Actor, Refusal> {
    let Some(header) = header else { return Ok(Actor::Anonymous) };
    let (scheme, rest) = header.split_once(' ').unwrap_or(("", header));
    let secret = match scheme.to_ascii_lowercase().as_str() {
        "bearer" | "token" => rest.trim().to_owned(),
        "basic" => basic_password(rest.trim()).ok_or_else(bad_credentials)?,
        _ => return Err(bad_credentials()),
    };
    if secret.split('.').count() == 3 {
        check_jwt(state, &secret)?;
        return Ok(Actor::App);
    }
    let token = state.tokens.iter().find(|token| token.secret == secret).ok_or_else(bad_credentials)?;
    if token.standing == Standing::Revoked {
        return Err(bad_credentials());
    }
    match &token.grant {
        Grant::Personal { login } => Ok(Actor::User { login: login.clone() }),
        Grant::Installation { expires, .. } if *expires <= state.wall_clock() => Err(bad_credentials()),
        Grant::Installation { .. } if state.app.installed == Installed::Suspended => {
            Err(error(403, "This installation has been suspended"))
        }
        Grant::Installation { permissions, repositories, .. } => Ok(Actor::Installation {
            secret,
            permissions: permissions.clone(),
            repositories: repositories.clone(),
        }),
    }
}

fn basic_password(encoded: &str) -> Option<String> {
    let decoded = BASE64_STANDARD.decode(encoded).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    text.split_once(':').map(|(_, password)| password.to_owned())
}

pub(crate) fn bad_credentials() -> Refusal {
    error(401, "Bad credentials")
}

/// Checks an App's claims by GitHub's rules ("Generating a JSON Web Token for a GitHub App"): RS256, `iat` not in the future, `exp` at most ten
/// minutes ahead, `iss` the App's id or client id.
fn check_jwt(state: &State, jwt: &str) -> Result<(), Refusal> {
    let undecodable = || error(401, "A JSON web token could not be decoded");
    let (signed, signature) = jwt.rsplit_once('.').ok_or_else(undecodable)?;
    let (header, claims) = signed.split_once('.').ok_or_else(undecodable)?;
    let decode = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| undecodable());
    let header: Value = serde_json::from_slice(&decode(header)?).map_err(|_| undecodable())?;
    let claims: Value = serde_json::from_slice(&decode(claims)?).map_err(|_| undecodable())?;
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, KEY.public_key().as_ref());
    if header["alg"] != "RS256" || key.verify(signed.as_bytes(), &decode(signature)?).is_err() {
        return Err(undecodable());
    }
    let claimant = claims["iss"].as_str().map_or_else(|| claims["iss"].to_string(), str::to_owned);
    if claimant != state.app.id.to_string() && claimant != state.app.client_id {
        return Err(error(404, "Integration not found"));
    }
    let now = state.wall_clock().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    match (claims["iat"].as_u64(), claims["exp"].as_u64()) {
        (Some(issued), _) if issued > now => Err(error(
            401,
            "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
        )),
        (_, Some(expires)) if expires <= now => Err(error(
            401,
            "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
        )),
        (Some(_), Some(expires)) if expires > now + 600 => {
            Err(error(401, "'Expiration time' claim ('exp') is too far in the future"))
        }
        (Some(_), Some(_)) => Ok(()),
        _ => Err(undecodable()),
    }
}

impl State {
    /// Gives out a personal token of this user. Fine-grained and classic tokens have the same form here.
    pub(crate) fn personal_token(&mut self, login: &str) -> String {
        let secret = format!("ghp_{:0>36}", format!("personal{}", self.id()));
        let grant = Grant::Personal { login: login.to_owned() };
        self.tokens.push(Token { secret: secret.clone(), grant, standing: Standing::Good });
        secret
    }

    /// Gives out a token of the installation, good for an hour.
    pub(crate) fn mint(
        &mut self,
        permissions: Permissions,
        repositories: Option<Vec<u64>>,
    ) -> (String, SystemTime) {
        let secret = format!("ghs_{:0>36}", format!("installation{}", self.id()));
        let expires = self.wall_clock() + Duration::from_hours(1);
        let grant = Grant::Installation { permissions, repositories, expires };
        self.tokens.push(Token { secret: secret.clone(), grant, standing: Standing::Good });
        (secret, expires)
    }

    /// How many installation tokens were given out and not revoked.
    pub fn tokens_in_use(&self) -> usize {
        let live = |token: &&Token| {
            token.standing == Standing::Good && matches!(token.grant, Grant::Installation { .. })
        };
        self.tokens.iter().filter(live).count()
    }

    /// Lets every installation token expire now, as happens in the middle of a long run.
    pub fn expire_tokens(&mut self) {
        for token in &mut self.tokens {
            if let Grant::Installation { expires, .. } = &mut token.grant {
                *expires = UNIX_EPOCH;
            }
        }
    }

    /// Lets a person have another login, as everybody may. What they wrote before is not shown under it here.
    pub fn rename_user(&mut self, login: &str, to: &str) {
        let user = self.users.iter_mut().find(|user| user.login == login).expect("the user");
        to.clone_into(&mut user.login);
    }

    pub fn suspend_installation(&mut self) {
        self.app.installed = Installed::Suspended;
    }
}
