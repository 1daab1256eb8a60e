//! The same bytes to four receivers: one opens them in one buffer, one out of place, one in pieces, and one
//! as they arrive in a short buffer. All four must reach the same end.
//!
//! The last may end earlier: it holds no handshake message and no alert that is longer than its buffer,
//! and refuses a plaintext that is too long before its tag.

use tls_record::aead::Provider;
use tls_record::close::ReadState;
use tls_record::{
    Arrival, Arrived, Epoch, Event, Fault, HEADER_LEN, OpenError, Opened, OpenedIn, Opener,
    ReadEnd, TrafficSecret, slices_of,
};

use crate::checksum::{Checksum, ChecksumBy};
use crate::input::input;
use crate::peer::Direction;
use crate::receiving::Kind;
use crate::setup::Setup;

input! {
    /// Records that arrive under application keys.
    pub struct Input {
        /// The configuration, the role and the suite.
        pub setup: Setup,
        /// How much longer than 256 bytes the short buffer is.
        pub room: u8,
        /// The lengths of the pieces, and of the reads of the transport, in turn.
        pub lengths: u16,
        /// What the peer sends.
        pub calls: Vec<Call>,
    }
}

input! {
    /// What the peer sends.
    pub enum Call {
        /// Any bytes.
        Raw { bytes: Vec<u8>, },
        /// A record.
        Record { kind: Kind, content: Vec<u8>, padding: u8, },
        /// A long record.
        Long { kind: Kind, byte: u8, len: u16, padding: u16, },
        /// A record with one wrong bit.
        Forged { len: u16, at: u16, },
        /// A KeyUpdate, after which the peer has new keys.
        KeyUpdate { requested: bool, },
    }
}

type Half<P = Checksum> = Opener<TrafficSecret<P>>;

/// An event without ranges.
#[derive(Clone, Debug, PartialEq)]
enum Got {
    Data(Vec<u8>),
    Message(u8, u32, Vec<u8>),
    Other(Event),
}

impl Got {
    fn of(event: Event, input: &[u8]) -> Option<Self> {
        Some(match event {
            Event::NeedMore { .. } => return None,
            Event::ApplicationData(range) => Self::Data(input[range].to_vec()),
            Event::Handshake(piece) => {
                Self::Message(piece.header.message_type.0, piece.offset, input[piece.body].to_vec())
            }
            other => Self::Other(other),
        })
    }
}

/// The last event: what comes behind it is not opened.
const CLOSED: Got = Got::Other(Event::Closed);

/// What a receiver saw, how it ended, and what it tells its sealer.
#[derive(Clone, Debug, PartialEq)]
struct Outcome {
    got: Vec<Got>,
    error: Option<OpenError>,
    end: ReadEnd,
    notice: u32,
    sequence: Option<u64>,
}

impl Outcome {
    fn of<P: Provider>(mut half: Half<P>, got: Vec<Got>, error: Option<OpenError>) -> Self {
        let sequence = half.sequence();
        let end = half.eof();
        Self { got, error, end, notice: half.take_notice().bits(), sequence }
    }
}

impl crate::Input for Input {
    const NAME: &'static str = "parts";

    fn run(&self) {
        let wire = self.wire();
        let usual = usual(self.half(), wire.clone());
        assert_eq!(self.out_of_place(wire.clone()), usual, "out of place");
        assert_eq!(self.in_pieces(wire.clone()), usual, "in pieces");
        let (arriving, is_refused) = self.arriving(&wire);
        if !is_refused {
            assert_eq!(arriving, usual, "as they arrive");
            return;
        }
        // What came before is the same.
        assert!(usual.got.starts_with(&arriving.got), "{arriving:?}, {usual:?}");
        let error = arriving.error.expect("it is refused");
        assert_eq!(arriving.end, ReadEnd::Fault(fault_of(error)));
        assert!(arriving.got.len() < usual.got.len() || usual.error.is_some() || is_cut(&usual));
    }
}

fn is_cut(outcome: &Outcome) -> bool {
    matches!(outcome.end, ReadEnd::Truncated { inside_record: true, .. })
}

fn fault_of(error: OpenError) -> Fault {
    match error {
        OpenError::Fault(fault) => fault,
        other => panic!("{other:?}"),
    }
}

