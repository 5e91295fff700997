//! *Thinking* that leaked into a reply: what a model drafts there is not its answer.
//!
//! Servers are to take it out, and many do not, or only its opening tag. The tags are those of the models' own chat
//! templates: `<think>` (`DeepSeek`, Qwen), `<thinking>`, `[THINK]` (Mistral), `<|START_THINKING|>` (Cohere), `◁think▷`
//! (Kimi), `<unused94>` (Gemma), channels (gpt-oss), with and without attributes. Some write sentences in place of tags.

use std::ops::Range;

/// What models call their thinking, in tags.
const NAMES: [&str; 22] = [
    "analysis",
    "antthinking",
    "chain_of_thought",
    "chain-of-thought",
    "cot",
    "deliberation",
    "inner_monologue",
    "inner_thoughts",
    "internal_monologue",
    "monologue",
    "rationale",
    "reason",
    "reasoning",
    "reflect",
    "reflection",
    "scratchpad",
    "thinking_process",
    "think",
    "thinking",
    "thought",
    "thoughts",
    "thought_process",
];
/// Tags around the answer, or a part of it, that say nothing of what is inside.
const FRAMES: [&str; 34] = [
    "answer",
    "artifact",
    "block",
    "blockquote",
    "center",
    "change",
    "changes",
    "code",
    "codeblock",
    "content",
    "details",
    "diff",
    "div",
    "document",
    "edit",
    "edit_file",
    "edits",
    "file",
    "files",
    "final",
    "final_answer",
    "output",
    "p",
    "patch",
    "pre",
    "reply",
    "response",
    "result",
    "search_replace",
    "solution",
    "span",
    "summary",
    "text",
    "ul",
];
/// Tokens of chat templates that end a turn.
const ENDS_OF_TURN: [&str; 12] = [
    "<|return|>",
    "<|end|>",
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|endoftext|>",
    "<|END_OF_TURN_TOKEN|>",
    "<|END_RESPONSE|>",
    "<end_of_turn>",
    "<｜end▁of▁sentence｜>",
    "</s>",
    "[END FINAL RESPONSE]",
];
/// What begins thinking in place of a tag, and what ends it, at the start of a line.
const SENTENCES_BEFORE: [&str; 3] =
    ["Here is my thought process:", "Here's my thought process:", "Here are my reasoning steps:"];
const SENTENCES_BEHIND: [&str; 4] =
    ["Here is my response:", "Here's my response:", "[BEGIN FINAL RESPONSE]", "...done thinking."];
/// What is left of gpt-oss's channels where the tokens between their names were dropped.
const JOINED_CHANNELS: (&str, &str) = ("analysis", "assistantfinal");

/// What a line says of thinking; positions are bytes of the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sign<'a> {
    /// Thinking begins; what follows on the line belongs to it.
    Begins { name: Name<'a>, after: usize },
    /// Thinking ends; what follows on the line is no part of it.
    Ends { after: usize, place: Place },
}

/// Where on its line a tag stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Nothing is before it.
    Start,
    /// Nothing is behind it: it may as well be a word of a sentence.
    End,
}

/// What a tag is called, for finding its other half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name<'a> {
    Tag(&'a str),
    Channel,
}

/// A tag by its form.
struct Tag<'a> {
    range: Range<usize>,
    name: &'a str,
    /// What stands behind the name.
    attributes: &'a str,
    half: Half,
}

impl Tag<'_> {
    /// `<details type="reasoning">` is one as well.
    fn is_reasoning(&self) -> bool {
        is_reasoning(self.name) || self.attributes.contains("\"reasoning\"")
    }

    fn is_frame(&self) -> bool {
        FRAMES.iter().any(|frame| frame.eq_ignore_ascii_case(base(self.name)))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    Opening,
    Closing,
}

/// What a line says of thinking. A tag in the middle of a sentence, or in back ticks, is a word of that sentence.
pub(super) fn sign(line: &str) -> Option<Sign<'_>> {
    if let Some(after) = final_channel(line) {
        return Some(Sign::Ends { after, place: Place::Start });
    }
    let start = line.len() - line.trim_start().len();
    let rest = &line[start..];
    if let Some(sentence) = SENTENCES_BEHIND.iter().find(|sentence| rest.starts_with(**sentence)) {
        return Some(Sign::Ends { after: start + sentence.len(), place: Place::Start });
    }
    if SENTENCES_BEFORE.iter().any(|sentence| rest.starts_with(sentence)) {
        return Some(Sign::Begins { name: Name::Channel, after: line.len() });
    }
    if ["<|channel|>", "<|start|>assistant<|channel|>", "<|channel>thought"]
        .iter()
        .any(|open| rest.starts_with(open))
    {
        return Some(Sign::Begins { name: Name::Channel, after: line.len() });
    }
    if let Some(tag) = tag_at(line, start).filter(Tag::is_reasoning) {
        let after = tag.range.end;
        return Some(match tag.half {
            Half::Opening => Sign::Begins { name: Name::Tag(base(tag.name)), after },
            Half::Closing => Sign::Ends { after, place: Place::Start },
        });
    }
    let end = line.trim_end();
    let opening = end.rfind(['<', '[', '◁'])?;
    let tag = tag_at(line, opening).filter(|tag| tag.is_reasoning() && tag.half == Half::Closing)?;
    let is_quoted = line[..opening].matches('`').count() % 2 == 1;
    (tag.range.end == end.len() && !is_quoted)
        .then_some(Sign::Ends { after: tag.range.end, place: Place::End })
}

