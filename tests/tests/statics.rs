//! What firmware keeps in statics is made when it is compiled.

use std::sync::Mutex;
use std::time::Duration;

use tls_record::aead::{Algorithm, null::Null};
use tls_record::{
    Config, Connection, ConnectionSet, Epoch, Event, Mailbox, Opener, Padding, RecordBuffer,
    RecordLayer, RecordSizes, Role, Sealer, TrafficSecret,
};

type Secret = TrafficSecret<Null>;

const CONFIG: Config = {
    let mut config = Config::new(Role::Client);
    config.fragment_limit = 1024;
    config
};

static CONNECTION: Mutex<Connection<Secret, 512>> = Mutex::new(Connection::without_keys(CONFIG));
static LAYER: Mutex<RecordLayer<Secret>> = Mutex::new(RecordLayer::new(CONFIG));
static HALVES: Mutex<(Opener<Secret>, Sealer<Secret>)> =
    Mutex::new((Opener::new(CONFIG), Sealer::new(CONFIG)));
static SET: Mutex<ConnectionSet<Connection<Secret, 512>, 2>> = Mutex::new(ConnectionSet::new(1));
static BUFFER: Mutex<RecordBuffer<512>> = Mutex::new(RecordBuffer::new());
static SIZES: Mutex<RecordSizes> =
    Mutex::new(RecordSizes::new(1370, 1 << 16, Duration::from_secs(1)));
static MAILBOX: Mailbox = Mailbox::new();

fn secret(byte: u8) -> Secret {
    Secret::tls13(Algorithm::Aes128Gcm, &[byte; 32]).unwrap()
}

#[test]
fn what_lies_in_a_static_is_used_there() {
    let mut connection = CONNECTION.lock().unwrap();
    connection.install(Epoch::Application, secret(1), secret(2)).unwrap();
    let mut layer = LAYER.lock().unwrap();
    layer.install(Epoch::Application, secret(2), secret(1)).unwrap();
    let mut sealed = [0; 64];
    let written = layer.seal(&[b"data"], &mut sealed).unwrap().written;

    let mut buffer = BUFFER.lock().unwrap();
    buffer.room().unwrap()[..written].copy_from_slice(&sealed[..written]);
    buffer.received(written);
    let opened = connection.received(buffer.filled()).unwrap();
    assert_eq!(opened.event, Event::ApplicationData(5..9));

    let mut halves = HALVES.lock().unwrap();
    halves.0.install(Epoch::Application, secret(1)).unwrap();
    halves.1.install(Epoch::Application, secret(2)).unwrap();
    halves.0.open(&mut [99, 3, 3, 0, 0]).unwrap_err();
    MAILBOX.post_notice(halves.0.take_notice());
    halves.1.apply(MAILBOX.take_notice());
    assert!(halves.1.has_control(), "the alert for what is no record of TLS");

    let mut set = SET.lock().unwrap();
    let handle = set.insert(Connection::without_keys(CONFIG)).unwrap();
    assert!(set.get(handle).is_ok());
    assert_eq!(SIZES.lock().unwrap().limit(Duration::ZERO), 1370);
}

#[test]
fn a_connection_without_keys_is_one_of_a_new_record_layer() {
    fn check<const TX: usize>(config: Config) {
        let made = || {
            let without_keys = Connection::<Secret, TX>::without_keys(config);
            [without_keys, Connection::new(RecordLayer::new(config))]
        };
        let [limit, expected] = made().map(|it| it.writer().sealer().fragment_limit());
        assert_eq!(limit, expected, "{TX}: {config:?}");
        let [limit, expected] = made().map(|mut connection| {
            connection.install(Epoch::Application, secret(1), secret(2)).unwrap();
            let written = connection.write(&[&[7; 20_000]]);
            (connection.writer().sealer().fragment_limit(), written, connection.unsent().to_vec())
        });
        assert_eq!(limit, expected, "{TX}: {config:?}");
    }
    for fragment_limit in [1, 64, 500, 16_384] {
        for (padding, pads_control) in
            [(Padding::None, true), (Padding::Block(64), false), (Padding::Block(64), true)]
        {
            let mut config = CONFIG;
            (config.fragment_limit, config.padding) = (fragment_limit, padding);
            config.pads_control = pads_control;
            check::<128>(config);
            check::<512>(config);
            check::<70_000>(config);
            check::<140_000>(config);
        }
    }
}
