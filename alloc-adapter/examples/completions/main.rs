//! A TLS server or client on compio, a runtime over io_uring, with buffers that the kernel owns meanwhile.
//!
//! `tls.rs` is the driver, with the handshake of rustls. Where there is no io_uring, compio polls.

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "shared with other examples")]
mod support;
mod tls;

use std::error::Error;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use compio::net::{TcpListener, TcpStream};
use compio::runtime::{Runtime, spawn};
use rustls::ServerConfig;
use support::{Identity, Tls as Versions, client_config};
use tls::Tls;
use tls_record::End;
use tls_record_alloc::Handshake;

/// A TLS server or client on io_uring.
///
/// The server sends every piece of data back reversed. After data that contains "update keys" it sends a
/// KeyUpdate that requests one from the client. The client sends its standard input, closes its direction,
/// and prints what it receives.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Serve at this address, HOST:PORT, with a certificate for localhost.
    #[arg(long, value_name = "ADDR", required_unless_present = "connect")]
    listen: Option<String>,
    /// The certificate chain of the server, PEM. Without it the server makes one.
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// The private key of the server, PEM.
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Connect to the server called localhost at this address.
    #[arg(long, value_name = "ADDR", conflicts_with = "listen", requires = "ca")]
    connect: Option<String>,
    /// The certificates to trust as a client, PEM.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let run = async {
        match (&args.connect, &args.ca) {
            (Some(address), Some(ca)) => {
                let config = Arc::new(client_config(ca, Versions::Any)?);
                let name = "localhost".try_into()?;
                request(Handshake::client(config, name)?, address).await
            }
            _ => listen(&args).await,
        }
    };
    match Runtime::new().map_err(Into::into).and_then(|runtime| runtime.block_on(run)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("completions: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn listen(args: &Args) -> Result<(), Box<dyn Error>> {
    let identity = match (&args.cert, &args.key) {
        (Some(cert), Some(key)) => Identity::from_files(cert, key)?,
        _ => Identity::self_signed()?,
    };
    let config = Arc::new(identity.server_config(Versions::Any)?);
    let listener = TcpListener::bind(args.listen.as_deref().unwrap_or_default()).await?;
    println!("listening on {}", listener.local_addr()?);
    io::stdout().flush()?;
    loop {
        let (tcp, peer) = listener.accept().await?;
        let config = config.clone();
        let serving = spawn(async move {
            match serve(config, tcp).await {
                Ok(end) => eprintln!("{peer}: {:?}, {:?}", end.read, end.write),
                Err(error) => eprintln!("{peer}: {error}"),
            }
        });
        serving.detach();
    }
}

async fn serve(config: Arc<ServerConfig>, tcp: TcpStream) -> io::Result<End> {
    let mut tls = Tls::establish(Handshake::server(config)?, tcp).await?;
    while let Some(mut data) = tls.read().await? {
        let is_update = data.windows(11).any(|window| window == b"update keys");
        let line = data.strip_suffix(b"\n").map_or(data.len(), <[u8]>::len);
        data[..line].reverse();
        if is_update {
            // TLS 1.2 has no KeyUpdate.
            let _ = tls.update_keys();
        }
        tls.write(&data).await?;
    }
    tls.close().await?;
    Ok(tls.end())
}

async fn request(handshake: Handshake, address: &str) -> Result<(), Box<dyn Error>> {
    let mut tls = Tls::establish(handshake, TcpStream::connect(address).await?).await?;
    let mut request = Vec::new();
    io::stdin().read_to_end(&mut request)?;
    tls.write(&request).await?;
    tls.close().await?;
    while let Some(data) = tls.read().await? {
        io::stdout().write_all(&data)?;
    }
    if !tls.end().is_clean() {
        return Err(format!("{:?}", tls.end()).into());
    }
    Ok(())
}
