//! `scripts/create-github-app` against a stand-in for the one call that it makes.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::post;
use reqwest::Client;
use reqwest::redirect::Policy;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::render::path;

/// GitHub: one code is good.
async fn github() -> String {
    let convert = |Path(code): Path<String>| async move {
        if code != "good" {
            return Err(StatusCode::NOT_FOUND);
        }
        let app = json!({
            "id": 42, "html_url": "https://github.com/apps/agent", "pem": "THE KEY\n", "webhook_secret": "THE SECRET",
        });
        Ok((StatusCode::CREATED, Json(app)))
    };
    let router = axum::Router::new().route("/app-manifests/{code}/conversions", post(convert));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

fn start(arguments: &[&str]) -> Child {
    let mut script = Command::new(path("scripts/create-github-app"));
    script.args(["--url", "https://agent.example.com/webhook/github"]).args(arguments);
    script.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    text.split_once(start).unwrap().1.split_once(end).unwrap().0
}

#[tokio::test]
async fn one_click_makes_an_app_that_may_do_no_more_than_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("app");
    let api = github().await;
    let mut script =
        start(&["--org", "octo", "--name", "agent", "--out", out.to_str().unwrap(), "--api", &api]);
    let mut said = BufReader::new(script.stdout.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    let page_address = between(&line, "open ", " in a browser");

    // A browser's connection ahead, on which nothing is asked.
    let address = page_address.trim_start_matches("http://").trim_end_matches('/');
    let _silent = std::net::TcpStream::connect(address).unwrap();

    let client = Client::builder().redirect(Policy::none()).no_proxy().build().unwrap();
    let get = |address: String| {
        let client = &client;
        async move {
            let answer = client.get(address).send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        }
    };
    let (status, page) = get(page_address.to_owned()).await;
    assert_eq!(status, 200);
    let action = between(&page, "action=\"", "\"");
    let state =
        action.strip_prefix("https://github.com/organizations/octo/settings/apps/new?state=").unwrap();
    let manifest = between(&page, "name=\"manifest\" value=\"", "\"").replace("&quot;", "\"");
    assert_eq!(
        serde_json::from_str::<Value>(&manifest).unwrap(),
        json!({
            "name": "agent",
            "url": "https://github.com/octo/ai-agent",
            "hook_attributes": {"url": "https://agent.example.com/webhook/github", "active": true},
            "redirect_url": format!("{page_address}made"),
            "public": false,
            "default_permissions":
                {"contents": "write", "issues": "write", "pull_requests": "write", "metadata": "read",
                 "checks": "read", "statuses": "read", "actions": "read"},
            "default_events":
                ["issues", "issue_comment", "pull_request", "pull_request_review", "pull_request_review_comment",
                 "check_suite", "status"],
        })
    );

    // Neither a stranger's link nor an old code makes anything.
    assert_eq!(get(format!("{page_address}made?code=good&state=guess")).await.0, 400);
    assert_eq!(get(format!("{page_address}made?code=old&state={state}")).await.0, 502);
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 0);
    let (status, _) = get(format!("{page_address}made?code=good&state={state}")).await;
    assert_eq!(status, 303);
    assert!(script.wait().unwrap().success());
    for (name, content) in
        [("app-id", "42\n"), ("app-key.pem", "THE KEY\n"), ("webhook-secrets", "THE SECRET")]
    {
        let file = out.join(name);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), content);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    // A key that is there is never written over.
    let again = start(&["--out", out.to_str().unwrap()]).wait_with_output().unwrap();
    assert_eq!(again.status.code(), Some(1));
    assert_eq!(
        String::from_utf8(again.stderr).unwrap(),
        format!(
            "scripts/create-github-app: {} is there already; name another folder by --out\n",
            out.join("app-id").display()
        )
    );
}
