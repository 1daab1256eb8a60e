//! A limit on the time of a call that is polled until it is ready.

use alloc::boxed::Box;
use core::future::Future;
use core::pin::Pin;
use core::task::Context;
use core::time::Duration;

use tokio::time::{Sleep, sleep};

/// How many times the limit all of a call may take that makes progress.
const TOTAL: u32 = 10;

pub(crate) struct TimeLimit {
    /// How long a call may make no progress.
    limit: Duration,
    /// From the first poll until the call is [over](Self::stop).
    running: Option<Running>,
    has_progressed: bool,
}

struct Running {
    without_progress: Pin<Box<Sleep>>,
    total: Pin<Box<Sleep>>,
}

impl TimeLimit {
    pub(crate) const fn new(limit: Duration) -> Self {
        Self { limit, running: None, has_progressed: false }
    }

    /// Takes note that bytes were sent or received.
    pub(crate) const fn progressed(&mut self) {
        self.has_progressed = true;
    }

    /// Ends the call: the next one has the whole time.
    pub(crate) fn stop(&mut self) {
        self.running = None;
    }

    /// Returns whether the time is over, which begins with the first poll of a call.
    pub(crate) fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        let limit = self.limit;
        let Running { without_progress, total } = self.running.get_or_insert_with(|| Running {
            without_progress: Box::pin(sleep(limit)),
            total: Box::pin(sleep(limit.saturating_mul(TOTAL))),
        });
        if core::mem::take(&mut self.has_progressed) {
            without_progress.set(sleep(limit));
        }
        without_progress.as_mut().poll(cx).is_ready() || total.as_mut().poll(cx).is_ready()
    }
}
