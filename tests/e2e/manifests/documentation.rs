//! What the documentation tells people to apply is rendered as the rest is, and its links lead somewhere.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::agreement::TOPOLOGY_LABEL;
use crate::render::{Way, documents, kubectl, path, read, relative, run, template};
use crate::schema::Schemas;

const DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

fn check(objects: &[serde_json::Value]) {
    let mut schemas = Schemas::default();
    for object in objects {
        assert_eq!(schemas.faults(object), Vec::<String>::new());
    }
}

/// The code block of DEPLOYMENT.md that has the line.
fn block(line: &str) -> String {
    block_of("docs/DEPLOYMENT.md", line)
}

fn block_of(document: &str, line: &str) -> String {
    let document = read(document);
    let blocks = document.split("```").skip(1).step_by(2);
    let found: Vec<&str> = blocks.filter(|block| block.contains(line)).collect();
    assert_eq!(found.len(), 1, "blocks with {line}");
    found[0].split_once('\n').unwrap().1.replace("sha256:…", DIGEST)
}

#[test]
fn what_an_operator_needs_is_there_before_it() {
    let commands = block("helm upgrade --install keda");
    let steps = [
        "k8s/base/namespace.yaml",
        "helm upgrade --install keda",
        "cert-manager.yaml",
        "-n cert-manager wait --for=condition=Available deployment --all",
        "cluster-operator.yml",
        "messaging-topology-operator-with-certmanager.yaml",
        "-n rabbitmq-system wait --for=condition=Available deployment --all",
    ];
    let places: Vec<usize> = steps.iter().map(|step| commands.find(step).unwrap()).collect();
    assert!(places.is_sorted(), "{commands}");
}

#[test]
fn secrets_of_the_documentation_are_those_of_the_templates() {
    let made = block("create secret generic \"rabbitmq-user-$user\"");
    assert!(made.contains(&format!("label secret \"rabbitmq-user-$user\" {TOPOLOGY_LABEL}=true")), "{made}");
    let external = documents(&block("kind: ExternalSecret")).remove(0);
    let target = &external["spec"]["target"];
    assert_eq!(target["name"], external["metadata"]["name"]);
    let templates = documents(&read("k8s/secrets.yaml"));
    let template = templates.iter().find(|template| template["metadata"]["name"] == target["name"]).unwrap();
    assert_eq!(target["template"]["metadata"]["labels"], template["metadata"]["labels"]);
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&target["template"]["data"]), keys(&template["stringData"]));
}

#[test]
fn the_topology_operator_is_shown_the_authority_beside_its_own_files() {
    let commands = block("patch deployment messaging-topology-operator");
    // Before it there is the path of the certificate, in quotes as well.
    let patch = commands.split('\'').nth(3).unwrap();
    // What its release has: config/manager and config/default of rabbitmq/messaging-topology-operator.
    let operator = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "messaging-topology-operator"},
        "spec": {
            "selector": {"matchLabels": {"app": "operator"}},
            "template": {
                "metadata": {"labels": {"app": "operator"}},
                "spec": {
                    "containers": [{
                        "name": "manager", "image": "operator",
                        "volumeMounts": [{"name": "cert", "mountPath": "/tmp/k8s-webhook-server/serving-certs"}],
                    }],
                    "volumes": [{"name": "cert", "secret": {"secretName": "webhook-server-cert"}}],
                },
            },
        },
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("operator.json");
    std::fs::write(&file, operator.to_string()).unwrap();
    let patched =
        run(kubectl().args(["patch", "--local", "--output=json", "--patch", patch, "--filename"]).arg(file));
    let patched = documents(&patched);
    check(&patched);
    let spec = &patched[0]["spec"]["template"]["spec"];
    assert_eq!(spec["containers"].as_array().unwrap().len(), 1);
    assert_eq!(
        spec["containers"][0]["volumeMounts"],
        json!([
            {
                "name": "rabbitmq-ca", "mountPath": "/etc/ssl/certs/rabbitmq-ca.crt",
                "subPath": "ca.crt", "readOnly": true,
            },
            {"name": "cert", "mountPath": "/tmp/k8s-webhook-server/serving-certs"},
        ])
    );
    assert_eq!(
        spec["volumes"],
        json!([
            {"name": "rabbitmq-ca", "secret": {"secretName": "rabbitmq-ca"}},
            {"name": "cert", "secret": {"secretName": "webhook-server-cert"}},
        ])
    );
    assert!(commands.contains("secret generic rabbitmq-ca --from-file=ca.crt\n"), "{commands}");
}

