//! Each provider over real HTTP, against a server that checks every request and answers by a script.

#![expect(clippy::unwrap_used, reason = "everything here is a test or serves one")]

mod parts;
mod shapes;

use std::time::Duration;

use secrecy::SecretString;
use task::llm::{
    Ceiling, Counted, Ledger, Llm, LlmConfig, LlmError, Message, ModelSpec, MoneyCeiling, Pricing, Progress,
    Prompt, Provider, Reply, Retries, Role, Spent, Usage, Usd,
};
use tests::model::{Answer, Counts, End, Fault, KEY, Request, ScriptedModel, Step, Stop, Wire, refused_url};

/// 40 bytes, 8 words.
const SYSTEM: &str = "You change code just as the issue wants.";
/// 57 bytes, 7 words.
const PROMPT_LINE: &str = "fn alpha(beta: Gamma) -> Delta { epsilon(zeta, 123456) }\n";

fn provider(wire: Wire) -> Provider {
    match wire {
        Wire::Anthropic => Provider::Anthropic,
        Wire::Ollama => Provider::Ollama,
        Wire::OpenAi => Provider::OpenAi,
    }
}

fn config(base_url: &str) -> LlmConfig {
    let mut config = LlmConfig::new(base_url.parse().unwrap());
    config.api_key = Some(SecretString::from(KEY));
    config.retries =
        Retries { times: 2, first_pause: Duration::from_millis(1), longest_pause: Duration::from_millis(2) };
    config
}

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

fn ledger() -> Ledger {
    Ledger::new(Ceiling { tokens: 1_000_000, money: MoneyCeiling::AtMost(usd("1")) })
}

/// What came of one question.
struct Outcome {
    reply: Result<Reply, LlmError>,
    spent: Spent,
    progress: Vec<String>,
}

async fn ask(config: &LlmConfig, spec: ModelSpec, messages: &[Message], ledger: &mut Ledger) -> Outcome {
    let bytes: usize = messages.iter().map(|message| message.text.len()).sum();
    let prompt = Prompt {
        system: SYSTEM,
        messages,
        max_output_tokens: 1_000,
        estimated_tokens: u32::try_from(bytes / 3).unwrap(),
    };
    let mut progress = Vec::new();
    let mut llm = Llm::new(spec, config).unwrap();
    if llm.pricing() == Pricing::Unknown {
        llm = llm.priced(Pricing::Free).unwrap();
    }
    let reply = llm
        .complete(&prompt, ledger, |step| {
            progress.push(match step {
                Progress::Thinking { bytes } => format!("thinking {bytes}"),
                Progress::Writing { bytes } => format!("writing {bytes}"),
                Progress::Retrying { error, .. } => format!("retrying: {error}"),
            });
        })
        .await;
    Outcome { reply, spent: ledger.spent(), progress }
}

fn question() -> Vec<Message> {
    vec![Message { role: Role::User, text: PROMPT_LINE.repeat(80) }]
}

fn spec(wire: Wire) -> ModelSpec {
    ModelSpec { provider: provider(wire), model: "m".to_owned() }
}

/// Plays a script and answers with what came of it and with what was asked.
async fn play(wire: Wire, script: Vec<Step>) -> (Outcome, Vec<Request>) {
    let model = ScriptedModel::start(script).await;
    let outcome = ask(&config(&model.base_url(wire)), spec(wire), &question(), &mut ledger()).await;
    (outcome, model.finish())
}

/// The error that a script ends in, in words.
async fn error(wire: Wire, script: Vec<Step>) -> String {
    let (outcome, _) = play(wire, script).await;
    outcome.reply.unwrap_err().to_string()
}

fn answer(change: impl FnOnce(&mut Answer)) -> Step {
    let mut answer = Answer::new("the answer");
    change(&mut answer);
    Step::Answer(answer)
}

