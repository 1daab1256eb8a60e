//! A listener that performs the handshakes of a server in tasks.

use alloc::boxed::Box;
use core::future::poll_fn;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use tls_record::aead::Provider;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::disconnect::disconnect_async;
use crate::tokio_stream::TokioStream;

/// Bytes to read from a client after a failed handshake, so that its alert arrives.
const FAILED_BUDGET: u64 = 65_536;

/// How long to read from a client after a failed handshake.
const LINGER: Duration = Duration::from_secs(1);

/// The most clients to read from at a time after failed handshakes. The connections of others are closed at once.
const MAX_LINGERING: usize = 64;

/// Accepts TCP connections and performs their handshakes in tasks of tokio.
///
/// A client that is slow delays no other one, as long as there are fewer than
/// [`max_handshakes`](Self::max_handshakes). Then the others wait in the backlog of the socket. A handshake
/// that takes longer than the [timeout](Self::handshake_timeout) is given up. If it fails, its alert is
/// sent, and the connection is [disconnected](disconnect_async) by a task of its own, which may take a second. Up
/// to 64 connections are disconnected in this way besides the handshakes; if more fail, theirs are closed at once,
/// and their alerts may be lost.
///
/// With the feature `axum`, it is a `Listener` for `axum::serve`. Shut down the streams in two steps, or
/// use [`disconnect`](TokioStream::disconnect), if clients may send while the server closes. A shutdown
/// fails if it makes no progress for longer than the [timeout](Self::shutdown_timeout).
///
/// Dropping the listener gives up the handshakes in progress, and drops the connections that were not
/// accepted yet, without a close_notify. Failed connections are disconnected nevertheless.
///
/// ```no_run
/// use std::io;
/// use std::sync::Arc;
/// use std::time::Duration;
/// use tls_record_alloc::TlsListener;
/// use tls_record_alloc::rustls::ServerConfig;
/// use tls_record_alloc::tls_record::aead::ring::Ring;
/// use tokio::io::AsyncWriteExt;
/// use tokio::net::TcpListener;
///
/// async fn serve(config: Arc<ServerConfig>) -> io::Result<()> {
///     let tcp = TcpListener::bind("[::]:443").await?;
///     let mut listener = TlsListener::<Ring>::new(tcp, config)
///         .handshake_timeout(Duration::from_secs(5))
///         .on_failure(|address, error| eprintln!("{address:?}: {error}"));
///     loop {
///         let mut tls = match listener.accept().await {
///             Ok((tls, _)) => tls,
///             // The client has gone, or too many files are open.
///             Err(error) => {
///                 eprintln!("{error}");
///                 tokio::time::sleep(Duration::from_millis(100)).await;
///                 continue;
///             }
///         };
///         tokio::spawn(async move {
///             tls.write_all(b"hello\n").await?;
///             tls.shutdown().await
///         });
///     }
/// }
/// ```
pub struct TlsListener<P: Provider> {
    listener: TcpListener,
    config: Arc<ServerConfig>,
    timeout: Duration,
    shutdown_timeout: Duration,
    max_handshakes: usize,
    on_failure: OnFailure,
    /// Boxed because most of the result is the buffers and keys of a stream.
    handshakes: JoinSet<Option<Box<Accepted<P>>>>,
    lingering: Lingering,
}

type OnFailure = Arc<dyn Fn(Option<SocketAddr>, io::Error) + Send + Sync>;
type Accepted<P> = (TokioStream<TcpStream, P>, SocketAddr);

impl<P: Provider + 'static> TlsListener<P>
where
    TokioStream<TcpStream, P>: Send,
{
    /// Creates a listener. A handshake may take 10 seconds, a shutdown may make no progress for as long, and
    /// 256 handshakes may be in progress.
    pub fn new(listener: TcpListener, config: Arc<ServerConfig>) -> Self {
        Self {
            listener,
            config,
            timeout: Duration::from_secs(10),
            shutdown_timeout: Duration::from_secs(10),
            max_handshakes: 256,
            on_failure: Arc::new(|_, _| ()),
            handshakes: JoinSet::new(),
            lingering: Lingering::default(),
        }
    }

    /// Sets how long a handshake may take.
    #[must_use]
    pub const fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how long `shutdown` of a stream may make no progress: see
    /// [`TokioStream::set_shutdown_timeout`].
    ///
    /// Otherwise a client that does not close would keep a shutdown in two steps waiting.
    #[must_use]
    pub const fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.shutdown_timeout = timeout;
        self
    }

    /// Sets how many handshakes may be in progress, at least one.
    ///
    /// Those that are complete and not accepted yet count.
    #[must_use]
    pub fn max_handshakes(mut self, max: usize) -> Self {
        self.max_handshakes = max.max(1);
        self
    }

    /// Sets a function to call after a failed handshake, for instance to log it.
    ///
    /// The error is that of [`TokioStream::accept`], or [`TimedOut`](ErrorKind::TimedOut). There is no
    /// address if axum serves and the socket fails to accept: then the listener tries again.
    #[must_use]
    pub fn on_failure(
        mut self,
        call: impl Fn(Option<SocketAddr>, io::Error) + Send + Sync + 'static,
    ) -> Self {
        self.on_failure = Arc::new(call);
        self
    }

    /// Returns the next connection whose handshake is complete, in the order of completion.
    ///
    /// Handshakes go on between the calls. The future may be dropped and the call repeated.
    ///
    /// # Errors
    /// The errors of [`TcpListener::accept`]. A failed handshake is not an error: see
    /// [`on_failure`](Self::on_failure).
    ///
    /// # Panics
    /// Outside of a runtime of tokio with time enabled.
    pub async fn accept(&mut self) -> io::Result<(TokioStream<TcpStream, P>, SocketAddr)> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted<P>>> {
        loop {
            while let Poll::Ready(Some(ended)) = self.handshakes.poll_join_next(cx) {
                // Otherwise it failed, or it panicked and has dropped its connection.
                if let Ok(Some(accepted)) = ended {
                    return Poll::Ready(Ok(*accepted));
                }
            }
            if self.handshakes.len() >= self.max_handshakes {
                return Poll::Pending;
            }
            let (tcp, address) = ready!(self.listener.poll_accept(cx))?;
            let (config, time) = (self.config.clone(), self.timeout);
            let shutdown_timeout = self.shutdown_timeout;
            let (on_failure, lingering) = (self.on_failure.clone(), self.lingering.clone());
            self.handshakes.spawn(async move {
                match timeout(time, TokioStream::accept(config, tcp)).await {
                    Ok(Ok(mut tls)) => {
                        tls.set_shutdown_timeout(shutdown_timeout);
                        Some(Box::new((tls, address)))
                    }
                    Ok(Err(failed)) => {
                        let (error, tcp) = failed.into_parts();
                        // In another task: the place of the handshake is free when this one ends.
                        lingering.disconnect(tcp);
                        on_failure(Some(address), error);
                        None
                    }
                    Err(_) => {
                        on_failure(Some(address), ErrorKind::TimedOut.into());
                        None
                    }
                }
            });
        }
    }

    /// Returns the address that the socket is bound to.
    ///
    /// # Errors
    /// The errors of [`TcpListener::local_addr`].
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// The number of connections that are being disconnected after failed handshakes.
#[derive(Clone, Default)]
struct Lingering(Arc<AtomicUsize>);

