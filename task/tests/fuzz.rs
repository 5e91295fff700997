//! A short run of each fuzz target for what a model answers, and for the files of a repository.

#![expect(clippy::unwrap_used, reason = "a test stops where something is missing")]

use std::fs;

use task::language::Language;

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
