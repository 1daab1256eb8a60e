//! Two equal connections, one of which is suspended and resumed from time to time.
//!
//! Both get the same calls and must return the same results, to the byte. Suspended bytes that were
//! tampered with must not resume. The record layer that remains after a suspend gets the same
//! calls, and must refuse all of them.

use tls_record::close::{ReadState, WriteState};
use tls_record::{
    AlertDescription, CloseError, Connection, Control, End, Epoch, KeyError, Notice, OpenError,
    Opened, ReadEnd, RecordLayer, RecordSizeLimit, ResumeError, Role, SUSPENDED_LEN, SealError,
    ShutdownError, Signal, SuspendError, TrafficSecret, WriteEnd,
};

use crate::checksum::Checksum;
use crate::input::input;
use crate::peer::Direction;
pub use crate::receiving::Kind;
use crate::receiving::check_kernel;
pub use crate::setup::{Few, Pad, Setup, Suite};
use crate::words;

input! {
    /// What is done to the bytes of a suspended connection.
    pub enum Sleep {
        /// Nothing.
        Sound,
        /// A bit is flipped.
        Flip { at: u16, bit: u8, },
        /// The length is changed.
        Length { len: u16, },
        /// Another key is used to resume.
        OtherKey { at: u8, },
    }
}

input! {
    /// One call on both connections, or on one of them.
    pub enum Call {
        /// One connection is suspended and resumed.
        Sleep { sleep: Sleep, },
        /// The peer sends a record.
        Record { kind: Kind, content: Vec<u8>, padding: u8, },
        /// The peer sends a KeyUpdate.
        PeerUpdate { requested: bool, },
        /// The peer closes.
        PeerClose,
        /// At most `len` bytes of the input are opened.
        Cut { len: u16, },
        /// The transport ends.
        Eof,
        /// The application sends data.
        Seal { len: u8, },
        /// The application updates its keys.
        Update { request: bool, },
        /// The application refuses a renegotiation.
        Refuse,
        /// The application closes.
        Close,
        /// The application aborts.
        Abort { description: u8, },
        /// The peer announces a record_size_limit, and the application chooses a fragment limit.
        Limits { peer: u8, fragment: u8, },
        /// The driver seals the control records that are due.
        Control,
        /// The peer sends a KeyUpdate and data, which arrive together, and only the KeyUpdate is
        /// opened.
        PeerUpdateAndData { requested: bool, },
        /// The driver opens the received records.
        Open,
    }
}

input! {
    /// Two connections, and the calls on them.
    pub struct Input {
        /// The setup of both connections.
        pub setup: Setup,
        /// The calls, in order.
        pub calls: Vec<Call>,
    }
}

type Layer = RecordLayer<TrafficSecret<Checksum>>;

const KEY: [u8; 32] = [0x33; 32];

/// The fill byte of memory that must not be written to.
const UNTOUCHED: u8 = 0xa5;

struct World {
    sleeper: Layer,
    twin: Layer,
    /// The record layer that remained after the last suspend.
    stale: Option<Layer>,
    suite: Suite,
    peer: Direction<Checksum>,
    wire: Vec<u8>,
}

impl World {
    fn new(setup: &Setup) -> Self {
        let layer = || setup.established(setup.config(), 1, 2);
        let number = setup.suite.first_number(Epoch::Application);
        let peer = Direction::from(setup.suite.secret(1), number);
        let suite = setup.suite.clone();
        Self { sleeper: layer(), twin: layer(), stale: None, suite, peer, wire: Vec::new() }
    }

    /// Makes a call on both connections, which must return the same result.
    #[track_caller]
    fn both<R: PartialEq + std::fmt::Debug>(&mut self, call: impl Fn(&mut Layer) -> R) -> R {
        let returned = call(&mut self.sleeper);
        assert_eq!(returned, call(&mut self.twin));
        returned
    }

