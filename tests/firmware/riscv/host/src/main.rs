//! Runs the RISC-V firmware on an emulator, with `openssl s_server` at the other end of its UART,
//! and checks the output of both.

mod identity;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;
use std::{env, fs};

use host::{Program, Result};
use identity::{Authority, Server};

const TARGET: &str = "riscv32imac-unknown-none-elf";
const QEMU: &str = "qemu-system-riscv32";
const GCC: &str = "riscv64-unknown-elf-gcc";
const PICOLIBC: &str = "--specs=picolibc.specs";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    look_for_tools()?;
    let folder = env::current_exe()?.with_extension("files");
    fs::create_dir_all(&folder)?;
    let authority = Authority::new(&folder, "authority")?;
    let programs = build(&authority.certificate)?;
    measure_stack(&programs.join("stack"))?;

    let firmware = programs.join("riscv-firmware");
    let server = authority.server("localhost", 2026)?;
    for (openssl, rustls) in TLS13 {
        let both = Pair::start(&firmware, &server, &["-tls1_3", "-ciphersuites", openssl])?;
        both.check(|both| talk(both, &format!("Tls13 {rustls}\n"), update_keys))?;
    }
    for (openssl, rustls) in TLS12 {
        let both = Pair::start(&firmware, &server, &["-tls1_2", "-cipher", openssl])?;
        both.check(|both| talk(both, &format!("Tls12 {rustls}\n"), fail_to_update_keys))?;
    }
    let stranger = Authority::new(&folder, "stranger")?;
    for (server, reason) in [
        (authority.server("localhost", 2025)?, "certificate expired"),
        (authority.server("localhost", 2027)?, "certificate not valid yet"),
        (authority.server("elsewhere", 2026)?, "NotValidForName"),
        (stranger.server("localhost", 2026)?, "UnknownIssuer"),
    ] {
        Pair::start(&firmware, &server, &[])?.check(|both| refuse(both, reason))?;
        println!("refused: {reason}");
    }
    Ok(())
}