impl Input {
    fn secret<P: Provider>(&self) -> TrafficSecret<P> {
        self.setup.suite.secret(7)
    }

    fn half<P: Provider>(&self) -> Half<P> {
        let mut half = Half::new(self.setup.config());
        let first = self.setup.suite.first_number(Epoch::Application);
        half.take_over(Epoch::Application, self.secret(), first).expect("keys fit");
        half
    }

    fn wire(&self) -> Vec<u8> {
        let first = self.setup.suite.first_number(Epoch::Application);
        let mut peer = Direction::from(self.secret::<Checksum>(), first);
        let mut wire = Vec::new();
        for call in &self.calls {
            match call {
                Call::Raw { bytes } => wire.extend(bytes),
                Call::Record { kind, content, padding } => {
                    wire.extend(peer.seal(kind.content_type(), content, (*padding).into()));
                }
                Call::Long { kind, byte, len, padding } => {
                    let content = vec![*byte; usize::from(len % 17_000)];
                    let padding = usize::from(padding % 2_000);
                    wire.extend(peer.seal(kind.content_type(), &content, padding));
                }
                Call::Forged { len, at } => {
                    let data = vec![0; usize::from(len % 1_500)];
                    let mut record = peer.seal(Kind::Data.content_type(), &data, 0);
                    let at = usize::from(*at) % record.len();
                    record[at] ^= 1;
                    wire.extend(record);
                }
                Call::KeyUpdate { requested } => {
                    let update = [24, 0, 0, 1, u8::from(*requested)];
                    wire.extend(peer.seal(Kind::Handshake.content_type(), &update, 0));
                    if self.setup.version() == tls_record::Version::Tls13 {
                        peer.update();
                    }
                }
            }
        }
        wire
    }

    /// The lengths of pieces and reads: one of them long, so that long inputs have few.
    fn lengths(&self) -> impl Iterator<Item = usize> {
        let lengths = self.lengths.to_le_bytes().map(usize::from);
        lengths.into_iter().chain([700]).cycle()
    }

    /// The output is about as long as the plaintext of the next record, or far from it.
    fn out_of_place(&self, mut buffer: Vec<u8>) -> Outcome {
        let (mut half, mut got, mut at) = (self.half::<ChecksumBy<true>>(), Vec::new(), 0);
        let mut lengths = self.lengths();
        while at < buffer.len() && got.last() != Some(&CLOSED) {
            let body: usize = match buffer[at..] {
                [_, _, _, high, low, ..] => u16::from_be_bytes([high, low]).into(),
                _ => 0,
            };
            let room = match lengths.next().unwrap_or_default() {
                far @ 128.. => 33 * far,
                near => body.saturating_sub(near % 32),
            };
            let mut out = vec![0xaa; room];
            match half.open_out_of_place(&mut buffer[at..], &mut out) {
                Ok(OpenedIn::Output(Opened { consumed, event })) => {
                    assert!(matches!(&event, Event::ApplicationData(range) if range.start == 0));
                    got.extend(Got::of(event, &out));
                    at += consumed;
                }
                Ok(OpenedIn::Input(Opened { consumed, event })) => {
                    let Some(one) = Got::of(event, &buffer[at..]) else { break };
                    got.push(one);
                    at += consumed;
                }
                Err(error) => return Outcome::of(half, got, Some(error)),
            }
        }
        Outcome::of(half, got, None)
    }

    fn in_pieces(&self, mut buffer: Vec<u8>) -> Outcome {
        let (mut half, mut got, mut at) = (self.half(), Vec::new(), 0);
        while at < buffer.len() && got.last() != Some(&CLOSED) {
            let before = buffer.clone();
            let (mut pieces, mut rest) = (Vec::new(), &mut buffer[at..]);
            for len in self.lengths().take(200) {
                let (piece, behind) = rest.split_at_mut(len.min(rest.len()));
                pieces.push(piece);
                rest = behind;
            }
            pieces.push(rest);
            match half.open_pieces(&mut pieces) {
                Ok(Opened { consumed, event }) => {
                    let input: Vec<u8> =
                        slices_of(&pieces, 0..usize::MAX).flatten().copied().collect();
                    let Some(one) = Got::of(event, &input) else { break };
                    assert!(consumed > 0, "no progress");
                    got.push(one);
                    at += consumed;
                    if has_rest(&half) {
                        assert_eq!(half.open(&mut []), Err(OpenError::OtherBuffer));
                        let into = half.open_into(&[], &mut []);
                        assert_eq!(into, Err(OpenError::OtherBuffer));
                    }
                }
                Err(error) => {
                    if error == Fault::BadRecordMac.into() {
                        assert!(buffer == before, "a byte of a forged record has changed");
                    }
                    return Outcome::of(half, got, Some(error));
                }
            }
        }
        Outcome::of(half, got, None)
    }

