//! Tests that the engine leaves no copies of secrets in memory.

use std::fs::File;
use std::hint::black_box;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::thread;

use tls_record::aead::{Algorithm, Provider, aws_lc::AwsLc, ring::Ring, rustcrypto::RustCrypto};
use tls_record::{
    Config, Connection, ConnectionIn, Epoch, Event, Extractable, OpenError, RecordLayer, Role,
    TrafficSecret, Version,
};

use crate::material::Material;
use crate::memory::{
    Arrive, Hit, MASK, Masked, Release, SEARCHER, Steps, address_range, scrub_deeply, scrub_stack,
    search, stack_pointer,
};
use crate::mixed_keys::MixedKeys;

/// How a connection ends.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Drop,
    Fault,
}

const MADE: usize = 1;
const INSTALLED: usize = 2;
const RESUMED: usize = 3;
const SUSPENDED: usize = 4;
const RESUMED_IN_BUFFER: usize = 5;
const RESUMED_AGAIN: usize = 6;
const ALIVE: usize = 7;
const UPDATED: usize = 8;
const ENDED: usize = 9;

/// Installs the keys. The stack frames of this function hold copies made by the test itself.
#[inline(never)]
fn install<K: Extractable>(pair: &mut Pair<K>, [client, server]: &[Material; 2], steps: &Steps) {
    // In TLS 1.2 the Finished had sequence number 0.
    let first = u64::from(client.version == Version::Tls12);
    for layer in [&mut pair.client, &mut pair.server] {
        let (client, server) = (K::from(client.traffic_secret()), K::from(server.traffic_secret()));
        layer.take_over(Epoch::Application, (client, first), (server, first)).unwrap();
    }
    steps.stack_pointer.store(stack_pointer(), Ordering::SeqCst);
    steps.stop(INSTALLED);
}

/// Suspends and resumes. The stack frames of this function hold copies made by the test itself.
#[inline(never)]
fn resume<K: Extractable>(layer: &mut RecordLayer<K>, steps: &Steps) {
    let key = [9; 32];
    let mut bytes = layer.suspend(&key).unwrap();
    let mut connection = Connection::<K, 20_000>::resume(&mut bytes, &key).unwrap();
    steps.stack_pointer.store(stack_pointer(), Ordering::SeqCst);
    steps.stop(RESUMED);
    let mut bytes = connection.suspend(&key).unwrap();
    steps.stop(SUSPENDED);
    // As long as the array: a shorter buffer would cut the data of `traffic` into several records.
    let mut buffer = vec![0; 20_000];
    let resumed = ConnectionIn::<K, _>::resume_in(&mut bytes, &key, &mut buffer[..]);
    let mut connection = resumed.unwrap();
    steps.stop(RESUMED_IN_BUFFER);
    let mut bytes = connection.suspend(&key).unwrap();
    // Sealed bytes look like a key, and would be found in the padding between fields.
    scrub_stack();
    *layer = RecordLayer::resume(&mut bytes, &key).unwrap();
    steps.stop(RESUMED_AGAIN);
}

/// Both ends of a connection.
struct Pair<K: Extractable> {
    client: RecordLayer<K>,
    server: RecordLayer<K>,
}

/// Sends data in both directions.
#[inline(never)]
fn traffic<K: Extractable>(Pair { client, server }: &mut Pair<K>) {
    for length in [1, 100, 1000] {
        one_way(client, server, length);
        one_way(server, client, length);
    }
}

fn one_way<K: Extractable>(from: &mut RecordLayer<K>, to: &mut RecordLayer<K>, length: usize) {
    let mut wire = [0; 2000];
    let sealed = from.seal(&[&[7; 1000][..length]], &mut wire).unwrap();
    let opened = to.open(&mut wire[..sealed.written]).unwrap();
    assert!(matches!(opened.event, Event::ApplicationData(_)));
}

