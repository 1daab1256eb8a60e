//! Connections that are taken over by a follower: the secrets that it is told are in it alone, and after
//! the take-over those of the connection are in the record layer alone.
//!
//! The handshake is recorded before, by another implementation than the one that is tested.

use std::ops::Range;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tls_record::aead::{Algorithm, Provider, ring::Ring, rustcrypto::RustCrypto};
use tls_record::takeover::{Follower, SecretKind, TakeoverError};
use tls_record::{Config, Epoch, Extractable, RecordLayer, Role, Sealer, TrafficSecret, Version};

use crate::material::Material;
use crate::memory::{
    Arrive, Hit, Masked, Release, SEARCHER, Steps, address_range, scrub_deeply, search,
    stack_pointer, wipe,
};
use crate::mixed_keys::MixedKeys;

/// [`Follower::finish`], or [`Follower::finish_as`].
type Finish<K> = fn(
    &mut Follower<<K as Extractable>::Provider>,
    Config,
) -> Result<RecordLayer<K>, TakeoverError>;

const MADE: usize = 1;
const TOLD: usize = 2;
const FOLLOWED: usize = 3;
const TAKEN_OVER: usize = 4;
const ALIVE: usize = 5;
const ENDED: usize = 6;

const CLIENT_RANDOM: [u8; 32] = [0xc1; 32];
const SERVER_RANDOM: [u8; 32] = [0x51; 32];
/// What HMAC combines its key with (RFC 2104), and what that has to be taken off with.
const PADS: [u8; 2] = [0x36, 0x5c];

/// A handshake, and its secrets.
pub(crate) struct Recording {
    pub(crate) records: Vec<(Role, Vec<u8>)>,
    pub(crate) secrets: Vec<(SecretKind, Masked)>,
    /// What the record layer has to hold in the end.
    pub(crate) of_layer: Vec<Masked>,
    /// What must be nowhere then.
    pub(crate) of_handshake: Vec<Masked>,
}

fn message(message_type: u8, body: &[u8]) -> Vec<u8> {
    [&[message_type, 0, 0, body.len() as u8], body].concat()
}

fn plaintext(content_type: u8, body: &[u8]) -> Vec<u8> {
    [&[content_type, 3, 3, 0, body.len() as u8], body].concat()
}

fn sealed<P: Provider>(sealer: &mut Sealer<TrafficSecret<P>>, messages: &[u8]) -> Vec<u8> {
    let mut record = vec![0; 256];
    let len = sealer.seal_handshake(&[messages], &mut record).unwrap();
    record.truncate(len);
    record
}

impl Recording {
    pub(crate) fn new<P: Provider>(version: Version, algorithm: Algorithm) -> Self {
        let suite: u16 = match (version, algorithm) {
            (Version::Tls13, Algorithm::Aes128Gcm) => 0x1301,
            (Version::Tls13, Algorithm::Aes256Gcm) => 0x1302,
            (Version::Tls13, _) => 0x1303,
            (Version::Tls12, Algorithm::Aes128Gcm) => 0xc02f,
            (Version::Tls12, Algorithm::Aes256Gcm) => 0xc030,
            (Version::Tls12, _) => 0xcca8,
        };
        let extensions: &[u8] = match version {
            Version::Tls13 => &[0, 6, 0, 43, 0, 2, 3, 4],
            Version::Tls12 => &[],
        };
        let client_hello =
            [&[3, 3][..], &CLIENT_RANDOM, &[0, 0, 2], &suite.to_be_bytes(), &[1, 0]].concat();
        let server_hello =
            [&[3, 3][..], &SERVER_RANDOM, &[0], &suite.to_be_bytes(), &[0], extensions].concat();
        let mut this = Self {
            records: vec![
                (Role::Client, plaintext(22, &message(1, &client_hello))),
                (Role::Server, plaintext(22, &message(2, &server_hello))),
            ],
            secrets: Vec::new(),
            of_layer: Vec::new(),
            of_handshake: Vec::new(),
        };
        match version {
            Version::Tls13 => this.record_tls13::<P>(algorithm),
            Version::Tls12 => this.record_tls12::<P>(algorithm),
        }
        this
    }

