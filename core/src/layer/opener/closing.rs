//! How the receiving direction ends, and what the halves tell each other.

use super::{Event, Opened, Opener};
use crate::crypto::keys::KeySchedule;
use crate::layer::notice::{Notice, Signal};
use crate::layer::shutdown_error::ShutdownError;
use crate::protocol::close::{ReadState, Trigger};
use crate::protocol::end::ReadEnd;
use crate::protocol::error::{Fault, KeyError, OpenError};
use crate::protocol::record::{Epoch, HEADER_LEN};

impl<K: KeySchedule> Opener<K> {
    /// Ends this half with `error`, and makes the notice for the sealer.
    #[cfg_attr(target_pointer_width = "64", cold)]
    pub(super) fn stop(&mut self, error: OpenError) {
        let (trigger, notice) = match error {
            OpenError::Fault(fault) => {
                (Trigger::Fault, fault.alert().map_or(Notice::PEER_FAILED, Notice::fatal))
            }
            OpenError::PeerAlert(_) => (Trigger::PeerError, Notice::PEER_FAILED),
            OpenError::Truncated => (Trigger::TransportEof, Notice::TRUNCATED),
            OpenError::HandedOver => (Trigger::ReadHandedOver, Notice::NONE),
            // Nothing has ended: the caller called the wrong function.
            OpenError::OtherBuffer => return,
        };
        self.error = Some(error);
        self.end_by(trigger, notice);
        // Within a record that arrives, because an accelerator may be waiting for the rest of it.
        if matches!(self.state, ReadState::Failed | ReadState::HandedOver) || self.is_arriving() {
            self.keys.wipe();
        }
    }

    /// Ends this half: another owner of the keys opens the records from now on.
    pub(crate) fn hand_over(&mut self) {
        self.stop(OpenError::HandedOver);
    }

    /// Returns an error if this direction has ended, so that keys cannot be installed.
    pub(super) const fn check_state(&self) -> Result<(), KeyError> {
        match self.state {
            ReadState::Open => Ok(()),
            ReadState::HandedOver => Err(KeyError::HandedOver),
            ReadState::PeerClosed | ReadState::Truncated | ReadState::Failed => {
                Err(KeyError::Closed)
            }
        }
    }

    pub(super) fn end_by(&mut self, trigger: Trigger, notice: Notice) {
        self.state = self.state.after(trigger);
        self.notice = self.notice.merge(notice);
    }

    #[cold]
    pub(super) fn open_after_end(&self, available: usize) -> Result<Opened, OpenError> {
        match self.error {
            Some(error) => Err(error),
            // So that a loop which opens until `NeedMore` ends after a close_notify, too.
            None if available == 0 => {
                Ok(Opened { consumed: 0, event: Event::NeedMore { total: HEADER_LEN } })
            }
            None => Ok(Opened { consumed: available, event: Event::Closed }),
        }
    }

    /// Handles the end of the transport. Returns how this direction ended.
    ///
    /// Call it after everything that arrived was passed to [`open`](Self::open). Without a
    /// close_notify before it, the data is truncated (RFC 9846 section 6.1).
    pub fn eof(&mut self) -> ReadEnd {
        if self.state == ReadState::Open {
            self.stop(OpenError::Truncated);
        }
        self.end()
    }

    /// Returns how this direction ended, or that it is open.
    pub const fn end(&self) -> ReadEnd {
        let epoch = self.epoch;
        match (self.error, self.state) {
            (Some(OpenError::Fault(fault)), _) => ReadEnd::Fault(fault),
            (Some(OpenError::PeerAlert(description)), _) => ReadEnd::PeerAlert(description),
            (Some(OpenError::Truncated), _) => {
                let inside_record = self.inside_record || self.rest != 0;
                ReadEnd::Truncated { epoch, inside_record }
            }
            (Some(OpenError::HandedOver), _) => ReadEnd::HandedOver,
            // `OtherBuffer` is never stored.
            (Some(OpenError::OtherBuffer), _) | (None, ReadState::Open) => ReadEnd::Open,
            (None, _) => ReadEnd::Closed { epoch },
        }
    }

