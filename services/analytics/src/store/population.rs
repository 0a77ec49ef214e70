//! Where the records of each figure are found, and what of them is counted. Every population is
//! rows `f` of facts within the caller's scope; count, mean and list have nothing else to count.

use crate::domain::{catalogue::Population, fact::Kind};

/// How a population lies in the facts.
pub(crate) struct Spec {
    /// Facts that `f` is rows of.
    pub(crate) facts: Facts,
    /// Where those of one kind are read from, as `f`.
    pub(crate) from: &'static str,
    /// What they are joined with: `LEFT JOIN …`. `{live}` stands for the generation.
    pub(crate) joins: &'static str,
    /// Which of them are counted.
    pub(crate) condition: &'static str,
    /// What is added up and averaged.
    pub(crate) value: &'static str,
}

/// What `f` is rows of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Facts {
    /// Facts of this kind.
    Of(Kind),
    /// Customers, of their orders of the period and of the one before.
    FormerlyActive,
    /// Customers and the months since their first order.
    Cohorts,
    /// Customers and currencies, of the orders of the period.
    Buyers,
    /// What was shown.
    Reads,
}

impl Spec {
    const fn of(kind: Kind, condition: &'static str, value: &'static str) -> Self {
        Self {
            facts: Facts::Of(kind),
            from: "analytics.fact f ",
            joins: "",
            condition,
            value,
        }
    }
}

/// Orders once for each category of what was bought; those of before that was journaled once, of none. What is
/// tossed for is tossed for by category.
const BY_PRODUCT: &str = "(SELECT f.generation, f.kind, f.at, f.id,
            hashtextextended(coalesce(bought.category, ''), 0) AS part, f.customer_id, f.department_id,
            f.employee_id, f.state, f.currency, nullif(bought.category, '') AS product,
            coalesce(bought.amount::numeric, f.amount) AS amount
        FROM analytics.fact f
        LEFT JOIN LATERAL jsonb_each_text(f.products) AS bought (category, amount) ON TRUE) f ";
/// The calls that tickets came by, and the later ones: these count for what their ticket is now, as
/// those do, and belong to the day on which they began.
const CALLS: &str = "(SELECT f.generation, f.kind, f.at, f.id, f.part, f.customer_id, f.department_id,
            f.employee_id, f.sort, f.state, f.merged, f.channel, f.priority, f.category, f.seconds
        FROM analytics.fact f WHERE f.kind = 1
        UNION ALL
        SELECT later.generation, of_ticket.kind, later.at, later.id, later.part, of_ticket.customer_id,
            of_ticket.department_id, of_ticket.employee_id, of_ticket.sort, of_ticket.state, of_ticket.merged,
            of_ticket.channel, of_ticket.priority, of_ticket.category, later.seconds
        FROM analytics.fact later
        JOIN analytics.fact_place place
            ON place.generation = later.generation AND place.kind = 1 AND place.id = later.id AND place.part = 0
        JOIN analytics.fact of_ticket
            ON of_ticket.generation = later.generation AND of_ticket.kind = 1 AND of_ticket.at = place.at
            AND of_ticket.id = place.id AND of_ticket.part = 0
        WHERE later.kind = 16) f ";
const ALL: &str = "TRUE";
/// There is nothing to add up.
pub(super) const NONE: &str = "NULL::int8";
/// Number of OrderStage CANCELLED.
const NOT_CANCELLED: &str = "f.state <> 9";
/// Whether a ticket ended with a solution; one that ended without has outcome 2.
const SOLVED_OR_NOT: &str = "(f.outcome IS NOT DISTINCT FROM 1::int2)::int4";
/// Number of TicketKind COMPLAINT.
const COMPLAINT_OR_NOT: &str = "(f.sort IS NOT DISTINCT FROM 2::int2)::int4";
/// A ticket's seconds from being received until its solution.
const LASTED: &str = "extract(epoch FROM f.ended_at - f.at)::int8";

/// Until when records of a population last that is measured in working time; all begin at `f.at`.
pub(super) fn end(population: Population) -> &'static str {
    match population {
        Population::OpenTickets => "{now}",
        _ => "f.ended_at",
    }
}

