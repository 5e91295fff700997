//! *Asking* the model for rules: one call, and one more where some of them cannot be used.

use std::collections::HashMap;

use minijinja::context;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::material::Material;
use super::rules::{Known, LONGEST, Lesson, MOST, SHORTEST};
use crate::call::CallError;
use crate::cycle;
use crate::forge::Forge;
use crate::forge::model::{ListedFile, Listing};
use crate::llm::{Ledger, Llm, Message, Role};
use crate::outcome::Failure;
use crate::progress::Step;
use crate::prompt::Fences;
use crate::protocol::{Answer, Paths, Rule};
use crate::templates::Templates;

/// Files that are named to the model.
const MAX_FILES: usize = 100;
/// The largest file whose lines are counted, in bytes.
const MAX_COUNTED: u64 = 1024 * 1024;
/// Characters of a rule that is told as refused.
const MAX_SHOWN: usize = 120;

/// What came of asking.
#[derive(Default)]
pub(super) struct Asked {
    pub(super) lessons: Vec<Lesson>,
    pub(super) refused: Vec<Refused>,
    /// Why the model proposes nothing, in its words; redacted.
    pub(super) why: Option<String>,
}

/// A rule that was not taken.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Refused {
    /// The beginning of it, without secrets.
    pub(super) rule: String,
    pub(super) why: String,
}

/// Why there is no answer.
pub(super) enum Stop {
    Call(CallError),
    Failure(Failure),
}

impl From<CallError> for Stop {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// What the model is shown.
pub(super) struct Question<'a> {
    pub(super) material: &'a Material,
    pub(super) instructions: &'a str,
    pub(super) declined: &'a [String],
    /// The language that rules are written in, if the repository names one.
    pub(super) language: Option<&'a str>,
}

/// Words and fences of one conversation.
struct Words {
    templates: Templates,
    fences: Fences,
}

impl Words {
    fn of(question: &Question<'_>) -> Self {
        let mut hash = Sha256::new();
        let declined = question.declined.iter().map(String::as_str);
        for text in [question.material.shown().as_str(), question.instructions].into_iter().chain(declined) {
            hash.update(text);
        }
        let templates = Templates::of([
            ("lessons", include_str!("../../prompts/lessons.md")),
            ("material", include_str!("../../prompts/lessons_material.md")),
            ("correct", include_str!("../../prompts/lessons_correct.md")),
        ]);
        Self { templates, fences: Fences::of(hash) }
    }

    fn system(&self, language: Option<&str>) -> String {
        let language = language.map(|language| language.split_whitespace().collect::<Vec<_>>().join(" "));
        let (nonce, most, shortest, longest) = (self.fences.word(), MOST, SHORTEST, LONGEST);
        self.templates.render("lessons", context! { nonce, most, shortest, longest, language })
    }

    fn material(&self, question: &Question<'_>, files: &Listing) -> String {
        let fenced = |text: String| (!text.is_empty()).then(|| self.fences.around(&text));
        let paths = question.material.paths();
        let there = files.files.iter().map(|file| file.path.as_str()).filter(|path| paths.contains(path));
        let there: Vec<&str> = there.take(MAX_FILES).collect();
        let values = context! {
            instructions => fenced(question.instructions.to_owned()),
            declined => fenced(question.declined.join("\n")),
            files => fenced(there.join("\n")),
            said => self.fences.around(&question.material.shown()),
        };
        self.templates.render("material", values)
    }

    fn correct(&self, refused: &[Refused], kept: usize) -> String {
        let complaint: Vec<String> =
            refused.iter().map(|Refused { rule, why }| format!("- \"{rule}\": {why}")).collect();
        self.templates
            .render("correct", context! { complaint => self.fences.around(&complaint.join("\n")), kept })
    }
}