#[tokio::test]
async fn an_answer_comes_back_whole_with_its_counts() {
    for wire in Wire::ALL {
        let text = "TITLE: Größe\n<<<<<<< SEARCH\n日本語\n=======\n";
        let (outcome, requests) = play(
            wire,
            vec![answer(|answer| {
                answer.text = text.to_owned();
                answer.thinking = "let me see".to_owned();
            })],
        )
        .await;
        let reply = outcome.reply.unwrap();
        assert_eq!((reply.text.as_str(), reply.model.as_str()), (text, "m"), "{wire:?}");
        assert_eq!(reply.usage.counted, Counted::ByProvider, "{wire:?}");
        assert_eq!(reply.usage.output_tokens, ((text.len() + 10) as u64).div_ceil(4), "{wire:?}");
        // 80 lines of 57 bytes, and 40 of the system prompt, four to a token.
        assert_eq!(reply.usage.prompt_tokens(), 1_150, "{wire:?}");
        let (input_tokens, output_tokens) = (reply.usage.prompt_tokens(), reply.usage.output_tokens);
        assert_eq!(outcome.spent, Spent { calls: 1, input_tokens, output_tokens, money: Usd::ZERO });
        let whole = format!("writing {}", text.len());
        assert_eq!(outcome.progress.first().map(String::as_str), Some("thinking 5"), "{wire:?}");
        assert_eq!(outcome.progress.last(), Some(&whole), "{wire:?}");
        assert_eq!(requests.len(), 1, "{wire:?}");
    }
}

#[tokio::test]
async fn requests_say_what_they_have_to() {
    let (_, requests) = play(Wire::Anthropic, vec![Step::text("a")]).await;
    let body = &requests[0].body;
    assert_eq!(body["system"][0]["cache_control"]["type"], "ephemeral");
    assert_eq!(body["messages"][0]["content"][0]["cache_control"]["type"], "ephemeral");
    assert_eq!((&body["max_tokens"], &body["stream"]), (&1000.into(), &true.into()));

    let (_, requests) = play(Wire::Ollama, vec![Step::text("a")]).await;
    let body = &requests[0].body;
    assert_eq!(body["options"], serde_json::json!({"num_ctx": 8192, "num_predict": 1000}));
    assert_eq!((&body["truncate"], &body["shift"]), (&false.into(), &false.into()));

    let (_, requests) = play(Wire::OpenAi, vec![Step::text("a")]).await;
    let body = &requests[0].body;
    assert_eq!(body["stream_options"]["include_usage"], true);
    assert_eq!(
        (&body["max_tokens"], &body["max_completion_tokens"]),
        (&1000.into(), &serde_json::Value::Null)
    );
}

#[tokio::test]
async fn a_conversation_pays_for_its_cached_beginning_once() {
    let model = ScriptedModel::start([Step::text("first"), Step::text("second")]).await;
    let mut config = config(&model.base_url(Wire::Anthropic));
    config.temperature = Some(0.5);
    let sonnet = || ModelSpec::parse("anthropic:claude-sonnet-5-5").unwrap();
    let mut ledger = ledger();
    let mut messages = question();
    let first = ask(&config, sonnet(), &messages, &mut ledger).await.reply.unwrap();
    messages.push(Message { role: Role::Assistant, text: first.text });
    messages.push(Message { role: Role::User, text: "once more".to_owned() });
    let second = ask(&config, sonnet(), &messages, &mut ledger).await;

    let usage = |input_tokens, cache_read_tokens, cache_write_tokens| Usage {
        input_tokens,
        output_tokens: 2,
        cache_read_tokens,
        cache_write_tokens,
        counted: Counted::ByProvider,
    };
    assert_eq!(first.usage, usage(0, 0, 1_150));
    assert_eq!(second.reply.unwrap().usage, usage(0, 1_150, 4));
    // 1,150 written at 2.50, 1,150 read at 0.20, 4 written at 2.50 and 4 of output at 10 dollars a million.
    assert_eq!((second.spent.calls, second.spent.tokens()), (2, 2_308));
    assert_eq!(second.spent.money, usd("0.003155"));
    let requests = model.finish();
    assert_eq!(requests[1].body["temperature"], 0.5);
    assert_eq!(requests[1].body["messages"][2]["content"][0]["text"], "once more");
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    let passing = [
        Step::Fault(Fault::RateLimit(None)),
        Step::Fault(Fault::RateLimit(Some("0"))),
        Step::Fault(Fault::Overloaded),
        Step::Fault(Fault::ServerError),
        Step::Page { status: 502 },
        answer(|answer| answer.end = End::Early),
        answer(|answer| answer.end = End::Broken),
        answer(|answer| answer.end = End::Fault(Fault::Overloaded)),
    ];
    for wire in Wire::ALL {
        for step in &passing {
            let (outcome, requests) = play(wire, vec![step.clone(), Step::text("at last")]).await;
            assert_eq!(outcome.reply.unwrap().text, "at last", "{wire:?} {step:?}");
            assert_eq!((requests.len(), outcome.spent.calls), (2, 2), "{wire:?} {step:?}");
        }
    }
}

