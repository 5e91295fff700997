//! The *reader* finds the wishes of a clause: each form of the grammar is a method that is tried at every token.

use super::grammar::{Direction, Instruction, Name, Refusal, Spread, Wish};
use super::phrase::{Object, Subject, object};
use super::term::{self, Literal, is_code, is_key, is_name, literal, short};
use super::token::{Clause, Mood, Token};
use super::words;

/// Most tokens of a clause that is read; an instruction is shorter, and forms look back and forth in it.
const MAX_CLAUSE: usize = 200;
/// Clauses before one in which `it` is looked for.
const MAX_BACK: usize = 3;

/// What is known while clauses are read.
pub(super) struct Reader<'a> {
    /// Whether the issue speaks of a misspelling.
    pub(super) misspelling: bool,
    pub(super) is_path: &'a dyn Fn(&str) -> bool,
    pub(super) clauses: &'a [Clause],
}

/// A wish and the tokens of the clause that said it.
struct Found {
    wish: Wish,
    start: usize,
    end: usize,
    verb: Option<words::Verb>,
    /// Whether the new text was a word of prose, so that nothing may follow it.
    bare: bool,
    /// A file named inside the wish.
    path: Option<String>,
}

impl Reader<'_> {
    /// The wishes of one clause.
    pub(super) fn wishes(&self, index: usize, clause: &Clause) -> Result<Vec<Instruction>, Refusal> {
        let tokens = &clause.tokens;
        if tokens.len() > MAX_CLAUSE {
            return Ok(Vec::new());
        }
        let mut wishes = Vec::new();
        let mut from = 0;
        let mut at = 0;
        let mut lead = 0;
        let mut verb = None;
        while at < tokens.len() {
            // "bump X to Y and Z to W": the verb holds for what follows.
            let again = verb.filter(|_| at == from).and_then(|verb| self.objects(verb, tokens, from, at));
            let Some(found) = again.or_else(|| self.wish_at(index, tokens, from, at)) else {
                at += 1;
                continue;
            };
            verb = found.verb;
            words::refuse_hedges(clause, lead..found.end)?;
            if clause.mood == Mood::Question && !words::is_polite_request(tokens) {
                return Err("the issue asks whether to change something; it does not ask to".to_owned());
            }
            let direction = found.verb.map_or(Direction::Any, words::Verb::direction);
            let mut instruction = Instruction { direction, ..Instruction::of(found.wish.clone()) };
            instruction.paths.extend(found.path.clone());
            self.lead(&tokens[lead..found.start], &mut instruction);
            at = self.trail(tokens, &found, &mut instruction)?;
            from = at;
            lead = at;
            wishes.push(instruction);
        }
        Ok(wishes)
    }

    /// Tries every form whose key word stands at `at`; it may reach back to `from`.
    fn wish_at(&self, index: usize, tokens: &[Token], from: usize, at: usize) -> Option<Found> {
        self.verb(tokens, from, at)
            .or_else(|| self.modal(index, tokens, from, at))
            .or_else(|| self.arrow(tokens, from, at))
            .or_else(|| self.instead(tokens, from, at))
            .or_else(|| self.misspelled(index, tokens, from, at))
    }

    /// `replace X with Y`, `change X from Z to Y`, `bump X to Y`, `upgrade to X Y`.
    fn verb(&self, tokens: &[Token], from: usize, at: usize) -> Option<Found> {
        let verb = words::Verb::of(&tokens[at]).filter(|_| words::is_imperative(tokens, at))?;
        self.objects(verb, tokens, from, at + 1)
    }

    /// What a verb takes: `X with Y`, `X from Z to Y`, `to X Y`.
    fn objects(&self, verb: words::Verb, tokens: &[Token], from: usize, at: usize) -> Option<Found> {
        let noun = self.noun(tokens, at)?;
        let found =
            |wish, end, bare| Found { wish, start: at, end, verb: Some(verb), bare, path: noun.path.clone() };
        let Some(joint) = tokens.get(noun.end).filter(|token| words::is_joint(token)) else {
            // "bump serde 1.0.200"
            let version = noun.value.clone().filter(|v| literal(v) == Some(Literal::Version))?;
            let name = noun.name?;
            return verb
                .gives_value()
                .then(|| found(Wish::Assign { name, from: None, to: version }, noun.end, false));
        };
        let (old_value, to_at) = if joint.is_any("from") {
            let (value, next) = object(tokens, noun.end + 1)?;
            let next = next + usize::from(tokens.get(next).and_then(words::unit).is_some());
            if !tokens.get(next).is_some_and(words::is_joint) {
                return None;
            }
            (Some(value), next)
        } else {
            (None, noun.end)
        };
        let (to, end) = object(tokens, to_at + 1)?;
        match (noun.name, old_value) {
            (Some(name), Some(old)) => {
                let wish = Wish::Assign { name, from: Some(old.text), to: to.text };
                Some(found(wish, end, to.bare))
            }
            (Some(name), None) => {
                if let Some(old) = noun.value {
                    // "update requests 2.31.0 -> 2.32.3"
                    return Some(found(Wish::Assign { name, from: Some(old), to: to.text }, end, to.bare));
                }
                let wish = self.change(verb, name, &to, noun.identifier)?;
                Some(found(wish, end, to.bare))
            }
            (None, Some(old)) if !old.bare || is_name(&old.text) => {
                let name = Name::Exact(old.text);
                let wish = self.change(verb, name, &to, noun.identifier)?;
                Some(found(wish, end, to.bare))
            }
            (None, Some(_)) => None,
            (None, None) => {
                if let Some(joint) = tokens.get(end).filter(|token| words::is_joint(token))
                    && !joint.is_any("from")
                    && !to.bare
                {
                    // "update the link to `x` to `y`"
                    let (new, end) = object(tokens, end + 1)?;
                    let wish = self.change(verb, Name::Exact(to.text), &new, noun.identifier)?;
                    return Some(found(wish, end, new.bare));
                }
                if !verb.gives_value() {
                    return None;
                }
                // "upgrade to React 18.3.1"
                if let Some(Token::Word(version)) = tokens.get(end)
                    && literal(version) == Some(Literal::Version)
                    && literal(&to.text).is_none()
                {
                    let wish = Wish::Assign { name: Name::Exact(to.text), from: None, to: version.clone() };
                    return Some(found(wish, end + 1, false));
                }
                // "serde: bump to 1.0.200"
                let colon = at.checked_sub(2).filter(|colon| tokens[*colon] == Token::Mark(':'))?;
                let name = colon.checked_sub(1).filter(|name| *name >= from)?;
                let name = Name::Exact(tokens[name].text()?.to_owned());
                literal(&to.text)?;
                Some(found(Wish::Assign { name, from: None, to: to.text }, end, false))
            }
        }
    }

    /// What `verb name to new` wants.
    fn change(&self, verb: words::Verb, name: Name, to: &Object, identifier: bool) -> Option<Wish> {
        let is_literal = literal(&to.text).is_some();
        let old = name.as_str().to_owned();
        let new = to.text.clone();
        let assign = |name| Wish::Assign { name, from: None, to: to.text.clone() };
        let spread = if self.misspelling { Spread::AnyCase } else { Spread::Exact };
        if verb.gives_value() {
            return (is_literal || !to.bare || !matches!(name, Name::Loose(_)) || is_name(&new))
                .then(|| assign(name));
        }
        if let Name::Loose(words) = &name {
            let one_word = !words.contains(' ');
            if verb.replaces() {
                let code = identifier || is_name(words) || verb == words::Verb::Rename && is_code(words);
                let safe = code || self.misspelling && term::are_alike(&old, &new);
                return (one_word && safe).then_some(Wish::Replace { old, new, spread });
            }
            return Some(assign(name));
        }
        let old_is_literal = literal(&old).is_some();
        if verb.replaces() || self.misspelling || identifier || old_is_literal || !is_key(&old) {
            return Some(Wish::Replace { old, new, spread });
        }
        if is_literal {
            return Some(assign(name));
        }
        Some(Wish::ReplaceOrAssign { old, new })
    }

    /// `X should be Y [instead of Z]`.
    fn modal(&self, index: usize, tokens: &[Token], from: usize, at: usize) -> Option<Found> {
        let link = words::link(tokens, at)?;
        let (new, mut end) = object(tokens, link.end)?;
        let mut old = None;
        if let Some(next) = words::instead_of(tokens, end) {
            let (object, next) = object(tokens, next)?;
            old = Some(object);
            end = next;
        }
        let found = |wish, start| Some(Found { wish, start, end, verb: None, bare: new.bare, path: None });
        let (subject, start) = self.subject(tokens, from, at);
        let is_literal = literal(&new.text).is_some();
        let spread = if self.misspelling { Spread::AnyCase } else { Spread::Exact };
        let replace = |old: String| Wish::Replace { old, new: new.text.clone(), spread };
        match (subject, old) {
            (Subject::Term(term), Some(old)) => {
                let from = Some(old.text);
                found(Wish::Assign { name: Name::Exact(term), from, to: new.text.clone() }, start)
            }
            (Subject::Words(name), Some(old)) if is_literal || !new.bare => {
                if words::is_text_noun(&name) || literal(&old.text).is_none() && !old.bare && !is_literal {
                    return found(replace(old.text), start);
                }
                let name = Name::Loose(name);
                found(Wish::Assign { name, from: Some(old.text), to: new.text.clone() }, start)
            }
            (Subject::Pronoun, Some(old)) => found(replace(old.text), start),
            (Subject::Term(old), None) => {
                let wish = match link.kind {
                    words::LinkKind::Text => replace(old),
                    words::LinkKind::Value => {
                        Wish::Assign { name: Name::Exact(old), from: None, to: new.text.clone() }
                    }
                    words::LinkKind::Open if self.misspelling || !is_key(&old) => replace(old),
                    words::LinkKind::Open if is_literal => {
                        Wish::Assign { name: Name::Exact(old), from: None, to: new.text.clone() }
                    }
                    words::LinkKind::Open => Wish::ReplaceOrAssign { old, new: new.text.clone() },
                };
                let text = matches!(wish, Wish::Replace { .. } | Wish::ReplaceOrAssign { .. });
                if text
                    && new.bare
                    && link.kind == words::LinkKind::Open
                    && !self.credible(&words::texts(&wish))
                {
                    return None;
                }
                found(wish, start)
            }
            (Subject::Words(name), None) => {
                if self.misspelling && !name.contains(' ') && !is_literal {
                    let wish = replace(name);
                    self.credible(&words::texts(&wish)).then_some(())?;
                    return found(wish, start);
                }
                let value = is_literal || !new.bare && link.kind != words::LinkKind::Text;
                let wish = Wish::Assign { name: Name::Loose(name), from: None, to: new.text.clone() };
                value.then_some(())?;
                found(wish, start)
            }
            (Subject::Pronoun, None) => {
                let old = self.antecedent(index, &new.text)?;
                (self.misspelling || link.kind == words::LinkKind::Text).then_some(())?;
                found(replace(old), start)
            }
            (Subject::Words(_), Some(_)) | (Subject::None, _) => None,
        }
    }

    /// `X -> Y`, `X: Z -> Y`.
    fn arrow(&self, tokens: &[Token], from: usize, at: usize) -> Option<Found> {
        (tokens[at] == Token::Arrow).then_some(())?;
        let left = at.checked_sub(1).filter(|left| *left >= from)?;
        let old = tokens[left].text()?.to_owned();
        let (new, end) = object(tokens, at + 1)?;
        let chained = tokens.get(end) == Some(&Token::Arrow)
            || left.checked_sub(1).is_some_and(|before| tokens[before] == Token::Arrow);
        let found = |wish, start| Some(Found { wish, start, end, verb: None, bare: new.bare, path: None });
        let spread = if self.misspelling { Spread::AnyCase } else { Spread::Exact };
        let replace = Wish::Replace { old: old.clone(), new: new.text.clone(), spread };
        if chained {
            return None;
        }
        if literal(&old).is_some() {
            let mut name = left.checked_sub(1).filter(|name| *name >= from);
            if let Some(colon) = name.filter(|colon| tokens[*colon] == Token::Mark(':')) {
                name = colon.checked_sub(1).filter(|name| *name >= from);
            }
            if let Some(start) = name
                && let Some(name) = tokens[start].text()
                && (matches!(tokens[start], Token::Term(_)) || is_key(name))
                && !(self.is_path)(name)
            {
                let name = Name::Exact(name.to_owned());
                return found(Wish::Assign { name, from: Some(old), to: new.text.clone() }, start);
            }
        }
        self.credible(&[&old, &new.text]).then_some(())?;
        found(replace, left)
    }

    /// `use Y instead of X`, `says X instead of Y`.
    fn instead(&self, tokens: &[Token], from: usize, at: usize) -> Option<Found> {
        let next = words::instead_of(tokens, at)?;
        let left = at.checked_sub(1).filter(|left| *left >= from)?;
        let first = tokens[left].text()?.to_owned();
        let (second, end) = object(tokens, next)?;
        self.credible(&[&first, &second.text]).then_some(())?;
        let (old, new) = match words::wants_or_has(&tokens[from..left])? {
            words::Stance::Wants => (second.text, first),
            words::Stance::Has => (first, second.text),
        };
        let spread = if self.misspelling { Spread::AnyCase } else { Spread::Exact };
        let wish = Wish::Replace { old, new, spread };
        Some(Found { wish, start: left, end, verb: None, bare: second.bare, path: None })
    }

    /// `Y is misspelled as X`, `X is a typo for Y`, `typo: X, correct: Y`.
    fn misspelled(&self, index: usize, tokens: &[Token], from: usize, at: usize) -> Option<Found> {
        let found = |old: String, new: Object, start, end| {
            self.credible(&[&old, &new.text]).then_some(())?;
            let wish = Wish::Replace { old, new: new.text, spread: Spread::AnyCase };
            Some(Found { wish, start, end, verb: None, bare: new.bare, path: None })
        };
        if words::is_misspelling(&tokens[at]) || tokens[at].is_any("spelled spelt written") {
            let (subject, start) = self.subject(tokens, from, at);
            let subject = match subject {
                Subject::Term(term) => Some(term),
                Subject::Words(word) if !word.contains(' ') => Some(word),
                _ => None,
            };
            let joint = tokens.get(at + 1)?;
            if joint.is_any("as") && self.misspelling {
                let (old, end) = object(tokens, at + 2)?;
                let new = Object { text: subject?, bare: old.bare };
                return found(old.text, new, start, end);
            }
            if joint.is_any("for of") {
                let (new, end) = object(tokens, at + 2)?;
                return found(subject?, new, start, end);
            }
            return None;
        }
        if !self.misspelling {
            return None;
        }
        let next = words::correction(tokens, at)?;
        let (new, end) = object(tokens, next)?;
        let before = tokens[from..at].iter().rposition(|token| matches!(token, Token::Term(_)));
        let before = before.or_else(|| {
            tokens[from..at].iter().rposition(
                |token| matches!(token, Token::Word(word) if !words::is_filler(word) && !words::is_misspelling(token)),
            )
        });
        match before {
            Some(old) => found(tokens[from + old].text()?.to_owned(), new, from + old, end),
            None => found(self.antecedent(index, &new.text)?, new, at, end),
        }
    }

    /// Whether two texts can only be meant literally: set apart, a misspelling and its like, or names of code.
    fn credible(&self, texts: &[&str]) -> bool {
        let apart = |text: &str| {
            let mut tokens = self.clauses.iter().flat_map(|clause| &clause.tokens);
            tokens.any(|token| matches!(token, Token::Term(term) if term == text))
        };
        let [old, new] = texts else { return false };
        apart(old) && apart(new)
            || self.misspelling && term::are_alike(old, new)
            || is_name(old) && is_name(new)
    }

    /// The one thing that `it` can mean: the only term of this clause and those before it, or the only word that
    /// is like its correction.
    fn antecedent(&self, index: usize, new: &str) -> Option<String> {
        let said =
            self.clauses[index.saturating_sub(MAX_BACK)..=index].iter().flat_map(|clause| &clause.tokens);
        let mut terms: Vec<&str> = Vec::new();
        let mut like: Vec<&str> = Vec::new();
        for token in said {
            let list = match token {
                Token::Term(_) => &mut terms,
                Token::Word(word) if term::are_alike(word, new) && word.len() > 3 => &mut like,
                _ => continue,
            };
            let text = token.text().filter(|text| *text != new && !(self.is_path)(text));
            list.extend(text.filter(|text| !list.contains(text)));
        }
        match (&terms[..], &like[..]) {
            ([term], _) | ([], [term]) => Some((*term).to_owned()),
            _ => None,
        }
    }

    /// Files named before the wish: `In docs/a.md, …`.
    fn lead(&self, tokens: &[Token], instruction: &mut Instruction) {
        for token in tokens {
            if let Some(path) = token.text().filter(|text| (self.is_path)(text)) {
                instruction.paths.push(path.to_owned());
            }
        }
        instruction.line = words::line_number(tokens);
    }

    /// Reads what follows a wish in its clause; gives the place where the next wish may start.
    fn trail(
        &self,
        tokens: &[Token],
        found: &Found,
        instruction: &mut Instruction,
    ) -> Result<usize, Refusal> {
        let mut at = found.end;
        let mut new_is_whole = !found.bare;
        while let Some(token) = tokens.get(at) {
            if token.text().is_some_and(|text| (self.is_path)(text)) {
                instruction.paths.extend(token.text().map(str::to_owned));
            } else if words::is_reason(token) {
                return Ok(tokens.len());
            } else if words::is_condition(token) {
                return Err(format!("`{}` makes the wish conditional", token.text().unwrap_or_default()));
            } else if token.is_any("or and/or") {
                return Err("the issue offers an alternative with `or`".to_owned());
            } else if token.is_any("and then") || *token == Token::Mark(',') {
                if self.goes_on(tokens, found, at + 1) {
                    return Ok(at + 1);
                }
                if let Some(demand) = tokens.get(at + 1).and_then(words::demanding) {
                    return Err(format!("the issue also asks to `{demand} …`"));
                }
                let next = tokens.get(at + 1);
                let place = next.is_some_and(|token| {
                    words::is_harmless(token) || token.text().is_some_and(|text| (self.is_path)(text))
                });
                if token.is_any("and then") && !place {
                    return Err(format!(
                        "what follows `{}` was not understood",
                        token.text().unwrap_or_default()
                    ));
                }
            } else if let Some(unit) = words::unit(token).filter(|_| at == found.end) {
                if let Wish::Assign { name, from: None, .. } = &found.wish
                    && !term::loose(name.as_str()).contains(term::loose(unit).trim_end_matches('s'))
                {
                    return Err(format!("the issue counts in {unit}, and the file may not"));
                }
            } else if token.is_any("line") && words::line_number(&tokens[at..]).is_some() {
                instruction.line = words::line_number(&tokens[at..]);
                at += 1;
            } else if !words::is_harmless(token) {
                if !new_is_whole && !words::is_place(token) {
                    return Err("it is not clear where the new text ends; put it in back ticks".to_owned());
                }
                if !words::is_place(token) {
                    instruction.restriction = token.text().map(str::to_owned);
                }
            }
            new_is_whole = true;
            at += 1;
        }
        Ok(at)
    }

    /// Whether another wish starts at `at`, perhaps with the verb of the one before.
    fn goes_on(&self, tokens: &[Token], found: &Found, at: usize) -> bool {
        let again = found.verb.and_then(|verb| self.objects(verb, tokens, at, at));
        let start = again.map(|wish| wish.start).or_else(|| {
            (at..tokens.len().min(at + 40))
                .find_map(|next| self.wish_at(0, tokens, at, next).map(|wish| wish.start))
        });
        start.is_some_and(|start| tokens[at..start].iter().all(words::is_connective))
    }

    /// Pairs of lines such as `Current text: X` and `Correct text: Y`.
    pub(super) fn labelled(&self, used: &mut [bool]) -> Result<Vec<(String, String)>, Refusal> {
        let mut pairs = Vec::new();
        let mut old: Option<String> = None;
        for (index, clause) in self.clauses.iter().enumerate() {
            let Some((label, value)) = words::label(clause, self.misspelling).filter(|_| !used[index]) else {
                continue;
            };
            match (label, old.take()) {
                (words::Stance::Has, None) => old = Some(value),
                (words::Stance::Wants, Some(before)) => pairs.push((before, value)),
                _ => return Err("the issue's labels for old and new text do not pair up".to_owned()),
            }
            used[index] = true;
        }
        Ok(pairs)
    }

    /// The files that clauses without a wish name, for the wishes that name none.
    pub(super) fn paths(&self, used: &[bool], found: &[Instruction]) -> Vec<String> {
        let said: Vec<&str> = found.iter().flat_map(|instruction| words::texts(&instruction.wish)).collect();
        let mut paths = Vec::new();
        for (clause, _) in self.clauses.iter().zip(used).filter(|(_, used)| !**used) {
            for text in clause.tokens.iter().filter_map(Token::text) {
                if (self.is_path)(text) && !said.contains(&text) && !paths.iter().any(|path| path == text) {
                    paths.push(text.to_owned());
                }
            }
        }
        paths
    }

    /// A better reason than "nothing understood", where there is one.
    pub(super) fn why_nothing(&self) -> Option<Refusal> {
        let mut terms: Vec<&str> = Vec::new();
        for token in self.clauses.iter().flat_map(|clause| &clause.tokens) {
            if let Token::Term(term) = token
                && !(self.is_path)(term)
                && !terms.contains(&term.as_str())
            {
                terms.push(term);
            }
        }
        match (self.misspelling, &terms[..]) {
            (true, [term]) => Some(format!("the issue does not say what `{}` should be", short(term))),
            (true, [a, b]) => {
                Some(format!("the issue does not say which of `{}` and `{}` is right", short(a), short(b)))
            }
            _ => None,
        }
    }
}
