//! What the peer, the transport and the application of a [`World`](super::World) can do.

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
        /// Any.
        Other { content_type: u8, },
    }
}

impl Kind {
    /// Its number.
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
        /// Any.
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
    /// Which keys.
    pub enum Stage {
        /// Early data.
        EarlyData,
        /// Handshake.
        Handshake,
        /// Application data.
        Application,
    }
}

impl Stage {
    /// Their epoch.
    pub fn epoch(&self) -> Epoch {
        match self {
            Self::EarlyData => Epoch::EarlyData,
            Self::Handshake => Epoch::Handshake,
            Self::Application => Epoch::Application,
        }
    }

    /// What the secrets of the two directions are known by.
    pub fn seeds(&self) -> (u8, u8) {
        match self {
            Self::EarlyData => (1, 2),
            Self::Handshake => (3, 4),
            Self::Application => (5, 6),
        }
    }
}

input! {
    /// A limit on lengths.
    pub enum Limit {
        /// Of a plaintext record's body.
        Plaintext,
        /// Of a protected record's plaintext.
        Inner,
        /// Of a protected record's body.
        Body,
    }
}

input! {
    /// One thing that the peer, the transport or the application does.
    pub enum Call {
        /// The peer sends bytes that need not be a record.
        Raw { bytes: Vec<u8>, },
        /// The peer sends a record under its keys, if it has any.
        Record { kind: Kind, content: Vec<u8>, padding: u8, },
        /// The peer sends a record that is none of its keys'.
        Forged { kind: Kind, content: Vec<u8>, },
        /// The peer sends a record without protection.
        Plain { kind: Kind, content: Vec<u8>, },
        /// The peer sends a record as long as may be, and four bytes less or up to three more.
        Edge { limit: Limit, kind: Kind, by: u8, padding: u8, },
        /// The peer sends a header alone.
        Header { content_type: u8, version: u16, limit: Limit, by: u8, },
        /// The peer sends an alert.
        Alert { level: u8, description: u8, },
        /// The peer sends close_notify.
        PeerClose,
        /// The peer sends handshake messages: two alike, in one record or cut in two.
        Messages { kind: MessageKind, body: Vec<u8>, twice: bool, at: u8, },
        /// The peer sends a KeyUpdate and goes on to its next keys.
        PeerUpdate { requested: bool, },
        /// The peer protects with other keys from here on.
        PeerKeys { stage: Stage, },
        /// The transport brings no more than so many of the bytes that were sent.
        Cut { len: u16, },
        /// The transport brings all of them.
        Open,
        /// The transport ends.
        Eof,
        /// The handshake has come to these keys, in both directions.
        Install { stage: Stage, },
        /// The handshake chose the version.
        SetVersion,
        /// TLS 1.2: the handshake is over.
        Establish,
        /// Early data was rejected.
        SkipEarlyData { after_retry: bool, },
        /// The application sends data.
        Seal { len: u8, },
        /// The application updates its keys.
        Update { request: bool, },
        /// The application refuses to renegotiate.
        Refuse,
        /// The application closes.
        Close,
        /// The application cancels.
        Cancel,
        /// The application aborts.
        Abort { description: u8, },
        /// The driver seals what is due.
        Control,
        /// The driver opens once by the other of the two functions.
        OpenOther,
        /// Another implementation used these keys, whose next records have this number.
        TakeOver { stage: Stage, number: u8, secrets: Secrets, },
        /// The keys of a direction go to the kernel.
        HandOver { sender: bool, },
        /// One direction has come to these keys, or to those that are for the other one.
        InstallOne { stage: Stage, ours: bool, crossed: bool, },
        /// The driver opens once into an output of its own, of so many bytes.
        OpenInto { len: u16, room: u16, },
        /// One half alone gets its secret of the handshake for these keys.
        InstallAgain { stage: Stage, ours: bool, },
        /// The application names the other version.
        SetOtherVersion,
    }
}

input! {
    /// The secrets of the two directions.
    pub enum Secrets {
        /// One for each.
        Two,
        /// One for both.
        One,
        /// Two of the other version.
        OtherVersion,
        /// Ours is of the other version.
        Mixed,
        /// Those of the handshake, whatever the epoch.
        OfHandshake,
    }
}
