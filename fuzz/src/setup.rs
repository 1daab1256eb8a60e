//! The setup of a connection: the part of an input before the calls.

use tls_record::aead::{Algorithm, Provider};
use tls_record::close::OnPeerClose;
use tls_record::{
    Config, Epoch, Limits, Padding, RecordLayer, RecordSizeLimit, Role, TrafficSecret, Version,
};

use crate::input::input;

input! {
    /// A version and a cipher suite.
    pub enum Suite {
        /// TLS 1.3 with AES-128-GCM.
        Tls13,
        /// TLS 1.3 with AES-256-GCM, whose secrets are longer.
        Tls13Sha384,
        /// TLS 1.2 with AES-128-GCM, with an explicit nonce of eight bytes in each record.
        Tls12Gcm,
        /// TLS 1.2 with ChaCha20-Poly1305, without explicit nonces.
        Tls12Chacha,
        /// TLS 1.3 with AES-128-GCM, and no other version may be negotiated.
        Tls13Pinned,
        /// TLS 1.2 with AES-128-GCM, and no other version may be negotiated.
        Tls12Pinned,
    }
}

impl Suite {
    /// Returns the version of the suite.
    pub fn version(&self) -> Version {
        match self {
            Self::Tls13 | Self::Tls13Sha384 | Self::Tls13Pinned => Version::Tls13,
            Self::Tls12Gcm | Self::Tls12Chacha | Self::Tls12Pinned => Version::Tls12,
        }
    }

    /// Returns the only version that may be negotiated, if one is configured.
    pub fn pinned(&self) -> Option<Version> {
        matches!(self, Self::Tls13Pinned | Self::Tls12Pinned).then(|| self.version())
    }

    /// Returns a suite of the other version.
    pub fn of_other_version(&self) -> Self {
        match self.version() {
            Version::Tls13 => Self::Tls12Gcm,
            Version::Tls12 => Self::Tls13,
        }
    }

    /// Returns the lowest sequence number at which keys of this epoch may be taken over. In TLS 1.2
    /// the Finished has sequence number 0 with the keys of application data.
    pub fn first_number(&self, epoch: Epoch) -> u64 {
        u64::from(self.version() == Version::Tls12 && epoch == Epoch::Application)
    }

    fn algorithm(&self) -> Algorithm {
        match self {
            Self::Tls13 | Self::Tls12Gcm | Self::Tls13Pinned | Self::Tls12Pinned => {
                Algorithm::Aes128Gcm
            }
            Self::Tls13Sha384 => Algorithm::Aes256Gcm,
            Self::Tls12Chacha => Algorithm::Chacha20Poly1305,
        }
    }

    /// Returns the secret for `seed`.
    pub fn secret<P: Provider>(&self, seed: u8) -> TrafficSecret<P> {
        let algorithm = self.algorithm();
        let mut bytes = [seed; 48];
        // The null cipher adds one to each byte for the next secret. Two secrets that differ only
        // by that would become equal, and end the connection.
        bytes[24] = seed.wrapping_add(seed & 1);
        match self.version() {
            Version::Tls13 => TrafficSecret::tls13(algorithm, &bytes[..algorithm.secret_len()]),
            // The first explicit nonce is not zero, as in rustls.
            Version::Tls12 => {
                TrafficSecret::tls12(algorithm, &bytes[..algorithm.key_len()], &bytes[..12])
            }
        }
        .expect("a secret of the right length")
    }
}

input! {
    /// Limits that replace the defaults.
    pub struct Few {
        /// Empty records in a row.
        pub empty_records: u8,
        /// Warnings in a row.
        pub warnings: u8,
        /// KeyUpdates without data between them.
        pub key_updates: u8,
        /// Requests for a renegotiation.
        pub renegotiations: u8,
        /// Bytes of a handshake message.
        pub handshake_message: u8,
        /// Bytes of early data.
        pub early_data: u8,
    }
}

input! {
    /// A padding policy.
    pub enum Pad {
        /// No padding.
        None,
        /// To a multiple of `size`.
        Block { size: u16, },
        /// To a power of two.
        PowerOfTwo,
        /// To `size` bytes.
        Size { size: u16, },
    }
}

impl Pad {
    /// Returns the padding policy of the engine.
    pub fn policy(&self) -> Padding {
        match *self {
            Self::None => Padding::None,
            Self::Block { size } => Padding::Block(size),
            Self::PowerOfTwo => Padding::PowerOfTwo,
            Self::Size { size } => Padding::Size(size),
        }
    }

    /// Returns the padded length of an inner plaintext of `unpadded` bytes, with the maximum `max`
    /// (RFC 9846 section 5.4).
    pub fn padded(&self, unpadded: usize, max: usize) -> usize {
        let wanted = match *self {
            Self::None | Self::Block { size: 0 } => unpadded,
            Self::Block { size } => unpadded.div_ceil(size.into()) * usize::from(size),
            Self::PowerOfTwo => unpadded.next_power_of_two(),
            Self::Size { size } => size.into(),
        };
        wanted.min(max).max(unpadded)
    }
}

