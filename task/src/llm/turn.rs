//! A *turn* is what comes of one attempt at an answer, piece by piece.

use std::time::Duration;

use serde_json::Value;

use super::error::LlmError;
use super::prompt::{Counted, Prompt, Usage};
use super::stop::Stop;

/// What can be told of a call that is under way.
#[derive(Debug)]
pub enum Progress<'a> {
    /// The model thinks; so far this many bytes.
    Thinking { bytes: usize },
    /// The model answers; so far this many bytes.
    Writing { bytes: usize },
    /// An attempt failed, and the next follows.
    Retrying { error: &'a LlmError, pause: Duration },
}

/// What has come of an attempt so far.
pub(super) struct Turn<'a> {
    pub(super) text: String,
    pub(super) model: Option<String>,
    pub(super) counts: Counts,
    /// Why the answer ended, as the server says it.
    pub(super) finish: Option<String>,
    thought: usize,
    estimated_tokens: u32,
    accepted: bool,
    progress: &'a mut (dyn FnMut(Progress<'_>) + Send),
}

/// The counts that the provider gave.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) input: Option<u64>,
    pub(super) output: Option<u64>,
    pub(super) cache_read: Option<u64>,
    pub(super) cache_write: Option<u64>,
}

impl<'a> Turn<'a> {
    pub(super) fn new(prompt: &Prompt<'_>, progress: &'a mut (dyn FnMut(Progress<'_>) + Send)) -> Self {
        Self {
            text: String::new(),
            model: None,
            counts: Counts::default(),
            finish: None,
            thought: 0,
            estimated_tokens: prompt.estimated_tokens,
            accepted: false,
            progress,
        }
    }

    /// Notes that the server took the prompt, so that its tokens count.
    pub(super) fn accept(&mut self) {
        self.accepted = true;
    }

    /// Begins another block of text: it is no continuation of the last line.
    pub(super) fn begin_block(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
    }

    pub(super) fn write(&mut self, piece: &str) {
        if !piece.is_empty() {
            self.text.push_str(piece);
            (self.progress)(Progress::Writing { bytes: self.text.len() });
        }
    }

    pub(super) fn think(&mut self, piece: &str) {
        if !piece.is_empty() {
            self.thought += piece.len();
            (self.progress)(Progress::Thinking { bytes: self.thought });
        }
    }

    /// Notes why the answer ended. A word that nobody knows could be anything.
    pub(super) fn finished(&mut self, reason: &str) {
        let is_known = Stop::of(reason) != Stop::Other;
        self.finish = Some(if is_known { reason.trim().to_ascii_lowercase() } else { "other".to_owned() });
    }

    pub(super) fn model(&mut self, name: &Value) {
        if self.model.is_none() {
            self.model = name.as_str().map(str::to_owned);
        }
    }

    /// The provider's counts; ours where it gives none, or gives zero for what is not nothing.
    pub(super) fn usage(&self) -> Usage {
        if !self.accepted {
            return Usage::default();
        }
        let mut usage = Usage {
            input_tokens: self.counts.input.unwrap_or(0),
            output_tokens: self.counts.output.unwrap_or(0),
            cache_read_tokens: self.counts.cache_read.unwrap_or(0),
            cache_write_tokens: self.counts.cache_write.unwrap_or(0),
            counted: Counted::ByProvider,
        };
        if usage.prompt_tokens() == 0 {
            usage.input_tokens = self.estimated_tokens.into();
            usage.counted = Counted::ByEstimate;
        }
        let written = self.text.len() + self.thought;
        if usage.output_tokens == 0 && written > 0 {
            // Code has three to four bytes to a token.
            usage.output_tokens = written.div_ceil(3) as u64;
            usage.counted = Counted::ByEstimate;
        }
        usage
    }
}
