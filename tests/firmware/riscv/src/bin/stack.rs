//! How deep into the stack the ciphers go, and with them what they leave there: whether
//! `Provider::STACK`, which is what the engine overwrites afterwards, is enough.

#![no_std]
#![no_main]

use core::alloc::{GlobalAlloc, Layout};
use core::arch::asm;

use semihosting::{println, process};
use tls_record::aead::{Algorithm, Provider, ring::Ring, rustcrypto::RustCrypto};
use tls_record::{
    Config, Epoch, MAX_RECORD, Opener, RecordLayer, Role, SUSPENDED_LEN, Sealer, TrafficSecret,
    Version,
};

const VERSIONS: [Version; 2] = [Version::Tls13, Version::Tls12];
const ALGORITHMS: [Algorithm; 5] = [
    Algorithm::Aes128Gcm,
    Algorithm::Aes256Gcm,
    Algorithm::Chacha20Poly1305,
    Algorithm::Aes128Ccm,
    Algorithm::Aes128Ccm8,
];

/// Any number but 0, which in TLS 1.2 the Finished had.
const SEQUENCE: u64 = 1;

/// A provider after which nothing is overwritten.
struct Unscrubbed<P>(P);

impl<P: Provider> Provider for Unscrubbed<P> {
    type Aead = P::Aead;

    const STACK: usize = 0;

    fn supports(algorithm: Algorithm) -> bool {
        P::supports(algorithm)
    }

    fn aead(algorithm: Algorithm, key: &[u8]) -> Option<P::Aead> {
        P::aead(algorithm, key)
    }

    fn hkdf_expand(algorithm: Algorithm, prk: &[u8], info: &[&[u8]], out: &mut [u8]) -> Option<()> {
        P::hkdf_expand(algorithm, prk, info, out)
    }
}

/// Bytes of stack that calls touch, at most.
#[derive(Default)]
struct Depths {
    install: usize,
    update: usize,
    records: usize,
    suspend: usize,
    /// Without what it installs: that is cleaned up after on its own.
    resume: usize,
}

#[riscv_rt::entry]
fn main() -> ! {
    let is_enough = [is_enough::<Ring>("ring"), is_enough::<RustCrypto>("RustCrypto")];
    process::exit(if is_enough == [true; 2] { 0 } else { 1 })
}

fn is_enough<P: Provider>(name: &str) -> bool {
    let mut most = Depths::default();
    for version in VERSIONS {
        for algorithm in ALGORITHMS.into_iter().filter(|&algorithm| P::supports(algorithm)) {
            measure::<Unscrubbed<P>>(version, algorithm, &mut most);
        }
    }
    let Depths { install, update, records, suspend, resume } = most;
    println!(
        "stack, {name}: install {install}, KeyUpdate {update}, records {records}, \
         suspend {suspend}, resume {resume}; overwritten are {}",
        P::STACK
    );
    [install, update, records, suspend, resume].into_iter().all(|depth| depth <= P::STACK)
}

fn measure<P: Provider>(version: Version, algorithm: Algorithm, most: &mut Depths) {
    let secret = |byte| match version {
        Version::Tls13 => {
            TrafficSecret::<P>::tls13(algorithm, &[byte; 48][..algorithm.secret_len()]).unwrap()
        }
        Version::Tls12 => {
            TrafficSecret::tls12(algorithm, &[byte; 32][..algorithm.key_len()], &[byte; 12])
                .unwrap()
        }
    };
    let keep = |most: &mut usize, depth: usize| *most = depth.max(*most);

    let (mut opener, mut read) = (Opener::new(Config::new(Role::Client)), Some(secret(1)));
    let install = depth(&mut || {
        opener.take_over(Epoch::Application, read.take().unwrap(), SEQUENCE).unwrap();
    });
    keep(&mut most.install, install);
    let (mut sealer, mut write) = (Sealer::new(Config::new(Role::Client)), Some(secret(2)));
    let sealer_install = depth(&mut || {
        sealer.take_over(Epoch::Application, write.take().unwrap(), SEQUENCE).unwrap();
    });
    keep(&mut most.install, sealer_install);

    let mut client = RecordLayer::join(opener, sealer).unwrap();
    let mut server = RecordLayer::new(Config::new(Role::Server));
    let keys = [secret(2), secret(1)].map(|secret| (secret, SEQUENCE));
    let [client_keys, server_keys] = keys;
    server.take_over(Epoch::Application, client_keys, server_keys).unwrap();
    let (mut wire, mut len) = ([0; MAX_RECORD], 0);
    if version == Version::Tls13 {
        client.update_keys(false).unwrap();
        keep(&mut most.update, depth(&mut || len = client.poll_control(&mut wire).unwrap()));
        keep(&mut most.update, depth(&mut || _ = server.open(&mut wire[..len]).unwrap()));
    }
    for data in [&[1; 5][..], &[1; 64], &[1; 1000], &[1; 1 << 14]] {
        let seal = depth(&mut || len = client.seal(&[data], &mut wire).unwrap().written);
        keep(&mut most.records, seal);
        keep(&mut most.records, depth(&mut || _ = server.open(&mut wire[..len]).unwrap()));
    }
    let (key, mut bytes) = ([3; 32], [0; SUSPENDED_LEN]);
    keep(&mut most.suspend, depth(&mut || bytes = client.suspend(&key).unwrap()));
    let resume = depth(&mut || client = RecordLayer::resume(&mut bytes, &key).unwrap());
    keep(&mut most.resume, resume - install);
}

/// Words of stack that are painted.
const WORDS: usize = 8 * 1024;

const PAINT: u32 = 0x5ca1_ab1e;

/// Bytes of stack that `call` touches.
#[inline(never)]
fn depth(call: &mut dyn FnMut()) -> usize {
    let top: *mut u32;
    // SAFETY: it reads a register.
    unsafe { asm!("mv {}, sp", out(reg) top) };
    let bottom = top.wrapping_sub(WORDS);
    for word in 0..WORDS {
        // SAFETY: there is as much memory, and nothing uses it: no interrupt is enabled.
        unsafe { bottom.add(word).write_volatile(PAINT) };
    }
    call();
    let is_painted = |word: &usize| {
        // SAFETY: as above.
        unsafe { bottom.add(*word).read_volatile() == PAINT }
    };
    (WORDS - (0..WORDS).take_while(is_painted).count()) * size_of::<u32>()
}

/// ring links `alloc`. Sealing and opening never call it.
struct NoHeap;

// SAFETY: it gives out nothing.
unsafe impl GlobalAlloc for NoHeap {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        core::ptr::null_mut()
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static HEAP: NoHeap = NoHeap;

getrandom::register_custom_getrandom!(no_randomness);

fn no_randomness(_: &mut [u8]) -> Result<(), getrandom::Error> {
    Err(getrandom::Error::UNSUPPORTED)
}
