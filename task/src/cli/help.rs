//! The *help* that the program gives of itself: examples and variables behind `--help`, completions, manual pages.

use std::fmt::Write as _;

use clap::{Args, Command};
use clap_complete::Shell;
use shared::env::catalog::Group;
use shared::env::help::environment;

use crate::outcome::{Failure, Reason};

/// The name of the program.
const PROGRAM: &str = "ai-agent";

/// Examples of a command, each with what it is for.
const EXAMPLES: [(&str, &[(&str, &str)]); 9] = [
    (
        "solve",
        &[
            (
                "An issue in a file, in the repository of this folder, by Claude",
                "ai-agent solve --issue issue.md --model anthropic",
            ),
            (
                "An issue on GitHub, without writing anything",
                "ai-agent solve --issue https://github.com/octo/hello/issues/7 --dry-run",
            ),
            (
                "A plan first, which you may edit; then the change",
                "ai-agent solve --issue issue.md --mode plan --out plan.md\n  ai-agent solve --issue issue.md --approve plan.md",
            ),
            ("A model on this machine", "ai-agent solve --issue issue.md --model ollama:qwen3-coder:30b"),
            (
                "What a model would be sent, without asking it; and a run whose conversation is kept",
                "ai-agent solve --issue issue.md --model anthropic --show-prompt\n  ai-agent solve --issue issue.md --model anthropic --transcript run.jsonl",
            ),
        ],
    ),
    (
        "explain",
        &[
            (
                "What a run would read, as a page with a map of the repository",
                "ai-agent explain --issue issue.md --html page.html",
            ),
            (
                "The paths that would be read",
                "ai-agent explain --issue issue.md --json | jq -r '.files[].path'",
            ),
        ],
    ),
    (
        "eval",
        &[
            (
                "What the agent would read and cost for the issues that were resolved last; no model is asked",
                "ai-agent eval --pulls pulls.json --issues issues.json --model anthropic --html page.html",
            ),
            (
                "What Claude would change, for at most five dollars, beside what people changed",
                "ai-agent eval --cases cases.jsonl --last 10 --model anthropic --budget 5.00",
            ),
            (
                "Whether it leaves alone what is fixed already",
                "ai-agent eval --cases cases.jsonl --model anthropic --budget 5.00 --already-fixed",
            ),
        ],
    ),
    (
        "report",
        &[
            ("What became of the agent's work in the last three months", "ai-agent report --repo octo/hello"),
            (
                "All repositories of an organization since a day, as a page",
                "ai-agent report --org octo --since 2026-09-01 --html report.html",
            ),
            (
                "What a merged pull request cost",
                "ai-agent report --repo octo/hello --json | jq .total.usd_per_merged",
            ),
        ],
    ),
    (
        "learn",
        &[
            (
                "Show the rules that reviewers' words come to, and write nothing",
                "ai-agent learn --repo octo/hello --dry-run",
            ),
            ("Propose them in a draft pull request", "ai-agent learn --repo octo/hello"),
        ],
    ),
    ("run", &[("A task from standard input", "ai-agent run - <task.json")]),
    ("consume", &[("One task from the queue, by the rule-based engine", "ai-agent consume --model builtin")]),
    ("sweep", &[("What would be recovered", "ai-agent sweep --dry-run")]),
    (
        "doctor",
        &[("Every check, for one repository", "ai-agent doctor --repo https://github.com/octo/hello")],
    ),
];

/// What stands behind the options of a command: examples, and the variables that it reads.
pub(super) fn after(name: &str, reads: &[&[&Group]]) -> String {
    let examples = EXAMPLES.iter().find(|(command, _)| *command == name).map(|(_, examples)| *examples);
    let mut text = String::new();
    for (number, (what, command)) in examples.unwrap_or_default().iter().enumerate() {
        text.push_str(if number == 0 { "Examples:\n" } else { "" });
        write!(text, "  # {what}\n  {command}\n\n").expect("a String takes any text");
    }
    text + &environment(&reads.concat())
}

