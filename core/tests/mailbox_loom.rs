//! The mailbox under every interleaving of its calls: nothing that was posted is lost, and nothing is
//! taken twice.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p tls-record --no-default-features --features tls12,null-aead
//! --release --test mailbox_loom` runs it.

#![cfg(loom)]

use loom::sync::Arc;
use loom::thread;
use tls_record::{Mailbox, Notice, Signal};

/// Words with flags of their own: what arrives twice is seen.
const NOTICES: [u32; 3] = [1 << 8 | 20, 1 << 10, 1 << 11];
const SIGNALS: [u32; 2] = [1 << 9, 1 << 8 | 80];

/// Adds what was taken; none of it was there before.
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
fn notices_come_in_the_order_of_their_posting() {
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
            assert!(posted.into_iter().any(|posted| posted == all), "a later one came first");
        }
        opener.join().unwrap();
    });
}

#[test]
fn both_words_are_independent() {
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
fn whoever_takes_at_the_same_time_shares_what_there_is() {
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
