//! Tests that run over every kind of stream.

mod closing;
mod data;
mod failing;
mod handshake;
mod key_updates;
mod out_of_place;
