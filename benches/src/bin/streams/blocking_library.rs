//! The interface to compare libraries with streams over `std::io`.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::{ClientConfig, ClientConnection, StreamOwned};
use tls_record_alloc::Stream;
use tls_record_alloc::tls_record::aead::ring::Ring;

use crate::setup::server_name;

/// A stream that can close its sending direction.
pub(crate) trait Duplex: Read + Write {
    /// Sends a close_notify, and shuts down the sending direction of the transport.
    fn close(&mut self) -> io::Result<()>;
}

/// A library with streams over a TCP socket.
pub(crate) trait BlockingLibrary {
    /// Performs the handshake of a client.
    fn connect(config: Arc<ClientConfig>, tcp: TcpStream) -> io::Result<impl Duplex>;
}

/// The adapter's [`Stream`].
pub(crate) struct Ours;

impl BlockingLibrary for Ours {
    fn connect(config: Arc<ClientConfig>, tcp: TcpStream) -> io::Result<impl Duplex> {
        Ok(Stream::<_, Ring>::connect(config, server_name(), tcp)?)
    }
}

impl Duplex for Stream<TcpStream, Ring> {
    fn close(&mut self) -> io::Result<()> {
        Stream::close(self)?;
        self.transport().shutdown(std::net::Shutdown::Write)
    }
}

/// [`StreamOwned`] of rustls.
pub(crate) struct Rustls;

impl BlockingLibrary for Rustls {
    fn connect(config: Arc<ClientConfig>, mut tcp: TcpStream) -> io::Result<impl Duplex> {
        let client = ClientConnection::new(config, server_name());
        let mut client = client.map_err(io::Error::other)?;
        while client.is_handshaking() {
            client.complete_io(&mut tcp)?;
        }
        Ok(StreamOwned::new(client, tcp))
    }
}

impl Duplex for StreamOwned<ClientConnection, TcpStream> {
    fn close(&mut self) -> io::Result<()> {
        self.conn.send_close_notify();
        self.flush()?;
        self.sock.shutdown(std::net::Shutdown::Write)
    }
}
