//! What someone sees who listens, and what becomes of messages that are lost, doubled, swapped or changed.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use heapless::spsc::{Producer, Queue};
use tls_record::{AlertDescription, Event, Fault, SealError, WriteEnd};

use super::*;
use crate::serial_line::{QUEUE, SerialLine};

/// Has the conversation over a bus that does this to a message of the client. Returns the ends, and what
/// each sent.
fn converse_with(damage: Option<(Damage, usize)>) -> ([App<Port>; 2], [Vec<[u8; MESSAGE]>; 2]) {
    let [client, server] = Port::pair();
    client.output.borrow_mut().damage = damage;
    let directions = [client.output.clone(), server.output.clone()];
    let ends = converse(App::new(Role::Client, client), App::new(Role::Server, server));
    (ends, directions.map(|direction| direction.borrow().overheard.clone()))
}

/// Opens what an end of this role has sent: an event for each message.
fn events(role: Role, messages: &[[u8; MESSAGE]]) -> Vec<Event> {
    let peer = if role == Role::Client { Role::Server } else { Role::Client };
    let mut tls = connection(peer);
    let open = |mut message: [u8; MESSAGE]| {
        let opened = tls.received(&mut message).unwrap();
        assert_eq!(opened.consumed, MESSAGE, "a message is a record");
        opened.event
    };
    messages.iter().copied().map(open).collect()
}

/// How many bytes of data are in each message of the client, if none is damaged.
fn data_of_the_client() -> Vec<usize> {
    let (_, [messages, _]) = converse_with(None);
    let len = |event: &Event| match event {
        Event::ApplicationData(range) => range.len(),
        _ => 0,
    };
    events(Role::Client, &messages).iter().map(len).collect()
}

#[test]
fn both_ends_converse_update_their_keys_and_close() {
    let ([client, server], _) = converse_with(None);
    assert_eq!([&client.error, &server.error], [&None; 2]);
    assert!(client.tls.end().is_clean() && server.tls.end().is_clean());
    assert_eq!([server.received, client.received], conversation());
}

#[test]
fn data_key_updates_alerts_and_close_notify_look_alike() {
    let (_, [from_client, from_server]) = converse_with(None);
    let mut tls = connection(Role::Client);
    tls.abort(AlertDescription::INTERNAL_ERROR).unwrap();
    let alert: [u8; MESSAGE] = tls.unsent().try_into().unwrap();

    for message in from_client.iter().chain(&from_server).chain([&alert]) {
        assert_eq!(message[..5], [23, 3, 3, 0, 59]);
    }
    // All kinds were among them.
    for (role, messages) in [(Role::Client, &from_client), (Role::Server, &from_server)] {
        let events = events(role, messages);
        assert!(events.iter().any(|event| matches!(event, Event::ApplicationData(_))));
        assert!(events.iter().any(|event| matches!(event, Event::KeyUpdate { .. })));
        assert_eq!(events.last(), Some(&Event::Closed));
    }
}

/// Checks that a damaged message was noticed: only what came before it was delivered, and both ends know.
fn check_noticed(damage: Damage, at: usize, data: &[usize]) {
    let ([client, server], _) = converse_with(Some((damage, at)));
    let intact = if damage == Damage::Double { at + 1 } else { at };
    let expected: usize = data[..intact].iter().sum();
    assert!(server.received == conversation()[0][..expected], "{damage:?} {at}");
    let Some(OpenError::Fault(fault)) = server.error else {
        panic!("{damage:?} {at}: {:?}", server.tls.end());
    };
    let alert = fault.alert().unwrap();
    assert_eq!(server.tls.end().write, WriteEnd::AlertSent(alert));
    assert_eq!(client.error, Some(OpenError::PeerAlert(alert)), "{damage:?} {at}");
    assert!(!server.tls.end().is_clean() && !client.tls.end().is_clean());
    if !matches!(damage, Damage::Flip(_)) {
        assert_eq!(fault, Fault::BadRecordMac);
    }
}

#[test]
fn a_message_that_is_lost_doubled_or_swapped_ends_the_connection_with_bad_record_mac() {
    let data = data_of_the_client();
    let last = data.len() - 1;
    for at in 0..last {
        for damage in [Damage::Lose, Damage::Double, Damage::Swap] {
            check_noticed(damage, at, &data);
        }
    }
}

#[test]
fn a_changed_bit_in_any_byte_of_a_message_ends_the_connection() {
    let data = data_of_the_client();
    for at in [0, 4] {
        for byte in 0..MESSAGE {
            check_noticed(Damage::Flip(byte), at, &data);
        }
    }
}

/// Nothing comes behind it that could not be opened. A timeout stands for the end of the bus.
#[test]
fn a_lost_close_notify_is_a_truncation_and_a_doubled_one_changes_nothing() {
    let last = data_of_the_client().len() - 1;
    let ([client, server], _) = converse_with(Some((Damage::Lose, last)));
    assert!(matches!(server.tls.end().read, ReadEnd::Truncated { inside_record: false, .. }));
    assert!(matches!(client.tls.end().read, ReadEnd::Truncated { .. }));
    assert_eq!(server.received, conversation()[0]);

    let ([client, server], _) = converse_with(Some((Damage::Double, last)));
    assert!(client.tls.end().is_clean() && server.tls.end().is_clean());
}

#[test]
fn a_message_that_holds_a_part_of_a_record_is_a_decode_error() {
    let [client, server] = Port::pair();
    let (mut client, mut server) = (App::new(Role::Client, client), App::new(Role::Server, server));
    let mut message = [0; MESSAGE];
    message[..5].copy_from_slice(&[23, 3, 3, 0, 60]);
    assert!(client.bus.send(&message));
    server.turn();
    client.turn();
    assert_eq!(client.error, Some(OpenError::PeerAlert(AlertDescription::DECODE_ERROR)));
}

