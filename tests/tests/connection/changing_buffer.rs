//! Buffers of the caller's that break the rule to give the same slice each time.

use std::cell::RefCell;

use tls_record::aead::{Algorithm, ring::Ring};
use tls_record::{Config, Connection, Epoch, RecordLayer, Role, TrafficSecret};

use crate::in_buffer::{KEY, MARK, life};
use crate::support::Random;

/// A buffer that gives a part of its bytes, and not always the same.
struct Changing {
    bytes: Vec<u8>,
    random: RefCell<Random>,
    lengths: Lengths,
}

#[derive(Clone, Copy, Debug)]
enum Lengths {
    /// Any length, once in so many calls.
    Any(usize),
    /// Fewer bytes to write than to read.
    ShortToWrite,
    /// Fewer bytes to read than to write.
    ShortToRead,
}

impl Changing {
    fn new(lengths: Lengths, seed: u64) -> Self {
        Self { bytes: vec![MARK; 300], random: RefCell::new(Random(seed)), lengths }
    }

    fn len(&self, is_to_write: bool) -> usize {
        let (len, mut random) = (self.bytes.len(), self.random.borrow_mut());
        match self.lengths {
            Lengths::Any(seldom) if random.below(seldom) == 0 => random.below(len + 1),
            Lengths::ShortToWrite if is_to_write => len / 2,
            Lengths::ShortToRead if !is_to_write => len / 2,
            _ => len,
        }
    }
}

impl AsRef<[u8]> for Changing {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len(false)]
    }
}

impl AsMut<[u8]> for Changing {
    fn as_mut(&mut self) -> &mut [u8] {
        let len = self.len(true);
        &mut self.bytes[..len]
    }
}

#[test]
fn a_buffer_that_changes_its_length_neither_panics_nor_hangs_nor_leaks() {
    let secret = |byte| TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[byte; 32]).unwrap();
    let any = [1, 2, 5, 20].map(Lengths::Any);
    let (mut made, mut resumed) = (0, 0);
    for seed in 1..=300 {
        for lengths in any.into_iter().chain([Lengths::ShortToWrite, Lengths::ShortToRead]) {
            let layer = |role| {
                let mut config = Config::new(role);
                config.key_limit = 9;
                let mut layer = RecordLayer::new(config);
                layer.install(Epoch::Application, secret(1), secret(2)).unwrap();
                layer
            };
            let changing = || Changing::new(lengths, seed);
            let Ok(tls) = Connection::new_in(layer(Role::Client), changing()) else { continue };
            made += 1;
            let resume = |bytes: &mut [u8]| {
                resumed += 1;
                // The same seed, with which the first buffer was long enough.
                Connection::resume_in(bytes, &KEY, changing())
            };
            let mut peer = layer(Role::Server);
            let arriving = |requests_update| {
                let mut record = [0; 64];
                let len = if requests_update && peer.update_keys(true).is_ok() {
                    peer.poll_control(&mut record)
                } else {
                    peer.seal(&[b"data"], &mut record).map(|sealed| sealed.written)
                };
                record[..len.unwrap_or(0)].to_vec()
            };
            for (result, unsent) in life(tls, arriving, resume, Random(seed)) {
                let leaks = unsent.chunks_exact(8).any(|bytes| bytes == [MARK; 8]);
                assert!(!leaks, "{seed}, {lengths:?}: {result} {unsent:?}");
            }
        }
    }
    assert!(made > 1000 && resumed > 100, "{made} {resumed}");
}
