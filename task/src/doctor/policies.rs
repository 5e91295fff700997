//! The *policies* of the queues: whether what is deployed is in force. AMQP does not tell; the broker's management
//! interface does, to a user who has its tag `management`.

use std::time::Duration;

use reqwest::{Certificate, Client, StatusCode, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};
use shared::broker::Broker;
use shared::queue;
use url::Url;

use super::{About, Finding, Health};

/// Time for one answer.
const WITHIN: Duration = Duration::from_secs(10);
/// Looks, a second apart, at a queue that seems to have no policy: the interface learns of a new queue's some seconds
/// later.
const LOOKS: u32 = 5;
const FIX: &str = "Import the definitions of k8s/base/rabbitmq, or fix the policy there; it applies at once.";

/// What a policy has to say, and what comes of it otherwise.
struct Rule {
    key: &'static str,
    value: Value,
    otherwise: &'static str,
}

fn rules(name: &str) -> Vec<Rule> {
    let rule = |key, value, otherwise| Rule { key, value, otherwise };
    let length = || {
        rule("max-length", json!(queue::MAX_LENGTH), "the queue grows until the disk of the broker is full")
    };
    if name == queue::DEAD_LETTERS {
        let milliseconds = queue::DEAD_LETTER_TTL.as_secs() * 1000;
        return vec![
            length(),
            rule("message-ttl", json!(milliseconds), "dead letters are kept for another time than two weeks"),
        ];
    }
    if let Some(delay) = queue::DELAYS.iter().find(|delay| delay.queue == name) {
        let stuck = "a task that waits there never comes back";
        return vec![
            length(),
            rule("overflow", json!("reject-publish"), "a full queue drops tasks that have to wait"),
            rule(
                "message-ttl",
                json!(delay.time.as_secs() * 1000),
                "tasks wait for another time than they should",
            ),
            rule("dead-letter-exchange", json!(queue::EXCHANGE), stuck),
            rule("dead-letter-routing-key", json!(queue::TASKS), stuck),
            rule("dead-letter-strategy", json!("at-least-once"), "a task can be lost on its way back"),
        ];
    }
    let lost = "a task that is given up is lost without a word on its issue";
    vec![
        length(),
        rule("overflow", json!("reject-publish"), "a full queue drops tasks that were asked for"),
        rule(
            "delivery-limit",
            json!(queue::DELIVERY_LIMIT),
            "a task is tried another number of times than three",
        ),
        rule("dead-letter-exchange", json!(queue::EXCHANGE), lost),
        rule("dead-letter-routing-key", json!(queue::DEAD_LETTERS), lost),
        rule(
            "dead-letter-strategy",
            json!("at-least-once"),
            "a task that is given up can be lost on its way",
        ),
    ]
}

pub(super) async fn examine(broker: &Broker, management: Option<&SecretString>) -> Vec<Finding> {
    let Some(management) = management else {
        let what = "the policies of the queues were not checked";
        let fix = "Set AGENT_AMQP_MANAGEMENT_URL for that, or compare `rabbitmqctl list_policies` with k8s/base/rabbitmq.";
        return vec![Finding::new(About::Queue, Health::Unseen, what).fix(fix)];
    };
    let wrong = |what: String| vec![Finding::wrong(About::Queue, what, "Correct AGENT_AMQP_MANAGEMENT_URL.")];
    let base = match Url::parse(management.expose_secret()) {
        Ok(base) if matches!(base.scheme(), "http" | "https") && base.has_host() => base,
        _ => {
            return wrong(
                "AGENT_AMQP_MANAGEMENT_URL is not http://USER:PASSWORD@HOST:PORT or the same with https"
                    .to_owned(),
            );
        }
    };
    let client = match client(broker) {
        Ok(client) => client,
        Err(error) => return wrong(format!("the management interface cannot be reached: {error}")),
    };
    let mut findings = Vec::new();
    let delays = queue::DELAYS.iter().map(|delay| delay.queue);
    for name in [queue::TASKS, queue::DEAD_LETTERS].into_iter().chain(delays) {
        findings.push(match policy(&client, &base, broker.virtual_host(), name).await {
            Ok(Some(policy)) => compare(name, &policy),
            Ok(None) => Finding::wrong(About::Queue, format!("no policy is in force for `{name}`"), FIX),
            Err(finding) => finding,
        });
    }
    findings
}

fn client(broker: &Broker) -> reqwest::Result<Client> {
    let mut builder = Client::builder().timeout(WITHIN).redirect(redirect::Policy::none()).no_proxy();
    if let Some(certificates) = broker.certificates() {
        for certificate in Certificate::from_pem_bundle(certificates.as_bytes())? {
            builder = builder.add_root_certificate(certificate);
        }
    }
    builder.build()
}

/// The policy that is in force for a queue.
async fn policy(
    client: &Client,
    base: &Url,
    host: &str,
    name: &str,
) -> Result<Option<Map<String, Value>>, Finding> {
    let away = |why: String| {
        let what = format!("the management interface says nothing about `{name}`: {why}");
        Finding::new(About::Queue, Health::Away, what)
            .fix("Look at AGENT_AMQP_MANAGEMENT_URL and whether its port is open from here.")
    };
    let mut url = base.clone();
    url.path_segments_mut()
        .expect("an address with a host")
        .pop_if_empty()
        .extend(["api", "queues", host, name]);
    for look in 1..=LOOKS {
        let asked = client.get(url.clone()).send().await;
        let answer = asked.map_err(|error| away(error.without_url().to_string()))?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let what = "the management interface refuses the user of AGENT_AMQP_MANAGEMENT_URL";
                let fix = "It needs the tag `management` and a permission in the virtual host, which may be for nothing (`^$`).";
                return Err(Finding::wrong(About::Queue, what, fix));
            }
            status => return Err(away(format!("it answers {status}"))),
        }
        let told: Value = answer.json().await.map_err(|error| away(error.without_url().to_string()))?;
        match &told["effective_policy_definition"] {
            Value::Object(policy) if !policy.is_empty() => return Ok(Some(policy.clone())),
            _ if look < LOOKS => tokio::time::sleep(Duration::from_secs(1)).await,
            _ => {}
        }
    }
    Ok(None)
}

fn compare(name: &str, policy: &Map<String, Value>) -> Finding {
    let off: Vec<String> = rules(name)
        .into_iter()
        .filter(|rule| policy.get(rule.key) != Some(&rule.value))
        .map(|rule| {
            let is = policy.get(rule.key).map_or_else(|| "absent".to_owned(), Value::to_string);
            format!("`{}` is {is}, not {}: {}", rule.key, rule.value, rule.otherwise)
        })
        .collect();
    if off.is_empty() {
        return Finding::good(About::Queue, format!("the policy of `{name}` is the one that is deployed"));
    }
    Finding::wrong(About::Queue, format!("the policy of `{name}` is another one; {}", off.join("; ")), FIX)
}
