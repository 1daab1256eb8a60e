//! The known answers of the firmware are the records that OpenSSL and the engine seal from the same
//! keys, nonces and content.

#[path = "../../../core/tests/ciphers/check.rs"]
mod check;
#[path = "../../../core/tests/ciphers/known.rs"]
mod known;

use check::check;
use known::RECORDS;
use tls_record::aead::{Provider, rustcrypto::RustCrypto};
use tls_record_tests::Backend;

#[test]
fn the_engine_seals_and_opens_them_here() {
    for known in &RECORDS {
        check::<RustCrypto>(known);
        if Backend::supports(known.suite) {
            check::<Backend>(known);
        }
    }
}

#[cfg(feature = "peers")]
mod by_openssl {
    use std::iter;

    use openssl::{
        cipher::{Cipher, CipherRef},
        cipher_ctx::CipherCtx,
        error::ErrorStack,
        hash::MessageDigest,
        pkey::PKey,
        sign::Signer,
    };
    use tls_record::Version;
    use tls_record::aead::Algorithm;

    use super::known::{Known, RECORDS};

    /// HKDF-Expand-Label (RFC 9846 section 7.1) of at most one block.
    fn expand_label(digest: MessageDigest, secret: &[u8], label: &str, len: usize) -> Vec<u8> {
        let label = format!("tls13 {label}");
        let info = [&[0, len as u8, label.len() as u8], label.as_bytes(), &[0, 1]].concat();
        let mut block = Signer::new(digest, &PKey::hmac(secret).unwrap())
            .unwrap()
            .sign_oneshot_to_vec(&info)
            .unwrap();
        block.truncate(len);
        block
    }

    /// The ciphertext and the tag.
    fn seal(
        known: &Known,
        key: &[u8],
        nonce: &[u8],
        data: &[u8],
        text: &[u8],
    ) -> Result<Vec<u8>, ErrorStack> {
        let cipher: &CipherRef = match known.suite {
            Algorithm::Aes128Gcm => Cipher::aes_128_gcm(),
            Algorithm::Aes256Gcm => Cipher::aes_256_gcm(),
            Algorithm::Chacha20Poly1305 => Cipher::chacha20_poly1305(),
            Algorithm::Aes128Ccm | Algorithm::Aes128Ccm8 => Cipher::aes_128_ccm(),
            other => unreachable!("an algorithm that the test does not know: {other:?}"),
        };
        let is_ccm = matches!(known.suite, Algorithm::Aes128Ccm | Algorithm::Aes128Ccm8);
        let mut tag = vec![0; if known.suite == Algorithm::Aes128Ccm8 { 8 } else { 16 }];
        let mut context = CipherCtx::new()?;
        context.encrypt_init(Some(cipher), None, None)?;
        context.set_iv_length(nonce.len())?;
        if is_ccm {
            context.set_tag_length(tag.len())?;
        }
        context.encrypt_init(None, Some(key), Some(nonce))?;
        if is_ccm {
            context.set_data_len(text.len())?;
        }
        context.cipher_update(data, None)?;
        let mut sealed = Vec::new();
        context.cipher_update_vec(text, &mut sealed)?;
        context.cipher_final_vec(&mut sealed)?;
        context.tag(&mut tag)?;
        sealed.extend(tag);
        Ok(sealed)
    }

    /// The record as OpenSSL's ciphers and the RFCs make it.
    fn record(known: &Known) -> Vec<u8> {
        let (digest, secret_len, key_len) = match known.suite {
            Algorithm::Aes256Gcm => (MessageDigest::sha384(), 48, 32),
            Algorithm::Chacha20Poly1305 => (MessageDigest::sha256(), 32, 32),
            _ => (MessageDigest::sha256(), 32, 16),
        };
        let tag_len = if known.suite == Algorithm::Aes128Ccm8 { 8 } else { 16 };
        let sequence = Known::SEQUENCE.to_be_bytes();
        let sequence_xor = |iv: &[u8]| -> Vec<u8> {
            let padded = [0; 4].into_iter().chain(sequence);
            iter::zip(iv, padded).map(|(iv, sequence)| iv ^ sequence).collect()
        };
        let header = |len: usize| [&[23, 3, 3], &(len as u16).to_be_bytes()[..]].concat();
        match known.version {
            Version::Tls13 => {
                let secret = &Known::SECRET[..secret_len];
                let key = expand_label(digest, secret, "key", key_len);
                let nonce = sequence_xor(&expand_label(digest, secret, "iv", 12));
                let inner = [Known::CONTENT, &[23]].concat();
                let header = header(inner.len() + tag_len);
                let sealed = seal(known, &key, &nonce, &header, &inner).unwrap();
                [header, sealed].concat()
            }
            Version::Tls12 => {
                let key = &Known::SECRET[..key_len];
                let nonce = sequence_xor(&Known::IV);
                let explicit: &[u8] =
                    if known.suite == Algorithm::Chacha20Poly1305 { b"" } else { &nonce[4..] };
                let len = (Known::CONTENT.len() as u16).to_be_bytes();
                let data = [&sequence[..], &[23, 3, 3], &len].concat();
                let sealed = seal(known, key, &nonce, &data, Known::CONTENT).unwrap();
                let header = header(explicit.len() + sealed.len());
                [&header[..], explicit, &sealed].concat()
            }
        }
    }

    #[test]
    fn they_are_the_same_bytes() {
        for known in RECORDS {
            let expected = record(&known);
            assert!(
                known.record.get() == expected,
                "{:?}, {:?}: {expected:02x?}",
                known.version,
                known.suite,
            );
        }
    }
}
