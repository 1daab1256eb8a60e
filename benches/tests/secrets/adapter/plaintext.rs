//! Decrypted data is wiped with the memory that held it.

use std::fs::File;
use std::io::Read;
use std::sync::{Arc, PoisonError};
use std::thread;

use rustls::crypto::ring;
use tls_record::aead::ring::Ring;
use tls_record_alloc::{Handshake, Stream, TokioStream};

use super::streams::{Pipe, Tls};
use super::suites::{Log, Suite, server_name};
use super::{complete, count};
use crate::memory::{Arrive, Masked, Release, SEARCHER, Steps, scrub_deeply, search, wipe};

const HELD: usize = 1;
const GONE: usize = 2;

/// What happens to decrypted data.
#[derive(Clone, Copy)]
enum Fate {
    /// The stream is dropped.
    Dropped,
    /// The halves of the split stream are dropped.
    DroppedInHalves,
    /// It is read, and the stream frees its memory.
    Read,
}

fn hold_plaintext<T: Tls<Ring>>(fate: Fate, pieces: &[Masked], steps: &Steps) {
    let _arrive = Arrive(steps);
    let suite = Suite::all(ring::default_provider)[0];
    let (client, server) = suite.configs(Arc::<Log>::default());
    let mut client = Handshake::client(client, server_name()).unwrap();
    let mut server = Handshake::server(server).unwrap();
    complete(&mut client, &mut server);
    let [client_pipe, server_pipe] = Pipe::pair();
    let mut client = T::new(client.finish().unwrap(), client_pipe);
    let mut server = T::new(server.finish().unwrap(), server_pipe);
    // All pieces in one record.
    let mut data = vec![0; pieces.len() * PIECE];
    pieces.iter().zip(data.chunks_mut(PIECE)).for_each(|(piece, place)| piece.unmask(place));
    server.send(&data);
    assert_eq!(client.receive(&mut data[..PIECE]), PIECE);
    wipe(&mut data);
    scrub_deeply();
    steps.stop(HELD);
    let alive = match fate {
        Fate::Dropped => {
            drop(client);
            None
        }
        Fate::DroppedInHalves => {
            drop(client.split());
            None
        }
        Fate::Read => {
            assert_eq!(client.receive(&mut data), data.len() - PIECE);
            wipe(&mut data);
            Some(client)
        }
    };
    scrub_deeply();
    steps.stop(GONE);
    drop(alive);
}

/// The length of a piece of plaintext to search for, in bytes.
const PIECE: usize = 64;

fn assert_plaintext_is_wiped<T: Tls<Ring>>() {
    let _alone = SEARCHER.lock().unwrap_or_else(PoisonError::into_inner);
    for fate in [Fate::Dropped, Fate::DroppedInHalves, Fate::Read] {
        let mut random = [0; 128 * PIECE];
        File::open("/dev/urandom").unwrap().read_exact(&mut random).unwrap();
        let pieces: Vec<_> = random.chunks(PIECE).map(Masked::new).collect();
        wipe(&mut random);
        scrub_deeply();
        let steps = Steps::default();
        thread::scope(|scope| {
            scope.spawn(|| hold_plaintext::<T>(fate, &pieces, &steps));
            let _release = Release(&steps);
            steps.await_step(HELD);
            let found = count(pieces.len(), &search(&pieces));
            assert!(found[1..].iter().all(|count| *count == 1), "{found:?}");
            steps.allow(HELD);
            steps.await_step(GONE);
            assert_eq!(search(&pieces), []);
        });
    }
}

#[test]
#[cfg_attr(debug_assertions, ignore = "for optimized code")]
fn plaintext_is_wiped_with_the_memory_that_held_it() {
    assert_plaintext_is_wiped::<Stream<Pipe, Ring>>();
    assert_plaintext_is_wiped::<TokioStream<Pipe, Ring>>();
}