input! {
    /// The configuration of a connection.
    pub struct Setup {
        /// The version and cipher suite.
        pub suite: Suite,
        /// The engine is the server.
        pub is_server: bool,
        /// The limits, if not the defaults.
        pub limits: Option<Few>,
        /// The record_size_limit that the engine announced.
        pub record_size_limit: Option<u16>,
        /// The most content of one record of the engine.
        pub fragment_limit: Option<u8>,
        /// The number of records that one key may seal.
        pub key_limit: Option<u8>,
        /// The padding of the engine's records.
        pub padding: Pad,
        /// Whether control records are padded as well.
        pub pads_control: bool,
        /// Whether padding is removed in constant time.
        pub constant_time_padding: bool,
        /// Whether the sending direction stays open when a TLS 1.2 peer closes.
        pub half_closes: bool,
        /// Whether post-handshake authentication was offered.
        pub post_handshake_auth: bool,
    }
}

impl Setup {
    /// Creates a setup with the defaults.
    pub const fn new(suite: Suite) -> Self {
        Self {
            suite,
            is_server: false,
            limits: None,
            record_size_limit: None,
            fragment_limit: None,
            key_limit: None,
            padding: Pad::None,
            pads_control: false,
            constant_time_padding: false,
            half_closes: false,
            post_handshake_auth: false,
        }
    }

    /// Returns the version.
    pub fn version(&self) -> Version {
        self.suite.version()
    }

    /// Returns the role of the engine.
    pub fn role(&self) -> Role {
        if self.is_server { Role::Server } else { Role::Client }
    }

    /// Returns the limits.
    pub fn limits(&self) -> Limits {
        let mut limits = Limits::DEFAULT;
        if let Some(few) = &self.limits {
            limits.empty_records = few.empty_records;
            limits.warnings = few.warnings;
            limits.key_updates = few.key_updates;
            limits.renegotiations = few.renegotiations;
            limits.handshake_message = few.handshake_message.into();
            limits.early_data = few.early_data.into();
        }
        limits
    }

    /// Returns the record_size_limit that the engine announced: an allowed value (RFC 8449 section
    /// 4), most often a small one.
    ///
    /// # Panics
    /// Never: each is at least 64.
    pub fn record_size_limit(&self) -> Option<RecordSizeLimit> {
        self.record_size_limit.map(|limit| {
            let limit = match limit % 4 {
                0 => 64 + limit / 4 % (16_385 - 63),
                _ => 64 + limit / 4 % 192,
            };
            RecordSizeLimit::new(limit).expect("at least 64")
        })
    }

    /// Returns the first sequence number at which a key may seal only control records (RFC 9846
    /// section 5.5).
    pub fn data_limit(&self) -> u64 {
        /// The records that a key reserves for control.
        const RESERVE: u64 = 4;
        let of_key = match self.suite {
            Suite::Tls12Chacha => u64::MAX,
            // 2^24.5
            _ => 23_726_566,
        };
        let chosen = match self.config().key_limit {
            u32::MAX => u64::MAX,
            limit => limit.into(),
        };
        of_key.min(chosen).saturating_sub(RESERVE).max(1)
    }

    /// Returns the config of the engine.
    pub fn config(&self) -> Config {
        let mut config = Config::new(self.role());
        config.version = self.suite.pinned();
        config.limits = self.limits();
        config.record_size_limit = self.record_size_limit();
        if let Some(limit) = self.fragment_limit {
            config.fragment_limit = limit.into();
        }
        if let Some(limit) = self.key_limit {
            config.key_limit = limit.into();
        }
        config.padding = self.padding.policy();
        config.pads_control = self.pads_control;
        config.constant_time_padding = self.constant_time_padding;
        if self.half_closes {
            config.tls12_on_peer_close = OnPeerClose::HalfClose;
        }
        config.post_handshake_auth = self.post_handshake_auth;
        config
    }

    /// Creates an established connection that reads and writes with the secrets for these seeds.
    ///
    /// # Panics
    /// If the keys are refused.
    pub fn established<P: Provider>(
        &self,
        config: Config,
        read: u8,
        write: u8,
    ) -> RecordLayer<TrafficSecret<P>> {
        let mut layer = RecordLayer::new(config);
        let number = self.suite.first_number(Epoch::Application);
        let [read, write] = [read, write].map(|seed| (self.suite.secret(seed), number));
        let (client, server) = by_writer(config.role, read, write);
        layer.take_over(Epoch::Application, client, server).expect("keys");
        layer
    }
}

/// Returns the value for the client's sending direction, and then the one for the server's.
pub fn by_writer<T>(role: Role, read: T, write: T) -> (T, T) {
    match role {
        Role::Client => (write, read),
        Role::Server => (read, write),
    }
}