fn work<K: Extractable>(materials: &[Material; 2], end: End, steps: &Steps) {
    let _arrive = Arrive(steps);
    let end_of = |role| RecordLayer::<K>::new(Config::new(role));
    let mut pair = Box::new(Pair { client: end_of(Role::Client), server: end_of(Role::Server) });
    let place = address_range(&*pair);
    steps.object[0].store(place.start, Ordering::SeqCst);
    steps.object[1].store(place.end, Ordering::SeqCst);
    steps.stop(MADE);
    install(&mut pair, materials, steps);
    scrub_stack();
    resume(&mut pair.client, steps);
    scrub_deeply();
    steps.stop(ALIVE);
    traffic(&mut pair);
    // The cipher may leave copies while it works. The engine overwrites them at the next change of
    // keys.
    scrub_stack();
    let Pair { client, server } = &mut *pair;
    if materials[0].version == Version::Tls13 {
        client.update_keys(true).unwrap();
        let mut wire = [0; 64];
        let length = client.poll_control(&mut wire).unwrap();
        server.open(&mut wire[..length]).unwrap();
        let length = server.poll_control(&mut wire).unwrap();
        client.open(&mut wire[..length]).unwrap();
    }
    steps.stop(UPDATED);
    if end == End::Fault {
        // Moves the sequence numbers on: the nonce of the first record is the IV.
        traffic(&mut pair);
        scrub_stack();
        let Pair { client, server } = &mut *pair;
        let mut wire = [0; 64];
        let sealed = server.seal(&[b"data"], &mut wire).unwrap();
        wire[sealed.written - 1] ^= 1;
        assert!(matches!(client.open(&mut wire[..sealed.written]), Err(OpenError::Fault(_))));
        let length = client.poll_control(&mut wire).unwrap();
        assert!(matches!(server.open(&mut wire[..length]), Err(OpenError::PeerAlert(_))));
        steps.stop(ENDED);
    } else {
        drop(pair);
        steps.stop(ENDED);
    }
}

/// Returns all pieces of the object that look like a part of a key.
fn parts(object: Range<usize>) -> Vec<Masked> {
    let mut bytes = vec![0; object.len()];
    let memory = File::open("/proc/self/mem").unwrap();
    memory.read_exact_at(&mut bytes, object.start as u64).unwrap();
    for byte in &mut bytes {
        *byte = black_box(*byte ^ MASK);
    }
    bytes
        .as_chunks::<16>()
        .0
        .iter()
        .filter(|chunk| {
            // A word with two zero bytes at the top is an address.
            if chunk[6..8] == [MASK; 2] || chunk[14..] == [MASK; 2] {
                return false;
            }
            // An unaligned address (0x55.. or 0x7f..) comes from unused bytes of a moved value.
            let is_top = |top: &[u8]| {
                top[1..] == [MASK; 2] && matches!(top[0] ^ MASK, 0x55 | 0x56 | 0x7e | 0x7f)
            };
            if chunk.windows(3).any(is_top) {
                return false;
            }
            let mut sorted = **chunk;
            sorted.sort();
            sorted.chunk_by(|a, b| a == b).count() >= 12
        })
        .map(|chunk| Masked(chunk.to_vec()))
        .collect()
}

/// The memory in which a backend keeps its keys.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Object,
    Heap,
}

