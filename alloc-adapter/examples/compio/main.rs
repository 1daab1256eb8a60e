//! A TLS client and a TLS server on a completion-based runtime, whose operations own their buffers.
//!
//! ```sh
//! cargo run --example compio -- --listen 127.0.0.1:4433 --self-signed &
//! cargo run --example compio -- --connect 127.0.0.1:4433 --insecure
//! ```
//!
//! `stream.rs` is the stream, and is written to be copied. It needs of the runtime a read and a write that take a
//! buffer and give it back, as those of monoio and tokio-uring do.

mod stream;
#[allow(dead_code)] // The other examples use the rest.
#[path = "../support/mod.rs"]
mod support;

use std::error::Error;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use compio::net::{TcpListener, TcpStream};
use compio::runtime::{Runtime, spawn};
use compio::time::{sleep, timeout};
use rustls::{ClientConfig, ServerConfig};
use tls_record::End;
use tls_record_alloc::Handshake;

use stream::Stream;
use support::{Identity, Tls};

/// A TLS server that sends back what it receives, or a client that checks this. rustls performs the
/// handshake, tls-record protects the records, compio performs the operations.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Be a server: the address to listen on, as HOST:PORT. With port 0 the system chooses a port, which
    /// is printed.
    #[arg(long, value_name = "ADDR", required_unless_present = "connect")]
    listen: Option<String>,
    /// The server's certificate chain, PEM.
    #[arg(long, value_name = "FILE", requires = "key", conflicts_with = "self_signed")]
    cert: Option<PathBuf>,
    /// The server's private key, PEM.
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Make a certificate for localhost, instead of --cert and --key.
    #[arg(long)]
    self_signed: bool,
    /// Be a client: the address of the server. Its name is localhost.
    #[arg(long, value_name = "ADDR", conflicts_with = "listen")]
    connect: Option<SocketAddr>,
    /// The certificate authorities that the client trusts, PEM.
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    ca: Option<PathBuf>,
    /// Accept any certificate.
    #[arg(long)]
    insecure: bool,
    /// The bytes that the client sends.
    #[arg(long, default_value_t = 1 << 20)]
    bytes: usize,
    /// The protocol version.
    #[arg(long, value_enum, default_value_t)]
    tls: Tls,
    /// End a connection after this many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    patience: u64,
}

/// The bytes of records that a peer may still send after our close_notify.
const BUDGET: u32 = 1 << 20;

/// The bytes that the client sends before it reads them back. The transport has to hold them.
const PIECE: usize = 32 << 10;

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compio: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let patience = Duration::from_secs(args.patience);
    let runtime = Runtime::new()?;
    if let Some(addr) = args.connect {
        let config = match &args.ca {
            Some(authorities) => support::client_config(authorities, args.tls)?,
            None if args.insecure => support::insecure_client_config(args.tls)?,
            None => return Err("give --ca or --insecure".into()),
        };
        let exchange = exchange(Arc::new(config), addr, args.bytes);
        let end = runtime.block_on(async { timeout(patience, exchange).await })??;
        println!("{} bytes came back: {:?}, {:?}", args.bytes, end.read, end.write);
        return Ok(());
    }
    let identity = match (&args.cert, &args.key) {
        (Some(cert), Some(key)) => Identity::from_files(cert, key)?,
        _ if args.self_signed => Identity::self_signed()?,
        _ => return Err("give --cert and --key, or --self-signed".into()),
    };
    let config = Arc::new(identity.server_config(args.tls)?);
    Ok(runtime.block_on(serve(config, args.listen.as_deref().unwrap_or_default(), patience))?)
}

/// Sends pieces of data, reads each back before the next, and closes.
async fn exchange(config: Arc<ClientConfig>, addr: SocketAddr, len: usize) -> io::Result<End> {
    let name = "localhost".try_into().map_err(io::Error::other)?;
    let tcp = TcpStream::connect(addr).await?;
    let mut tls = Stream::new(Handshake::client(config, name)?, tcp).await?;
    let data: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
    for mut piece in data.chunks(PIECE) {
        tls.write_all(piece).await?;
        while !piece.is_empty() {
            let Some(back) = tls.read().await? else {
                return Err(io::Error::other("the server closed before everything came back"));
            };
            piece =
                piece.strip_prefix(back).ok_or_else(|| io::Error::other("other data came back"))?;
        }
    }
    tls.shutdown(BUDGET).await
}

async fn serve(config: Arc<ServerConfig>, addr: &str, patience: Duration) -> io::Result<()> {
    let listener = TcpListener::bind(addr).await?;
    println!("listening on {}", listener.local_addr()?);
    io::stdout().flush()?;
    loop {
        let (tcp, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            // The client is gone, or there are too many at a time: keep serving the others.
            Err(error) => {
                eprintln!("compio: {error}");
                sleep(Duration::from_millis(10)).await;
                continue;
            }
        };
        let echo = echo(config.clone(), tcp);
        spawn(async move {
            match timeout(patience, echo).await {
                Ok(Ok(end)) => eprintln!("{peer}: {:?}, {:?}", end.read, end.write),
                Ok(Err(error)) => eprintln!("{peer}: {error}"),
                Err(elapsed) => eprintln!("{peer}: {elapsed}"),
            }
        })
        .detach();
    }
}

/// Serves one client. Every path after the handshake disconnects.
async fn echo(config: Arc<ServerConfig>, tcp: TcpStream) -> io::Result<End> {
    let mut tls = Stream::new(Handshake::server(config)?, tcp).await?;
    let echoed = send_back(&mut tls).await;
    tls.disconnect(BUDGET as usize).await;
    echoed
}

/// Sends back what a client sends, until it closes.
async fn send_back(tls: &mut Stream) -> io::Result<End> {
    let mut data = Vec::new();
    while let Some(received) = tls.read().await? {
        // The next call may move what was received.
        data.clear();
        data.extend_from_slice(received);
        tls.write_all(&data).await?;
    }
    tls.shutdown(BUDGET).await
}
