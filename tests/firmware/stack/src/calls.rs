//! The calls that are measured, with a connection around them.

use core::hint::black_box;

use tls_record::aead::{Aead, Algorithm, Provider};
use tls_record::{
    Config, Connection, Epoch, Event, KeySchedule, Opener, RecordLayer, Role, SUSPENDED_LEN,
    Sealer, TrafficSecret, Version,
};

use crate::{Depths, Stack};

type Layer<P> = RecordLayer<TrafficSecret<P>>;

/// The content of the longest record, and the room for it.
const CONTENT: usize = 600;
const ROOM: usize = CONTENT + 40;

/// Measures the ciphers alone, and the calls of a [`RecordLayer`].
pub fn measure<P: Provider>(
    stack: &Stack,
    version: Version,
    algorithm: Algorithm,
    depths: &mut Depths,
) {
    cipher::<P>(stack, version, algorithm, depths);
    let (mut client, mut server) = pair::<P>(stack, version, algorithm, depths);
    records(stack, &mut client, &mut server, depths);
    if version == Version::Tls13 {
        key_updates(stack, &mut client, &mut server, depths);
    }
    forgery(stack, &mut client, &mut server, depths);
    let (mut client, server) = pair::<P>(stack, version, algorithm, depths);
    let mut server = at_rest(stack, server, depths);
    close(stack, &mut client, &mut server, depths);
    let mut place = Some(client);
    depths.keep("drop", stack.depth(&mut || place = None));
}

/// The cipher, called as the engine calls it.
#[inline(never)]
fn cipher<P: Provider>(stack: &Stack, version: Version, algorithm: Algorithm, depths: &mut Depths) {
    let mut aead = secret::<P>(version, algorithm, 1).keys().ok().unwrap().aead;
    let (nonce, mut text, mut tag) = ([1; 12], [7; CONTENT], [0; 16]);
    let tag = &mut tag[..aead.tag_len()];
    let data = &[0; 13][..if version == Version::Tls12 { 13 } else { 5 }];
    for len in [1, 64, CONTENT] {
        let text = &mut text[..len];
        depths.keep("cipher: seal", stack.depth(&mut || seal(&mut aead, &nonce, data, text, tag)));
        depths.keep("cipher: open", stack.depth(&mut || open(&mut aead, &nonce, data, text, tag)));
    }
    if P::Aead::IS_OUT_OF_PLACE {
        let mut out = [0; CONTENT + 1 + 16];
        let out = &mut out[..CONTENT + 1 + tag.len()];
        let depth = stack.depth(&mut || seal_from(&mut aead, &nonce, data, &text, out));
        depths.keep("cipher: seal", depth);
        let (ciphertext, tag) = out.split_at(CONTENT + 1);
        let mut text = [0; CONTENT + 1];
        let depth =
            stack.depth(&mut || open_from(&mut aead, &nonce, data, ciphertext, tag, &mut text));
        depths.keep("cipher: open", depth);
    }
}

#[inline(never)]
fn seal<A: Aead>(aead: &mut A, nonce: &[u8; 12], data: &[u8], text: &mut [u8], tag: &mut [u8]) {
    aead.seal(nonce, data, text, tag).unwrap();
}

#[inline(never)]
fn seal_from<A: Aead>(aead: &mut A, nonce: &[u8; 12], data: &[u8], text: &[u8], out: &mut [u8]) {
    aead.seal_from(nonce, data, text, &[23], out).unwrap();
}

#[inline(never)]
fn open<A: Aead>(aead: &mut A, nonce: &[u8; 12], data: &[u8], text: &mut [u8], tag: &[u8]) {
    aead.open(nonce, data, text, tag).unwrap();
}

#[inline(never)]
fn open_from<A: Aead>(
    aead: &mut A,
    nonce: &[u8; 12],
    data: &[u8],
    ciphertext: &[u8],
    tag: &[u8],
    out: &mut [u8],
) {
    aead.open_from(nonce, data, ciphertext, tag, out).unwrap();
}

fn secret<P: Provider>(version: Version, algorithm: Algorithm, byte: u8) -> TrafficSecret<P> {
    let bytes = [byte; 48];
    let secret = match version {
        Version::Tls13 => TrafficSecret::tls13(algorithm, &bytes[..algorithm.secret_len()]),
        Version::Tls12 => {
            TrafficSecret::tls12(algorithm, &bytes[..algorithm.key_len()], &[byte; 12])
        }
    };
    secret.unwrap()
}

