//! A receiving direction in the kernel: it opens records, and the application interprets them,
//! because the engine does not see them.

use tls_record::close::ReadState;
use tls_record::{Control, Epoch, Fault, ReadEnd};

use crate::endpoint::ABORT;
use crate::wire::Record;

/// The state that the application has learned from the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Receiver {
    /// How the direction ended.
    pub(crate) end: ReadEnd,
    /// Data that was delivered.
    pub(crate) delivered: usize,
    /// The generation of the keys that open.
    generation: usize,
}

impl Receiver {
    pub(crate) const fn new(generation: usize) -> Self {
        Self { end: ReadEnd::Open, delivered: 0, generation }
    }

    pub(crate) const fn state(&self) -> ReadState {
        match self.end {
            ReadEnd::Open => ReadState::Open,
            ReadEnd::Closed { .. } => ReadState::PeerClosed,
            ReadEnd::Truncated { .. } => ReadState::Truncated,
            ReadEnd::PeerAlert(_) | ReadEnd::Fault(_) => ReadState::Failed,
            ReadEnd::HandedOver => ReadState::HandedOver,
        }
    }

    /// Opens a record. Returns whether it requests a KeyUpdate.
    pub(crate) fn open(&mut self, record: Record, generation: usize) -> bool {
        if generation != self.generation {
            self.open_forged();
            return false;
        }
        match record {
            Record::Data => self.delivered += 1,
            Record::Control(Control::KeyUpdate { request }) => {
                self.generation += 1;
                return request;
            }
            Record::USER_CANCELED => {}
            Record::CLOSE_NOTIFY => self.end = ReadEnd::Closed { epoch: Epoch::Application },
            Record::Control(Control::Alert(description)) => {
                self.end = ReadEnd::PeerAlert(description);
            }
        }
        false
    }

    pub(crate) fn open_forged(&mut self) {
        self.end = ReadEnd::Fault(Fault::BadRecordMac);
    }

    pub(crate) fn eof(&mut self) {
        self.end = ReadEnd::Truncated { epoch: Epoch::Application, inside_record: false };
    }

    /// The application aborts, and reads no more.
    pub(crate) fn abort(&mut self) {
        if self.end == ReadEnd::Open {
            self.end = ReadEnd::Fault(Fault::Aborted(ABORT));
        }
    }
}
