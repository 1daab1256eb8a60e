//! Two connections joined in memory, from their keys to their ends.

#![no_std]
#![no_main]

use cortex_m_rt::entry;
use defmt::{Format, assert, assert_eq, info};
use tls_record::aead::Algorithm;
use tls_record::aead::rustcrypto::RustCrypto;
use tls_record::{
    Config, Connection, Epoch, Event, KeyError, RecordLayer, Role, ShutdownError, TrafficSecret,
    Version,
};

type Secret = TrafficSecret<RustCrypto>;
type Tls = Connection<Secret, 640>;

const SUITES: [Algorithm; 5] = [
    Algorithm::Aes128Gcm,
    Algorithm::Aes256Gcm,
    Algorithm::Chacha20Poly1305,
    Algorithm::Aes128Ccm,
    Algorithm::Aes128Ccm8,
];

#[entry]
fn main() -> ! {
    board::end(run())
}

fn run() -> Result<(), KeyError> {
    for suite in SUITES {
        for version in [Version::Tls13, Version::Tls12] {
            info!("-- {}, {}", version, suite);
            two_steps(&mut Pair::new(version, suite)?)?;
            one_step(&mut Pair::new(version, suite)?);
            forged(&mut Pair::new(version, suite)?);
            cut_off(&mut Pair::new(version, suite)?);
        }
    }
    Ok(())
}

/// Both ends of a connection; the first is the client.
struct Pair {
    version: Version,
    client: Tls,
    server: Tls,
}

impl Pair {
    fn new(version: Version, suite: Algorithm) -> Result<Self, KeyError> {
        let secret = |byte| {
            let bytes = [byte; 48];
            match version {
                Version::Tls13 => Secret::tls13(suite, &bytes[..suite.secret_len()]),
                Version::Tls12 => Secret::tls12(suite, &bytes[..suite.key_len()], &[byte; 12]),
            }
        };
        // In TLS 1.2 the Finished has used sequence number 0.
        let sequence = u64::from(version == Version::Tls12);
        let end = |role| {
            let mut layer = RecordLayer::new(Config::new(role));
            let (client, server) = (secret(1)?, secret(2)?);
            layer.take_over(Epoch::Application, (client, sequence), (server, sequence))?;
            Ok(Connection::new(layer))
        };
        Ok(Self { version, client: end(Role::Client)?, server: end(Role::Server)? })
    }

    fn carry_to_server(&mut self) {
        carry(&mut self.client, &mut self.server, "server");
    }

    fn carry_to_client(&mut self) {
        carry(&mut self.server, &mut self.client, "client");
    }
}

/// Carries unsent records to the other end, and logs their events.
fn carry(from: &mut Tls, to: &mut Tls, name: &str) {
    let mut wire = [0; 640];
    open(to, take_unsent(from, &mut wire), name);
}

fn take_unsent<'a>(tls: &mut Tls, wire: &'a mut [u8]) -> &'a mut [u8] {
    let wire = &mut wire[..tls.unsent().len()];
    wire.copy_from_slice(tls.unsent());
    tls.sent(wire.len());
    wire
}

fn open(tls: &mut Tls, mut wire: &mut [u8], name: &str) {
    while !wire.is_empty() {
        match tls.received(wire) {
            Ok(opened) => {
                if let Event::ApplicationData(range) = &opened.event {
                    info!("{}: {=[u8]:a}", name, &wire[range.clone()]);
                } else {
                    info!("{}: {}", name, opened.event);
                }
                wire = &mut wire[opened.consumed..];
            }
            Err(error) => return info!("{}: {}", name, error),
        }
    }
}

fn logged<T: Format>(what: &str, answer: T) {
    info!("{}: {}", what, answer);
}

/// Data, KeyUpdates of both ends, and a shutdown in two steps with data in flight.
fn two_steps(pair: &mut Pair) -> Result<(), KeyError> {
    assert_eq!(pair.client.write(&[b"a ", b"question"]), Ok(10));
    pair.carry_to_server();
    if pair.version == Version::Tls13 {
        pair.client.update_keys(true)?;
        pair.carry_to_server();
        pair.carry_to_client();
        assert_eq!(pair.server.write(&[b"under new keys"]), Ok(14));
    } else {
        assert_eq!(pair.client.update_keys(true), Err(KeyError::NoUpdate));
        assert_eq!(pair.server.write(&[b"an answer"]), Ok(9));
    }
    assert_eq!(pair.client.shutdown_both(100), Err(ShutdownError::WouldBlock));
    let mut wire = [0; 640];
    let under_way = take_unsent(&mut pair.server, &mut wire);
    pair.carry_to_server();
    logged("client has closed", pair.client.shutdown_both(100));
    open(&mut pair.client, under_way, "client");
    // TLS 1.2 has answered on its own.
    logged("server closes", pair.server.shutdown());
    pair.carry_to_client();
    logged("server has closed", pair.server.shutdown());
    logged("client closes in two steps", pair.client.shutdown_both(100));
    logged("client", pair.client.end());
    logged("server", pair.server.end());
    assert!(pair.client.end().is_clean() && pair.server.end().is_clean());
    Ok(())
}

/// One end closes in one step.
fn one_step(pair: &mut Pair) {
    logged("server closes", pair.server.shutdown());
    pair.carry_to_client();
    logged("server has closed", pair.server.shutdown());
    logged("server", pair.server.end());
    logged("client", pair.client.end());
}

/// A bit of a record is flipped.
fn forged(pair: &mut Pair) {
    assert_eq!(pair.client.write(&[b"data"]), Ok(4));
    let mut wire = [0; 64];
    let record = take_unsent(&mut pair.client, &mut wire);
    record[record.len() - 1] ^= 1;
    open(&mut pair.server, record, "server");
    pair.carry_to_client();
    logged("client", pair.client.end());
    logged("server", pair.server.end());
    // The error is latched.
    open(&mut pair.server, &mut [0; 64], "server");
}

/// The transport ends inside a record.
fn cut_off(pair: &mut Pair) {
    logged("a header", pair.server.received(&mut [23, 3, 3, 0, 64]));
    logged("end of the transport", pair.server.eof());
    logged("server closes", pair.server.shutdown());
    logged("server", pair.server.end());
}