/// The suites by their names in OpenSSL and in rustls.
const TLS13: [(&str, &str); 3] = [
    ("TLS_AES_128_GCM_SHA256", "TLS13_AES_128_GCM_SHA256"),
    ("TLS_AES_256_GCM_SHA384", "TLS13_AES_256_GCM_SHA384"),
    ("TLS_CHACHA20_POLY1305_SHA256", "TLS13_CHACHA20_POLY1305_SHA256"),
];
const TLS12: [(&str, &str); 3] = [
    ("ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    ("ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    ("ECDHE-ECDSA-CHACHA20-POLY1305", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
];

fn look_for_tools() -> Result<()> {
    let works = |program, args: &[&str]| host::works(program, args).is_some();
    host::look_for(&[
        (works("openssl", &["version"]), "Debian's openssl"),
        (works(QEMU, &["--version"]), "Debian's qemu-system-misc"),
        (works(GCC, &["--version"]), "Debian's gcc-riscv64-unknown-elf"),
        (works(GCC, &[PICOLIBC, "--version"]), "Debian's picolibc-riscv64-unknown-elf"),
        (host::has_library(TARGET), "rustup target add riscv32imac-unknown-none-elf"),
    ])
}

/// Builds the firmware, which trusts `authority`. Returns the folder of its programs.
fn build(authority: &Path) -> Result<PathBuf> {
    let c = TARGET.replace('-', "_");
    let authority = authority.to_str().ok_or("a path that is not text")?;
    let variables = [
        ("AUTHORITY", authority),
        (&format!("CC_{c}"), GCC),
        (&format!("AR_{c}"), "riscv64-unknown-elf-ar"),
        (&format!("CFLAGS_{c}"), &format!("{PICOLIBC} -D__ILP32__=1")),
    ];
    host::build("riscv-firmware", TARGET, &[], &variables)
}

/// Starts the emulator, with its UART at `serial`.
fn emulate(program: &Path, serial: &str) -> Result<Program> {
    let mut command = Command::new(QEMU);
    // With this much memory, the device tree is 16 MiB after the start, outside the firmware.
    command.args(["-machine", "virt", "-m", "32M", "-bios", "none", "-display", "none"]);
    command.args(["-monitor", "none", "-semihosting-config", "enable=on,target=native"]);
    command.args(["-serial", serial, "-kernel"]).arg(program);
    Program::start("firmware", &mut command)
}

/// Measures the stack of the ciphers. The program itself compares it with the constants.
fn measure_stack(program: &Path) -> Result<()> {
    let mut program = emulate(program, "none")?;
    let ended = program.end_well();
    print!("{}", program.output.text());
    ended.map_err(|_| "the engine overwrites less of the stack".into())
}

/// A server, and an emulator with the firmware whose UART is connected to it.
struct Pair {
    server: Program,
    firmware: Program,
}

impl Pair {
    fn start(firmware: &Path, server: &Server, args: &[&str]) -> Result<Self> {
        let (server, address) = host::s_server(&server.certificate, &server.key, args)?;
        let firmware = emulate(firmware, &format!("tcp:{address}"))?;
        Ok(Self { server, firmware })
    }

    /// Adds the output of both if a check fails.
    fn check(mut self, check: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        check(&mut self).map_err(|error| {
            format!("{error}\n{}\n{}", self.server.said(), self.firmware.said()).into()
        })
    }

    /// Makes the server send data, and waits until it comes back.
    fn echo(&mut self, text: &str) -> Result<()> {
        self.server.say(text)?;
        self.server.output.expect(text)?;
        Ok(())
    }

    /// Waits until both have ended, the firmware with this status.
    fn end(&mut self, status: i32) -> Result<()> {
        let ended = self.firmware.end()?;
        if ended.code() != Some(status) {
            return Err(format!("the firmware ended with {ended}").into());
        }
        self.server.end_well()
    }
}

/// A connection from its handshake to its clean end, which both sides confirm.
fn talk(both: &mut Pair, agreed: &str, update: fn(&mut Pair) -> Result<()>) -> Result<()> {
    let started = Instant::now();
    both.firmware.output.expect(agreed)?;
    both.firmware.output.expect("heap: ")?;
    let heap = both.firmware.output.expect("\n")?;
    both.echo("hello\n")?;
    // More than a record holds.
    both.echo(&format!("{}\n", "x".repeat(40_000)))?;
    update(both)?;
    both.echo("close\n")?;
    // The firmware closes when it sees that data is in flight, and waits for all of it.
    both.server.say("last words\n")?;
    both.server.errors.expect("alert read:warning:close notify\n")?;
    both.server.errors.expect("alert write:warning:close notify\n")?;
    both.server.output.expect("DONE\nshutting down SSL\nCONNECTION CLOSED\n")?;
    both.firmware.output.expect("under way: last words\\n\n")?;
    both.firmware.output.expect("read: Closed { epoch: Application }, write: Closed }\n")?;
    both.end(0)?;
    println!("{}: heap {heap}; {:.1} s", agreed.trim_end(), started.elapsed().as_secs_f32());
    Ok(())
}

/// KeyUpdates that OpenSSL requests, and one that the firmware requests.
fn update_keys(both: &mut Pair) -> Result<()> {
    const FROM_SERVER: &str = "write server key update\n";
    const FROM_FIRMWARE: &str = "read client key update\n";
    // A KeyUpdate that requests one: it is answered although no data is sent.
    both.server.say("K\n")?;
    both.server.errors.expect(FROM_SERVER)?;
    both.server.errors.expect(FROM_FIRMWARE)?;
    both.echo("new keys in both directions\n")?;
    // A KeyUpdate that requests none: it is not answered.
    both.server.say("k\n")?;
    both.server.errors.expect(FROM_SERVER)?;
    both.echo("new keys of the server\n")?;
    both.echo("update\n")?;
    both.firmware.output.expect("new keys\n")?;
    both.server.errors.expect(FROM_FIRMWARE)?;
    both.echo("new keys again\n")?;
    both.server.errors.expect(FROM_SERVER)?;
    match both.server.errors.text().matches(FROM_FIRMWARE).count() {
        2 => Ok(()),
        updates => Err(format!("{updates} KeyUpdates of the firmware").into()),
    }
}

fn fail_to_update_keys(both: &mut Pair) -> Result<()> {
    both.echo("update\n")?;
    both.firmware.output.expect("no new keys in TLS 1.2\n")?;
    Ok(())
}

/// A server that must be refused.
fn refuse(both: &mut Pair, reason: &str) -> Result<()> {
    both.firmware.output.expect(reason)?;
    both.end(1)?;
    both.server.output.expect("0 server accepts that finished\n")?;
    Ok(())
}
