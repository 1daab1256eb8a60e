//! How long records are: the limits of both ends, padding, and the room that a record needs.

use super::Sealer;
use crate::crypto::keys::KeySchedule;
use crate::crypto::padding::Padding;
use crate::crypto::protection::Protection;
use crate::protocol::record::{ContentType, Epoch, HEADER_LEN, MAX_CONTENT};
use crate::protocol::record_size_limit::RecordSizeLimit;

impl<K: KeySchedule> Sealer<K> {
    /// Returns the number of bytes in front of the content of a record.
    ///
    /// These are the header and, in TLS 1.2 with GCM or CCM, the explicit nonce.
    pub fn headroom(&self) -> usize {
        self.keys.get().map_or(HEADER_LEN, Protection::headroom)
    }

    /// Returns the length on the wire of a record with `content` bytes of application data.
    ///
    /// Padding is included.
    pub fn record_len(&self, content: usize) -> usize {
        self.padded_len(ContentType::APPLICATION_DATA, content)
    }

    /// Returns the most application data that fits into a record of `space` bytes.
    ///
    /// Padding counts: this is the inverse of [`record_len`](Self::record_len). `None` if not even
    /// an empty record fits.
    ///
    /// ```
    /// # use tls_record::aead::{Algorithm, ring::Ring};
    /// # use tls_record::{Config, Epoch, Padding, Role, Sealer, TrafficSecret};
    /// # let mut sealer = Sealer::new(Config::new(Role::Client));
    /// # let secret = TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[7; 32])?;
    /// # sealer.install(Epoch::Application, secret)?;
    /// assert_eq!(sealer.content_len(64), Some(42));
    /// sealer.set_padding(Padding::Block(32));
    /// assert_eq!(sealer.content_len(64), Some(31));
    /// assert_eq!(sealer.content_len(20), None);
    /// # Ok::<(), tls_record::KeyError>(())
    /// ```
    pub fn content_len(&self, space: usize) -> Option<usize> {
        let unpadded = space.checked_sub(self.unpadded_len(0))?;
        let most = unpadded.min(usize::from(self.max_content));
        let fits = |&content: &usize| self.record_len(content) <= space;
        // A full record is not padded. A shorter one is padded up to a step of the policy: if
        // `most` does not fit, content that fills a lower step may.
        Some(most).filter(fits).or_else(|| self.padding.content_below(most, fits))
    }

    #[inline(never)]
    pub(super) fn padded_len(&self, content_type: ContentType, content: usize) -> usize {
        self.unpadded_len(content).saturating_add(self.zeros(content_type, content))
    }

    /// Returns the length on the wire of a record with `content` bytes of content, without padding.
    pub(crate) fn unpadded_len(&self, content: usize) -> usize {
        match self.keys.get() {
            Some(keys) => keys.record_len(content),
            None => HEADER_LEN.saturating_add(content),
        }
    }

    /// Returns whether there is a padding policy.
    pub(super) const fn pads(&self) -> bool {
        !matches!(self.padding, Padding::None)
    }

    /// Returns whether control records are padded too.
    pub(crate) const fn pads_control(&self) -> bool {
        self.pads() && self.pads_control
    }

    /// Returns the number of padding bytes (RFC 9846 section 5.4). The policy counts the content
    /// type too.
    pub(super) fn zeros(&self, content_type: ContentType, content: usize) -> usize {
        let is_covered = self.pads_control || content_type == ContentType::APPLICATION_DATA;
        let is_tls13 = self.keys.get().is_some_and(|keys| !keys.version.is_tls12());
        if !is_covered || !is_tls13 {
            return 0;
        }
        self.padding.zeros(content_type, content, usize::from(self.max_content).saturating_add(1))
    }

