//! The C API: what it costs beside Rust, and firmware in C.

use std::net::TcpStream;
use std::path::Path;

use host::{Program, Result};

use crate::emulator::{self, Firmware};
use crate::handed_over::{ask, closed, connect, update_keys};
use crate::identity::Identity;
use crate::s_client;

/// The most instructions that a call through C may take.
const LIMITS: [(&str, u32); 3] = [("in place", 690), ("open", 500), ("copied", 1150)];

/// Prints the instructions of calls from Rust, built into their caller and not, and of the same ones through C.
pub fn count_instructions(firmware: &Firmware) -> Result<()> {
    let log = firmware.run("instructions_c")?;
    let mut within = log.lines().count() == 2 * LIMITS.len();
    for (line, (call, limit)) in log.lines().zip(LIMITS.into_iter().cycle()) {
        let (what, counts) = line.rsplit_once(": ").ok_or("not a line of counts")?;
        let [built_in, called, c] = counts.split(' ').collect::<Vec<_>>()[..] else {
            return Err("not three counts".into());
        };
        println!("| {what:<15} | {built_in:>4} | {called:>4} | {c:>4} | {limit:>4} |");
        within &= what.ends_with(call) && c.parse::<u32>()? <= limit;
    }
    if within { Ok(()) } else { Err("C takes more instructions than it may".into()) }
}

/// Runs core/c/examples/firmware with `openssl s_server` as its peer, after a handshake of `openssl s_client`.
pub fn check(program: &Path, folder: &Path) -> Result<()> {
    const SUITE: [&str; 3] = ["-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"];
    let [certificate, key] = &Identity::new(folder)?.files;
    let (mut server, address) = host::s_server(certificate, key, &SUITE)?;
    let mut transport = TcpStream::connect(address)?;
    let [of_client, of_server] = s_client::secrets(&mut transport, &SUITE, folder)?;
    let handed_over = [&[0x13, 0x01], &of_client[..], &of_server[..]].concat();
    let mut emulator =
        connect(transport, &handed_over, |address| emulator::with_uart(program, address))?;
    talk(&mut server, &mut emulator)
        .map_err(|error| format!("{error}\n{}\n{}", server.said(), emulator.said()))?;
    println!("{}: data, KeyUpdates, shutdown in two steps", program.display());
    Ok(())
}

/// QEMU writes what the firmware says to its standard error.
fn talk(server: &mut Program, emulator: &mut Program) -> Result<()> {
    emulator.errors.expect("taken over\n")?;
    ask(server, "hello")?;
    update_keys(server, &mut emulator.errors, "new keys\n")?;
    ask(server, "close")?;
    // The firmware closes when it sees that data is in flight, and waits for all of it.
    server.say("last words\n")?;
    emulator.errors.expect("data was under way\n")?;
    closed(server)?;
    emulator.errors.expect("both directions closed\n")?;
    emulator.end_well()?;
    server.end_well()
}