/// What an overlay of the documentation makes, over this tree.
fn overlaid(overlay: &str) -> Vec<serde_json::Value> {
    let folder = tempfile::tempdir().unwrap();
    let tree = relative(folder.path(), "k8s");
    let local = overlay.replace("https://github.com/OWNER/ai-agent//k8s", &tree).replace("?ref=COMMIT", "");
    assert_ne!(overlay, local);
    std::fs::write(folder.path().join("kustomization.yaml"), local).unwrap();
    let objects = documents(&run(kubectl().arg("kustomize").arg(folder.path())));
    check(&objects);
    objects
}

#[test]
fn a_gateway_finds_nothing_of_the_ingress() {
    let overlay = block("# kustomization.yaml");
    let (before, _) = overlay.split_once("patches:\n").unwrap();
    let objects = overlaid(&format!("{before}{}", block("$patch: delete")));
    let taken = |object: &serde_json::Value| {
        let name = &object["metadata"]["name"];
        object["kind"] == "Ingress" || (object["kind"] == "NetworkPolicy" && name == "ingest-from-ingress")
    };
    assert!(!objects.iter().any(taken));
    assert_eq!(objects.len() + 2, Way::Overlay("prod", CERTIFICATES).render().len());
}

/// The components that the overlay of the documentation has.
const CERTIFICATES: &[&str] = &["certificates", "ingress-certificate"];

#[test]
fn the_overlay_for_a_managed_broker_says_where_it_is() {
    let objects = overlaid(&block("# managed.yaml"));
    assert_eq!(objects.len(), Way::Overlay("managed", &[]).render().len());
    let named = |kind: &str, name: &str| {
        objects.iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == name).unwrap()
    };
    let address = "amqps://mq.your.domain:5671/agents";
    assert_eq!(named("ConfigMap", "agent-settings")["data"]["AGENT_AMQP_URL"], address);
    assert_eq!(named("ConfigMap", "keda-rabbitmq")["data"], json!({"host": address, "tls": "enable"}));
    assert_eq!(
        named("NetworkPolicy", "broker-clients")["spec"]["egress"],
        json!([{
            "to": [{"ipBlock": {"cidr": "10.50.0.0/16"}}], "ports": [{"protocol": "TCP", "port": 5671}],
        }])
    );
    assert!(objects.iter().all(|object| !object["apiVersion"].as_str().unwrap().starts_with("rabbitmq.com")));
}

#[test]
fn the_runs_come_after_the_broker() {
    let document = read("docs/DEPLOYMENT.md");
    let steps = [
        "-k . --selector 'app.kubernetes.io/component!=run'",
        "rabbitmqcluster/rabbitmq --timeout",
        "secret generic rabbitmq-ca --from-file=ca.crt",
        "\"$kind.rabbitmq.com\" --all",
        "kubectl apply --server-side --force-conflicts -k .\n",
        "scaledjob/task --timeout",
    ];
    let places: Vec<usize> = steps.iter().map(|step| document.find(step).unwrap()).collect();
    assert!(places.is_sorted(), "{places:?}");
    // The selector leaves out what makes Jobs, and that alone.
    let objects = Way::Overlay("prod", &[]).render();
    let run =
        |object: &&serde_json::Value| object["metadata"]["labels"]["app.kubernetes.io/component"] == "run";
    let last: Vec<&str> = objects.iter().filter(run).map(|object| object["kind"].as_str().unwrap()).collect();
    assert_eq!(last, ["ServiceAccount", "ScaledJob"]);
}

