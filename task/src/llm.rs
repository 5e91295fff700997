//! The *model* is an LLM behind one of three interfaces: a prompt goes in, text comes out, or an error says why not.
//!
//! Every attempt is reserved in a [`Ledger`] before it is made. Only a whole answer is returned: one that was cut off by a
//! limit, broke off, or answers a prompt that was cut, is an error, so that no half of an edit is ever applied.

mod access;
mod anthropic;
mod budget;
mod config;
mod error;
mod headers;
mod http;
mod lines;
mod margin;
mod measured;
mod ollama;
mod openai;
mod parts;
mod price;
mod prompt;
mod provider;
mod refusal;
mod retry;
mod stop;
mod transcript;
mod turn;
mod words;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use secrecy::SecretString;
use shared::env::Environment;
use tokio::time::{sleep, timeout};

pub use budget::{Ceiling, Ledger, MoneyCeiling, Scarce, Spent};
pub(crate) use config::ConfigError;
pub use config::{Effort, LlmConfig, ModelSpec, Retries};
pub use error::{LlmError, Wait};
pub use price::Pricing;
pub use prompt::{Counted, Message, Prompt, Reply, Role, Usage};
pub use provider::Provider;
pub(crate) use transcript::{Existing, Transcript};
pub use turn::Progress;

use http::Server;
use parts::Parts;
use retry::Pauses;
use turn::Turn;

pub use crate::usd::Usd;

/// How much a model has to be shown before it keeps to the form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guidance {
    /// The form, described.
    Described,
    /// The form, described and in use. Of ten small issues a model of 1.5 billion parameters answered few in the form
    /// that was only described, and most after one example (docs/PERFORMANCE.md, "A real model").
    Shown,
}

/// See the module's documentation.
#[derive(Debug)]
pub enum Llm {
    Anthropic(Endpoint),
    Ollama(Endpoint),
    OpenAi(Endpoint),
}

/// A model on a server, with its limits and its price.
#[derive(Debug)]
pub struct Endpoint {
    spec: ModelSpec,
    server: Server,
    context_window: u32,
    max_output_tokens: u32,
    parts: Parts,
    pricing: Pricing,
    guidance: Guidance,
    retries: Retries,
    total_timeout: Duration,
    /// Where the conversation is kept, if anywhere.
    transcript: OnceLock<Arc<Transcript>>,
}

impl Endpoint {
    fn new(spec: ModelSpec, config: &LlmConfig) -> Result<Self, ConfigError> {
        let known = config.prices.find(spec.provider, &spec.model);
        let is_local = config::is_local(&config.base_url);
        let context_window = config
            .context_window
            .or(known.map(|entry| entry.context_window))
            .unwrap_or(if is_local { 32_768 } else { 128_000 });
        let max_output_tokens = config
            .max_output_tokens
            .unwrap_or_else(|| match known {
                // Room for thinking, which counts; more is seldom used and would have to be set aside all the same.
                Some(entry) => entry.max_output.min(32_000),
                None if is_local => 8_192,
                None => 16_000,
            })
            .min(context_window / 2);
        // Models that Ollama passes on to its own servers are named so.
        let is_passed_on = spec.model.ends_with("cloud");
        let pricing = match (known, spec.provider) {
            (Some(entry), _) => Pricing::Known(entry.price),
            (None, Provider::Ollama) if is_local && !is_passed_on => Pricing::Free,
            (None, _) => Pricing::Unknown,
        };
        // Models that the operator runs himself are small; of those with a known price none needs an example.
        let guidance = match (known, spec.provider) {
            (_, Provider::Ollama) => Guidance::Shown,
            (None, _) if is_local => Guidance::Shown,
            _ => Guidance::Described,
        };
        Ok(Self {
            server: Server::new(spec.provider, config)?,
            parts: Parts::new(spec.provider, config.temperature, config.effort),
            spec,
            context_window,
            max_output_tokens,
            pricing,
            guidance,
            retries: config.retries,
            total_timeout: config.timeouts.total,
            transcript: OnceLock::new(),
        })
    }
}

