//! Seals, opens, updates keys and closes with the real ciphers of a backend, in a whole connection
//! and in halves that a mailbox links. The test is that this program links.

#![no_std]
#![no_main]

use core::hint::black_box;

use tls_record::aead::Algorithm;
#[cfg(feature = "ring")]
use tls_record::aead::ring::Ring as Library;
#[cfg(not(feature = "ring"))]
use tls_record::aead::rustcrypto::RustCrypto as Library;
use tls_record::{Config, Connection, Epoch, KeyError, Mailbox, RecordLayer, Role, TrafficSecret};

#[unsafe(no_mangle)]
extern "C" fn _start() {
    for algorithm in
        [Algorithm::Aes128Gcm, Algorithm::Aes256Gcm, Algorithm::Chacha20Poly1305].map(black_box)
    {
        let _ = black_box(speak(algorithm));
    }
}

fn speak(algorithm: Algorithm) -> Result<(), KeyError> {
    let secret = |byte| {
        let bytes = [byte; 48];
        TrafficSecret::<Library>::tls13(algorithm, &bytes[..algorithm.secret_len()])
    };
    let mut layer = RecordLayer::new(Config::new(black_box(Role::Client)));
    layer.install(Epoch::Application, secret(1)?, secret(2)?)?;
    let mut connection = Connection::<_, 512>::new(layer);
    let mut input = black_box([0; 64]);
    let _ = black_box(connection.received(&mut input));
    let _ = black_box(connection.write(&[b"data"]));
    connection.update_keys(true)?;
    let mut mailbox = Mailbox::new();
    let (mut opener, mut writer) = connection.split_over(black_box(&mut mailbox));
    let _ = black_box(opener.with(|opener| opener.open(&mut input)));
    let _ = black_box(writer.with(|writer| writer.write(&[b"data"])));
    let mut connection = Connection::join_linked(opener, writer)?;
    let _ = black_box(connection.shutdown_both(0));
    black_box(connection.unsent());
    Ok(())
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// ring links `alloc`. Sealing and opening never call it.
#[cfg(feature = "ring")]
mod no_heap {
    use core::alloc::{GlobalAlloc, Layout};

    struct NoHeap;

    // SAFETY: it allocates nothing.
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
}