#[test]
fn the_overlay_of_the_documentation_changes_what_it_says() {
    let objects = overlaid(&block("# kustomization.yaml"));
    assert_eq!(objects.len(), Way::Overlay("prod", CERTIFICATES).render().len());
    let named = |kind: &str, name: &str| {
        objects.iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == name).unwrap()
    };
    assert_eq!(named("ConfigMap", "task-settings")["data"]["AGENT_MODEL"], "anthropic");
    assert_eq!(named("Ingress", "ingest")["spec"]["rules"][0]["host"], "agent.your.domain");
    assert_eq!(named("Certificate", "ingest-tls")["spec"]["dnsNames"], json!(["agent.your.domain"]));
    assert_eq!(named("Issuer", "letsencrypt")["spec"]["acme"]["email"], "you@your.domain");
    let job = &named("ScaledJob", "task")["spec"]["jobTargetRef"];
    assert_eq!(
        job["template"]["spec"]["containers"][0]["image"],
        format!("ghcr.io/OWNER/ai-agent/task@{DIGEST}")
    );
}

#[test]
fn the_chart_takes_the_values_of_the_documentation() {
    let command = block("helm upgrade --install ai-agent k8s/chart").replace("\\\n", " ");
    let words: Vec<&str> = command.split_whitespace().collect();
    let values = words.windows(2).filter(|pair| pair[0].starts_with("--set"));
    let objects = documents(&run(template().args(values.flatten())));
    check(&objects);
    let settings = objects.iter().find(|object| object["metadata"]["name"] == "task-settings").unwrap();
    assert_eq!(settings["data"]["AGENT_GITHUB_APP_ID"], "123456");
    // The first half of an installation has nothing that makes Jobs.
    assert!(objects.iter().all(|object| object["kind"] != "ScaledJob"));
    assert!(objects.iter().any(|object| object["metadata"]["name"] == "letsencrypt"));
    // No Ingress, and nothing of it.
    let without = documents(&run(template()
        .args(["--set", "ingest.ingress=null,settings.task.AGENT_MODEL=anthropic"])
        .args(["--set", &format!("images.ingest.digest={DIGEST},images.task.digest={DIGEST}")])));
    assert!(without.iter().all(|object| object["kind"] != "Ingress"));
}

#[test]
fn the_chart_refuses_to_install_without_a_model() {
    let images = format!("images.ingest.digest={DIGEST},images.task.digest={DIGEST}");
    let output = template().args(["--set", &images]).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(told.contains("settings.task.AGENT_MODEL is not set; use anthropic, openai or ollama"), "{told}");
}

#[test]
fn the_chart_refuses_a_broker_that_it_does_not_know() {
    let dev = path("k8s/chart/values-dev.yaml");
    let output =
        template().arg("--values").arg(dev).args(["--set", "broker.kind=elsewhere"]).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(told.contains("broker.kind is \"elsewhere\"; use cluster, single or external"), "{told}");
}

/// A value that is passed over in silence may be a limit that does not hold.
#[test]
fn the_chart_refuses_values_that_it_does_not_know() {
    let dev = path("k8s/chart/values-dev.yaml");
    for (set, named) in [
        ("settngs.task.AGENT_MAX_COST=1", "settngs"),
        ("task.maxjobs=3", "maxjobs"),
        ("task.maxJobs=many", "maxJobs"),
        ("ingest.autoscalling=false", "autoscalling"),
        ("github.credential=pat", "credential"),
        ("images.task.digest=latest", "digest"),
        ("broker.port=0", "port"),
        ("network.run[0].to=x", "run"),
    ] {
        let output = template().arg("--values").arg(&dev).args(["--set", set]).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && told.contains(named), "{set}: {told}");
    }
}

