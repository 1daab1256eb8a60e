//! Real TLS implementations in memory, to talk to byte by byte.
//!
//! A [`Peer`] is one end of a TLS connection without a transport: the bytes of the wire go in
//! through [`Peer::receive`] and come out of [`Peer::take_output`]. There is one over OpenSSL,
//! [`OpensslPeer`], and one over rustls, [`RustlsPeer`]; both are pinned by a [`Setup`] to one
//! protocol version and one cipher suite, and both use the certificate of [`identity()`].
//!
//! A peer reacts to bytes at once, within [`Peer::receive`]: its output is complete when the call
//! returns.

mod identity;
mod openssl;
mod rustls;
mod secrets;

pub use self::{
    identity::{Identity, SERVER_NAME, identity},
    openssl::{OpensslContext, OpensslPeer, OpensslSession},
    rustls::{
        RustlsPeer, rustls_client_config, rustls_client_config_with, rustls_server_config,
        rustls_server_config_with,
    },
    secrets::{SecretLog, Secrets},
};

/// One end of a TLS connection, in memory.
///
/// A peer that has failed, or that has received a fatal alert, takes no more input and sends
/// nothing but its own alert: what is written to it then is dropped.
pub trait Peer {
    /// Takes bytes from the wire, cut anywhere, and acts on them.
    fn receive(&mut self, bytes: &[u8]);

    /// Hands over the bytes that wait to go to the wire.
    fn take_output(&mut self) -> Vec<u8>;

    /// True until the handshake is complete on this side, and forever if it has failed.
    fn is_handshaking(&self) -> bool;

    /// Sends all of the application data; during the handshake, as soon as it is complete.
    ///
    /// # Panics
    ///
    /// After [`Peer::close`].
    fn write(&mut self, data: &[u8]);

    /// Hands over the application data received so far, in order.
    fn read(&mut self) -> Vec<u8>;

    /// Closes this side for writing: sends a `close_notify`, once, after what has been written.
    ///
    /// The other direction stays open: later data of the other side can be read.
    fn close(&mut self);

    /// Sends a KeyUpdate, which asks the other side for one too if `request` is set.
    ///
    /// # Panics
    ///
    /// Unless the connection is an open one of TLS 1.3, past its handshake; and if the
    /// implementation has no means of sending the kind asked for, see [`RustlsPeer`].
    fn key_update(&mut self, request: bool);

    /// Returns the end of the receiving direction.
    fn end(&self) -> PeerEnd;

    /// Whether the connection resumed an earlier session; known once the handshake is completed.
    fn resumed(&self) -> bool;

    /// Returns the negotiated version and suite, once the handshake is complete.
    fn negotiated(&self) -> Option<Negotiated>;
}

/// The end of the receiving direction of a [`Peer`]. The first end stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PeerEnd {
    /// The direction is open.
    #[default]
    Open,
    /// The other side sent a `close_notify`.
    CloseNotify,
    /// The other side sent a fatal alert, of this description.
    Alert(u8),
    /// This side found an error, with its description, and usually sent an alert.
    Failed(String),
}

impl PeerEnd {
    /// Whether the sending direction is still open after this end of the receiving one.
    fn lets_write(&self) -> bool {
        matches!(self, Self::Open | Self::CloseNotify)
    }
}

/// The configuration of a peer: its role, and the only version and cipher suite that it accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Setup {
    /// Which end of the connection it is.
    pub role: Role,
    /// The protocol version.
    pub version: Version,
    /// The AEAD of the cipher suite.
    pub suite: Suite,
}

/// Options of a peer besides its [`Setup`].
#[derive(Clone, Debug, Default)]
pub struct Extras {
    /// The log of its secrets.
    pub log: Option<SecretLog>,
    /// The groups of the key exchange, which a client offers in this order with a key share for the
    /// first one alone. Empty: as the implementation has it.
    pub groups: Vec<Group>,
    /// Whether the client authenticates itself, with the certificate of [`identity()`]: a server
    /// demands it.
    pub client_auth: bool,
    /// The number of bytes of early data that the tickets of a server allow; for a client, whether
    /// it offers early data. Only in TLS 1.3.
    pub early_data: u32,
    /// Whether an OpenSSL peer does without the compatibility mode of TLS 1.3.
    pub no_compatibility_mode: bool,
}

