//! A connection that is made here and continues in firmware: a handshake with OpenSSL, a
//! suspension, and then the UART of the firmware carries the connection.

use std::io::{self, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use host::{Log, Program, Result};
use tls_record::aead::Algorithm;
use tls_record::aead::rustcrypto::RustCrypto;
use tls_record::{Connection, RecordLayer, TrafficSecret};
use tls_record_alloc::rustls::pki_types::CertificateDer;
use tls_record_alloc::rustls::{ClientConfig, RootCertStore};
use tls_record_alloc::{Established, Handshake};

use crate::emulator::Firmware;
use crate::identity::{Identity, NAME};
use crate::s_client;

/// The same key as in the firmware.
pub const SUSPEND_KEY: [u8; 32] = *b"a key that only this part knows!";

/// The length of the firmware's records.
const TX: usize = 1024;

/// The suites with their options of OpenSSL.
const TLS13: [[&str; 3]; 3] = [
    ["-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"],
    ["-tls1_3", "-ciphersuites", "TLS_AES_256_GCM_SHA384"],
    ["-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"],
];
const TLS12: [[&str; 3]; 3] = [
    ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"],
    ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"],
    ["-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"],
];

/// By default OpenSSL refuses the security level of a tag of 8 bytes.
const CCM: [([&str; 5], Algorithm); 2] = [
    (
        ["-tls1_3", "-cipher", "DEFAULT@SECLEVEL=0", "-ciphersuites", "TLS_AES_128_CCM_SHA256"],
        Algorithm::Aes128Ccm,
    ),
    (
        ["-tls1_3", "-cipher", "DEFAULT@SECLEVEL=0", "-ciphersuites", "TLS_AES_128_CCM_8_SHA256"],
        Algorithm::Aes128Ccm8,
    ),
];

pub fn check(firmware: &Firmware, folder: &Path) -> Result<()> {
    let identity = Identity::new(folder)?;
    for name in ["handed_over", "halves"] {
        for suite in TLS13.into_iter().chain(TLS12) {
            let case = Case { firmware, name, identity: &identity, suite: &suite };
            case.check(TLS13.contains(&suite), |server| by_rustls(server, &identity))?;
        }
        for (suite, algorithm) in CCM {
            let case = Case { firmware, name, identity: &identity, suite: &suite };
            case.check(true, |server| {
                let layer = s_client::establish(server, &suite, algorithm, folder)?;
                Ok((Connection::new(layer), Vec::new()))
            })?;
        }
    }
    Ok(())
}

pub type Tls = Connection<TrafficSecret<RustCrypto>, TX>;

/// A program of the firmware, and the configuration of its server.
struct Case<'a> {
    firmware: &'a Firmware,
    name: &'static str,
    identity: &'a Identity,
    suite: &'a [&'a str],
}

impl Case<'_> {
    /// Gives it a connection from `establish`, with the bytes that have arrived after the
    /// handshake, and makes the server talk with it.
    fn check(
        &self,
        has_updates: bool,
        establish: impl FnOnce(&mut TcpStream) -> Result<(Tls, Vec<u8>)>,
    ) -> Result<()> {
        let [certificate, key] = &self.identity.files;
        let (mut server, address) = host::s_server(certificate, key, self.suite)?;
        let mut transport = TcpStream::connect(address)?;
        let (mut tls, received) = establish(&mut transport)?;
        let mut emulator = self.start(transport, &tls.suspend(&SUSPEND_KEY)?, &received)?;
        let talked = talk(&mut server, &mut emulator, has_updates);
        let closed = talked.and_then(|()| match self.name {
            "halves" => close(&mut server, &mut emulator),
            _ => close_and_drain(&mut server, &mut emulator),
        });
        let what = format!("{}: {}", self.name, self.suite.join(" "));
        closed
            .map_err(|error| format!("{what}: {error}\n{}\n{}", server.said(), emulator.said()))?;
        println!("{what}");
        Ok(())
    }

    /// Starts it with `transport` connected to its UART, which delivers these bytes first.
    fn start(&self, transport: TcpStream, suspended: &[u8], received: &[u8]) -> Result<Program> {
        let first = [suspended, received].concat();
        connect(transport, &first, |address| self.firmware.with_uart(self.name, address))
    }
}