/// Numbers of ClockMetric: 1 first response, 2 next response, 3 resolution; of ClockState: 3 met,
/// 4 missed.
pub(crate) fn spec(population: Population) -> Spec {
    use Population::{
        AfterSalesOfOrders, Answers, Buyers, Calls, CaseScores, Cases, Checks, Cohorts,
        ComplaintsOfTickets, Customers, FirstContacts, FirstResponses, FormerlyActive,
        InspectionScores, InspectionsPassed, LatenessOfOrders, NextResponses, OnceSolvedTickets,
        OpenTickets, Orders, RatedTickets, Reads, ReceivedTickets, Resolutions, ResolutionsDue,
        ResponsesDue, ResultScores, Reviews, Sales, SalesOfProducts, ServiceScores, Shares,
        SolvedTickets, StuckOrders, Tickets, Visits,
    };
    match population {
        Tickets => Spec::of(Kind::Ticket, ALL, NONE),
        RatedTickets => Spec::of(Kind::Ticket, "f.score IS NOT NULL", "f.score"),
        ReceivedTickets => Spec::of(
            Kind::Ticket,
            "NOT f.merged",
            SOLVED_OR_NOT,
        ),
        SolvedTickets => Spec::of(
            Kind::Ticket,
            "NOT f.merged AND f.outcome = 1",
            LASTED,
        ),
        OnceSolvedTickets => Spec::of(
            Kind::Ticket,
            "NOT f.merged AND (f.outcome = 1 OR f.repeats > 0)",
            "(f.repeats > 0)::int4",
        ),
        FirstContacts => Spec::of(
            Kind::Ticket,
            "NOT f.merged AND (f.outcome = 1 OR f.repeats > 0) AND f.messages IS NOT NULL",
            "(f.repeats = 0 AND f.messages = 0)::int4",
        ),
        ComplaintsOfTickets => Spec::of(
            Kind::Ticket,
            "NOT f.merged",
            COMPLAINT_OR_NOT,
        ),
        OpenTickets => Spec::of(
            Kind::Ticket,
            "NOT f.merged AND f.ended_at IS NULL",
            "extract(epoch FROM {now} - f.at)::int8",
        ),
        Calls => Spec {
            from: CALLS,
            ..Spec::of(Kind::Ticket, "f.seconds IS NOT NULL", "f.seconds")
        },
        FirstResponses => Spec::of(
            Kind::Clock,
            "f.metric = 1 AND f.outcome IN (3, 4) AND f.seconds IS NOT NULL",
            "f.seconds",
        ),
        NextResponses => Spec::of(
            Kind::Clock,
            "f.metric = 2 AND f.outcome IN (3, 4) AND f.seconds IS NOT NULL",
            "f.seconds",
        ),
        Resolutions => Spec::of(
            Kind::Clock,
            "f.metric = 3 AND f.outcome IN (3, 4) AND f.seconds IS NOT NULL",
            "f.seconds",
        ),
        ResponsesDue => Spec::of(
            Kind::Clock,
            "f.metric = 1 AND f.outcome IN (3, 4)",
            "(f.outcome = 3)::int4",
        ),
        ResolutionsDue => Spec::of(
            Kind::Clock,
            "f.metric = 3 AND f.outcome IN (3, 4)",
            "(f.outcome = 3)::int4",
        ),
        Answers => Spec::of(
            Kind::Answer,
            ALL,
            "(f.score >= 4 AND f.second_score >= 4)::int4",
        ),
        ServiceScores => Spec::of(Kind::Answer, ALL, "f.score"),
        ResultScores => Spec::of(Kind::Answer, ALL, "f.second_score"),
        // In hundredths of a point.
        InspectionScores => Spec::of(Kind::Inspection, ALL, "f.score / 100.0"),
        InspectionsPassed => Spec::of(Kind::Inspection, ALL, "(f.outcome = 1)::int4"),
        Orders => Spec::of(Kind::Order, ALL, NONE),
        Sales => Spec::of(
            Kind::Order,
            "f.state <> 9 AND f.amount IS NOT NULL",
            "f.amount",
        ),
        SalesOfProducts => Spec {
            from: BY_PRODUCT,
            ..Spec::of(
                Kind::Order,
                "f.state <> 9 AND f.amount IS NOT NULL",
                "f.amount",
            )
        },
        LatenessOfOrders => Spec {
            joins: "LEFT JOIN analytics.fact late
                        ON late.generation = {live} AND late.kind = 15 AND late.id = f.id",
            ..Spec::of(Kind::Order, NOT_CANCELLED, "(late.id IS NOT NULL)::int4")
        },
        StuckOrders => Spec::of(
            Kind::Trouble,
            "f.sort = 2 AND f.ended_at IS NULL",
            "extract(epoch FROM {now} - f.at)::int8",
        ),
        AfterSalesOfOrders => Spec {
            joins: "LEFT JOIN (SELECT DISTINCT subject_id AS id FROM analytics.fact
                    WHERE generation = {live} AND kind = 7 AND state <> 9 AND subject_id IS NOT NULL) back
                    ON back.id = f.id",
            ..Spec::of(Kind::Order, NOT_CANCELLED, "(back.id IS NOT NULL)::int4")
        },
        Cases => Spec::of(Kind::Case, ALL, NONE),
        CaseScores => Spec::of(Kind::Case, "f.score IS NOT NULL", "f.score"),
        Reviews => Spec::of(Kind::Review, ALL, "f.score"),
        Visits => Spec::of(Kind::Visit, ALL, NONE),
        Customers => Spec {
            joins: "LEFT JOIN analytics.fact rated
                        ON rated.generation = {live} AND rated.kind = 10 AND rated.id = f.id
                    LEFT JOIN analytics.fact departed
                        ON departed.generation = {live} AND departed.kind = 11 AND departed.id = f.id",
            ..Spec::of(Kind::Customer, "departed.id IS NULL", NONE)
        },
        FormerlyActive => Spec {
            facts: Facts::FormerlyActive,
            ..Spec::of(Kind::Order, ALL, "(NOT f.stayed)::int4")
        },
        Cohorts => Spec {
            facts: Facts::Cohorts,
            ..Spec::of(Kind::Order, ALL, "f.active::int4")
        },
        Buyers => Spec {
            facts: Facts::Buyers,
            ..Spec::of(Kind::Order, ALL, "f.amount")
        },
        Checks => Spec::of(Kind::Check, "f.outcome IN (1, 2)", "(f.outcome = 1)::int4"),
        Shares => Spec::of(Kind::Approval, ALL, NONE),
        Reads => Spec {
            facts: Facts::Reads,
            ..Spec::of(Kind::Approval, ALL, NONE)
        },
    }
}
