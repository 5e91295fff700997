//! Fits the weights of the ranking, and measures it out of sample by repository.
//!
//! ```text
//! rank_corpus ISSUES.jsonl INSTANCES.jsonl --features > features.jsonl
//! fit_weights ISSUES.jsonl features.jsonl
//! ```
//!
//! A line of ISSUES has `instance_id`, `repo`, `language` and `gold_files`, the files that the fix changed. The output
//! is a table in Markdown, in percent: single features, weights by hand, the weights in use, weights fitted
//! without the repositories that they are measured on, the same without each feature; then the fitted weights.

#![expect(clippy::cast_precision_loss, reason = "counts of files")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use task::context::weights::Feature;

/// Folds of repositories for measuring out of sample.
const FOLDS: usize = 8;
/// Of the files that a fix did not change, the best this many are learned from.
const OTHERS: usize = 100;
const PENALTY: f64 = 0.003;
const STEPS: usize = 150;

#[derive(Deserialize)]
struct Issue {
    instance_id: String,
    repo: String,
    language: String,
    gold_files: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Ranked {
    instance_id: String,
    #[serde(rename = "ranked")]
    paths: Vec<String>,
    features: Vec<Vec<f64>>,
}

/// One issue: how many files its fix changed, and the features of each file with whether it is one of them.
struct Case {
    repo: String,
    language: String,
    changed: usize,
    files: Vec<(bool, Vec<f64>)>,
}

/// What is learned from one issue: the features of the files that its fix changed, and of the best others.
struct Lesson<'a> {
    changed: Vec<&'a [f64]>,
    others: Vec<&'a [f64]>,
}

type Weights = Vec<f64>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [issues, features] = arguments.as_slice() else {
        bail!("usage: fit_weights ISSUES.jsonl FEATURES.jsonl");
    };
    let cases = cases(lines(issues)?, lines(features)?);
    let mut out = std::io::stdout().lock();
    let all: Vec<usize> = (0..Feature::COUNT).collect();
    let only = |chosen: &[(Feature, f64)]| -> Weights {
        all.iter()
            .map(|at| chosen.iter().filter(|(f, _)| *f as usize == *at).map(|(_, weight)| weight).sum())
            .collect()
    };
    writeln!(out, "| | all@1 | all@3 | all@5 | all@10 | rec@5 | rec@10 | rec@20 | rec@50 | MRR |")?;
    writeln!(out, "|---|---|---|---|---|---|---|---|---|---|")?;
    let by_hand = [
        (Feature::Text, 3.0),
        (Feature::Path, 1.0),
        (Feature::Mention, 1.0),
        (Feature::Definition, 1.0),
        (Feature::Stem, 0.5),
    ];
    let in_use: Weights = Feature::all().iter().map(|feature| f64::from(feature.weight())).collect();
    for (name, weights) in [
        ("BM25 over the text", only(&[(Feature::Text, 1.0)])),
        ("by hand", only(&by_hand)),
        ("weights in use", in_use.clone()),
    ] {
        row(&mut out, name, &cases, |case| score(case, &weights))?;
    }
    let fitted = out_of_sample(&cases, &all);
    row(&mut out, "fitted, out of sample", &cases, |case| score(case, &fitted[&case.repo]))?;
    for feature in Feature::all() {
        let others: Vec<usize> = all.iter().copied().filter(|at| *at != feature as usize).collect();
        let fitted = out_of_sample(&cases, &others);
        row(&mut out, &format!("– without {}", feature.name()), &cases, |case| {
            score(case, &fitted[&case.repo])
        })?;
    }
    let languages: BTreeSet<&str> = cases.iter().map(|case| case.language.as_str()).collect();
    for language in languages {
        let of_language: Vec<&Case> = cases.iter().filter(|case| case.language == language).collect();
        let name = format!("{language} ({}), out of sample", of_language.len());
        row(&mut out, &name, of_language.iter().copied(), |case| score(case, &fitted[&case.repo]))?;
    }
    let every: Vec<&Case> = cases.iter().collect();
    for (feature, weight) in Feature::all().iter().zip(fit(&every, &all)) {
        writeln!(out, "{:18} {weight:.2}", feature.name())?;
    }
    Ok(())
}

fn cases(issues: Vec<Issue>, ranked: Vec<Ranked>) -> Vec<Case> {
    let mut ranked: BTreeMap<String, Ranked> =
        ranked.into_iter().map(|ranked| (ranked.instance_id.clone(), ranked)).collect();
    issues
        .into_iter()
        .filter_map(|issue| {
            let ranked = ranked.remove(&issue.instance_id)?;
            let files = ranked.paths.iter().map(|path| issue.gold_files.contains(path)).zip(ranked.features);
            Some(Case {
                repo: issue.repo,
                language: issue.language,
                changed: issue.gold_files.len(),
                files: files.collect(),
            })
        })
        .collect()
}

/// For each repository, weights fitted to repositories of other folds.
fn out_of_sample(cases: &[Case], features: &[usize]) -> BTreeMap<String, Weights> {
    let repos: BTreeSet<&str> = cases.iter().map(|case| case.repo.as_str()).collect();
    let repos: Vec<&str> = repos.into_iter().collect();
    let mut fitted = BTreeMap::new();
    for fold in 0..FOLDS {
        let held_out: Vec<&str> = repos.iter().copied().skip(fold).step_by(FOLDS).collect();
        let others: Vec<&Case> =
            cases.iter().filter(|case| !held_out.contains(&case.repo.as_str())).collect();
        let weights = fit(&others, features);
        fitted.extend(held_out.into_iter().map(|repo| (repo.to_owned(), weights.clone())));
    }
    fitted
}

