//! A *treemap* shows a tree of folders as nested rectangles whose areas follow the sizes of what they hold.
//!
//! The layout is the squarified one (Bruls, Huizing and van Wijk, "Squarified Treemaps", 2000): rows of rectangles,
//! each row closed when one more would make its rectangles longer and thinner.

use std::collections::BTreeMap;

/// A rectangle in units of the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rect {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Rect {
    fn area(self) -> f64 {
        self.width * self.height
    }

    /// What is left inside a frame, with room for a label above.
    fn inside(self, frame: f64, label: f64) -> Self {
        Self {
            x: self.x + frame,
            y: self.y + label,
            width: (self.width - 2.0 * frame).max(0.0),
            height: (self.height - label - frame).max(0.0),
        }
    }
}

/// A file of the tree.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaf<'a> {
    pub(super) path: &'a str,
    /// What its area follows, above zero.
    pub(super) size: f64,
    /// Whether it has a rectangle of its own however small that is.
    pub(super) keep: Keep,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    Always,
    WhereItFits,
}

/// A rectangle of the picture, behind those that follow it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tile {
    /// The path of the folder, and whether there is room for a label.
    Folder { path: String, rect: Rect, labelled: bool },
    /// A file, by its number among the leaves.
    File { leaf: usize, rect: Rect },
    /// Files of one folder that are too small to be drawn one by one.
    Rest { folder: String, files: usize, rect: Rect },
}

/// Height of a folder's label.
const LABEL: f64 = 14.0;
const FRAME: f64 = 2.0;
/// Folders that are smaller than this in one direction are drawn as one.
const MIN_SIDE: f64 = 10.0;
/// Files with a smaller area are drawn together.
const MIN_AREA: f64 = 80.0;

/// The tiles of a picture of this size, outer before inner.
pub(super) fn layout(leaves: &[Leaf<'_>], picture: Rect) -> Vec<Tile> {
    let mut root = Folder::default();
    for (number, leaf) in leaves.iter().enumerate() {
        root.insert(leaf.path, number, leaf.size);
    }
    let mut tiles = Vec::new();
    root.draw("", picture, leaves, &mut tiles);
    tiles
}

#[derive(Default)]
struct Folder<'a> {
    size: f64,
    files: Vec<(usize, f64)>,
    folders: BTreeMap<&'a str, Folder<'a>>,
}

enum Child<'a> {
    Folder(String, &'a Folder<'a>),
    File(usize),
    Rest(usize),
}

impl<'a> Folder<'a> {
    fn insert(&mut self, path: &'a str, leaf: usize, size: f64) {
        let mut folder = self;
        folder.size += size;
        let mut rest = path;
        while let Some((name, inner)) = rest.split_once('/') {
            folder = folder.folders.entry(name).or_default();
            folder.size += size;
            rest = inner;
        }
        folder.files.push((leaf, size));
    }

    fn count(&self) -> usize {
        self.files.len() + self.folders.values().map(Folder::count).sum::<usize>()
    }