#[tokio::test]
async fn attempts_end() {
    for wire in Wire::ALL {
        let (outcome, _) = play(wire, vec![Step::Fault(Fault::Overloaded); 3]).await;
        let error = outcome.reply.unwrap_err();
        assert!(error.is_transient() && matches!(error, LlmError::Overloaded { .. }), "{error:?}");
        // What the server did not take costs nothing.
        assert_eq!(outcome.spent, Spent { calls: 3, ..Spent::default() });
    }
}

#[tokio::test]
async fn what_a_gateway_gives_up_on_may_have_cost_everything() {
    // Each attempt may need 3,280 tokens: half as many again as the 1,520 that are estimated, and 1,000.
    for (tokens, attempts) in [(3_280, 1), (6_559, 1), (6_560, 2), (1_000_000, 3)] {
        let model = ScriptedModel::start(vec![Step::Page { status: 502 }; attempts]).await;
        let mut ledger = Ledger::new(Ceiling { tokens, money: MoneyCeiling::AtMost(Usd::ZERO) });
        let config = config(&model.base_url(Wire::OpenAi));
        let outcome = ask(&config, spec(Wire::OpenAi), &question(), &mut ledger).await;
        // Where the ceiling allows no more attempts, it is the gateway all the same that is in the way.
        let error = outcome.reply.unwrap_err();
        assert!(matches!(error, LlmError::Overloaded { status: 502, .. }), "{tokens}: {error:?}");
        assert_eq!(outcome.spent.tokens(), 3_280 * attempts as u64, "{tokens}");
        assert_eq!(model.finish().len(), attempts, "{tokens}");
    }
    // One that is answered after all costs both.
    let model = ScriptedModel::start([Step::Page { status: 502 }, Step::text("at last")]).await;
    let mut ledger = Ledger::new(Ceiling { tokens: 6_560, money: MoneyCeiling::AtMost(Usd::ZERO) });
    let config = config(&model.base_url(Wire::OpenAi));
    let outcome = ask(&config, spec(Wire::OpenAi), &question(), &mut ledger).await;
    assert_eq!(outcome.reply.unwrap().text, "at last");
    assert!((3_281..6_560).contains(&outcome.spent.tokens()), "{:?}", outcome.spent);
    model.finish();
}

#[tokio::test]
async fn a_pause_that_is_too_long_is_left_to_the_caller() {
    for wire in Wire::ALL {
        let (outcome, _) = play(wire, vec![Step::Fault(Fault::RateLimit(Some("3600")))]).await;
        assert!(
            matches!(
                outcome.reply,
                Err(LlmError::RateLimited { retry_after: Some(after), .. }) if after == Duration::from_hours(1)
            ),
            "{wire:?}"
        );
    }
}