    /// Returns all that is searched for, first what the record layer has to hold.
    pub(crate) fn all(&self) -> Vec<Masked> {
        [&self.of_layer[..], &self.of_handshake].concat()
    }

    /// Searches for [`all`](Self::all), and checks that what the record layer has to hold is there.
    pub(crate) fn search_held(&self, all: &[Masked], case: &str) -> Vec<Hit> {
        let hits = search(all);
        for which in 0..self.of_layer.len() {
            assert!(hits.iter().any(|(_, found)| *found == which), "{which} is held, {case}");
        }
        hits
    }

    #[inline(never)]
    fn record_tls13<P: Provider>(&mut self, algorithm: Algorithm) {
        let finished = message(20, &[0; 32]);
        for (role, kinds, flight) in [
            (
                Role::Server,
                [SecretKind::ServerHandshake, SecretKind::ServerTraffic],
                [message(8, &[0, 0]), finished.clone()].concat(),
            ),
            (Role::Client, [SecretKind::ClientHandshake, SecretKind::ClientTraffic], finished),
        ] {
            let [handshake, traffic] =
                [(); 2].map(|()| Material::new::<P>(Version::Tls13, algorithm));
            let mut sealer = Sealer::<TrafficSecret<P>>::new(Config::new(role));
            sealer.install(Epoch::Handshake, handshake.traffic_secret()).unwrap();
            self.records.push((role, sealed(&mut sealer, &flight)));
            sealer.install(Epoch::Application, traffic.traffic_secret()).unwrap();
            if role == Role::Server {
                self.records.push((role, sealed(&mut sealer, &message(4, &[7; 20]))));
            }
            let [of_handshake, of_traffic] = kinds;
            self.secrets.push((of_handshake, handshake.secret.clone()));
            self.secrets.push((of_traffic, traffic.secret.clone()));
            self.of_handshake.extend(handshake.generations[0].clone());
            self.of_layer.extend(traffic.generations[0].clone());
        }
    }

    /// RFC 5246 sections 5 and 6.3.
    #[inline(never)]
    fn record_tls12<P: Provider>(&mut self, algorithm: Algorithm) {
        // 48 bytes of those of a TLS 1.3 secret.
        let master = Material::new::<P>(Version::Tls13, Algorithm::Aes256Gcm).secret;
        let (mut secret, hash_len) = ([0; 48], algorithm.secret_len());
        master.unmask(&mut secret);
        let seed = [&b"key expansion"[..], &SERVER_RANDOM, &CLIENT_RANDOM].concat();
        let hmac = |message: &[&[u8]]| {
            let mut out = vec![0; hash_len];
            P::hmac(algorithm, &secret, message, &mut out).unwrap();
            out
        };
        let (mut a, mut block) = (hmac(&[&seed]), Vec::with_capacity(256));
        while block.len() < 2 * (32 + 12) {
            let mut chunk = hmac(&[&a, &seed]);
            block.extend_from_slice(&chunk);
            wipe(&mut chunk);
            a = hmac(&[&a]);
        }
        wipe(&mut secret);

        let has_salt = algorithm != Algorithm::Chacha20Poly1305;
        let (key_len, iv_len) = (algorithm.key_len(), if has_salt { 4 } else { 12 });
        for (at, role) in [Role::Client, Role::Server].into_iter().enumerate() {
            let key = &block[at * key_len..][..key_len];
            let iv = &block[2 * key_len + at * iv_len..][..iv_len];
            let keys = TrafficSecret::<P>::tls12(algorithm, key, iv).unwrap();
            let mut sealer = Sealer::new(Config::new(role));
            sealer.install(Epoch::Handshake, keys).unwrap();
            self.records.push((role, plaintext(20, &[1])));
            self.records.push((role, sealed(&mut sealer, &message(20, &[0; 12]))));
            self.of_layer.push(Masked::new(key));
        }
        wipe(&mut block);
        for pad in PADS {
            self.of_handshake.push(Masked(master.0.iter().map(|byte| byte ^ pad).collect()));
        }
        self.of_handshake.push(master.clone());
        self.secrets.push((SecretKind::Master, master));
    }
}

