//! Properties of every interleaving, and states that must be reached for the properties to mean
//! anything.

use stateright::Property;
use tls_record::close::{OnPeerClose, ReadState, WriteState};
use tls_record::{AlertDescription, Control, End, Epoch, Fault, ReadEnd, WriteEnd};

use crate::endpoint::ABORT;
use crate::model::{Scenario, Shutdown, Side, State};
use crate::wire::{Record, Wire};

pub(crate) const NOBODY_WAITS: &str = "nobody waits for ever";
pub(crate) const BOTH_LEAVE: &str = "both leave";
pub(crate) const NOTHING_LOST: &str = "a clean end has lost nothing";
pub(crate) const NOTHING_AFTER_THE_END: &str = "one end leaves, and nothing after it";
pub(crate) const HONEST_RECORDS_OPEN: &str = "what an honest peer sealed opens";
pub(crate) const HANDED_OVER_IS_SILENT: &str = "what was handed over seals nothing";
pub(crate) const HANDED_OVER_FOR_EVER: &str = "what was handed over says so for ever";
pub(crate) const SUSPENDED_OFFERS_NOTHING: &str = "what was suspended offers nothing";
pub(crate) const ONE_ANSWER: &str = "a request for a KeyUpdate is answered once";
pub(crate) const ONE_HISTORY: &str = "both ends tell one history";

/// One side, the other side, and the records that the one sends and receives.
struct View<'a> {
    this: &'a Side,
    other: &'a Side,
    outgoing: &'a Wire,
    incoming: &'a Wire,
}

fn views(state: &State) -> [View<'_>; 2] {
    [0, 1].map(|side| View {
        this: &state.sides[side],
        other: &state.sides[1 - side],
        outgoing: &state.wires[side],
        incoming: &state.wires[1 - side],
    })
}

fn each(state: &State, holds: fn(&View) -> bool) -> bool {
    views(state).iter().all(holds)
}

fn either(state: &State, holds: fn(&View) -> bool) -> bool {
    views(state).iter().any(holds)
}

pub(crate) fn required() -> Vec<Property<Scenario>> {
    vec![
        Property::always(NOBODY_WAITS, nobody_waits),
        Property::eventually(BOTH_LEAVE, |_, state| each(state, |view| view.this.has_left)),
        Property::always(NOTHING_LOST, |_, state| each(state, has_lost_nothing)),
        Property::always(NOTHING_AFTER_THE_END, |_, state| each(state, ends_once)),
        Property::always(HONEST_RECORDS_OPEN, |_, state| each(state, opens_what_is_honest)),
        Property::always(ONE_HISTORY, |_, state| {
            each(state, |view| reads_what_happened(view) && wrote_what_happened(view))
        }),
        Property::always(HANDED_OVER_IS_SILENT, |_, state| each(state, is_silent_if_handed_over)),
        Property::always(HANDED_OVER_FOR_EVER, |_, state| each(state, says_handed_over)),
        Property::always(SUSPENDED_OFFERS_NOTHING, |_, state| {
            each(state, |View { this, .. }| {
                this.suspended.as_ref().is_none_or(|it| it.endpoint.next_offer().is_none())
            })
        }),
        Property::always(ONE_ANSWER, |_, state| each(state, answers_once)),
    ]
}

/// After any end, the steps that must happen end everything: there is no state in which neither
/// side has a step to make and one is still open. Steps that may happen or not (data, faults, a
/// transport that breaks) do not count.
fn nobody_waits(model: &Scenario, state: &State) -> bool {
    !model.is_quiescent(state)
        || each(state, |view| view.this.has_left)
        || each(state, |view| view.this.is_untouched() && view.incoming.ends_at.is_none())
}

fn has_lost_nothing(view: &View) -> bool {
    if !matches!(view.this.read_end(), ReadEnd::Closed { .. }) {
        return true;
    }
    let sealed = &view.incoming.sealed;
    let end = sealed.iter().position(|&record| record == Record::CLOSE_NOTIFY);
    let data = |end| sealed[..end].iter().filter(|&&record| record == Record::Data).count();
    end.map(data) == Some(view.this.delivered())
}

