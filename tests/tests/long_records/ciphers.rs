//! The ciphers that work in parts, beside those that take a record in one piece.

use tls_record::aead::rustcrypto::{RustCrypto, RustCryptoParts, RustCryptoPartsAead};
use tls_record::aead::{Aead, AeadError, Algorithm, NONCE_LEN, Provider, multi_part::MultiPart};

use crate::random::Random;

const ALGORITHMS: [Algorithm; 5] = [
    Algorithm::Aes128Gcm,
    Algorithm::Aes256Gcm,
    Algorithm::Chacha20Poly1305,
    Algorithm::Aes128Ccm,
    Algorithm::Aes128Ccm8,
];

const NONCE: [u8; NONCE_LEN] = [7, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];

fn key(algorithm: Algorithm) -> Vec<u8> {
    (0..).map(|byte: u8| byte.wrapping_mul(11)).take(algorithm.key_len()).collect()
}

fn in_parts(algorithm: Algorithm) -> RustCryptoPartsAead {
    RustCryptoParts::aead(algorithm, &key(algorithm)).unwrap()
}

/// A text, its ciphertext, and the tag, by the cipher that takes it in one piece.
struct Sealed {
    additional_data: Vec<u8>,
    text: Vec<u8>,
    ciphertext: Vec<u8>,
    tag: Vec<u8>,
}

fn seal(algorithm: Algorithm, len: usize) -> Sealed {
    let text: Vec<u8> = (0..len).map(|at| (at * 7 + at / 251) as u8).collect();
    let additional_data = vec![0x17; 5 + len % 9];
    let (mut ciphertext, mut tag) = (text.clone(), vec![0; algorithm.tag_len()]);
    let mut whole = RustCrypto::aead(algorithm, &key(algorithm)).unwrap();
    whole.seal(&NONCE, &additional_data, &mut ciphertext, &mut tag).unwrap();
    Sealed { additional_data, text, ciphertext, tag }
}

/// Cuts `bytes` at `cuts`, which are in order.
fn cut<'a>(mut bytes: &'a mut [u8], cuts: &[usize]) -> Vec<&'a mut [u8]> {
    let (mut parts, mut at) = (Vec::new(), 0);
    for &cut in cuts {
        let (part, rest) = bytes.split_at_mut(cut - at);
        parts.push(part);
        (bytes, at) = (rest, cut);
    }
    parts.push(bytes);
    parts
}

/// Opens a record in both ways, cut at `cuts`.
fn assert_opens(aead: &mut impl MultiPart, sealed: &Sealed, cuts: &[usize]) {
    let len = sealed.text.len();
    // First all of it is authenticated, then it is decrypted.
    let mut buffer = sealed.ciphertext.clone();
    aead.begin(&NONCE, &sealed.additional_data, len).unwrap();
    for part in cut(&mut buffer, cuts) {
        aead.authenticate(part).unwrap();
    }
    aead.verify(&sealed.tag).unwrap();
    assert_eq!(buffer, sealed.ciphertext, "not a byte is decrypted before the tag is checked");
    for part in cut(&mut buffer, cuts) {
        aead.decrypt(part).unwrap();
    }
    aead.end();
    assert!(buffer == sealed.text, "{len} bytes cut at {cuts:?}, authenticated first");

    // Both at once.
    let mut buffer = sealed.ciphertext.clone();
    aead.begin(&NONCE, &sealed.additional_data, len).unwrap();
    for part in cut(&mut buffer, cuts) {
        aead.update(part).unwrap();
    }
    aead.verify(&sealed.tag).unwrap();
    aead.end();
    assert!(buffer == sealed.text, "{len} bytes cut at {cuts:?}, as they arrive");
}

#[test]
fn short_texts_open_in_every_split() {
    for algorithm in ALGORITHMS {
        let mut aead = in_parts(algorithm);
        for len in [0, 1, 15, 16, 17, 32, 33, 64, 65, 130, 256, 257, 520] {
            let sealed = seal(algorithm, len);
            assert_opens(&mut aead, &sealed, &[]);
            for first in 0..=len {
                // Three parts of a text of two blocks, and two of a longer one.
                for second in first..=if len < 34 { len } else { first } {
                    assert_opens(&mut aead, &sealed, &[first, second]);
                }
            }
            // Byte by byte.
            assert_opens(&mut aead, &sealed, &(0..len).collect::<Vec<_>>());
        }
    }
}

#[test]
fn long_texts_open_in_random_splits() {
    let mut random = Random::new(1);
    for algorithm in ALGORITHMS {
        let mut aead = in_parts(algorithm);
        for len in [1000, 4096, 16_384, 16_401] {
            let sealed = seal(algorithm, len);
            for _ in 0..20 {
                let cuts = random.cuts(len);
                assert_opens(&mut aead, &sealed, &cuts);
            }
        }
    }
}

#[test]
fn whole_records_are_sealed_and_opened_as_by_the_other_ciphers() {
    for algorithm in ALGORITHMS {
        let mut aead = in_parts(algorithm);
        for len in [0, 1, 15, 16, 17, 64, 255, 16_384] {
            let sealed = seal(algorithm, len);
            let (mut buffer, mut tag) = (sealed.text.clone(), vec![0; algorithm.tag_len()]);
            aead.seal(&NONCE, &sealed.additional_data, &mut buffer, &mut tag).unwrap();
            assert!(buffer == sealed.ciphertext && tag == sealed.tag, "{algorithm:?}, {len}");
            aead.open(&NONCE, &sealed.additional_data, &mut buffer, &tag).unwrap();
            assert!(buffer == sealed.text, "{algorithm:?}, {len}");
        }
    }
}

