//! What KEDA does with the queue. Its schema takes any key and any value in a trigger, and each of these settings has a
//! default under which messages get two Jobs, or none, or running Jobs are deleted.

use serde_json::{Value, json};
use shared::queue;

use crate::render::WAYS;
use crate::workload::Workload;

#[test]
fn one_job_for_each_message_and_none_is_deleted() {
    for way in WAYS {
        let objects = way.render();
        let scaled = objects.iter().find(|object| object["kind"] == "ScaledJob").unwrap();
        let spec = &scaled["spec"];
        assert_eq!(
            spec["triggers"],
            json!([{
                "type": "rabbitmq",
                "metadata": {"protocol": "amqp", "queueName": queue::TASKS, "mode": "QueueLength", "value": "1"},
                "authenticationRef": {"name": "rabbitmq-agent-tasks"},
            }]),
            "{way:?}"
        );
        assert_eq!(
            spec["scalingStrategy"],
            json!({"strategy": "accurate", "pendingPodConditions": ["Ready"]})
        );
        assert_eq!(spec["rollout"], json!({"strategy": "gradual", "propagationPolicy": "foreground"}));
        // A pod's name is made of this, and has 63 characters.
        assert!(scaled["metadata"]["name"].as_str().unwrap().len() <= 57);

        let task = Workload::named(&objects, "task");
        let job = task.job.unwrap();
        for field in ["parallelism", "completions"] {
            assert_eq!(job[field], 1, "{way:?}: {field}");
        }
        assert_eq!(job["backoffLimit"], 0, "{way:?}");
        assert_eq!(task.spec()["restartPolicy"], "Never", "{way:?}");
        // Ready is said by this probe alone: by nothing sooner, and by nothing that could take it back.
        let container = task.containers()[0];
        assert_eq!(container["startupProbe"]["exec"]["command"], json!(["/usr/local/bin/ai-agent", "probe"]));
        assert_eq!((&container["readinessProbe"], &container["livenessProbe"]), (&Value::Null, &Value::Null));
        assert_eq!(container["args"], json!(["consume"]));
    }
}

#[test]
fn keda_is_told_what_it_needs_to_log_in() {
    for way in WAYS {
        let objects = way.render();
        let authentication = objects.iter().find(|object| object["kind"] == "TriggerAuthentication").unwrap();
        let from = |field: &str| -> Vec<(String, String, String)> {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let targets = authentication["spec"][field].as_array().unwrap().iter();
            targets
                .map(|target| (text(&target["parameter"]), text(&target["name"]), text(&target["key"])))
                .collect()
        };
        let same = |name: &str, key: &str| (key.to_owned(), name.to_owned(), key.to_owned());
        let map = "keda-rabbitmq";
        assert_eq!(from("configMapTargetRef"), [same(map, "host"), same(map, "tls")], "{way:?}");
        let user = "rabbitmq-user-keda";
        let mut secrets = vec![same(user, "username"), same(user, "password")];
        let task = Workload::named(&objects, "task");
        if task.env().contains_key("AGENT_AMQP_CA_FILE") {
            secrets.push(("ca".to_owned(), "rabbitmq-ca".to_owned(), "ca.crt".to_owned()));
        }
        assert_eq!(from("secretTargetRef"), secrets, "{way:?}");

        // It asks where the runs ask.
        let data = |name: &str| {
            let of = |object: &&Value| object["kind"] == "ConfigMap" && object["metadata"]["name"] == name;
            &objects.iter().find(of).unwrap()["data"]
        };
        let address = data("agent-settings")["AGENT_AMQP_URL"].as_str().unwrap();
        let tls = if address.starts_with("amqps:") { "enable" } else { "disable" };
        assert_eq!(data(map), &json!({"host": address, "tls": tls}), "{way:?}");
    }
}