    /// Draws what the folder at `path` holds; as deep as a path can be, which is bounded.
    fn draw(&self, path: &str, rect: Rect, leaves: &[Leaf<'_>], tiles: &mut Vec<Tile>) {
        let scale = rect.area() / self.size;
        let mut children: Vec<(f64, Child<'_>)> = Vec::new();
        let (mut small, mut small_size) = (0, 0.0);
        for (name, folder) in &self.folders {
            let path = if path.is_empty() { (*name).to_owned() } else { format!("{path}/{name}") };
            children.push((folder.size, Child::Folder(path, folder)));
        }
        for (leaf, size) in &self.files {
            if size * scale < MIN_AREA && leaves[*leaf].keep == Keep::WhereItFits {
                small += 1;
                small_size += size;
            } else {
                children.push((*size, Child::File(*leaf)));
            }
        }
        if small > 0 {
            children.push((small_size, Child::Rest(small)));
        }
        children.sort_by(|a, b| b.0.total_cmp(&a.0));
        let sizes: Vec<f64> = children.iter().map(|(size, _)| *size).collect();
        for ((_, child), rect) in children.into_iter().zip(squarify(&sizes, rect)) {
            match child {
                Child::File(leaf) => tiles.push(Tile::File { leaf, rect }),
                Child::Rest(files) => tiles.push(Tile::Rest { folder: path.to_owned(), files, rect }),
                Child::Folder(path, folder) => folder.draw_framed(path, rect, leaves, tiles),
            }
        }
    }

    fn draw_framed(&self, path: String, rect: Rect, leaves: &[Leaf<'_>], tiles: &mut Vec<Tile>) {
        // A folder with nothing but one folder shares its frame.
        if let (true, Some((name, only))) = (self.files.is_empty(), self.folders.first_key_value())
            && self.folders.len() == 1
        {
            return only.draw_framed(format!("{path}/{name}"), rect, leaves, tiles);
        }
        if rect.width.min(rect.height) < MIN_SIDE {
            tiles.push(Tile::Rest { folder: path, files: self.count(), rect });
            return;
        }
        let labelled = rect.height > 3.0 * LABEL && rect.width > 40.0;
        let inner = rect.inside(FRAME, if labelled { LABEL } else { FRAME });
        tiles.push(Tile::Folder { path: path.clone(), rect, labelled });
        self.draw(&path, inner, leaves, tiles);
    }
}

/// Cuts `rect` into one rectangle for each of `sizes`, which are above zero and in descending order.
fn squarify(sizes: &[f64], rect: Rect) -> Vec<Rect> {
    let mut rects = Vec::with_capacity(sizes.len());
    let mut left = rect;
    let mut waiting = sizes;
    while !waiting.is_empty() {
        let scale = left.area() / waiting.iter().sum::<f64>();
        let side = left.width.min(left.height);
        let mut taken = 1;
        while taken < waiting.len()
            && worst(&waiting[..=taken], scale, side) <= worst(&waiting[..taken], scale, side)
        {
            taken += 1;
        }
        let row: f64 = waiting[..taken].iter().sum();
        let thickness = if side > 0.0 { row * scale / side } else { 0.0 };
        let mut along = 0.0;
        for size in &waiting[..taken] {
            let length = side * size / row;
            rects.push(if left.width >= left.height {
                Rect { x: left.x, y: left.y + along, width: thickness, height: length }
            } else {
                Rect { x: left.x + along, y: left.y, width: length, height: thickness }
            });
            along += length;
        }
        if left.width >= left.height {
            left.x += thickness;
            left.width = (left.width - thickness).max(0.0);
        } else {
            left.y += thickness;
            left.height = (left.height - thickness).max(0.0);
        }
        waiting = &waiting[taken..];
    }
    rects
}

/// The ratio of the sides of the row's worst rectangle.
fn worst(row: &[f64], scale: f64, side: f64) -> f64 {
    let sum = row.iter().sum::<f64>() * scale;
    let ratio = |size: f64| {
        let area = size * scale;
        ((side * side * area) / (sum * sum)).max((sum * sum) / (side * side * area))
    };
    row.iter().copied().map(ratio).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PICTURE: Rect = Rect { x: 0.0, y: 0.0, width: 600.0, height: 400.0 };

    /// The example of the paper: areas 6, 6, 4, 3, 2, 2, 1 in a rectangle of 6 by 4.
    #[test]
    fn the_papers_example() {
        let rect = Rect { x: 0.0, y: 0.0, width: 6.0, height: 4.0 };
        let rects = squarify(&[6.0, 6.0, 4.0, 3.0, 2.0, 2.0, 1.0], rect);
        let rounded: Vec<[i32; 4]> = rects
            .iter()
            .map(|r| {
                [r.x, r.y, r.width, r.height].map(|value| format!("{:.0}", value * 100.0).parse().unwrap())
            })
            .collect();
        assert_eq!(
            rounded,
            [
                [0, 0, 300, 200],
                [0, 200, 300, 200],
                [300, 0, 171, 233],
                [471, 0, 129, 233],
                [300, 233, 120, 167],
                [420, 233, 120, 167],
                [540, 233, 60, 167],
            ]
        );
    }

    #[test]
    fn folders_enclose_their_files_and_small_files_are_one() {
        let leaf = |path, size, keep| Leaf { path, size, keep };
        let mut leaves = vec![
            leaf("a/b/large.rs", 90.0, Keep::WhereItFits),
            leaf("top.rs", 10.0, Keep::WhereItFits),
            leaf("a/b/tiny.rs", 0.000_1, Keep::Always),
        ];
        leaves.extend([leaf("a/b/small1.rs", 0.000_1, Keep::WhereItFits); 5]);
        let tiles = layout(&leaves, PICTURE);
        let names: Vec<String> = tiles
            .iter()
            .map(|tile| match tile {
                Tile::Folder { path, labelled, .. } => format!("{path}/ {labelled}"),
                Tile::File { leaf, .. } => leaves[*leaf].path.to_owned(),
                Tile::Rest { folder, files, .. } => format!("{files} of {folder}"),
            })
            .collect();
        assert_eq!(names, ["a/b/ true", "a/b/large.rs", "5 of a/b", "a/b/tiny.rs", "top.rs"]);
    }

    proptest! {
        #[test]
        fn rectangles_fill_the_picture(sizes in prop::collection::vec(0.01..1000.0_f64, 1..60)) {
            let mut sizes = sizes;
            sizes.sort_by(|a, b| b.total_cmp(a));
            let rects = squarify(&sizes, PICTURE);
            let all: f64 = sizes.iter().sum();
            prop_assert_eq!(rects.len(), sizes.len());
            for (rect, size) in rects.iter().zip(&sizes) {
                prop_assert!((rect.area() - size / all * PICTURE.area()).abs() < 0.01);
                prop_assert!(rect.x >= -0.01 && rect.x + rect.width <= PICTURE.width + 0.01);
                prop_assert!(rect.y >= -0.01 && rect.y + rect.height <= PICTURE.height + 0.01);
            }
        }
    }
}
