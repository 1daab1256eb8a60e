//! The drivers of the examples `smoltcp` and `message_bus` of the core, the very files: they need neither
//! `std` nor a heap. Both ends of each connection are in this program.

#![no_std]
#![no_main]

mod loopback;
mod message_bus;
mod smoltcp;

use cortex_m_rt::entry;
use tls_record::aead::Algorithm;
use tls_record::aead::rustcrypto::RustCrypto;
use tls_record::{Config, Epoch, KeyError, RecordLayer, TrafficSecret};

type Secret = TrafficSecret<RustCrypto>;

#[entry]
fn main() -> ! {
    board::end(run())
}

fn run() -> Result<(), &'static str> {
    smoltcp::run()?;
    message_bus::run()
}

/// Takes the secrets of a handshake, which are all of it that is here.
fn layer(config: Config) -> Result<RecordLayer<Secret>, KeyError> {
    let mut layer = RecordLayer::new(config);
    let secret = |byte| Secret::tls13(Algorithm::Chacha20Poly1305, &[byte; 32]);
    layer.install(Epoch::Application, secret(1)?, secret(2)?)?;
    Ok(layer)
}
