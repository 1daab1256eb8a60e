//! A limit on the time of a call that is polled until it is ready.

use alloc::boxed::Box;
use core::future::Future;
use core::pin::Pin;
use core::task::Context;
use core::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// How many times the limit all of a call may take that makes progress.
const TOTAL: u32 = 10;

pub(crate) struct TimeLimit {
    /// How long a call may make no progress.
    limit: Duration,
    /// From the first poll on.
    running: Option<Running>,
    has_progressed: bool,
}

struct Running {
    sleep: Pin<Box<Sleep>>,
    /// The end of all of it.
    end: Instant,
}

impl TimeLimit {
    pub(crate) const fn new(limit: Duration) -> Self {
        Self { limit, running: None, has_progressed: false }
    }

    /// Takes note that bytes were sent or received.
    pub(crate) const fn progressed(&mut self) {
        self.has_progressed = true;
    }

    /// Returns whether the time is over, which begins with the first call.
    pub(crate) fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        let limit = self.limit;
        let has_progressed = core::mem::take(&mut self.has_progressed);
        let Running { sleep, end } = self.running.get_or_insert_with(|| Running {
            sleep: Box::pin(sleep(limit)),
            end: later(limit.saturating_mul(TOTAL)),
        });
        if has_progressed {
            sleep.as_mut().reset(later(limit).min(*end));
        }
        sleep.as_mut().poll(cx).is_ready()
    }
}

/// The time after `duration`, or if it is too long, after 30 years, as tokio has it.
fn later(duration: Duration) -> Instant {
    const LONG: Duration = Duration::from_secs(86_400 * 365 * 30);
    let now = Instant::now();
    now.checked_add(duration.min(LONG)).unwrap_or(now)
}
