//! Reading a *plan* again: its steps are sentences of the grammar, its files the limit of what may change.

use super::Stop;
use super::files::{Source, find, path_of};
use super::grammar::{Instruction, Spread, Wish, understand};
use super::term::{self, short};
use super::token::{Clause, Text, Token, cut};
use crate::path::RepoPath;

/// The lines of a section, by its heading.
fn section<'p>(plan: &'p str, heading: &str) -> Vec<&'p str> {
    plan.lines()
        .skip_while(|line| line.trim() != heading)
        .skip(1)
        .take_while(|line| !line.starts_with("## "))
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect()
}

fn tokens(text: &str) -> Vec<Token> {
    let mut clauses: Vec<Clause> = Vec::new();
    cut(text, &mut clauses);
    clauses.into_iter().flat_map(|clause| clause.tokens).collect()
}

/// The wishes of the steps, and the sources that the plan lists.
pub(super) fn steps<'a>(
    plan: &str,
    sources: &[Source<'a>],
) -> Result<(Vec<Instruction>, Vec<Source<'a>>), Stop> {
    let mut limits = Vec::new();
    let mut missing = Vec::new();
    for line in section(plan, "## Files") {
        let bullet = line.strip_prefix("- ").map(tokens).unwrap_or_default();
        let Some(Token::Term(path)) = bullet.first() else { continue };
        match sources.iter().find(|source| source.path.as_str() == path) {
            Some(source) => limits.push(*source),
            None => missing.extend(RepoPath::parse(path).ok()),
        }
    }
    if !missing.is_empty() {
        return Err(Stop::Read(missing));
    }
    let mut steps = Vec::new();
    for line in section(plan, "## Steps") {
        let step = line.split_once(". ").map_or(line, |(_, step)| step);
        let found = understand(step, &Text::default(), &|word| path_of(word, sources).is_some())?;
        if found.is_empty() {
            return Err(Stop::Cannot(format!(
                "the plan has a step that is no atomic change: `{}`",
                short(step)
            )));
        }
        steps.extend(found);
    }
    if steps.is_empty() || limits.is_empty() {
        return Err(Stop::Cannot("the plan lists no files or no steps that were understood".to_owned()));
    }
    let outside = |path: &String| find(path, &limits).is_empty();
    if let Some(path) = steps.iter().flat_map(|step| &step.paths).find(|path| outside(path)) {
        return Err(Stop::Cannot(format!(
            "a step of the plan changes `{path}`, which the plan does not list"
        )));
    }
    Ok((steps, limits))
}

/// The wishes of a plan with what a person said of it.
pub(super) fn revise(plan: &str, feedback: &str, sources: &[Source<'_>]) -> Result<Vec<Instruction>, Stop> {
    let (mut steps, _) = steps(plan, sources)?;
    let is_path = |word: &str| path_of(word, sources).is_some();
    let mut text = super::token::read(feedback);
    if let [clause] = &text.clauses[..]
        && let Some(change) = short_feedback(clause, &steps, sources)
    {
        apply(&change, &mut steps, sources)?;
        return Ok(steps);
    }
    let diffs = std::mem::take(&mut text.diffs);
    let found = understand("", &Text { clauses: text.clauses, diffs }, &is_path)?;
    if found.is_empty() {
        return Err(Stop::Cannot("the feedback names no atomic change of the plan".to_owned()));
    }
    for wish in found {
        let same = |step: &&mut Instruction| subject(&step.wish) == subject(&wish.wish);
        let Some(step) = steps.iter_mut().find(same) else {
            return Err(Stop::Cannot(format!(
                "the plan has no step about `{}`",
                short(&subject(&wish.wish))
            )));
        };
        if wish.paths.is_empty() {
            step.wish = wish.wish;
        } else {
            *step = wish;
        }
    }
    Ok(steps)
}

fn subject(wish: &Wish) -> String {
    match wish {
        Wish::Replace { old, .. } | Wish::ReplaceOrAssign { old, .. } => term::loose(old),
        Wish::Assign { name, .. } => term::loose(name.as_str()),
    }
}

/// What a sentence without a subject says of the plan.
enum Feedback {
    NewText(String),
    Only(Vec<String>),
    Without(Vec<String>),
}

/// `use 45 instead`, `it should be 45`, `only docs/a.md`, `not in docs/b.md`.
fn short_feedback(clause: &Clause, steps: &[Instruction], sources: &[Source<'_>]) -> Option<Feedback> {
    let paths: Vec<String> =
        clause.tokens.iter().filter_map(|token| path_of(token.text()?, sources)).map(str::to_owned).collect();
    let rest: Vec<&Token> = clause
        .tokens
        .iter()
        .filter(|token| {
            !matches!(token, Token::Mark(_))
                && token.text().is_none_or(|text| path_of(text, sources).is_none())
                && !token.is_any("please the file files and in to this that it just be")
        })
        .collect();
    let all = |words: &str| !rest.is_empty() && rest.iter().all(|token| token.is_any(words));
    if !paths.is_empty() {
        let says_just = clause.tokens.iter().any(|token| token.is_any("just"));
        if all("only limit restrict change edit touch") || rest.is_empty() && says_just {
            return Some(Feedback::Only(paths));
        }
        let leave = "not don't change edit touch leave alone out skip exclude without do as is";
        return all(leave).then_some(Feedback::Without(paths));
    }
    let verbs = "use make take prefer should must value set change better rather with";
    let mut texts = Vec::new();
    let mut instead = false;
    let mut said = false;
    let mut tokens = rest.iter().peekable();
    while let Some(token) = tokens.next() {
        if token.is_any("instead") {
            instead = true;
            if tokens.peek().is_some_and(|token| token.is_any("of")) {
                tokens.nth(1)?;
            }
        } else if token.is_any(verbs) {
            said = true;
        } else {
            texts.push(*token);
        }
    }
    let [text] = texts[..] else { return None };
    if !(said || instead) || steps.len() != 1 {
        return None;
    }
    let new = text.text()?;
    let alike = matches!(&steps[0].wish, Wish::Replace { old, .. } if term::are_alike(old, new));
    let apart = matches!(text, Token::Term(_)) || term::literal(new).is_some() || alike;
    apart.then(|| Feedback::NewText(new.to_owned()))
}

fn apply(change: &Feedback, steps: &mut [Instruction], sources: &[Source<'_>]) -> Result<(), Stop> {
    for step in steps {
        match change {
            Feedback::NewText(text) => match &mut step.wish {
                Wish::Replace { new, spread, old } => {
                    if *spread == Spread::AnyCase && !term::are_alike(old, text) {
                        *spread = Spread::Exact;
                    }
                    new.clone_from(text);
                }
                Wish::ReplaceOrAssign { new, .. } => new.clone_from(text),
                Wish::Assign { to, .. } => to.clone_from(text),
            },
            Feedback::Only(paths) => keep(step, |path| is_among(path, paths, sources))?,
            Feedback::Without(paths) => keep(step, |path| !is_among(path, paths, sources))?,
        }
    }
    Ok(())
}

fn is_among(path: &str, paths: &[String], sources: &[Source<'_>]) -> bool {
    paths.iter().flat_map(|named| find(named, sources)).any(|source| source.path.as_str() == path)
}

/// Keeps the files of a step that pass the test.
fn keep(step: &mut Instruction, test: impl Fn(&str) -> bool) -> Result<(), Stop> {
    step.paths.retain(|path| test(path));
    if step.paths.is_empty() {
        return Err(Stop::Cannot("the feedback leaves no file to change".to_owned()));
    }
    Ok(())
}
