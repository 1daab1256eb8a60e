//! rustls with its buffered API.

use std::io::{Read, Write};
use std::sync::Arc;

use rustls::{ClientConfig, ClientConnection};

use crate::peer::{AWS_LC, Client, Io, Library, RING, Server, Sink, Transport};

pub(crate) const LIBRARIES: [Library; 2] = [
    Library { name: "rustls buffered, ring", connect: |server| connect(&RING, server) },
    Library { name: "rustls buffered, AWS-LC", connect: |server| connect(&AWS_LC, server) },
];

struct Buffered(ClientConnection);

fn connect(config: &Arc<ClientConfig>, server: Server) -> (Box<dyn Client>, Server) {
    let mut transport = Transport::to(server);
    let name = "localhost".try_into().expect("a name");
    let mut client = ClientConnection::new(config.clone(), name).expect("good");
    while client.is_handshaking() {
        client.complete_io(&mut transport).expect("the handshake succeeds");
    }
    (Box::new(Buffered(client)), transport.server.expect("the server of the transport"))
}

impl Buffered {
    fn send(&mut self) -> usize {
        let mut sink = Sink(0);
        while self.0.wants_write() {
            self.0.write_tls(&mut sink).expect("it takes everything");
        }
        sink.0
    }
}

impl Client for Buffered {
    fn seal(&mut self, content: &[u8], _io: &mut Io) -> usize {
        self.0.writer().write_all(content).expect("the buffer is long enough");
        self.send()
    }

    fn open(&mut self, io: &mut Io) -> usize {
        let mut incoming = &io.incoming[..];
        while !incoming.is_empty() {
            self.0.read_tls(&mut incoming).expect("the buffer is long enough");
            self.0.process_new_packets().expect("a valid record");
        }
        let content = io.content.bytes();
        let mut len = 0;
        // The reader may return the content in several pieces.
        while let Ok(more @ 1..) = self.0.reader().read(&mut content[len..]) {
            len += more;
        }
        len
    }

    fn close(&mut self, _io: &mut Io) -> usize {
        self.0.send_close_notify();
        self.send()
    }

    fn open_close(&mut self, io: &mut Io) -> bool {
        self.0.read_tls(&mut &io.incoming[..]).expect("the buffer is long enough");
        self.0.process_new_packets().is_ok_and(|state| state.peer_has_closed())
    }
}
