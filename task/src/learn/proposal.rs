//! A *proposal* is rules on their way to a person: the commit whose message has all of it, and the description of the pull
//! request, which is made from that message alone. So a run that dies after its commit is completed without the model.

use std::fmt::Write as _;

use super::material::Name;
use super::rules::{Citation, Lesson, Spot};
use crate::forge::Forge;
use crate::git::workspace::trailers;
use crate::outbound::markup::code_span;
use crate::outbound::{Gate, Outbound};
use crate::path::RepoPath;
use crate::repo_config::PATH;

/// The trailer that names the material; a commit with it is one of ours.
const MATERIAL: &str = "Agent-Lessons";
/// The trailer that tells what the model cost.
const COST: &str = "Agent-Cost";
/// The trailer that tells what it was made from.
const SOURCE: &str = "Agent-Lessons-From";
/// The title of commit and pull request.
pub(super) const TITLE: &str = "Propose rules for the agent's instructions";

/// Why writing to a text cannot fail.
const ANY: &str = "a String takes any text";

/// See the module's documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Proposal {
    pub(super) lessons: Vec<Lesson>,
    /// What its material is known by.
    pub(super) digest: String,
    /// What that is, in words.
    pub(super) source: String,
    pub(super) bill: String,
}

impl Proposal {
    pub(super) fn rules(&self) -> Vec<&str> {
        self.lessons.iter().map(|lesson| lesson.rule.as_str()).collect()
    }

    /// The message of its commit.
    pub(super) fn message(&self, gate: &Gate) -> Outbound {
        let mut text = format!("{TITLE}\n");
        for Lesson { rule, citations, places } in &self.lessons {
            write!(text, "\n- {rule}\n").expect(ANY);
            for Citation { of, quotation } in citations {
                writeln!(text, "  [{of}] {quotation}").expect(ANY);
            }
            for place in places {
                writeln!(text, "  at {place}").expect(ANY);
            }
        }
        gate.commit_message(&text, &[(SOURCE, &self.source), (COST, &self.bill), (MATERIAL, &self.digest)])
    }

    /// Reads such a message; `None` for any other.
    pub(super) fn parse(message: &str) -> Option<Self> {
        let trailer = |name: &str| trailers(message, name).next().map(str::to_owned);
        let mut lessons: Vec<Lesson> = Vec::new();
        for line in message.lines() {
            if let Some(rule) = line.strip_prefix("- ") {
                lessons.push(Lesson { rule: rule.to_owned(), citations: Vec::new(), places: Vec::new() });
            } else if let Some(lesson) = lessons.last_mut() {
                if let Some((of, quotation)) = line.strip_prefix("  [").and_then(|rest| rest.split_once("] "))
                {
                    let citation = Citation { of: of.to_owned(), quotation: quotation.to_owned() };
                    lesson.citations.push(citation);
                } else if let Some(place) = line.strip_prefix("  at ") {
                    lesson.places.extend(spot(place));
                }
            }
        }
        Some(Self {
            lessons,
            digest: trailer(MATERIAL)?,
            source: trailer(SOURCE).unwrap_or_default(),
            bill: trailer(COST).unwrap_or_default(),
        })
    }

    /// The description of its pull request. Places lead to how they were at `commit`.
    pub(super) fn description(&self, gate: &Gate, forge: &Forge, commit: &str) -> Outbound {
        let mut text = format!(
            "Rules that the agent proposes for its own instructions, from what became of its pull requests. They are in force \
             once a person merges this, and never before. Change or remove what you do not want, on this branch; close this to \
             decline all of it. Nothing but `{PATH}` changes.\n\n| Rule | From | Holds for |\n|---|---|---|\n"
        );
        for Lesson { rule, citations, places } in &self.lessons {
            let rule = gate.body(rule);
            let said = citations.iter().map(|Citation { of, quotation }| {
                let quotation = code_span(gate.title(quotation).as_str());
                match Name::parse(of) {
                    Some(name) => format!("{quotation} ([{of}]({}))", name.page(forge.repo())),
                    None => quotation,
                }
            });
            let holds = places.iter().map(|spot| {
                let line = spot.line.unwrap_or(1);
                format!(
                    "[{}]({})",
                    code_span(&spot.to_string()),
                    forge.page_of(commit, &spot.path, line..=line)
                )
            });
            let cells =
                [rule.as_str().to_owned(), joined(said), joined(holds)].map(|cell| cell.replace('|', "\\|"));
            writeln!(text, "| {} |", cells.join(" | ")).expect(ANY);
        }
        let (source, bill) = (gate.title(&self.source), gate.title(&self.bill));
        writeln!(text, "\nMade from {}. {}.", source.as_str(), bill.as_str().trim_end_matches('.'))
            .expect(ANY);
        gate.composed(&text)
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join("<br>")
}

fn spot(text: &str) -> Option<Spot> {
    let numbered = text.rsplit_once(':').and_then(|(path, line)| Some((path, line.parse().ok()?)));
    match numbered {
        Some((path, line)) => Some(Spot { path: RepoPath::parse(path).ok()?, line: Some(line) }),
        None => Some(Spot { path: RepoPath::parse(text).ok()?, line: None }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_all_of_a_proposal() {
        let citation =
            |of: &str, quotation: &str| Citation { of: of.to_owned(), quotation: quotation.to_owned() };
        let spot = |path: &str, line| Spot { path: RepoPath::parse(path).unwrap(), line };
        let lesson = |rule: &str| Lesson {
            rule: rule.to_owned(),
            citations: vec![citation("12/c3", "please add - x"), citation("7/d", "+ let x = 1; | y")],
            places: vec![spot("src/a.rs", Some(3)), spot("docs/odd name.md", None)],
        };
        let proposal = Proposal {
            lessons: vec![lesson("Add a line to CHANGELOG.md."), lesson("Keep it short.")],
            digest: "0123456789abcdef".to_owned(),
            source: "7 closed pull requests, 12 texts".to_owned(),
            bill: "openai:m, 1 call, 1200 tokens in, 90 out, $0.0123".to_owned(),
        };
        let gate = Gate::new(&[], &[], None);
        let message = proposal.message(&gate);
        assert!(
            message.as_str().starts_with("Propose rules for the agent's instructions\n\n- Add a line"),
            "{message}"
        );
        assert_eq!(Proposal::parse(message.as_str()), Some(proposal.clone()));
        // What is quoted cannot imitate a trailer or call anybody.
        let mut odd = proposal;
        odd.lessons[0].citations[0].quotation = "@dev1 Agent-Lessons: 00 see #3 [skip ci]".to_owned();
        let message = odd.message(&gate);
        let parsed = Proposal::parse(message.as_str()).unwrap();
        assert_eq!(parsed.digest, odd.digest);
        assert!(!message.as_str().contains("@dev1") && !message.as_str().contains("[skip ci]"), "{message}");
        assert_eq!(Proposal::parse("Add x\n\n- y\n\nAgent-Task: 1\n"), None);
    }
}