impl Lingering {
    /// Disconnects from a client in a task, or closes the connection at once if there are many of them.
    fn disconnect(&self, tcp: TcpStream) {
        if let Some(place) = Place::take(self) {
            tokio::spawn(async move {
                disconnect_async(tcp, FAILED_BUDGET, sleep(LINGER)).await;
                drop(place);
            });
        }
    }
}

/// One of the [`MAX_LINGERING`] places, which is freed when it is dropped.
struct Place(Lingering);

impl Place {
    fn take(lingering: &Lingering) -> Option<Self> {
        let taken = lingering.0.fetch_add(1, Ordering::Relaxed);
        let place = Self(lingering.clone());
        (taken < MAX_LINGERING).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// With the feature `axum`. Use `tap_io` of axum's `ListenerExt` to configure each stream.
///
/// If the socket fails to accept, for instance because too many files are open, the listener waits for a
/// second and tries again.
///
/// ```no_run
/// use std::io;
/// use std::sync::Arc;
/// use axum::serve::ListenerExt;
/// use axum::{Router, routing};
/// use tls_record_alloc::rustls::ServerConfig;
/// use tls_record_alloc::tls_record::aead::ring::Ring;
/// use tls_record_alloc::{Shutdown, TlsListener};
/// use tokio::net::TcpListener;
///
/// async fn serve(config: Arc<ServerConfig>) -> io::Result<()> {
///     let tcp = TcpListener::bind("[::]:443").await?;
///     let listener = TlsListener::<Ring>::new(tcp, config).tap_io(|tls| {
///         tls.set_shutdown(Shutdown::TwoSteps { budget: 65_536 });
///         let _ = tls.transport().set_nodelay(true);
///     });
///     let router = Router::new().route("/", routing::get(async || "hello\n"));
///     axum::serve(listener, router).await
/// }
/// ```
///
/// `ConnectInfo<SocketAddr>` works through `tap_io` as well, with a closure that does nothing if need be: axum
/// implements its trait `Connected` for the address of any listener behind it. A listener that is given to axum
/// itself would need a type of your own that implements `Connected`.
///
/// ```no_run
/// use std::io;
/// use std::net::SocketAddr;
/// use axum::extract::ConnectInfo;
/// use axum::serve::ListenerExt;
/// use axum::{Router, routing};
/// use tls_record_alloc::TlsListener;
/// use tls_record_alloc::tls_record::aead::ring::Ring;
///
/// async fn serve(listener: TlsListener<Ring>) -> io::Result<()> {
///     let listener = listener.tap_io(|_| ());
///     let hello = async |ConnectInfo(client): ConnectInfo<SocketAddr>| format!("hello {client}\n");
///     let router = Router::new().route("/", routing::get(hello));
///     axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await
/// }
/// ```
#[cfg(feature = "axum")]
impl<P: Provider + 'static> axum::serve::Listener for TlsListener<P>
where
    TokioStream<TcpStream, P>: Send,
    Self: Send,
{
    type Io = TokioStream<TcpStream, P>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let error = match Self::accept(self).await {
                Ok(accepted) => return accepted,
                Err(error) => error,
            };
            // The connection is gone, and the socket is not at fault.
            let is_of_connection = matches!(
                error.kind(),
                ErrorKind::ConnectionRefused
                    | ErrorKind::ConnectionAborted
                    | ErrorKind::ConnectionReset
            );
            (self.on_failure)(None, error);
            if !is_of_connection {
                sleep(Duration::from_secs(1)).await;
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Self::local_addr(self)
    }
}

impl<P: Provider> core::fmt::Debug for TlsListener<P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("TlsListener")
            .field("listener", &self.listener)
            .field("handshakes", &self.handshakes.len())
            .finish_non_exhaustive()
    }
}
