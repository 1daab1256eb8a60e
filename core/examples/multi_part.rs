//! Receives records of 16 KiB in a buffer of 512 bytes, with an AES-128-GCM accelerator that takes a
//! record in parts, as PSA drivers do.
//!
//! The first half is the driver; the accelerator is emulated below it.
//!
//! ```sh
//! cargo test -p tls-record --no-default-features --features long-records,rustcrypto-aes128-gcm \
//!     --example multi_part
//! ```

use std::cell::RefCell;

use tls_record::aead::rustcrypto::{RustCrypto, RustCryptoParts, RustCryptoPartsAead};
use tls_record::aead::{Aead, AeadError, Algorithm, NONCE_LEN, Provider, multi_part::MultiPart};
use tls_record::{
    Arrival, Arrived, Config, Epoch, Event, KeyError, OpenError, Opener, Role, Sealer,
    TrafficSecret,
};
use zeroize::Zeroize;

type Nonce = [u8; NONCE_LEN];
type AeadResult = Result<(), AeadError>;

// The driver

/// A key for the accelerator, which has one context: it works for one key at a time.
struct Key {
    bytes: [u8; 16],
    /// Nonce, additional data and length of the record that is being opened, to begin it again.
    record: Option<(Nonce, [u8; 13], usize, usize)>,
    /// Whether the accelerator has decrypted the record once already, to authenticate it.
    is_second_pass: bool,
}

impl Key {
    fn setup(&self) -> AeadResult {
        let (nonce, data, data_len, len) = self.record.as_ref().ok_or(AeadError)?;
        registers::setup(&self.bytes, nonce, &data[..*data_len], *len)
    }
}

impl MultiPart for Key {
    fn begin(&mut self, nonce: &Nonce, additional_data: &[u8], len: usize) -> AeadResult {
        let mut data = [0; 13];
        data.get_mut(..additional_data.len()).ok_or(AeadError)?.copy_from_slice(additional_data);
        self.record = Some((*nonce, data, additional_data.len(), len));
        self.is_second_pass = false;
        self.setup()
    }

    /// The accelerator authenticates only what it decrypts: the plaintext goes to a block that is not
    /// used.
    fn authenticate(&mut self, ciphertext: &[u8]) -> AeadResult {
        let mut unused = [0; 64];
        for part in ciphertext.chunks(unused.len()) {
            let unused = &mut unused[..part.len()];
            unused.copy_from_slice(part);
            registers::update(unused)?;
        }
        unused.zeroize();
        Ok(())
    }

    /// In a second pass, after the tag was checked.
    fn decrypt(&mut self, in_out: &mut [u8]) -> AeadResult {
        if !self.is_second_pass {
            self.setup()?;
            self.is_second_pass = true;
        }
        registers::update(in_out)
    }

    /// Both at once: one pass.
    fn update(&mut self, in_out: &mut [u8]) -> AeadResult {
        registers::update(in_out)
    }

    fn verify(&mut self, tag: &[u8]) -> AeadResult {
        registers::verify(tag)
    }

    fn end(&mut self) {
        registers::abort();
        self.record = None;
    }
}

impl Aead for Key {
    /// The stack use of the driver.
    const STACK: usize = 512;

    fn tag_len(&self) -> usize {
        Algorithm::Aes128Gcm.tag_len()
    }

    fn confidentiality_limit(&self) -> u64 {
        Algorithm::Aes128Gcm.confidentiality_limit()
    }

    fn has_explicit_nonce(&self) -> bool {
        Algorithm::Aes128Gcm.has_explicit_nonce()
    }

    fn seal(&mut self, nonce: &Nonce, data: &[u8], text: &mut [u8], tag: &mut [u8]) -> AeadResult {
        registers::seal(&self.bytes, nonce, data, text, tag)
    }

    fn open(&mut self, nonce: &Nonce, data: &[u8], text: &mut [u8], tag: &[u8]) -> AeadResult {
        self.begin(nonce, data, text.len())?;
        let opened = self.update(text).and_then(|()| self.verify(tag));
        self.end();
        opened
    }
}

