//! A *broker* for tests: RabbitMQ itself, on ports and with folders of its own.
//!
//! [`Broker::start`] runs an [`Installation`] of RabbitMQ: that of the machine, or another release from a folder.
//! [`Broker::shared`] uses the one that the variable `TESTS_RABBITMQ` names, as `AMQP_PORT:MANAGEMENT_PORT` on this
//! machine with the user `guest`, and starts one if it names none. Each test works in a virtual host of its own, set up
//! from the definitions that are deployed.
//! `cargo run -p tests --example rabbitmq` runs one for all tests: it prints the value of the variable and ends with
//! its standard input.

mod server;
mod shipped;

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, bail, ensure};
use lapin::{Connection, ConnectionProperties, options::QueueDeclareOptions, types::FieldTable};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{interval, timeout};

use server::Server;
pub use server::{Installation, Signal};
pub use shipped::{Listener, Running, Shipped};

/// Five seconds on an idle machine.
const START_WITHIN: Duration = Duration::from_mins(2);

/// Each user can get in the way once.
const IMPORT_TRIES: usize = 10;

/// How often the management interface is asked that drops a request, and how long apart.
const READ_TRIES: usize = 5;
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// The password of every user.
pub const PASSWORD: &str = "for-tests-only";

/// A running RabbitMQ.
pub struct Broker {
    amqp: u16,
    management: u16,
    http: reqwest::Client,
    own: Option<Server>,
    /// How long a message may be held, where that is not what is deployed.
    held: Option<Duration>,
}

/// A virtual host with the queues, users and policies that are deployed.
pub struct VirtualHost<'a> {
    broker: &'a Broker,
    name: String,
}

impl Broker {
    /// The broker that is given by the environment, or a new one.
    pub async fn shared() -> anyhow::Result<Self> {
        let Ok(ports) = std::env::var("TESTS_RABBITMQ") else { return Self::start().await };
        let (amqp, management) =
            ports.split_once(':').context("TESTS_RABBITMQ is not AMQP_PORT:MANAGEMENT_PORT")?;
        Ok(Self {
            amqp: amqp.parse().context("TESTS_RABBITMQ")?,
            management: management.parse().context("TESTS_RABBITMQ")?,
            http: client(),
            own: None,
            held: None,
        })
    }

