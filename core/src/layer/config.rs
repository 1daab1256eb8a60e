//! The settings of a connection, and the limits on what a peer may send without making progress.

use crate::crypto::padding::Padding;
use crate::protocol::close::OnPeerClose;
use crate::protocol::record::{MAX_CONTENT, Role, Version};
use crate::protocol::record_size_limit::RecordSizeLimit;

/// Limits on records and messages of the peer that make no progress.
///
/// As many as a limit says are tolerated; one more is a [`Flood`](crate::Flood). The defaults are
/// those of common TLS libraries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Limits {
    /// Empty application-data records without padding, in a row; during a TLS 1.3 handshake
    /// change_cipher_spec records count here too. Default 32.
    pub empty_records: u8,
    /// Warning alerts and user_canceled, in a row. Default 4.
    pub warnings: u8,
    /// KeyUpdates without application data between them, not counting answers to a requested one.
    /// Default 32.
    pub key_updates: u8,
    /// Requests to renegotiate a TLS 1.2 connection, in all. Default 32.
    pub renegotiations: u8,
    /// Length of a handshake message in bytes, without its header. Default 65,535.
    pub handshake_message: u32,
    /// Early data of a connection, in bytes. Accepted early data counts by its content. Skipped
    /// early data counts by its length on the wire: leave room for headers and tags. Default
    /// 16,384.
    pub early_data: u32,
}

impl Limits {
    /// The default limits.
    pub const DEFAULT: Self = Self {
        empty_records: 32,
        warnings: 4,
        key_updates: 32,
        renegotiations: 32,
        handshake_message: 65_535,
        early_data: 16_384,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The settings of an [`Opener`](crate::Opener) and a [`Sealer`](crate::Sealer). Give the same settings
/// to both halves of a connection.
///
/// ```
/// use tls_record::{Config, Role};
/// let mut config = Config::new(Role::Client);
/// config.fragment_limit = 1024;
/// config.limits.warnings = 1;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Config {
    /// The role of this end. It decides which handshake messages the peer may send after the handshake.
    pub role: Role,
    /// The only protocol version that may be negotiated. Keys of another version are refused, and
    /// alerts that arrive before the version is known are handled by the rules of this one.
    /// Default: `None`, either version; alerts before it is known are handled by the rules of
    /// TLS 1.2 if the feature `tls12` is enabled.
    pub version: Option<Version>,
    /// How much is tolerated from the peer without progress.
    pub limits: Limits,
    /// The record_size_limit that this end announced and the peer confirmed (RFC 8449), or its
    /// max_fragment_length. Default: `None`, neither was negotiated.
    pub record_size_limit: Option<RecordSizeLimit>,
    /// The most bytes of content in one sealed record, from 1 to 2^14: a lower limit allows shorter
    /// buffers. Default: 2^14. For a limit that the peer announced, use
    /// [`Sealer::set_record_size_limit`](crate::Sealer::set_record_size_limit) instead.
    pub fragment_limit: u16,
    /// How many records one key may seal before it is replaced, if that should be fewer than the
    /// cipher allows. The last four are reserved for alerts and KeyUpdates, and at least one can
    /// carry data (in TLS 1.2, the Finished). Default: `u32::MAX`, as many as the cipher allows.
    pub key_limit: u32,
    /// The padding of sealed TLS 1.3 records (RFC 9846 section 5.4). Default: [`Padding::None`].
    pub padding: Padding,
    /// Whether [`padding`](Self::padding) applies to alerts, KeyUpdates and handshake messages as well.
    /// Then records of every type have the same lengths, and an alert takes as much room as data.
    /// Default: no, only application data is padded.
    pub pads_control: bool,
    /// Whether the padding of received records is removed in a time that does not depend on its
    /// length (RFC 9846 appendix F.3). This costs some instructions for every byte of a record,
    /// padded or not. It hides the length only if the application hides it too: the time that it
    /// takes to process the content can reveal it. Default: no.
    pub constant_time_padding: bool,
    /// What a TLS 1.2 connection does when the peer closes. Default: [`OnPeerClose::Reply`].
    pub tls12_on_peer_close: OnPeerClose,
    /// Whether the messages of TLS 1.3 post-handshake authentication may arrive
    /// (RFC 9846 section 4.7.2). Default: no.
    pub post_handshake_auth: bool,
}

impl Config {
    /// Creates the default settings for one end of a connection.
    pub const fn new(role: Role) -> Self {
        Self {
            role,
            version: None,
            limits: Limits::DEFAULT,
            record_size_limit: None,
            fragment_limit: MAX_CONTENT,
            key_limit: u32::MAX,
            padding: Padding::None,
            pads_control: false,
            constant_time_padding: false,
            tls12_on_peer_close: OnPeerClose::Reply,
            post_handshake_auth: false,
        }
    }
}
