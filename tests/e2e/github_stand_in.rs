//! The stand-in for GitHub, driven as a program drives it: over HTTP and with git.

#![expect(clippy::unwrap_used, reason = "a test stops where something is missing")]

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use tests::github::{
    CheckKind, Checker, Fault, File, GitHub, Level, Log, Permission, Report, State, Verdict, When, World,
    clean_git,
};

/// The story that most tests begin with.
fn hello() -> World {
    World::new()
        .user("dev1", Permission::Write)
        .user("guest", Permission::Read)
        .repo("octo/hello")
        .file("README.md", "Helo, world\n")
        .put(File::executable("run.sh", "#!/bin/sh\n"))
        .issue(1, "Typo in the README", "It says Helo.", &["ai-help", "quickfix"])
}

/// A client that speaks as one actor.
struct Api<'a> {
    github: &'a GitHub,
    token: String,
    client: Client,
}

impl<'a> Api<'a> {
    fn with(github: &'a GitHub, token: &str) -> Self {
        let redirects = reqwest::redirect::Policy::none();
        let client = Client::builder().user_agent("test").redirect(redirects).no_proxy();
        let client = client.timeout(Duration::from_secs(20)).build().unwrap();
        Self { github, token: token.to_owned(), client }
    }

    fn person(github: &'a GitHub, login: &str) -> Self {
        Self::with(github, &github.personal_token(login))
    }

    async fn app(github: &'a GitHub) -> Self {
        let minter = Self::with(github, &jwt(github, -60, 540));
        let body = json!({ "repositories": ["hello"] });
        let (status, answer) = minter.json("POST /app/installations/42/access_tokens", &body).await;
        assert_eq!(status, 201, "{answer}");
        Self::with(github, answer["token"].as_str().unwrap())
    }

    async fn send(&self, call: &str, body: &Value) -> Result<Response, reqwest::Error> {
        let (method, path) = call.split_once(' ').unwrap();
        let url =
            if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.github.url()) };
        let mut request = self.client.request(Method::from_bytes(method.as_bytes()).unwrap(), url);
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if !body.is_null() {
            request = request.json(body);
        }
        request.send().await
    }

    async fn json(&self, call: &str, body: &Value) -> (u16, Value) {
        let response = self.send(call, body).await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    async fn get(&self, path: &str) -> Value {
        let (status, value) = self.json(&format!("GET {path}"), &Value::Null).await;
        assert_eq!(status, 200, "{path}: {value}");
        value
    }

    async fn graphql(&self, query: &str, variables: Value) -> Value {
        let (status, value) =
            self.json("POST /graphql", &json!({ "query": query, "variables": variables })).await;
        assert_eq!(status, 200, "{value}");
        value
    }

    async fn head(&self, branch: &str) -> String {
        let reference = self.get(&format!("/repos/octo/hello/git/ref/heads/{branch}")).await;
        reference["object"]["sha"].as_str().unwrap().to_owned()
    }

    /// A branch with one changed file, made through the interface.
    async fn branch_with_change(&self, branch: &str) -> String {
        let base = self.head("main").await;
        let body = json!({ "ref": format!("refs/heads/{branch}"), "sha": base });
        assert_eq!(self.json("POST /repos/octo/hello/git/refs", &body).await.0, 201);
        let variables = commit_input(branch, &base, "README.md", "Hello, world\n");
        let answer = self.graphql(COMMIT, variables).await;
        answer["data"]["createCommitOnBranch"]["commit"]["oid"].as_str().unwrap().to_owned()
    }
}

const COMMIT: &str =
    "mutation($input: CreateCommitOnBranchInput!) { createCommitOnBranch(input: $input) { commit { oid } } }";

fn commit_input(branch: &str, head: &str, path: &str, content: &str) -> Value {
    use base64::Engine as _;
    let contents = base64::prelude::BASE64_STANDARD.encode(content);
    json!({ "input": {
        "branch": { "repositoryNameWithOwner": "octo/hello", "branchName": branch },
        "expectedHeadOid": head,
        "message": { "headline": "Fix the typo", "body": "Agent-Task: 1" },
        "fileChanges": { "additions": [{ "path": path, "contents": contents }] },
    }})
}

/// An App's claims, issued and expiring so many seconds from now.
fn jwt(github: &GitHub, issued: i64, expires: i64) -> String {
    use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
    use base64::Engine as _;
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
    let pem = github.app_private_key();
    let der: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let key = RsaKeyPair::from_pkcs8(&BASE64_STANDARD.decode(der).unwrap()).unwrap();
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap();
    let encode = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({ "iss": github.app_id(), "iat": now + issued, "exp": now + expires });
    let signed = format!("{}.{}", encode(json!({ "alg": "RS256", "typ": "JWT" })), encode(claims));
    let mut signature = vec![0; key.public_modulus_len()];
    let random = aws_lc_rs::rand::SystemRandom::new();
    key.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).unwrap();
    format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

