//! A TLS client in firmware on QEMU's machine `virt`: rustls and ring make the handshake, the
//! engine takes over the connection, and a UART is the transport.
//!
//! The client echoes the data of the server. Two words are commands: `update`, to update the keys
//! and request the same from the server, and `close`, to shut down in two steps. The log and the
//! exit status go through semihosting.

#![no_std]
#![no_main]

extern crate alloc;

mod heap;
mod random;
mod uart;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::error::Error;
use core::time::Duration;

use embedded_io::{Read, ReadReady, Write};
use semihosting::{println, process};
use tls_record::aead::ring::Ring;
use tls_record::{Connection, EmbeddedStream, KeyError, RecordBuffer, RecordLayer, TrafficSecret};
use tls_record_alloc::rustls::pki_types::{CertificateDer, UnixTime};
use tls_record_alloc::rustls::time_provider::TimeProvider;
use tls_record_alloc::rustls::{ALL_VERSIONS, ClientConfig, RootCertStore, crypto};
use tls_record_alloc::{Handshake, HandshakeError, Progress};

use uart::Uart;

/// The authority that signs for the server, in DER. The host makes a new one before it builds this.
const AUTHORITY: &[u8] = include_bytes!(env!("AUTHORITY", "`riscv-host` builds this"));

/// The time is always 2026-06-01. A product has a clock.
#[derive(Debug)]
struct Clock;

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(1_780_272_000)))
    }
}

type Tls = EmbeddedStream<Uart, TrafficSecret<Ring>, { tls_record::MAX_RECORD }, 2048>;

#[riscv_rt::entry]
fn main(_hart: usize, device_tree: usize) -> ! {
    // SAFETY: nothing was allocated yet; QEMU gives the address of the device tree, and has a UART.
    let uart = unsafe {
        heap::init();
        random::init(device_tree);
        Uart::new()
    };
    if let Err(error) = run(uart) {
        println!("failed: {error}");
        process::exit(1);
    }
    process::exit(0)
}

/// Handles exceptions. Without it the processor would loop forever.
#[unsafe(export_name = "ExceptionHandler")]
extern "C" fn exception(_: &riscv_rt::TrapFrame) -> ! {
    panic!("exception")
}

fn run(uart: Uart) -> Result<(), Box<dyn Error>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(AUTHORITY)).map_err(HandshakeError::Tls)?;
    let provider = Arc::new(crypto::ring::default_provider());
    let config = ClientConfig::builder_with_details(provider, Arc::new(Clock))
        .with_protocol_versions(ALL_VERSIONS)
        .map_err(HandshakeError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();

    let mut tls = connect(Arc::new(config), uart)?;
    println!("heap: {} bytes at most, {} now, of {}", heap::most_used(), heap::used(), heap::LEN);
    answer(&mut tls)?;
    close(&mut tls)
}

/// Makes the handshake and gives the connection to the engine.
fn connect(config: Arc<ClientConfig>, mut uart: Uart) -> Result<Tls, Box<dyn Error>> {
    let name = "localhost".try_into().map_err(|_| "not a name")?;
    let mut handshake = Handshake::client(config, name)?;
    loop {
        let progress = handshake.advance();
        uart.write_all(handshake.unsent())?;
        handshake.sent(handshake.unsent().len());
        if progress? == Progress::Complete {
            break;
        }
        let mut bytes = [0; 64];
        let len = uart.read(&mut bytes)?;
        let _ = handshake.receive(&bytes[..len]);
    }
    let established = handshake.finish::<Ring>()?;
    println!("{:?} {:?}", established.info.version, established.info.suite);
    let mut received = RecordBuffer::new();
    let early = established.received.filled();
    received.room()?[..early.len()].copy_from_slice(early);
    received.received(early.len());
    let layer = RecordLayer::join(*established.opener, *established.sealer)?;
    Ok(EmbeddedStream::new(Connection::new(layer), received, uart))
}

/// Echoes data up to `close`.
fn answer(tls: &mut Tls) -> Result<(), Box<dyn Error>> {
    let mut data = [0; 512];
    loop {
        let len = tls.read(&mut data)?;
        match &data[..len] {
            [] => return Err("the server closed first".into()),
            b"update\n" => match tls.connection_mut().update_keys(true) {
                Ok(()) => println!("new keys"),
                Err(KeyError::NoUpdate) => println!("no new keys in TLS 1.2"),
                Err(error) => return Err(error.into()),
            },
            _ => {}
        }
        tls.write_all(&data[..len])?;
        tls.flush()?;
        if &data[..len] == b"close\n" {
            return Ok(());
        }
    }
}

/// Shuts down in two steps, with data of the server in flight.
fn close(tls: &mut Tls) -> Result<(), Box<dyn Error>> {
    while !tls.transport_mut().read_ready()? {}
    tls.close_and_drain(1 << 16, |data| {
        println!("under way: {}", data.escape_ascii());
    })?;
    println!("{:?}", tls.end());
    if tls.end().is_clean() { Ok(()) } else { Err("no clean end".into()) }
}