impl Zeroize for Key {
    /// Also in the middle of a record, which frees the accelerator for other keys.
    fn zeroize(&mut self) {
        if self.record.is_some() {
            self.end();
        }
        self.bytes.zeroize();
    }
}

/// The provider: the key schedule stays in software.
struct Accelerator;

impl Provider for Accelerator {
    type Aead = Key;

    const STACK: usize = RustCrypto::STACK;

    fn supports(algorithm: Algorithm) -> bool {
        algorithm == Algorithm::Aes128Gcm
    }

    fn aead(algorithm: Algorithm, key: &[u8]) -> Option<Key> {
        let bytes = key.try_into().ok()?;
        Self::supports(algorithm).then_some(Key { bytes, record: None, is_second_pass: false })
    }

    fn hkdf_expand(algorithm: Algorithm, prk: &[u8], info: &[&[u8]], out: &mut [u8]) -> Option<()> {
        RustCrypto::hkdf_expand(algorithm, prk, info, out)
    }
}

/// The emulated accelerator.
mod registers {
    use super::*;

    thread_local!(static CONTEXT: RefCell<Option<RustCryptoPartsAead>> = RefCell::default());

    fn key(bytes: &[u8; 16]) -> RustCryptoPartsAead {
        RustCryptoParts::aead(Algorithm::Aes128Gcm, bytes).unwrap()
    }

    fn with(work: impl FnOnce(&mut RustCryptoPartsAead) -> AeadResult) -> AeadResult {
        CONTEXT.with_borrow_mut(|context| work(context.as_mut().ok_or(AeadError)?))
    }

    pub(super) fn setup(bytes: &[u8; 16], nonce: &Nonce, data: &[u8], len: usize) -> AeadResult {
        CONTEXT.set(Some(key(bytes)));
        with(|key| key.begin(nonce, data, len))
    }

    pub(super) fn update(in_out: &mut [u8]) -> AeadResult {
        with(|key| key.update(in_out))
    }

    pub(super) fn verify(tag: &[u8]) -> AeadResult {
        with(|key| key.verify(tag))
    }

    pub(super) fn abort() {
        CONTEXT.set(None);
    }

    #[cfg(test)]
    pub(super) fn is_busy() -> bool {
        CONTEXT.with_borrow(Option::is_some)
    }

    pub(super) fn seal(
        bytes: &[u8; 16],
        nonce: &Nonce,
        data: &[u8],
        text: &mut [u8],
        tag: &mut [u8],
    ) -> AeadResult {
        key(bytes).seal(nonce, data, text, tag)
    }
}

type Sender = Sealer<TrafficSecret<RustCrypto>>;
type Receiver = Opener<TrafficSecret<Accelerator>>;

/// A sender in software, and a receiver with the accelerator.
fn connected() -> Result<(Sender, Receiver), KeyError> {
    let mut sealer = Sealer::new(Config::new(Role::Server));
    let mut opener = Opener::new(Config::new(Role::Client));
    sealer.install(Epoch::Application, TrafficSecret::tls13(Algorithm::Aes128Gcm, &[1; 32])?)?;
    opener.install(Epoch::Application, TrafficSecret::tls13(Algorithm::Aes128Gcm, &[1; 32])?)?;
    Ok((sealer, opener))
}

