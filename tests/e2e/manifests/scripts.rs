//! The *scripts* around a cluster, as far as they go without one.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tests::broker::Broker;

use crate::policy::{check_pod, used_secrets};
use crate::render::{WAYS, documents, kubectl, path, run};
use crate::schema::Schemas;
use crate::workload::Workload;

fn script(name: &str) -> Command {
    let mut command = Command::new(path("scripts").join(name));
    let path = std::env::var_os("PATH").unwrap();
    command.env_clear().env("PATH", path).env("HOME", "/nonexistent").stdin(Stdio::null());
    command
}

fn told(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn fed(command: &mut Command, input: &str) -> Output {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn local_cluster_tells_its_use_to_whoever_misuses_it() {
    for arguments in [
        &[][..],
        &["sideways"],
        &["up", "now"],
        &["up", "--with", "swarm"],
        &["up", "--with"],
        &["task", "octo/hello"],
        &["--help"],
    ] {
        let output = script("local-cluster").args(arguments).output().unwrap();
        assert_eq!(told(&output), (Some(2), String::new()), "{arguments:?}");
        let usage = String::from_utf8(output.stdout).unwrap();
        assert!(usage.starts_with("A working agent in a small cluster"), "{arguments:?}: {usage}");
    }
}

/// A folder of programs that are there, and of those that are there and fail.
fn programs(present: &[&str], failing: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["bash", "dirname", "sed", "openssl", "mkdir", "chmod", "cat", "cp", "rm", "rmdir", "env"] {
        let found = run(Command::new("sh").args(["-c", &format!("command -v {name}")]));
        symlink(found.trim(), folder.path().join(name)).unwrap();
    }
    // What the path has may be a switch between versions.
    let python = run(Command::new("python3").args(["-c", "import sys; print(sys.executable)"]));
    symlink(python.trim(), folder.path().join("python3")).unwrap();
    for (names, status) in [(present, 0), (failing, 1)] {
        for name in names {
            let program = folder.path().join(name);
            std::fs::write(&program, format!("#!/bin/sh\nexit {status}\n")).unwrap();
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
    folder
}

#[test]
fn local_cluster_says_what_is_missing_and_what_to_do() {
    let tools = ["docker", "kubectl", "helm"];
    let check = |present: &[&str], failing: &[&str], arguments: &[&str], expect: &str| {
        let folder = programs(present, failing);
        let state = tempfile::tempdir().unwrap();
        let output = script("local-cluster")
            .args(arguments)
            .env("PATH", folder.path())
            .env("AGENT_LOCAL_STATE", state.path())
            .output()
            .unwrap();
        assert_eq!(told(&output), (Some(1), format!("scripts/local-cluster: {expect}\n")));
    };
    check(&[], &[], &["up"], "docker is missing\n    install it: https://docs.docker.com/engine/install/");
    check(
        &tools,
        &[],
        &["up"],
        "kind is missing\n    install it: https://kind.sigs.k8s.io/docs/user/quick-start/#installation",
    );
    check(
        &tools,
        &["kind"],
        &["up", "--with", "minikube"],
        "minikube is missing\n    install it: https://minikube.sigs.k8s.io/docs/start/",
    );
    check(
        &["kubectl", "helm", "kind"],
        &["docker"],
        &["up"],
        "docker does not answer\n    start the engine, or let this user talk to it: https://docs.docker.com/engine/install/linux-postinstall/",
    );
    check(
        &["docker", "kubectl", "helm", "kind"],
        &[],
        &["up"],
        "there is no way to log in to GitHub\n    set AGENT_GITHUB_APP_ID and AGENT_GITHUB_APP_KEY_FILE (scripts/create-github-app makes an App)\n    or AGENT_GITHUB_TOKEN_FILE, with a token that may write contents, issues and pull requests",
    );
    check(
        &[],
        &["kubectl"],
        &["status"],
        "there is no agent in the cluster kind-ai-agent\n    scripts/local-cluster up --with kind",
    );
    check(
        &["kubectl"],
        &[],
        &["task", "octo/hello", "one", "dev1"],
        "one is not the number of an issue\n    ",
    );
}

/// The objects that `up` would apply.
fn rendered(state: &Path, settings: &[(&str, &str)]) -> Vec<Value> {
    let mut render = script("local-cluster");
    render.arg("render").env("AGENT_LOCAL_STATE", state).envs(settings.iter().copied());
    run(&mut render);
    documents(&run(kubectl().arg("kustomize").arg(state)))
}

#[test]
fn local_cluster_applies_a_secret_for_every_one_that_is_mounted() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, name).unwrap();
        file.into_os_string().into_string().unwrap()
    };
    let (key, token, model) = (file("app.pem"), file("token"), file("model"));
    for settings in [
        &[("AGENT_GITHUB_APP_ID", "7"), ("AGENT_GITHUB_APP_KEY_FILE", key.as_str())][..],
        &[("AGENT_GITHUB_TOKEN_FILE", &token), ("AGENT_MODEL", "ollama:qwen2.5-coder:7b")],
        &[
            ("AGENT_GITHUB_TOKEN_FILE", &token),
            ("AGENT_MODEL", "anthropic"),
            ("ANTHROPIC_API_KEY_FILE", &model),
        ],
        &[
            ("AGENT_GITHUB_TOKEN_FILE", &token),
            ("AGENT_GITHUB_HOST", "github.corp.example"),
            ("AGENT_GITHUB_NETWORK", "10.1.0.0/16"),
            ("AGENT_CA_FILE", &model),
        ],
    ] {
        let state = tempfile::tempdir().unwrap();
        let objects = rendered(state.path(), settings);
        let mut schemas = Schemas::default();
        for object in &objects {
            assert_eq!(schemas.faults(object), Vec::<String>::new());
        }
        for (name, keys) in used_secrets(&objects) {
            let secret = objects
                .iter()
                .find(|object| object["kind"] == "Secret" && object["metadata"]["name"] == name.as_str());
            // The model's is optional.
            let Some(secret) = secret else {
                assert_eq!(name, "agent-model");
                continue;
            };
            let data = secret["data"].as_object().unwrap();
            assert!(data.values().all(|value| !value.as_str().unwrap().is_empty()), "{name}");
            assert!(keys.is_subset(&data.keys().cloned().collect::<BTreeSet<_>>()), "{name}: {keys:?}");
        }
        let mode = std::fs::metadata(state.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "the secrets are readable to others");
        // A second time, nothing that somebody may hold already is made fresh.
        let passwords = |objects: &[Value]| -> Vec<Value> {
            let secrets = objects.iter().filter(|object| object["kind"] == "Secret");
            let kept = secrets.filter(|secret| secret["metadata"]["name"] != "rabbitmq-definitions");
            kept.map(|secret| secret["data"].clone()).collect()
        };
        assert_eq!(passwords(&rendered(state.path(), settings)), passwords(&objects));
    }
}

#[test]
fn local_cluster_takes_away_what_it_made_and_nothing_else() {
    let folder = programs(&["kind"], &[]);
    let home = tempfile::tempdir().unwrap();
    let state = home.path().join("state");
    std::fs::write(home.path().join("token"), "x").unwrap();
    let command = |name: &str| {
        let mut command = script("local-cluster");
        // As seen from there.
        command.arg(name).current_dir(&home).env("AGENT_LOCAL_STATE", "state").env("PATH", folder.path());
        command.env("AGENT_GITHUB_TOKEN_FILE", "token");
        run(&mut command)
    };
    command("render");
    assert!(state.join("passwords/ingest").is_file());
    command("down");
    assert!(!state.exists());

    command("render");
    std::fs::write(state.join("diary"), "dear").unwrap();
    command("down");
    let left: Vec<_> = std::fs::read_dir(&state).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["diary"]);
}

