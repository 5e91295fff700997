//! What must be the same in two places: the overlays and the chart, the manifests and the programs, the users of the
//! broker wherever they are named.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use shared::env::Environment;
use shared::env::catalog::AGENT_BROKER_MAX_WAIT;
use shared::queue;

use crate::render::{WAYS, Way, documents, path, read, run, template};
use crate::workload::Workload;

/// By which the topology operator knows the secrets that it may read.
pub(crate) const TOPOLOGY_LABEL: &str = "rabbitmq.com/topology-operator";

/// Objects by kind and name, without what tells kustomize from Helm.
fn comparable(way: Way) -> BTreeMap<(String, String), Value> {
    let mut objects = way.render();
    // Who installs the chart makes the namespace (docs/DEPLOYMENT.md).
    objects.retain(|object| object["kind"] != "Namespace");
    objects
        .into_iter()
        .map(|mut object| {
            let labels = object["metadata"]["labels"].as_object_mut().unwrap();
            labels.remove("app.kubernetes.io/managed-by").unwrap();
            // Helm's way to start ingest again; beside it there are no annotations.
            if matches!(way, Way::Chart(_)) && object["kind"] == "Deployment" {
                let pod = object["spec"]["template"]["metadata"].as_object_mut().unwrap();
                let annotations = pod.remove("annotations").unwrap();
                assert_eq!(
                    annotations.as_object().unwrap().keys().collect::<Vec<_>>(),
                    ["checksum/settings"]
                );
            }
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            ((text(&object["kind"]), text(&object["metadata"]["name"])), object)
        })
        .collect()
}

#[test]
fn the_chart_installs_what_the_overlays_install() {
    let overlays: [(&str, &[&str]); 3] = [("dev", &[]), ("prod", &["certificates"]), ("managed", &[])];
    for (overlay, components) in overlays {
        let expected = comparable(Way::Overlay(overlay, components));
        let found = comparable(Way::Chart(overlay));
        assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{overlay}");
        for (name, object) in expected {
            assert_eq!(found[&name], object, "{overlay}: {name:?}");
        }
    }
}

/// What is deployed as it comes has a ceiling over all runs, and the documentation says which.
#[test]
fn a_day_has_a_ceiling_as_it_is_deployed() {
    for way in WAYS {
        let objects = way.render();
        let settings = objects.iter().find(|object| object["metadata"]["name"] == "task-settings").unwrap();
        assert_eq!(settings["data"]["AGENT_BUDGET_DAY"], "50", "{way:?}");
    }
    assert!(read("docs/OPERATIONS.md").contains("`AGENT_BUDGET_DAY=50`"));
}

#[test]
fn the_chart_mounts_what_jira_needs_as_the_component_does() {
    let overlay = Way::Overlay("dev", &["jira"]).render();
    let dev = path("k8s/chart/values-dev.yaml");
    let chart = documents(&run(template().arg("--values").arg(dev).args(["--set", "jira.enabled=true"])));
    for name in ["ingest", "sweep", "task"] {
        let (expected, found) = (Workload::named(&overlay, name), Workload::named(&chart, name));
        assert_eq!(found.spec(), expected.spec(), "{name}");
    }
}

