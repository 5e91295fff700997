//! Whatever the manifests give to a *broker* is run by the real server: configuration files, definitions, users,
//! policies, the resources of the topology operator. By the oldest release that is supported, and by one of 4.x.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use lapin::options::{
    BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueBindOptions, QueueDeclareOptions,
    QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use serde_json::{Value, json};
use shared::queue::{BUDGET, DEAD_LETTERS, DELAYS, LATER, TASKS, VHOST};
use tests::broker::{Installation, Listener, Running, Shipped};

use crate::render::{Way, fetched, path, run};
use crate::workload::{Workload, bytes};

/// A release of RabbitMQ, and which of the definitions are for it.
struct Release {
    installation: Installation,
    definitions: &'static str,
}

/// RabbitMQ 3.10: the machine's, if it is Debian 12, else one from a folder.
fn oldest() -> Release {
    let machine = Installation::of_machine();
    let is_it = machine.version().is_ok_and(|version| version.starts_with("3.10."));
    let installation = if is_it { machine } else { in_folder("rabbitmq-3", "3.10.") };
    Release { installation, definitions: "k8s/base/rabbitmq/definitions-3.10.json" }
}

/// RabbitMQ 4.0, from a folder.
fn newer() -> Release {
    Release { installation: in_folder("rabbitmq-4", "4."), definitions: "k8s/base/rabbitmq/definitions.json" }
}

fn in_folder(name: &str, expected: &str) -> Installation {
    let installation = Installation::in_folder(&fetched(name));
    let version = installation.version().unwrap_or_else(|error| panic!("{error:#}"));
    assert!(version.starts_with(expected), "{name} holds RabbitMQ {version}");
    installation
}

/// The definitions with a password for each user, as `scripts/broker-definitions` makes both.
struct Definitions {
    text: String,
    passwords: BTreeMap<String, String>,
}

