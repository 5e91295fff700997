//! The *steps* of the scripts that need a cluster: which programs they call, in which order, and what they say when one
//! of these fails. The programs are stand-ins that write down how they were called.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::render::{WAYS, path};
use crate::schema::Schemas;
use crate::workload::Workload;

/// What every stand-in does: notes its call, fails if the call has `$FAIL` in it, and answers from `$ANSWERS` where a file
/// there has the name of the call's first words.
const STAND_IN: &str = r#"#!/bin/sh
call="$(basename "$0") $*"
echo "$call" >> "$CALLS"
case $call in *"$FAIL"*) echo "stand-in fails" >&2; exit 1 ;; esac
case $call in
    "kind get clusters") cat "$ANSWERS/clusters" ;;
    *"get scaledjob task --output json") cat "$ANSWERS/scaledjob" ;;
    *"create --filename -") cat > "$ANSWERS/created" ;;
    *"get pods --selector job-name="*) n=$(wc -l < "$ANSWERS/looks"); echo >> "$ANSWERS/looks"; sed -n "$((n + 1))p" "$ANSWERS/pods" ;;
    *"get statefulset rabbitmq --output json") cat "$ANSWERS/statefulset" ;;
    *"exec -i "*|*"apply --server-side --filename -") cat > /dev/null ;;
    *list_queues*) n=$(wc -l < "$ANSWERS/looks"); echo >> "$ANSWERS/looks"; sed -n "$((n + 1))p" "$ANSWERS/queues" ;;
    *"get jobs"*) n=$(wc -l < "$ANSWERS/looks"); sed -n "${n}p" "$ANSWERS/jobs" ;;
esac
"#;

struct Stage {
    folder: TempDir,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for directory in ["bin", "answers"] {
            std::fs::create_dir(folder.path().join(directory)).unwrap();
        }
        for program in ["docker", "kind", "minikube", "helm", "kubectl"] {
            let program = folder.path().join("bin").join(program);
            std::fs::write(&program, STAND_IN).unwrap();
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        std::fs::write(folder.path().join("token"), "x").unwrap();
        let stage = Self { folder };
        stage.answers("clusters", "");
        stage.answers("looks", "");
        stage
    }

    fn answers(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join("answers").join(name), text).unwrap();
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Runs a script, and returns what it did and how it called others, with the place of its state left out.
    fn run(&self, script: &str, arguments: &[&str], fail: &str) -> (Output, String) {
        self.run_with(&[], script, arguments, fail)
    }

    /// The same with settings of one's own.
    fn run_with(
        &self,
        settings: &[(&str, &str)],
        script: &str,
        arguments: &[&str],
        fail: &str,
    ) -> (Output, String) {
        let calls = self.folder.path().join("calls");
        std::fs::write(&calls, "").unwrap();
        let output = self.command(script, arguments, fail).envs(settings.iter().copied()).output().unwrap();
        let called = std::fs::read_to_string(&calls).unwrap();
        (output, called.replace(&self.state().display().to_string(), "STATE"))
    }

    /// A script among the stand-ins.
    fn command(&self, script: &str, arguments: &[&str], fail: &str) -> Command {
        let bin = self.folder.path().join("bin");
        let search = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        let mut command = Command::new(path("scripts").join(script));
        command
            .args(arguments)
            .env_clear()
            .envs([
                ("PATH", search.as_str()),
                ("HOME", "/nonexistent"),
                ("FAIL", if fail.is_empty() { "\n" } else { fail }),
            ])
            .env("CALLS", self.folder.path().join("calls"))
            .env("ANSWERS", self.folder.path().join("answers"))
            .env("AGENT_LOCAL_STATE", self.state())
            .env("AGENT_GITHUB_TOKEN_FILE", self.folder.path().join("token"));
        command
    }
}

