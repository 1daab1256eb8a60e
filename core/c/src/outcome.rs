//! The structures that functions fill: what was opened, what was sealed, what is due, and how a
//! connection ended.

use core::ops::Range;

use tls_record::{
    AlertDescription, Epoch, Event, Fault, Flood, Opener, ReadEnd, SealError, Sealer,
    ShutdownError, WriteEnd,
};

use crate::keys::Keys;
use crate::memory::{Place, Plain};
use crate::numbers::*;
use crate::status::Status;

/// `tlsr_opened`.
#[repr(C)]
#[allow(missing_docs, reason = "the header describes the fields")]
pub struct Opened {
    pub consumed: usize,
    pub offset: usize,
    pub len: usize,
    pub needed: usize,
    pub message_len: u32,
    pub message_offset: u32,
    pub event: u8,
    pub detail: u8,
}

// SAFETY: integers.
unsafe impl Plain for Opened {}

impl Opened {
    /// Fills the structure, unless there was an error.
    ///
    /// It takes a reference, because a value would be copied once more.
    #[inline(always)]
    pub(crate) fn fill<E: Copy + Into<Status>>(
        place: Place<'_, Self>,
        opened: &Result<tls_record::Opened, E>,
    ) -> Result<(), Status> {
        let opened = match opened {
            Ok(opened) => opened,
            Err(error) => return Err((*error).into()),
        };
        if let Event::ApplicationData(range) = &opened.event {
            let mut this = Self::new(opened.consumed);
            this.event = EVENT_APPLICATION_DATA;
            this.set_range(range);
            place.write(this);
        } else {
            // Comes less often.
            place.write(Self::new(opened.consumed)).set(&opened.event);
        }
        Ok(())
    }

    /// Sets what an event says.
    #[inline(never)]
    pub(crate) fn set(&mut self, event: &Event) {
        self.event = match event {
            Event::ApplicationData(range) => {
                self.set_range(range);
                EVENT_APPLICATION_DATA
            }
            Event::NeedMore { total } => {
                self.needed = *total;
                EVENT_NEED_MORE
            }
            Event::Handshake(piece) => {
                self.detail = piece.header.message_type.0;
                self.message_len = piece.header.length;
                self.message_offset = piece.offset;
                self.set_range(&piece.body);
                EVENT_HANDSHAKE
            }
            Event::ChangeCipherSpec => EVENT_CHANGE_CIPHER_SPEC,
            Event::KeyUpdate { requested } => {
                self.detail = (*requested).into();
                EVENT_KEY_UPDATE
            }
            Event::Warning(alert) => {
                self.detail = alert.0;
                EVENT_WARNING
            }
            Event::Closed => EVENT_CLOSED,
            // An event that this version does not know needs no action.
            _ => EVENT_NOTHING,
        }
    }

    /// A record with no effect.
    pub(crate) const fn new(consumed: usize) -> Self {
        Self {
            consumed,
            offset: 0,
            len: 0,
            needed: 0,
            message_len: 0,
            message_offset: 0,
            event: EVENT_NOTHING,
            detail: 0,
        }
    }

    fn set_range(&mut self, range: &Range<usize>) {
        self.offset = range.start;
        // A range of the engine begins before it ends.
        self.len = range.end.wrapping_sub(range.start);
    }
}

/// `tlsr_sealed`.
#[repr(C)]
#[allow(missing_docs, reason = "the header describes the fields")]
pub struct Sealed {
    pub taken: usize,
    pub written: usize,
    pub needed: usize,
}

// SAFETY: integers.
unsafe impl Plain for Sealed {}

impl Sealed {
    /// Fills the structure, also when there was not enough room.
    #[inline]
    pub(crate) fn fill(
        place: Place<'_, Self>,
        sealed: Result<(usize, usize), SealError>,
    ) -> Result<(), Status> {
        match sealed {
            Ok((taken, written)) => {
                place.write(Self { taken, written, needed: 0 });
                Ok(())
            }
            Err(error) => Err(Self::fill_failed(place, error)),
        }
    }

    #[cold]
    #[inline(never)]
    fn fill_failed(place: Place<'_, Self>, error: SealError) -> Status {
        let needed = if let SealError::NoSpace { need } = error { need } else { 0 };
        place.write(Self { taken: 0, written: 0, needed });
        error.into()
    }
}

/// `tlsr_control`.
#[repr(C)]
#[allow(missing_docs, reason = "the header describes the fields")]
pub struct Control {
    pub kind: u8,
    pub alert: u8,
    pub request: u8,
    pub content_type: u8,
    pub len: u8,
    pub message: [u8; 7],
}

// SAFETY: integers.
unsafe impl Plain for Control {}

impl Control {
    /// Nothing is due.
    const NONE: Self =
        Self { kind: CONTROL_NONE, alert: 0, request: 0, content_type: 0, len: 0, message: [0; 7] };