/// RFC 9846 section 6: a close_notify or a fatal alert is the last record of its direction, and
/// what follows a user_canceled is one of the two.
fn ends_once(view: &View) -> bool {
    let sealed = &view.outgoing.sealed;
    sealed.iter().rev().skip(1).all(|record| !record.is_end())
        && sealed.windows(2).all(|pair| pair[0] != Record::USER_CANCELED || pair[1].is_end())
}

fn opens_what_is_honest(view: &View) -> bool {
    view.this.read_end() != ReadEnd::Fault(Fault::BadRecordMac) || view.incoming.was_forged
}

/// After the hand-over of a sealer every record is sealed by the kernel.
fn is_silent_if_handed_over(view: &View) -> bool {
    let View { this, outgoing, .. } = view;
    let seals_nothing = |handed_at| {
        this.endpoint.next_control().is_none()
            && outgoing.sealed.len() == handed_at + outgoing.relayed
    };
    outgoing.handed_at.is_none_or(seals_nothing)
        && this.suspended.as_ref().is_none_or(|it| it.endpoint.next_control().is_none())
}

/// The end of a direction that goes on elsewhere is not known here, so that no end is clean.
fn says_handed_over(View { this, outgoing, .. }: &View) -> bool {
    let is_over = |end: End, receiver: bool, sender: bool| {
        (!receiver || end.read == ReadEnd::HandedOver)
            && (!sender || end.write == WriteEnd::HandedOver)
            && !((receiver || sender) && end.is_clean())
    };
    is_over(this.endpoint.end(), this.kernel.is_some(), outgoing.handed_at.is_some())
        && this.suspended.as_ref().is_none_or(|it| is_over(it.endpoint.end(), true, true))
}

/// RFC 9846 section 4.7.3: a KeyUpdate that requests none is sent on request only.
fn answers_once(View { outgoing, incoming, .. }: &View) -> bool {
    let count = |records: &[Record], request| {
        let update = Record::Control(Control::KeyUpdate { request });
        records.iter().filter(|&&record| record == update).count()
    };
    count(&outgoing.sealed, false) <= count(incoming.history(), true)
}

/// The end that we report for the peer's direction is true: it agrees with our last record, with
/// the transport, and with the end that the peer reports.
fn reads_what_happened(view: &View) -> bool {
    let history = view.incoming.history();
    let (last, before) = match history.split_last() {
        Some((&last, before)) if last.is_end() => (Some(last), before),
        _ => (None, history),
    };
    let peer = view.other.endpoint.current_end();
    let is_explained = match view.this.read_end() {
        ReadEnd::Open => last.is_none(),
        ReadEnd::Closed { epoch } => {
            epoch == Epoch::Application
                && last == Some(Record::CLOSE_NOTIFY)
                && peer == WriteEnd::Closed
        }
        ReadEnd::PeerAlert(description) => {
            last == Some(Record::Control(Control::Alert(description)))
                && peer == WriteEnd::AlertSent(description)
        }
        ReadEnd::Truncated { .. } => last.is_none() && view.incoming.was_cut,
        ReadEnd::Fault(Fault::Aborted(ABORT)) => last.is_none() && view.this.endpoint.has_aborted,
        ReadEnd::Fault(_) => last.is_none(),
        ReadEnd::HandedOver => false,
    };
    is_explained && !before.iter().any(|record| record.is_end())
}

