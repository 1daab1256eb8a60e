//! Connections that own their output: the answers of a shutdown, slots, and transports that take a
//! part.

mod anything;
#[cfg(feature = "ring")]
mod changing_buffer;
mod ciphers;
mod discarded;
mod halves;
mod handshake;
mod in_buffer;
mod in_flight;
mod key_updates;
mod room;
mod set;
mod shutdown;
mod slots;
mod support;
