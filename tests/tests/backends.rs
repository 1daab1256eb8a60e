//! All backends seal the same bytes, and open the records of each other.

use tls_record::aead::rustcrypto::{RustCrypto, RustCryptoParts};
use tls_record::aead::{Aead, Algorithm, Provider, aws_lc::AwsLc, ring::Ring};
use tls_record::{
    Config, Epoch, Event, Fault, OpenError, Opened, OpenedIn, RecordLayer, Role, SUSPENDED_LEN,
    TrafficSecret, Version,
};

const ALGORITHMS: [Algorithm; 3] =
    [Algorithm::Aes128Gcm, Algorithm::Aes256Gcm, Algorithm::Chacha20Poly1305];

/// Lengths around the block size of the ciphers and of their code for many blocks.
const LENGTHS: [usize; 14] =
    [0, 1, 15, 16, 17, 63, 64, 255, 256, 1_000, 1_024, 8_192, 16_383, 16_384];

type Layer<P> = RecordLayer<TrafficSecret<P>>;

fn layer<P: Provider>(role: Role, version: Version, algorithm: Algorithm) -> Layer<P> {
    let secret = |byte| match version {
        Version::Tls13 => TrafficSecret::tls13(algorithm, &vec![byte; algorithm.secret_len()]),
        Version::Tls12 => {
            TrafficSecret::tls12(algorithm, &vec![byte; algorithm.key_len()], &[byte; 12])
        }
    };
    // In TLS 1.2 the Finished has used sequence number 0.
    let first = u64::from(version == Version::Tls12);
    let [client, server] = [1, 2].map(|byte| (secret(byte).unwrap(), first));
    let mut layer = Layer::new(Config::new(role));
    layer.take_over(Epoch::Application, client, server).unwrap();
    layer
}

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 % 251) as u8).collect()
}

/// Seals a record of every length, with a KeyUpdate in between, and a close_notify.
fn life<P: Provider>(version: Version, algorithm: Algorithm) -> Vec<Vec<u8>> {
    let mut client = layer::<P>(Role::Client, version, algorithm);
    let mut wire = Vec::new();
    let mut record = vec![0; 20_000];
    for len in LENGTHS {
        let headroom = client.sealer().headroom();
        record[headroom..][..len].copy_from_slice(&content(len));
        let written = client.seal_in_place(&mut record, len).unwrap();
        wire.push(record[..written].to_vec());
        if version == Version::Tls13 && len == 256 {
            client.update_keys(false).unwrap();
            let written = client.poll_control(&mut record).unwrap();
            wire.push(record[..written].to_vec());
        }
    }
    client.close().unwrap();
    let written = client.poll_control(&mut record).unwrap();
    wire.push(record[..written].to_vec());
    wire
}

fn for_each_suite(test: impl Fn(Version, Algorithm)) {
    for version in [Version::Tls13, Version::Tls12] {
        for algorithm in ALGORITHMS {
            test(version, algorithm);
        }
    }
}

/// The suites that RustCrypto alone has.
fn for_each_ccm_suite(test: impl Fn(Version, Algorithm)) {
    for version in [Version::Tls13, Version::Tls12] {
        for algorithm in [Algorithm::Aes128Ccm, Algorithm::Aes128Ccm8] {
            test(version, algorithm);
        }
    }
}

#[test]
fn every_backend_seals_to_the_same_bytes() {
    for_each_suite(|version, algorithm| {
        let wire = life::<RustCrypto>(version, algorithm);
        assert!(life::<Ring>(version, algorithm) == wire, "ring: {version:?} {algorithm:?}");
        let in_parts = life::<RustCryptoParts>(version, algorithm);
        assert!(in_parts == wire, "in parts: {version:?} {algorithm:?}");
        assert!(life::<AwsLc>(version, algorithm) == wire, "AWS-LC: {version:?} {algorithm:?}");
    });
    for_each_ccm_suite(|version, algorithm| {
        let wire = life::<RustCrypto>(version, algorithm);
        let in_parts = life::<RustCryptoParts>(version, algorithm);
        assert!(in_parts == wire, "in parts: {version:?} {algorithm:?}");
    });
}

