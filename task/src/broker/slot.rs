//! A *slot* is the right to be one of so many at once, over all runs.
//!
//! It is a queue that one connection alone can have (`exclusive`): of a name that ends in a number, there are so many as
//! there are numbers. Nobody makes or counts them, a number may be changed at any time, and a run that dies gives its slots
//! back with its connection.

use lapin::Channel;
use lapin::options::{QueueDeclareOptions, QueueDeleteOptions};
use lapin::protocol::AMQPSoftError;
use tokio::time::timeout;

use super::line::classic;
use super::{ANSWER_WITHIN, BrokerError, Line, is_soft, not_given};

/// See the module's documentation. It ends with its connection, if it is not given back before.
#[derive(Debug)]
#[must_use = "a slot is given back when it is not needed any more"]
pub struct Slot {
    channel: Channel,
    name: String,
}

impl Line {
    /// Takes one of `most` slots of that name; `None` if others have them all.
    pub async fn take_slot(&self, name: &str, most: u32) -> Result<Option<Slot>, BrokerError> {
        let connection = self.connection().await?;
        // Not everybody begins at the same one.
        let first = jiff::Timestamp::now().subsec_nanosecond().unsigned_abs() / 1_000 % most.max(1);
        for number in 0..most {
            let name = format!("{name}.{}", (first + number) % most + 1);
            let taking = async {
                // A slot that is taken closes the channel that asked.
                let channel = connection.create_channel().await?;
                let options = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
                channel.queue_declare(name.as_str().into(), options, classic()).await?;
                Ok(channel)
            };
            match timeout(ANSWER_WITHIN, taking).await.map_err(|_| BrokerError::TimedOut)? {
                Ok(channel) => return Ok(Some(Slot { channel, name })),
                Err(error) if is_soft(&error, AMQPSoftError::RESOURCELOCKED) => {}
                Err(error) => return Err(not_given(error)),
            }
        }
        Ok(None)
    }
}

impl Slot {
    /// Lets others have it.
    pub async fn give_back(self) {
        let deleting = async {
            let options = QueueDeleteOptions::default();
            self.channel.queue_delete(self.name.as_str().into(), options).await?;
            self.channel.close(200, "given back".into()).await
        };
        if !matches!(timeout(ANSWER_WITHIN, deleting).await, Ok(Ok(()))) {
            tracing::debug!(slot = self.name, "a slot is given back with its connection");
        }
    }
}
