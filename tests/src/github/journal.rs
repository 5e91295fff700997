//! The **journal** holds every call that the stand-in received; a **trigger** picks one of them out, for a fault or for something that happens
//! in the world at that moment.

use std::fmt::Write as _;

/// Whether a call may change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Read,
    Mutation,
}

/// One call, as received.
#[derive(Debug, Clone)]
pub struct Call {
    /// Counted from 1, over all calls.
    pub number: usize,
    pub method: String,
    /// With the query, without the prefix of an enterprise server.
    pub path: String,
    /// GitHub's `operationId`; `graphql:` and the name of the first field; `git:` and the service; or `unknown`.
    pub operation: String,
    /// The headers, one a line, without `Authorization`.
    pub headers: String,
    pub body: Vec<u8>,
    pub effect: Effect,
    /// What was answered. None while it is under way, and if the connection was closed without an answer.
    pub status: Option<u16>,
}

/// All calls so far, in order of arrival.
#[derive(Debug, Clone, Default)]
pub struct Journal {
    pub calls: Vec<Call>,
}

impl Journal {
    pub fn mutations(&self) -> impl Iterator<Item = &Call> {
        self.calls.iter().filter(|call| call.effect == Effect::Mutation)
    }

    /// How often this operation was called.
    pub fn count(&self, operation: &str) -> usize {
        self.calls.iter().filter(|call| call.operation == operation).count()
    }

    /// One call a line: number, operation, status. A mutation is marked by `*`.
    pub fn summary(&self) -> String {
        let mut text = String::new();
        for call in &self.calls {
            let mark = if call.effect == Effect::Mutation { "*" } else { " " };
            let status = call.status.map_or("closed".to_owned(), |status| status.to_string());
            writeln!(text, "{:>3}{mark} {} {status}", call.number, call.operation)
                .expect("writing to a string");
        }
        text
    }

    /// All bytes that clients sent, but for the `Authorization` header, in which the token belongs.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for call in &self.calls {
            bytes.extend(format!("{} {}\n{}\n", call.method, call.path, call.headers).bytes());
            bytes.extend(&call.body);
            bytes.push(b'\n');
        }
        bytes
    }
}

/// Which call is meant.
pub enum When {
    /// The n-th call that may change something, counted from 1 from the start of the stand-in.
    Mutation(usize),
    /// The n-th call of this operation, counted from 1 from the moment of the order.
    Nth(String, usize),
    /// Each call of this operation.
    Every(String),
    /// The first call for which this holds.
    Where(Box<dyn Fn(&Call) -> bool + Send>),
}

impl When {
    /// The next call of this operation.
    pub fn next(operation: &str) -> Self {
        Self::Nth(operation.to_owned(), 1)
    }

    pub fn nth(operation: &str, nth: usize) -> Self {
        Self::Nth(operation.to_owned(), nth)
    }

    pub fn every(operation: &str) -> Self {
        Self::Every(operation.to_owned())
    }

    pub fn matching(predicate: impl Fn(&Call) -> bool + Send + 'static) -> Self {
        Self::Where(Box::new(predicate))
    }
}

impl std::fmt::Debug for When {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Mutation(nth) => write!(formatter, "mutation {nth}"),
            Self::Nth(operation, nth) => write!(formatter, "{operation} number {nth}"),
            Self::Every(operation) => write!(formatter, "every {operation}"),
            Self::Where(_) => formatter.write_str("a call that matches"),
        }
    }
}

/// Something that waits for a call.
#[derive(Debug)]
pub(crate) struct Pending<T> {
    when: When,
    seen: usize,
    pub(crate) what: T,
}

impl<T> Pending<T> {
    pub(crate) fn new(when: When, what: T) -> Self {
        Self { when, seen: 0, what }
    }

    /// Whether this is the call. `mutation` is the call's number among the mutations.
    pub(crate) fn is_due(&mut self, call: &Call, mutation: usize) -> bool {
        match &self.when {
            When::Mutation(nth) => call.effect == Effect::Mutation && *nth == mutation,
            When::Nth(operation, nth) if *operation == call.operation => {
                self.seen += 1;
                self.seen == *nth
            }
            When::Nth(..) => false,
            When::Every(operation) => *operation == call.operation,
            When::Where(predicate) => predicate(call),
        }
    }

    pub(crate) fn stays(&self) -> bool {
        matches!(self.when, When::Every(_))
    }

    pub(crate) fn describe(&self) -> String {
        format!("{:?}", self.when)
    }
}
