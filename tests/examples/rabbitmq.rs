//! Runs a RabbitMQ for all tests of one round: prints the value of `TESTS_RABBITMQ`, and ends with standard input.

use std::io::{Read as _, Write as _};

use tests::broker::Broker;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let broker = Broker::start().await?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", broker.ports())?;
    out.flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
