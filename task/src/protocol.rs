//! The *protocol* between a run and a model: what is asked, and what an answer says.
//!
//! A reply is read once, by [`Answer::read`], line by line. This is its grammar; everything that it does not name is
//! prose and ignored:
//!
//! ```text
//! reply     = { title | summary | request | cannot | solved | word | rule | block | delete | rename | write | heading | prose }
//! title     = "TITLE:" text
//! summary   = "SUMMARY:" text, { line }                         up to the next directive or edit
//! request   = [ "- " ] ( read | find | define | uses | list )
//! read      = "READ:" file { ( "," | ";" | "and" | " " ) file } [ note ]
//! file      = path [ ":" lines { "," lines } ]
//! lines     = number [ "-" [ number ] ]                         also "L1-L2", "(lines 1 to 2)", "[1:2]", "1..2", "1-end", "1+"
//! find      = "FIND:" ( sought { "," sought } | text [ in ] ) [ note ]
//! sought    = ( quoted text | "/" regular expression "/" { flag } ) [ in ]
//! in        = " in " place { ( "," | "and" ) place }            a path, a file's name or a folder of the tree; a pattern
//! define    = "DEFINE:" name { "," name } [ note ]
//! uses      = "USES:" name { "," name } [ note ]
//! list      = "LIST:" folder { "," folder } [ note ]
//! note      = "(" text ")" | ( "-" | "#" ) text                 why it asks; ignored
//! cannot    = "CANNOT:" text, { line }                          up to the next blank line, directive or edit
//! solved    = "SOLVED:" text, { quote | line }                  up to the next directive or edit
//! quote     = path ":" number ":" text, or path ":" number and the text below it, fenced or not
//! word      = ( "FIX:" | "ANSWER:" | "ASK:" ) number [ text ], { line }   up to the next directive or edit
//! rule      = "RULE:" text, { cite | place | line }             up to the next directive or edit
//! cite      = [ "- " ] "CITE:" id quotation                     the quotation may stand on the line below
//! place     = [ "- " ] "PLACE:" path [ ":" line ]
//! block     = [ name ] head { line } divider { line } end       lines to find, lines in their place
//! head      = 5 to 9 "<", "SEARCH"
//! divider   = 5 to 9 "="
//! end       = 5 to 9 ">", "REPLACE"
//! delete    = "DELETE:" path
//! rename    = "RENAME:" path "->" path
//! write     = "WRITE:" path, fence { line } fence               the whole file
//! fence     = 3 or more "`" or "~"
//! heading   = "#" or "##", text                                 a section of a plan
//! ```
//!
//! - Markers and directives begin at the start of a line. Trailing white space and carriage returns do not count; nor
//!   does letter case in the words of markers.
//! - Directives and headings count only outside of code blocks. Nothing inside a block or a written file is anything
//!   but its content.
//! - A word without a number is prose. Of two words with one number the first one counts.
//! - A request reads what is in the tree first: the longest path that stands somewhere is that path, whatever signs it
//!   has in it, and ` in ` that has no place behind it is a part of the text.
//! - In an answer without edits and reasons lines count as requests that only look like one: numbered, indented, in back
//!   ticks, a heading, with white space before the colon or a list below it; in another letter case, without the colon,
//!   as a call or a tag where what they ask for can be nothing else. Nothing of that holds for edits, so that no such line
//!   costs one.
//! - Requests in code blocks, and in lines quoted with `>`, count where the answer has nothing else of this grammar; in a
//!   diff none does. So do `Solved:` and `Cannot:` in another letter case.
//! - An empty search makes a new file.
//! - The *name* of a block's file stands above it, alone on its line or the only path in a sentence, or in the info
//!   string of a fence around the block. A line that is a path of the tree, as it is, is that path, whatever else it
//!   looks like. Else a comment sign, `File:`, bold type and back ticks around it are taken off, one after the other,
//!   until it is one. What is none is guessed at where it can be nothing else, and refused where it could be two things.
//!   Only a block without any name belongs to the file of the edit before it: a word of a sentence that is spelled like
//!   a file which the tree has not is a name, unless it is a product, a version, an abbreviation or a field. Two such
//!   words are two names, of which either could be meant.
//! - What stands before the last end of thinking, or before the final channel, is a draft and does not count. Where
//!   that would lose edits of the answer, the reply is refused. So it is where edits stand inside of a tag of unknown
//!   meaning.
//! - A fence around the whole reply is ignored.
//! - A last line `\ No newline at end of file` and a first line `\ Byte order mark` (or `\ No byte order mark`) of a
//!   search, a replacement or a written file are no lines of the file, but say how it ends and begins.
//! - Fences around blocks are ignored. A fence with an info string inside a code block opens a nested one.
//! - Markers inside a block are file content if they are shorter than the block's own. The divider has the length
//!   of the head; where content has lines like it, the block is divided where that gives the only search that is in
//!   the file.
//! - A written file ends at the first fence as long as the one that opened it; a fence with an info string inside
//!   opens a nested one. Where that leaves doubt, the reply is refused and a longer fence asked for.
//! - A reply that ends inside a block or a written file was cut, and is refused whole.

mod answer;
pub mod ask;
mod decoration;
pub(crate) mod ends;
mod marker;
mod name;
mod paths;
mod reader;
pub mod request;
mod rule;
mod solved;
mod spelling;
mod thinking;
mod word;
mod wrapping;

pub use answer::{Action, Answer, Edit, Halves, Misfit, ReadError};
pub(crate) use marker::{Fence, Side, edit_marker, has_markers, other_markers};
pub use paths::Paths;
pub use rule::{Cite, Place, Rule};
pub(crate) use solved::FORM as SOLVED_FORM;
pub use solved::{Quote, Solved};
pub use word::{Word, WordKind};

/// What is kept of a text of the model's: at most so many characters.
fn clip(text: &str, max: usize) -> String {
    let text = text.trim();
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(max - 1).collect();
    cut.truncate(cut.trim_end().len());
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests;
