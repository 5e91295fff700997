//! A *rendering*: the objects that one way of installing sends to the API server.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

/// The model, which all but `dev` leave to who installs them.
const MODEL: &str = "AGENT_MODEL=anthropic";
/// What the release says; here, any.
const DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// The ways to install.
pub(crate) const WAYS: [Way; 11] = [
    Way::Overlay("dev", &[]),
    Way::Overlay("dev", &["ollama", "github-token", "jira"]),
    Way::Overlay("prod", &["certificates"]),
    Way::Overlay("prod", &["github-token"]),
    Way::Chart("dev"),
    Way::Chart("prod"),
    Way::Overlay("managed", &[]),
    Way::Overlay(
        "managed",
        &["github-enterprise", "model-gateway", "private-ca", "broker-ca", "ingress-certificate"],
    ),
    Way::Overlay("managed", &["model-outside", "telemetry", "telemetry-headers"]),
    Way::Overlay("managed", &["proxy"]),
    Way::Chart("managed"),
];

/// One way to install.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    /// An overlay, with components on top.
    Overlay(&'static str, &'static [&'static str]),
    /// The chart with the values of an overlay.
    Chart(&'static str),
}

impl Way {
    /// Whether it is this overlay, or the chart with its values.
    pub(crate) fn is(self, name: &str) -> bool {
        match self {
            Self::Overlay(overlay, _) => overlay == name,
            Self::Chart(values) => values == name,
        }
    }

    /// Whether it has this component on top.
    pub(crate) fn has(self, component: &str) -> bool {
        matches!(self, Self::Overlay(_, components) if components.contains(&component))
    }

    pub(crate) fn render(self) -> Vec<Value> {
        let text = match self {
            Self::Overlay("dev", []) => run(kubectl().arg("kustomize").arg(path("k8s/overlays/dev"))),
            Self::Overlay(overlay, components) => {
                let folder = tempfile::tempdir().unwrap();
                let resource = relative(folder.path(), &format!("k8s/overlays/{overlay}"));
                let components: Vec<String> = components
                    .iter()
                    .map(|name| relative(folder.path(), &format!("k8s/components/{name}")))
                    .collect();
                let mut kustomization = json!({ "resources": [resource], "components": components });
                if overlay != "dev" {
                    kustomization["generatorOptions"] = json!({ "disableNameSuffixHash": true });
                    let settings = json!({ "name": "task-settings", "namespace": "ai-agent", "behavior": "merge", "literals": [MODEL] });
                    kustomization["configMapGenerator"] = json!([settings]);
                }
                std::fs::write(folder.path().join("kustomization.yaml"), kustomization.to_string()).unwrap();
                run(kubectl().arg("kustomize").arg(folder.path()))
            }
            Self::Chart("dev") => run(template().arg("--values").arg(path("k8s/chart/values-dev.yaml"))),
            Self::Chart(values) => {
                let digests = format!("images.ingest.digest={DIGEST},images.task.digest={DIGEST}");
                let mut template = template();
                if values != "prod" {
                    template.arg("--values").arg(path(&format!("k8s/chart/values-{values}.yaml")));
                }
                run(template.args(["--set", &digests, "--set", &format!("settings.task.{MODEL}")]))
            }
        };
        documents(&text)
    }
}

pub(crate) fn template() -> Command {
    let mut helm = helm();
    helm.args(["template", "ai-agent"]).arg(path("k8s/chart")).args(["--namespace", "ai-agent"]);
    helm
}

pub(crate) fn helm() -> Command {
    tool("HELM", "helm")
}

pub(crate) fn kubectl() -> Command {
    tool("KUBECTL", "kubectl")
}

/// The program that a variable names, else the one that `scripts/check` put beside the build, else that of the path.
fn tool(variable: &str, name: &str) -> Command {
    let fetched = fetched(name);
    let program = match std::env::var_os(variable) {
        Some(program) => PathBuf::from(program),
        None if fetched.is_file() => fetched,
        None => PathBuf::from(name),
    };
    Command::new(program)
}

/// Where `scripts/check` puts what it fetches: beside the build.
pub(crate) fn fetched(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(3).unwrap().join("tools").join(name)
}

/// What the program prints.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command
        .env_remove("KUBECONFIG")
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}; scripts/check fetches kubectl and helm"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The objects of a YAML stream, without the empty ones.
pub(crate) fn documents(text: &str) -> Vec<Value> {
    let all: Vec<Value> = serde_saphyr::from_multiple(text).unwrap();
    all.into_iter().filter(|document| !document.is_null()).collect()
}

/// A path of the repository as seen from a folder: kustomize takes no absolute one.
pub(crate) fn relative(from: &Path, of: &str) -> String {
    let up = "../".repeat(from.canonicalize().unwrap().components().count() - 1);
    format!("{up}{}", path(of).canonicalize().unwrap().display().to_string().trim_start_matches('/'))
}

/// A path of the repository.
pub(crate) fn path(of: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(of)
}

pub(crate) fn read(of: &str) -> String {
    std::fs::read_to_string(path(of)).unwrap_or_else(|error| panic!("{of}: {error}"))
}
