//! One endpoint: the two states of `tls_record::close`, connected as in the halves of the engine.

use tls_record::close::{OnPeerClose, ReadState, Trigger, WriteState};
use tls_record::{AlertDescription, Control, End, Epoch, Fault, ReadEnd, WriteEnd};

use crate::mistake::Mistake;
use crate::wire::Record;

/// The alert with which the application aborts; a forged record causes another one.
pub(crate) const ABORT: AlertDescription = AlertDescription::INTERNAL_ERROR;

/// The configuration of an endpoint.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) on_peer_close: OnPeerClose,
    /// True if the halves are split, so that notices and signals arrive later.
    pub(crate) is_split: bool,
    pub(crate) mistake: Option<Mistake>,
}

impl Rules {
    fn read(self, state: &mut ReadState, trigger: Trigger) {
        *state = match self.mistake {
            Some(mistake) => mistake.read_after(*state, trigger),
            None => state.after(trigger),
        };
    }

    /// Makes a transition of the sending direction, here or in the kernel.
    fn write(self, endpoint: &mut Endpoint, trigger: Trigger) {
        let is_handed_over =
            endpoint.write == WriteState::HandedOver && !self.makes(Mistake::HandedOverSeals);
        let state = if is_handed_over { &mut endpoint.in_kernel } else { &mut endpoint.write };
        *state = match self.mistake {
            Some(mistake) => mistake.write_after(*state, self.on_peer_close, trigger),
            None => state.after(self.on_peer_close, trigger),
        };
    }

    pub(crate) fn makes(self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }
}

/// What the opener reports to the sealer: the fields of `tls_record::Notice`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Notice {
    fatal: Option<AlertDescription>,
    peer_failed: bool,
    peer_closed: bool,
    update_requested: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Endpoint {
    pub(crate) read: ReadState,
    pub(crate) write: WriteState,
    /// The state of the sending direction in the kernel; `HandedOver` while it is not there.
    in_kernel: WriteState,
    read_end: ReadEnd,
    fatal: Option<AlertDescription>,
    update_due: bool,
    request_due: bool,
    notice: Notice,
    /// The generation of the keys that open.
    pub(crate) generation: usize,
    /// Data that was delivered to the application.
    pub(crate) delivered: usize,
    pub(crate) has_aborted: bool,
}

impl Endpoint {
    pub(crate) fn new() -> Self {
        Self {
            read: ReadState::Open,
            write: WriteState::Open,
            in_kernel: WriteState::HandedOver,
            read_end: ReadEnd::Open,
            fatal: None,
            update_due: false,
            request_due: false,
            notice: Notice::default(),
            generation: 0,
            delivered: 0,
            has_aborted: false,
        }
    }

    pub(crate) fn end(&self) -> End {
        End { read: self.read_end, write: self.write_end(self.write) }
    }

    /// The state of the sending direction, here or in the kernel.
    pub(crate) fn current(&self) -> WriteState {
        if self.write == WriteState::HandedOver { self.in_kernel } else { self.write }
    }

    /// The end of the sending direction, here or in the kernel.
    pub(crate) fn current_end(&self) -> WriteEnd {
        self.write_end(self.current())
    }

    fn write_end(&self, state: WriteState) -> WriteEnd {
        match (state, self.fatal) {
            (WriteState::Open, _) => WriteEnd::Open,
            (WriteState::CancelQueued | WriteState::CloseQueued, _) => WriteEnd::Closing,
            (WriteState::Closed, _) => WriteEnd::Closed,
            (WriteState::HandedOver, _) => WriteEnd::HandedOver,
            (WriteState::AlertQueued, Some(description)) => WriteEnd::AlertQueued(description),
            (WriteState::Failed, Some(description)) => WriteEnd::AlertSent(description),
            (WriteState::AlertQueued | WriteState::Failed, None) => WriteEnd::Failed,
        }
    }

    // The opener

