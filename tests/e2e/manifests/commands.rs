//! Every command that the documents tell people to type is one that its program takes: subcommand and options.
//!
//! Nothing is carried out. Each block of shell runs with programs that only write down how they were called; then each call
//! is given to the real program with `--help`, which kubectl, helm and ai-agent answer only if they know all that stands
//! before it.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output};

use tests::bin::program;

use crate::render::{helm, kubectl, path, read};

const DOCUMENTS: [&str; 8] = [
    "README.md",
    "CONTRIBUTING.md",
    "docs/DEPLOYMENT.md",
    "docs/EVAL.md",
    "docs/JIRA.md",
    "docs/OPERATIONS.md",
    "docs/PERFORMANCE.md",
    "docs/REPORT.md",
];

/// What else the documents call: it is not here, or has nothing to be wrong.
const OTHERS: &str = "base64 cargo cat cosign curl docker gh git grep id jq kubeseal man mkdir npx openssl python3 rabbitmqctl rm tr";

/// Writes its name and its arguments down, in one write.
const STUB: &str = "#!/bin/sh
case $0 in scripts/*|*/scripts/*) call=scripts/${0##*/} ;; *) call=${0##*/} ;; esac
for argument in \"$@\"; do call=\"$call\u{1f}$argument\"; done
printf '%s\u{1e}' \"$call\" >>\"$CALLS\"
";

/// The blocks of shell of a document.
fn blocks(document: &str) -> Vec<String> {
    let text = read(document);
    text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// How a block calls programs.
fn calls(block: &str) -> Vec<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let (bin, scripts) = (folder.path().join("bin"), folder.path().join("scripts"));
    for made in [&bin, &scripts] {
        std::fs::create_dir(made).unwrap();
    }
    let stub = folder.path().join("stub");
    std::fs::write(&stub, STUB).unwrap();
    std::fs::set_permissions(&stub, Permissions::from_mode(0o755)).unwrap();
    let names = OTHERS.split(' ').chain(["ai-agent", "ctl", "helm", "k", "kubectl"]);
    names.for_each(|name| symlink(&stub, bin.join(name)).unwrap());
    for script in std::fs::read_dir(path("scripts")).unwrap() {
        symlink(&stub, scripts.join(script.unwrap().file_name())).unwrap();
    }
    let recorded = folder.path().join("calls");
    std::fs::write(&recorded, "").unwrap();
    let output = Command::new("/bin/bash")
        .args(["-c", &format!("{block}\nwait")])
        .current_dir(folder.path())
        .env_clear()
        .env("PATH", &bin)
        .env("HOME", folder.path())
        .env("CALLS", &recorded)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("command not found"), "{said}{block}");
    let recorded = std::fs::read_to_string(&recorded).unwrap();
    let calls = recorded.split_terminator('\u{1e}');
    calls.map(|call| call.split('\u{1f}').map(str::to_owned).collect()).collect()
}

/// What a program says to these arguments and a question for help.
fn asked(mut command: Command, arguments: &[String]) -> Output {
    let end = arguments.iter().position(|argument| argument == "--").unwrap_or(arguments.len());
    command.args(&arguments[..end]).arg("--help").env("HOME", "/nonexistent").output().unwrap()
}

/// Why a call is wrong.
fn fault(call: &[String]) -> Option<String> {
    let (name, arguments) = call.split_first().unwrap();
    let command = match name.as_str() {
        "kubectl" | "k" => kubectl(),
        "helm" => helm(),
        "ai-agent" => Command::new(program("ai-agent")),
        name if name.starts_with("scripts/") => return fault_of_script(&path(name), arguments),
        _ => return None,
    };
    let output = asked(command, arguments);
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if !output.status.success() {
        return Some(said);
    }
    (said.contains("Available Commands:") && is_chosen_in_vain(&said, arguments))
        .then(|| "there is no such subcommand".to_owned())
}

/// Whether a word follows the name of a group of commands, whose help says how the group is used.
fn is_chosen_in_vain(help: &str, arguments: &[String]) -> bool {
    let usage = help.split_once("Usage:").map_or("", |(_, usage)| usage.trim_start());
    let is_name = |word: &&str| word.starts_with(|c: char| c.is_ascii_lowercase());
    let path = usage.split_whitespace().skip(1).take_while(is_name);
    let at = path.last().and_then(|group| arguments.iter().position(|argument| argument == group));
    at.is_some_and(|at| arguments.get(at + 1).is_some_and(|next| !next.starts_with('-')))
}

/// A script tells its subcommands and options in the comment at its beginning.
fn fault_of_script(script: &Path, arguments: &[String]) -> Option<String> {
    let text = std::fs::read_to_string(script).unwrap();
    let words: BTreeSet<&str> = text.split(|c: char| !(c.is_alphanumeric() || "-_".contains(c))).collect();
    let end = arguments.iter().position(|argument| argument == "--").unwrap_or(arguments.len());
    let is_known = |argument: &&String| words.contains(argument.as_str());
    let wrong = arguments[..end].iter().filter(|argument| argument.starts_with("--")).find(|a| !is_known(a));
    wrong.map(|argument| format!("{argument} is not in the script"))
}

#[test]
fn every_command_of_the_documents_is_one_that_there_is() {
    let mut faults = Vec::new();
    let mut programs = BTreeSet::new();
    for document in DOCUMENTS {
        for call in blocks(document).iter().flat_map(|block| calls(block)) {
            programs.insert(call[0].clone());
            faults.extend(fault(&call).map(|fault| format!("{document}: {}: {fault}", call.join(" "))));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    // No block was passed over.
    for name in ["kubectl", "k", "ctl", "helm", "ai-agent", "scripts/demo", "scripts/in-cluster"] {
        assert!(programs.contains(name), "{name}: {programs:?}");
    }
}

#[test]
fn a_command_that_is_wrong_is_found() {
    for (block, expected) in [
        ("kubectl get pods --selectr a=b", "unknown flag"),
        ("k rollout again deployment/ingest", "no such subcommand"),
        ("kubectl bogus", "unknown command"),
        ("helm upgrade --instal a b", "unknown flag"),
        ("ai-agent solve --isue issue.md", "unexpected argument"),
        ("ai-agent sovle", "unrecognized subcommand"),
        ("echo x | scripts/demo --lokal", "not in the script"),
    ] {
        let found: Vec<String> = calls(block).iter().filter_map(|call| fault(call)).collect();
        assert!(found.len() == 1 && found[0].contains(expected), "{block}: {found:?}");
    }
    assert_eq!(calls("for a in 1 2; do k get \"pod $a\" -o x | grep y; done\n").len(), 4);
}
