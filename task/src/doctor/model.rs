//! The *model*: whether it answers, and what a run with it may cost.

use super::{About, Finding, Health};
use crate::config::Config;
use crate::context::read_set::ReadSet;
use crate::context::tokens;
use crate::llm::{Ledger, LlmError, Message, Prompt, Role};
use crate::outcome::{Failure, Reason};
use crate::protocol::ask::{Ask, Goal};

const SYSTEM: &str = "Answer with one word.";
const QUESTION: &str = "Say: ok";
/// A model that thinks first may not come to its word with fewer; more is not needed to see that it answers.
const ANSWER_TOKENS: u32 = 16;

/// What is configured, and the most that a run with it costs.
pub(super) fn settings(config: &Config) -> Finding {
    let cost = config.cost_at_most(&config.llm, &config.ceiling);
    let what = format!(
        "the model is {}; a run uses at most {} tokens and costs {cost}",
        config.llm.name(),
        config.ceiling.tokens
    );
    Finding::good(About::Settings, what)
}

/// Asks for one word.
pub(super) async fn examine(config: &Config) -> Finding {
    let name = config.llm.name();
    if matches!(config.llm, crate::llm::Llm::Builtin) {
        return Finding::good(About::Model, "builtin needs no server");
    }
    let read = ReadSet::default();
    let ask = Ask { goal: Goal::Edit, title: "", body: "", read: &read, protection: &config.protection };
    let messages = [Message { role: Role::User, text: QUESTION.to_owned() }];
    let prompt = Prompt {
        system: SYSTEM,
        messages: &messages,
        max_output_tokens: ANSWER_TOKENS,
        estimated_tokens: tokens::estimate(SYSTEM) + tokens::estimate(QUESTION),
        ask: &ask,
    };
    match config.llm.complete(&prompt, &mut Ledger::new(config.ceiling), |_| {}).await {
        Ok(reply) => {
            Finding::good(About::Model, format!("{name} answers ({} tokens)", reply.usage.total_tokens()))
        }
        // It answered, at more length than it was allowed.
        Err(LlmError::Truncated { .. } | LlmError::Empty { .. }) => {
            Finding::good(About::Model, format!("{name} answers"))
        }
        Err(error) => {
            let health = if error.is_transient() { Health::Away } else { Health::Wrong };
            let Failure { what, next, .. } =
                Failure::of_message(Reason::Provider, &error.to_string(), "Look at the provider's side.");
            Finding::new(About::Model, health, what).mend(next)
        }
    }
}
