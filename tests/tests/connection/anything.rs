//! Random calls at any time, by one caller and by two.

use tls_record::close::OnPeerClose;
use tls_record::{
    AlertDescription, Config, Connection, End, Epoch, Event, Mailbox, ReadEnd, RecordLayer, Role,
    SealError, ShutdownError, WriteEnd, Writer,
};
use tls_record_tests::records::{
    ALERT, CLOSE_NOTIFY, DATA, Got, HANDSHAKE, Layer, Secret, Suite, key_update,
};

use crate::support::{CLEAN, Random, Wired, alert};

/// Makes random calls: the written and committed data is sent byte by byte and in order, the slot
/// keeps its place, and control records are neither lost nor sent twice.
fn anything_at_any_time<const TX: usize>(suite: Suite, seed: u64) {
    let mut random = Random(seed | 1);
    let mut end = Wired::<TX>::configured(suite, |config| {
        if suite == Suite::Tls13 {
            config.key_limit = 9;
        }
    });
    let limit = usize::from(end.tls.writer().sealer().fragment_limit());
    // Byte n of the data is n.
    let (mut written, mut arrived) = (0_u64, 0_u64);
    let (mut slot, mut requests, mut replies) = (None::<(usize, *const u8)>, 0, 0);
    let stream = |from: u64, len: usize| -> Vec<u8> {
        (0..len as u64).map(|i| ((from + i) % 251) as u8).collect()
    };
    for _ in 0..2000 {
        match random.below(12) {
            0..3 => {
                let content = stream(written, random.below(2 * limit));
                let (front, back) = content.split_at(random.below(content.len() + 1));
                match end.tls.write(&[front, b"", back]) {
                    Ok(taken) => written += taken as u64,
                    Err(SealError::NoSpace { need }) => assert!(need <= TX),
                    Err(SealError::SlotReserved) => assert!(slot.is_some()),
                    Err(error) => panic!("{error}"),
                }
            }
            3 => {
                let len = random.below(limit + 1);
                match end.tls.reserve(len) {
                    Ok(place) => {
                        place.copy_from_slice(&stream(written, len));
                        slot = Some((len, place.as_ptr()));
                    }
                    Err(SealError::NoSpace { need }) => assert!(need <= TX),
                    Err(SealError::SlotReserved) => assert!(slot.is_some()),
                    Err(error) => panic!("{error}"),
                }
            }
            4 => {
                if let Some((len, _)) = slot {
                    let part = random.below(len + 1);
                    match end.tls.commit(part) {
                        Ok(()) => {
                            written += part as u64;
                            slot = None;
                        }
                        Err(SealError::NoSpace { .. }) => assert!(!end.tls.unsent().is_empty()),
                        Err(error) => panic!("{error}"),
                    }
                }
            }
            5 if slot.is_some() && random.below(4) == 0 => {
                end.tls.discard().unwrap();
                slot = None;
            }
            6 if suite == Suite::Tls13 && random.below(4) == 0 => {
                // There is at least one answer.
                end.accept(HANDSHAKE, &key_update(1));
                end.accept(DATA, b"data");
                requests += 1;
            }
            _ => {
                end.take(random.below(TX / 2));
            }
        }
        if let Some((len, at)) = slot {
            let place = end.tls.slot_mut().expect("nothing took it away");
            assert_eq!(place.as_ptr(), at, "it has not moved");
            assert_eq!(place, stream(written, len), "its content is as it was");
        }
        for (content_type, content) in end.opened() {
            match content_type {
                DATA => {
                    assert_eq!(content, stream(arrived, content.len()));
                    arrived += content.len() as u64;
                }
                HANDSHAKE => {
                    assert_eq!(content, key_update(0));
                    replies += 1;
                }
                other => panic!("{other:?}"),
            }
        }
    }
    if slot.is_some() {
        end.tls.discard().unwrap();
    }
    let _ = end.tls.shutdown();
    let rest = end.send_in(1 + random.below(TX));
    arrived += rest.iter().filter(|record| record.0 == DATA).map(|r| r.1.len() as u64).sum::<u64>();
    replies += rest.iter().filter(|record| record.0 == HANDSHAKE).count();
    assert_eq!(rest.last(), Some(&alert(CLOSE_NOTIFY)));
    assert_eq!(arrived, written);
    assert!(written > 1000, "{written}");
    assert!(suite != Suite::Tls13 || (replies > 20 && requests > 20), "{replies} {requests}");
}

