//! What holds for every workload: it may do nothing that it need not, it is bounded, it is pinned, and it holds its own
//! secrets only.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::render::{WAYS, Way, documents, read};
use crate::workload::Workload;

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("no {field}: {value}"))
}

#[test]
fn every_pod_is_restricted_and_bounded() {
    for way in WAYS {
        let objects = way.render();
        Workload::all(&objects).into_iter().for_each(check_pod);
    }
}

pub(crate) fn check_pod(pod: Workload<'_>) {
    let (name, spec) = (pod.name, pod.spec());
    let context = &spec["securityContext"];
    assert_eq!(context["runAsNonRoot"], true, "{name}");
    assert!(context["runAsUser"].as_u64().unwrap() > 0, "{name}");
    assert!(context["runAsGroup"].as_u64().unwrap() > 0, "{name}");
    assert_eq!(context["seccompProfile"], json!({"type": "RuntimeDefault"}), "{name}");
    assert_eq!(spec["automountServiceAccountToken"], false, "{name}");
    assert_eq!(spec["enableServiceLinks"], false, "{name}");
    assert_eq!(text(spec, "serviceAccountName"), name);
    assert!(spec["terminationGracePeriodSeconds"].as_u64().unwrap() > 0, "{name}");
    for shared in ["hostNetwork", "hostPID", "hostIPC", "hostUsers", "shareProcessNamespace"] {
        assert_eq!(spec[shared], Value::Null, "{name}: {shared}");
    }
    for volume in pod.volumes() {
        let kinds: Vec<&String> = volume.as_object().unwrap().keys().filter(|key| *key != "name").collect();
        let known = ["configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret"];
        assert!(kinds.iter().all(|kind| known.contains(&kind.as_str())), "{name}: {kinds:?}");
        if volume["emptyDir"].is_object() {
            text(&volume["emptyDir"], "sizeLimit");
        }
    }
    assert_eq!(pod.labels()["app.kubernetes.io/part-of"], "ai-agent");
    assert!(pod.labels().contains_key("app.kubernetes.io/component"), "{name}");
    for container in pod.containers() {
        check_container(name, container);
    }
}

fn check_container(pod: &str, container: &Value) {
    assert_eq!(
        container["securityContext"],
        json!({
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
        }),
        "{pod}"
    );
    for bound in ["requests", "limits"] {
        for resource in ["cpu", "memory", "ephemeral-storage"] {
            text(&container["resources"][bound], resource);
        }
    }
    check_image(text(container, "image"));
    // What stands in the environment is inherited, and printed by `kubectl describe`.
    for variable in container["env"].as_array().into_iter().flatten() {
        let from = variable["valueFrom"].as_object();
        assert!(from.is_none_or(|from| from.keys().eq(["fieldRef"])), "{pod}: {variable}");
    }
    for source in container["envFrom"].as_array().into_iter().flatten() {
        assert!(source["configMapRef"].is_object(), "{pod}: {source}");
    }
}

