//! The program: a server, or a function where the environment is that of AWS Lambda.

use std::sync::Arc;

use anyhow::Context as _;
use ingest::{config::Environment, lambda, publish::Publisher, server, webhook::Webhooks};
use tokio::{net::TcpListener, signal::unix};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    shared::telemetry::init()?;
    let config =
        Environment(|name: &str| std::env::var(name).ok()).read().context("reading the configuration")?;
    tracing::info!(config = ?config, version = env!("CARGO_PKG_VERSION"), "starting");
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .ok()
        .context("choosing the TLS provider")?;
    let publisher = Arc::new(Publisher::new(config.broker));
    let webhooks = Webhooks::new(config.secrets, config.rules, config.limits, Arc::clone(&publisher));
    let router = server::router(webhooks);
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() {
        return lambda::run(router).await;
    }
    let listener = TcpListener::bind(config.listen).await.context("listening")?;
    let mut terminate = unix::signal(unix::SignalKind::terminate()).context("waiting for SIGTERM")?;
    let mut interrupt = unix::signal(unix::SignalKind::interrupt()).context("waiting for SIGINT")?;
    let shutdown = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    server::serve(listener, router, config.limits, shutdown).await.context("serving")?;
    publisher.close().await;
    Ok(())
}
