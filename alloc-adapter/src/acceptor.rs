//! A server that chooses its config by the ClientHello.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
#[cfg(feature = "tokio")]
use core::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
};
use std::io::{self, Read, Write};

use rustls::ServerConfig;
use rustls::server::{Accepted, Acceptor as Reader, ClientHello};
#[cfg(feature = "tokio")]
use tokio::io::{AsyncRead, AsyncWrite};

use crate::buffer::Buffer;
use crate::error::HandshakeError;
use crate::handshake::{Handshake, MAX_INPUT};
use crate::stream::{flush, send};
#[cfg(feature = "tokio")]
use crate::tokio_stream::{poll_receive, poll_send};

/// Reads a ClientHello, so that a server can choose its config by it: certificate, application
/// protocols, client authentication.
///
/// [Give](Self::receive) it what the transport brings until there is a
/// [`client_hello`](Self::client_hello), then [`accept`](Self::accept) the connection.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use std::sync::Arc;
/// # use tls_record_alloc::rustls::pki_types::PrivatePkcs8KeyDer;
/// # use tls_record_alloc::rustls::{ClientConfig, RootCertStore, ServerConfig, crypto};
/// # use tls_record_alloc::tls_record::aead::ring::Ring;
/// # use tls_record_alloc::{Acceptor, Handshake, Progress};
/// # let mut roots = RootCertStore::empty();
/// # let provider = Arc::new(crypto::ring::default_provider());
/// # let mut config = |name: &str, protocol: &[u8]| -> Result<_, Box<dyn std::error::Error>> {
/// #     let identity = rcgen::generate_simple_self_signed([name.to_owned()])?;
/// #     roots.add(identity.cert.der().clone())?;
/// #     let key = PrivatePkcs8KeyDer::from(identity.signing_key.serialize_der());
/// #     let mut config = ServerConfig::builder_with_provider(provider.clone())
/// #         .with_safe_default_protocol_versions()?
/// #         .with_no_client_auth()
/// #         .with_single_cert(vec![identity.cert.der().clone()], key.into())?;
/// #     config.alpn_protocols = vec![protocol.to_vec()];
/// #     Ok(Arc::new(config))
/// # };
/// // Certificates and protocols for two names.
/// let mail = config("mail.example", b"imap")?;
/// let web = config("www.example", b"http/1.1")?;
/// # let mut client = ClientConfig::builder_with_provider(provider.clone())
/// #     .with_safe_default_protocol_versions()?
/// #     .with_root_certificates(roots)
/// #     .with_no_client_auth();
/// # client.alpn_protocols = vec![b"imap".to_vec(), b"http/1.1".to_vec()];
/// # let mut client = Handshake::client(Arc::new(client), "www.example".try_into()?)?;
/// # client.advance()?;
///
/// let mut acceptor = Acceptor::new();
/// let taken = acceptor.receive(client.unsent());
/// client.sent(taken);
/// let hello = acceptor.client_hello()?.expect("it came in one piece");
/// let config = match hello.server_name() {
///     Some("mail.example") => mail,
///     _ => web,
/// };
/// let mut server = acceptor.accept(config)?;
///
/// // From here on it is a handshake like others.
/// while [client.advance()?, server.advance()?] != [Progress::Complete; 2] {
///     let taken = server.receive(client.unsent());
///     client.sent(taken);
///     let taken = client.receive(server.unsent());
///     server.sent(taken);
/// }
/// let alpn = client.finish::<Ring>()?.info.alpn;
/// assert_eq!(alpn.as_deref(), Some(&b"http/1.1"[..]));
/// # Ok(())
/// # }
/// ```
///
/// Over a transport, [`read_hello`](Self::read_hello) reads it, and `read_hello_async` over one of tokio's:
///
/// ```
/// # use std::io::{self, Read, Write};
/// # use std::sync::Arc;
/// # use tls_record_alloc::{Acceptor, Stream, rustls::ServerConfig};
/// # use tls_record_alloc::tls_record::aead::ring::Ring;
/// fn accept<T: Read + Write>(
///     mut transport: T,
///     choose: &dyn Fn(Option<&str>) -> Arc<ServerConfig>,
/// ) -> io::Result<Stream<T, Ring>> {
///     let mut acceptor = Acceptor::new();
///     let config = choose(acceptor.read_hello(&mut transport)?.server_name());
///     Ok(Stream::from_handshake(acceptor.accept(config)?, transport)?)
/// }
/// ```
#[derive(Debug)]
pub struct Acceptor {
    received: Buffer,
    /// Bytes of `received` that `state` has read.
    shown: usize,
    alert: Buffer,
    state: State,
}

enum State {
    Receiving(Box<Reader>),
    Received(Box<Accepted>),
    Failed(HandshakeError),
}

impl Acceptor {
    /// An acceptor for a new connection.
    pub fn new() -> Self {
        Self {
            received: Buffer::new(MAX_INPUT),
            shown: 0,
            alert: Buffer::new(MAX_INPUT),
            state: State::Receiving(Box::default()),
        }
    }

