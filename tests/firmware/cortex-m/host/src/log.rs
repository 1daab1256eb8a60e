//! What a program says, collected while it runs; waiting for a part of it has an end.

use std::error::Error;
use std::io::Read;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The text of a stream.
pub struct Log {
    state: Arc<(Mutex<State>, Condvar)>,
    /// Up to where it has been waited for.
    seen: usize,
    deadline: Instant,
}

#[derive(Default)]
struct State {
    text: String,
    has_ended: bool,
}

impl Log {
    /// Collects a stream, which `decode` makes text of, piece by piece.
    pub fn new(
        mut stream: impl Read + Send + 'static,
        mut decode: impl FnMut(&[u8]) -> String + Send + 'static,
        limit: Duration,
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
        Self { state, seen: 0, deadline: Instant::now() + limit }
    }

    /// Waits for `text` behind all that was waited for, and returns what is in front of it.
    pub fn expect(&mut self, text: &str) -> Result<String, Box<dyn Error>> {
        let seen = self.seen;
        let found = self.wait(|state| state.text[seen..].find(text).map(|at| seen + at));
        let at = found.ok_or_else(|| format!("it does not say {text:?}"))?;
        self.seen = at + text.len();
        Ok(self.text()[seen..at].to_owned())
    }

    /// All of it, when the stream has ended or the time is over.
    pub fn whole(&self) -> String {
        self.wait(|state| state.has_ended.then_some(()));
        self.text()
    }

    /// Whether the stream has ended.
    pub fn has_ended(&self) -> bool {
        self.state.0.lock().unwrap_or_else(PoisonError::into_inner).has_ended
    }

    /// What there is now.
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
