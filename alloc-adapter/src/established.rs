//! The result of a completed handshake: keys, negotiated parameters and unprocessed bytes.

use alloc::boxed::Box;
use alloc::vec::Vec;

use rustls::pki_types::{CertificateDer, DnsName, ServerName};
use rustls::{
    CipherSuite, CommonState, ConnectionTrafficSecrets, ExtractedSecrets, HandshakeKind,
    NamedGroup, ProtocolVersion, SupportedCipherSuite,
};
use tls_record::aead::{Algorithm, Provider};
use tls_record::{
    Epoch, KeyError, MAX_RECORD, Opener, Sealer, TrafficSecret, Version, scrub_stack,
};
use zeroize::Zeroizing;

use crate::buffer::Buffer;
use crate::capture::Capture;
use crate::error::HandshakeError;
use crate::exporter::Exporter;
use crate::handshake::{Connection, Handshake};
use crate::resumption::Resumption;
use crate::tickets::Tickets;

/// Bytes of stack to overwrite after rustls extracts secrets. Measured with ring: it uses 10 KiB. It is
/// enough for AWS-LC, too: `benches/tests/secrets` searches for copies that remain.
const EXTRACTION_STACK: usize = 12 << 10;

/// An established connection: the two halves of the engine and their state.
///
/// The halves are independent; [`RecordLayer::join`](tls_record::RecordLayer::join) joins them. Each
/// half is boxed, because moving keys leaves copies of them in memory.
#[non_exhaustive]
pub struct Established<P: Provider> {
    /// The receiving half. Its input starts with the bytes in [`received`](Self::received).
    pub opener: Box<Opener<TrafficSecret<P>>>,
    /// The sending half. Send the bytes in [`unsent`](Self::unsent) before its output.
    pub sealer: Box<Sealer<TrafficSecret<P>>>,
    /// Bytes received after the last handshake record: the first input of the opener.
    ///
    /// The ceiling of this buffer is [`MAX_RECORD`].
    pub received: Buffer,
    /// Handshake bytes that have not been sent: a Finished, or session tickets.
    pub unsent: Buffer,
    /// Stores the session tickets that a TLS 1.3 client receives. `None` without rustls.
    pub tickets: Option<Tickets>,
    /// The stored sessions of this connection, to [forget](Resumption::forget) after a fatal alert.
    pub resumption: Resumption,
    /// Exports keying material, in TLS 1.3 only. `None` without rustls.
    pub exporter: Option<Exporter>,
    /// The negotiated parameters.
    pub info: Info,
}

impl<P: Provider> core::fmt::Debug for Established<P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Established").field(&self.info).finish()
    }
}

/// The parameters that a handshake negotiated.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Info {
    /// The protocol version.
    pub version: Version,
    /// The cipher suite.
    pub suite: CipherSuite,
    /// The group of the key exchange, if there was a key exchange.
    pub group: Option<NamedGroup>,
    /// The kind of handshake: full, or a resumption of an earlier session.
    pub kind: HandshakeKind,
    /// The application protocol, if one was negotiated (RFC 7301).
    pub alpn: Option<Vec<u8>>,
    /// The peer's certificate chain, or its raw public key (RFC 7250).
    ///
    /// The end-entity certificate comes first. Empty if the peer did not authenticate. After a
    /// resumption, the chain of the first handshake.
    pub peer_certificates: Vec<CertificateDer<'static>>,
    /// The name of the server.
    ///
    /// On a client, the DNS name or address that it connects to. On a server, the name that the
    /// client asked for, if any (RFC 6066 section 3).
    pub server_name: Option<ServerName<'static>>,
}

impl Info {
    fn new(connection: &CommonState, server_name: Option<ServerName<'static>>) -> Option<Self> {
        Some(Self {
            version: match connection.protocol_version()? {
                ProtocolVersion::TLSv1_2 => Version::Tls12,
                ProtocolVersion::TLSv1_3 => Version::Tls13,
                _ => return None,
            },
            suite: connection.negotiated_cipher_suite()?.suite(),
            group: connection.negotiated_key_exchange_group().map(|group| group.name()),
            kind: connection.handshake_kind()?,
            alpn: connection.alpn_protocol().map(Vec::from),
            peer_certificates: connection.peer_certificates().unwrap_or_default().to_vec(),
            server_name,
        })
    }
}

impl Handshake {
    /// Hands the connection over to the engine.
    ///
    /// The engine continues with the sequence numbers of the handshake. `P` is the AEAD provider
    /// that protects the records. It may differ from the provider of rustls.
    ///
    /// # Errors
    /// - [`HandshakeError::Tls`] if the handshake is not complete.
    /// - [`HandshakeError::Keys`] if `P` does not support the cipher suite. No alert is sent, so the peer
    ///   sees a truncation.
    /// - [`HandshakeError::Unexpected`] if rustls did not provide the secrets or parameters.
    pub fn finish<P: Provider>(self) -> Result<Established<P>, HandshakeError> {
        let finished = self.hand_over();
        scrub_stack(P::STACK.saturating_add(EXTRACTION_STACK));
        finished
    }

