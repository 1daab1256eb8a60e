//! Two equal connections, of which one is put to sleep and woken now and then: the same is asked of
//! both and the same comes of it, bit by bit. What is tampered with does not wake.

use tls_record::{
    AlertDescription, Connection, Epoch, OpenError, Opened, RecordLayer, ResumeError,
    SUSPENDED_LEN, SealError, SuspendError, TrafficSecret,
};

use crate::checksum::Checksum;
use crate::input::input;
use crate::peer::Direction;
pub use crate::receiving::Kind;
pub use crate::setup::{Few, Pad, Setup, Suite};
use crate::words;

input! {
    /// What becomes of the bytes while the connection sleeps.
    pub enum Sleep {
        /// Nothing.
        Sound,
        /// A bit of them becomes another.
        Flip { at: u16, bit: u8, },
        /// Some are lost, or there are more.
        Length { len: u16, },
        /// The key is another.
        OtherKey { at: u8, },
    }
}

input! {
    /// One thing that happens to both connections, or to one.
    pub enum Call {
        /// One sleeps.
        Sleep { sleep: Sleep, },
        /// The peer sends a record.
        Record { kind: Kind, content: Vec<u8>, padding: u8, },
        /// The peer sends a KeyUpdate.
        PeerUpdate { requested: bool, },
        /// The peer closes.
        PeerClose,
        /// The transport brings no more than so many bytes.
        Cut { len: u16, },
        /// The transport ends.
        Eof,
        /// The application sends data.
        Seal { len: u8, },
        /// It updates its keys.
        Update { request: bool, },
        /// It refuses to renegotiate.
        Refuse,
        /// It closes.
        Close,
        /// It aborts.
        Abort { description: u8, },
        /// The peer announces a record_size_limit, and the application chooses a fragment limit.
        Limits { peer: u8, fragment: u8, },
        /// The driver seals what is due.
        Control,
    }
}

input! {
    /// The connections and what happens to them.
    pub struct Input {
        /// What both are.
        pub setup: Setup,
        /// What happens, in this order.
        pub calls: Vec<Call>,
    }
}

type Layer = RecordLayer<TrafficSecret<Checksum>>;

const KEY: [u8; 32] = [0x33; 32];

struct World {
    sleeper: Layer,
    twin: Layer,
    peer: Direction<Checksum>,
    wire: Vec<u8>,
    /// Counts nonces.
    nights: u8,
}

impl World {
    fn new(setup: &Setup) -> Self {
        let layer = || {
            let mut layer = Layer::new(setup.config());
            let secret = |seed| setup.suite.secret(seed);
            layer.install(Epoch::Application, secret(1), secret(2)).expect("keys");
            layer
        };
        let peer = Direction::new(setup.suite.secret(1));
        Self { sleeper: layer(), twin: layer(), peer, wire: Vec::new(), nights: 0 }
    }

    /// The same call on both gives the same.
    #[track_caller]
    fn both<R: PartialEq + std::fmt::Debug>(&mut self, call: impl Fn(&mut Layer) -> R) -> R {
        let returned = call(&mut self.sleeper);
        assert_eq!(returned, call(&mut self.twin));
        returned
    }