#[test]
fn every_backend_seals_a_slice_as_it_seals_in_place() {
    fn seals<P: Provider>(version: Version, algorithm: Algorithm) {
        let new = || layer::<P>(Role::Client, version, algorithm);
        let (mut in_place, mut from_slice, mut from_three) = (new(), new(), new());
        for len in LENGTHS.into_iter().chain([511, 512, 513]).filter(|len| *len != 0) {
            let content = content(len);
            let mut expected = vec![0; 20_000];
            let headroom = in_place.sealer().headroom();
            expected[headroom..][..len].copy_from_slice(&content);
            let written = in_place.seal_in_place(&mut expected, len).unwrap();

            let (front, back) = content.split_at(len / 3);
            for (layer, parts) in
                [(&mut from_slice, &[&content[..]][..]), (&mut from_three, &[front, &[], back])]
            {
                let mut record = vec![0xaa; 20_000];
                let sealed = layer.seal(parts, &mut record).unwrap();
                assert_eq!((sealed.taken, sealed.written), (len, written));
                let parts = parts.len();
                assert!(record[..written] == expected[..written], "{len} in {parts}: {version:?}");
                assert!(record[written..].iter().all(|byte| *byte == 0xaa));
            }
        }
    }
    for_each_suite(|version, algorithm| {
        seals::<Ring>(version, algorithm);
        seals::<RustCrypto>(version, algorithm);
        seals::<RustCryptoParts>(version, algorithm);
        seals::<AwsLc>(version, algorithm);
    });
    for_each_ccm_suite(|version, algorithm| {
        seals::<RustCrypto>(version, algorithm);
        seals::<RustCryptoParts>(version, algorithm);
    });
}

#[test]
fn every_backend_opens_what_another_sealed() {
    fn opens<P: Provider>(version: Version, algorithm: Algorithm, wire: &[Vec<u8>]) {
        let mut server = layer::<P>(Role::Server, version, algorithm);
        let mut lengths = LENGTHS.into_iter();
        for record in wire {
            let mut record = record.clone();
            match server.open(&mut record).unwrap().event {
                Event::ApplicationData(range) => {
                    assert!(record[range] == content(lengths.next().unwrap()));
                }
                Event::Nothing => assert_eq!(lengths.next(), Some(0)),
                Event::KeyUpdate { requested } => assert!(!requested),
                event => assert_eq!(event, Event::Closed),
            }
        }
        assert_eq!(lengths.next(), None);
    }
    for_each_suite(|version, algorithm| {
        let wire = life::<AwsLc>(version, algorithm);
        opens::<Ring>(version, algorithm, &wire);
        opens::<RustCrypto>(version, algorithm, &wire);
        let wire = life::<Ring>(version, algorithm);
        opens::<RustCrypto>(version, algorithm, &wire);
        opens::<AwsLc>(version, algorithm, &wire);
    });
    for_each_ccm_suite(|version, algorithm| {
        let wire = life::<RustCrypto>(version, algorithm);
        opens::<RustCrypto>(version, algorithm, &wire);
        opens::<RustCryptoParts>(version, algorithm, &wire);
    });
}

