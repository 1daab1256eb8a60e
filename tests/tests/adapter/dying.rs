//! Transports with an error that the operating system reports once, in whichever direction asks first.
//!
//! After a reset, and when TCP has given up sending (`ETIMEDOUT`), later writes to a socket fail with
//! `EPIPE` and reads return 0 bytes, as if the peer had ended the connection.

use std::io::{self, ErrorKind, Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tls_record_alloc::tls_record::ReadEnd;
use tls_record_alloc::tls_record::aead::ring::Ring;
use tls_record_alloc::{Shutdown, Stream, TokioStream};
use tls_record_tests::peers::{Peer, Role, SERVER_NAME, rustls_client_config};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use crate::polling::{now, polled};
use crate::support::{Stack, TLS13};
use crate::wire::Wire;

/// A transport that fails once with an error, and is dead afterwards.
struct Dying {
    wire: Wire<dyn Peer>,
    error: Option<io::Error>,
    is_dead: bool,
}

impl Dying {
    fn alive() -> Self {
        let wire = Wire::to(Stack::Openssl.peer(Role::Server, TLS13));
        Self { wire, error: None, is_dead: false }
    }

    fn check(&mut self) -> io::Result<()> {
        match self.error.take() {
            Some(error) => {
                self.is_dead = true;
                Err(error)
            }
            None => Ok(()),
        }
    }
}

impl Read for Dying {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.check()?;
        self.wire.ends = self.is_dead;
        Ok(self.wire.receive(out)?)
    }
}

impl Write for Dying {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.check()?;
        if self.is_dead {
            return Err(ErrorKind::BrokenPipe.into());
        }
        Write::write(&mut self.wire, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.is_dead { Ok(()) } else { Write::flush(&mut self.wire) }
    }
}

impl AsyncRead for Dying {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let received = Read::read(self.get_mut(), out.initialize_unfilled());
        polled(received).map_ok(|len| out.advance(len))
    }
}

