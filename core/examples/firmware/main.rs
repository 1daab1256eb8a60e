//! A connection in firmware, without a heap: the interrupt handler of a UART opens the records that arrive,
//! the main loop seals those that leave and gives them to DMA. This file is as it would be on a chip; the
//! chip is simulated in `board.rs`.
//!
//! ```sh
//! cargo run -p tls-record --example firmware --features rustcrypto-aes128-gcm
//! ```
//!
//! The peer sends `on` or `off`, each with a line feed, which switches a LED, and is told so.

mod board;

use core::cell::Cell;
use core::sync::atomic::{AtomicBool, Ordering};

use critical_section::Mutex;
use heapless::Vec;
use heapless::spsc::{Consumer, Producer, Queue};
use static_cell::StaticCell;
use tls_record::aead::{Algorithm, Provider, rustcrypto::RustCrypto};
use tls_record::{
    Config, Connection, End, Epoch, Event, KeyError, Linked, Mailbox, Opener, ReadEnd,
    RecordBuffer, RecordSizeLimit, Role, ShutdownError, TrafficSecret, Writer, scrub_stack,
};

use board::{dma, uart};

type Secret = TrafficSecret<RustCrypto>;

/// The most plaintext of a record that the peer sends: the handshake has told it (RFC 8449).
const LIMIT: RecordSizeLimit = RecordSizeLimit::new(256).unwrap();
/// For the longest record that arrives.
const RX: usize = LIMIT.max_record_len();
/// For the records that leave.
const TX: usize = 512;
/// For the data of all records that the receive buffer holds. One place of a queue stays empty.
const QUEUE: usize = RX + 1;

// What lies in memory for good. Each is written once, at the start.

static MAILBOX: StaticCell<Mailbox> = StaticCell::new();
static COMMANDS: StaticCell<Queue<u8, QUEUE>> = StaticCell::new();
static RECEIVER: StaticCell<Receiver> = StaticCell::new();
static SENDER: StaticCell<Sender> = StaticCell::new();

/// The receiver, for the interrupt handler. A reference goes in and out: the keys are not moved.
static OF_HANDLER: Mutex<Cell<Option<&'static mut Receiver>>> = Mutex::new(Cell::new(None));
/// Whether the peer's direction has ended, in whatever way.
static IS_ENDED: AtomicBool = AtomicBool::new(false);

// The interrupt handler

/// The receiving half.
struct Receiver {
    opener: Linked<'static, Opener<Secret>>,
    input: RecordBuffer<RX>,
    commands: Producer<'static, u8>,
}

/// The UART has received bytes, or the main loop has made room for what they say.
fn on_uart_interrupt() {
    let taken = critical_section::with(|cs| OF_HANDLER.borrow(cs).take());
    if let Some(receiver) = taken {
        receiver.receive();
        critical_section::with(|cs| OF_HANDLER.borrow(cs).set(Some(receiver)));
    }
}

impl Receiver {
    /// Takes what the UART has and opens it. Without room for the data of a full buffer the bytes stay in
    /// the UART, whose flow control then holds the peer back.
    fn receive(&mut self) {
        while self.commands.capacity() - self.commands.len() >= RX {
            // It holds the longest record that the opener accepts.
            let Ok(room) = self.input.room() else { return };
            let len = uart::read(room);
            if len == 0 {
                return;
            }
            self.input.received(len);
            self.open();
        }
    }

    /// Opens all that has arrived. What the sending half must do, an alert or an answer to a KeyUpdate, goes
    /// through the mailbox by itself; the interrupt wakes the main loop.
    fn open(&mut self) {
        let Self { opener, input, commands } = self;
        opener.with(|opener| {
            while let Ok(opened) = opener.open(input.filled()) {
                if let Event::ApplicationData(range) = &opened.event {
                    for &byte in &input.filled()[range.clone()] {
                        let _ = commands.enqueue(byte); // There is room: see `receive`.
                    }
                }
                input.consume(&opened);
                if matches!(opened.event, Event::NeedMore { .. } | Event::Closed) {
                    break;
                }
            }
            IS_ENDED.store(opener.end() != ReadEnd::Open, Ordering::Release);
        });
    }
}

// The main loop

/// The sending half.
struct Sender {
    writer: Linked<'static, Writer<Secret, TX>>,
    commands: Consumer<'static, u8>,
    line: Vec<u8, 8>,
}

