//! A connection whose other end is played by hand.

use tls_record::{Config, Connection, ContentType, End, Epoch, OpenError, ReadEnd, Role, WriteEnd};
use tls_record_tests::records::{self, ALERT, DATA, Got, HANDSHAKE, Hand, Secret, Suite, open_all};

pub(crate) const CLEAN: End =
    End { read: ReadEnd::Closed { epoch: Epoch::Application }, write: WriteEnd::Closed };

/// A connection whose other end is played by hand, over a transport that takes as much as a test
/// says.
pub(crate) struct Wired<const TX: usize = 512> {
    pub(crate) tls: Connection<Secret, TX>,
    /// Seals the records that arrive.
    pub(crate) peer: Hand,
    /// Opens the records that are sent.
    pub(crate) mirror: Hand,
    /// Bytes that the transport has taken and the mirror has not opened.
    pub(crate) taken: Vec<u8>,
}

impl<const TX: usize> Wired<TX> {
    pub(crate) fn over(records::Connection { layer, peer, mirror }: records::Connection) -> Self {
        Self { tls: Connection::new(layer), peer, mirror, taken: Vec::new() }
    }

    pub(crate) fn new(suite: Suite) -> Self {
        Self::over(records::Connection::established(suite, Role::Client))
    }

    pub(crate) fn configured(suite: Suite, configure: impl FnOnce(&mut Config)) -> Self {
        Self::over(records::Connection::configured(suite, configure))
    }

    /// The transport takes `len` bytes, or all that are unsent.
    pub(crate) fn take(&mut self, len: usize) -> usize {
        let unsent = self.tls.unsent();
        let len = len.min(unsent.len());
        self.taken.extend_from_slice(&unsent[..len]);
        self.tls.sent(len);
        len
    }

    /// Opens the whole records that the transport has taken.
    pub(crate) fn opened(&mut self) -> Vec<(ContentType, Vec<u8>)> {
        let mut records = Vec::new();
        let wire = std::mem::take(&mut self.taken);
        let mut at = 0;
        while let Some(&[_, _, _, high, low]) = wire.get(at..at + 5) {
            let end = at + 5 + usize::from(u16::from_be_bytes([high, low]));
            let Some(record) = wire.get(at..end) else { break };
            let (content_type, content) = self.mirror.open(record);
            if content_type == HANDSHAKE && content.first() == Some(&24) {
                self.mirror.update();
            }
            records.push((content_type, content));
            at = end;
        }
        self.taken = wire[at..].to_vec();
        records
    }

    /// The transport takes everything, `piece` bytes at a time.
    pub(crate) fn send_in(&mut self, piece: usize) -> Vec<(ContentType, Vec<u8>)> {
        while self.take(piece) != 0 {}
        let records = self.opened();
        assert_eq!(self.taken, [], "records are whole");
        records
    }

    pub(crate) fn send(&mut self) -> Vec<(ContentType, Vec<u8>)> {
        self.send_in(usize::MAX)
    }

    pub(crate) fn receive(&mut self, record: &[u8]) -> Result<Vec<Got>, OpenError> {
        let (got, left) = open_all(|input| self.tls.received(input), record);
        left.map(|_| got)
    }

    pub(crate) fn accept(&mut self, content_type: ContentType, content: &[u8]) -> Vec<Got> {
        let record = self.peer.seal(content_type, content);
        let got = self.receive(&record).expect("accepted");
        if matches!(got.last(), Some(Got::KeyUpdate(_))) {
            self.peer.update();
        }
        got
    }

    pub(crate) fn is_full(&self) -> bool {
        self.tls.unsent().len() + self.tls.writer().sealer().control_len() > TX
    }

    /// Writes until there is no room for a control record.
    pub(crate) fn fill(&mut self) {
        let overhead = self.tls.writer().sealer().record_len(0);
        while !self.is_full() {
            let room = TX - self.tls.unsent().len();
            let limit = usize::from(self.tls.writer().sealer().fragment_limit());
            let data = vec![b'f'; limit.min(room - overhead)];
            assert_eq!(self.tls.write(&[&data]), Ok(data.len()));
        }
    }
}

pub(crate) fn alert(content: [u8; 2]) -> (ContentType, Vec<u8>) {
    (ALERT, content.to_vec())
}

pub(crate) fn data(content: &[u8]) -> (ContentType, Vec<u8>) {
    (DATA, content.to_vec())
}

pub(crate) const PIECES: [usize; 7] = [1, 2, 3, 7, 24, 100, usize::MAX];

/// Numbers that look random and are the same in each run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % limit
    }
}
