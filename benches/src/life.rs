//! The phases of a connection's life after the handshake, which must not allocate.

use tls_record::Version::Tls13;
use tls_record::aead::{Algorithm, Provider};
use tls_record::{
    AlertDescription, Event, Fault, MAX_RECORD, OpenError, Opened, Opener, ReadEnd, SealError,
    Sealer, TrafficSecret, Version, WriteEnd,
};

use crate::{Layer, established};

/// Each round sends three records each way: more than 10,000 in total.
const ROUNDS: usize = 3_334;
const CONTENT: [u8; 200] = [0x5a; 200];

/// A buffer for records, allocated before allocations are counted.
pub struct Wire {
    bytes: Vec<u8>,
    len: usize,
}

impl Default for Wire {
    fn default() -> Self {
        Self { bytes: vec![0; 3 * MAX_RECORD], len: 0 }
    }
}

impl Wire {
    fn sealed(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.len]
    }
}

/// Opens the bytes on the wire, which must be one record.
fn deliver<P: Provider>(to: &mut Layer<P>, wire: &mut Wire) -> Event {
    let opened = to.open(wire.sealed()).unwrap();
    assert_eq!(opened.consumed, wire.len);
    opened.event
}

/// Opens the bytes on the wire, which must be one record with `len` bytes of application data.
fn deliver_data<P: Provider>(to: &mut Layer<P>, wire: &mut Wire, len: usize) {
    let Event::ApplicationData(range) = deliver(to, wire) else { panic!("not application data") };
    assert_eq!(wire.bytes[range], CONTENT[..len]);
}

/// Sends the one control record that is due.
fn control<P: Provider>(from: &mut Layer<P>, to: &mut Layer<P>, wire: &mut Wire) -> Event {
    assert!(from.has_control());
    wire.len = from.poll_control(&mut wire.bytes).unwrap();
    deliver(to, wire)
}

/// Sends three records: sealed in place, from one slice, and from several slices.
///
/// # Panics
/// If a record does not arrive.
pub fn records<P: Provider>(from: &mut Layer<P>, to: &mut Layer<P>, wire: &mut Wire, len: usize) {
    let headroom = from.sealer().headroom();
    wire.bytes[headroom..][..len].copy_from_slice(&CONTENT[..len]);
    wire.len = from.seal_in_place(&mut wire.bytes, len).unwrap();
    deliver_data(to, wire, len);

    let content = &CONTENT[..len];
    let (front, back) = content.split_at(len / 3);
    for parts in [&[content] as &[&[u8]], &[front, &[], back]] {
        assert!(matches!(from.seal(parts, &mut wire.bytes[..5]), Err(SealError::NoSpace { .. })));
        wire.len = from.seal(parts, &mut wire.bytes).unwrap().written;
        deliver_data(to, wire, len);
    }
}

/// Sends a KeyUpdate, and the answer if it is requested.
fn key_update<P: Provider>(
    from: &mut Layer<P>,
    to: &mut Layer<P>,
    wire: &mut Wire,
    requested: bool,
) {
    from.update_keys(requested).unwrap();
    assert_eq!(from.seal(&[&CONTENT], &mut wire.bytes), Err(SealError::ControlFirst));
    assert_eq!(control(from, to, wire), Event::KeyUpdate { requested });
    if requested {
        assert_eq!(control(to, from, wire), Event::KeyUpdate { requested: false });
    }
    assert!(!from.has_control() && !to.has_control());
}

/// Sends more than 10,000 records each way, sealed in three ways, with KeyUpdates between them.
fn exchange<P: Provider>(
    version: Version,
    client: &mut Layer<P>,
    server: &mut Layer<P>,
    wire: &mut Wire,
) {
    for round in 0..ROUNDS {
        let len = 1 + round % CONTENT.len();
        records(client, server, wire, len);
        records(server, client, wire, len);
        if version == Tls13 && round % 100 == 0 {
            key_update(client, server, wire, round % 200 == 0);
            key_update(server, client, wire, round % 200 != 0);
        }
    }
    // One call that seals three records.
    wire.len = client.seal(&[&CONTENT[..]; 200], &mut wire.bytes).unwrap().written;
    let mut done = 0;
    for _ in 0..3 {
        let opened = server.open(&mut wire.bytes[done..wire.len]).unwrap();
        assert!(matches!(opened.event, Event::ApplicationData(_)));
        done += opened.consumed;
    }
    assert_eq!(done, wire.len);
}

/// The client closes, then the server closes (in TLS 1.2, the server's close_notify is automatic).
fn close<P: Provider>(
    version: Version,
    (mut client, mut server): (Layer<P>, Layer<P>),
    wire: &mut Wire,
) {
    client.close().unwrap();
    assert_eq!(control(&mut client, &mut server, wire), Event::Closed);
    if version == Tls13 {
        // The other direction stays open until the server closes it.
        records(&mut server, &mut client, wire, 100);
        server.close().unwrap();
    }
    assert_eq!(control(&mut server, &mut client, wire), Event::Closed);
    assert!(client.end().is_clean() && server.end().is_clean());
    assert!(client.close().is_err());
    assert_eq!(client.seal(&[&CONTENT], &mut wire.bytes), Err(SealError::Closed));
    assert_eq!(client.eof(), client.end().read);
}

