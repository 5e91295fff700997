//! Ranks the files of many issues, to measure the ranking and to fit its weights.
//!
//! ```text
//! rank_corpus ISSUES.jsonl INSTANCES.jsonl [--features] > predictions.jsonl
//! ```
//!
//! A line of ISSUES has `instance_id` and `problem_statement` (title, newline, body); a line of INSTANCES has
//! `instance_id`, `git_dir` and `base_commit`. A line of the output has `instance_id` and `ranked`, the paths of
//! the source files, best first; with `--features` also each file's features. Times go to standard error.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::json;
use task::context::history::History;
use task::context::index::Index;
use task::context::query::Query;
use task::context::rank;
use task::context::role::Role;
use task::context::walk::{self, Caps};
use task::parser::{self, Parsers};

#[derive(Deserialize)]
struct Issue {
    #[serde(rename = "instance_id")]
    id: String,
    problem_statement: String,
}

#[derive(Deserialize)]
struct Instance {
    #[serde(rename = "instance_id")]
    id: String,
    git_dir: String,
    base_commit: String,
}

fn main() -> Result<()> {
    if parser::worker::is_wanted() {
        return Ok(parser::worker::serve()?);
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [issues, instances, options @ ..] = arguments.as_slice() else {
        bail!("usage: rank_corpus ISSUES.jsonl INSTANCES.jsonl [--features]");
    };
    let with_features = options.iter().any(|option| option == "--features");
    let instances: HashMap<String, Instance> =
        lines::<Instance>(instances)?.into_iter().map(|instance| (instance.id.clone(), instance)).collect();
    let mut out = std::io::stdout().lock();
    let mut errors = std::io::stderr().lock();
    let mut times = Vec::new();
    for issue in lines::<Issue>(issues)? {
        let Some(instance) = instances.get(&issue.id) else {
            writeln!(errors, "{}: no repository", issue.id)?;
            continue;
        };
        let start = Instant::now();
        let ranked = rank_one(&issue, instance).with_context(|| issue.id.clone())?;
        let time = start.elapsed();
        times.push((time, ranked.len(), issue.id.clone()));
        let sources = ranked.iter().filter(|file| file.role == Role::Source);
        let paths: Vec<&str> = sources.clone().map(|file| file.path.as_str()).collect();
        let mut line = json!({ "instance_id": issue.id, "ranked": paths });
        if with_features {
            line["features"] = sources.map(|file| json!(file.features.to_vec())).collect();
        }
        writeln!(out, "{line}")?;
    }
    times.sort();
    for (what, at) in [("median", times.len() / 2), ("worst", times.len().saturating_sub(1))] {
        if let Some((time, files, id)) = times.get(at) {
            writeln!(errors, "{what}: {:.3} s, {files} files, {id}", time.as_secs_f64())?;
        }
    }
    Ok(())
}

fn rank_one(issue: &Issue, instance: &Instance) -> Result<Vec<rank::Ranked>> {
    let repo = gix::open_opts(&instance.git_dir, gix::open::Options::isolated())?;
    let commit = gix::ObjectId::from_hex(instance.base_commit.as_bytes())?;
    let tree = repo.find_commit(commit)?.tree_id()?.detach();
    let (title, body) = issue.problem_statement.split_once('\n').unwrap_or((&issue.problem_statement, ""));
    let query = Query::new(title, body);
    let caps = Caps::default();
    let walk = walk::walk(&repo, tree, &caps)?;
    let history = History::read(&repo, commit);
    let index = Index::build(&repo.into_sync(), &walk, &history, &query, &caps, Parsers::of_this_program())?;
    Ok(index.ranked(&walk, &query))
}

fn lines<T: serde::de::DeserializeOwned>(path: &str) -> Result<Vec<T>> {
    let file = File::open(path).with_context(|| format!("opening {path}"))?;
    BufReader::new(file)
        .lines()
        .map(|line| Ok(serde_json::from_str(&line?)?))
        .collect::<Result<_>>()
        .with_context(|| format!("reading {path}"))
}