/// The end that we report for our direction is what we sent, and an alert had a reason.
fn wrote_what_happened(view: &View) -> bool {
    let endpoint = &view.this.endpoint;
    let last = view.outgoing.sealed.iter().find(|record| record.is_end()).copied();
    let has_reason = |description| {
        let fault = match view.this.read_end() {
            ReadEnd::Fault(fault) => fault.alert(),
            _ => None,
        };
        fault == Some(description) || (endpoint.has_aborted && description == ABORT)
    };
    match endpoint.current_end() {
        WriteEnd::Open | WriteEnd::Closing | WriteEnd::HandedOver => last.is_none(),
        WriteEnd::Closed => last == Some(Record::CLOSE_NOTIFY),
        WriteEnd::AlertQueued(description) => last.is_none() && has_reason(description),
        WriteEnd::AlertSent(description) => {
            last == Some(Record::Control(Control::Alert(description))) && has_reason(description)
        }
        WriteEnd::Failed => last.is_none() && matches!(endpoint.end().read, ReadEnd::PeerAlert(_)),
    }
}

/// The reader has closed its own direction and waits for us to close ours.
fn peer_waits(view: &View) -> bool {
    view.other.shutdown == Some(Shutdown::TwoSteps)
        && view.other.endpoint.write == WriteState::Closed
        && view.other.is_reading()
}

fn sends_data(view: &View) -> bool {
    view.outgoing.in_flight().contains(&Record::Data)
}

fn sends_fatal(view: &View) -> bool {
    view.outgoing.in_flight().iter().any(|record| record.is_fatal())
}

fn sends_close(view: &View) -> bool {
    view.outgoing.in_flight().contains(&Record::CLOSE_NOTIFY)
}

pub(crate) fn reached(scenario: &Scenario) -> Vec<Property<Scenario>> {
    let mut all = vec![
        Property::sometimes(
            "both end clean, and all data arrived",
            |model: &Scenario, state: &State| {
                each(state, |view| view.this.endpoint.end().is_clean())
                    && (0..2)
                        .all(|side| state.sides[side].endpoint.delivered == model.data[1 - side])
            },
        ),
        Property::sometimes("one step leaves data behind", |_, state| {
            either(state, |view| sends_data(view) && view.other.has_left)
        }),
        Property::sometimes("two steps read what was under way", |_, state| {
            either(state, |view| sends_data(view) && peer_waits(view))
        }),
        Property::sometimes("an alert finds no room", |model: &Scenario, state: &State| {
            (0..2).any(|side| {
                state.sides[side].endpoint.write.is_alert_due() && !model.has_room(state, side)
            })
        }),
        Property::sometimes("two close_notifys cross", |_, state| each(state, sends_close)),
        Property::sometimes("a user_canceled and its close_notify arrive", |_, state| {
            either(state, |view| {
                let closes = [Record::USER_CANCELED, Record::CLOSE_NOTIFY];
                view.incoming.history().ends_with(&closes)
            })
        }),
    ];
    if scenario.troubles > 0 {
        all.extend(reached_by_trouble());
    }
    if scenario.troubles > 1 {
        all.push(Property::sometimes("two fatal alerts cross", |_, state| {
            each(state, sends_fatal)
        }));
    }
    if scenario.on_peer_close.contains(&OnPeerClose::HalfClose) {
        all.push(Property::sometimes("data follows the peer's close_notify", |_, state| {
            either(state, |view| {
                let endpoint = &view.this.endpoint;
                (endpoint.read, endpoint.write) == (ReadState::PeerClosed, WriteState::Open)
                    && peer_waits(view)
                    && sends_data(view)
            })
        }));
    }
    if scenario.requests.contains(&true) {
        all.push(Property::sometimes("a request to update finds us closed", |_, state| {
            either(state, |view| {
                let request = Record::Control(Control::KeyUpdate { request: true });
                view.this.endpoint.write == WriteState::Closed
                    && view.this.is_reading()
                    && view.incoming.in_flight().first() == Some(&request)
            })
        }));
    }
    if scenario.hands_over.contains(&true) {
        all.extend(reached_by_the_kernel(scenario));
    }
    if scenario.suspends.contains(&true) {
        all.push(Property::sometimes("a resumed connection ends clean", |_, state| {
            either(state, |View { this, .. }| {
                this.endpoint.end().is_clean()
                    && this.suspended.as_ref().is_some_and(|it| it.was_used)
            })
        }));
    }
    all
}

