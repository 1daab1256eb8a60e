//! rustls, as any TLS library: by the bytes of its buffered connections and its key log.

use std::io::Write;
use std::mem;
use std::sync::{Arc, Mutex};

use tls_record_alloc::Progress;
use tls_record_alloc::rustls::{
    ClientConfig, ClientConnection, Connection, Error, KeyLog, ServerConfig, ServerConnection,
};
use tls_record_alloc::takeover::{Library, Secrets};
use tls_record_alloc::tls_record::Role;
use tls_record_alloc::tls_record::takeover::SecretKind;
use tls_record_tests::peers::SERVER_NAME;

pub(crate) struct Rustls {
    connection: Connection,
    told: Arc<Told>,
}

impl Rustls {
    /// A client that resumes the sessions of its configuration.
    pub(crate) fn client(config: &ClientConfig) -> Self {
        let told = Arc::<Told>::default();
        let mut config = config.clone();
        config.key_log = told.clone();
        let name = SERVER_NAME.try_into().unwrap();
        let connection = ClientConnection::new(config.into(), name).unwrap().into();
        Self { connection, told }
    }

    /// A server that resumes the sessions of its configuration.
    pub(crate) fn server(config: &ServerConfig) -> Self {
        let told = Arc::<Told>::default();
        let mut config = config.clone();
        config.key_log = told.clone();
        Self { connection: ServerConnection::new(config.into()).unwrap().into(), told }
    }

    /// Writes data, which rustls sends as soon as it can.
    pub(crate) fn write(&mut self, data: &[u8]) {
        self.connection.writer().write_all(data).unwrap();
    }
}

impl Library for Rustls {
    type Error = Error;

    fn role(&self) -> Role {
        match self.connection {
            Connection::Client(_) => Role::Client,
            Connection::Server(_) => Role::Server,
        }
    }

    fn advance(&mut self, mut record: &[u8], sent: &mut Vec<u8>) -> Result<Progress, Error> {
        if !record.is_empty() {
            self.connection.read_tls(&mut record).expect("it reads from memory");
        }
        let processed = self.connection.process_new_packets();
        while self.connection.wants_write() {
            self.connection.write_tls(sent).expect("a vector takes all");
        }
        processed?;
        Ok(match self.connection.is_handshaking() {
            true => Progress::NeedInput,
            false => Progress::Complete,
        })
    }

    fn take_secrets(&mut self) -> Secrets {
        mem::take(&mut self.told.0.lock().unwrap())
    }
}

#[derive(Debug, Default)]
struct Told(Mutex<Secrets>);

impl KeyLog for Told {
    fn log(&self, label: &str, _: &[u8], secret: &[u8]) {
        if let Some(kind) = SecretKind::from_label(label) {
            self.0.lock().unwrap().push(kind, secret);
        }
    }
}