/// Asks. Rules that were good at once stay, whatever comes of the second call.
pub(super) async fn ask(
    llm: &Llm,
    ledger: &mut Ledger,
    question: &Question<'_>,
    known: &mut Known<'_>,
    forge: &Forge,
    files: &Listing,
    progress: &mut (dyn FnMut(Step) + Send),
) -> Result<Asked, Stop> {
    let words = Words::of(question);
    let system = words.system(question.language);
    let mut messages = vec![Message { role: Role::User, text: words.material(question, files) }];
    let answer = call(llm, ledger, &system, &messages, files, progress).await?;
    let first = judge(&answer, known, &[], forge, files).await?;
    if first.refused.is_empty() && (first.why.is_some() || !first.lessons.is_empty()) {
        return Ok(first);
    }
    let mut refused = first.refused.clone();
    if refused.is_empty() {
        refused.push(Refused {
            rule: "(all of it)".to_owned(),
            why: "it has neither `RULE:` nor `CANNOT:`".to_owned(),
        });
    }
    let why = format!("{} of {} rules", first.refused.len(), first.refused.len() + first.lessons.len());
    progress(Step::Correcting { why });
    messages.push(Message { role: Role::Assistant, text: answer.text().to_owned() });
    messages.push(Message { role: Role::User, text: words.correct(&refused, first.lessons.len()) });
    let answer = match call(llm, ledger, &system, &messages, files, progress).await {
        Err(failure) if !first.lessons.is_empty() => {
            tracing::warn!(
                what = known.gate.redact(&failure.what),
                "the rules that cannot be used are not corrected"
            );
            return Ok(first);
        }
        answer => answer?,
    };
    let second = judge(&answer, known, &first.lessons, forge, files).await?;
    let why = second.why.filter(|_| first.lessons.is_empty());
    let lessons = first.lessons.into_iter().chain(second.lessons).collect();
    Ok(Asked { lessons, refused: second.refused, why })
}

async fn call(
    llm: &Llm,
    ledger: &mut Ledger,
    system: &str,
    messages: &[Message],
    files: &Listing,
    progress: &mut (dyn FnMut(Step) + Send),
) -> Result<Answer, Failure> {
    let reply = cycle::send(llm, ledger, (system, messages), llm.max_output_tokens(), progress).await?;
    let paths = Paths::new(files.files.iter().map(|file| file.path.as_str()));
    Ok(Answer::read(&reply, &paths))
}

/// Holds each rule of an answer against what is known.
async fn judge(
    answer: &Answer,
    known: &mut Known<'_>,
    kept: &[Lesson],
    forge: &Forge,
    files: &Listing,
) -> Result<Asked, CallError> {
    count_lines(&answer.rules, &mut known.lines, forge, files).await?;
    let mut asked =
        Asked { why: answer.cannot.as_deref().map(|why| known.gate.redact(why)), ..Asked::default() };
    for rule in &answer.rules {
        let others: Vec<Lesson> = kept.iter().chain(&asked.lessons).cloned().collect();
        let judged = if others.len() >= MOST {
            Err(format!("there are {MOST} rules already"))
        } else {
            known.judge(rule, &others)
        };
        match judged {
            Ok(lesson) => asked.lessons.push(lesson),
            Err(why) => {
                let rule: String = known.gate.title(&rule.text).as_str().chars().take(MAX_SHOWN).collect();
                asked.refused.push(Refused { rule, why: known.gate.redact(&why) });
            }
        }
    }
    Ok(asked)
}

/// Counts the lines of the files of which rules name lines.
async fn count_lines(
    rules: &[Rule],
    lines: &mut HashMap<String, usize>,
    forge: &Forge,
    files: &Listing,
) -> Result<(), CallError> {
    for place in rules.iter().take(MOST).flat_map(|rule| &rule.places).filter(|place| place.line.is_some()) {
        let is_it = |file: &&ListedFile| file.path == place.path && file.bytes <= MAX_COUNTED;
        let Some(file) = files.files.iter().find(is_it).filter(|file| !lines.contains_key(&file.path)) else {
            continue;
        };
        let content = forge.content_of(file).await?;
        lines.insert(file.path.clone(), String::from_utf8_lossy(&content).lines().count());
    }
    Ok(())
}
