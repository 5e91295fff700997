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
    "secrets.env",
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

/// Last words of a file of settings that shows which there are, and no values.
const EXAMPLES: &[&str] =
    &["default", "defaults", "dist", "example", "sample", "schema", "template", "tmpl", "tpl"];

/// Whether the name says that the file holds secrets.
pub(crate) fn is_secret(path: &RepoPath) -> bool {
    let lower = path.as_str().to_ascii_lowercase();
    let (folders, name) = lower.rsplit_once('/').unwrap_or(("", &lower));
    let folder = folders.rsplit('/').next().unwrap_or_default();
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let is_example = name.split(['.', '-', '_']).any(|word| EXAMPLES.contains(&word));
    if is_example {
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
            (".env.example", false),
            (".env.sample", false),
            ("terraform.tfvars.example", false),
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
        }
    }
}
