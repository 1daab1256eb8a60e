//! The handshake traces of RFC 8448: every record is opened with the keys of its epoch, and sealed
//! again to the same bytes.

#[cfg(feature = "aws-lc-rs")]
use tls_record::aead::aws_lc::AwsLc;
#[cfg(feature = "ring")]
use tls_record::aead::ring::Ring;
use tls_record::aead::{Algorithm, Provider, rustcrypto::RustCrypto};
use tls_record::{
    Config, ContentType, Epoch, Event, HandshakeHeader, KeySchedule, Opener, ReadEnd, Role, Sealer,
    TrafficSecret, Version, WriteEnd, expand_label,
};
use tls_record_tests::rfc8448::{self, Record, Secret, Sender, Trace, traces};

const SENDERS: [Sender; 2] = [Sender::Client, Sender::Server];

fn epoch(epoch: rfc8448::Epoch) -> Epoch {
    match epoch {
        rfc8448::Epoch::Plaintext => Epoch::Plaintext,
        rfc8448::Epoch::Early => Epoch::EarlyData,
        rfc8448::Epoch::Handshake => Epoch::Handshake,
        rfc8448::Epoch::Application => Epoch::Application,
    }
}

fn schedule<P: Provider>(secret: &Secret) -> TrafficSecret<P> {
    TrafficSecret::tls13(Algorithm::Aes128Gcm, &secret.secret).expect("32 bytes")
}

/// Returns the keys that protect `record`, if they are not `installed` yet.
fn next_keys<P: Provider>(
    trace: &Trace,
    record: &Record,
    installed: Epoch,
) -> Option<(Epoch, TrafficSecret<P>)> {
    let next = epoch(record.epoch);
    let is_its = |secret: &&Secret| (secret.sender, secret.epoch) == (record.sender, record.epoch);
    (next > installed)
        .then(|| (next, schedule(trace.secrets.iter().find(is_its).expect("a secret"))))
}

/// Opens a whole record. Returns the content of its messages with their headers.
fn open<P: Provider>(opener: &mut Opener<TrafficSecret<P>>, record: &Record) -> Vec<u8> {
    let (mut buffer, mut at, mut payload) = (record.wire.clone(), 0, Vec::new());
    while at < buffer.len() {
        let input = &mut buffer[at..];
        let opened = opener.open(input).expect("a good record");
        match opened.event {
            Event::ApplicationData(range) => {
                assert_eq!(record.content_type, ContentType::APPLICATION_DATA.0);
                payload.extend_from_slice(&input[range]);
            }
            Event::Handshake(piece) => {
                assert_eq!(record.content_type, ContentType::HANDSHAKE.0);
                assert!(piece.offset == 0 && piece.is_last(), "no message is split");
                payload.extend_from_slice(&piece.header.encode());
                payload.extend_from_slice(&input[piece.body]);
            }
            Event::Closed => {
                assert_eq!(record.content_type, ContentType::ALERT.0);
                payload.extend_from_slice(&[1, 0]);
            }
            Event::Nothing => {
                assert_eq!(record.content_type, ContentType::CHANGE_CIPHER_SPEC.0);
                payload.push(1);
            }
            event => panic!("{event:?}"),
        }
        at += opened.consumed;
    }
    payload
}

fn every_record_opens<P: Provider>() {
    for trace in traces() {
        for (sender, reader) in SENDERS.into_iter().zip([Role::Server, Role::Client]) {
            let mut opener = Opener::<TrafficSecret<P>>::new(Config::new(reader));
            let sent = trace.records.iter().filter(|record| record.sender == sender);
            for (i, record) in sent.enumerate() {
                if let Some((epoch, secret)) = next_keys(&trace, record, opener.epoch()) {
                    opener.install(epoch, secret).expect("at a record's edge");
                }
                assert_eq!(open(&mut opener, record), record.payload, "{}: {i}", trace.name);
                if i == 0 {
                    opener.set_version(Version::Tls13);
                }
            }
            assert_eq!(opener.end(), ReadEnd::Closed { epoch: Epoch::Application });
        }
    }
}

/// Seals the content of a record as a user of the engine does.
fn seal<P: Provider>(sealer: &mut Sealer<TrafficSecret<P>>, record: &Record) -> Vec<u8> {
    let mut out = [0; 2048];
    let written = match ContentType(record.content_type) {
        ContentType::APPLICATION_DATA => {
            let sealed = sealer.seal(&[&record.payload], &mut out).expect("sealed");
            assert_eq!(sealed.taken, record.payload.len());
            sealed.written
        }
        ContentType::HANDSHAKE => {
            sealer.seal_handshake(&[&record.payload], &mut out).expect("sealed")
        }
        ContentType::CHANGE_CIPHER_SPEC => sealer.change_cipher_spec(&mut out).expect("written"),
        ContentType::ALERT => {
            sealer.close().expect("open until now");
            sealer.poll_control(&mut out).expect("sealed")
        }
        other => panic!("{other:?}"),
    };
    out[..written].to_vec()
}

