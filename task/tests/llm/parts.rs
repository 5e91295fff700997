//! Parts of a request that a server refuses are left out, once and for the rest of the run.

use serde_json::{Value, json};
use task::llm::{Effort, Llm, LlmError, Prompt};
use tests::model::{Reply, Request, ScriptedModel, Step, Wire};

use super::{PROMPT_LINE, SYSTEM, config, ledger, question, spec};

fn refusal(status: u16, message: &str) -> Step {
    Step::Reply(Reply::json(status, json!({"error": {"message": message}}).to_string()))
}

/// Asks twice with a temperature and an effort; the first question meets these refusals.
async fn ask_twice(wire: Wire, refusals: &[Step]) -> Vec<Request> {
    let answers = [Step::text("one"), Step::text("two")];
    let model = ScriptedModel::start(refusals.iter().cloned().chain(answers)).await;
    let mut config = config(&model.base_url(wire));
    config.temperature = Some(0.5);
    config.effort = Some(Effort::High);
    // None of it counts as a retry.
    config.retries.times = 0;
    let llm = Llm::new(spec(wire), &config).unwrap().priced(task::llm::Pricing::Free).unwrap();
    let messages = question();
    let prompt =
        Prompt { system: SYSTEM, messages: &messages, max_output_tokens: 1_000, estimated_tokens: 1_600 };
    let mut ledger = ledger();
    for expect in ["one", "two"] {
        let reply = llm.complete(&prompt, &mut ledger, |_| {}).await;
        assert_eq!(reply.unwrap_or_else(|error| panic!("{wire:?}: {error}")).text, expect);
    }
    // What was refused cost nothing and is in no bill.
    assert_eq!(ledger.spent().calls, 2, "{wire:?}");
    model.finish()
}

#[tokio::test]
async fn what_a_server_refuses_is_left_out_for_the_rest_of_the_run() {
    use Wire::{Anthropic, Ollama, OpenAi};
    let absent = Value::Null;
    let rows: [(Wire, u16, &str, &str, Value, Value); 10] = [
        (
            OpenAi,
            400,
            "Unrecognized request argument supplied: stream_options",
            "/stream_options",
            json!({"include_usage": true}),
            absent.clone(),
        ),
        (
            OpenAi,
            400,
            "Unsupported value: 'temperature' does not support 0.5 with this model.",
            "/temperature",
            json!(0.5),
            absent.clone(),
        ),
        (
            OpenAi,
            400,
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
            "/max_completion_tokens",
            absent.clone(),
            json!(1000),
        ),
        (
            OpenAi,
            400,
            "reasoning_effort: Extra inputs are not permitted",
            "/reasoning_effort",
            json!("high"),
            absent.clone(),
        ),
        (
            OpenAi,
            400,
            "Your organization must be verified to stream this model.",
            "/stream",
            json!(true),
            json!(false),
        ),
        (
            OpenAi,
            500,
            "jinja2.exceptions.TemplateError: System role not supported",
            "/messages/0/role",
            json!("system"),
            json!("user"),
        ),
        (
            Anthropic,
            400,
            "This model does not support the effort parameter.",
            "/output_config",
            json!({"effort": "high"}),
            absent.clone(),
        ),
        (
            Anthropic,
            400,
            "`temperature` is deprecated for this model.",
            "/temperature",
            json!(0.5),
            absent.clone(),
        ),
        (Ollama, 400, "\"m\" does not support thinking", "/think", json!("high"), absent.clone()),
        (
            Ollama,
            400,
            "Conversation roles must alternate user/assistant/user/assistant/...",
            "/messages/0/role",
            json!("system"),
            json!("user"),
        ),
    ];
    for (wire, status, message, pointer, before, after) in rows {
        let requests = ask_twice(wire, &[refusal(status, message)]).await;
        let found: Vec<Value> = requests
            .iter()
            .map(|request| request.body.pointer(pointer).cloned().unwrap_or_default())
            .collect();
        assert_eq!(found, [before, after.clone(), after], "{wire:?} {message}");
    }
}

#[tokio::test]
async fn several_parts_are_left_out_one_after_the_other() {
    let refusals = [
        refusal(422, "stream_options: extra fields not permitted"),
        refusal(400, "Streaming is not supported"),
        refusal(400, "System role not supported"),
    ];
    let requests = ask_twice(Wire::OpenAi, &refusals).await;
    assert_eq!(requests.len(), 5);
    let body = &requests[4].body;
    assert_eq!((&body["stream"], &body["stream_options"]), (&json!(false), &Value::Null));
    let first = body["messages"][0]["content"].as_str().unwrap();
    assert!(first.starts_with(&format!("{SYSTEM}\n\n{PROMPT_LINE}")), "{first:.80}");
}

#[tokio::test]
async fn the_same_refusal_twice_ends_the_question_and_names_the_variable() {
    let model = ScriptedModel::start([
        refusal(400, "temperature is not supported"),
        refusal(400, "temperature is not supported"),
    ])
    .await;
    let mut config = config(&model.base_url(Wire::OpenAi));
    config.temperature = Some(0.5);
    let mut told = Vec::new();
    let llm = Llm::new(spec(Wire::OpenAi), &config).unwrap().priced(task::llm::Pricing::Free).unwrap();
    let messages = question();
    let prompt =
        Prompt { system: SYSTEM, messages: &messages, max_output_tokens: 1_000, estimated_tokens: 1_600 };
    let reply = llm
        .complete(&prompt, &mut ledger(), |step| {
            if let task::llm::Progress::Retrying { error, .. } = step {
                told.push(error.to_string());
            }
        })
        .await;
    assert!(matches!(reply, Err(LlmError::BadRequest { status: 400, .. })), "{reply:?}");
    assert_eq!(
        told,
        [
            "openai refuses the temperature of AGENT_TEMPERATURE: temperature is not supported; asking again without it; \
          unset AGENT_TEMPERATURE to leave it out from the beginning"
        ]
    );
    model.finish();
}