/// The client cancels: it sends a user_canceled and a close_notify.
fn cancel<P: Provider>((mut client, mut server): (Layer<P>, Layer<P>), wire: &mut Wire) {
    client.cancel().unwrap();
    let warning = control(&mut client, &mut server, wire);
    assert_eq!(warning, Event::Warning(AlertDescription::USER_CANCELED));
    assert_eq!(control(&mut client, &mut server, wire), Event::Closed);
}

/// The server detects a forged record; its alert ends the client's connection as well.
fn fault<P: Provider>((mut client, mut server): (Layer<P>, Layer<P>), wire: &mut Wire) {
    wire.len = client.seal(&[&CONTENT], &mut wire.bytes).unwrap().written;
    let last = wire.len - 1;
    wire.bytes[last] ^= 1;
    let failed = Err(OpenError::Fault(Fault::BadRecordMac));
    assert_eq!(server.open(wire.sealed()), failed);
    wire.len = server.poll_control(&mut wire.bytes).unwrap();
    let alert = AlertDescription::BAD_RECORD_MAC;
    assert_eq!(client.open(wire.sealed()), Err(OpenError::PeerAlert(alert)));
    assert_eq!(server.open(wire.sealed()), failed);
    assert_eq!(server.end().write, WriteEnd::AlertSent(alert));
    assert_eq!(client.end().read, ReadEnd::PeerAlert(alert));
    assert!(!client.has_control());
}

/// The client aborts, and the transport ends inside the alert: a truncation for the server.
fn abort<P: Provider>((mut client, mut server): (Layer<P>, Layer<P>), wire: &mut Wire) {
    client.abort(AlertDescription::INTERNAL_ERROR).unwrap();
    wire.len = client.poll_control(&mut wire.bytes).unwrap();
    let half = wire.len / 2;
    let opened = server.open(&mut wire.bytes[..half]).unwrap();
    assert_eq!(opened, Opened { consumed: 0, event: Event::NeedMore { total: wire.len } });
    assert!(matches!(server.eof(), ReadEnd::Truncated { inside_record: true, .. }));
    assert_eq!(server.open(wire.sealed()), Err(OpenError::Truncated));
}

type Halves<P> = (Opener<TrafficSecret<P>>, Sealer<TrafficSecret<P>>);

/// Split halves exchange data; the caller passes the notice and the signal between them.
fn split<P: Provider>(client: Halves<P>, server: Layer<P>, wire: &mut Wire) {
    let ((mut opener, mut sealer), mut server) = (client, server);
    for _ in 0..100 {
        wire.len = sealer.seal(&[&CONTENT], &mut wire.bytes).unwrap().written;
        deliver_data(&mut server, wire, CONTENT.len());
        wire.len = server.seal(&[&CONTENT], &mut wire.bytes).unwrap().written;
        opener.open(wire.sealed()).unwrap();
        sealer.apply(opener.take_notice());
        opener.apply(sealer.take_signal());
    }
    server.close().unwrap();
    wire.len = server.poll_control(&mut wire.bytes).unwrap();
    assert_eq!(opener.open(wire.sealed()).unwrap().event, Event::Closed);
    sealer.apply(opener.take_notice());
    let _ = sealer.close();
    wire.len = sealer.poll_control(&mut wire.bytes).unwrap();
    assert_eq!(deliver(&mut server, wire), Event::Closed);
}

/// A phase of a connection's life, ready to run.
pub struct Phase {
    /// The contents of the phase.
    pub name: &'static str,
    run: Box<dyn FnOnce(&mut Wire)>,
}

impl Phase {
    fn new(name: &'static str, run: impl FnOnce(&mut Wire) + 'static) -> Self {
        Self { name, run: Box::new(run) }
    }

    /// Runs the phase.
    pub fn run(self, wire: &mut Wire) {
        (self.run)(wire);
    }
}

/// Returns all phases. It allocates what they need, before allocations are counted.
///
/// # Panics
/// If the provider does not support the algorithm.
pub fn phases<P: Provider + 'static>(version: Version, algorithm: Algorithm) -> Vec<Phase> {
    let pair = || established::<P>(version, algorithm);
    let (mut living, closing, cancelling) = (pair(), pair(), pair());
    let (failing, aborting) = (pair(), pair());
    let (client, server) = pair();
    let halves = client.split();
    vec![
        Phase::new("10,002 records each way, KeyUpdates", move |wire| {
            exchange(version, &mut living.0, &mut living.1, wire);
        }),
        Phase::new("close_notify both ways", move |wire| close(version, closing, wire)),
        Phase::new("user_canceled", move |wire| cancel(cancelling, wire)),
        Phase::new("a forged record", move |wire| fault(failing, wire)),
        Phase::new("an abort, a truncation", move |wire| abort(aborting, wire)),
        Phase::new("split halves", move |wire| split(halves, server, wire)),
    ]
}
