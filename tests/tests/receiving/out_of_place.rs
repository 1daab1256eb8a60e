//! Ciphers that read a record from one place and write its plaintext to another.

use std::cell::RefCell;
use std::ops::Range;

use tls_record::aead::{AeadError, Provider, null::Null};
use tls_record_tests::records::Hand;
use tls_record_tests::watched::{Call, Watch, Watched};

use super::*;

thread_local! {
    /// Where the ciphertexts were that [`Dma`] has read.
    static READ: RefCell<Vec<Range<*const u8>>> = const { RefCell::new(Vec::new()) };
}

/// A DMA engine: the null cipher, out of place.
enum Dma {}

impl Watch for Dma {
    type Inner = Null;
    const IS_OUT_OF_PLACE: bool = true;

    fn before(call: Call, text: &[u8]) -> Result<(), AeadError> {
        if call == Call::OpenFrom {
            READ.with_borrow_mut(|read| read.push(text.as_ptr_range()));
        }
        Ok(())
    }
}

type Half<P> = Opener<TrafficSecret<P>>;

const SECRET: u8 = 1;

/// A client's receiver on an established connection.
fn opener<P: Provider>(suite: Suite) -> Half<P> {
    let secret = match suite {
        Suite::Plain => panic!("nothing is secret"),
        Suite::Tls13 => TrafficSecret::tls13(Algorithm::Aes128Gcm, &[SECRET; 32]),
        Suite::Tls12Gcm => TrafficSecret::tls12(Algorithm::Aes128Gcm, &[SECRET; 16], &[SECRET; 4]),
        Suite::Tls12Chacha => {
            TrafficSecret::tls12(Algorithm::Chacha20Poly1305, &[SECRET; 32], &[SECRET; 12])
        }
    };
    let mut opener = Opener::new(Config::new(Role::Client));
    let epoch = Epoch::Application;
    opener.take_over(epoch, secret.unwrap(), suite.first_sequence(epoch)).unwrap();
    opener
}

/// The same receiver under a cipher that is out of place, and under one that is not.
struct Both {
    apart: Half<Watched<Dma>>,
    copying: Half<Null>,
    out: Vec<u8>,
    expected: Vec<u8>,
}

impl Both {
    fn new(suite: Suite) -> Self {
        let (apart, copying) = (opener(suite), opener(suite));
        let [out, expected] = [(); 2].map(|()| vec![0xaa; 20_000]);
        Self { apart, copying, out, expected }
    }

    /// Opens `pieces`, of which both must make the same. Returns how much they consumed and what they got,
    /// and where the former has read.
    fn open(&mut self, pieces: &[&[u8]]) -> (usize, Option<Got>, Vec<Range<*const u8>>) {
        let opened = self.apart.open_into(pieces, &mut self.out);
        assert_eq!(opened, self.copying.open_into(pieces, &mut self.expected));
        assert_eq!(self.apart.has_notice(), self.copying.has_notice());
        let Opened { consumed, event } = opened.unwrap();
        let got = Got::of(&event, &self.out);
        assert_eq!(got, Got::of(&event, &self.expected));
        (consumed, got, READ.take())
    }
}

/// Where the ciphertext of a record is, without the tag.
fn ciphertext(suite: Suite, record: &[u8]) -> Range<*const u8> {
    let start = if suite == Suite::Tls12Gcm { 5 + 8 } else { 5 };
    record[start..record.len() - 16].as_ptr_range()
}

#[test]
fn a_record_in_one_piece_is_read_where_it_is() {
    for suite in Suite::ALL {
        let mut both = Both::new(suite);
        let mut hand = Hand::established(suite, SECRET);
        for len in [513 - suite.overhead(), 1000, 16_384] {
            let content = vec![7; len];
            let record = hand.seal(DATA, &content);
            let expected = Some(Got::Data(content));
            let read = vec![ciphertext(suite, &record)];
            // Nothing is consumed while the output is too short, and nothing is read.
            let short = both.apart.open_into(&[&record], &mut vec![0; record.len() - 1]).unwrap();
            assert_eq!(short.event, Event::NeedMore { total: record.len() });
            let got = both.open(&[&[], &record, b"the next"]);
            assert_eq!(got, (record.len(), expected, read), "{suite:?}, {len} bytes");
        }
        // Behind it in its piece is a record of which only a part has arrived.
        let mut piece = hand.seal(DATA, &[8; 600]);
        let len = piece.len();
        piece.extend(hand.seal(DATA, &[9; 600]));
        let read = vec![ciphertext(suite, &piece[..len])];
        assert_eq!(both.open(&[&piece[..len + 20]]), (len, Some(Got::Data(vec![8; 600])), read));
    }
}

