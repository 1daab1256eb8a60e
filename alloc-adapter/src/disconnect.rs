//! Closing a connection together with its transport.
//!
//! A TCP socket that is closed with unread input sends a reset, and a reset destroys data that the
//! peer has not read yet: a response, our close_notify, an alert. To prevent that, everything is
//! sent, the sending direction of the transport is shut down, and input is discarded until the peer
//! ends as well.

#[cfg(feature = "tokio")]
mod asynchronous;
mod blocking;

#[cfg(feature = "tokio")]
pub use asynchronous::disconnect_async;
pub use blocking::disconnect;