#[test]
fn a_wrong_bit_anywhere_is_found() {
    let opens = |aead: &mut RustCryptoPartsAead, sealed: &Sealed| {
        let mut buffer = sealed.ciphertext.clone();
        let middle = buffer.len() / 2;
        aead.begin(&NONCE, &sealed.additional_data, buffer.len()).unwrap();
        for part in cut(&mut buffer, &[middle]) {
            aead.authenticate(part).unwrap();
        }
        let verified = aead.verify(&sealed.tag);
        aead.end();
        let whole = aead.open(&NONCE, &sealed.additional_data, &mut buffer, &sealed.tag);
        assert_eq!(verified, whole);
        verified.is_ok()
    };
    for algorithm in ALGORITHMS {
        let mut aead = in_parts(algorithm);
        for len in [0, 1, 16, 17, 64] {
            let mut sealed = seal(algorithm, len);
            assert!(opens(&mut aead, &sealed));
            for bit in 0..8 * algorithm.tag_len() {
                sealed.tag[bit / 8] ^= 1 << (bit % 8);
                assert!(!opens(&mut aead, &sealed), "{algorithm:?}, bit {bit} of the tag");
                sealed.tag[bit / 8] ^= 1 << (bit % 8);
            }
            for bit in 0..8 * len {
                sealed.ciphertext[bit / 8] ^= 1 << (bit % 8);
                assert!(!opens(&mut aead, &sealed), "{algorithm:?}, bit {bit} of the text");
                sealed.ciphertext[bit / 8] ^= 1 << (bit % 8);
            }
            for bit in 0..8 * sealed.additional_data.len() {
                sealed.additional_data[bit / 8] ^= 1 << (bit % 8);
                assert!(!opens(&mut aead, &sealed), "{algorithm:?}, bit {bit} of the header");
                sealed.additional_data[bit / 8] ^= 1 << (bit % 8);
            }
            // Zeros behind the text are not what pads the last block.
            sealed.ciphertext.push(0);
            assert!(!opens(&mut aead, &sealed));
        }
    }
}

#[test]
fn calls_out_of_order_are_errors() {
    for algorithm in ALGORITHMS {
        let sealed = seal(algorithm, 20);
        let mut aead = in_parts(algorithm);
        let mut buffer = sealed.ciphertext.clone();
        let check = |aead: &mut RustCryptoPartsAead, buffer: &mut [u8]| {
            assert_eq!(aead.authenticate(buffer), Err(AeadError));
            assert_eq!(aead.decrypt(buffer), Err(AeadError));
            assert_eq!(aead.update(buffer), Err(AeadError));
            assert_eq!(aead.verify(&sealed.tag), Err(AeadError));
        };
        // Without an operation, and after one.
        check(&mut aead, &mut buffer);
        assert_opens(&mut aead, &sealed, &[3]);
        check(&mut aead, &mut buffer);

        aead.begin(&NONCE, &sealed.additional_data, 20).unwrap();
        aead.authenticate(&buffer[..9]).unwrap();
        let behind = aead.update(&mut buffer[9..].to_vec());
        assert_eq!(behind, Err(AeadError), "bytes before it are not decrypted");

        aead.begin(&NONCE, &sealed.additional_data, 20).unwrap();
        assert_eq!(aead.decrypt(&mut buffer), Err(AeadError), "not authenticated yet");
        aead.authenticate(&buffer[..19]).unwrap();
        assert_eq!(aead.verify(&sealed.tag), Err(AeadError), "a byte is missing");
        assert_eq!(aead.authenticate(&[0; 2]), Err(AeadError), "a byte too many");
        aead.authenticate(&buffer[19..]).unwrap();
        assert_eq!(aead.verify(&sealed.tag[1..]), Err(AeadError), "a short tag");
        aead.verify(&sealed.tag).unwrap();
        assert_eq!(aead.decrypt(&mut [0; 21]), Err(AeadError), "a byte too many");
        aead.decrypt(&mut buffer).unwrap();
        assert_eq!(buffer, sealed.text);
    }
}

#[test]
fn a_new_record_replaces_one_that_was_not_ended() {
    for algorithm in ALGORITHMS {
        let mut aead = in_parts(algorithm);
        aead.begin(&[0; NONCE_LEN], b"other", 100).unwrap();
        aead.update(&mut [0; 33]).unwrap();
        assert_opens(&mut aead, &seal(algorithm, 100), &[1]);
    }
}

// SP 800-38C appendix A.2.2: from 0xff00 bytes on, the length of additional data takes more than two.
#[test]
fn additional_data_of_ccm_that_is_too_long_is_refused() {
    let mut aead = in_parts(Algorithm::Aes128Ccm);
    let mut whole = RustCrypto::aead(Algorithm::Aes128Ccm, &key(Algorithm::Aes128Ccm)).unwrap();
    let (mut tag, mut expected) = ([0; 16], [0; 16]);
    let data = vec![3; 0xff00];
    aead.seal(&NONCE, &data[1..], &mut [], &mut tag).unwrap();
    whole.seal(&NONCE, &data[1..], &mut [], &mut expected).unwrap();
    assert_eq!(tag, expected);
    assert_eq!(aead.seal(&NONCE, &data, &mut [], &mut tag), Err(AeadError));
}