fn reached_by_trouble() -> Vec<Property<Scenario>> {
    vec![
        Property::sometimes("a truncation after data", |_, state| {
            either(state, |View { this, .. }| {
                this.endpoint.read == ReadState::Truncated && this.endpoint.delivered > 0
            })
        }),
        Property::sometimes("a truncation of which the other end knows nothing", |_, state| {
            either(state, |view| {
                view.this.endpoint.read == ReadState::Truncated
                    && view.other.endpoint.end().is_clean()
            })
        }),
        Property::sometimes("a fatal alert and a close_notify cross", |_, state| {
            either(state, sends_close) && either(state, sends_fatal)
        }),
        Property::sometimes("a fatal alert leaves in place of a close_notify", |_, state| {
            either(state, |View { this, .. }| {
                this.shutdown.is_some()
                    && matches!(this.endpoint.end().write, WriteEnd::AlertSent(_))
            })
        }),
        Property::sometimes("a fault behind a close_notify is silent", |_, state| {
            either(state, |View { this, .. }| {
                let end = this.endpoint.end();
                matches!(end.read, ReadEnd::Fault(_)) && end.write == WriteEnd::Closed
            })
        }),
    ]
}

/// True if the kernel has sealed `record`.
fn has_relayed(view: &View, record: Record) -> bool {
    let Wire { sealed, handed_at, .. } = view.outgoing;
    handed_at.is_some_and(|handed_at| sealed[handed_at..].contains(&record))
}

fn reached_by_the_kernel(scenario: &Scenario) -> Vec<Property<Scenario>> {
    let mut all = vec![
        Property::sometimes("both directions end in the kernel", |_, state| {
            either(state, |view| {
                view.this.read() == ReadState::PeerClosed
                    && view.this.kernel.is_some()
                    && has_relayed(view, Record::CLOSE_NOTIFY)
            })
        }),
        Property::sometimes("the kernel seals data and the close_notify behind it", |_, state| {
            either(state, |view| {
                let closes = [Record::Data, Record::CLOSE_NOTIFY];
                view.outgoing.handed_at.is_some() && view.outgoing.sealed.ends_with(&closes)
            })
        }),
    ];
    if scenario.troubles > 0 {
        all.extend([
            Property::sometimes("the kernel seals the alert for a forged record", |_, state| {
                let alert = Record::Control(Control::Alert(AlertDescription::BAD_RECORD_MAC));
                views(state).iter().any(|view| has_relayed(view, alert))
            }),
            Property::sometimes(
                "the engine seals the alert for what the kernel found",
                |_, state| {
                    either(state, |view| {
                        let alert = Record::Control(Control::Alert(ABORT));
                        view.this.read_end() == ReadEnd::Fault(Fault::BadRecordMac)
                            && view.outgoing.handed_at.is_none()
                            && view.outgoing.sealed.contains(&alert)
                    })
                },
            ),
            Property::sometimes("a fault behind an offered close_notify is silent", |_, state| {
                either(state, |view| {
                    view.this.endpoint.read == ReadState::Failed
                        && has_relayed(view, Record::CLOSE_NOTIFY)
                })
            }),
        ]);
    }
    if scenario.troubles > 0 && scenario.is_split {
        all.push(Property::sometimes(
            "the sender is handed over before it hears of a fault",
            |_, state| {
                either(state, |view| {
                    let endpoint = &view.this.endpoint;
                    endpoint.read == ReadState::Failed
                        && endpoint.has_notice()
                        && view.outgoing.handed_at.is_some()
                })
            },
        ));
    }
    if scenario.requests.contains(&true) {
        all.push(Property::sometimes("the kernel seals the answer to a KeyUpdate", |_, state| {
            let answer = Record::Control(Control::KeyUpdate { request: false });
            views(state).iter().any(|view| has_relayed(view, answer))
        }));
    }
    all
}