/// Non-negative weights by projected gradient descent with momentum (Nesterov's), the step halved when it overshoots.
fn fit(cases: &[&Case], features: &[usize]) -> Weights {
    let lessons: Vec<Lesson<'_>> = cases
        .iter()
        .map(|case| {
            let of = |wanted: bool| case.files.iter().filter(move |(changed, _)| *changed == wanted);
            let mut others: Vec<&[f64]> = of(false).map(|(_, row)| row.as_slice()).collect();
            others.sort_by(|a, b| b.iter().sum::<f64>().total_cmp(&a.iter().sum()));
            others.truncate(OTHERS);
            Lesson { changed: of(true).map(|(_, row)| row.as_slice()).collect(), others }
        })
        .filter(|lesson| !lesson.changed.is_empty())
        .collect();
    let mut weights = vec![0.0; Feature::COUNT];
    for at in features {
        weights[*at] = 1.0;
    }
    let (mut ahead, mut momentum, mut step) = (weights.clone(), 1.0_f64, 4.0);
    let (mut best, _) = loss(&lessons, &weights);
    for _ in 0..STEPS {
        let (_, gradient) = loss(&lessons, &ahead);
        let mut next = vec![0.0; Feature::COUNT];
        for at in features {
            next[*at] = (ahead[*at] - step * gradient[*at]).max(0.0);
        }
        let (value, _) = loss(&lessons, &next);
        if value > best {
            (ahead, momentum, step) = (weights.clone(), 1.0, step / 2.0);
            continue;
        }
        let following = f64::midpoint(1.0, (1.0 + 4.0 * momentum * momentum).sqrt());
        let carry = (momentum - 1.0) / following;
        ahead = next.iter().zip(&weights).map(|(next, last)| next + carry * (next - last)).collect();
        (weights, momentum, best) = (next, following, value);
    }
    weights
}

/// The mean over issues of the logistic loss, half for each changed file and half for the best of them, and its gradient.
fn loss(lessons: &[Lesson<'_>], weights: &[f64]) -> (f64, Weights) {
    let dot = |row: &[f64]| -> f64 { row.iter().zip(weights).map(|(a, b)| a * b).sum() };
    let count = lessons.len() as f64;
    let mut value: f64 = PENALTY / 2.0 * weights.iter().map(|weight| weight * weight).sum::<f64>();
    let mut gradient: Weights = weights.iter().map(|weight| PENALTY * weight).collect();
    let mut add = |row: &[f64], by: f64| {
        for (sum, feature) in gradient.iter_mut().zip(row) {
            *sum += by / count * feature;
        }
    };
    for Lesson { changed, others } in lessons {
        let changed: Vec<(&[f64], f64)> = changed.iter().map(|row| (*row, dot(row))).collect();
        let others: Vec<(&[f64], f64)> = others.iter().map(|row| (*row, dot(row))).collect();
        let highest = changed.iter().chain(&others).map(|(_, score)| *score).fold(f64::MIN, f64::max);
        let odds = |score: f64| (score - highest).exp();
        let against: f64 = others.iter().map(|(_, score)| odds(*score)).sum();
        let together: f64 = changed.iter().map(|(_, score)| odds(*score)).sum();
        value += 0.5 / count * ((against + together).ln() - together.ln());
        let mut pull = 0.5 / (against + together);
        for (row, score) in &changed {
            let share = 0.5 / changed.len() as f64;
            let own = odds(*score);
            value += share / count * ((against + own).ln() - own.ln());
            pull += share / (against + own);
            add(row, share * (own / (against + own) - 1.0));
            add(row, 0.5 * own * (1.0 / (against + together) - 1.0 / together));
        }
        for (row, score) in &others {
            add(row, pull * odds(*score));
        }
    }
    (value, gradient)
}

fn score(case: &Case, weights: &[f64]) -> Vec<f64> {
    case.files.iter().map(|(_, row)| row.iter().zip(weights).map(|(a, b)| a * b).sum()).collect()
}

/// One row of the table.
fn row<'a>(
    out: &mut impl Write,
    name: &str,
    cases: impl IntoIterator<Item = &'a Case>,
    scores: impl Fn(&Case) -> Vec<f64>,
) -> Result<()> {
    let mut sums = [0.0; 9];
    let mut count = 0.0;
    for case in cases {
        count += 1.0;
        let scores = scores(case);
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
        let hits: Vec<usize> =
            order.iter().enumerate().filter(|(_, at)| case.files[**at].0).map(|(rank, _)| rank).collect();
        let within = |k: usize| hits.iter().filter(|rank| **rank < k).count();
        for (sum, k) in sums.iter_mut().zip([1, 3, 5, 10]) {
            *sum += f64::from(u8::from(within(k) == case.changed));
        }
        for (sum, k) in sums[4..].iter_mut().zip([5, 10, 20, 50]) {
            *sum += within(k) as f64 / case.changed as f64;
        }
        sums[8] += hits.first().map_or(0.0, |rank| 1.0 / (*rank as f64 + 1.0));
    }
    write!(out, "| {name} |")?;
    for sum in sums {
        write!(out, " {:.1} |", 100.0 * sum / count)?;
    }
    writeln!(out)?;
    Ok(())
}

fn lines<T: serde::de::DeserializeOwned>(path: &str) -> Result<Vec<T>> {
    let file = File::open(path).with_context(|| format!("opening {path}"))?;
    BufReader::new(file)
        .lines()
        .map(|line| Ok(serde_json::from_str(&line?)?))
        .collect::<Result<_>>()
        .with_context(|| format!("reading {path}"))
}
