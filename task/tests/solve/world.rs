//! A *world* is a temporary folder with a repository in it, and the two programs that work there: git, which makes
//! what is given, and `ai-agent`, which is tested. Neither sees the environment of the machine, and `ai-agent` sees no git.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use tests::model::{KEY, Request, ScriptedModel, Step, Wire, refused_url};
use tokio::runtime::Runtime;

/// The README of [`World::sample`].
pub(crate) const README: &str = "# weather\n\nA small station that recieves readings.\n";
/// The source file of [`World::sample`].
pub(crate) const STATION: &str = "def is_online(seen, now):\n    return now - seen <= 30\n\n\ndef is_late(seen, now):\n    return now - seen > 10\n";
/// An issue that the rule-based engine resolves in [`World::sample`].
pub(crate) const TYPO: &str =
    "# #7: Typo in the README\n\nThe word `recieves` in README.md should be `receives`.\n";

const SOLVE_SCHEMA: &str = include_str!("../../../docs/solve.schema.json");
const EXPLAIN_SCHEMA: &str = include_str!("../../../docs/explain.schema.json");
const EVAL_SCHEMA: &str = include_str!("../../../docs/eval.schema.json");

pub(crate) struct World {
    folder: TempDir,
}

/// How a run of `ai-agent` ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// The run did what it should.
    #[track_caller]
    pub(crate) fn done(self) -> Self {
        assert_eq!(self.status, Some(0), "{}", self.stderr);
        self
    }

    /// What was printed with `--json`.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}\n{}", self.stdout))
    }

    /// The exit status, and what standard error says from the error on, its lines joined by ` | `. How many tokens a prompt has
    /// is `N`: each word of a prompt would change it.
    pub(crate) fn failure(&self) -> (Option<i32>, String) {
        let lines: Vec<&str> = self.stderr.lines().skip_while(|line| !line.starts_with("error: ")).collect();
        let said = lines.join(" | ");
        let said = match said.split_once(" tokens in") {
            Some((before, after)) => {
                format!("{}N tokens in{after}", before.trim_end_matches(|c: char| c.is_ascii_digit()))
            }
            None => said,
        };
        (self.status, said)
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("home")).unwrap();
        Self { folder }
    }

    /// A world with the repository `repo`: a README, a source file, one commit.
    pub(crate) fn sample() -> Self {
        let world = Self::new();
        world.init("repo");
        world.commit("repo", &[("README.md", README), ("src/station.py", STATION)]);
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn init(&self, name: &str) {
        self.git(".", &["init", "-q", "-b", "main", name]);
    }

    /// Writes files into a work tree and commits them.
    pub(crate) fn commit(&self, repo: &str, files: &[(&str, impl AsRef<[u8]>)]) {
        for (name, content) in files {
            let path = self.path(repo).join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        self.git(repo, &["add", "-A"]);
        self.git(repo, &["commit", "-q", "-m", "Files"]);
    }

    /// Commits a tree with this entry in addition to the files of `HEAD`; the name is taken as it is.
    pub(crate) fn entry(&self, mode: &str, content: &str, name: &str) {
        let hash = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim_end().to_owned();
        let blob = hash(self.git_bytes("repo", &["hash-object", "-w", "--stdin"], content.as_bytes()));
        let mut listing = self.git_bytes("repo", &["ls-tree", "-z", "HEAD"], b"");
        listing.extend(format!("{mode} blob {blob}\t{name}\0").bytes());
        let tree = hash(self.git_bytes("repo", &["mktree", "-z"], &listing));
        let commit = self.git("repo", &["commit-tree", "-p", "HEAD", "-m", "Entry", &tree]);
        self.git("repo", &["update-ref", "refs/heads/main", &commit]);
    }

    /// Writes a file beside the repository and returns its path.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// What git prints, without the last line end.
    #[track_caller]
    pub(crate) fn git(&self, at: &str, arguments: &[&str]) -> String {
        String::from_utf8(self.git_bytes(at, arguments, b"")).unwrap().trim_end_matches('\n').to_owned()
    }

    /// Runs git with `input`, and returns what it prints.
    #[track_caller]
    #[expect(clippy::disallowed_methods, reason = "git is found where the test finds it")]
    pub(crate) fn git_bytes(&self, at: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let mut command = Command::new("git");
        command
            .args(["-c", "protocol.file.allow=always"])
            .args(arguments)
            .current_dir(self.path(at))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.path("home"))
            .envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_TEMPLATE_DIR", "")])
            .envs([("GIT_AUTHOR_NAME", "Ada"), ("GIT_AUTHOR_EMAIL", "ada@example.org")])
            .envs([("GIT_COMMITTER_NAME", "Ada"), ("GIT_COMMITTER_EMAIL", "ada@example.org")])
            .envs([("GIT_AUTHOR_DATE", "1750000000 +0000"), ("GIT_COMMITTER_DATE", "1750000000 +0000")]);
        let output = run(&mut command, input);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {arguments:?}: {error}");
        output.stdout
    }

    /// `ai-agent solve` on the repository `repo`.
    pub(crate) fn solve(&self, issue: &str, more: &[&str]) -> Run {
        self.solve_with(issue, more, &[])
    }

    /// The same, with variables of the environment.
    pub(crate) fn solve_with(&self, issue: &str, more: &[&str], variables: &[(&str, &str)]) -> Run {
        let mut arguments = vec!["--repo", "repo", "--issue", issue];
        arguments.extend(more);
        self.task(&arguments, variables, b"")
    }

    /// `ai-agent solve` in the world's folder.
    pub(crate) fn task(&self, arguments: &[&str], variables: &[(&str, &str)], input: &[u8]) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ai-agent"));
        command.arg("solve").args(arguments);
        self.run_task(command, variables, input)
    }

    /// `ai-agent explain` in the world's folder.
    pub(crate) fn explain(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ai-agent"));
        command.arg("explain").args(arguments);
        self.run_task(command, variables, b"")
    }

    /// `ai-agent eval` in the world's folder.
    pub(crate) fn eval(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ai-agent"));
        command.arg("eval").args(arguments);
        self.run_task(command, variables, b"")
    }

    /// Runs a command that is, or becomes, `ai-agent`.
    pub(crate) fn run_task(&self, mut command: Command, variables: &[(&str, &str)], input: &[u8]) -> Run {
        command.current_dir(self.folder.path()).env_clear().env("HOME", self.path("home"));
        command.envs(variables.iter().copied());
        let output = run(&mut command, input);
        // A folder's name is another one each time.
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).unwrap().replace(env!("CARGO_BIN_EXE_ai-agent"), "TASK");
            text.replace(self.folder.path().to_str().unwrap(), "WORLD")
        };
        let run =
            Run { status: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) };
        check_json(&command, &run);
        for shown in [&run.stdout, &run.stderr] {
            assert!(!shown.contains(KEY), "the key is shown: {shown}");
            assert!(
                !shown.contains('\u{1b}'),
                "there is an escape sequence in what is no terminal: {shown:?}"
            );
        }
        run
    }

    /// The content of a file on a branch.
    #[track_caller]
    pub(crate) fn at(&self, branch: &str, path: &str) -> String {
        String::from_utf8(self.git_bytes("repo", &["cat-file", "blob", &format!("{branch}:{path}")], b""))
            .unwrap()
    }

    /// Every file under a folder with its content, so that two moments can be compared.
    pub(crate) fn snapshot(&self, folder: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        let mut pending = vec![self.path(folder)];
        while let Some(folder) = pending.pop() {
            for entry in std::fs::read_dir(&folder).unwrap() {
                let entry = entry.unwrap();
                let kind = entry.file_type().unwrap();
                if kind.is_dir() {
                    pending.push(entry.path());
                    files.push((entry.path(), Vec::new()));
                } else if kind.is_symlink() {
                    let target = std::fs::read_link(entry.path()).unwrap();
                    files.push((entry.path(), target.into_os_string().into_encoded_bytes()));
                } else {
                    files.push((entry.path(), std::fs::read(entry.path()).unwrap()));
                }
            }
        }
        files.sort();
        files
    }

    /// The branches and where they point.
    pub(crate) fn refs(&self) -> String {
        self.git("repo", &["for-each-ref", "--format=%(refname) %(objectname)"])
    }
}

