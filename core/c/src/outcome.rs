//! The structures that functions fill: what was opened, what was sealed, what is due, and how a
//! connection ended.

use core::mem::MaybeUninit;
use core::ops::Range;

use tls_record::{
    AlertDescription, Epoch, Event, Fault, Flood, Opener, ReadEnd, SealError, Sealer,
    ShutdownError, Version, WriteEnd,
};

use crate::keys::Keys;
use crate::memory::Plain;
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
        place: &mut MaybeUninit<Self>,
        opened: &Result<tls_record::Opened, E>,
    ) -> Result<(), Status> {
        let opened = match opened {
            Ok(opened) => opened,
            Err(error) => return Err((*error).into()),
        };
        if let Event::ApplicationData(range) = &opened.event {
            let mut this = Self::new(opened.consumed);
            this.event = 2;
            this.set_range(range);
            place.write(this);
        } else {
            Self::fill_other(place, opened);
        }
        Ok(())
    }

    /// Fills the structure for what comes less often than application data.
    #[inline(never)]
    fn fill_other(place: &mut MaybeUninit<Self>, opened: &tls_record::Opened) {
        let this = place.write(Self::new(opened.consumed));
        // An event that this version does not know needs no action, as `TLSR_EVENT_NOTHING`.
        this.event = match &opened.event {
            Event::NeedMore { total } => {
                this.needed = *total;
                1
            }
            Event::Handshake(piece) => {
                this.detail = piece.header.message_type.0;
                this.message_len = piece.header.length;
                this.message_offset = piece.offset;
                this.set_range(&piece.body);
                3
            }
            Event::ChangeCipherSpec => 4,
            Event::KeyUpdate { requested } => {
                this.detail = (*requested).into();
                5
            }
            Event::Warning(alert) => {
                this.detail = alert.0;
                6
            }
            Event::Closed => 7,
            _ => 0,
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
            event: 0,
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
        place: &mut MaybeUninit<Self>,
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
    fn fill_failed(place: &mut MaybeUninit<Self>, error: SealError) -> Status {
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
    /// Fills the structure.
    #[inline(never)]
    pub(crate) fn fill(place: &mut MaybeUninit<Self>, control: Option<tls_record::Control>) {
        let this = place.write(Self {
            kind: 0,
            alert: 0,
            request: 0,
            content_type: 0,
            len: 0,
            message: [0; 7],
        });
        let Some(control) = control else { return };
        match control {
            tls_record::Control::Alert(alert) => {
                this.kind = 1;
                this.alert = alert.0;
            }
            tls_record::Control::KeyUpdate { request } => {
                this.kind = 2;
                this.request = request.into();
            }
        }
        let message = control.message();
        this.content_type = message.content_type().0;
        // An alert has 2 bytes, a KeyUpdate 5.
        this.len = message.as_bytes().len() as u8;
        for (to, from) in this.message.iter_mut().zip(message.as_bytes()) {
            *to = *from;
        }
    }
}

/// `tlsr_end`.
#[repr(C)]
#[allow(missing_docs, reason = "the header describes the fields")]
#[derive(Default)]
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
    /// Fills the structure.
    pub(crate) fn fill(place: &mut MaybeUninit<Self>, end: tls_record::End) {
        let this = place.write(Self { is_clean: end.is_clean().into(), ..Self::default() });
        this.set_read(end.read);
        this.set_write(end.write);
    }

    /// Fills the structure with the end of one half: the other is open.
    pub(crate) fn fill_read(place: &mut MaybeUninit<Self>, end: ReadEnd) {
        place.write(Self::default()).set_read(end);
    }

    /// Fills the structure with the end of one half: the other is open.
    pub(crate) fn fill_write(place: &mut MaybeUninit<Self>, end: WriteEnd) {
        place.write(Self::default()).set_write(end);
    }

    fn set_read(&mut self, end: ReadEnd) {
        self.read = match end {
            ReadEnd::Open => 0,
            ReadEnd::Closed { epoch } => {
                self.read_epoch = epoch_number(epoch);
                1
            }
            ReadEnd::Truncated { epoch, inside_record } => {
                self.read_epoch = epoch_number(epoch);
                self.inside_record = inside_record.into();
                2
            }
            ReadEnd::PeerAlert(alert) => {
                self.read_alert = alert.0;
                3
            }
            ReadEnd::Fault(fault) => {
                self.fault = fault_number(fault);
                self.read_alert = fault.alert().map_or(0, |alert| alert.0);
                4
            }
            ReadEnd::HandedOver => 5,
        };
    }

    fn set_write(&mut self, end: WriteEnd) {
        let alert = |description: AlertDescription| description.0;
        self.write = match end {
            WriteEnd::Open => 0,
            WriteEnd::Closing => 1,
            WriteEnd::Closed => 2,
            WriteEnd::AlertQueued(description) => {
                self.write_alert = alert(description);
                3
            }
            WriteEnd::AlertSent(description) => {
                self.write_alert = alert(description);
                4
            }
            WriteEnd::Failed => 5,
            WriteEnd::HandedOver => 6,
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

/// Writes the bytes that arrived while the peer's close_notify was awaited.
pub(crate) fn fill_closed(
    place: &mut MaybeUninit<u32>,
    closed: Result<(), ShutdownError>,
) -> Result<(), Status> {
    place.write(match closed {
        Err(ShutdownError::AwaitingPeer { drained } | ShutdownError::BudgetSpent { drained }) => {
            drained
        }
        _ => 0,
    });
    Ok(closed?)
}

/// `tlsr_epoch`.
pub(crate) const fn epoch_number(epoch: Epoch) -> u8 {
    match epoch {
        Epoch::Plaintext => 1,
        Epoch::EarlyData => 2,
        Epoch::Handshake => 3,
        Epoch::Application => 4,
    }
}

/// `tlsr_epoch`.
pub(crate) const fn epoch_of(number: u8) -> Result<Epoch, Status> {
    match number {
        1 => Ok(Epoch::Plaintext),
        2 => Ok(Epoch::EarlyData),
        3 => Ok(Epoch::Handshake),
        4 => Ok(Epoch::Application),
        _ => Err(Status::ARGUMENT),
    }
}

/// The two bytes of the wire.
pub(crate) const fn version_number(version: Version) -> u16 {
    match version {
        Version::Tls12 => 0x0303,
        Version::Tls13 => 0x0304,
    }
}

macro_rules! faults {
    ($($fault:pat => $number:literal, $text:literal;)*) => {
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
    Fault::NotTls => 1, c"the peer does not speak TLS";
    Fault::RecordOverflow => 2, c"record longer than allowed";
    Fault::BadRecordMac => 3, c"record authentication failed";
    Fault::RecordVersion => 4, c"TLS 1.2 record of another version";
    Fault::UnexpectedContentType => 5, c"record type not allowed here";
    Fault::NoContentType => 6, c"inner plaintext without a content type";
    Fault::UnexpectedHandshake => 7, c"handshake message not allowed here";
    Fault::EmptyHandshakeRecord => 8, c"empty handshake record";
    Fault::HandshakeTooLong => 9, c"handshake message longer than the limit";
    Fault::Interleaved => 10, c"record between the fragments of a handshake message";
    Fault::SpansKeyChange => 11, c"handshake message spans a key change";
    Fault::BadChangeCipherSpec => 12, c"malformed change_cipher_spec";
    Fault::HandshakeLength => 13, c"handshake message of a wrong length";
    Fault::KeyUpdateValue => 14, c"KeyUpdate with an unknown value";
    Fault::EmptyAlert => 15, c"empty alert record";
    Fault::AlertLength => 16, c"alert record of a wrong length";
    Fault::AlertLevel => 17, c"alert of an unknown level";
    Fault::Flood(Flood::EmptyRecords) => 18, c"too many empty records";
    Fault::Flood(Flood::ChangeCipherSpecs) => 19, c"too many change_cipher_spec records";
    Fault::Flood(Flood::Warnings) => 20, c"too many warning alerts";
    Fault::Flood(Flood::KeyUpdates) => 21, c"too many KeyUpdates";
    Fault::Flood(Flood::Renegotiations) => 22, c"too many requests to renegotiate";
    Fault::TooMuchEarlyData => 23, c"too much early data";
    Fault::SequenceExhausted => 24, c"sequence numbers exhausted";
    Fault::Crypto => 25, c"keys could not be made, or the cipher failed";
    Fault::Aborted(_) => 26, c"aborted by the application";
}
