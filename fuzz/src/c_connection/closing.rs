//! Shutdowns, alerts, and how a connection ended.

use tls_record::{AlertDescription, ReadEnd, ShutdownError, WriteEnd};
use tls_record_c as c;
use tls_record_c::Status;

use super::twin::Part;
use super::{Who, World, answer, either};
use crate::c_shared::{Filled, Place, check_end, check_read_end, check_write_end};

/// The status, and the bytes that were drained.
fn closed(result: Result<(), ShutdownError>) -> (Status, u32) {
    let drained = match result {
        Err(ShutdownError::AwaitingPeer { drained } | ShutdownError::BudgetSpent { drained }) => {
            drained
        }
        _ => 0,
    };
    (answer(result).0, drained)
}

impl World<'_> {
    pub(super) fn shutdown(&mut self, who: Who<'_>) {
        either!(self, who, false, None,
            connection_shutdown | writer_shutdown() of Writer by with_writer,
            |twin, _| answer(twin.shutdown()));
    }

    pub(super) fn shutdown_both(&mut self, who: Who<'_>, budget: u32, place: &Place) {
        let drained = self.arena.place::<u32>(place);
        let expected = self.check::<c::Connection, _>(
            who,
            // The caller may not want to know.
            drained.is_refused() && !drained.is_null(),
            Some(drained.result()),
            |handle| c::connection_shutdown_both(handle, budget, drained.out()),
            |twin, _| closed(twin.whole().shutdown_both(budget)),
        );
        Self::check_drained(&drained, expected);
    }

    pub(super) fn check_closed(&mut self, who: Who<'_>, budget: u32, place: &Place) {
        let drained = self.arena.place::<u32>(place);
        let is_argument = drained.is_refused() && !drained.is_null();
        let expected = either!(self, who, is_argument, Some(drained.result()),
            connection_check_closed | opener_check_closed(budget, drained.out())
                of Opener by with_opener,
            |twin, _| closed(twin.check_closed(budget)));
        Self::check_drained(&drained, expected);
    }

    fn check_drained(drained: &Filled<u32>, expected: Option<u32>) {
        if let Some(expected) = expected
            && !drained.is_null()
        {
            assert_eq!(drained.take(), expected);
        }
    }

    pub(super) fn abort(&mut self, who: Who<'_>, alert: u8) {
        either!(self, who, false, None,
            connection_abort | writer_abort(alert) of Writer by with_writer,
            |twin, _| answer(twin.abort(AlertDescription(alert))));
    }

    pub(super) fn take_sealed_alert(&mut self, who: Who<'_>) {
        let alert =
            self.call_c::<c::Connection, _>(who, |handle| c::connection_take_sealed_alert(handle));
        let is_refused = self.refused::<c::Connection>(who).is_some();
        let whole = self.end_of(who.second).twin.whole.as_mut().filter(|_| !is_refused);
        let expected = whole.and_then(|whole| whole.take_sealed_alert());
        assert_eq!(alert, expected.map_or(-1, |alert| alert.0.into()));
    }

    /// Asks each type, of which some are not made.
    pub(super) fn end(&mut self, who: Who<'_>, place: &Place) {
        self.end_of_part::<c::Connection>(who, place);
        self.end_of_part::<c::Opener>(who, place);
        self.end_of_part::<c::Writer>(who, place);
    }

    pub(super) fn end_of_part<T: Ends>(&mut self, who: Who<'_>, place: &Place) {
        let end = self.arena.place::<c::End>(place);
        let expected = self.check::<T, _>(
            who,
            end.is_refused(),
            Some(end.result()),
            |handle| T::end(handle, end.out()),
            |twin, _| (Status::OK, T::expected(twin)),
        );
        if let Some(expected) = expected {
            let end = end.take();
            match expected {
                (Some(read), Some(write)) => check_end(&end, &tls_record::End { read, write }),
                (read, write) => {
                    // What the other half knows is 0.
                    check_read_end(&end, &read.unwrap_or(ReadEnd::Open));
                    check_write_end(&end, &write.unwrap_or(WriteEnd::Open));
                    assert_eq!(end.is_clean, 0);
                }
            }
        }
    }
}

/// A part of an end that says how it ended.
pub(super) trait Ends: Part {
    fn end(this: c::Handle<'_, Self>, end: c::Out<'_, c::End>) -> Status;

    fn expected(twin: &mut super::Twin) -> (Option<ReadEnd>, Option<WriteEnd>);
}

impl Ends for c::Connection {
    fn end(this: c::Handle<'_, Self>, end: c::Out<'_, c::End>) -> Status {
        c::connection_end(this, end)
    }

    fn expected(twin: &mut super::Twin) -> (Option<ReadEnd>, Option<WriteEnd>) {
        let tls_record::End { read, write } = twin.whole().end();
        (Some(read), Some(write))
    }
}

impl Ends for c::Opener {
    fn end(this: c::Handle<'_, Self>, end: c::Out<'_, c::End>) -> Status {
        c::opener_end(this, end)
    }

    fn expected(twin: &mut super::Twin) -> (Option<ReadEnd>, Option<WriteEnd>) {
        (Some(twin.with_opener(|opener| opener.end())), None)
    }
}

impl Ends for c::Writer {
    fn end(this: c::Handle<'_, Self>, end: c::Out<'_, c::End>) -> Status {
        c::writer_end(this, end)
    }

    fn expected(twin: &mut super::Twin) -> (Option<ReadEnd>, Option<WriteEnd>) {
        (None, Some(twin.with_writer(|writer| writer.end())))
    }
}
