//! Brings a stream to the point where the kernel can go on, and hands its keys over.

use alloc::boxed::Box;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;

use tls_record::aead::{Algorithm, Provider};
use tls_record::{AlertDescription, KernelDirection, ReadEnd, SuspendError, WriteEnd, scrub_stack};

use super::error::KernelTlsError;
use super::probe;
use super::socket::{self, Direction};
use crate::session::Step;
use crate::session::room::InPlace;
use crate::stream::Stream;

/// Both directions of a connection that the kernel has.
pub(super) struct Given<P> {
    /// Boxed, because moving secrets leaves copies of them in memory.
    pub(super) receiving: Box<KernelDirection<P>>,
    pub(super) sending: Box<KernelDirection<P>>,
    /// The sequence number of the first record that the kernel sends.
    pub(super) sequence: u64,
    pub(super) can_update: bool,
}

/// Hands both directions to the kernel. After an error the stream goes on as before, unless the
/// kernel has refused keys of a suite that it supports.
pub(super) fn hand_over<T: Read + Write + AsFd, P: Provider>(
    stream: &mut Stream<T, P>,
) -> io::Result<Given<P>> {
    let given = give(stream);
    scrub_stack(P::STACK.saturating_add(size_of::<KernelDirection<P>>().saturating_mul(4)));
    given
}

/// Not inlined: [`scrub_stack`] must reach its stack frame.
#[inline(never)]
fn give<T: Read + Write + AsFd, P: Provider>(stream: &mut Stream<T, P>) -> io::Result<Given<P>> {
    let suite = u16::from(stream.session.info.suite);
    let algorithm = Algorithm::from_suite(suite).ok_or(KernelTlsError::Suite)?;
    let can_update = probe::can_update::<P>(stream.session.info.version, algorithm)?;

    let mut receiving = loop {
        // Something was sealed or received meanwhile, unless this is the first round.
        bring_to_edge(stream)?;
        let end = stream.session.end();
        if (end.read, end.write) != (ReadEnd::Open, WriteEnd::Open) {
            return Err(KernelTlsError::NotOpen.into());
        }
        // The kernel would take the receiving direction alone.
        let sealer = stream.session.layer.sealer();
        if sealer.sequence().is_some_and(|sequence| sequence >= sealer.record_limit()) {
            return Err(KernelTlsError::KeysExhausted.into());
        }
        socket::attach(&stream.transport).map_err(probe::not_attached)?;
        match stream.session.layer.hand_receiver_to_kernel() {
            Ok(direction) => break Box::new(direction),
            // The last message is not complete.
            Err(SuspendError::Busy) => receive_part(stream)?,
            Err(error) => return Err(io::Error::other(error)),
        }
    };
    let info = receiving.crypto_info().map_err(io::Error::other)?;
    if let Err(error) = socket::set_keys(&stream.transport, Direction::Receiving, &info) {
        // The sending direction is here still, and can tell the peer.
        let _ = stream.session.abort(AlertDescription::INTERNAL_ERROR);
        let _ = stream.send_all();
        return Err(error);
    }
    let sending = stream.session.layer.hand_sender_to_kernel();
    let mut sending = Box::new(sending.map_err(io::Error::other)?);
    let info = sending.crypto_info().map_err(io::Error::other)?;
    socket::set_keys(&stream.transport, Direction::Sending, &info)?;
    Ok(Given { receiving, sending, sequence: socket::sequence(&info), can_update })
}

/// Opens what was received, up to the edge of a record, and sends what is unsent and due.
///
/// The kernel begins at the next byte of the socket. Of a record that was received in part, the rest
/// is received here, and not a byte more.
fn bring_to_edge<T: Read + Write, P: Provider>(stream: &mut Stream<T, P>) -> io::Result<()> {
    loop {
        loop {
            stream.session.inbox.keep(usize::MAX);
            match stream.session.open(&mut InPlace) {
                Ok(Step::Opened) => {}
                Ok(Step::NeedInput) => break,
                Ok(Step::Closed) => return Err(KernelTlsError::NotOpen.into()),
                Err(error) => {
                    // There may be an alert.
                    let _ = stream.send_all();
                    return Err(error);
                }
            }
        }
        stream.send_all()?;
        if stream.session.inbox.received.is_empty() {
            return Ok(());
        }
        receive_part(stream)?;
    }
}

/// Receives bytes of the next record, and none behind it.
fn receive_part<T: Read + Write, P: Provider>(stream: &mut Stream<T, P>) -> io::Result<()> {
    let filled = stream.session.inbox.received.filled();
    let needed = stream.session.layer.opener().needed(filled);
    let missing = needed.saturating_sub(filled.len());
    let room = stream.session.room();
    let len = missing.min(room.len());
    let room = room.get_mut(..len).unwrap_or_default();
    if room.is_empty() {
        return Ok(());
    }
    let read = stream.transport.read(room);
    match stream.session.received(read) {
        Err(error) if error.kind() != ErrorKind::Interrupted => Err(error),
        _ => Ok(()),
    }
}
