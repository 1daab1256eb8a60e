//! A cipher around another one, with a step of the test in front of each of its calls.

use std::marker::PhantomData;

use tls_record::aead::{Aead, AeadError, Algorithm, NONCE_LEN, Provider, multi_part::MultiPart};
use zeroize::Zeroize;

/// The calls of [`Aead`] and [`MultiPart`] that process a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// [`Aead::seal`]
    Seal,
    /// [`Aead::seal_from`]
    SealFrom,
    /// [`Aead::open`]
    Open,
    /// [`Aead::open_from`]
    OpenFrom,
    /// [`MultiPart::begin`]
    Begin,
    /// [`MultiPart::authenticate`]
    Authenticate,
    /// [`MultiPart::decrypt`]
    Decrypt,
    /// [`MultiPart::update`]
    Update,
    /// [`MultiPart::verify`]
    Verify,
    /// [`MultiPart::end`]
    End,
}

/// What a test does in front of each call.
pub trait Watch {
    /// The provider whose ciphers are watched.
    type Inner: Provider;

    /// [`Aead::IS_OUT_OF_PLACE`] of the watched ciphers.
    const IS_OUT_OF_PLACE: bool = <Self::Inner as Provider>::Aead::IS_OUT_OF_PLACE;

    /// Does something in front of a call that reads `text`: plaintext, ciphertext or a tag. The call fails
    /// if this does.
    fn before(call: Call, text: &[u8]) -> Result<(), AeadError>;
}

/// The provider of `W`, watched by it.
pub struct Watched<W>(PhantomData<W>);

/// A cipher that is watched by `W`.
pub struct WatchedAead<W: Watch>(<W::Inner as Provider>::Aead);

impl<W: Watch> Provider for Watched<W> {
    type Aead = WatchedAead<W>;

    const STACK: usize = W::Inner::STACK;

    fn supports(algorithm: Algorithm) -> bool {
        W::Inner::supports(algorithm)
    }

    fn aead(algorithm: Algorithm, key: &[u8]) -> Option<WatchedAead<W>> {
        W::Inner::aead(algorithm, key).map(WatchedAead)
    }

    fn hkdf_expand(algorithm: Algorithm, prk: &[u8], info: &[&[u8]], out: &mut [u8]) -> Option<()> {
        W::Inner::hkdf_expand(algorithm, prk, info, out)
    }

    fn hmac(algorithm: Algorithm, key: &[u8], message: &[&[u8]], out: &mut [u8]) -> Option<()> {
        W::Inner::hmac(algorithm, key, message, out)
    }
}

impl<W: Watch> Zeroize for WatchedAead<W> {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl<W: Watch> Aead for WatchedAead<W> {
    const STACK: usize = <W::Inner as Provider>::Aead::STACK;
    const IS_OUT_OF_PLACE: bool = W::IS_OUT_OF_PLACE;

    fn tag_len(&self) -> usize {
        self.0.tag_len()
    }

    fn confidentiality_limit(&self) -> u64 {
        self.0.confidentiality_limit()
    }

    fn has_explicit_nonce(&self) -> bool {
        self.0.has_explicit_nonce()
    }

    fn seal(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        in_out: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), AeadError> {
        W::before(Call::Seal, in_out)?;
        self.0.seal(nonce, additional_data, in_out, tag)
    }

    fn seal_from(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        content: &[u8],
        inner_type: &[u8],
        out: &mut [u8],
    ) -> Result<(), AeadError> {
        W::before(Call::SealFrom, content)?;
        self.0.seal_from(nonce, additional_data, content, inner_type, out)
    }

    fn open(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        in_out: &mut [u8],
        tag: &[u8],
    ) -> Result<(), AeadError> {
        W::before(Call::Open, in_out)?;
        self.0.open(nonce, additional_data, in_out, tag)
    }

    fn open_from(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        ciphertext: &[u8],
        tag: &[u8],
        out: &mut [u8],
    ) -> Result<(), AeadError> {
        W::before(Call::OpenFrom, ciphertext)?;
        self.0.open_from(nonce, additional_data, ciphertext, tag, out)
    }
}

impl<W: Watch<Inner: Provider<Aead: MultiPart>>> MultiPart for WatchedAead<W> {
    fn begin(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        len: usize,
    ) -> Result<(), AeadError> {
        W::before(Call::Begin, &[])?;
        self.0.begin(nonce, additional_data, len)
    }

    fn authenticate(&mut self, ciphertext: &[u8]) -> Result<(), AeadError> {
        W::before(Call::Authenticate, ciphertext)?;
        self.0.authenticate(ciphertext)
    }

    fn decrypt(&mut self, in_out: &mut [u8]) -> Result<(), AeadError> {
        W::before(Call::Decrypt, in_out)?;
        self.0.decrypt(in_out)
    }

    fn update(&mut self, in_out: &mut [u8]) -> Result<(), AeadError> {
        W::before(Call::Update, in_out)?;
        self.0.update(in_out)
    }

    fn verify(&mut self, tag: &[u8]) -> Result<(), AeadError> {
        W::before(Call::Verify, tag)?;
        self.0.verify(tag)
    }

    fn end(&mut self) {
        // It cannot fail.
        let _ = W::before(Call::End, &[]);
        self.0.end();
    }
}