impl Llm {
    /// The model that `spec` names; its address, key and limits are read from the environment.
    pub fn from_env(spec: &str, env: &Environment) -> Result<Self, ConfigError> {
        let spec = ModelSpec::parse(spec)?;
        let config = LlmConfig::from_env(spec.provider, env)?;
        Self::new(spec, &config)
    }

    /// The same model at the price that the operator names, or why it cannot be that.
    pub fn priced(mut self, pricing: Pricing) -> Result<Self, String> {
        let (Self::Anthropic(endpoint) | Self::Ollama(endpoint) | Self::OpenAi(endpoint)) = &mut self;
        if pricing == Pricing::Free && endpoint.server.is_of(endpoint.spec.provider.vendor()) {
            return Err(format!("{} charges for its models", endpoint.spec.provider.vendor()));
        }
        endpoint.pricing = pricing;
        Ok(self)
    }

    pub fn new(spec: ModelSpec, config: &LlmConfig) -> Result<Self, ConfigError> {
        let provider = spec.provider;
        let endpoint = Endpoint::new(spec, config)?;
        Ok(match provider {
            Provider::Anthropic => Self::Anthropic(endpoint),
            Provider::Ollama => Self::Ollama(endpoint),
            Provider::OpenAi => Self::OpenAi(endpoint),
        })
    }

    fn endpoint(&self) -> &Endpoint {
        match self {
            Self::Anthropic(endpoint) | Self::Ollama(endpoint) | Self::OpenAi(endpoint) => endpoint,
        }
    }

    /// `provider:model`
    pub fn name(&self) -> String {
        self.endpoint().spec.to_string()
    }

    /// The key that calls are made with; nothing else may ever hold it.
    pub fn key(&self) -> Option<&SecretString> {
        self.endpoint().server.key()
    }

    /// Tokens of prompt and answer together.
    pub fn context_window(&self) -> u32 {
        self.endpoint().context_window
    }

    /// Tokens that one answer should be allowed, thinking included.
    pub fn max_output_tokens(&self) -> u32 {
        self.endpoint().max_output_tokens
    }

    pub fn pricing(&self) -> Pricing {
        self.endpoint().pricing
    }

    /// What was spent, for people: `None` where the price is not known.
    pub fn bill(&self, spent: Usd) -> Option<String> {
        match self.pricing() {
            Pricing::Free => Some("no cost".to_owned()),
            Pricing::Known(_) => Some(spent.to_string()),
            Pricing::Unknown => None,
        }
    }

    /// About what a call costs by now: a prompt of so many tokens, and so many bytes of the answer. `None` where the price
    /// is not known.
    pub(crate) fn so_far(&self, prompt_tokens: u32, answer_bytes: usize) -> Option<Usd> {
        let answer_tokens = u64::try_from(answer_bytes / 4).unwrap_or(u64::MAX);
        match self.pricing() {
            Pricing::Free => Some(Usd::ZERO),
            Pricing::Known(price) => Some(price.at_most(prompt_tokens.into(), answer_tokens)),
            Pricing::Unknown => None,
        }
    }

    /// The most that so many calls of this size can cost; `None` where the price is not known.
    pub(crate) fn at_most(&self, prompt_tokens: u32, calls: u32) -> Option<Usd> {
        match self.pricing() {
            Pricing::Free => Some(Usd::ZERO),
            Pricing::Unknown => None,
            Pricing::Known(price) => {
                let one = price.at_most(prompt_tokens.into(), self.max_output_tokens().into());
                Some((0..calls).fold(Usd::ZERO, |sum, _| sum.plus(one)))
            }
        }
    }

    pub(crate) fn guidance(&self) -> Guidance {
        self.endpoint().guidance
    }

