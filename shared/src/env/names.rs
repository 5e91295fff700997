//! *Names* of variables: which are ours, which were ours once, and which only look like ours.

use std::fmt;

use super::catalog::{self, Group};

/// What every variable of ours begins with.
const PREFIX: &str = "AGENT_";

/// Names of before, and what each is called now.
pub const RENAMED: &[(&str, &str)] = &[
    ("AGENT_CHOOSE", "AGENT_FILE_SELECTION"),
    ("AGENT_PATIENCE", "AGENT_GITHUB_MAX_WAIT"),
    ("AGENT_STRANGERS", "AGENT_UNAUTHORIZED_USERS"),
    ("AGENT_UNPRICED", "AGENT_UNKNOWN_PRICE"),
    ("ALLOW_LOOPBACK_REPOS", "AGENT_ALLOW_LOOPBACK"),
    ("AMQP_CA", "AGENT_AMQP_CA"),
    ("AMQP_MANAGEMENT_URL", "AGENT_AMQP_MANAGEMENT_URL"),
    ("AMQP_PASSWORD", "AGENT_AMQP_PASSWORD"),
    ("AMQP_URL", "AGENT_AMQP_URL"),
    ("AMQP_USERNAME", "AGENT_AMQP_USERNAME"),
    ("BODY_MEMORY_BYTES", "AGENT_BODY_MEMORY"),
    ("BODY_TIMEOUT_SECS", "AGENT_BODY_TIMEOUT"),
    ("DRAIN_TIMEOUT_SECS", "AGENT_DRAIN_TIMEOUT"),
    ("GENERATED_LABEL", "AGENT_GENERATED_LABEL"),
    ("GITHUB_HOST", "AGENT_GITHUB_HOST"),
    ("HEADER_TIMEOUT_SECS", "AGENT_HEADER_TIMEOUT"),
    ("KEEP_ALIVE", "AGENT_KEEP_ALIVE"),
    ("LISTEN", "AGENT_LISTEN"),
    ("LOG_FORMAT", "AGENT_LOG_FORMAT"),
    ("MAX_BODY_BYTES", "AGENT_MAX_BODY"),
    ("MAX_CONNECTIONS", "AGENT_MAX_CONNECTIONS"),
    ("QUICKFIX_LABEL", "AGENT_QUICKFIX_LABEL"),
    ("TRIGGER_LABEL", "AGENT_TRIGGER_LABEL"),
    ("WEBHOOK_SECRETS", "AGENT_WEBHOOK_SECRETS"),
];

/// Names with our prefix that an agent of Azure Pipelines sets for every step
/// (<https://learn.microsoft.com/azure/devops/pipelines/build/variables>), but for those that settings of ours have as well.
pub(super) const OF_AZURE_PIPELINES: &[&str] = &[
    "AGENT_ACCEPTTEEEULA",
    "AGENT_BUILDDIRECTORY",
    "AGENT_CLOUDID",
    "AGENT_CONTAINERMAPPING",
    "AGENT_CONTAINERNETWORK",
    "AGENT_DISABLELOGPLUGIN_TESTFILEPUBLISHERPLUGIN",
    "AGENT_DISABLELOGPLUGIN_TESTRESULTLOGPLUGIN",
    "AGENT_HOMEDIRECTORY",
    "AGENT_ISSELFHOSTED",
    "AGENT_JOBNAME",
    "AGENT_JOBSTATUS",
    "AGENT_MACHINENAME",
    "AGENT_NAME",
    "AGENT_OS",
    "AGENT_OSARCHITECTURE",
    "AGENT_PROXYURL",
    "AGENT_READONLYVARIABLES",
    "AGENT_RETAINDEFAULTENCODING",
    "AGENT_ROOTDIRECTORY",
    "AGENT_SERVEROMDIRECTORY",
    "AGENT_TASKRESTRICTIONSENFORCEMENTMODE",
    "AGENT_TEMPDIRECTORY",
    "AGENT_TOOLSDIRECTORY",
    "AGENT_USEWORKSPACEID",
    "AGENT_VERSION",
    "AGENT_WORKFOLDER",
];

/// Variables that would have no effect, each with the name that would.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub struct NameError(Vec<Problem>);

#[derive(Debug, PartialEq, Eq)]
enum Problem {
    Renamed { old: String, new: String },
    Unknown { name: String, nearest: Option<String> },
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            match problem {
                Problem::Renamed { old, new } => {
                    write!(f, "{old} is now called {new}, which has another value: unset {old}")?;
                }
                Problem::Unknown { name, nearest: Some(nearest) } => {
                    write!(f, "unknown setting {name}: did you mean {nearest}?")?;
                }
                Problem::Unknown { name, nearest: None } => {
                    write!(f, "unknown setting {name}: docs/CONFIGURATION.md lists all settings")?;
                }
            }
        }
        Ok(())
    }
}

/// The name without the ending of one that names a file, and that ending.
fn parts(name: &str) -> (&str, &'static str) {
    name.strip_suffix("_FILE").map_or((name, ""), |base| (base, "_FILE"))
}

/// What a name of before is called now, if one of `reads` has it: a name without our prefix may be somebody else's.
pub(super) fn renamed(name: &str, reads: &[&Group]) -> Option<String> {
    let (base, suffix) = parts(name);
    let (_, new) = RENAMED.iter().find(|(old, _)| *old == base)?;
    let read = reads.iter().flat_map(|group| group.settings).any(|known| known.name == *new);
    read.then(|| format!("{new}{suffix}"))
}

