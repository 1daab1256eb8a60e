//! Model-checks the mailbox and linked halves: in every interleaving of calls, nothing that was
//! posted is lost, and nothing is taken twice.
//!
//! Run it with `RUSTFLAGS="--cfg loom" cargo test -p tls-record --no-default-features --features
//! tls12,null-aead --release --test mailbox_loom`.

#![cfg(loom)]

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;
use tls_record::aead::{Algorithm, null::Null};
use tls_record::{
    Config, Epoch, Event, Fault, Linked, Mailbox, Notice, OpenError, Opener, RecordLayer, Role,
    SealError, Sealer, ShutdownError, Signal, TrafficSecret,
};

/// Words that share no set bit, so that a word that is taken twice is noticed.
const NOTICES: [u32; 3] = [1 << 8 | 20, 1 << 10, 1 << 11];
const SIGNALS: [u32; 2] = [1 << 9, 1 << 8 | 80];

/// Adds the bits that were taken. Panics if one of them was taken before.
fn add(all: &mut u32, taken: u32) {
    assert_eq!(*all & taken, 0, "taken twice");
    *all |= taken;
}

fn union(words: &[u32]) -> u32 {
    words.iter().fold(0, |all, word| all | word)
}

#[test]
fn no_notice_is_lost_or_taken_twice() {
    loom::model(|| {
        let mailbox = Arc::new(Mailbox::new());
        let opener = {
            let mailbox = mailbox.clone();
            thread::spawn(move || {
                for notice in NOTICES {
                    mailbox.post_notice(Notice::from_bits(notice));
                }
            })
        };
        let mut all = 0;
        for _ in 0..2 {
            add(&mut all, mailbox.take_notice().bits());
        }
        opener.join().unwrap();
        add(&mut all, mailbox.take_notice().bits());
        assert_eq!(all, union(&NOTICES));
        assert!(mailbox.take_notice().is_empty());
    });
}

#[test]
fn notices_are_taken_in_the_order_in_which_they_were_posted() {
    loom::model(|| {
        let mailbox = Arc::new(Mailbox::new());
        let opener = {
            let mailbox = mailbox.clone();
            thread::spawn(move || {
                for notice in NOTICES {
                    mailbox.post_notice(Notice::from_bits(notice));
                }
            })
        };
        let mut all = 0;
        for _ in 0..3 {
            add(&mut all, mailbox.take_notice().bits());
            let posted = (0..=NOTICES.len()).map(|count| union(&NOTICES[..count]));
            assert!(posted.into_iter().any(|posted| posted == all), "a later notice came first");
        }
        opener.join().unwrap();
    });
}

#[test]
fn notices_and_signals_are_independent() {
    loom::model(|| {
        let mailbox = Arc::new(Mailbox::new());
        // Each half posts and takes, as an opener and a sealer do.
        let opener = {
            let mailbox = mailbox.clone();
            thread::spawn(move || {
                let mut signals = 0;
                for notice in &NOTICES[..2] {
                    add(&mut signals, mailbox.take_signal().bits());
                    mailbox.post_notice(Notice::from_bits(*notice));
                }
                signals
            })
        };
        let mut notices = 0;
        for signal in SIGNALS {
            add(&mut notices, mailbox.take_notice().bits());
            mailbox.post_signal(Signal::from_bits(signal));
        }
        let mut signals = opener.join().unwrap();
        add(&mut notices, mailbox.take_notice().bits());
        add(&mut signals, mailbox.take_signal().bits());
        assert_eq!(notices, union(&NOTICES[..2]));
        assert_eq!(signals, union(&SIGNALS));
    });
}

#[test]
fn each_notice_goes_to_one_of_two_concurrent_takers() {
    loom::model(|| {
        let mailbox = Arc::new(Mailbox::new());
        mailbox.post_notice(Notice::from_bits(NOTICES[0]));
        let other = {
            let mailbox = mailbox.clone();
            thread::spawn(move || mailbox.take_notice().bits())
        };
        mailbox.post_notice(Notice::from_bits(NOTICES[1]));
        let mut all = mailbox.take_notice().bits();
        add(&mut all, other.join().unwrap());
        add(&mut all, mailbox.take_notice().bits());
        assert_eq!(all, union(&NOTICES[..2]));
    });
}

