//! The command line.

use std::error::Error;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::SignalFd;
use nix::sys::socket::{setsockopt, sockopt::TcpNoDelay};
use rustls::pki_types::ServerName;
use tls_record_alloc::Handshake;

use crate::driver::{Driver, Settings};
use crate::link::{Link, ROOM, Tls};
use crate::relay::Backend;
use crate::ring::Ring;
use crate::service::{Download, Served};
use crate::support::{self, Identity, Tls as Version};

/// A TLS server, or a TLS relay, on io_uring. rustls performs the handshakes, tls-record protects the records.
///
/// One thread serves all connections on one ring. It ends at SIGTERM or SIGINT: then it closes all connections.
#[derive(Parser)]
#[command(version)]
struct Args {
    #[command(subcommand)]
    command: Command,
    /// The address to listen on, as HOST:PORT. With port 0 the system chooses a port, which is printed.
    #[arg(long, value_name = "ADDR", global = true, default_value = "127.0.0.1:0")]
    listen: String,
    /// The certificate chain, PEM. Without it, a certificate for localhost is made.
    #[arg(long, value_name = "FILE", requires = "key", global = true)]
    cert: Option<PathBuf>,
    /// The private key, PEM.
    #[arg(long, value_name = "FILE", requires = "cert", global = true)]
    key: Option<PathBuf>,
    /// The protocol version.
    #[arg(long, value_enum, default_value_t, global = true)]
    tls: Version,
    /// The most content of a sent record, in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = 16_384, global = true,
        value_parser = clap::value_parser!(u16).range(256..=16_384))]
    record: u16,
    /// After how many seconds in which nothing is sent or received a connection is closed. A handshake may take as long
    /// in all.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, global = true,
        value_parser = clap::value_parser!(u32).range(1..))]
    idle: u32,
    /// Do not wait for the peer's close_notify after ours.
    #[arg(long, global = true)]
    one_step: bool,
    /// The most connections at a time. A relay has two for each client.
    #[arg(long, value_name = "NUMBER", default_value_t = 8192, global = true)]
    connections: u32,
    /// The number of receive buffers, a power of two.
    #[arg(long, value_name = "NUMBER", default_value_t = 256, global = true)]
    buffers: u16,
    /// The length of a receive buffer.
    #[arg(long, value_name = "BYTES", default_value_t = 132 << 10, global = true)]
    buffer_len: u32,
    /// The length of a send buffer.
    #[arg(long, value_name = "BYTES", default_value_t = 256 << 10, global = true,
        value_parser = clap::value_parser!(u32).range(ROOM as i64..))]
    slot_len: u32,
    /// Print how each connection ended.
    #[arg(long, global = true)]
    verbose: bool,
}

#[derive(Clone, Subcommand)]
enum Command {
    /// Serve.
    Serve {
        /// What to serve.
        #[arg(long, value_enum, default_value_t)]
        mode: Mode,
    },
    /// Forward data between clients and a TLS server.
    Relay {
        /// The address of the server.
        #[arg(long, value_name = "ADDR")]
        to: SocketAddr,
        /// The certificate authorities of the server, PEM. Without it, any certificate is accepted.
        #[arg(long, value_name = "FILE")]
        ca: Option<PathBuf>,
    },
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Mode {
    /// Answer GET /N of HTTP/1.0 by N bytes.
    #[default]
    Http,
    /// Send data back.
    Echo,
}

pub(crate) fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("io_uring: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> Result<(), Box<dyn Error>> {
    let identity = match (&args.cert, &args.key) {
        (Some(cert), Some(key)) => Identity::from_files(cert, key)?,
        _ => Identity::self_signed()?,
    };
    let server = Arc::new(identity.server_config(args.tls)?);
    let slot_len = args.slot_len as usize;
    let mut ring = Ring::new(args.connections, args.buffers, args.buffer_len, slot_len)?;

    let record = args.record;
    let (service, backend): (fn(u16) -> Served, _) = match &args.command {
        Command::Serve { mode: Mode::Http } => {
            (|record| Served::Download(Download::new(record.into())), None)
        }
        Command::Serve { mode: Mode::Echo } => (|_| Served::Echo, None),
        Command::Relay { to, ca } => {
            let client = match ca {
                Some(authorities) => support::client_config(authorities, args.tls)?,
                None => support::insecure_client_config(args.tls)?,
            };
            ring.set_backend(*to);
            let (client, name) = (Arc::new(client), ServerName::try_from("localhost")?);
            let backend: Backend<Served> = Box::new(move || {
                let handshake =
                    Handshake::client(client.clone(), name.clone()).expect("a valid config");
                (limited(handshake, record), Served::Forward)
            });
            (|_| Served::Forward, Some(backend))
        }
    };
    let accept = Box::new(move || {
        let handshake = Handshake::server(server.clone()).expect("a valid config");
        (limited(handshake, record), service(record))
    });

    let listener = TcpListener::bind(&args.listen)
        .map_err(|error| format!("--listen {}: {error}", args.listen))?;
    // Sockets inherit it.
    setsockopt(&listener, TcpNoDelay, &true)?;
    println!("listening on {}", listener.local_addr()?);
    io::stdout().flush()?;
    ring.accept(listener)?;
    ring.tick()?;
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTERM);
    signals.add(Signal::SIGINT);
    signals.thread_block()?;
    ring.watch(SignalFd::new(&signals)?.into())?;

    let report =
        if args.verbose { report } else { |_: usize, _: &Link<Served>, _: Option<&io::Error>| {} };
    let (idle, one_step) = (Duration::from_secs(args.idle.into()), args.one_step);
    let mut driver = Driver::new(ring, Settings { accept, backend, idle, one_step, report });
    driver.run()?;
    eprintln!("{:?}", driver.ring.counts);
    Ok(())
}

/// Limits the records that are sent.
fn limited(mut handshake: Handshake, record: u16) -> Handshake {
    handshake.engine_config().fragment_limit = record;
    handshake
}

fn report(index: usize, link: &Link<Served>, failure: Option<&io::Error>) {
    match (&link.tls, failure) {
        (Tls::Open(layer), None) => {
            eprintln!("{index}: {:?}, {:?}", layer.end().read, layer.end().write)
        }
        (Tls::Open(layer), Some(error)) => eprintln!("{index}: {:?}, {error}", layer.end().read),
        (Tls::Handshake(_), _) => eprintln!("{index}: no handshake"),
        (Tls::Failed(error), _) => eprintln!("{index}: {error}"),
    }
}
