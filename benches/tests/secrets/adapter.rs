//! Tests that after a handshake each secret is only in the two halves of the engine.
//!
//! rustls leaves copies on the heap, for instance in ciphers that it does not wipe when it drops
//! them. The tests tell them apart from copies of the adapter:
//! - A copy at an address where it was before `finish`, when only rustls had run, is not new. There must be
//!   exactly as many new copies as the engine needs by itself.
//! - Secrets that the adapter captured during the handshake exist before `finish` too. Of these, no more
//!   copies may remain than after a handshake of rustls alone.
//! - There must be no copies on the stack.

mod plaintext;
mod streams;
mod suites;

use std::hint::black_box;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustls::SupportedCipherSuite;
use rustls::client::UnbufferedClientConnection;
use rustls::crypto::{CryptoProvider, aws_lc_rs, ring};
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, UnbufferedStatus};
use tls_record::aead::{Provider, ring::Ring, rustcrypto::RustCrypto};
use tls_record::{Config, Epoch, RecordLayer, Role, TrafficSecret, Version};
use tls_record_alloc::{Handshake, Progress, Stream, TokioStream};

use self::streams::{Pipe, Tls};
use self::suites::{Log, Logged, Suite, server_name};
use crate::material::Material;
use crate::memory::{
    Arrive, Hit, Masked, Release, SEARCHER, Steps, address_range, mappings, scrub_deeply, search,
    stack_pointer, wipe,
};

/// The secrets to search for.
struct Needles {
    /// For each generation: traffic secret, key and IV of the client, then those of the server. In
    /// TLS 1.2 there is one generation, with the two keys.
    generations: Vec<Vec<Masked>>,
    /// The exporter secret, in TLS 1.3.
    exporter: Option<Masked>,
    /// In TLS 1.2, a part of the key block (RFC 5246 section 6.3), which rustls does not wipe after
    /// it has extracted the keys: the server's key followed by the client's salt, an order that
    /// nothing else has.
    key_block: Option<Masked>,
}

impl Needles {
    /// Derives the secrets. `server_hello` is the record. `P` is another implementation than the
    /// tested one.
    fn new<P: Provider>(suite: Suite, log: &Log, server_hello: &[u8]) -> Self {
        let algorithm = suite.algorithm;
        match suite.suite {
            SupportedCipherSuite::Tls13(_) => {
                let materials = ["CLIENT", "SERVER"].map(|writer| {
                    let secret = log.get(&format!("{writer}_TRAFFIC_SECRET_0")).secret;
                    Material::of::<P>(Version::Tls13, algorithm, secret, Masked(vec![]))
                });
                let generation = |number: usize| {
                    materials.iter().flat_map(|all| all.generations[number].clone()).collect()
                };
                Self {
                    generations: vec![generation(0), generation(1)],
                    exporter: Some(log.get("EXPORTER_SECRET").secret),
                    key_block: None,
                }
            }
            SupportedCipherSuite::Tls12(suite) => {
                let Logged { client_random, secret, .. } = log.get("CLIENT_RANDOM");
                let mut master = [0; 48];
                secret.unmask(&mut master);
                let key_len = algorithm.key_len();
                let mut block = vec![0; 2 * key_len + 4];
                // The random follows the headers of the record and the message, and the version.
                let seed = [&server_hello[11..43], &client_random].concat();
                suite.prf_provider.for_secret(&mut block, &master, b"key expansion", &seed);
                let keys = block[..2 * key_len].chunks(key_len).map(Masked::new);
                let this = Self {
                    generations: vec![keys.collect()],
                    exporter: None,
                    key_block: Some(Masked::new(&block[key_len..2 * key_len + 4])),
                };
                wipe(&mut master);
                wipe(&mut block);
                this
            }
        }
    }

    /// Returns the secrets of all generations, and the exporter secret.
    fn all(&self) -> Vec<Masked> {
        self.generations.iter().flatten().chain(&self.exporter).cloned().collect()
    }

