//! The program under test, and clients of it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use io_uring::{IoUring, Probe, opcode};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use tls_record::aead::ring::Ring;
use tls_record_alloc::Stream;

#[path = "../../../support/mod.rs"]
mod examples;
#[allow(unused_imports)] // Not all tests use all.
pub(crate) use examples::{Identity, Tls};

pub(crate) type Client = Stream<TcpStream, Ring>;

/// How a connection ended at the server, if both directions were closed.
pub(crate) const CLEAN: &str = "Closed { epoch: Application }, Closed";

/// The program, which is killed on drop.
pub(crate) struct Program {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Program {
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tls-record-io-uring"))
            .args(args)
            .arg("--verbose")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let output = child.stdout.take().expect("a pipe");
        BufReader::new(output).read_line(&mut line).expect("a line of output");
        let address = line.trim_end().rsplit(' ').next().and_then(|address| address.parse().ok());
        Self { child, address: address.unwrap_or_else(|| panic!("no address in {line:?}")) }
    }

    /// Connects. A read or write that takes longer than 20 seconds fails.
    pub(crate) fn tcp(&self) -> TcpStream {
        let tcp = TcpStream::connect(self.address).expect("the program listens");
        tcp.set_read_timeout(Some(Duration::from_secs(20))).expect("a valid time");
        tcp.set_write_timeout(Some(Duration::from_secs(20))).expect("a valid time");
        tcp.set_nodelay(true).expect("a socket of TCP");
        tcp
    }

    pub(crate) fn client(&self, version: Tls) -> Client {
        Stream::connect(config(version), name(), self.tcp()).expect("a handshake")
    }

    pub(crate) fn rustls_client(&self, version: Tls) -> StreamOwned<ClientConnection, TcpStream> {
        let client = ClientConnection::new(config(version), name()).expect("a valid config");
        StreamOwned::new(client, self.tcp())
    }

    /// Returns how much memory the process uses, in KiB.
    pub(crate) fn memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("Linux, and a process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        kib.expect("a number")
    }

    pub(crate) fn terminate(&self) {
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM).expect("it runs");
    }

    /// Ends the program, and returns what it has reported.
    pub(crate) fn stop(mut self) -> String {
        self.terminate();
        let mut report = String::new();
        let errors = self.child.stderr.as_mut().expect("a pipe");
        errors.read_to_string(&mut report).expect("text");
        let status = self.child.wait().expect("it ends");
        assert!(status.success(), "{status}: {report}");
        report
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        if std::thread::panicking()
            && let Some(errors) = &mut self.child.stderr
        {
            let mut report = String::new();
            let _ = errors.read_to_string(&mut report);
            eprintln!("{report}");
        }
        let _ = self.child.wait();
    }
}

pub(crate) fn config(version: Tls) -> Arc<ClientConfig> {
    Arc::new(examples::insecure_client_config(version).expect("a valid config"))
}

pub(crate) fn name() -> ServerName<'static> {
    ServerName::try_from("localhost").expect("a DNS name")
}

/// Returns the first bytes of the body that the server sends.
pub(crate) fn body(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8).collect()
}

/// Sends a request for `len` bytes, and returns the body of the response. The response ends by a close_notify.
pub(crate) fn download(client: &mut (impl Read + Write), len: usize) -> io::Result<Vec<u8>> {
    write!(client, "GET /{len} HTTP/1.0\r\n\r\n")?;
    client.flush()?;
    let mut response = Vec::new();
    client.read_to_end(&mut response)?;
    let head = response.windows(4).position(|end| end == b"\r\n\r\n");
    Ok(response.split_off(head.ok_or(io::ErrorKind::InvalidData)? + 4))
}

/// Sends data to an echo, and checks what comes back.
pub(crate) fn echo(client: &mut (impl Read + Write), data: &[u8]) -> io::Result<()> {
    client.write_all(data)?;
    client.flush()?;
    let mut back = vec![0; data.len()];
    client.read_exact(&mut back)?;
    assert!(back == data, "other data came back");
    Ok(())
}

/// Runs a peer, and returns its output.
pub(crate) fn output(program: &str, args: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let _ = child.stdin.take().expect("a pipe").write_all(input);
    child.wait_with_output().expect("it ends").stdout
}

/// Returns whether the kernel has what the program needs, and permits it.
pub(crate) fn has_io_uring(test: &str) -> bool {
    let is_available = (|| {
        let ring: IoUring =
            IoUring::builder().setup_single_issuer().setup_defer_taskrun().build(8)?;
        let mut probe = Probe::new();
        ring.submitter().register_probe(&mut probe)?;
        // As old as the setting of socket options, Linux 6.7, which a probe does not tell.
        io::Result::Ok(probe.is_supported(opcode::FutexWait::CODE))
    })();
    let is_available = is_available.unwrap_or(false);
    if !is_available {
        eprintln!("skipped: io_uring is not available: {test}");
    }
    is_available
}

/// Returns whether a program can be run.
pub(crate) fn has(program: &str, version: &str, test: &str) -> bool {
    let asked =
        Command::new(program).arg(version).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if asked.is_err() {
        eprintln!("skipped, because {program} is not installed: {test}");
    }
    asked.is_ok()
}