    /// Returns also whether a record was refused that the others accept.
    fn arriving(&self, wire: &[u8]) -> (Outcome, bool) {
        let capacity = 256 + usize::from(self.room);
        let (mut half, mut got, mut lengths) =
            (self.half::<Checksum>(), Vec::new(), self.lengths());
        let (mut buffer, mut filled, mut transport) = (vec![0; capacity], 0, wire);
        let (mut provisional, mut is_longer) = (Vec::new(), false);
        'receiving: loop {
            let most = lengths.next().unwrap_or(1).max(1);
            let taken = most.min(capacity - filled).min(transport.len());
            let (now, later) = transport.split_at(taken);
            buffer[filled..][..taken].copy_from_slice(now);
            (filled, transport) = (filled + taken, later);
            while filled != 0 {
                if provisional.is_empty() && filled >= HEADER_LEN {
                    let length = u16::from_be_bytes([buffer[3], buffer[4]]);
                    is_longer = HEADER_LEN + usize::from(length) > capacity;
                }
                let sequence = half.sequence();
                let Arrived { consumed, event } =
                    match half.open_arriving(&mut buffer[..filled], capacity) {
                        Ok(arrived) => arrived,
                        Err(error) => {
                            let is_refused = is_longer
                                && (error == Fault::UnexpectedContentType.into()
                                    || error == Fault::RecordOverflow.into());
                            return (Outcome::of(half, got, Some(error)), is_refused);
                        }
                    };
                match event {
                    Arrival::Provisional(part) => {
                        assert_eq!(part.offset(), provisional.len());
                        provisional.extend_from_slice(part.expose_unauthenticated());
                        assert_eq!(half.sequence(), sequence, "counted before the tag");
                        assert_eq!(half.open(&mut []), Err(OpenError::OtherBuffer));
                    }
                    Arrival::Committed { content } => {
                        provisional.truncate(content);
                        assert_eq!(provisional.len(), content);
                        let content = std::mem::take(&mut provisional);
                        let is_empty = content.is_empty();
                        got.push(if is_empty {
                            Got::Other(Event::Nothing)
                        } else {
                            Got::Data(content)
                        });
                    }
                    Arrival::Record(event) => {
                        let Some(one) = Got::of(event, &buffer[..filled]) else {
                            assert_eq!(consumed, 0);
                            break;
                        };
                        got.push(one);
                    }
                    other => unreachable!("an event that this target does not know: {other:?}"),
                }
                assert!(consumed > 0, "no progress");
                buffer.copy_within(consumed..filled, 0);
                filled -= consumed;
                if got.last() == Some(&CLOSED) {
                    break 'receiving;
                }
            }
            assert!(filled < capacity, "no progress");
            if transport.is_empty() {
                break;
            }
        }
        (Outcome::of(half, got, None), false)
    }
}

/// Whether a record is opened in part.
fn has_rest(half: &Half) -> bool {
    half.state() == ReadState::Open && half.needed(&[]) != HEADER_LEN
}

fn usual(mut half: Half, mut buffer: Vec<u8>) -> Outcome {
    let (mut got, mut at) = (Vec::new(), 0);
    while at < buffer.len() && got.last() != Some(&CLOSED) {
        match half.open(&mut buffer[at..]) {
            Ok(Opened { consumed, event }) => {
                let Some(one) = Got::of(event, &buffer[at..]) else { break };
                got.push(one);
                at += consumed;
                if has_rest(&half) {
                    assert_eq!(half.open_pieces(&mut []), Err(OpenError::OtherBuffer));
                }
            }
            Err(error) => return Outcome::of(half, got, Some(error)),
        }
    }
    Outcome::of(half, got, None)
}
