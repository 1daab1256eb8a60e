//! embedded-tls over a blocking transport.

use std::cell::RefCell;
use std::rc::Rc;

use embedded_io::{ErrorKind, ErrorType, Read, Write};
use embedded_tls::blocking::TlsConnection;
use embedded_tls::{Aes128GcmSha256, TlsConfig, TlsContext, TlsError, UnsecureProvider};
use rand_core::OsRng;

use crate::peer::{Client, Io, Library, Server, Transport};

pub(crate) const LIBRARIES: [Library; 1] = [Library { name: "embedded-tls", connect }];

/// The length that its documentation recommends.
const BUFFER: usize = 16_640 + 128;

type Connection = TlsConnection<'static, Socket, Aes128GcmSha256>;

struct Embedded {
    /// `None` after closing, which consumes it.
    connection: Option<Connection>,
    transport: Shared,
}

/// The transport is shared, because the connection gives no access to it.
type Shared = Rc<RefCell<Transport>>;

struct Socket(Shared);

impl ErrorType for Socket {
    type Error = ErrorKind;
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        std::io::Read::read(&mut *self.0.borrow_mut(), buffer).map_err(|_| ErrorKind::Other)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        std::io::Write::write(&mut *self.0.borrow_mut(), bytes).map_err(|_| ErrorKind::Other)
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

fn connect(server: Server) -> (Box<dyn Client>, Server) {
    let transport = Rc::new(RefCell::new(Transport::to(server)));
    let buffer = || Box::leak(vec![0; BUFFER].into_boxed_slice());
    let mut connection = Connection::new(Socket(transport.clone()), buffer(), buffer());
    let config = TlsConfig::new().with_server_name("localhost");
    let provider = UnsecureProvider::new::<Aes128GcmSha256>(OsRng);
    connection.open(TlsContext::new(&config, provider)).expect("the handshake succeeds");
    let server = transport.borrow_mut().server.take().expect("the server of the transport");
    (Box::new(Embedded { connection: Some(connection), transport }), server)
}

impl Embedded {
    fn connection(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("it is open")
    }
}

impl Client for Embedded {
    fn seal(&mut self, content: &[u8], _io: &mut Io) -> usize {
        let connection = self.connection();
        assert_eq!(connection.write(content).expect("the buffer is long enough"), content.len());
        connection.flush().expect("the transport takes it");
        self.transport.borrow_mut().take_sent()
    }

    fn open(&mut self, io: &mut Io) -> usize {
        self.transport.borrow_mut().arrive(io);
        self.connection().read(io.content.bytes()).expect("a valid record")
    }

    fn close(&mut self, _io: &mut Io) -> usize {
        let connection = self.connection.take().expect("it is open");
        assert!(connection.close().is_ok());
        self.transport.borrow_mut().take_sent()
    }

    fn open_close(&mut self, io: &mut Io) -> bool {
        self.transport.borrow_mut().arrive(io);
        matches!(self.connection().read(io.content.bytes()), Err(TlsError::ConnectionClosed))
    }

    fn lent(&self) -> usize {
        2 * BUFFER
    }
}
