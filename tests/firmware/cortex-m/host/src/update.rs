//! A firmware update from `openssl s_server`, in records that are longer than the RAM of the firmware's
//! connection. The server's records pass through here, so that they can be changed or cut off.

use std::env;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;

use host::{Program, Result};
use sha2::{Digest, Sha256};
use tls_record::{HEADER_LEN, Header};

use crate::emulator::Firmware;
use crate::handed_over::{SUSPEND_KEY, bridge, by_rustls};
use crate::identity::Identity;

/// The whole records of an image, unless the environment says otherwise: see [`check`].
const RECORDS: usize = 4;

/// The content of a whole record. Another half of one follows them.
const RECORD: usize = 16 << 10;

/// The most that the engine may take: the halves with their keys, the window, and the output.
const MAX_RAM: usize = 3 << 10;

const SUITES: [[&str; 3]; 3] = [
    ["-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"],
    ["-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"],
    ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"],
];

/// The head of a response that is not that of `-WWW`.
const HEAD: &str = "HTTP/1.0 200 ok\r\n\r\n";

/// What happens to the last record of the image on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Arrives,
    /// With one bit flipped.
    Changed,
    /// As far as its middle. Nothing follows.
    CutOff,
}

/// An emulated UART takes a minute for 1 MiB: `TLS_RECORD_UPDATE_RECORDS=64` has it do that.
pub fn check(firmware: &Firmware, folder: &Path) -> Result<()> {
    let records = match env::var("TLS_RECORD_UPDATE_RECORDS") {
        Ok(records) => records.parse()?,
        Err(_) => RECORDS,
    };
    let identity = Identity::new(folder)?;
    // Digits, because s_server takes some letters for commands.
    let image: Vec<u8> =
        (0..RECORD * records + RECORD / 2).map(|at| b'0' + (at * at / 7 % 10) as u8).collect();
    fs::write(folder.join("image"), &image)?;
    for suite in SUITES {
        let case = Case { firmware, identity: &identity, suite: &suite, image: &image };
        for fate in [Fate::Arrives, Fate::Changed, Fate::CutOff] {
            case.check(&["-WWW"], fate, |_, emulator| fate.judge(image.len(), emulator))?;
        }
    }
    let case = Case { firmware, identity: &identity, suite: &SUITES[0], image: &image };
    case.check(&[], Fate::Arrives, |server, emulator| with_key_updates(&image, server, emulator))
}

impl Fate {
    fn judge(self, len: usize, emulator: &mut Program) -> Result<()> {
        match self {
            Self::Arrives => {
                emulator.output.expect(&format!("an image of {len} bytes\naccepted: "))?;
                emulator.output.expect("read: Closed { epoch: Application }, write: Closed")?;
            }
            Self::Changed | Self::CutOff => {
                let reason = match self {
                    Self::Changed => "Fault(BadRecordMac)",
                    _ => "Truncated",
                };
                emulator.output.expect("rejected behind ")?;
                let valid: usize = emulator.output.expect(" bytes: ")?.parse()?;
                emulator.output.expect(reason)?;
                // All but the last record.
                if !(len - RECORD / 2..len).contains(&valid) {
                    return Err(format!("{valid} bytes are valid").into());
                }
            }
        }
        emulator.end_well()
    }
}

/// The server sends what it is told to, and KeyUpdates of both kinds in between.
fn with_key_updates(image: &[u8], server: &mut Program, emulator: &mut Program) -> Result<()> {
    let (first, rest) = image.split_at(image.len() / 2);
    let (second, third) = rest.split_at(RECORD);
    server.output.expect("GET /image")?;
    server.say(HEAD)?;
    server.say(std::str::from_utf8(first)?)?;
    // So that the letter is not taken for a part of the image.
    emulator.output.expect(&format!("{} bytes\n", first.len() / RECORD * RECORD))?;
    server.say("K\n")?;
    emulator.output.expect("KeyUpdate 1 behind ")?;
    server.errors.expect("read client key update\n")?;
    server.say(std::str::from_utf8(second)?)?;
    emulator
        .output
        .expect(&format!("{} bytes\n", (first.len() + second.len()) / RECORD * RECORD))?;
    server.say("k\n")?;
    emulator.output.expect("KeyUpdate 2 behind ")?;
    server.say(std::str::from_utf8(third)?)?;
    server.output.expect("CONNECTION CLOSED\n")?;
    Fate::Arrives.judge(image.len(), emulator)
}