    fn call(&mut self, call: &Call) {
        if let Some(stale) = &mut self.stale {
            check_refuses(stale, call);
            check_is_over(stale, &self.suite);
        }
        match call {
            Call::Sleep { sleep } => self.sleep(sleep),
            Call::Record { kind, content, padding } => {
                let padding = (*padding).into();
                self.wire.extend(self.peer.seal(kind.content_type(), content, padding));
                self.open(self.wire.len());
            }
            Call::PeerUpdate { requested } => {
                self.peer_update(*requested);
                self.open(self.wire.len());
            }
            Call::PeerUpdateAndData { requested } => {
                self.open(self.wire.len());
                self.peer_update(*requested);
                self.wire.extend(self.peer.seal(Kind::Data.content_type(), b"behind", 0));
                self.open_one(self.wire.len());
            }
            Call::Open => self.open(self.wire.len()),
            Call::PeerClose => {
                self.wire.extend(self.peer.seal(Kind::Alert.content_type(), &[1, 0], 0));
                self.open(self.wire.len());
            }
            Call::Cut { len } => {
                let record = self.peer.seal(Kind::Data.content_type(), b"cut", 0);
                self.wire.extend(record);
                self.open(usize::from(*len) % (self.wire.len() + 1));
            }
            Call::Eof => {
                self.both(Layer::eof);
            }
            Call::Seal { len } => {
                let _ = self.both(|layer| {
                    let mut out = vec![0; 1 << 15];
                    let sealed = layer.seal(&[&vec![0x5a; (*len).into()]], &mut out);
                    out.truncate(sealed.map_or(0, |sealed| sealed.written));
                    (sealed, out)
                });
            }
            Call::Update { request } => drop(self.both(|layer| layer.update_keys(*request))),
            Call::Refuse => {
                let _ =
                    self.both(|layer| layer.with_halves(|_, sealer| sealer.refuse_renegotiation()));
            }
            Call::Close => drop(self.both(Layer::close)),
            Call::Abort { description } => {
                let _ = self.both(|layer| layer.abort(AlertDescription(*description)));
            }
            Call::Limits { peer, fragment } => {
                let _ = self.both(|layer| {
                    layer.set_fragment_limit((*fragment).into());
                    RecordSizeLimit::new((*peer).into())
                        .map(|limit| layer.set_peer_record_size_limit(limit))
                });
            }
            Call::Control => self.control(),
        }
    }

    fn control(&mut self) {
        self.both(|layer| {
            let mut out = vec![0; 1 << 15];
            let len = layer.poll_control(&mut out).expect("the buffer is long enough");
            out.truncate(len);
            out
        });
    }

    fn peer_update(&mut self, requested: bool) {
        let message = [24, 0, 0, 1, u8::from(requested)];
        self.wire.extend(self.peer.seal(Kind::Handshake.content_type(), &message, 0));
        if self.peer.version() == Some(tls_record::Version::Tls13) {
            self.peer.update();
        }
    }

    fn open(&mut self, len: usize) {
        let mut len = len;
        while len != 0 {
            match self.open_one(len) {
                0 => return,
                consumed => len -= consumed,
            }
        }
    }

    /// Opens one record of the first `len` bytes. Returns the number of bytes consumed.
    fn open_one(&mut self, len: usize) -> usize {
        let shown = &self.wire[..len];
        let open = |layer: &mut Layer| -> (Result<Opened, OpenError>, Vec<u8>) {
            let mut shown = shown.to_vec();
            (layer.open(&mut shown), shown)
        };
        let (opened, decrypted) = open(&mut self.sleeper);
        let twin = open(&mut self.twin);
        assert_eq!((&opened, &decrypted), (&twin.0, &twin.1));
        self.wire[..len].copy_from_slice(&decrypted);
        let consumed = opened.map_or(0, |opened| opened.consumed);
        self.wire.drain(..consumed);
        consumed
    }

    fn sleep(&mut self, sleep: &Sleep) {
        let suspended = self.sleeper.suspend(&KEY);
        assert!(
            !self.sleeper.opener().has_notice(),
            "the sealer must get the notice before a suspend"
        );
        let bytes = match suspended {
            Ok(bytes) => bytes,
            Err(error) => {
                // The twin must return the same error, and nothing may have changed.
                words::check(&error);
                assert_eq!(self.twin.suspend(&KEY).err(), Some(error));
                return;
            }
        };
        let mut key = KEY;
        let mut tampered = bytes.to_vec();
        match sleep {
            Sleep::Sound => {}
            Sleep::Flip { at, bit } => {
                tampered[usize::from(*at) % SUSPENDED_LEN] ^= 1 << (bit % 8);
            }
            Sleep::Length { len } => tampered.resize(usize::from(*len) % (2 * SUSPENDED_LEN), 0),
            Sleep::OtherKey { at } => key[usize::from(*at) % key.len()] ^= 1,
        }
        let is_sound = tampered == bytes && key == KEY;
        if !is_sound {
            let before = tampered.clone();
            let error = match Layer::resume(&mut tampered, &key) {
                Ok(_) => panic!("tampered bytes were resumed"),
                Err(error) => error,
            };
            let is_format = tampered.len() != SUSPENDED_LEN || tampered[..4] != bytes[..4];
            let expected = if is_format { ResumeError::Format } else { ResumeError::Forged };
            assert_eq!((error, tampered), (expected, before));
            words::check(&error);
        }
        let mut sound = bytes;
        let mut woken = Layer::resume(&mut sound, &KEY).expect("the connection resumes");
        assert_eq!(sound, [0; SUSPENDED_LEN], "the bytes must be wiped");
        // The same state must give the same bytes, so that a nonce never seals two different
        // plaintexts.
        let mut again = woken.suspend(&KEY).expect("the connection can be suspended");
        assert_eq!(again, bytes);
        woken = Layer::resume(&mut again, &KEY).expect("the connection resumes");
        self.stale = Some(std::mem::replace(&mut self.sleeper, woken));
    }