    /// A broker of one's own, which may be stopped and hurt.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_with("", "[].\n").await
    }

    /// One that takes a message back that was held for longer than this. It looks twice a second.
    pub async fn start_with_consumer_timeout(held: Duration) -> anyhow::Result<Self> {
        let conf = format!("consumer_timeout = {}\n", held.as_millis());
        let broker = Self::start_with(&conf, "[{rabbit, [{channel_tick_interval, 500}]}].\n").await?;
        // From 3.12 on, the policy of a queue takes precedence over the file.
        Ok(Self { held: Some(held), ..broker })
    }

    async fn start_with(conf: &str, advanced: &str) -> anyhow::Result<Self> {
        let server = Server::prepare(&Installation::chosen())?;
        let management = server.spare_port();
        server.write(
            "rabbitmq.conf",
            &format!(
                "listeners.tcp.1 = 127.0.0.1:{}\n\
                 management.tcp.ip = 127.0.0.1\n\
                 management.tcp.port = {management}\n\
                 vm_memory_high_watermark.absolute = 1GB\n\
                 disk_free_limit.absolute = 50MB\n\
                 {conf}",
                server.amqp()
            ),
        )?;
        server.write("advanced.config", advanced)?;
        server.write("enabled_plugins", "[rabbitmq_management].\n")?;
        let mut broker =
            Self { amqp: server.amqp(), management, http: client(), own: Some(server), held: None };
        broker.start_again().await?;
        Ok(broker)
    }

    /// Starts the server with the folders that it had.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        self.own_mut()?.start()?;
        let mut pause = interval(Duration::from_millis(200));
        let up = timeout(START_WITHIN, async {
            loop {
                pause.tick().await;
                let check = self.api(Method::GET, "health/checks/virtual-hosts", None).await;
                if check.is_ok() && self.own()?.listens() {
                    return anyhow::Ok(());
                }
                self.own()?.ensure_runs()?;
            }
        });
        match up.await {
            Ok(up) => up,
            Err(_) => bail!("RabbitMQ did not start:\n{}", self.own()?.output()?),
        }
    }

    fn own(&self) -> anyhow::Result<&Server> {
        self.own.as_ref().context("the broker was not started here")
    }

    fn own_mut(&mut self) -> anyhow::Result<&mut Server> {
        self.own.as_mut().context("the broker was not started here")
    }

    /// Kills the server.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        self.own_mut()?.kill()
    }

    /// Freezes or thaws the server with all its connections.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        self.own()?.signal(signal)
    }

    /// Raises or clears the alarm for memory: publishing connections are blocked while it lasts.
    pub fn set_memory_alarm(&self, alarm: Alarm) -> anyhow::Result<()> {
        let limit = match alarm {
            Alarm::On => "1",
            Alarm::Off => "1GB",
        };
        self.own()?.control(&["set_vm_memory_high_watermark", "absolute", limit]).map(drop)
    }

    /// Its release, such as `4.0.5`.
    pub async fn version(&self) -> anyhow::Result<String> {
        let overview = self.api(Method::GET, "overview", None).await?;
        Ok(overview["rabbitmq_version"].as_str().context("the broker has no version")?.to_owned())
    }

    /// A new virtual host, set up from the definitions in `k8s/base/rabbitmq`.
    pub async fn virtual_host(&self) -> anyhow::Result<VirtualHost<'_>> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        // Processes of a long run have the same id one after the other, and what one left there stays.
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros();
        let name = format!("test-{}-{now}-{number}", std::process::id());
        let version = self.version().await?;
        let old = version.starts_with("3.") && !["3.12.", "3.13."].iter().any(|v| version.starts_with(v));
        let file = if old { "definitions-3.10.json" } else { "definitions.json" };
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../k8s/base/rabbitmq").join(file);
        let mut definitions: Value = serde_json::from_slice(&fs::read(path)?)?;
        definitions["vhosts"][0]["name"] = json!(name);
        for part in ["permissions", "queues", "exchanges", "bindings", "policies"] {
            for entry in definitions[part].as_array_mut().context("the definitions lack a part")? {
                entry["vhost"] = json!(name);
            }
        }
        for policy in definitions["policies"].as_array_mut().into_iter().flatten() {
            if let (Some(held), Some(timeout)) = (self.held, policy["definition"].get_mut("consumer-timeout"))
            {
                *timeout = json!(u64::try_from(held.as_millis())?);
            }
        }
        for user in definitions["users"].as_array_mut().context("the definitions lack users")? {
            // As the operator does: the deployed file has no passwords.
            *user = json!({"name": user["name"], "password": PASSWORD, "tags": ""});
        }
        // Queues are declared by whoever imports, who needs to be allowed to.
        self.api(Method::PUT, &format!("vhosts/{name}"), Some(json!({}))).await?;
        let all = json!({"configure": ".*", "write": ".*", "read": ".*"});
        self.api(Method::PUT, &format!("permissions/{name}/guest"), Some(all)).await?;
        let mut tries = interval(Duration::from_millis(200));
        for _ in 0..IMPORT_TRIES {
            tries.tick().await;
            match self.api(Method::POST, "definitions", Some(definitions.clone())).await {
                Ok(_) => return Ok(VirtualHost { broker: self, name }),
                // Another test made the same users between the broker's look for them and its making them.
                Err(error) if error.to_string().contains("user_already_exists") => {}
                Err(error) => return Err(error),
            }
        }
        bail!("the definitions cannot be imported: other tests make their users all the time")
    }

    /// As `TESTS_RABBITMQ` names it.
    pub fn ports(&self) -> String {
        format!("{}:{}", self.amqp, self.management)
    }

    /// A virtual host that was made before.
    pub fn existing(&self, name: String) -> VirtualHost<'_> {
        VirtualHost { broker: self, name }
    }

    async fn api(&self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let url = format!("http://127.0.0.1:{}/api/{path}", self.management);
        let is_read = method == Method::GET;
        let mut request = self.http.request(method, url).basic_auth("guest", Some("guest"));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let mut tries = interval(LOOK_AGAIN);
        let mut left = READ_TRIES;
        let answer = loop {
            tries.tick().await;
            left -= 1;
            let again = request.try_clone().filter(|_| is_read && left > 0);
            match (request.send().await, again) {
                (Ok(answer), _) => break answer,
                // On a busy machine the interface drops what it cannot answer within some seconds.
                (Err(error), Some(again))
                    if error.is_request() && !error.is_connect() && !error.is_timeout() =>
                {
                    request = again;
                }
                (Err(error), _) => {
                    return Err(error).with_context(|| format!("asking the broker for {path}"));
                }
            }
        };
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success(), "the broker answers {status} to {path}: {text}");
        if text.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_str(&text)?) }
    }
}

