//! Opening a record in parts: the trait of ciphers that need not have it in one piece.

use super::{Aead, AeadError, NONCE_LEN};

/// The longest tag of a cipher that works in parts, in bytes.
pub const MAX_TAG: usize = 16;

/// A key that opens a record in parts: a multi-part operation, as PSA calls it.
///
/// The state of an operation is in the key, as it is in the registers of an accelerator. A key has one
/// operation at a time. The engine uses it in one of two ways:
///
/// - [`begin`](Self::begin), [`authenticate`](Self::authenticate) for each part,
///   [`verify`](Self::verify), [`decrypt`](Self::decrypt) for each part, [`end`](Self::end): for a
///   record that has arrived ([`Opener::open_pieces`](crate::Opener::open_pieces)). No byte of it is
///   decrypted before the tag is checked, as RFC 5116 section 2.2 demands.
/// - [`begin`](Self::begin), [`update`](Self::update) for each part, [`verify`](Self::verify),
///   [`end`](Self::end): for a record that is longer than the caller's buffer
///   ([`Opener::open_arriving`](crate::Opener::open_arriving)).
///
/// Parts have any length, and are given in their order. [`end`](Self::end) also follows a call that
/// failed. It does not follow if the connection ends in the middle of a record: then the key is
/// overwritten (`Zeroize`) and dropped, which must end an operation that others wait for.
///
/// Only ciphers whose [tag](Aead::tag_len) has at most [`MAX_TAG`] bytes work in parts.
pub trait MultiPart: Aead {
    /// Begins to open a record with `len` bytes of ciphertext, the tag not included.
    ///
    /// # Errors
    /// [`AeadError`] if the cipher failed.
    fn begin(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        len: usize,
    ) -> Result<(), AeadError>;

    /// Authenticates the next bytes of ciphertext, and leaves them encrypted.
    ///
    /// A cipher that authenticates plaintext, such as AES-CCM, decrypts a copy of each block. A driver
    /// whose hardware can only do both writes its output to a block that it does not use.
    ///
    /// # Errors
    /// [`AeadError`] if there was no [`begin`](Self::begin), if more bytes come than it announced, or if
    /// the cipher failed.
    fn authenticate(&mut self, ciphertext: &[u8]) -> Result<(), AeadError>;

    /// Decrypts the next bytes in place. They were authenticated before.
    ///
    /// # Errors
    /// Those of [`authenticate`](Self::authenticate).
    fn decrypt(&mut self, in_out: &mut [u8]) -> Result<(), AeadError>;

    /// Authenticates and decrypts the next bytes in place.
    ///
    /// The plaintext is not authenticated before [`verify`](Self::verify).
    ///
    /// # Errors
    /// Those of [`authenticate`](Self::authenticate). A cipher may refuse it after bytes that were only
    /// authenticated.
    fn update(&mut self, in_out: &mut [u8]) -> Result<(), AeadError> {
        self.authenticate(in_out)?;
        self.decrypt(in_out)
    }

    /// Checks the tag, in constant time.
    ///
    /// # Errors
    /// [`AeadError`] if the tag is wrong, or not all of the ciphertext was authenticated.
    fn verify(&mut self, tag: &[u8]) -> Result<(), AeadError>;

    /// Ends the operation, and wipes its state. Without an operation it does nothing.
    fn end(&mut self);
}
