//! The `CronJob` of `ai-agent learn`: off unless it is asked for, and then the pod of a run.

use serde_json::{Value, json};

use crate::policy::check_pod;
use crate::render::{WAYS, Way, documents, path, run, template};
use crate::schema::Schemas;
use crate::workload::Workload;

const REPOSITORY: &str = "https://github.com/octo/hello";

fn find<'o>(objects: &'o [Value], kind: &str, name: &str) -> Option<&'o Value> {
    objects.iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == name)
}

fn cron_job(objects: &[Value]) -> Value {
    let mut object = find(objects, "CronJob", "learn").expect("the CronJob").clone();
    object["metadata"]["labels"].as_object_mut().unwrap().remove("app.kubernetes.io/managed-by").unwrap();
    object
}

/// The chart with the values of an overlay, and what asks for it.
fn chart(values: &str, more: &[&str]) -> Vec<Value> {
    let mut helm = template();
    if values == "dev" {
        helm.arg("--values").arg(path("k8s/chart/values-dev.yaml"));
    } else {
        let digest = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
        helm.args(["--set", &format!("images.ingest.digest={digest},images.task.digest={digest}")]);
        helm.args(["--set", "settings.task.AGENT_MODEL=anthropic"]);
    }
    for setting in more {
        helm.args(["--set", setting]);
    }
    documents(&run(helm.args(["--set", &format!("learn.enabled=true,learn.repositories={{{REPOSITORY}}}")])))
}

#[test]
fn nobody_learns_who_did_not_ask_for_it() {
    for way in WAYS {
        assert!(find(&way.render(), "CronJob", "learn").is_none(), "{way:?}");
    }
}

#[test]
fn component_and_chart_make_the_same_pod_as_a_runs() {
    let pairs = [
        (Way::Overlay("dev", &["learn"]), chart("dev", &[])),
        (Way::Overlay("dev", &["jira", "learn"]), chart("dev", &["jira.enabled=true"])),
        (Way::Overlay("prod", &["certificates", "learn"]), chart("prod", &[])),
    ];
    for (way, chart) in pairs {
        let overlay = way.render();
        let learn = cron_job(&overlay);
        assert_eq!(cron_job(&chart), learn, "{way:?}");
        for objects in [&overlay, &chart] {
            let mut schemas = Schemas::default();
            let faults: Vec<String> = objects.iter().flat_map(|object| schemas.faults(object)).collect();
            assert_eq!(faults, Vec::<String>::new(), "{way:?}");
            let settings = find(objects, "ConfigMap", "task-settings").unwrap();
            assert_eq!(settings["data"]["AGENT_LEARN_REPOSITORIES"], REPOSITORY, "{way:?}");
            let quota = find(objects, "ResourceQuota", "agent-batch-pods").unwrap();
            assert_eq!(quota["spec"]["hard"]["pods"], "13", "{way:?}");
        }

        let pods: Vec<Workload<'_>> =
            Workload::all(&overlay).into_iter().filter(|pod| pod.name == "task").collect();
        let is_learn = |pod: &Workload<'_>| pod.labels()["app.kubernetes.io/component"] == "learn";
        let learn = *pods.iter().find(|pod| is_learn(pod)).unwrap();
        let run = *pods.iter().find(|pod| !is_learn(pod)).unwrap();
        check_pod(learn);
        // The same secrets, settings and labels, by which policies let it out.
        assert_eq!(
            (learn.secrets(), learn.settings(), learn.env()),
            (run.secrets(), run.settings(), run.env()),
            "{way:?}"
        );
        let container = learn.containers()[0];
        assert_eq!(
            (&container["args"], &container["startupProbe"]),
            (&json!(["learn"]), &Value::Null),
            "{way:?}"
        );
        // One that did not get anywhere ends, and the next week is the retry.
        assert_eq!(learn.job.unwrap()["backoffLimit"], 0, "{way:?}");
        assert!(learn.spec()["activeDeadlineSeconds"].is_u64(), "{way:?}");
    }
}

#[test]
fn the_component_keeps_what_the_others_did_to_a_run() {
    let way =
        Way::Overlay("managed", &["github-token", "private-ca", "broker-ca", "telemetry-headers", "learn"]);
    let objects = way.render();
    let learn = cron_job(&objects);
    let text = learn.to_string();
    for part in ["github-token", "/run/private-ca/ca.crt", "amqp-ca", "otlp-headers"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn the_chart_wants_to_know_where_to_learn() {
    let dev = path("k8s/chart/values-dev.yaml");
    let refused = |more: &str| {
        let output = template().arg("--values").arg(&dev).args(["--set", more]).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(refused("learn.enabled=true").contains("learn.enabled needs learn.repositories"));
    assert!(refused("learn.enabled=true,learn.repositories={octo/hello}").contains("/learn/repositories/0"));
}
