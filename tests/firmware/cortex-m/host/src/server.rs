//! `openssl s_server`, for one connection.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rcgen::{CertificateParams, KeyPair};

use crate::Result;
use crate::emulator::LIMIT;
use crate::log::Log;

pub const NAME: &str = "localhost";

/// A certificate that is its own authority.
pub struct Identity {
    /// In DER.
    pub certificate: Vec<u8>,
    files: [PathBuf; 2],
}

impl Identity {
    pub fn new(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new([NAME.to_owned()])?.self_signed(&key)?;
        let files = ["certificate.der", "key.der"].map(|name| folder.join(name));
        fs::write(&files[0], certificate.der())?;
        fs::write(&files[1], key.serialize_der())?;
        Ok(Self { certificate: certificate.der().to_vec(), files })
    }
}

/// A server that runs until it ends, or this is dropped.
pub struct Server {
    child: Child,
    pub output: Log,
    /// Here it tells of alerts and KeyUpdates.
    pub errors: Log,
    pub address: SocketAddr,
}

impl Server {
    pub fn start(identity: &Identity, args: &[&str]) -> Result<Self> {
        let mut child = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-naccept", "1", "-state"])
            .args(["-certform", "DER", "-cert"])
            .arg(&identity.files[0])
            .args(["-keyform", "DER", "-key"])
            .arg(&identity.files[1])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut output = Log::new(child.stdout.take().expect("piped"), text, LIMIT);
        let errors = Log::new(child.stderr.take().expect("piped"), text, LIMIT);
        output.expect("ACCEPT ")?;
        let address = output.expect("\n")?.parse()?;
        Ok(Self { child, output, errors, address })
    }

    /// Types a line.
    pub fn say(&mut self, line: &str) -> Result<()> {
        Ok(self.child.stdin.as_mut().expect("piped").write_all(line.as_bytes())?)
    }

    /// Waits until it has ended well.
    pub fn end(&mut self) -> Result<()> {
        self.output.whole();
        if !self.output.has_ended() {
            return Err("s_server does not end".into());
        }
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(format!("s_server ended with {status}").into()) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
