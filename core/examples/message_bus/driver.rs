//! TLS over a transport that carries messages of 64 bytes. This file is what a user writes: no `std`, no
//! heap.
//!
//! Every record fills one message, whatever it carries. So messages look alike from outside, and a message
//! can be opened as soon as it is there. Nothing is repeated: a message that is lost, doubled or out of
//! order ends the connection. If the bus needs numbers and acknowledgements, they belong below this file.

use tls_record::{AlertDescription, Config, Connection, Event, KeySchedule, OpenError};
use tls_record::{Padding, Role, Version};

/// Length of a message, in bytes.
pub const MESSAGE: usize = 64;

/// What the bus can do.
pub trait Bus {
    /// Sends a message. Returns false, and sends nothing, if the bus is busy.
    fn send(&mut self, message: &[u8; MESSAGE]) -> bool;
    /// Returns the next message that has arrived.
    fn receive(&mut self) -> Option<[u8; MESSAGE]>;
}

/// Returns settings with which every record is as long as a message: 42 bytes of content and padding, its
/// type, a header of 5 bytes and a tag of 16.
pub fn config(role: Role) -> Config {
    let mut config = Config::new(role);
    config.version = Some(Version::Tls13); // TLS 1.2 has no padding.
    config.fragment_limit = MESSAGE as u16 - 22;
    config.padding = Padding::FULL;
    config.pads_control = true;
    config
}

/// Opens the messages that have arrived, and sends what is unsent. To be called when a message has arrived,
/// when the bus is free again, and after `write`, `shutdown` and the like.
pub fn turn<K: KeySchedule, const TX: usize>(
    tls: &mut Connection<K, TX>,
    bus: &mut impl Bus,
    mut deliver: impl FnMut(&[u8]),
) -> Result<(), OpenError> {
    let opened = core::iter::from_fn(|| bus.receive()).try_for_each(|mut message| {
        let mut rest = &mut message[..];
        while !rest.is_empty() {
            let opened = tls.received(rest)?;
            match opened.event {
                Event::ApplicationData(range) => deliver(&rest[range]),
                // The record is longer than the message: not one of ours.
                Event::NeedMore { .. } => drop(tls.abort(AlertDescription::DECODE_ERROR)),
                _ => {}
            }
            rest = &mut rest[opened.consumed..];
        }
        Ok(())
    });
    // After an error, too: its alert is to leave.
    while let Some(message) = tls.unsent().first_chunk()
        && bus.send(message)
    {
        tls.sent(MESSAGE);
    }
    opened
}
