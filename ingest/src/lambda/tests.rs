use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use lambda_http::request::from_str;
use serde_json::{Value, json};
use sha2::Sha256;
use shared::env::Environment;

use super::*;
use crate::{config::Config, publish::Publisher, server, webhook::Webhooks};

const SECRET: &str = "a secret of the tests";
const BODY: &str = r#"{"zen":"Anything added dilutes everything else.","ü":"ß"}"#;

fn app() -> Router {
    let config = Config::from_env(&Environment::of([("AGENT_WEBHOOK_SECRETS", SECRET)])).unwrap();
    let publisher = std::sync::Arc::new(Publisher::new(config.broker));
    server::router(Webhooks::new(config.secrets, config.rules, config.limits, publisher))
}

fn signature() -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(BODY.as_bytes());
    mac.finalize().into_bytes().iter().fold("sha256=".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

fn headers() -> Value {
    json!({
        "content-type": "application/json", "host": "x.example", "x-github-event": "ping",
        "x-github-delivery": "d1", "x-hub-signature-256": signature(),
    })
}

/// As a Function URL and an HTTP API send it (payload format 2.0).
fn version_2(path: &str, stage: &str) -> Value {
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "", "headers": headers(),
        "requestContext": {
            "accountId": "anonymous", "apiId": "a", "domainName": "x.example", "domainPrefix": "x",
            "http": {"method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "u"},
            "requestId": "r", "routeKey": "$default", "stage": stage, "time": "21/Nov/2026:09:00:00 +0000",
            "timeEpoch": 1_795_251_600_000_u64,
        },
    })
}

/// As a REST API sends it (payload format 1.0).
fn version_1(path: &str, stage: &str) -> Value {
    let headers = headers();
    let many: Value = headers
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.clone(), json!([value])))
        .collect::<serde_json::Map<_, _>>()
        .into();
    json!({
        "resource": "/{proxy+}", "path": path, "httpMethod": "POST", "headers": headers, "multiValueHeaders": many,
        "queryStringParameters": null, "multiValueQueryStringParameters": null, "pathParameters": {"proxy": "webhook/github"},
        "stageVariables": null,
        "requestContext": {
            "resourceId": "1", "resourcePath": "/{proxy+}", "httpMethod": "POST", "path": path,
            "accountId": "1", "protocol": "HTTP/1.1", "stage": stage, "requestId": "r", "identity": {"sourceIp": "127.0.0.1"},
            "apiId": "a",
        },
    })
}

/// As a load balancer sends it.
fn load_balancer(path: &str) -> Value {
    json!({
        "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/x/1"}},
        "httpMethod": "POST", "path": path, "queryStringParameters": {}, "headers": headers(),
    })
}

async fn answer(event: &Value) -> (u16, Value) {
    let request = routed(from_str(&event.to_string()).unwrap());
    let response = app().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

#[tokio::test]
async fn every_kind_of_event_arrives_byte_for_byte() {
    let pong = (200, json!({"status": "ignored", "reason": "pong"}));
    let encoded = STANDARD.encode(BODY);
    for mut event in [
        version_2("/webhook/github", "$default"),
        version_2("/prod/webhook/github", "prod"),
        // A domain of one's own, with a base path, hides the stage or keeps it.
        version_2("/agent/webhook/github", "prod"),
        version_2("/prod/agent/webhook/github", "prod"),
        // A stage of the name of the first part of the path.
        version_2("/webhook/webhook/github", "webhook"),
        version_2("/webhook/github", "webhook"),
        version_1("/webhook/github", "prod"),
        version_1("/agent/webhook/github", "webhook"),
        load_balancer("/webhook/github"),
    ] {
        event["body"] = json!(BODY);
        event["isBase64Encoded"] = json!(false);
        assert_eq!(answer(&event).await, pong, "{event:#}");
        event["body"] = json!(encoded);
        event["isBase64Encoded"] = json!(true);
        assert_eq!(answer(&event).await, pong, "{event:#}");
        event["body"] = json!(STANDARD.encode("something else"));
        assert_eq!(answer(&event).await.0, 401);
    }
}

#[tokio::test]
async fn webhooks_of_jira_arrive_as_well() {
    for path in ["/webhook/jira/acme", "/prod/webhook/jira/acme", "/webhook/jira/webhook/jira/acme"] {
        let told = json!({"status": "refused", "reason": "no site of this name is configured"});
        assert_eq!(answer(&version_2(path, "prod")).await, (404, told), "{path}");
    }
    for path in ["/webhook/jira/", "/webhook/jira", "/webhook/jira/acme/more"] {
        let (status, told) = answer(&version_2(path, "prod")).await;
        assert!(status == 404 && told["reason"].as_str().unwrap().contains("nothing is served"), "{path}");
    }
}

#[tokio::test]
async fn another_path_says_where_webhooks_go() {
    for path in ["/", "/webhook/gitlab", "/webhook/github/", "/prod/webhook"] {
        let mut event = version_2(path, "prod");
        event["body"] = json!(BODY);
        event["isBase64Encoded"] = json!(false);
        let reason = "nothing is served here; webhooks go to /webhook/github and /webhook/jira/NAME";
        let told = json!({"status": "refused", "reason": reason});
        assert_eq!(answer(&event).await, (404, told), "{path}");
    }
}
