//! The peer of the measured side: rustls in a separate thread, whose CPU time is not counted.

use std::io::{self, ErrorKind, Read, Write};
use std::thread::{Scope, ScopedJoinHandle};

use rustls::{ClientConnection, Connection, ServerConnection};

use crate::clock;
use crate::polled::Polled;
use crate::setup::{Setup, server_name};

/// The bytes of records that are sealed before the first of them is sent.
const BATCH: usize = 16 << 20;

/// A peer after the handshake.
pub(crate) struct Peer {
    connection: Connection,
    tcp: Polled,
    /// Bytes read during the handshake. The last of them may belong to later records.
    read: u64,
}

impl Peer {
    pub(crate) fn connect(setup: &Setup, tcp: Polled) -> io::Result<Self> {
        let client = ClientConnection::new(setup.client.clone(), server_name());
        Self::over(client.map_err(io::Error::other)?.into(), tcp)
    }

    pub(crate) fn accept(setup: &Setup, tcp: Polled) -> io::Result<Self> {
        let server = ServerConnection::new(setup.server.clone());
        Self::over(server.map_err(io::Error::other)?.into(), tcp)
    }

    fn over(mut connection: Connection, mut tcp: Polled) -> io::Result<Self> {
        let mut read = 0;
        while connection.is_handshaking() || connection.wants_write() {
            read += connection.complete_io(&mut tcp)?.0 as u64;
        }
        Ok(Self { connection, tcp, read })
    }

    /// Sends `bytes` bytes in records with `record` bytes of content, and closes the sending
    /// direction.
    ///
    /// Many records are sealed before the first of them is sent, so that the measured side never
    /// waits for a record: how many records a read returns depends only on the measured side.
    pub(crate) fn send(&mut self, record: usize, bytes: usize) -> io::Result<()> {
        let content = vec![0x5a; record];
        let mut sealed = Vec::new();
        let mut left = bytes;
        while left > 0 {
            sealed.clear();
            while left > 0 && sealed.len() < BATCH {
                let len = left.min(record);
                self.connection.writer().write_all(&content[..len])?;
                self.connection.write_tls(&mut sealed)?;
                left -= len;
            }
            self.tcp.write_all(&sealed)?;
        }
        self.close()
    }

    /// Reads to the end of the transport without opening records, and closes the sending direction.
    /// Returns the number of bytes received, including those of the handshake.
    pub(crate) fn drain(&mut self) -> io::Result<u64> {
        let taken = drain(&mut self.tcp)?;
        self.close()?;
        Ok(self.read + taken)
    }

    /// Echoes received data until the close_notify.
    pub(crate) fn echo(&mut self) -> io::Result<()> {
        let mut message = [0; 4096];
        loop {
            match self.connection.reader().read(&mut message) {
                Ok(0) => return self.close(),
                Ok(len) => {
                    self.connection.writer().write_all(&message[..len])?;
                    self.write_tls()?;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.connection.read_tls(&mut self.tcp)?;
                    self.connection.process_new_packets().map_err(io::Error::other)?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends a request of HTTP/1.1 and reads a response with `body` bytes of body.
    pub(crate) fn request(&mut self, request: &[u8], body: usize) -> io::Result<()> {
        // rustls buffers 64 KiB by default.
        for piece in request.chunks(32 << 10) {
            self.connection.writer().write_all(piece)?;
            self.write_tls()?;
        }
        let mut room = [0; 64 << 10];
        let (mut head, mut left) = (Vec::new(), None);
        while left != Some(0) {
            let len = match self.connection.reader().read(&mut room) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.connection.read_tls(&mut self.tcp)?;
                    self.connection.process_new_packets().map_err(io::Error::other)?;
                    continue;
                }
                read => read?,
            };
            if len == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            left = match left {
                Some(left) => Some(left - len),
                None => {
                    head.extend_from_slice(&room[..len]);
                    let end = head.windows(4).position(|window| window == b"\r\n\r\n");
                    end.map(|end| body - (head.len() - end - 4))
                }
            };
        }
        Ok(())
    }

    /// Closes the sending direction, and reads to the end of the transport.
    pub(crate) fn finish_client(&mut self) -> io::Result<()> {
        self.close()?;
        self.finish()
    }

    fn close(&mut self) -> io::Result<()> {
        self.connection.send_close_notify();
        self.write_tls()
    }

    fn write_tls(&mut self) -> io::Result<()> {
        while self.connection.wants_write() {
            self.connection.write_tls(&mut self.tcp)?;
        }
        Ok(())
    }

    /// Reads to the end of the transport: a socket that is closed with unread bytes resets the
    /// connection.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        drain(&mut self.tcp).map(drop)
    }
}

/// Reads to the end of the transport and returns the number of bytes.
pub(crate) fn drain(tcp: &mut Polled) -> io::Result<u64> {
    let mut room = vec![0; 256 << 10];
    let mut taken = 0;
    loop {
        match tcp.read(&mut room)? {
            0 => return Ok(taken),
            len => taken += len as u64,
        }
    }
}

/// Starts a peer on another processor than that of the measured side.
pub(crate) fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    peer: impl FnOnce() -> io::Result<T> + Send + 'scope,
) -> ScopedJoinHandle<'scope, io::Result<T>> {
    scope.spawn(|| {
        clock::pin_peer();
        peer()
    })
}
