//! tls-record, after a handshake of the adapter.

use tls_record::aead::{Provider, aws_lc::AwsLc, ring::Ring};
use tls_record::{Event, RecordLayer, TrafficSecret};
use tls_record_alloc::Handshake;

use crate::peer::{Client, Io, Library, RING, Server, Transport};

pub(crate) const LIBRARIES: [Library; 4] = [
    Library { name: "tls-record in place, ring", connect: connect::<Ring, true> },
    Library { name: "tls-record copying, ring", connect: connect::<Ring, false> },
    Library { name: "tls-record in place, AWS-LC", connect: connect::<AwsLc, true> },
    Library { name: "tls-record copying, AWS-LC", connect: connect::<AwsLc, false> },
];

struct Ours<P: Provider, const IN_PLACE: bool>(Box<RecordLayer<TrafficSecret<P>>>);

fn connect<P: Provider + 'static, const IN_PLACE: bool>(
    server: Server,
) -> (Box<dyn Client>, Server) {
    let mut transport = Transport::to(server);
    let name = "localhost".try_into().expect("a name");
    let mut handshake = Handshake::client(RING.clone(), name).expect("a valid config");
    handshake.complete(&mut transport).expect("the handshake succeeds");
    let established = handshake.finish::<P>().expect("the handshake is complete");
    let layer = RecordLayer::join(*established.opener, *established.sealer);
    let layer = layer.expect("the halves of one connection");
    let client = Ours::<P, IN_PLACE>(Box::new(layer));
    (Box::new(client), transport.server.expect("the server of the transport"))
}

impl<P: Provider, const IN_PLACE: bool> Client for Ours<P, IN_PLACE> {
    fn seal(&mut self, content: &[u8], io: &mut Io) -> usize {
        if IN_PLACE {
            // The content is already in place, as if the application had produced it there.
            self.0
                .seal_in_place(io.output.bytes(), content.len())
                .expect("the buffer is long enough")
        } else {
            self.0.seal(&[content], io.output.bytes()).expect("the buffer is long enough").written
        }
    }

    fn open(&mut self, io: &mut Io) -> usize {
        let opened = self.0.open(io.receive()).expect("a valid record");
        let Event::ApplicationData(range) = opened.event else { panic!("not application data") };
        range.len()
    }

    fn close(&mut self, io: &mut Io) -> usize {
        self.0.close().expect("it is open");
        self.0.poll_control(io.output.bytes()).expect("the buffer is long enough")
    }

    fn open_close(&mut self, io: &mut Io) -> bool {
        self.0.open(io.receive()).is_ok_and(|opened| opened.event == Event::Closed)
    }
}