impl Sender {
    /// Does what can be done now. Returns true when our direction has ended and all of it has left.
    fn work(&mut self) -> bool {
        if let Some(len) = dma::take_finished() {
            self.writer.with(|writer| writer.sent(len));
        }
        // Before the commands are looked at: all that came before the end are in the queue then.
        let is_ended = IS_ENDED.load(Ordering::Acquire);
        let mut has_made_room = false;
        while self.writer.half().can_write() {
            let Some(byte) = self.commands.dequeue() else { break };
            self.take_byte(byte);
            has_made_room = true;
        }
        if has_made_room {
            uart::pend_interrupt();
        }
        let mut is_closed = false;
        if is_ended && self.commands.peek().is_none() || !self.writer.half().may_write() {
            // The alert that a fault demands is among what is unsent as well.
            let closed = self.writer.with(|writer| writer.shutdown());
            is_closed = closed != Err(ShutdownError::WouldBlock);
        }
        if dma::is_busy() {
            return false;
        }
        // They stay where they are until they are `sent`, whatever is sealed meanwhile.
        let is_sending = self.writer.with(|writer| {
            let unsent = writer.begin_send();
            if !unsent.is_empty() {
                dma::start(unsent);
            }
            !unsent.is_empty()
        });
        is_closed && !is_sending
    }

    fn take_byte(&mut self, byte: u8) {
        if byte != b'\n' {
            // A line that is too long is no command: its front is dropped.
            if self.line.push(byte).is_err() {
                self.line.clear();
            }
            return;
        }
        let answer: &[u8] = match &self.line[..] {
            b"on" => {
                board::switch_led(true);
                b"the LED is on\n"
            }
            b"off" => {
                board::switch_led(false);
                b"the LED is off\n"
            }
            _ => b"on or off?\n",
        };
        self.line.clear();
        // There is room, by `can_write`. It fails if the connection has failed since.
        let _ = self.writer.with(|writer| writer.write(&[answer]));
    }
}

/// Takes the secrets of the handshake, and puts everything where it stays. Not inlined, so that what it
/// leaves on the stack lies below the caller's frame.
#[inline(never)]
fn set_up(client: &[u8; 32], server: &[u8; 32]) -> Result<&'static mut Sender, KeyError> {
    let mut config = Config::new(Role::Client);
    config.record_size_limit = Some(LIMIT);
    let mut connection = Connection::without_keys(config);
    let secret = |secret| Secret::tls13(Algorithm::Aes128Gcm, secret);
    connection.install(Epoch::Application, secret(client)?, secret(server)?)?;
    let (opener, writer) = connection.split_over(MAILBOX.init(Mailbox::new()));
    let (producer, consumer) = COMMANDS.init(Queue::new()).split();
    let receiver =
        RECEIVER.init(Receiver { opener, input: RecordBuffer::new(), commands: producer });
    critical_section::with(|cs| OF_HANDLER.borrow(cs).set(Some(receiver)));
    Ok(SENDER.init(Sender { writer, commands: consumer, line: Vec::new() }))
}

/// Speaks until both directions have ended. Returns how.
fn run() -> Result<End, KeyError> {
    let (client, server) = board::secrets_of_the_handshake();
    let sender = set_up(&client, &server);
    // The keys were moved on the stack: what making them takes, and the frame of `set_up`.
    scrub_stack(RustCrypto::STACK + 8 * 1024);
    let sender = sender?;
    uart::enable_interrupt();
    while !sender.work() {
        board::wait_for_event();
    }
    uart::disable_interrupt();
    let receiver = critical_section::with(|cs| OF_HANDLER.borrow(cs).take());
    let read = receiver.map_or(ReadEnd::Open, |receiver| receiver.opener.half().end());
    Ok(End { read, write: sender.writer.half().end() })
}

fn main() -> Result<(), KeyError> {
    let end = run()?;
    println!("{end:?}");
    Ok(())
}

#[test]
fn the_peer_switches_the_led_and_both_close() {
    let end = run().unwrap();
    assert!(end.is_clean(), "{end:?}");
    assert_eq!(board::led_so_far(), [true, false, true, false]);
    let answers = "the LED is on\nthe LED is off\non or off?\nthe LED is on\nthe LED is off\n";
    assert_eq!(board::heard_by_the_peer(), answers);
    assert_eq!(board::key_updates_of_the_firmware(), 1);
}