/// Client and server of a connection.
#[inline(never)]
fn pair<P: Provider>(
    stack: &Stack,
    version: Version,
    algorithm: Algorithm,
    depths: &mut Depths,
) -> (Layer<P>, Layer<P>) {
    let mut client = Layer::<P>::new(black_box(Config::new(Role::Client)));
    let mut server = Layer::<P>::new(black_box(Config::new(Role::Server)));
    for layer in [&mut client, &mut server] {
        let keys = || [1, 2].map(|byte| (secret::<P>(version, algorithm, byte), 1));
        let mut keys = Some(keys());
        let depth = stack.depth(&mut || {
            let [client, server] = keys.take().unwrap();
            layer.take_over(Epoch::Application, client, server).unwrap();
        });
        depths.keep("install", depth);
    }
    halves::<P>(stack, version, algorithm, depths);
    (client, server)
}

/// Keys for one half: what `STACK` is for.
#[inline(never)]
fn halves<P: Provider>(stack: &Stack, version: Version, algorithm: Algorithm, depths: &mut Depths) {
    let config = black_box(Config::new(Role::Client));
    let (mut opener, mut keys) = (Opener::new(config), Some(secret::<P>(version, algorithm, 1)));
    let depth =
        stack.depth(&mut || opener.take_over(Epoch::Application, keys.take().unwrap(), 1).unwrap());
    depths.keep("Opener::install", depth);
    let (mut sealer, mut keys) = (Sealer::new(config), Some(secret::<P>(version, algorithm, 1)));
    let depth =
        stack.depth(&mut || sealer.take_over(Epoch::Application, keys.take().unwrap(), 1).unwrap());
    depths.keep("Sealer::install", depth);
}

#[inline(never)]
fn records<P: Provider>(
    stack: &Stack,
    client: &mut Layer<P>,
    server: &mut Layer<P>,
    depths: &mut Depths,
) {
    let mut wire = [7; ROOM];
    for len in [1, 64, CONTENT] {
        let mut written = 0;
        let content = [7; CONTENT];
        let seal = stack.depth(&mut || {
            written = client.seal(&[&content[..len]], &mut wire).unwrap().written;
        });
        depths.keep("seal", seal);
        let open = stack.depth(&mut || {
            let opened = server.open(&mut wire[..written]).unwrap();
            assert!(matches!(opened.event, Event::ApplicationData(_)));
        });
        depths.keep("open, data", open);
        let in_place = stack.depth(&mut || written = client.seal_in_place(&mut wire, len).unwrap());
        depths.keep("seal_in_place", in_place);
        server.open(&mut wire[..written]).unwrap();
    }
}

#[inline(never)]
fn key_updates<P: Provider>(
    stack: &Stack,
    client: &mut Layer<P>,
    server: &mut Layer<P>,
    depths: &mut Depths,
) {
    let (mut wire, mut written) = ([0; 64], 0);
    client.update_keys(true).unwrap();
    for _ in 0..2 {
        let poll = stack.depth(&mut || written = client.poll_control(&mut wire).unwrap());
        depths.keep("poll_control, KeyUpdate", poll);
        let open = stack.depth(&mut || _ = server.open(&mut wire[..written]).unwrap());
        depths.keep("open, KeyUpdate", open);
        core::mem::swap(client, server);
    }
}

#[inline(never)]
fn forgery<P: Provider>(
    stack: &Stack,
    client: &mut Layer<P>,
    server: &mut Layer<P>,
    depths: &mut Depths,
) {
    let mut wire = [0; ROOM];
    let mut written = client.seal(&[&[7; CONTENT]], &mut wire).unwrap().written;
    wire[written - 1] ^= 1;
    let open = stack.depth(&mut || server.open(&mut wire[..written]).map(drop).unwrap_err_drop());
    depths.keep("open, forged", open);
    let poll = stack.depth(&mut || written = server.poll_control(&mut wire).unwrap());
    depths.keep("poll_control, fatal alert", poll);
    let open = stack.depth(&mut || client.open(&mut wire[..written]).map(drop).unwrap_err_drop());
    depths.keep("open, fatal alert", open);
}

