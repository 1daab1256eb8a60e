//! The server on tokio-rustls: the same services, in one thread.

use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::Mode;

/// The bytes that a record adds to its content, and its header, as rustls counts them.
const HEADER: usize = 5;

pub(crate) fn run(mode: Mode, record: usize, write: usize) -> io::Result<()> {
    let made =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).map_err(io::Error::other)?;
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .map_err(io::Error::other)?;
    config.max_fragment_size = Some(record + HEADER);
    let acceptor = TlsAcceptor::from(Arc::new(config));

    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("listening on {}", listener.local_addr()?);
        loop {
            let (tcp, _) = listener.accept().await?;
            tcp.set_nodelay(true)?;
            let acceptor = acceptor.clone();
            tokio::task::spawn_local(async move {
                let tls = acceptor.accept(tcp).await?;
                match mode {
                    Mode::Http => http(tls, write).await,
                    Mode::Echo => echo(tls, write).await,
                }
            });
        }
    })
}

async fn http(mut tls: impl AsyncRead + AsyncWrite + Unpin, write: usize) -> io::Result<()> {
    let (mut request, mut room) = (Vec::new(), [0; 1024]);
    while !request.ends_with(b"\r\n\r\n") {
        match tls.read(&mut room).await? {
            0 => return Ok(()),
            len => request.extend_from_slice(&room[..len]),
        }
    }
    let request = String::from_utf8_lossy(&request);
    let len = request.split(' ').nth(1).and_then(|path| path.trim_start_matches('/').parse().ok());
    let mut left: usize = len.unwrap_or(0);
    tls.write_all(format!("HTTP/1.0 200 OK\r\nContent-Length: {left}\r\n\r\n").as_bytes()).await?;
    let content = vec![0x5a; write];
    while left > 0 {
        let len = left.min(write);
        tls.write_all(&content[..len]).await?;
        left -= len;
    }
    tls.shutdown().await?;
    tls.read_to_end(&mut Vec::new()).await.map(drop)
}

async fn echo(mut tls: impl AsyncRead + AsyncWrite + Unpin, len: usize) -> io::Result<()> {
    let mut room = vec![0; len];
    loop {
        match tls.read(&mut room).await? {
            0 => return tls.shutdown().await,
            len => tls.write_all(&room[..len]).await?,
        }
        tls.flush().await?;
    }
}
