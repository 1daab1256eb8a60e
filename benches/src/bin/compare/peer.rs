//! The interface that a library implements to be compared, and the server of the handshakes.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Arc, LazyLock};

use rustls::crypto::{CryptoProvider, aws_lc_rs, ring};
use rustls::pki_types::CertificateDer;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig, ServerConnection};
use tls_record_benches::timing::Page;
use tls_record_tests::peers::{Suite, Version, identity, rustls_server_config};

/// The length of a buffer that holds a record of any library.
const ROOM: usize = 20_000;

/// A client after its handshake: TLS 1.3, AES-128-GCM with SHA-256.
///
/// The transport takes sent bytes without copying them. Received bytes are copied out of the
/// transport once, as by a kernel. This is the same for all libraries.
pub(crate) trait Client {
    /// Seals a record of application data and sends it. Returns the length of the record.
    fn seal(&mut self, content: &[u8], io: &mut Io) -> usize;

    /// Receives and opens a record of application data. Returns the length of the content.
    fn open(&mut self, io: &mut Io) -> usize;

    /// Seals a close_notify and sends it. Returns the length of the record.
    fn close(&mut self, io: &mut Io) -> usize;

    /// Receives and opens a record. Returns whether it is a close_notify.
    fn open_close(&mut self, io: &mut Io) -> bool;

    /// Returns the bytes of buffers that the client uses but did not allocate.
    fn lent(&self) -> usize {
        0
    }
}

/// A library to compare.
pub(crate) struct Library {
    /// Its name in tables and charts.
    pub(crate) name: &'static str,
    /// Performs the handshake with a server.
    pub(crate) connect: fn(Server) -> (Box<dyn Client>, Server),
}

/// Buffers of the program, shared by all libraries.
pub(crate) struct Io {
    /// The next incoming record. Libraries that read from the transport swap it for another buffer.
    pub(crate) incoming: Vec<u8>,
    /// Input and output buffers of libraries without I/O.
    pub(crate) input: Page,
    pub(crate) output: Page,
    /// The buffer to which libraries copy the content.
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

    /// Copies the incoming record out of the transport.
    pub(crate) fn receive(&mut self) -> &mut [u8] {
        let input = &mut self.input.bytes()[..self.incoming.len()];
        input.copy_from_slice(&self.incoming);
        input
    }
}

/// The peer of every handshake: rustls. Afterwards it seals the records that the clients open.
pub(crate) struct Server(ServerConnection);

impl Server {
    pub(crate) fn new() -> Self {
        static CONFIG: LazyLock<Arc<ServerConfig>> = LazyLock::new(|| {
            let mut config = rustls_server_config(Version::Tls13, Suite::Aes128Gcm);
            // Tickets would arrive with the first record.
            config.send_tls13_tickets = 0;
            Arc::new(config)
        });
        Self(ServerConnection::new(CONFIG.clone()).expect("a valid config"))
    }

    pub(crate) fn receive(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            self.0.read_tls(&mut bytes).expect("the buffer is long enough");
            self.0.process_new_packets().expect("the client follows the protocol");
        }
    }

    pub(crate) fn take_output(&mut self) -> Vec<u8> {
        let mut output = vec![];
        while self.0.wants_write() {
            self.0.write_tls(&mut output).expect("writing to a `Vec` succeeds");
        }
        output
    }

    /// Seals a record with this content.
    pub(crate) fn seal(&mut self, content: &[u8]) -> Vec<u8> {
        self.0.writer().write_all(content).expect("the buffer is long enough");
        self.take_output()
    }

    /// Seals a close_notify.
    pub(crate) fn close(&mut self) -> Vec<u8> {
        self.0.send_close_notify();
        self.take_output()
    }
}

/// The transport of libraries that read and write themselves.
pub(crate) struct Transport {
    /// The server, during the handshake. Afterwards `None`, and sent bytes are dropped.
    pub(crate) server: Option<Server>,
    pub(crate) incoming: Vec<u8>,
    pub(crate) read: usize,
    pub(crate) sent: usize,
}

impl Transport {
    pub(crate) const fn to(server: Server) -> Self {
        Self { server: Some(server), incoming: vec![], read: 0, sent: 0 }
    }

    /// Returns the number of bytes sent since the last call.
    pub(crate) fn take_sent(&mut self) -> usize {
        std::mem::take(&mut self.sent)
    }

    /// Makes the next record available for reading.
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

/// A writer that drops and counts the records of libraries that write to an `impl Write`.
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

/// Returns the certificate of the authority that issued the server's certificate.
pub(crate) fn authority() -> CertificateDer<'static> {
    identity().authority.clone()
}

/// The config shared by the rustls clients that use ring.
pub(crate) static RING: LazyLock<Arc<ClientConfig>> =
    LazyLock::new(|| rustls_client_config(ring::default_provider()));

/// The config shared by the rustls clients that use AWS-LC.
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
