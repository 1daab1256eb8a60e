//! Programs that run at the side: what they say is collected, and waiting for it has an end.

use std::error::Error;
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A program that runs until it ends, or this is dropped.
pub struct Program {
    name: &'static str,
    child: Child,
    /// What it wrote to its standard output.
    pub output: Log,
    /// What it wrote to its standard error.
    pub errors: Log,
    deadline: Instant,
}

impl Program {
    /// Starts it. It has `limit` for everything.
    pub fn start(
        name: &'static str,
        command: &mut Command,
        limit: Duration,
    ) -> Result<Self, Box<dyn Error>> {
        let deadline = Instant::now() + limit;
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
        let output = Log::of(child.stdout.take().expect("piped"), deadline);
        let errors = Log::of(child.stderr.take().expect("piped"), deadline);
        Ok(Self { name, child, output, errors, deadline })
    }

    /// Writes to its standard input.
    pub fn say(&mut self, text: &str) -> Result<(), Box<dyn Error>> {
        Ok(self.child.stdin.as_mut().expect("piped").write_all(text.as_bytes())?)
    }

    /// Waits for its end.
    pub fn end(&mut self) -> Result<ExitStatus, Box<dyn Error>> {
        while Instant::now() < self.deadline {
            if let Some(status) = self.child.try_wait()? {
                self.output.wait_for_end();
                self.errors.wait_for_end();
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(5));
        }
        Err(format!("{} does not end", self.name).into())
    }

    /// All that it said.
    pub fn print(&self) {
        for (log, kind) in [(&self.output, "output"), (&self.errors, "errors")] {
            println!("--- {}, standard {kind}\n{}", self.name, log.text());
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a program writes.
pub struct Log {
    shared: Arc<(Mutex<Written>, Condvar)>,
    /// Where the next text is looked for.
    at: usize,
    deadline: Instant,
}

#[derive(Default)]
struct Written {
    bytes: Vec<u8>,
    has_ended: bool,
}

impl Log {
    fn of(mut pipe: impl Read + Send + 'static, deadline: Instant) -> Self {
        let shared = Arc::<(Mutex<Written>, Condvar)>::default();
        let writer = shared.clone();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            loop {
                let len = pipe.read(&mut bytes).unwrap_or(0);
                let mut written = writer.0.lock().unwrap_or_else(PoisonError::into_inner);
                written.bytes.extend_from_slice(&bytes[..len]);
                written.has_ended = len == 0;
                writer.1.notify_all();
                if len == 0 {
                    break;
                }
            }
        });
        Self { shared, at: 0, deadline }
    }

    /// Waits until `text` turns up behind what was waited for before. Returns what comes before it.
    pub fn expect(&mut self, text: &str) -> Result<String, Box<dyn Error>> {
        let (written, changed) = &*self.shared;
        let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let new = &written.bytes[self.at..];
            if let Some(before) = new.windows(text.len()).position(|it| it == text.as_bytes()) {
                let skipped = String::from_utf8_lossy(&new[..before]).into_owned();
                self.at += before + text.len();
                return Ok(skipped);
            }
            let left = self.deadline.saturating_duration_since(Instant::now());
            if written.has_ended || left.is_zero() {
                let text: String = text.chars().take(80).collect();
                return Err(format!("it never said {text:?}").into());
            }
            written = changed.wait_timeout(written, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn wait_for_end(&self) {
        let (written, changed) = &*self.shared;
        let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
        while !written.has_ended {
            written = changed.wait(written).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// All of it.
    pub fn text(&self) -> String {
        let written = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&written.bytes).into_owned()
    }
}
