//! Lets two tasks wait for the same direction of a transport.
//!
//! A transport wakes only the task that polled it last. A read sometimes has to send (the answer to
//! a KeyUpdate) while another task waits to write, and a shutdown in two steps has to receive while
//! another task waits to read. So that neither task loses its wake-up, the transport is polled with
//! a waker that wakes both.

use alloc::sync::Arc;
use alloc::task::Wake;
use core::task::{Context, Poll, Waker};
use std::sync::{Mutex, PoisonError};

/// The half of the stream that a task polls.
#[derive(Clone, Copy)]
pub(crate) enum Half {
    Read,
    Write,
}

impl Half {
    const fn other(self) -> Self {
        match self {
            Self::Read => Self::Write,
            Self::Write => Self::Read,
        }
    }
}

/// The tasks that wait for one direction of the transport.
pub(crate) struct Wait {
    tasks: Arc<Tasks>,
    waker: Waker,
}

impl Wait {
    pub(crate) fn new() -> Self {
        let tasks = Arc::new(Tasks::default());
        Self { waker: tasks.clone().into(), tasks }
    }

    /// Polls the transport on behalf of `half`.
    pub(crate) fn poll<R>(
        &self,
        half: Half,
        cx: &Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        // Before the poll, because the transport may wake at once.
        self.tasks.set(half, Some(cx.waker().clone()));
        let polled = poll(&mut Context::from_waker(&self.waker));
        if polled.is_ready() {
            self.tasks.set(half, None);
            // The other task may wait for the same direction, and the transport will not wake it
            // again.
            self.wake(half.other());
        }
        polled
    }

    /// Wakes the tasks that wait on either half.
    pub(crate) fn wake_all(&self) {
        self.wake(Half::Read);
        self.wake(Half::Write);
    }

    /// Wakes the task that waits on `half`, if there is one.
    pub(crate) fn wake(&self, half: Half) {
        if let Some(waker) = self.tasks.set(half, None) {
            waker.wake();
        }
    }
}

#[derive(Default)]
struct Tasks(Mutex<[Option<Waker>; 2]>);

impl Tasks {
    /// Replaces the waker of `half` and returns the old one, so that no waker is dropped or woken
    /// under the lock.
    fn set(&self, half: Half, waker: Option<Waker>) -> Option<Waker> {
        let [read, write] = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = match half {
            Half::Read => read,
            Half::Write => write,
        };
        core::mem::replace(slot, waker)
    }
}

impl Wake for Tasks {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        for half in [Half::Read, Half::Write] {
            if let Some(waker) = self.set(half, None) {
                waker.wake();
            }
        }
    }
}