#[test]
fn the_chart_starts_ingest_again_for_its_own_settings() {
    let checksum = |setting: &str| {
        let dev = path("k8s/chart/values-dev.yaml");
        let objects = documents(&run(template().arg("--values").arg(dev).args(["--set-string", setting])));
        let ingest = objects.into_iter().find(|object| object["kind"] == "Deployment").unwrap();
        ingest["spec"]["template"]["metadata"]["annotations"]["checksum/settings"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let before = checksum("settings.agent.AGENT_GITHUB_HOST=github.com");
    assert_eq!(checksum("settings.task.AGENT_MODEL=openai"), before);
    assert_ne!(checksum("settings.ingest.RUST_LOG=debug"), before);
    assert_ne!(checksum("settings.agent.AGENT_TRIGGER_LABEL=robot"), before);
    assert_ne!(checksum("broker.host=elsewhere"), before);
}

fn seconds(value: &Value) -> Duration {
    Duration::from_secs(value.as_u64().unwrap_or_else(|| panic!("{value} is not a number")))
}

#[test]
fn each_deadline_leaves_room_for_the_one_inside_of_it() {
    for way in WAYS {
        let objects = way.render();

        let task = Workload::named(&objects, "task");
        let run = task.env()["AGENT_RUN_TIMEOUT"].as_str().unwrap().strip_suffix("min").unwrap();
        let run = Duration::from_mins(run.parse().unwrap());
        // Of the pod, not of the Job: the time that it waits for a node is not its own.
        assert_eq!(task.job.unwrap()["activeDeadlineSeconds"], Value::Null, "{way:?}");
        let job = seconds(&task.spec()["activeDeadlineSeconds"]);
        let grace = seconds(&task.spec()["terminationGracePeriodSeconds"]);
        let probe = &task.containers()[0]["startupProbe"];
        let start = seconds(&probe["periodSeconds"])
            * u32::try_from(probe["failureThreshold"].as_u64().unwrap()).unwrap();
        assert!(start + run < job, "{way:?}");
        // A start that fails ends by itself, whether the broker refuses it or cannot be reached: the last try to connect
        // takes 10 s, the look into the queue 15 s.
        let failed = task.env()["AGENT_FAILED_START_WAIT"].as_str().unwrap().strip_suffix('s').unwrap();
        assert!(Duration::from_secs(failed.parse().unwrap()) + Duration::from_secs(10) < start, "{way:?}");
        let max_wait = Environment::of::<&str, &str>([]).read(&AGENT_BROKER_MAX_WAIT).unwrap();
        assert!(max_wait + Duration::from_secs(25) < start, "{way:?}");
        assert!(job + grace < queue::CONSUMER_TIMEOUT, "{way:?}");

        // ingest drains for 20 s after the pause before it, and takes 2 s at most to leave the broker.
        let ingest = Workload::named(&objects, "ingest");
        let pause = seconds(&ingest.containers()[0]["lifecycle"]["preStop"]["sleep"]["seconds"]);
        let grace = seconds(&ingest.spec()["terminationGracePeriodSeconds"]);
        assert!(pause + Duration::from_secs(22) < grace, "{way:?}");
        // Its answer to /ready takes 3 s at most.
        assert!(
            seconds(&ingest.containers()[0]["readinessProbe"]["timeoutSeconds"]) > Duration::from_secs(3)
        );

        let cron = objects.iter().find(|object| object["kind"] == "CronJob").unwrap();
        let every = cron["spec"]["schedule"].as_str().unwrap();
        let minutes = every.strip_prefix("*/").unwrap().strip_suffix(" * * * *").unwrap().parse().unwrap();
        let sweep = Workload::named(&objects, "sweep");
        assert_eq!(sweep.job.unwrap()["activeDeadlineSeconds"], Value::Null, "{way:?}");
        let deadline = seconds(&sweep.spec()["activeDeadlineSeconds"]);
        let grace = seconds(&sweep.spec()["terminationGracePeriodSeconds"]);
        assert!(deadline + grace < Duration::from_mins(minutes), "{way:?}");
        // A sweep ends by itself after 20 minutes.
        assert!(deadline > Duration::from_mins(20), "{way:?}");
    }
}

#[test]
fn the_quota_has_room_for_all_runs_and_a_sweep() {
    for way in WAYS {
        let objects = way.render();
        let scaled = objects.iter().find(|object| object["kind"] == "ScaledJob").unwrap();
        let quota = objects.iter().find(|object| object["metadata"]["name"] == "agent-batch-pods").unwrap();
        let pods: u64 = quota["spec"]["hard"]["pods"].as_str().unwrap().parse().unwrap();
        assert!(scaled["spec"]["maxReplicaCount"].as_u64().unwrap() + 2 <= pods, "{way:?}");
        // It counts the pods that have a deadline, whatever their class.
        assert_eq!(quota["spec"]["scopes"], json!(["Terminating"]), "{way:?}");
        let class = objects.iter().find(|object| object["kind"] == "PriorityClass").unwrap();
        for pod in Workload::all(&objects) {
            let batch = ["task", "sweep"].contains(&pod.name);
            assert_eq!(pod.spec()["activeDeadlineSeconds"].is_u64(), batch, "{way:?}: {}", pod.name);
            if batch {
                assert_eq!(pod.spec()["priorityClassName"], class["metadata"]["name"], "{way:?}");
            }
        }
    }
}

#[test]
fn two_releases_share_nothing_of_the_cluster() {
    let of_cluster = |namespace: &str| -> BTreeSet<String> {
        let dev = path("k8s/chart/values-dev.yaml");
        let objects = documents(&run(template().args(["--namespace", namespace, "--values"]).arg(dev)));
        let outside = objects.into_iter().filter(|object| object["metadata"]["namespace"] == Value::Null);
        outside.map(|object| format!("{} {}", object["kind"], object["metadata"]["name"])).collect()
    };
    let (one, other) = (of_cluster("one"), of_cluster("other"));
    assert_eq!(one, BTreeSet::from([r#""PriorityClass" "one-batch""#.to_owned()]));
    assert!(one.is_disjoint(&other));
    // Or it is one that is there.
    let dev = path("k8s/chart/values-dev.yaml");
    let own = ["--set", "priorityClass.create=false,priorityClass.name=low"];
    let objects = documents(&run(template().arg("--values").arg(dev).args(own)));
    assert!(objects.iter().all(|object| object["kind"] != "PriorityClass"));
    assert_eq!(Workload::named(&objects, "task").spec()["priorityClassName"], "low");
}

#[test]
fn the_same_users_of_the_broker_wherever_they_are_named() {
    let definitions: Value = serde_json::from_str(&read("k8s/base/rabbitmq/definitions.json")).unwrap();
    let users = definitions["users"].as_array().unwrap();
    let defined: BTreeSet<&str> = users.iter().map(|user| user["name"].as_str().unwrap()).collect();

    let secrets = documents(&read("k8s/secrets.yaml"));
    let logins: BTreeSet<&str> =
        secrets.iter().filter_map(|secret| secret["stringData"]["username"].as_str()).collect();
    assert_eq!(logins, defined);

    for way in [WAYS[2], WAYS[5]] {
        let objects = way.render();
        let kind = |kind: &'static str| objects.iter().filter(move |object| object["kind"] == kind);
        let made: BTreeSet<&str> =
            kind("User").map(|user| user["metadata"]["name"].as_str().unwrap()).collect();
        assert_eq!(made, defined, "{way:?}");
        for user in kind("User") {
            let secret = user["spec"]["importCredentialsSecret"]["name"].as_str().unwrap();
            let template = secrets.iter().find(|template| template["metadata"]["name"] == secret).unwrap();
            assert_eq!(template["stringData"]["username"], user["metadata"]["name"], "{way:?}");
            // Without it the topology operator's webhook refuses the user.
            assert_eq!(template["metadata"]["labels"], json!({TOPOLOGY_LABEL: "true"}), "{way:?}: {secret}");
        }
        // An object that is deleted by mistake takes no message with it.
        for object in kind("Vhost").chain(kind("Queue")) {
            assert_eq!(object["spec"]["deletionPolicy"], "retain", "{way:?}: {}", object["metadata"]["name"]);
        }
        assert_eq!((kind("Vhost").count(), kind("Queue").count()), (1, 2 + queue::DELAYS.len()), "{way:?}");
        let permissions: BTreeMap<&str, &Value> = kind("Permission")
            .map(|object| {
                (object["spec"]["userReference"]["name"].as_str().unwrap(), &object["spec"]["permissions"])
            })
            .collect();
        for defined in definitions["permissions"].as_array().unwrap() {
            for right in ["configure", "write", "read"] {
                let found = permissions[defined["user"].as_str().unwrap()];
                assert_eq!(found[right], defined[right], "{way:?}: {defined}");
            }
        }
    }
}
