//! A handshake of your own on the engine, epoch by epoch: the client of RFC 8448 section 3, whose records
//! are known to the last byte.
//!
//! The engine carries the messages, installs the keys, and closes. The handshake keeps the transcript and
//! derives the secrets. What the trace fixes is not made here: the ClientHello, and what the key exchange
//! gives. The certificate is not checked.
//!
//! ```sh
//! cargo run -p tls-record --example own_handshake
//! ```

mod trace;

use std::error::Error;

use ring::{digest, hmac};
use tls_record::aead::{Algorithm, ring::Ring};
use tls_record::{
    AlertDescription, Config, Connection, Epoch, Event, HandshakeHeader, HandshakeType, KeyError,
    RecordBuffer, Role, TrafficSecret, expand_label,
};

type Tls = Connection<TrafficSecret<Ring>, 1024>;
type Hash = [u8; 32];

/// TLS_AES_128_GCM_SHA256. A real client learns it from the ServerHello.
const SUITE: Algorithm = Algorithm::from_suite(0x1301).unwrap();

// The handshake

/// The client's side of a handshake.
struct Handshake {
    /// The message that may come next.
    expected: HandshakeType,
    /// All messages so far, with their headers.
    transcript: Vec<u8>,
    /// The body of the message that is coming.
    body: Vec<u8>,
    /// Of the stage that the key schedule is in (RFC 9846 section 7.1).
    secret: Hash,
    client_secret: Hash,
    server_secret: Hash,
}

impl Handshake {
    /// Sends the ClientHello.
    fn start(tls: &mut Tls) -> Result<Self, Box<dyn Error>> {
        let client_hello = &trace::CLIENT_HELLO[5..];
        tls.write_handshake(&[client_hello])?;
        Ok(Self {
            expected: HandshakeType::SERVER_HELLO,
            transcript: client_hello.to_vec(),
            body: Vec::new(),
            secret: extract(&[0; 32], &[0; 32]),
            client_secret: [0; 32],
            server_secret: [0; 32],
        })
    }

    /// Takes a message of the server's, and does what it calls for.
    fn received(&mut self, header: HandshakeHeader, tls: &mut Tls) -> Result<(), Box<dyn Error>> {
        if header.message_type != self.expected {
            tls.abort(AlertDescription::UNEXPECTED_MESSAGE)?;
            return Err("a message out of place".into());
        }
        let before = transcript_hash(&self.transcript);
        let body = std::mem::take(&mut self.body);
        self.transcript.extend_from_slice(&header.encode());
        self.transcript.extend_from_slice(&body);
        self.expected = match header.message_type {
            HandshakeType::SERVER_HELLO => {
                self.advance(&trace::SHARED_SECRET, "c hs traffic", "s hs traffic")?;
                tls.install(Epoch::Handshake, self.client()?, self.server()?)?;
                HandshakeType::ENCRYPTED_EXTENSIONS
            }
            HandshakeType::ENCRYPTED_EXTENSIONS => HandshakeType::CERTIFICATE,
            HandshakeType::CERTIFICATE => HandshakeType::CERTIFICATE_VERIFY,
            HandshakeType::CERTIFICATE_VERIFY => HandshakeType::FINISHED,
            HandshakeType::FINISHED => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, &finished_key(&self.server_secret)?);
                if hmac::verify(&key, &before, &body).is_err() {
                    tls.abort(AlertDescription::DECRYPT_ERROR)?;
                    return Err("the server's Finished is wrong".into());
                }
                let finished = finished(&self.client_secret, &self.transcript)?;
                self.advance(&[0; 32], "c ap traffic", "s ap traffic")?;
                // The server's next record is under its new keys; our own are for what follows our
                // Finished.
                tls.install_one(Role::Server, Epoch::Application, self.server()?)?;
                tls.write_handshake(&[&finished])?;
                tls.install_one(Role::Client, Epoch::Application, self.client()?)?;
                HandshakeType::NEW_SESSION_TICKET
            }
            // Sessions are not resumed here: tickets, however many, are dropped.
            _ => HandshakeType::NEW_SESSION_TICKET,
        };
        Ok(())
    }

    /// Goes on to the next stage of the key schedule, and derives its traffic secrets.
    fn advance(&mut self, input: &[u8], client: &str, server: &str) -> Result<(), KeyError> {
        self.secret = extract(&derive_secret(&self.secret, "derived", b"")?, input);
        self.client_secret = derive_secret(&self.secret, client, &self.transcript)?;
        self.server_secret = derive_secret(&self.secret, server, &self.transcript)?;
        Ok(())
    }

    fn client(&self) -> Result<TrafficSecret<Ring>, KeyError> {
        TrafficSecret::tls13(SUITE, &self.client_secret)
    }

    fn server(&self) -> Result<TrafficSecret<Ring>, KeyError> {
        TrafficSecret::tls13(SUITE, &self.server_secret)
    }
}

/// HKDF-Extract (RFC 5869 section 2.2).
fn extract(salt: &[u8], input: &[u8]) -> Hash {
    let key = hmac::Key::new(hmac::HMAC_SHA256, salt);
    hmac::sign(&key, input).as_ref().try_into().expect("SHA-256")
}

