//! Names that files with *secrets* have. Such a file is not shown to a model, whatever is in it: what a provider was sent
//! cannot be taken back.
//!
//! The names are those of the tools that read them, and of GitHub's templates of files that are not to be committed
//! (<https://github.com/github/gitignore>). In small letters.

use crate::path::RepoPath;

const NAMES: &[&str] = &[
    ".boto",
    ".dockercfg",
    ".env",
    ".envrc",
    ".esmtprc",
    ".fetchmailrc",
    ".ftpconfig",
    ".git-credentials",
    ".htpasswd",
    ".msmtprc",
    ".my.cnf",
    ".mylogin.cnf",
    ".netrc",
    ".npmrc",
    ".pgpass",
    ".pypirc",
    ".s3cfg",
    ".vault-token",
    ".vault_pass",
    ".vault_pass.txt",
    "_netrc",
    "client_secret.json",
    "client_secrets.json",
    "credentials",
    "credentials.csv",
    "credentials.db",
    "credentials.json",
    "credentials.toml",
    "credentials.xml",
    "credentials.yaml",
    "credentials.yml",
    "gha-creds.json",
    "id_dsa",
    "id_ecdsa",
    "id_ecdsa_sk",
    "id_ed25519",
    "id_ed25519_sk",
    "id_rsa",
    "kubeconfig",
    "local.settings.json",
    "logins.json",
    "master.key",
    "netrc",
    "rclone.conf",
    "robomongo.json",
    "secret.json",
    "secret.toml",
    "secret.yaml",
    "secret.yml",
    "secrets.ini",
    "secrets.json",
    "secrets.properties",
    "secrets.toml",
    "secrets.yaml",
    "secrets.yml",
    "service-account.json",
    "service_account.json",
    "serviceaccount.json",
    "terraform.tfstate",
    "terraform.tfvars",
    "vault-password.txt",
    "wp-config.php",
];

const EXTENSIONS: &[&str] = &[
    "agekey",
    "asc",
    "env",
    "gpg",
    "jks",
    "kdb",
    "kdbx",
    "key",
    "keystore",
    "kwallet",
    "mobileprovision",
    "ovpn",
    "p12",
    "p8",
    "pem",
    "pfx",
    "pkcs12",
    "ppk",
    "tfstate",
    "tfvars",
];

/// Names in these folders.
const IN_FOLDERS: &[(&str, &str)] = &[
    (".aws", "config"),
    (".docker", "config.json"),
    (".gem", "credentials"),
    (".kube", "config"),
    (".ssh", "config"),
    (".streamlit", "secrets.toml"),
];

/// Last words of the name of a file that shows which settings there are, and no values.
const EXAMPLES: &[&str] =
    &["default", "defaults", "dist", "example", "sample", "schema", "template", "tmpl", "tpl"];

/// Endings behind which such a word may stand as well, as in `secrets.example.json`: those of settings, which somebody
/// copies and fills in. `template.key` is a key.
const SETTINGS: &[&str] = &["env", "json", "php", "tfvars"];

/// What is said in place of what such a file holds.
pub(crate) const NOT_SHOWN: &str = "(not shown: its name says that it may hold secrets)";

/// The same as [`is_secret`] of a name as another service tells it. What cannot be a path of a repository may be anything.
pub(crate) fn may_be_secret(path: &str) -> bool {
    match RepoPath::parse(path) {
        Ok(path) => is_secret(&path),
        Err(_) => true,
    }
}

/// Whether the name says that the file holds secrets.
pub(crate) fn is_secret(path: &RepoPath) -> bool {
    let lower = path.as_str().to_ascii_lowercase();
    let (folders, name) = lower.rsplit_once('/').unwrap_or(("", &lower));
    let folder = folders.rsplit('/').next().unwrap_or_default();
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    if ends_as_example(name) || SETTINGS.contains(&extension) && ends_as_example(stem) {
        return false;
    }
    let starts_like_env = [".env.", ".env-", ".env_"].iter().any(|start| name.starts_with(start));
    let is_account = extension == "json"
        && (stem.ends_with("-credentials")
            || stem.contains("service-account")
            || stem.starts_with("client_secret"));
    NAMES.contains(&name)
        || !stem.is_empty() && EXTENSIONS.contains(&extension)
        || IN_FOLDERS.contains(&(folder, name))
        || starts_like_env
        || is_account
}

/// Whether the last word of a name is that of an example.
fn ends_as_example(name: &str) -> bool {
    name.rsplit(['.', '-', '_']).next().is_some_and(|word| EXAMPLES.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_whether_a_file_holds_secrets() {
        for (path, expected) in [
            (".env", true),
            ("web/.env.production", true),
            (".env.local", true),
            (".ENV", true),
            ("deploy/id_rsa", true),
            ("id_ed25519", true),
            ("certs/server.key", true),
            ("certs/Server.PEM", true),
            ("android/release.keystore", true),
            (".aws/credentials", true),
            (".docker/config.json", true),
            ("config/secrets.yml", true),
            ("infra/prod.tfvars", true),
            ("infra/terraform.tfstate", true),
            ("my-project-service-account.json", true),
            ("client_secret_123.json", true),
            (".npmrc", true),
            ("home/.netrc", true),
            ("prod.env", true),
            ("deploy/secrets.env", true),
            ("template.key", true),
            ("certs/default.pem", true),
            ("sample.p12", true),
            ("example.com.key", true),
            (".env.sample.local", true),
            (".env.example", false),
            (".env.sample", false),
            (".env-example", false),
            ("example.env", false),
            ("prod.env.dist", false),
            ("server.key.example", false),
            ("terraform.tfvars.example", false),
            ("example.tfvars", false),
            ("client_secret.example.json", false),
            ("id_rsa.pub", false),
            ("src/key.rs", false),
            ("src/secrets.rs", false),
            ("docs/credentials.md", false),
            ("config.json", false),
            ("environment.ts", false),
            (".key", false),
            ("package.json", false),
        ] {
            assert_eq!(is_secret(&RepoPath::parse(path).unwrap()), expected, "{path}");
            assert_eq!(may_be_secret(path), expected, "{path}");
        }
        assert!(may_be_secret("../.env"));
    }
}