#[test]
fn random_calls_lose_nothing_and_move_no_slot() {
    for seed in 1..=3 {
        for suite in Suite::ALL {
            anything_at_any_time::<128>(suite, seed);
            anything_at_any_time::<150>(suite, seed);
            anything_at_any_time::<400>(suite, seed);
            anything_at_any_time::<3000>(suite, seed);
        }
    }
}

#[test]
fn a_layer_of_any_kind_becomes_a_connection() {
    let layer: RecordLayer<Secret> = Layer::new(Config::new(Role::Client));
    let mut tls = Connection::<Secret, 128>::new(layer);
    assert_eq!(tls.write(&[b"data"]), Err(SealError::NoKeys));
    assert_eq!(tls.commit(0), Err(SealError::NoSlot));
    tls.sent(1000);
    assert_eq!(tls.eof(), ReadEnd::Truncated { epoch: Epoch::Plaintext, inside_record: false });
}

/// The progress of the two directions, as numbers that never decrease.
fn progress(end: End) -> (u8, u8) {
    let read = match end.read {
        ReadEnd::Open => 0,
        ReadEnd::Closed { .. }
        | ReadEnd::Truncated { .. }
        | ReadEnd::PeerAlert(_)
        | ReadEnd::Fault(_)
        | ReadEnd::HandedOver => 1,
    };
    let write = match end.write {
        WriteEnd::Open => 0,
        WriteEnd::Closing => 1,
        WriteEnd::AlertQueued(_) => 2,
        WriteEnd::Closed | WriteEnd::AlertSent(_) | WriteEnd::Failed | WriteEnd::HandedOver => 3,
    };
    (read, write)
}

