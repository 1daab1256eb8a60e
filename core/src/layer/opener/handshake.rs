//! Delivering handshake messages one by one, and checking which may come (RFC 9846 sections 4.7 and
//! 5.1).

use super::{EarlyData, Event, Opened, Opener, RestIn};
use crate::buffer::front::Front;
use crate::crypto::keys::KeySchedule;
use crate::layer::notice::Notice;
use crate::protocol::error::{Fault, Flood, OpenError};
use crate::protocol::handshake::{HandshakeHeader, HandshakePiece, HandshakeType};
use crate::protocol::record::{Epoch, Role};

impl<K: KeySchedule> Opener<K> {
    /// Handles the handshake content that [`Self::handshake`] left for this call. It is decrypted
    /// already.
    #[cfg_attr(target_pointer_width = "64", cold)]
    pub(super) fn open_rest(&mut self, input: &mut [u8]) -> Result<Opened, OpenError> {
        if self.rest_in != RestIn::Input {
            return Err(OpenError::OtherBuffer);
        }
        let (rest, trailer) = (usize::from(self.rest), usize::from(self.trailer));
        let total = rest.wrapping_add(trailer);
        if input.len() < total {
            return Ok(self.need_more(input.len(), total));
        }
        self.inside_record = false;
        self.has_more_input = total != input.len();
        let content = input.get(..rest).unwrap_or_default();
        self.handshake(Front::whole(content), 0, trailer)
    }

    /// Delivers one message of `content`, which begins at `start` in the input and has `trailer`
    /// bytes of its record behind it.
    #[cfg_attr(target_pointer_width = "64", cold)]
    pub(super) fn handshake(
        &mut self,
        content: Front<'_>,
        start: usize,
        trailer: usize,
    ) -> Result<Opened, OpenError> {
        if content.is_empty() {
            return Err(Fault::EmptyHandshakeRecord.into());
        }
        self.budget.content_arrived(&self.limits);
        if self.early_data == EarlyData::SkipApplicationData {
            // This is the second ClientHello: no early data follows it.
            self.early_data = EarlyData::None;
        }
        let mut taken = content.len();
        let mut piece = self.messages.next(content);
        if let Some(found) = &piece {
            if found.is_new {
                self.check_message(found.header)?;
            }
            if found.len == 0 && found.header.length != 0 {
                // Only the header is here: there is nothing to deliver yet.
                piece = None;
            } else {
                taken = found.start.wrapping_add(found.len);
            }
        }
        let rest = content.len().wrapping_sub(taken);
        let mut consumed = start.wrapping_add(taken);
        if rest == 0 {
            consumed = consumed.wrapping_add(trailer);
        }
        // Both are shorter than a record.
        self.rest = rest as u16;
        self.trailer = trailer as u16;

        let Some(piece) = piece else {
            return Ok(Opened { consumed, event: Event::Nothing });
        };
        let header = piece.header;
        if header.message_type == HandshakeType::KEY_UPDATE {
            // The body is one byte: `check_message` has checked it.
            let requested = match content.bytes().get(piece.start) {
                Some(0) => false,
                Some(1) => true,
                _ => return Err(Fault::KeyUpdateValue.into()),
            };
            self.key_update(requested)?;
            return Ok(Opened { consumed, event: Event::KeyUpdate { requested } });
        }
        if piece.offset == 0 && self.is_renegotiation() {
            self.budget.spend(Flood::Renegotiations)?;
        }
        let body = start.wrapping_add(piece.start)..start.wrapping_add(taken);
        let piece = HandshakePiece { header, offset: piece.offset, body };
        Ok(Opened { consumed, event: Event::Handshake(piece) })
    }

    /// Handles a KeyUpdate (RFC 9846 section 4.7.3).
    fn key_update(&mut self, requested: bool) -> Result<(), Fault> {
        if self.rest != 0 {
            return Err(Fault::SpansKeyChange);
        }
        if core::mem::take(&mut self.answer_expected) {
            self.notice = self.notice.merge(Notice::PEER_ANSWERED);
        } else {
            self.budget.spend(Flood::KeyUpdates)?;
        }
        let keys = self.keys.get_mut().ok_or(Fault::UnexpectedHandshake)?;
        keys.update().map_err(|_| Fault::Crypto)?;
        if requested {
            self.notice = self.notice.merge(Notice::UPDATE_REQUESTED);
        }
        self.set_fast();
        Ok(())
    }

    /// Returns whether a handshake message is a request to renegotiate: on an established TLS 1.2
    /// connection each one is.
    fn is_renegotiation(&self) -> bool {
        self.epoch == Epoch::Application && self.is_tls12()
    }

    /// Checks whether a handshake message may come, as far as a record layer knows.
    fn check_message(&self, header: HandshakeHeader) -> Result<(), Fault> {
        use HandshakeType as Type;
        let message_type = header.message_type;
        let is_client = self.role == Role::Client;
        let is_expected = match self.epoch {
            Epoch::Plaintext | Epoch::Handshake => message_type != Type::KEY_UPDATE,
            Epoch::EarlyData => message_type == Type::END_OF_EARLY_DATA,
            Epoch::Application if self.is_tls12() => {
                message_type == if is_client { Type::HELLO_REQUEST } else { Type::CLIENT_HELLO }
            }
            Epoch::Application => match message_type {
                Type::KEY_UPDATE => true,
                Type::NEW_SESSION_TICKET => is_client,
                Type::CERTIFICATE_REQUEST => is_client && self.post_handshake_auth,
                Type::CERTIFICATE | Type::CERTIFICATE_VERIFY | Type::FINISHED => {
                    !is_client && self.post_handshake_auth
                }
                _ => false,
            },
        };
        if !is_expected {
            return Err(Fault::UnexpectedHandshake);
        }
        let is_length_right = match message_type {
            Type::KEY_UPDATE => header.length == 1,
            Type::HELLO_REQUEST | Type::SERVER_HELLO_DONE | Type::END_OF_EARLY_DATA => {
                header.length == 0
            }
            _ => true,
        };
        if !is_length_right {
            return Err(Fault::HandshakeLength);
        }
        if header.length > self.limits.handshake_message {
            return Err(Fault::HandshakeTooLong);
        }
        Ok(())
    }
}
