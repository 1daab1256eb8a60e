//! Two ends of a TLS connection over a bus of messages of 64 bytes, and over a serial line. `driver.rs` is
//! what a user writes, and `serial_line.rs` for a UART besides, both without `std` and without a heap: CI
//! also compiles them for a Cortex-M4.
//!
//! ```sh
//! cargo run -p tls-record --example message_bus -- --help
//! cargo test -p tls-record --example message_bus
//! ```

mod bus;
pub mod driver;
#[cfg_attr(not(test), allow(dead_code))] // The tests use it.
pub mod serial_line;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

use bus::{Damage, Port};
use clap::Parser;
use driver::{Bus, MESSAGE};
use tls_record::aead::{Algorithm, ring::Ring};
use tls_record::{Connection, End, Epoch, OpenError, ReadEnd, RecordLayer, Role, TrafficSecret};

/// Room for the messages that wait for the bus: three, and a KeyUpdate before them.
const TX: usize = 4 * MESSAGE;

type Tls = Connection<TrafficSecret<Ring>, TX>;

/// Runs both ends of a TLS connection over a bus of messages of 64 bytes, and shows the messages as someone
/// sees them who listens.
///
/// With one of the options a message from the client to the server is lost, doubled or swapped with the
/// next. The exit status is 1 if that goes unnoticed: if the end is reported as clean although data is
/// missing, or if other data is delivered than was sent.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Lose this message; the first is 0.
    #[arg(long, value_name = "NUMBER", group = "damage")]
    lose: Option<usize>,
    /// Deliver this message twice.
    #[arg(long, value_name = "NUMBER", group = "damage")]
    double: Option<usize>,
    /// Deliver this message behind the next.
    #[arg(long, value_name = "NUMBER", group = "damage")]
    swap: Option<usize>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let damage =
        [(Damage::Lose, args.lose), (Damage::Double, args.double), (Damage::Swap, args.swap)];
    let damage = damage.into_iter().find_map(|(damage, number)| Some((damage, number?)));
    let [client, server] = Port::pair();
    client.output.borrow_mut().damage = damage;
    let log = [client.output.clone(), server.output.clone()];
    let ends = converse(App::new(Role::Client, client), App::new(Role::Server, server));
    let messages = log[0].borrow().overheard.len();
    if let Some((_, number)) = damage.filter(|(_, number)| *number >= messages) {
        eprintln!("failed: the client sent {messages} messages, and none with the number {number}");
        return ExitCode::FAILURE;
    }

    for (name, direction) in ["client", "server"].into_iter().zip(&log) {
        for (number, message) in direction.borrow().overheard.iter().enumerate() {
            let start = message[..12].iter().map(|byte| format!(" {byte:02x}")).collect::<String>();
            println!("{name} {number:>2}:{start} ... {} bytes", message.len());
        }
    }
    let (sent, mut is_right) = (conversation(), true);
    for (name, app, sent) in [("client", &ends[0], &sent[1]), ("server", &ends[1], &sent[0])] {
        let End { read, write } = app.tls.end();
        println!(
            "{name}: received {} of {} bytes; {read:?}; {write:?}",
            app.received.len(),
            sent.len()
        );
        let is_whole = app.received.len() == sent.len();
        is_right &= sent.starts_with(&app.received);
        is_right &= is_whole || !matches!(read, ReadEnd::Closed { .. });
    }
    if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Takes the secrets of the handshake, which are all of it that is here.
fn connection(role: Role) -> Tls {
    let mut layer = RecordLayer::new(driver::config(role));
    let secret = |byte| TrafficSecret::tls13(Algorithm::Aes128Gcm, &[byte; 32]).unwrap();
    layer.install(Epoch::Application, secret(1), secret(2)).unwrap();
    Connection::new(layer)
}

/// An application at one end of the bus.
struct App<B> {
    tls: Tls,
    bus: B,
    received: Vec<u8>,
    error: Option<OpenError>,
}

impl<B: Bus> App<B> {
    fn new(role: Role, bus: B) -> Self {
        Self { tls: connection(role), bus, received: Vec::new(), error: None }
    }

    /// Does what can be done now.
    fn turn(&mut self) {
        let deliver = |data: &[u8]| self.received.extend_from_slice(data);
        let turned = driver::turn(&mut self.tls, &mut self.bus, deliver);
        self.error = self.error.or(turned.err());
    }
}

/// The data of the client, and that of the server.
fn conversation() -> [Vec<u8>; 2] {
    let long: Vec<u8> = (0..200).collect();
    [[b"a question", &long[..], b"bye"].concat(), [b"an answer", &long[..]].concat()]
}

/// Both send their data. The client goes on to new keys in the middle, and requests new keys of the server.
/// Both close. Then nothing comes any more, which a timeout notices. Returns the ends.
fn converse<B: Bus>(mut client: App<B>, mut server: App<B>) -> [App<B>; 2] {
    let [question, answer] = conversation();
    let (mut asked, mut answered) = (0, 0);
    for round in 0..50 {
        asked += client.tls.write(&[&question[asked..question.len().min(asked + 50)]]).unwrap_or(0);
        if round == 3 {
            let _ = client.tls.update_keys(true);
        }
        if asked == question.len() {
            let _ = client.tls.shutdown();
        }
        client.turn();
        server.turn();
        answered += server.tls.write(&[&answer[answered..]]).unwrap_or(0);
        if answered == answer.len() && server.tls.end().read != ReadEnd::Open {
            let _ = server.tls.shutdown();
        }
        server.turn();
        client.turn();
    }
    // After both have been told, this changes nothing.
    client.tls.eof();
    server.tls.eof();
    [client, server]
}
