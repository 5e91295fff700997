//! A *period* is a day or a month of UTC.

use std::fmt;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

/// How long a period is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    Day,
    Month,
}

impl Span {
    /// The word for it, in reports and in telemetry.
    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }
}

/// See the module's documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Period {
    span: Span,
    first: Date,
}

impl Period {
    /// The period that a time lies in.
    pub(super) fn at(span: Span, time: Timestamp) -> Self {
        let day = time.to_zoned(TimeZone::UTC).date();
        let first = match span {
            Span::Day => day,
            Span::Month => day.first_of_month(),
        };
        Self { span, first }
    }

    /// When the next one begins.
    pub(super) fn end(self) -> Timestamp {
        let next = match self.span {
            Span::Day => self.first.checked_add(1.day()),
            Span::Month => self.first.checked_add(1.month()),
        };
        next.and_then(|day| day.to_zoned(TimeZone::UTC)).map_or(Timestamp::MAX, |start| start.timestamp())
    }
}

/// As it stands in names: `2026-11-29` or `2026-11`.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.span {
            Span::Day => write!(f, "{}", self.first.strftime("%Y-%m-%d")),
            Span::Month => write!(f, "{}", self.first.strftime("%Y-%m")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_ends_where_the_next_begins() {
        for (span, time, name, end) in [
            (Span::Day, "2026-11-29T23:59:59Z", "2026-11-29", "2026-11-30T00:00:00Z"),
            (Span::Day, "2026-11-30T00:00:00Z", "2026-11-30", "2026-12-01T00:00:00Z"),
            (Span::Day, "2026-12-31T12:00:00Z", "2026-12-31", "2027-01-01T00:00:00Z"),
            (Span::Month, "2026-11-30T23:59:59Z", "2026-11", "2026-12-01T00:00:00Z"),
            (Span::Month, "2026-12-31T23:59:59Z", "2026-12", "2027-01-01T00:00:00Z"),
            (Span::Month, "2028-02-29T00:00:00Z", "2028-02", "2028-03-01T00:00:00Z"),
        ] {
            let period = Period::at(span, time.parse().unwrap());
            assert_eq!((period.to_string().as_str(), period.end().to_string().as_str()), (name, end));
        }
    }
}
