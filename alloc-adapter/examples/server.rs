//! A TLS server on the blocking stream, to test clients with.

use std::error::Error;
use std::io::{self, BufRead, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use rustls::ServerConfig;
use tls_record::aead::ring::Ring;
use tls_record::{End, KeyError};
use tls_record_alloc::{Stream, disconnect};

#[allow(dead_code)] // Other examples use the remaining items.
mod support;
use support::{Identity, Tls};

/// A TLS server. rustls performs the handshake, tls-record protects the records.
///
/// In the mode http, the server answers every request that ends in a blank line, and keeps the
/// connection open until the client closes it. Before it answers GET /keyupdate, it sends a KeyUpdate
/// that requests one from the client. After it has answered GET /close, it closes the connection. In
/// the mode reverse, the server sends every line back reversed.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// The address to listen on, as HOST:PORT. With port 0 the system chooses a port, which is
    /// printed.
    #[arg(long, value_name = "ADDR")]
    listen: String,
    /// The certificate chain, PEM.
    #[arg(long, value_name = "FILE", requires = "key", required_unless_present = "self_signed")]
    cert: Option<PathBuf>,
    /// The private key, PEM.
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Make a certificate for localhost, instead of --cert and --key.
    #[arg(long, conflicts_with_all = ["cert", "key"])]
    self_signed: bool,
    /// The protocol version.
    #[arg(long, value_enum, default_value_t)]
    tls: Tls,
    /// What to answer to clients.
    #[arg(long, value_enum, default_value_t)]
    mode: Mode,
    /// Disconnect a client after this many seconds without a byte.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    idle: u64,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Mode {
    /// Answer HTTP requests.
    #[default]
    Http,
    /// Send lines back reversed.
    Reverse,
}

type Connection = Stream<TcpStream, Ring>;

/// The longest line of a client, in bytes.
const MAX_LINE: u64 = 64 * 1024;

/// The limits of a disconnect: the bytes of input to discard, and the time to wait for the client's
/// end.
const REST: u64 = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("server: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let identity = match (&args.cert, &args.key) {
        (Some(cert), Some(key)) => Identity::from_files(cert, key)?,
        _ => Identity::self_signed()?,
    };
    let config = Arc::new(identity.server_config(args.tls)?);
    let listener = TcpListener::bind(&args.listen)?;
    println!("listening on {}", listener.local_addr()?);
    io::stdout().flush()?;
    for accepted in listener.incoming() {
        match accepted {
            Ok(tcp) => {
                let (config, mode) = (config.clone(), args.mode);
                let idle = Duration::from_secs(args.idle);
                thread::spawn(move || report(tcp.peer_addr(), serve(config, mode, idle, tcp)));
            }
            // The client is gone, or there are too many at a time: keep serving the others.
            Err(error) => {
                eprintln!("server: {error}");
                thread::sleep(Duration::from_millis(10));
            }
        }
    }
    Ok(())
}

fn report(peer: io::Result<SocketAddr>, served: io::Result<End>) {
    let peer = peer.map_or_else(|_| "a client".into(), |addr| addr.to_string());
    match served {
        Ok(end) => eprintln!("{peer}: {:?}, {:?}", end.read, end.write),
        Err(error) => eprintln!("{peer}: {error}"),
    }
}

/// Serves one client. Every path disconnects: a socket that is only dropped may be reset, which
/// destroys the response or the alert.
fn serve(config: Arc<ServerConfig>, mode: Mode, idle: Duration, tcp: TcpStream) -> io::Result<End> {
    tcp.set_read_timeout(Some(idle))?;
    tcp.set_write_timeout(Some(idle))?;
    let mut stream = Connection::accept(config, tcp).map_err(|failed| {
        disconnect(failed.transport, REST, PATIENCE);
        failed.error
    })?;
    let served = match mode {
        Mode::Http => http(&mut stream),
        Mode::Reverse => reverse(&mut stream),
    };
    let disconnected = stream.disconnect(REST, PATIENCE);
    served.and(disconnected)
}

/// Answers requests until the client closes or requests `/close`.
fn http(stream: &mut Connection) -> io::Result<()> {
    while let Some(request) = read_request(stream)? {
        let path = request.split(' ').nth(1).unwrap_or("/");
        if path == "/keyupdate" {
            match stream.update_keys(true) {
                // The client may take its time to answer the last request.
                Ok(()) | Err(KeyError::RequestOutstanding) => {}
                // TLS 1.2 has no KeyUpdate.
                Err(error) => {
                    respond(stream, "501 Not Implemented", &format!("{error}\n"))?;
                    continue;
                }
            }
        }
        respond(stream, "200 OK", &format!("you asked for {path}\n"))?;
        if path == "/close" {
            break;
        }
    }
    Ok(())
}

/// Reads the next request and returns its first line, or `None` if the client has closed.
fn read_request(stream: &mut Connection) -> io::Result<Option<String>> {
    let mut first = None;
    while let Some(line) = read_line(stream)? {
        match (line.trim_end(), &first) {
            ("", Some(_)) => return Ok(first),
            // RFC 9112 section 2.2: an empty line before a request is skipped.
            ("", None) => {}
            (line, None) => first = Some(line.to_owned()),
            (_, Some(_)) => {}
        }
    }
    Ok(None)
}

fn respond(stream: &mut Connection, status: &str, body: &str) -> io::Result<()> {
    // Write the response in one call: every call seals its own records, and TCP delays small packets.
    let response = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
        body.len(),
    );
    stream.write_all(response.as_bytes())?;
    stream.flush()
}

/// Sends every line back reversed.
fn reverse(stream: &mut Connection) -> io::Result<()> {
    while let Some(line) = read_line(stream)? {
        let mut reversed: String = line.trim_end_matches(['\r', '\n']).chars().rev().collect();
        reversed.push('\n');
        stream.write_all(reversed.as_bytes())?;
        stream.flush()?;
    }
    Ok(())
}

/// Reads a line with its line end. Returns `None` at the end of the stream.
fn read_line(stream: &mut Connection) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    let length = stream.take(MAX_LINE).read_until(b'\n', &mut line)?;
    if length == 0 {
        return Ok(None);
    }
    if length as u64 == MAX_LINE {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "line longer than 64 KiB"));
    }
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}