    fn check(&self) {
        let (sleeper, twin) = (&self.sleeper, &self.twin);
        assert_eq!(sleeper.end(), twin.end());
        assert_eq!(sleeper.next_control(), twin.next_control());
        assert_eq!(format!("{sleeper:?}"), format!("{twin:?}"));
        assert_eq!(sleeper.sealer().fragment_limit(), twin.sealer().fragment_limit());
    }

    /// Hands both directions to the kernel at the end, with the sequence numbers of the next records.
    fn retire(mut self) {
        let sealed = self.sleeper.sealer().sequence();
        let mut connection = Connection::<_, 1024>::new(self.twin);
        let asleep = self.sleeper.suspend(&KEY);
        // It seals shorter records, but can be suspended in the same states.
        assert_eq!(connection.suspend(&KEY).is_ok(), asleep.is_ok());
        let Ok(mut bytes) = asleep else { return };
        check_is_over(&mut self.sleeper, &self.suite);
        check_connection_is_over(&mut connection);
        let mut copy = bytes;
        let woken = Connection::<TrafficSecret<Checksum>, 1024>::resume(&mut copy, &KEY);
        assert!(woken.is_ok_and(|woken| woken.unsent().is_empty()));
        let mut layer = Layer::resume(&mut bytes, &KEY).expect("the connection resumes");
        let opened = layer.opener().sequence();
        if let Ok(direction) = layer.hand_receiver_to_kernel() {
            check_kernel(direction, opened.expect("keys are installed"));
            check_receiver_is_over(&mut layer);
        }
        let Ok(direction) = layer.hand_sender_to_kernel() else {
            let refused = layer.seal(&[b"data"], &mut [0; 1024]);
            assert!(matches!(refused, Err(SealError::Closed | SealError::KeyExhausted)));
            return;
        };
        check_kernel(direction, sealed.expect("keys are installed"));
        check_sender_is_over(&mut layer);
        // The kernel gets one close_notify to send, and the engine sends nothing itself.
        assert_eq!(layer.close(), Err(CloseError::HandedOver));
        check_sender_is_over(&mut layer);
        let close_notify = Control::Alert(AlertDescription::CLOSE_NOTIFY);
        assert_eq!(layer.take_kernel_control(), Some(close_notify));
        assert_eq!(layer.close(), Err(CloseError::HandedOver));
        assert_eq!(layer.take_kernel_control(), None);
    }
}

/// Makes the same call on the record layer that remained after a suspend, which must refuse it.
fn check_refuses(stale: &mut Layer, call: &Call) {
    match call {
        Call::Sleep { .. } => {
            assert_eq!(stale.suspend(&KEY), Err(SuspendError::NotEstablished));
            assert!(stale.hand_sender_to_kernel().is_err());
            assert!(stale.hand_receiver_to_kernel().is_err());
        }
        Call::Record { content, .. } => {
            let mut shown = content.clone();
            assert_eq!(stale.open(&mut shown), Err(OpenError::HandedOver));
            assert_eq!(&shown, content);
        }
        // With all bits set, also those that no receiving half sets.
        Call::PeerUpdate { requested } => stale.with_halves(|opener, sealer| {
            let bits = if *requested { u32::MAX } else { 0x3fff };
            sealer.apply(Notice::from_bits(bits));
            opener.apply(Signal::from_bits(bits));
        }),
        Call::PeerClose => stale.with_halves(|_, sealer| sealer.apply(Notice::from_bits(1 << 10))),
        Call::Cut { .. } => {
            let mut out = [UNTOUCHED; 64];
            let pieces: [&[u8]; 2] = [&[21, 3, 3], &[0, 2, 1, 0]];
            assert_eq!(stale.open_into(&pieces, &mut out), Err(OpenError::HandedOver));
            assert_eq!(out, [UNTOUCHED; 64]);
        }
        Call::Eof => assert_eq!(stale.eof(), ReadEnd::HandedOver),
        Call::Seal { len } => {
            let mut out = [UNTOUCHED; 512];
            let data = vec![0x5a; (*len).into()];
            assert_eq!(stale.seal(&[&data], &mut out), Err(SealError::HandedOver));
            assert_eq!(out, [UNTOUCHED; 512]);
        }
        Call::Update { request } => {
            assert_eq!(stale.update_keys(*request), Err(KeyError::HandedOver));
        }
        Call::Refuse => assert!(stale.refuse_renegotiation().is_err()),
        Call::Close => {
            assert_eq!(stale.close(), Err(CloseError::HandedOver));
            assert_eq!(stale.cancel(), Err(CloseError::HandedOver));
        }
        Call::Abort { description } => {
            let aborted = stale.abort(AlertDescription(*description));
            assert!(matches!(aborted, Err(CloseError::HandedOver | CloseError::NotAnErrorAlert)));
        }
        Call::Limits { peer, fragment } => {
            stale.set_fragment_limit((*fragment).into());
            if let Some(limit) = RecordSizeLimit::new((*peer).into()) {
                stale.set_peer_record_size_limit(limit);
                stale.set_own_record_size_limit(limit);
            }
        }
        Call::Control | Call::PeerUpdateAndData { .. } | Call::Open => {}
    }
}