/// Makes every call with any argument, however senseless, and receives any bytes.
fn anything_by_anybody(suite: Suite, seed: u64) -> End {
    const TX: usize = 200;
    let mut random = Random(seed | 1);
    let mut end = Wired::<TX>::configured(suite, |config| {
        config.key_limit = [5, 9, 1000][random.below(3)];
        config.tls12_on_peer_close = [OnPeerClose::Reply, OnPeerClose::HalfClose][random.below(2)];
    });
    let (mut written, mut answers) = (Vec::new(), [0; 3]);
    let mut records = Vec::new();
    for _ in 0..120 {
        let before = end.tls.end();
        let len = random.below(2 * TX);
        match random.below(24) {
            0..6 => {
                let content = vec![random.below(256) as u8; len];
                if let Ok(taken) = end.tls.write(&[&content]) {
                    written.extend(&content[..taken]);
                }
            }
            6..8 => drop(end.tls.reserve(len).map(|slot| slot.fill(7))),
            8..10 => {
                if end.tls.commit(len).is_ok() {
                    written.extend(vec![7; len]);
                }
            }
            10 => {
                let _ = end.tls.discard();
            }
            11 => {
                let _ = end.tls.update_keys(random.below(2) == 0);
            }
            12 if random.below(4) == 0 => match end.tls.shutdown() {
                Ok(()) => {
                    answers[0] += 1;
                    assert_eq!(
                        (end.tls.end().write, end.tls.unsent()),
                        (WriteEnd::Closed, &[][..])
                    );
                }
                Err(ShutdownError::WouldBlock) => assert_ne!(end.tls.unsent(), []),
                Err(_) => {}
            },
            13 if random.below(4) == 0 => {
                if end.tls.shutdown_both(len as u32) == Ok(()) {
                    assert_eq!(end.tls.end(), CLEAN);
                    answers[1] += 1;
                }
            }
            14 if random.below(8) == 0 => {
                let description = AlertDescription(random.below(256) as u8);
                let _ = end.tls.abort(description);
            }
            15 if random.below(8) == 0 => {
                let _ = end.tls.eof();
            }
            16 if random.below(8) == 0 => {
                let record = end.peer.forge(DATA, b"forged");
                assert!(before.read != ReadEnd::Open || end.receive(&record).is_err());
            }
            17 if random.below(4) == 0 => {
                let content = [[1, 0], [2, 80], [1, 90], [1, 41]][random.below(4)];
                let record = end.peer.seal(ALERT, &content);
                let _ = end.receive(&record);
            }
            18 if suite == Suite::Tls13 => {
                let request = random.below(2) as u8;
                let record = end.peer.seal(HANDSHAKE, &key_update(request));
                if let Ok(got) = end.receive(&record)
                    && got == [Got::KeyUpdate(request == 1)]
                {
                    end.peer.update();
                }
            }
            19 if suite != Suite::Tls13 => {
                let _ = end.tls.with_halves(|_, sealer| sealer.refuse_renegotiation());
            }
            20 if random.below(16) == 0 => {
                let _ = end.tls.with_halves(|_, sealer| sealer.cancel());
            }
            21 => {
                let record = end.peer.seal(DATA, b"data");
                let _ = end.receive(&record);
            }
            _ => {
                let _ = end.take(random.below(TX));
            }
        }
        assert!(end.tls.unsent().len() <= TX);
        let (then, now) = (progress(before), progress(end.tls.end()));
        assert!(then.0 <= now.0 && then.1 <= now.1, "{before:?} became {:?}", end.tls.end());
        assert!(then.0 == 0 || before.read == end.tls.end().read, "reading ends once");
        assert!(then.1 < 3 || before.write == end.tls.end().write, "writing ends once");
        assert!(end.tls.may_write() || !end.tls.can_write());
        records.extend(end.opened());
    }
    // In the end the transport takes everything.
    while end.take(TX) != 0 {}
    records.extend(end.opened());

    // The written data was sent, followed by at most one end.
    let ends: Vec<_> = records
        .iter()
        .enumerate()
        .filter(|(_, (content_type, content))| {
            *content_type == ALERT && content[..] != [1, 90] && content[..] != [1, 100]
        })
        .collect();
    assert!(ends.len() <= 1, "{ends:?}");
    let last = ends.first().map(|(at, (_, content))| {
        assert_eq!(*at, records.len() - 1, "nothing follows the end");
        content.clone()
    });
    let left: Vec<u8> =
        records.iter().filter(|record| record.0 == DATA).flat_map(|r| r.1.clone()).collect();
    assert!(written.starts_with(&left));
    match end.tls.end().write {
        WriteEnd::Open => assert!(last.is_none()),
        WriteEnd::Closed => assert_eq!((last, left), (Some(vec![1, 0]), written)),
        WriteEnd::AlertSent(description) => {
            assert_eq!((last, left), (Some(vec![2, description.0]), written));
        }
        // An end that was being sent when the peer failed was sent in part at most.
        WriteEnd::Failed => assert!(last.is_none()),
        WriteEnd::Closing | WriteEnd::AlertQueued(_) | WriteEnd::HandedOver => {
            panic!("it has all left")
        }
    }
    end.tls.end()
}

