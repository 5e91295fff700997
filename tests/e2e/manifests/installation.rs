//! How `scripts/check` and `scripts/demo` *install* what is missing: `scripts/lib/install.sh` between stand-ins for
//! `id`, `sudo` and `apt-get`.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::render::{path, run};

/// Who runs the script.
#[derive(Clone, Copy, Debug)]
enum Person {
    Root,
    WithSudo,
    WithoutSudo,
}

/// What `apt-get install` does.
const WORKS: &str = "";
const FAILS: &str = "exit 100";
const IS_TERMINATED: &str = "kill -TERM $PPID; sleep 0.2";
const IS_INTERRUPTED: &str = "kill -INT $PPID; sleep 0.2; kill -INT $$";
const IS_KILLED: &str = "kill -KILL $PPID; sleep 0.2";

/// A machine on which `rabbitmq-server` and `shellcheck` are missing.
struct Machine {
    folder: TempDir,
}

impl Machine {
    fn new(person: Person, install: &str) -> Self {
        let machine = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(machine.path("bin")).unwrap();
        for name in ["bash", "sh", "grep", "rm", "mv", "chmod", "env", "cat", "sleep"] {
            let found = run(Command::new("sh").args(["-c", &format!("command -v {name}")]));
            symlink(found.trim(), machine.path("bin").join(name)).unwrap();
        }
        let user = if matches!(person, Person::Root) { 0 } else { 1000 };
        machine.program("id", &format!("echo {user}"));
        if matches!(person, Person::WithSudo) {
            // As `env_reset` of sudo has it.
            machine.program("sudo", "echo \"sudo $1\" >>\"$LOG\"; exec env -i PATH=\"$PATH\" \"$@\"");
        }
        machine.apt(install);
        machine
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn program(&self, name: &str, script: &str) {
        let file = self.path("bin").join(name);
        let log = self.path("log");
        fs::write(&file, format!("#!/bin/sh\nLOG={}\n{script}\n", log.display())).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn apt(&self, install: &str) {
        let policy = self.policy();
        let script = format!(
            "echo \"apt-get $* (${{DEBIAN_FRONTEND-}}, $({policy}; echo $?))\" >>\"$LOG\"\n\
             case $1 in install) {install} ;; esac",
            policy = policy.display()
        );
        self.program("apt-get", &script);
    }

    fn policy(&self) -> std::path::PathBuf {
        self.path("policy-rc.d")
    }

    /// The exit status, and everything that was printed and called, in this order.
    fn install(&self) -> (Option<i32>, String) {
        let _ = fs::remove_file(self.path("log"));
        let log = || File::options().create(true).append(true).open(self.path("log")).unwrap();
        let script = format!(
            "set -euo pipefail; . {}; policy_file={}\n\
             need bash bash; need rabbitmq-nothing rabbitmq-server; need shellcheck shellcheck\n\
             install_missing; install_missing; echo goes on",
            path("scripts/lib/install.sh").display(),
            self.policy().display()
        );
        let status = Command::new(self.path("bin/bash"))
            .args(["-c", &script, "scripts/check"])
            .env_clear()
            .env("PATH", self.path("bin"))
            .stdin(Stdio::null())
            .stdout(log())
            .stderr(log())
            .status()
            .unwrap();
        (status.code(), fs::read_to_string(self.path("log")).unwrap())
    }
}

const INSTALLED: &str = "\
apt-get update -qq (noninteractive, 101)
apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=120 rabbitmq-server shellcheck (noninteractive, 101)
";
const FAILED: &str =
    "check: apt-get failed. Install rabbitmq-server shellcheck yourself, then run this again.\n";

fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

#[test]
fn what_is_missing_is_said_and_then_installed_without_a_question_and_without_a_service() {
    let by_root = format!("   installing by apt-get: rabbitmq-server shellcheck\n{INSTALLED}goes on\n");
    let by_sudo =
        format!("   installing by sudo apt-get: rabbitmq-server shellcheck\nsudo bash\n{INSTALLED}goes on\n");
    for (person, told) in [(Person::Root, by_root), (Person::WithSudo, by_sudo)] {
        let machine = Machine::new(person, WORKS);
        assert_eq!(machine.install(), (Some(0), told), "{person:?}");
        assert!(!is_there(&machine.policy()), "{person:?}");
    }
}

#[test]
fn who_cannot_install_is_told_what_to_install() {
    let machine = Machine::new(Person::WithoutSudo, WORKS);
    assert_eq!(
        machine.install(),
        (
            Some(2),
            "check: missing: rabbitmq-server shellcheck. There is no sudo here: run `apt-get install rabbitmq-server shellcheck` as root, then run this again.\n".to_owned()
        )
    );
    fs::remove_file(machine.path("bin/apt-get")).unwrap();
    assert_eq!(
        machine.install(),
        (
            Some(2),
            "check: missing: rabbitmq-server shellcheck. Install them, then run this again.\n".to_owned()
        )
    );
    let machine = Machine::new(Person::Root, FAILS);
    let (status, told) = machine.install();
    assert_eq!(status, Some(2));
    assert!(told.ends_with(FAILED), "{told}");
}

/// The machine's own answer about services is what it was before, whatever became of the installation.
#[test]
fn the_policy_of_the_machine_is_put_back_whatever_happens() {
    for install in [WORKS, FAILS, IS_TERMINATED, IS_INTERRUPTED] {
        let machine = Machine::new(Person::WithSudo, install);
        let policy = machine.policy();
        let _ = machine.install();
        assert!(!is_there(&policy), "none before: {install}");

        fs::write(&policy, "#!/bin/sh\nexit 104\n").unwrap();
        fs::set_permissions(&policy, fs::Permissions::from_mode(0o750)).unwrap();
        let (_, told) = machine.install();
        assert!(told.contains("noninteractive, 101"), "{told}");
        assert_eq!(fs::read_to_string(&policy).unwrap(), "#!/bin/sh\nexit 104\n", "{install}");
        assert_eq!(fs::metadata(&policy).unwrap().permissions().mode() & 0o777, 0o750, "{install}");

        fs::rename(&policy, machine.path("elsewhere")).unwrap();
        symlink("elsewhere", &policy).unwrap();
        let _ = machine.install();
        assert_eq!(fs::read_link(&policy).unwrap(), Path::new("elsewhere"), "{install}");
    }
}

#[test]
fn what_a_killed_installation_left_is_put_right_by_the_next() {
    for before in [None, Some("#!/bin/sh\nexit 104\n")] {
        let machine = Machine::new(Person::Root, IS_KILLED);
        let policy = machine.policy();
        if let Some(text) = before {
            fs::write(&policy, text).unwrap();
        }
        let (status, told) = machine.install();
        assert!(status == Some(2) && told.ends_with(FAILED), "{status:?}: {told}");
        assert!(fs::read_to_string(&policy).unwrap().contains("exit 101"), "nothing was left");
        machine.apt(WORKS);
        assert_eq!(machine.install().0, Some(0));
        assert_eq!(fs::read_to_string(&policy).ok().as_deref(), before);
        assert!(!is_there(&machine.path("policy-rc.d.kept")));
    }
}

/// Killed after the last package: nothing is missing when it runs again.
#[test]
fn what_a_killed_installation_left_is_put_right_where_nothing_is_missing() {
    for (person, before) in [
        (Person::Root, None),
        (Person::WithSudo, None),
        (Person::Root, Some("#!/bin/sh\nexit 104\n")),
        (Person::WithSudo, Some("#!/bin/sh\nexit 104\n")),
    ] {
        let machine = Machine::new(person, IS_KILLED);
        let policy = machine.policy();
        if let Some(text) = before {
            fs::write(&policy, text).unwrap();
        }
        assert_eq!(machine.install().0, Some(2));
        assert!(fs::read_to_string(&policy).unwrap().contains("exit 101"), "nothing was left");
        machine.program("rabbitmq-nothing", "");
        machine.program("shellcheck", "");
        let (status, told) = machine.install();
        let line =
            format!("   putting back {}, which an installation left that was killed\n", policy.display());
        assert!(status == Some(0) && told.starts_with(&line), "{status:?}: {told}");
        assert_eq!(told.matches("putting back").count(), 1, "{told}");
        assert_eq!(fs::read_to_string(&policy).ok().as_deref(), before, "{person:?}");
        assert!(!is_there(&machine.path("policy-rc.d.kept")));
    }
    // Who is not root is told, and goes on; a policy of the machine is left alone.
    for (text, told_of) in [("# written by ai-agent: x\nexit 101\n", true), ("exit 104\n", false)] {
        let machine = Machine::new(Person::WithoutSudo, WORKS);
        machine.program("rabbitmq-nothing", "");
        machine.program("shellcheck", "");
        fs::write(machine.policy(), text).unwrap();
        let (status, told) = machine.install();
        assert!(status == Some(0) && told.ends_with("goes on\n"), "{status:?}: {told}");
        assert_eq!(told.contains("as root, remove it"), told_of, "{told}");
        assert_eq!(fs::read_to_string(machine.policy()).unwrap(), text);
    }
}