    /// Fills the structure.
    #[inline(never)]
    pub(crate) fn fill(place: Place<'_, Self>, control: Option<tls_record::Control>) {
        let Some(control) = control else {
            place.write(Self::NONE);
            return;
        };
        let message = control.message();
        let mut this = Self { content_type: message.content_type().0, ..Self::NONE };
        match control {
            tls_record::Control::Alert(alert) => {
                this.kind = CONTROL_ALERT;
                this.alert = alert.0;
            }
            tls_record::Control::KeyUpdate { request } => {
                this.kind = CONTROL_KEY_UPDATE;
                this.request = request.into();
            }
        }
        match *message.as_bytes() {
            [level, description] => {
                this.len = 2;
                this.message = [level, description, 0, 0, 0, 0, 0];
            }
            [a, b, c, d, e] => {
                this.len = 5;
                this.message = [a, b, c, d, e, 0, 0];
            }
            // An alert has 2 bytes, a KeyUpdate 5.
            _ => {}
        }
        place.write(this);
    }
}

/// `tlsr_end`.
#[repr(C)]
#[allow(missing_docs, reason = "the header describes the fields")]
pub struct End {
    pub read: u8,
    pub read_epoch: u8,
    pub inside_record: u8,
    pub fault: u8,
    pub read_alert: u8,
    pub write: u8,
    pub write_alert: u8,
    pub is_clean: u8,
}

// SAFETY: integers.
unsafe impl Plain for End {}

impl End {
    /// Fills the structure, which was cleared.
    pub(crate) fn fill(place: Place<'_, Self>, end: tls_record::End) {
        let this = place.value();
        this.is_clean = end.is_clean().into();
        this.set_read(end.read);
        this.set_write(end.write);
    }

    /// Fills the structure with the end of one half: the other is open.
    pub(crate) fn fill_read(place: Place<'_, Self>, end: ReadEnd) {
        place.value().set_read(end);
    }

    /// Fills the structure with the end of one half: the other is open.
    pub(crate) fn fill_write(place: Place<'_, Self>, end: WriteEnd) {
        place.value().set_write(end);
    }

    fn set_read(&mut self, end: ReadEnd) {
        self.read = match end {
            ReadEnd::Open => READ_OPEN,
            ReadEnd::Closed { epoch } => {
                self.read_epoch = epoch_number(epoch);
                READ_CLOSED
            }
            ReadEnd::Truncated { epoch, inside_record } => {
                self.read_epoch = epoch_number(epoch);
                self.inside_record = inside_record.into();
                READ_TRUNCATED
            }
            ReadEnd::PeerAlert(alert) => {
                self.read_alert = alert.0;
                READ_PEER_ALERT
            }
            ReadEnd::Fault(fault) => {
                self.fault = fault_number(fault);
                self.read_alert = fault.alert().map_or(0, |alert| alert.0);
                READ_FAULT
            }
            ReadEnd::HandedOver => READ_HANDED_OVER,
        };
    }

    fn set_write(&mut self, end: WriteEnd) {
        let alert = |description: AlertDescription| description.0;
        self.write = match end {
            WriteEnd::Open => WRITE_OPEN,
            WriteEnd::Closing => WRITE_CLOSING,
            WriteEnd::Closed => WRITE_CLOSED,
            WriteEnd::AlertQueued(description) => {
                self.write_alert = alert(description);
                WRITE_ALERT_QUEUED
            }
            WriteEnd::AlertSent(description) => {
                self.write_alert = alert(description);
                WRITE_ALERT_SENT
            }
            WriteEnd::Failed => WRITE_FAILED,
            WriteEnd::HandedOver => WRITE_HANDED_OVER,
        };
    }
}

/// `tlsr_position`.
#[repr(C)]
#[allow(missing_docs, reason = "the header describes the fields")]
#[derive(Default)]
pub struct Position {
    pub read_sequence: u64,
    pub write_sequence: u64,
    pub read_epoch: u8,
    pub write_epoch: u8,
    pub has_read_keys: u8,
    pub has_write_keys: u8,
}

// SAFETY: integers.
unsafe impl Plain for Position {}

impl Position {
    /// The position of both halves, or of one.
    pub(crate) fn of(opener: Option<&Opener<Keys>>, sealer: Option<&Sealer<Keys>>) -> Self {
        let mut this = Self::default();
        if let Some(opener) = opener {
            this.read_epoch = epoch_number(opener.epoch());
            this.read_sequence = opener.sequence().unwrap_or(0);
            this.has_read_keys = opener.sequence().is_some().into();
        }
        if let Some(sealer) = sealer {
            this.write_epoch = epoch_number(sealer.epoch());
            this.write_sequence = sealer.sequence().unwrap_or(0);
            this.has_write_keys = sealer.sequence().is_some().into();
        }
        this
    }
}

