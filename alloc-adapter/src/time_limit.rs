//! A limit on the time of a call that is polled until it is ready.

use alloc::boxed::Box;
use core::future::Future;
use core::pin::Pin;
use core::task::Context;
use core::time::Duration;

use tokio::time::{Sleep, sleep};

pub(crate) struct TimeLimit {
    limit: Duration,
    /// From the first poll on.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl TimeLimit {
    pub(crate) const fn new(limit: Duration) -> Self {
        Self { limit, sleep: None }
    }

    /// Returns whether the time is over, which begins with the first call.
    pub(crate) fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep(self.limit)));
        sleep.as_mut().poll(cx).is_ready()
    }
}
