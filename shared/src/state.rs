//! The *state* of an issue, as its labels tell it.
//!
//! ```text
//! Idle ──start──▶ Working ──plan posted──▶ PlanPending ──start (approve, revise)──▶ Working
//!                    ├──finished──▶ Done
//!                    ├──failed────▶ Failed
//!                    └──stopped───▶ Idle         Done, Failed ──start──▶ Working
//! ```

use crate::env::catalog::{AGENT_GENERATED_LABEL, AGENT_QUICKFIX_LABEL, AGENT_TRIGGER_LABEL};
use crate::env::setting::Setting;
use crate::env::{Environment, SettingError};
use crate::text::is_hidden;

/// What the labels are called. The defaults are this project's; a repository may have others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelNames {
    /// Asks for work.
    pub trigger: String,
    /// Asks for a pull request at once, without a plan. Also marks such a pull request.
    pub quick: String,
    pub working: String,
    pub plan_pending: String,
    pub done: String,
    pub failed: String,
    /// Marks a pull request as ours.
    pub generated: String,
}

impl Default for LabelNames {
    fn default() -> Self {
        Self {
            trigger: "ai-help".to_owned(),
            quick: "quickfix".to_owned(),
            working: "ai-working".to_owned(),
            plan_pending: "plan-pending".to_owned(),
            done: "ai-done".to_owned(),
            failed: "ai-failed".to_owned(),
            generated: "ai-generated".to_owned(),
        }
    }
}

impl LabelNames {
    /// The names that the operator chose.
    pub fn from_env(env: &Environment) -> Result<Self, SettingError> {
        let name = |setting: &Setting<String>| {
            let hint = || setting.variable().form.hint();
            env.read_as(setting, |text| is_label(text).then(|| text.to_owned()).ok_or_else(hint))
        };
        let names = Self {
            trigger: name(&AGENT_TRIGGER_LABEL)?,
            quick: name(&AGENT_QUICKFIX_LABEL)?,
            generated: name(&AGENT_GENERATED_LABEL)?,
            ..Self::default()
        };
        names.checked().map_err(|same| same.of_settings(env))
    }

    /// The names, if each is that of one label only: a label with two meanings starts work, or ends it, that nobody asked
    /// for.
    pub fn checked(self) -> Result<Self, SameLabel> {
        let all = [
            (Role::Trigger, &self.trigger),
            (Role::Quick, &self.quick),
            (Role::Generated, &self.generated),
            (Role::Working, &self.working),
            (Role::PlanPending, &self.plan_pending),
            (Role::Done, &self.done),
            (Role::Failed, &self.failed),
        ];
        for (at, (role, name)) in all.iter().enumerate() {
            if let Some((other, _)) = all[at + 1..].iter().find(|(_, other)| same_label(name, other)) {
                return Err(SameLabel { name: (*name).clone(), roles: [*role, *other] });
            }
        }
        Ok(self)
    }
}

/// What a label is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Trigger,
    Quick,
    Generated,
    Working,
    PlanPending,
    Done,
    Failed,
}

impl Role {
    fn meaning(self) -> &'static str {
        match self {
            Self::Trigger => "the label that asks for work",
            Self::Quick => "the label that asks for work without a plan",
            Self::Generated => "the label of the agent's pull requests",
            Self::Working => "the label of an issue that the agent works on",
            Self::PlanPending => "the label of an issue whose plan waits for approval",
            Self::Done => "the label of an issue that is done",
            Self::Failed => "the label of an issue that failed",
        }
    }

    /// The variable that the operator names it in.
    fn setting(self) -> Option<&'static Setting<String>> {
        match self {
            Self::Trigger => Some(&AGENT_TRIGGER_LABEL),
            Self::Quick => Some(&AGENT_QUICKFIX_LABEL),
            Self::Generated => Some(&AGENT_GENERATED_LABEL),
            Self::Working | Self::PlanPending | Self::Done | Self::Failed => None,
        }
    }
}

/// Two labels have one name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("two labels are called `{name}`: {}, and {}", .roles[0].meaning(), .roles[1].meaning())]
pub struct SameLabel {
    pub name: String,
    pub roles: [Role; 2],
}

