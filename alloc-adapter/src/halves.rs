//! The two halves of a stream, for two threads or tasks.
//!
//! The halves exchange flags in atomic words. They share one lock, for the waker of a task that waits to write,
//! which is not taken while data is transferred.

#[cfg(feature = "tokio")]
mod asynchronous;
mod link;
mod read;
mod write;

pub use read::ReadHalf;
pub use write::WriteHalf;

use alloc::boxed::Box;
use alloc::sync::Arc;

use tls_record::aead::Provider;
use tls_record::{Config, KeyError, Opener, RecordLayer, Sealer};

use crate::session::{Session, swap_halves};
use link::{Link, LinkedOpener, LinkedSealer};

/// Splits a connection. `split` makes the halves of the transport.
pub(crate) fn split<T, R, W, P: Provider>(
    session: Session<P>,
    transport: T,
    split: impl FnOnce(T) -> (R, W),
) -> (ReadHalf<R, P>, WriteHalf<W, P>) {
    let Session { mut layer, mut inbox, outbox, transport_error, exporter, info, .. } = session;
    #[cfg(feature = "listener")]
    let time_limit = session.time_limit;
    // Pending notices and signals stay in the halves: `LinkedOpener` and `LinkedSealer` post them.
    let config = Config::new(layer.opener().role());
    let (mut opener, mut sealer) = (Box::new(Opener::new(config)), Box::new(Sealer::new(config)));
    swap_halves(&mut layer, &mut opener, &mut sealer);
    let read_end = opener.end();
    let link = Arc::new(Link::new());
    let resumption = inbox.resumption.share();
    let (read, write) = split(transport);
    (
        ReadHalf {
            transport: read,
            inbox,
            opener: LinkedOpener::new(opener, link.clone()),
            transport_error,
            exporter,
            info,
        },
        WriteHalf {
            transport: write,
            outbox,
            sealer: LinkedSealer::new(sealer, link, read_end),
            resumption,
            transport_error: None,
            #[cfg(feature = "listener")]
            time_limit,
        },
    )
}

/// Joins the halves of one connection.
pub(crate) fn join<R, W, P: Provider>(
    read: ReadHalf<R, P>,
    mut write: WriteHalf<W, P>,
) -> Result<(Session<P>, R, W), KeyError> {
    if !read.opener.is_linked_to(&write.sealer) {
        return Err(KeyError::Mismatch);
    }
    write.exchange();
    let mut inbox = read.inbox;
    if read.opener.must_drop_tickets() {
        inbox.tickets = None;
    }
    if let Some(error) = read.opener.take_broken_by() {
        inbox.break_by(error);
    }
    let (mut opener, mut sealer) = (read.opener.into_inner(), write.sealer.into_inner());
    let mut layer = Box::new(RecordLayer::new(Config::new(opener.role())));
    swap_halves(&mut layer, &mut opener, &mut sealer);
    let session = Session {
        layer,
        inbox,
        outbox: write.outbox,
        transport_error: read.transport_error.or(write.transport_error),
        exporter: read.exporter,
        info: read.info,
        #[cfg(feature = "listener")]
        time_limit: write.time_limit,
    };
    Ok((session, read.transport, write.transport))
}