fn message(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1["message"].as_str().unwrap_or_default())
}

/// The text of the one validation error.
fn complaint(answer: &(u16, Value)) -> (u16, &str) {
    let error = &answer.1["errors"][0];
    (answer.0, error["message"].as_str().or(error["code"].as_str()).unwrap_or_default())
}

#[tokio::test]
async fn a_pull_request_from_an_issue() {
    let github = GitHub::start(hello());
    let app = Api::app(&github).await;
    let none = Value::Null;

    let issue = app.get("/repos/octo/hello/issues/1").await;
    assert_eq!((&issue["title"], &issue["user"]["login"]), (&json!("Typo in the README"), &json!("dev1")));
    assert_eq!(app.get("/repos/octo/hello/collaborators/dev1/permission").await["permission"], "write");
    app.json("POST /repos/octo/hello/issues/1/labels", &json!({ "labels": ["ai-working"] })).await;
    let (_, status) =
        app.json("POST /repos/octo/hello/issues/1/comments", &json!({ "body": "On it." })).await;
    app.json("POST /repos/octo/hello/issues/1/reactions", &json!({ "content": "eyes" })).await;

    let commit = app.branch_with_change("ai-agent/issue-1").await;
    assert_eq!(app.head("ai-agent/issue-1").await, commit);
    let shown = app.get(&format!("/repos/octo/hello/git/commits/{commit}")).await;
    assert_eq!(shown["verification"]["verified"], true);
    assert_eq!(shown["message"], "Fix the typo\n\nAgent-Task: 1");
    assert_eq!(shown["author"]["name"], "ai-agent[bot]");

    let body = json!({ "title": "Fix the typo", "body": "Fixes #1", "head": "ai-agent/issue-1", "base": "main", "draft": true });
    let (created, pull) = app.json("POST /repos/octo/hello/pulls", &body).await;
    assert_eq!(
        (created, &pull["number"], &pull["draft"], &pull["changed_files"]),
        (201, &json!(2), &json!(true), &json!(1))
    );
    let again = app.json("POST /repos/octo/hello/pulls", &body).await;
    assert_eq!(complaint(&again), (422, "A pull request already exists for octo:ai-agent/issue-1."));
    let found = app.get("/repos/octo/hello/pulls?head=octo:ai-agent/issue-1&state=all").await;
    assert_eq!(found[0]["number"], 2);

    let ready = app
        .graphql(
            "mutation($id: ID!) { markPullRequestReadyForReview(input: {pullRequestId: $id}) { pullRequest { isDraft } } }",
            json!({ "id": pull["node_id"] }),
        )
        .await;
    assert_eq!(
        ready,
        json!({ "data": { "markPullRequestReadyForReview": { "pullRequest": { "isDraft": false } } } })
    );
    let reviewers = json!({ "reviewers": ["dev1"] });
    assert_eq!(app.json("POST /repos/octo/hello/pulls/2/requested_reviewers", &reviewers).await.0, 201);
    let edit = format!("PATCH /repos/octo/hello/issues/comments/{}", status["id"]);
    app.json(&edit, &json!({ "body": format!("Done: {}/octo/hello/pull/2", github.url()) })).await;
    app.json("DELETE /repos/octo/hello/issues/1/labels/ai-working", &none).await;
    let timeline = app.get("/repos/octo/hello/issues/1/timeline").await;
    let events: Vec<&str> =
        timeline.as_array().unwrap().iter().map(|it| it["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["labeled", "labeled", "labeled", "commented", "unlabeled"]);
    assert_eq!(app.json("DELETE /installation/token", &none).await.0, 204);
    assert_eq!(message(&app.json("GET /repos/octo/hello", &none).await), (401, "Bad credentials"));

    assert_eq!(
        github.snapshot(),
        "\
repository octo/hello (default branch main)
  branch ai-agent/issue-1
    commit by ai-agent[bot]: Fix the typo
    M 100644 a5c1966 README.md
  branch main
    100644 cb2cf98 README.md
    100755 1a24852 run.sh
  issue #1 open by dev1: Typo in the README
    labels: ai-help, quickfix
    reactions: eyes by ai-agent[bot]
      | It says Helo.
    comment by ai-agent[bot] (edited)
      | Done: GITHUB/octo/hello/pull/2
  pull #2 open by ai-agent[bot]: Fix the typo
    ai-agent/issue-1 -> main
    reviewers: dev1
      | Fixes #1
"
    );
    assert_eq!(github.now(|state| state.tokens_in_use()), 0);
    github.finish();
}

#[tokio::test]
async fn refusals_in_githubs_words() {
    let github = GitHub::start(
        hello()
            .issue(2, "Locked", "", &[])
            .before(|scene| {
                scene.lock(2);
                scene.create_branch("same", "main");
                scene.push_file("dev1", "other", "a.txt", "a");
            })
            .repo("octo/empty")
            .repo("octo/old")
            .file("a", "a")
            .archived()
            .issue(1, "Old", "", &[])
            .repo("octo/quiet")
            .file("a", "a")
            .without_issues()
            .issue(1, "Hidden", "", &[])
            .repo("octo/gone")
            .file("a", "a")
            .blocked()
            .repo("octo/secret")
            .file("a", "a")
            .private()
            .permission("guest", Permission::None)
            .repo("octo/free")
            .file("a", "a")
            .without_drafts()
            .before(|scene| {
                scene.push_file("dev1", "feature", "b", "b");
            }),
    );
    let (dev, guest) = (Api::person(&github, "dev1"), Api::person(&github, "guest"));
    let nobody = Api::with(&github, "ghp_unknown");
    let main = dev.head("main").await;
    for (who, call, body, status, text) in REFUSALS {
        let api = match who {
            "dev1" => &dev,
            "guest" => &guest,
            _ => &nobody,
        };
        let body = body.replace("MAIN", &main).replace("LONG", &"x".repeat(65_537));
        let body = serde_json::from_str(&body).unwrap_or(Value::Null);
        let answer = api.json(call, &body).await;
        let said = match complaint(&answer) {
            (status, "") => (status, message(&answer).1),
            said => said,
        };
        assert_eq!(said, (status, text), "{call}");
    }
    github.finish();
}

/// Who calls what with which body, and what GitHub answers. Without a body there is none.
const REFUSALS: [(&str, &str, &str, u16, &str); 21] = [
    ("nobody", "GET /repos/octo/hello", "", 401, "Bad credentials"),
    ("dev1", "GET /repos/octo/nowhere", "", 404, "Not Found"),
    ("guest", "GET /repos/octo/secret", "", 404, "Not Found"),
    ("dev1", "GET /repos/octo/gone", "", 451, "Repository access blocked"),
    ("dev1", "GET /repos/octo/hello/issues/99", "", 404, "Not Found"),
    ("dev1", "GET /repos/octo/quiet/issues/1", "", 410, "Issues are disabled for this repo"),
    (
        "dev1",
        "POST /repos/octo/old/issues/1/comments",
        r#"{"body": "hm"}"#,
        403,
        "Repository was archived so is read-only.",
    ),
    (
        "guest",
        "POST /repos/octo/hello/issues/2/comments",
        r#"{"body": "hm"}"#,
        403,
        "Unable to create comment because issue is locked.",
    ),
    (
        "guest",
        "POST /repos/octo/hello/issues/1/labels",
        r#"{"labels": ["x"]}"#,
        403,
        "Must have admin rights to Repository.",
    ),
    ("dev1", "DELETE /repos/octo/hello/issues/1/labels/none", "", 404, "Label does not exist"),
    ("dev1", "GET /repos/octo/empty/git/ref/heads/main", "", 409, "Git Repository is empty."),
    (
        "dev1",
        "POST /repos/octo/hello/git/refs",
        r#"{"ref": "refs/heads/other", "sha": "MAIN"}"#,
        422,
        "Reference already exists",
    ),
    (
        "dev1",
        "POST /repos/octo/hello/git/refs",
        r#"{"ref": "other", "sha": "MAIN"}"#,
        422,
        "other is not a valid ref name.",
    ),
    (
        "dev1",
        "PATCH /repos/octo/hello/git/refs/heads/none",
        r#"{"sha": "MAIN"}"#,
        422,
        "Reference does not exist",
    ),
    (
        "dev1",
        "PATCH /repos/octo/hello/git/refs/heads/other",
        r#"{"sha": "MAIN"}"#,
        422,
        "Update is not a fast forward",
    ),
    ("dev1", "DELETE /repos/octo/hello/git/refs/heads/none", "", 422, "Reference does not exist"),
    (
        "dev1",
        "POST /repos/octo/hello/pulls",
        r#"{"title": "t", "head": "same", "base": "main"}"#,
        422,
        "No commits between main and same",
    ),
    (
        "dev1",
        "POST /repos/octo/hello/pulls",
        r#"{"title": "t", "head": "none", "base": "main"}"#,
        422,
        "invalid",
    ),
    (
        "dev1",
        "POST /repos/octo/free/pulls",
        r#"{"title": "t", "head": "feature", "base": "main", "draft": true}"#,
        422,
        "Draft pull requests are not supported in this repository.",
    ),
    (
        "dev1",
        "POST /repos/octo/hello/issues/1/comments",
        r#"{"body": "LONG"}"#,
        422,
        "body is too long (maximum is 65536 characters)",
    ),
    (
        "dev1",
        "POST /repos/octo/hello/issues/1/labels",
        r#"{"labels": ["a label whose name has more than fifty characters, alas"]}"#,
        422,
        "invalid",
    ),
];

#[tokio::test]
async fn an_app_is_held_to_its_permissions_and_repository() {
    let github = GitHub::start(
        hello()
            .app_permissions(&[("contents", Level::Write), ("issues", Level::Read)])
            .repo("octo/other")
            .file("a", "a")
            .private(),
    );
    let app = Api::app(&github).await;
    let comment = json!({ "body": "hm" });
    let response = app.send("POST /repos/octo/hello/issues/1/comments", &comment).await.unwrap();
    let needed = response.headers()["x-accepted-github-permissions"].to_str().unwrap().to_owned();
    assert_eq!((response.status().as_u16(), needed.as_str()), (403, "issues=write; pull_requests=write"));
    let error: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    assert_eq!(error["message"], "Resource not accessible by integration");
    assert_eq!(app.json("GET /repos/octo/other", &Value::Null).await.0, 404);
    let head = app.head("main").await;
    let input = commit_input("main", &head, ".github/workflows/ci.yml", "on: push");
    let answer = app.graphql(COMMIT, input).await;
    assert_eq!(answer["errors"][0]["type"], "FORBIDDEN");
    assert_eq!(answer["data"], json!({ "createCommitOnBranch": null }));
    github.now(State::expire_tokens);
    assert_eq!(app.json("GET /repos/octo/hello", &Value::Null).await.0, 401);
    github.finish();
}

#[tokio::test]
async fn the_claims_of_an_app_are_checked() {
    let github = GitHub::start(hello());
    let forged = {
        let genuine = jwt(&github, -60, 540);
        let (signed, _) = genuine.rsplit_once('.').unwrap();
        format!("{signed}.AAAA")
    };
    let cases = [
        (jwt(&github, -60, 540), 200),
        (jwt(&github, 60, 540), 401),
        (jwt(&github, -600, -1), 401),
        (jwt(&github, -60, 700), 401),
        (forged, 401),
    ];
    for (token, expected) in cases {
        let answer = Api::with(&github, &token).json("GET /app", &Value::Null).await;
        assert_eq!(answer.0, expected, "{}", answer.1);
    }
    github.now(|state| state.run_ahead_by(Duration::from_hours(2)));
    assert_eq!(Api::with(&github, &jwt(&github, -60, 540)).json("GET /app", &Value::Null).await.0, 401);
    github.finish();
}

#[tokio::test]
async fn lists_come_in_pages() {
    let mut world = hello();
    for number in 1..=65 {
        world = world.comment("dev1", 1, &format!("comment {number}"));
    }
    let github = GitHub::start(world);
    let dev = Api::person(&github, "dev1");
    let mut next = Some("/repos/octo/hello/issues/1/comments".to_owned());
    let mut sizes = Vec::new();
    let mut last = Value::Null;
    while let Some(address) = next {
        let response = dev.send(&format!("GET {address}"), &Value::Null).await.unwrap();
        let link = response.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
        let page: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        sizes.push(page.as_array().unwrap().len());
        last = page.as_array().unwrap().last().unwrap()["body"].clone();
        next = link
            .as_deref()
            .and_then(|link| link.split(", ").find(|part| part.ends_with("rel=\"next\"")))
            .map(|part| part.split(['<', '>']).nth(1).unwrap().to_owned());
    }
    assert_eq!((sizes, last), (vec![30, 30, 5], json!("comment 65")));
    github.finish();
}

#[tokio::test]
async fn a_commit_needs_the_expected_head_and_loses_modes() {
    let github = GitHub::start(hello());
    let app = Api::app(&github).await;
    let old = app.head("main").await;
    github.now(|state| state.at("octo/hello").push_file("dev1", "main", "other.txt", "by a person\n"));
    let stale = app.graphql(COMMIT, commit_input("main", &old, "run.sh", "#!/bin/bash\n")).await;
    assert_eq!(stale["errors"][0]["type"], "STALE_DATA");
    let head = app.head("main").await;
    let done = app.graphql(COMMIT, commit_input("main", &head, "run.sh", "#!/bin/bash\n")).await;
    let commit = done["data"]["createCommitOnBranch"]["commit"]["oid"].as_str().unwrap();
    let tree = app.get(&format!("/repos/octo/hello/git/trees/{commit}?recursive=1")).await;
    let files: Vec<(&str, &str)> = tree["tree"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["mode"].as_str().unwrap(), entry["path"].as_str().unwrap()))
        .collect();
    assert_eq!(files, [("100644", "README.md"), ("100644", "other.txt"), ("100644", "run.sh")]);
    github.finish();
}

/// What a client sees of a comment that a fault befalls, and whether the comment is there afterwards.
#[tokio::test]
async fn each_fault_does_what_it_says() {
    let stall = "no answer";
    let cases = [
        (Fault::DropBefore, "closed"),
        (Fault::DropAfter, "closed"),
        (Fault::ServerError, "500"),
        (Fault::BadGateway, "502"),
        (Fault::BadGatewayAfter, "502"),
        (Fault::SecondaryLimit { retry_after: 1 }, "403"),
        (Fault::PrimaryLimit { status: 403, reset_in: 1 }, "403"),
        (Fault::Truncated, "201 cut"),
        (Fault::StallBefore, stall),
        (Fault::StallAfter, stall),
    ];
    assert_eq!(cases.map(|case| case.0), Fault::ALL);
    for (fault, expected) in cases {
        let github = GitHub::start(hello());
        let mut dev = Api::person(&github, "dev1");
        if expected == stall {
            dev.client =
                Client::builder().user_agent("test").timeout(Duration::from_millis(300)).build().unwrap();
        }
        github.fault(When::Mutation(1), fault);
        let seen = match dev.send("POST /repos/octo/hello/issues/1/comments", &json!({ "body": "hm" })).await
        {
            Err(error) if error.is_timeout() => stall.to_owned(),
            Err(_) => "closed".to_owned(),
            Ok(response) => {
                let status = response.status().as_u16();
                let json = response.headers()["content-type"] == "application/json; charset=utf-8";
                let text = response.text().await.unwrap();
                let cut = status == 201 && json && serde_json::from_str::<Value>(&text).is_err();
                format!("{status}{}", if cut { " cut" } else { "" })
            }
        };
        assert_eq!(seen, expected, "{fault:?}");
        let comments = github.now(|state| state.at("octo/hello").issue(1).comments.len());
        assert_eq!(comments, usize::from(fault.applies()), "{fault:?}");
        github.finish();
    }
}

#[tokio::test]
async fn the_world_moves_in_the_middle_of_a_run() {
    let github = GitHub::start(hello());
    let dev = Api::person(&github, "dev1");
    github.on_call(When::nth("issues/get", 2), |state| {
        let mut scene = state.at("octo/hello");
        scene.retitle("guest", 1, "Another title");
        scene.unlabel("guest", 1, "ai-help");
    });
    let (first, second) =
        (dev.get("/repos/octo/hello/issues/1").await, dev.get("/repos/octo/hello/issues/1").await);
    assert_eq!((&first["title"], &second["title"]), (&json!("Typo in the README"), &json!("Another title")));
    assert_eq!(second["labels"].as_array().unwrap().len(), 1);
    assert!(second["updated_at"].as_str() > first["updated_at"].as_str());
    github.finish();
}

#[tokio::test]
async fn renamed_and_moved_things_are_redirected() {
    let github = GitHub::start(
        hello()
            .issue(2, "Moves", "", &[])
            .before(|scene| scene.rename("octo/renamed"))
            .repo("octo/target")
            .file("a", "a"),
    );
    github.now(|state| state.at("octo/renamed").transfer(2, "octo/target"));
    let dev = Api::person(&github, "dev1");
    for (call, title) in [
        ("GET /repos/octo/hello/issues/1", "Typo in the README"),
        ("GET /repos/octo/renamed/issues/2", "Moves"),
    ] {
        let (status, moved) = dev.json(call, &Value::Null).await;
        assert_eq!(status, 301, "{moved}");
        let there = dev.json(&format!("GET {}", moved["url"].as_str().unwrap()), &Value::Null).await;
        assert_eq!((there.0, &there.1["title"]), (200, &json!(title)));
    }
    github.finish();
}

/// What a check found is asked check by check; its log lies with another host, which takes no second proof.
#[tokio::test]
async fn checks_say_what_they_found_and_logs_lie_elsewhere() {
    let report = Report {
        annotations: vec![("a.txt".to_owned(), 3, "failure", "no".to_owned())],
        steps: vec![("Test", "failure", "2026-11-21T09:00:00Z", "2026-11-21T09:00:02Z")],
        log: Log::Kept(b"error: no\n".to_vec()),
        ..Report::default()
    };
    let github = GitHub::start(hello().before(|scene| {
        scene.check_reports("main", "build", CheckKind::Run, Verdict::Failed, report);
        let (log, gone) = (Log::Gone, Checker::Another);
        scene.check_reports(
            "main",
            "old",
            CheckKind::Run,
            Verdict::Failed,
            Report { log, ..Report::default() },
        );
        scene.check_reports(
            "main",
            "app",
            CheckKind::Run,
            Verdict::Failed,
            Report { by: gone, ..Report::default() },
        );
        scene.check("main", "status", CheckKind::Status, Verdict::Failed);
    }));
    let app = Api::app(&github).await;
    let runs = app.get("/repos/octo/hello/commits/main/check-runs?filter=latest&per_page=100").await;
    let ids: Vec<u64> =
        runs["check_runs"].as_array().unwrap().iter().map(|run| run["id"].as_u64().unwrap()).collect();
    assert_eq!((&runs["total_count"], ids.len()), (&json!(3), 3), "{runs}");
    assert_eq!(runs["check_runs"][0]["output"]["annotations_count"], 1);
    let annotations =
        app.get(&format!("/repos/octo/hello/check-runs/{}/annotations?per_page=100", ids[0])).await;
    assert_eq!((&annotations[0]["path"], &annotations[0]["start_line"]), (&json!("a.txt"), &json!(3)));
    let job = app.get(&format!("/repos/octo/hello/actions/jobs/{}", ids[0])).await;
    assert_eq!(job["steps"][0]["conclusion"], "failure");
    for (id, status) in [(ids[1], 410), (ids[2], 404)] {
        let (found, answer) =
            app.json(&format!("GET /repos/octo/hello/actions/jobs/{id}/logs"), &Value::Null).await;
        assert_eq!(found, status, "{answer}");
    }
    let call = format!("GET /repos/octo/hello/actions/jobs/{}/logs", ids[0]);
    let redirect = app.send(&call, &Value::Null).await.unwrap();
    assert_eq!(redirect.status(), 302);
    let place = redirect.headers()["location"].to_str().unwrap().to_owned();
    assert!(place.starts_with("http://localhost:"), "{place}");
    let log = Api::with(&github, "").send(&format!("GET {place}"), &Value::Null).await.unwrap();
    assert_eq!((log.status().as_u16(), log.text().await.unwrap().as_str()), (200, "error: no\n"));
    let refused = app.send(&format!("GET {place}"), &Value::Null).await.unwrap();
    assert_eq!(refused.status(), 400);
    let violations = github.take_violations();
    assert!(violations[0].contains("a token was sent to where logs lie"), "{violations:?}");
    github.finish();
}

/// Each kind of answer needs its permission.
#[tokio::test]
async fn checks_and_logs_need_permissions() {
    let report = Report { log: Log::Kept(Vec::new()), ..Report::default() };
    let world = hello().before(|scene| {
        scene.check_reports("main", "build", CheckKind::Run, Verdict::Failed, report);
    });
    let github = GitHub::start(world.app_permissions(&[("contents", Level::Read)]));
    let app = Api::app(&github).await;
    for (call, needed) in [
        ("GET /repos/octo/hello/commits/main/check-runs", "checks=read"),
        ("GET /repos/octo/hello/check-runs/1/annotations", "checks=read"),
        ("GET /repos/octo/hello/actions/jobs/1", "actions=read"),
        ("GET /repos/octo/hello/actions/jobs/1/logs", "actions=read"),
    ] {
        let refused = app.send(call, &Value::Null).await.unwrap();
        assert_eq!(refused.status(), 403, "{call}");
        assert_eq!(refused.headers()["x-accepted-github-permissions"], needed, "{call}");
    }
    github.finish();
}

#[tokio::test]
async fn what_breaks_the_contract_is_noticed() {
    let github = GitHub::start(hello());
    let dev = Api::person(&github, "dev1");
    let mutation = "mutation { createCommitOnBranch(input: {}) { nothing } }";
    let undeclared = json!({ "query": "query { viewer { login } }", "variables": { "x": 1 } });
    for (call, body) in [
        ("POST /repos/octo/hello/issues/1/comments", json!({ "body": "hm", "boddy": "hm" })),
        ("POST /repos/octo/hello/pulls", json!({ "title": 1, "head": "a", "base": "b" })),
        ("GET /repos/octo/hello/issues?labells=x", Value::Null),
        ("GET /repos/octo/hello/issues?per_page=many", Value::Null),
        ("POST /repos/octo/hello/forks", json!({})),
        ("GET /search/issues?q=x", Value::Null),
        ("POST /graphql", json!({ "query": mutation })),
        ("POST /graphql", undeclared),
        ("POST /graphql", json!({ "query": "query { viewer { bio } }" })),
    ] {
        dev.send(call, &body).await.unwrap();
        let violations = github.take_violations();
        assert!(!violations.is_empty(), "{call} {body} went unnoticed");
    }
    github.fault(When::next("pulls/create"), Fault::ServerError);
    let never = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| github.finish())).unwrap_err();
    let text = never.downcast_ref::<String>().unwrap();
    assert_eq!(text, "GitHub would not have it:\nthe fault at pulls/create number 1 never came to pass");
}

