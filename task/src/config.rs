//! The *configuration* of a cycle: what the environment says, parsed once at the start.
//!
//! The variables are those of the groups [`READS`], in [`shared::env::catalog`].

use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use shared::env::catalog::{
    self, AGENT_ALLOW, AGENT_CHOOSE_MODEL, AGENT_COMMIT_EMAIL, AGENT_COMMIT_NAME, AGENT_CONTEXT_TOKENS,
    AGENT_FILE_SELECTION, AGENT_MODEL, AGENT_MODEL_PRICE, AGENT_MODELS, AGENT_PROTECT, AGENT_READ_ROUNDS,
    Group,
};
use shared::env::setting::Setting;
use shared::env::{Environment, SettingError};
use shared::hex;

use crate::builtin;
use crate::cycle::choice::Choose;
use crate::cycle::{Cycle, FIXED_CALLS};
use crate::engine::Engine;
use crate::git::workspace::Workspace;
use crate::issue::Issue;
use crate::llm::{self, Ceiling, Ledger, Llm, MoneyCeiling, Pricing, Usd};
use crate::progress::Step;
use crate::protect::Protection;

/// Tokens of files and outlines in the first message, of any model whose window has room for them.
const LEAST_CONTEXT: u32 = 24_000;
/// The most, where nothing else is configured: what a model reads is paid for again in each round.
const MOST_CONTEXT: u32 = 100_000;
/// The part of the window, and of the money, that the first message may take.
const CONTEXT_PART: u32 = 10;

/// What [`Config::from_env`] reads.
pub const READS: &[&Group] = &[&catalog::MODEL, &catalog::PROVIDERS, &catalog::CYCLE, &catalog::NETWORK];

/// See the module's documentation.
#[derive(Debug)]
pub struct Config {
    pub engine: Engine,
    pub ceiling: Ceiling,
    /// Tokens of files and outlines in the first message, where they are configured.
    context_tokens: Option<u32>,
    /// How often the model may ask to see more.
    pub rounds: u32,
    pub choose: Choose,
    /// Who chooses the files, if not `engine`.
    chooser: Option<Engine>,
    pub protection: Protection,
    pub commit_name: String,
    pub commit_email: String,
    /// What a repository may choose in addition to `engine`.
    models: Vec<Engine>,
    protected: Vec<String>,
    allowed: Vec<String>,
    digest: String,
}

