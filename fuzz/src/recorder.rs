//! Recording a session as a trace, and replaying it.
//!
//! A trace holds the received bytes, the calls, and a checksum of the results. The engine has no
//! clock and no randomness, so a replayed trace gives the same session.
//!
//! A trace contains the secrets of its session: record only test sessions.

use tls_record::aead::{Algorithm, Provider, ring::Ring};
use tls_record::{
    AlertDescription, CloseError, Config, End, Epoch, KeyError, OpenError, Opened, RecordLayer,
    Role, SealError, Sealed, TrafficSecret, Version,
};

use crate::checksum::mix;
use crate::input::input;
use crate::setup::by_writer;

input! {
    /// A cipher.
    pub enum Cipher {
        /// AES-128-GCM
        Aes128Gcm,
        /// AES-256-GCM
        Aes256Gcm,
        /// ChaCha20-Poly1305
        Chacha20Poly1305,
    }
}

input! {
    /// A step of a session.
    pub enum Step {
        /// Bytes arrived.
        Received { bytes: Vec<u8>, },
        /// The engine was shown this many of the received bytes.
        Open { len: u16, },
        /// The transport ended.
        Eof,
        /// Data was sealed, into an output of this length.
        Seal { bytes: Vec<u8>, room: u16, },
        /// The control record that was due was sealed.
        Control { room: u16, },
        /// The application closed.
        Close,
        /// The application canceled.
        Cancel,
        /// The application aborted.
        Abort { description: u8, },
        /// The application updated its keys.
        Update { request: bool, },
    }
}

input! {
    /// A recorded session.
    pub struct Trace {
        /// The engine was the server.
        pub is_server: bool,
        /// The version was TLS 1.2.
        pub tls12: bool,
        /// The cipher.
        pub cipher: Cipher,
        /// The traffic secret of the receiving direction: in TLS 1.2 the key followed by the IV.
        pub read: Vec<u8>,
        /// The traffic secret of the sending direction.
        pub write: Vec<u8>,
        /// The checksum of all results: eight bytes.
        pub sum: Vec<u8>,
        /// The steps, in order.
        pub steps: Vec<Step>,
    }
}

impl Trace {
    fn secret<P: Provider>(&self, bytes: &[u8]) -> Result<TrafficSecret<P>, KeyError> {
        let algorithm = match self.cipher {
            Cipher::Aes128Gcm => Algorithm::Aes128Gcm,
            Cipher::Aes256Gcm => Algorithm::Aes256Gcm,
            Cipher::Chacha20Poly1305 => Algorithm::Chacha20Poly1305,
        };
        if !self.tls12 {
            return TrafficSecret::tls13(algorithm, bytes);
        }
        let (key, iv) = bytes.split_at_checked(algorithm.key_len()).ok_or(KeyError::Length)?;
        TrafficSecret::tls12(algorithm, key, iv)
    }

    fn layer<P: Provider>(&self) -> Result<RecordLayer<TrafficSecret<P>>, KeyError> {
        let role = if self.is_server { Role::Server } else { Role::Client };
        let mut layer = RecordLayer::new(Config::new(role));
        // In TLS 1.2 the Finished had sequence number 0.
        let number = u64::from(self.tls12);
        let (read, write) = (self.secret(&self.read)?, self.secret(&self.write)?);
        let (client, server) = by_writer(role, (read, number), (write, number));
        layer.take_over(Epoch::Application, client, server)?;
        Ok(layer)
    }