/// Whether the broker is short of memory.
#[derive(Clone, Copy, Debug)]
pub enum Alarm {
    On,
    Off,
}

/// Why a task is to become a dead letter.
#[derive(Clone, Copy, Debug)]
pub enum Cause {
    Rejected,
    DeliveryLimit,
}

impl VirtualHost<'_> {
    /// The name alone, to find it again with [`Broker::existing`] after the broker was stopped.
    pub fn into_name(self) -> String {
        self.name
    }

    /// The address for a user of the deployed definitions.
    pub fn url(&self, user: &str) -> String {
        format!("amqp://{user}:{PASSWORD}@127.0.0.1:{}/{}", self.broker.amqp, self.name)
    }

    /// The management interface, for a user who sees every virtual host.
    pub fn management_url(&self) -> String {
        format!("http://guest:guest@127.0.0.1:{}", self.broker.management)
    }

    /// Where the broker listens.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.broker.amqp)
    }

    /// Puts a message into the queue of tasks, as `ingest` would.
    pub async fn publish(&self, id: &str, payload: &str) -> anyhow::Result<()> {
        self.publish_with(id, payload, json!({})).await
    }

    /// The same with more properties.
    pub async fn publish_with(&self, id: &str, payload: &str, more: Value) -> anyhow::Result<()> {
        let mut properties =
            json!({"delivery_mode": 2, "content_type": "application/json", "type": "task", "message_id": id});
        for (name, value) in more.as_object().into_iter().flatten() {
            properties[name] = value.clone();
        }
        let message = json!({
            "properties": properties, "routing_key": "agent-tasks", "payload": payload,
            "payload_encoding": "string",
        });
        let path = format!("exchanges/{}/amq.default/publish", self.name);
        let answer = self.broker.api(Method::POST, &path, Some(message)).await?;
        ensure!(answer["routed"] == true, "the broker has no queue for tasks");
        Ok(())
    }

    /// Lets every task that was put off come back after this time, whatever it should wait.
    pub async fn shorten_delays(&self, time: Duration) -> anyhow::Result<()> {
        let path = format!("policies/{}/short", self.name);
        let policy = json!({
            "pattern": "^agent-tasks\\.later\\.", "apply-to": "queues", "priority": 20,
            "definition": {
                "message-ttl": u64::try_from(time.as_millis())?, "dead-letter-exchange": "",
                "dead-letter-routing-key": "agent-tasks", "dead-letter-strategy": "at-least-once",
                "overflow": "reject-publish",
            },
        });
        self.broker.api(Method::PUT, &path, Some(policy)).await.map(drop)
    }

    /// Puts a message that was taken into the queue of tasks, with one header changed.
    pub async fn publish_again(&self, message: &Value, header: &str, value: &str) -> anyhow::Result<()> {
        let mut properties = message["properties"].clone();
        properties["headers"][header] = json!(value);
        let message = json!({
            "properties": properties, "routing_key": "agent-tasks", "payload": message["payload"],
            "payload_encoding": "string",
        });
        let path = format!("exchanges/{}/amq.default/publish", self.name);
        let answer = self.broker.api(Method::POST, &path, Some(message)).await?;
        ensure!(answer["routed"] == true, "the broker has no queue for tasks");
        Ok(())
    }

    /// How many messages wait in a queue, told by the queue itself: the management API is seconds behind.
    pub async fn ready(&self, queue: &str) -> anyhow::Result<u32> {
        let url = format!("amqp://guest:guest@{}/{}", self.address(), self.name);
        let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let count =
            channel.queue_declare(queue.into(), passive, FieldTable::default()).await?.message_count();
        connection.close(200, "counted".into()).await?;
        Ok(count)
    }

    /// Returns when so many messages wait in a queue. What a lost connection held is back within milliseconds.
    pub async fn until_ready(&self, queue: &str, count: u32) -> anyhow::Result<()> {
        let mut pause = interval(Duration::from_millis(50));
        let waiting = timeout(Duration::from_mins(1), async {
            while self.ready(queue).await? != count {
                pause.tick().await;
            }
            anyhow::Ok(())
        });
        if let Ok(found) = waiting.await {
            return found;
        }
        let told = self.broker.api(Method::GET, &format!("queues/{}/{queue}", self.name), None).await?;
        bail!("{queue} holds {} messages, not {count}: {told}", self.ready(queue).await?)
    }

    /// Takes one message away, as the management API tells it.
    pub async fn take(&self, queue: &str) -> anyhow::Result<Option<Value>> {
        let how = json!({"count": 1, "ackmode": "ack_requeue_false", "encoding": "auto"});
        let path = format!("queues/{}/{queue}/get", self.name);
        let mut messages = self.broker.api(Method::POST, &path, Some(how)).await?;
        Ok(messages.as_array_mut().context("the broker answers no list")?.pop())
    }

    /// Puts a message into a queue, as a program would that publishes carelessly.
    pub async fn put(&self, queue: &str, payload: &str) -> anyhow::Result<()> {
        let message = json!({
            "properties": {"delivery_mode": 2}, "routing_key": queue, "payload": payload, "payload_encoding": "string",
        });
        let path = format!("exchanges/{}/amq.default/publish", self.name);
        let answer = self.broker.api(Method::POST, &path, Some(message)).await?;
        ensure!(answer["routed"] == true, "nobody keeps the message");
        Ok(())
    }

    /// Makes a task a dead letter: returns when it has arrived there.
    pub async fn bury(&self, payload: &str, cause: Cause) -> anyhow::Result<()> {
        self.put("agent-tasks", payload).await?;
        let (mode, times) = match cause {
            Cause::Rejected => ("reject_requeue_false", 1),
            // One more than the limit of the policy.
            Cause::DeliveryLimit => ("reject_requeue_true", 3),
        };
        for _ in 0..times {
            self.next("agent-tasks", mode).await?;
        }
        self.next("agent-tasks.dlq", "reject_requeue_true").await.map(drop)
    }

    /// Waits for a message and answers it as `mode` says, by the words of the management API.
    async fn next(&self, queue: &str, mode: &str) -> anyhow::Result<Value> {
        let how = json!({"count": 1, "ackmode": mode, "encoding": "auto"});
        let path = format!("queues/{}/{queue}/get", self.name);
        let mut pause = interval(Duration::from_millis(50));
        let found = timeout(Duration::from_secs(30), async {
            loop {
                pause.tick().await;
                let mut messages = self.broker.api(Method::POST, &path, Some(how.clone())).await?;
                if let Some(message) = messages.as_array_mut().context("the broker answers no list")?.pop() {
                    return anyhow::Ok(message);
                }
            }
        });
        found.await.with_context(|| format!("nothing arrives in {queue}"))?
    }

    /// The queues whose names begin so, in their order, and how many messages wait in each.
    pub async fn lengths(&self, prefix: &str) -> anyhow::Result<Vec<(String, u32)>> {
        let path = format!("queues/{}?columns=name", self.name);
        let list = self.broker.api(Method::GET, &path, None).await?;
        let list = list.as_array().context("the broker answers no list")?.clone();
        let mut names: Vec<String> =
            list.iter().filter_map(|queue| queue["name"].as_str()).map(str::to_owned).collect();
        names.retain(|name| name.starts_with(prefix));
        names.sort();
        let mut lengths = Vec::new();
        for name in names {
            let length = self.ready(&name).await?;
            lengths.push((name, length));
        }
        Ok(lengths)
    }

    /// Declares a durable queue with these arguments.
    pub async fn declare_queue(&self, queue: &str, arguments: Value) -> anyhow::Result<()> {
        let body = json!({"durable": true, "arguments": arguments});
        self.broker.api(Method::PUT, &format!("queues/{}/{queue}", self.name), Some(body)).await.map(drop)
    }

    /// Binds a queue to an exchange by its name.
    pub async fn bind(&self, exchange: &str, queue: &str) -> anyhow::Result<()> {
        let path = format!("bindings/{}/e/{exchange}/q/{queue}", self.name);
        self.broker.api(Method::POST, &path, Some(json!({"routing_key": queue}))).await.map(drop)
    }

    /// Takes everything out of a queue.
    pub async fn purge(&self, queue: &str) -> anyhow::Result<()> {
        let path = format!("queues/{}/{queue}/contents", self.name);
        self.broker.api(Method::DELETE, &path, None).await.map(drop)
    }

    pub async fn delete_exchange(&self, exchange: &str) -> anyhow::Result<()> {
        self.broker.api(Method::DELETE, &format!("exchanges/{}/{exchange}", self.name), None).await.map(drop)
    }

    /// What a user may configure, write and read here, in place of what is deployed.
    pub async fn permit(&self, user: &str, [configure, write, read]: [&str; 3]) -> anyhow::Result<()> {
        let body = json!({"configure": configure, "write": write, "read": read});
        self.broker.api(Method::PUT, &format!("permissions/{}/{user}", self.name), Some(body)).await.map(drop)
    }

    /// Lets no queue whose name matches hold more than `length` messages.
    pub async fn limit_queues(&self, pattern: &str, length: u32) -> anyhow::Result<()> {
        let policy = json!({
            "pattern": pattern, "apply-to": "queues", "priority": 30,
            "definition": {"max-length": length, "overflow": "reject-publish"},
        });
        self.broker.api(Method::PUT, &format!("policies/{}/limit", self.name), Some(policy)).await.map(drop)
    }

    pub async fn delete_queue(&self, queue: &str) -> anyhow::Result<()> {
        self.broker.api(Method::DELETE, &format!("queues/{}/{queue}", self.name), None).await.map(drop)
    }

    /// Returns when the management interface tells the policies of the queues, which takes it some seconds, and more on
    /// a busy machine.
    pub async fn until_policies_are_told(&self) -> anyhow::Result<()> {
        for queue in ["agent-tasks", "agent-tasks.dlq", "agent-tasks.later.65m"] {
            let path = format!("queues/{}/{queue}", self.name);
            let told = timeout(Duration::from_mins(2), async {
                while !self.broker.api(Method::GET, &path, None).await?["effective_policy_definition"]
                    .is_object()
                {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                anyhow::Ok(())
            });
            told.await.with_context(|| format!("the interface does not tell the policy of {queue}"))??;
        }
        Ok(())
    }

    /// Lets the queue of tasks hold no more than `length` messages.
    pub async fn limit_tasks(&self, length: u32) -> anyhow::Result<()> {
        let path = format!("policies/{}/agent-tasks", self.name);
        let mut policy = self.broker.api(Method::GET, &path, None).await?;
        policy["definition"]["max-length"] = json!(length);
        self.broker.api(Method::PUT, &path, Some(policy)).await.map(drop)
    }

    /// Cuts every connection to this virtual host; how many there were.
    ///
    /// The management API learns of connections with a delay of seconds: waits for one.
    pub async fn cut_connections(&self) -> anyhow::Result<usize> {
        self.cut(None).await
    }

    /// The same for those that their client calls so.
    pub async fn cut_connections_named(&self, name: &str) -> anyhow::Result<usize> {
        self.cut(Some(name)).await
    }

    async fn cut(&self, name: Option<&str>) -> anyhow::Result<usize> {
        let path = format!("vhosts/{}/connections", self.name);
        let mut pause = interval(Duration::from_millis(200));
        let found = timeout(Duration::from_secs(30), async {
            loop {
                pause.tick().await;
                let list = self.broker.api(Method::GET, &path, None).await?;
                let mut list = list.as_array().context("the broker answers no list")?.clone();
                list.retain(|connection| name.is_none_or(|name| connection["user_provided_name"] == name));
                if !list.is_empty() {
                    return anyhow::Ok(list);
                }
            }
        })
        .await
        .context("nobody is connected")??;
        for connection in &found {
            let name = connection["name"].as_str().context("a connection has no name")?;
            // Such as `127.0.0.1:1234 -> 127.0.0.1:5673`.
            let name = name.replace(' ', "%20").replace('>', "%3E");
            self.broker.api(Method::DELETE, &format!("connections/{name}"), None).await?;
        }
        Ok(found.len())
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .timeout(Duration::from_mins(2))
        .no_proxy()
        .build()
        .expect("a client without certificates can be built")
}
