//! What is compared: the same work by two libraries, which take turns.

use std::io;
use std::time::Duration;

use tls_record_benches::timing::Spread;

/// Does an amount of work, and returns the CPU time that it took.
type Run = Box<dyn Fn(usize) -> io::Result<Duration>>;

/// One kind of work, as our streams and as others do it.
pub(crate) struct Case {
    pub(crate) name: String,
    ours: Run,
    theirs: Run,
}

/// Cases of the same two libraries, in the same unit.
pub(crate) struct Section {
    pub(crate) title: &'static str,
    pub(crate) ours: &'static str,
    pub(crate) theirs: &'static str,
    pub(crate) unit: Unit,
    pub(crate) cases: Vec<Case>,
}

/// What an amount of work counts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unit {
    Bytes,
    RoundTrips,
}

impl Unit {
    /// An amount to begin with.
    const fn first(self) -> usize {
        match self {
            // A multiple of every length that is written, and of every record.
            Self::Bytes => 1 << 20,
            Self::RoundTrips => 100,
        }
    }

    /// The name of [`Self::figure`].
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bytes => "µs of CPU time a MiB",
            Self::RoundTrips => "ns of CPU time a round trip",
        }
    }

    fn figure(self, time: Duration, amount: usize) -> f64 {
        let one = time.as_secs_f64() / amount as f64;
        match self {
            Self::Bytes => one * 1e6 * f64::from(1 << 20),
            Self::RoundTrips => one * 1e9,
        }
    }
}

/// How a case is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// How often both take their turn.
    pub(crate) rounds: usize,
    /// CPU time that each turn takes at least.
    pub(crate) turn: Duration,
}

/// What was measured, or counted, of a case.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    /// Medians, in the unit of the section.
    pub(crate) ours: f64,
    pub(crate) theirs: f64,
    /// Ours over theirs in the same round.
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

    /// Both libraries by turns, of the same amount of work. Who comes first changes.
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

    /// How much work takes even the faster one a whole turn. Finding it warms both.
    fn amount(&self, unit: Unit, turn: Duration) -> io::Result<usize> {
        let mut amount = unit.first();
        loop {
            let least = (self.ours)(amount)?.min((self.theirs)(amount)?);
            if least >= turn {
                return Ok(amount);
            }
            let short = turn.as_secs_f64() / least.as_secs_f64();
            // With little work the estimate is poor: at most ten times as much at once.
            amount *= (short * 1.1).ceil().clamp(2.0, 10.0) as usize;
        }
    }
}
