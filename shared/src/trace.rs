//! A *trace context*: which trace a piece of work belongs to, handed from program to program
//! (<https://www.w3.org/TR/trace-context/>).

use std::fmt;

use crate::{hex, task::TaskId};

/// The value of a `traceparent` header.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: [u8; 16],
    parent_id: [u8; 8],
    flags: u8,
}

impl TraceContext {
    /// A trace of our own. Ids of nothing but zeros mean "none" and are not valid: their last byte is set.
    fn new(mut trace_id: [u8; 16], mut parent_id: [u8; 8]) -> Self {
        if trace_id == [0; 16] {
            trace_id[15] = 1;
        }
        if parent_id == [0; 8] {
            parent_id[7] = 1;
        }
        Self { trace_id, parent_id, flags: 1 }
    }

    /// The trace of a task that nobody traces: all that happens for the task has one trace, whichever program tells it.
    pub fn of_task(id: TaskId) -> Self {
        let bytes = id.bytes();
        let mut parent_id = [0; 8];
        parent_id.copy_from_slice(&bytes[..8]);
        Self::new(bytes, parent_id)
    }

    /// A trace as somebody else began it; `None` for ids of nothing but zeros.
    pub fn of_ids(trace_id: [u8; 16], parent_id: [u8; 8], flags: u8) -> Option<Self> {
        let is_valid = trace_id != [0; 16] && parent_id != [0; 8];
        is_valid.then_some(Self { trace_id, parent_id, flags })
    }

    pub fn trace_id(&self) -> [u8; 16] {
        self.trace_id
    }

    pub fn parent_id(&self) -> [u8; 8] {
        self.parent_id
    }

    pub fn flags(&self) -> u8 {
        self.flags
    }

    /// Reads `VERSION-TRACE-PARENT-FLAGS`. `None` tells the caller to start a trace of its own, as the
    /// specification asks for anything it does not allow. Later versions may append fields; they are ignored.
    pub fn parse(traceparent: &str) -> Option<Self> {
        let mut fields = traceparent.splitn(5, '-');
        let [version] = hex::parse(fields.next()?)?;
        let trace_id = hex::parse(fields.next()?)?;
        let parent_id = hex::parse(fields.next()?)?;
        let [flags] = hex::parse(fields.next()?)?;
        let more = fields.next().is_some();
        if version == 0xff || (version == 0 && more) || trace_id == [0; 16] || parent_id == [0; 8] {
            return None;
        }
        Some(Self { trace_id, parent_id, flags })
    }
}

/// As version 00.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("00-")?;
        hex::write(f, &self.trace_id)?;
        f.write_str("-")?;
        hex::write(f, &self.parent_id)?;
        write!(f, "-{:02x}", self.flags)
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_specification_allows() {
        let example = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let table: &[(&str, Option<&str>)] = &[
            (example, Some(example)),
            ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-brings", Some(example)),
            ("", None),
            ("00", None),
            ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", None),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", None),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-", None),
            ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", None),
            ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", None),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", None),
            ("00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01", None),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", None),
            (" 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", None),
        ];
        for (text, expect) in table {
            assert_eq!(
                TraceContext::parse(text).map(|trace| trace.to_string()).as_deref(),
                *expect,
                "{text}"
            );
        }
    }

    #[test]
    fn own_traces_are_valid_whatever_the_ids() {
        for (trace, parent) in [([0; 16], [0; 8]), ([7; 16], [9; 8])] {
            let own = TraceContext::new(trace, parent);
            assert_eq!(TraceContext::parse(&own.to_string()), Some(own));
        }
    }
}
