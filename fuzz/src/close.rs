//! The closing state machine, compared with [`Facts`]: what was requested, received and sent.
//!
//! [`Facts`] has no transitions. It records events, and derives the state from them by the rules of
//! RFC 9846 section 6 and RFC 5246 section 7.2.1.

use tls_record::CloseError;
use tls_record::close::{OnPeerClose, ReadState, Trigger, WriteState, transition};

use crate::input::input;

/// An alert that the sender can send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alert {
    /// user_canceled
    UserCanceled,
    /// close_notify
    CloseNotify,
    /// A fatal alert.
    Fatal,
}

/// The events of a connection that concern its end.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The first event that ended receiving.
    received_end: Option<ReadState>,
    /// A close_notify must be sent.
    is_close_wanted: bool,
    /// A user_canceled must be sent before the close_notify.
    is_cancel_wanted: bool,
    /// A fatal alert must be sent.
    has_fault: bool,
    /// The peer failed before the sending direction had ended.
    has_peer_failed: bool,
    /// The keys of the sending direction were handed over.
    is_handed_over: bool,
    /// The alerts that were sent.
    sent: Vec<Alert>,
}

impl Facts {
    /// Returns whether nothing more may be sent.
    fn is_over(&self) -> bool {
        self.is_handed_over
            || self.has_peer_failed
            || matches!(self.sent.last(), Some(Alert::CloseNotify | Alert::Fatal))
    }

    /// Returns whether the keys of the sending direction may be handed over: not while an alert is
    /// due, which they must seal, nor after a failure, which has wiped them.
    fn may_hand_over(&self) -> bool {
        let has_failed = self.has_peer_failed || self.sent.last() == Some(&Alert::Fatal);
        self.due().is_none() && !has_failed
    }

    /// Records an event.
    pub fn note(&mut self, on_peer_close: OnPeerClose, trigger: Trigger) {
        let is_receiving = self.received_end.is_none();
        let may_want = !self.is_over() && !self.has_fault && !self.is_close_wanted;
        match trigger {
            // RFC 9846 section 6.1: what arrives after the end is ignored.
            Trigger::PeerCloseNotify | Trigger::PeerError | Trigger::TransportEof
                if !is_receiving => {}
            Trigger::PeerCloseNotify => {
                self.received_end = Some(ReadState::PeerClosed);
                self.is_close_wanted |= may_want && on_peer_close == OnPeerClose::Reply;
            }
            Trigger::PeerError => {
                self.received_end = Some(ReadState::Failed);
                self.has_peer_failed |= !self.is_over();
            }
            Trigger::TransportEof => self.received_end = Some(ReadState::Truncated),
            Trigger::Fault => {
                self.received_end.get_or_insert(ReadState::Failed);
                self.has_fault |= !self.is_over();
            }
            Trigger::Close => self.is_close_wanted |= may_want,
            Trigger::Cancel => {
                self.is_close_wanted |= may_want;
                self.is_cancel_wanted |= may_want;
            }
            Trigger::AlertSealed => self.sent.extend(self.due()),
            // A failure has wiped the keys, so there are none to hand over.
            Trigger::ReadHandedOver if self.received_end == Some(ReadState::Failed) => {}
            Trigger::ReadHandedOver => self.received_end = Some(ReadState::HandedOver),
            Trigger::WriteHandedOver => self.is_handed_over |= self.may_hand_over(),
        }
    }

    /// Records a failure without an alert to send.
    pub fn note_failure(&mut self) {
        self.received_end.get_or_insert(ReadState::Failed);
        self.has_peer_failed |= !self.is_over();
    }

    /// Forgets what was received: a sending half alone does not know it.
    pub fn forget_receiving(&mut self) {
        self.received_end = None;
    }

    /// Returns the alert to send next.
    pub fn due(&self) -> Option<Alert> {
        if self.is_over() {
            None
        } else if self.has_fault {
            // RFC 9846 section 6.2. It also replaces a close_notify that was not sent yet.
            Some(Alert::Fatal)
        } else if self.is_cancel_wanted && self.sent.is_empty() {
            Some(Alert::UserCanceled)
        } else {
            self.is_close_wanted.then_some(Alert::CloseNotify)
        }
    }

    /// The alerts that were sent.
    pub fn sent(&self) -> &[Alert] {
        &self.sent
    }

    /// Returns the state of the receiving direction.
    pub fn read(&self) -> ReadState {
        self.received_end.unwrap_or(ReadState::Open)
    }