/// Each writes as much as it can and reads only between: no call waits, and the buffers are bounded.
#[test]
fn two_ends_that_write_at_once_over_a_bus_with_room_for_two_messages_both_get_on() {
    let [client, server] = Port::pair();
    for port in [&client, &server] {
        port.output.borrow_mut().capacity = Some(2);
    }
    let mut ends = [App::new(Role::Client, client), App::new(Role::Server, server)];
    let data = [7; 10_000];
    let mut written = [0; 2];
    // Without a turn of the driver: a clear answer.
    for (app, written) in ends.iter_mut().zip(&mut written) {
        *written += app.tls.write(&[&data]).unwrap();
        assert_eq!(app.tls.write(&[&data]), Err(SealError::NoSpace { need: MESSAGE }));
    }
    for _ in 0..10_000 / 42 {
        for (app, written) in ends.iter_mut().zip(&mut written) {
            app.turn();
            *written += app.tls.write(&[&data[*written..]]).unwrap_or(0);
        }
    }
    for _ in 0..10 {
        ends.iter_mut().for_each(App::turn);
    }
    assert!(ends.iter().all(|app| app.received == data));
}

/// A UART and its interrupt handler, at one end of a serial line.
struct Uart<'q, F> {
    line: SerialLine<'q, F>,
    handler: Producer<'q, u8>,
    input: Rc<RefCell<Wire>>,
}

/// One direction of a serial line.
#[derive(Default)]
struct Wire {
    bytes: VecDeque<u8>,
    carried: usize,
    damage: Option<(Damage, usize)>,
}

impl<F: FnMut(&[u8; MESSAGE]) -> bool> Bus for Uart<'_, F> {
    fn send(&mut self, message: &[u8; MESSAGE]) -> bool {
        self.line.send(message)
    }

    fn receive(&mut self) -> Option<[u8; MESSAGE]> {
        loop {
            // An interrupt for each byte, and the main loop after each.
            if let Some(message) = self.line.receive() {
                return Some(message);
            }
            let wire = &mut *self.input.borrow_mut();
            let byte = wire.bytes.pop_front()?;
            let damage =
                wire.damage.filter(|(_, at)| *at == wire.carried).map(|(damage, _)| damage);
            wire.carried += 1;
            if damage != Some(Damage::Lose) {
                self.handler.enqueue(byte).unwrap();
            }
            if damage == Some(Damage::Double) {
                self.handler.enqueue(byte).unwrap();
            }
        }
    }
}

/// Has the conversation over a serial line that does this to a byte of the client. Returns what was
/// received, the errors, and how it ended, the client's first.
fn converse_over_serial_line(
    damage: Option<(Damage, usize)>,
) -> ([Vec<u8>; 2], [Option<OpenError>; 2], [End; 2]) {
    let wires = [(); 2].map(|()| Rc::new(RefCell::new(Wire::default())));
    wires[0].borrow_mut().damage = damage;
    let mut queues = [Queue::<u8, QUEUE>::new(), Queue::new()];
    let mut queues = queues.iter_mut();
    let mut end = |role, output: &Rc<RefCell<Wire>>, input: &Rc<RefCell<Wire>>| {
        let (handler, consumer) = queues.next().unwrap().split();
        let output = output.clone();
        let transmit = move |message: &[u8; MESSAGE]| {
            let is_idle = output.borrow().bytes.is_empty();
            if is_idle {
                output.borrow_mut().bytes.extend(message);
            }
            is_idle
        };
        let line = SerialLine::new(consumer, transmit);
        App::new(role, Uart { line, handler, input: input.clone() })
    };
    let client = end(Role::Client, &wires[0], &wires[1]);
    let server = end(Role::Server, &wires[1], &wires[0]);
    let ends = converse(client, server);
    let how = [ends[0].tls.end(), ends[1].tls.end()];
    let errors = [ends[0].error, ends[1].error];
    (ends.map(|app| app.received), errors, how)
}

#[test]
fn messages_pass_over_a_serial_line_a_byte_at_a_time() {
    let ([to_client, to_server], errors, ends) = converse_over_serial_line(None);
    assert_eq!([to_server, to_client], conversation());
    assert_eq!(errors, [None; 2]);
    assert_eq!(ends.map(End::is_clean), [true; 2]);
}

#[test]
fn a_byte_that_a_serial_line_loses_or_doubles_ends_the_connection() {
    let data = data_of_the_client();
    for at in 0..3 * MESSAGE {
        for damage in [Damage::Lose, Damage::Double] {
            let ([_, to_server], errors, ends) = converse_over_serial_line(Some((damage, at)));
            // A doubled last byte of a message is the first of the next.
            let intact = (at + usize::from(damage == Damage::Double)) / MESSAGE;
            let expected: usize = data[..intact].iter().sum();
            assert!(to_server == conversation()[0][..expected], "{damage:?} {at}");
            assert!(matches!(errors[1], Some(OpenError::Fault(_))), "{damage:?} {at}: {errors:?}");
            assert_eq!(ends.map(End::is_clean), [false; 2]);
        }
    }
}

#[test]
fn the_driver_has_at_most_40_lines_of_code() {
    let is_code = |line: &&str| !line.is_empty() && !line.starts_with("//");
    assert!(include_str!("driver.rs").lines().map(str::trim).filter(is_code).count() <= 40);
}
