//! The handshake of OpenSSL.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::mem;
use std::borrow::ToOwned;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::{LazyLock, Mutex, PoisonError};

use openssl::error::ErrorStack;
use openssl::ex_data::Index;
use openssl::ssl::{Error, ErrorCode, NameType, ShutdownState, Ssl, SslRef, SslStream, SslVersion};
use rustls::pki_types::ServerName;
use tls_record::Role;

use super::{Library, Secrets};
use crate::established::Info;
use crate::handshake::Progress;

/// The number of libssl in the errors of OpenSSL.
const ERR_LIB_SSL: i32 = 20;

/// The reasons of libssl that stand for an alert of the peer: its number, added to `SSL_AD_REASON_OFFSET`.
const ALERT_REASONS: core::ops::Range<i32> = 1000..1256;

/// The index of the extra data of an [`Ssl`] that holds its secrets, so that connections share no lock.
static SECRETS: LazyLock<Result<Index<Ssl, Mutex<Secrets>>, ErrorStack>> =
    LazyLock::new(Ssl::new_ex_index);

/// A connection of OpenSSL, as the [`Library`] of a [`Takeover`](super::Takeover).
///
/// The `SslContext` determines certificates, versions, cipher suites and session resumption:
/// - Its key log callback must be [`Openssl::key_log`], also in each context that a server name callback
///   selects. Otherwise the handshake fails with
///   [`MissingSecret`](tls_record::takeover::TakeoverError::MissingSecret).
/// - It must allow only cipher suites with AES-GCM, ChaCha20-Poly1305 or AES-128-CCM.
/// - Its options for reading, writing and shutting down have no effect, because OpenSSL does not process the
///   data of the connection.
///
/// A TLS 1.2 connection of OpenSSL stays in memory as long as its stream, because OpenSSL removes a session
/// from its store only together with the connection.
///
/// After a fatal alert, a session of TLS 1.3 is not removed from a server's store. There is one if the context
/// sets [`NO_TICKET`](openssl::ssl::SslOptions::NO_TICKET) or announces early data; otherwise the ticket of the
/// client holds all of the session.
///
/// ```no_run
/// use std::net::TcpStream;
/// use tls_record_alloc::openssl::ssl::{SslConnector, SslMethod};
/// use tls_record_alloc::Stream;
/// use tls_record_alloc::takeover::{Openssl, Takeover};
/// use tls_record_alloc::tls_record::aead::ring::Ring;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut connector = SslConnector::builder(SslMethod::tls_client())?;
/// connector.set_keylog_callback(Openssl::key_log);
/// let connector = connector.build();
///
/// let ssl = connector.configure()?.into_ssl("example.org")?;
/// let tcp = TcpStream::connect("example.org:443")?;
/// let tls = Stream::<_, Ring>::from_takeover(Takeover::new(Openssl::client(ssl)?), tcp)?;
/// # Ok(())
/// # }
/// ```
pub struct Openssl {
    stream: SslStream<Memory>,
}

impl Openssl {
    /// Creates a client from a new `Ssl`, whose server name is set.
    ///
    /// # Errors
    /// The error of OpenSSL if it is out of memory.
    pub fn client(mut ssl: Ssl) -> Result<Self, ErrorStack> {
        ssl.set_connect_state();
        Self::new(ssl)
    }

    /// Creates a server from a new `Ssl`.
    ///
    /// # Errors
    /// The error of OpenSSL if it is out of memory.
    pub fn server(mut ssl: Ssl) -> Result<Self, ErrorStack> {
        ssl.set_accept_state();
        Self::new(ssl)
    }

    fn new(mut ssl: Ssl) -> Result<Self, ErrorStack> {
        ssl.set_ex_data(SECRETS.clone()?, Mutex::default());
        Ok(Self { stream: SslStream::new(ssl, Memory::default())? })
    }

