//! OpenSSL, which reads from and writes to the transport itself.

use std::sync::LazyLock;

use openssl::ssl::{
    ErrorCode, ShutdownResult, Ssl, SslContext, SslMethod, SslStream, SslVerifyMode, SslVersion,
};
use openssl::x509::{X509, store::X509StoreBuilder};

use crate::peer::{Client, Io, Library, Server, Transport, authority};

pub(crate) const LIBRARIES: [Library; 1] = [Library { name: "OpenSSL", connect }];

static CONTEXT: LazyLock<SslContext> = LazyLock::new(|| context().expect("a valid config"));

fn context() -> Result<SslContext, openssl::error::ErrorStack> {
    let mut context = SslContext::builder(SslMethod::tls_client())?;
    context.set_min_proto_version(Some(SslVersion::TLS1_3))?;
    context.set_ciphersuites("TLS_AES_128_GCM_SHA256")?;
    let mut store = X509StoreBuilder::new()?;
    store.add_cert(X509::from_der(&authority())?)?;
    context.set_cert_store(store.build());
    context.set_verify(SslVerifyMode::PEER);
    Ok(context.build())
}

struct Openssl(SslStream<Transport>);

fn connect(server: Server) -> (Box<dyn Client>, Server) {
    let mut ssl = Ssl::new(&CONTEXT).expect("a connection");
    ssl.set_hostname("localhost").expect("a name");
    let mut stream = SslStream::new(ssl, Transport::to(server)).expect("a connection");
    stream.connect().expect("the handshake succeeds");
    let server = stream.get_mut().server.take().expect("the server of the transport");
    (Box::new(Openssl(stream)), server)
}

impl Client for Openssl {
    fn seal(&mut self, content: &[u8], _io: &mut Io) -> usize {
        assert_eq!(self.0.ssl_write(content).expect("the transport takes it"), content.len());
        self.0.get_mut().take_sent()
    }

    fn open(&mut self, io: &mut Io) -> usize {
        self.0.get_mut().arrive(io);
        self.0.ssl_read(io.content.bytes()).expect("a valid record")
    }

    fn close(&mut self, _io: &mut Io) -> usize {
        assert_eq!(self.0.shutdown().expect("it is open"), ShutdownResult::Sent);
        self.0.get_mut().take_sent()
    }

    fn open_close(&mut self, io: &mut Io) -> bool {
        self.0.get_mut().arrive(io);
        let read = self.0.ssl_read(io.content.bytes());
        read.is_err_and(|error| error.code() == ErrorCode::ZERO_RETURN)
    }
}
