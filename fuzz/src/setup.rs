//! What a connection is set up as: the part of an input that comes before the calls.

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
        /// TLS 1.2 with AES-128-GCM: eight bytes of the nonce are in each record.
        Tls12Gcm,
        /// TLS 1.2 with ChaCha20-Poly1305: none are.
        Tls12Chacha,
        /// TLS 1.3 with AES-128-GCM, and no other version may be negotiated.
        Tls13Pinned,
        /// TLS 1.2 with AES-128-GCM, and no other version may be negotiated.
        Tls12Pinned,
    }
}

impl Suite {
    /// The version that it is of.
    pub fn version(&self) -> Version {
        match self {
            Self::Tls13 | Self::Tls13Sha384 | Self::Tls13Pinned => Version::Tls13,
            Self::Tls12Gcm | Self::Tls12Chacha | Self::Tls12Pinned => Version::Tls12,
        }
    }

    /// The only version that may be negotiated, if one is configured.
    pub fn pinned(&self) -> Option<Version> {
        matches!(self, Self::Tls13Pinned | Self::Tls12Pinned).then(|| self.version())
    }

    /// A suite of the other version.
    pub fn of_other_version(&self) -> Self {
        match self.version() {
            Version::Tls13 => Self::Tls12Gcm,
            Version::Tls12 => Self::Tls13,
        }
    }

    /// The lowest sequence number that keys of this epoch may be taken over at: in TLS 1.2 the
    /// Finished has number 0 under the keys of application data.
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

    /// A secret that is known by `seed`.
    pub fn secret<P: Provider>(&self, seed: u8) -> TrafficSecret<P> {
        let algorithm = self.algorithm();
        let mut bytes = [seed; 48];
        // The null cipher's next secret has one more in each byte: two that are alike but for that
        // would become one, and end the connection.
        bytes[24] = seed.wrapping_add(seed & 1);
        match self.version() {
            Version::Tls13 => TrafficSecret::tls13(algorithm, &bytes[..algorithm.secret_len()]),
            // The start of the explicit nonce is not zero: as rustls has it.
            Version::Tls12 => {
                TrafficSecret::tls12(algorithm, &bytes[..algorithm.key_len()], &bytes[..12])
            }
        }
        .expect("a secret of the right length")
    }
}

input! {
    /// How much is tolerated, if not what is the default.
    pub struct Few {
        /// Empty records in a row.
        pub empty_records: u8,
        /// Warnings in a row.
        pub warnings: u8,
        /// KeyUpdates without data.
        pub key_updates: u8,
        /// Requests to renegotiate.
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
        /// None.
        None,
        /// To a multiple.
        Block { size: u16, },
        /// To a power of two.
        PowerOfTwo,
        /// To a length.
        Size { size: u16, },
    }
}

impl Pad {
    /// The engine's word for it.
    pub fn policy(&self) -> Padding {
        match *self {
            Self::None => Padding::None,
            Self::Block { size } => Padding::Block(size),
            Self::PowerOfTwo => Padding::PowerOfTwo,
            Self::Size { size } => Padding::Size(size),
        }
    }

    /// The length of an inner plaintext that is `unpadded` bytes long without padding and may be
    /// `max` (RFC 9846 section 5.4).
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
    /// What is configured.
    pub struct Setup {
        /// Version and cipher suite.
        pub suite: Suite,
        /// The engine is the server.
        pub is_server: bool,
        /// What is tolerated.
        pub limits: Option<Few>,
        /// The record_size_limit that the engine announced.
        pub record_size_limit: Option<u16>,
        /// The most content that it puts into one record.
        pub fragment_limit: Option<u8>,
        /// Records that one key may seal.
        pub key_limit: Option<u8>,
        /// How its records are padded.
        pub padding: Pad,
        /// Whether all of them are.
        pub pads_control: bool,
        /// Whether padding is taken off in constant time.
        pub constant_time_padding: bool,
        /// Whether it stays open when a TLS 1.2 peer closes.
        pub half_closes: bool,
        /// Whether post-handshake authentication was offered.
        pub post_handshake_auth: bool,
    }
}

impl Setup {
    /// Nothing but the defaults.
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

    /// The version.
    pub fn version(&self) -> Version {
        self.suite.version()
    }

    /// The engine's role.
    pub fn role(&self) -> Role {
        if self.is_server { Role::Server } else { Role::Client }
    }

    /// What is tolerated.
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

    /// The record_size_limit that was announced: those that RFC 8449 section 4 allows, the small ones
    /// above all.
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

    /// The first record that a key may not seal, but for control (RFC 9846 section 5.5).
    pub fn data_limit(&self) -> u64 {
        /// Records that a key keeps for control.
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

    /// The engine's configuration.
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

    /// An established connection, which reads and writes under the secrets known by these seeds.
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

/// What is for the direction in which the client writes, and for the other one.
pub fn by_writer<T>(role: Role, read: T, write: T) -> (T, T) {
    match role {
        Role::Client => (write, read),
        Role::Server => (read, write),
    }
}