/// Receives `wire` in a buffer of 512 bytes. Returns the content that was committed.
fn receive(opener: &mut Receiver, mut wire: &[u8]) -> Result<Vec<u8>, OpenError> {
    let (mut buffer, mut filled) = ([0; 512], 0);
    // What lies behind `valid` is not committed.
    let (mut slot, mut valid) = (Vec::new(), 0);
    loop {
        let len = wire.len().min(buffer.len() - filled);
        buffer[filled..][..len].copy_from_slice(&wire[..len]);
        (filled, wire) = (filled + len, &wire[len..]);
        let capacity = buffer.len();
        let Arrived { consumed, event } = opener.open_arriving(&mut buffer[..filled], capacity)?;
        match event {
            Arrival::Provisional(part) => {
                slot.truncate(valid + part.offset());
                slot.extend_from_slice(part.expose_unauthenticated());
            }
            Arrival::Committed { content } => valid += content,
            Arrival::Record(Event::ApplicationData(range)) => {
                slot.truncate(valid);
                slot.extend_from_slice(&buffer[range]);
                valid = slot.len();
            }
            Arrival::Record(Event::NeedMore { .. }) if wire.is_empty() => break,
            _ => {}
        }
        buffer.copy_within(consumed..filled, 0);
        filled -= consumed;
    }
    slot.truncate(valid);
    Ok(slot)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut sealer, mut opener) = connected()?;
    let image = vec![0x5a; 100_000];
    let mut wire = vec![0; 101_000];
    let written = sealer.seal(&[&image], &mut wire)?.written;
    let received = receive(&mut opener, &wire[..written])?;
    println!("{} bytes in a buffer of 512", received.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use tls_record::{Fault, slices_of};

    use super::*;

    fn sealed(data: &[u8]) -> (Vec<u8>, Receiver) {
        let (mut sealer, opener) = connected().unwrap();
        let mut wire = vec![0; data.len() + 200];
        let written = sealer.seal(&[data], &mut wire).unwrap().written;
        wire.truncate(written);
        (wire, opener)
    }

    fn data(len: usize) -> Vec<u8> {
        (0..len).map(|at| (at % 251) as u8).collect()
    }

    #[test]
    fn records_of_every_length_arrive_in_the_short_buffer() {
        for len in [1, 400, 512, 1_000, 16_384, 40_000] {
            let (wire, mut opener) = sealed(&data(len));
            assert!(receive(&mut opener, &wire).unwrap() == data(len), "{len}");
        }
    }

    #[test]
    fn a_record_in_pieces_is_decrypted_after_it_is_authenticated() {
        let (mut wire, mut opener) = sealed(&data(3_000));
        let mut pieces: Vec<&mut [u8]> = wire.chunks_mut(700).collect();
        let opened = opener.open_pieces(&mut pieces).unwrap();
        let Event::ApplicationData(range) = opened.event else { panic!("{:?}", opened.event) };
        assert!(slices_of(&pieces, range).flatten().eq(&data(3_000)));
    }

    #[test]
    fn a_connection_that_ends_within_a_record_frees_the_accelerator() {
        let ways: [fn(Receiver); 3] = [
            drop,
            |mut opener| {
                opener.eof();
                assert!(!registers::is_busy(), "before it is dropped");
            },
            |mut opener| {
                while opener.open_arriving(&mut [0; 512], 512).is_ok() {}
                assert!(!registers::is_busy(), "before it is dropped");
            },
        ];
        for end in ways {
            let (mut wire, mut opener) = sealed(&data(900));
            let arrived = opener.open_arriving(&mut wire[..512], 512).unwrap();
            assert!(matches!(arrived.event, Arrival::Provisional(_)));
            assert!(registers::is_busy());
            end(opener);
            assert!(!registers::is_busy());
        }
    }

    #[test]
    fn a_forged_record_is_not_committed_and_in_pieces_not_decrypted() {
        let (mut wire, mut opener) = sealed(&data(3_000));
        *wire.last_mut().unwrap() ^= 1;
        let forged = Err(OpenError::Fault(Fault::BadRecordMac));
        assert_eq!(receive(&mut opener, &wire), forged);

        let (_, mut opener) = sealed(&data(3_000));
        let before = wire.clone();
        let mut pieces: Vec<&mut [u8]> = wire.chunks_mut(700).collect();
        assert_eq!(opener.open_pieces(&mut pieces).map(drop), forged.map(drop));
        assert!(wire == before);
    }
}