/// Every value of `values.yaml` is described, and nothing else is.
#[test]
fn the_schema_of_the_charts_values_has_those_that_there_are() {
    let schema: Value = serde_json::from_str(&read("k8s/chart/values.schema.json")).unwrap();
    let values = documents(&read("k8s/chart/values.yaml")).remove(0);
    // Helm's own, and what stands in no default.
    let optional = ["global", "claims"];
    let mut pairs = vec![(String::new(), &schema, &values)];
    while let Some((place, schema, values)) = pairs.pop() {
        let Some(described) = schema["properties"].as_object() else { continue };
        let described: BTreeMap<_, _> =
            described.iter().filter(|(name, _)| !optional.contains(&name.as_str())).collect();
        let given: BTreeMap<_, _> = values.as_object().unwrap().iter().collect();
        assert!(given.keys().eq(described.keys()), "{place}: {given:?}");
        for (name, schema) in described {
            if values[name].is_object() {
                let schema = schema["oneOf"].as_array().map_or(schema, |choices| &choices[1]);
                pairs.push((format!("{place}.{name}"), schema, &values[name]));
            }
        }
    }
}

#[test]
fn the_chart_writes_numbers_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("values.yaml");
    let values =
        "settings: {task: {AGENT_GITHUB_APP_ID: 12345678, AGENT_MAX_COST: 2.5, AGENT_MODEL: builtin}}";
    std::fs::write(&file, values).unwrap();
    let dev = path("k8s/chart/values-dev.yaml");
    let objects = documents(&run(template().arg("--values").arg(dev).arg("--values").arg(file)));
    let settings = objects.iter().find(|object| object["metadata"]["name"] == "task-settings").unwrap();
    for (name, value) in
        [("AGENT_GITHUB_APP_ID", "12345678"), ("AGENT_MAX_COST", "2.5"), ("AGENT_MODEL", "builtin")]
    {
        assert_eq!(settings["data"][name], value, "{name}");
    }
}

#[test]
fn every_shell_block_is_shell() {
    for document in ["docs/DEPLOYMENT.md", "docs/OPERATIONS.md"] {
        let text = read(document);
        let blocks: Vec<&str> =
            text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
        assert!(blocks.len() > 5, "{document}");
        for block in blocks {
            run(std::process::Command::new("bash").args(["-n", "-c", block]));
            // A log of a Job is followed by the script that waits for its pod.
            assert!(!block.contains("logs --follow"), "{document}: {block}");
        }
    }
}

#[test]
fn an_upgrade_takes_back_what_was_changed_by_hand() {
    let documents = ["README.md", "docs/DEPLOYMENT.md", "docs/OPERATIONS.md"].map(read).concat();
    let applied: Vec<&str> = documents.lines().filter(|line| line.contains("apply --server-side")).collect();
    assert!(applied.len() > 2, "{applied:?}");
    // Else the first field that `kubectl patch` owns is a conflict.
    assert!(applied.iter().all(|line| line.contains("--force-conflicts")), "{applied:?}");
}

/// GitHub's anchor of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    kept.chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[test]
fn links_lead_somewhere() {
    let mut followed = 0;
    for document in [
        "README.md",
        "ARCHITECTURE.md",
        "docs/COMMANDS.md",
        "docs/DEPLOYMENT.md",
        "docs/EVAL.md",
        "docs/OPERATIONS.md",
        "docs/LEARN.md",
        "docs/REPORT.md",
        "docs/SECURITY.md",
        "docs/TELEMETRY.md",
        "CONTRIBUTING.md",
        "AGENTS.md",
        "CHANGELOG.md",
        "benches/README.md",
    ] {
        let text = read(document);
        let folder = path(document).parent().unwrap().to_owned();
        for link in text.split("](").skip(1).map(|rest| rest.split_once(')').unwrap().0) {
            if link.contains("://") {
                continue;
            }
            let (file, fragment) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path(document) } else { folder.join(file) };
            assert!(target.exists(), "{document}: {link}");
            if !fragment.is_empty() {
                let target = std::fs::read_to_string(target).unwrap();
                let headings = target.lines().filter(|line| line.starts_with('#'));
                let anchors: Vec<String> =
                    headings.map(|line| anchor(line.trim_start_matches('#'))).collect();
                assert!(anchors.iter().any(|known| known == fragment), "{document}: {link}");
            }
            followed += 1;
        }
    }
    assert!(followed > 10, "{followed}");
}