    /// Searches for [`all`](Self::all) secrets, without the copies in the key blocks of rustls.
    fn search(&self) -> Vec<Hit> {
        let all = self.all();
        let end = all.len();
        let mut hits = search(&all.into_iter().chain(self.key_block.clone()).collect::<Vec<_>>());
        let blocks: Vec<_> =
            hits.iter().filter(|(_, which)| *which == end).map(|(at, _)| *at).collect();
        hits.retain(|(at, _)| !blocks.contains(at));
        hits
    }
}

const COMPLETE: usize = 1;
const MADE: usize = 2;
const EXPORTED: usize = 3;
const USED: usize = 4;
const SPLIT: usize = 5;
const JOINED: usize = 6;
const UPDATED: usize = 7;
const DROPPED: usize = 8;

/// A copy of the client's secret that the test leaves on purpose, to show that it is found.
#[derive(Clone, Copy, PartialEq)]
enum Plant {
    None,
    /// On the heap, before rustls is done: as if the adapter forgot to wipe a captured secret.
    Early,
    /// On the heap, after the streams are made.
    Heap,
    /// On the stack, after the streams are made.
    Stack,
}

/// The state shared by the worker and the searcher.
struct Shared {
    suite: Suite,
    plant: Plant,
    log: Arc<Log>,
    server_hello: Mutex<Vec<u8>>,
    /// Exported keying material.
    exported: Mutex<Option<Masked>>,
    steps: Steps,
}

impl Shared {
    fn new(suite: Suite, plant: Plant) -> Self {
        Self {
            suite,
            plant,
            log: Arc::default(),
            server_hello: Mutex::default(),
            exported: Mutex::default(),
            steps: Steps::default(),
        }
    }

    /// Stops when only rustls has run, after overwriting the stack.
    #[inline(never)]
    fn stop_when_complete(&self, server_hello: Vec<u8>) {
        *self.server_hello.lock().unwrap() = server_hello;
        scrub_deeply();
        self.steps.stack_pointer.store(stack_pointer(), Ordering::SeqCst);
        self.steps.stop(COMPLETE);
    }

    fn needles<P: Provider>(&self) -> Needles {
        self.steps.await_step(COMPLETE);
        let needles = Needles::new::<P>(self.suite, &self.log, &self.server_hello.lock().unwrap());
        scrub_deeply();
        needles
    }

    fn stack(&self) -> Range<usize> {
        let stack_pointer = self.steps.stack_pointer.load(Ordering::SeqCst);
        mappings().into_iter().find(|mapping| mapping.contains(&stack_pointer)).unwrap()
    }

    /// Leaves a copy at `place` if the test plants one there.
    #[inline(never)]
    fn plant(&self, place: Plant) -> Vec<u8> {
        if self.plant != place {
            return vec![];
        }
        let mut copy = [0; 2048];
        let secret = self.log.get("CLIENT_TRAFFIC_SECRET_0").secret;
        secret.unmask(&mut copy);
        let heap = if place == Plant::Stack { vec![] } else { copy.to_vec() };
        if place != Plant::Stack {
            wipe(&mut copy);
        }
        black_box(&mut copy);
        heap
    }
}

/// Completes a handshake of both ends, and returns the record with the ServerHello.
#[inline(never)]
fn complete(client: &mut Handshake, server: &mut Handshake) -> Vec<u8> {
    let mut server_hello = vec![];
    while [client.advance().unwrap(), server.advance().unwrap()] != [Progress::Complete; 2] {
        let taken = server.receive(client.unsent());
        client.sent(taken);
        if server_hello.is_empty() {
            server_hello = server.unsent().to_vec();
        }
        let taken = client.receive(server.unsent());
        server.sent(taken);
    }
    server_hello
}

