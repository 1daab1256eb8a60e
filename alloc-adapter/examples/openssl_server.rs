//! A TLS server on tokio with the handshake of OpenSSL: `TokioStream` after `Takeover`.

use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use openssl::pkey::PKey;
use openssl::ssl::{Ssl, SslAcceptor, SslContext, SslFiletype, SslMethod};
use openssl::x509::X509;
use tls_record::End;
use tls_record::aead::ring::Ring;
use tls_record_alloc::takeover::{Openssl, Takeover};
use tls_record_alloc::{TokioStream, disconnect_async};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};

/// A TLS server. OpenSSL performs the handshake, tls-record protects the records.
///
/// The server sends every line back reversed. After the line "update keys" it first sends a KeyUpdate that
/// requests one from the client.
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
    /// Disconnect a client after this many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    limit: u64,
}

type Connection = TokioStream<TcpStream, Ring>;

/// The longest line of a client, in bytes.
const MAX_LINE: u64 = 64 * 1024;

/// The limits of a disconnect: the bytes of input to discard, and the time to wait for the client's
/// end.
const REST: u64 = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let args = Args::parse();
    let runtime = Builder::new_current_thread().enable_all().build();
    match runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(run(&args))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("openssl_server: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let context = context(args.cert.as_deref().zip(args.key.as_deref()))?;
    let limit = Duration::from_secs(args.limit);
    let listener = TcpListener::bind(&args.listen).await?;
    println!("listening on {}", listener.local_addr()?);
    io::stdout().flush()?;
    loop {
        match listener.accept().await {
            Ok((tcp, peer)) => {
                let ssl = Ssl::new(&context)?;
                tokio::spawn(async move {
                    match timeout(limit, serve(ssl, tcp)).await {
                        Ok(Ok(end)) => eprintln!("{peer}: {:?}, {:?}", end.read, end.write),
                        Ok(Err(error)) => eprintln!("{peer}: {error}"),
                        Err(_) => eprintln!("{peer}: disconnected after {limit:?}"),
                    }
                });
            }
            // The client is gone, or there are too many at a time: keep serving the others.
            Err(error) => {
                eprintln!("openssl_server: {error}");
                sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

/// Makes the context of OpenSSL, which reports the secrets to the takeover only.
fn context(files: Option<(&Path, &Path)>) -> Result<SslContext, Box<dyn Error>> {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
    if let Some((cert, key)) = files {
        builder.set_certificate_chain_file(cert)?;
        builder.set_private_key_file(key, SslFiletype::PEM)?;
    } else {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        let certificate = X509::from_der(made.cert.der())?;
        let key = PKey::private_key_from_der(&made.signing_key.serialize_der())?;
        builder.set_certificate(&certificate)?;
        builder.set_private_key(&key)?;
    }
    builder.set_keylog_callback(Openssl::key_log);
    Ok(builder.build().into_context())
}

/// Serves one client. Every path disconnects, but for a client that is out of time: a socket that is only
/// dropped may be reset, which destroys the response or the alert.
async fn serve(ssl: Ssl, tcp: TcpStream) -> io::Result<End> {
    let takeover = Takeover::new(Openssl::server(ssl)?);
    let mut stream = match Connection::from_takeover(takeover, tcp).await {
        Ok(stream) => stream,
        Err(failed) => {
            disconnect_async(failed.transport, REST, sleep(PATIENCE)).await;
            return Err(failed.error);
        }
    };
    let served = reverse(&mut stream).await;
    let disconnected = stream.disconnect(REST, sleep(PATIENCE)).await;
    served.and(disconnected)
}

/// Sends every line back reversed.
async fn reverse(stream: &mut Connection) -> io::Result<()> {
    let mut line = Vec::new();
    while (&mut *stream).take(MAX_LINE).read_until(b'\n', &mut line).await? != 0 {
        if line.len() as u64 == MAX_LINE {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "line longer than 64 KiB"));
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\r', '\n']);
        if text == "update keys" {
            // It fails in TLS 1.2, which has no KeyUpdate, and until the client has answered the last request.
            let _ = stream.update_keys(true);
        }
        let reversed: String = text.chars().rev().chain(['\n']).collect();
        // One call, and so one record.
        stream.write_all(reversed.as_bytes()).await?;
        stream.flush().await?;
        line.clear();
    }
    Ok(())
}
