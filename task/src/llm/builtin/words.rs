//! The vocabulary of the grammar: which English words join, restrict, hedge or ask.

use std::ops::Range;

use super::grammar::{Refusal, Wish};
use super::term::is_version;
use super::token::{Clause, Token};

/// What a verb does to its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Replace,
    Rename,
    Change,
    Set,
    Raise,
    Lower,
    Bump,
}

impl Verb {
    pub(super) fn of(token: &Token) -> Option<Self> {
        let Token::Word(word) = token else { return None };
        Some(match word.to_ascii_lowercase().as_str() {
            "replace" | "substitute" | "correct" | "fix" | "respell" => Self::Replace,
            "rename" => Self::Rename,
            "change" | "update" | "switch" | "convert" | "modify" | "edit" => Self::Change,
            "set" | "adjust" | "pin" | "configure" => Self::Set,
            "increase" | "raise" => Self::Raise,
            "decrease" | "lower" | "reduce" | "downgrade" => Self::Lower,
            "bump" | "upgrade" => Self::Bump,
            _ => return None,
        })
    }

    pub(super) fn replaces(self) -> bool {
        matches!(self, Self::Replace | Self::Rename)
    }

    pub(super) fn gives_value(self) -> bool {
        matches!(self, Self::Set | Self::Raise | Self::Lower | Self::Bump)
    }

    pub(super) fn direction(self) -> super::grammar::Direction {
        use super::grammar::Direction;
        match self {
            Self::Raise | Self::Bump => Direction::Up,
            Self::Lower => Direction::Down,
            Self::Replace | Self::Rename | Self::Change | Self::Set => Direction::Any,
        }
    }
}

/// Whether the verb at `at` tells someone to do it, as opposed to what a program does.
pub(super) fn is_imperative(tokens: &[Token], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).map(|before| &tokens[before]) else { return true };
    let earlier = at.checked_sub(2).map(|earlier| &tokens[earlier]);
    match before {
        Token::Mark(_) => true,
        Token::Term(_) | Token::Arrow => false,
        Token::Word(_)
            if before.is_any("please then just simply also let's lets don't dont not never maybe perhaps") =>
        {
            true
        }
        Token::Word(_) if before.is_any("and") => true,
        Token::Word(_) if before.is_any("to") => earlier.is_some_and(|word| {
            word.is_any("need needs want like have ought suggest propose prefer better us you request requesting asking")
        }),
        Token::Word(_) if before.is_any("should must could can") => {
            earlier.is_some_and(|word| word.is_any("we you someone somebody i"))
        }
        Token::Word(_) if before.is_any("you someone somebody we") => {
            earlier.is_some_and(|word| word.is_any("could can would will should"))
        }
        Token::Word(word) => word.contains(['.', '/']) && !is_version(word),
    }
}

/// A link between a subject and its new text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) kind: LinkKind,
    /// The token after the link.
    pub(super) end: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LinkKind {
    /// `should read`, `should be spelled`: about text.
    Text,
    /// `should be set to`, `should default to`: about a value.
    Value,
    /// `should be`
    Open,
}

/// `should be`, `must read`, `needs to be set to`, at `at`.
pub(super) fn link(tokens: &[Token], at: usize) -> Option<Link> {
    let is = |at: usize, words: &str| tokens.get(at).is_some_and(|token| token.is_any(words));
    let mut end = if is(at, "should must shall") {
        at + 1
    } else if (is(at, "ought needs need has have") && is(at + 1, "to"))
        || (is(at, "is are was") && is(at + 1, "supposed meant") && is(at + 2, "to"))
    {
        at + if is(at + 1, "to") { 2 } else { 3 }
    } else {
        return None;
    };
    let adverbs = "probably really actually instead rather simply just now also correctly";
    while is(end, adverbs) {
        end += 1;
    }
    if is(end, "read say") {
        return Some(Link { kind: LinkKind::Text, end: end + 1 });
    }
    if is(end, "default") && is(end + 1, "to") {
        return Some(Link { kind: LinkKind::Value, end: end + 2 });
    }
    if !is(end, "be become equal") {
        return None;
    }
    end += 1;
    while is(end, adverbs) {
        end += 1;
    }
    let text = "renamed corrected replaced respelled";
    let value = "set increased decreased raised lowered reduced bumped upgraded downgraded pinned";
    let to = |end: usize| usize::from(is(end, "to with by as at"));
    if is(end, "spelled spelt written called named") {
        return Some(Link { kind: LinkKind::Text, end: end + 1 + to(end + 1) });
    }
    if is(end, text) && to(end + 1) == 1 {
        return Some(Link { kind: LinkKind::Text, end: end + 2 });
    }
    if is(end, value) && to(end + 1) == 1 {
        return Some(Link { kind: LinkKind::Value, end: end + 2 });
    }
    if is(end, "changed updated") && to(end + 1) == 1 {
        return Some(Link { kind: LinkKind::Open, end: end + 2 });
    }
    Some(Link { kind: LinkKind::Open, end })
}

