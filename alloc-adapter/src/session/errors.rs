//! Converts the errors of the engine to those of `std`.

use std::io::{self, ErrorKind};

use tls_record::{CloseError, Fault, OpenError, ReadEnd, SealError};

/// Converts the result of closing the sending direction.
pub(crate) fn close_result(result: Result<(), CloseError>, has_discarded: bool) -> io::Result<()> {
    match result {
        Err(CloseError::AlreadyClosed) if has_discarded => {
            Err(io::Error::new(ErrorKind::ConnectionAborted, CloseError::Failed))
        }
        // RFC 9846 section 6.1: how the peer's direction ended has no effect on ours. Reading
        // reports it.
        Ok(()) | Err(CloseError::AlreadyClosed | CloseError::Truncated) => Ok(()),
        Err(error) => Err(io::Error::new(ErrorKind::ConnectionAborted, error)),
    }
}

/// Converts an error of opening.
pub(crate) fn open_error(error: OpenError) -> io::Error {
    let kind = match error {
        OpenError::Truncated => ErrorKind::UnexpectedEof,
        OpenError::PeerAlert(_) | OpenError::Fault(Fault::Aborted(_)) => {
            ErrorKind::ConnectionAborted
        }
        OpenError::Fault(_) => ErrorKind::InvalidData,
        // `HandedOver` and `OtherBuffer` cannot happen: streams keep their keys and open in one buffer.
        _ => ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

/// Converts an error of sealing. If the connection has failed, the error gives the reason.
pub(crate) fn seal_error(error: SealError, read: ReadEnd) -> io::Error {
    let kind = match (error, read) {
        (SealError::Failed, ReadEnd::PeerAlert(description)) => {
            return open_error(OpenError::PeerAlert(description));
        }
        (SealError::Failed, ReadEnd::Fault(fault)) => return open_error(fault.into()),
        (SealError::Failed, _) => ErrorKind::ConnectionAborted,
        (SealError::Closed, _) => ErrorKind::BrokenPipe,
        _ => ErrorKind::Other,
    };
    io::Error::new(kind, error)
}