fn every_record_is_sealed_to_the_same_bytes<P: Provider>() {
    for trace in traces() {
        for (sender, writer) in SENDERS.into_iter().zip([Role::Client, Role::Server]) {
            let mut sealer = Sealer::<TrafficSecret<P>>::new(Config::new(writer));
            let sent = trace.records.iter().filter(|record| record.sender == sender);
            for (i, record) in sent.enumerate() {
                if let Some((epoch, secret)) = next_keys(&trace, record, sealer.epoch()) {
                    sealer.install(epoch, secret).expect("epochs go forward");
                }
                assert_eq!(seal(&mut sealer, record), record.wire, "{}: {i}", trace.name);
                if i == 0 {
                    sealer.set_version(Version::Tls13);
                }
            }
            assert_eq!(sealer.end(), WriteEnd::Closed);
            assert!(!sealer.has_control());
        }
    }
}

#[cfg(feature = "ring")]
#[test]
fn every_record_opens_with_ring() {
    every_record_opens::<Ring>();
}

#[cfg(feature = "aws-lc-rs")]
#[test]
fn every_record_opens_with_aws_lc() {
    every_record_opens::<AwsLc>();
}

#[test]
fn every_record_opens_with_rustcrypto() {
    every_record_opens::<RustCrypto>();
}

#[cfg(feature = "ring")]
#[test]
fn every_record_is_sealed_to_the_same_bytes_with_ring() {
    every_record_is_sealed_to_the_same_bytes::<Ring>();
}

#[cfg(feature = "aws-lc-rs")]
#[test]
fn every_record_is_sealed_to_the_same_bytes_with_aws_lc() {
    every_record_is_sealed_to_the_same_bytes::<AwsLc>();
}

#[test]
fn every_record_is_sealed_to_the_same_bytes_with_rustcrypto() {
    every_record_is_sealed_to_the_same_bytes::<RustCrypto>();
}

#[test]
fn the_traces_contain_every_kind_of_record() {
    let traces = traces();
    let has = |epoch, kind: ContentType| {
        let mut records = traces.iter().flat_map(|trace| &trace.records);
        records.any(|record| (record.epoch, record.content_type) == (epoch, kind.0))
    };
    assert_eq!(traces.len(), 5);
    assert!(has(rfc8448::Epoch::Early, ContentType::APPLICATION_DATA));
    assert!(has(rfc8448::Epoch::Early, ContentType::HANDSHAKE));
    assert!(has(rfc8448::Epoch::Plaintext, ContentType::CHANGE_CIPHER_SPEC));
    assert!(has(rfc8448::Epoch::Application, ContentType::ALERT));
    let first = &traces[0].records[0].wire;
    assert_eq!(
        HandshakeHeader::decode(*first[5..].first_chunk().unwrap()).message_type.0,
        1,
        "a ClientHello"
    );
}

#[test]
fn ivs_are_those_of_the_traces() {
    fn check<P: Provider>(secret: &Secret) {
        let keys = schedule::<P>(secret).keys().expect("derived");
        assert_eq!(keys.iv, secret.iv);
    }
    for secret in traces().iter().flat_map(|trace| &trace.secrets) {
        #[cfg(feature = "ring")]
        check::<Ring>(secret);
        #[cfg(feature = "aws-lc-rs")]
        check::<AwsLc>(secret);
        check::<RustCrypto>(secret);
    }
}

#[test]
fn a_label_is_expanded_to_the_values_of_the_traces() {
    fn check<P: Provider>() {
        let suite = Algorithm::Aes128Gcm;
        for secret in traces().iter().flat_map(|trace| &trace.secrets) {
            let (mut key, mut iv) = ([0; 16], [0; 12]);
            expand_label::<P>(suite, &secret.secret, b"key", b"", &mut key).unwrap();
            expand_label::<P>(suite, &secret.secret, b"iv", b"", &mut iv).unwrap();
            assert_eq!((key, iv), (secret.key, secret.iv));
        }
        // Section 3, "derive secret for handshake": the context is the hash of nothing.
        let early_secret = bytes(
            0x33ad_0a1c_607e_c03b_09e6_cd98_9368_0ce2,
            0x10ad_f300_aa1f_2660_e1b2_2e10_f170_f92a,
        );
        let empty_hash = bytes(
            0xe3b0_c442_98fc_1c14_9afb_f4c8_996f_b924,
            0x27ae_41e4_649b_934c_a495_991b_7852_b855,
        );
        let expected = bytes(
            0x6f26_15a1_08c7_02c5_678f_54fc_9dba_b697,
            0x16c0_7618_9c48_250c_ebea_c357_6c36_11ba,
        );
        let mut derived = [0; 32];
        expand_label::<P>(suite, &early_secret, b"derived", &empty_hash, &mut derived).unwrap();
        assert_eq!(derived, expected);
    }
    #[cfg(feature = "ring")]
    check::<Ring>();
    #[cfg(feature = "aws-lc-rs")]
    check::<AwsLc>();
    check::<RustCrypto>();
}

fn bytes(front: u128, back: u128) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(&front.to_be_bytes());
    bytes[16..].copy_from_slice(&back.to_be_bytes());
    bytes
}
