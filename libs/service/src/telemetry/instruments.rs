//! Everything that the suite measures, in one list: what dashboards and alerts name
//! (`k8s/monitoring`) is held against it. Names are those of OpenTelemetry's semantic
//! conventions where they have one; ours begin with `kefu`. None has an attribute that
//! somebody outside could choose freely: each value would be a series for ever.

use opentelemetry::{
    KeyValue, global,
    metrics::{Counter, Histogram, Meter, UpDownCounter},
};

/// Upper bounds of durations' buckets, in seconds, as OpenTelemetry advises.
const DURATION: Kind = Kind::Histogram(&[
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
]);
/// Of what is promised within a second and may be late by hours.
const LATENESS: Kind = Kind::Histogram(&[
    0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0,
]);

/// How measurements become figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// A sum that only grows.
    Counter,
    /// A sum that grows and shrinks.
    UpDownCounter,
    /// Looked at whenever it is sent.
    Gauge,
    /// Counts by size, with these upper bounds.
    Histogram(&'static [f64]),
}

/// One thing that is measured.
#[derive(Debug, Clone, Copy)]
pub struct Instrument {
    /// As OpenTelemetry has it: `rpc.server.duration`.
    pub name: &'static str,
    /// How measurements become figures.
    pub kind: Kind,
    /// As UCUM has it: `s`; what is counted stands in braces.
    pub unit: &'static str,
    /// What a figure says.
    pub description: &'static str,
    /// What figures can be told apart by.
    pub attributes: &'static [&'static str],
}

macro_rules! instruments {
    ($($id:ident: $kind:expr, $name:literal in $unit:literal by [$($attribute:literal),*], $description:literal;)*) => {
        $(
            #[doc = concat!("`", $name, "`: ", $description, ".")]
            pub const $id: Instrument = Instrument {
                name: $name,
                kind: $kind,
                unit: $unit,
                description: $description,
                attributes: &[$($attribute),*],
            };
        )*

        /// All that there are.
        pub const INSTRUMENTS: &[Instrument] = &[$($id),*];
    };
}