    /// Replays the session with this provider, and returns how it ended, and the checksum.
    ///
    /// # Errors
    /// The errors of installing the secrets.
    pub fn replay<P: Provider>(&self) -> Result<(End, u64), KeyError> {
        let mut layer = self.layer::<P>()?;
        let (mut sum, mut wire, mut out) = (0, Vec::new(), Vec::new());
        for step in &self.steps {
            match step {
                Step::Received { bytes } => wire.extend(bytes),
                Step::Open { len } => {
                    let len = usize::from(*len).min(wire.len());
                    let opened = layer.open(&mut wire[..len]);
                    add(&mut sum, &opened, &wire[..len]);
                    wire.drain(..opened.map_or(0, |opened| opened.consumed));
                }
                Step::Eof => add(&mut sum, &layer.eof(), &[]),
                Step::Seal { bytes, room } => {
                    out.clear();
                    out.resize((*room).into(), 0);
                    let sealed = layer.seal(&[bytes], &mut out);
                    add(&mut sum, &sealed, &out);
                }
                Step::Control { room } => {
                    out.clear();
                    out.resize((*room).into(), 0);
                    let sealed = layer.poll_control(&mut out);
                    add(&mut sum, &sealed, &out);
                }
                Step::Close => add(&mut sum, &layer.close(), &[]),
                Step::Cancel => add(&mut sum, &layer.cancel(), &[]),
                Step::Abort { description } => {
                    add(&mut sum, &layer.abort(AlertDescription(*description)), &[]);
                }
                Step::Update { request } => add(&mut sum, &layer.update_keys(*request), &[]),
            }
        }
        Ok((layer.end(), sum))
    }
}

/// So that [`snippet`](crate::input::snippet) can print a trace as a test.
impl crate::target::Input for Trace {
    const NAME: &'static str = "recorder";

    fn run(&self) {
        let (_, sum) = self.replay::<Ring>().expect("secrets of the right lengths");
        assert_eq!(self.sum, sum.to_be_bytes(), "the replay had other results");
    }
}

fn add(sum: &mut u64, returned: &impl std::fmt::Debug, bytes: &[u8]) {
    *sum = mix(mix(*sum, format!("{returned:?}").as_bytes()), bytes);
}

/// A [`RecordLayer`] that records a [`Trace`].
///
/// ```
/// use tls_record_fuzz::input::snippet;
/// use tls_record_fuzz::recorder::{Cipher, Recorder};
/// use tls_record_fuzz::tls_record::{Role, Version, aead::ring::Ring};
///
/// let secrets = ([1; 32], [2; 32]);
/// let mut tls = Recorder::<Ring>::new(
///     Role::Client, Version::Tls13, Cipher::Aes128Gcm, &secrets.0, &secrets.1)?;
/// let sealed = tls.seal(b"hello", &mut [0; 100]).unwrap();
/// assert_eq!(sealed.written, 27);
/// assert!(tls.open(&mut [21, 3, 3, 0, 2, 1, 0]).is_err());
///
/// let trace = tls.trace();
/// assert_eq!(trace.replay::<Ring>()?.0, tls.end());
/// println!("{}", snippet("recorder", &trace));
/// # Ok::<(), tls_record_fuzz::tls_record::KeyError>(())
/// ```
pub struct Recorder<P: Provider> {
    layer: RecordLayer<TrafficSecret<P>>,
    trace: Trace,
    sum: u64,
    /// The number of bytes at the front of the next input that were shown before.
    shown: usize,
}

impl<P: Provider> Recorder<P> {
    /// Creates an established connection, with sequence numbers that start at 0, or at 1 in TLS 1.2.
    ///
    /// In TLS 1.2, a secret is the key followed by the IV.
    ///
    /// # Errors
    /// - [`KeyError::Length`] if a secret has the wrong length.
    /// - [`KeyError::SameSecret`] if both secrets are the same.
    pub fn new(
        role: Role,
        version: Version,
        cipher: Cipher,
        read: &[u8],
        write: &[u8],
    ) -> Result<Self, KeyError> {
        let trace = Trace {
            is_server: role == Role::Server,
            tls12: version == Version::Tls12,
            cipher,
            read: read.to_vec(),
            write: write.to_vec(),
            sum: vec![],
            steps: vec![],
        };
        Ok(Self { layer: trace.layer()?, trace, sum: 0, shown: 0 })
    }

    /// Returns the trace recorded so far.
    pub fn trace(&self) -> Trace {
        Trace { sum: self.sum.to_be_bytes().to_vec(), ..self.trace.clone() }
    }

