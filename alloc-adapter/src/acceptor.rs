//! Reading a ClientHello before the server config is chosen.

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
use tls_record::{Alert, AlertDescription, ContentType, HEADER_LEN, Header, MAX_CONTENT};
#[cfg(feature = "tokio")]
use tokio::io::{AsyncRead, AsyncWrite};

use crate::buffer::Buffer;
use crate::error::HandshakeError;
use crate::handshake::{Handshake, MAX_INPUT};
use crate::transport::{flush, ignore_lasting, send};
#[cfg(feature = "tokio")]
use crate::transport::{poll_receive, poll_send};

/// Reads a ClientHello, so that a server can choose its config by it.
///
/// The config determines the certificate, the application protocols and client authentication.
/// Pass received bytes to [`receive`](Self::receive) until [`client_hello`](Self::client_hello)
/// returns a ClientHello, then [`accept`](Self::accept) the connection.
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
/// let hello = acceptor.client_hello()?.expect("received whole");
/// let config = match hello.server_name() {
///     Some("mail.example") => mail,
///     _ => web,
/// };
/// let mut server = acceptor.accept(config)?;
///
/// // From here on the handshake is an ordinary one.
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
/// [`read_hello`](Self::read_hello) reads the ClientHello from a transport, and `read_hello_async`
/// from a transport of tokio:
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
    /// Number of bytes of `received` that were processed.
    shown: usize,
    /// The ClientHello, as far as it was received, without record headers.
    hello: Buffer,
    /// True until rustls has seen input. Then it sees all that follows.
    is_joining: bool,
    alert: Buffer,
    state: State,
}

enum State {
    Receiving(Box<Reader>),
    Received(Box<Accepted>),
    Failed(HandshakeError),
}

impl Acceptor {
    /// Creates an acceptor for a new connection.
    pub fn new() -> Self {
        Self {
            received: Buffer::new(MAX_INPUT),
            shown: 0,
            hello: Buffer::new(MAX_INPUT),
            is_joining: true,
            alert: Buffer::new(MAX_INPUT),
            state: State::Receiving(Box::default()),
        }
    }

    /// Takes received bytes, cut at any position, and returns how many it took.
    ///
    /// It takes all of them unless about 80 KiB are buffered already. The bytes are kept for the
    /// [handshake](Self::accept); pass the remaining ones to [`Handshake::receive`].
    #[must_use = "bytes that were not taken must be passed again"]
    pub fn receive(&mut self, bytes: &[u8]) -> usize {
        self.received.push(bytes)
    }

