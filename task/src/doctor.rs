//! The *doctor* looks at everything that a run needs, and says of each what is wrong and how to fix it.
//!
//! It changes nothing, takes no message and writes nothing to GitHub. The one thing that it may cost is a question to
//! the model with an answer of a few tokens. It serves a person who sets the agent up, and an init container.

mod broker;
mod budget;
mod github;
mod host;
mod jira;
mod mapped;
mod model;
mod policies;
mod way_in;

use std::fmt::Write as _;

use clap::Args;
use serde::Serialize;
use shared::env::Environment;
use shared::env::catalog::{self, AGENT_AMQP_MANAGEMENT_URL, Group};
use shared::otlp::{self, catalog::Program};
use shared::repo::Repo;

use crate::config::{self, Config};
use crate::delivery::settings::{self as delivery, Settings as DeliverySettings};
use crate::outcome::Exit;
use crate::run::settings::{self, RunSettings};
use crate::sweep::settings::SweepSettings;
use crate::terminal::{Colour, visible};

/// Check configuration, GitHub, queue, model and machine, and suggest fixes
#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// A repository that the agent is to work on, such as `https://github.com/octo/hello`
    #[arg(long, value_name = "URL")]
    repo: Option<String>,
    /// `anthropic`, `openai`, `ollama` or `builtin`; a model may follow [default: `AGENT_MODEL`, which is required]
    #[arg(long, value_name = "PROVIDER[:MODEL]")]
    model: Option<String>,
    /// Skip the test request to the model, which costs a few tokens
    #[arg(long)]
    no_model_call: bool,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum About {
    Settings,
    Machine,
    Clock,
    GitHub,
    Webhook,
    Repository,
    Jira,
    Queue,
    Budget,
    Model,
}

/// How it stands with a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    Good,
    /// It works, and should be known.
    Note,
    /// It was not looked at, because something else is missing.
    Unseen,
    /// It cannot be reached now; that may pass by itself.
    Away,
    /// It does not work before somebody fixes it.
    Wrong,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub about: About,
    pub health: Health,
    /// What was found.
    pub what: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl Finding {
    fn new(about: About, health: Health, what: impl Into<String>) -> Self {
        Self { about, health, what: what.into(), fix: None }
    }

    fn good(about: About, what: impl Into<String>) -> Self {
        Self::new(about, Health::Good, what)
    }

    fn wrong(about: About, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(about, Health::Wrong, what).fix(fix)
    }

    fn fix(self, fix: impl Into<String>) -> Self {
        Self { fix: Some(fix.into()), ..self }
    }
}

/// Everything that was found, in the order in which it was looked at.
#[derive(Debug, Serialize)]
pub struct Findings {
    pub findings: Vec<Finding>,
}

/// What [`examine`] reads.
pub const READS: &[&[&Group]] = &[
    config::READS,
    settings::READS,
    delivery::READS,
    &[&catalog::SWEEP, &catalog::DOCTOR, &catalog::JIRA_WEBHOOKS, &catalog::TELEMETRY, &catalog::LOGS],
];