/// The token after `instead of`, `rather than`, `and not`, `, not` at `at`.
pub(super) fn instead_of(tokens: &[Token], at: usize) -> Option<usize> {
    let is = |at: usize, words: &str| tokens.get(at).is_some_and(|token| token.is_any(words));
    let at = at + usize::from(tokens.get(at) == Some(&Token::Mark(',')) || is(at, "and"));
    if (is(at, "instead") && is(at + 1, "of")) || (is(at, "rather") && is(at + 1, "than")) {
        return Some(at + 2);
    }
    is(at, "not").then_some(at + 1)
}

/// What the author says of a text: that it should be there, or that it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stance {
    Wants,
    Has,
}

/// Which of the two the words before `X instead of Y` say of X.
pub(super) fn wants_or_has(tokens: &[Token]) -> Option<Stance> {
    tokens.iter().rev().find_map(|token| {
        if token.is_any("use write want prefer say be read have put expected meant") {
            Some(Stance::Wants)
        } else if is_misspelling(token)
            || token.is_any("says reads is has uses used contains wrote written spelled spelt typed shows said have was are")
        {
            Some(Stance::Has)
        } else {
            None
        }
    })
}

/// The token after `correct:`, `the correct spelling is`, `correction:` at `at`.
pub(super) fn correction(tokens: &[Token], at: usize) -> Option<usize> {
    let is = |at: usize, words: &str| tokens.get(at).is_some_and(|token| token.is_any(words));
    if !is(at, "correct correction corrected right proper") {
        return None;
    }
    let mut next = at + 1;
    while is(next, "spelling word form one way version") {
        next += 1;
    }
    if is(next, "is would should") {
        next += 1;
        return Some(next + usize::from(is(next, "be")));
    }
    (tokens.get(next) == Some(&Token::Mark(':'))).then_some(next + 1)
}

/// `typo`, `misspelled`, `spelling` and their kin.
pub(super) fn is_misspelling(token: &Token) -> bool {
    let Token::Word(word) = token else { return false };
    let word = word.to_ascii_lowercase();
    ["typo", "misspel", "mis-spel", "mispel", "misspelt", "mistyp", "spelling", "spelled", "spelt"]
        .iter()
        .any(|stem| word.starts_with(stem))
}

/// `to`, `with`, `from`, an arrow: what joins an object to its new text.
pub(super) fn is_joint(token: &Token) -> bool {
    *token == Token::Arrow || token.is_any("to with by into from")
}

const FILLERS: &str = "a all an and any attribute bad both broken class config configuration constant correct crate current default dependencies dependency dep each element entry enum env environment every exactly existing field file files flag following function gem identifier incorrect instance instances its key latest library method misspelled misspelt misspelling mistake mistyped module new npm occurrence occurrences of old option our outdated package param parameter phrase please property setting spelling string struct term text that the there this typo typos usage usages use uses value variable version word words";

/// A word that tells nothing about which text is meant.
pub(super) fn is_filler(word: &str) -> bool {
    among(word, FILLERS)
}

pub(super) fn is_filler_token(token: &Token) -> bool {
    matches!(token, Token::Word(word) if is_filler(word))
}

/// A filler that can be the key itself when nothing else is named.
pub(super) fn is_key_noun(word: &str) -> bool {
    among(word, "version environment default")
}

/// A noun that says that what follows is a name of the code, or a text to take literally.
pub(super) fn is_identifier_noun(word: &str) -> bool {
    among(
        word,
        "constant variable function method class struct enum identifier field parameter param word string phrase text term",
    )
}

/// A noun for a piece of text.
pub(super) fn is_text_noun(words: &str) -> bool {
    among(words, "sentence heading title label message comment link url name line")
}

pub(super) fn is_pronoun(token: &Token) -> bool {
    token.is_any("it this that which they word spelling text typo")
}

/// The number of `line 12`, `L12`.
pub(super) fn line_number(tokens: &[Token]) -> Option<usize> {
    tokens.windows(2).find_map(|pair| match pair {
        [Token::Word(line), Token::Word(number)] if line.eq_ignore_ascii_case("line") => number.parse().ok(),
        _ => None,
    })
}

/// A word after which the clause tells why.
pub(super) fn is_reason(token: &Token) -> bool {
    token.is_any("because since as so per due see thanks thank matching fixes")
}

pub(super) fn is_condition(token: &Token) -> bool {
    token.is_any("if unless when whenever except excluding but only where while until")
}

/// A word that changes nothing of the wish.
pub(super) fn is_harmless(token: &Token) -> bool {
    matches!(token, Token::Mark(_))
        || token.is_any("please everywhere throughout in inside within across the all of both file files repo repository codebase project code by default instead now and then from at on it is a typo dependency version release")
}

/// A word that only says where.
pub(super) fn is_place(token: &Token) -> bool {
    is_harmless(token)
}