struct Case<'a> {
    firmware: &'a Firmware,
    identity: &'a Identity,
    suite: &'a [&'a str],
    image: &'a [u8],
}

impl Case<'_> {
    /// Starts a server with these options, and has the firmware update itself from it.
    fn check(
        &self,
        args: &[&str],
        fate: Fate,
        run: impl FnOnce(&mut Program, &mut Program) -> Result<()>,
    ) -> Result<()> {
        let [certificate, key] = &self.identity.files;
        let args = [self.suite, args].concat();
        let (mut server, address) = host::s_server(certificate, key, &args)?;
        let is_www = args.contains(&"-WWW");
        let mut emulator = self.start(TcpStream::connect(address)?, is_www, fate)?;
        let updated = ram(&mut emulator).and_then(|ram| {
            run(&mut server, &mut emulator)?;
            Ok(ram)
        });
        let what = format!("update: {}, the last record {fate:?}", args.join(" "));
        let ram = updated
            .map_err(|error| format!("{what}: {error}\n{}\n{}", server.said(), emulator.said()))?;
        println!("{what}, {ram} bytes of RAM");
        Ok(())
    }

    fn start(&self, mut transport: TcpStream, is_www: bool, fate: Fate) -> Result<Program> {
        let (mut tls, received) = by_rustls(&mut transport, self.identity)?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let mut emulator =
            self.firmware.with_uart("update", &listener.local_addr()?.to_string())?;
        let mut uart = emulator.accept(&listener)?;
        uart.write_all(&tls.suspend(&SUSPEND_KEY)?)?;
        // `s_server -WWW` closes after its response, whose length the firmware need not know.
        let len = if is_www { u32::MAX } else { (HEAD.len() + self.image.len()) as u32 };
        uart.write_all(&len.to_le_bytes())?;
        uart.write_all(&Sha256::digest(self.image))?;
        uart.write_all(&received)?;
        for end in [&transport, &uart] {
            end.set_nodelay(true)?;
        }
        bridge(uart.try_clone()?, transport.try_clone()?);
        thread::spawn(move || {
            // An error: one of them is gone.
            let _ = relay(transport, uart, fate);
        });
        Ok(emulator)
    }
}

/// Returns how much RAM the firmware has reported, which must not be more than it may take.
fn ram(emulator: &mut Program) -> Result<usize> {
    let bytes = emulator.output.expect(" bytes of RAM\n")?.parse()?;
    if bytes > MAX_RAM { Err(format!("{bytes} bytes of RAM").into()) } else { Ok(bytes) }
}

/// Carries the records of the server.
fn relay(mut server: TcpStream, mut uart: TcpStream, fate: Fate) -> std::io::Result<()> {
    loop {
        let mut record = vec![0; HEADER_LEN];
        server.read_exact(&mut record)?;
        let header = Header::decode(*record.first_chunk().expect("a header"));
        record.resize(HEADER_LEN + usize::from(header.length), 0);
        server.read_exact(&mut record[HEADER_LEN..])?;
        // The image ends with half a record.
        let is_last = (4_000..12_000).contains(&header.length);
        let middle = record.len() / 2;
        match fate {
            Fate::Changed if is_last => record[middle] ^= 1,
            Fate::CutOff if is_last => return uart.write_all(&record[..middle]),
            _ => {}
        }
        uart.write_all(&record)?;
    }
}
