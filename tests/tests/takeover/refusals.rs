//! What cannot be followed, and what is said of it.

use super::*;

const AGREED: Negotiated = Negotiated { version: Version::Tls13, suite: Suite::Aes128Gcm };

fn takeover(agreed: Negotiated) -> Takeover {
    let log = SecretLog::default();
    let logging = Extras { log: Some(log.clone()), ..Extras::default() };
    Takeover {
        role: Role::Client,
        library: Stack::Openssl.peer(Role::Client, agreed, &logging),
        peer: Stack::Openssl.peer(Role::Server, agreed, &Extras::default()),
        log,
        received: Vec::new(),
    }
}

#[test]
fn a_secret_that_is_late_is_asked_for_and_nothing_is_lost() {
    for agreed in Negotiated::all() {
        let Recording { log, turns, .. } = Recording::of_handshake(agreed);
        let mut follower = Follower::<Ring>::new();
        let mut asked = Vec::new();
        for (sender, mut bytes) in turns {
            let mut at = 0;
            while at < bytes.len() {
                let before = bytes.clone();
                match follower.follow(engine_role(sender), &mut bytes[at..]) {
                    Ok(opened) => at += opened.consumed,
                    Err(TakeoverError::MissingSecret(kind)) => {
                        assert_eq!(bytes, before, "nothing has changed");
                        asked.push(kind);
                        follower.secret(kind, log.line(kind).secret()).unwrap();
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        }
        assert!(follower.is_complete());
        // The server has sent tickets, and the client nothing: its secret is needed at the end.
        let expected: &[_] = match agreed.version {
            Version::Tls12 => &[SecretKind::Master],
            Version::Tls13 => &[
                SecretKind::ServerHandshake,
                SecretKind::ClientHandshake,
                SecretKind::ServerTraffic,
            ],
        };
        assert_eq!(asked, expected);
        let config = Config::new(tls_record::Role::Client);
        if agreed.version == Version::Tls13 {
            let kind = SecretKind::ClientTraffic;
            let error = Some(TakeoverError::MissingSecret(kind));
            assert_eq!(follower.finish(config).err(), error);
            follower.secret(kind, log.line(kind).secret()).unwrap();
        }
        assert!(follower.finish(config).is_ok());
        assert_eq!(follower.finish(config).err(), Some(TakeoverError::NotComplete));
    }
}

#[test]
fn a_key_log_may_hold_comments_other_connections_and_either_case() {
    let mut takeover = takeover(AGREED);
    let mut follower = Follower::<Ring>::new();
    let hello = takeover.library.take_output();
    follow(&mut follower, Role::Client, &hello).unwrap();
    let random: String =
        follower.client_random().iter().map(|byte| format!("{byte:02X}")).collect();
    let secret = "Ab".repeat(32);
    let mut put = |line: String| follower.key_log(line.as_bytes());
    for line in [
        String::new(),
        "# a comment".to_owned(),
        format!("CLIENT_TRAFFIC_SECRET_0 {} {secret}", "00".repeat(32)),
        format!("CLIENT_TRAFFIC_SECRET_1 {random} {secret}"),
        format!("CLIENT_TRAFFIC_SECRET_0 {random} {}", &secret[1..]),
        format!("CLIENT_TRAFFIC_SECRET_0 {random} {}g", &secret[1..]),
        format!("CLIENT_TRAFFIC_SECRET_0 {random}"),
        format!("CLIENT_TRAFFIC_SECRET_0 {random} {secret} more"),
        format!("CLIENT_TRAFFIC_SECRET_0 {random} {}", "00".repeat(49)),
    ] {
        assert_eq!(put(line.clone()), Ok(false), "{line}");
    }
    for line in [
        format!("CLIENT_TRAFFIC_SECRET_0 {random} {secret}\r\n"),
        format!("SERVER_TRAFFIC_SECRET_0 {} {secret}\n", random.to_lowercase()),
        format!("  EXPORTER_SECRET\t{random}  {secret}"),
    ] {
        assert_eq!(put(line.clone()), Ok(true), "{line}");
    }
}

#[test]
fn each_kind_of_secret_is_found_by_its_label_and_no_other_label_names_one() {
    for kind in [
        SecretKind::ClientHandshake,
        SecretKind::ServerHandshake,
        SecretKind::ClientTraffic,
        SecretKind::ServerTraffic,
        SecretKind::Master,
        SecretKind::Exporter,
    ] {
        assert_eq!(SecretKind::from_label(kind.label()), Some(kind));
        assert_eq!(SecretKind::from_label(&kind.label()[1..]), None);
    }
    for label in ["", "CLIENT_EARLY_TRAFFIC_SECRET", "EARLY_EXPORTER_SECRET", "client_random"] {
        assert_eq!(SecretKind::from_label(label), None);
    }
}

#[test]
fn a_handshake_that_is_not_over_is_not_taken_over() {
    let mut takeover = takeover(AGREED);
    let mut follower = Follower::<Ring>::new();
    let hello = takeover.library.take_output();
    follow(&mut follower, Role::Client, &hello).unwrap();
    assert!(!follower.is_complete());
    let finished = follower.finish(Config::new(tls_record::Role::Client));
    assert_eq!(finished.err(), Some(TakeoverError::NotComplete));
}

#[test]
fn an_alert_of_the_library_ends_it() {
    let mut takeover = takeover(AGREED);
    let mut follower = Follower::<Ring>::new();
    let hello = takeover.library.take_output();
    follow(&mut follower, Role::Client, &hello).unwrap();
    let nonsense = [22, 3, 3, 0, 4, 11, 0, 0, 0];
    takeover.library.receive(&nonsense);
    let alert = takeover.library.take_output();
    let error = follow(&mut follower, Role::Client, &alert).unwrap_err();
    assert!(matches!(error, TakeoverError::Open(_)), "{error}");
}

/// A ServerHello with this version and suite, and no extension.
fn server_hello(version: u16, suite: u16) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    body.extend([7; 32]);
    body.push(0);
    body.extend(suite.to_be_bytes());
    body.push(0);
    let mut record = vec![22, 3, 3, 0, body.len() as u8 + 4, 2, 0, 0, body.len() as u8];
    record.extend(body);
    record
}

#[test]
fn suites_and_versions_without_records_here_are_named() {
    for (version, suite, expected) in [
        (0x0302, 0x002f, TakeoverError::Version(0x0302)),
        (0x0303, 0x002f, TakeoverError::Suite(0x002f)),
        (0x0303, 0xc023, TakeoverError::Suite(0xc023)),
        (0x0303, 0x1301, TakeoverError::Suite(0x1301)),
    ] {
        let mut follower = Follower::<Ring>::new();
        let record = server_hello(version, suite);
        assert_eq!(follow(&mut follower, Role::Server, &record), Err(expected));
    }
    let mut follower = Follower::<Ring>::new();
    follow(&mut follower, Role::Server, &server_hello(0x0303, 0xc02f)).unwrap();
    let negotiated = Some((tls_record::Version::Tls12, Algorithm::Aes128Gcm));
    assert_eq!(follower.negotiated(), negotiated);
}
