//! A connection in two embassy tasks: one receives and one sends, each with a half of the
//! connection and a half of the UART. A mailbox carries notices and signals between the halves.

#![no_std]
#![no_main]

use board::SUSPEND_KEY;
use board::uart::{Receiver, Transmitter, Uart, on_interrupt};
use cortex_m_rt::exception;
use defmt::{info, unwrap};
use embassy_executor::{Spawner, task};
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::channel::Channel;
use embedded_io::Read as _;
use embedded_io_async::{Read, Write};
use heapless::Vec;
use tls_record::aead::rustcrypto::RustCrypto;
use tls_record::{
    AlertDescription, Connection, End, Event, Mailbox, Opener, ReadEnd, RecordBuffer,
    SUSPENDED_LEN, SealError, TrafficSecret, Writer,
};

const RX: usize = 1024;
const TX: usize = 1024;

type Secret = TrafficSecret<RustCrypto>;

static MAILBOX: Mailbox = Mailbox::new();
static WORK: Channel<CriticalSectionRawMutex, Work, 4> = Channel::new();

/// A message of the receiving task to the sending task.
enum Work {
    /// There is a notice in the mailbox.
    Notice,
    Data(Vec<u8, 64>),
    /// The next record does not fit.
    TooLong,
    End(ReadEnd),
}

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let mut uart = Uart::switch_on();
    let mut bytes = [0; SUSPENDED_LEN];
    unwrap!(uart.read_exact(&mut bytes).ok());
    let connection = unwrap!(Connection::<Secret, TX>::resume(&mut bytes, &SUSPEND_KEY));
    info!("resumed: {}", connection);
    let (opener, writer) = connection.split();
    let (receiver, transmitter) = uart.split();
    spawner.spawn(unwrap!(receive(opener, receiver)));
    spawner.spawn(unwrap!(send(writer, transmitter)));
}

#[exception]
unsafe fn DefaultHandler(number: i16) {
    on_interrupt(number);
}

#[task]
async fn receive(mut opener: Opener<Secret>, mut uart: Receiver) {
    let mut received = RecordBuffer::<RX>::new();
    loop {
        opener.apply(MAILBOX.take_signal());
        let opened = opener.open(received.filled());
        if opener.has_notice() {
            MAILBOX.post_notice(opener.take_notice());
            WORK.send(Work::Notice).await;
        }
        let Ok(opened) = opened else { break };
        match &opened.event {
            Event::ApplicationData(range) => {
                for line in received.filled()[range.clone()].chunks(64) {
                    WORK.send(Work::Data(unwrap!(Vec::from_slice(line).ok()))).await;
                }
            }
            Event::Closed => break,
            _ => {}
        }
        received.consume(&opened);
        if let Event::NeedMore { .. } = opened.event {
            let Ok(room) = received.room() else {
                WORK.send(Work::TooLong).await;
                break;
            };
            let len = unwrap!(uart.read(room).await.ok());
            received.received(len);
        }
    }
    WORK.send(Work::End(opener.end())).await;
}

/// Sends the data back in capitals.
#[task]
async fn send(mut writer: Writer<Secret, TX>, mut uart: Transmitter) {
    loop {
        let work = WORK.receive().await;
        writer.apply(MAILBOX.take_notice());
        match work {
            Work::Notice => {}
            Work::Data(line) => unwrap!(answer(&mut writer, line)),
            Work::TooLong => unwrap!(writer.abort(AlertDescription::RECORD_OVERFLOW)),
            Work::End(read) => {
                let end = End { read, write: writer.end() };
                info!("{}", end);
                board::end(if end.is_clean() { Ok(()) } else { Err("not clean") });
            }
        }
        loop {
            // Post the signal before the records are sent: the answer may come at once.
            MAILBOX.post_signal(writer.take_signal());
            if writer.unsent().is_empty() {
                break;
            }
            let len = unwrap!(uart.write(writer.unsent()).await.ok());
            writer.sent(len);
        }
    }
}

fn answer(writer: &mut Writer<Secret, TX>, mut line: Vec<u8, 64>) -> Result<(), SealError> {
    line.make_ascii_uppercase();
    writer.write(&[&line])?;
    match &line[..] {
        b"UPDATE\n" => info!("new keys: {}", writer.update_keys(true)),
        // It is sent with the answer.
        b"CLOSE\n" => info!("closing: {}", writer.shutdown()),
        _ => {}
    }
    Ok(())
}