struct Both<K: Extractable> {
    follower: Follower<K::Provider>,
    layer: RecordLayer<K>,
}

/// How a library tells its secrets.
#[derive(Clone, Copy)]
pub(crate) enum Telling {
    Bytes,
    Lines,
}

pub(crate) fn key_log_line(kind: SecretKind, secret: &[u8]) -> String {
    let mut line = format!("{} {} ", kind.label(), "c1".repeat(32));
    for byte in secret {
        line += &format!("{byte:02x}");
    }
    line
}

/// The frames of this function hold secrets of the program's own. `then` is called in it.
#[inline(never)]
fn tell<P: Provider>(
    follower: &mut Follower<P>,
    recording: &Recording,
    telling: Telling,
    then: impl FnOnce(),
) {
    for (kind, masked) in &recording.secrets {
        let mut secret = [0; 48];
        let secret = &mut secret[..masked.0.len()];
        masked.unmask(secret);
        match telling {
            Telling::Bytes => follower.secret(*kind, secret).unwrap(),
            Telling::Lines => {
                let line = key_log_line(*kind, secret);
                assert_eq!(follower.key_log(line.as_bytes()), Ok(true));
            }
        }
        wipe(secret);
    }
    then();
}

#[inline(never)]
fn follow<P: Provider>(follower: &mut Follower<P>, records: &[(Role, Vec<u8>)]) {
    for (sender, record) in records {
        let (mut record, mut at) = (record.clone(), 0);
        while at < record.len() {
            at += follower.follow(*sender, &mut record[at..]).unwrap().consumed;
        }
    }
}

/// The record layer passes through this frame.
#[inline(never)]
fn take_over<K: Extractable>(both: &mut Both<K>, finish: Finish<K>, steps: &Steps) {
    both.layer = finish(&mut both.follower, Config::new(Role::Client)).unwrap();
    steps.stack_pointer.store(stack_pointer(), Ordering::SeqCst);
    steps.stop(TAKEN_OVER);
}

fn work<K: Extractable>(
    recording: &Recording,
    telling: Telling,
    finish: Finish<K>,
    steps: &Steps,
    layer: &[AtomicUsize; 2],
) {
    let _arrive = Arrive(steps);
    let new = RecordLayer::<K>::new(Config::new(Role::Client));
    let mut both = Box::new(Both { follower: Follower::new(), layer: new });
    for (place, range) in
        [(&steps.object, address_range(&*both)), (layer, address_range(&both.layer))]
    {
        place[0].store(range.start, Ordering::SeqCst);
        place[1].store(range.end, Ordering::SeqCst);
    }
    let (hello, rest) = recording.records.split_at(1);
    follow(&mut both.follower, hello);
    steps.stop(MADE);
    tell(&mut both.follower, recording, telling, || {
        steps.stack_pointer.store(stack_pointer(), Ordering::SeqCst);
        steps.stop(TOLD);
    });
    scrub_deeply();
    follow(&mut both.follower, rest);
    steps.stack_pointer.store(stack_pointer(), Ordering::SeqCst);
    steps.stop(FOLLOWED);
    take_over(&mut both, finish, steps);
    scrub_deeply();
    steps.stop(ALIVE);
    drop(both);
    steps.stop(ENDED);
}