    /// Returns the ClientHello, or `None` until it has been received whole.
    ///
    /// # Errors
    /// - [`HandshakeError::Tls`] if the ClientHello is malformed.
    /// - [`HandshakeError::TooLong`] if it is longer than rustls or the input buffer accepts. The alert is a
    ///   decode_error.
    ///
    /// Every later call returns the same error. There may be an [`alert`](Self::alert) to send.
    pub fn client_hello(&mut self) -> Result<Option<ClientHello<'_>>, HandshakeError> {
        self.advance();
        match &self.state {
            State::Receiving(_) => Ok(None),
            State::Received(accepted) => Ok(Some(accepted.client_hello())),
            State::Failed(error) => Err(error.clone()),
        }
    }

    /// Processes what was received.
    ///
    /// The fragments of the ClientHello are joined here. rustls counts the headers of records for its limit, and
    /// would refuse a message in short records that it accepts in a [`Handshake`].
    fn advance(&mut self) {
        while let State::Receiving(_) = self.state {
            let input = self.received.filled().get(self.shown..).unwrap_or_default();
            if !self.is_joining && !input.is_empty() {
                let input = input.to_vec();
                self.shown = self.received.len();
                self.read(&input);
                continue;
            }
            match fragment(input) {
                Fragment::Whole(fragment) => {
                    let _ = self.hello.push(fragment);
                    self.shown =
                        self.shown.saturating_add(HEADER_LEN).saturating_add(fragment.len());
                    if let Some(len) = readable_len(self.hello.filled()) {
                        self.read_joined(len);
                    }
                }
                Fragment::Incomplete if self.received.is_full() => self.too_long(),
                Fragment::Incomplete => return,
                // rustls refuses it, with an alert if need be.
                Fragment::None => self.read_joined(usize::MAX),
            }
        }
    }

    /// Passes the first `len` bytes of the joined fragments to rustls. If it finds neither a ClientHello nor an
    /// error, what follows is passed to it as received.
    fn read_joined(&mut self, len: usize) {
        self.is_joining = false;
        let joined = self.hello.filled();
        let mut records = Vec::new();
        for fragment in joined.get(..len).unwrap_or(joined).chunks(MAX_CONTENT.into()) {
            let [.., high, low] = fragment.len().to_be_bytes();
            records.extend_from_slice(&[ContentType::HANDSHAKE.0, 3, 1, high, low]);
            records.extend_from_slice(fragment);
        }
        self.hello.consume(usize::MAX);
        self.read(&records);
    }

    /// Passes records to rustls.
    fn read(&mut self, mut input: &[u8]) {
        while !input.is_empty()
            && let State::Receiving(reader) = &mut self.state
        {
            // It reads 4 KiB at most. It takes a message longer than a record only after `accept` has seen the
            // first record.
            match reader.read_tls(&mut input) {
                Ok(1..) => {}
                Ok(0) | Err(_) => return self.too_long(),
            }
            match reader.accept() {
                Ok(None) => {}
                Ok(Some(accepted)) => self.state = State::Received(Box::new(accepted)),
                Err((error, mut alert)) => {
                    let mut record = Vec::new();
                    // Writing to a `Vec` does not fail.
                    let _ = alert.write_all(&mut record);
                    let _ = self.alert.push(&record);
                    self.state = State::Failed(HandshakeError::Tls(error));
                }
            }
        }
    }

    fn too_long(&mut self) {
        let alert = Alert::new(AlertDescription::DECODE_ERROR);
        let _ = self.alert.push(&alert.plaintext_record());
        self.state = State::Failed(HandshakeError::TooLong);
    }

    /// Returns the record with the alert to send after an error, empty if there is none.
    pub fn alert(&self) -> &[u8] {
        self.alert.filled()
    }

    /// Reads the ClientHello from a transport.
    ///
    /// After a failure, the alert is sent before the error is returned, unless the transport fails for
    /// good.
    ///
    /// # Errors
    /// - The errors of the transport. The call may be repeated after them.
    /// - The errors of [`client_hello`](Self::client_hello), as an inner error.
    /// - [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) if the transport ends before the ClientHello does.
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
                    let sent = send(&mut self.alert, transport).and_then(|()| flush(transport));
                    ignore_lasting(sent)?;
                    break;
                }
            }
        }
        self.hello()
    }

    /// Reads the ClientHello from a transport of tokio.
    ///
    /// This is the async form of [`read_hello`](Self::read_hello). The future may be dropped and
    /// the call repeated.
    ///
    /// # Errors
    /// The errors of [`read_hello`](Self::read_hello).
    #[cfg(feature = "tokio")]
    pub async fn read_hello_async<T>(&mut self, transport: &mut T) -> io::Result<ClientHello<'_>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        poll_fn(|cx| self.poll_hello(transport, cx)).await?;
        self.hello()
    }

    /// Reads until there is a ClientHello, or until the alert of a failure has been sent.
    #[cfg(feature = "tokio")]
    pub(crate) fn poll_hello<T>(
        &mut self,
        transport: &mut T,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>>
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
                    // As in a handshake that failed, an error of sending is ignored.
                    if ready!(poll_send(&mut self.alert, transport, cx)).is_ok() {
                        let _ = ready!(Pin::new(transport).poll_flush(cx));
                    }
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }

    /// Returns the ClientHello, or the error that prevented it.
    pub(crate) fn hello(&self) -> io::Result<ClientHello<'_>> {
        match &self.state {
            State::Received(accepted) => Ok(accepted.client_hello()),
            State::Failed(error) => Err(error.clone().into()),
            State::Receiving(_) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Returns the ClientHello and the bytes received so far, or the error that prevented it.
    #[cfg(all(
        feature = "tokio",
        any(feature = "ring", feature = "aws-lc-rs", feature = "rustcrypto")
    ))]
    pub(crate) fn into_accepted(self) -> io::Result<(Box<Accepted>, Buffer)> {
        match self.state {
            State::Received(accepted) => Ok((accepted, self.received)),
            State::Failed(error) => Err(error.into()),
            State::Receiving(_) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Starts the server's handshake with `config` and the bytes received so far.
    ///
    /// # Errors
    /// The errors of [`Handshake::server`].
    pub fn accept(self, config: Arc<ServerConfig>) -> Result<Handshake, HandshakeError> {
        let mut handshake = Handshake::server(config)?;
        handshake.received = self.received;
        Ok(handshake)
    }
}

/// The record at the front of the input, if it is a fragment of a handshake message.
enum Fragment<'a> {
    Whole(&'a [u8]),
    Incomplete,
    None,
}

fn fragment(input: &[u8]) -> Fragment<'_> {
    let Some((header, rest)) = input.split_first_chunk::<HEADER_LEN>() else {
        return Fragment::Incomplete;
    };
    let header = Header::decode(*header);
    let is_valid = header.content_type == ContentType::HANDSHAKE
        && header.version >> 8 == 3
        && (1..=MAX_CONTENT).contains(&header.length);
    match rest.get(..header.length.into()) {
        _ if !is_valid => Fragment::None,
        Some(fragment) => Fragment::Whole(fragment),
        None => Fragment::Incomplete,
    }
}

/// Returns how many bytes of a handshake message to pass to rustls: a whole ClientHello without what follows it,
/// or everything if it is refused. `None` until that is known.
fn readable_len(message: &[u8]) -> Option<usize> {
    const CLIENT_HELLO: u8 = 1;
    const TYPE_AND_LEN: usize = 4;
    match *message {
        [CLIENT_HELLO, high, middle, low, ..] => {
            let len = u32::from_be_bytes([0, high, middle, low]);
            if len > 0xffff {
                // Refused by its length.
                return Some(usize::MAX);
            }
            let len = usize::try_from(len).ok()?.saturating_add(TYPE_AND_LEN);
            (len <= message.len()).then_some(len)
        }
        [CLIENT_HELLO, ..] | [] => None,
        _ => Some(usize::MAX),
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
