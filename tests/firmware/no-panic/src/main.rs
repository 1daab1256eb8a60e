//! Calls every public function of the engine. The panic handler cannot be linked, so that each
//! panic that the optimizer cannot rule out is an undefined symbol: if this program links, nothing
//! panics.
//!
//! `any` hides a value from the optimizer. The value behind a hidden reference may have changed,
//! too, so that a half that went through it is in any state, reachable or not.
//!
//! `no-panic/missing` checks that every public function is called here. It searches for names such
//! as `Opener::open(`, so that every call is written in that form.

#![no_std]
#![no_main]

mod connection;
mod halves;
mod linked;
mod long_records;
mod messages;
mod mixed_keys;
mod stream;
mod suspend;
mod takeover;
mod words;

use core::hint::black_box as any;

use stub::{KeyStore, Library};
use tls_record::aead::Algorithm;
use tls_record::{
    Config, ContentType, KeySchedule, Padding, PaddingFn, RecordSizeLimit, Role, TrafficSecret,
};

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        safe fn something_panics() -> !;
    }
    something_panics()
}

#[unsafe(no_mangle)]
extern "C" fn _start() {
    words::prove();
    halves::prove(store);
    halves::prove(secret);
    halves::prove(out_of_place);
    linked::prove(store);
    linked::prove(secret);
    // The shortest length, one that is not a power of two, and a long one.
    connection::prove::<_, 128>(store);
    connection::prove::<_, 128>(secret);
    connection::prove::<_, 1000>(secret);
    connection::prove::<_, 65536>(secret);
    connection::prove_in_buffers(store);
    connection::prove_in_buffers(secret);
    stream::prove::<_, 600, 128>(store);
    stream::prove::<_, 600, 128>(secret);
    stream::prove::<_, 18437, 16640>(secret);
    long_records::prove(store);
    long_records::prove(secret);
    suspend::prove();
    takeover::prove();
    messages::prove();
    #[cfg(feature = "planted")]
    any([0, 1, 2, 3][any(4)]);
}

/// Keys in hardware.
fn store() -> KeyStore {
    any(KeyStore)
}

/// Keys in hardware that reads from one place and writes to another.
fn out_of_place() -> KeyStore<true> {
    any(KeyStore)
}

/// Keys in software.
fn secret() -> TrafficSecret<Library> {
    loop {
        if let Ok(secret) = TrafficSecret::tls13(any(Algorithm::Aes128Gcm), any(&[7; 32])) {
            return any(secret);
        }
    }
}

fn config() -> Config {
    fn length(content_type: ContentType, len: usize) -> usize {
        any((content_type, len)).1
    }
    let mut config = Config::new(any(Role::peer(any(Role::Server))));
    config.padding = Padding::By(PaddingFn(length));
    any(config)
}

/// A padding function that returns more than is possible.
fn longest(_: ContentType, _: usize) -> usize {
    usize::MAX
}

/// Any limit.
fn limit() -> RecordSizeLimit {
    loop {
        if let Some(limit) = RecordSizeLimit::new(any(64)) {
            return any(limit);
        }
    }
}

/// Any number of slices of any length.
fn slices() -> &'static [&'static [u8]] {
    any(&[b"any", b"bytes"])
}

/// A buffer that gives any bytes at each call.
struct AnyBytes;

impl AsRef<[u8]> for AnyBytes {
    fn as_ref(&self) -> &[u8] {
        any(&[])
    }
}

impl AsMut<[u8]> for AnyBytes {
    fn as_mut(&mut self) -> &mut [u8] {
        any(&mut [])
    }
}

/// A way to keys.
trait Keys<K: KeySchedule>: Fn() -> K + Copy {}

impl<K: KeySchedule, F: Fn() -> K + Copy> Keys<K> for F {}
