//! The boundaries of handshake messages (RFC 9846 section 5.1).
//!
//! The engine finds them to deliver messages piece by piece, to recognise a KeyUpdate, and to check
//! that a key change comes between two messages.

use core::ops::Range;

use crate::buffer::bytes::copy;
use crate::buffer::front::Front;

/// The type of a handshake message (RFC 9846 section 4). Unknown values are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct HandshakeType(pub u8);

impl HandshakeType {
    /// hello_request (TLS 1.2)
    pub const HELLO_REQUEST: Self = Self(0);
    /// client_hello
    pub const CLIENT_HELLO: Self = Self(1);
    /// server_hello
    pub const SERVER_HELLO: Self = Self(2);
    /// new_session_ticket
    pub const NEW_SESSION_TICKET: Self = Self(4);
    /// end_of_early_data
    pub const END_OF_EARLY_DATA: Self = Self(5);
    /// encrypted_extensions
    pub const ENCRYPTED_EXTENSIONS: Self = Self(8);
    /// certificate
    pub const CERTIFICATE: Self = Self(11);
    /// certificate_request
    pub const CERTIFICATE_REQUEST: Self = Self(13);
    /// server_hello_done (TLS 1.2)
    pub const SERVER_HELLO_DONE: Self = Self(14);
    /// certificate_verify
    pub const CERTIFICATE_VERIFY: Self = Self(15);
    /// finished
    pub const FINISHED: Self = Self(20);
    /// key_update
    pub const KEY_UPDATE: Self = Self(24);
}

/// The header of a handshake message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct HandshakeHeader {
    /// The type of the message.
    pub message_type: HandshakeType,
    /// Length of the body in bytes, at most 2^24 - 1.
    pub length: u32,
}

impl HandshakeHeader {
    /// Length of the header in bytes.
    pub const LEN: usize = 4;

    /// Decodes a header.
    pub const fn decode(bytes: [u8; HandshakeHeader::LEN]) -> Self {
        let [message_type, high, middle, low] = bytes;
        Self {
            message_type: HandshakeType(message_type),
            length: u32::from_be_bytes([0, high, middle, low]),
        }
    }

    /// Encodes a header, for instance for a transcript hash: the engine delivers only bodies.
    pub const fn encode(self) -> [u8; HandshakeHeader::LEN] {
        let [_, high, middle, low] = self.length.to_be_bytes();
        [self.message_type.0, high, middle, low]
    }
}

/// A handshake message, or a part of one that was split over records.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct HandshakePiece {
    /// The header of the whole message.
    pub header: HandshakeHeader,
    /// Where in the body of the message this piece begins, in bytes.
    pub offset: u32,
    /// The range of the piece in the slice that was given to `open`.
    pub body: Range<usize>,
}

impl HandshakePiece {
    /// Returns whether the message ends with this piece.
    pub fn is_last(&self) -> bool {
        let len = u32::try_from(self.body.len()).ok();
        len.and_then(|len| self.offset.checked_add(len)) == Some(self.header.length)
    }
}

/// Tracks the boundaries of messages in a stream of handshake bytes.
#[derive(Clone, Debug)]
pub(crate) struct Messages {
    header: [u8; HandshakeHeader::LEN],
    /// Bytes of the current message so far, its header included; 0 between two messages.
    received: u32,
}

/// The part of a message that is at the front of some content, once its header is complete.
pub(crate) struct Piece {
    pub(crate) header: HandshakeHeader,
    /// Whether the header has just become complete.
    pub(crate) is_new: bool,
    /// Where in the body of the message the piece begins.
    pub(crate) offset: u32,
    /// Where the piece begins in the content, and its length.
    pub(crate) start: usize,
    pub(crate) len: usize,
}

impl Messages {
    pub(crate) const fn new() -> Self {
        Self { header: [0; HandshakeHeader::LEN], received: 0 }
    }

    /// Returns whether the last message is not complete yet.
    pub(crate) const fn is_partial(&self) -> bool {
        self.received != 0
    }

    /// Takes one message, or the part of it that is there, from the front of `content`. Returns
    /// `None` if its header is not complete yet.
    pub(crate) fn next(&mut self, content: Front<'_>) -> Option<Piece> {
        const HEADER_LEN: u32 = HandshakeHeader::LEN as u32;
        let missing = self.header.get_mut(self.received as usize..).unwrap_or_default();
        let start = missing.len().min(content.bytes().len());
        copy(content.bytes(), missing);
        let is_new = !missing.is_empty();
        // Does not wrap, nor do the sums below: the body of a message is shorter than 2^24 bytes.
        self.received = self.received.wrapping_add(start as u32);
        let offset = self.received.checked_sub(HEADER_LEN)?;

        let header = HandshakeHeader::decode(self.header);
        let left = header.length.wrapping_sub(offset);
        let here = content.len().wrapping_sub(start);
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(here);
        self.received = if len as u32 == left { 0 } else { self.received.wrapping_add(len as u32) };
        Some(Piece { header, is_new, offset, start, len })
    }
}
