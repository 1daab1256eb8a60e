//! Shared code of the programs that run firmware on an emulator with OpenSSL as the peer.

mod log;
mod program;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

pub use log::Log;
pub use program::Program;

/// An error for a reader, not for a program.
pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The time limit of one program.
pub const LIMIT: Duration = Duration::from_secs(300);

/// Returns the output of a program, if it exists and succeeds.
pub fn works(program: &str, args: &[&str]) -> Option<Output> {
    let output = Command::new(program).args(args).output();
    output.ok().filter(|output| output.status.success())
}

/// True if Rust's standard library is installed for `target`.
pub fn has_library(target: &str) -> bool {
    works("rustc", &["--print", "target-libdir", "--target", target])
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .is_some_and(|library| Path::new(library.trim_end()).exists())
}

/// Lists all missing tools, and how to get them.
pub fn look_for(tools: &[(bool, &str)]) -> Result<()> {
    let missing: Vec<_> =
        tools.iter().filter_map(|(is_there, remedy)| (!is_there).then_some(*remedy)).collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("missing: {}", missing.join(", ")).into()) }
}

/// Builds the programs of `package` with `args` for Cargo and `variables` in the environment, in the target
/// folder of this program. Returns their folder.
pub fn build(
    package: &str,
    target: &str,
    args: &[&str],
    variables: &[(&str, &str)],
) -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    // The path of this program gives the target folder.
    let folder = program.ancestors().nth(2).ok_or("not where Cargo puts programs")?;
    let built = Command::new(env!("CARGO"))
        .args(["build", "--locked", "--quiet", "--release", "--package", package])
        .args(["--target", target, "--target-dir"])
        .arg(folder)
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .envs(variables.iter().copied())
        .status()?;
    if !built.success() {
        return Err("the firmware does not build".into());
    }
    Ok(folder.join(target).join("release"))
}

/// Starts `openssl s_server` for one connection in the folder of the certificate, and returns its address.
/// Certificate and key are DER files.
pub fn s_server(certificate: &Path, key: &Path, args: &[&str]) -> Result<(Program, String)> {
    let mut command = Command::new("openssl");
    command.args(["s_server", "-accept", "127.0.0.1:0", "-naccept", "1", "-state"]);
    command.args(["-certform", "DER", "-cert"]).arg(certificate);
    command.args(["-keyform", "DER", "-key"]).arg(key).args(args);
    command.current_dir(certificate.parent().ok_or("a certificate without a folder")?);
    let mut server = Program::start("s_server", &mut command)?;
    server.output.expect("ACCEPT ")?;
    let address = server.output.expect("\n")?;
    Ok((server, address))
}