#[test]
fn definitions_carry_hashes_of_passwords_that_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let users = folder.path().join("passwords");
    for _ in ["made", "kept"] {
        let definitions: Value =
            serde_json::from_str(&run(script("broker-definitions").arg(&users))).unwrap();
        for user in definitions["users"].as_array().unwrap() {
            let password = std::fs::read_to_string(users.join(user["name"].as_str().unwrap())).unwrap();
            assert_eq!(password.len(), 64);
            let hash = STANDARD.decode(user["password_hash"].as_str().unwrap()).unwrap();
            let (salt, digest) = hash.split_at(4);
            assert_eq!(
                digest,
                Sha256::new().chain_update(salt).chain_update(&password).finalize().as_slice()
            );
        }
    }
}

#[test]
fn the_queue_test_scales_as_the_real_thing_does() {
    let objects = WAYS[0].render();
    let mut real = objects.iter().find(|object| object["kind"] == "ScaledJob").unwrap().clone();
    real["broker-image"] = Workload::named(&objects, "rabbitmq").containers()[0]["image"].clone();
    let output = fed(script("test-queue").args(["objects", "30"]), &real.to_string());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let created: Value = serde_json::from_slice(&output.stdout).unwrap();
    let created = created["items"].as_array().unwrap();
    let mut schemas = Schemas::default();
    for object in created {
        assert_eq!(schemas.faults(object), Vec::<String>::new());
    }
    let copy = created.iter().find(|object| object["kind"] == "ScaledJob").unwrap();
    for setting in ["pollingInterval", "maxReplicaCount", "scalingStrategy", "rollout"] {
        assert_eq!(copy["spec"][setting], real["spec"][setting], "{setting}");
    }
    assert_eq!(copy["spec"]["triggers"][0]["metadata"], real["spec"]["triggers"][0]["metadata"]);
    let pods = Workload::all(created);
    assert_eq!(pods.len(), 1);
    check_pod(pods[0]);
    let job = pods[0].job.unwrap();
    let deadline = &real["spec"]["jobTargetRef"]["template"]["spec"]["activeDeadlineSeconds"];
    assert_eq!(pods[0].spec()["activeDeadlineSeconds"], *deadline);
    for setting in ["backoffLimit", "parallelism"] {
        assert_eq!(job[setting], real["spec"]["jobTargetRef"][setting], "{setting}");
    }
    assert_eq!(pods[0].secrets().keys().copied().collect::<Vec<_>>(), ["queue-test"]);
}

