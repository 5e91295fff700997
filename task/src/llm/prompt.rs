//! A *prompt* goes to a model, and a *reply* comes back: what both are, whichever interface the model is behind.

use std::time::Duration;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    User,
    Assistant,
}

impl Role {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// One turn of the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub role: Role,
    pub text: String,
}

/// What the model is asked.
#[derive(Clone, Copy, Debug)]
pub struct Prompt<'a> {
    pub system: &'a str,
    /// Starts and ends with the user's. The first holds what all calls of a run share, and is cached where that can be.
    pub messages: &'a [Message],
    /// Tokens of the answer, thinking included.
    pub max_output_tokens: u32,
    /// Tokens of `system` and `messages`, rather too many than too few.
    pub estimated_tokens: u32,
}

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Never blank. Thinking that the server did not set apart is still in it.
    pub text: String,
    pub usage: Usage,
    /// The model that answered, as the server names it.
    pub model: String,
    /// From the first attempt to the last byte.
    pub elapsed: Duration,
}

/// Tokens that a call used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Of the prompt, without those of the two cache counts.
    pub input_tokens: u64,
    /// Of the answer, thinking included.
    pub output_tokens: u64,
    pub cache_read_tokens: u64,
    pub cache_write_tokens: u64,
    pub counted: Counted,
}

/// Where the counts of a [`Usage`] come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Counted {
    #[default]
    ByProvider,
    /// The provider gave none, or none that can be true: at least one is our estimate.
    ByEstimate,
}

impl Usage {
    pub fn prompt_tokens(&self) -> u64 {
        self.input_tokens.saturating_add(self.cache_read_tokens).saturating_add(self.cache_write_tokens)
    }

    pub fn total_tokens(&self) -> u64 {
        self.prompt_tokens().saturating_add(self.output_tokens)
    }
}
