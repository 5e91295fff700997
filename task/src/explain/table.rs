//! The explanation as a table for a terminal: a bar for each of the strongest features, or, where the output is no
//! terminal, their numbers.

use std::fmt::Write as _;

use super::explanation::{Explanation, FileFacts, Given};
use crate::context::weights::Feature;
use crate::terminal::{Colour, visible};

/// Features of a file that are shown; the rest is a sum.
const SHOWN_FEATURES: usize = 5;
/// Characters of the longest bar.
const BAR: f32 = 24.0;

impl Explanation {
    /// The table for a person.
    pub fn text(&self, colour: Colour) -> String {
        let mut text = String::new();
        let mut line = |content: &str| {
            text.push_str(content.trim_end());
            text.push('\n');
        };
        let field = |name: &str| colour.bold(&format!("{name:<7}")).into_owned();
        line(&format!("{} {}", field("Issue"), visible(&self.issue.title)));
        let commit = &self.base.commit[..self.base.commit.len().min(10)];
        let branch = self.base.branch.as_deref().unwrap_or("no branch");
        line(&format!("{} {commit} ({})", field("Base"), visible(branch)));
        let read = self.files.iter().filter(|file| matches!(file.given, Given::Whole | Given::Part)).count();
        line(&format!("{} {read} of {}", field("Files"), self.ranked_files()));
        let tokens = &self.tokens;
        line(&format!(
            "{} about {} of {}: files {}, map {}, instructions {}",
            field("Tokens"),
            tokens.total,
            tokens.budget,
            tokens.files,
            tokens.map,
            tokens.instructions
        ));
        line(&match self.calls_at_most {
            0 => format!(
                "{} nothing: {} uses no AI model and searches every file; a model would be given these",
                field("Cost"),
                self.model
            ),
            calls => {
                format!("{} {}, for up to {calls} calls by {}", field("Cost"), self.cost_at_most, self.model)
            }
        });
        line("");
        let width = self.files.iter().map(|file| file.path.as_str().chars().count()).max().unwrap_or(0);
        line(&colour.bold(&format!(
            "{:>4}  {:width$}  {:5}  {:>7}  {:>6}  why",
            "", "file", "given", "tokens", "score"
        )));
        for file in &self.files {
            let (rank, path, given) = (file.rank, file.path.as_str(), file.given.name());
            line(&format!(
                "{rank:>4}  {}{:pad$}  {given:5}  {:>7}  {:>6.2}  {}",
                colour.bold(path),
                "",
                file.tokens,
                file.score,
                visible(&file.why),
                pad = width - path.chars().count(),
            ));
            shares(file, colour, &mut line);
        }
        text
    }

    /// How many files were ranked and left out.
    fn ranked_files(&self) -> String {
        let mut text = format!("{} that were ranked", self.ranked);
        let left_out: Vec<String> =
            self.left_out.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        if !left_out.is_empty() {
            write!(text, "; left out: {}", left_out.join(", ")).expect("a String takes any text");
        }
        text
    }
}

fn shares(file: &FileFacts, colour: Colour, line: &mut impl FnMut(&str)) {
    let largest = file.largest();
    let (shown, rest) = largest.split_at(largest.len().min(SHOWN_FEATURES));
    let sums = [("others", rest.iter().map(|(_, share)| share).sum()), (file.role.name(), file.prior)];
    let sums = sums.into_iter().filter(|(_, share)| *share != 0.0);
    match colour {
        Colour::Always => {
            let longest = Feature::all().iter().map(|feature| feature.weight()).fold(0.0, f32::max);
            let mut row = |name: &str, share: f32, bar: &str| {
                let (name, bar) = (format!("{name:<16}"), colour.accent(bar));
                line(&format!("      {} {share:>6.2} {bar}", colour.dim(&name)));
            };
            for (name, share) in shown {
                row(name, *share, &bar(share / longest));
            }
            for (name, share) in sums {
                row(name, share, "");
            }
        }
        Colour::Never => {
            let rows = shown.iter().copied().chain(sums);
            let rows: Vec<String> = rows.map(|(name, share)| format!("{name} {share:.2}")).collect();
            line(&format!("      {}", rows.join(", ")));
        }
    }
}

/// A bar of at most [`BAR`] characters, in steps of an eighth.
fn bar(part: f32) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 8 times BAR")]
    let eighths = (part.clamp(0.0, 1.0) * BAR * 8.0).round() as usize;
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_grow_in_eighths() {
        for (part, expect) in
            [(0.0, ""), (1.0 / 192.0, "▏"), (0.0625, "█▌"), (0.125, "███"), (2.0, &"█".repeat(24))]
        {
            assert_eq!(bar(part), expect, "{part}");
        }
    }
}
