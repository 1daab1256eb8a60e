//! Lines of a key log (RFC 9850): how TLS libraries report the secrets of their connections.

use zeroize::Zeroize;

use super::hello::RANDOM_LEN;

/// The longest secret, in bytes: a traffic secret under SHA-384, or the master secret of TLS 1.2.
pub(crate) const MAX_SECRET_LEN: usize = 48;

/// A secret of a connection, by the name that a key log has for it (RFC 9850 section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SecretKind {
    /// `CLIENT_HANDSHAKE_TRAFFIC_SECRET`: the client's second flight in TLS 1.3.
    ClientHandshake,
    /// `SERVER_HANDSHAKE_TRAFFIC_SECRET`: the server's messages after the ServerHello in TLS 1.3.
    ServerHandshake,
    /// `CLIENT_TRAFFIC_SECRET_0`: the client's application data in TLS 1.3.
    ClientTraffic,
    /// `SERVER_TRAFFIC_SECRET_0`: the server's application data in TLS 1.3.
    ServerTraffic,
    /// `CLIENT_RANDOM`: the master secret of TLS 1.2.
    Master,
    /// `EXPORTER_SECRET`, which no record needs (RFC 9846 section 7.5).
    Exporter,
}

impl SecretKind {
    const ALL: [Self; 6] = [
        Self::ClientHandshake,
        Self::ServerHandshake,
        Self::ClientTraffic,
        Self::ServerTraffic,
        Self::Master,
        Self::Exporter,
    ];

    /// Returns the label of the secret in a key log (RFC 9850 section 2).
    ///
    /// ```
    /// use tls_record::takeover::SecretKind;
    ///
    /// assert_eq!(SecretKind::Master.label(), "CLIENT_RANDOM");
    /// ```
    pub const fn label(self) -> &'static str {
        match self {
            Self::ClientHandshake => "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
            Self::ServerHandshake => "SERVER_HANDSHAKE_TRAFFIC_SECRET",
            Self::ClientTraffic => "CLIENT_TRAFFIC_SECRET_0",
            Self::ServerTraffic => "SERVER_TRAFFIC_SECRET_0",
            Self::Master => "CLIENT_RANDOM",
            Self::Exporter => "EXPORTER_SECRET",
        }
    }

    /// Returns the kind of secret that a key log gives this label, for libraries that pass it to a callback.
    /// Returns `None` for a label of no kind.
    ///
    /// ```
    /// use tls_record::takeover::SecretKind;
    ///
    /// assert_eq!(SecretKind::from_label("CLIENT_RANDOM"), Some(SecretKind::Master));
    /// assert_eq!(SecretKind::from_label("EARLY_EXPORTER_SECRET"), None);
    /// ```
    pub fn from_label(label: &str) -> Option<Self> {
        Self::labelled(label.as_bytes())
    }

    fn labelled(label: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.label().as_bytes() == label)
    }
}

/// One line of a key log. Wiped when it is dropped.
///
/// ```
/// use tls_record::takeover::{KeyLogLine, SecretKind};
///
/// let line = b"CLIENT_TRAFFIC_SECRET_0 \
///     0101010101010101010101010101010101010101010101010101010101010101 \
///     0202020202020202020202020202020202020202020202020202020202020202\r\n";
/// let line = KeyLogLine::parse(line).unwrap();
/// assert_eq!(line.kind(), SecretKind::ClientTraffic);
/// assert_eq!(line.client_random(), &[1; 32]);
/// assert_eq!(line.secret(), &[2; 32]);
/// assert!(KeyLogLine::parse(b"# a comment").is_none());
/// ```
pub struct KeyLogLine {
    kind: SecretKind,
    client_random: [u8; RANDOM_LEN],
    secret: [u8; MAX_SECRET_LEN],
    len: usize,
}

impl KeyLogLine {
    /// Reads a line, with or without its end. Returns `None` for a comment, an empty line, a label of no
    /// [`SecretKind`], and a line that is malformed or was cut off.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let (label, rest) = word(line);
        let (random, rest) = word(rest);
        let (secret, rest) = word(rest);
        let kind = SecretKind::labelled(label)?;
        let mut this =
            Self { kind, client_random: [0; RANDOM_LEN], secret: [0; MAX_SECRET_LEN], len: 0 };
        let random_len = decode_hex(random, &mut this.client_random)?;
        this.len = decode_hex(secret, &mut this.secret)?;
        let is_right = random_len == RANDOM_LEN && this.len != 0 && word(rest).0.is_empty();
        is_right.then_some(this)
    }

    /// Returns which secret it is.
    pub const fn kind(&self) -> SecretKind {
        self.kind
    }

    /// Returns the random value of the ClientHello, which names the connection.
    pub const fn client_random(&self) -> &[u8; RANDOM_LEN] {
        &self.client_random
    }

    /// Returns the secret: 32 or 48 bytes, if the library is right.
    pub fn secret(&self) -> &[u8] {
        self.secret.get(..self.len).unwrap_or_default()
    }
}

impl Drop for KeyLogLine {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl core::fmt::Debug for KeyLogLine {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "KeyLogLine({:?}, redacted)", self.kind)
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for KeyLogLine {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "KeyLogLine({}, redacted)", self.kind);
    }
}

/// The first word of a line, and what is behind it.
fn word(line: &[u8]) -> (&[u8], &[u8]) {
    let line = line.trim_ascii_start();
    let len = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
    line.split_at_checked(len).unwrap_or((line, &[]))
}

/// Decodes pairs of digits. Returns how many bytes they are; `None` if they are more than `out` holds.
fn decode_hex(digits: &[u8], out: &mut [u8]) -> Option<usize> {
    let (pairs, rest) = digits.as_chunks::<2>();
    let out = out.get_mut(..pairs.len()).filter(|_| rest.is_empty())?;
    for ([high, low], byte) in pairs.iter().zip(out) {
        *byte = (digit(*high)? << 4) | digit(*low)?;
    }
    Some(pairs.len())
}

/// The value of a digit, without a table whose lines a cache would show.
const fn digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit.wrapping_sub(b'0')),
        b'a'..=b'f' => Some(digit.wrapping_sub(b'a').wrapping_add(10)),
        b'A'..=b'F' => Some(digit.wrapping_sub(b'A').wrapping_add(10)),
        _ => None,
    }
}