instruments! {
    RPC_DURATION: DURATION, "rpc.server.duration" in "s"
        by ["rpc.method", "rpc.grpc.status_code", "error.type", "kefu.streaming"],
        "duration of calls, from their head to the last byte of the answer";
    RPC_ACTIVE: Kind::UpDownCounter, "rpc.server.active_requests" in "{request}" by ["rpc.method"],
        "calls under way, open streams among them";

    POOL_COUNT: Kind::Gauge, "db.client.connection.count" in "{connection}"
        by ["db.client.connection.pool.name", "db.client.connection.state"],
        "connections to the database, used and idle";
    POOL_MAX: Kind::Gauge, "db.client.connection.max" in "{connection}"
        by ["db.client.connection.pool.name"],
        "connections that there may be";
    POOL_PENDING: Kind::Gauge, "db.client.connection.pending_requests" in "{request}"
        by ["db.client.connection.pool.name"],
        "uses that wait for a connection";
    POOL_WAIT: DURATION, "db.client.connection.wait_time" in "s"
        by ["db.client.connection.pool.name"],
        "time until a use had its connection";
    POOL_TIMEOUTS: Kind::Counter, "db.client.connection.timeouts" in "{timeout}"
        by ["db.client.connection.pool.name"],
        "uses that had no connection: none came free in time, or none could be made";

    VIEWS_WAITING: Kind::Gauge, "kefu.journal.views.waiting" in "{call}" by [],
        "answers that wait in line until what they show is journaled";
    HELD_BACK: Kind::Gauge, "kefu.journal.held_back" in "s" by [],
        "age of the oldest entry that readers do not see, as a transaction before it still writes";
    CONSUMER_LAG: Kind::Gauge, "kefu.journal.consumer.lag" in "s" by ["kefu.journal.source"],
        "age of the moment up to which another service's journal has taken effect here";
    CONSUMER_ENTRIES: Kind::Counter, "kefu.journal.consumer.entries" in "{entry}"
        by ["kefu.journal.source"],
        "entries of other services' journals that took effect here";
    CONSUMER_BREAKS: Kind::Counter, "kefu.journal.consumer.breaks" in "{break}"
        by ["kefu.journal.source"],
        "feeds of other services' journals that broke off";

    JOB_OVERDUE: Kind::Gauge, "kefu.job.overdue" in "s" by ["kefu.job.name"],
        "time since a job should have been through its work again";
    JOB_FAILURES: Kind::Counter, "kefu.job.failures" in "{failure}"
        by ["kefu.job.name", "kefu.job.outcome"],
        "looks of a job that failed, and runs that panicked or returned";

    DECISIONS: Kind::Counter, "kefu.access.decisions" in "{decision}"
        by ["kefu.decision", "kefu.purpose"],
        "decisions on calls: ALLOWED, or the reason of the denial";
    SNAPSHOT_AGE: Kind::Gauge, "kefu.access.snapshot.age" in "s" by [],
        "time since access-control was last heard of the policy";
    SNAPSHOT_MAX_AGE: Kind::Gauge, "kefu.access.snapshot.max_age" in "s" by [],
        "age of the policy past which nothing is decided upon it";
    SNAPSHOT_REVISION: Kind::Gauge, "kefu.access.snapshot.revision" in "{revision}" by [],
        "revision of the policy that is decided upon";
    REFUSALS_WAITING: Kind::Gauge, "kefu.access.refusals.waiting" in "{refusal}" by [],
        "refusals that wait to be journaled";
    REFUSALS_UNJOURNALED: Kind::Counter, "kefu.access.refusals.unjournaled" in "{refusal}" by [],
        "refusals that left without a record, and will have none";

    WEBHOOK_ATTEMPTS: Kind::Counter, "kefu.webhook.attempts" in "{attempt}" by ["kefu.webhook.outcome"],
        "times that something was sent to a webhook, by what came of it";
    WEBHOOK_OLDEST_DUE: Kind::Gauge, "kefu.webhook.oldest_due" in "s" by [],
        "time since what waits longest to be sent to a webhook that answers should have been";

    CLOCK_LATENESS: LATENESS, "kefu.ticket.clock.lateness" in "s" by [],
        "time from the moment a ticket's clock passed a mark until that was journaled";

    EXCEPTIONS_OPEN: Kind::Gauge, "kefu.analytics.exceptions.open" in "{exception}" by [],
        "figures outside their usual range that nobody answered for";
}

impl Instrument {
    /// Adds up.
    pub fn counter(&self, meter: &Meter) -> Counter<u64> {
        meter
            .u64_counter(self.name)
            .with_unit(self.unit)
            .with_description(self.description)
            .build()
    }

    /// Adds up, and down.
    pub fn up_down_counter(&self, meter: &Meter) -> UpDownCounter<i64> {
        meter
            .i64_up_down_counter(self.name)
            .with_unit(self.unit)
            .with_description(self.description)
            .build()
    }

    /// Counts by size.
    pub fn histogram(&self, meter: &Meter) -> Histogram<f64> {
        let builder = meter
            .f64_histogram(self.name)
            .with_unit(self.unit)
            .with_description(self.description);
        match self.kind {
            Kind::Histogram(bounds) => builder.with_boundaries(bounds.to_vec()).build(),
            _ => builder.build(),
        }
    }

    /// Looks whenever figures are sent, from a thread of telemetry's own, for as long as the
    /// process lives; what there is no figure for is left out. May be called for more than
    /// one set of attributes.
    pub fn observe(
        &self,
        meter: &Meter,
        attributes: Vec<KeyValue>,
        look: impl Fn() -> Option<f64> + Send + Sync + 'static,
    ) {
        // What is registered stays with the meter: the handle does nothing.
        let _ = meter
            .f64_observable_gauge(self.name)
            .with_unit(self.unit)
            .with_description(self.description)
            .with_callback(move |gauge| {
                if let Some(figure) = look() {
                    gauge.observe(figure, &attributes);
                }
            })
            .build();
    }
}

/// The process's meter. What is made with it before [`init`](super::init) measures into nothing.
pub fn meter() -> Meter {
    global::meter("kefu")
}
