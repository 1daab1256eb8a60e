//! Uses an AES-128-GCM accelerator with memory-mapped registers as a cipher of the engine.
//!
//! The first half is the driver; the accelerator is emulated below it.
//!
//! ```sh
//! cargo test -p tls-record --example accelerator
//! ```

use std::cell::RefCell;
use std::marker::PhantomData;

use tls_record::aead::{Aead, AeadError, Algorithm, NONCE_LEN, Provider, ring::Ring};
use tls_record::{Config, Epoch, Event, KeyError, RecordLayer, Role, TrafficSecret};
use zeroize::Zeroize;

/// Access to the 32-bit registers by number. On a chip: `read_volatile` and `write_volatile`.
trait Block {
    fn read(register: usize) -> u32;
    fn write(register: usize, value: u32);
}

// The driver

const CONTROL: usize = 0; // Starts SEAL or OPEN.
const STATUS: usize = 1; // BUSY, FAILED.
const LENGTHS: usize = 2; // Length of the additional data in the high half, of the text in the low half.
const FIFO: usize = 3; // In: key, nonce, additional data, text. Out: text, tag.
const SEAL: u32 = 1;
const OPEN: u32 = 2;
const BUSY: u32 = 1;
const FAILED: u32 = 2;

type Nonce = [u8; NONCE_LEN];
type AeadResult = Result<(), AeadError>;

struct Key<B>([u8; 16], PhantomData<B>);

impl<B: Block> Key<B> {
    fn run(
        &self,
        operation: u32,
        nonce: &Nonce,
        data: &[u8],
        text: &mut [u8],
        tag: &mut [u8],
    ) -> AeadResult {
        B::write(LENGTHS, (data.len() << 16 | text.len()) as u32);
        for bytes in [&self.0, &nonce[..], data, text].into_iter().flat_map(|part| part.chunks(4)) {
            // The last word of each part is filled up with zeros.
            B::write(FIFO, bytes.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte)));
        }
        B::write(CONTROL, operation);
        while B::read(STATUS) & BUSY != 0 {}
        if B::read(STATUS) & FAILED != 0 {
            return Err(AeadError);
        }
        for bytes in text.chunks_mut(4).chain(tag.chunks_mut(4)) {
            bytes.iter_mut().zip(B::read(FIFO).to_le_bytes()).for_each(|(to, from)| *to = from);
        }
        Ok(())
    }
}

impl<B> Zeroize for Key<B> {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl<B: Block> Aead for Key<B> {
    /// The stack use of `run`, and on a chip of the functions that it calls.
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
        self.run(SEAL, nonce, data, text, tag)
    }

    fn open(&mut self, nonce: &Nonce, data: &[u8], text: &mut [u8], tag: &[u8]) -> AeadResult {
        let mut expected = [0; 16];
        self.run(OPEN, nonce, data, text, &mut expected)?;
        // Constant time: it does not depend on which bytes differ.
        let differences = expected.iter().zip(tag).fold(0, |all, (a, b)| all | (a ^ b));
        if differences == 0 { Ok(()) } else { Err(AeadError) }
    }
}

// The provider: the key schedule stays in software

struct Accelerator<B>(PhantomData<B>);

impl<B: Block> Provider for Accelerator<B> {
    type Aead = Key<B>;

    const STACK: usize = Ring::STACK;

    fn supports(algorithm: Algorithm) -> bool {
        algorithm == Algorithm::Aes128Gcm
    }

    fn aead(algorithm: Algorithm, key: &[u8]) -> Option<Key<B>> {
        Self::supports(algorithm).then_some(Key(key.try_into().ok()?, PhantomData))
    }

    fn hkdf_expand(algorithm: Algorithm, prk: &[u8], info: &[&[u8]], out: &mut [u8]) -> Option<()> {
        Ring::hkdf_expand(algorithm, prk, info, out)
    }
}

// The emulated accelerator

/// The state of the emulated accelerator.
#[derive(Default)]
struct Emulated {
    lengths: u32,
    /// The bytes that were written to the FIFO.
    input: Vec<u8>,
    /// The bytes that can be read from the FIFO.
    output: Vec<u8>,
    has_failed: bool,
    /// Whether every later operation fails.
    is_broken: bool,
}

thread_local!(static EMULATED: RefCell<Emulated> = RefCell::default());

/// The registers of the emulated accelerator.
struct Registers;

impl Block for Registers {
    fn read(register: usize) -> u32 {
        EMULATED.with_borrow_mut(|block| match register {
            STATUS => u32::from(block.has_failed) * FAILED,
            FIFO => u32::from_le_bytes(block.output.drain(..4).as_slice().try_into().unwrap()),
            _ => panic!("register {register} cannot be read"),
        })
    }

    fn write(register: usize, value: u32) {
        EMULATED.with_borrow_mut(|block| match register {
            LENGTHS => block.lengths = value,
            FIFO => block.input.extend(value.to_le_bytes()),
            CONTROL => block.run(value),
            _ => panic!("register {register} cannot be written"),
        });
    }
}

