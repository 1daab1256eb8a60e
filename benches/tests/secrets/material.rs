//! The keys and secrets that are derived from a secret.

use std::fs::File;
use std::io::Read;

use tls_record::aead::{Algorithm, Provider};
use tls_record::{TrafficSecret, Version};

use crate::memory::{Masked, wipe};

/// A secret and everything derived from it.
pub(crate) struct Material {
    pub(crate) version: Version,
    pub(crate) algorithm: Algorithm,
    /// The traffic secret; in TLS 1.2 the key.
    pub(crate) secret: Masked,
    pub(crate) iv: Masked,
    /// The traffic secret, key and IV of two generations; in TLS 1.2, the key and IV of one.
    pub(crate) generations: Vec<Vec<Masked>>,
}

impl Material {
    /// Makes a random secret. `P` derives the keys: another implementation than the tested one.
    #[inline(never)]
    pub(crate) fn new<P: Provider>(version: Version, algorithm: Algorithm) -> Self {
        let mut random = [0; 48 + 12];
        File::open("/dev/urandom").unwrap().read_exact(&mut random).unwrap();
        let (secret, iv) = random.split_at(48);
        let length = match version {
            Version::Tls13 => algorithm.secret_len(),
            Version::Tls12 => algorithm.key_len(),
        };
        Self::of::<P>(version, algorithm, Masked::new(&secret[..length]), Masked::new(iv))
    }

    /// Derives the material of `secret` with `P`. In TLS 1.2, `secret` is the key.
    #[inline(never)]
    pub(crate) fn of<P: Provider>(
        version: Version,
        algorithm: Algorithm,
        secret: Masked,
        iv: Masked,
    ) -> Self {
        let mut this = Self { version, algorithm, secret, iv, generations: vec![] };
        if version == Version::Tls12 {
            this.generations.push(vec![this.secret.clone(), this.iv.clone()]);
            return this;
        }
        let length = algorithm.secret_len();
        let mut secret = vec![0; length];
        this.secret.unmask(&mut secret);
        for _ in 0..2 {
            let expand = |label: &[u8], length: usize| {
                let mut out = vec![0; length];
                let label = [b"tls13 ", label].concat();
                let lengths = [0, length as u8, label.len() as u8];
                P::hkdf_expand(algorithm, &secret, &[&lengths, &label, &[0]], &mut out).unwrap();
                out
            };
            let mut derived = [expand(b"key", algorithm.key_len()), expand(b"iv", 12)];
            let next = expand(b"traffic upd", length);
            this.generations.push(vec![
                Masked::new(&secret),
                Masked::new(&derived[0]),
                Masked::new(&derived[1]),
            ]);
            for bytes in derived.iter_mut().chain([&mut secret]) {
                wipe(bytes);
            }
            secret = next;
        }
        wipe(&mut secret);
        this
    }

    /// Makes the secret for the engine, in a separate function with its own stack frame.
    pub(crate) fn traffic_secret<P: Provider>(&self) -> TrafficSecret<P> {
        let (mut secret, mut iv) = ([0; 48], [0; 12]);
        let secret = &mut secret[..self.secret.0.len()];
        self.secret.unmask(secret);
        self.iv.unmask(&mut iv);
        let made = match self.version {
            Version::Tls13 => TrafficSecret::tls13(self.algorithm, secret),
            Version::Tls12 => TrafficSecret::tls12(self.algorithm, secret, &iv),
        };
        wipe(secret);
        wipe(&mut iv);
        made.unwrap()
    }
}