/// Writes the bytes that arrived while the peer's close_notify was awaited, if the caller wants to know.
pub(crate) fn fill_closed(
    place: Option<Place<'_, u32>>,
    closed: Result<(), ShutdownError>,
) -> Result<(), Status> {
    if let Some(place) = place {
        place.write(match closed {
            Err(
                ShutdownError::AwaitingPeer { drained } | ShutdownError::BudgetSpent { drained },
            ) => drained,
            _ => 0,
        });
    }
    Ok(closed?)
}

/// `tlsr_epoch`.
pub(crate) const fn epoch_number(epoch: Epoch) -> u8 {
    match epoch {
        Epoch::Plaintext => EPOCH_PLAINTEXT,
        Epoch::EarlyData => EPOCH_EARLY_DATA,
        Epoch::Handshake => EPOCH_HANDSHAKE,
        Epoch::Application => EPOCH_APPLICATION,
    }
}

/// `tlsr_epoch`.
pub(crate) const fn epoch_of(number: u8) -> Result<Epoch, Status> {
    match number {
        EPOCH_PLAINTEXT => Ok(Epoch::Plaintext),
        EPOCH_EARLY_DATA => Ok(Epoch::EarlyData),
        EPOCH_HANDSHAKE => Ok(Epoch::Handshake),
        EPOCH_APPLICATION => Ok(Epoch::Application),
        _ => Err(Status::ARGUMENT),
    }
}

macro_rules! faults {
    ($($fault:pat => $number:ident, $text:literal;)*) => {
        /// `TLSR_FAULT_...`.
        const fn fault_number(fault: Fault) -> u8 {
            match fault {
                $($fault => $number,)*
            }
        }

        /// Returns what happened, and ends with a zero byte.
        pub(crate) const fn fault_name(number: u8) -> &'static core::ffi::CStr {
            match number {
                $($number => $text,)*
                _ => c"unknown fault",
            }
        }
    };
}

faults! {
    Fault::NotTls => FAULT_NOT_TLS, c"the peer does not speak TLS";
    Fault::RecordOverflow => FAULT_RECORD_OVERFLOW, c"record longer than allowed";
    Fault::BadRecordMac => FAULT_BAD_RECORD_MAC, c"record authentication failed";
    Fault::RecordVersion => FAULT_RECORD_VERSION, c"TLS 1.2 record of another version";
    Fault::UnexpectedContentType => FAULT_UNEXPECTED_CONTENT_TYPE, c"record type not allowed here";
    Fault::NoContentType => FAULT_NO_CONTENT_TYPE, c"inner plaintext without a content type";
    Fault::UnexpectedHandshake => FAULT_UNEXPECTED_HANDSHAKE, c"handshake message not allowed here";
    Fault::EmptyHandshakeRecord => FAULT_EMPTY_HANDSHAKE_RECORD, c"empty handshake record";
    Fault::HandshakeTooLong => FAULT_HANDSHAKE_TOO_LONG, c"handshake message longer than the limit";
    Fault::Interleaved => FAULT_INTERLEAVED, c"record between the fragments of a handshake message";
    Fault::SpansKeyChange => FAULT_SPANS_KEY_CHANGE, c"handshake message spans a key change";
    Fault::BadChangeCipherSpec => FAULT_BAD_CHANGE_CIPHER_SPEC, c"malformed change_cipher_spec";
    Fault::HandshakeLength => FAULT_HANDSHAKE_LENGTH, c"handshake message of a wrong length";
    Fault::KeyUpdateValue => FAULT_KEY_UPDATE_VALUE, c"KeyUpdate with an unknown value";
    Fault::EmptyAlert => FAULT_EMPTY_ALERT, c"empty alert record";
    Fault::AlertLength => FAULT_ALERT_LENGTH, c"alert record of a wrong length";
    Fault::AlertLevel => FAULT_ALERT_LEVEL, c"alert of an unknown level";
    Fault::Flood(Flood::EmptyRecords) => FAULT_FLOOD_EMPTY_RECORDS, c"too many empty records";
    Fault::Flood(Flood::ChangeCipherSpecs) => FAULT_FLOOD_CHANGE_CIPHER_SPECS, c"too many change_cipher_spec records";
    Fault::Flood(Flood::Warnings) => FAULT_FLOOD_WARNINGS, c"too many warning alerts";
    Fault::Flood(Flood::KeyUpdates) => FAULT_FLOOD_KEY_UPDATES, c"too many KeyUpdates";
    Fault::Flood(Flood::Renegotiations) => FAULT_FLOOD_RENEGOTIATIONS, c"too many requests to renegotiate";
    Fault::TooMuchEarlyData => FAULT_TOO_MUCH_EARLY_DATA, c"too much early data";
    Fault::SequenceExhausted => FAULT_SEQUENCE_EXHAUSTED, c"sequence numbers exhausted";
    Fault::Crypto => FAULT_CRYPTO, c"keys could not be made, or the cipher failed";
    Fault::Aborted(_) => FAULT_ABORTED, c"aborted by the application";
}
