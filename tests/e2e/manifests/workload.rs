//! A *workload*: whatever makes pods, seen through the pod that it makes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// The pod of one object.
#[derive(Clone, Copy)]
pub(crate) struct Workload<'a> {
    /// The label `app.kubernetes.io/name`, by which policies and services know it.
    pub(crate) name: &'a str,
    /// The pod's `template`.
    template: &'a Value,
    /// The Job around it, where there is one.
    pub(crate) job: Option<&'a Value>,
}

impl<'a> Workload<'a> {
    pub(crate) fn all(objects: &'a [Value]) -> Vec<Self> {
        objects.iter().filter_map(Self::of).collect()
    }

    fn of(object: &'a Value) -> Option<Self> {
        let spec = &object["spec"];
        let (template, job) = match object["kind"].as_str()? {
            "Deployment" | "StatefulSet" => (&spec["template"], None),
            "Job" => (&spec["template"], Some(spec)),
            "CronJob" => (&spec["jobTemplate"]["spec"]["template"], Some(&spec["jobTemplate"]["spec"])),
            "ScaledJob" => (&spec["jobTargetRef"]["template"], Some(&spec["jobTargetRef"])),
            _ => return None,
        };
        let name = template["metadata"]["labels"]["app.kubernetes.io/name"].as_str().unwrap();
        Some(Self { name, template, job })
    }

    pub(crate) fn named(objects: &'a [Value], name: &str) -> Self {
        let found: Vec<Self> = Self::all(objects).into_iter().filter(|pod| pod.name == name).collect();
        assert_eq!(found.len(), 1, "workloads with the name {name}");
        found[0]
    }

    pub(crate) fn labels(self) -> &'a Map<String, Value> {
        self.template["metadata"]["labels"].as_object().unwrap()
    }

    pub(crate) fn spec(self) -> &'a Value {
        &self.template["spec"]
    }

    pub(crate) fn containers(self) -> Vec<&'a Value> {
        ["initContainers", "containers", "ephemeralContainers"]
            .iter()
            .filter_map(|field| self.spec()[field].as_array())
            .flatten()
            .collect()
    }

    pub(crate) fn volumes(self) -> &'a [Value] {
        self.spec()["volumes"].as_array().map_or(&[], Vec::as_slice)
    }

    /// Names of the secrets that it mounts, with the keys and the files that they become; `*` for all of a secret.
    pub(crate) fn secrets(self) -> BTreeMap<&'a str, BTreeSet<(&'a str, &'a str)>> {
        let mut secrets = BTreeMap::new();
        for volume in self.volumes() {
            let sources = volume["projected"]["sources"].as_array();
            for source in sources.into_iter().flatten() {
                if let Some(name) = source["secret"]["name"].as_str() {
                    secrets.insert(name, items(&source["secret"]));
                }
            }
            if let Some(name) = volume["secret"]["secretName"].as_str() {
                secrets.insert(name, items(&volume["secret"]));
            }
        }
        secrets
    }

    /// Variables that are set in the manifest itself.
    pub(crate) fn env(self) -> BTreeMap<&'a str, &'a Value> {
        let variables = self.containers().into_iter().filter_map(|container| container["env"].as_array());
        variables.flatten().map(|variable| (variable["name"].as_str().unwrap(), &variable["value"])).collect()
    }

    /// Names of the settings that it takes whole.
    pub(crate) fn settings(self) -> BTreeSet<&'a str> {
        let sources = self.containers().into_iter().filter_map(|container| container["envFrom"].as_array());
        sources.flatten().map(|source| source["configMapRef"]["name"].as_str().unwrap()).collect()
    }
}

/// An amount of memory as Kubernetes writes it.
pub(crate) fn bytes(quantity: &Value) -> u64 {
    let text = quantity.as_str().unwrap();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap();
    let unit = match &text[end..] {
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        other => panic!("{other}"),
    };
    text[..end].parse::<u64>().unwrap() * unit
}

fn items(secret: &Value) -> BTreeSet<(&str, &str)> {
    match secret["items"].as_array() {
        None => BTreeSet::from([("*", "*")]),
        Some(items) => {
            items.iter().map(|item| (item["key"].as_str().unwrap(), item["path"].as_str().unwrap())).collect()
        }
    }
}