/// Print completions for a shell.
///
/// For bash: ai-agent completions bash > ~/.local/share/bash-completion/completions/ai-agent
///
/// For zsh, in a folder of $fpath: ai-agent completions zsh > _ai-agent
///
/// For fish: ai-agent completions fish > ~/.config/fish/completions/ai-agent.fish
#[derive(Args, Debug)]
pub(super) struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

impl CompletionsArgs {
    pub(super) fn script(&self, program: &Command) -> String {
        // The generators offer hidden commands as well.
        let shown = program.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
        let mut shown = Command::new(PROGRAM).version("").subcommands(shown);
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut shown, PROGRAM, &mut script);
        String::from_utf8_lossy(&script).into_owned()
    }
}

/// Print a manual page: of the program, or of one of its commands.
///
/// To read one: ai-agent man solve | man -l -
#[derive(Args, Debug)]
pub(super) struct ManArgs {
    /// The command that is described [default: the program]
    command: Option<String>,
}

impl ManArgs {
    /// The page in the language of `man`.
    pub(super) fn page(&self, mut program: Command) -> Result<String, Failure> {
        program.build();
        let command = match &self.command {
            None => Some(program),
            Some(name) => program.find_subcommand(name).filter(|command| !command.is_hide_set()).cloned(),
        };
        let Some(command) = command else {
            let what = format!("there is no command \"{}\"", self.command.as_deref().unwrap_or_default());
            return Err(Failure::new(Reason::Usage, what, format!("See `{PROGRAM} --help`.")));
        };
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page).map_err(|error| {
            Failure::new(Reason::Storage, format!("the page cannot be made: {error}"), "")
        })?;
        Ok(String::from_utf8_lossy(&page).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Cli;
    use super::*;

    /// Examples are commands that the program takes.
    #[test]
    fn every_example_parses() {
        let mut tried = 0;
        for (name, examples) in EXAMPLES {
            for line in examples.iter().flat_map(|(_, command)| command.lines()) {
                let words = line.split(['|', '<']).next().unwrap().split_whitespace();
                let parsed = Cli::documented().try_get_matches_from(words);
                let parsed = parsed.unwrap_or_else(|error| panic!("{line}: {error}"));
                assert_eq!(parsed.subcommand_name(), Some(name), "{line}");
                tried += 1;
            }
        }
        assert!(tried > 8);
    }

    #[test]
    fn every_command_has_a_page_and_every_option_is_completed() {
        let mut command = Cli::documented();
        command.build();
        let names: Vec<String> = command
            .get_subcommands()
            .filter(|command| !command.is_hide_set())
            .map(|command| command.get_name().to_owned())
            .filter(|name| name != "help")
            .collect();
        assert!(names.contains(&"solve".to_owned()) && names.contains(&"man".to_owned()), "{names:?}");
        for name in &names {
            let page = ManArgs { command: Some(name.clone()) }.page(Cli::documented()).unwrap();
            assert!(page.contains(&format!(".TH ai-agent-{name} 1")), "{page}");
        }
        let page = ManArgs { command: Some("solve".to_owned()) }.page(Cli::documented()).unwrap();
        for part in ["Examples:", "Environment:", "AGENT_MODEL", "\\-\\-approve"] {
            assert!(page.contains(part), "{part}: {page}");
        }
        for hidden in ["parse-worker", "nothing"] {
            assert!(ManArgs { command: Some(hidden.to_owned()) }.page(Cli::documented()).is_err());
        }
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = CompletionsArgs { shell }.script(&Cli::documented());
            for part in ["ai-agent", "solve", "explain", "approve", "dry-run"] {
                assert!(script.contains(part), "{shell}: {part}");
            }
            assert!(!script.contains("parse-worker"), "{shell}");
        }
    }
}
