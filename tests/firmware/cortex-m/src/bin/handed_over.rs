//! A connection that was made elsewhere: it arrives as bytes, is resumed, and continues with its
//! peer through the UART until it is closed in two steps.

#![no_std]
#![no_main]

use core::convert::Infallible;

use board::SUSPEND_KEY;
use board::uart::Uart;
use cortex_m_rt::entry;
use embedded_io::{Read, ReadExactError, ReadReady, Write};
use tls_record::aead::rustcrypto::RustCrypto;
use tls_record::{
    Connection, EmbeddedStream, KeyError, RecordBuffer, ResumeError, SUSPENDED_LEN, StreamError,
    TrafficSecret,
};

const RX: usize = 1024;
const TX: usize = 1024;

type Secret = TrafficSecret<RustCrypto>;
type Tls = EmbeddedStream<Uart, Secret, RX, TX>;

#[derive(defmt::Format)]
enum Error {
    Uart,
    Resume(ResumeError),
    Stream(StreamError<Infallible>),
    NotClean,
}

impl From<ReadExactError<Infallible>> for Error {
    fn from(_: ReadExactError<Infallible>) -> Self {
        Self::Uart
    }
}

impl From<ResumeError> for Error {
    fn from(error: ResumeError) -> Self {
        Self::Resume(error)
    }
}

impl From<StreamError<Infallible>> for Error {
    fn from(error: StreamError<Infallible>) -> Self {
        Self::Stream(error)
    }
}

#[entry]
fn main() -> ! {
    board::end(run())
}

fn run() -> Result<(), Error> {
    let mut tls = resume(Uart::switch_on())?;
    answer(&mut tls)?;
    close(&mut tls)
}

fn resume(mut uart: Uart) -> Result<Tls, Error> {
    let mut bytes = [0; SUSPENDED_LEN];
    uart.read_exact(&mut bytes)?;
    let connection = Connection::<Secret, TX>::resume(&mut bytes, &SUSPEND_KEY)?;
    defmt::info!("resumed: {}", connection);
    Ok(EmbeddedStream::new(connection, RecordBuffer::new(), uart))
}

/// Sends data back in capitals, up to `close`.
fn answer(tls: &mut Tls) -> Result<(), StreamError<Infallible>> {
    let mut line = [0; 64];
    loop {
        let len = tls.read(&mut line)?;
        let line = &mut line[..len];
        line.make_ascii_uppercase();
        tls.write_all(line)?;
        tls.flush()?;
        match &*line {
            b"UPDATE\n" => defmt::info!("new keys: {}", update_keys(tls)),
            b"CLOSE\n" | b"" => return Ok(()),
            _ => {}
        }
    }
}

fn update_keys(tls: &mut Tls) -> Result<(), KeyError> {
    tls.connection_mut().update_keys(true)
}

/// Makes both steps of a shutdown, with data of the peer in flight.
fn close(tls: &mut Tls) -> Result<(), Error> {
    while tls.transport_mut().read_ready() == Ok(false) {}
    tls.close_and_drain(4096, |rest| defmt::info!("under way: {=[u8]:a}", rest))?;
    defmt::info!("{}", tls.end());
    if tls.end().is_clean() { Ok(()) } else { Err(Error::NotClean) }
}
