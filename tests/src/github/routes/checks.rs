//! Calls about what ran on a commit: check runs, their annotations, and of jobs of Actions the steps and where the log is.
//!
//! A job of Actions and its check run have one number.

use serde_json::{Value, json};

use super::Request;
use crate::github::checks;
use crate::github::reply::{Answer, Reply, error, not_found, ok};
use crate::github::scene::Scene;
use crate::github::state::{Check, CheckKind, Checker, Log, Verdict};
use crate::github::store::Oid;

pub(super) fn handle(scene: &Scene<'_>, request: &Request) -> Option<Answer> {
    Some(match request.operation {
        "checks/list-for-ref" => list(scene, request),
        "checks/list-annotations" => annotations(scene, request),
        "actions/get-job-for-workflow-run" => job(scene, request),
        "actions/download-job-logs-for-workflow-run" => log(scene, request),
        _ => return None,
    })
}

fn list(scene: &Scene<'_>, request: &Request) -> Answer {
    let repo = scene.repo();
    let oid = repo.store.commit_named(request.parameter("ref")).ok_or_else(not_found)?;
    let checks = repo.checks.get(&oid).into_iter().flatten();
    let runs: Vec<Value> =
        checks.filter(|check| check.kind == CheckKind::Run).map(|check| show(scene, &oid, check)).collect();
    request.page_in(scene, "check_runs", runs)
}

fn show(scene: &Scene<'_>, oid: &Oid, check: &Check) -> Value {
    let url = format!("{}/check-runs/{}", scene.state.api(scene.repo()), check.id);
    let (slug, name) = match check.report.by {
        Checker::Actions => ("github-actions", "GitHub Actions"),
        Checker::Another => ("some-linter", "Some Linter"),
    };
    json!({
        "id": check.id,
        "head_sha": oid.as_str(),
        "name": check.name,
        "url": url,
        "html_url": format!("{}/runs/{}", scene.state.web(scene.repo()), check.id),
        "details_url": null,
        "external_id": null,
        "status": if check.verdict == Verdict::Running { "in_progress" } else { "completed" },
        "conclusion": conclusion(check),
        "started_at": null,
        "completed_at": null,
        "check_suite": { "id": 1 },
        "output": {
            "title": null,
            "summary": check.report.summary,
            "text": null,
            "annotations_count": check.report.annotations.len(),
            "annotations_url": format!("{url}/annotations"),
        },
        "app": { "id": 15368, "slug": slug, "name": name },
        "pull_requests": [],
    })
}

fn conclusion(check: &Check) -> Value {
    match check.verdict {
        Verdict::Running => Value::Null,
        Verdict::Passed => json!("success"),
        Verdict::Failed => json!("failure"),
        Verdict::Skipped => json!("skipped"),
    }
}

fn annotations(scene: &Scene<'_>, request: &Request) -> Answer {
    let (_, check) = scene.check_run(request.number("check_run_id")?).ok_or_else(not_found)?;
    let show = |(path, line, level, message): &(String, u64, &'static str, String)| {
        json!({
            "path": path,
            "blob_href": "https://stand-in.invalid/blob",
            "start_line": line,
            "end_line": line,
            "start_column": null,
            "end_column": null,
            "annotation_level": level,
            "title": null,
            "message": message,
            "raw_details": null,
        })
    };
    request.page(scene, check.report.annotations.iter().map(show).collect())
}

/// The job behind a check run of Actions. Other Apps have none.
fn job_of<'s>(scene: &'s Scene<'_>, request: &Request) -> Option<(&'s Oid, &'s Check)> {
    let id = request.number("job_id").ok()?;
    scene.check_run(id).filter(|(_, check)| check.report.by == Checker::Actions)
}

fn job(scene: &Scene<'_>, request: &Request) -> Answer {
    let (oid, check) = job_of(scene, request).ok_or_else(not_found)?;
    let steps = (1..).zip(&check.report.steps).map(|(number, (name, conclusion, began, ended))| {
        json!({
            "name": name,
            "number": number,
            "status": "completed",
            "conclusion": conclusion,
            "started_at": began,
            "completed_at": ended,
        })
    });
    ok(json!({
        "id": check.id,
        "run_id": 1,
        "head_sha": oid.as_str(),
        "name": check.name,
        "status": "completed",
        "conclusion": conclusion(check),
        "steps": steps.collect::<Vec<_>>(),
        "labels": [],
        "html_url": null,
        "workflow_name": "CI",
        "head_branch": null,
        "runner_id": null,
        "runner_name": null,
        "runner_group_id": null,
        "runner_group_name": null,
        "completed_at": null,
    }))
}

fn log(scene: &Scene<'_>, request: &Request) -> Answer {
    let (_, check) = job_of(scene, request).ok_or_else(not_found)?;
    match check.report.log {
        Log::None => Err(not_found()),
        Log::Gone => Err(error(410, "Server Error. Sorry, the log has expired.")),
        Log::Kept(_) | Log::Lost => {
            let address = checks::log_address(&scene.state.base, check.id);
            Ok(Reply::empty(302).with("location", address))
        }
    }
}
