//! A *purse* is what one run has of the budgets: what it reserved at the broker and has not used yet.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::sleep;

use super::book::{Book, Desk};
use super::period::Period;
use super::{BudgetError, Limit, Shortage, UNIT};
use crate::broker::{BrokerError, Line};
use crate::clock;
use crate::usd::Usd;

/// How often a reservation is tried again that only another run's, made at the same moment, was in the way of.
const TRIES: u32 = 4;

/// See the module's documentation.
pub struct Purse {
    line: Arc<Line>,
    pockets: Vec<Pocket>,
    /// What the calls of this run have cost. A run that finds no budget begins again from nothing, so that it needs room for
    /// all of that once more.
    spent: Usd,
}

/// What is reserved under one ceiling.
struct Pocket {
    limit: Limit,
    book: Book,
    /// Reserved in the book, and neither spent nor part of a [`Draw`]: less than a unit, because units alone are counted.
    over: Usd,
}

/// What was reserved for one call.
#[derive(Debug)]
#[must_use = "what a call did not use is given back"]
pub struct Draw {
    needed: Usd,
    books: Vec<Book>,
}

/// What a draw from one pocket came to.
enum Drawn {
    Units(u64),
    Refused { counted: u64 },
}

impl Purse {
    pub(super) fn new(line: Arc<Line>, limits: Vec<Limit>) -> Self {
        let now = clock::now();
        let pocket = |limit: Limit| Pocket { book: limit.book(now), limit, over: Usd::ZERO };
        Self { line, pockets: limits.into_iter().map(pocket).collect(), spent: Usd::ZERO }
    }

    /// The setting of one of the ceilings, if there is any.
    pub fn limited_by(&self) -> Option<&'static str> {
        self.pockets.first().map(|pocket| pocket.limit.setting())
    }

    /// Reserves `needed` under every ceiling, or under none of them. Once more, where the connection to the broker was lost
    /// meanwhile: what the first time left there stays counted.
    pub async fn draw(&mut self, needed: Usd) -> Result<Draw, BudgetError> {
        match self.draw_once(needed).await {
            Err(BudgetError::Uncounted { why, is_transient: true, .. }) => {
                tracing::warn!(error = why, "a call is reserved once more");
                self.draw_once(needed).await
            }
            drawn => drawn,
        }
    }

    async fn draw_once(&mut self, needed: Usd) -> Result<Draw, BudgetError> {
        if needed == Usd::ZERO || self.pockets.is_empty() {
            return Ok(Draw { needed: Usd::ZERO, books: Vec::new() });
        }
        let now = clock::now();
        for pocket in &mut self.pockets {
            pocket.turn_to(now);
            pocket.fits(needed, self.spent)?;
        }
        let mut drawn: Vec<u64> = Vec::new();
        let mut refused = None;
        for pocket in &self.pockets {
            match pocket.draw(&self.line, needed).await {
                Ok(Drawn::Units(units)) => drawn.push(units),
                Ok(Drawn::Refused { counted }) => {
                    refused = Some(pocket.reached(needed, self.spent, counted, now));
                    break;
                }
                Err(error) => {
                    refused = Some(error.into());
                    break;
                }
            }
        }
        if let Some(error) = refused {
            for (pocket, units) in self.pockets.iter().zip(drawn) {
                pocket.put_back(&self.line, units).await;
            }
            return Err(error);
        }
        for (pocket, units) in self.pockets.iter_mut().zip(drawn) {
            pocket.over = pocket.over.plus(UNIT.times(units)).left_after(needed);
        }
        Ok(Draw { needed, books: self.pockets.iter().map(|pocket| pocket.book.clone()).collect() })
    }

    /// Ends a call that cost at most `cost`: gives back what it did not use, and counts what it used beyond that. What
    /// cannot be given back stays counted.
    pub async fn settle(&mut self, draw: Draw, cost: Usd) {
        let Draw { needed, books } = draw;
        self.spent = self.spent.plus(cost);
        // A reservation that went down to the last unit leaves nothing to write.
        if books.is_empty() || cost == needed {
            return;
        }
        if cost > needed {
            tracing::warn!(%cost, reserved = %needed, "a call to the model cost more than its worst case");
        }
        for (pocket, book) in self.pockets.iter_mut().zip(books) {
            // What was reserved in a period that is over is of no use in this one.
            if pocket.book == book {
                pocket.settle(&self.line, needed, cost).await;
            }
        }
    }
}

impl Limit {
    pub(super) fn book(&self, time: Timestamp) -> Book {
        Book::new(self.scope, self.span, time)
    }
}

impl Pocket {
    /// Begins another book if another period has begun.
    fn turn_to(&mut self, now: Timestamp) {
        let book = self.limit.book(now);
        if book != self.book {
            (self.book, self.over) = (book, Usd::ZERO);
        }
    }

