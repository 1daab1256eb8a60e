//! `Takeover` of the adapter: what a library tells is in it alone, and afterwards in the halves alone.
//!
//! The library repeats a recording, so that it has no secrets of its own.

use std::convert::Infallible;
use std::mem;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tls_record::aead::{Algorithm, Provider, ring::Ring, rustcrypto::RustCrypto};
use tls_record::{Role, Version};
use tls_record_alloc::takeover::{Library, Secrets, Takeover};
use tls_record_alloc::{Established, Progress};

use crate::memory::{
    Arrive, Release, SEARCHER, Steps, address_range, scrub_deeply, search, stack_pointer, wipe,
};
use crate::takeover::{Recording, Telling, for_each_case, key_log_line};

const TOLD: usize = 1;
const TAKEN_OVER: usize = 2;
const ALIVE: usize = 3;
const ENDED: usize = 4;

/// A client that repeats what was recorded.
struct Repeating<'a> {
    recording: &'a Recording,
    telling: Telling,
    /// The number of records that have passed.
    passed: usize,
    has_told: bool,
    steps: &'a Steps,
}

impl Library for Repeating<'_> {
    type Error = Infallible;

    fn role(&self) -> Role {
        Role::Client
    }

    fn advance(&mut self, record: &[u8], sent: &mut Vec<u8>) -> Result<Progress, Infallible> {
        let records = &self.recording.records;
        if let Some((Role::Server, expected)) = records.get(self.passed) {
            assert_eq!(record, expected);
            self.passed += 1;
        }
        while let Some((Role::Client, record)) = records.get(self.passed) {
            sent.extend_from_slice(record);
            self.passed += 1;
        }
        let is_complete = self.passed == records.len();
        Ok(if is_complete { Progress::Complete } else { Progress::NeedInput })
    }

    fn take_secrets(&mut self) -> Secrets {
        let mut secrets = Secrets::new();
        // When the first record of the server has passed.
        if self.passed >= 2 && !mem::replace(&mut self.has_told, true) {
            for (kind, masked) in &self.recording.secrets {
                let mut secret = [0; 48];
                let secret = &mut secret[..masked.0.len()];
                masked.unmask(secret);
                match self.telling {
                    Telling::Bytes => secrets.push(*kind, secret),
                    Telling::Lines => secrets.push_line(key_log_line(*kind, secret).as_bytes()),
                }
                wipe(secret);
            }
            self.steps.stack_pointer.store(stack_pointer(), Ordering::SeqCst);
            self.steps.stop(TOLD);
        }
        secrets
    }
}

/// The halves pass through this frame.
#[inline(never)]
fn finish<P: Provider>(takeover: Takeover<Repeating<'_>, P>, steps: &Steps) -> Established<P> {
    let established = takeover.finish().unwrap();
    steps.stack_pointer.store(stack_pointer(), Ordering::SeqCst);
    steps.stop(TAKEN_OVER);
    established
}

fn work<P: Provider>(
    recording: &Recording,
    telling: Telling,
    steps: &Steps,
    halves: &[[AtomicUsize; 2]; 2],
) {
    let _arrive = Arrive(steps);
    let library = Repeating { recording, telling, passed: 0, has_told: false, steps };
    let mut takeover = Takeover::<_, P>::new(library);
    let input: Vec<u8> = recording
        .records
        .iter()
        .filter(|(sender, _)| *sender == Role::Server)
        .flat_map(|(_, record)| record.iter().copied())
        .collect();
    assert_eq!(takeover.advance(), Ok(Progress::NeedInput));
    assert_eq!(takeover.receive(&input), input.len());
    assert_eq!(takeover.advance(), Ok(Progress::Complete));
    let established = finish(takeover, steps);
    for (place, range) in halves
        .iter()
        .zip([address_range(&*established.opener), address_range(&*established.sealer)])
    {
        place[0].store(range.start, Ordering::SeqCst);
        place[1].store(range.end, Ordering::SeqCst);
    }
    scrub_deeply();
    steps.stop(ALIVE);
    drop(established);
    steps.stop(ENDED);
}

fn leaves_no_copies<P: Provider, Other: Provider>(
    version: Version,
    algorithm: Algorithm,
    telling: Telling,
) {
    let _alone = SEARCHER.lock().unwrap_or_else(PoisonError::into_inner);
    let mut recording = Recording::new::<Other>(version, algorithm);
    if version == Version::Tls13 {
        // A ticket, which this library does not wait for.
        recording.records.remove(3);
    }
    scrub_deeply();
    let of_layer = recording.of_layer.len();
    let all = recording.all();
    assert_eq!(search(&all), [], "the test itself leaves copies");

    let (steps, halves) = (Steps::default(), <[[AtomicUsize; 2]; 2]>::default());
    let case = format!("{version:?} {algorithm:?}");
    thread::scope(|scope| {
        let worker = thread::Builder::new().stack_size(1 << 20);
        worker.spawn_scoped(scope, || work::<P>(&recording, telling, &steps, &halves)).unwrap();
        let _release = Release(&steps);
        for step in [TOLD, TAKEN_OVER] {
            steps.await_step(step);
            steps.assert_unused_stack_is_clean(&all, step, &case);
            steps.allow(step);
        }

        steps.await_step(ALIVE);
        let hits = recording.search_held(&all, &case);
        let is_of_halves = |at: usize| {
            halves.iter().any(|[start, end]| {
                (start.load(Ordering::SeqCst)..end.load(Ordering::SeqCst)).contains(&at)
            })
        };
        let elsewhere: Vec<_> =
            hits.iter().filter(|(at, which)| !is_of_halves(*at) || *which >= of_layer).collect();
        assert_eq!(elsewhere, [] as [&(usize, usize); 0], "not of the halves, {case}");
        steps.allow(ALIVE);

        steps.await_step(ENDED);
        assert_eq!(search(&all), []);
    });
}

#[test]
#[cfg_attr(debug_assertions, ignore = "for optimized code")]
fn a_takeover_of_the_adapter_leaves_no_copies_with_ring() {
    for_each_case(leaves_no_copies::<Ring, RustCrypto>);
}

#[test]
#[cfg_attr(debug_assertions, ignore = "for optimized code")]
fn a_takeover_of_the_adapter_leaves_no_copies_with_rustcrypto() {
    for_each_case(leaves_no_copies::<RustCrypto, Ring>);
}