#[tokio::test]
async fn what_does_not_pass_is_not_tried_again() {
    for (wire, fault, expect) in [
        (
            Wire::Anthropic,
            Fault::BadRequest,
            "anthropic refuses the request (HTTP 400): temperature: Extra inputs are not permitted".to_owned(),
        ),
        (
            Wire::Ollama,
            Fault::BadRequest,
            "ollama refuses the request (HTTP 400): invalid options: num_ctx".to_owned(),
        ),
        (
            Wire::OpenAi,
            Fault::BadRequest,
            "openai refuses the request (HTTP 400): Unsupported value: 'temperature'".to_owned(),
        ),
        (
            Wire::Anthropic,
            Fault::Billing,
            broke("anthropic", "Your payment method was declined."),
        ),
        (
            Wire::OpenAi,
            Fault::Billing,
            broke("openai", "Insufficient credits"),
        ),
        (
            Wire::Anthropic,
            Fault::SpendLimit,
            broke("anthropic", "Usage has reached the monthly limit."),
        ),
        (
            Wire::Ollama,
            Fault::SpendLimit,
            broke("ollama", "usage limit reached, upgrade for more"),
        ),
        (
            Wire::OpenAi,
            Fault::SpendLimit,
            broke("openai", "You have no credits left"),
        ),
        (
            Wire::Anthropic,
            Fault::UnknownModel,
            "anthropic has no model `m`: model: m; choose another with `--model anthropic:NAME` or AGENT_MODEL".to_owned(),
        ),
        (
            Wire::Ollama,
            Fault::UnknownModel,
            "ollama has no model `m`: model 'm' not found; fetch it with `ollama pull m`, or choose one of `ollama list`".to_owned(),
        ),
        (
            Wire::OpenAi,
            Fault::UnknownModel,
            "openai has no model `m`: The model `m` does not exist or you do not have access to it.; choose another with `--model openai:NAME` or AGENT_MODEL".to_owned(),
        ),
        (
            Wire::Anthropic,
            Fault::PromptTooLong,
            too_long("prompt is too long: 1000001 tokens > 1000000 maximum"),
        ),
        (
            Wire::Ollama,
            Fault::PromptTooLong,
            too_long("the prompt is longer than the context length currently available to the model"),
        ),
        (
            Wire::OpenAi,
            Fault::PromptTooLong,
            too_long("Your input exceeds the limit of this model."),
        ),
        (
            Wire::Ollama,
            Fault::NoMemory,
            "ollama refuses the request (HTTP 500): model requires more system memory (21.5 GiB) than is available (7.1 GiB)".to_owned(),
        ),
    ] {
        assert_eq!(error(wire, vec![Step::Fault(fault.clone())]).await, expect);
    }
}

#[tokio::test]
async fn a_key_that_is_refused_is_not_repeated() {
    for (wire, message) in [
        (Wire::Anthropic, "invalid x-api-key: [key]"),
        (Wire::Ollama, "unauthorized: [key]"),
        (Wire::OpenAi, "Incorrect API key provided: [key]."),
    ] {
        let (provider, variable) = (provider(wire), provider(wire).key_variable());
        assert_eq!(
            error(wire, vec![Step::Fault(Fault::BadKey)]).await,
            format!(
                "{provider} refuses the key (HTTP 401): {message}; set {variable} or {variable}_FILE to a key that is valid there"
            )
        );
    }
}

fn broke(provider: &str, message: &str) -> String {
    format!(
        "the account at {provider} has no money left or is at its spend limit: {message}; add credit or raise the limit there"
    )
}

fn too_long(message: &str) -> String {
    format!(
        "the prompt does not fit the model: {message}; choose a model with a larger context window, or set AGENT_CONTEXT_WINDOW to what this one really holds"
    )
}

