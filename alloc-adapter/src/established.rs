//! What a completed handshake leaves behind.

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

/// Bytes of stack that rustls takes to give secrets away: 10 KiB, measured with ring. It is enough for
/// AWS-LC as well: `benches/tests/secrets` looks for what is left.
const EXTRACTION_STACK: usize = 12 << 10;

/// An established connection: the two halves of the engine, and what belongs to them.
///
/// The halves are independent; [`RecordLayer::join`](tls_record::RecordLayer::join) makes one of
/// them. Each has a place of its own in memory, because moving keys leaves copies behind.
#[non_exhaustive]
pub struct Established<P: Provider> {
    /// The receiving half, for what is [`received`](Self::received) and all that follows.
    pub opener: Box<Opener<TrafficSecret<P>>>,
    /// The sending half. Its output leaves after what is [`unsent`](Self::unsent).
    pub sealer: Box<Sealer<TrafficSecret<P>>>,
    /// Bytes that arrived behind the handshake: the first that the opener must see. From here on the
    /// ceiling of this buffer is [`MAX_RECORD`].
    pub received: Buffer,
    /// Bytes of the handshake that did not leave yet: a Finished, or tickets.
    pub unsent: Buffer,
    /// Where a TLS 1.3 client puts the tickets that it receives.
    pub tickets: Option<Tickets>,
    /// What may resume the session later: to be [forgotten](Resumption::forget) after a fatal alert.
    pub resumption: Resumption,
    /// Exports keying material. TLS 1.3 only.
    pub exporter: Option<Exporter>,
    /// What was agreed upon.
    pub info: Info,
}

impl<P: Provider> core::fmt::Debug for Established<P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Established").field(&self.info).finish()
    }
}

/// What a handshake agreed upon.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Info {
    /// The protocol version.
    pub version: Version,
    /// The cipher suite.
    pub suite: CipherSuite,
    /// The group of the key exchange, if there was one.
    pub group: Option<NamedGroup>,
    /// Whether it resumed an earlier session.
    pub kind: HandshakeKind,
    /// The application protocol, if one was negotiated (RFC 7301).
    pub alpn: Option<Vec<u8>>,
    /// The peer's certificates, its own first, or its raw public key (RFC 7250). Empty if it is
    /// anonymous. After a resumption, those of the first handshake.
    pub peer_certificates: Vec<CertificateDer<'static>>,
    /// The name of the server: on a client what it asked for, name or address; on a server what the
    /// client asked for, if it did (RFC 6066 section 3).
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
    /// Hands the connection over to the engine, which goes on with the sequence numbers that the
    /// handshake came to. `P` is what protects the records; it need not be what rustls uses.
    ///
    /// # Errors
    /// [`HandshakeError::Tls`] unless the handshake is complete; [`HandshakeError::Keys`] if `P`
    /// does not have the suite: the peer is told nothing, and sees a truncation.
    pub fn finish<P: Provider>(self) -> Result<Established<P>, HandshakeError> {
        let finished = self.hand_over();
        scrub_stack(P::STACK.saturating_add(EXTRACTION_STACK));
        finished
    }

    /// Not inlined: its frame has to be one that [`scrub_stack`] reaches.
    #[inline(never)]
    fn hand_over<P: Provider>(mut self) -> Result<Established<P>, HandshakeError> {
        if !self.is_complete() {
            return Err(HandshakeError::Tls(rustls::Error::HandshakeNotComplete));
        }
        let name = self.name.take().or_else(|| {
            let requested = self.capture.server_name.take()?;
            Some(ServerName::DnsName(DnsName::try_from(&**requested).ok()?.to_owned()))
        });
        // What is not secret comes first: the unused bytes of an enum are what lay on the stack before, and
        // move along with it.
        let info = Info::new(self.connection.common(), name).ok_or(HandshakeError::Unexpected)?;
        let resumption = match &self.connection {
            Connection::Client(_, store) => Resumption::client(store.clone(), &info),
            Connection::Server(_, recorder) => Resumption::server(recorder, &info),
        };
        self.received.set_ceiling(MAX_RECORD);
        let Self { connection, capture, config, received, unsent, .. } = self;

        let extracted = Extracted::new(connection, &capture, info.version)?;
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
    /// With the numbers of the next records.
    read: (TrafficSecret<P>, u64),
    write: (TrafficSecret<P>, u64),
    tickets: Option<Tickets>,
    exporter: Option<Exporter>,
}

impl<P: Provider> Extracted<P> {
    /// Not inlined: what rustls gives would lie in the frame under which keys are made, whose unused
    /// bytes are what lay there.
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

/// rustls gives 12 bytes of iv: with GCM the salt and what its explicit nonces count from.
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

/// rustls gives a key and an iv, which tell the algorithm; the secret is the captured one.
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
