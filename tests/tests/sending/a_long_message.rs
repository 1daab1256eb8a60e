use super::*;

// 9846 5.1: no record comes between its fragments, so that one key must seal all of it.
#[test]
fn that_needs_all_of_a_key_waits_for_a_fresh_one() {
    let mut connection = Connection::configured(Suite::Tls13, |config| {
        (config.key_limit, config.fragment_limit, config.role) = (6, 10, Role::Server);
    });
    connection.send(b"data").unwrap();
    let (ticket, mut out) = (message(4, &[7; 16]), [0; 64]);
    let sealed = connection.layer.seal_handshake(&[&ticket], &mut out);
    assert_eq!(sealed, Err(SealError::ControlFirst));
    assert_eq!(connection.control(), [(HANDSHAKE, key_update(0))]);
    assert_eq!(connection.layer.seal_handshake(&[&ticket], &mut out), Ok(2 * 32));
}
