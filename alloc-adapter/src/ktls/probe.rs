//! Finds out what the kernel supports, on a connection of its own: on a live one a refusal would come
//! after the engine has given its keys away.

use core::sync::atomic::{AtomicU32, Ordering};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};

use nix::errno::Errno;
use tls_record::aead::{Algorithm, Provider};
use tls_record::{
    Config, Epoch, KernelDirection, KeyError, Opener, Role, SuspendError, TrafficSecret, Version,
};

use super::error::KernelTlsError;
use super::socket::{self, Direction};

/// What is known already: a bit for each supported suite, and one for each whose keys can be replaced.
static KNOWN: AtomicU32 = AtomicU32::new(0);

/// Returns whether the kernel can replace the keys of a connection with this suite.
///
/// # Errors
/// [`KernelTlsError`] if the kernel cannot have such a connection; errors of the sockets.
pub(super) fn can_update<P: Provider>(version: Version, algorithm: Algorithm) -> io::Result<bool> {
    let bit = 1_u32 << (algorithm as u32 & 7) << if version == Version::Tls12 { 8 } else { 0 };
    let known = KNOWN.load(Ordering::Relaxed);
    if known & bit != 0 {
        return Ok(known & (bit << 16) != 0);
    }
    let can_update = try_out::<P>(version, algorithm)?;
    KNOWN.fetch_or(bit | if can_update { bit << 16 } else { 0 }, Ordering::Relaxed);
    Ok(can_update)
}

fn try_out<P: Provider>(version: Version, algorithm: Algorithm) -> io::Result<bool> {
    let (_listener, socket) = connection()?;
    socket::attach(&socket).map_err(not_attached)?;
    let mut keys = keys::<P>(version, algorithm)?;
    for direction in [Direction::Sending, Direction::Receiving] {
        socket::set_keys(&socket, direction, &keys.crypto_info().map_err(io::Error::other)?)
            .map_err(|_| KernelTlsError::Suite)?;
        // Fails in TLS 1.2, which updates no keys.
        if keys.update().is_err() {
            keys = self::keys::<P>(version, algorithm)?;
        }
    }
    if version == Version::Tls12 {
        return Ok(false);
    }
    for direction in [Direction::Sending, Direction::Receiving] {
        let info = keys.crypto_info().map_err(io::Error::other)?;
        if socket::set_keys(&socket, direction, &info).is_err() {
            return Ok(false);
        }
        keys.update().map_err(io::Error::other)?;
    }
    Ok(true)
}

/// Says why the kernel's TLS was not attached to a socket.
pub(super) fn not_attached(error: io::Error) -> io::Error {
    match error.raw_os_error().map(Errno::from_raw) {
        // It finds no module of this name, or is older than Linux 4.13.
        Some(Errno::ENOENT | Errno::ENOPROTOOPT) => KernelTlsError::NoModule.into(),
        // The peer has ended its direction of the transport.
        Some(Errno::ENOTCONN) => KernelTlsError::NotOpen.into(),
        _ => error,
    }
}

/// A connection to oneself, which need not be accepted.
fn connection() -> io::Result<(TcpListener, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .or_else(|_| TcpListener::bind((Ipv6Addr::LOCALHOST, 0)))?;
    let socket = TcpStream::connect(listener.local_addr()?)?;
    Ok((listener, socket))
}

/// Keys that protect nothing.
fn keys<P: Provider>(version: Version, algorithm: Algorithm) -> io::Result<KernelDirection<P>> {
    let secret = [1; 48];
    let part = |len: usize| secret.get(..len).unwrap_or_default();
    let secret = match version {
        Version::Tls13 => TrafficSecret::<P>::tls13(algorithm, part(algorithm.secret_len())),
        Version::Tls12 => {
            let iv = if algorithm.has_explicit_nonce() { 4 } else { 12 };
            TrafficSecret::tls12(algorithm, part(algorithm.key_len()), part(iv))
        }
    };
    let given = secret.and_then(|secret| {
        let mut opener = Opener::new(Config::new(Role::Client));
        opener.take_over(Epoch::Application, secret, 1)?;
        opener.hand_to_kernel().map_err(|error| match error {
            SuspendError::Unsupported => KeyError::HandedOver,
            _ => KeyError::Crypto,
        })
    });
    given.map_err(|error| match error {
        KeyError::HandedOver => KernelTlsError::Suite.into(),
        error => io::Error::other(error),
    })
}