fn assert_no_copies<K: Extractable, Other: Provider>(
    version: Version,
    algorithm: Algorithm,
    end: End,
    place: Place,
) {
    let _alone = SEARCHER.lock().unwrap_or_else(PoisonError::into_inner);
    let materials = [(); 2].map(|()| Material::new::<Other>(version, algorithm));
    scrub_deeply();
    let generation = |number| {
        let of_all = materials.iter().filter_map(move |all| all.generations.get(number));
        of_all.flatten().cloned().collect::<Vec<_>>()
    };
    let all = [generation(0), generation(1)].concat();
    let per_generation = generation(0).len();
    assert_eq!(search(&all), [], "the test itself left copies");

    let steps = Steps::default();
    thread::scope(|scope| {
        let worker = thread::Builder::new().stack_size(1 << 20);
        worker.spawn_scoped(scope, || work::<K>(&materials, end, &steps)).unwrap();

        let _release = Release(&steps);
        steps.await_step(MADE);
        let object = {
            let [start, end] = [0, 1].map(|i| steps.object[i].load(Ordering::SeqCst));
            start..end
        };
        // Pieces that were there before the keys are not key material.
        let without_keys = parts(object.clone());
        let keys = || {
            let mut parts = parts(object.clone());
            parts.retain(|part| !without_keys.contains(part));
            parts
        };
        steps.allow(MADE);

        for step in [INSTALLED, RESUMED, SUSPENDED, RESUMED_IN_BUFFER, RESUMED_AGAIN] {
            steps.await_step(step);
            steps.assert_unused_stack_is_clean(&all, step, "of the engine");
            steps.allow(step);
        }

        let stack_pointer = steps.stack_pointer.load(Ordering::SeqCst);
        let stack = stack_pointer - (1 << 19)..stack_pointer + (1 << 16);
        let assert_is_inside = |needles: &[Masked]| {
            let (inside, outside): (Vec<Hit>, _) =
                search(needles).into_iter().partition(|(at, _)| match place {
                    Place::Object => object.contains(at),
                    Place::Heap => !stack.contains(at),
                });
            assert_eq!(outside, [], "copies outside the connection");
            inside
        };
        steps.await_step(ALIVE);
        let inside = assert_is_inside(&all);
        let expected = &all[..per_generation];
        for which in 0..expected.len() {
            // One in each half. TLS 1.2 keeps another copy of the IV for export.
            assert!(inside.iter().filter(|(_, found)| *found == which).count() >= 2);
        }
        assert!(inside.iter().all(|(_, which)| *which < per_generation));
        let mut parts_ever = keys();
        assert!(!parts_ever.is_empty());
        steps.allow(ALIVE);

        steps.await_step(UPDATED);
        let inside = assert_is_inside(&all);
        if version == Version::Tls13 {
            let old: Vec<_> = inside
                .iter()
                .filter(|(_, which)| *which < per_generation)
                .map(|(at, which)| (object.contains(at), at.wrapping_sub(object.start), *which))
                .collect();
            assert_eq!(old, [], "copies of the old generation");
            assert_eq!(search(&parts_ever), []);
        }
        parts_ever.extend(keys());
        steps.allow(UPDATED);

        steps.await_step(ENDED);
        assert_eq!(search(&all), []);
        assert_eq!(search(&parts_ever), []);
    });
}

fn assert_no_copies_of_any_algorithm<K: Extractable, Other: Provider>(place: Place) {
    let algorithms = [
        Algorithm::Aes128Gcm,
        Algorithm::Aes256Gcm,
        Algorithm::Chacha20Poly1305,
        Algorithm::Aes128Ccm,
        Algorithm::Aes128Ccm8,
    ];
    for algorithm in algorithms.into_iter().filter(|&algorithm| K::Provider::supports(algorithm)) {
        for version in [Version::Tls13, Version::Tls12] {
            for end in [End::Drop, End::Fault] {
                assert_no_copies::<K, Other>(version, algorithm, end, place);
            }
        }
    }
}

#[test]
#[cfg_attr(debug_assertions, ignore = "for optimized code")]
fn ring_leaves_no_copies() {
    assert_no_copies_of_any_algorithm::<TrafficSecret<Ring>, RustCrypto>(Place::Object);
}

#[test]
#[cfg_attr(debug_assertions, ignore = "for optimized code")]
fn rustcrypto_leaves_no_copies() {
    assert_no_copies_of_any_algorithm::<TrafficSecret<RustCrypto>, Ring>(Place::Object);
}

#[cfg(feature = "long-records")]
#[test]
#[cfg_attr(debug_assertions, ignore = "for optimized code")]
fn ciphers_that_work_in_parts_leave_no_copies() {
    use tls_record::aead::rustcrypto::RustCryptoParts;

    assert_no_copies_of_any_algorithm::<TrafficSecret<RustCryptoParts>, Ring>(Place::Object);
}

