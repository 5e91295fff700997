//! Why *no more* is shown to a model that looks around: which limit ended it, in words for each who reads them.

use std::fmt;

use shared::env::catalog::{AGENT_MAX_COST, AGENT_MAX_TOKENS, AGENT_READ_ROUNDS};

use crate::llm::Scarce;

/// See the module's documentation. Displayed, it is a clause that names no setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoMore {
    /// It asked as often as it may.
    Rounds(u32),
    /// Another round could pass what the run may use.
    Ceiling(Scarce),
    /// The model's window has no room for another round.
    Window,
    /// It asked for nothing that it had not been shown.
    Known,
}

impl NoMore {
    /// The setting that sets the limit.
    pub fn setting(self) -> Option<&'static str> {
        match self {
            Self::Rounds(_) => Some(AGENT_READ_ROUNDS.variable().name),
            Self::Ceiling(Scarce::Tokens) => Some(AGENT_MAX_TOKENS.variable().name),
            Self::Ceiling(Scarce::Money) => Some(AGENT_MAX_COST.variable().name),
            Self::Window | Self::Known => None,
        }
    }

    /// Whether more could have been shown, had a limit been another one.
    pub fn is_limit(self) -> bool {
        self != Self::Known
    }

    /// What an operator can do about it.
    pub fn next(self) -> String {
        match self.setting() {
            Some(setting) => format!("Raise {setting}, make the issue smaller, or choose another model."),
            None => "Make the issue smaller, or choose a model with a larger context window.".to_owned(),
        }
    }
}

impl fmt::Display for NoMore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rounds(0) => f.write_str("looking up more is turned off"),
            Self::Rounds(1) => f.write_str("the one round of looking is used"),
            Self::Rounds(rounds) => write!(f, "all {rounds} rounds of looking are used"),
            Self::Ceiling(Scarce::Tokens) => {
                f.write_str("another round could use more tokens than one run may")
            }
            Self::Ceiling(Scarce::Money) => f.write_str("another round could cost more than one run may"),
            Self::Window => f.write_str("the model's context window is full"),
            Self::Known => f.write_str("all that it asked for was shown before"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Failure, Reason};
    use crate::record::comment;

    #[test]
    fn an_operator_reads_which_setting_it_is_and_an_issue_does_not() {
        for (no_more, setting) in [
            (NoMore::Rounds(8), Some("AGENT_READ_ROUNDS")),
            (NoMore::Rounds(0), Some("AGENT_READ_ROUNDS")),
            (NoMore::Ceiling(Scarce::Tokens), Some("AGENT_MAX_TOKENS")),
            (NoMore::Ceiling(Scarce::Money), Some("AGENT_MAX_COST")),
            (NoMore::Window, None),
            (NoMore::Known, None),
        ] {
            assert_eq!(no_more.setting(), setting);
            assert!(setting.is_none_or(|setting| no_more.next().contains(setting)), "{no_more:?}");
            assert!(!no_more.to_string().contains("AGENT_"), "{no_more}");
            for reason in [Reason::NoEdits, Reason::Declined] {
                let failure = Failure::new(reason, "x", no_more.next()).limited();
                let shown = comment::next_of(&failure);
                assert!(!shown.contains("AGENT_") && shown.contains("Make the issue smaller"), "{shown}");
            }
        }
    }
}
