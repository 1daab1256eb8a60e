//! A socket that a peer polls repeatedly instead of waiting to be woken.
//!
//! Waking the thread that receives costs time of the thread that sends, and whether the receiver
//! sleeps is random: this dominated the time of a proxy for short records.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

/// What to do between two polls of a socket.
#[derive(Clone, Copy)]
pub(crate) enum Pause {
    /// Yield to other threads: for the fastest reply.
    Yield,
    /// Sleep: for bulk data.
    Sleep,
}

pub(crate) struct Polled {
    tcp: TcpStream,
    pause: Pause,
}

impl Polled {
    pub(crate) fn new(tcp: TcpStream, pause: Pause) -> io::Result<Self> {
        tcp.set_nonblocking(true)?;
        Ok(Self { tcp, pause })
    }

    fn until_ready<T>(
        &mut self,
        mut call: impl FnMut(&mut TcpStream) -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            match call(&mut self.tcp) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => match self.pause {
                    Pause::Yield => thread::yield_now(),
                    // Socket buffers hold more than is sent in this time.
                    Pause::Sleep => thread::sleep(Duration::from_micros(200)),
                },
                result => return result,
            }
        }
    }
}

impl Read for Polled {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.until_ready(|tcp| tcp.read(room))
    }
}

impl Write for Polled {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.until_ready(|tcp| tcp.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