    /// Keeps a secret for the takeover of its connection: the key log callback of the context.
    ///
    /// Pass it to [`set_keylog_callback`](openssl::ssl::SslContextBuilder::set_keylog_callback), or call it in
    /// your own callback. Secrets are kept until [`finish`](super::Takeover::finish). It does nothing for a
    /// connection that is not an `Openssl`.
    pub fn key_log(ssl: &SslRef, line: &str) {
        if let Ok(index) = &*SECRETS
            && let Some(secrets) = ssl.ex_data(*index)
        {
            secrets.lock().unwrap_or_else(PoisonError::into_inner).push_line(line.as_bytes());
        }
    }

    /// Returns the connection, for instance to export keying material after the handshake.
    pub fn ssl(&self) -> &SslRef {
        self.stream.ssl()
    }
}

impl Library for Openssl {
    type Error = Error;

    fn role(&self) -> Role {
        if self.ssl().is_server() { Role::Server } else { Role::Client }
    }

    fn advance(&mut self, record: &[u8], sent: &mut Vec<u8>) -> Result<Progress, Error> {
        self.stream.get_mut().received.extend(record);
        let done = self.stream.do_handshake();
        sent.append(&mut self.stream.get_mut().sent);
        match done {
            Ok(()) => {
                // Otherwise OpenSSL treats the connection as truncated when it is dropped, and does not
                // resume its session.
                self.stream.set_shutdown(ShutdownState::SENT | ShutdownState::RECEIVED);
                Ok(Progress::Complete)
            }
            Err(error) => match error.code() {
                ErrorCode::SSL | ErrorCode::SYSCALL | ErrorCode::ZERO_RETURN => Err(error),
                _ => Ok(Progress::NeedInput),
            },
        }
    }

    fn is_alert(error: &Error) -> bool {
        let errors = error.ssl_error().map(ErrorStack::errors).unwrap_or_default();
        errors.iter().any(|error| {
            error.library_code() == ERR_LIB_SSL && ALERT_REASONS.contains(&error.reason_code())
        })
    }

    fn take_secrets(&mut self) -> Secrets {
        let told = SECRETS.as_ref().ok().and_then(|index| self.ssl().ex_data(*index));
        told.map(|told| mem::take(&mut *told.lock().unwrap_or_else(PoisonError::into_inner)))
            .unwrap_or_default()
    }

    fn describe(&self, info: &mut Info) {
        let ssl = self.ssl();
        info.alpn = ssl.selected_alpn_protocol().map(Vec::from);
        let name = ssl.servername(NameType::HOST_NAME).map(ToOwned::to_owned);
        info.server_name = name.and_then(|name| ServerName::try_from(name).ok());
        // On a server, the chain of the client does not contain the client's own certificate. A session that
        // was read from its encoding has no chain, but the server's own certificate.
        let chain = ssl.peer_cert_chain();
        let own = ssl.peer_certificate().filter(|_| ssl.is_server() || chain.is_none());
        let own = own.iter().map(|certificate| certificate.to_der());
        let chain = chain.into_iter().flatten().map(|link| link.to_der());
        let certificates = own.chain(chain).filter_map(Result::ok);
        info.peer_certificates = certificates.map(Into::into).collect();
    }

    fn forget_session(self) -> Option<Box<dyn FnOnce() + Send + Sync>> {
        // In TLS 1.3 the client stores the session, as a ticket that arrives after the handshake. If the
        // context of a server caches it, OpenSSL would remove only the last one with the connection.
        if self.ssl().version2() != Some(SslVersion::TLS1_2) {
            return None;
        }
        let Self { mut stream } = self;
        // OpenSSL removes the session of a connection that is dropped without a shutdown.
        Some(Box::new(move || stream.set_shutdown(ShutdownState::empty())))
    }
}

impl core::fmt::Debug for Openssl {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Openssl").field(&self.ssl().state_string_long()).finish()
    }
}

/// The transport of OpenSSL. It never ends, and takes everything that is written.
#[derive(Default)]
struct Memory {
    received: VecDeque<u8>,
    sent: Vec<u8>,
}

impl Read for Memory {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.received.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.received.read(buffer)
    }
}

impl Write for Memory {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.sent.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
