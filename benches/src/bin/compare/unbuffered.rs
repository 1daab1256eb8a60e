//! rustls with its unbuffered API.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::unbuffered::{ConnectionState, UnbufferedStatus, WriteTraffic};

use crate::peer::{AWS_LC, Client, Io, Library, RING, Server};

pub(crate) const LIBRARIES: [Library; 2] = [
    Library { name: "rustls unbuffered, ring", connect: |server| connect(&RING, server) },
    Library { name: "rustls unbuffered, AWS-LC", connect: |server| connect(&AWS_LC, server) },
];

struct Unbuffered(UnbufferedClientConnection);

fn connect(config: &Arc<ClientConfig>, mut server: Server) -> (Box<dyn Client>, Server) {
    let name = "localhost".try_into().expect("a name");
    let mut client = UnbufferedClientConnection::new(config.clone(), name).expect("good");
    let (mut input, mut output) = (vec![], vec![0; 1 << 14]);
    loop {
        let UnbufferedStatus { discard, state } = client.process_tls_records(&mut input);
        let is_blocked = match state.expect("the handshake succeeds") {
            ConnectionState::EncodeTlsData(mut data) => {
                let len = data.encode(&mut output).expect("the buffer is long enough");
                server.receive(&output[..len]);
                false
            }
            ConnectionState::TransmitTlsData(data) => {
                data.done();
                false
            }
            ConnectionState::BlockedHandshake => true,
            ConnectionState::WriteTraffic(_) => break,
            state => panic!("{state:?}"),
        };
        input.drain(..discard);
        if is_blocked {
            input.extend(server.take_output());
        }
    }
    (Box::new(Unbuffered(client)), server)
}

impl Unbuffered {
    fn write(
        &mut self,
        write: impl FnOnce(&mut WriteTraffic<'_, ClientConnectionData>) -> usize,
    ) -> usize {
        let UnbufferedStatus { state, .. } = self.0.process_tls_records(&mut []);
        match state.expect("nothing was received") {
            ConnectionState::WriteTraffic(mut traffic) => write(&mut traffic),
            state => panic!("{state:?}"),
        }
    }
}

impl Client for Unbuffered {
    fn seal(&mut self, content: &[u8], io: &mut Io) -> usize {
        let output = io.output.bytes();
        self.write(|traffic| traffic.encrypt(content, output).expect("the buffer is long enough"))
    }

    fn open(&mut self, io: &mut Io) -> usize {
        let UnbufferedStatus { state, .. } = self.0.process_tls_records(io.receive());
        let mut len = 0;
        match state.expect("a valid record") {
            ConnectionState::ReadTraffic(mut traffic) => {
                while let Some(record) = traffic.next_record() {
                    len += record.expect("a valid record").payload.len();
                }
            }
            state => panic!("{state:?}"),
        }
        len
    }

    fn close(&mut self, io: &mut Io) -> usize {
        let output = io.output.bytes();
        self.write(|traffic| traffic.queue_close_notify(output).expect("the buffer is long enough"))
    }

    fn open_close(&mut self, io: &mut Io) -> bool {
        let UnbufferedStatus { state, .. } = self.0.process_tls_records(io.receive());
        matches!(state, Ok(ConnectionState::PeerClosed))
    }
}
