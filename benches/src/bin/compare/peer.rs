//! What a library must do to be compared: one small trait.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Arc, LazyLock};

use rustls::crypto::{CryptoProvider, aws_lc_rs, ring};
use rustls::pki_types::CertificateDer;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig, ServerConnection};
use tls_record_benches::timing::Page;
use tls_record_tests::peers::{Suite, Version, identity, rustls_server_config};

/// Room for a record, whoever makes it.
const ROOM: usize = 20_000;

/// A client behind its handshake: TLS 1.3, AES-128-GCM with SHA-256.
///
/// What is sent goes to a transport that takes it as it lies, without a copy; what is received is
/// copied out of the transport, once, as a kernel does. Both hold for all.
pub(crate) trait Client {
    /// Seals a record of application data, and gives it to the transport: its length.
    fn seal(&mut self, content: &[u8], io: &mut Io) -> usize;

    /// Receives a record of application data: the length of its content, which is readable now.
    fn open(&mut self, io: &mut Io) -> usize;

    /// Seals a close_notify, and gives it to the transport: its length.
    fn close(&mut self, io: &mut Io) -> usize;

    /// Receives a close_notify: whether it was one.
    fn open_close(&mut self, io: &mut Io) -> bool;

    /// Bytes that it keeps, but did not allocate itself.
    fn lent(&self) -> usize {
        0
    }
}

/// A library, as it is compared.
pub(crate) struct Library {
    /// Its name in tables and charts.
    pub(crate) name: &'static str,
    /// Makes the handshake with a server.
    pub(crate) connect: fn(Server) -> (Box<dyn Client>, Server),
}

/// What is the program's own, in one for all of them.
pub(crate) struct Io {
    /// The record that arrives next. Libraries that read by themselves take it and leave another.
    pub(crate) incoming: Vec<u8>,
    /// Where libraries without I/O find it, and where they leave their own.
    pub(crate) input: Page,
    pub(crate) output: Page,
    /// Where content is copied to, by those who copy it.
    pub(crate) content: Page,
}

impl Io {
    pub(crate) fn new() -> Self {
        Self {
            incoming: vec![],
            input: Page::new(ROOM),
            output: Page::new(ROOM),
            content: Page::new(ROOM),
        }
    }

    /// Reads the record from the transport.
    pub(crate) fn receive(&mut self) -> &mut [u8] {
        let input = &mut self.input.bytes()[..self.incoming.len()];
        input.copy_from_slice(&self.incoming);
        input
    }
}

/// The other end of every handshake: rustls. Afterwards it makes the records that are received.
pub(crate) struct Server(ServerConnection);

impl Server {
    pub(crate) fn new() -> Self {
        static CONFIG: LazyLock<Arc<ServerConfig>> = LazyLock::new(|| {
            let mut config = rustls_server_config(Version::Tls13, Suite::Aes128Gcm);
            // They would arrive with the first record.
            config.send_tls13_tickets = 0;
            Arc::new(config)
        });
        Self(ServerConnection::new(CONFIG.clone()).expect("a good configuration"))
    }

    pub(crate) fn receive(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            self.0.read_tls(&mut bytes).expect("room for it");
            self.0.process_new_packets().expect("a client that keeps to the protocol");
        }
    }

    pub(crate) fn take_output(&mut self) -> Vec<u8> {
        let mut output = vec![];
        while self.0.wants_write() {
            self.0.write_tls(&mut output).expect("a vector takes everything");
        }
        output
    }

    /// A record with this content.
    pub(crate) fn seal(&mut self, content: &[u8]) -> Vec<u8> {
        self.0.writer().write_all(content).expect("room for it");
        self.take_output()
    }

    /// A record with a close_notify.
    pub(crate) fn close(&mut self) -> Vec<u8> {
        self.0.send_close_notify();
        self.take_output()
    }
}

/// The transport of libraries that read and write by themselves.
pub(crate) struct Transport {
    /// Who is at the other end during the handshake. Afterwards nobody is, and what is sent is lost.
    pub(crate) server: Option<Server>,
    pub(crate) incoming: Vec<u8>,
    pub(crate) read: usize,
    pub(crate) sent: usize,
}

impl Transport {
    pub(crate) const fn to(server: Server) -> Self {
        Self { server: Some(server), incoming: vec![], read: 0, sent: 0 }
    }

    /// What was sent since the last time.
    pub(crate) fn take_sent(&mut self) -> usize {
        std::mem::take(&mut self.sent)
    }

    /// The next record has arrived.
    pub(crate) fn arrive(&mut self, io: &mut Io) {
        std::mem::swap(&mut self.incoming, &mut io.incoming);
        self.read = 0;
    }
}

impl Read for Transport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read == self.incoming.len() {
            self.incoming = self.server.as_mut().map(Server::take_output).unwrap_or_default();
            self.read = 0;
            if self.incoming.is_empty() {
                return Err(ErrorKind::WouldBlock.into());
            }
        }
        let len = (&self.incoming[self.read..]).read(buffer)?;
        self.read += len;
        Ok(len)
    }
}

impl Write for Transport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.server {
            Some(server) => server.receive(bytes),
            None => self.sent += bytes.len(),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where the records of libraries go that write to whatever takes them.
pub(crate) struct Sink(pub(crate) usize);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += std::hint::black_box(bytes).len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The certificate that the server's is issued by.
pub(crate) fn authority() -> CertificateDer<'static> {
    identity().authority.clone()
}

/// Of rustls clients that use ring, which share it.
pub(crate) static RING: LazyLock<Arc<ClientConfig>> =
    LazyLock::new(|| rustls_client_config(ring::default_provider()));

/// Of rustls clients that use AWS-LC, which share it.
pub(crate) static AWS_LC: LazyLock<Arc<ClientConfig>> =
    LazyLock::new(|| rustls_client_config(aws_lc_rs::default_provider()));

fn rustls_client_config(mut provider: CryptoProvider) -> Arc<ClientConfig> {
    provider.cipher_suites.retain(|suite| u16::from(suite.suite()) == 0x1301);
    let mut roots = RootCertStore::empty();
    roots.add(authority()).expect("a certificate");
    let config = ClientConfig::builder_with_provider(provider.into())
        .with_protocol_versions(&[&TLS13])
        .expect("a suite of TLS 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}