/// The value of a name of before as the new one has it: a number had the unit that the name says.
pub(super) fn with_unit(old: &str, value: String) -> String {
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    match old.rsplit_once('_') {
        Some((_, "SECS")) if is_number => value + "s",
        Some((_, "BYTES")) if is_number => value + "B",
        _ => value,
    }
}

/// Looks at the names that are set, with their values. `reads` is what the program reads.
pub(super) fn check<'a>(
    names: impl Iterator<Item = (&'a str, &'a str)>,
    value_of: impl Fn(&str) -> Option<&'a str>,
    reads: &[&Group],
) -> Result<(), NameError> {
    let problem = |name: &str, value: &str| -> Option<Problem> {
        let (base, _) = parts(name);
        let is_ours = name.len() >= PREFIX.len()
            && name.is_char_boundary(PREFIX.len())
            && name[..PREFIX.len()].eq_ignore_ascii_case(PREFIX);
        // Where the new one is set as well, as the manifests set some, what the old one says would be lost.
        if let Some(new) = renamed(name, reads) {
            let rival = value_of(&new).filter(|rival| !rival.trim().is_empty() && *rival != value);
            return rival.map(|_| Problem::Renamed { old: name.to_owned(), new });
        }
        let is_old = || RENAMED.iter().any(|(old, _)| *old == base);
        let is_known =
            || catalog::variables().any(|known| known.name == name || known.name == base) || is_old();
        if !is_ours || is_known() || is_of_others(name, value) {
            return None;
        }
        Some(Problem::Unknown { name: name.to_owned(), nearest: nearest(&name.to_ascii_uppercase(), reads) })
    };
    let problems: Vec<Problem> = names.filter_map(|(name, value)| problem(name, value)).collect();
    if problems.is_empty() { Ok(()) } else { Err(NameError(problems)) }
}

/// Whether somebody else's naming happens to give our prefix: what Kubernetes sets for each Service of a namespace,
/// where one is called `agent` or `agent-…`, and what an agent of Azure Pipelines sets.
fn is_of_others(name: &str, value: &str) -> bool {
    const PROTOCOLS: [&str; 3] = ["TCP", "UDP", "SCTP"];
    let is_port = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // NAME_PORT_80_TCP, and that with _ADDR, _PORT or _PROTO behind it.
    let port = ["_ADDR", "_PORT", "_PROTO"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    let is_link = |name: &str| {
        let mut parts = name.rsplitn(3, '_');
        let (protocol, port) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        PROTOCOLS.contains(&protocol)
            && is_port(port)
            && parts.next().is_some_and(|rest| rest.ends_with("_PORT"))
    };
    OF_AZURE_PIPELINES.contains(&name)
        || name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || is_link(port)
        || is_link(name)
        || (name.ends_with("_PORT")
            && ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme)))
}

/// How near a name has to be to be suggested, of 1 for the same: a wrong suggestion is worse than none.
const NEAR: f64 = 0.66;

/// The name that is meant, if one of those that the program reads is near.
fn nearest(name: &str, reads: &[&Group]) -> Option<String> {
    let (base, suffix) = parts(name);
    let base = base.strip_prefix(PREFIX)?;
    let ours: Vec<&str> = of_program(reads)
        .flat_map(|group| group.settings)
        .map(|known| known.name)
        .filter(|known| known.starts_with(PREFIX))
        .collect();
    let old = RENAMED.iter().filter(|(old, new)| old.starts_with(PREFIX) && ours.contains(new)).copied();
    let candidates = ours.iter().map(|name| (*name, *name)).chain(old);
    let (_, best) = candidates
        .map(|(known, now)| (nearness(base, &known[PREFIX.len()..]), now))
        .filter(|((score, _), _)| *score >= NEAR)
        .max_by(|((a, at), _), ((b, bt), _)| a.total_cmp(b).then(at.total_cmp(bt)))?;
    Some(format!("{best}{suffix}"))
}

/// The groups of the program that reads these: `ingest` is one command, `ai-agent` has many.
fn of_program(reads: &[&Group]) -> impl Iterator<Item = &'static Group> {
    let of_ingest = [catalog::INGEST.name, catalog::LAMBDA.name];
    let names: Vec<&str> = reads.iter().map(|group| group.name).collect();
    let is_ingest = names.contains(&catalog::INGEST.name);
    catalog::GROUPS.iter().copied().filter(move |group| {
        if is_ingest {
            names.contains(&group.name)
        } else {
            !of_ingest.contains(&group.name) && group.name != catalog::SCRIPTS.name
        }
    })
}

/// How near two names are, without their prefix: by the words that they share, in any order, or by the edits from one
/// to the other, whichever is more; and by both, where that is the same.
#[expect(clippy::cast_precision_loss, reason = "names are short")]
fn nearness(a: &str, b: &str) -> (f64, f64) {
    let mut left: Vec<&str> = b.split('_').collect();
    let all = (a.split('_').count() + left.len()) as f64;
    let mut shared = 0.0;
    for word in a.split('_') {
        let same = left.iter().position(|other| *other == word).map(|at| (at, 1.0));
        let alike = || left.iter().position(|other| is_alike(word, other)).map(|at| (at, 0.9));
        if let Some((at, worth)) = same.or_else(alike) {
            left.swap_remove(at);
            shared += worth;
        }
    }
    let words = 2.0 * shared / all;
    let edits = strsim::normalized_damerau_levenshtein(a, b);
    (words.max(edits), words + edits)
}

/// Whether one word is the other one misspelt, or its plural.
fn is_alike(a: &str, b: &str) -> bool {
    a.len().min(b.len()) > 3 && strsim::damerau_levenshtein(a, b) == 1
}