    /// Checks whether the peer has closed its direction: the second step of a shutdown.
    ///
    /// The first step is [`Writer::shutdown`](crate::Writer::shutdown) or
    /// [`Sealer::close`](crate::Sealer::close).
    ///
    /// This half counts the bytes of records that arrive, from the first call on. In a
    /// [`RecordLayer`](crate::RecordLayer) or a [`Connection`](crate::Connection) it counts from
    /// the start of the shutdown on. `budget` is the number of bytes to wait for.
    ///
    /// # Errors
    /// - [`ShutdownError::AwaitingPeer`] if this direction is open.
    /// - [`ShutdownError::BudgetSpent`] if it is open, and more than `budget` bytes have arrived.
    /// - [`ShutdownError::Truncated`] if the transport ended before the peer's close_notify.
    /// - [`ShutdownError::ClosedInHandshake`] if the close_notify came before the handshake was
    ///   complete.
    /// - [`ShutdownError::NotTls`] if the peer does not speak TLS.
    /// - [`ShutdownError::Failed`] if the connection failed otherwise.
    /// - [`ShutdownError::HandedOver`] if the keys of this direction were handed over.
    ///
    /// ```
    /// # use tls_record::aead::{Algorithm, ring::Ring};
    /// # use tls_record::{Config, Epoch, RecordLayer, Role, TrafficSecret};
    /// use tls_record::ShutdownError;
    /// # let mut layer = RecordLayer::new(Config::new(Role::Client));
    /// # let secret = |byte| TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[byte; 32]);
    /// # layer.install(Epoch::Application, secret(1)?, secret(2)?)?;
    /// let (mut opener, mut sealer) = layer.split();
    /// sealer.close().unwrap();
    /// assert_eq!(opener.check_closed(1 << 16), Err(ShutdownError::AwaitingPeer { drained: 0 }));
    /// # Ok::<(), tls_record::KeyError>(())
    /// ```
    pub const fn check_closed(&mut self, budget: u32) -> Result<(), ShutdownError> {
        self.drain();
        let drained = self.drained;
        Err(match self.end() {
            ReadEnd::Closed { epoch: Epoch::Application } => return Ok(()),
            ReadEnd::Closed { .. } => ShutdownError::ClosedInHandshake,
            ReadEnd::Open if drained > budget => ShutdownError::BudgetSpent { drained },
            ReadEnd::Open => ShutdownError::AwaitingPeer { drained },
            ReadEnd::Truncated { .. } => ShutdownError::Truncated,
            ReadEnd::Fault(Fault::NotTls) => ShutdownError::NotTls,
            ReadEnd::PeerAlert(_) | ReadEnd::Fault(_) => ShutdownError::Failed,
            ReadEnd::HandedOver => ShutdownError::HandedOver,
        })
    }

    /// Counts the bytes of records that arrive from now on.
    pub(crate) const fn drain(&mut self) {
        self.is_draining = true;
        self.is_fast = false;
    }

    // The other half

    /// Takes the notice for the [`Sealer`](crate::Sealer) of this connection.
    ///
    /// It is kept until it is taken, so that an early return on an error loses no alert.
    pub const fn take_notice(&mut self) -> Notice {
        let notice = core::mem::replace(&mut self.notice, Notice::NONE);
        if notice.can_wait() {
            self.set_fast();
        }
        notice
    }

    /// Returns whether there is a notice to [take](Self::take_notice).
    pub const fn has_notice(&self) -> bool {
        !self.notice.is_empty()
    }

    /// Returns the notice without taking it.
    pub(crate) const fn notice(&self) -> Notice {
        self.notice
    }

    /// Returns whether the notice waits until all of the input is opened, so that several requests
    /// for a KeyUpdate in one read of the transport get one answer (RFC 9846 section 4.7.3).
    pub(crate) const fn is_notice_waiting(&self) -> bool {
        (self.has_more_input || self.rest != 0 && !self.is_arriving()) && self.notice.can_wait()
    }

    /// Applies a signal of the [`Sealer`](crate::Sealer) of this connection.
    pub fn apply(&mut self, signal: Signal) {
        if signal.contains(Signal::UPDATE_REQUESTED) {
            self.answer_expected = true;
        }
        if let Some(description) = signal.alert() {
            if self.state == ReadState::Open {
                self.state = self.state.after(Trigger::Fault);
                self.error = Some(OpenError::Fault(if signal.contains(Signal::CIPHER_FAILED) {
                    Fault::Crypto
                } else {
                    Fault::Aborted(description)
                }));
            }
            self.keys.wipe();
        }
    }
}
