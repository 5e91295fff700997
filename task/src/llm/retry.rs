//! When to ask again: after a failure that passes by itself, after a growing pause, for a bounded number of times.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use super::config::Retries;
use super::error::LlmError;

/// The pauses that are left.
#[derive(Debug)]
pub(super) struct Pauses {
    backoff: ExponentialBackoff,
    longest: Duration,
}

impl Pauses {
    pub(super) fn new(retries: Retries) -> Self {
        let backoff = ExponentialBuilder::default()
            .with_min_delay(retries.first_pause)
            .with_max_delay(retries.longest_pause)
            .with_max_times(retries.times)
            .with_jitter()
            .build();
        Self { backoff, longest: retries.longest_pause }
    }

    /// How long to wait after `error`, or `None` if it is final: at least as long as the provider asks for, unless that is
    /// longer than we are willing to wait.
    pub(super) fn after(&mut self, error: &LlmError) -> Option<Duration> {
        if !error.may_be_repeated() {
            return None;
        }
        let pause = self.backoff.next()?;
        match error.retry_after() {
            Some(asked) if asked > self.longest => None,
            Some(asked) => Some(asked.max(pause)),
            None => Some(pause),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::Provider;
    use crate::llm::error::Repeat;

    fn limited(retry_after: Option<u64>) -> LlmError {
        LlmError::RateLimited {
            provider: Provider::Anthropic,
            repeat: Repeat::Soon,
            retry_after: retry_after.map(Duration::from_secs),
            message: String::new(),
        }
    }

    #[test]
    fn pauses_grow_and_end() {
        let mut pauses = Pauses::new(Retries {
            times: 3,
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_mins(1),
        });
        for least in [1, 2, 4] {
            let pause = pauses.after(&limited(None)).unwrap();
            let least = Duration::from_secs(least);
            assert!((least..=2 * least).contains(&pause), "{pause:?}");
        }
        assert_eq!(pauses.after(&limited(None)), None);
    }

    #[test]
    fn the_provider_is_obeyed_within_reason() {
        let pauses = || Pauses::new(Retries::default());
        assert_eq!(pauses().after(&limited(Some(17))), Some(Duration::from_secs(17)));
        assert!(pauses().after(&limited(Some(0))).unwrap() >= Duration::from_secs(1));
        assert_eq!(pauses().after(&limited(Some(3600))), None);
        let later = LlmError::RateLimited {
            provider: Provider::Anthropic,
            repeat: Repeat::Later,
            retry_after: None,
            message: String::new(),
        };
        assert!(later.is_transient());
        assert_eq!(pauses().after(&later), None);
        let spent = LlmError::SpendLimit { provider: Provider::Anthropic, message: String::new() };
        assert_eq!(pauses().after(&spent), None);
    }
}