impl AsyncWrite for Dying {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        polled(Write::write(self.get_mut(), bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        polled(Write::flush(self.get_mut()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The errors that end a connection, as the operating system makes them.
fn errors() -> Vec<fn() -> io::Error> {
    vec![
        || ErrorKind::ConnectionReset.into(),
        #[cfg(unix)]
        || io::Error::from_raw_os_error(nix::libc::ETIMEDOUT),
    ]
}

/// What tells an error from others: a timeout is permanent if it has a code.
fn parts(error: &io::Error) -> (ErrorKind, Option<i32>) {
    (error.kind(), error.raw_os_error())
}

fn stream() -> Stream<Dying, Ring> {
    let config = Arc::new(rustls_client_config(TLS13.version, TLS13.suite));
    let name = SERVER_NAME.try_into().unwrap();
    let mut tls = Stream::connect(config, name, Dying::alive()).unwrap();
    assert_eq!(tls.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock, "tickets");
    tls
}

fn tokio_stream() -> TokioStream<Dying, Ring> {
    let config = Arc::new(rustls_client_config(TLS13.version, TLS13.suite));
    let name = SERVER_NAME.try_into().unwrap();
    let mut tls = now(TokioStream::connect(config, name, Dying::alive())).unwrap();
    assert!(crate::polling::poll_once(tls.read(&mut [0])).is_pending(), "tickets");
    tls
}

#[cfg(unix)]
#[test]
fn a_handshake_over_a_dead_connection_fails_with_the_error_of_tcp() {
    let config = Arc::new(rustls_client_config(TLS13.version, TLS13.suite));
    let name = || SERVER_NAME.try_into().unwrap();
    for error in errors() {
        let kind = error().kind();
        let dead = || Dying { error: Some(error()), ..Dying::alive() };
        let failed = Stream::<_, Ring>::connect(config.clone(), name(), dead()).unwrap_err();
        assert_eq!(failed.error.kind(), kind);
        let failed = now(TokioStream::<_, Ring>::connect(config.clone(), name(), dead()));
        assert_eq!(failed.unwrap_err().error.kind(), kind);
    }
}

#[test]
fn the_error_that_a_write_could_not_report_is_returned_by_the_next_call() {
    for error in errors() {
        let kind = error().kind();
        for closes in [false, true] {
            let mut tls = stream();
            tls.transport_mut().error = Some(error());
            assert_eq!(tls.write(b"data").unwrap(), 4);
            assert_eq!(tls.transport_error(), Some(kind));
            let next = if closes { tls.close() } else { tls.flush() };
            assert_eq!(next.unwrap_err().kind(), kind);
            assert_eq!(tls.write(b"more").unwrap_err().kind(), ErrorKind::BrokenPipe);

            let mut tls = tokio_stream();
            tls.transport_mut().error = Some(error());
            assert_eq!(now(tls.write(b"data")).unwrap(), 4);
            assert_eq!(tls.transport_error(), Some(kind));
            let next = if closes { now(tls.close()) } else { now(tls.flush()) };
            assert_eq!(next.unwrap_err().kind(), kind);
            assert_eq!(now(tls.write(b"more")).unwrap_err().kind(), ErrorKind::BrokenPipe);

            let mut tls = tokio_stream();
            tls.transport_mut().error = Some(error());
            let (_read, mut write) = tls.into_split(tokio::io::split);
            assert_eq!(now(write.write(b"data")).unwrap(), 4);
            assert_eq!(write.transport_error(), Some(kind));
            let next = if closes { now(write.shutdown()) } else { now(write.flush()) };
            assert_eq!(next.unwrap_err().kind(), kind);

            let mut dying = Dying::alive();
            dying.error = Some(error());
            let (_read, mut write) = stream().into_split(|_| (io::empty(), dying));
            assert_eq!(Write::write(&mut write, b"data").unwrap(), 4);
            let next = if closes { write.close() } else { Write::flush(&mut write) };
            assert_eq!(next.unwrap_err().kind(), kind);
        }
    }
}

#[test]
fn an_error_that_passes_is_not_reported_once_everything_is_sent() {
    let mut tls = stream();
    tls.transport_mut().error = Some(ErrorKind::HostUnreachable.into());
    assert_eq!(tls.write(b"data").unwrap(), 4);
    tls.transport_mut().is_dead = false;
    tls.flush().unwrap();
    assert_eq!(tls.transport_mut().wire.peer.read(), b"data");
    tls.flush().unwrap();
}

#[test]
fn the_end_of_a_transport_after_an_error_is_that_error_also_if_truncation_is_tolerated() {
    for error in errors() {
        let expected = parts(&error());
        for writes in [false, true] {
            let mut tls = stream();
            tls.tolerate_truncation(true);
            tls.transport_mut().error = Some(error());
            if writes {
                assert_eq!(tls.write(b"data").unwrap(), 4);
            }
            for _ in 0..3 {
                assert_eq!(parts(&tls.read(&mut [0]).unwrap_err()), expected);
            }
            assert_eq!(tls.end().read, ReadEnd::Open);
            assert!(tls.close_and_read_rest(1000, &mut io::sink()).is_err());

            let mut tls = tokio_stream();
            tls.tolerate_truncation(true);
            tls.transport_mut().error = Some(error());
            if writes {
                assert_eq!(now(tls.write(b"data")).unwrap(), 4);
            }
            for _ in 0..3 {
                assert_eq!(parts(&now(tls.read(&mut [0])).unwrap_err()), expected);
            }
            assert_eq!(tls.end().read, ReadEnd::Open);

            let mut tls = tokio_stream();
            tls.tolerate_truncation(true);
            tls.transport_mut().error = Some(error());
            let (mut read, mut write) = tls.into_split(tokio::io::split);
            if writes {
                assert_eq!(now(write.write(b"data")).unwrap(), 4);
            }
            for _ in 0..3 {
                assert_eq!(parts(&now(read.read(&mut [0])).unwrap_err()), expected);
            }
            assert_eq!(read.end(), ReadEnd::Open);
        }
    }
}

#[test]
fn a_shutdown_in_two_steps_leaves_the_error_of_the_transport_to_the_reads() {
    for error in errors() {
        let expected = parts(&error());
        let mut tls = tokio_stream();
        tls.tolerate_truncation(true);
        tls.set_shutdown(Shutdown::TwoSteps { budget: 1000 });
        assert!(crate::polling::poll_once(tls.shutdown()).is_pending());
        tls.transport_mut().error = Some(error());
        for _ in 0..2 {
            assert_eq!(parts(&now(tls.shutdown()).unwrap_err()), expected);
        }
        for _ in 0..3 {
            assert_eq!(parts(&now(tls.read(&mut [0])).unwrap_err()), expected);
        }
    }
}