/// A group of the key exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// X25519.
    X25519,
    /// NIST's P-256.
    P256,
}

/// The version and cipher suite of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Negotiated {
    /// The protocol version.
    pub version: Version,
    /// The AEAD of the cipher suite.
    pub suite: Suite,
}

/// An end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The end that begins the handshake, and verifies the other's certificate.
    Client,
    /// The end that has the certificate.
    Server,
}

/// A protocol version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// A cipher suite, by its AEAD. In TLS 1.2 the key exchange is ECDHE with an ECDSA certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Suite {
    /// AES-128-GCM with SHA-256.
    Aes128Gcm,
    /// AES-256-GCM with SHA-384.
    Aes256Gcm,
    /// ChaCha20-Poly1305 with SHA-256.
    Chacha20Poly1305,
    /// AES-128-CCM with SHA-256. rustls does not have it.
    Aes128Ccm,
    /// AES-128-CCM with tags of 8 bytes, and SHA-256. rustls does not have it.
    Aes128Ccm8,
}

impl Negotiated {
    /// Every combination that both implementations have.
    pub fn all() -> impl Iterator<Item = Self> {
        Version::ALL.into_iter().flat_map(|version| Suite::ALL.map(|suite| Self { version, suite }))
    }

    /// The setup of a peer that agrees to this combination alone.
    pub const fn setup(self, role: Role) -> Setup {
        let Self { version, suite } = self;
        Setup { role, version, suite }
    }

    /// Every combination that OpenSSL alone has.
    pub fn all_ccm() -> impl Iterator<Item = Self> {
        Version::ALL.into_iter().flat_map(|version| Suite::CCM.map(|suite| Self { version, suite }))
    }

    /// The combination that these code points stand for.
    fn from_code_points(version: u16, suite: u16) -> Option<Self> {
        Self::all().chain(Self::all_ccm()).find(|agreed| {
            agreed.version.code_point() == version
                && agreed.suite.code_point(agreed.version) == suite
        })
    }
}

impl Version {
    /// Both versions.
    pub const ALL: [Self; 2] = [Self::Tls12, Self::Tls13];

    /// The version's number on the wire.
    pub const fn code_point(self) -> u16 {
        match self {
            Self::Tls12 => 0x0303,
            Self::Tls13 => 0x0304,
        }
    }
}

impl Suite {
    /// The three that both implementations have.
    pub const ALL: [Self; 3] = [Self::Aes128Gcm, Self::Aes256Gcm, Self::Chacha20Poly1305];

    /// The two that OpenSSL alone has.
    pub const CCM: [Self; 2] = [Self::Aes128Ccm, Self::Aes128Ccm8];

    /// The number, on the wire, of the cipher suite that has this AEAD in `version`.
    pub const fn code_point(self, version: Version) -> u16 {
        match (version, self) {
            (Version::Tls12, Self::Aes128Gcm) => 0xc02b,
            (Version::Tls12, Self::Aes256Gcm) => 0xc02c,
            (Version::Tls12, Self::Chacha20Poly1305) => 0xcca9,
            (Version::Tls12, Self::Aes128Ccm) => 0xc0ac,
            (Version::Tls12, Self::Aes128Ccm8) => 0xc0ae,
            (Version::Tls13, Self::Aes128Gcm) => 0x1301,
            (Version::Tls13, Self::Aes256Gcm) => 0x1302,
            (Version::Tls13, Self::Chacha20Poly1305) => 0x1303,
            (Version::Tls13, Self::Aes128Ccm) => 0x1304,
            (Version::Tls13, Self::Aes128Ccm8) => 0x1305,
        }
    }
}

/// Carries bytes in both directions until neither peer has any to send.
///
/// # Panics
///
/// If the two do not come to rest.
pub fn pump(a: &mut dyn Peer, b: &mut dyn Peer) {
    const MAX_TURNS: usize = 100;

    for _ in 0..MAX_TURNS {
        let (from_a, from_b) = (a.take_output(), b.take_output());
        if from_a.is_empty() && from_b.is_empty() {
            return;
        }
        b.receive(&from_a);
        a.receive(&from_b);
    }
    panic!("the peers still talk after {MAX_TURNS} turns");
}
