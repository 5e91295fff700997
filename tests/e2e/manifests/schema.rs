//! Each object against the schema of its kind, in which unknown fields are forbidden.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jsonschema::{Draft, Validator};
use serde_json::{Value, json};

use crate::render::{WAYS, documents, read};

static SCHEMAS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../fixtures/k8s/schemas.json")).unwrap());

/// Validators by kind, made when the first object of the kind comes.
#[derive(Default)]
pub(crate) struct Schemas(BTreeMap<String, Validator>);

impl Schemas {
    pub(crate) fn faults(&mut self, object: &Value) -> Vec<String> {
        let text = |field: &str| object[field].as_str().unwrap_or_else(|| panic!("no {field}: {object}"));
        let kind = format!("{}/{}", text("apiVersion"), text("kind"));
        let place = format!("{kind} {}", object["metadata"]["name"]);
        let validator = self.0.entry(kind).or_insert_with_key(|kind| validator(kind));
        let errors = validator.iter_errors(object);
        errors.map(|error| format!("{place}{}: {error}", error.instance_path())).collect()
    }
}

fn validator(kind: &str) -> Validator {
    let name = SCHEMAS["kinds"][kind].as_str().unwrap_or_else(|| panic!("no schema for {kind}"));
    let schema = json!({ "$ref": format!("#/$defs/{name}"), "$defs": SCHEMAS["$defs"] });
    jsonschema::options().with_draft(Draft::Draft202012).build(&schema).unwrap()
}

#[test]
fn every_object_is_what_the_api_server_takes() {
    let mut schemas = Schemas::default();
    for way in WAYS {
        let objects = way.render();
        let faults: Vec<String> = objects.iter().flat_map(|object| schemas.faults(object)).collect();
        assert_eq!(faults, Vec::<String>::new(), "{way:?}");
        println!("{way:?}: {} objects", objects.len());
    }
    for secret in documents(&read("k8s/secrets.yaml")) {
        assert_eq!(schemas.faults(&secret), Vec::<String>::new());
    }
}

#[test]
fn what_the_api_server_refuses_is_found() {
    let objects = WAYS[2].render();
    let mut schemas = Schemas::default();
    let mut check = |kind: &str, pointer: &str, field: &str, value: Value| {
        let mut object = objects.iter().find(|object| object["kind"] == kind).unwrap().clone();
        assert_eq!(schemas.faults(&object), Vec::<String>::new());
        object.pointer_mut(pointer).unwrap()[field] = value;
        assert_ne!(schemas.faults(&object), Vec::<String>::new(), "{kind} {pointer}/{field}");
    };
    check("Deployment", "/spec/template/spec/containers/0", "imagePolicy", json!("Always"));
    check("Deployment", "/spec/template/spec/containers/0/resources/limits", "memory", json!(["128Mi"]));
    check("Deployment", "/metadata", "label", json!({}));
    check("CronJob", "/spec/jobTemplate/spec", "activeDeadlineSecond", json!(1));
    check("NetworkPolicy", "/spec", "policyType", json!(["Egress"]));
    check("ScaledJob", "/spec/scalingStrategy", "pendingPodCondition", json!(["Ready"]));
    check("ScaledJob", "/spec/rollout", "strategy", json!("slow"));
    check("ScaledJob", "/spec/jobTargetRef/template/spec", "serviceAccount_name", json!("task"));
    check("TriggerAuthentication", "/spec/secretTargetRef/0", "secret", json!("x"));
    check("RabbitmqCluster", "/spec/tls", "disableTLS", json!(true));
    check("Policy", "/spec", "definitions", json!({}));
}
