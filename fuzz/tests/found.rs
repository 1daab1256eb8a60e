//! Inputs that once failed, in the form in which a target prints them.

#[test]
fn a_request_waits_while_the_rest_of_a_record_is_not_shown() {
    use tls_record_fuzz::Input as _;
    use tls_record_fuzz::open::*;
    Input {
        setup: Setup {
            suite: Suite::Tls13,
            is_server: false,
            limits: None,
            record_size_limit: None,
            fragment_limit: None,
            key_limit: None,
            padding: Pad::None,
            pads_control: false,
            constant_time_padding: false,
            half_closes: false,
            post_handshake_auth: false,
        },
        cipher: Cipher::Checksum,
        into: false,
        stage: Stage::Application,
        calls: vec![
            Call::PeerUpdate { requested: true },
            Call::Messages {
                kind: MessageKind::Ticket,
                body: vec![116, 105, 99, 107, 101, 116],
                twice: true,
                at: 255,
            },
            Call::Cut { len: 65535 },
            Call::Cut { len: 65535 },
            Call::OpenOther,
            Call::Cut { len: 0 },
            Call::Record {
                kind: Kind::ChangeCipherSpec,
                content: vec![
                    255, 255, 32, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 15, 6, 1, 90, 6, 1, 6, 90,
                    90, 6, 1, 1, 90, 12,
                ],
                padding: 0,
            },
        ],
    }
    .run();
}