trait Fails {
    fn unwrap_err_drop(self);
}

impl<E> Fails for Result<(), E> {
    fn unwrap_err_drop(self) {
        assert!(self.is_err());
    }
}

/// A connection that is suspended and resumed.
#[inline(never)]
fn at_rest<P: Provider>(stack: &Stack, layer: Layer<P>, depths: &mut Depths) -> Layer<P> {
    let (mut layer, key, mut bytes) = (layer, [3; 32], [0; SUSPENDED_LEN]);
    depths.keep("suspend", stack.depth(&mut || bytes = layer.suspend(&key).unwrap()));
    let mut resumed = None;
    depths.keep("resume", stack.depth(&mut || resumed = Layer::<P>::resume(&mut bytes, &key).ok()));
    resumed.unwrap()
}

#[inline(never)]
fn close<P: Provider>(
    stack: &Stack,
    client: &mut Layer<P>,
    server: &mut Layer<P>,
    depths: &mut Depths,
) {
    let (mut wire, mut written) = ([0; 64], 0);
    client.close().unwrap();
    let poll = stack.depth(&mut || written = client.poll_control(&mut wire).unwrap());
    depths.keep("poll_control, close_notify", poll);
    let open = stack.depth(&mut || {
        assert_eq!(server.open(&mut wire[..written]).unwrap().event, Event::Closed);
    });
    depths.keep("open, close_notify", open);
}

/// Measures the calls of a [`Connection`].
pub fn measure_connection<P: Provider>(
    stack: &Stack,
    version: Version,
    algorithm: Algorithm,
    depths: &mut Depths,
) {
    type Tls<P> = Connection<TrafficSecret<P>, 256>;
    let end = |role| {
        let mut connection = Tls::<P>::new(Layer::new(black_box(Config::new(role))));
        let [client, server] = [1, 2].map(|byte| (secret::<P>(version, algorithm, byte), 1));
        connection.take_over(Epoch::Application, client, server).unwrap();
        connection
    };
    let (mut client, mut server) = (end(Role::Client), end(Role::Server));
    let mut wire = [0; 256];
    let write = stack.depth(&mut || _ = client.write(&[&[7; 64]]).unwrap());
    depths.keep("Connection::write", write);
    let record = carry(&mut client, &mut wire);
    let received = stack.depth(&mut || _ = server.received(record).unwrap());
    depths.keep("Connection::received, data", received);
    if version == Version::Tls13 {
        let update = stack.depth(&mut || client.update_keys(true).unwrap());
        depths.keep("Connection::update_keys", update);
        let record = carry(&mut client, &mut wire);
        let received = stack.depth(&mut || _ = server.received(record).unwrap());
        depths.keep("Connection::received, KeyUpdate", received);
        client.received(carry(&mut server, &mut wire)).unwrap();
    }
    let (key, mut bytes) = ([3; 32], [0; SUSPENDED_LEN]);
    depths.keep("Connection::suspend", stack.depth(&mut || bytes = client.suspend(&key).unwrap()));
    let mut resumed = None;
    let resume = stack.depth(&mut || resumed = Tls::<P>::resume(&mut bytes, &key).ok());
    depths.keep("Connection::resume", resume);
    let mut client = resumed.unwrap();
    let shutdown = stack.depth(&mut || client.shutdown().unwrap_err_drop());
    depths.keep("Connection::shutdown", shutdown);
    let record = carry(&mut client, &mut wire);
    let received = stack.depth(&mut || _ = server.received(record).unwrap());
    depths.keep("Connection::received, close_notify", received);
    if version == Version::Tls13 {
        server.write(&[&[7; 64]]).unwrap();
        let record = carry(&mut server, &mut wire);
        record[record.len() - 1] ^= 1;
        let received = stack.depth(&mut || client.received(record).map(drop).unwrap_err_drop());
        depths.keep("Connection::received, forged", received);
    }
    let mut place = Some(client);
    depths.keep("drop of a Connection", stack.depth(&mut || place = None));
}

fn carry<'a, K: KeySchedule, const TX: usize>(
    from: &mut Connection<K, TX>,
    wire: &'a mut [u8],
) -> &'a mut [u8] {
    let wire = &mut wire[..from.unsent().len()];
    wire.copy_from_slice(from.unsent());
    from.sent(wire.len());
    wire
}
