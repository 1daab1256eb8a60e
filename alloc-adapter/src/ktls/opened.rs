//! Interprets the records that the kernel has opened: the engine's receiving half, over content whose
//! protection is removed already.
//!
//! Alerts, KeyUpdates, fragments of messages and floods are judged by the [`Opener`] as if it had
//! opened the record itself. Its cipher is [`Removed`]: it gives the content back as it is.

use alloc::vec::Vec;

use tls_record::aead::{Aead, AeadError};
use tls_record::{
    Config, ContentType, DirectionKeys, Epoch, Event, HEADER_LEN, Header, KeyError, KeySchedule,
    Limits, Notice, OpenError, Opened, Opener, ReadEnd, Role, Signal, Version,
};
use zeroize::{Zeroize, Zeroizing};

/// The tags of a record that the kernel opened, and of one that it could not open.
const OPENED: u8 = 0;
const REFUSED: u8 = 1;

/// The cipher of records whose protection the kernel has removed.
struct Removed(Version);

impl Zeroize for Removed {
    fn zeroize(&mut self) {}
}

impl Aead for Removed {
    fn tag_len(&self) -> usize {
        1
    }

    fn confidentiality_limit(&self) -> u64 {
        0
    }

    fn has_explicit_nonce(&self) -> bool {
        false
    }

    fn seal(
        &mut self,
        _: &[u8; 12],
        _: &[u8],
        _: &mut [u8],
        _: &mut [u8],
    ) -> Result<(), AeadError> {
        // It protects nothing.
        Err(AeadError)
    }

    fn open(&mut self, _: &[u8; 12], _: &[u8], _: &mut [u8], tag: &[u8]) -> Result<(), AeadError> {
        if tag == [OPENED] { Ok(()) } else { Err(AeadError) }
    }
}

impl KeySchedule for Removed {
    type Aead = Self;

    fn version(&self) -> Version {
        self.0
    }

    fn keys(&self) -> Result<DirectionKeys<Self>, KeyError> {
        Ok(DirectionKeys { aead: Self(self.0), iv: [0; 12] })
    }

    fn is_same_secret(&self, _: &Self) -> bool {
        false
    }

    fn update(&mut self) -> Result<(), KeyError> {
        // The kernel is given the next keys.
        Ok(())
    }
}

/// Why the kernel did not open a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is not authentic, or shorter than its tag.
    BadMac,
    TooLong,
    /// Its header has another version than 0x0303, which the kernel refuses in TLS 1.3, too.
    Version,
}

/// The receiving half of a connection whose records the kernel opens.
pub(super) struct Receiver {
    opener: Opener<Removed>,
    version: Version,
    /// The record that is being read.
    record: Zeroizing<Vec<u8>>,
    /// Where the last event begins in it, and where the next one does.
    last: usize,
    next: usize,
    /// A record of another type than application data has come since the last data.
    has_other: bool,
}

impl Receiver {
    pub(super) fn new(role: Role, version: Version, limits: Limits) -> Result<Self, KeyError> {
        let mut config = Config::new(role);
        config.limits = limits;
        let mut opener = Opener::new(config);
        opener.take_over(Epoch::Application, Removed(version), 1)?;
        Ok(Self {
            opener,
            version,
            record: Zeroizing::default(),
            last: 0,
            next: 0,
            has_other: false,
        })
    }

    /// Takes a whole record, for [`event`](Self::event) to read.
    pub(super) fn record(&mut self, content_type: ContentType, content: &[u8]) {
        self.has_other = content_type != ContentType::APPLICATION_DATA;
        self.put(content_type, content, OPENED);
    }

    /// Takes a record that the kernel did not open.
    pub(super) fn refused(&mut self, refusal: Refusal) {
        self.put(ContentType::APPLICATION_DATA, &[0], REFUSED);
        if let Some([_, version @ .., high, low]) = self.record.first_chunk_mut::<HEADER_LEN>() {
            match refusal {
                Refusal::BadMac => {}
                Refusal::TooLong => (*high, *low) = (0xff, 0xff),
                Refusal::Version => version.fill(0),
            }
        }
    }

    /// Takes note of application data, which is not passed through the engine: it must not come
    /// between the fragments of a message, and it is what a flood of other records lacks.
    pub(super) fn data(&mut self) {
        if self.has_other {
            self.record(ContentType::APPLICATION_DATA, &[0]);
        }
    }

    fn put(&mut self, content_type: ContentType, content: &[u8], tag: u8) {
        let is_tls12 = self.version == Version::Tls12;
        let outer = if is_tls12 { content_type } else { ContentType::APPLICATION_DATA };
        let len = content.len().saturating_add(if is_tls12 { 1 } else { 2 });
        let length = u16::try_from(len).unwrap_or(u16::MAX);
        let header = Header { content_type: outer, version: 0x0303, length };
        // Wiped, and made long enough at once: memory that it grows out of is not wiped.
        self.record.zeroize();
        self.record.reserve(HEADER_LEN.saturating_add(len));
        self.record.extend_from_slice(&header.encode());
        self.record.extend_from_slice(content);
        if !is_tls12 {
            self.record.push(content_type.0);
        }
        self.record.push(tag);
        self.last = 0;
        self.next = 0;
    }

    /// Returns the next event of the record, or `None` after the last. Once this direction has failed,
    /// the error stays.
    pub(super) fn event(&mut self) -> Result<Option<Event>, OpenError> {
        self.last = self.next;
        let Opened { consumed, event } =
            self.opener.open(self.record.get_mut(self.next..).unwrap_or_default())?;
        self.next = self.next.saturating_add(consumed);
        match event {
            Event::NeedMore { .. } => Ok(None),
            event => Ok(Some(event)),
        }
    }