/// What is printed with `--json` is as documented, whatever came of the run.
#[track_caller]
fn check_json(command: &Command, run: &Run) {
    let arguments: Vec<&OsStr> = command.get_args().collect();
    let schema = match arguments.first().and_then(|command| command.to_str()) {
        Some("explain") => EXPLAIN_SCHEMA,
        Some("eval") => EVAL_SCHEMA,
        _ => SOLVE_SCHEMA,
    };
    // A command line that is wrong, and a signal, leave nothing to be read.
    let is_read = run.status.is_some() && !run.stderr.contains("\nUsage: ");
    if is_read && arguments.contains(&OsStr::new("--json")) {
        let schema = serde_json::from_str(schema).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&run.json())
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert_eq!(errors, [""; 0], "{}", run.stdout);
    }
}

fn run(command: &mut Command, input: &[u8]) -> Output {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A program that needs no input may have closed it.
    match child.stdin.take().unwrap().write_all(input) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => panic!("{error}"),
        _ => {}
    }
    child.wait_with_output().unwrap()
}

/// A model that answers by a script, and the environment that leads to it.
pub(crate) struct Model {
    // The server runs on it.
    _runtime: Runtime,
    server: ScriptedModel,
    wire: Wire,
}

impl Model {
    pub(crate) fn new(wire: Wire, script: impl IntoIterator<Item = Step>) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let server = runtime.block_on(ScriptedModel::start(script));
        Self { _runtime: runtime, server, wire }
    }

    /// A model that answers with these texts over OpenAI's interface.
    pub(crate) fn saying(answers: &[&str]) -> Self {
        Self::new(Wire::OpenAi, answers.iter().map(|text| Step::text(text)))
    }

    /// Runs `ai-agent solve` on the repository `repo` with this model, a key, and no second try for transient errors.
    pub(crate) fn solve(&self, world: &World, issue: &str, more: &[&str], variables: &[(&str, &str)]) -> Run {
        self.reached(variables, |all| world.solve_with(issue, more, all))
    }

    /// Runs `ai-agent eval` likewise.
    pub(crate) fn eval(&self, world: &World, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
        self.reached(variables, |all| world.eval(arguments, all))
    }

    /// What leads to this model, and more variables, which take precedence.
    fn reached(&self, variables: &[(&str, &str)], run: impl FnOnce(&[(&str, &str)]) -> Run) -> Run {
        let (own, url) = self.variables();
        let mut all: Vec<(&str, &str)> =
            own.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        all.extend(variables);
        let mut run = run(&all);
        run.stderr = run.stderr.replace(&url, "URL");
        run
    }

    /// The variables that lead to this model, and its address.
    pub(crate) fn variables(&self) -> (Vec<(String, String)>, String) {
        let (provider, prefix) = match self.wire {
            Wire::Anthropic => ("anthropic:m", "ANTHROPIC"),
            Wire::Ollama => ("ollama:m", "OLLAMA"),
            Wire::OpenAi => ("openai:m", "OPENAI"),
        };
        let url = self.server.base_url(self.wire);
        let own = |name: String, value: &str| (name, value.to_owned());
        let all = vec![
            own("AGENT_MODEL".to_owned(), provider),
            own("AGENT_MODEL_PRICE".to_owned(), "free"),
            own(format!("{prefix}_BASE_URL"), &url),
            own(format!("{prefix}_API_KEY"), KEY),
            own("AGENT_MODEL_RETRIES".to_owned(), "0"),
        ];
        (all, url)
    }

    /// Panics if a request was wrong or the script was not played to its end; returns the requests.
    pub(crate) fn finish(self) -> Vec<Request> {
        self.server.finish()
    }
}

