//! The bytes of one direction, opened in the usual way, in pieces, and as they arrive.

use tls_record::aead::multi_part::MultiPart;
use tls_record::{
    Arrival, Arrived, Config, Epoch, Event, KeySchedule, OpenError, Opened, Opener, ReadEnd,
    slices_of,
};
use tls_record_tests::records::Got;

use crate::random::Random;

/// What a receiver saw, and what it tells its sealer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) got: Vec<Got>,
    pub(crate) error: Option<OpenError>,
    pub(crate) end: ReadEnd,
    /// The notice: the alert, and the KeyUpdate that is due.
    pub(crate) notice: u32,
    pub(crate) sequence: Option<u64>,
}

/// A receiver, made anew for each way, and the bytes that it receives.
pub(crate) struct Session<K: KeySchedule> {
    pub(crate) make: Box<dyn Fn() -> Opener<K>>,
    pub(crate) wire: Vec<u8>,
}

/// Returns a receiver under application keys.
pub(crate) fn established<K: KeySchedule>(config: Config, keys: K, sequence: u64) -> Opener<K> {
    let mut opener = Opener::new(config);
    opener.take_over(Epoch::Application, keys, sequence).unwrap();
    opener
}

fn outcome<K: KeySchedule>(
    mut opener: Opener<K>,
    got: Vec<Got>,
    error: Option<OpenError>,
) -> Outcome {
    let sequence = opener.sequence();
    let end = opener.eof();
    Outcome { got, error, end, notice: opener.take_notice().bits(), sequence }
}

impl<K: KeySchedule<Aead: MultiPart>> Session<K> {
    /// All of the bytes, in one buffer.
    pub(crate) fn usual(&self) -> Outcome {
        let (mut opener, mut got, mut error) = ((self.make)(), Vec::new(), None);
        let (mut buffer, mut at) = (self.wire.clone(), 0);
        while at < buffer.len() {
            match opener.open(&mut buffer[at..]) {
                Ok(Opened { consumed, event }) => {
                    let Some(one) = Got::of(&event, &buffer[at..]) else { break };
                    got.push(one);
                    at += consumed;
                }
                Err(one) => {
                    error = Some(one);
                    break;
                }
            }
        }
        outcome(opener, got, error)
    }

    /// The bytes lie in pieces that begin at `edges`.
    pub(crate) fn in_pieces(&self, edges: &[usize]) -> Outcome {
        let (mut opener, mut got, mut error) = ((self.make)(), Vec::new(), None);
        let (mut buffer, mut at) = (self.wire.clone(), 0);
        while at < buffer.len() {
            let before = buffer.clone();
            let (mut pieces, mut rest, mut from) = (Vec::new(), &mut buffer[at..], at);
            for &edge in edges.iter().filter(|edge| **edge >= at) {
                let (piece, behind) = rest.split_at_mut(edge - from);
                pieces.push(piece);
                (rest, from) = (behind, edge);
            }
            pieces.push(rest);
            match opener.open_pieces(&mut pieces) {
                Ok(Opened { consumed, event }) => {
                    let input: Vec<u8> =
                        slices_of(&pieces, 0..usize::MAX).flatten().copied().collect();
                    let Some(one) = Got::of(&event, &input) else {
                        assert_eq!(consumed, 0);
                        break;
                    };
                    if let Event::ApplicationData(range) = event {
                        let content = slices_of(&pieces, range).flatten();
                        assert_eq!(Got::Data(content.copied().collect()), one);
                    }
                    got.push(one);
                    at += consumed;
                }
                Err(one) => {
                    if one == tls_record::Fault::BadRecordMac.into() {
                        assert!(buffer == before, "a byte of a forged record has changed");
                    }
                    error = Some(one);
                    break;
                }
            }
        }
        outcome(opener, got, error)
    }

    /// The bytes arrive in a buffer of `capacity` bytes, at most `most` at a time. Returns also how many
    /// parts of long records came.
    pub(crate) fn arriving(&self, capacity: usize, most: usize) -> (Outcome, usize) {
        self.arriving_in(capacity, || most)
    }

    /// The bytes arrive in a buffer of 256 to 1,279 bytes, some at a time.
    pub(crate) fn arriving_at_random(&self, random: &mut Random) -> (Outcome, usize) {
        let capacity = 256 + random.below(1024);
        self.arriving_in(capacity, || 1 + random.below(700))
    }

    fn arriving_in(&self, capacity: usize, mut most: impl FnMut() -> usize) -> (Outcome, usize) {
        let (mut opener, mut got, mut error) = ((self.make)(), Vec::new(), None);
        let (mut buffer, mut filled, mut transport) = (vec![0; capacity], 0, &self.wire[..]);
        // The plaintext of a record that is not committed.
        let (mut provisional, mut parts) = (Vec::new(), 0);
        'receiving: loop {
            let taken = most().min(capacity - filled).min(transport.len());
            let (now, later) = transport.split_at(taken);
            buffer[filled..][..taken].copy_from_slice(now);
            (filled, transport) = (filled + taken, later);
            while filled != 0 {
                let arrived = opener.open_arriving(&mut buffer[..filled], capacity);
                let Arrived { consumed, event } = match arrived {
                    Ok(arrived) => arrived,
                    Err(one) => {
                        error = Some(one);
                        break 'receiving;
                    }
                };
                match event {
                    Arrival::Provisional(part) => {
                        assert_eq!(part.offset(), provisional.len());
                        assert!(!part.expose_unauthenticated().is_empty());
                        provisional.extend_from_slice(part.expose_unauthenticated());
                        parts += 1;
                    }
                    Arrival::Committed { content } => {
                        provisional.truncate(content);
                        let content = std::mem::take(&mut provisional);
                        got.push(if content.is_empty() {
                            Got::Nothing
                        } else {
                            Got::Data(content)
                        });
                    }
                    Arrival::Record(event) => {
                        let Some(one) = Got::of(&event, &buffer[..filled]) else {
                            assert_eq!(consumed, 0);
                            break;
                        };
                        got.push(one);
                    }
                    other => unreachable!("an event that the tests do not know: {other:?}"),
                }
                buffer.copy_within(consumed..filled, 0);
                filled -= consumed;
            }
            assert!(filled < capacity, "no progress");
            if transport.is_empty() {
                break;
            }
        }
        (outcome(opener, got, error), parts)
    }
}
