//! The blocking stream.

use core::hint::black_box as any;

use embedded_io::{BufRead, Error, ErrorKind, Read, Write};
use stub::Transport;
use tls_record::{Connection, EmbeddedStream, KeySchedule, RecordBuffer, RecordLayer, StreamError};

use crate::{Keys, config};

pub(crate) fn prove<K: KeySchedule, const RX: usize, const TX: usize>(_: impl Keys<K>) {
    let mut buffer = [0; 64];
    let connection = Connection::<K, TX>::new(any(RecordLayer::new(config())));
    let mut stream =
        EmbeddedStream::<_, _, RX, TX>::new(any(connection), any(RecordBuffer::new()), Transport);
    {
        let stream = any(&mut stream);
        EmbeddedStream::tolerate_truncation(any(stream), any(true));
        any(EmbeddedStream::end(any(stream)));
        any(EmbeddedStream::transport_error(any(stream)));
        any(EmbeddedStream::has_pending(any(stream)));
        any(EmbeddedStream::connection(any(stream)));
        any(EmbeddedStream::connection_mut(any(stream)));
        any(EmbeddedStream::transport_mut(any(stream)));
        let _ = any(Read::read(any(stream), any(&mut buffer)));
        let _ = any(BufRead::fill_buf(any(stream)));
        BufRead::consume(any(stream), any(1));
        let _ = any(Write::write(any(stream), any(&buffer)));
        let _ = any(Write::flush(any(stream)));
        let _ = any(EmbeddedStream::close(any(stream)));
        let _ = any(EmbeddedStream::close_and_drain(any(stream), any(1), |rest| {
            any(rest);
        }));
    }
    any(EmbeddedStream::into_parts(any(stream)));
    any(Error::kind(&any(StreamError::<ErrorKind>::WriteZero)));
}