/// What is wrong with the configuration, and how to correct it.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error(
        "no model is chosen: set AGENT_MODEL (or --model) to anthropic, openai or ollama; `builtin`, rules for demos \
         without an AI model, has to be asked for by name"
    )]
    NoModel,
    #[error(transparent)]
    Setting(#[from] SettingError),
    #[error(transparent)]
    Model(#[from] llm::ConfigError),
}

impl Config {
    /// `model` takes precedence over `AGENT_MODEL`; one of them has to name an engine.
    pub fn from_env(model: Option<&str>, env: &Environment) -> Result<Self, ConfigError> {
        let models = env.find(&AGENT_MODELS)?.unwrap_or_else(Vec::new);
        let models = models.iter().map(|name| named_by(env, &AGENT_MODELS, name));
        let models = models.collect::<Result<Vec<Engine>, _>>()?;
        let context_tokens = env.find(&AGENT_CONTEXT_TOKENS)?;
        let chooser = env.find(&AGENT_CHOOSE_MODEL)?;
        let chooser = chooser.map(|name| named_by(env, &AGENT_CHOOSE_MODEL, &name)).transpose()?;
        let engine = engine(model, env)?;
        let protected = env.find(&AGENT_PROTECT)?.unwrap_or_else(Vec::new);
        let allowed = env.find(&AGENT_ALLOW)?.unwrap_or_else(Vec::new);
        let none: &[String] = &[];
        // Each alone, so that the error names the right one.
        Protection::new(&protected, none)
            .map_err(|error| env.refuse(&AGENT_PROTECT, &protected.join(" "), error.to_string()))?;
        let protection = Protection::new(&protected, &allowed)
            .map_err(|error| env.refuse(&AGENT_ALLOW, &allowed.join(" "), error.to_string()))?;
        let tokens = context_tokens.map_or_else(String::new, |tokens| tokens.to_string());
        let digest = digest(&[&engine.name(), &protected.join(" "), &allowed.join(" "), &tokens]);
        Ok(Self {
            engine,
            ceiling: Ceiling::from_env(env)?,
            context_tokens,
            rounds: env.read(&AGENT_READ_ROUNDS)?,
            choose: Choose::parse(env.read(&AGENT_FILE_SELECTION)?).unwrap_or_default(),
            chooser,
            protection,
            commit_name: author(env, &AGENT_COMMIT_NAME)?,
            commit_email: author(env, &AGENT_COMMIT_EMAIL)?,
            models,
            protected,
            allowed,
            digest,
        })
    }

    /// The same, with the rule-based engine where no model is named: what a person tries on one machine.
    pub fn from_env_or_rules(model: Option<&str>, env: &Environment) -> Result<Self, ConfigError> {
        match Self::from_env(model, env) {
            Err(ConfigError::NoModel) => Self::from_env(Some(builtin::NAME), env),
            config => config,
        }
    }

    /// The operator's patterns: protected ones, and allowed ones.
    pub fn patterns(&self) -> (Vec<String>, Vec<String>) {
        (self.protected.clone(), self.allowed.clone())
    }

    /// The secrets that the models' providers are called with.
    pub fn secrets(&self) -> Vec<SecretString> {
        let engines = std::iter::once(&self.engine).chain(&self.models).chain(&self.chooser);
        engines.filter_map(Engine::key).cloned().collect()
    }

    /// The model of this name, `provider:model`, if a repository may choose it.
    pub fn model(&self, name: &str) -> Option<&Engine> {
        std::iter::once(&self.engine).chain(&self.models).find(|engine| engine.name() == name)
    }

    /// What a repository may choose.
    pub fn model_names(&self) -> Vec<String> {
        std::iter::once(&self.engine).chain(&self.models).map(Engine::name).collect()
    }

    /// The model that chooses the files, if it is another one.
    pub fn chooser(&self) -> Option<&Llm> {
        self.chooser.as_ref()?.model()
    }

    /// Tokens of files and outlines in the first message to a model, beside which its window may yet have less room.
    pub fn context_tokens(&self, engine: &Engine, ceiling: &Ceiling) -> u32 {
        let (Some(llm), None) = (engine.model(), self.context_tokens) else {
            return self.context_tokens.unwrap_or(LEAST_CONTEXT);
        };
        let (MoneyCeiling::AtMost(money) | MoneyCeiling::AtMostIfPriced(money)) = ceiling.money;
        let paid_for = match llm.pricing() {
            Pricing::Known(price) => price.prompt_tokens_for(money.part(CONTEXT_PART.into())),
            Pricing::Free | Pricing::Unknown => u64::MAX,
        };
        let paid_for = u32::try_from(paid_for).unwrap_or(u32::MAX);
        (llm.context_window() / CONTEXT_PART).min(paid_for).clamp(LEAST_CONTEXT, MOST_CONTEXT)
    }

    /// A cycle with the engine, the rules and the limits of the operator.
    pub fn cycle<'a>(
        &'a self,
        workspace: &'a Workspace,
        issue: &'a Issue,
        ledger: &'a mut Ledger,
        progress: &'a mut (dyn FnMut(Step) + Send),
    ) -> Cycle<'a> {
        Cycle {
            workspace,
            issue,
            engine: &self.engine,
            protection: &self.protection,
            context_tokens: self.context_tokens(&self.engine, &self.ceiling),
            rounds: self.rounds,
            choose: self.choose,
            chooser: self.chooser(),
            ledger,
            progress,
        }
    }

    /// The most calls to a model that a cycle makes.
    pub fn calls_at_most(&self, engine: &Engine) -> u32 {
        match (engine, self.choose) {
            (Engine::Rules, _) => 0,
            (_, Choose::Never) => self.rounds + FIXED_CALLS - 1,
            (_, Choose::Auto | Choose::Always) => self.rounds + FIXED_CALLS,
        }
    }

    /// The most that carrying out a plan can cost: every call that a cycle may make at its worst, or the ceiling. `None`
    /// where the price of the model is not known.
    pub fn usd_at_most(&self, engine: &Engine, ceiling: &Ceiling) -> Option<Usd> {
        let prompt = self.context_tokens(engine, ceiling).saturating_mul(2);
        let (MoneyCeiling::AtMost(ceiling) | MoneyCeiling::AtMostIfPriced(ceiling)) = ceiling.money;
        engine.at_most(prompt, self.rounds + FIXED_CALLS).map(|worst| worst.min(ceiling))
    }

    /// The same in words.
    pub fn cost_at_most(&self, engine: &Engine, ceiling: &Ceiling) -> String {
        match self.usd_at_most(engine, ceiling) {
            None => "an unknown amount (the model has no known price)".to_owned(),
            Some(Usd::ZERO) => "nothing".to_owned(),
            Some(worst) => format!("at most {worst}"),
        }
    }

    /// Hash of what decides how a plan is carried out; SHA-256 in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