    /// Returns how many records one key may seal, those not counted that are reserved for alerts and
    /// KeyUpdates.
    ///
    /// It is the limit of the cipher (RFC 9846 section 5.5), or [`Config::key_limit`](crate::Config) if
    /// that is lower. Without keys it is `u64::MAX`. The engine keeps to it. The TLS of Linux counts no
    /// records: count them for it, and [update](crate::KernelDirection::update) the keys in time.
    ///
    /// ```
    /// # use tls_record::aead::{Algorithm, ring::Ring};
    /// # use tls_record::{Config, Epoch, Role, Sealer, TrafficSecret};
    /// let mut config = Config::new(Role::Client);
    /// config.key_limit = 1000;
    /// let mut sealer = Sealer::new(config);
    /// let secret = TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[7; 32])?;
    /// sealer.take_over(Epoch::Application, secret, 0)?;
    /// assert_eq!(sealer.record_limit(), 996);
    /// # Ok::<(), tls_record::KeyError>(())
    /// ```
    pub const fn record_limit(&self) -> u64 {
        self.data_limit
    }

    /// Returns the most bytes of content that a record may carry now.
    ///
    /// This is the least of the limits that were set here, that of the peer, and that of the
    /// protocol.
    pub const fn fragment_limit(&self) -> u16 {
        self.max_content
    }

    /// Sets the limit on the content of a record, from the next one on.
    ///
    /// It is capped at [`Config::fragment_limit`](crate::Config::fragment_limit). [`RecordSizes`](crate::RecordSizes) chooses
    /// limits in the course of a stream.
    ///
    /// ```
    /// # use tls_record::{Config, Role, Sealer, TrafficSecret, aead::ring::Ring};
    /// # let mut sealer = Sealer::<TrafficSecret<Ring>>::new(Config::new(Role::Server));
    /// sealer.set_fragment_limit(1_370); // a record in a packet
    /// assert_eq!(sealer.fragment_limit(), 1_370);
    /// ```
    pub const fn set_fragment_limit(&mut self, limit: u16) {
        self.chosen_limit = limit;
        self.set_max_content();
    }

    /// Lowers the limit of the settings, because the buffer of the owner has no room for longer
    /// records.
    pub(crate) const fn limit_fragments(&mut self, limit: u16) {
        self.own_limit = least(self.own_limit, limit);
        self.set_max_content();
    }

    /// Sets the padding policy, from the next record on. See [`Config::padding`](crate::Config::padding).
    pub const fn set_padding(&mut self, padding: Padding) {
        self.padding = padding;
    }

    /// Limits protected records to what the peer accepts.
    ///
    /// This is the record_size_limit that it announced (RFC 8449 section 4), or the
    /// max_fragment_length that it confirmed (RFC 6066 section 4).
    ///
    /// ```
    /// # use tls_record::aead::{Algorithm, ring::Ring};
    /// # use tls_record::{Config, Epoch, RecordSizeLimit, Role, Sealer, TrafficSecret};
    /// # let mut sealer = Sealer::new(Config::new(Role::Client));
    /// # let secret = TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[7; 32])?;
    /// # sealer.install(Epoch::Application, secret)?;
    /// sealer.set_record_size_limit(RecordSizeLimit::new(512).unwrap());
    /// assert_eq!(sealer.fragment_limit(), 511); // The content type of TLS 1.3 counts.
    /// # Ok::<(), tls_record::KeyError>(())
    /// ```
    pub const fn set_record_size_limit(&mut self, limit: RecordSizeLimit) {
        self.peer_limit = limit.get();
        self.set_max_content();
    }

    #[inline(never)]
    pub(super) const fn set_max_content(&mut self) {
        let peer = match self.epoch {
            Epoch::Plaintext => MAX_CONTENT,
            _ if self.is_tls12() => self.peer_limit,
            _ => self.peer_limit.saturating_sub(1),
        };
        self.max_content = content_limit(least(peer, least(self.own_limit, self.chosen_limit)));
    }
}

/// Clamps `limit` to what the protocol allows, and to at least 1: with 0 there is no progress.
pub(super) const fn content_limit(limit: u16) -> u16 {
    if limit == 0 { 1 } else { least(limit, MAX_CONTENT) }
}

const fn least(a: u16, b: u16) -> u16 {
    if a < b { a } else { b }
}
