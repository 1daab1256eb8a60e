//! Runs the Cortex-M firmware on an emulator and checks what it says, with a real OpenSSL as the peer
//! where it needs one.

mod accept;
mod emulator;
mod handed_over;
mod log;
mod s_client;
mod server;

use std::env;
use std::error::Error;
use std::path::Path;
use std::process::{Command, ExitCode};

use emulator::{Firmware, QEMU, TARGET};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

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
    let program = env::current_exe()?;
    // Where Cargo puts this program tells where it puts the firmware.
    let target = program.ancestors().nth(2).ok_or("not where Cargo puts programs")?;
    let firmware = Firmware::build(target)?;

    compare(&firmware, "known_answers", include_str!("../logs/known_answers.txt"))?;
    // The same in every suite.
    let lives = SUITES.map(|suite| include_str!("../logs/life.txt").replace(SUITES[0], suite));
    compare(&firmware, "life", &lives.concat())?;
    count_instructions(&firmware)?;
    handed_over::check(&firmware, &program.with_extension("files"))
}

/// Runs a program that says the same each time.
fn compare(firmware: &Firmware, name: &str, expected: &str) -> Result<()> {
    let log = firmware.run(name)?;
    if log != expected {
        return Err(format!("{name} says otherwise than cortex-m/host/logs:\n{log}").into());
    }
    println!("{name}: {} lines as expected", log.lines().count());
    Ok(())
}

/// Prints how many instructions the engine takes, and fails if they have become more.
fn count_instructions(firmware: &Firmware) -> Result<()> {
    let log = firmware.run("instructions")?;
    let mut within = log.lines().count() == 2;
    for line in log.lines() {
        let (version, counts) = line.split_once(": ").ok_or("counts of no version")?;
        let works = [
            ("seal in place", 400),
            ("open", 400),
            ("seal from a slice", 760),
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

/// Names all that is missing, and how to get it.
fn look_for_tools() -> Result<()> {
    let works = |program: &str, args: &[&str]| {
        let output = Command::new(program).args(args).output();
        output.ok().filter(|output| output.status.success())
    };
    let library = works("rustc", &["--print", "target-libdir", "--target", TARGET])
        .and_then(|output| String::from_utf8(output.stdout).ok());
    let missing: Vec<_> = [
        (works("openssl", &["version"]).is_some(), "Debian's openssl"),
        (works(QEMU, &["--version"]).is_some(), "Debian's qemu-system-arm"),
        (
            library.is_some_and(|library| Path::new(library.trim_end()).exists()),
            "rustup target add thumbv7em-none-eabihf",
        ),
    ]
    .into_iter()
    .filter_map(|(is_there, remedy)| (!is_there).then_some(remedy))
    .collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("missing: {}", missing.join(", ")).into()) }
}
