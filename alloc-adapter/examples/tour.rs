//! A tour of the engine: connections within one process, printed record by record.

use std::error::Error;
use std::io::{Read, Write};
use std::mem;
use std::process::ExitCode;
use std::sync::Arc;

use anstream::println;
use anstyle::{AnsiColor, Style};
use clap::Parser;
use rustls::ServerConnection;
use rustls::pki_types::ServerName;
use tls_record::aead::ring::Ring;
use tls_record::{
    AlertDescription, Control, End, Epoch, Event, Fault, HEADER_LEN, HandshakeType, Header,
    ReadEnd, RecordLayer, TrafficSecret, WriteEnd,
};
use tls_record_alloc::{Established, Handshake, Progress};

#[allow(dead_code)] // Other examples use the remaining items.
mod support;
use support::{Identity, Tls};

/// Prints and checks what the engine does, record by record.
///
/// It runs connections within this process, with handshakes of rustls: data, KeyUpdates, shutdowns
/// in one step and in two, a truncated transport, a forged record, and rustls as the peer. The exit
/// status is 1 if a check fails.
#[derive(Parser)]
#[command(version)]
struct Args {}

/// One end of a connection, with its input and output bytes.
struct Endpoint {
    name: &'static str,
    style: Style,
    layer: RecordLayer<TrafficSecret<Ring>>,
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    received: Vec<u8>,
    /// The generations of keys in each direction, which the engine does not count.
    sent_updates: u32,
    received_updates: u32,
}

type Chapter = fn(&mut Tour) -> Result<(), Box<dyn Error>>;

struct Tour {
    identity: Identity,
    passed: usize,
    failed: Vec<String>,
    records: usize,
    bytes: usize,
}

const CLIENT: Style = AnsiColor::Cyan.on_default();
const SERVER: Style = AnsiColor::Magenta.on_default();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const DIM: Style = Style::new().dimmed();
const BOLD: Style = Style::new().bold();

const CLOSED: ReadEnd = ReadEnd::Closed { epoch: Epoch::Application };
const CLEAN: End = End { read: CLOSED, write: WriteEnd::Closed };

