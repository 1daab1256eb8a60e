//! s2n-tls, with callbacks for the transport.

#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::io::{Read, Write};
use std::sync::LazyLock;
use std::task::Poll;

use s2n_tls::config::Config;
use s2n_tls::connection::Connection;
use s2n_tls::enums::Mode;
use s2n_tls::security::DEFAULT_TLS13;

use crate::peer::{Client, Io, Library, Server, Transport};

pub(crate) const LIBRARIES: [Library; 1] = [Library { name: "s2n-tls", connect }];

static CONFIG: LazyLock<Config> = LazyLock::new(|| config().expect("a valid config"));

fn config() -> Result<Config, s2n_tls::error::Error> {
    let mut config = Config::builder();
    config.with_system_certs(false)?;
    config.set_security_policy(&DEFAULT_TLS13)?;
    // SAFETY: the only peer is the server in this program.
    unsafe { config.disable_x509_verification()? };
    config.build()
}

struct S2n {
    connection: Connection,
    /// Boxed, because the connection keeps its address.
    transport: Box<Transport>,
}

/// Converts the result of the transport, which neither blocks nor fails in this program.
fn length(result: std::io::Result<usize>) -> c_int {
    result.map_or(-1, |len| len as c_int)
}

unsafe extern "C" fn receive(context: *mut c_void, buffer: *mut u8, len: u32) -> c_int {
    // SAFETY: the context is the transport of the calling connection, which does not use it elsewhere
    // during the call. The buffer belongs to the library.
    let (transport, buffer) = unsafe {
        (&mut *context.cast::<Transport>(), std::slice::from_raw_parts_mut(buffer, len as usize))
    };
    length(transport.read(buffer))
}

unsafe extern "C" fn send(context: *mut c_void, buffer: *const u8, len: u32) -> c_int {
    // SAFETY: as in `receive`.
    let (transport, buffer) = unsafe {
        (&mut *context.cast::<Transport>(), std::slice::from_raw_parts(buffer, len as usize))
    };
    length(transport.write(buffer))
}

fn connect(server: Server) -> (Box<dyn Client>, Server) {
    let mut client = S2n {
        connection: Connection::new(Mode::Client),
        transport: Box::new(Transport::to(server)),
    };
    let context = (&raw mut *client.transport).cast();
    negotiate(&mut client.connection, context).expect("the handshake succeeds");
    let server = client.transport.server.take().expect("the server of the transport");
    (Box::new(client), server)
}

fn negotiate(
    connection: &mut Connection,
    context: *mut c_void,
) -> Result<(), s2n_tls::error::Error> {
    connection.set_config(CONFIG.clone())?;
    connection.set_server_name("localhost")?;
    connection.set_receive_callback(Some(receive))?;
    connection.set_send_callback(Some(send))?;
    // SAFETY: the transport is boxed and lives as long as the connection.
    unsafe {
        connection.set_receive_context(context)?;
        connection.set_send_context(context)?;
    }
    match connection.poll_negotiate() {
        Poll::Ready(done) => done.map(|_| ()),
        Poll::Pending => panic!("the server answers at once"),
    }
}

impl Client for S2n {
    fn seal(&mut self, content: &[u8], _io: &mut Io) -> usize {
        let Poll::Ready(Ok(sent)) = self.connection.poll_send(content) else { panic!("not sent") };
        assert_eq!(sent, content.len());
        self.transport.take_sent()
    }

    fn open(&mut self, io: &mut Io) -> usize {
        self.transport.arrive(io);
        match self.connection.poll_recv(io.content.bytes()) {
            Poll::Ready(Ok(len)) => len,
            other => panic!("{other:?}"),
        }
    }

    fn close(&mut self, _io: &mut Io) -> usize {
        let Poll::Ready(Ok(_)) = self.connection.poll_shutdown_send() else { panic!("not sent") };
        self.transport.take_sent()
    }

    fn open_close(&mut self, io: &mut Io) -> bool {
        self.transport.arrive(io);
        matches!(self.connection.poll_recv(io.content.bytes()), Poll::Ready(Ok(0)))
    }
}