/// git, with the token where GitHub wants it.
fn git(folder: &Path, token: &str, args: &[&str]) -> Result<String, String> {
    use base64::Engine as _;
    let basic = base64::prelude::BASE64_STANDARD.encode(format!("x-access-token:{token}"));
    let mut command = clean_git();
    command.current_dir(folder);
    if !token.is_empty() {
        command.args(["-c", &format!("http.extraHeader=Authorization: Basic {basic}")]);
    }
    let output = command
        .args(["-c", "user.name=dev1", "-c", "user.email=dev1@example.org"])
        .args(args)
        .output()
        .unwrap();
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap())
    } else {
        Err(String::from_utf8(output.stderr).unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn git_clones_and_pushes() {
    let github = GitHub::start(hello().private().permission("guest", Permission::Read).before(|scene| {
        scene.protect("main");
        scene.push_file("dev1", "feature", "new.txt", "new\n");
        scene.open_pull("dev1", "Feature", "feature", "main");
    }));
    let (dev, guest) = (github.personal_token("dev1"), github.personal_token("guest"));
    let folder = tempfile::tempdir().unwrap();
    let url = format!("{}.git", github.repo_url("octo/hello"));
    let refused = git(folder.path(), "", &["clone", &url, "anonymous"]).unwrap_err();
    assert!(refused.contains("could not read Username"), "{refused}");
    git(folder.path(), &dev, &["clone", "--quiet", "--depth", "1", "--no-single-branch", &url, "work"])
        .unwrap();
    let work = folder.path().join("work");
    assert_eq!(std::fs::read_to_string(work.join("README.md")).unwrap(), "Helo, world\n");

    git(&work, "", &["checkout", "--quiet", "feature"]).unwrap();
    std::fs::write(work.join("new.txt"), "newer\n").unwrap();
    git(&work, "", &["commit", "--quiet", "-am", "Newer"]).unwrap();
    let refused = git(&work, &guest, &["push", "origin", "feature"]).unwrap_err();
    assert!(refused.contains("403"), "{refused}");
    let refused = git(&work, &dev, &["push", "origin", "+feature:main"]).unwrap_err();
    assert!(refused.contains("GH006: Protected branch update failed for refs/heads/main."), "{refused}");
    git(&work, &dev, &["push", "--quiet", "origin", "feature"]).unwrap();
    let head = git(&work, "", &["rev-parse", "HEAD"]).unwrap();
    let api = Api::with(&github, &dev);
    assert_eq!(api.get("/repos/octo/hello/pulls/2").await["head"]["sha"], head.trim());
    git(&work, &dev, &["push", "--quiet", "origin", ":feature"]).unwrap();
    assert_eq!(api.get("/repos/octo/hello/pulls/2").await["state"], "closed");
    let journal = github.journal();
    assert_eq!((journal.count("git:receive-pack"), journal.mutations().count()), (3, 3));
    assert!(!String::from_utf8_lossy(&journal.bytes()).contains(&dev), "{}", journal.summary());
    github.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_pushes_no_workflows() {
    let github = GitHub::start(hello());
    let app = Api::app(&github).await;
    let folder = tempfile::tempdir().unwrap();
    let url = format!("{}.git", github.repo_url("octo/hello"));
    git(folder.path(), "", &["clone", "--quiet", &url, "work"]).unwrap();
    let work = folder.path().join("work");
    std::fs::create_dir_all(work.join(".github/workflows")).unwrap();
    std::fs::write(work.join(".github/workflows/ci.yml"), "on: push\n").unwrap();
    git(&work, "", &["add", "."]).unwrap();
    git(&work, "", &["commit", "--quiet", "-m", "Add a workflow"]).unwrap();
    let refused = git(&work, &app.token, &["push", "origin", "HEAD:refs/heads/x"]).unwrap_err();
    assert!(
        refused.contains(
            "refusing to allow a GitHub App to create or update workflow `.github/workflows/ci.yml`"
        ),
        "{refused}"
    );
    github.finish();
}

/// A client library that parses answers strictly reads them into its own types, and mints its own token.
#[tokio::test]
async fn octocrab_reads_the_answers() {
    use octocrab::models::{AppId, InstallationId};
    let github = GitHub::start(hello().before(|scene| {
        scene.push_file("dev1", "feature", "new.txt", "new\n");
        scene.open_pull("dev1", "Feature", "feature", "main");
    }));
    let app = octocrab::Octocrab::builder()
        .base_uri(github.enterprise_url())
        .unwrap()
        .app_from_rsa_pem(AppId(github.app_id()), github.app_private_key())
        .unwrap()
        .build()
        .unwrap();
    let crab = app.installation(InstallationId(github.installation_id())).unwrap();
    let issue = crab.issues("octo", "hello").get(1).await.unwrap();
    assert_eq!((issue.title.as_str(), issue.user.login.as_str()), ("Typo in the README", "dev1"));
    let comment = crab.issues("octo", "hello").create_comment(1, "hm").await.unwrap();
    assert_eq!((comment.body.as_deref(), comment.user.login.as_str()), (Some("hm"), "ai-agent[bot]"));
    let comments = crab.issues("octo", "hello").list_comments(1).send().await.unwrap();
    assert_eq!(comments.items.len(), 1);
    let pull = crab.pulls("octo", "hello").get(2).await.unwrap();
    assert_eq!((pull.head.ref_field.as_str(), pull.draft), ("feature", Some(false)));
    let repo = crab.repos("octo", "hello").get().await.unwrap();
    assert_eq!(repo.default_branch.as_deref(), Some("main"));
    let labels = crab.issues("octo", "hello").add_labels(1, &["ai-working".to_owned()]).await.unwrap();
    assert_eq!(labels.len(), 3);
    let missing = crab.issues("octo", "hello").get(99).await.unwrap_err();
    let octocrab::Error::GitHub { source, .. } = missing else { panic!("{missing}") };
    assert_eq!((source.status_code.as_u16(), source.message.as_str()), (404, "Not Found"));
    assert_eq!(github.journal().count("apps/create-installation-access-token"), 1);
    github.finish();
}

/// Threads come by the page, take replies to their first comment, follow their line, and can be resolved.
#[tokio::test]
async fn review_threads_are_read_answered_and_resolved() {
    use tests::github::Opinion;
    let github = GitHub::start(hello());
    let app = Api::app(&github).await;
    app.branch_with_change("topic").await;
    let (number, review, firsts) = github.now(|state| {
        let mut scene = state.at("octo/hello");
        let number = scene.open_pull("dev1", "A change", "topic", "main");
        let lines = [("README.md", 1, "One"), ("README.md", 1, "Two"), ("README.md", 1, "Three")];
        let (review, firsts) = scene.give_review("dev1", number, Opinion::ChangesRequested, "Look.", &lines);
        (number, review, firsts)
    });
    let query = "query($after: String, $number: Int!) { repository(owner: \"octo\", name: \"hello\") { pullRequest(number: $number) { \
        isCrossRepository reviewThreads(first: 2, after: $after) { pageInfo { hasNextPage endCursor } nodes { \
        id isResolved isOutdated path line subjectType comments(first: 10) { nodes { fullDatabaseId body diffHunk \
        author { login } pullRequestReview { fullDatabaseId } } } } } } } }";
    let page = async |after: &Value| {
        let answer = app.graphql(query, json!({ "after": after, "number": number })).await;
        answer["data"]["repository"]["pullRequest"]["reviewThreads"].clone()
    };
    let first = page(&Value::Null).await;
    assert_eq!(
        (first["nodes"].as_array().unwrap().len(), &first["pageInfo"]["hasNextPage"]),
        (2, &json!(true))
    );
    let second = page(&first["pageInfo"]["endCursor"]).await;
    assert_eq!(
        (second["nodes"].as_array().unwrap().len(), &second["pageInfo"]["hasNextPage"]),
        (1, &json!(false))
    );
    let comment = &first["nodes"][0]["comments"]["nodes"][0];
    assert_eq!((comment["body"].as_str(), comment["author"]["login"].as_str()), (Some("One"), Some("dev1")));
    assert_eq!(comment["pullRequestReview"]["fullDatabaseId"], review.to_string());
    // A reply goes to the first comment, and not to a reply.
    let reply = |to: u64| format!("POST /repos/octo/hello/pulls/{number}/comments/{to}/replies");
    let (status, made) = app.json(&reply(firsts[0]), &json!({ "body": "Done." })).await;
    assert_eq!((status, &made["in_reply_to_id"]), (201, &json!(firsts[0])), "{made}");
    for (to, body, expect) in [(made["id"].as_u64().unwrap(), "x", 404), (99, "x", 404), (firsts[0], "", 422)]
    {
        assert_eq!(app.json(&reply(to), &json!({ "body": body })).await.0, expect, "{to} {body:?}");
    }
    let resolve = "mutation($input: ResolveReviewThreadInput!) { resolveReviewThread(input: $input) { thread { isResolved } } }";
    let answer = app.graphql(resolve, json!({ "input": { "threadId": first["nodes"][0]["id"] } })).await;
    assert_eq!(answer["data"]["resolveReviewThread"]["thread"]["isResolved"], true, "{answer}");
    let answer = app.graphql(resolve, json!({ "input": { "threadId": "PRRT_none" } })).await;
    assert_eq!(answer["errors"][0]["type"], "NOT_FOUND");
    // The line changes.
    github.now(|state| {
        state.at("octo/hello").push_file("dev1", "topic", "README.md", "Something else\n");
    });
    let now = page(&Value::Null).await;
    let thread = &now["nodes"][0];
    assert_eq!(
        (&thread["isResolved"], &thread["isOutdated"], &thread["line"]),
        (&json!(true), &json!(true), &Value::Null)
    );
    let said: Vec<&str> = thread["comments"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|said| said["body"].as_str())
        .collect();
    assert_eq!(said, ["One", "Done."]);
    github.finish();
}
