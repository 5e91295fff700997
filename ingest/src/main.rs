//! The program: a server, or a function where the environment is that of AWS Lambda.

use std::{process::ExitCode, sync::Arc};

use anyhow::Context as _;
use ingest::{
    cli::{self, Command},
    config::{Config, Serve},
    lambda,
    publish::Publisher,
    server, telemetry,
    webhook::Webhooks,
};
use shared::{
    env::Environment,
    otlp::{self, Lifetime, catalog::Program},
};
use tokio::{net::TcpListener, signal::unix};

fn main() -> ExitCode {
    match Command::parse(std::env::args_os().skip(1)) {
        Command::Serve => match run(&Environment::of_process()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(Failure::Setting(error)) => cli::refuse_setting(&error),
            Err(Failure::Other(error)) => {
                cli::tell(&error);
                ExitCode::FAILURE
            }
        },
        Command::Say(text) => cli::say(&text),
        Command::Refuse(argument) => cli::refuse(&argument),
    }
}

/// Why the program ends.
enum Failure {
    /// A setting is wrong, as this says.
    Setting(String),
    Other(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

fn wrong(error: impl std::error::Error) -> Failure {
    Failure::Setting(error.to_string())
}

#[tokio::main]
async fn run(env: &Environment) -> Result<(), Failure> {
    shared::telemetry::init(env).map_err(wrong)?;
    let config = Config::from_env(env).map_err(wrong)?;
    for (old, new) in env.old_names(ingest::config::READS) {
        tracing::warn!("{old} is now called {new}: rename it");
    }
    tracing::info!(config = ?config, version = cli::VERSION, "starting");
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .ok()
        .context("choosing the TLS provider")?;
    // An environment of a function is one of many that come and go.
    let lifetime = if config.serve == Serve::Lambda { Lifetime::Short } else { Lifetime::Long };
    otlp::start(Program::Ingest, lifetime, env, &config.network).map_err(wrong)?;
    let publisher = Arc::new(Publisher::new(config.broker));
    let webhooks = Webhooks::new(config.secrets, config.rules, config.limits, Arc::clone(&publisher))
        .with_jira(config.jira);
    let router = server::router(webhooks);
    let listen = match config.serve {
        Serve::Lambda => return Ok(lambda::run(router).await?),
        Serve::Http(listen) => listen,
    };
    let listener = TcpListener::bind(listen).await.with_context(|| format!("listening on {listen}"))?;
    let mut terminate = unix::signal(unix::SignalKind::terminate()).context("waiting for SIGTERM")?;
    let mut interrupt = unix::signal(unix::SignalKind::interrupt()).context("waiting for SIGINT")?;
    let shutdown = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let reports = tokio::spawn(telemetry::report());
    server::serve(listener, router, config.limits, shutdown).await.context("serving")?;
    reports.abort();
    publisher.close().await;
    otlp::flush().await;
    Ok(())
}
