//! The *model*: whether it answers, and what a run with it may cost.

use super::{About, Finding, Health};
use crate::config::Config;
use crate::context::tokens;
use crate::engine::Engine;
use crate::llm::{Ledger, LlmError, Message, Prompt, Role};
use crate::outcome::{Failure, Reason};

const SYSTEM: &str = "Answer with one word.";
const QUESTION: &str = "Say: ok";
/// A model that thinks first may not come to its word with fewer; more is not needed to see that it answers.
const ANSWER_TOKENS: u32 = 16;

/// What is configured, and the most that a run with it costs.
pub(super) fn settings(config: &Config) -> Finding {
    let Engine::Model(llm) = &config.engine else {
        let what = "no AI model is used: builtin carries out explicit requests by rule, for demos";
        return Finding::new(About::Settings, Health::Note, what)
            .fix("Set AGENT_MODEL to anthropic, openai or ollama to use a model.");
    };
    let cost = config.cost_at_most(&config.engine, &config.ceiling);
    let tokens = config.ceiling.tokens;
    let what = format!("the model is {}; a run uses at most {tokens} tokens and costs {cost}", llm.name());
    Finding::good(About::Settings, what)
}

/// Asks for one word.
pub(super) async fn examine(config: &Config) -> Finding {
    let Engine::Model(llm) = &config.engine else {
        return Finding::good(About::Model, "builtin needs no server");
    };
    let name = llm.name();
    let messages = [Message { role: Role::User, text: QUESTION.to_owned() }];
    let prompt = Prompt {
        system: SYSTEM,
        messages: &messages,
        max_output_tokens: ANSWER_TOKENS,
        estimated_tokens: tokens::estimate(SYSTEM) + tokens::estimate(QUESTION),
    };
    match llm.complete(&prompt, &mut Ledger::new(config.ceiling), |_| {}).await {
        Ok(reply) => {
            Finding::good(About::Model, format!("{name} answers ({} tokens)", reply.usage.total_tokens()))
        }
        // It answered, at more length than it was allowed.
        Err(LlmError::Truncated { .. } | LlmError::Empty { .. }) => {
            Finding::good(About::Model, format!("{name} answers"))
        }
        Err(error) => {
            let health = if error.is_transient() { Health::Away } else { Health::Wrong };
            let Failure { what, next, .. } = Failure::of_message(
                Reason::Provider,
                &error.to_string(),
                "Check the provider's status page.",
            );
            Finding::new(About::Model, health, what).fix(next)
        }
    }
}