/// Looks at everything that the environment configures.
pub async fn examine(args: &DoctorArgs, env: &Environment) -> Findings {
    let mut findings = Vec::new();
    let wrong = |error: String| Finding::wrong(About::Settings, error, "Correct the setting.");
    if let Err(error) = env.check_names(&READS.concat()) {
        findings.extend(error.to_string().lines().map(|line| wrong(line.to_owned())));
    }
    findings.extend(env.old_names(&READS.concat()).into_iter().map(|(old, new)| {
        let what = format!("{old} is now called {new}");
        Finding::new(About::Settings, Health::Note, what)
            .fix("Rename it: a later version may not read the old name.")
    }));
    let settings = RunSettings::from_env(env);
    match &settings {
        Ok(_) => findings.push(Finding::good(About::Settings, "the settings of runs are complete")),
        Err(error) => findings.push(wrong(error.to_string())),
    }
    if let Err(error) = otlp::check(Program::Task, env) {
        findings.push(wrong(error.to_string()));
    }
    let config = Config::from_env(args.model.as_deref(), env);
    match &config {
        Ok(config) => findings.push(model::settings(config)),
        Err(error) => findings.push(wrong(error.to_string())),
    }
    let mut seen = None;
    if let Ok(settings) = &settings {
        if let Err(error) = SweepSettings::from_env(&settings.hosts, env) {
            findings.push(wrong(error.to_string()));
        }
        findings.push(host::examine(settings));
        findings.extend(jira::examine(settings).await);
        match way_in::examine(settings, env).await {
            Ok(found) => findings.extend(found),
            Err(error) => findings.push(wrong(error.to_string())),
        }
        match args.repo.as_deref().map(|repo| Repo::parse(repo, &settings.hosts)).transpose() {
            Ok(repo) => {
                let (found, repository) = github::examine(settings, repo.as_ref()).await;
                findings.extend(found);
                seen = repository;
            }
            Err(error) => {
                findings.push(Finding::wrong(About::Repository, error.to_string(), "Correct `--repo`."));
            }
        }
    } else {
        findings.push(Finding::new(
            About::GitHub,
            Health::Unseen,
            "GitHub was not asked: a setting is wrong",
        ));
    }
    match DeliverySettings::from_env(env) {
        Ok(delivery) => {
            findings.extend(broker::examine(&delivery.broker, delivery.max_wait).await);
            if let Ok(settings) = &settings {
                findings.extend(budget::examine(&delivery, &settings.budgets, seen.as_ref()).await);
                let engine = config.as_ref().ok().map(|config| &config.engine);
                findings.extend(engine.and_then(|engine| budget::unlimited(&settings.budgets, engine)));
            }
            match env.find(&AGENT_AMQP_MANAGEMENT_URL) {
                Ok(management) => {
                    findings.extend(policies::examine(&delivery.broker, management.as_ref()).await);
                }
                Err(error) => findings.push(wrong(error.to_string())),
            }
        }
        Err(error) => findings.push(wrong(error.to_string())),
    }
    if let Ok(config) = &config
        && !args.no_model_call
    {
        findings.push(model::examine(config).await);
    }
    // A value that nothing needs now.
    if let Err(error) = env.check_values(&READS.concat()) {
        let error = error.to_string();
        if !findings.iter().any(|finding| finding.what == error) {
            findings.push(wrong(error));
        }
    }
    Findings { findings }
}

impl DoctorArgs {
    pub fn is_json(&self) -> bool {
        self.json
    }
}

impl Findings {
    /// 0 if a run can do its work, 2 if something has to be fixed, 75 if something cannot be reached now.
    pub fn exit(&self) -> Exit {
        let has = |health| self.findings.iter().any(|finding| finding.health == health);
        if has(Health::Wrong) {
            Exit::Usage
        } else if has(Health::Away) {
            Exit::Passing
        } else {
            Exit::Done
        }
    }

    /// The findings for a person, each with what to do about it.
    pub fn text(&self, colour: Colour) -> String {
        let mut text = String::new();
        for finding in &self.findings {
            let about = format!("{:?}", finding.about);
            let word = match finding.health {
                Health::Good => "ok",
                Health::Note => "note",
                Health::Unseen => "skipped",
                Health::Away => "offline",
                Health::Wrong => "FAILED",
            };
            let word = match finding.health {
                Health::Good | Health::Unseen => colour.dim(word),
                Health::Note | Health::Away => colour.accent(word),
                Health::Wrong => colour.bold(word),
            };
            let pad = " ".repeat(8_usize.saturating_sub(finding.health.width()));
            // Writing to a string does not fail.
            let _: std::fmt::Result =
                writeln!(text, "{word}{pad}{about:<10}  {}", visible(&sentence(&finding.what)));
            if let Some(fix) = &finding.fix {
                let _: std::fmt::Result = writeln!(text, "{:22}{}", "", visible(fix));
            }
        }
        text.push_str(match self.exit() {
            Exit::Done => "\nA run can do its work.\n",
            Exit::Passing => "\nSome services cannot be reached. Try again later.\n",
            _ => "\nSome checks failed. Fix them before you run the agent.\n",
        });
        text
    }
}

impl Health {
    fn width(self) -> usize {
        match self {
            Self::Good => 2,
            Self::Note => 4,
            Self::Wrong => 6,
            Self::Away | Self::Unseen => 7,
        }
    }
}

/// A finding in one line.
fn sentence(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