impl Emulated {
    fn run(&mut self, operation: u32) {
        let input = std::mem::take(&mut self.input);
        let mut input = &input[..];
        let mut take = |len: usize| {
            let (bytes, rest) = input.split_at(len.next_multiple_of(4));
            input = rest;
            bytes[..len].to_vec()
        };
        let key = take(16);
        let nonce = take(NONCE_LEN).try_into().unwrap();
        let data = take((self.lengths >> 16) as usize);
        let mut text = take((self.lengths & 0xffff) as usize);
        assert!(input.is_empty(), "the FIFO holds more than the lengths say");

        let mut aead = Ring::aead(Algorithm::Aes128Gcm, &key).unwrap();
        let mut tag = [0; 16];
        if operation == OPEN {
            // Ring opens only with a valid tag, but the driver compares tags itself. The keystream
            // of GCM is the same in both directions, so sealing the ciphertext gives the plaintext,
            // and sealing that gives the tag.
            let ciphertext = text.clone();
            aead.seal(&nonce, b"", &mut text, &mut tag).unwrap();
            let mut again = text.clone();
            aead.seal(&nonce, &data, &mut again, &mut tag).unwrap();
            assert_eq!(again, ciphertext);
        } else {
            aead.seal(&nonce, &data, &mut text, &mut tag).unwrap();
        }
        text.resize(text.len().next_multiple_of(4), 0);
        self.output = [text, tag.to_vec()].concat();
        self.has_failed = self.is_broken;
    }
}

type Layer<P> = RecordLayer<TrafficSecret<P>>;

/// Returns a connected client on the accelerator and server on ring.
fn connected() -> Result<(Layer<Accelerator<Registers>>, Layer<Ring>), KeyError> {
    fn end<P: Provider>(role: Role) -> Result<Layer<P>, KeyError> {
        let secret = |byte| TrafficSecret::tls13(Algorithm::Aes128Gcm, &[byte; 32]);
        let mut layer = RecordLayer::new(Config::new(role));
        layer.install(Epoch::Application, secret(1)?, secret(2)?)?;
        Ok(layer)
    }
    Ok((end(Role::Client)?, end(Role::Server)?))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut client, mut server) = connected()?;
    let mut wire = [0; 64];
    let sealed = client.seal(&[b"by hardware"], &mut wire)?;
    let opened = server.open(&mut wire[..sealed.written])?;
    let Event::ApplicationData(range) = opened.event else { return Err("no data".into()) };
    println!("{}", wire[range].escape_ascii());
    Ok(())
}

#[cfg(test)]
mod tests {
    use tls_record::{End, Fault, OpenError, ReadEnd, SealError, WriteEnd};

    use super::*;

    /// Seals `data` in one record, opens the record at the other end, and returns the content.
    fn carry<P: Provider, Q: Provider>(
        from: &mut Layer<P>,
        to: &mut Layer<Q>,
        data: &[u8],
    ) -> Vec<u8> {
        let mut wire = vec![0; data.len() + 64];
        let sealed = from.seal(&[data], &mut wire).unwrap();
        let opened = to.open(&mut wire[..sealed.written]).unwrap();
        let Event::ApplicationData(range) = opened.event else { panic!("{:?}", opened.event) };
        wire[range].to_vec()
    }

    #[test]
    fn records_of_every_length_go_both_ways() {
        let (mut client, mut server) = connected().unwrap();
        let data: Vec<u8> = (0..=16_384).map(|i| (i % 251) as u8).collect();
        for len in (1..70).chain([1_000, 16_383, 16_384]) {
            assert_eq!(carry(&mut client, &mut server, &data[..len]), data[..len]);
            assert_eq!(carry(&mut server, &mut client, &data[..len]), data[..len]);
        }
    }

    #[test]
    fn keys_are_updated_and_the_connection_closes() {
        let (mut client, mut server) = connected().unwrap();
        let mut wire = [0; 64];
        client.update_keys(true).unwrap();
        let len = client.poll_control(&mut wire).unwrap();
        server.open(&mut wire[..len]).unwrap();
        let len = server.poll_control(&mut wire).unwrap();
        client.open(&mut wire[..len]).unwrap();
        assert_eq!(carry(&mut client, &mut server, b"new keys"), b"new keys");
        assert_eq!(carry(&mut server, &mut client, b"new keys"), b"new keys");
        client.close().unwrap();
        let len = client.poll_control(&mut wire).unwrap();
        assert_eq!(server.open(&mut wire[..len]).unwrap().event, Event::Closed);
    }

    #[test]
    fn a_forged_record_does_not_open() {
        for at in 5..5 + 4 + 1 + 16 {
            let (mut client, mut server) = connected().unwrap();
            let mut wire = [0; 64];
            let sealed = server.seal(&[b"data"], &mut wire).unwrap();
            wire[at] ^= 1;
            let opened = client.open(&mut wire[..sealed.written]);
            assert_eq!(opened, Err(OpenError::Fault(Fault::BadRecordMac)));
        }
    }

    #[test]
    fn a_hardware_failure_ends_the_connection() {
        let (mut client, _) = connected().unwrap();
        EMULATED.with_borrow_mut(|block| block.is_broken = true);
        assert_eq!(client.seal(&[b"data"], &mut [0; 64]), Err(SealError::Crypto));
        let read = ReadEnd::Fault(Fault::Crypto);
        assert_eq!(client.end(), End { read, write: WriteEnd::Failed });
    }

    #[test]
    fn an_unsupported_suite_is_refused_when_the_secret_is_made() {
        let secret = TrafficSecret::<Accelerator<Registers>>::tls13(Algorithm::Aes256Gcm, &[0; 48]);
        assert_eq!(secret.err(), Some(KeyError::Unsupported));
    }
}
