//! Runs firmware on QEMU. Returns its decoded log and its exit status.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use defmt_decoder::{DecodeError, Table};
use host::{Program, Result};

pub const TARGET: &str = "thumbv7em-none-eabihf";
pub const QEMU: &str = "qemu-system-arm";

/// The programs of the firmware.
pub struct Firmware(PathBuf);

impl Firmware {
    pub fn build() -> Result<Self> {
        Self::build_with(&[])?;
        Self::build_with(&["--features", "long-records", "--bin", "update"])
    }

    /// Builds one program.
    pub fn build_one(name: &str) -> Result<Self> {
        Self::build_with(&["--bin", name])
    }

    fn build_with(args: &[&str]) -> Result<Self> {
        // Without this variable nothing is logged.
        host::build("cortex-m-firmware", TARGET, args, &[("DEFMT_LOG", "info")]).map(Self)
    }

    /// Starts a program, with `args` for QEMU. Its output is its log.
    fn start(&self, name: &'static str, args: &[&str]) -> Result<Program> {
        let program = self.0.join(name);
        let decode = decoder(&fs::read(&program)?)?;
        Program::start_decoding(name, command(args).arg(program), decode)
    }

    /// Starts a program whose UART is a connection to `address`.
    pub fn with_uart(&self, name: &'static str, address: &str) -> Result<Program> {
        self.start(name, &["-serial", &format!("tcp:{address}")])
    }

    /// Runs a program to its end, and returns its log. Each instruction takes a nanosecond.
    pub fn run(&self, name: &'static str) -> Result<String> {
        let mut emulator = self.start(name, &["-serial", "none", "-icount", "shift=0"])?;
        emulator.end_well().map_err(|error| format!("{error}\n{}", emulator.said()))?;
        Ok(emulator.output.text())
    }
}

/// Starts a program that logs text, with its UART connected to `address`.
pub fn with_uart(program: &Path, address: &str) -> Result<Program> {
    let args = ["-serial", &format!("tcp:{address}")];
    Program::start("firmware", command(&args).arg(program))
}

/// QEMU with `args`. The program is its last argument.
fn command(args: &[&str]) -> Command {
    let mut command = Command::new(QEMU);
    command.args(["-machine", "mps2-an386", "-display", "none", "-monitor", "none"]);
    command.args(["-semihosting-config", "enable=on,target=native"]);
    command.args(args).arg("-kernel");
    command
}

/// Decodes the bytes of a log to lines.
fn decoder(elf: &[u8]) -> Result<impl FnMut(&[u8]) -> String + Send + use<>> {
    let table = Table::parse(elf)?.ok_or("the firmware logs nothing")?;
    // It must live as long as the program.
    let table: &'static Table = Box::leak(Box::new(table));
    let mut decoder = table.new_stream_decoder();
    Ok(move |bytes: &[u8]| {
        decoder.received(bytes);
        let mut text = String::new();
        loop {
            match decoder.decode() {
                Ok(frame) => text += &format!("{}\n", frame.display_message()),
                Err(DecodeError::UnexpectedEof) => return text,
                Err(DecodeError::Malformed) => text += "(malformed)\n",
            }
        }
    })
}
