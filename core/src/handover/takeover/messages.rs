//! What the messages of the handshake change.

use super::hello::Hellos;
use super::{Follower, TakeoverError};
use crate::crypto::aead::{Algorithm, Provider};
use crate::crypto::keys::KeySchedule;
use crate::layer::opener::{Event, Opened};
use crate::layer::record_layer::RecordLayer;
use crate::protocol::error::{Fault, OpenError};
use crate::protocol::handshake::{HandshakePiece, HandshakeType};
use crate::protocol::record::{
    ContentType, Epoch, HEADER_LEN, Header, MAX_PROTECTED_TLS13, Role, Version,
};
use crate::protocol::record_size_limit::RecordSizeLimit;

impl<P: Provider> Follower<P> {
    /// Passes over a record of early data that comes before the server has rejected it, and over the
    /// change_cipher_spec before it (RFC 9846 section 4.3.10 and appendix E.4). The early data is under keys
    /// that are not known, and nothing else that is protected can come so early.
    pub(super) fn skip_early_data(&mut self, sender: Role, input: &[u8]) -> Option<Opened> {
        let is_early = sender == Role::Client
            && self.hellos.offers_early_data
            && self.client.opener.epoch() == Epoch::Plaintext
            && !matches!(self.negotiated, Some((Version::Tls12, _)));
        let header = Header::decode(*input.first_chunk()?);
        // Others are refused by the opener.
        let is_skipped = match header.content_type {
            ContentType::APPLICATION_DATA => header.length <= MAX_PROTECTED_TLS13,
            ContentType::CHANGE_CIPHER_SPEC => header.length == 1,
            _ => false,
        };
        if !(is_early && is_skipped) {
            return None;
        }
        let total = HEADER_LEN.saturating_add(header.length.into());
        Some(if input.len() < total {
            Opened { consumed: 0, event: Event::NeedMore { total } }
        } else {
            Opened { consumed: total, event: Event::Nothing }
        })
    }

    pub(super) fn message(
        &mut self,
        sender: Role,
        piece: &HandshakePiece,
        body: &[u8],
    ) -> Result<(), TakeoverError> {
        use HandshakeType as Type;
        let message_type = piece.header.message_type;
        if piece.offset == 0 && !self.may_come(sender, message_type) {
            return Err(OpenError::Fault(Fault::UnexpectedHandshake).into());
        }
        match (sender, message_type) {
            (Role::Client, Type::CLIENT_HELLO)
            | (Role::Server, Type::SERVER_HELLO | Type::ENCRYPTED_EXTENSIONS) => {
                if piece.offset == 0 {
                    self.reader.begin(message_type, &mut self.hellos);
                }
                self.reader.read(body, &mut self.hellos).map_err(|_| TakeoverError::Malformed)?;
                if piece.is_last() {
                    self.reader.end().map_err(|_| TakeoverError::Malformed)?;
                    self.end_of_hello(message_type)?;
                }
            }
            (_, Type::FINISHED) if piece.is_last() && !self.is_finished(sender) => {
                self.end_of_handshake(sender)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Returns whether a message that changes the state here may come now (RFC 9846 section 2, RFC 5246
    /// section 7.3). The library would refuse it, too, but here it must not complete anything.
    pub(super) fn may_come(&self, sender: Role, message_type: HandshakeType) -> bool {
        use HandshakeType as Type;
        let direction = match sender {
            Role::Client => &self.client,
            Role::Server => &self.server,
        };
        let epoch = direction.opener.epoch();
        match (sender, message_type) {
            (Role::Client, Type::CLIENT_HELLO) | (Role::Server, Type::SERVER_HELLO) => {
                epoch == Epoch::Plaintext && self.negotiated.is_none()
            }
            (Role::Server, Type::ENCRYPTED_EXTENSIONS) => {
                epoch == Epoch::Handshake
                    && matches!(self.negotiated, Some((Version::Tls13, _)))
                    && self.client.opener.epoch() == Epoch::Plaintext
                    && self.client.due.is_none()
            }
            (Role::Client, Type::SERVER_HELLO | Type::ENCRYPTED_EXTENSIONS)
            | (Role::Server, Type::CLIENT_HELLO) => false,
            // After a post-handshake authentication there is one more.
            (_, Type::FINISHED) => epoch == Epoch::Handshake || direction.is_finished,
            _ => true,
        }
    }

    pub(super) fn end_of_hello(
        &mut self,
        message_type: HandshakeType,
    ) -> Result<(), TakeoverError> {
        match message_type {
            HandshakeType::SERVER_HELLO => {
                let version = self.hellos.version();
                let version = version.ok_or(TakeoverError::Version(self.hellos.version))?;
                self.client.opener.set_version(version);
                self.server.opener.set_version(version);
                if self.hellos.is_retry() {
                    return Ok(());
                }
                let suite = self.hellos.suite;
                let is_of_version = (suite >> 8 == 0x13) == (version == Version::Tls13);
                let algorithm = Algorithm::from_suite(suite).filter(|_| is_of_version);
                let algorithm = algorithm.ok_or(TakeoverError::Suite(suite))?;
                self.negotiated = Some((version, algorithm));
                if !version.is_tls12() {
                    self.server.due = Some(Epoch::Handshake);
                }
            }
            HandshakeType::ENCRYPTED_EXTENSIONS => {
                if self.hellos.accepts_early_data {
                    return Err(TakeoverError::EarlyData);
                }
                self.client.due = Some(Epoch::Handshake);
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn end_of_handshake(&mut self, sender: Role) -> Result<(), TakeoverError> {
        let is_tls12 = matches!(self.negotiated, Some((Version::Tls12, _)));
        let direction = self.direction(sender);
        if is_tls12 {
            direction.opener.establish()?;
        } else {
            direction.due = Some(Epoch::Application);
        }
        direction.is_finished = true;
        Ok(())
    }

    /// Applies record_size_limit (RFC 8449), which needs both ends, or max_fragment_length (RFC 6066
    /// section 4), which the server repeats.
    pub(super) fn limit_records<K: KeySchedule>(&self, layer: &mut RecordLayer<K>) {
        let Hellos { client_limit, server_limit, fragment_code, .. } = self.hellos;
        let is_client = layer.opener().role() == Role::Client;
        let (own, peer) =
            if is_client { (client_limit, server_limit) } else { (server_limit, client_limit) };
        let limits = [own, peer].map(RecordSizeLimit::new);
        if let [Some(own), Some(peer)] = limits {
            layer.set_own_record_size_limit(own);
            layer.set_peer_record_size_limit(peer);
        } else if let code @ 1..=4 = fragment_code {
            let length = 256_u16 << code;
            // Some peers do not count the content type of TLS 1.3 (RFC 9846 section 5.4).
            let is_tls12 = matches!(self.negotiated, Some((Version::Tls12, _)));
            let received = length.saturating_add((!is_tls12).into());
            let [received, sent] = [received, length].map(RecordSizeLimit::new);
            if let (Some(received), Some(sent)) = (received, sent) {
                layer.set_own_record_size_limit(received);
                layer.set_peer_record_size_limit(sent);
            }
        }
    }
}
