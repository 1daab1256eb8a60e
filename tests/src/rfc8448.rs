//! The TLS 1.3 handshake traces of RFC 8448, read from `vectors/rfc8448.txt`, whose head
//! describes its format.

/// One handshake, with the data exchanged after it.
#[derive(Debug, Clone)]
pub struct Trace {
    /// A short name, such as `simple-1rtt`.
    pub name: &'static str,
    /// The registered name of the negotiated cipher suite.
    pub suite: &'static str,
    /// The traffic secrets, in the order in which they are derived.
    pub secrets: Vec<Secret>,
    /// The records of both sides, in the order in which they are sent.
    pub records: Vec<Record>,
}

/// A traffic secret and what is derived from it.
#[derive(Debug, Clone)]
pub struct Secret {
    /// The side that sends under it.
    pub sender: Sender,
    /// The epoch that it protects, never [`Epoch::Plaintext`].
    pub epoch: Epoch,
    /// The traffic secret itself.
    pub secret: [u8; 32],
    /// The AEAD key.
    pub key: [u8; 16],
    /// The static IV, from which the nonces are formed.
    pub iv: [u8; 12],
}

/// A record, before and after protection.
#[derive(Debug, Clone)]
pub struct Record {
    /// The side that sent it.
    pub sender: Sender,
    /// The epoch under which it was sent.
    pub epoch: Epoch,
    /// The code point of the payload's content type (of a protected record, the inner type).
    pub content_type: u8,
    /// The content, without padding, inner content type or tag.
    pub payload: Vec<u8>,
    /// The complete record as sent, header included.
    pub wire: Vec<u8>,
}

/// A side of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sender {
    /// The client.
    Client,
    /// The server.
    Server,
}

/// The keys in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Epoch {
    /// No keys: the record is not protected.
    Plaintext,
    /// The client's 0-RTT keys.
    Early,
    /// The handshake keys.
    Handshake,
    /// The application data keys.
    Application,
}

const SENDERS: &[(&str, Sender)] = &[("client", Sender::Client), ("server", Sender::Server)];
const EPOCHS: &[(&str, Epoch)] = &[
    ("plaintext", Epoch::Plaintext),
    ("early", Epoch::Early),
    ("handshake", Epoch::Handshake),
    ("application", Epoch::Application),
];
const CONTENT_TYPES: &[(&str, u8)] =
    &[("change_cipher_spec", 20), ("alert", 21), ("handshake", 22), ("application_data", 23)];

/// Returns the five traces in the order of the RFC; panics if a line is malformed.
pub fn traces() -> Vec<Trace> {
    let mut traces = Vec::new();
    for (index, line) in include_str!("../vectors/rfc8448.txt").lines().enumerate() {
        read_line(line, &mut traces)
            .unwrap_or_else(|| panic!("vectors/rfc8448.txt: line {} is malformed", index + 1));
    }
    traces
}

fn read_line(line: &'static str, traces: &mut Vec<Trace>) -> Option<()> {
    match *line.split(' ').collect::<Vec<_>>() {
        _ if line.is_empty() || line.starts_with('#') => {}
        ["trace", name, suite] => {
            traces.push(Trace { name, suite, secrets: Vec::new(), records: Vec::new() })
        }
        ["secret", sender, epoch, secret, key, iv] => traces.last_mut()?.secrets.push(Secret {
            sender: look_up(SENDERS, sender)?,
            epoch: look_up(EPOCHS, epoch)?,
            secret: octets(secret)?.try_into().ok()?,
            key: octets(key)?.try_into().ok()?,
            iv: octets(iv)?.try_into().ok()?,
        }),
        ["record", sender, epoch, kind, payload, wire] => traces.last_mut()?.records.push(Record {
            sender: look_up(SENDERS, sender)?,
            epoch: look_up(EPOCHS, epoch)?,
            content_type: look_up(CONTENT_TYPES, kind)?,
            payload: octets(payload)?,
            wire: octets(wire)?,
        }),
        _ => return None,
    }
    Some(())
}

fn look_up<T: Copy>(names: &[(&str, T)], name: &str) -> Option<T> {
    let (_, value) = names.iter().find(|entry| entry.0 == name)?;
    Some(*value)
}

fn octets(hex: &str) -> Option<Vec<u8>> {
    let digit = |c| char::from(c).to_digit(16);
    let octet = |&[high, low]: &[u8; 2]| u8::try_from((digit(high)? << 4) | digit(low)?).ok();
    let (pairs, rest) = hex.as_bytes().as_chunks();
    rest.is_empty().then(|| pairs.iter().map(octet).collect())?
}