#[test]
fn a_record_in_several_pieces_is_copied() {
    for suite in Suite::ALL {
        let content: Vec<u8> = (0..600).map(|i| (i % 251) as u8).collect();
        let record = Hand::established(suite, SECRET).seal(DATA, &content);
        for at in 1..record.len() {
            let (front, back) = record.split_at(at);
            let got = Both::new(suite).open(&[front, &[], back]);
            assert_eq!(got, (record.len(), Some(Got::Data(content.clone())), vec![]), "{at}");
        }
    }
}

#[test]
fn a_short_record_is_copied() {
    for suite in Suite::ALL {
        for len in [1, 512 - suite.overhead()] {
            let record = Hand::established(suite, SECRET).seal(DATA, &vec![7; len]);
            let got = Both::new(suite).open(&[&record]);
            assert_eq!(got, (record.len(), Some(Got::Data(vec![7; len])), vec![]));
        }
    }
}

#[test]
fn an_unprotected_record_is_copied() {
    let hello = message(2, &[7; 1000]);
    let record = plaintext(HANDSHAKE, &hello);
    let mut opener = Half::<Watched<Dma>>::new(Config::new(Role::Client));
    let mut out = vec![0xaa; 2000];
    let opened = opener.open_into(&[&record], &mut out).unwrap();
    assert_eq!(opened.consumed, record.len());
    assert_eq!(Got::of(&opened.event, &out), Some(Got::Message(2, 0, hello[4..].to_vec())));
    assert!(READ.take().is_empty());
}

#[test]
fn the_messages_of_a_record_are_returned_one_by_one_and_padding_is_removed() {
    let suite = Suite::Tls13;
    let mut both = Both::new(suite);
    let mut hand = Hand::established(suite, SECRET);
    let messages = [message(4, &[1; 300]), message(4, &[2; 200]), message(4, &[3; 100])];
    for padding in [0, 5, 700] {
        let record = hand.seal_padded(HANDSHAKE, &messages.concat(), padding);
        let mut at = 0;
        for (number, message) in messages.iter().enumerate() {
            let (consumed, got, read) = both.open(&[&record[at..]]);
            assert_eq!(got, Some(Got::Message(4, 0, message[4..].to_vec())));
            assert_eq!(read.len(), usize::from(number == 0), "the rest is opened already");
            at += consumed;
        }
        assert_eq!(at, record.len());
    }
}

#[test]
fn a_forged_record_leaves_nothing_in_the_output() {
    for suite in Suite::ALL {
        for content_len in [600, 16_384] {
            let record = Hand::established(suite, SECRET).seal(DATA, &vec![7; content_len]);
            for at in record.len() - 16..record.len() {
                let mut forged = record.clone();
                forged[at] ^= 1;
                let mut opener = opener::<Watched<Dma>>(suite);
                let mut out = vec![0xaa; 20_000];
                let error = Err(OpenError::Fault(Fault::BadRecordMac));
                // The error is kept.
                for _ in 0..2 {
                    assert_eq!(opener.open_into(&[&forged], &mut out), error);
                }
                assert_eq!(opener.end(), ReadEnd::Fault(Fault::BadRecordMac));
                assert!(opener.has_notice(), "the alert");
                assert!(!out.contains(&7), "{suite:?}, byte {at} of the record");
                assert_eq!(READ.take().len(), 1);
            }
        }
    }
}

#[test]
fn rejected_early_data_leaves_nothing_in_the_output() {
    let suite = Suite::Tls13;
    let mut config = Config::new(Role::Server);
    config.limits.early_data = 2000;
    let mut opener = Half::<Watched<Dma>>::new(config);
    let secret = TrafficSecret::tls13(Algorithm::Aes128Gcm, &[SECRET; 32]).unwrap();
    opener.install(Epoch::Handshake, secret).unwrap();
    opener.skip_early_data(false).unwrap();
    let early = Hand::new(suite, SECRET + 1).seal(DATA, &[7; 1000]);
    let mut out = vec![0xaa; 2000];
    let opened = opener.open_into(&[&early], &mut out).unwrap();
    assert_eq!(opened, Opened { consumed: early.len(), event: Event::Nothing });
    assert!(!out.contains(&7));
    // The first record that opens ends the skipping.
    let finished = message(20, &[9; 600]);
    let record = Hand::new(suite, SECRET).seal(HANDSHAKE, &finished);
    let opened = opener.open_into(&[&record], &mut out).unwrap();
    assert_eq!(Got::of(&opened.event, &out), Some(Got::Message(20, 0, finished[4..].to_vec())));
    assert_eq!(READ.take(), [ciphertext(suite, &early), ciphertext(suite, &record)]);
}