/// Runs a connection from the handshake to the drop. This is the worker.
fn work<P: Provider, T: Tls<P>>(shared: &Shared) {
    let steps = &shared.steps;
    let _arrive = Arrive(steps);
    let (client, server) = shared.suite.configs(shared.log.clone());
    let mut client = Handshake::client(client, server_name()).unwrap();
    let mut server = Handshake::server(server).unwrap();
    let server_hello = complete(&mut client, &mut server);
    let early = shared.plant(Plant::Early);
    shared.stop_when_complete(server_hello);
    let [client_pipe, server_pipe] = Pipe::pair();
    let mut client = T::new(client.finish().unwrap(), client_pipe);
    let mut server = T::new(server.finish().unwrap(), server_pipe);
    let planted = (early, shared.plant(Plant::Heap), shared.plant(Plant::Stack));
    steps.stop(MADE);
    export(&client, shared);
    steps.stop(EXPORTED);
    exchange_data(&mut client, &mut server);
    // Copies that a cipher leaves while it works remain until the next change of keys.
    scrub_deeply();
    steps.stop(USED);
    let (client, server) = (client.split(), server.split());
    steps.stop(SPLIT);
    let mut client = T::join(client.0, client.1);
    let mut server = T::join(server.0, server.1);
    steps.stop(JOINED);
    if shared.suite.version() == Version::Tls13 {
        client.update_keys();
        client.send(&[]);
        assert_eq!(server.receive(&mut [0]), 0);
        server.send(&[]);
        assert_eq!(client.receive(&mut [0]), 0);
    }
    steps.stop(UPDATED);
    drop((client, server));
    steps.stop(DROPPED);
    let (mut early, mut late, _) = planted;
    wipe(&mut early);
    wipe(&mut late);
}

fn export<P: Provider>(tls: &impl Tls<P>, shared: &Shared) {
    if let Some(exporter) = tls.exporter() {
        let mut out = [0; 32];
        exporter.export(b"EXPORTER-Channel-Binding", &[], &mut out).unwrap();
        *shared.exported.lock().unwrap() = Some(Masked::new(&out));
        wipe(&mut out);
    }
}

fn exchange_data<P: Provider>(client: &mut impl Tls<P>, server: &mut impl Tls<P>) {
    let mut out = [0; 2000];
    for length in [1, 100, 1000] {
        client.send(&[7; 1000][..length]);
        assert_eq!(server.receive(&mut out), length);
        server.send(&[7; 1000][..length]);
        assert_eq!(client.receive(&mut out), length);
    }
}

/// The number of copies of each secret.
type Counts = Vec<usize>;

fn count<'a>(needles: usize, hits: impl IntoIterator<Item = &'a Hit>) -> Counts {
    let mut counts = vec![0; needles];
    hits.into_iter().for_each(|(_, which)| counts[*which] += 1);
    counts
}

/// The copies that rustls leaves without the adapter.
struct Alone {
    /// In TLS 1.3, while the client keeps the state that processes tickets.
    with_tickets: Counts,
    without: Counts,
}

impl Alone {
    fn measure<Other: Provider>(suite: Suite) -> Self {
        let shared = Shared::new(suite, Plant::None);
        thread::scope(|scope| {
            scope.spawn(|| rustls_alone(&shared));
            let _release = Release(&shared.steps);
            let needles = shared.needles::<Other>();
            let count_at = |step| {
                shared.steps.allow(step - 1);
                shared.steps.await_step(step);
                count(needles.all().len(), &needles.search())
            };
            Self { with_tickets: count_at(MADE), without: count_at(MADE + 1) }
        })
    }
}

fn rustls_alone(shared: &Shared) {
    let steps = &shared.steps;
    let _arrive = Arrive(steps);
    let (client, server) = shared.suite.configs(shared.log.clone());
    let mut client = UnbufferedClientConnection::new(client, server_name()).unwrap();
    let mut server = UnbufferedServerConnection::new(server).unwrap();
    let (mut to_client, mut to_server, mut server_hello) = (vec![], vec![], vec![]);
    while client.is_handshaking() || server.is_handshaking() {
        let mut goes_on = true;
        while goes_on {
            let status = client.process_tls_records(&mut to_client);
            let discard = status.discard;
            goes_on = step(status, &mut to_server);
            to_client.drain(..discard);
        }
        goes_on = true;
        while goes_on {
            let status = server.process_tls_records(&mut to_server);
            let discard = status.discard;
            goes_on = step(status, &mut to_client);
            to_server.drain(..discard);
        }
        if server_hello.is_empty() {
            server_hello = to_client.clone();
        }
    }
    shared.stop_when_complete(server_hello);
    drop(server.dangerous_into_kernel_connection().unwrap());
    let (secrets, connection) = client.dangerous_into_kernel_connection().unwrap();
    let tickets = (shared.suite.version() == Version::Tls13).then(|| Box::new(connection));
    drop(secrets);
    scrub_deeply();
    steps.stop(MADE);
    drop(tickets);
    scrub_deeply();
    steps.stop(MADE + 1);
}