    /// Opens a record that is protected by the keys of `generation`.
    pub(crate) fn open(&mut self, record: Record, generation: usize, rules: Rules) {
        if generation != self.generation {
            return self.open_forged(rules);
        }
        match record {
            Record::Data => self.delivered += 1,
            Record::Control(Control::KeyUpdate { request }) => {
                let is_frozen =
                    rules.makes(Mistake::NoKeyUpdateAfterClose) && self.write == WriteState::Closed;
                self.generation += usize::from(!is_frozen);
                self.notice.update_requested |= request;
            }
            Record::Control(Control::Alert(AlertDescription::USER_CANCELED)) => {}
            Record::Control(Control::Alert(AlertDescription::CLOSE_NOTIFY)) => {
                rules.read(&mut self.read, Trigger::PeerCloseNotify);
                self.read_end = ReadEnd::Closed { epoch: Epoch::Application };
                self.notice.peer_closed = !rules.makes(Mistake::CloseNotTold);
            }
            Record::Control(Control::Alert(description)) => {
                rules.read(&mut self.read, Trigger::PeerError);
                self.read_end = ReadEnd::PeerAlert(description);
                if rules.makes(Mistake::PeerAlertIsClean) {
                    self.read_end = ReadEnd::Closed { epoch: Epoch::Application };
                }
                self.notice = Notice { peer_failed: true, ..Notice::default() };
            }
        }
        self.tell_unless_split(rules);
    }

    pub(crate) fn open_forged(&mut self, rules: Rules) {
        let fault = Fault::BadRecordMac;
        rules.read(&mut self.read, Trigger::Fault);
        self.read_end = ReadEnd::Fault(fault);
        if !rules.makes(Mistake::FaultNotTold) {
            self.notice.fatal = fault.alert();
        }
        self.tell_unless_split(rules);
    }

    pub(crate) fn eof(&mut self, rules: Rules) {
        rules.read(&mut self.read, Trigger::TransportEof);
        self.read_end = match self.read {
            ReadState::PeerClosed => ReadEnd::Closed { epoch: Epoch::Application },
            _ => ReadEnd::Truncated { epoch: Epoch::Application, inside_record: false },
        };
    }

    // What the opener reports to the sealer

    pub(crate) fn has_notice(&self) -> bool {
        self.notice != Notice::default()
    }

    pub(crate) fn tell(&mut self, rules: Rules) {
        let notice = std::mem::take(&mut self.notice);
        if rules.makes(Mistake::KernelNotTold) && self.write == WriteState::HandedOver {
            return;
        }
        let may_answer =
            self.current() == WriteState::Open || rules.makes(Mistake::KeyUpdateAfterClose);
        if notice.update_requested && may_answer {
            self.update_due = true;
        }
        if notice.peer_closed {
            rules.write(self, Trigger::PeerCloseNotify);
        }
        if let Some(description) = notice.fatal {
            self.queue_fatal(description, rules);
        }
        if notice.peer_failed {
            if self.current() != WriteState::Failed {
                self.fatal = None;
            }
            rules.write(self, Trigger::PeerError);
            if rules.makes(Mistake::AnswersPeerAlert) {
                self.fatal = Some(ABORT);
            }
            self.clear_updates();
        }
    }

    fn tell_unless_split(&mut self, rules: Rules) {
        if !rules.is_split {
            self.tell(rules);
        }
    }

    fn queue_fatal(&mut self, description: AlertDescription, rules: Rules) {
        let before = self.current();
        rules.write(self, Trigger::Fault);
        if before != self.current() {
            self.fatal = Some(description);
        }
        self.clear_updates();
    }

    fn clear_updates(&mut self) {
        (self.update_due, self.request_due) = (false, false);
    }

    // The sealer

    pub(crate) fn may_write(&self, rules: Rules) -> bool {
        let is_open = self.write == WriteState::Open
            || (rules.makes(Mistake::DataAfterClose) && self.write == WriteState::Closed);
        is_open && !self.update_due && !self.request_due
    }

    /// Returns the control record that is due to be sealed here.
    pub(crate) fn next_control(&self) -> Option<Control> {
        self.control_in(self.write)
    }