/// What may stand between two wishes of one clause.
pub(super) fn is_connective(token: &Token) -> bool {
    is_filler_token(token) || token.is_any("and then also please in") || *token == Token::Mark(',')
}

const DEMANDS: &str = "add allow automate build clean click configure convert create delete deprecate describe design disable document drop enable ensure execute expand expose extend extract fail generate handle implement improve include install integrate introduce investigate launch log merge migrate move open optimise optimize port print provide publish redesign refactor reformat release remove reorder reorganise restart return rewrite run show simplify sort split start support test translate use validate write";

/// The verb, if it asks for work of its own.
pub(super) fn demanding(token: &Token) -> Option<String> {
    DEMANDS.split(' ').find(|demand| token.is_any(demand)).map(str::to_owned)
}

/// What a clause without a wish asks for.
pub(super) fn demand(clause: &Clause) -> Option<String> {
    let leads = "please also and then we you should could can must need to it would";
    let first = clause.tokens.iter().find(|token| !token.is_any(leads) && !matches!(token, Token::Mark(_)));
    first.and_then(demanding)
}

/// Whether a question is a polite request: `could you …?`
pub(super) fn is_polite_request(tokens: &[Token]) -> bool {
    tokens
        .windows(2)
        .any(|pair| pair[0].is_any("could can would will") && pair[1].is_any("you someone somebody"))
}

/// Refuses what denies or weakens a wish.
pub(super) fn refuse_hedges(clause: &Clause, range: Range<usize>) -> Result<(), Refusal> {
    let hedges = "maybe perhaps might consider wonder wondering either possibly unsure if unless when whether why what sometimes after before";
    let denials = "don't dont doesn't never avoid cannot can't shouldn't without won't";
    let tokens = &clause.tokens;
    for at in range {
        let token = &tokens[at];
        if token.is_any(hedges) {
            return Err(format!("`{}` makes the wish uncertain", token.text().unwrap_or_default()));
        }
        let not = token.is_any("not")
            && at.checked_sub(1).is_none_or(|before| {
                tokens[before].is_any("do does did should must will can would please need")
            });
        if not || token.is_any(denials) {
            return Err(format!("`{}` denies the wish", token.text().unwrap_or_default()));
        }
    }
    Ok(())
}

/// Whether the issue reports what somebody did and saw: its sentences are no wishes.
pub(super) fn is_bug_report(clauses: &[Clause]) -> bool {
    clauses.iter().any(|clause| {
        clause.tokens.iter().any(|token| {
            token.is_any("reproduce repro reproduction reproducing traceback stacktrace backtrace")
        }) || clause.tokens.windows(2).any(|pair| {
            pair[0].is_any("expected actual current") && pair[1].is_any("behavior behaviour result")
        })
    })
}

/// A line `label: text`, whole, without the marks around the text.
pub(super) fn label(clause: &Clause, misspelling: bool) -> Option<(Stance, String)> {
    let colon = clause.tokens.iter().position(|token| *token == Token::Mark(':'))?;
    let (name, value) = (&clause.tokens[..colon], &clause.tokens[colon + 1..]);
    if name.is_empty() || name.len() > 3 {
        return None;
    }
    let about_text = name.iter().any(|token| token.is_any("text wording spelling word phrase sentence"));
    let stance = name.iter().find_map(|token| {
        if token
            .is_any("current currently wrong incorrect misspelled misspelt before old original found actual")
        {
            Some(Stance::Has)
        } else if token.is_any("correct corrected proposed suggested after new fixed expected replacement") {
            Some(Stance::Wants)
        } else {
            None
        }
    })?;
    match value {
        [Token::Term(term)] => Some((stance, term.clone())),
        _ if about_text || misspelling => {
            let words: Option<Vec<&str>> = value
                .iter()
                .map(|token| match token {
                    Token::Word(word) => Some(word.as_str()),
                    _ => None,
                })
                .collect();
            words.filter(|words| !words.is_empty()).map(|words| (stance, words.join(" ")))
        }
        _ => None,
    }
}

/// The texts of a wish, which are no places.
pub(super) fn texts(wish: &Wish) -> Vec<&str> {
    match wish {
        Wish::Replace { old, new, .. } | Wish::ReplaceOrAssign { old, new } => vec![old, new],
        Wish::Assign { name, from, to } => {
            let mut texts = vec![name.as_str(), to];
            texts.extend(from.as_deref());
            texts
        }
    }
}

/// A unit of time or size behind a number.
pub(super) fn unit(token: &Token) -> Option<&str> {
    let Token::Word(word) = token else { return None };
    let units = "second seconds sec secs s ms millisecond milliseconds minute minutes min mins hour hours day days byte bytes kb mb gb kib mib gib percent characters lines times retries attempts items px rows columns";
    among(word, units).then_some(word)
}

/// Whether a word is in a list that spaces separate, in any case.
fn among(word: &str, list: &str) -> bool {
    list.split(' ').any(|known| known.eq_ignore_ascii_case(word))
}