    /// Asks the model, again if a failure passes by itself, within what `ledger` allows.
    pub async fn complete(
        &self,
        prompt: &Prompt<'_>,
        ledger: &mut Ledger,
        mut progress: impl FnMut(Progress<'_>) + Send,
    ) -> Result<Reply, LlmError> {
        let endpoint = self.endpoint();
        fits(prompt, endpoint.context_window)?;
        let transcript = endpoint.transcript.get();
        if let Some(transcript) = transcript {
            transcript.asked(&self.name(), prompt);
        }
        let limit = endpoint.total_timeout;
        let provider = endpoint.spec.provider;
        let answered = timeout(limit, self.attempts(endpoint, prompt, ledger, &mut progress))
            .await
            .unwrap_or(Err(LlmError::Timeout { provider, wait: Wait::Whole, limit }));
        match (transcript, &answered) {
            (Some(transcript), Ok(reply)) => transcript.answered(reply),
            (Some(transcript), Err(error)) => transcript.failed(&error.to_string()),
            (None, _) => {}
        }
        answered
    }

    /// From here on the conversation is kept there; false if it is kept somewhere already.
    pub(crate) fn record_in(&self, transcript: Arc<Transcript>) -> bool {
        self.endpoint().transcript.set(transcript).is_ok()
    }

    async fn attempts(
        &self,
        endpoint: &Endpoint,
        prompt: &Prompt<'_>,
        ledger: &mut Ledger,
        progress: &mut (dyn FnMut(Progress<'_>) + Send),
    ) -> Result<Reply, LlmError> {
        let started = Instant::now();
        let mut pauses = Pauses::new(endpoint.retries);
        loop {
            let reservation = ledger.reserve(
                &self.name(),
                endpoint.pricing,
                prompt.estimated_tokens.into(),
                prompt.max_output_tokens.into(),
            )?;
            let (reservation, slot) = ledger.enter(endpoint.spec.provider, reservation).await?;
            let (reservation, draw) = match ledger.draw(&self.name(), reservation).await {
                Ok(drawn) => drawn,
                Err(error) => {
                    ledger.leave(slot, endpoint.spec.provider, None).await;
                    return Err(error.into());
                }
            };
            let mut turn = Turn::new(prompt, progress);
            let call = measured::Call::begin(endpoint, prompt);
            let attempt = async {
                match self {
                    Self::Anthropic(endpoint) => anthropic::attempt(endpoint, prompt, &mut turn).await,
                    Self::Ollama(endpoint) => ollama::attempt(endpoint, prompt, &mut turn).await,
                    Self::OpenAi(endpoint) => openai::attempt(endpoint, prompt, &mut turn).await,
                }
            };
            let outcome = call.span.run(attempt).await;
            let usage = turn.usage();
            let is_known = ledger.end(reservation, &usage, outcome.as_ref().err());
            call.end(endpoint, &turn, &usage, outcome.as_ref().err());
            let Turn { text, model, .. } = turn;
            ledger.leave(slot, endpoint.spec.provider, outcome.as_ref().err()).await;
            ledger.give_back(draw, endpoint.pricing, &usage, outcome.as_ref().err()).await;
            match outcome {
                Ok(()) => {
                    if text.trim().is_empty() {
                        return Err(LlmError::Empty { provider: endpoint.spec.provider });
                    }
                    let model = model.unwrap_or_else(|| endpoint.spec.model.clone());
                    return Ok(Reply {
                        text,
                        usage,
                        model: endpoint.server.quote(&model),
                        elapsed: started.elapsed(),
                    });
                }
                // The next request is another one, so that it is no repetition, and there is nothing to wait for.
                Err(error @ LlmError::Unsupported { part, .. }) if endpoint.parts.leave_out(part) => {
                    tracing::warn!(%error, "part of the request refused");
                    if is_known && usage.total_tokens() == 0 {
                        ledger.forget_refused();
                    }
                    progress(Progress::Retrying { error: &error, pause: Duration::ZERO });
                }
                Err(error) => {
                    let Some(pause) = pauses.after(&error) else { return Err(error) };
                    // What keeps its reservation may leave no room for another attempt of this run. That is no matter of a
                    // ceiling that is too low: another run may have better luck.
                    let (asked, answered) = (prompt.estimated_tokens, prompt.max_output_tokens);
                    let name = self.name();
                    let is_affordable =
                        ledger.lacks(&name, endpoint.pricing, asked.into(), answered.into(), 1).is_none();
                    if !is_known && !is_affordable {
                        return Err(error);
                    }
                    progress(Progress::Retrying { error: &error, pause });
                    sleep(pause).await;
                }
            }
        }
    }
}

fn fits(prompt: &Prompt<'_>, context_window: u32) -> Result<(), LlmError> {
    let Prompt { estimated_tokens, max_output_tokens, .. } = *prompt;
    if estimated_tokens.saturating_add(max_output_tokens) > context_window {
        let message = format!(
            "about {estimated_tokens} tokens, with {max_output_tokens} kept for the answer, in a window of {context_window}"
        );
        return Err(LlmError::ContextWindow { message });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::price::PriceTable;
    use super::*;

    #[test]
    fn only_ollama_is_free_and_what_its_operator_says_is() {
        use Guidance::{Described, Shown};

        let llm = |spec: &str, url: &str| {
            Llm::new(ModelSpec::parse(spec).unwrap(), &LlmConfig::new(url::Url::parse(url).unwrap())).unwrap()
        };
        let built_in = PriceTable::built_in();
        let sonnet = Pricing::Known(built_in.find(Provider::Anthropic, "claude-sonnet-5-5").unwrap().price);
        let (big, small, other) = ((1_000_000, 32_000), (32_768, 8_192), (128_000, 16_000));
        for (spec, url, pricing, room, guidance) in [
            ("anthropic", "https://api.anthropic.com", sonnet, big, Described),
            ("anthropic", "http://gateway:80", sonnet, big, Described),
            // What a gateway that costs money looks like.
            ("anthropic:qwen", "http://127.0.0.1:1", Pricing::Unknown, small, Shown),
            ("openai:x", "http://10.0.0.7:4000/v1", Pricing::Unknown, small, Shown),
            ("openai:x", "https://llm.acme.internal/v1", Pricing::Unknown, small, Shown),
            ("openai:x", "http://litellm.ai.svc/v1", Pricing::Unknown, small, Shown),
            ("openai:x", "http://litellm:4000/v1", Pricing::Unknown, small, Shown),
            ("ollama", "http://127.0.0.1:1", Pricing::Free, small, Shown),
            ("ollama", "http://ollama:11434", Pricing::Free, small, Shown),
            ("ollama:x:cloud", "http://127.0.0.1:1", Pricing::Unknown, small, Shown),
            ("ollama:x:120b-cloud", "http://127.0.0.1:1", Pricing::Unknown, small, Shown),
            ("ollama:x", "https://ollama.com", Pricing::Unknown, other, Shown),
            ("openai:x", "https://models.example.org", Pricing::Unknown, other, Described),
        ] {
            let llm = llm(spec, url);
            assert_eq!(llm.pricing(), pricing, "{spec} {url}");
            assert_eq!((llm.context_window(), llm.max_output_tokens()), room, "{spec} {url}");
            assert_eq!(llm.guidance(), guidance, "{spec} {url}");
        }

        let free = llm("openai:x", "http://litellm:4000/v1").priced(Pricing::Free).unwrap();
        assert_eq!((free.pricing(), free.guidance()), (Pricing::Free, Shown));
        assert_eq!(
            llm("anthropic", "https://api.anthropic.com").priced(Pricing::Free).unwrap_err(),
            "api.anthropic.com charges for its models"
        );
    }
}
