//! The *map* of the page: the repository as nested rectangles, and the names of what they stand for as text. A rectangle tells
//! its name to a mouse alone.

use std::collections::{BTreeMap, HashMap, HashSet};

use minijinja::{Value, context};

use super::explanation::{Explanation, FileFacts, Given};
use super::treemap::{self, Keep, Leaf, Rect, Tile};
use crate::context::pack::Context;
use crate::context::role::Role;
use crate::path::RepoPath;

/// A character of a label takes about this much.
const LABEL_CHARACTER: f64 = 6.2;

/// See the module's documentation.
pub(super) struct Map<'a> {
    leaves: Vec<Leaf<'a>>,
    tiles: Vec<Tile>,
    /// Files of the list.
    listed: HashMap<&'a str, &'a FileFacts>,
    /// Files whose names and definitions the model is given.
    mapped: HashSet<&'a str>,
}

/// Files that are neither in the list nor mapped, of one folder.
#[derive(Default)]
struct Others {
    names: Vec<String>,
    /// How many are too small to be drawn one by one.
    more: usize,
}

impl<'a> Map<'a> {
    /// Every ranked file is drawn, those that would be read at any size.
    pub(super) fn new(explanation: &'a Explanation, context: &'a Context, picture: Rect) -> Self {
        let listed: HashMap<&str, &FileFacts> =
            explanation.files.iter().map(|file| (file.path.as_str(), file)).collect();
        let mapped = context.mapped.iter().map(RepoPath::as_str).collect();
        let leaf = |(path, role, bytes): (&'a RepoPath, Role, usize)| {
            let keep = match listed.get(path.as_str()).map(|file| file.given) {
                Some(Given::Whole | Given::Part) => Keep::Always,
                _ => Keep::WhereItFits,
            };
            Leaf { path: path.as_str(), size: area(role, bytes), keep }
        };
        let leaves: Vec<Leaf<'_>> = context.sizes().map(leaf).collect();
        let tiles = treemap::layout(&leaves, picture);
        Self { leaves, tiles, listed, mapped }
    }

    /// The rectangles.
    pub(super) fn tiles(&self) -> Vec<Value> {
        self.tiles.iter().map(|tile| self.tile(tile)).collect()
    }

    fn tile(&self, tile: &Tile) -> Value {
        match tile {
            Tile::Folder { path, rect, labelled } => {
                let label = labelled.then(|| shortened(path, rect.width - 6.0));
                tile_values("folder", *rect, label.as_deref(), path, None)
            }
            Tile::Rest { folder, files, rect } => {
                let place = if folder.is_empty() { "." } else { folder };
                tile_values("rest", *rect, None, &format!("{files} more in {place}"), None)
            }
            Tile::File { leaf, rect } => {
                let path = self.leaves[*leaf].path;
                match self.listed.get(path) {
                    Some(file) => {
                        let label = label(file, *rect);
                        let words =
                            format!("{}. {path}: {}, {}", file.rank, file.given.name(), file.amount());
                        tile_values(file.given.name(), *rect, label.as_deref(), &words, Some(file.rank))
                    }
                    None if self.mapped.contains(path) => {
                        tile_values(Given::Map.name(), *rect, None, path, None)
                    }
                    None => tile_values("file", *rect, None, path, None),
                }
            }
        }
    }

    /// What is mapped and not in the list.
    pub(super) fn only_mapped(&self) -> Vec<String> {
        let others = self.mapped.iter().filter(|path| !self.listed.contains_key(*path));
        let mut others: Vec<String> = others.map(|path| (*path).to_owned()).collect();
        others.sort_unstable();
        others
    }

    /// The other files that are drawn, by folder.
    pub(super) fn others(&self) -> Vec<Value> {
        let mut folders: BTreeMap<&str, Others> = BTreeMap::new();
        for tile in &self.tiles {
            match tile {
                Tile::Folder { .. } => {}
                Tile::Rest { folder, files, .. } => folders.entry(folder).or_default().more += files,
                Tile::File { leaf, .. } => {
                    let path = self.leaves[*leaf].path;
                    if !self.listed.contains_key(path) && !self.mapped.contains(path) {
                        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
                        folders.entry(folder).or_default().names.push(name.to_owned());
                    }
                }
            }
        }
        let value = |(folder, Others { mut names, more }): (&str, Others)| {
            names.sort_unstable();
            context! { folder => folder.to_owned(), names, more }
        };
        folders.into_iter().map(value).collect()
    }
}

/// The root keeps small files visible beside large ones; what a fix seldom touches takes less room.
fn area(role: Role, bytes: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "files are far below 2^52 bytes")]
    let side = (bytes as f64).sqrt().max(8.0);
    match role {
        Role::Source | Role::Markup => side,
        Role::Config | Role::Document | Role::Example | Role::Test => side / 4.0,
    }
}

/// A tile; `rank` is that of the row that it leads to.
fn tile_values(class: &str, rect: Rect, label: Option<&str>, title: &str, rank: Option<usize>) -> Value {
    context! {
        rank,
        class,
        x => format!("{:.1}", rect.x),
        y => format!("{:.1}", rect.y),
        // A tile of no size at all would hide a file that is read.
        width => format!("{:.1}", rect.width.max(3.0)),
        height => format!("{:.1}", rect.height.max(3.0)),
        label,
        label_x => format!("{:.1}", rect.x + 3.0),
        label_y => format!("{:.1}", rect.y + 10.5),
        title,
    }
}

/// The rank, and the name where there is room.
fn label(file: &FileFacts, rect: Rect) -> Option<String> {
    let rank = file.rank.to_string();
    let whole = format!("{rank} {}", file.path.file_name());
    let fits = |text: &str| width(text) <= rect.width - 4.0;
    if rect.height < 12.0 {
        return None;
    }
    [whole, rank].into_iter().find(|text| fits(text))
}

#[expect(clippy::cast_precision_loss, reason = "a label has few characters")]
fn width(text: &str) -> f64 {
    text.chars().count() as f64 * LABEL_CHARACTER
}

/// The end of a path, as much as fits.
fn shortened(path: &str, room: f64) -> String {
    if width(path) <= room {
        return path.to_owned();
    }
    let mut rest = path;
    while let Some((_, inner)) = rest.split_once('/') {
        rest = inner;
        if width(rest) + LABEL_CHARACTER * 2.0 <= room {
            return format!("…/{rest}");
        }
    }
    let mut kept = String::new();
    for c in rest.chars() {
        if width(&kept) + 2.0 * LABEL_CHARACTER > room {
            return format!("{kept}…");
        }
        kept.push(c);
    }
    kept
}