impl SameLabel {
    /// The same, of the variable that the operator set.
    fn of_settings(&self, env: &Environment) -> SettingError {
        let [one, other] = self.roles;
        let is_set =
            |role: Role| role.setting().is_some_and(|setting| matches!(env.find(setting), Ok(Some(_))));
        let (wrong, as_well) = if is_set(other) { (other, one) } else { (one, other) };
        let setting = wrong.setting().unwrap_or(&AGENT_TRIGGER_LABEL);
        let hint = format!("{} has the same name; give each label a name of its own", as_well.meaning());
        let value = env.find(setting).ok().flatten();
        env.refuse(setting, value.as_deref().unwrap_or(&self.name), hint)
    }
}

/// The longest name of a label that GitHub takes, in characters.
const MAX_LABEL: usize = 50;

/// GitHub's rule for labels; it takes a comma, but lists of labels are separated by it.
pub fn is_label(name: &str) -> bool {
    (1..=MAX_LABEL).contains(&name.chars().count())
        && name.trim() == name
        && !name.contains(',')
        && !name.chars().any(is_hidden)
}

/// Whether two names are those of one label.
///
/// GitHub keeps no two labels of a repository that differ in case only, in whatever script they are written. The names
/// are compared by their characters in lower, then upper, then lower case: so `ß` and `ẞ` are `ss`, and both small forms
/// of `Σ` are one.
pub fn same_label(a: &str, b: &str) -> bool {
    fn folded(name: &str) -> impl Iterator<Item = char> {
        name.chars().flat_map(char::to_lowercase).flat_map(char::to_uppercase).flat_map(char::to_lowercase)
    }
    folded(a).eq(folded(b))
}

/// Where an issue stands. A repository's labels hold at most one of the last four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Idle,
    Working,
    PlanPending,
    Done,
    Failed,
}

/// What moves an issue on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A run claims the issue.
    Start,
    /// A plan waits for approval.
    PlanPosted,
    /// A pull request is ready.
    Finished,
    /// A run gave up and said why.
    Failed,
    /// A person canceled it.
    Stopped,
}

/// The labels contradict each other: each of these is a state of its own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the labels {} contradict each other; remove all but the true one", .0.join(" and "))]
pub struct Contradiction(pub Vec<String>);

/// An event that makes no sense in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} is not possible for an issue that is {state:?}")]
pub struct Illegal {
    pub state: State,
    pub event: Event,
}