    /// Returns the state of the sending direction.
    pub fn write(&self) -> WriteState {
        match (self.sent.last(), self.due()) {
            _ if self.is_handed_over => WriteState::HandedOver,
            (Some(Alert::CloseNotify), _) => WriteState::Closed,
            (_, Some(Alert::UserCanceled)) => WriteState::CancelQueued,
            (_, Some(Alert::CloseNotify)) => WriteState::CloseQueued,
            (_, Some(Alert::Fatal)) => WriteState::AlertQueued,
            (_, None) if self.is_over() => WriteState::Failed,
            (_, None) => WriteState::Open,
        }
    }
}

input! {
    /// An event of a connection.
    pub enum Event {
        /// The peer's close_notify arrives.
        PeerCloseNotify,
        /// The peer's error alert arrives.
        PeerError,
        /// The transport ends.
        TransportEof,
        /// The peer breaks the protocol.
        Fault,
        /// The application closes.
        Close,
        /// The application cancels.
        Cancel,
        /// The alert that is due is sealed.
        AlertSealed,
        /// The keys of the receiving direction are suspended or given to the kernel.
        ReadHandedOver,
        /// The keys of the sending direction are suspended or given to the kernel.
        WriteHandedOver,
    }
}

impl Event {
    fn trigger(&self) -> Trigger {
        match self {
            Self::PeerCloseNotify => Trigger::PeerCloseNotify,
            Self::PeerError => Trigger::PeerError,
            Self::TransportEof => Trigger::TransportEof,
            Self::Fault => Trigger::Fault,
            Self::Close => Trigger::Close,
            Self::Cancel => Trigger::Cancel,
            Self::AlertSealed => Trigger::AlertSealed,
            Self::ReadHandedOver => Trigger::ReadHandedOver,
            Self::WriteHandedOver => Trigger::WriteHandedOver,
        }
    }
}

input! {
    /// The events of one connection.
    pub struct Input {
        /// Whether a close_notify is answered with one.
        pub replies: bool,
        /// What happens, in this order.
        pub events: Vec<Event>,
    }
}

impl crate::target::Input for Input {
    const NAME: &'static str = "close";

    fn run(&self) {
        let rule = if self.replies { OnPeerClose::Reply } else { OnPeerClose::HalfClose };
        let mut facts = Facts::default();
        let mut machine = (ReadState::Open, WriteState::Open);
        let (mut read, mut write) = machine;
        for event in &self.events {
            let trigger = event.trigger();
            let before = machine;
            // The halves run separately. The sending half learns of peer events only while
            // receiving is open.
            let is_of_peer =
                matches!(event, Event::PeerCloseNotify | Event::PeerError | Event::TransportEof);
            if !is_of_peer || read == ReadState::Open {
                write = write.after(rule, trigger);
            }
            read = read.after(trigger);
            machine = transition(rule, machine.0, machine.1, trigger);
            facts.note(rule, trigger);

            assert_eq!(machine, (facts.read(), facts.write()), "after {event:?}");
            assert_eq!((read, write), machine, "the halves after {event:?}");
            assert_eq!(write.is_alert_due(), facts.due().is_some());
            if before.0 == ReadState::HandedOver {
                assert_eq!(
                    read,
                    ReadState::HandedOver,
                    "a direction that was handed over stays so"
                );
            }
            if before.1 == WriteState::HandedOver {
                assert_eq!(
                    write,
                    WriteState::HandedOver,
                    "a direction that was handed over stays so"
                );
            }
        }
        use Alert::{CloseNotify, Fatal, UserCanceled};
        assert!(
            matches!(
                facts.sent[..],
                [] | [UserCanceled | CloseNotify | Fatal] | [UserCanceled, CloseNotify | Fatal]
            ),
            "sent {:?}",
            facts.sent
        );
    }
}

/// Returns what an abort with this alert must return in a state of the sending direction.
pub(crate) fn check_abort(state: WriteState, description: u8) -> Result<(), CloseError> {
    match state {
        // RFC 9846 appendix B.2: reserved values, and the three alerts that do not end the connection.
        _ if matches!(description, 0 | 21 | 30 | 41 | 60 | 90 | 100 | 111 | 114) => {
            Err(CloseError::NotAnErrorAlert)
        }
        WriteState::AlertQueued | WriteState::Failed => Err(CloseError::Failed),
        WriteState::Closed => Err(CloseError::AlreadyClosed),
        WriteState::HandedOver => Err(CloseError::HandedOver),
        _ => Ok(()),
    }
}