const UP: &str = "\
docker info
kind get clusters
kind create cluster --name ai-agent --wait 120s
kubectl --context kind-ai-agent --namespace ai-agent apply --server-side --force-conflicts --filename k8s/base/namespace.yaml
helm --kube-context kind-ai-agent upgrade --install keda keda --repo https://kedacore.github.io/charts --version 2.20.2 --namespace keda --create-namespace --set watchNamespace=ai-agent --wait --timeout 5m
docker build --target ingest --tag localhost/ai-agent/ingest:dev .
kind load docker-image --name ai-agent localhost/ai-agent/ingest:dev
docker build --target task --tag localhost/ai-agent/task:dev .
kind load docker-image --name ai-agent localhost/ai-agent/task:dev
kubectl --context kind-ai-agent --namespace ai-agent apply --server-side --force-conflicts --kustomize STATE --selector app.kubernetes.io/component!=run
kubectl --context kind-ai-agent --namespace ai-agent rollout status statefulset/rabbitmq --timeout 5m
kubectl --context kind-ai-agent --namespace ai-agent exec -i rabbitmq-0 -- sh -c cat > /tmp/definitions.json && rabbitmqctl --quiet import_definitions /tmp/definitions.json; status=$?; rm -f /tmp/definitions.json; exit $status
kubectl --context kind-ai-agent --namespace ai-agent rollout restart deployment/ingest
kubectl --context kind-ai-agent --namespace ai-agent rollout status deployment/ingest --timeout 3m
kubectl --context kind-ai-agent --namespace ai-agent apply --server-side --force-conflicts --kustomize STATE
kubectl --context kind-ai-agent --namespace ai-agent wait --for=condition=Ready scaledjob/task --timeout 2m
";

#[test]
fn up_makes_everything_and_again_only_what_is_not_there() {
    let stage = Stage::new();
    let (output, calls) = stage.run("local-cluster", &["up"], "");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(calls, UP);
    stage.answers("clusters", "other\nai-agent\n");
    let (output, calls) = stage.run("local-cluster", &["up"], "");
    assert!(output.status.success());
    assert_eq!(calls, UP.replace("kind create cluster --name ai-agent --wait 120s\n", ""));
    let (output, calls) = stage.run("local-cluster", &["down"], "");
    assert!(output.status.success());
    assert_eq!(calls, "kind delete cluster --name ai-agent\n");
    assert!(!Path::new(&stage.state()).exists());
}

