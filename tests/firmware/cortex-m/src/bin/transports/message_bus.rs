//! Both ends of a connection over a bus of messages of 64 bytes and over a serial line, and messages that
//! are swapped on their way.

#[path = "../../../../../../core/examples/message_bus/driver.rs"]
mod driver;
#[path = "../../../../../../core/examples/message_bus/serial_line.rs"]
mod serial_line;

use core::cell::{Cell, RefCell};

use defmt::info;
use driver::{Bus, MESSAGE};
use heapless::Deque;
use heapless::spsc::Queue;
use serial_line::{QUEUE, SerialLine};
use tls_record::{Connection, End, OpenError, ReadEnd, Role};

use crate::Secret;

/// Room for four messages.
const TX: usize = 4 * MESSAGE;

type Tls = Connection<Secret, TX>;

pub fn run() -> Result<(), &'static str> {
    info!("a connection over a message bus: {} bytes of RAM", size_of::<Tls>());
    let directions = [Direction::default(), Direction::default()];
    let [there, back] = &directions;
    converse("bus", Port { output: there, input: back }, Port { output: back, input: there })?;

    let directions = [Direction::default(), Direction::default()];
    let [there, back] = &directions;
    there.swaps.set(true);
    converse(
        "bus that swaps",
        Port { output: there, input: back },
        Port { output: back, input: there },
    )?;

    // What one UART transmits, the interrupt handler of the other puts into its queue.
    let (mut there, mut back) = (Queue::<u8, QUEUE>::new(), Queue::<u8, QUEUE>::new());
    let ((mut to_server, from_client), (mut to_client, from_server)) =
        (there.split(), back.split());
    let client = SerialLine::new(from_server, |message| {
        to_server.is_empty() && message.iter().all(|byte| to_server.enqueue(*byte).is_ok())
    });
    let server = SerialLine::new(from_client, |message| {
        to_client.is_empty() && message.iter().all(|byte| to_client.enqueue(*byte).is_ok())
    });
    converse("serial line", client, server)
}

/// Messages in one direction.
#[derive(Default)]
struct Direction {
    messages: RefCell<Deque<[u8; MESSAGE], 4>>,
    /// Whether the next two messages that wait together change their places.
    swaps: Cell<bool>,
}

struct Port<'a> {
    output: &'a Direction,
    input: &'a Direction,
}

impl Bus for Port<'_> {
    fn send(&mut self, message: &[u8; MESSAGE]) -> bool {
        let mut messages = self.output.messages.borrow_mut();
        if self.output.swaps.get() && !messages.is_empty() {
            self.output.swaps.set(false);
            return messages.push_front(*message).is_ok();
        }
        messages.push_back(*message).is_ok()
    }

    fn receive(&mut self) -> Option<[u8; MESSAGE]> {
        self.input.messages.borrow_mut().pop_front()
    }
}

struct App<B> {
    tls: Tls,
    bus: B,
    received: usize,
    error: Option<OpenError>,
}

impl<B: Bus> App<B> {
    fn new(role: Role, bus: B) -> Result<Self, &'static str> {
        let layer = crate::layer(driver::config(role)).map_err(|_| "keys")?;
        Ok(Self { tls: Connection::new(layer), bus, received: 0, error: None })
    }

    fn turn(&mut self) {
        let deliver = |data: &[u8]| self.received += data.len();
        let turned = driver::turn(&mut self.tls, &mut self.bus, deliver);
        self.error = self.error.or(turned.err());
    }
}

/// The client sends 210 bytes, updates its keys, and closes; the server answers with 21.
fn converse<B: Bus, C: Bus>(name: &str, client: B, server: C) -> Result<(), &'static str> {
    let (mut client, mut server) =
        (App::new(Role::Client, client)?, App::new(Role::Server, server)?);
    let mut asked = 0;
    for round in 0..30 {
        asked += client.tls.write(&[&[7; 210][asked..]]).unwrap_or(0);
        if round == 2 {
            let _ = client.tls.update_keys(true);
        }
        if round == 10 {
            let _ = client.tls.shutdown();
        }
        client.turn();
        server.turn();
        if matches!(server.tls.end(), End { read: ReadEnd::Closed { .. }, .. }) {
            let _ = server.tls.write(&[&[7; 21]]);
            let _ = server.tls.shutdown();
        }
        server.turn();
        client.turn();
    }
    for (end, received, error) in [
        (server.tls.end(), server.received, server.error),
        (client.tls.end(), client.received, client.error),
    ] {
        info!("{}: received {} bytes; {}; {}", name, received, error, end);
    }
    Ok(())
}
