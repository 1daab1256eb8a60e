//! The calls of the peer, the transport and the application of a [`World`](super::World).

use tls_record::{ContentType, Epoch};

use crate::input::input;

input! {
    /// A content type.
    pub enum Kind {
        /// application_data
        Data,
        /// handshake
        Handshake,
        /// alert
        Alert,
        /// change_cipher_spec
        ChangeCipherSpec,
        /// Another content type.
        Other { content_type: u8, },
    }
}

impl Kind {
    /// Returns the content type.
    pub fn content_type(&self) -> ContentType {
        match *self {
            Self::Data => ContentType::APPLICATION_DATA,
            Self::Handshake => ContentType::HANDSHAKE,
            Self::Alert => ContentType::ALERT,
            Self::ChangeCipherSpec => ContentType::CHANGE_CIPHER_SPEC,
            Self::Other { content_type } => ContentType(content_type),
        }
    }
}

input! {
    /// The type of a handshake message.
    pub enum MessageKind {
        /// new_session_ticket
        Ticket,
        /// hello_request
        HelloRequest,
        /// client_hello
        ClientHello,
        /// end_of_early_data
        EndOfEarlyData,
        /// finished
        Finished,
        /// certificate_request
        CertificateRequest,
        /// key_update
        KeyUpdate,
        /// Another message type.
        Other { message_type: u8, },
    }
}

impl MessageKind {
    pub(super) fn number(&self) -> u8 {
        match *self {
            Self::Ticket => 4,
            Self::HelloRequest => 0,
            Self::ClientHello => 1,
            Self::EndOfEarlyData => 5,
            Self::Finished => 20,
            Self::CertificateRequest => 13,
            Self::KeyUpdate => 24,
            Self::Other { message_type } => message_type,
        }
    }
}

input! {
    /// A stage of a connection: its keys.
    pub enum Stage {
        /// The keys of early data.
        EarlyData,
        /// The handshake keys.
        Handshake,
        /// The keys of application data.
        Application,
    }
}

impl Stage {
    /// Returns the epoch of the keys.
    pub fn epoch(&self) -> Epoch {
        match self {
            Self::EarlyData => Epoch::EarlyData,
            Self::Handshake => Epoch::Handshake,
            Self::Application => Epoch::Application,
        }
    }

    /// Returns the seeds of the secrets of both directions.
    pub fn seeds(&self) -> (u8, u8) {
        match self {
            Self::EarlyData => (1, 2),
            Self::Handshake => (3, 4),
            Self::Application => (5, 6),
        }
    }
}

input! {
    /// A limit on the length of a record.
    pub enum Limit {
        /// The limit for the body of a plaintext record.
        Plaintext,
        /// The limit for the plaintext of a protected record.
        Inner,
        /// The limit for the body of a protected record.
        Body,
    }
}

input! {
    /// One call of the peer, the transport or the application.
    pub enum Call {
        /// The peer sends bytes that need not be a record.
        Raw { bytes: Vec<u8>, },
        /// The peer sends a record under its keys, if it has any.
        Record { kind: Kind, content: Vec<u8>, padding: u8, },
        /// The peer sends a record that is not protected with its keys.
        Forged { kind: Kind, content: Vec<u8>, },
        /// The peer sends a record without protection.
        Plain { kind: Kind, content: Vec<u8>, },
        /// The peer sends a record with a length from four bytes below to three above a limit.
        Edge { limit: Limit, kind: Kind, by: u8, padding: u8, },
        /// The peer sends only a header.
        Header { content_type: u8, version: u16, limit: Limit, by: u8, },
        /// The peer sends an alert.
        Alert { level: u8, description: u8, },
        /// The peer sends a close_notify.
        PeerClose,
        /// The peer sends one or two equal handshake messages, in one record or split over two.
        Messages { kind: MessageKind, body: Vec<u8>, twice: bool, at: u8, },
        /// The peer sends a KeyUpdate and uses its next keys.
        PeerUpdate { requested: bool, },
        /// The peer uses other keys from now on.
        PeerKeys { stage: Stage, },
        /// The engine is shown at most `len` bytes of the input.
        Cut { len: u16, },
        /// The engine is shown all of the input.
        Open,
        /// The transport ends.
        Eof,
        /// The handshake installs keys in both directions.
        Install { stage: Stage, },
        /// The handshake sets the version.
        SetVersion,
        /// TLS 1.2: the handshake is complete.
        Establish,
        /// Early data was rejected.
        SkipEarlyData { after_retry: bool, },
        /// The application sends data.
        Seal { len: u8, },
        /// The application updates its keys.
        Update { request: bool, },
        /// The application refuses a renegotiation.
        Refuse,
        /// The application closes.
        Close,
        /// The application cancels.
        Cancel,
        /// The application aborts.
        Abort { description: u8, },
        /// The driver seals the control records that are due.
        Control,
        /// The driver opens once with the other of the two functions.
        OpenOther,
        /// Keys of another implementation are taken over, at this sequence number.
        TakeOver { stage: Stage, number: u8, secrets: Secrets, },
        /// The keys of a direction are handed to the kernel.
        HandOver { sender: bool, },
        /// Keys are installed in one direction: its own, or those of the other direction.
        InstallOne { stage: Stage, ours: bool, crossed: bool, },
        /// The driver opens once into an output of `room` bytes.
        OpenInto { len: u16, room: u16, },
        /// The handshake secret of one half is installed again for these keys.
        InstallAgain { stage: Stage, ours: bool, },
        /// The application sets the other version.
        SetOtherVersion,
    }
}

input! {
    /// The secrets of the two directions.
    pub enum Secrets {
        /// Two secrets.
        Two,
        /// One secret for both directions.
        One,
        /// Two secrets of the other version.
        OtherVersion,
        /// The secret of the sending direction is of the other version.
        Mixed,
        /// The handshake secrets, in any epoch.
        OfHandshake,
    }
}
