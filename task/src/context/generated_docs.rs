//! Documentation that a program wrote from the source: thousands of pages, none of which anybody edits. The folder is
//! known by the files that the generator always puts at its top, so that no page of it has to be read.

use std::collections::BTreeMap;

use super::entry::Entry;
use super::role::Omission;

/// What stands at the top of what a generator writes: each of these groups has a name that must be there.
type Signs = &'static [&'static [&'static str]];

const GENERATORS: &[Signs] = &[
    // javadoc: <https://docs.oracle.com/en/java/javase/21/docs/specs/javadoc/index.html>; `package-list` until JDK 9,
    // `element-list` since 10.
    &[
        &["package-list", "element-list"],
        &["help-doc.html"],
        &["overview-tree.html", "package-tree.html", "index-all.html"],
    ],
    // Doxygen: <https://www.doxygen.nl/manual/customize.html>.
    &[&["doxygen.css"], &["index.html"]],
    // Sphinx: the inventory (<https://sphobjinv.readthedocs.io/en/stable/syntax.html>), and the search's index.
    &[&["objects.inv"], &["searchindex.js"], &["genindex.html"]],
];

/// Files that such a generator writes.
const EXTENSIONS: &[&str] = &["css", "htm", "html", "js", "json", "md5", "txt"];

/// Leaves out the generated files among `entries`, which are ordered by path.
pub(super) fn leave_out(entries: &mut [Entry]) {
    let known = |name: &str| GENERATORS.iter().any(|signs| signs.iter().any(|names| names.contains(&name)));
    let mut tops: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in entries.iter() {
        let (folder, name) = entry.path.as_str().rsplit_once('/').unwrap_or(("", entry.path.as_str()));
        // At the root of a repository stands the project itself.
        if !folder.is_empty() && known(name) {
            tops.entry(folder.to_owned()).or_default().push(name.to_owned());
        }
    }
    tops.retain(|_, found| {
        GENERATORS.iter().any(|signs| {
            signs.iter().all(|names| names.iter().any(|name| found.iter().any(|found| found == name)))
        })
    });
    for folder in tops.into_keys() {
        let inside = format!("{folder}/");
        let from = entries.partition_point(|entry| entry.path.as_str() < inside.as_str());
        for entry in entries[from..].iter_mut().take_while(|entry| entry.path.as_str().starts_with(&inside)) {
            let is_page = entry
                .path
                .extension()
                .is_some_and(|end| EXTENSIONS.contains(&end.to_ascii_lowercase().as_str()));
            if entry.role.is_ok() && is_page {
                entry.role = Err(Omission::Generated);
            }
        }
    }
}
