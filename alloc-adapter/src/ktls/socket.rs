//! The system calls: `setsockopt`, `sendmsg` and `recvmsg` of a socket whose TLS the kernel does.

use alloc::{vec, vec::Vec};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::sockopt::{TcpTlsRx, TcpTlsTx, TcpUlp, TlsCryptoInfo};
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, TlsGetRecordType, recvmsg, setsockopt as set_option,
};
use socket2::{MsgHdr, SockRef};
use tls_record::{ContentType, ControlMessage, CryptoInfo, scrub_stack};
use zeroize::Zeroize;

/// `TLS_SET_RECORD_TYPE` of `linux/tls.h`.
const TLS_SET_RECORD_TYPE: i32 = 1;

const HEADER_LEN: usize = size_of::<libc::cmsghdr>();

/// `CMSG_SPACE(1)`: the header, and one byte in a word of its own.
const CONTROL_LEN: usize = HEADER_LEN + size_of::<usize>();

/// Bytes of stack that may hold copies of a key: a few structures of 56 bytes.
const SET_STACK: usize = 1024;

/// A direction of the connection.
#[derive(Clone, Copy)]
pub(super) enum Direction {
    Sending,
    Receiving,
}

/// Attaches the kernel's TLS to a TCP socket. Until it has keys, bytes pass through it unchanged.
pub(super) fn attach(socket: &impl AsFd) -> io::Result<()> {
    match set_option(socket, TcpUlp::default(), &b"tls") {
        // It was attached before.
        Ok(()) | Err(Errno::EEXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Gives the kernel the keys of a direction.
pub(super) fn set_keys(
    socket: &impl AsFd,
    direction: Direction,
    info: &CryptoInfo,
) -> io::Result<()> {
    let set = set_structure(socket, direction, info);
    scrub_stack(SET_STACK);
    set
}

/// Not inlined: [`scrub_stack`] must reach its stack frame.
#[inline(never)]
fn set_structure(socket: &impl AsFd, direction: Direction, info: &CryptoInfo) -> io::Result<()> {
    let mut keys = structure(info.as_bytes()).ok_or(io::ErrorKind::Unsupported)?;
    let set = loop {
        let set = match direction {
            Direction::Sending => set_option(socket, TcpTlsTx, &keys),
            Direction::Receiving => set_option(socket, TcpTlsRx, &keys),
        };
        if set != Err(Errno::EINTR) {
            break set;
        }
    };
    wipe(&mut keys);
    set.map_err(io::Error::from)
}

/// Reads a `tls12_crypto_info_*` structure from its bytes.
fn structure(mut bytes: &[u8]) -> Option<TlsCryptoInfo> {
    let bytes = &mut bytes;
    let info = libc::tls_crypto_info {
        version: u16::from_ne_bytes(take(bytes)?),
        cipher_type: u16::from_ne_bytes(take(bytes)?),
    };
    Some(match info.cipher_type {
        libc::TLS_CIPHER_AES_GCM_128 => {
            TlsCryptoInfo::Aes128Gcm(libc::tls12_crypto_info_aes_gcm_128 {
                info,
                iv: take(bytes)?,
                key: take(bytes)?,
                salt: take(bytes)?,
                rec_seq: take(bytes)?,
            })
        }
        libc::TLS_CIPHER_AES_GCM_256 => {
            TlsCryptoInfo::Aes256Gcm(libc::tls12_crypto_info_aes_gcm_256 {
                info,
                iv: take(bytes)?,
                key: take(bytes)?,
                salt: take(bytes)?,
                rec_seq: take(bytes)?,
            })
        }
        libc::TLS_CIPHER_CHACHA20_POLY1305 => {
            TlsCryptoInfo::Chacha20Poly1305(libc::tls12_crypto_info_chacha20_poly1305 {
                info,
                iv: take(bytes)?,
                key: take(bytes)?,
                salt: take(bytes)?,
                rec_seq: take(bytes)?,
            })
        }
        _ => return None,
    })
}

fn take<const LEN: usize>(bytes: &mut &[u8]) -> Option<[u8; LEN]> {
    let (field, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*field)
}

fn wipe(keys: &mut TlsCryptoInfo) {
    match keys {
        TlsCryptoInfo::Aes128Gcm(keys) => {
            keys.key.zeroize();
            keys.iv.zeroize();
            keys.salt.zeroize();
        }
        TlsCryptoInfo::Aes256Gcm(keys) => {
            keys.key.zeroize();
            keys.iv.zeroize();
            keys.salt.zeroize();
        }
        TlsCryptoInfo::Chacha20Poly1305(keys) => {
            keys.key.zeroize();
            keys.iv.zeroize();
        }
    }
}

/// The sequence number in a `tls12_crypto_info_*` structure: its last field.
pub(super) fn sequence(info: &CryptoInfo) -> u64 {
    info.as_bytes().last_chunk().map_or(0, |number| u64::from_be_bytes(*number))
}

/// Lays out a control message with one byte of content, as `sendmsg` reads it.
///
/// The length is a `size_t` for the kernel, also where the C library declares a shorter field and a
/// gap beside it.
fn control_message(level: i32, kind: i32, content: u8) -> [u8; CONTROL_LEN] {
    let mut message = [0; CONTROL_LEN];
    let len = HEADER_LEN.wrapping_add(1).to_ne_bytes();
    let header = len.into_iter().chain(level.to_ne_bytes()).chain(kind.to_ne_bytes());
    for (place, byte) in message.iter_mut().zip(header.chain([content])) {
        *place = byte;
    }
    message
}

/// Sends an alert or a KeyUpdate as a record of its own.
pub(super) fn send_control(socket: &impl AsFd, message: &ControlMessage) -> io::Result<()> {
    let control = control_message(libc::SOL_TLS, TLS_SET_RECORD_TYPE, message.content_type().0);
    let content = [IoSlice::new(message.as_bytes())];
    let header = MsgHdr::new().with_buffers(&content).with_control(&control);
    let sent = loop {
        match SockRef::from(socket).sendmsg(&header, libc::MSG_NOSIGNAL) {
            // It has taken nothing.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            sent => break sent?,
        }
    };
    match sent {
        len if len == message.as_bytes().len() => Ok(()),
        // The rest would be a record of its own, which the peer could not read.
        _ => Err(io::ErrorKind::WriteZero.into()),
    }
}

/// Returns whether the TCP connection was not reset, and did not time out.
pub(super) fn is_connected(socket: &impl AsFd) -> bool {
    SockRef::from(socket).peer_addr().is_ok()
}

/// Takes the error that the kernel keeps for the next call of the socket.
///
/// A record that it cannot open is such an error, and so is a reset. While there is one, control records
/// cannot be sent, and data is taken and kept without end: so it is asked for before.
///
/// `SO_ERROR` also returns errors that TCP survives, such as a missing route, with the same numbers. `poll`
/// does not report them, so it is asked first.
pub(super) fn take_error(socket: &impl AsFd) -> Option<io::Error> {
    let mut sockets = [PollFd::new(socket.as_fd(), PollFlags::empty())];
    while poll(&mut sockets, PollTimeout::ZERO) == Err(Errno::EINTR) {}
    let [socket_state] = sockets;
    if !socket_state.revents()?.contains(PollFlags::POLLERR) {
        return None;
    }
    SockRef::from(socket).take_error().ok().flatten()
}

/// Sends application data. The last of its records ends with it.
pub(super) fn send_data(socket: &impl AsFd, data: &[u8]) -> io::Result<usize> {
    SockRef::from(socket).send_with_flags(data, libc::MSG_NOSIGNAL)
}

/// Sends the first `len` bytes of application data in several slices. The last of its records ends with them.
pub(super) fn send_parts<const COUNT: usize>(
    socket: &impl AsFd,
    parts: [&[u8]; COUNT],
    len: usize,
) -> io::Result<usize> {
    let mut left = len;
    let slices = parts.map(|part| {
        let part = part.get(..left).unwrap_or(part);
        left = left.saturating_sub(part.len());
        IoSlice::new(part)
    });
    let header = MsgHdr::new().with_buffers(&slices);
    SockRef::from(socket).sendmsg(&header, libc::MSG_NOSIGNAL)
}

/// What one `recvmsg` returned.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Received {
    pub(super) len: usize,
    /// `None` at the end of the transport.
    pub(super) content_type: Option<ContentType>,
    /// The bytes end with a record.
    pub(super) is_record_end: bool,
}

/// Room for the control messages of a `recvmsg`.
pub(super) struct ControlRoom(Vec<u8>);

impl ControlRoom {
    pub(super) fn new() -> Self {
        Self(cmsg_space!(u8))
    }
}

/// Receives from one record, or from several records with application data.
pub(super) fn receive(
    socket: &impl AsFd,
    room: &mut ControlRoom,
    out: &mut [u8],
) -> Result<Received, Errno> {
    receive_by(socket, room, out, MsgFlags::empty())
}

/// Receives what the kernel has opened already, or can open without waiting.
pub(super) fn receive_now(
    socket: &impl AsFd,
    room: &mut ControlRoom,
    out: &mut [u8],
) -> Result<Received, Errno> {
    loop {
        match receive_by(socket, room, out, MsgFlags::MSG_DONTWAIT) {
            Err(Errno::EINTR) => {}
            received => return received,
        }
    }
}

fn receive_by(
    socket: &impl AsFd,
    room: &mut ControlRoom,
    out: &mut [u8],
    flags: MsgFlags,
) -> Result<Received, Errno> {
    let descriptor = socket.as_fd().as_raw_fd();
    let mut slices = [IoSliceMut::new(out)];
    let message = recvmsg::<()>(descriptor, &mut slices, Some(&mut room.0), flags)?;
    let content_type = message.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::TlsGetRecordType(content_type) => {
            Some(ContentType(number(content_type)))
        }
        _ => None,
    });
    let is_record_end = message.flags.contains(MsgFlags::MSG_EOR);
    Ok(Received { len: message.bytes, content_type, is_record_end })
}