    /// Returns the control record that is due to be offered to the kernel.
    pub(crate) fn next_offer(&self) -> Option<Control> {
        self.control_in(self.in_kernel)
    }

    fn control_in(&self, state: WriteState) -> Option<Control> {
        match state {
            WriteState::HandedOver => None,
            WriteState::AlertQueued => self.fatal.map(Control::Alert),
            _ if self.update_due => Some(Control::KeyUpdate { request: false }),
            _ if self.request_due => Some(Control::KeyUpdate { request: true }),
            WriteState::CancelQueued => Some(Control::Alert(AlertDescription::USER_CANCELED)),
            WriteState::CloseQueued => Some(Control::Alert(AlertDescription::CLOSE_NOTIFY)),
            WriteState::Open | WriteState::Closed | WriteState::Failed => None,
        }
    }

    /// The due control record was sealed, or taken for the kernel.
    pub(crate) fn sealed(&mut self, control: Control, rules: Rules) {
        match control {
            Control::Alert(_) => rules.write(self, Trigger::AlertSealed),
            Control::KeyUpdate { request: false } => self.update_due = false,
            Control::KeyUpdate { request: true } => self.request_due = false,
        }
    }

    /// Offers the due control record to the kernel.
    pub(crate) fn take_kernel_control(&mut self, rules: Rules) -> Option<Control> {
        let control = self.next_offer()?;
        if !rules.makes(Mistake::OffersTwice) {
            self.sealed(control, rules);
        }
        if rules.makes(Mistake::KernelEndTold) {
            self.write = self.in_kernel;
        }
        Some(control)
    }

    pub(crate) fn request_update(&mut self) {
        self.request_due = true;
    }

    /// Queues the answer to a KeyUpdate that the kernel has received, if the engine accepts it.
    pub(crate) fn answer_update(&mut self) {
        self.update_due |= self.write == WriteState::Open;
    }

    pub(crate) fn close(&mut self, is_cancel: bool, rules: Rules) {
        let trigger = if is_cancel { Trigger::Cancel } else { Trigger::Close };
        rules.write(self, trigger);
    }

    /// The opener learns of it at once, because it must before the alert is sent.
    pub(crate) fn abort(&mut self, rules: Rules) {
        self.has_aborted = true;
        self.queue_fatal(ABORT, rules);
        let overwrites = rules.makes(Mistake::AbortOverwritesHandOver);
        if self.read == ReadState::Open || (overwrites && self.read == ReadState::HandedOver) {
            rules.read(&mut self.read, Trigger::Fault);
            self.read_end = ReadEnd::Fault(Fault::Aborted(ABORT));
        }
    }

    // Handing over

    pub(crate) fn can_hand_sender(&self) -> bool {
        self.write == WriteState::Open && self.next_control().is_none()
    }

    pub(crate) fn can_hand_receiver(&self) -> bool {
        self.read == ReadState::Open && !self.has_notice()
    }

    pub(crate) fn can_suspend(&self) -> bool {
        // An abort wipes the keys of both halves.
        let has_keys =
            matches!(self.read, ReadState::Open | ReadState::PeerClosed | ReadState::Truncated)
                && matches!(self.write, WriteState::Open | WriteState::Closed)
                && !self.has_aborted;
        has_keys && self.next_control().is_none() && !self.has_notice()
    }

    pub(crate) fn hand_sender(&mut self, rules: Rules) {
        let before = self.write;
        rules.write(self, Trigger::WriteHandedOver);
        self.in_kernel = before;
    }

    pub(crate) fn hand_receiver(&mut self, rules: Rules) {
        rules.read(&mut self.read, Trigger::ReadHandedOver);
        self.read_end = ReadEnd::HandedOver;
    }

    /// Hands over both halves, and returns the connection that is resumed elsewhere.
    pub(crate) fn suspend(&mut self, rules: Rules) -> Self {
        let resumed = self.clone();
        self.hand_sender(rules);
        self.hand_receiver(rules);
        if !rules.makes(Mistake::SuspendedOffers) {
            self.in_kernel = WriteState::HandedOver;
        }
        resumed
    }
}
