//! A case: the same work done by two libraries, which take turns.

use std::io;
use std::time::Duration;

use tls_record_benches::timing::Spread;

/// Does an amount of work and returns the CPU time.
type Run = Box<dyn Fn(usize) -> io::Result<Duration>>;

/// One kind of work, done by the adapter's streams and by another library.
pub(crate) struct Case {
    pub(crate) name: String,
    ours: Run,
    theirs: Run,
}

/// Cases that compare the same two libraries in the same unit.
pub(crate) struct Section {
    pub(crate) title: &'static str,
    pub(crate) ours: &'static str,
    pub(crate) theirs: &'static str,
    pub(crate) unit: Unit,
    pub(crate) cases: Vec<Case>,
}

/// The unit of an amount of work.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unit {
    Bytes,
    RoundTrips,
    Requests,
}

impl Unit {
    /// Returns the first amount to try.
    const fn first(self) -> usize {
        match self {
            // A multiple of the length of every write and of every record.
            Self::Bytes => 1 << 20,
            Self::RoundTrips => 100,
            Self::Requests => 10,
        }
    }

    /// Returns the name of the unit of [`Self::figure`].
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bytes => "CPU time, µs per MiB",
            Self::RoundTrips => "CPU time, ns per round trip",
            Self::Requests => "CPU time, ns per request",
        }
    }

    fn figure(self, time: Duration, amount: usize) -> f64 {
        let one = time.as_secs_f64() / amount as f64;
        match self {
            Self::Bytes => one * 1e6 * f64::from(1 << 20),
            Self::RoundTrips | Self::Requests => one * 1e9,
        }
    }
}

/// How long a case is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// The number of turns of each library.
    pub(crate) rounds: usize,
    /// The least CPU time of a turn.
    pub(crate) turn: Duration,
}

/// The figures of a case.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    /// The medians of both libraries, in the unit of the section.
    pub(crate) ours: f64,
    pub(crate) theirs: f64,
    /// The ratio of `ours` to `theirs` in the same round.
    pub(crate) ratio: Spread,
}

impl Case {
    pub(crate) fn new(
        name: String,
        ours: impl Fn(usize) -> io::Result<Duration> + 'static,
        theirs: impl Fn(usize) -> io::Result<Duration> + 'static,
    ) -> Self {
        Self { name, ours: Box::new(ours), theirs: Box::new(theirs) }
    }

    /// Measures both libraries in turns with the same amount of work. The first one alternates.
    pub(crate) fn measure(&self, unit: Unit, effort: Effort) -> io::Result<Row> {
        let amount = self.amount(unit, effort.turn)?;
        let (mut ours, mut theirs, mut ratios) = (vec![], vec![], vec![]);
        for round in 0..effort.rounds {
            let (own, other);
            if round % 2 == 0 {
                own = (self.ours)(amount)?;
                other = (self.theirs)(amount)?;
            } else {
                other = (self.theirs)(amount)?;
                own = (self.ours)(amount)?;
            }
            ours.push(unit.figure(own, amount));
            theirs.push(unit.figure(other, amount));
            ratios.push(own.as_secs_f64() / other.as_secs_f64());
        }
        Ok(Row {
            name: self.name.clone(),
            ours: Spread::of(ours).median,
            theirs: Spread::of(theirs).median,
            ratio: Spread::of(ratios),
        })
    }

    /// Finds the amount of work that takes the faster library a whole turn. This also warms up both.
    fn amount(&self, unit: Unit, turn: Duration) -> io::Result<usize> {
        let mut amount = unit.first();
        loop {
            let least = (self.ours)(amount)?.min((self.theirs)(amount)?);
            if least >= turn {
                return Ok(amount);
            }
            let short = turn.as_secs_f64() / least.as_secs_f64();
            // With little work the estimate is poor, so multiply by at most ten at a time.
            amount *= (short * 1.1).ceil().clamp(2.0, 10.0) as usize;
        }
    }
}