/// Runs one step of rustls. Returns whether there may be another one.
fn step<Data>(status: UnbufferedStatus<'_, '_, Data>, output: &mut Vec<u8>) -> bool {
    match status.state.unwrap() {
        ConnectionState::EncodeTlsData(mut data) => {
            let mut record = [0; 20_000];
            let len = data.encode(&mut record).unwrap();
            output.extend(&record[..len]);
            true
        }
        ConnectionState::TransmitTlsData(data) => {
            data.done();
            true
        }
        _ => false,
    }
}

/// Returns the copies of each secret of a generation that the engine needs in one end of a
/// connection.
fn in_one_end<P: Provider, Other: Provider>(suite: Suite) -> Counts {
    let [client, server] =
        [(); 2].map(|()| Material::new::<Other>(suite.version(), suite.algorithm));
    scrub_deeply();
    let mut layer = Box::new(RecordLayer::<TrafficSecret<P>>::new(Config::new(Role::Client)));
    let secrets = (client.traffic_secret(), server.traffic_secret());
    layer.take_over(Epoch::Application, (secrets.0, 1), (secrets.1, 1)).unwrap();
    scrub_deeply();
    let needles = [client, server].map(|material| match suite.version() {
        Version::Tls13 => material.generations[0].clone(),
        Version::Tls12 => vec![material.secret],
    });
    let needles = needles.concat();
    let place = address_range(&*layer);
    count(needles.len(), search(&needles).iter().filter(|(at, _)| place.contains(at)))
}

/// The expected numbers of copies.
struct Reference {
    in_two_ends: Counts,
    alone: Alone,
}

impl Reference {
    fn measure<P: Provider, Other: Provider>(suite: Suite) -> Self {
        let in_one_end = in_one_end::<P, Other>(suite);
        if suite.version() == Version::Tls13 {
            assert_eq!(
                (in_one_end[0], in_one_end[3]),
                (1, 1),
                "one copy of the traffic secret in each half"
            );
        }
        let in_two_ends = in_one_end.iter().map(|count| 2 * count).collect();
        Self { in_two_ends, alone: Alone::measure::<Other>(suite) }
    }
}

