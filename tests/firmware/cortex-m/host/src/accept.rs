//! Waiting for a program to connect to us.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::process::Child;
use std::thread;
use std::time::Duration;

use crate::Result;

/// The connection of `child`, which is an error if it ends without one.
pub fn accept(listener: &TcpListener, child: &mut Child) -> Result<TcpStream> {
    listener.set_nonblocking(true)?;
    loop {
        let has_ended = child.try_wait()?.is_some();
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false)?;
                return Ok(stream);
            }
            Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error.into()),
            Err(_) if has_ended => return Err("it has ended without a connection".into()),
            Err(_) => thread::sleep(Duration::from_millis(5)),
        }
    }
}
