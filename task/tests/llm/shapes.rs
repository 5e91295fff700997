//! Shapes of answers and errors that servers send in addition to the documented ones, each with what becomes of it.

use task::llm::LlmError;
use tests::model::{Reply, ScriptedModel, Step, Wire};

use super::{ask, config, ledger, play, question, spec};

/// One event after the other, as a stream.
fn events(data: &[&str]) -> Step {
    Step::Raw(data.iter().fold(String::new(), |text, data| text + "data: " + data + "\n\n"))
}

const TEXT: &str =
    r#"{"model":"m","choices":[{"index":0,"delta":{"content":"the answer"},"finish_reason":null}]}"#;
const STOP: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;

#[tokio::test]
async fn an_answer_is_read_in_every_shape() {
    let parts = r#"{"model":"m","choices":[{"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"the "}]}}]}"#;
    let more = r#"{"choices":[{"delta":{"content":[{"type":"text","text":"answer"},{"type":"reference","reference_ids":[1]}]},"finish_reason":""}]}"#;
    let whole = r#"{
  "object": "chat.completion", "model": "m",
  "choices": [{"index": 0, "message": {"role": "assistant", "content": "the answer"}, "finish_reason": "stop"}],
  "usage": {"prompt_tokens": 9, "completion_tokens": 2}
}"#;
    let message = r#"{"type": "message", "model": "m", "content": [{"type": "text", "text": "the answer"}],
        "stop_reason": "end_turn", "usage": {"input_tokens": 9, "output_tokens": 2}}"#;
    let anthropic = "event: message_start\ndata: {\"message\":{\"model\":\"m\",\"usage\":{\"input_tokens\":9}}}\n\n\
        event: ping\ndata: {}\n\nevent: ping\ndata: still here\n\n\
        event: content_block_delta\ndata: {\"delta\":{\"type\":\"text_delta\",\"text\":\"the answer\"}}\n\n\
        event: message_delta\ndata: {\"delta\":{\"stop_reason\":\"stop\"}}\n\nevent: message_stop\ndata: {}\n\n";
    let ollama = r#"{
  "model": "m", "message": {"role": "assistant", "content": "the answer"},
  "done": true, "done_reason": "stop"
}"#;
    let stopped = |reason: &str| STOP.replace("stop\"}", &format!("{reason}\"}}"));
    for (wire, step) in [
        (Wire::OpenAi, events(&[parts, more, STOP, "[DONE]"])),
        (Wire::OpenAi, events(&["", TEXT, " ", STOP, "[DONE]"])),
        (Wire::OpenAi, events(&["ping", TEXT, "[PING]", "keep-alive", STOP])),
        (
            Wire::OpenAi,
            Step::Raw(format!(
                "\u{feff}: hello\n\nevent: heartbeat\ndata: 1\n\ndata: {TEXT}\n\ndata: {STOP}\n\n"
            )),
        ),
        (Wire::OpenAi, events(&[TEXT, &stopped("end_turn")])),
        (Wire::OpenAi, events(&[TEXT, &stopped("STOP")])),
        (Wire::OpenAi, events(&[TEXT, &stopped("eos")])),
        (Wire::OpenAi, Step::Reply(Reply::json(200, whole))),
        (Wire::OpenAi, Step::Raw(whole.replace('\n', ""))),
        (Wire::Anthropic, Step::Reply(Reply::json(200, message))),
        (Wire::Anthropic, Step::Raw(anthropic.to_owned())),
        (Wire::Ollama, Step::Reply(Reply::json(200, ollama))),
    ] {
        let (outcome, requests) = play(wire, vec![step.clone()]).await;
        let reply = outcome.reply.unwrap_or_else(|error| panic!("{wire:?} {step:?}: {error}"));
        assert_eq!((reply.text.as_str(), reply.model.as_str()), ("the answer", "m"), "{wire:?} {step:?}");
        assert_eq!(requests.len(), 1);
    }
}