    /// Not inlined: [`scrub_stack`] must reach its stack frame.
    #[inline(never)]
    fn hand_over<P: Provider>(mut self) -> Result<Established<P>, HandshakeError> {
        if !self.is_complete() {
            return Err(HandshakeError::Tls(rustls::Error::HandshakeNotComplete));
        }
        let name = self.name.take().or_else(|| {
            let requested = self.capture.server_name.take()?;
            Some(ServerName::DnsName(DnsName::try_from(&**requested).ok()?.to_owned()))
        });
        // Values that are not secret are made before the secrets are extracted: the unused bytes of
        // an enum hold what was on the stack before, and moves copy them.
        let info = Info::new(self.connection.common(), name).ok_or(HandshakeError::Unexpected)?;
        let resumption = match &self.connection {
            Connection::Client(_, store) => Resumption::client(store.clone(), &info),
            Connection::Server(_, recorder) => Resumption::server(recorder, &info),
        };
        self.received.set_ceiling(MAX_RECORD);
        self.config.role = self.connection.role();
        let Self { connection, capture, config, received, unsent, .. } = self;

        let extracted = Extracted::new(connection, &capture, info.version)?;
        // Copies of the secrets that this left could be in the unused bytes of the keys, which are made next.
        scrub_stack(EXTRACTION_STACK);
        let Extracted { read: (read, next), write: (write, sent), tickets, exporter } = extracted;
        let mut opener = Box::new(Opener::new(config));
        opener.take_over(Epoch::Application, read, next)?;
        let mut sealer = Box::new(Sealer::new(config));
        sealer.take_over(Epoch::Application, write, sent)?;
        Ok(Established { opener, sealer, received, unsent, tickets, resumption, exporter, info })
    }
}

/// The secrets of a connection.
struct Extracted<P: Provider> {
    /// The traffic secret, and the sequence number of the next record.
    read: (TrafficSecret<P>, u64),
    write: (TrafficSecret<P>, u64),
    tickets: Option<Tickets>,
    exporter: Option<Exporter>,
}

impl<P: Provider> Extracted<P> {
    /// Not inlined: otherwise the secrets of rustls would be in the stack frame in which keys are
    /// made, and could remain in the unused bytes of the keys.
    #[inline(never)]
    fn new(
        connection: Connection,
        capture: &Capture,
        version: Version,
    ) -> Result<Self, HandshakeError> {
        let exporter = match connection.common().negotiated_cipher_suite() {
            Some(SupportedCipherSuite::Tls13(suite)) => {
                capture.exporter_secret.take().map(|secret| Exporter::new(suite, &secret))
            }
            _ => None,
        };
        let client = capture.client_secret.take();
        let server = capture.server_secret.take();
        let (secrets, tickets, peer, own) = match connection {
            Connection::Client(connection, _) => {
                let (secrets, connection) = connection.dangerous_into_kernel_connection()?;
                let tickets = (version == Version::Tls13).then(|| Tickets::new(connection));
                (secrets, tickets, server, client)
            }
            Connection::Server(connection, _) => {
                let (secrets, _) = connection.dangerous_into_kernel_connection()?;
                (secrets, None, client, server)
            }
        };
        let ExtractedSecrets { tx: (sent, write), rx: (next, read) } = secrets;
        let (read, write) = match version {
            Version::Tls12 => (tls12(&read)?, tls12(&write)?),
            Version::Tls13 => (tls13(&read, peer)?, tls13(&write, own)?),
        };
        Ok(Self { read: (read, next), write: (write, sent), tickets, exporter })
    }
}

/// Converts the keys of TLS 1.2.
///
/// The IV of rustls has 12 bytes: with GCM the salt and the first explicit nonce.
fn tls12<P: Provider>(
    secrets: &ConnectionTrafficSecrets,
) -> Result<TrafficSecret<P>, HandshakeError> {
    let (algorithm, key, iv) = match secrets {
        ConnectionTrafficSecrets::Aes128Gcm { key, iv } => (Algorithm::Aes128Gcm, key, iv),
        ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (Algorithm::Aes256Gcm, key, iv),
        ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => {
            (Algorithm::Chacha20Poly1305, key, iv)
        }
        _ => return Err(KeyError::Crypto.into()),
    };
    Ok(TrafficSecret::tls12(algorithm, key.as_ref(), iv.as_ref())?)
}

/// Converts the keys of TLS 1.3.
///
/// The key of rustls only tells the algorithm. The traffic secret is the captured one.
fn tls13<P: Provider>(
    secrets: &ConnectionTrafficSecrets,
    captured: Option<Zeroizing<Vec<u8>>>,
) -> Result<TrafficSecret<P>, HandshakeError> {
    let algorithm = match secrets {
        ConnectionTrafficSecrets::Aes128Gcm { .. } => Algorithm::Aes128Gcm,
        ConnectionTrafficSecrets::Aes256Gcm { .. } => Algorithm::Aes256Gcm,
        ConnectionTrafficSecrets::Chacha20Poly1305 { .. } => Algorithm::Chacha20Poly1305,
        _ => return Err(KeyError::Crypto.into()),
    };
    let secret = captured.ok_or(HandshakeError::Unexpected)?;
    Ok(TrafficSecret::tls13(algorithm, &secret)?)
}
