//! Asks a model one question, to see whether a provider is set up as it should be:
//!
//! ```sh
//! echo "Write a haiku about git." | cargo run -p task --example ask_model -- ollama:qwen2.5-coder:7b
//! ```
//!
//! Addresses, keys and limits come from the environment, as for the program itself.

#![expect(clippy::print_stderr, reason = "a program for the terminal")]

use std::io::{Read, Write};

use anyhow::Context;
use shared::env::Environment;
use shared::env::catalog::AGENT_MODEL;
use task::context::read_set::ReadSet;
use task::context::tokens::estimate;
use task::llm::{Ceiling, Ledger, Llm, LlmConfig, Message, ModelSpec, Progress, Prompt, Role};
use task::protect::Protection;
use task::protocol::ask::{Ask, Goal};

const SYSTEM: &str = "Answer briefly.";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let env = Environment::of_process();
    let name = std::env::args().nth(1).map_or_else(|| env.find(&AGENT_MODEL), |name| Ok(Some(name)))?;
    let spec = ModelSpec::parse(&name.context("name a model, such as `anthropic`, or set AGENT_MODEL")?)?;
    let config = LlmConfig::from_env(spec.provider, &env)?;
    let llm = Llm::new(spec, &config)?;
    let mut ledger = Ledger::new(Ceiling::from_env(&env)?);

    let mut question = String::new();
    std::io::stdin().read_to_string(&mut question).context("reading the question")?;
    let estimated_tokens = estimate(SYSTEM).saturating_add(estimate(&question));
    let read = ReadSet::default();
    let prompt = Prompt {
        system: SYSTEM,
        messages: &[Message { role: Role::User, text: question }],
        max_output_tokens: llm.max_output_tokens(),
        estimated_tokens,
        ask: &Ask { goal: Goal::Edit, title: "", body: "", read: &read, protection: &Protection::default() },
    };
    let reply = llm
        .complete(&prompt, &mut ledger, |progress| match progress {
            Progress::Thinking { bytes } => eprint!("\rthinking, {bytes} bytes"),
            Progress::Writing { bytes } => eprint!("\rwriting, {bytes} bytes "),
            Progress::Retrying { error, pause } => eprintln!("\r{error}; again in {pause:?}"),
        })
        .await?;
    eprintln!();
    writeln!(std::io::stdout(), "{}", reply.text.trim())?;
    let spent = ledger.spent();
    eprintln!(
        "{} in {:.1?}: {:?}; {} calls, {} tokens, {}",
        reply.model, reply.elapsed, reply.usage, spent.calls, spent.tokens, spent.money
    );
    Ok(())
}
