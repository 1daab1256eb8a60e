//! The keys of the next records, which are made of the secrets.

use super::{Follower, SecretKind, TakeoverError};
use crate::crypto::aead::Provider;
use crate::crypto::keys::{KeySchedule, TrafficSecret};
#[cfg(feature = "tls12")]
use crate::crypto::prf::Tls12Secrets;
use crate::protocol::close::ReadState;
use crate::protocol::record::{ContentType, Epoch, HEADER_LEN, Role, Version};

impl<P: Provider> Follower<P> {
    /// Returns the epoch whose keys are to be installed before the next record. In TLS 1.3 an unprotected
    /// change_cipher_spec or alert may still come before them.
    pub(super) fn due(&mut self, sender: Role, input: &[u8]) -> Option<Epoch> {
        let (version, _) = self.negotiated?;
        let direction = self.direction(sender);
        let content_type = *input.first()?;
        let is_protected = version.is_tls12()
            || content_type == ContentType::APPLICATION_DATA.0
            || direction.opener.is_amid_record();
        direction.due.filter(|_| is_protected)
    }

    /// Not inlined, so that [`scrub_stack`] reaches its frame.
    #[inline(never)]
    pub(super) fn install(&mut self, sender: Role, epoch: Epoch) -> Result<(), TakeoverError> {
        let secret = self.keys(sender, epoch)?;
        // A server that rejects early data drops what does not open (RFC 9846 section 4.3.10).
        let skips = sender == Role::Client
            && epoch == Epoch::Handshake
            && self.hellos.offers_early_data
            && secret.version() == Version::Tls13;
        let direction = self.direction(sender);
        direction.opener.install(epoch, secret)?;
        if skips {
            direction.opener.skip_early_data(false)?;
        }
        direction.due = None;
        Ok(())
    }

    /// Makes the keys with which `sender` seals.
    pub(super) fn keys(
        &self,
        sender: Role,
        epoch: Epoch,
    ) -> Result<TrafficSecret<P>, TakeoverError> {
        let (version, algorithm) = self.negotiated.ok_or(TakeoverError::NotComplete)?;
        let kind = match (version, sender, epoch) {
            (Version::Tls12, ..) => SecretKind::Master,
            (_, Role::Client, Epoch::Handshake) => SecretKind::ClientHandshake,
            (_, Role::Server, Epoch::Handshake) => SecretKind::ServerHandshake,
            (_, Role::Client, _) => SecretKind::ClientTraffic,
            (_, Role::Server, _) => SecretKind::ServerTraffic,
        };
        let secret = self.secrets.get(kind).ok_or(TakeoverError::MissingSecret(kind))?;
        Ok(match version {
            Version::Tls13 => TrafficSecret::tls13(algorithm, secret)?,
            #[cfg(feature = "tls12")]
            Version::Tls12 => Tls12Secrets {
                algorithm,
                master: secret,
                client_random: &self.hellos.client_random,
                server_random: &self.hellos.server_random,
            }
            .keys(sender)?,
            #[cfg(not(feature = "tls12"))]
            Version::Tls12 => return Err(TakeoverError::Version(0x0303)),
        })
    }

    /// Returns the keys and the sequence number of the next record of `sender`. `own` is the engine's role.
    ///
    /// In TLS 1.2 libraries choose their explicit nonces as they like: sequence numbers, or numbers that
    /// begin anywhere. Ours begin with the other bit than all that were seen, so that none repeats. Those
    /// of the peer may be any: they are in its records.
    pub(super) fn next_record<K: From<TrafficSecret<P>>>(
        &mut self,
        sender: Role,
        own: Role,
    ) -> Result<(K, u64), TakeoverError> {
        let direction = self.direction(sender);
        let explicit_start = match direction.nonces {
            [true, true] if sender == own => return Err(TakeoverError::ExplicitNonces),
            [true, false] => (1_u64 << 63).to_be_bytes(),
            _ => [0; 8],
        };
        if direction.opener.state() != ReadState::Open {
            return Err(TakeoverError::Ended);
        }
        if direction.opener.is_amid_record() {
            return Err(TakeoverError::Busy);
        }
        if let Some(epoch) = direction.due {
            return Ok((K::from(self.keys(sender, epoch)?), 0));
        }
        let (current, sequence) = direction.opener.next_record()?;
        let mut next = current.duplicate();
        next.set_explicit_start(explicit_start);
        Ok((K::from(next), sequence))
    }

    /// TLS 1.2: notes how the explicit nonce of a record begins.
    pub(super) fn note_nonce(&mut self, sender: Role, input: &[u8]) {
        let Some((Version::Tls12, algorithm)) = self.negotiated else { return };
        let direction = self.direction(sender);
        if !algorithm.has_explicit_nonce() || direction.opener.sequence().is_none() {
            return;
        }
        let [zero, one] = &mut direction.nonces;
        match input.get(HEADER_LEN) {
            Some(0..=0x7f) => *zero = true,
            Some(_) => *one = true,
            None => {}
        }
    }
}