/// Searches memory over the life of a connection. Returns a message for each unexpected copy.
fn find<P: Provider, Other: Provider, T: Tls<P>>(
    suite: Suite,
    plant: Plant,
    Reference { in_two_ends, alone }: &Reference,
) -> Vec<String> {
    let shared = Shared::new(suite, plant);
    let mut found = vec![];
    thread::scope(|scope| {
        let worker = thread::Builder::new().stack_size(1 << 20);
        worker.spawn_scoped(scope, || work::<P, T>(&shared)).unwrap();
        let _release = Release(&shared.steps);
        let needles = shared.needles::<Other>();
        let stack = shared.stack();
        let len = needles.all().len();
        let of_rustls = needles.search();
        for step in MADE..=DROPPED {
            shared.steps.allow(step - 1);
            shared.steps.await_step(step);
            let mut complain = |what, counts: &Counts| {
                found.push(format!("{:?}, step {step}, {what}: {counts:?}", suite.suite));
            };
            let (on_stack, elsewhere): (Vec<Hit>, Vec<Hit>) =
                needles.search().into_iter().partition(|(at, _)| stack.contains(at));
            let (old, new): (Vec<Hit>, Vec<Hit>) =
                elsewhere.into_iter().partition(|hit| of_rustls.contains(hit));
            if !on_stack.is_empty() {
                complain("on the stack", &count(len, &on_stack));
            }

            let is_updated = step >= UPDATED && suite.version() == Version::Tls13;
            let mut expected = vec![0; len];
            if step != DROPPED {
                let current = usize::from(is_updated) * in_two_ends.len();
                expected[current..][..in_two_ends.len()].copy_from_slice(in_two_ends);
                // The exporter secret, in both ends.
                expected[needles.generations.len() * in_two_ends.len()..].fill(2);
            }
            let new = count(len, &new);
            if new != expected {
                complain("new copies on the heap", &new);
            }

            let allowed = if is_updated { &alone.without } else { &alone.with_tickets };
            let old = count(len, &old);
            // The adapter captures only these secrets before `finish`.
            let captured = [0, 3, len - 1].into_iter().filter(|_| needles.exporter.is_some());
            if captured.into_iter().any(|which| old[which] > allowed[which]) {
                complain("captured and not wiped", &old);
            }

            if step == EXPORTED {
                let exported: Vec<_> =
                    shared.exported.lock().unwrap().clone().into_iter().collect();
                let copies = search(&exported);
                if !copies.is_empty() {
                    complain("copies of exported keying material", &vec![copies.len()]);
                }
            }
        }
    });
    found
}

fn find_everywhere<P: Provider, Other: Provider>(provider: fn() -> CryptoProvider) -> Vec<String> {
    let _alone = SEARCHER.lock().unwrap_or_else(PoisonError::into_inner);
    let mut found = vec![];
    for suite in Suite::all(provider) {
        let reference = Reference::measure::<P, Other>(suite);
        found.extend(find::<P, Other, Stream<Pipe, P>>(suite, Plant::None, &reference));
        found.extend(find::<P, Other, TokioStream<Pipe, P>>(suite, Plant::None, &reference));
    }
    found
}

#[test]
#[cfg_attr(debug_assertions, ignore = "for optimized code")]
fn streams_with_ring_have_each_secret_once() {
    assert_eq!(find_everywhere::<Ring, RustCrypto>(ring::default_provider), [""; 0]);
}

#[test]
#[cfg_attr(debug_assertions, ignore = "for optimized code")]
fn streams_with_rustcrypto_have_each_secret_once() {
    assert_eq!(find_everywhere::<RustCrypto, Ring>(ring::default_provider), [""; 0]);
}

#[test]
#[cfg_attr(debug_assertions, ignore = "for optimized code")]
fn streams_after_a_handshake_by_aws_lc_have_each_secret_once() {
    assert_eq!(find_everywhere::<Ring, RustCrypto>(aws_lc_rs::default_provider), [""; 0]);
}

#[test]
#[cfg_attr(debug_assertions, ignore = "for optimized code")]
fn a_planted_copy_is_found() {
    let _alone = SEARCHER.lock().unwrap_or_else(PoisonError::into_inner);
    let suite = Suite::all(ring::default_provider)[0];
    let reference = Reference::measure::<Ring, RustCrypto>(suite);
    for (plant, what) in [
        (Plant::Early, "step 2, captured and not wiped"),
        (Plant::Heap, "step 2, new copies on the heap"),
        (Plant::Stack, "step 2, on the stack"),
    ] {
        let found = find::<Ring, RustCrypto, Stream<Pipe, Ring>>(suite, plant, &reference);
        assert!(found[0].contains(what), "{found:?}");
    }
}

#[test]
#[cfg_attr(debug_assertions, ignore = "for optimized code")]
fn tickets_keep_one_copy_of_each_initial_secret() {
    let _alone = SEARCHER.lock().unwrap_or_else(PoisonError::into_inner);
    for suite in &Suite::all(ring::default_provider)[..3] {
        let Alone { with_tickets, without } = Alone::measure::<RustCrypto>(*suite);
        let kept: Counts = with_tickets.iter().zip(&without).map(|(a, b)| a - b).collect();
        // The traffic secrets of client and server, and the exporter secret.
        assert_eq!(kept, [1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    }
}