/// The same for two halves, each of which gets the notices and signals of the other late.
fn anything_by_late_halves(suite: Suite, seed: u64) -> End {
    const TX: usize = 200;
    let mut random = Random(seed | 1);
    let Wired { tls, mut peer, mut mirror, .. } = Wired::<TX>::new(suite);
    let (mut opener, mut writer) = tls.split();
    let (mailbox, mut wire, mut written) = (Mailbox::new(), Vec::new(), Vec::new());
    let mut take = |writer: &mut Writer<Secret, TX>, len: usize| {
        // The signal is posted before its record is sent.
        mailbox.post_signal(writer.take_signal());
        let len = len.min(writer.unsent().len());
        wire.extend_from_slice(&writer.unsent()[..len]);
        writer.sent(len);
    };
    for _ in 0..120 {
        match random.below(16) {
            0..3 => {
                let content = vec![random.below(256) as u8; random.below(TX)];
                let taken = writer.write(&[&content]).unwrap_or(0);
                written.extend(&content[..taken]);
            }
            3 => {
                let _ = writer.reserve(random.below(100)).map(|slot| slot.fill(7));
            }
            4 | 5 => {
                let len = random.below(100);
                if writer.commit(len).is_ok() {
                    written.extend(vec![7; len]);
                }
            }
            6 => {
                let _ = writer.discard();
            }
            7 => {
                let _ = writer.update_keys(random.below(2) == 0);
            }
            8 if random.below(4) == 0 => {
                let _ = writer.shutdown();
            }
            9 if random.below(16) == 0 => {
                let _ = writer.abort(AlertDescription::HANDSHAKE_FAILURE);
            }
            10 => {
                opener.apply(mailbox.take_signal());
                let mut record = match random.below(20) {
                    0 => peer.forge(DATA, b"forged"),
                    1 => peer.seal(ALERT, &CLOSE_NOTIFY),
                    2 if random.below(4) == 0 => peer.seal(ALERT, &[2, 80]),
                    3..10 if suite == Suite::Tls13 => peer.seal(HANDSHAKE, &key_update(1)),
                    _ => peer.seal(DATA, b"data"),
                };
                if let Ok(Event::KeyUpdate { .. }) = opener.open(&mut record).map(|it| it.event) {
                    peer.update();
                }
                mailbox.post_notice(opener.take_notice());
            }
            11 if random.below(16) == 0 => {
                opener.eof();
                mailbox.post_notice(opener.take_notice());
            }
            12 | 13 => writer.apply(mailbox.take_notice()),
            _ => take(&mut writer, random.below(TX)),
        }
    }
    opener.apply(mailbox.take_signal());
    writer.apply(mailbox.take_notice());
    while !writer.unsent().is_empty() {
        take(&mut writer, TX);
    }
    opener.apply(mailbox.take_signal());
    let tls = Connection::join(opener, writer).unwrap();

    let (mut left, mut last) = (Vec::new(), None);
    let mut rest = &wire[..];
    while let Some(&[_, _, _, high, low]) = rest.get(..5)
        && let Some(record) = rest.get(..5 + usize::from(u16::from_be_bytes([high, low])))
    {
        assert_eq!(last, None, "nothing follows the end");
        rest = &rest[record.len()..];
        match mirror.open(record) {
            (DATA, content) => left.extend(content),
            (HANDSHAKE, _) => mirror.update(),
            (_, content) => last = Some(content),
        }
    }
    assert!(written.starts_with(&left));
    match tls.end().write {
        WriteEnd::Open | WriteEnd::Failed => assert_eq!(last, None),
        WriteEnd::Closed => assert_eq!((last, left), (Some(vec![1, 0]), written)),
        WriteEnd::AlertSent(description) => {
            assert_eq!((last, left), (Some(vec![2, description.0]), written));
        }
        WriteEnd::Closing | WriteEnd::AlertQueued(_) | WriteEnd::HandedOver => {
            panic!("it has all left")
        }
    }
    tls.end()
}

#[test]
fn halves_that_learn_late_send_at_most_one_end_and_nothing_after_it() {
    let mut ends = std::collections::BTreeMap::<_, usize>::new();
    for suite in Suite::ALL {
        for seed in 0..1000_u64 {
            let end = anything_by_late_halves(suite, seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let name = format!("{:?}", end.write);
            *ends.entry(name.split('(').next().unwrap_or_default().to_owned()).or_default() += 1;
        }
    }
    println!("{ends:?}");
    for name in ["Open", "Closed", "AlertSent", "Failed"] {
        assert!(ends[name] > 50, "{name}");
    }
}

#[test]
fn any_calls_send_at_most_one_end_and_nothing_after_it() {
    let mut ends = std::collections::BTreeMap::<_, usize>::new();
    for suite in Suite::ALL {
        for seed in 0..2000_u64 {
            let end = anything_by_anybody(suite, seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let name = format!("{:?}", end.write);
            *ends.entry(name.split('(').next().unwrap_or_default().to_owned()).or_default() += 1;
        }
    }
    println!("{ends:?}");
    for name in ["Open", "Closed", "AlertSent", "Failed"] {
        assert!(ends[name] > 50, "{name}");
    }
}
