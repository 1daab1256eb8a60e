//! What all kinds of stream have in common, tested over each of them.

mod closing;
mod data;
mod failing;
mod handshake;
mod key_updates;
