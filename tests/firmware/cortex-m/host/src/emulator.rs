//! Firmware on QEMU: its log, decoded, and its exit status.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use defmt_decoder::{DecodeError, Table};

use crate::Result;
use crate::accept::accept;
use crate::log::Log;

pub const TARGET: &str = "thumbv7em-none-eabihf";
pub const QEMU: &str = "qemu-system-arm";

/// Time for one program.
pub const LIMIT: Duration = Duration::from_secs(60);

/// The firmware's programs.
pub struct Firmware(PathBuf);

impl Firmware {
    /// Builds them below `target`.
    pub fn build(target: &Path) -> Result<Self> {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--locked", "--quiet", "--release", "--package", "cortex-m-firmware"])
            .args(["--target", TARGET, "--target-dir"])
            .arg(target)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            // Without it nothing is logged.
            .env("DEFMT_LOG", "info")
            .status()?;
        if !built.success() {
            return Err("the firmware does not build".into());
        }
        Ok(Self(target.join(TARGET).join("release")))
    }

    /// Starts one, with `args` for QEMU.
    fn start(&self, name: &str, args: &[&str]) -> Result<Emulator> {
        let program = self.0.join(name);
        let mut decode = decoder(&fs::read(&program)?)?;
        let mut child = Command::new(QEMU)
            .args(["-machine", "mps2-an386", "-display", "none", "-monitor", "none"])
            .args(["-semihosting-config", "enable=on,target=native"])
            .args(args)
            .arg("-kernel")
            .arg(program)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().expect("piped");
        Ok(Emulator { child, log: Log::new(stdout, move |bytes| decode(bytes), LIMIT) })
    }

    /// Starts one whose UART is a connection to `address`.
    pub fn with_uart(&self, name: &str, address: SocketAddr) -> Result<Emulator> {
        self.start(name, &["-serial", &format!("tcp:{address}")])
    }

    /// Runs one to its end, and returns what it has logged. Instructions take a nanosecond each.
    pub fn run(&self, name: &str) -> Result<String> {
        let mut emulator = self.start(name, &["-serial", "none", "-icount", "shift=0"])?;
        emulator.end()?;
        Ok(emulator.log.text())
    }
}

/// Makes lines of a log's bytes.
fn decoder(elf: &[u8]) -> Result<impl FnMut(&[u8]) -> String + Send + use<>> {
    let table = Table::parse(elf)?.ok_or("the firmware logs nothing")?;
    // It lives as long as the program.
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

/// A program that runs until it ends, or this is dropped.
pub struct Emulator {
    child: Child,
    pub log: Log,
}

impl Emulator {
    /// Its UART.
    pub fn accept(&mut self, listener: &TcpListener) -> Result<TcpStream> {
        accept(listener, &mut self.child)
    }

    /// Waits until it has ended well.
    pub fn end(&mut self) -> Result<()> {
        let log = self.log.whole();
        let status = self.child.try_wait()?;
        // Its output ends a moment before it does.
        let status = match status {
            None if self.log.has_ended() => Some(self.child.wait()?),
            status => status,
        };
        match status {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(format!("the firmware ended with {status}:\n{log}").into()),
            None => Err(format!("the firmware does not end:\n{log}").into()),
        }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