/// Checks that a connection without its keys is over: it opens nothing and seals nothing, not even
/// an alert in plaintext.
fn check_is_over(stale: &mut Layer, suite: &Suite) {
    check_receiver_is_over(stale);
    check_sender_is_over(stale);
    assert_eq!(stale.take_kernel_control(), None, "there must be no control for the kernel");
    assert!(!stale.end().is_clean());
    // It must not accept keys either, neither the same nor others.
    for (epoch, seed) in [(Epoch::Application, 1), (Epoch::Handshake, 7)] {
        let number = suite.first_number(epoch);
        let keys = |seed| (suite.secret(seed), number);
        let installed = stale.take_over(epoch, keys(seed), keys(seed + 1));
        assert_eq!(installed, Err(KeyError::HandedOver));
        for writer in [Role::Client, Role::Server] {
            let installed = stale.install_one(writer, epoch, suite.secret(seed));
            assert_eq!(installed, Err(KeyError::HandedOver));
        }
    }
}

fn check_receiver_is_over(stale: &mut Layer) {
    let mut shown = [23, 3, 3, 0, 1, 9];
    assert_eq!(stale.open(&mut shown), Err(OpenError::HandedOver));
    assert_eq!(shown, [23, 3, 3, 0, 1, 9]);
    let opener = stale.opener();
    assert_eq!(opener.end(), ReadEnd::HandedOver);
    assert_eq!((opener.state(), opener.sequence()), (ReadState::HandedOver, None));
    assert_eq!(stale.check_closed(0), Err(ShutdownError::HandedOver));
}

fn check_sender_is_over(stale: &mut Layer) {
    let mut out = [UNTOUCHED; 128];
    assert_eq!((stale.has_control(), stale.next_control()), (false, None));
    assert_eq!(stale.poll_control(&mut out), Ok(0));
    assert_eq!(stale.seal(&[b"data"], &mut out), Err(SealError::HandedOver));
    assert_eq!(stale.seal_in_place(&mut out, 4), Err(SealError::HandedOver));
    let message = [4, 0, 0, 0];
    assert_eq!(stale.seal_handshake(&[&message], &mut out), Err(SealError::HandedOver));
    assert_eq!(out, [UNTOUCHED; 128], "nothing may be sent");
    let sealer = stale.sealer();
    assert_eq!(sealer.end(), WriteEnd::HandedOver);
    assert_eq!((sealer.state(), sealer.sequence()), (WriteState::HandedOver, None));
}

fn check_connection_is_over(stale: &mut Connection<TrafficSecret<Checksum>, 1024>) {
    assert_eq!(stale.write(&[b"data"]), Err(SealError::HandedOver));
    assert_eq!(stale.write_handshake(&[&[4, 0, 0, 0]]), Err(SealError::HandedOver));
    assert_eq!(stale.reserve(4).err(), Some(SealError::HandedOver));
    assert_eq!(stale.received(&mut [21, 3, 3, 0, 2, 1, 0]), Err(OpenError::HandedOver));
    for _ in 0..2 {
        assert_eq!(stale.shutdown(), Err(ShutdownError::HandedOver));
        assert_eq!(stale.shutdown_both(0), Err(ShutdownError::HandedOver));
        assert_eq!(stale.abort(AlertDescription::INTERNAL_ERROR), Err(CloseError::HandedOver));
    }
    assert_eq!(stale.suspend(&KEY), Err(SuspendError::NotEstablished));
    assert_eq!(stale.eof(), ReadEnd::HandedOver);
    assert_eq!((stale.take_kernel_control(), stale.take_sealed_alert()), (None, None));
    assert_eq!(stale.end(), End { read: ReadEnd::HandedOver, write: WriteEnd::HandedOver });
    assert_eq!(stale.unsent(), [], "nothing may be sent");
}

impl crate::target::Input for Input {
    const NAME: &'static str = "suspend";

    fn run(&self) {
        let mut world = World::new(&self.setup);
        for call in &self.calls {
            world.call(call);
            world.check();
        }
        while world.twin.has_control() {
            world.control();
        }
        world.check();
        world.retire();
    }
}