/// Starts an emulator with `transport` connected to its UART, which delivers the bytes of `first` before.
pub fn connect(
    transport: TcpStream,
    first: &[u8],
    start: impl FnOnce(&str) -> Result<Program>,
) -> Result<Program> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut emulator = start(&listener.local_addr()?.to_string())?;
    let mut uart = emulator.accept(&listener)?;
    uart.write_all(first)?;
    for end in [&transport, &uart] {
        end.set_nodelay(true)?;
    }
    bridge(transport.try_clone()?, uart.try_clone()?);
    bridge(uart, transport);
    Ok(emulator)
}

pub fn by_rustls(transport: &mut TcpStream, identity: &Identity) -> Result<(Tls, Vec<u8>)> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(identity.certificate.clone()))?;
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let mut handshake = Handshake::client(Arc::new(config), NAME.try_into()?)?;
    handshake.complete(transport)?;
    let Established { opener, sealer, received, unsent, .. } = handshake.finish()?;
    transport.write_all(unsent.filled())?;
    Ok((Connection::new(RecordLayer::join(*opener, *sealer)?), received.filled().to_vec()))
}

/// Carries bytes in one direction until it ends.
pub fn bridge(mut from: TcpStream, mut to: TcpStream) {
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
}

fn talk(server: &mut Program, emulator: &mut Program, has_updates: bool) -> Result<()> {
    emulator.output.expect("resumed: ")?;
    ask(server, "hello")?;
    ask(server, "and again")?;
    if has_updates {
        update_keys(server, &mut emulator.output, "new keys: Ok(())\n")?;
    } else {
        ask(server, "update")?;
        emulator.output.expect("new keys: Err(NoUpdate)\n")?;
    }
    Ok(())
}

/// A shutdown in two steps, with data in flight.
fn close_and_drain(server: &mut Program, emulator: &mut Program) -> Result<()> {
    ask(server, "close")?;
    // The firmware closes when it sees that data is in flight, and waits for all of it.
    server.say("last words\n")?;
    emulator.output.expect("under way: ")?;
    end(server, emulator)
}

/// The firmware closes first.
fn close(server: &mut Program, emulator: &mut Program) -> Result<()> {
    ask(server, "close")?;
    emulator.output.expect("closing: ")?;
    end(server, emulator)
}

/// Checks the output of both sides when both directions are closed.
fn end(server: &mut Program, emulator: &mut Program) -> Result<()> {
    closed(server)?;
    emulator.output.expect("End { read: Closed { epoch: Application }, write: Closed }\n")?;
    emulator.end_well()?;
    server.end_well()
}

/// Checks that the server has received a close_notify, and sent its own.
pub fn closed(server: &mut Program) -> Result<()> {
    server.errors.expect("alert read:warning:close notify\n")?;
    server.errors.expect("alert write:warning:close notify\n")?;
    server.output.expect("DONE\nshutting down SSL\nCONNECTION CLOSED\n")?;
    Ok(())
}

/// Makes the server send a line, and waits until it comes back in capitals.
pub fn ask(server: &mut Program, line: &str) -> Result<()> {
    server.say(&format!("{line}\n"))?;
    server.output.expect(&format!("{}\n", line.to_uppercase()))?;
    Ok(())
}

/// KeyUpdates that OpenSSL requests, and one that the firmware requests, with what it says then.
pub fn update_keys(server: &mut Program, log: &mut Log, says: &str) -> Result<()> {
    const OF_SERVER: &str = "write server key update\n";
    const OF_FIRMWARE: &str = "read client key update\n";
    // It requests a KeyUpdate, which is answered although no data is sent.
    server.say("K\n")?;
    server.errors.expect(OF_SERVER)?;
    server.errors.expect(OF_FIRMWARE)?;
    ask(server, "new keys for both")?;
    // It requests none.
    server.say("k\n")?;
    server.errors.expect(OF_SERVER)?;
    ask(server, "new keys for the server")?;
    ask(server, "update")?;
    log.expect(says)?;
    server.errors.expect(OF_FIRMWARE)?;
    ask(server, "new keys again")?;
    server.errors.expect(OF_SERVER)?;
    match server.errors.text().matches(OF_FIRMWARE).count() {
        2 => Ok(()),
        updates => Err(format!("{updates} KeyUpdates of the firmware").into()),
    }
}