    /// Takes bytes from the transport, cut anywhere, and returns how many: all of them, unless some
    /// 80 KiB wait already. They are kept for the [handshake](Self::accept), which wants the rest.
    #[must_use = "the rest of the bytes is to be given again"]
    pub fn receive(&mut self, bytes: &[u8]) -> usize {
        self.received.push(bytes)
    }

    /// The ClientHello, or `None` as long as it is not whole.
    ///
    /// # Errors
    /// [`HandshakeError::Tls`] if it is malformed, [`HandshakeError::TooLong`] if it is longer than
    /// rustls takes. Every later call gives the same error. There may be an [`alert`](Self::alert) to send.
    pub fn client_hello(&mut self) -> Result<Option<ClientHello<'_>>, HandshakeError> {
        self.advance();
        match &self.state {
            State::Receiving(_) => Ok(None),
            State::Received(accepted) => Ok(Some(accepted.client_hello())),
            State::Failed(error) => Err(error.clone()),
        }
    }

    fn advance(&mut self) {
        while let State::Receiving(reader) = &mut self.state {
            let mut input = self.received.filled().get(self.shown..).unwrap_or_default();
            if input.is_empty() {
                return;
            }
            let Ok(len) = reader.read_tls(&mut input) else {
                // Its own buffer is full.
                self.state = State::Failed(HandshakeError::TooLong);
                return;
            };
            self.shown = self.shown.saturating_add(len);
            match reader.accept() {
                Ok(None) => {}
                Ok(Some(accepted)) => self.state = State::Received(Box::new(accepted)),
                Err((error, mut alert)) => {
                    let mut record = Vec::new();
                    // Memory takes everything.
                    let _ = alert.write_all(&mut record);
                    self.alert.push(&record);
                    self.state = State::Failed(HandshakeError::Tls(error));
                }
            }
        }
    }

    /// The record to send after an error, with the alert of rustls; empty if it has none.
    pub fn alert(&self) -> &[u8] {
        self.alert.filled()
    }

    /// Reads the ClientHello over a transport. After a failure, the alert of rustls is sent before the
    /// error returns.
    ///
    /// # Errors
    /// Those of [`client_hello`](Self::client_hello) as an inner error; those of the transport, after which
    /// it may be called again; [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) if the transport ends before.
    pub fn read_hello<T: Read + Write>(
        &mut self,
        transport: &mut T,
    ) -> io::Result<ClientHello<'_>> {
        loop {
            self.advance();
            match &self.state {
                State::Receiving(_) => match transport.read(self.received.room()) {
                    Ok(0) => self.state = State::Failed(HandshakeError::Truncated),
                    Ok(len) => self.received.commit(len),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                },
                State::Received(_) => break,
                State::Failed(_) => {
                    send(&mut self.alert, transport).and_then(|()| flush(transport))?;
                    break;
                }
            }
        }
        self.hello()
    }

    /// [`read_hello`](Self::read_hello) over a transport of tokio. The future may be dropped and the call
    /// repeated.
    ///
    /// # Errors
    /// Those of [`read_hello`](Self::read_hello).
    #[cfg(feature = "tokio")]
    pub async fn read_hello_async<T>(&mut self, transport: &mut T) -> io::Result<ClientHello<'_>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        poll_fn(|cx| self.poll_hello(transport, cx)).await?;
        self.hello()
    }

    #[cfg(feature = "tokio")]
    fn poll_hello<T>(&mut self, transport: &mut T, cx: &mut Context<'_>) -> Poll<io::Result<()>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        loop {
            self.advance();
            match &self.state {
                State::Receiving(_) => {
                    match ready!(poll_receive(&mut self.received, transport, cx))? {
                        0 => self.state = State::Failed(HandshakeError::Truncated),
                        len => self.received.commit(len),
                    }
                }
                State::Received(_) => return Poll::Ready(Ok(())),
                State::Failed(_) => {
                    ready!(poll_send(&mut self.alert, transport, cx))?;
                    return Pin::new(transport).poll_flush(cx);
                }
            }
        }
    }

    /// The ClientHello that was received, or why there is none.
    fn hello(&self) -> io::Result<ClientHello<'_>> {
        match &self.state {
            State::Received(accepted) => Ok(accepted.client_hello()),
            State::Failed(error) => Err(error.clone().into()),
            State::Receiving(_) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// The handshake of a server with this config, which begins with all that was received.
    ///
    /// # Errors
    /// Those of [`Handshake::server`].
    pub fn accept(self, config: Arc<ServerConfig>) -> Result<Handshake, HandshakeError> {
        let mut handshake = Handshake::server(config)?;
        handshake.received = self.received;
        Ok(handshake)
    }
}

impl Default for Acceptor {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for State {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Receiving(_) => "Receiving",
            Self::Received(_) => "Received",
            Self::Failed(_) => "Failed",
        })
    }
}
