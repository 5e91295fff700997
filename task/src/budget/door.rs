//! The *door* to a provider: so many calls at once over all runs, and none while the provider asks to be left alone.
//!
//! Where a provider told one run to wait, that run leaves a message in a queue of the provider's, which is gone when that
//! time is over; the others look for it before they call, and wait as well, for a minute at most: then they ask for
//! themselves.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Connection};
use shared::queue::BUDGET;
use tokio::time::{Instant, sleep};

use super::BudgetError;
use crate::broker::{BrokerError, Line, Slot, classic_for, declare_bound, within};

/// The first pause between two looks whether somebody has left. Each further one is twice as long, up to [`LONGEST`].
const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(8);
/// How long a run waits in place until a call may begin. Then its task waits in the queue.
const PATIENCE: Duration = Duration::from_mins(5);
/// How long a run waits because another one was told to.
const FOR_OTHERS: Duration = Duration::from_mins(1);
/// The longest that others are told to wait.
const LONGEST_PAUSE: Duration = Duration::from_mins(15);
/// How long the queue of a provider's pauses stays that nobody asks for.
const STAYS: Duration = Duration::from_hours(1);

/// See the module's documentation. Clones are the same one.
#[derive(Clone)]
pub struct Door {
    line: Arc<Line>,
    most: u32,
}

impl Door {
    pub fn new(line: &Arc<Line>, most: u32) -> Self {
        Self { line: Arc::clone(line), most }
    }

    /// Returns when a call to the provider may begin.
    pub async fn enter(&self, provider: &str) -> Result<Slot, BudgetError> {
        let since = Instant::now();
        let mut pause = FIRST;
        let mut is_told = false;
        loop {
            let is_left_alone = since.elapsed() < FOR_OTHERS && self.is_left_alone(provider).await?;
            if !is_left_alone {
                let name = format!("{BUDGET}.calls.{provider}");
                if let Some(slot) = self.line.take_slot(&name, self.most).await? {
                    return Ok(slot);
                }
            }
            if !is_told {
                tracing::info!(
                    provider,
                    most = self.most,
                    is_left_alone,
                    "waiting for other runs to end their calls"
                );
                is_told = true;
            }
            if since.elapsed() > PATIENCE {
                return Err(BudgetError::Busy { provider: provider.to_owned(), most: self.most });
            }
            let chance = Timestamp::now().subsec_nanosecond().unsigned_abs() / 1_000 % 250;
            sleep(pause + Duration::from_millis(chance.into())).await;
            pause = (pause * 2).min(LONGEST);
        }
    }

    /// Lets other runs wait as well. What cannot be told is told to them by the provider.
    pub async fn leave_alone(&self, provider: &str, time: Duration) {
        if let Err(error) = self.tell(provider, time.min(LONGEST_PAUSE)).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                provider,
                "other runs are not told to wait"
            );
        }
    }

    async fn tell(&self, provider: &str, time: Duration) -> Result<(), BrokerError> {
        let connection = self.line.connection().await?;
        within(async {
            let (channel, _) = pauses(&connection, provider).await?;
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            let properties = BasicProperties::default().with_expiration(time.as_millis().to_string().into());
            let (exchange, key) = (BUDGET.into(), name_of(provider).into());
            let options = BasicPublishOptions::default();
            channel.basic_publish(exchange, key, options, b"", properties).await?.await?;
            channel.close(200, "told".into()).await
        })
        .await
    }

    async fn is_left_alone(&self, provider: &str) -> Result<bool, BrokerError> {
        let connection = self.line.connection().await?;
        within(async {
            let (channel, words) = pauses(&connection, provider).await?;
            channel.close(200, "asked".into()).await?;
            Ok(words > 0)
        })
        .await
    }
}

/// A channel, with the queue of the provider's pauses declared; how many words are in that.
async fn pauses(connection: &Connection, provider: &str) -> Result<(Channel, u64), lapin::Error> {
    let channel = connection.create_channel().await?;
    // The newest word counts.
    let words = declare_bound(&channel, &name_of(provider), classic_for(STAYS, 1)).await?;
    Ok((channel, words))
}

fn name_of(provider: &str) -> String {
    format!("{BUDGET}.pause.{provider}")
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("most", &self.most).finish_non_exhaustive()
    }
}