/// By digest, but for the two that are built and loaded by hand.
fn check_image(image: &str) {
    let by_hand = ["localhost/ai-agent/ingest:dev", "localhost/ai-agent/task:dev"].contains(&image);
    let digest = image.split_once("@sha256:").map(|(_, digest)| digest);
    let pinned = digest
        .is_some_and(|digest| digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert!(by_hand || pinned, "{image} is not pinned");
}

#[test]
fn the_broker_of_the_operator_is_bounded_pinned_and_encrypted() {
    let objects = WAYS[2].render();
    let broker = objects.iter().find(|object| object["kind"] == "RabbitmqCluster").unwrap();
    check_image(text(&broker["spec"], "image"));
    for bound in ["requests", "limits"] {
        for resource in ["cpu", "memory"] {
            text(&broker["spec"]["resources"][bound], resource);
        }
    }
    assert_eq!(broker["spec"]["tls"]["disableNonTLSListeners"], true);
}

#[test]
fn namespaces_enforce_the_restricted_standard() {
    for way in WAYS.into_iter().filter(|way| matches!(way, Way::Overlay(..))) {
        let objects = way.render();
        let namespaces: Vec<&Value> = objects.iter().filter(|object| object["kind"] == "Namespace").collect();
        assert_eq!(namespaces.len(), 1);
        assert_eq!(namespaces[0]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted");
        let name = &namespaces[0]["metadata"]["name"];
        let outside: Vec<&Value> = objects
            .iter()
            .filter(|object| !["Namespace", "PriorityClass"].contains(&text(object, "kind")))
            .filter(|object| object["metadata"]["namespace"] != *name)
            .collect();
        assert_eq!(outside, Vec::<&Value>::new());
    }
}

type Mounts = BTreeMap<&'static str, BTreeSet<(&'static str, &'static str)>>;

fn mounts(of: &[(&'static str, &[(&'static str, &'static str)])]) -> Mounts {
    of.iter().map(|(secret, items)| (*secret, items.iter().copied().collect())).collect()
}

const CA: (&str, &[(&str, &str)]) = ("rabbitmq-ca", &[("ca.crt", "amqp-ca")]);
const LOGIN: &[(&str, &str)] = &[("username", "amqp-username"), ("password", "amqp-password")];

#[test]
fn what_one_mounts_the_other_does_not() {
    for way in WAYS {
        let (tls, token) = match way {
            Way::Overlay(overlay, components) => {
                (overlay == "prod" || components.contains(&"broker-ca"), components.contains(&"github-token"))
            }
            Way::Chart(values) => (values == "prod", false),
        };
        let github = if token { ("token", "github-token") } else { ("app-key.pem", "github-app-key") };
        let mut ingest = vec![
            ("ingest-webhook", [("webhook-secrets", "webhook-secrets")].as_slice()),
            ("rabbitmq-user-ingest", LOGIN),
        ];
        let github = [github];
        let mut sweep = vec![
            ("agent-github", github.as_slice()),
            ("agent-marker", &[("marker-key", "marker-key")]),
            ("rabbitmq-user-sweep", LOGIN),
        ];
        let mut task = vec![
            ("agent-github", github.as_slice()),
            ("agent-marker", &[("marker-key", "marker-key")]),
            ("agent-model", &[("*", "*")]),
            ("rabbitmq-user-task", LOGIN),
        ];
        if tls {
            for list in [&mut ingest, &mut sweep, &mut task] {
                list.push(CA);
            }
        }
        if way.has("jira") {
            ingest.push(("jira-webhook", &[("webhook-secrets", "jira-webhook-secrets")]));
            for list in [&mut sweep, &mut task] {
                list.push(("agent-jira", &[("credentials", "jira-credentials")]));
            }
        }
        if way.has("telemetry-headers") {
            for list in [&mut ingest, &mut sweep, &mut task] {
                list.push(("agent-telemetry", &[("headers", "otlp-headers")]));
            }
        }
        let objects = way.render();
        for (name, expected) in [("ingest", ingest), ("sweep", sweep), ("task", task)] {
            let pod = Workload::named(&objects, name);
            assert_eq!(pod.secrets(), mounts(&expected), "{way:?}: {name}");
            let settings = if name == "ingest" { "ingest-settings" } else { "task-settings" };
            assert_eq!(pod.settings(), BTreeSet::from(["agent-settings", settings]), "{way:?}: {name}");
        }
    }
}

#[test]
fn every_file_that_a_variable_names_is_mounted() {
    for way in WAYS {
        let objects = way.render();
        let templates = documents(&read("k8s/secrets.yaml"));
        let keys = |secret: &str| -> Vec<String> {
            let template = templates.iter().find(|template| template["metadata"]["name"] == secret).unwrap();
            template["stringData"].as_object().unwrap().keys().cloned().collect()
        };
        for name in ["ingest", "sweep", "task"] {
            let pod = Workload::named(&objects, name);
            let mut files = BTreeSet::new();
            for (secret, items) in pod.secrets() {
                for (key, file) in items {
                    if key == "*" {
                        files.extend(keys(secret));
                    } else {
                        files.insert(file.to_owned());
                    }
                }
            }
            let folder = format!("/run/secrets/{name}/");
            let named: BTreeSet<String> = pod
                .env()
                .iter()
                // Neither authorities nor the mapping of Jira's projects and people are a secret.
                .filter(|(variable, _)| {
                    variable.ends_with("_FILE") && !["AGENT_CA_FILE", "AGENT_JIRA_FILE"].contains(*variable)
                })
                .map(|(_, value)| value.as_str().unwrap().strip_prefix(&folder).unwrap().to_owned())
                .collect();
            assert_eq!(named, files, "{way:?}: {name}");
        }
    }
}

/// Secrets that objects name, and the keys that they use; the operator's own use is by convention.
pub(crate) fn used_secrets(objects: &[Value]) -> BTreeMap<String, BTreeSet<String>> {
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut add = |name: &str, keys: &[&str]| {
        used.entry(name.to_owned()).or_default().extend(keys.iter().map(|key| (*key).to_owned()));
    };
    for pod in Workload::all(objects) {
        for (name, items) in pod.secrets() {
            add(name, &items.into_iter().map(|(key, _)| key).filter(|key| *key != "*").collect::<Vec<_>>());
        }
    }
    for object in objects {
        let spec = &object["spec"];
        match text(object, "kind") {
            "TriggerAuthentication" => {
                for target in spec["secretTargetRef"].as_array().unwrap() {
                    add(text(target, "name"), &[text(target, "key")]);
                }
            }
            "User" => add(text(&spec["importCredentialsSecret"], "name"), &["username", "password"]),
            "RabbitmqCluster" => {
                add(text(&spec["tls"], "secretName"), &["tls.crt", "tls.key"]);
                add(text(&spec["tls"], "caSecretName"), &["ca.crt"]);
            }
            "Ingress" => add(text(&spec["tls"][0], "secretName"), &["tls.crt", "tls.key"]),
            _ => {}
        }
    }
    used
}

#[test]
fn every_secret_has_a_template_without_values_and_every_template_a_use() {
    let templates = documents(&read("k8s/secrets.yaml"));
    let mut unused: BTreeSet<&str> =
        templates.iter().map(|template| text(&template["metadata"], "name")).collect();
    assert_eq!(unused.len(), templates.len(), "a name stands twice");
    for way in WAYS {
        for (name, keys) in used_secrets(&way.render()) {
            let template = templates.iter().find(|template| template["metadata"]["name"] == name.as_str());
            let template = template.unwrap_or_else(|| panic!("{way:?}: no template for {name}"));
            let known: BTreeSet<String> =
                template["stringData"].as_object().unwrap().keys().cloned().collect();
            let other = BTreeSet::from(["token".to_owned()]);
            assert!(keys.is_subset(&known) || keys == other, "{way:?}: {name}: {keys:?}");
            unused.remove(name.as_str());
        }
    }
    assert_eq!(unused, BTreeSet::new());
    for template in &templates {
        for (key, value) in template["stringData"].as_object().unwrap() {
            assert!(value == "" || key == "username", "{key} has a value");
        }
    }
}

#[test]
fn whoever_talks_is_allowed_to_and_nobody_else_is() {
    for way in WAYS {
        let objects = way.render();
        let policies: Vec<&Value> =
            objects.iter().filter(|object| object["kind"] == "NetworkPolicy").collect();
        let named =
            |name: &str| &policies.iter().find(|policy| policy["metadata"]["name"] == name).unwrap()["spec"];
        assert_eq!(
            *named("default-deny"),
            json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}),
            "{way:?}"
        );
        let port = amqp_port(&objects);
        let to_broker = json!({
            "to": [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "rabbitmq"}}}],
            "ports": [{"protocol": "TCP", "port": port}],
        });
        let clients =
            json!({"key": "app.kubernetes.io/name", "operator": "In", "values": ["ingest", "task", "sweep"]});
        assert_eq!(named("broker-clients")["podSelector"]["matchExpressions"], json!([clients]), "{way:?}");
        // ingest is in no other policy that lets anything out but to ask for names.
        assert!(policies.iter().all(|policy| policy["metadata"]["name"] != "ingest"), "{way:?}");
        assert_eq!(named("task")["ingress"].as_array().map_or(0, Vec::len), 0, "{way:?}");
        let to_https = &named("task")["egress"];
        let ways_out = match way {
            _ if way.has("proxy") => 0,
            _ if way.has("ollama") => 2,
            _ => 1,
        };
        assert_eq!(to_https.as_array().unwrap().len(), ways_out, "{way:?}");
        if ways_out > 0 {
            assert_eq!(to_https[0]["ports"], json!([{"protocol": "TCP", "port": 443}]), "{way:?}");
        }
        if way.is("managed") {
            let rule = &named("broker-clients")["egress"][0];
            assert_eq!(rule["ports"][0]["port"], json!(port), "{way:?}");
            let to: Vec<&Value> =
                rule["to"].as_array().unwrap().iter().map(|peer| &peer["ipBlock"]["cidr"]).collect();
            assert_eq!(to, ["0.0.0.0/0", "::/0"], "{way:?}");
        } else {
            assert_eq!(named("broker-clients")["egress"], json!([to_broker]), "{way:?}");
            let clients = &named("rabbitmq")["ingress"][0];
            assert_eq!(clients["ports"], json!([{"protocol": "TCP", "port": port}]), "{way:?}");
            assert_eq!(
                clients["from"][0]["podSelector"]["matchExpressions"][0]["values"],
                json!(["ingest", "task", "sweep"]),
                "{way:?}"
            );
        }
        for policy in &policies {
            // These components lead into the private network that the operator names in their place.
            let named = ["github-enterprise", "model-outside", "proxy"];
            let private = named.iter().any(|name| policy["metadata"]["name"] == *name);
            for rule in policy["spec"]["egress"].as_array().into_iter().flatten() {
                for peer in rule["to"].as_array().unwrap() {
                    if !private {
                        check_world(&peer["ipBlock"]);
                    }
                }
                assert!(!rule["ports"].as_array().unwrap().is_empty(), "{way:?}: {policy}");
            }
        }
    }
}

/// The world has no private network, no machine of the cloud's own, and not this machine.
fn check_world(block: &Value) {
    match block["cidr"].as_str() {
        Some("0.0.0.0/0") => assert_eq!(
            block["except"],
            json!([
                "10.0.0.0/8",
                "100.64.0.0/10",
                "127.0.0.0/8",
                "169.254.0.0/16",
                "172.16.0.0/12",
                "192.168.0.0/16"
            ])
        ),
        Some("::/0") => {
            assert_eq!(block["except"], json!(["fc00::/7", "fe80::/10", "::1/128", "64:ff9b::/96"]));
        }
        Some(other) => panic!("{other}"),
        None => {}
    }
}

fn amqp_port(objects: &[Value]) -> u64 {
    let settings = objects.iter().find(|object| object["metadata"]["name"] == "agent-settings").unwrap();
    let (address, vhost) = text(&settings["data"], "AGENT_AMQP_URL").rsplit_once('/').unwrap();
    assert_eq!(vhost, shared::queue::VHOST);
    address.rsplit_once(':').unwrap().1.parse().unwrap()
}
