//! A socket that a peer looks at again and again, instead of waiting to be woken.
//!
//! The thread that sends pays for waking the one that receives, and whether that one is asleep is
//! chance: it decided how much time a proxy took for short records.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

/// What to do until a socket is looked at again.
#[derive(Clone, Copy)]
pub(crate) enum Pause {
    /// Let other threads run: for the fastest answer.
    Yield,
    /// Sleep for a while: for much data.
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
                    // The buffers of sockets hold more than is sent in this time.
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