/// Claude may write its answer in several blocks: the next one begins a line of its own, so that a marker at its head is one.
#[tokio::test]
async fn blocks_of_text_are_separate_lines() {
    let block = |at: usize, pieces: &[&str]| {
        let event = |kind: &str, rest: String| {
            format!("event: {kind}\ndata: {{\"type\":\"{kind}\",\"index\":{at},{rest}}}\n\n")
        };
        let start = event("content_block_start", r#""content_block":{"type":"text","text":""}"#.to_owned());
        let delta = |text: &&str| {
            event("content_block_delta", format!(r#""delta":{{"type":"text_delta","text":"{text}"}}"#))
        };
        start
            + &pieces.iter().map(delta).collect::<String>()
            + &event("content_block_stop", r#""x":0"#.to_owned())
    };
    let stream =
        "event: message_start\ndata: {\"message\":{\"model\":\"m\",\"usage\":{\"input_tokens\":9}}}\n\n"
            .to_owned()
            + &block(0, &["TITLE: a", " b"])
            + &block(1, &["SUMMARY:\\n"])
            + &block(2, &["That is ", "all."])
            + "event: message_delta\ndata: {\"delta\":{\"stop_reason\":\"end_turn\"}}\n\nevent: message_stop\ndata: {}\n\n";
    let whole = r#"{"type": "message", "model": "m", "stop_reason": "end_turn", "usage": {"input_tokens": 9, "output_tokens": 2},
        "content": [{"type": "text", "text": "TITLE: a b"}, {"type": "text", "text": "SUMMARY:\n"},
        {"type": "text", "text": "That is all."}]}"#;
    for step in [Step::Raw(stream), Step::Reply(Reply::json(200, whole))] {
        let (outcome, _) = play(Wire::Anthropic, vec![step]).await;
        assert_eq!(outcome.reply.unwrap().text, "TITLE: a b\nSUMMARY:\nThat is all.");
    }
}

/// What an error is, in a word.
fn kind(error: &LlmError) -> &'static str {
    match error {
        LlmError::Overloaded { .. } => "overloaded",
        LlmError::Reported { .. } => "reported",
        LlmError::RateLimited { .. } => "limited",
        LlmError::OverRateLimit { .. } => "above the limit",
        LlmError::SpendLimit { .. } => "broke",
        LlmError::BadKey { .. } => "key",
        LlmError::UnknownModel { .. } => "model",
        LlmError::NoInterface { .. } => "address",
        LlmError::BadRequest { .. } => "request",
        LlmError::ContextWindow { .. } => "window",
        LlmError::Truncated { .. } => "cut",
        LlmError::Refused { .. } => "refused",
        LlmError::Interrupted { .. } => "interrupted",
        LlmError::UnexpectedStop { .. } => "stop",
        _ => "other",
    }
}

/// A response, what it means, how often it is asked for with two retries, and words of the server that must be told.
type Row = (Wire, Step, &'static str, usize, &'static str);

async fn check(rows: &[Row]) {
    for (wire, step, expect, requests, words) in rows {
        let (outcome, asked) = play(*wire, vec![step.clone(); *requests]).await;
        let error = outcome.reply.expect_err("no answer came");
        assert_eq!((kind(&error), asked.len()), (*expect, *requests), "{wire:?} {step:?}: {error}");
        assert!(error.to_string().contains(words), "{step:?}: {error}");
        assert_eq!(error.is_transient(), *requests > 1, "{step:?}: {error}");
    }
}

fn reply(status: u16, body: &str) -> Step {
    Step::Reply(Reply::json(status, body))
}

#[tokio::test]
async fn an_error_with_a_status_of_success_is_an_error() {
    use Wire::{Anthropic, Ollama, OpenAi};
    let limited = "{\n \"error\": {\n  \"message\": \"Rate limit exceeded\",\n  \"code\": 429\n }\n}";
    check(&[
        (OpenAi, reply(200, limited), "limited", 3, "Rate limit exceeded"),
        (OpenAi, Step::Raw(limited.to_owned()), "limited", 3, "Rate limit exceeded"),
        (OpenAi, reply(200, r#"[{"error":{"code":503,"message":"The model is busy","status":"UNAVAILABLE"}}]"#), "overloaded", 3, "The model is busy"),
        (OpenAi, reply(200, r#"{"detail":"Upstream is gone"}"#), "reported", 3, "Upstream is gone"),
        (OpenAi, reply(200, r#"{"object":"error","message":"No such adapter","type":"BadRequestError","code":400}"#), "request", 1, "No such adapter"),
        (OpenAi, reply(200, r#"{"error":{"message":"Provider returned error","code":502,"metadata":{"raw":"boom"}}}"#), "overloaded", 3, "Provider returned error: boom"),
        (OpenAi, events(&[TEXT, r#"{"choices":[{"delta":{},"error":{"code":502,"message":"Network connection lost."},"finish_reason":"error"}]}"#]), "overloaded", 3, "Network connection lost."),
        (OpenAi, events(&[r#"{"error":{"message":"m","code":"invalid_api_key"}}"#]), "key", 1, "m"),
        (OpenAi, events(&[r#"{"error":{"message":"m","code":"insufficient_quota"}}"#]), "broke", 1, "m"),
        (OpenAi, Step::Raw("event: error\ndata: upstream timed out\n\n".to_owned()), "reported", 3, "upstream timed out"),
        (Anthropic, reply(200, r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#), "overloaded", 3, "Overloaded"),
        (Anthropic, Step::Raw("event: error\ndata: {\"error\":{\"type\":\"rate_limit_error\",\"message\":\"slow down\"}}\n\n".to_owned()), "limited", 3, "slow down"),
        (Ollama, reply(200, "{\n \"error\": \"llama runner has crashed\"\n}"), "reported", 3, "llama runner has crashed"),
    ])
    .await;
}

#[tokio::test]
async fn statuses_are_repeated_as_the_vendors_clients_repeat_them() {
    use Wire::{Anthropic, OpenAi};
    let said = |words: &str| format!(r#"{{"error":{{"message":"{words}"}}}}"#);
    let with = |status: u16, words: &str, name: &'static str, value: &'static str| {
        Step::Reply(Reply::json(status, said(words)).with(name, value))
    };
    let too_large = r#"{"error":{"message":"Request too large for model m on tokens per minute (TPM): Limit 6000, Requested 9012","type":"tokens","code":"rate_limit_exceeded"}}"#;
    let too_many = r#"{"error":{"message":"Tokens per minute: Limit 6000, Used 5000, Requested 3000","type":"tokens","code":"rate_limit_exceeded"}}"#;
    check(&[
        (OpenAi, reply(408, &said("timeout")), "overloaded", 3, "timeout"),
        (OpenAi, reply(409, &said("locked")), "overloaded", 3, "locked"),
        (Anthropic, reply(409, &said("locked")), "overloaded", 3, "locked"),
        (OpenAi, reply(429, &said("slow")), "limited", 3, "slow"),
        (OpenAi, reply(524, &said("origin")), "overloaded", 3, "origin"),
        (OpenAi, with(400, "odd", "x-should-retry", "true"), "overloaded", 3, "odd"),
        (OpenAi, reply(400, &said("odd")), "request", 1, "odd"),
        (OpenAi, reply(413, &said("body too large")), "window", 1, "body too large"),
        (OpenAi, reply(413, too_large), "above the limit", 1, "Requested 9012"),
        (OpenAi, reply(413, too_many), "limited", 3, "Used 5000"),
        (
            OpenAi,
            reply(404, &said("No endpoints found matching your data policy")),
            "request",
            1,
            "data policy",
        ),
        (OpenAi, reply(404, &said("Invalid URL (POST /v1/x)")), "address", 1, "Invalid URL (POST /v1/x)"),
        (OpenAi, reply(404, &said("The model `m` does not exist")), "model", 1, "does not exist"),
        (
            OpenAi,
            reply(
                422,
                r#"{"detail":[{"loc":["body","n"],"msg":"Extra inputs are not permitted","input":{}}]}"#,
            ),
            "request",
            1,
            "body.n: Extra inputs are not permitted",
        ),
    ])
    .await;
    // What the server does not want repeated is left to a later run.
    for status in [429, 503] {
        let step = with(status, "not now", "x-should-retry", "false");
        let (outcome, requests) = play(OpenAi, vec![step]).await;
        assert_eq!((outcome.reply.unwrap_err().is_transient(), requests.len()), (true, 1), "{status}");
    }
}

#[tokio::test]
async fn reasons_to_stop_are_understood_in_every_spelling() {
    use Wire::{Anthropic, Ollama, OpenAi};
    let openai = |reason: &str| events(&[TEXT, &STOP.replace("\"stop\"", &format!("\"{reason}\""))]);
    let anthropic = |reason: &str| {
        reply(
            200,
            &format!(
                r#"{{"type":"message","content":[{{"type":"text","text":"x"}}],"stop_reason":"{reason}"}}"#
            ),
        )
    };
    let ollama = |reason: &str| {
        reply(200, &format!(r#"{{"message":{{"content":"x"}},"done":true,"done_reason":"{reason}"}}"#))
    };
    check(&[
        (OpenAi, openai("max_tokens"), "cut", 1, "AGENT_MAX_OUTPUT_TOKENS"),
        (OpenAi, openai("MAX_TOKENS"), "cut", 1, "AGENT_MAX_OUTPUT_TOKENS"),
        (OpenAi, openai("model_length"), "window", 1, "window"),
        (OpenAi, openai("SAFETY"), "refused", 1, "filter"),
        (OpenAi, openai("insufficient_system_resource"), "interrupted", 3, "insufficient_system_resource"),
        (OpenAi, openai("function_call"), "stop", 1, "function_call"),
        (Anthropic, anthropic("length"), "cut", 1, "AGENT_MAX_OUTPUT_TOKENS"),
        (Ollama, ollama("max_tokens"), "cut", 1, "AGENT_MAX_OUTPUT_TOKENS"),
    ])
    .await;
}

#[tokio::test]
async fn an_event_that_is_damaged_after_good_ones_is_asked_for_again() {
    let damaged = [
        events(&[TEXT, r#"{"choices":[{"delta":{"con"#]),
        Step::Raw(format!("data: {TEXT}\n\nupstream connect error\n")),
    ];
    for step in damaged {
        let (outcome, requests) = play(Wire::OpenAi, vec![step, events(&[TEXT, STOP])]).await;
        assert_eq!((outcome.reply.unwrap().text.as_str(), requests.len()), ("the answer", 2));
    }
    let first = "{\"message\":{\"content\":\"the\"},\"done\":false}\n";
    let script = vec![Step::Raw(format!("{first}{{\"message\":")), Step::text("the answer")];
    let (outcome, requests) = play(Wire::Ollama, script).await;
    assert_eq!((outcome.reply.unwrap().text.as_str(), requests.len()), ("the answer", 2));
}

#[tokio::test]
async fn the_words_of_a_server_are_bounded_and_hold_no_secret() {
    let long = format!(r#"{{"error":{{"message":"{} gw-0123456789abcdef"}}}}"#, "x ".repeat(20_000));
    let short = r#"{"error":{"message":"header gw-0123456789abcdef is not known"}}"#;
    for (body, expect) in [(long.as_str(), None), (short, Some("header [key] is not known"))] {
        let model = ScriptedModel::start([reply(400, body)]).await;
        let mut config = config(&model.base_url(Wire::OpenAi));
        config.headers = Some("x-gateway-key: gw-0123456789abcdef".to_owned().into());
        let outcome = ask(&config, spec(Wire::OpenAi), &question(), &mut ledger()).await;
        let told = outcome.reply.unwrap_err().to_string();
        assert!(told.len() < 400 && !told.contains("gw-0123456789abcdef"), "{told}");
        assert!(expect.is_none_or(|words| told.contains(words)), "{told}");
        assert_eq!(model.finish()[0].headers["x-gateway-key"], "gw-0123456789abcdef");
    }
}