fn transcript_hash(messages: &[u8]) -> Hash {
    digest::digest(&digest::SHA256, messages).as_ref().try_into().expect("SHA-256")
}

/// Derive-Secret (RFC 9846 section 7.1).
fn derive_secret(secret: &[u8], label: &str, messages: &[u8]) -> Result<Hash, KeyError> {
    let mut derived = [0; 32];
    let context = transcript_hash(messages);
    expand_label::<Ring>(SUITE, secret, label.as_bytes(), &context, &mut derived)?;
    Ok(derived)
}

fn finished_key(secret: &[u8]) -> Result<Hash, KeyError> {
    let mut key = [0; 32];
    expand_label::<Ring>(SUITE, secret, b"finished", b"", &mut key)?;
    Ok(key)
}

/// A Finished (RFC 9846 section 4.5.3).
fn finished(secret: &[u8], messages: &[u8]) -> Result<Vec<u8>, KeyError> {
    let verify_data = extract(&finished_key(secret)?, &transcript_hash(messages));
    let header = HandshakeHeader { message_type: HandshakeType::FINISHED, length: 32 };
    Ok([&header.encode()[..], &verify_data].concat())
}

// The connection

struct Client {
    tls: Tls,
    handshake: Handshake,
    input: RecordBuffer<1024>,
    data: Vec<u8>,
}

impl Client {
    fn new() -> Result<Self, Box<dyn Error>> {
        let mut tls = Tls::without_keys(Config::new(Role::Client));
        let handshake = Handshake::start(&mut tls)?;
        Ok(Self { tls, handshake, input: RecordBuffer::new(), data: Vec::new() })
    }

    /// Takes what the transport brought. After an error what is unsent is the alert that goes with it.
    fn received(&mut self, mut bytes: &[u8]) -> Result<(), Box<dyn Error>> {
        while !bytes.is_empty() {
            let room = self.input.room()?;
            let len = room.len().min(bytes.len());
            room[..len].copy_from_slice(&bytes[..len]);
            self.input.received(len);
            bytes = &bytes[len..];
            while self.open()? {}
        }
        Ok(())
    }

    /// Takes one message or record. Returns false if there is no whole one, or none will come.
    fn open(&mut self) -> Result<bool, Box<dyn Error>> {
        let input = self.input.filled();
        let opened = self.tls.received(input)?;
        match &opened.event {
            Event::NeedMore { .. } => return Ok(false),
            Event::Handshake(piece) => {
                // A message may come in several records.
                self.handshake.body.extend_from_slice(&input[piece.body.clone()]);
                if piece.is_last() {
                    self.handshake.received(piece.header, &mut self.tls)?;
                }
            }
            Event::ApplicationData(range) => self.data.extend_from_slice(&input[range.clone()]),
            _ => {}
        }
        self.input.consume(&opened);
        Ok(opened.event != Event::Closed)
    }

    /// Gives the transport what is to be sent.
    fn send(&mut self) -> Vec<u8> {
        let bytes = self.tls.unsent().to_vec();
        self.tls.sent(bytes.len());
        bytes
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut client = Client::new()?;
    assert_eq!(client.send(), trace::CLIENT_HELLO);
    client.received(&trace::SERVER_HELLO)?;
    // However the transport cuts them, records are records.
    for bytes in trace::SERVER_FLIGHT.chunks(100) {
        client.received(bytes)?;
    }
    assert_eq!(client.send(), trace::CLIENT_FINISHED);

    client.received(&trace::TICKET)?;
    let data: Vec<u8> = (0..50).collect();
    client.tls.write(&[&data])?;
    assert_eq!(client.send(), trace::CLIENT_DATA);
    client.received(&trace::SERVER_DATA)?;
    assert_eq!(client.data, data);

    client.tls.shutdown().expect_err("the close_notify is still to be sent");
    assert_eq!(client.send(), trace::CLIENT_CLOSE);
    assert_eq!(client.tls.shutdown(), Ok(()));
    client.received(&trace::SERVER_CLOSE)?;
    assert!(client.tls.end().is_clean());
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    run()?;
    println!(
        "The records are those of RFC 8448 section 3, from the ClientHello to the close_notify."
    );
    Ok(())
}

#[test]
fn every_record_of_the_client_is_that_of_the_rfc() {
    run().unwrap();
}

#[test]
fn a_flight_that_was_changed_is_answered_with_an_alert() {
    let mut client = Client::new().unwrap();
    client.send();
    client.received(&trace::SERVER_HELLO).unwrap();
    let mut flight = trace::SERVER_FLIGHT;
    flight[100] ^= 1;
    client.received(&flight).unwrap_err();
    assert_eq!(client.send().len(), 24, "an alert under the handshake keys");
    assert!(!client.tls.end().is_clean());
}

#[test]
fn a_finished_in_place_of_the_server_hello_is_answered_with_an_alert() {
    let mut client = Client::new().unwrap();
    client.send();
    let finished = finished(&[0; 32], &client.handshake.transcript).unwrap();
    let record = [&[22, 3, 3, 0, 36], &finished[..]].concat();
    client.received(&record).unwrap_err();
    assert_eq!(client.send(), [21, 3, 3, 0, 2, 2, 10], "unexpected_message, in plaintext");
}