    fn call(&mut self, call: &Call) {
        match call {
            Call::Sleep { sleep } => self.sleep(sleep),
            Call::Record { kind, content, padding } => {
                let padding = (*padding).into();
                self.wire.extend(self.peer.seal(kind.content_type(), content, padding));
                self.open(self.wire.len());
            }
            Call::PeerUpdate { requested } => {
                let message = [24, 0, 0, 1, u8::from(*requested)];
                self.wire.extend(self.peer.seal(Kind::Handshake.content_type(), &message, 0));
                if self.peer.version() == Some(tls_record::Version::Tls13) {
                    self.peer.update();
                }
                self.open(self.wire.len());
            }
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
                    layer.with_halves(|_, sealer| {
                        sealer.set_fragment_limit((*fragment).into());
                        sealer.set_record_size_limit((*peer).into())
                    })
                });
            }
            Call::Control => self.control(),
        }
    }

    fn control(&mut self) {
        self.both(|layer| {
            let mut out = vec![0; 1 << 15];
            let len = layer.poll_control(&mut out).expect("room");
            out.truncate(len);
            out
        });
    }

    fn open(&mut self, len: usize) {
        let mut len = len;
        while len != 0 {
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
            if consumed == 0 {
                return;
            }
            len -= consumed;
        }
    }

    fn sleep(&mut self, sleep: &Sleep) {
        self.nights = self.nights.wrapping_add(1);
        let nonce = [self.nights; 12];
        let bytes = match self.sleeper.suspend(&KEY, &nonce) {
            Ok(bytes) => bytes,
            Err(error) => {
                // The twin knows no more, and nothing has changed.
                words::check(&error);
                assert_eq!(self.twin.suspend(&KEY, &nonce).err(), Some(error));
                return;
            }
        };
        // What is left is as good as new.
        assert_eq!(self.sleeper.opener().epoch(), Epoch::Plaintext);
        assert_eq!(self.sleeper.suspend(&KEY, &nonce), Err(SuspendError::NotEstablished));
        assert_eq!(self.sleeper.seal(&[b"data"], &mut [0; 64]), Err(SealError::NoKeys));

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
                Ok(_) => panic!("it woke"),
                Err(error) => error,
            };
            let is_format = tampered.len() != SUSPENDED_LEN || tampered[..4] != bytes[..4];
            let expected = if is_format { ResumeError::Format } else { ResumeError::Forged };
            assert_eq!((error, tampered), (expected, before));
            words::check(&error);
        }
        let mut sound = bytes;
        self.sleeper = Layer::resume(&mut sound, &KEY).expect("it wakes");
        assert_eq!(sound, [0; SUSPENDED_LEN], "they are wiped");
    }

    fn check(&self) {
        let (sleeper, twin) = (&self.sleeper, &self.twin);
        assert_eq!(sleeper.end(), twin.end());
        assert_eq!(sleeper.next_control(), twin.next_control());
        assert_eq!(format!("{sleeper:?}"), format!("{twin:?}"));
        assert_eq!(sleeper.sealer().fragment_limit(), twin.sealer().fragment_limit());
    }

    /// In the end, directions go to the kernel: the number of the next record goes with them.
    fn retire(mut self) {
        let (sealed, nonce) = (self.sleeper.sealer().sequence(), [0; 12]);
        let mut connection = Connection::<_, 1024>::new(self.twin);
        let asleep = self.sleeper.suspend(&KEY, &nonce);
        // It seals shorter records, but is as much at rest.
        assert_eq!(connection.suspend(&KEY, &nonce).is_ok(), asleep.is_ok());
        let Ok(mut bytes) = asleep else { return };
        let mut copy = bytes;
        let woken = Connection::<TrafficSecret<Checksum>, 1024>::resume(&mut copy, &KEY);
        assert!(woken.is_ok_and(|woken| woken.unsent().is_empty()));
        let layer = Layer::resume(&mut bytes, &KEY).expect("it wakes");
        let (_, mut sealer) = layer.split();
        let Ok(mut direction) = sealer.hand_to_kernel() else {
            let refused = sealer.seal(&[b"data"], &mut [0; 1024]);
            assert!(matches!(refused, Err(SealError::Closed | SealError::KeyExhausted)));
            return;
        };
        assert_eq!((sealer.sequence(), sealer.epoch()), (None, Epoch::Plaintext));
        let info = direction.crypto_info().expect("room for nonces");
        let number = sealed.expect("keys").to_be_bytes();
        assert!(info.as_bytes().ends_with(&number));
        if direction.update().is_ok() {
            let info = direction.crypto_info().expect("keys");
            assert!(info.as_bytes().ends_with(&[0; 8]));
        }
    }
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