#[test]
fn every_backend_opens_into_a_slice_as_it_opens_in_place() {
    fn opens<P: Provider>(version: Version, algorithm: Algorithm, wire: &[Vec<u8>]) {
        let new = || layer::<P>(Role::Server, version, algorithm);
        let (mut in_place, mut into, mut into_from_two) = (new(), new(), new());
        let (mut out_of_place, mut in_output) = (new(), 0);
        for record in wire {
            let mut expected = record.clone();
            let opened = in_place.open(&mut expected);
            let (front, back) = record.split_at(record.len() / 3);
            for (layer, pieces) in
                [(&mut into, &[&record[..]][..]), (&mut into_from_two, &[front, &[], back])]
            {
                let mut out = vec![0xaa; record.len() + 10];
                assert_eq!(layer.open_into(pieces, &mut out), opened);
                if let Event::ApplicationData(range) = opened.clone().unwrap().event {
                    assert!(out[range.clone()] == expected[range], "{version:?} {algorithm:?}");
                }
                assert_eq!(out[record.len()..], [0xaa; 10]);
            }
            let opened = opened.unwrap();
            let (mut input, mut out) = (record.clone(), vec![0; record.len()]);
            match out_of_place.open_out_of_place(&mut input, &mut out).unwrap() {
                OpenedIn::Input(in_input) => {
                    assert_eq!(in_input, opened);
                    assert!(input == expected, "{version:?} {algorithm:?}");
                }
                OpenedIn::Output(Opened { consumed, event: Event::ApplicationData(there) }) => {
                    let Event::ApplicationData(range) = opened.event else { panic!("{opened:?}") };
                    assert_eq!(consumed, opened.consumed);
                    in_output += 1;
                    assert!(out[there] == expected[range], "{version:?} {algorithm:?}");
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(in_output != 0, P::Aead::IS_OUT_OF_PLACE, "{version:?} {algorithm:?}");
    }
    for_each_suite(|version, algorithm| {
        let wire = life::<Ring>(version, algorithm);
        opens::<Ring>(version, algorithm, &wire);
        opens::<RustCrypto>(version, algorithm, &wire);
        opens::<RustCryptoParts>(version, algorithm, &wire);
        opens::<AwsLc>(version, algorithm, &wire);
    });
    for_each_ccm_suite(|version, algorithm| {
        let wire = life::<RustCrypto>(version, algorithm);
        opens::<RustCrypto>(version, algorithm, &wire);
        opens::<RustCryptoParts>(version, algorithm, &wire);
    });
}

#[test]
fn a_forged_record_leaves_no_plaintext_in_the_slice() {
    const LEN: usize = 1000;
    fn leaves_none<P: Provider>(version: Version, algorithm: Algorithm) {
        let mut record = vec![0; LEN + 40];
        let content = content(LEN);
        let mut client = layer::<P>(Role::Client, version, algorithm);
        let written = client.seal(&[&content], &mut record).unwrap().written;
        record.truncate(written);
        // The first bytes of the body, one in the midst of it, and all of the tag.
        for at in (5..13).chain([500]).chain(written - 16..written) {
            let mut forged = record.clone();
            forged[at] ^= 0x80;
            let mut server = layer::<P>(Role::Server, version, algorithm);
            let mut out = vec![0xaa; written];
            let fault = Err(OpenError::Fault(Fault::BadRecordMac));
            assert_eq!(server.open_into(&[&forged], &mut out), fault);
            let start = client.sealer().headroom();
            assert!(out[start..][..LEN].iter().all(|byte| *byte == 0), "{algorithm:?} byte {at}");
        }
    }
    for_each_suite(|version, algorithm| {
        leaves_none::<Ring>(version, algorithm);
        leaves_none::<RustCrypto>(version, algorithm);
        leaves_none::<RustCryptoParts>(version, algorithm);
        leaves_none::<AwsLc>(version, algorithm);
    });
    for_each_ccm_suite(|version, algorithm| {
        leaves_none::<RustCrypto>(version, algorithm);
        leaves_none::<RustCryptoParts>(version, algorithm);
    });
}

#[test]
fn every_backend_refuses_a_record_with_any_byte_changed() {
    fn refuses<P: Provider>(version: Version, algorithm: Algorithm) {
        let wire = life::<P>(version, algorithm);
        // The header has rules of its own.
        for at in 5..wire[4].len() {
            let mut server = layer::<P>(Role::Server, version, algorithm);
            for record in &wire[..4] {
                server.open(&mut record.clone()).unwrap();
            }
            let mut forged = wire[4].clone();
            forged[at] ^= 1;
            let fault = Err(OpenError::Fault(Fault::BadRecordMac));
            assert_eq!(server.open(&mut forged), fault, "{version:?} {algorithm:?} byte {at}");
        }
    }
    for_each_suite(|version, algorithm| {
        refuses::<Ring>(version, algorithm);
        refuses::<RustCrypto>(version, algorithm);
        refuses::<AwsLc>(version, algorithm);
    });
}

#[test]
fn every_backend_resumes_a_connection_that_another_suspended() {
    const KEY: [u8; 32] = [0x5e; 32];
    fn asleep<P: Provider>(version: Version, algorithm: Algorithm) -> [u8; SUSPENDED_LEN] {
        let mut client = layer::<P>(Role::Client, version, algorithm);
        client.seal(&[b"before"], &mut [0; 64]).unwrap();
        client.suspend(&KEY).unwrap()
    }
    fn awake<P: Provider>(mut bytes: [u8; SUSPENDED_LEN]) -> [u8; 64] {
        let mut record = [0; 64];
        let mut client = Layer::<P>::resume(&mut bytes, &KEY).unwrap();
        client.seal(&[b"after"], &mut record).unwrap();
        record
    }
    for_each_suite(|version, algorithm| {
        let bytes = asleep::<AwsLc>(version, algorithm);
        assert_eq!(asleep::<Ring>(version, algorithm), bytes);
        assert_eq!(asleep::<RustCrypto>(version, algorithm), bytes);
        let record = awake::<AwsLc>(bytes);
        assert_eq!(awake::<Ring>(bytes), record);
        assert_eq!(awake::<RustCrypto>(bytes), record);
    });
}

// RFC 2104 section 2: a key that is longer than a block of the hash is hashed first. For AWS-LC the
// expansion is our own, because that of aws-lc-rs copies a long info to the heap.
#[test]
fn a_secret_and_an_info_of_any_length_are_expanded_alike() {
    for algorithm in ALGORITHMS {
        for secret_len in [48, 64, 65, 128, 129, 300] {
            for (info_len, out_len) in [(0, 1), (10, 32), (200, 48), (1000, 49), (7, 300)] {
                let (secret, info) = (vec![7; secret_len], vec![9; info_len]);
                let info: [&[u8]; 2] = [b"label", &info];
                let mut outs = [(); 3].map(|()| vec![0; out_len]);
                let [ring, rustcrypto, aws_lc] = &mut outs;
                Ring::hkdf_expand(algorithm, &secret, &info, ring).unwrap();
                RustCrypto::hkdf_expand(algorithm, &secret, &info, rustcrypto).unwrap();
                AwsLc::hkdf_expand(algorithm, &secret, &info, aws_lc).unwrap();
                assert_eq!(ring, rustcrypto, "{algorithm:?}, {secret_len} bytes");
                assert_eq!(aws_lc, rustcrypto, "{algorithm:?}, {secret_len} bytes");
            }
        }
        let too_long = AwsLc::hkdf_expand(algorithm, &[7; 48], &[], &mut vec![0; 255 * 48 + 1]);
        assert_eq!(too_long, None);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

// RFC 4231 sections 4.2 to 4.4 and 4.7: a short key and a long one, which is hashed first.
#[test]
fn every_backend_has_the_hmac_of_rfc_4231() {
    fn hmac<P: Provider>(algorithm: Algorithm, key: &[u8], message: &[&[u8]]) -> String {
        let mut out = vec![0; algorithm.secret_len()];
        P::hmac(algorithm, key, message, &mut out).unwrap();
        hex(&out)
    }
    let cases: [(&[u8], &[u8], &str, &str); 4] = [
        (
            &[0x0b; 20],
            b"Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c\
             faea9ea9076ede7f4af152e8b2fa9cb6",
        ),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e\
             8e2240ca5e69e2c78b3239ecfab21649",
        ),
        (
            &[0xaa; 20],
            &[0xdd; 50],
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
            "88062608d3e6ad8a0aa2ace014c8a86f0aa635d947ac9febe83ef4e55966144b\
             2a5ab39dc13814b94e3ab6e101a34f27",
        ),
        (
            &[0xaa; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c6\
             0c2ef6ab4030fe8296248df163f44952",
        ),
    ];
    for (key, message, sha256, sha384) in cases {
        // The parts of a message are one message.
        let (first, second) = message.split_at(message.len() / 2);
        for message in [&[message][..], &[first, &[], second]] {
            for (algorithm, expected) in [
                (Algorithm::Aes128Gcm, sha256),
                (Algorithm::Chacha20Poly1305, sha256),
                (Algorithm::Aes256Gcm, sha384),
            ] {
                assert_eq!(hmac::<Ring>(algorithm, key, message), expected);
                assert_eq!(hmac::<RustCrypto>(algorithm, key, message), expected);
                assert_eq!(hmac::<AwsLc>(algorithm, key, message), expected);
            }
        }
    }
}
