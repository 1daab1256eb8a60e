//! The end of a connection together with that of its transport.
//!
//! A TCP socket that is closed with unread input sends a reset, and a reset destroys what the peer has
//! not read yet: a response, our close_notify, an alert. So everything is sent, the sending direction
//! of the transport is shut, and what the peer still sends is read away until it ends too.

#[cfg(feature = "tokio")]
mod asynchronous;
mod blocking;

#[cfg(feature = "tokio")]
pub use asynchronous::disconnect_async;
pub use blocking::disconnect;
