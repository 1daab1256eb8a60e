//! A firmware update in records of 16 KiB, which are received in a window of 512 bytes.
//!
//! The image is written to a slot while it arrives. It is accepted only if the peer has closed its direction
//! after it, and if its hash is the expected one.

#![no_std]
#![no_main]

use core::convert::Infallible;

use board::SUSPEND_KEY;
use board::slot::Slot;
use board::uart::{Uart, is_silent};
use cortex_m_rt::entry;
use embedded_io::{Read, ReadExactError, ReadReady, Write};
use sha2::{Digest, Sha256};
use tls_record::aead::rustcrypto::RustCryptoParts;
use tls_record::{
    Arrival, Arrived, Connection, Event, OpenError, ResumeError, SUSPENDED_LEN, SealError,
    TrafficSecret,
};

/// Holds one record of 512 bytes of content.
const TX: usize = 542;
const WINDOW: usize = 512;

/// The progress is logged at every multiple of this many bytes.
const STEP: usize = 16 << 10;

type Tls = Connection<TrafficSecret<RustCryptoParts>, TX>;

#[derive(defmt::Format)]
enum Error {
    Uart,
    Resume(ResumeError),
    Seal(SealError),
    NoHead,
    OtherHash,
}

impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl From<ReadExactError<Infallible>> for Error {
    fn from(_: ReadExactError<Infallible>) -> Self {
        Self::Uart
    }
}

#[entry]
fn main() -> ! {
    board::end(run())
}

fn run() -> Result<(), Error> {
    let mut uart = Uart::switch_on();
    let (mut suspended, mut len, mut hash) = ([0; SUSPENDED_LEN], [0; 4], [0; 32]);
    uart.read_exact(&mut suspended)?;
    uart.read_exact(&mut len)?;
    uart.read_exact(&mut hash)?;
    let mut tls = Tls::resume(&mut suspended, &SUSPEND_KEY).map_err(Error::Resume)?;
    let mut window = [0; WINDOW];
    defmt::info!("{} bytes of RAM", size_of_val(&tls) + size_of_val(&window));

    let mut slot = Slot::empty();
    tls.write(&[b"GET /image HTTP/1.0\r\n\r\n"]).map_err(Error::Seal)?;
    let len = u32::from_le_bytes(len) as usize;
    let received = receive(&mut tls, &mut window, &mut uart, &mut slot, len);
    send(&mut tls, &mut uart)?;
    match received {
        Ok(()) => {
            accept(slot.content(), &hash)?;
            let _ = tls.shutdown();
            send(&mut tls, &mut uart)?;
            defmt::info!("accepted: {}", tls.end());
        }
        Err(error) => defmt::info!("rejected behind {} bytes: {}", slot.valid, error),
    }
    Ok(())
}

/// Receives up to the close_notify of the peer, to which it sends its own after `len` bytes.
fn receive(
    tls: &mut Tls,
    window: &mut [u8; WINDOW],
    uart: &mut Uart,
    slot: &mut Slot,
    len: usize,
) -> Result<(), OpenError> {
    let (mut filled, mut logged, mut updates) = (0, 0, 0);
    loop {
        let Arrived { consumed, event } = tls.received_arriving(&mut window[..filled], WINDOW)?;
        match event {
            Arrival::Provisional(part) => {
                slot.write(part.offset(), part.expose_unauthenticated());
            }
            Arrival::Committed { content } => slot.valid += content,
            Arrival::Record(Event::ApplicationData(range)) => {
                let len = range.len();
                slot.write(0, &window[range]);
                slot.valid += len;
            }
            Arrival::Record(Event::NeedMore { total }) => {
                if slot.valid == len {
                    let _ = tls.shutdown();
                }
                // The request, an answer to a KeyUpdate, or the close_notify.
                let Ok(()) = send(tls, uart);
                while filled < WINDOW && (filled < total || uart.read_ready() == Ok(true)) {
                    if is_silent(uart) {
                        tls.eof();
                        break;
                    }
                    let Ok(read) = uart.read(&mut window[filled..]);
                    filled += read;
                }
                continue;
            }
            Arrival::Record(Event::KeyUpdate { .. }) => {
                updates += 1;
                defmt::info!("KeyUpdate {} behind {} bytes", updates, slot.valid);
            }
            Arrival::Record(Event::Closed) => return Ok(()),
            _ => {}
        }
        if slot.valid / STEP != logged {
            logged = slot.valid / STEP;
            defmt::info!("{} bytes", logged * STEP);
        }
        window.copy_within(consumed..filled, 0);
        filled -= consumed;
    }
}

fn send(tls: &mut Tls, uart: &mut Uart) -> Result<(), Infallible> {
    uart.write_all(tls.unsent())?;
    tls.sent(tls.unsent().len());
    uart.flush()
}

/// Checks the image behind the head of the response. A product checks a signature.
fn accept(response: &[u8], hash: &[u8; 32]) -> Result<(), Error> {
    let head = response.windows(4).position(|end| end == b"\r\n\r\n").ok_or(Error::NoHead)?;
    let image = &response[head + 4..];
    if Sha256::digest(image)[..] != hash[..] {
        return Err(Error::OtherHash);
    }
    defmt::info!("an image of {} bytes", image.len());
    Ok(())
}