/// Whether thinking begins within the line, behind words such as "Sure!".
pub(super) fn begins_within(line: &str) -> Option<(Name<'_>, usize)> {
    let opening = line.match_indices(['<', '[', '◁']).map(|(at, _)| at);
    let mut tags = opening.filter_map(|at| tag_at(line, at));
    let tag = tags.find(|tag| tag.is_reasoning() && tag.half == Half::Opening)?;
    let is_quoted = line[..tag.range.start].matches('`').count() % 2 == 1;
    (!is_quoted).then(|| (Name::Tag(base(tag.name)), tag.range.end))
}

/// Where the thinking ends that began with `name`: behind the first closing tag at the start or the end of its line,
/// else behind the first anywhere. The position is one of `text`.
pub(super) fn end_of(name: Name<'_>, text: &str) -> Option<usize> {
    let mut start = 0;
    let mut anywhere = None;
    for line in text.split_inclusive('\n') {
        match (name, sign(line.trim_end_matches(['\n', '\r']))) {
            (_, Some(Sign::Ends { after, .. })) => return Some(start + after),
            (Name::Tag(wanted), _) if anywhere.is_none() => {
                let tags = line.match_indices(['<', '[', '◁']).filter_map(|(at, _)| tag_at(line, at));
                let mut closing = tags.filter(|tag| tag.half == Half::Closing && base(tag.name) == wanted);
                anywhere = closing.next().map(|tag| start + tag.range.end);
            }
            (Name::Channel, _) if anywhere.is_none() => {
                anywhere = line.find("<channel|>").map(|at| start + at + "<channel|>".len());
            }
            _ => {}
        }
        start += line.len();
    }
    anywhere
}

/// Where the answer begins, if the reply begins with channels whose tokens were dropped.
pub(super) fn behind_joined_channels(text: &str) -> Option<usize> {
    let (first, last) = JOINED_CHANNELS;
    let thinking = text.trim_start().strip_prefix(first)?;
    let at = thinking.rfind(last)?;
    Some(text.len() - thinking.len() + at + last.len())
}

/// The text without the tokens that end a turn.
pub(super) fn without_end_of_turn(text: &str) -> &str {
    let mut text = text;
    loop {
        let trimmed = text.trim_end();
        match ENDS_OF_TURN.iter().find_map(|end| trimmed.strip_suffix(end)) {
            Some(rest) => text = rest,
            None => return text,
        }
    }
}

/// A tag that is neither known as one around thinking nor as one around an answer: an opening one at the start of a line,
/// a closing one at its end.
pub(super) fn unknown(line: &str) -> Option<UnknownTag<'_>> {
    let text = line.trim();
    let is_unknown = |tag: &Tag<'_>| !tag.is_reasoning() && !tag.is_frame();
    let last = text.rfind(['<', '[', '◁']).and_then(|at| Some((at, tag_at(text, at)?)));
    if let Some((at, tag)) = last.filter(|(_, tag)| tag.range.end == text.len() && is_unknown(tag))
        && tag.half == Half::Closing
    {
        // One that is opened on the same line has nothing inside.
        let is_opened = text[..at].contains(&format!("<{}", tag.name));
        return (!is_opened).then_some(UnknownTag::Closing(base(tag.name)));
    }
    let tag = tag_at(text, 0).filter(|tag| tag.half == Half::Opening && is_unknown(tag))?;
    Some(UnknownTag::Opening(base(tag.name)))
}

/// See [`unknown`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnknownTag<'a> {
    Opening(&'a str),
    Closing(&'a str),
}

/// Behind the words that open the final channel of gpt-oss, wherever they stand.
fn final_channel(line: &str) -> Option<usize> {
    let (open, message) = ("<|channel|>final", "<|message|>");
    let at = line.rfind(open)? + open.len();
    // A constraint on the form of the message may stand between.
    line[at..].find(message).map(|found| at + found + message.len())
}

/// The tag that begins at a byte.
fn tag_at(line: &str, at: usize) -> Option<Tag<'_>> {
    let rest = &line[at..];
    let (inner, close) = [("<|", "|>"), ("<", ">"), ("[", "]"), ("◁", "▷")]
        .into_iter()
        .find_map(|(open, close)| rest.strip_prefix(open).map(|inner| (inner, close)))?;
    let length = inner.find(close)?;
    let end = at + (rest.len() - inner.len()) + length + close.len();
    let text = &inner[..length];
    let (half, text) = match text.strip_prefix('/') {
        Some(text) => (Half::Closing, text),
        None => (Half::Opening, text),
    };
    // Behind the name there may be attributes.
    let name = text.split(char::is_whitespace).next().unwrap_or_default();
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-:.".contains(c))
    };
    let is_bracket = close == "]";
    if !is_name(name) || (is_bracket && (name != text || name.chars().any(|c| c.is_ascii_lowercase()))) {
        return None;
    }
    // `<|begin_of_thought|>`, `<|END_THINKING|>`.
    let halves = [
        ("begin_of_", Half::Opening),
        ("start_", Half::Opening),
        ("end_of_", Half::Closing),
        ("end_", Half::Closing),
    ];
    let by_word = |(word, half): (&str, Half)| {
        let is_so = name.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
        (is_so && close == "|>").then(|| (half, &name[word.len()..]))
    };
    let (half, name) = halves.into_iter().find_map(by_word).unwrap_or((half, name));
    // Gemma's.
    let (half, name) = match name {
        "unused94" => (Half::Opening, "thought"),
        "unused95" => (Half::Closing, "thought"),
        _ => (half, name),
    };
    let attributes = text.split_once(char::is_whitespace).map_or("", |(_, attributes)| attributes);
    Some(Tag { range: at..end, name, attributes, half })
}