#[tokio::test]
async fn an_error_within_a_stream_is_what_it_would_have_been_before() {
    for wire in Wire::ALL {
        let script = vec![answer(|answer| answer.end = End::Fault(Fault::PromptTooLong))];
        let (outcome, _) = play(wire, script).await;
        assert!(matches!(outcome.reply, Err(LlmError::ContextWindow { .. })), "{wire:?}");
        // The server had taken the prompt, and had answered already.
        assert!(outcome.spent.tokens() > 1_000, "{wire:?}");
    }
}

#[tokio::test]
async fn an_answer_that_stopped_early_is_never_returned() {
    let cut = "the answer was cut off at 1000 tokens and is not used; raise AGENT_MAX_OUTPUT_TOKENS, or make the issue smaller";
    for (wire, stop, expect) in [
        (Wire::Anthropic, Stop::Limit, cut.to_owned()),
        (Wire::Ollama, Stop::Limit, cut.to_owned()),
        (Wire::OpenAi, Stop::Limit, cut.to_owned()),
        (Wire::Anthropic, Stop::Window, too_long("the window was full before the answer was complete")),
        (Wire::Anthropic, Stop::Refusal, "the model refuses to answer: This could enable harm.".to_owned()),
        (
            Wire::OpenAi,
            Stop::Refusal,
            "the model refuses to answer: a filter of the provider stopped the answer".to_owned(),
        ),
        (Wire::Anthropic, Stop::Other("pause_turn"), unasked("anthropic", "pause_turn")),
        (Wire::Ollama, Stop::Other("unload"), unasked("ollama", "unload")),
        (Wire::OpenAi, Stop::Other("tool_calls"), unasked("openai", "tool_calls")),
    ] {
        assert_eq!(error(wire, vec![answer(|answer| answer.stop = stop)]).await, expect);
    }
}

fn unasked(provider: &str, reason: &str) -> String {
    format!("{provider} stopped for a reason that was not asked for (`{reason}`), so its answer is not used")
}

#[tokio::test]
async fn an_empty_answer_is_an_error() {
    for wire in Wire::ALL {
        for text in ["", " \n"] {
            let error = error(wire, vec![Step::text(text)]).await;
            assert_eq!(error, format!("{} gave an empty answer", provider(wire)));
        }
    }
}

#[tokio::test]
async fn what_is_no_answer_is_told_apart() {
    let check = |wire: Wire, what: &str| {
        let provider = provider(wire);
        format!(
            "the answer of {provider} cannot be read: {what}; is {} the address of its interface?",
            provider.url_variable()
        )
    };
    for wire in Wire::ALL {
        assert_eq!(
            error(wire, vec![Step::Page { status: 200 }]).await,
            check(wire, "it is a web page"),
            "{wire:?}"
        );
        assert_eq!(
            error(wire, vec![Step::Raw("<html><body>hello</body></html>".to_owned())]).await,
            check(wire, "it is a web page"),
            "{wire:?}"
        );
        assert_eq!(
            error(wire, vec![Step::Raw("{\"almost\": \"json\n".to_owned())]).await,
            check(wire, "it holds `{\"almost\": \"json`"),
            "{wire:?}"
        );
    }
    assert_eq!(
        error(Wire::OpenAi, vec![Step::Raw("data: {\"choices\": [\n\n".to_owned())]).await,
        check(Wire::OpenAi, "it holds `{\"choices\": [`"),
    );
    assert_eq!(
        error(Wire::Anthropic, vec![Step::Raw("data: [1]\n\n".to_owned())]).await,
        check(Wire::Anthropic, "it holds `[1]`"),
    );
}

