//! The explanation as one page for a browser: the ranked files with their features, and the repository as a map.
//!
//! The page loads nothing and runs nothing: its policy allows one style sheet, named by its hash. Paths and the issue
//! are a stranger's; the template escapes every value.

use minijinja::{Value, context};
use shared::issue::IssueId;

use super::explanation::{Explanation, FileFacts, Given, Tokens};
use super::map::Map;
use super::treemap::Rect;
use crate::context::pack::Context;
use crate::context::weights::{Family, Feature};
use crate::page;
use crate::terminal::visible;

const TEMPLATE: &str = include_str!("page.html");
/// What it shares with the other page, and its own.
const STYLE: &str = concat!(include_str!("../page.css"), include_str!("page.css"));
/// The map, in units of the picture.
const MAP: Rect = Rect { x: 0.0, y: 0.0, width: 1200.0, height: 640.0 };
/// The longest bar of a file, in units of its picture.
const BAR: f32 = 300.0;
/// Characters of the issue that are shown.
const ISSUE_CHARS: usize = 4_000;

/// Families in the order of a bar's parts.
const FAMILIES: [(Family, &str, &str); 6] = [
    (Family::Words, "words", "words of the issue in the text"),
    (Family::Names, "names", "names and quoted text"),
    (Family::Path, "path", "the path"),
    (Family::Neighbours, "neighbours", "files around it"),
    (Family::Past, "past", "past commits"),
    (Family::Kind, "kind", "language, size, place"),
];

/// The page.
pub(super) fn page(explanation: &Explanation, issue: &str, context: &Context) -> String {
    let map = Map::new(explanation, context, MAP);
    let issue = visible(issue);
    let shown: String = issue.chars().take(ISSUE_CHARS).collect();
    let read =
        explanation.files.iter().filter(|file| matches!(file.given, Given::Whole | Given::Part)).count();
    let left_out: Vec<Value> = explanation
        .left_out
        .iter()
        .map(|(reason, count)| context! { reason => reason.to_string(), count })
        .collect();
    let values = context! {
        title => visible(&explanation.issue.title),
        reference => explanation.issue.number.as_ref().map(IssueId::reference),
        issue => shown.trim(),
        cut => issue.chars().count() > ISSUE_CHARS,
        commit => explanation.base.commit.chars().take(10).collect::<String>(),
        branch => explanation.base.branch.as_deref().map(visible),
        model => explanation.model.as_str(),
        calls => explanation.calls_at_most,
        cost => explanation.cost_at_most.as_str(),
        tokens => tokens(explanation),
        ranked => explanation.ranked,
        read,
        left_out,
        families => FAMILIES.map(|(_, class, meaning)| context! { class, meaning }).to_vec(),
        files => rows(&explanation.files),
        map => map.tiles(),
        mapped => map.only_mapped(),
        others => map.others(),
        width => MAP.width,
        height => MAP.height,
    };
    page::render(TEMPLATE, STYLE, &values)
}

fn tokens(explanation: &Explanation) -> Value {
    let Tokens { budget, files, map, instructions, total } = explanation.tokens;
    context! { budget, files, map, instructions, total }
}

/// The files with their bars.
fn rows(files: &[FileFacts]) -> Vec<Value> {
    let most =
        files.iter().map(|file| file.shares.iter().map(|(_, share)| share).sum::<f32>()).fold(1.0, f32::max);
    files
        .iter()
        .map(|file| {
            let (folder, name) = match file.path.as_str().rsplit_once('/') {
                Some((folder, name)) => (format!("{folder}/"), name),
                None => (String::new(), file.path.as_str()),
            };
            let lines: Vec<String> = file.ranges().collect();
            context! {
                rank => file.rank,
                folder,
                name,
                role => file.role.name(),
                given => file.given.name(),
                lines => lines.join(", "),
                amount => file.amount(),
                score => format!("{:.2}", file.score),
                prior => (file.prior != 0.0).then(|| format!("{:.2}", file.prior)),
                why => visible(&file.why),
                parts => parts(file, BAR / most),
                features => features(file),
            }
        })
        .collect()
}

/// One bar for all features, family by family.
fn parts(file: &FileFacts, scale: f32) -> Vec<Value> {
    let mut at = 0.0;
    let mut parts = Vec::new();
    for (family, class, _) in FAMILIES {
        let sum: f32 = file
            .shares
            .iter()
            .filter(|(name, _)| family_of(name) == Some(family))
            .map(|(_, share)| share)
            .sum();
        let width = sum * scale;
        if width > 0.0 {
            parts.push(context! {
                class, x => format!("{at:.1}"), width => format!("{width:.1}"), share => format!("{sum:.2}"),
            });
        }
        at += width;
    }
    parts
}

/// A bar for each feature, longest first.
fn features(file: &FileFacts) -> Vec<Value> {
    let longest = Feature::all().iter().map(|feature| feature.weight()).fold(0.0, f32::max);
    file.largest()
        .into_iter()
        .filter_map(|(name, share)| {
            let feature = Feature::all().into_iter().find(|feature| feature.name() == name)?;
            let class = class_of(feature.family());
            let width = format!("{:.1}", share / longest * BAR / 2.0);
            Some(
                context! { name, class, meaning => feature.meaning(), share => format!("{share:.2}"), width },
            )
        })
        .collect()
}

fn family_of(name: &str) -> Option<Family> {
    Feature::all().into_iter().find(|feature| feature.name() == name).map(Feature::family)
}

fn class_of(family: Family) -> &'static str {
    FAMILIES.iter().find(|(known, _, _)| *known == family).map_or("", |(_, class, _)| class)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The contrast of two colors by <https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio>.
    fn contrast(a: &str, b: &str) -> f64 {
        let luminance = |color: &str| {
            let part = |at: usize| {
                let value = f64::from(u8::from_str_radix(&color[at..at + 2], 16).unwrap()) / 255.0;
                if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
        };
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// What is written on what, on the map too, where a tool that looks at a page cannot tell.
    #[test]
    fn every_text_stands_out_from_what_it_is_written_on() {
        let (light, dark) = STYLE.split_once("@media (prefers-color-scheme: dark)").unwrap();
        for theme in [light, dark] {
            let color = |name: &str| {
                let value = theme.split_once(&format!("--{name}: ")).unwrap().1;
                value.split_once(';').unwrap().0.to_owned()
            };
            for (text, grounds) in [
                ("ink", &["paper", "card", "part", "map", "no", "file"][..]),
                ("soft", &["paper", "card", "folder"]),
                ("on-whole", &["whole"]),
            ] {
                for ground in grounds {
                    let found = contrast(&color(text), &color(ground));
                    assert!(found >= 4.5, "{text} on {ground}: {found:.2}");
                }
            }
        }
        assert!((contrast("#ffffff", "#000000") - 21.0).abs() < 0.01);
    }
}
