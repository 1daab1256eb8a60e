//! The output of a program, collected while it runs. Every wait for a part of it has a deadline.

use std::io::Read;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use crate::Result;

/// The text of a stream.
pub struct Log {
    state: Arc<(Mutex<State>, Condvar)>,
    /// The position up to which it has been waited for.
    seen: usize,
    deadline: Instant,
}

#[derive(Default)]
struct State {
    text: String,
    has_ended: bool,
}

impl Log {
    /// Collects a stream, which `decode` converts to text piece by piece. No wait is longer than
    /// until `deadline`.
    pub(crate) fn new(
        mut stream: impl Read + Send + 'static,
        mut decode: impl FnMut(&[u8]) -> String + Send + 'static,
        deadline: Instant,
    ) -> Self {
        let state = Arc::<(Mutex<State>, Condvar)>::default();
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            let mut piece = [0; 4096];
            loop {
                let len = stream.read(&mut piece).unwrap_or(0);
                let text = decode(&piece[..len]);
                let mut state = shared.0.lock().unwrap_or_else(PoisonError::into_inner);
                state.text.push_str(&text);
                state.has_ended = len == 0;
                shared.1.notify_all();
                if len == 0 {
                    return;
                }
            }
        });
        Self { state, seen: 0, deadline }
    }

    /// Waits for `text` after the last position, and returns the text before it.
    pub fn expect(&mut self, text: &str) -> Result<String> {
        let seen = self.seen;
        let found = self.wait(|state| state.text[seen..].find(text).map(|at| seen + at));
        let at = found.ok_or_else(|| format!("it does not say {:?}", short(text)))?;
        self.seen = at + text.len();
        Ok(self.text()[seen..at].to_owned())
    }

    /// Waits until the stream has ended, or the time is over.
    pub(crate) fn wait_for_end(&self) {
        self.wait(|state| state.has_ended.then_some(()));
    }

    /// The text so far.
    pub fn text(&self) -> String {
        self.state.0.lock().unwrap_or_else(PoisonError::into_inner).text.clone()
    }

    fn wait<T>(&self, mut ready: impl FnMut(&State) -> Option<T>) -> Option<T> {
        let (state, changed) = &*self.state;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(value) = ready(&state) {
                return Some(value);
            }
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || state.has_ended {
                return None;
            }
            state = changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// The beginning of a long text.
fn short(text: &str) -> String {
    text.chars().take(80).collect()
}