#[tokio::test]
async fn a_wrong_address_is_named() {
    for wire in Wire::ALL {
        let model = ScriptedModel::start([Step::Fault(Fault::NoRoute)]).await;
        let (base, spec) = (model.base_url(wire), spec(wire));
        let name = spec.provider;
        // A path that the server does not know, and one of which it says so.
        for base in [format!("{base}/elsewhere"), base] {
            let outcome = ask(&config(&base), spec.clone(), &question(), &mut ledger()).await;
            let error = outcome.reply.unwrap_err().to_string();
            let expect = format!(
                "there is no {name} interface at {base}/{} (HTTP 404); check {}",
                path(wire),
                name.url_variable()
            );
            assert_eq!(error, expect);
        }
        model.finish();
    }
}

/// What is added to the base address.
fn path(wire: Wire) -> &'static str {
    match wire {
        Wire::Anthropic => "v1/messages",
        Wire::Ollama => "api/chat",
        Wire::OpenAi => "chat/completions",
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    for wire in Wire::ALL {
        let (outcome, _) = play(wire, vec![Step::Redirect("http://127.0.0.1:9/steal".to_owned())]).await;
        assert!(
            matches!(
                &outcome.reply,
                Err(LlmError::Redirected { location, .. }) if location == "http://127.0.0.1:9/steal"
            ),
            "{:?}",
            outcome.reply
        );
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    for wire in Wire::ALL {
        let url = refused_url().await;
        let outcome = ask(&config(&url), spec(wire), &question(), &mut ledger()).await;
        let error = outcome.reply.unwrap_err();
        assert!(error.is_transient(), "{error:?}");
        let remedy = match wire {
            Wire::Anthropic => "check the network and ANTHROPIC_BASE_URL",
            Wire::Ollama => "start it with `ollama serve`, or set OLLAMA_BASE_URL",
            Wire::OpenAi => "check the network and OPENAI_BASE_URL",
        };
        assert_eq!(
            error.to_string(),
            format!(
                "no connection to {} at {url}/{}: Connection refused (os error 111); {remedy}",
                provider(wire),
                path(wire)
            )
        );
        assert_eq!(outcome.spent, Spent { calls: 3, ..Spent::default() });
    }
}

#[tokio::test]
async fn silence_ends_in_a_timeout() {
    for wire in Wire::ALL {
        for step in [Step::Hang, answer(|answer| answer.end = End::Silence)] {
            let model = ScriptedModel::start([step]).await;
            let mut config = config(&model.base_url(wire));
            config.timeouts.idle = Duration::from_millis(50);
            config.retries.times = 0;
            let outcome = ask(&config, spec(wire), &question(), &mut ledger()).await;
            assert_eq!(
                outcome.reply.unwrap_err().to_string(),
                format!(
                    "{} sent nothing for 50ms; try again, or raise AGENT_MODEL_IDLE_TIMEOUT",
                    provider(wire)
                )
            );
            // Whatever the server did meanwhile counts as done.
            assert!(outcome.spent.tokens() >= 1_100);
            model.finish();
        }
    }
}

#[tokio::test]
async fn the_whole_question_has_a_time_limit() {
    let model = ScriptedModel::start([Step::Hang]).await;
    let mut config = config(&model.base_url(Wire::OpenAi));
    config.timeouts.total = Duration::from_millis(50);
    let outcome = ask(&config, spec(Wire::OpenAi), &question(), &mut ledger()).await;
    assert_eq!(
        outcome.reply.unwrap_err().to_string(),
        "openai did not finish within 50ms; try again, or raise AGENT_MODEL_TIMEOUT"
    );
    // The attempt was abandoned, so all that it may have used stays spent: of the prompt half as much again as is estimated.
    assert_eq!(
        outcome.spent,
        Spent { calls: 1, input_tokens: 2_280, output_tokens: 1_000, money: Usd::ZERO }
    );
}

#[tokio::test]
async fn a_hundred_megabytes_are_not_read() {
    for wire in Wire::ALL {
        for step in [Step::Flood { bytes: 100 << 20 }, Step::LongLine { bytes: 100 << 20 }] {
            let (outcome, requests) = play(wire, vec![step]).await;
            assert_eq!(
                outcome.reply.unwrap_err().to_string(),
                format!("the answer of {} is larger than 16777216 bytes and is not used", provider(wire))
            );
            assert_eq!(requests.len(), 1);
        }
    }
}

#[tokio::test]
async fn counts_that_cannot_be_true_are_estimated() {
    let estimated = Usage {
        input_tokens: 1_520,
        output_tokens: 4,
        cache_read_tokens: 0,
        cache_write_tokens: 0,
        counted: Counted::ByEstimate,
    };
    for wire in Wire::ALL {
        for counts in [Counts::Missing, Counts::Given { prompt: 0, answer: 0 }] {
            let (outcome, _) = play(wire, vec![answer(|answer| answer.counts = counts)]).await;
            assert_eq!(outcome.reply.unwrap().usage, estimated, "{wire:?} {counts:?}");
        }
    }
}

#[tokio::test]
async fn counts_beyond_all_bounds_end_the_run() {
    for wire in Wire::ALL {
        let model = ScriptedModel::start([answer(|answer| {
            answer.counts = Counts::Given { prompt: u64::MAX, answer: u64::MAX };
        })])
        .await;
        let config = config(&model.base_url(wire));
        let mut ledger = ledger();
        ask(&config, spec(wire), &question(), &mut ledger).await.reply.unwrap();
        let outcome = ask(&config, spec(wire), &question(), &mut ledger).await;
        assert!(matches!(outcome.reply, Err(LlmError::Budget(_))), "{:?}", outcome.reply);
        model.finish();
    }
}

#[tokio::test]
async fn a_prompt_that_ollama_cut_is_noticed() {
    // 80 lines of 7 words and 8 of the system prompt, less a tenth.
    for (evaluated, expect) in [(1_200, None), (512, None), (511, Some(512)), (300, Some(512))] {
        let step = answer(|answer| answer.counts = Counts::Given { prompt: evaluated, answer: 9 });
        let (outcome, _) = play(Wire::Ollama, vec![step]).await;
        let found = match outcome.reply {
            Ok(_) => None,
            Err(LlmError::SilentlyTruncated { at_least, evaluated: found, num_ctx: 8192 })
                if found == evaluated =>
            {
                Some(at_least)
            }
            Err(other) => panic!("{other}"),
        };
        assert_eq!(found, expect, "{evaluated}");
    }
}

#[tokio::test]
async fn a_prompt_that_cannot_fit_is_not_sent() {
    let model = ScriptedModel::start([]).await;
    let mut config = config(&model.base_url(Wire::Ollama));
    config.context_window = Some(2_000);
    let outcome = ask(&config, spec(Wire::Ollama), &question(), &mut ledger()).await;
    assert_eq!(
        outcome.reply.unwrap_err().to_string(),
        too_long("about 1520 tokens, with 1000 kept for the answer, in a window of 2000")
    );
    assert_eq!(outcome.spent, Spent::default());
    model.finish();
}

#[tokio::test]
async fn a_ceiling_is_asked_before_every_attempt() {
    // The first attempt may need 3,280 tokens. It broke off, and has used 1,150 of prompt and, by the first count, 1 of its answer:
    // the next may need no more than the estimate.
    let model = ScriptedModel::start([answer(|answer| answer.end = End::Early)]).await;
    let mut ledger = Ledger::new(Ceiling { tokens: 3_600, money: MoneyCeiling::AtMost(Usd::ZERO) });
    let config = config(&model.base_url(Wire::Anthropic));
    let outcome = ask(&config, spec(Wire::Anthropic), &question(), &mut ledger).await;
    assert_eq!(
        outcome.reply.unwrap_err().to_string(),
        "the next call to the model may need 2520 tokens, and 1151 of the 3600 that a run may use are gone; raise AGENT_MAX_TOKENS, or make the issue smaller"
    );
    model.finish();
}