fn main() -> ExitCode {
    Args::parse();
    let mut tour = match Identity::self_signed() {
        Ok(identity) => Tour { identity, passed: 0, failed: Vec::new(), records: 0, bytes: 0 },
        Err(error) => {
            eprintln!("tour: {error}");
            return ExitCode::FAILURE;
        }
    };
    let chapters: [(&str, Chapter); _] = [
        ("Data, a KeyUpdate of both sides, a shutdown in one step (TLS 1.3)", one_step),
        ("A shutdown in two steps, with data in transit (TLS 1.3)", two_steps),
        ("A close_notify is answered (TLS 1.2)", tls12),
        ("The transport ends without a close_notify (TLS 1.3)", truncated),
        ("A forged record (TLS 1.3)", forged),
        ("rustls as the peer (TLS 1.3)", rustls_as_peer),
    ];
    for (title, chapter) in chapters {
        println!("\n{BOLD}{title}{BOLD:#}");
        if let Err(error) = chapter(&mut tour) {
            tour.check(&error.to_string(), false);
        }
    }

    let Tour { passed, failed, records, bytes, .. } = tour;
    println!("\n{BOLD}Summary{BOLD:#}");
    println!("  {records} records sealed, {bytes} bytes on the wire");
    println!("  {passed} checks passed, {} failed", failed.len());
    for what in &failed {
        println!("  {BAD}FAILED{BAD:#}  {what}");
    }
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

// The chapters

/// The server sends its data and closes without waiting for the client's close_notify.
fn one_step(tour: &mut Tour) -> Result<(), Box<dyn Error>> {
    let (mut client, mut server) = tour.connect(Tls::V13)?;
    tour.send(&mut client, b"a question")?;
    tour.pass(&mut client, &mut server);
    tour.send(&mut server, &[b'.'; 20_000])?;
    tour.pass(&mut server, &mut client);
    tour.check("20,000 bytes arrived in two records", client.received == [b'.'; 20_000]);

    client.layer.update_keys(true)?;
    tour.send_control(&mut client)?;
    tour.pass(&mut client, &mut server);
    tour.pass(&mut server, &mut client);
    tour.send(&mut client, b", and another")?;
    tour.pass(&mut client, &mut server);
    tour.check("data arrives under the new keys", server.received == b"a question, and another");

    server.layer.close()?;
    tour.send_control(&mut server)?;
    let late = server.layer.seal(&[b"one more thing"], &mut [0; 64]);
    tour.check("no data can be sealed after a close_notify", late.is_err());
    tour.pass(&mut server, &mut client);
    tour.check_end(&server, End { read: ReadEnd::Open, write: WriteEnd::Closed });
    tour.check_end(&client, End { read: CLOSED, write: WriteEnd::Open });
    Ok(())
}

/// The client closes and keeps reading: it receives data in transit and data that the server sends
/// later.
fn two_steps(tour: &mut Tour) -> Result<(), Box<dyn Error>> {
    let (mut client, mut server) = tour.connect(Tls::V13)?;
    tour.send(&mut server, b"in transit")?;
    client.layer.close()?;
    tour.send_control(&mut client)?;
    tour.pass(&mut server, &mut client);
    tour.pass(&mut client, &mut server);
    tour.send(&mut server, b", and the rest")?;
    server.layer.close()?;
    tour.send_control(&mut server)?;
    tour.pass(&mut server, &mut client);
    tour.check("no byte was lost", client.received == b"in transit, and the rest");
    tour.check_end(&client, CLEAN);
    tour.check_end(&server, CLEAN);
    Ok(())
}

/// In TLS 1.2 a close_notify is answered at once (RFC 5246 section 7.2.1).
fn tls12(tour: &mut Tour) -> Result<(), Box<dyn Error>> {
    let (mut client, mut server) = tour.connect(Tls::V12)?;
    tour.send(&mut client, b"TLS 1.2 data")?;
    client.layer.close()?;
    tour.send_control(&mut client)?;
    tour.pass(&mut client, &mut server);
    tour.pass(&mut server, &mut client);
    tour.check("the data arrived", server.received == b"TLS 1.2 data");
    tour.check_end(&client, CLEAN);
    tour.check_end(&server, CLEAN);
    Ok(())
}

/// The transport ends without a close_notify, inside a record and between two records.
fn truncated(tour: &mut Tour) -> Result<(), Box<dyn Error>> {
    for inside_record in [true, false] {
        let (mut client, mut server) = tour.connect(Tls::V13)?;
        tour.send(&mut server, b"cut short")?;
        if inside_record {
            server.outbox.pop();
        }
        tour.pass(&mut server, &mut client);
        println!("  {DIM}the transport ends{DIM:#}");
        client.layer.eof();
        client.show_state();
        let read = ReadEnd::Truncated { epoch: Epoch::Application, inside_record };
        tour.check_end(&client, End { read, write: WriteEnd::Open });
    }
    Ok(())
}

/// An attacker flips a bit of a record.
fn forged(tour: &mut Tour) -> Result<(), Box<dyn Error>> {
    let (mut client, mut server) = tour.connect(Tls::V13)?;
    tour.send(&mut client, b"pay 10")?;
    println!("  {DIM}a bit of the record is flipped{DIM:#}");
    if let Some(byte) = client.outbox.last_mut() {
        *byte ^= 1;
    }
    tour.pass(&mut client, &mut server);
    tour.pass(&mut server, &mut client);
    tour.check("no data of the forged record was delivered", server.received.is_empty());
    let alert = AlertDescription::BAD_RECORD_MAC;
    let read = ReadEnd::Fault(Fault::BadRecordMac);
    tour.check_end(&server, End { read, write: WriteEnd::AlertSent(alert) });
    tour.check_end(&client, End { read: ReadEnd::PeerAlert(alert), write: WriteEnd::Failed });
    Ok(())
}

/// The engine talks to a connection of rustls.
fn rustls_as_peer(tour: &mut Tour) -> Result<(), Box<dyn Error>> {
    let mut handshake = tour.client(Tls::V13)?;
    let mut server = ServerConnection::new(Arc::new(tour.identity.server_config(Tls::V13)?))?;
    while handshake.advance()? != Progress::Complete {
        let sent = handshake.unsent().to_vec();
        handshake.sent(sent.len());
        let _ = handshake.receive(&exchange(&mut server, &sent)?);
    }
    let mut client = Endpoint::new("client", CLIENT, handshake.finish()?);

    tour.send(&mut client, b"hello, rustls")?;
    client.inbox = exchange(&mut server, &mem::take(&mut client.outbox))?;
    let mut received = [0; 64];
    let len = server.reader().read(&mut received)?;
    tour.check("rustls received the data", received[..len] == *b"hello, rustls");

    server.refresh_traffic_keys()?;
    server.writer().write_all(b"hello, engine")?;
    client.inbox.extend(exchange(&mut server, &[])?);
    tour.open_all(&mut client);
    tour.check("the engine received data under new keys", client.received == b"hello, engine");

    client.layer.close()?;
    tour.send_control(&mut client)?;
    client.inbox = exchange(&mut server, &mem::take(&mut client.outbox))?;
    let end = server.reader().read(&mut received)?;
    tour.check("rustls received the KeyUpdate and the close_notify", end == 0);
    server.send_close_notify();
    client.inbox.extend(exchange(&mut server, &[])?);
    tour.open_all(&mut client);
    tour.check_end(&client, CLEAN);
    Ok(())
}

/// Passes bytes to rustls and returns its output.
fn exchange(peer: &mut ServerConnection, mut bytes: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    while !bytes.is_empty() {
        peer.read_tls(&mut bytes)?;
        peer.process_new_packets()?;
    }
    let mut out = Vec::new();
    while peer.wants_write() {
        peer.write_tls(&mut out)?;
    }
    Ok(out)
}

// The endpoints and what they print

fn key_update(request: bool) -> String {
    let request = if request { ", answer requested" } else { "" };
    format!("handshake KeyUpdate{request}")
}

impl Endpoint {
    fn new(name: &'static str, style: Style, established: Established<Ring>) -> Self {
        let Established { opener, sealer, received, unsent, .. } = established;
        Self {
            name,
            style,
            layer: RecordLayer::join(*opener, *sealer).expect("halves of one connection"),
            inbox: received.filled().to_vec(),
            outbox: unsent.filled().to_vec(),
            received: Vec::new(),
            sent_updates: 0,
            received_updates: 0,
        }
    }

    /// Returns the keys and the sequence number that seal the next record.
    fn sealing(&self) -> (String, u64) {
        let sealer = self.layer.sealer();
        let keys = format!("{:?} keys {}", sealer.epoch(), self.sent_updates);
        (keys, sealer.sequence().unwrap_or_default())
    }

    /// Returns the keys and the sequence number that open the next record.
    fn opening(&self) -> (String, u64) {
        let opener = self.layer.opener();
        let keys = format!("{:?} keys {}", opener.epoch(), self.received_updates);
        (keys, opener.sequence().unwrap_or_default())
    }

    fn show(&self, verb: &str, what: &str, wire: usize, (keys, sequence): (&str, u64)) {
        let Self { name, style, .. } = self;
        println!(
            "  {style}{name}{style:#} {verb}  {what:<48} {wire:>6} bytes  \
             {DIM}{keys}, record {sequence}{DIM:#}"
        );
    }

    /// Prints the closing states.
    fn show_state(&self) {
        let Self { name, style, layer, .. } = self;
        let (read, write) = (layer.opener().state(), layer.sealer().state());
        println!("  {style}{name}{style:#} is now  {BOLD}read {read:?}, write {write:?}{BOLD:#}");
    }
}

impl Tour {
    /// Performs a handshake and returns both ends with their record layers.
    fn connect(&mut self, tls: Tls) -> Result<(Endpoint, Endpoint), Box<dyn Error>> {
        let mut client = self.client(tls)?;
        let mut server = Handshake::server(Arc::new(self.identity.server_config(tls)?))?;
        while (client.advance()?, server.advance()?) != (Progress::Complete, Progress::Complete) {
            for _ in 0..2 {
                client.advance()?;
                let taken = server.receive(client.unsent());
                client.sent(taken);
                mem::swap(&mut client, &mut server);
            }
        }
        let mut client = Endpoint::new("client", CLIENT, client.finish()?);
        let mut server = Endpoint::new("server", SERVER, server.finish()?);
        println!("  {DIM}the handshake of rustls is complete; its last bytes arrive{DIM:#}");
        self.pass(&mut server, &mut client);
        self.pass(&mut client, &mut server);
        Ok((client, server))
    }

    fn client(&self, tls: Tls) -> Result<Handshake, Box<dyn Error>> {
        let config = Arc::new(self.identity.client_config(tls)?);
        Ok(Handshake::client(config, ServerName::try_from("localhost")?)?)
    }

    fn check(&mut self, what: &str, holds: bool) {
        if holds {
            self.passed += 1;
            println!("  {GOOD}ok{GOOD:#}      {what}");
        } else {
            self.failed.push(what.to_owned());
            println!("  {BAD}FAILED{BAD:#}  {what}");
        }
    }

    fn check_end(&mut self, endpoint: &Endpoint, expected: End) {
        let end = endpoint.layer.end();
        let what = format!("{}: read {:?}, write {:?}", endpoint.name, end.read, end.write);
        self.check(&what, end == expected);
    }

    /// Seals `data` and prints its records.
    fn send(&mut self, from: &mut Endpoint, data: &[u8]) -> Result<(), Box<dyn Error>> {
        self.send_control(from)?;
        let mut out = vec![0; data.len() + 1024];
        let (keys, mut sequence) = from.sealing();
        let sealed = from.layer.seal(&[data], &mut out)?;
        let mut wire = &out[..sealed.written];
        while let Some(header) = wire.first_chunk() {
            let (record, rest) =
                wire.split_at(HEADER_LEN + usize::from(Header::decode(*header).length));
            let what = match str::from_utf8(data) {
                Ok(text) if text.len() < 32 => format!("application_data {text:?}"),
                _ => "application_data".to_owned(),
            };
            self.sealed(from, &what, record, (&keys, sequence));
            sequence += 1;
            wire = rest;
        }
        Ok(())
    }

    /// Seals the alerts and KeyUpdates that are due.
    fn send_control(&mut self, from: &mut Endpoint) -> Result<(), Box<dyn Error>> {
        while let Some(control) = from.layer.next_control() {
            let (keys, sequence) = from.sealing();
            let before = from.layer.end().write;
            let mut out = [0; 64];
            let len = from.layer.poll_control(&mut out)?;
            let what = match control {
                Control::Alert(alert) => format!("alert {alert}"),
                Control::KeyUpdate { request } => {
                    from.sent_updates += 1;
                    key_update(request)
                }
            };
            self.sealed(from, &what, &out[..len], (&keys, sequence));
            if from.layer.end().write != before {
                from.show_state();
            }
        }
        Ok(())
    }

    fn sealed(&mut self, from: &mut Endpoint, what: &str, record: &[u8], number: (&str, u64)) {
        from.show("sends ", what, record.len(), number);
        from.outbox.extend_from_slice(record);
        self.records += 1;
        self.bytes += record.len();
    }

    /// Moves the output of `from` to the other end, which opens it.
    fn pass(&mut self, from: &mut Endpoint, to: &mut Endpoint) {
        to.inbox.append(&mut from.outbox);
        self.open_all(to);
    }

    fn open_all(&mut self, to: &mut Endpoint) {
        let mut inbox = mem::take(&mut to.inbox);
        let mut rest = &mut inbox[..];
        while !rest.is_empty() {
            let (keys, mut sequence) = to.opening();
            let before = to.layer.end();
            let mut consumed = rest.len();
            let what = match to.layer.open(rest) {
                Ok(opened) => {
                    consumed = opened.consumed;
                    match opened.event {
                        Event::NeedMore { .. } => break,
                        Event::ApplicationData(range) => {
                            to.received.extend_from_slice(&rest[range]);
                            "application_data".to_owned()
                        }
                        Event::Handshake(piece) => {
                            // Each message in a record takes one call, so the sequence number has
                            // advanced.
                            sequence = to.opening().1 - 1;
                            match piece.header.message_type {
                                HandshakeType::NEW_SESSION_TICKET => "handshake NewSessionTicket",
                                _ => "handshake",
                            }
                            .to_owned()
                        }
                        Event::KeyUpdate { requested } => {
                            to.received_updates += 1;
                            key_update(requested)
                        }
                        Event::Closed => "alert close_notify".to_owned(),
                        other => format!("{other:?}"),
                    }
                }
                Err(error) => error.to_string(),
            };
            to.show("opens ", &what, consumed, (&keys, sequence));
            if (to.layer.end().read, to.layer.end().write) != (before.read, before.write) {
                to.show_state();
            }
            if let Err(error) = self.send_control(to) {
                self.check(&error.to_string(), false);
            }
            rest = &mut rest[consumed..];
        }
        to.inbox = rest.to_vec();
    }
}
