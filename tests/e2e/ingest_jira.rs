//! Every example of Jira's webhooks, signed and sent to the program, against what is expected of each; and who is not believed.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::Context as _;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use shared::{message::Message, queue, repo::HostPolicy};
use tests::{
    broker::Broker,
    ingest::{Answer, Ingest, answer},
    webhook::sign,
};

const SECRET: &str = "a secret of the site acme";
const OLD_SECRET: &str = "the secret before that one";
const OTHER_SECRET: &str = "a secret of another site";
/// Who acts in most examples.
const DEV: &str = "5c5f880629be9642ba529340";

fn secrets() -> String {
    format!("acme={SECRET}\nacme={OLD_SECRET}\nother={OTHER_SECRET}")
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/jira/webhooks")
}

/// Name and body of each example.
fn examples() -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let mut examples = BTreeMap::new();
    for entry in fs::read_dir(folder())? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|stem| stem.to_str()).context("an odd name")?;
        if path.extension().is_some_and(|extension| extension == "json") {
            examples.insert(name.to_owned(), fs::read(&path)?);
        }
    }
    Ok(examples)
}

/// A webhook as Jira sends it.
fn webhook(ingest: &Ingest, site: &str, secret: &str, body: &[u8]) -> RequestBuilder {
    reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client without anything special")
        .post(ingest.url(&format!("/webhook/jira/{site}")))
        .header("content-type", "application/json; charset=UTF-8")
        .header("x-atlassian-webhook-identifier", "b4b1dd92-9b0c-4b5b-a4b0-6d24b5e3d6f4")
        .header("x-hub-signature", sign(secret, body))
        .body(body.to_vec())
}

async fn send(ingest: &Ingest, body: &[u8]) -> anyhow::Result<Answer> {
    answer(webhook(ingest, "acme", SECRET, body)).await
}

#[tokio::test]
async fn every_example_is_decided_as_expected() -> anyhow::Result<()> {
    let broker = Broker::shared().await?;
    let host = broker.virtual_host().await?;
    let secrets = secrets();
    let variables = [("AGENT_TRIGGER_LABEL", "sad"), ("AGENT_JIRA_WEBHOOK_SECRETS", secrets.as_str())];
    let ingest = Ingest::start(&host.url("ingest"), &variables)?;
    let mut found = BTreeMap::new();
    for (name, body) in examples()? {
        let (status, told) = send(&ingest, &body).await?;
        let what = if status == 202 {
            let message = host.take(queue::TASKS).await?.context("accepted, but nothing is in the queue")?;
            let payload = message["payload"].as_str().context("the message has no payload")?;
            let Message::Jira(request) = Message::parse(payload.as_bytes(), &HostPolicy::github())? else {
                anyhow::bail!("a task: {payload}");
            };
            assert_eq!(told["task_id"], request.id.to_string());
            assert_eq!(request.site.as_str(), "acme");
            assert_eq!(request.account.map(|id| id.to_string()).as_deref(), Some(DEV));
            assert!(request.delivery_id.is_some());
            format!("{} {} {}", request.asks.name(), request.issue, request.number)
        } else {
            told["reason"].as_str().context("no reason is told")?.to_owned()
        };
        found.insert(name, format!("{status} {what}"));
    }
    let text = fs::read_to_string(folder().join("expected.txt"))?;
    let expected = text.lines().filter_map(|line| line.split_once(' '));
    let expected: BTreeMap<String, String> =
        expected.map(|(name, what)| (name.to_owned(), what.to_owned())).collect();
    assert_eq!(found.len(), 14);
    assert_eq!(found, expected);
    assert_eq!(host.take(queue::TASKS).await?, None::<Value>);

    // A delivery that is repeated is the same request, whoever of the two secrets signed it.
    let body = examples()?.remove("issue-updated-labels").context("an example is gone")?;
    let (_, first) = send(&ingest, &body).await?;
    let (status, second) = answer(webhook(&ingest, "acme", OLD_SECRET, &body)).await?;
    assert_eq!((status, &first["task_id"]), (202, &second["task_id"]));
    Ok(())
}

#[tokio::test]
async fn labels_of_a_new_issue_and_the_agents_own_acts_are_known() -> anyhow::Result<()> {
    let broker = Broker::shared().await?;
    let host = broker.virtual_host().await?;
    let (secrets, account) = (secrets(), format!("acme={DEV}"));
    let secrets = ("AGENT_JIRA_WEBHOOK_SECRETS", secrets.as_str());
    let label = ("AGENT_TRIGGER_LABEL", "TEST-label");
    let ingest = Ingest::start(&host.url("ingest"), &[secrets, label])?;
    let created = examples()?.remove("issue-created").context("an example is gone")?;
    assert_eq!(send(&ingest, &created).await?.0, 202);

    let ingest = Ingest::start(&host.url("ingest"), &[secrets, label, ("AGENT_JIRA_ACCOUNTS", &account)])?;
    let assigned = examples()?.remove("issue-updated-assigned").context("an example is gone")?;
    for body in [created, assigned] {
        let (status, told) = send(&ingest, &body).await?;
        assert_eq!((status, told["reason"].as_str()), (200, Some("the actor is the agent itself")));
    }
    Ok(())
}

#[tokio::test]
async fn nobody_is_believed_without_the_secret_of_the_site() -> anyhow::Result<()> {
    // Nobody listens there: whatever were to be published would answer 503.
    let secrets = secrets();
    let ingest = Ingest::start("amqp://127.0.0.1:1/agents", &[("AGENT_JIRA_WEBHOOK_SECRETS", &secrets)])?;
    let body = json!({ "webhookEvent": "comment_deleted" }).to_string();
    let body = body.as_bytes();
    let request = |site: &str, secret: &str| webhook(&ingest, site, secret, body);
    let bare = || {
        let client = reqwest::Client::new().post(ingest.url("/webhook/jira/acme"));
        client.header("content-type", "application/json").body(body.to_vec())
    };
    for (request, status, reason) in [
        (request("acme", SECRET), 200, "`comment_deleted` asks for nothing"),
        (request("acme", OTHER_SECRET), 401, "the signature does not fit the body"),
        (request("other", SECRET), 401, "the signature does not fit the body"),
        (request("nowhere", SECRET), 404, "no site of this name is configured"),
        (request("ACME", SECRET), 404, "no site of this name is configured"),
        (
            bare(),
            401,
            "the request has no signature in X-Hub-Signature: set a secret for the webhook in Jira",
        ),
        (
            bare().header("x-hub-signature-256", sign(SECRET, body)),
            401,
            "the request has no signature in X-Hub-Signature: set a secret for the webhook in Jira",
        ),
        (
            bare().header("x-hub-signature", "sha1=00"),
            401,
            "the signature is not `sha256=` and 64 hexadecimal digits",
        ),
        (
            request("acme", SECRET).header("x-hub-signature", "sha256=00"),
            401,
            "the request has more than one signature",
        ),
        (
            request("acme", SECRET).header("content-encoding", "gzip"),
            415,
            "the content type is not application/json",
        ),
        (webhook(&ingest, "acme", SECRET, b"{}"), 422, "the payload of `?` has no webhookEvent"),
    ] {
        let (found, told) = answer(request).await?;
        assert_eq!((found, told["reason"].as_str()), (status, Some(reason)));
    }
    let lambda_like = webhook(&ingest, "acme/more", SECRET, body);
    assert_eq!(answer(lambda_like).await?.0, 404);
    Ok(())
}