// Linked halves

type Secret = TrafficSecret<Null>;

fn layer(role: Role) -> RecordLayer<Secret> {
    let mut config = Config::new(role);
    // Only KeyUpdates that were requested are tolerated.
    config.limits.key_updates = 0;
    let mut layer = RecordLayer::new(config);
    let secret = |byte| Secret::tls13(Algorithm::Aes128Gcm, &[byte; 32]).unwrap();
    layer.install(Epoch::Application, secret(1), secret(2)).unwrap();
    layer
}

/// Returns the halves of a server, over a leaked mailbox because loom's threads are `'static`.
fn linked() -> (Linked<'static, Opener<Secret>>, Linked<'static, Sealer<Secret>>) {
    layer(Role::Server).split_over(Box::leak(Box::new(Mailbox::new())))
}

fn seal(sealer: &mut Linked<'_, Sealer<Secret>>) -> Result<usize, SealError> {
    sealer.with(|sealer| sealer.seal(&[b"data"], &mut [0; 64])).map(|sealed| sealed.written)
}

#[test]
fn no_data_is_sealed_after_the_alert_for_a_forged_record() {
    loom::model(|| {
        let (mut opener, mut sealer) = linked();
        let sending = thread::spawn(move || {
            let before = [seal(&mut sealer), seal(&mut sealer)];
            assert!(before.is_sorted_by_key(|sealed| sealed.is_err()), "{before:?}");
            sealer
        });
        let mut forged = [&[23, 3, 3, 0, 17][..], &[0; 17]].concat();
        let opened = opener.with(|opener| opener.open(&mut forged));
        assert_eq!(opened, Err(OpenError::Fault(Fault::BadRecordMac)));

        let mut sealer = sending.join().unwrap();
        assert_eq!(seal(&mut sealer), Err(SealError::Failed));
        let mut alert = || sealer.with(|sealer| sealer.poll_control(&mut [0; 64]));
        assert_eq!([alert(), alert()], [Ok(24), Ok(0)], "exactly one alert is sealed");
    });
}

#[test]
fn records_that_arrive_after_a_close_count_for_the_second_step() {
    loom::model(|| {
        let (mut opener, mut sealer) = linked();
        let sending = thread::spawn(move || sealer.with(|sealer| sealer.close()).unwrap());
        let mut client = layer(Role::Client);
        let mut receive = || {
            let mut record = [0; 64];
            let sealed = client.seal(&[b"data"], &mut record).unwrap();
            opener.with(|opener| opener.open(&mut record[..sealed.written])).unwrap();
            opener.with(|opener| opener.check_closed(u32::MAX))
        };
        let meanwhile = receive();
        sending.join().unwrap();
        let after = receive();
        let [first, second] = [meanwhile, after].map(|closed| match closed {
            Err(ShutdownError::AwaitingPeer { drained }) => drained / 26, // records
            closed => panic!("{closed:?}"),
        });
        assert!(matches!((first, second), (0, 1) | (1, 2)), "{first}, {second}");
    });
}

#[test]
fn the_opener_knows_of_a_request_before_its_record_can_be_sent() {
    loom::model(|| {
        let (mut opener, mut sealer) = linked();
        let is_sent = Arc::new(AtomicBool::new(false));
        let sending = {
            let is_sent = is_sent.clone();
            thread::spawn(move || {
                sealer.with(|sealer| sealer.update_keys(true)).unwrap();
                sealer.with(|sealer| sealer.poll_control(&mut [0; 64])).unwrap();
                is_sent.store(true, Ordering::Release);
                sealer
            })
        };
        // The earliest answer that a peer can send.
        opener.half();
        if is_sent.load(Ordering::Acquire) {
            let mut answer = [0; 64];
            let mut client = layer(Role::Client);
            client.update_keys(false).unwrap();
            let length = client.poll_control(&mut answer).unwrap();
            let opened = opener.with(|opener| opener.open(&mut answer[..length])).unwrap();
            assert_eq!(opened.event, Event::KeyUpdate { requested: false });
        }
        let sealer = sending.join().unwrap();
        RecordLayer::join_linked(opener, sealer).unwrap();
    });
}
