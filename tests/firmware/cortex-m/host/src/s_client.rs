//! A handshake of `openssl s_client`, for the suites that rustls does not support. Its bytes pass
//! through this program, and its key log has the secrets.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use host::{LIMIT, Program, Result};
use tls_record::aead::Algorithm;
use tls_record::aead::rustcrypto::RustCrypto;
use tls_record::{
    Config, ContentType, Epoch, HEADER_LEN, Header, RecordLayer, Role, TrafficSecret,
};

/// The time to wait for one side before the other is checked.
const PAUSE: Duration = Duration::from_millis(5);

type Secret = TrafficSecret<RustCrypto>;

/// A TLS 1.3 connection over `server` at the end of its handshake.
pub fn establish(
    server: &mut TcpStream,
    args: &[&str],
    algorithm: Algorithm,
    folder: &Path,
) -> Result<RecordLayer<Secret>> {
    let [client, server] = secrets(server, args, folder)?;
    let mut layer = RecordLayer::new(Config::new(Role::Client));
    let secret = |bytes: Vec<u8>| Secret::tls13(algorithm, &bytes);
    layer.install(Epoch::Application, secret(client)?, secret(server)?)?;
    Ok(layer)
}

/// Makes a handshake with `server`, and returns the traffic secrets of client and server.
pub fn secrets(server: &mut TcpStream, args: &[&str], folder: &Path) -> Result<[Vec<u8>; 2]> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let path = folder.join("secrets.txt");
    fs::write(&path, "")?;
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &listener.local_addr()?.to_string(), "-keylogfile"]);
    let mut program = Program::start("s_client", command.arg(&path).args(args))?;
    relay(&mut program.accept(&listener)?, server)?;
    let log = read_log(&path)?;
    let secret = |label: &str| -> Result<Vec<u8>> {
        let line = log.lines().find(|line| line.starts_with(label)).ok_or("no such secret")?;
        let digits = line.rsplit(' ').next().unwrap_or_default();
        let bytes = (0..digits.len() / 2).map(|at| u8::from_str_radix(&digits[2 * at..][..2], 16));
        Ok(bytes.collect::<std::result::Result<_, _>>()?)
    };
    Ok([secret("CLIENT_TRAFFIC_SECRET_0 ")?, secret("SERVER_TRAFFIC_SECRET_0 ")?])
}

/// Carries bytes in both directions up to the client's Finished, the only protected record of its
/// handshake. Later records of the server are not read.
fn relay(client: &mut TcpStream, server: &mut TcpStream) -> Result<()> {
    let mut of_client = Vec::new();
    server.set_read_timeout(Some(PAUSE))?;
    client.set_read_timeout(Some(PAUSE))?;
    while !ends_protected(&of_client) {
        pass_on(server, client)?;
        of_client.extend(pass_on(client, server)?);
    }
    Ok(server.set_read_timeout(None)?)
}

/// Returns the key log when it is complete: the last secret is logged after the Finished.
fn read_log(path: &Path) -> Result<String> {
    let deadline = Instant::now() + LIMIT;
    while Instant::now() < deadline {
        let log = fs::read_to_string(path)?;
        if log.contains("\nCLIENT_TRAFFIC_SECRET_0 ") && log.ends_with('\n') {
            return Ok(log);
        }
        thread::sleep(PAUSE);
    }
    Err("no secrets".into())
}

/// Receives bytes and sends them on. Returns them.
fn pass_on(from: &mut TcpStream, to: &mut TcpStream) -> Result<Vec<u8>> {
    let mut bytes = vec![0; 1 << 15];
    let len = match from.read(&mut bytes) {
        Ok(0) => return Err("the handshake was given up".into()),
        Ok(len) => len,
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => 0,
        Err(error) => return Err(error.into()),
    };
    bytes.truncate(len);
    to.write_all(&bytes)?;
    Ok(bytes)
}

/// True if these are whole records, the last of which is protected.
fn ends_protected(mut records: &[u8]) -> bool {
    let mut is_protected = false;
    while let Some((header, rest)) = records.split_first_chunk::<HEADER_LEN>() {
        let header = Header::decode(*header);
        let Some(rest) = rest.get(usize::from(header.length)..) else { return false };
        is_protected = header.content_type == ContentType::APPLICATION_DATA;
        records = rest;
    }
    is_protected && records.is_empty()
}