/// The key stream that is kept for the next part, and the key of the hash, which only ChaCha20-Poly1305
/// makes for each record.
#[cfg(feature = "long-records")]
#[test]
#[cfg_attr(debug_assertions, ignore = "for optimized code")]
fn a_record_in_parts_leaves_nothing_in_the_key() {
    use tls_record::aead::rustcrypto::{RustCryptoParts, RustCryptoPartsAead};
    use tls_record::aead::{Aead, multi_part::MultiPart};

    const LEN: usize = 1000;
    // RFC 8439 section 2.6.2: a key, a nonce, and the second half of the key that Poly1305 has then.
    let key: [u8; 32] = std::array::from_fn(|at| 0x80 + at as u8);
    let nonce = [0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7];
    let hash_key = 0xa833_b637_e3fd_0da5_08db_b8e2_fdd1_a646_u128.to_be_bytes();

    let _alone = SEARCHER.lock().unwrap_or_else(PoisonError::into_inner);
    for algorithm in [Algorithm::Aes128Gcm, Algorithm::Aes256Gcm, Algorithm::Chacha20Poly1305] {
        let make = || RustCryptoParts::aead(algorithm, &key[..algorithm.key_len()]).unwrap();
        let mut aead = Box::new(Some(make()));
        let place = address_range(&*aead);
        let mut keystream = [0; LEN];
        make().seal(&nonce, &[], &mut keystream, &mut [0; 16]).unwrap();
        let mut secrets = vec![Masked::new(&keystream[500..532])];
        if algorithm == Algorithm::Chacha20Poly1305 {
            // As it is, and as AVX2 takes it: each word in 64 bits.
            let words = hash_key.as_chunks::<4>().0.iter();
            secrets.push(Masked::new(&hash_key));
            secrets.push(Masked::new(
                &words.flat_map(|word| [*word, [0; 4]].concat()).collect::<Vec<_>>(),
            ));
        }
        let held = |secrets: &[Masked]| {
            let hits = search(secrets).into_iter().filter(|(address, _)| place.contains(address));
            hits.map(|(_, secret)| secret).collect::<std::collections::BTreeSet<_>>()
        };
        let begin = |aead: &mut Option<RustCryptoPartsAead>| {
            let aead = aead.as_mut().unwrap();
            aead.begin(&nonce, &[], LEN).unwrap();
            aead.update(&mut [7; 300]).unwrap();
        };
        begin(&mut aead);
        let expected = if secrets.len() == 1 { 1 } else { 2 };
        assert_eq!(held(&secrets).len(), expected, "{algorithm:?}, within the record");
        Option::as_mut(&mut aead).unwrap().end();
        assert!(held(&secrets).is_empty(), "{algorithm:?}, after the record");
        begin(&mut aead);
        Option::as_mut(&mut aead).unwrap().begin(&[9; 12], &[], LEN).unwrap();
        assert!(held(&secrets).is_empty(), "{algorithm:?}, after the next has begun");
        begin(&mut aead);
        *aead = None;
        black_box(&aead);
        assert!(held(&secrets).is_empty(), "{algorithm:?}, after the key");
    }
}

#[test]
#[cfg_attr(debug_assertions, ignore = "for optimized code")]
fn aws_lc_leaves_no_copies() {
    assert_no_copies_of_any_algorithm::<TrafficSecret<AwsLc>, Ring>(Place::Heap);
}

#[test]
#[cfg_attr(debug_assertions, ignore = "for optimized code")]
fn keys_that_are_in_memory_or_in_a_key_store_leave_no_copies() {
    assert_no_copies_of_any_algorithm::<MixedKeys<Ring>, RustCrypto>(Place::Object);
}

#[test]
fn keys_for_the_kernel_are_wiped_in_place() {
    let _alone = SEARCHER.lock().unwrap_or_else(PoisonError::into_inner);
    let material = Material::new::<RustCrypto>(Version::Tls13, Algorithm::Aes128Gcm);
    let mut layer = RecordLayer::<TrafficSecret<Ring>>::new(Config::new(Role::Client));
    layer.install_one(Role::Client, Epoch::Application, material.traffic_secret()).unwrap();
    let mut direction = layer.hand_sender_to_kernel().unwrap();

    let mut info = Box::new(Some(direction.crypto_info().unwrap()));
    let place = address_range(&*info);
    let [_, key, _] = &material.generations[0][..] else { unreachable!() };
    let holds_key =
        || search(std::slice::from_ref(key)).iter().any(|&(address, _)| place.contains(&address));
    assert!(holds_key());
    *info = None;
    black_box(&info);
    assert!(!holds_key());
}

#[test]
fn debug_shows_no_secrets() {
    let secret = |byte| TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[byte; 32]).unwrap();
    assert_eq!(format!("{:?}", secret(1)), "TrafficSecret(Aes128Gcm, redacted)");
    let mut layer = RecordLayer::<TrafficSecret<Ring>>::new(Config::new(Role::Client));
    layer.install(Epoch::Application, secret(1), secret(2)).unwrap();
    let [opener, sealer] =
        ["Opener", "Sealer"].map(|half| format!("{half}(Open, Application keys, record Some(0))"));
    assert_eq!(format!("{:?}", layer.opener()), opener);
    assert_eq!(format!("{:?}", layer.sealer()), sealer);
    assert_eq!(format!("{layer:?}"), format!("RecordLayer({opener}, {sealer})"));
}