impl State {
    /// Reads the state off an issue's labels.
    pub fn decode<'a>(
        labels: impl IntoIterator<Item = &'a str>,
        names: &LabelNames,
    ) -> Result<Self, Contradiction> {
        let mut found = Self::Idle;
        let mut seen = Vec::new();
        for label in labels {
            for state in [Self::Working, Self::PlanPending, Self::Done, Self::Failed] {
                if state.label(names).is_some_and(|name| same_label(name, label)) {
                    found = state;
                    seen.push(label.to_owned());
                }
            }
        }
        if seen.len() > 1 { Err(Contradiction(seen)) } else { Ok(found) }
    }

    /// The label that stands for the state.
    pub fn label(self, names: &LabelNames) -> Option<&str> {
        match self {
            Self::Idle => None,
            Self::Working => Some(&names.working),
            Self::PlanPending => Some(&names.plan_pending),
            Self::Done => Some(&names.done),
            Self::Failed => Some(&names.failed),
        }
    }

    /// The state after an event.
    pub fn after(self, event: Event) -> Result<Self, Illegal> {
        match (self, event) {
            // A run that takes over from one that died finds the issue at work.
            (_, Event::Start) => Ok(Self::Working),
            (Self::Working, Event::PlanPosted) => Ok(Self::PlanPending),
            (Self::Working, Event::Finished) => Ok(Self::Done),
            (Self::Working | Self::Idle, Event::Failed) => Ok(Self::Failed),
            (Self::Working | Self::PlanPending | Self::Idle, Event::Stopped) => Ok(Self::Idle),
            (state, event) => Err(Illegal { state, event }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(labels: &[&str]) -> Result<State, Contradiction> {
        State::decode(labels.iter().copied(), &LabelNames::default())
    }

    #[test]
    fn labels_are_the_same_whatever_their_case() {
        for (a, b, expected) in [
            ("ai-help", "AI-Help", true),
            ("ai-help", "ai-helper", false),
            ("ai-help", "ai_help", false),
            ("", "", true),
            ("Hilfe-für-KI", "hilfe-FÜR-ki", true),
            ("ПОМОЩЬ", "помощь", true),
            ("ΒΟΗΘΟΣ", "βοηθος", true),
            ("ΒΟΗΘΟΣ", "βοηθοσ", true),
            ("βοηθος", "βοηθοσ", true),
            ("straße", "STRASSE", true),
            ("straße", "STRAẞE", true),
            ("ǆ", "ǅ", true),
            ("\u{212a}", "k", true),
            ("é", "e", false),
            ("помощь", "помощ", false),
            ("a\u{301}", "á", false),
            ("🤖 Help", "🤖 help", true),
            ("日本語", "日本語", true),
        ] {
            assert_eq!(same_label(a, b), expected, "{a:?} {b:?}");
            assert_eq!(same_label(b, a), expected, "{b:?} {a:?}");
        }
    }

    #[test]
    fn no_two_labels_of_the_operator_have_one_name() {
        let read = |variables: &[(&str, &str)]| {
            LabelNames::from_env(&Environment::of(variables.iter().copied()))
                .map_err(|error| error.to_string())
        };
        let (trigger, quick, made) = ("AGENT_TRIGGER_LABEL", "AGENT_QUICKFIX_LABEL", "AGENT_GENERATED_LABEL");
        let end = "give each label a name of its own";
        for (variables, expected) in [
            (
                &[(quick, "ai-help")][..],
                format!("\"ai-help\" for {quick}: the label that asks for work has the same name; {end}"),
            ),
            (
                &[(made, "QuickFix")],
                format!(
                    "\"QuickFix\" for {made}: the label that asks for work without a plan has the same name; {end}"
                ),
            ),
            (
                &[(trigger, "quickfix")],
                format!(
                    "\"quickfix\" for {trigger}: the label that asks for work without a plan has the same name; {end}"
                ),
            ),
            (
                &[(trigger, "AI-Working")],
                format!(
                    "\"AI-Working\" for {trigger}: the label of an issue that the agent works on has the same name; {end}"
                ),
            ),
            (
                &[(trigger, "robot"), (quick, "Robot")],
                format!("\"Robot\" for {quick}: the label that asks for work has the same name; {end}"),
            ),
            (&[(quick, "a,b")], format!("\"a,b\" for {quick}: use 1 to 50 visible characters, and no comma")),
            (
                &[(made, "a\u{200b}b")],
                format!("\"a\\u{{200b}}b\" for {made}: use 1 to 50 visible characters, and no comma"),
            ),
        ] {
            assert_eq!(read(variables), Err(format!("invalid label {expected}")), "{variables:?}");
        }
        // Names that are exchanged are still one for each.
        let names = read(&[(trigger, "quickfix"), (quick, "ai-help")]).unwrap();
        assert_eq!((names.trigger.as_str(), names.quick.as_str()), ("quickfix", "ai-help"));
    }

    #[test]
    fn labels_tell_one_state_or_contradict_each_other() {
        for (labels, expected) in [
            (&["bug", "ai-help", "quickfix"][..], State::Idle),
            (&["ai-help", "AI-Working"], State::Working),
            (&["plan-pending"], State::PlanPending),
            (&["ai-done", "bug"], State::Done),
            (&["ai-failed"], State::Failed),
        ] {
            assert_eq!(decode(labels), Ok(expected));
        }
        let error = decode(&["ai-done", "ai-failed"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the labels ai-done and ai-failed contradict each other; remove all but the true one"
        );
    }

    #[test]
    fn only_a_run_at_work_posts_plans_and_finishes() {
        use Event::{Failed, Finished, PlanPosted, Start, Stopped};
        use State as S;

        let states = [State::Idle, State::Working, State::PlanPending, State::Done, State::Failed];
        let legal = |state: State| {
            [Start, PlanPosted, Finished, Failed, Stopped].map(|event| state.after(event).ok())
        };
        assert_eq!(
            states.map(legal),
            [
                [Some(S::Working), None, None, Some(S::Failed), Some(S::Idle)],
                [Some(S::Working), Some(S::PlanPending), Some(S::Done), Some(S::Failed), Some(S::Idle)],
                [Some(S::Working), None, None, None, Some(S::Idle)],
                [Some(S::Working), None, None, None, None],
                [Some(S::Working), None, None, None, None],
            ]
        );
    }
}