/// The name without a namespace.
fn base(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// Whether a word, such as the info string of a fence, is what models call their thinking.
pub(super) fn is_reasoning(name: &str) -> bool {
    NAMES.iter().any(|known| known.eq_ignore_ascii_case(base(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_count_where_no_sentence_has_them() {
        let begins = |name, after| Some(Sign::Begins { name: Name::Tag(name), after });
        let ends = |after, place| Some(Sign::Ends { after, place });
        for (line, expect) in [
            ("", None),
            ("prose", None),
            ("<think>", begins("think", 7)),
            ("<think time=\"3\">Well", begins("think", 16)),
            ("<Thinking>", begins("Thinking", 10)),
            ("<seed:think>", begins("think", 12)),
            ("[THINK]", begins("THINK", 7)),
            ("<|START_THINKING|>", begins("THINKING", 18)),
            ("◁think▷", begins("think", "◁think▷".len())),
            ("</think>", ends(8, Place::Start)),
            ("  </think>TITLE: x", ends(10, Place::Start)),
            ("That is it.</think>", ends(19, Place::End)),
            ("[/THINK]", ends(8, Place::Start)),
            ("<|end_of_thought|>", ends(18, Place::Start)),
            ("strip what stands before `</think>`", None),
            ("strip `x` before `</think>", None),
            ("strip what stands before </think> and go on", None),
            ("[think]", None),
            ("<unused94>thought", begins("thought", 10)),
            ("<unused95>TITLE: x", ends(10, Place::Start)),
            ("<details type=\"reasoning\" done=\"true\">", begins("details", 38)),
            ("Here is my response: TITLE: x", ends(20, Place::Start)),
            ("...done thinking.", ends(17, Place::Start)),
            ("[x] done", None),
            ("a < b > c", None),
            ("<thin>", None),
            ("<|channel|>analysis<|message|>Hm", Some(Sign::Begins { name: Name::Channel, after: 32 })),
            ("x<|end|><|start|>assistant<|channel|>final<|message|>TITLE: x", ends(53, Place::Start)),
            ("<|channel|>final <|constrain|>text<|message|>x", ends(45, Place::Start)),
        ] {
            assert_eq!(sign(line), expect, "{line}");
        }
        assert_eq!(unknown("<planning>"), Some(UnknownTag::Opening("planning")));
        assert_eq!(unknown("<planning>Let me see"), Some(UnknownTag::Opening("planning")));
        assert_eq!(unknown("So be it.</planning>"), Some(UnknownTag::Closing("planning")));
        for line in ["", "<b>Note</b>", "see `<planning>` here", "<answer>", "</details>", "a < b > c"] {
            assert_eq!(unknown(line), None, "{line}");
        }
        assert_eq!(begins_within("Sure! <think>"), Some((Name::Tag("think"), 13)));
        assert_eq!(begins_within("Strip `<think>`"), None);
    }

    #[test]
    fn the_end_of_thinking_is_where_no_sentence_has_it() {
        for (text, rest) in [
            ("a</think>b", Some("b")),
            ("strips `</think>` here\nso\n</think>\nb", Some("\nb")),
            ("so.</think>\nb", Some("\nb")),
            ("never", None),
        ] {
            let found = end_of(Name::Tag("think"), text).map(|at| &text[at..]);
            assert_eq!(found, rest, "{text}");
        }
    }

    #[test]
    fn what_ends_a_turn_is_no_part_of_it() {
        for (text, expect) in
            [("a<|return|>", "a"), ("a\n</s>\n<|im_end|>\n", "a\n"), ("a </s> b", "a </s> b"), ("", "")]
        {
            assert_eq!(without_end_of_turn(text), expect);
        }
        let text = "analysisWe need it.assistantfinalTITLE: x";
        assert_eq!(behind_joined_channels(text).map(|at| &text[at..]), Some("TITLE: x"));
        assert_eq!(behind_joined_channels("analysis of it"), None);
    }
}