/// An address at which nothing listens.
pub(crate) fn nobody() -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(refused_url())
}

/// The texts of a request: the system prompt, then each message.
pub(crate) fn said(request: &Request) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => String::new(),
    };
    let messages =
        request.body["messages"].as_array().unwrap().iter().map(|message| text(&message["content"]));
    match request.wire {
        Wire::Anthropic => std::iter::once(text(&request.body["system"])).chain(messages).collect(),
        Wire::Ollama | Wire::OpenAi => messages.collect(),
    }
}

/// A reply with a title, a summary and SEARCH/REPLACE blocks: path, old and new lines.
pub(crate) fn blocks(edits: &[(&str, &str, &str)]) -> String {
    let mut reply = "TITLE: Change it\nSUMMARY:\nBecause the issue says so.\n".to_owned();
    for (path, search, replace) in edits {
        write!(reply, "\n{path}\n<<<<<<< SEARCH\n{search}\n=======\n{replace}\n>>>>>>> REPLACE\n").unwrap();
    }
    reply
}

/// `ai-agent` under a shell's command, such as a limit; the shell runs before it and is gone then.
pub(crate) fn under(shell: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &format!("{shell}; exec \"$0\" solve \"$@\""), env!("CARGO_BIN_EXE_ai-agent")]);
    command.args(arguments.iter().map(OsStr::new));
    command
}

/// Whether a path is there, link or not.
pub(crate) fn exists(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}
