//! A short run of each fuzz target for what a model answers.

#![expect(clippy::unwrap_used, reason = "a test stops where something is missing")]

use std::{fs, path::Path};

#[path = "../../fuzz/targets/plan.rs"]
mod plan;
#[path = "../../fuzz/targets/reply.rs"]
mod reply;
#[path = "../../fuzz/targets/short.rs"]
mod short;

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
    "WRITE: a.rs\n",
    "DELETE: a.rs\n",
    "RENAME: a.rs -> b.rs\n",
    "<<<<<<< SEARCH\n",
    "=======\n",
    ">>>>>>> REPLACE\n",
    "<<<<< SEARCH",
    "src/a.rs\n",
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
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/scenarios/edits");
    let mut scenarios: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    scenarios.sort();
    let mut seeds: Vec<Vec<u8>> =
        scenarios.iter().map(|scenario| fs::read(scenario.join("reply.md")).unwrap()).collect();
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