#[test]
fn the_queue_test_draws_what_was_recorded() {
    let samples = "5\n0 5 0 0 0 0\n6 5 0 5 0 0\n9 1 4 1 4 0\n12 0 5 0 5 0\n40 0 0 0 0 5\n";
    let output = fed(script("test-queue").arg("draw"), samples);
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "         ready                       held  Jobs                        done
         . a message that waits            o starts  # holds its message
    0 s     5 .....                    0     0                          0
    6 s     5 .....                    0     5 ooooo                    0
    9 s     1 .                        4     5 o####                    0
   12 s     0                          5     5 #####                    0
   40 s     0                          0     0                          5
5 messages, 5 Jobs, at most 5 at once
the first message was taken after 9 s
0 again after 40 s
"
    );
}

#[tokio::test]
async fn the_queue_test_speaks_with_a_broker() {
    let broker = Broker::shared().await.unwrap();
    let host = broker.virtual_host().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready");
    let queue = |arguments: &[&str]| {
        let mut command = Command::new("escript");
        run(command.arg(path("scripts/queue.escript")).args(arguments).env("HOME", folder.path()))
    };
    let (ingest, task) = (host.url("ingest"), host.url("task"));
    queue(&["publish", &ingest, shared::queue::TASKS, "2", "{}"]);
    let hold = ["hold", &task, shared::queue::TASKS, "0", ready.to_str().unwrap()];
    assert_eq!(queue(&hold), "holds its message for 0 s\ndone\n");
    assert!(ready.is_file());
    assert!(host.take(shared::queue::TASKS).await.unwrap().is_some());
    assert_eq!(queue(&hold), "no message\n");
}