    fn note(&mut self, step: Step) {
        self.trace.steps.push(step);
    }

    /// See [`RecordLayer::open`].
    ///
    /// # Errors
    /// The errors of [`RecordLayer::open`].
    pub fn open(&mut self, input: &mut [u8]) -> Result<Opened, OpenError> {
        for bytes in input.get(self.shown..).unwrap_or_default().chunks(255) {
            self.note(Step::Received { bytes: bytes.to_vec() });
        }
        self.shown = self.shown.max(input.len());
        self.note(Step::Open { len: u16::try_from(input.len()).unwrap_or(u16::MAX) });
        let opened = self.layer.open(input);
        add(&mut self.sum, &opened, input);
        self.shown -= opened.as_ref().map_or(0, |opened| opened.consumed);
        opened
    }

    /// See [`RecordLayer::eof`].
    pub fn eof(&mut self) {
        self.note(Step::Eof);
        add(&mut self.sum, &self.layer.eof(), &[]);
    }

    /// See [`RecordLayer::seal`]. Takes up to 255 bytes at a time, with an output of up to 65,535
    /// bytes.
    ///
    /// # Errors
    /// The errors of [`RecordLayer::seal`].
    pub fn seal(&mut self, data: &[u8], out: &mut [u8]) -> Result<Sealed, SealError> {
        let data = data.get(..255).unwrap_or(data);
        let room = clear(out);
        self.note(Step::Seal { bytes: data.to_vec(), room });
        let sealed = self.layer.seal(&[data], out);
        add(&mut self.sum, &sealed, out);
        sealed
    }

    /// See [`RecordLayer::poll_control`].
    ///
    /// # Errors
    /// The errors of [`RecordLayer::poll_control`].
    pub fn poll_control(&mut self, out: &mut [u8]) -> Result<usize, SealError> {
        let room = clear(out);
        self.note(Step::Control { room });
        let sealed = self.layer.poll_control(out);
        add(&mut self.sum, &sealed, out);
        sealed
    }

    /// See [`RecordLayer::close`].
    ///
    /// # Errors
    /// The errors of [`RecordLayer::close`].
    pub fn close(&mut self) -> Result<(), CloseError> {
        self.note(Step::Close);
        let closed = self.layer.close();
        add(&mut self.sum, &closed, &[]);
        closed
    }

    /// See [`RecordLayer::cancel`].
    ///
    /// # Errors
    /// The errors of [`RecordLayer::cancel`].
    pub fn cancel(&mut self) -> Result<(), CloseError> {
        self.note(Step::Cancel);
        let canceled = self.layer.cancel();
        add(&mut self.sum, &canceled, &[]);
        canceled
    }

    /// See [`RecordLayer::abort`].
    ///
    /// # Errors
    /// The errors of [`RecordLayer::abort`].
    pub fn abort(&mut self, description: AlertDescription) -> Result<(), CloseError> {
        self.note(Step::Abort { description: description.0 });
        let aborted = self.layer.abort(description);
        add(&mut self.sum, &aborted, &[]);
        aborted
    }

    /// See [`RecordLayer::update_keys`].
    ///
    /// # Errors
    /// The errors of [`RecordLayer::update_keys`].
    pub fn update_keys(&mut self, request: bool) -> Result<(), KeyError> {
        self.note(Step::Update { request });
        let updated = self.layer.update_keys(request);
        add(&mut self.sum, &updated, &[]);
        updated
    }

    /// See [`RecordLayer::has_control`].
    pub fn has_control(&self) -> bool {
        self.layer.has_control()
    }

    /// See [`RecordLayer::end`].
    pub fn end(&self) -> End {
        self.layer.end()
    }
}

/// Clears an output, whose earlier content is not part of the session. Returns its length.
fn clear(out: &mut [u8]) -> u16 {
    out.fill(0);
    u16::try_from(out.len()).unwrap_or(u16::MAX)
}