/// The engine that is chosen; a model at the price that the operator names for it.
fn engine(model: Option<&str>, env: &Environment) -> Result<Engine, ConfigError> {
    let own = env.find(&AGENT_MODEL)?;
    let pricing = env.find_as(&AGENT_MODEL_PRICE, |text| {
        Pricing::parse(text).ok_or_else(|| AGENT_MODEL_PRICE.variable().form.hint())
    })?;
    let engine = match (model, &own) {
        (Some(model), _) => Engine::from_env(model, env)?,
        (None, Some(own)) => named_by(env, &AGENT_MODEL, own)?,
        (None, None) => return Err(ConfigError::NoModel),
    };
    // It is the price of the model that is named beside it, and of no other.
    let is_its_own = model.is_none() || own.is_none() || own.as_deref() == model;
    match pricing {
        Some(pricing) if is_its_own => {
            let text = env.find(&AGENT_MODEL_PRICE)?.unwrap_or_else(String::new);
            Ok(engine.priced(pricing).map_err(|why| env.refuse(&AGENT_MODEL_PRICE, &text, why))?)
        }
        _ => Ok(engine),
    }
}

/// The engine that a setting names.
fn named_by<T>(env: &Environment, setting: &Setting<T>, name: &str) -> Result<Engine, ConfigError> {
    Engine::from_env(name, env).map_err(|error| match error {
        llm::ConfigError::UnknownProvider { .. } | llm::ConfigError::BadModel { .. } => {
            env.refuse(setting, name, AGENT_MODEL.variable().form.hint()).into()
        }
        error => error.into(),
    })
}

fn author(env: &Environment, setting: &Setting<String>) -> Result<String, SettingError> {
    env.read_as(setting, |text| {
        if text.contains(['<', '>', '\n', '\r', '\0']) {
            Err(setting.variable().form.hint())
        } else {
            Ok(text.to_owned())
        }
    })
}

fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hex::text(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&str, &str)]) -> Result<Config, String> {
        let env = Environment::of(variables.iter().copied());
        Config::from_env_or_rules(None, &env).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_configured_is_a_working_configuration() {
        let config = config(&[]).unwrap();
        assert_eq!(config.engine.name(), "builtin");
        assert_eq!(config.context_tokens(&config.engine, &config.ceiling), 24_000);
        assert_eq!(config.commit_name, "ai-agent");
        assert_eq!(config.commit_email, "ai-agent@users.noreply.github.com");
    }

    #[test]
    fn only_the_local_commands_do_without_a_model() {
        for model in [&[][..], &[("AGENT_MODEL", "")], &[("AGENT_MODEL", " ")]] {
            let env = Environment::of(model.iter().copied());
            let error = Config::from_env(None, &env).unwrap_err();
            assert!(matches!(error, ConfigError::NoModel), "{model:?}: {error}");
            assert_eq!(Config::from_env_or_rules(None, &env).unwrap().engine.name(), "builtin");
            assert_eq!(Config::from_env(Some("builtin"), &env).unwrap().engine.name(), "builtin");
        }
    }

    #[test]
    fn what_decides_over_a_plan_decides_over_the_digest() {
        let plain = config(&[]).unwrap();
        assert_eq!(plain.digest(), config(&[("AGENT_COMMIT_NAME", "x")]).unwrap().digest());
        for variables in [[("AGENT_PROTECT", "db/")], [("AGENT_ALLOW", "Cargo.lock")]] {
            assert_ne!(plain.digest(), config(&variables).unwrap().digest());
        }
    }

    #[test]
    fn the_first_message_is_as_large_as_window_and_price_allow() {
        let config = |variables: &[(&str, &str)]| {
            let variables = [&[("ANTHROPIC_API_KEY", "k"), ("OPENAI_API_KEY", "k")], variables].concat();
            let config = config(&variables).unwrap();
            config.context_tokens(&config.engine, &config.ceiling)
        };
        let (model, local) = (("AGENT_MODEL", "anthropic"), ("AGENT_MODEL", "ollama:x"));
        let unknown = [("AGENT_MODEL", "openai:x"), ("OPENAI_BASE_URL", "https://models.example.org")];
        for (variables, expect) in [
            // Two dollars for a million tokens, and a window of a million.
            (&[model][..], 100_000),
            (&[model, ("AGENT_MAX_COST", "1.50")], 75_000),
            (&[model, ("AGENT_MAX_COST", "0.10")], 24_000),
            (&[model, ("AGENT_CONTEXT_WINDOW", "400000")], 40_000),
            (&[model, ("AGENT_CONTEXT_TOKENS", "150000")], 150_000),
            (&[local], 24_000),
            (&unknown, 24_000),
        ] {
            assert_eq!(config(variables), expect, "{variables:?}");
        }
    }

    #[test]
    fn the_model_that_chooses_is_one_with_a_key_that_is_secret() {
        let variables = [
            ("AGENT_CHOOSE_MODEL", "openai:small"),
            ("OPENAI_API_KEY", "k2"),
            ("OPENAI_BASE_URL", "https://models.example.org"),
        ];
        let chosen = config(&variables).unwrap();
        assert_eq!(chosen.chooser().unwrap().name(), "openai:small");
        assert_eq!(chosen.secrets().len(), 1);
        assert!(config(&[("AGENT_CHOOSE_MODEL", "builtin")]).unwrap().chooser().is_none());
        assert!(config(&[("AGENT_CHOOSE_MODEL", "small")]).unwrap_err().contains("AGENT_CHOOSE_MODEL"));
    }

    #[test]
    fn says_which_variable_is_wrong() {
        for (name, value, message) in [
            (
                "AGENT_CONTEXT_TOKENS",
                "12",
                "invalid number \"12\" for AGENT_CONTEXT_TOKENS: use a whole number of at least 1000",
            ),
            (
                "AGENT_COMMIT_NAME",
                "a\nb",
                "invalid author \"a\\nb\" for AGENT_COMMIT_NAME: a commit's author holds no line end, `<` or `>`",
            ),
            (
                "AGENT_FILE_SELECTION",
                "maybe",
                "invalid value \"maybe\" for AGENT_FILE_SELECTION: use auto, never or always",
            ),
            (
                "AGENT_MODEL",
                "claude",
                "invalid model \"claude\" for AGENT_MODEL: use PROVIDER or PROVIDER:MODEL, such as anthropic or \
                 ollama:qwen3-coder:30b",
            ),
            (
                "AGENT_MODELS",
                "builtin, openai:",
                "invalid list \"openai:\" for AGENT_MODELS: use PROVIDER or PROVIDER:MODEL, such as anthropic or \
                 ollama:qwen3-coder:30b",
            ),
            (
                "AGENT_MODEL_PRICE",
                "cheap",
                "invalid price \"cheap\" for AGENT_MODEL_PRICE: use free, or dollars for a million tokens in and out, such \
                 as 0.50/2.00",
            ),
            (
                "AGENT_PROTECT",
                "src/ !db",
                "invalid list \"src/ !db\" for AGENT_PROTECT: the pattern \"!db\" begins with `!`; name exceptions in the \
                 list of allowed paths",
            ),
            ("AGENT_ALLOW", "/", "invalid list \"/\" for AGENT_ALLOW: the pattern is empty"),
        ] {
            assert_eq!(config(&[(name, value)]).unwrap_err(), message);
        }
    }

    #[test]
    fn a_price_is_that_of_the_model_beside_it() {
        const URL: (&str, &str) = ("OPENAI_BASE_URL", "http://gateway:4000/v1");
        const PRICE: (&str, &str) = ("AGENT_MODEL_PRICE", "free");
        let pricing = |model: Option<&str>, own: &str| {
            let env = Environment::of([URL, PRICE, ("AGENT_MODEL", own)]);
            Config::from_env(model, &env).unwrap().engine.model().unwrap().pricing()
        };
        assert_eq!(pricing(None, "openai:x"), Pricing::Free);
        assert_eq!(pricing(Some("openai:x"), "openai:x"), Pricing::Free);
        assert_eq!(pricing(Some("openai:x"), ""), Pricing::Free);
        assert_eq!(pricing(Some("openai:other"), "openai:x"), Pricing::Unknown);

        let own = [("AGENT_MODEL", "anthropic"), ("ANTHROPIC_API_KEY", "k"), PRICE];
        assert_eq!(
            config(&own).unwrap_err(),
            "invalid price \"free\" for AGENT_MODEL_PRICE: api.anthropic.com charges for its models"
        );
        let others = Environment::of([URL, PRICE, ("AGENT_MODELS", "openai:y")]);
        let config = Config::from_env(Some("openai:x"), &others).unwrap();
        assert_eq!(config.model("openai:y").unwrap().model().unwrap().pricing(), Pricing::Unknown);
    }
}
