//! Runs what a demonstration needs on one machine: RabbitMQ with the deployed queues and users, and a stand-in for GitHub
//! whose repository `octo/weather` holds the files of a folder.
//!
//! ```text
//! playground OUT [FILES [ISSUE]]      without FILES there is no stand-in
//! ```
//!
//! With the file of an ISSUE there is a stand-in for Jira as well, with that issue as `WEATHER-7`, which `dev1` has just
//! labeled: the webhook of it is `OUT/jira-webhook.json`, the operator's configuration `OUT/jira.toml`.
//!
//! It writes shell variables into `OUT/playground.env`, and the App's key beside them; prints `ready`; and ends with its
//! standard input. It fails in the end if the stand-in was called in a way that GitHub does not allow.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tests::{
    broker::Broker,
    github::{GitHub, Permission, World},
    jira::{AGENT, EMAIL, Jira, Site, TOKEN, account},
};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let out = arguments.next().context("playground OUT [FILES [ISSUE]]")?;
    let broker = Broker::start().await?;
    let host = broker.virtual_host().await?;
    let mut variables = String::new();
    for user in ["ingest", "task"] {
        writeln!(variables, "amqp_{user}={}", host.url(user))?;
    }
    let (_, management) =
        broker.ports().split_once(':').map(|(a, b)| (a.to_owned(), b.to_owned())).context("ports")?;
    writeln!(
        variables,
        "queue_api=http://guest:guest@127.0.0.1:{management}/api/queues/{}",
        host.into_name()
    )?;
    let github = match arguments.next() {
        None => None,
        Some(files) => {
            let github = GitHub::start(world(&files)?);
            std::fs::write(out.join("app.pem"), github.app_private_key())?;
            writeln!(variables, "origin={}", github.url())?;
            writeln!(variables, "app_id={}", github.app_id())?;
            writeln!(variables, "token={}", github.personal_token("dev1"))?;
            Some(github)
        }
    };
    let jira = match (&github, arguments.next()) {
        (Some(github), Some(issue)) => {
            let jira = Jira::start(site(&std::fs::read_to_string(issue)?));
            let webhook = jira.now(|site| {
                site.relabel("WEATHER-7", "dev1", &["ai-help", "quickfix"]);
                site.webhook("WEATHER-7")
            });
            std::fs::write(out.join("jira-webhook.json"), webhook)?;
            std::fs::write(out.join("jira.toml"), configuration(&jira, github))?;
            writeln!(variables, "jira_url={}\njira_credentials='acme: {EMAIL} {TOKEN}'", jira.url())?;
            writeln!(variables, "jira_login={EMAIL}:{TOKEN}")?;
            Some(jira)
        }
        _ => None,
    };
    std::fs::write(out.join("playground.env"), variables)?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "ready")?;
    stdout.flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    if let Some(jira) = jira {
        jira.finish();
    }
    if let Some(github) = github {
        github.finish();
    }
    Ok(())
}

/// A site with one issue, from a text whose first line is its title.
fn site(text: &str) -> Site {
    let (title, body) = text.split_once('\n').unwrap_or((text, ""));
    let title = title.trim_start_matches(['#', ' ']);
    let title = title.split_once(": ").map_or(title, |(_, title)| title);
    let mut site = Site::new().user("dev1").issue("WEATHER-7", "dev1", title, body, &[]);
    site.catch_up();
    site
}

/// What an operator writes down.
fn configuration(jira: &Jira, github: &GitHub) -> String {
    format!(
        "[sites.acme]\nurl = \"{}\"\naccount = \"{AGENT}\"\n\n[sites.acme.projects]\nWEATHER = \"{}\"\n\n\
         [sites.acme.people]\n\"{}\" = \"dev1\"\n\n\
         [sites.acme.transitions]\nstarted = \"In Progress\"\npull-request = \"In Review\"\n",
        jira.url(),
        github.repo_url("octo/weather"),
        account("dev1"),
    )
}

/// The text files of a folder, as the first commit of a repository of which `dev1` is a maintainer.
fn world(files: &Path) -> anyhow::Result<World> {
    let mut world = World::new().user("dev1", Permission::Maintain).repo("octo/weather");
    let mut folders = vec![files.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.file_name().is_some_and(|name| name == ".git") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(files)?.to_str().context("a file has an odd name")?;
            world = world.file(name, &std::fs::read_to_string(&path)?);
        }
    }
    Ok(world)
}