    /// Whether the call could ever be made, after what its run has spent.
    fn fits(&self, needed: Usd, spent: Usd) -> Result<(), BudgetError> {
        let Limit { ceiling, .. } = self.limit;
        let needed = needed.plus(spent);
        // A ceiling of nothing pauses the agent: that is no mistake of whoever set it.
        if ceiling == Usd::ZERO || needed.in_units_up(UNIT) <= self.limit.units() {
            return Ok(());
        }
        let what = if spent == Usd::ZERO { "one call" } else { "the calls of one run" };
        Err(BudgetError::TooLow { what, limit: self.limit.setting().to_owned(), needed, ceiling })
    }

    /// By a channel of its own, as all that follows: a queue that is missing or of another type closes it.
    async fn draw(&self, line: &Line, needed: Usd) -> Result<Drawn, BrokerError> {
        let desk = Desk::open(line).await?;
        let drawn = self.draw_at(&desk, needed.left_after(self.over).in_units_up(UNIT)).await;
        desk.close().await;
        drawn
    }

    async fn draw_at(&self, desk: &Desk, units: u64) -> Result<Drawn, BrokerError> {
        let most = self.limit.units();
        let mut counted = desk.open_book(&self.book).await?;
        if units == 0 {
            return Ok(Drawn::Units(0));
        }
        for again in 0..TRIES {
            if counted.saturating_add(units) > most {
                return Ok(Drawn::Refused { counted });
            }
            let kept = desk.add(&self.book, units).await?;
            if kept < units {
                self.give_back(desk, kept).await;
                return Err(BrokerError::NotKept);
            }
            let length = desk.length(&self.book).await?;
            if length <= most {
                return Ok(Drawn::Units(units));
            }
            // Others reserved at the same moment. Not all of them stay.
            self.give_back(desk, units).await;
            counted = length.saturating_sub(units);
            sleep(pause(again)).await;
        }
        Ok(Drawn::Refused { counted })
    }

    /// Gives back what no call uses.
    async fn put_back(&self, line: &Line, units: u64) {
        if units == 0 {
            return;
        }
        match Desk::open(line).await {
            Ok(desk) => {
                self.give_back(&desk, units).await;
                desk.close().await;
            }
            Err(error) => self.stays_counted(&error, units),
        }
    }

    async fn give_back(&self, desk: &Desk, units: u64) {
        let book = self.book.name();
        match desk.take_off(&self.book, units).await {
            Ok(taken) if taken < units => {
                tracing::warn!(
                    book,
                    missing = units - taken,
                    "the budget's queue was emptied by somebody else"
                );
            }
            Ok(_) => {}
            Err(error) => self.stays_counted(&error, units),
        }
    }

    fn stays_counted(&self, error: &BrokerError, units: u64) {
        tracing::warn!(
            error = error as &dyn std::error::Error,
            book = self.book.name(),
            units,
            "a reservation stays counted"
        );
    }

    async fn add(&self, line: &Line, units: u64) -> Result<(), BrokerError> {
        let desk = Desk::open(line).await?;
        let kept = desk.add(&self.book, units).await;
        desk.close().await;
        if kept? == units { Ok(()) } else { Err(BrokerError::NotKept) }
    }

    async fn settle(&mut self, line: &Line, needed: Usd, cost: Usd) {
        let have = self.over.plus(needed);
        if cost > have {
            let units = cost.left_after(have).in_units_up(UNIT);
            match self.add(line, units).await {
                Ok(()) => self.over = have.plus(UNIT.times(units)).left_after(cost),
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        book = self.book.name(),
                        units,
                        "what a call cost is not counted"
                    );
                }
            }
            return;
        }
        let unused = have.left_after(cost);
        let units = unused.in_units_down(UNIT);
        self.put_back(line, units).await;
        self.over = unused.left_after(UNIT.times(units));
    }

    fn reached(&self, needed: Usd, spent: Usd, counted: u64, now: Timestamp) -> BudgetError {
        let units = u32::try_from(needed.plus(spent).in_units_up(UNIT)).unwrap_or(u32::MAX);
        BudgetError::Reached {
            limit: self.limit.setting().to_owned(),
            counted: UNIT.times(counted),
            needed,
            ceiling: self.limit.ceiling,
            shortage: Shortage { units, until: Period::at(self.limit.span, now).end() },
        }
    }
}

impl fmt::Debug for Purse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.pockets.iter().map(|pocket| (pocket.book.name(), pocket.over))).finish()
    }
}

/// Grows, and differs between processes.
fn pause(again: u32) -> Duration {
    let chance = Timestamp::now().subsec_nanosecond().unsigned_abs() / 1_000 % 64;
    Duration::from_millis(u64::from(chance * (again + 1)))
}
