//! Runs the Cortex-M firmware on an emulator and checks its log, with a real OpenSSL as the peer
//! where one is needed.

mod c;
mod emulator;
mod handed_over;
mod identity;
mod s_client;
mod stack;
mod update;

use std::env;
use std::path::Path;
use std::process::ExitCode;

use emulator::{Firmware, QEMU, TARGET};
use host::Result;

/// As the firmware logs their names.
const SUITES: [&str; 5] = ["Aes128Gcm", "Aes256Gcm", "Chacha20Poly1305", "Aes128Ccm", "Aes128Ccm8"];

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
    let mut args = env::args().skip(1);
    if args.next().is_some_and(|part| part == "c") {
        c::count_instructions(&Firmware::build_one("instructions_c")?)?;
        return args.try_for_each(|program| c::check(Path::new(&program), &folder));
    }
    if env::args().nth(1).is_some_and(|part| part == "transports") {
        Firmware::build_one("transports")?;
        return transports(&Firmware::build_one("embassy_net")?);
    }
    let firmware = Firmware::build()?;
    if env::args().nth(1).is_some_and(|part| part == "update") {
        return update::check(&firmware, &folder);
    }
    stack::measure(&firmware)?;
    if env::args().len() > 1 {
        return Ok(());
    }

    compare(&firmware, "known_answers", include_str!("../logs/known_answers.txt"))?;
    // The same in every suite.
    let lives = SUITES.map(|suite| include_str!("../logs/life.txt").replace(SUITES[0], suite));
    compare(&firmware, "life", &lives.concat())?;
    transports(&firmware)?;
    count_instructions(&firmware)?;
    c::count_instructions(&firmware)?;
    stack::measure(&firmware)?;
    update::check(&firmware, &folder)?;
    handed_over::check(&firmware, &folder)
}

/// Runs a program whose log is the same each time.
fn compare(firmware: &Firmware, name: &'static str, expected: &str) -> Result<()> {
    let log = firmware.run(name)?;
    if log != expected {
        return Err(format!("{name} says otherwise than cortex-m/host/logs:\n{log}").into());
    }
    println!("{name}: {} lines as expected", log.lines().count());
    Ok(())
}

/// Runs the drivers of the core's examples `smoltcp` and `message_bus`, and one for embassy-net.
fn transports(firmware: &Firmware) -> Result<()> {
    compare(firmware, "transports", include_str!("../logs/transports.txt"))?;
    compare(firmware, "embassy_net", include_str!("../logs/embassy_net.txt"))
}

/// Prints the instruction counts of the engine, and fails if one exceeds its limit.
fn count_instructions(firmware: &Firmware) -> Result<()> {
    let log = firmware.run("instructions")?;
    let mut within = log.lines().count() == 2;
    for line in log.lines() {
        let (version, counts) = line.split_once(": ").ok_or("counts of no version")?;
        let works = [
            ("seal in place", 530),
            ("open", 410),
            ("seal from a slice", 940),
            ("memcpy in that", 360),
        ];
        for (count, (work, limit)) in counts.split(' ').zip(works) {
            let count: u32 = count.parse()?;
            println!("| {version}, 64 bytes: {work:<17} | {count:>4} | {limit:>4} |");
            within &= count <= limit;
        }
    }
    if within { Ok(()) } else { Err("more instructions than before".into()) }
}

fn look_for_tools() -> Result<()> {
    host::look_for(&[
        (host::works("openssl", &["version"]).is_some(), "Debian's openssl"),
        (host::works(QEMU, &["--version"]).is_some(), "Debian's qemu-system-arm"),
        (host::has_library(TARGET), "rustup target add thumbv7em-none-eabihf"),
    ])
}
