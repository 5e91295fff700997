//! A short run of each fuzz target for what a model answers, and for the files of a repository.

#![expect(clippy::unwrap_used, reason = "a test stops where something is missing")]

use std::fs;

use task::language::Language;

#[path = "../../fuzz/targets/adf.rs"]
mod adf;
#[path = "../../fuzz/targets/document.rs"]
mod document;
#[path = "../../fuzz/targets/plan.rs"]
mod plan;
#[path = "../../fuzz/targets/reply.rs"]
mod reply;
#[path = "../../fuzz/targets/short.rs"]
mod short;
#[path = "../../fuzz/targets/syntax.rs"]
mod syntax;

const WORDS: &[&str] = &[
    "\n",
    "\r",
    "\n\n",
    "```",
    "````rust",
    "~~~",
    "TITLE: ",
    "SUMMARY:",
    "READ: ",
    "CANNOT: ",
    "RULE: ",
    "\nCITE: 1/c2 ",
    "\nPLACE: a.rs:3\n",
    "WRITE: a.rs\n",
    "DELETE: a.rs\n",
    "RENAME: a.rs -> b.rs\n",
    "<<<<<<< SEARCH\n",
    "=======\n",
    ">>>>>>> REPLACE\n",
    "<<<<< SEARCH",
    "src/a.rs\n",
    "VERSION\n",
    "<think>",
    "</think>",
    "<plan>\n",
    "</plan>\n",
    "\\ No newline at end of file\n",
    "**",
    "`",
    "\u{feff}",
    "## Summary\n",
    "## Files\n",
    "- `src/a.rs`: why\n",
    "## Steps\n",
    "## Tests\n",
    "## Risks\n",
    "## Questions\n",
];

/// The replies of the edit scenarios, and a plan.
fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = tests::scenario::folders("edits")
        .iter()
        .map(|scenario| fs::read(scenario.join("reply.md")).unwrap())
        .collect();
    seeds.push(
        b"TITLE: Change the timeout\n\n## Summary\n\nSet it.\n\n## Files\n\n- `station.toml`: the value\n\n## Steps\n\n1. Set it.\n\n\
          ## Tests\n\n- None.\n\n## Risks\n\n- None.\n\n## Questions\n\nNone.\n"
            .to_vec(),
    );
    seeds
}

#[test]
fn replies() {
    short::run(&seeds(), WORDS, reply::run);
}

#[test]
fn plans() {
    short::run(&seeds(), WORDS, plan::run);
}

/// What Markdown, a tree of JSON and Jira's own forms are made of.
const MARKUP: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    "\"type\":\"paragraph\",",
    "\"content\":[",
    "\"text\":\"x\"",
    "\"marks\":[{\"type\":\"code\"}],",
    "{\"type\":\"hardBreak\"},",
    "{\"type\":\"codeBlock\",\"content\":[]},",
    "<!--",
    "-->",
    "<details>",
    "```",
    "\n",
    "\n\n",
    "- ",
    "> ",
    "| a | b |\n|---|---|\n",
    "[x](https://x.example)",
    "\\n",
    "\\u0000",
    "#12 ",
    "**",
];

#[test]
fn documents_of_jira() {
    let seeds = [
        r#"{"version":1,"type":"doc","content":[{"type":"heading","attrs":{"level":2},"content":[{"type":"text","text":"Steps"}]},{"type":"orderedList","attrs":{"order":3},"content":[{"type":"listItem","content":[{"type":"paragraph","content":[{"type":"text","text":"One","marks":[{"type":"strong"},{"type":"link","attrs":{"href":"https://x.example/a"}}]},{"type":"hardBreak"},{"type":"mention","attrs":{"id":"1","text":"@dev1"}}]}]}]}]}"#,
        r#"{"version":1,"type":"doc","content":[{"type":"panel","attrs":{"panelType":"warning"},"content":[{"type":"paragraph","content":[{"type":"text","text":"a `b` <i>"}]}]},{"type":"codeBlock","attrs":{"language":"rust"},"content":[{"type":"text","text":"fn a() {}\n```"}]},{"type":"rule"},{"type":"mediaSingle","content":[{"type":"media","attrs":{"id":"1","alt":"x"}}]}]}"#,
        r#"{"version":1,"type":"doc","content":[{"type":"table","content":[{"type":"tableRow","content":[{"type":"tableHeader","content":[{"type":"paragraph","content":[{"type":"text","text":"a|b"}]}]},{"type":"tableCell","content":[{"type":"taskList","content":[{"type":"taskItem","attrs":{"state":"DONE"},"content":[{"type":"text","text":"c"}]}]}]}]}]},{"type":"expand","attrs":{"title":"More"},"content":[{"type":"blockquote","content":[{"type":"paragraph","content":[{"type":"emoji","attrs":{"shortName":":x:"}},{"type":"date","attrs":{"timestamp":"1795255200000"}},{"type":"status","attrs":{"text":"OK"}},{"type":"inlineCard","attrs":{"url":"https://x.example"}}]}]}]}]}"#,
    ];
    let seeds: Vec<Vec<u8>> = seeds.iter().map(|seed| seed.as_bytes().to_vec()).collect();
    short::run(&seeds, MARKUP, adf::run);
}

#[test]
fn words_for_jira() {
    short::run(&seeds(), &[WORDS, MARKUP].concat(), document::run);
}

#[test]
fn files_of_every_language() {
    syntax::parse_with(env!("CARGO_BIN_EXE_ai-agent"));
    let seeds: Vec<Vec<u8>> = (0..)
        .zip(Language::ALL)
        .flat_map(|(number, _)| {
            (0..255_u8).step_by(31).map(move |pair| vec![number, 0, pair, 8, pair / 2, 3])
        })
        .collect();
    short::run(&seeds, &["\0", "a", "\n", "  ", "(", "\""], syntax::run);
}

/// Every structure, as often as the counters of the grammars' own scanners overflow, in every language.
#[test]
fn structures_in_every_language() {
    syntax::parse_with(env!("CARGO_BIN_EXE_ai-agent"));
    for language in Language::ALL {
        for structure in syntax::STRUCTURES {
            for times in [254, 256, 513] {
                syntax::parse(language, &syntax::text(*structure, times, false));
            }
            syntax::parse(language, &syntax::text(*structure, 255, true));
        }
    }
}