    /// The slice to which the ranges of the last event are relative.
    pub(super) fn input(&self) -> &[u8] {
        self.record.get(self.last..).unwrap_or_default()
    }

    pub(super) fn eof(&mut self) {
        self.opener.eof();
    }

    pub(super) fn apply(&mut self, signal: Signal) {
        self.opener.apply(signal);
    }

    pub(super) const fn take_notice(&mut self) -> Notice {
        self.opener.take_notice()
    }

    pub(super) const fn end(&self) -> ReadEnd {
        self.opener.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    use tls_record::{AlertDescription, Fault, Flood};

    const ALERT: ContentType = ContentType::ALERT;
    const HANDSHAKE: ContentType = ContentType::HANDSHAKE;

    fn receiver(version: Version) -> Receiver {
        Receiver::new(Role::Client, version, Limits::DEFAULT).unwrap()
    }

    /// The events of a record.
    fn events(receiver: &mut Receiver) -> Result<Vec<Event>, OpenError> {
        let mut events = Vec::new();
        while let Some(event) = receiver.event()? {
            events.push(event);
        }
        Ok(events)
    }

    #[test]
    fn only_a_close_notify_is_a_clean_end() {
        for version in [Version::Tls12, Version::Tls13] {
            let mut closed = receiver(version);
            closed.record(ALERT, &[1, 0]);
            assert_eq!(events(&mut closed), Ok(vec![Event::Closed]));
            assert_eq!(closed.end(), ReadEnd::Closed { epoch: Epoch::Application });
            assert_eq!(events(&mut closed), Ok(vec![]));

            let mut cut = receiver(version);
            cut.eof();
            assert_eq!(events(&mut cut), Err(OpenError::Truncated));

            let mut failed = receiver(version);
            failed.record(ALERT, &[2, 80]);
            let alert = OpenError::PeerAlert(AlertDescription::INTERNAL_ERROR);
            assert_eq!(events(&mut failed), Err(alert));
            failed.eof();
            assert_eq!(events(&mut failed), Err(alert), "the first end stays");
        }
    }

    #[test]
    fn what_the_kernel_refuses_is_the_fault_that_the_engine_finds() {
        let cases = [
            (Version::Tls12, Refusal::BadMac, Fault::BadRecordMac),
            (Version::Tls13, Refusal::BadMac, Fault::BadRecordMac),
            (Version::Tls12, Refusal::TooLong, Fault::RecordOverflow),
            (Version::Tls13, Refusal::TooLong, Fault::RecordOverflow),
            (Version::Tls12, Refusal::Version, Fault::RecordVersion),
            // TLS 1.3 has no fault for it.
            (Version::Tls13, Refusal::Version, Fault::BadRecordMac),
        ];
        for (version, refusal, fault) in cases {
            let mut receiver = receiver(version);
            receiver.refused(refusal);
            assert_eq!(events(&mut receiver), Err(fault.into()));
            assert!(!receiver.take_notice().is_empty(), "an alert is due");
            assert_eq!(events(&mut receiver), Err(fault.into()));
        }
    }

    #[test]
    fn messages_of_a_record_are_delivered_one_by_one() {
        let mut receiver = receiver(Version::Tls13);
        let ticket = [4, 0, 0, 2, 7, 8];
        receiver.record(HANDSHAKE, &[&ticket[..], &[24, 0, 0, 1, 1]].concat());
        let Ok(Some(Event::Handshake(piece))) = receiver.event() else { panic!() };
        assert_eq!(&receiver.input()[piece.body], [7, 8]);
        assert_eq!(receiver.event(), Ok(Some(Event::KeyUpdate { requested: true })));
        assert_eq!(receiver.event(), Ok(None));
    }

    #[test]
    fn data_ends_a_flood_and_does_not_interrupt_a_message() {
        let mut receiver = receiver(Version::Tls13);
        for _ in 0..1000 {
            receiver.record(HANDSHAKE, &[24, 0, 0, 1, 0]);
            assert_eq!(events(&mut receiver), Ok(vec![Event::KeyUpdate { requested: false }]));
            receiver.data();
            assert!(events(&mut receiver).is_ok());
        }
        let flood = (0..1000).find_map(|_| {
            receiver.record(HANDSHAKE, &[24, 0, 0, 1, 0]);
            events(&mut receiver).err()
        });
        assert_eq!(flood, Some(Fault::Flood(Flood::KeyUpdates).into()));

        let mut limits = Limits::DEFAULT;
        limits.key_updates = 1;
        let mut strict = Receiver::new(Role::Client, Version::Tls13, limits).unwrap();
        strict.record(HANDSHAKE, &[24, 0, 0, 1, 0]);
        assert!(events(&mut strict).is_ok());
        strict.record(HANDSHAKE, &[24, 0, 0, 1, 0]);
        assert_eq!(events(&mut strict), Err(Fault::Flood(Flood::KeyUpdates).into()));

        let mut receiver = self::receiver(Version::Tls13);
        receiver.record(HANDSHAKE, &[4, 0]);
        assert_eq!(events(&mut receiver), Ok(vec![Event::Nothing]));
        receiver.data();
        assert_eq!(events(&mut receiver), Err(Fault::Interleaved.into()));
    }

    #[test]
    fn the_longest_record_fits() {
        for version in [Version::Tls12, Version::Tls13] {
            let mut receiver = receiver(version);
            receiver.record(ContentType::APPLICATION_DATA, &[7; 1 << 14]);
            assert!(matches!(events(&mut receiver).as_deref(), Ok([Event::ApplicationData(_)])));
        }
    }
}