/// Returns the number of a content type. Those that nix does not know have none that matters: they
/// are unexpected, as 0 is.
fn number(content_type: TlsGetRecordType) -> u8 {
    match content_type {
        TlsGetRecordType::ChangeCipherSpec => ContentType::CHANGE_CIPHER_SPEC.0,
        TlsGetRecordType::Alert => ContentType::ALERT.0,
        TlsGetRecordType::Handshake => ContentType::HANDSHAKE.0,
        TlsGetRecordType::ApplicationData => ContentType::APPLICATION_DATA.0,
        TlsGetRecordType::Unknown(number) => number,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    use nix::sys::socket::sockopt::IpRecvTos;

    #[test]
    fn the_kernel_reads_control_messages_that_are_laid_out_here() {
        // Without the module `tls` the kernel does not read the type of a record, but it reads the
        // type of service of a datagram, which is a byte, too.
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        set_option(&receiver, IpRecvTos, &true).unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.connect(receiver.local_addr().unwrap()).unwrap();

        let control = control_message(libc::IPPROTO_IP, libc::IP_TOS, 0x48);
        let content = [IoSlice::new(b"datagram")];
        let header = MsgHdr::new().with_buffers(&content).with_control(&control);
        assert_eq!(SockRef::from(&sender).sendmsg(&header, 0).unwrap(), 8);

        let mut bytes = [0; 16];
        let mut slices = [IoSliceMut::new(&mut bytes)];
        let mut room = cmsg_space!(u8);
        let flags = MsgFlags::empty();
        let message =
            recvmsg::<()>(receiver.as_raw_fd(), &mut slices, Some(&mut room), flags).unwrap();
        let controls: Vec<_> = message.cmsgs().unwrap().collect();
        assert!(matches!(controls[..], [ControlMessageOwned::Ipv4Tos(0x48)]), "{controls:?}");
    }

    #[test]
    fn data_without_a_record_type_is_told_from_data_with_one() {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        std::io::Write::write_all(&mut &theirs, b"plain").unwrap();
        let received = receive(&ours, &mut ControlRoom::new(), &mut [0; 16]).unwrap();
        assert_eq!(received.len, 5);
        assert_eq!(received.content_type, None);
    }

    #[test]
    fn slices_are_sent_up_to_the_length() {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        for (len, sent) in [(9, "firstseco"), (5, "first"), (3, "fir"), (11, "firstsecond")] {
            assert_eq!(send_parts(&ours, [b"first", b"second", b""], len).unwrap(), len);
            let mut received = vec![0; 20];
            let len = std::io::Read::read(&mut &theirs, &mut received).unwrap();
            assert_eq!(&received[..len], sent.as_bytes());
        }
    }

    #[test]
    fn a_socket_without_kernel_tls_is_an_error() {
        let (ours, _theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        assert!(attach(&ours).is_err());
    }
}
