//! The clients: rustls, a thread for each connection.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{CipherSuite, ClientConfig, ClientConnection, StreamOwned};

#[allow(dead_code)] // Other examples use the remaining items.
#[path = "../../../../support/mod.rs"]
mod support;

use crate::Mode;

/// Bytes that a client of the echo sends before it reads them.
const WINDOW: usize = 128 << 10;

/// Transfers `bytes` bytes on each of the connections.
pub(crate) fn run(
    server: SocketAddr,
    mode: Mode,
    record: usize,
    connections: usize,
    bytes: usize,
) -> io::Result<()> {
    let config = Arc::new(config(record)?);
    let clients: Vec<_> = (0..connections)
        .map(|_| {
            let config = config.clone();
            thread::spawn(move || {
                pin()?;
                client(server, config, mode, bytes)
            })
        })
        .collect();
    clients
        .into_iter()
        .try_for_each(|client| client.join().map_err(|_| io::Error::other("a client"))?)
}

fn config(record: usize) -> io::Result<ClientConfig> {
    let mut provider = ring::default_provider();
    provider.cipher_suites.retain(|suite| suite.suite() == CipherSuite::TLS13_AES_128_GCM_SHA256);
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(support::any_certificate())
        .with_no_client_auth();
    config.max_fragment_size = Some(record + 5);
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

/// Leaves the first processor to the servers.
fn pin() -> io::Result<()> {
    let mut set = CpuSet::new();
    let processors = thread::available_parallelism()?.get();
    (1..processors.max(2)).try_for_each(|processor| set.set(processor))?;
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}

fn client(
    server: SocketAddr,
    config: Arc<ClientConfig>,
    mode: Mode,
    bytes: usize,
) -> io::Result<()> {
    let tcp = TcpStream::connect(server)?;
    tcp.set_nodelay(true)?;
    let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
    let tls = ClientConnection::new(config, name).map_err(io::Error::other)?;
    let mut tls = StreamOwned::new(tls, tcp);
    let mut room = vec![0; WINDOW];
    match mode {
        Mode::Http => {
            write!(tls, "GET /{bytes} HTTP/1.0\r\n\r\n")?;
            tls.flush()?;
            let mut received = 0;
            loop {
                match tls.read(&mut room)? {
                    0 => break,
                    len => received += len,
                }
            }
            assert!(received > bytes, "{received} of {bytes} bytes");
        }
        Mode::Echo => {
            let content = vec![0x5a; WINDOW];
            for _ in 0..bytes / WINDOW {
                tls.write_all(&content)?;
                tls.flush()?;
                tls.read_exact(&mut room)?;
            }
        }
    }
    tls.conn.send_close_notify();
    tls.flush()?;
    tls.sock.shutdown(std::net::Shutdown::Write)?;
    tls.read_to_end(&mut Vec::new()).map(drop)
}
