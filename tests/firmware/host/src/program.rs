//! Programs that run in parallel: their output is collected, and every wait has a deadline.

use std::io::{ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::{LIMIT, Log, Result};

const PAUSE: Duration = Duration::from_millis(5);

/// A program that runs until it ends or this value is dropped.
pub struct Program {
    name: &'static str,
    child: Child,
    /// Its standard output.
    pub output: Log,
    /// Its standard error.
    pub errors: Log,
    deadline: Instant,
}

impl Program {
    /// Starts a program, which must end within [`LIMIT`].
    pub fn start(name: &'static str, command: &mut Command) -> Result<Self> {
        Self::start_decoding(name, command, text)
    }

    /// Starts a program whose output `decode` converts to text, piece by piece.
    pub fn start_decoding(
        name: &'static str,
        command: &mut Command,
        decode: impl FnMut(&[u8]) -> String + Send + 'static,
    ) -> Result<Self> {
        let deadline = Instant::now() + LIMIT;
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
        let output = Log::new(child.stdout.take().expect("piped"), decode, deadline);
        let errors = Log::new(child.stderr.take().expect("piped"), text, deadline);
        Ok(Self { name, child, output, errors, deadline })
    }

    /// Writes to its standard input.
    pub fn say(&mut self, text: &str) -> Result<()> {
        Ok(self.child.stdin.as_mut().expect("piped").write_all(text.as_bytes())?)
    }

    /// Waits until it connects to `listener`.
    pub fn accept(&mut self, listener: &TcpListener) -> Result<TcpStream> {
        listener.set_nonblocking(true)?;
        loop {
            let has_ended = self.child.try_wait()?.is_some() || Instant::now() > self.deadline;
            match listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false)?;
                    return Ok(stream);
                }
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error.into()),
                Err(_) if has_ended => return Err(format!("{} does not connect", self.name).into()),
                Err(_) => thread::sleep(PAUSE),
            }
        }
    }

    /// Waits for its end.
    pub fn end(&mut self) -> Result<ExitStatus> {
        while Instant::now() < self.deadline {
            if let Some(status) = self.child.try_wait()? {
                self.output.wait_for_end();
                self.errors.wait_for_end();
                return Ok(status);
            }
            thread::sleep(PAUSE);
        }
        Err(format!("{} does not end", self.name).into())
    }

    /// Waits until it has ended with success.
    pub fn end_well(&mut self) -> Result<()> {
        let status = self.end()?;
        if status.success() {
            return Ok(());
        }
        Err(format!("{} ended with {status}", self.name).into())
    }

    /// Returns all of its output.
    pub fn said(&self) -> String {
        let Self { name, output, errors, .. } = self;
        format!("--- {name}\n{}\n--- {name}, errors\n{}", output.text(), errors.text())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
