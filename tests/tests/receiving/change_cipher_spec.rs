use super::*;

refused! {
    of_no_byte: tls13_handshake(), |_| plaintext(CCS, &[]) => BadChangeCipherSpec, UNEXPECTED_MESSAGE;
    of_another_byte: tls13_handshake(), |_| plaintext(CCS, &[0]) => BadChangeCipherSpec, UNEXPECTED_MESSAGE;
    of_two_bytes: tls13_handshake(), |_| plaintext(CCS, &[1, 1]) => BadChangeCipherSpec, UNEXPECTED_MESSAGE;
    of_another_byte_before_keys: fresh().set_version(Version::Tls13), |_| plaintext(CCS, &[2]) => BadChangeCipherSpec, UNEXPECTED_MESSAGE;
    of_another_byte_tls12: fresh().set_version(Version::Tls12), |_| plaintext(CCS, &[2]) => BadChangeCipherSpec, UNEXPECTED_MESSAGE;
    protected_under_handshake_keys: tls13_handshake(), |c| c.peer.seal(CCS, &[1]) => UnexpectedContentType, UNEXPECTED_MESSAGE;
    protected_under_application_keys: tls13(), |c| c.peer.seal(CCS, &[1]) => UnexpectedContentType, UNEXPECTED_MESSAGE;
    before_the_client_hello: fresh(), |_| plaintext(CCS, &[1]) => UnexpectedContentType, UNEXPECTED_MESSAGE;
    after_finished: tls13(), |_| plaintext(CCS, &[1]) => UnexpectedContentType, UNEXPECTED_MESSAGE;
    after_finished_tls12: gcm(), |c| c.peer.seal(CCS, &[1]) => UnexpectedContentType, UNEXPECTED_MESSAGE;
    under_tls12_keys_before_finished: fresh().install(Epoch::Handshake, Suite::Tls12Gcm), |c| c.peer.seal(CCS, &[1]) => UnexpectedContentType, UNEXPECTED_MESSAGE;
    amid_a_message_tls12: fresh().set_version(Version::Tls12), |c| {
        c.accept(HANDSHAKE, &message(16, b"key exchange")[..6]);
        plaintext(CCS, &[1])
    } => SpansKeyChange, UNEXPECTED_MESSAGE;
    // CVE-2014-0224: only records under keys may follow it.
    then_plaintext_tls12: fresh().set_version(Version::Tls12), |c| {
        assert_eq!(c.accept(CCS, &[1]), [Got::ChangeCipherSpec]);
        plaintext(HANDSHAKE, &message(20, b"verify data"))
    } => UnexpectedContentType, UNEXPECTED_MESSAGE;
    twice_tls12: fresh().set_version(Version::Tls12), |c| {
        assert_eq!(c.accept(CCS, &[1]), [Got::ChangeCipherSpec]);
        plaintext(CCS, &[1])
    } => UnexpectedContentType, UNEXPECTED_MESSAGE;
}

accepted! {
    dropped_by_a_client_that_waits_for_the_server_hello: Connection::new(Config::new(Role::Client)), |_| plaintext(CCS, &[1]) => [Got::Nothing];
    dropped_before_keys: fresh().set_version(Version::Tls13), |_| plaintext(CCS, &[1]) => [Got::Nothing];
    dropped_under_early_keys: fresh().install(Epoch::EarlyData, Suite::Tls13), |_| plaintext(CCS, &[1]) => [Got::Nothing];
    dropped_under_handshake_keys: tls13_handshake(), |_| plaintext(CCS, &[1]) => [Got::Nothing];
    dropped_between_protected_records: tls13_handshake(), |c| {
        c.accept(HANDSHAKE, &message(11, b"certificate"));
        [plaintext(CCS, &[1]), c.peer.seal(HANDSHAKE, &message(20, b"verify"))].concat()
    } => [Got::Nothing, Got::Message(20, 0, b"verify".to_vec())];
    announces_keys_in_tls12: fresh().set_version(Version::Tls12), |_| plaintext(CCS, &[1]) => [Got::ChangeCipherSpec];
}

#[test]
fn tls12_keys_follow_it() {
    let mut connection = fresh().set_version(Version::Tls12);
    connection.accept(CCS, &[1]);
    let mut connection = connection.install(Epoch::Handshake, Suite::Tls12Gcm);
    let finished = connection.accept(HANDSHAKE, &message(20, b"verify data"));
    assert_eq!(finished, [Got::Message(20, 0, b"verify data".to_vec())]);
    connection.halves(|opener, _| opener.establish()).unwrap();
    assert_eq!(connection.accept(DATA, b"data"), [Got::Data(b"data".to_vec())]);
}

// The configured version applies until one is negotiated.
#[test]
fn announces_the_keys_of_a_client_that_speaks_tls12_alone() {
    let mut config = Config::new(Role::Client);
    config.version = Some(Version::Tls12);
    let mut connection = Connection::new(config);
    connection.accept(HANDSHAKE, &message(2, b"hello"));
    assert_eq!(connection.accept(CCS, &[1]), [Got::ChangeCipherSpec]);
    let finished = plaintext(HANDSHAKE, &message(20, &[0; 12]));
    let alert = AlertDescription::UNEXPECTED_MESSAGE;
    connection.assert_refuses(&finished, Fault::UnexpectedContentType, alert);
}
