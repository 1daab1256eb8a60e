// A small client and server as they are written for tokio-rustls. `changing_over.rs` includes this file
// after the imports of tokio-rustls, and again after ours.

/// Serves one connection: returns the request and an answer, and closes.
pub(super) async fn serve<IO>(acceptor: TlsAcceptor, io: IO) -> io::Result<()>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let stream: server::TlsStream<IO> = acceptor.accept(io).await?;
    let mut stream = TlsStream::from(stream);
    answer(&mut stream).await?;
    stream.shutdown().await
}

/// The same with a config that is chosen by the name of the server.
pub(super) async fn serve_by_name<IO>(
    choose: impl FnOnce(&str) -> Arc<ServerConfig>,
    io: IO,
) -> io::Result<()>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let acceptor = LazyConfigAcceptor::new(Acceptor::default(), io);
    tokio::pin!(acceptor);
    match acceptor.as_mut().await {
        Ok(start) => {
            let config = choose(start.client_hello().server_name().unwrap_or_default());
            let mut stream = start.into_stream(config).await?;
            answer(&mut stream).await?;
            stream.shutdown().await
        }
        Err(error) => {
            let mut io = acceptor.take_io().expect("the transport");
            io.write_all(b"this port speaks TLS\r\n").await?;
            Err(error)
        }
    }
}

async fn answer(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<()> {
    let mut request = String::new();
    let (read, mut write) = tokio::io::split(stream);
    BufReader::new(read).read_line(&mut request).await?;
    write.write_all(request.as_bytes()).await?;
    write.write_all(&vec![b'.'; 100_000]).await?;
    write.flush().await
}

/// Sends a request, and returns what the server answers.
pub(super) async fn request<IO>(
    config: Arc<ClientConfig>,
    name: &'static str,
    io: IO,
) -> io::Result<Vec<u8>>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let domain = ServerName::try_from(name).map_err(io::Error::other)?;
    let connector = TlsConnector::from(config);
    let mut stream: client::TlsStream<IO> = connector.connect(domain, io).await?;
    stream.write_all(b"GET /\n").await?;
    stream.flush().await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    stream.shutdown().await?;
    Ok(answer)
}

/// Fails to connect, and returns the transport with the error.
pub(super) async fn fail<IO>(config: Arc<ClientConfig>, io: IO) -> (io::Error, IO)
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let connector = TlsConnector::from(config);
    let domain = ServerName::try_from("other.example").expect("a name");
    let connecting = connector.with_alpn(vec![b"h2".to_vec()]).connect(domain, io);
    assert!(connecting.get_ref().is_some());
    match connecting.into_fallible().await {
        Ok(_) => panic!("the certificate is for another name"),
        Err((error, io)) => (error, io),
    }
}