impl Definitions {
    fn make(file: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut script = std::process::Command::new(path("scripts/broker-definitions"));
        let text = run(script.arg(folder.path()).arg(path(file)));
        let users = std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap);
        let passwords = users.map(|user| {
            (user.file_name().into_string().unwrap(), std::fs::read_to_string(user.path()).unwrap())
        });
        Self { text, passwords: passwords.collect() }
    }

    fn value(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_single_broker_runs_on_the_oldest_release() {
    single(&oldest()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_single_broker_runs_on_a_newer_release() {
    single(&newer()).await;
}

/// The configurations that are mounted into the broker of one node, each once.
fn configurations() -> Vec<(String, String, u64)> {
    let mut found: Vec<(String, String, u64)> = Vec::new();
    for way in [Way::Overlay("dev", &[]), Way::Chart("dev")] {
        let objects = way.render();
        let map = objects
            .iter()
            .find(|object| object["kind"] == "ConfigMap" && object["metadata"]["name"] == "rabbitmq")
            .unwrap();
        let file = |name: &str| map["data"][name].as_str().unwrap().to_owned();
        let container = Workload::named(&objects, "rabbitmq").containers()[0];
        let memory = bytes(&container["resources"]["limits"]["memory"]);
        let configuration = (file("rabbitmq.conf"), file("enabled_plugins"), memory);
        if !found.contains(&configuration) {
            found.push(configuration);
        }
    }
    found
}

async fn single(release: &Release) {
    for (conf, plugins, memory) in configurations() {
        let definitions = Definitions::make(release.definitions);
        let mounted = [("/run/secrets/rabbitmq/definitions.json", definitions.text.as_str())];
        let shipped =
            Shipped { conf: &conf, plugins: &plugins, mounted: &mounted, listener: Listener::Plain };
        let mut broker = Running::start(&release.installation, shipped).await.unwrap();
        check(&broker, &definitions).await;

        // What it holds back publishers for is what the container has, with room for the rest of the server.
        let status: Value =
            serde_json::from_str(&broker.control(&["--formatter", "json", "status"]).unwrap()).unwrap();
        let limit = status["vm_memory_high_watermark_limit"].as_f64().unwrap();
        #[expect(clippy::cast_precision_loss, reason = "a few hundred million")]
        let share = limit / memory as f64;
        assert!((0.4..0.7).contains(&share), "{limit} of {memory}");

        // What waits outlives the server, and so do users and policies.
        let publisher = Client::connect(&broker, &definitions, "ingest").await;
        publisher.publish("kept").await.unwrap();
        broker.start_again().await.unwrap();
        let task = Client::connect(&broker, &definitions, "task").await;
        assert_eq!(task.take(TASKS).await.unwrap().as_deref(), Some("kept"));
        check_policies(&broker, &definitions);

        // As `scripts/local-cluster up` does with a new state folder: the file that is mounted is that
        // of before for a minute more.
        let fresh = Definitions::make(release.definitions);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &fresh.text).unwrap();
        broker.control(&["--quiet", "import_definitions", file.path().to_str().unwrap()]).unwrap();
        check(&broker, &fresh).await;
        assert!(Client::try_connect(&broker, "ingest", &definitions.passwords["ingest"]).await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_broker_of_the_operator_runs_with_its_topology() {
    let release = newer();
    let mut seen = Vec::new();
    for way in [Way::Overlay("prod", &[]), Way::Chart("prod")] {
        let objects = way.render();
        let cluster = objects.iter().find(|object| object["kind"] == "RabbitmqCluster").unwrap();
        let additional = cluster["spec"]["rabbitmq"]["additionalConfig"].as_str().unwrap().to_owned();
        let definitions = topology(&objects);
        if seen.contains(&(additional.clone(), definitions.clone())) {
            continue;
        }
        seen.push((additional.clone(), definitions.clone()));
        let conf = format!("{OPERATOR}{additional}");
        // The operator makes a user of its own by these two, who makes all else.
        let conf = format!("{conf}\ndefault_user = operator\ndefault_pass = operator\n");
        let shipped = Shipped { conf: &conf, plugins: "[].\n", mounted: &[], listener: Listener::Plain };
        let broker = Running::start(&release.installation, shipped).await.unwrap();
        let passwords: BTreeMap<String, String> =
            ["ingest", "keda", "sweep", "task"].map(|user| (user.to_owned(), format!("of {user}"))).into();
        let mut with_passwords = definitions.clone();
        for user in with_passwords["users"].as_array_mut().unwrap() {
            user["password"] = passwords[user["name"].as_str().unwrap()].clone().into();
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), with_passwords.to_string()).unwrap();
        broker.control(&["--quiet", "import_definitions", file.path().to_str().unwrap()]).unwrap();
        let definitions = Definitions { text: definitions.to_string(), passwords };
        check(&broker, &definitions).await;
    }
}

/// What the cluster operator puts before the configuration of the resource, but for how nodes find each other
/// (internal/resource/configmap.go of rabbitmq/cluster-operator).
const OPERATOR: &str = "\
log.console = true
queue_master_locator = min-masters
disk_free_limit.absolute = 50MB
cluster_partition_handling = pause_minority
cluster_name = rabbitmq
auth_mechanisms.1 = PLAIN
auth_mechanisms.2 = AMQPLAIN
total_memory_available_override_value = 858993459
";

/// The resources of the topology operator as it would put them into effect.
fn topology(objects: &[Value]) -> Value {
    let specs = |kind: &'static str| {
        objects.iter().filter(move |object| object["kind"] == kind).map(|object| &object["spec"])
    };
    let permission = |spec: &Value| {
        let mut permission = spec["permissions"].clone();
        permission["user"] = spec["userReference"]["name"].clone();
        permission["vhost"] = spec["vhost"].clone();
        permission
    };
    let users = objects.iter().filter(|object| object["kind"] == "User");
    json!({
        "vhosts": specs("Vhost").map(|spec| json!({"name": spec["name"]})).collect::<Vec<_>>(),
        "users": users
            .map(|user| json!({"name": user["metadata"]["name"], "tags": ""}))
            .collect::<Vec<_>>(),
        "permissions": specs("Permission").map(permission).collect::<Vec<_>>(),
        "queues": specs("Queue").map(|spec| json!({
            "name": spec["name"], "vhost": spec["vhost"], "durable": spec["durable"],
            "auto_delete": spec["autoDelete"], "arguments": {"x-queue-type": spec["type"]},
        })).collect::<Vec<_>>(),
        "exchanges": specs("Exchange").map(|spec| json!({
            "name": spec["name"], "vhost": spec["vhost"], "type": spec["type"], "durable": spec["durable"],
            "auto_delete": spec["autoDelete"], "internal": false, "arguments": {},
        })).collect::<Vec<_>>(),
        "bindings": specs("Binding").map(|spec| json!({
            "source": spec["source"], "vhost": spec["vhost"], "destination": spec["destination"],
            "destination_type": spec["destinationType"], "routing_key": spec["routingKey"], "arguments": {},
        })).collect::<Vec<_>>(),
        "policies": specs("Policy").map(|spec| json!({
            "name": spec["name"], "vhost": spec["vhost"], "pattern": spec["pattern"],
            "apply-to": spec["applyTo"], "priority": spec["priority"], "definition": spec["definition"],
        })).collect::<Vec<_>>(),
    })
}

/// Users, rights, queues and policies are those of the definitions.
async fn check(broker: &Running, definitions: &Definitions) {
    assert!(Client::try_connect(broker, "guest", "guest").await.is_err(), "guest is let in");
    let connect = |user: &'static str| Client::connect(broker, definitions, user);

    // ingest publishes, counts, and takes nothing.
    let ingest = connect("ingest").await;
    ingest.publish("one").await.unwrap();
    assert_ne!(ingest.count(TASKS).await.unwrap(), 0);
    ingest.take(TASKS).await.unwrap_err();

    // KEDA counts, and can do nothing else.
    let keda = connect("keda").await;
    assert_ne!(keda.count(TASKS).await.unwrap(), 0);
    keda.take(TASKS).await.unwrap_err();
    connect("keda").await.publish("two").await.unwrap_err();

    // A run takes, and publishes nothing but what it puts off, which waits where nobody takes it.
    let task = connect("task").await;
    assert_eq!(task.take_task().await.as_deref(), Some("one"));
    task.take(DEAD_LETTERS).await.unwrap_err();
    connect("task").await.publish("three").await.unwrap_err();
    for delay in &DELAYS {
        let before = connect("sweep").await.count(delay.queue).await.unwrap();
        connect("task").await.publish_to(LATER, delay.queue, "later").await.unwrap();
        connect("task").await.take(delay.queue).await.unwrap_err();
        connect("task").await.publish_to("", delay.queue, "later").await.unwrap_err();
        assert_eq!(connect("sweep").await.count(delay.queue).await.unwrap(), before + 1);
    }

    // It counts what is spent in queues of its own, by an exchange that leads nowhere else.
    let book = format!("{BUDGET}.r42.2026-11-29");
    for (name, is_allowed) in [
        (book.as_str(), true),
        ("agent-budget.all.2026-11", true),
        ("agent-budget.other.2026-11", false),
        ("agent-budget.all.2026-11-29-1", false),
        ("agent-budget.pause.anthropic", true),
        ("agent-budget.pause.anthropic.1", false),
        ("agent-budget.refused.0123456789abcdef", true),
        ("agent-budget.refused.0123456789abcde", false),
        ("agent-tasks", false),
        ("agent-tasks.later.1m", false),
        ("other", false),
    ] {
        let declared = connect("task").await.declare(name).await;
        assert_eq!(declared.is_ok(), is_allowed, "{name}: {declared:?}");
    }
    connect("task").await.publish_to(BUDGET, &book, "").await.unwrap();
    assert_eq!(connect("sweep").await.count(&book).await.unwrap(), 1);
    connect("sweep").await.take(&book).await.unwrap_err();
    connect("ingest").await.take(&book).await.unwrap_err();
    assert_eq!(connect("task").await.take(&book).await.unwrap().as_deref(), Some(""));
    for name in [
        book.as_str(),
        "agent-budget.all.2026-11",
        "agent-budget.pause.anthropic",
        "agent-budget.refused.0123456789abcdef",
    ] {
        connect("task").await.delete(name).await.unwrap();
    }

    // The sweep takes dead letters, publishes, counts, and takes no task.
    let sweep = connect("sweep").await;
    assert_eq!(sweep.take(DEAD_LETTERS).await.unwrap(), None);
    sweep.publish("four").await.unwrap();
    assert_ne!(sweep.count(TASKS).await.unwrap(), 0);
    sweep.take(TASKS).await.unwrap_err();
    assert_eq!(connect("task").await.take_task().await.as_deref(), Some("four"));

    check_policies(broker, definitions);
}

fn check_policies(broker: &Running, definitions: &Definitions) {
    let listed =
        broker.control(&["--quiet", "--formatter", "json", "list_policies", "--vhost", VHOST]).unwrap();
    let listed: Vec<Value> = serde_json::from_str(&listed).unwrap();
    let mut found: Vec<Value> = listed
        .into_iter()
        .map(|mut policy| {
            // A text of its own within the text.
            let definition: Value = serde_json::from_str(policy["definition"].as_str().unwrap()).unwrap();
            policy["definition"] = definition;
            policy
        })
        .collect();
    let mut expected = definitions.value()["policies"].as_array().unwrap().clone();
    for policies in [&mut found, &mut expected] {
        policies.sort_by_key(|policy| policy["name"].to_string());
    }
    assert_eq!(found, expected);

    let arguments =
        ["--quiet", "--formatter", "json", "list_queues", "--vhost", VHOST, "name", "type", "policy"];
    let mut queues: Vec<Value> = serde_json::from_str(&broker.control(&arguments).unwrap()).unwrap();
    queues.sort_by_key(|queue| queue["name"].to_string());
    let queue = |name: &str, policy: &str| json!({"name": name, "type": "quorum", "policy": policy});
    let mut expected = vec![queue(TASKS, "agent-tasks"), queue(DEAD_LETTERS, "agent-tasks-dlq")];
    expected.extend(DELAYS.iter().map(|delay| queue(delay.queue, &delay.queue.replace('.', "-"))));
    expected.sort_by_key(|queue| queue["name"].to_string());
    assert_eq!(queues, expected);
}

/// How long a server that has just started may take connections without answering them.
const ANSWERS_WITHIN: Duration = Duration::from_mins(2);

/// A user's connection, with one channel. What is refused closes the channel.
struct Client {
    connection: Connection,
}

impl Client {
    async fn connect(broker: &Running, definitions: &Definitions, user: &str) -> Self {
        // A server that has just started again takes connections before it answers them.
        let deadline = Instant::now() + ANSWERS_WITHIN;
        loop {
            match Self::try_connect(broker, user, &definitions.passwords[user]).await {
                Err(error) if matches!(error.kind(), lapin::ErrorKind::IOError(_)) => {
                    broker.ensure_runs().unwrap();
                    assert!(Instant::now() < deadline, "{user}: {error}\n{}", broker.output().unwrap());
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
                connected => return connected.unwrap(),
            }
        }
    }

    async fn try_connect(broker: &Running, user: &str, password: &str) -> lapin::Result<Self> {
        let password = password.replace(' ', "%20");
        let url = format!("amqp://{user}:{password}@127.0.0.1:{}/{VHOST}", broker.port());
        Ok(Self { connection: Connection::connect(&url, ConnectionProperties::default()).await? })
    }

    async fn channel(&self) -> lapin::Result<Channel> {
        self.connection.create_channel().await
    }

    /// Declares and binds a queue, as a run does.
    async fn declare(&self, queue: &str) -> lapin::Result<()> {
        let channel = self.channel().await?;
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString("classic".into()));
        channel.queue_declare(queue.into(), options, arguments).await?;
        let options = QueueBindOptions::default();
        channel.queue_bind(queue.into(), BUDGET.into(), queue.into(), options, FieldTable::default()).await
    }

    async fn delete(&self, queue: &str) -> lapin::Result<()> {
        let options = QueueDeleteOptions::default();
        self.channel().await?.queue_delete(queue.into(), options).await.map(drop)
    }

    async fn publish(&self, body: &str) -> Result<(), String> {
        self.publish_to("", TASKS, body).await
    }

    async fn publish_to(&self, exchange: &str, key: &str, body: &str) -> Result<(), String> {
        let confirmation = async {
            let channel = self.channel().await?;
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
            let properties = BasicProperties::default().with_delivery_mode(shared::queue::PERSISTENT);
            channel
                .basic_publish(exchange.into(), key.into(), options, body.as_bytes(), properties)
                .await?
                .await
        };
        match confirmation.await {
            Ok(Confirmation::Ack(None)) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    }

    async fn count(&self, queue: &str) -> lapin::Result<u32> {
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let channel = self.channel().await?;
        let declared = channel.queue_declare(queue.into(), passive, FieldTable::default()).await?;
        Ok(declared.message_count())
    }

    /// Takes a task for good, past those that were put off for a minute and are back on a slow machine.
    async fn take_task(&self) -> Option<String> {
        loop {
            match self.take(TASKS).await.unwrap() {
                Some(body) if body == "later" => {}
                other => return other,
            }
        }
    }

    /// Takes a message for good.
    async fn take(&self, queue: &str) -> lapin::Result<Option<String>> {
        let channel = self.channel().await?;
        let message = channel.basic_get(queue.into(), BasicGetOptions { no_ack: true }).await?;
        Ok(message.map(|message| String::from_utf8(message.delivery.data).unwrap()))
    }
}