#[test]
fn every_step_that_fails_says_what_to_do() {
    let stage = Stage::new();
    for (fail, advice) in [
        (
            "kind create",
            "kind could not make the cluster\n    kind delete cluster --name ai-agent, then again; kind says why above\n",
        ),
        (
            "namespace.yaml",
            "the namespace ai-agent was not made\n    kubectl --context kind-ai-agent get nodes   shows whether the cluster answers\n",
        ),
        (
            "helm",
            "KEDA was not installed\n    kubectl --context kind-ai-agent -n keda get pods   shows what it waits for\n    behind a proxy: make charts and images of ghcr.io/kedacore reachable\n",
        ),
        (
            "build --target task",
            "the image of task was not built\n    docker says why above; the first build fetches and compiles for minutes\n",
        ),
        (
            "--kustomize",
            "the cluster refused something\n    it says what above; a missing kind means that KEDA is not ready\n",
        ),
        (
            "statefulset/rabbitmq",
            "the broker did not start\n    kubectl --context kind-ai-agent -n ai-agent describe pod rabbitmq-0\n    kubectl --context kind-ai-agent -n ai-agent logs rabbitmq-0\n",
        ),
        ("import_definitions", "the broker did not take its queues and users\n    it says why above\n"),
        (
            "rollout status deployment/ingest",
            "ingest did not become ready\n    kubectl --context kind-ai-agent -n ai-agent logs deployment/ingest   says why\n",
        ),
        (
            "scaledjob/task",
            "KEDA does not see the queue\n    kubectl --context kind-ai-agent -n ai-agent describe scaledjob task\n",
        ),
    ] {
        let (output, calls) = stage.run("local-cluster", &["up"], fail);
        assert_eq!(output.status.code(), Some(1), "{fail}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(told, format!("stand-in fails\nscripts/local-cluster: {advice}"));
        assert!(calls.lines().last().unwrap().contains(fail), "{fail}: goes on after it\n{calls}");
    }
}

#[test]
fn a_model_inside_of_the_cluster_gets_its_room_and_is_fetched() {
    let stage = Stage::new();
    let arguments = ["up", "--with", "minikube"];
    let up = |model: &str, fail: &str| {
        stage.run_with(&[("AGENT_MODEL", model)], "local-cluster", &arguments, fail)
    };
    let (output, calls) = up("ollama:qwen2.5-coder:7b", "");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(
        calls.contains("minikube start --profile ai-agent --cni=calico --cpus=4 --memory=10g\n"),
        "{calls}"
    );
    assert!(
        calls.ends_with(
            "wait --for=condition=Ready scaledjob/task --timeout 2m
kubectl --context ai-agent --namespace ai-agent rollout status deployment/ollama --timeout 10m
kubectl --context ai-agent --namespace ai-agent exec deployment/ollama -- ollama pull qwen2.5-coder:7b
"
        ),
        "{calls}"
    );
    for (fail, advice) in [
        (
            "rollout status deployment/ollama",
            "Ollama did not start\n    kubectl --context ai-agent -n ai-agent describe pod --selector app.kubernetes.io/name=ollama   shows what it waits for\n    too little memory: minikube keeps the size that it was made with; scripts/local-cluster down --with minikube, then again\n",
        ),
        (
            "ollama pull",
            "the model qwen2.5-coder:7b was not fetched\n    Ollama says why above; it has the models of https://ollama.com/library, and 30 GiB of room\n    kubectl --context ai-agent -n ai-agent exec deployment/ollama -- ollama list   shows what is there\n",
        ),
    ] {
        let (output, calls) = up("ollama:qwen2.5-coder:7b", fail);
        assert_eq!(output.status.code(), Some(1), "{fail}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(told, format!("stand-in fails\nscripts/local-cluster: {advice}"));
        assert!(calls.lines().last().unwrap().contains(fail), "{fail}: goes on after it\n{calls}");
    }

    for model in ["ollama", "ollama:"] {
        let (output, calls) = up(model, "");
        assert_eq!(output.status.code(), Some(1), "{model}");
        assert_eq!(
            String::from_utf8(output.stderr).unwrap(),
            format!(
                "scripts/local-cluster: AGENT_MODEL={model} names no model\n    write one after a colon, as in AGENT_MODEL=ollama:qwen2.5-coder:7b\n"
            )
        );
        assert_eq!(calls, "docker info\n", "{model}");
    }

    let (output, calls) = up("builtin", "");
    assert!(output.status.success());
    assert!(
        calls.contains("minikube start --profile ai-agent --cni=calico --cpus=2 --memory=4g\n"),
        "{calls}"
    );
    assert!(!calls.contains("ollama"), "{calls}");
}

/// A cluster in which two messages are worked on by two Jobs.
fn busy() -> Stage {
    let stage = Stage::new();
    let objects = WAYS[0].render();
    let scaled = objects.iter().find(|object| object["kind"] == "ScaledJob").unwrap();
    stage.answers("scaledjob", &scaled.to_string());
    let broker = objects.iter().find(|object| object["kind"] == "StatefulSet").unwrap();
    stage.answers("statefulset", &broker.to_string());
    let open = json!({"status": {"active": 1, "ready": 0}});
    let ready = json!({"status": {"active": 1, "ready": 1}});
    let done = json!({"status": {"conditions": [{"type": "Complete", "status": "True"}]}});
    stage.answers("queues", "2\t0\n1\t1\n0\t0\n");
    let jobs = [json!([]), json!([open, ready]), json!([done, done])];
    stage.answers("jobs", &jobs.map(|items| format!("{}\n", json!({ "items": items }))).concat());
    stage
}

/// How a test of the queue ends, whatever happened.
const CLEARED: &str = "\
kubectl --context c --namespace ai-agent delete scaledjob queue-test --ignore-not-found
kubectl --context c --namespace ai-agent delete triggerauthentication queue-test --ignore-not-found
kubectl --context c --namespace ai-agent delete configmap queue-test --ignore-not-found
kubectl --context c --namespace ai-agent delete secret queue-test --ignore-not-found
kubectl --context c --namespace ai-agent exec rabbitmq-0 -- rabbitmqctl --quiet delete_vhost queue-test
kubectl --context c --namespace ai-agent exec rabbitmq-0 -- rabbitmqctl --quiet delete_user queue-test
";

#[test]
fn the_queue_test_follows_jobs_to_their_end_and_leaves_nothing() {
    let arguments = ["run", "--context", "c", "--messages", "2", "--seconds", "1"];
    let (output, calls) = busy().run("test-queue", &arguments, "");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(calls.ends_with(CLEARED), "{calls}");
    let drawn = String::from_utf8(output.stdout).unwrap();
    // The seconds depend on the machine.
    let columns: Vec<&str> =
        drawn.lines().filter_map(|line| line.split_once(" s  ")).map(|(_, rest)| rest).collect();
    assert_eq!(
        columns,
        [
            "   2 ..                       0     0                          0",
            "   1 .                        1     2 o#                       0",
            "   0                          0     0                          2",
        ]
    );
    assert!(drawn.contains("2 messages, 2 Jobs, at most 2 at once"), "{drawn}");

    // What an earlier test may have left goes first.
    assert!(calls.find(CLEARED).unwrap() < calls.find("add_vhost").unwrap(), "{calls}");

    for fail in ["add_vhost", "apply", "publish", "list_queues"] {
        let (output, calls) = busy().run("test-queue", &arguments, fail);
        assert_eq!(output.status.code(), Some(1), "{fail}");
        assert!(calls.ends_with(CLEARED), "{fail}: {calls}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.starts_with("scripts/test-queue: kubectl "), "{fail}: {told}");
    }
}

#[test]
fn a_queue_test_that_is_asked_to_end_leaves_nothing() {
    let stage = busy();
    // Nothing ever becomes of the messages.
    stage.answers("queues", &"2\t0\n".repeat(600));
    stage.answers("jobs", &format!("{}\n", json!({"items": []})).repeat(600));
    let calls = stage.folder.path().join("calls");
    std::fs::write(&calls, "").unwrap();
    let mut script = stage.command("test-queue", &["run", "--context", "c", "--messages", "2"], "");
    let mut script = script.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let called = || std::fs::read_to_string(&calls).unwrap();
    while !called().contains("list_queues") {
        assert!(script.try_wait().unwrap().is_none(), "{}", called());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(Command::new("kill").args(["-TERM", &script.id().to_string()]).status().unwrap().success());
    assert_eq!(script.wait().unwrap().code(), Some(143));
    assert!(called().ends_with(CLEARED), "{}", called());
}

#[test]
fn the_doctor_runs_as_a_run_would_and_leaves_nothing() {
    let stage = busy();
    let pod = |state: Value| {
        let status = json!({"containerStatuses": [{"state": state}]});
        json!({"items": [{"metadata": {"name": "doctor-pod"}, "status": status}]})
    };
    let pods = [
        json!({"items": []}),
        pod(json!({"waiting": {"reason": "ErrImagePull", "message": "no such image"}})),
        pod(json!({"running": {}})),
        pod(json!({"terminated": {"exitCode": 2}})),
    ];
    stage.answers("pods", &pods.map(|answer| format!("{answer}\n")).concat());
    let arguments = ["--context", "c", "doctor", "--repo", "https://github.com/octo/hello"];
    let (output, calls) = stage.run("in-cluster", &arguments, "");
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(told, "scripts/in-cluster: waiting: ErrImagePull no such image\n");
    let calls: Vec<&str> = calls.lines().collect();
    assert!(
        calls.contains(&"kubectl --context c --namespace ai-agent logs --follow doctor-pod"),
        "{calls:?}"
    );
    assert!(calls.last().unwrap().contains(" delete job doctor-"), "{calls:?}");

    let created = std::fs::read(stage.folder.path().join("answers/created")).unwrap();
    let job: Value = serde_json::from_slice(&created).unwrap();
    assert_eq!(Schemas::default().faults(&job), Vec::<String>::new());
    let objects = WAYS[0].render();
    let run = Workload::named(&objects, "task");
    let mut expected = run.spec().clone();
    let container = expected["containers"][0].as_object_mut().unwrap();
    container["args"] = json!(["doctor", "--repo", "https://github.com/octo/hello"]);
    container.remove("startupProbe").unwrap();
    assert_eq!(job["spec"]["template"]["spec"], expected);
    // The policies of the network know a run by its labels.
    assert_eq!(job["spec"]["template"]["metadata"]["labels"], Value::Object(run.labels().clone()));
}