fn leaves_no_copies<K: Extractable, Other: Provider>(
    version: Version,
    algorithm: Algorithm,
    telling: Telling,
    finish: Finish<K>,
) {
    let _alone = SEARCHER.lock().unwrap_or_else(PoisonError::into_inner);
    let recording = Recording::new::<Other>(version, algorithm);
    scrub_deeply();
    let of_layer = recording.of_layer.len();
    let all = recording.all();
    assert_eq!(search(&all), [], "the test itself leaves copies");

    let (steps, layer) = (Steps::default(), <[AtomicUsize; 2]>::default());
    let range = |place: &[AtomicUsize; 2]| -> Range<usize> {
        place[0].load(Ordering::SeqCst)..place[1].load(Ordering::SeqCst)
    };
    thread::scope(|scope| {
        let worker = thread::Builder::new().stack_size(1 << 20);
        worker.spawn_scoped(scope, || work(&recording, telling, finish, &steps, &layer)).unwrap();
        let _release = Release(&steps);
        steps.await_step(MADE);
        let (object, layer) = (range(&steps.object), range(&layer));
        let case = format!("{version:?} {algorithm:?}");
        steps.allow(MADE);

        steps.await_step(TOLD);
        steps.assert_unused_stack_is_clean(&all, TOLD, &case);
        steps.allow(TOLD);

        steps.await_step(FOLLOWED);
        let mut hits = search(&all);
        // The cipher may have left something at work, until keys are next touched.
        hits.retain(|(at, _)| !object.contains(at) && !steps.unused_stack().contains(at));
        assert_eq!(hits, [], "outside of the follower, {case}");
        steps.allow(FOLLOWED);

        steps.await_step(TAKEN_OVER);
        steps.assert_unused_stack_is_clean(&all, TAKEN_OVER, &case);
        steps.allow(TAKEN_OVER);

        steps.await_step(ALIVE);
        let hits = recording.search_held(&all, &case);
        let elsewhere: Vec<_> = hits
            .iter()
            .filter(|(at, which)| !layer.contains(at) || *which >= of_layer)
            .map(|(at, which)| (object.contains(at), *which))
            .collect();
        assert_eq!(elsewhere, [], "not of the record layer, {case}");
        steps.allow(ALIVE);

        steps.await_step(ENDED);
        assert_eq!(search(&all), []);
    });
}

/// Calls `test` for each suite, and each way to tell its secrets.
pub(crate) fn for_each_case(test: impl Fn(Version, Algorithm, Telling)) {
    for algorithm in [Algorithm::Aes128Gcm, Algorithm::Aes256Gcm, Algorithm::Chacha20Poly1305] {
        for version in [Version::Tls13, Version::Tls12] {
            for telling in [Telling::Bytes, Telling::Lines] {
                test(version, algorithm, telling);
            }
        }
    }
}

#[test]
#[cfg_attr(debug_assertions, ignore = "for optimized code")]
fn a_take_over_leaves_no_copies_with_ring() {
    for_each_case(|version, algorithm, telling| {
        leaves_no_copies::<TrafficSecret<Ring>, RustCrypto>(
            version,
            algorithm,
            telling,
            Follower::finish,
        );
    });
}

#[test]
#[cfg_attr(debug_assertions, ignore = "for optimized code")]
fn a_take_over_leaves_no_copies_with_rustcrypto() {
    for_each_case(|version, algorithm, telling| {
        leaves_no_copies::<TrafficSecret<RustCrypto>, Ring>(
            version,
            algorithm,
            telling,
            Follower::finish,
        );
    });
}

#[test]
#[cfg_attr(debug_assertions, ignore = "for optimized code")]
fn a_take_over_leaves_no_copies_with_keys_of_another_type() {
    for_each_case(|version, algorithm, telling| {
        leaves_no_copies::<MixedKeys<Ring>, RustCrypto>(
            version,
            algorithm,
            telling,
            Follower::finish_as,
        );
    });
}

#[test]
#[cfg_attr(debug_assertions, ignore = "for optimized code")]
fn a_follower_that_is_dropped_before_a_take_over_leaves_no_copies() {
    let _alone = SEARCHER.lock().unwrap_or_else(PoisonError::into_inner);
    for version in [Version::Tls13, Version::Tls12] {
        let recording = Recording::new::<RustCrypto>(version, Algorithm::Aes256Gcm);
        let told: Vec<_> = recording.secrets.iter().map(|(_, secret)| secret.clone()).collect();
        let all = [told.clone(), recording.all()].concat();
        for followed in 1..=recording.records.len() {
            scrub_deeply();
            assert_eq!(search(&all), [], "the test itself leaves copies");
            let mut follower = Box::new(Follower::<Ring>::new());
            let (hello, rest) = recording.records[..followed].split_at(1);
            follow(&mut follower, hello);
            tell(&mut follower, &recording, Telling::Bytes, || ());
            follow(&mut follower, rest);
            scrub_deeply();
            assert_ne!(search(&told), [], "the follower holds what it was told");
            drop(follower);
            scrub_deeply();
            assert_eq!(search(&all), [], "{version:?}, {followed} records");
        }
    }
}
