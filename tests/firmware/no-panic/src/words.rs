//! Values: alerts, the closing state machine, headers, limits, notices and signals.

use core::hint::black_box as any;
use core::time::Duration;

use stub::Library;
use tls_record::aead::Algorithm;
use tls_record::close::{self, OnPeerClose, ReadState, Trigger, WriteState};
use tls_record::{
    Alert, AlertDescription, Control, ControlMessage, End, Epoch, Event, Fault, HandshakeHeader,
    HandshakePiece, HandshakeType, Header, Limits, Mailbox, Notice, Opened, ReadEnd, RecordBuffer,
    RecordBufferIn, RecordSizeLimit, RecordSizes, Signal, Version, WriteEnd, expand_label,
};

use crate::AnyBytes;

pub(crate) fn prove() {
    alerts();
    closing();
    records();
    between_the_halves();
    buffers();
}

fn alerts() {
    let description = any(AlertDescription::CLOSE_NOTIFY);
    any(AlertDescription::name(description));
    any(AlertDescription::class(description));
    any(AlertDescription::level(description));
    any(Alert::new(description));
    let alert = any(Alert::new(description));
    any(Alert::encode(alert));
    any(Alert::decode(any(&[1, 0])));
    any(Alert::plaintext_record(alert));
    any(Fault::alert(any(Fault::NotTls)));
    let control = any(Control::KeyUpdate { request: true });
    let message = any(Control::message(control));
    any(ControlMessage::content_type(&message));
    any(ControlMessage::as_bytes(any(&message)));
}

fn closing() {
    let (rule, trigger) = (any(OnPeerClose::Reply), any(Trigger::Close));
    let (read, write) = (any(ReadState::Open), any(WriteState::Open));
    any(OnPeerClose::in_version(any(Version::Tls12), rule));
    any(ReadState::after(read, trigger));
    any(WriteState::after(write, rule, trigger));
    any(WriteState::is_alert_due(write));
    any(close::transition(rule, read, write, trigger));
    let read = any(ReadEnd::Closed { epoch: Epoch::Application });
    any(End::is_clean(End { read, write: any(WriteEnd::Closed) }));
}

fn records() {
    any(Header::decode(any([23, 3, 3, 0, 1])));
    any(Header::encode(any(Header::decode([23, 3, 3, 0, 1]))));
    let header = any(HandshakeHeader::decode(any([1, 0, 0, 0])));
    any(HandshakeHeader::encode(header));
    let piece = HandshakePiece { header, offset: any(0), body: any(0..4) };
    any(HandshakePiece::is_last(&any(piece)));
    any(HandshakeType::FINISHED);

    let algorithm = any(Algorithm::Aes128Gcm);
    any(Algorithm::key_len(algorithm));
    any(Algorithm::secret_len(algorithm));
    any(Algorithm::tag_len(algorithm));
    any(Algorithm::confidentiality_limit(algorithm));
    any(Algorithm::has_explicit_nonce(algorithm));
    any(Algorithm::hash(algorithm));
    any(Algorithm::from_suite(any(0x1301)));
    let [secret, label, context]: [&[u8]; 3] = any([&[7; 48], b"key", b"context"]);
    let mut out = [0; 16];
    let out: &mut [u8] = any(&mut out);
    let _ = any(expand_label::<Library>(algorithm, secret, label, context, out));

    any(Limits::default());
    if let Some(limit) = any(RecordSizeLimit::new(any(64))) {
        any(RecordSizeLimit::get(limit));
        any(RecordSizeLimit::max_record_len(any(limit)));
    }
    let now = Duration::from_millis(any(1));
    let mut sizes = RecordSizes::new(any(1), any(2), Duration::from_millis(any(1)));
    any(RecordSizes::limit(any(&mut sizes), now));
    RecordSizes::sealed(any(&mut sizes), any(1), now);
    any(sizes);
}

fn between_the_halves() {
    let notice = Notice::from_bits(any(0));
    any(Notice::is_empty(notice));
    let _ = any(Notice::merge(notice, Notice::from_bits(any(1))));
    any(Notice::bits(notice));
    let signal = Signal::from_bits(any(0));
    any(Signal::is_empty(signal));
    let _ = any(Signal::merge(signal, Signal::from_bits(any(1))));
    any(Signal::bits(signal));

    let mailbox = Mailbox::new();
    let mailbox = any(&mailbox);
    Mailbox::post_notice(mailbox, any(notice));
    let _ = any(Mailbox::take_notice(mailbox));
    Mailbox::post_signal(mailbox, any(signal));
    let _ = any(Mailbox::take_signal(mailbox));
}

fn buffers() {
    buffer(RecordBuffer::<0>::new());
    buffer(RecordBuffer::<600>::new());
    buffer(RecordBuffer::<18_437>::new());
    buffer(RecordBufferIn::new_in(AnyBytes));
}

fn buffer<const LEN: usize, B: AsRef<[u8]> + AsMut<[u8]>>(mut buffer: RecordBuffer<LEN, B>) {
    let buffer = any(&mut buffer);
    let _ = any(RecordBuffer::room(any(buffer)));
    RecordBuffer::received(any(buffer), any(5));
    any(RecordBuffer::filled(any(buffer)));
    let opened = Opened { consumed: any(5), event: any(Event::NeedMore { total: 600 }) };
    RecordBuffer::consume(any(buffer), &opened);
}
