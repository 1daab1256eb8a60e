//! Records sealed by OpenSSL for each suite in both versions. The firmware and the tests with peers use this
//! file, too.

use tls_record::Version;
use tls_record::aead::Algorithm;

/// Bytes that are written in hexadecimal digits.
#[derive(Clone, Copy)]
pub(crate) struct Bytes {
    bytes: [u8; 64],
    len: usize,
}

impl Bytes {
    const fn of_hex(digits: &str) -> Self {
        let digits = digits.as_bytes();
        let mut this = Self { bytes: [0; 64], len: digits.len() / 2 };
        let mut at = 0;
        while at < digits.len() {
            let digit = (digits[at] as char).to_digit(16).unwrap() as u8;
            this.bytes[at / 2] = this.bytes[at / 2] << 4 | digit;
            at += 1;
        }
        this
    }

    pub(crate) fn get(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    pub(crate) fn get_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.len]
    }
}

/// A record of application data.
pub(crate) struct Known {
    pub(crate) version: Version,
    pub(crate) suite: Algorithm,
    pub(crate) record: Bytes,
}

impl Known {
    /// Its first bytes are the traffic secret, or in TLS 1.2 the key.
    pub(crate) const SECRET: [u8; 48] = counted(0x40);
    /// In TLS 1.2.
    pub(crate) const IV: [u8; 12] = counted(0x80);
    /// Its sequence number under these keys.
    pub(crate) const SEQUENCE: u64 = 0x0001_0203;
    /// Its content.
    pub(crate) const CONTENT: &'static [u8] = b"the same in every suite";
}

const fn counted<const LEN: usize>(first: u8) -> [u8; LEN] {
    let mut bytes = [first; LEN];
    let mut at = 1;
    while at < LEN {
        bytes[at] = bytes[at - 1] + 1;
        at += 1;
    }
    bytes
}

const fn known(version: Version, suite: Algorithm, digits: &str) -> Known {
    Known { version, suite, record: Bytes::of_hex(digits) }
}

/// All known records.
pub(crate) const RECORDS: [Known; 10] = [
    known(
        Version::Tls13,
        Algorithm::Aes128Gcm,
        "1703030028326954f4aaf370862af9962a29f82070ffe14876c735ce45ba5dd02decd3609fcf4e69dba1e0d4da",
    ),
    known(
        Version::Tls13,
        Algorithm::Aes256Gcm,
        "1703030028e30013b47d9679e44e78bd1ab71eb015017306865544a5f0dbfbc01bd7ab02f94bb4ed1597e3baa0",
    ),
    known(
        Version::Tls13,
        Algorithm::Chacha20Poly1305,
        "170303002809c434d4e9639355aa9460ebefca09554c38114373a3d11e99a554932a0fa0e8ef8970c4e0b67a93",
    ),
    known(
        Version::Tls13,
        Algorithm::Aes128Ccm,
        "17030300284efa8691a745ad5c1afc3645685301e13fdbca935522082b7f9c41230b103f22038de40328d43404",
    ),
    known(
        Version::Tls13,
        Algorithm::Aes128Ccm8,
        "17030300204efa8691a745ad5c1afc3645685301e13fdbca935522082b09a617fdf63c6ea1",
    ),
    known(
        Version::Tls12,
        Algorithm::Aes128Gcm,
        "170303002f8485868788888888fb2f56866960e2feaf14d740b15baf49575f6795ea1e32bc416d7ef21cff9e5fc40d43e679dd59",
    ),
    known(
        Version::Tls12,
        Algorithm::Aes256Gcm,
        "170303002f848586878888888887ec3b04abd200fe9f690ec26fc5fc237a3f9a023af677cba3b7ea8a95caa30ff5c2b58e5aed19",
    ),
    known(
        Version::Tls12,
        Algorithm::Chacha20Poly1305,
        "1703030027c639381e4dc80c76dc6bc76f6aeaab5800ef20ef0f40d1808fe3f845619e5e3c8458d66ef8dde6",
    ),
    known(
        Version::Tls12,
        Algorithm::Aes128Ccm,
        "170303002f84858687888888886115d1f678446a855eddfabee6cbbc54d9b22fe04060f6859536e2b987002ab5fae60e87f4ba41",
    ),
    known(
        Version::Tls12,
        Algorithm::Aes128Ccm8,
        "170303002784858687888888886115d1f678446a855eddfabee6cbbc54d9b22fe04060f620dcbf0053a3051a",
    ),
];
