//! Handshake content: one message a call, and which may come (RFC 9846 sections 4.7 and 5.1).

use super::{EarlyData, Event, Opened, Opener, Stop};
use crate::error::Fault;
use crate::handshake::{HandshakeHeader, HandshakePiece, HandshakeType, Step};
use crate::keys::KeySchedule;
use crate::notice::Notice;
use crate::record::{Epoch, Role, Version};
use crate::scrub::scrub_stack;

impl<K: KeySchedule> Opener<K> {
    /// Handshake content that [`Self::handshake`] left for the next call. It is decrypted already.
    #[cold]
    pub(super) fn open_rest(&mut self, input: &mut [u8]) -> Result<Opened, Stop> {
        let (rest, trailer) = (usize::from(self.rest), usize::from(self.trailer));
        let total = rest.wrapping_add(trailer);
        if input.len() < total {
            return Ok(self.need_more(input.len(), total));
        }
        self.inside_record = false;
        let content = input.get(..rest).unwrap_or_default();
        self.handshake(content, 0, trailer)
    }

    /// Hands over one message of `content`, which lies at `start` and has `trailer` bytes behind it.
    #[cold]
    pub(super) fn handshake(
        &mut self,
        content: &[u8],
        start: usize,
        trailer: usize,
    ) -> Result<Opened, Stop> {
        if content.is_empty() {
            return Err(Fault::EmptyHandshakeRecord.into());
        }
        self.budget.content_arrived(&self.limits);
        if matches!(self.early_data, EarlyData::SkipApplicationData(_)) {
            // The second ClientHello: no early data after it.
            self.early_data = EarlyData::None;
        }
        let judgement = Judgement::of(self);
        let step = self.messages.next(content, |header| judgement.of_message(header))?;
        let (header, offset, body) = match step {
            Step::Header => {
                self.rest = 0;
                let consumed = start.wrapping_add(content.len()).wrapping_add(trailer);
                return Ok(Opened { consumed, event: Event::Nothing });
            }
            Step::Body { header, offset, start, len } => {
                (header, offset, start..start.wrapping_add(len))
            }
        };
        let rest = content.len().saturating_sub(body.end);
        let mut consumed = start.wrapping_add(body.end);
        if rest == 0 {
            consumed = consumed.wrapping_add(trailer);
        }
        // Both are less than the length of a record.
        self.rest = rest as u16;
        self.trailer = trailer as u16;

        if header.message_type == HandshakeType::KEY_UPDATE {
            let requested = match content.get(body) {
                Some([0]) => false,
                Some([1]) => true,
                _ => return Err(Fault::KeyUpdateValue.into()),
            };
            let updated = self.key_update(requested);
            scrub_stack(K::STACK);
            updated?;
            return Ok(Opened { consumed, event: Event::KeyUpdate { requested } });
        }
        if judgement.is_renegotiation && offset == 0 {
            self.budget.renegotiation()?;
        }
        let body = start.wrapping_add(body.start)..start.wrapping_add(body.end);
        let piece = HandshakePiece { header, offset, body };
        Ok(Opened { consumed, event: Event::Handshake(piece) })
    }

    /// RFC 9846 section 4.7.3. Not inlined: its frame has to be one that [`scrub_stack`] reaches.
    #[inline(never)]
    fn key_update(&mut self, requested: bool) -> Result<(), Fault> {
        if self.rest != 0 {
            return Err(Fault::SpansKeyChange);
        }
        if core::mem::take(&mut self.answer_expected) {
            self.notice = self.notice.merge(Notice::PEER_ANSWERED);
        } else {
            self.budget.key_update()?;
        }
        let keys = self.keys.get_mut().ok_or(Fault::UnexpectedHandshake)?;
        let next = keys.derive_next().map_err(|_| Fault::Crypto)?;
        keys.switch(next);
        if requested {
            self.notice = self.notice.merge(Notice::UPDATE_REQUESTED);
        }
        Ok(())
    }
}

/// Which handshake messages may come, as far as it is for a record layer to say.
#[derive(Clone, Copy)]
struct Judgement {
    role: Role,
    epoch: Epoch,
    version: Option<Version>,
    max_len: u32,
    post_handshake_auth: bool,
    /// An established TLS 1.2 connection: what comes now asks for another handshake.
    is_renegotiation: bool,
}

impl Judgement {
    fn of<K: KeySchedule>(opener: &Opener<K>) -> Self {
        Self {
            role: opener.role,
            epoch: opener.epoch,
            version: opener.version,
            max_len: opener.limits.handshake_message,
            post_handshake_auth: opener.post_handshake_auth,
            is_renegotiation: opener.epoch == Epoch::Application
                && opener.version.is_some_and(Version::is_tls12),
        }
    }

    fn of_message(self, header: HandshakeHeader) -> Result<(), Fault> {
        use HandshakeType as Type;
        let message_type = header.message_type;
        let is_expected = match self.epoch {
            Epoch::Plaintext | Epoch::Handshake => message_type != Type::KEY_UPDATE,
            Epoch::EarlyData => message_type == Type::END_OF_EARLY_DATA,
            Epoch::Application => match (self.version, self.role) {
                (Some(Version::Tls12), Role::Client) => message_type == Type::HELLO_REQUEST,
                (Some(Version::Tls12), Role::Server) => message_type == Type::CLIENT_HELLO,
                (_, Role::Client) => match message_type {
                    Type::KEY_UPDATE | Type::NEW_SESSION_TICKET => true,
                    Type::CERTIFICATE_REQUEST => self.post_handshake_auth,
                    _ => false,
                },
                (_, Role::Server) => match message_type {
                    Type::KEY_UPDATE => true,
                    Type::CERTIFICATE | Type::CERTIFICATE_VERIFY | Type::FINISHED => {
                        self.post_handshake_auth
                    }
                    _ => false,
                },
            },
        };
        if !is_expected {
            return Err(Fault::UnexpectedHandshake);
        }
        if message_type == Type::KEY_UPDATE && header.length != 1 {
            return Err(Fault::KeyUpdateLength);
        }
        if header.length > self.max_len {
            return Err(Fault::HandshakeTooLong);
        }
        Ok(())
    }
}
