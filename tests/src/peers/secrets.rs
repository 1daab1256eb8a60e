//! Key logs: the secrets of a connection from either implementation, and the keys of the engine
//! that are derived from them.

use std::{
    collections::HashMap,
    iter,
    sync::{Arc, Mutex},
};

use openssl::{hash::MessageDigest, pkey::PKey, sign::Signer};
use tls_record::{
    Epoch, TrafficSecret,
    aead::{Algorithm, Provider},
    takeover::{KeyLogLine, SecretKind},
};

use super::{Negotiated, Role, Suite, Version};

/// The secrets that peers have logged, by the labels of the NSS key log format and the random of
/// the ClientHello. Clones share their content.
#[derive(Clone, Debug, Default)]
pub struct SecretLog(Arc<Mutex<Lines>>);

/// By label and random.
type Lines = HashMap<(String, Vec<u8>), Vec<u8>>;

impl SecretLog {
    /// A secret of the connection that began with this random.
    ///
    /// # Panics
    ///
    /// If it was not logged.
    pub fn secret(&self, label: &str, client_random: &[u8]) -> Vec<u8> {
        let key = (label.to_owned(), client_random.to_vec());
        let secrets = self.0.lock().expect("no peer panicked");
        secrets.get(&key).unwrap_or_else(|| panic!("there is no {label}")).clone()
    }

    /// Everything that was logged, as lines of a key log, in no order.
    ///
    /// # Panics
    ///
    /// If a peer panicked.
    pub fn lines(&self) -> Vec<String> {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let secrets = self.0.lock().expect("no peer panicked");
        let lines = secrets
            .iter()
            .map(|((label, random), secret)| format!("{label} {} {}", hex(random), hex(secret)));
        lines.collect()
    }

    /// The line of the only connection that was logged for a secret.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn line(&self, kind: SecretKind) -> KeyLogLine {
        let lines = self.lines();
        let mut lines = lines.iter().filter_map(|line| KeyLogLine::parse(line.as_bytes()));
        lines.find(|line| line.kind() == kind).expect("it was logged")
    }

    /// Forgets all connections.
    pub fn clear(&self) {
        self.0.lock().expect("no peer panicked").clear();
    }

    /// Takes in a line as OpenSSL logs it: the label, the random and the secret in hexadecimal.
    pub(super) fn add_line(&self, line: &str) {
        let mut fields = line.split(' ');
        let label = fields.next().unwrap_or_default();
        let [random, secret] = [(); 2].map(|()| bytes(fields.next().unwrap_or_default()));
        self.add(label, random, secret);
    }

    fn add(&self, label: &str, random: Vec<u8>, secret: Vec<u8>) {
        self.0.lock().expect("no peer panicked").insert((label.to_owned(), random), secret);
    }
}

impl rustls::KeyLog for SecretLog {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        self.add(label, client_random.to_vec(), secret.to_vec());
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|digits| {
            let digits = str::from_utf8(digits).expect("digits are ASCII");
            u8::from_str_radix(digits, 16).expect("digits are hexadecimal")
        })
        .collect()
}

/// The secrets of one connection.
#[derive(Clone, Debug)]
pub struct Secrets {
    log: SecretLog,
    agreed: Negotiated,
    client_random: [u8; 32],
    server_random: [u8; 32],
}

impl Secrets {
    /// The secrets of the connection that began with these bytes in each direction.
    ///
    /// # Panics
    ///
    /// If there is no whole random in each of them.
    pub fn new(log: &SecretLog, agreed: Negotiated, client: &[u8], server: &[u8]) -> Self {
        // A ClientHello or ServerHello begins with its record's and its message's header, and a
        // version.
        let random = |hello: &[u8]| *hello[5 + 4 + 2..].first_chunk().expect("a whole hello");
        let (client_random, server_random) = (random(client), random(server));
        Self { log: log.clone(), agreed, client_random, server_random }
    }

    /// Returns the keys of `sender` in `epoch`; in TLS 1.2 both epochs have the same keys.
    ///
    /// # Panics
    ///
    /// If there are no such keys.
    pub fn keys<P: Provider>(&self, sender: Role, epoch: Epoch) -> TrafficSecret<P> {
        if self.agreed.version == Version::Tls12 {
            return self.tls12_keys(sender);
        }
        let label = match (sender, epoch) {
            (Role::Client, Epoch::EarlyData) => "CLIENT_EARLY_TRAFFIC_SECRET",
            (Role::Client, Epoch::Handshake) => "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
            (Role::Client, Epoch::Application) => "CLIENT_TRAFFIC_SECRET_0",
            (Role::Server, Epoch::Handshake) => "SERVER_HANDSHAKE_TRAFFIC_SECRET",
            (Role::Server, Epoch::Application) => "SERVER_TRAFFIC_SECRET_0",
            _ => panic!("the {sender:?} has no keys in {epoch:?}"),
        };
        let secret = self.log.secret(label, &self.client_random);
        TrafficSecret::tls13(self.algorithm(), &secret).expect("the length is right")
    }

    /// RFC 5246 section 6.3, without MAC keys.
    fn tls12_keys<P: Provider>(&self, sender: Role) -> TrafficSecret<P> {
        let digest = match self.agreed.suite {
            Suite::Aes256Gcm => MessageDigest::sha384(),
            _ => MessageDigest::sha256(),
        };
        let algorithm = self.algorithm();
        let key_len = algorithm.key_len();
        let iv_len = if algorithm.has_explicit_nonce() { 4 } else { 12 };
        let seed = [&b"key expansion"[..], &self.server_random, &self.client_random].concat();
        let master_secret = self.log.secret("CLIENT_RANDOM", &self.client_random);
        let block = p_hash(digest, &master_secret, &seed, 2 * (key_len + iv_len));
        let (keys, ivs) = block.split_at(2 * key_len);
        let nth = usize::from(sender == Role::Server);
        let (key, iv) = (&keys[nth * key_len..][..key_len], &ivs[nth * iv_len..][..iv_len]);
        TrafficSecret::tls12(algorithm, key, iv).expect("the lengths are right")
    }

    fn algorithm(&self) -> Algorithm {
        match self.agreed.suite {
            Suite::Aes128Gcm => Algorithm::Aes128Gcm,
            Suite::Aes256Gcm => Algorithm::Aes256Gcm,
            Suite::Chacha20Poly1305 => Algorithm::Chacha20Poly1305,
            Suite::Aes128Ccm => Algorithm::Aes128Ccm,
            Suite::Aes128Ccm8 => Algorithm::Aes128Ccm8,
        }
    }
}

/// P_hash of RFC 5246 section 5.
fn p_hash(digest: MessageDigest, secret: &[u8], seed: &[u8], len: usize) -> Vec<u8> {
    let key = PKey::hmac(secret).expect("a key of HMAC");
    let hmac = |data: &[u8]| {
        let mut signer = Signer::new(digest, &key).expect("HMAC");
        signer.sign_oneshot_to_vec(data).expect("HMAC")
    };
    iter::successors(Some(hmac(seed)), |a| Some(hmac(a)))
        .flat_map(|a| hmac(&[&a, seed].concat()))
        .take(len)
        .collect()
}
