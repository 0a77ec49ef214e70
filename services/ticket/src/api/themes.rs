//! `kefu.ticket.v1.ThemeService`: what customers often ask, and why they complain.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use jiff_sqlx::ToSqlx;
use kefu_access::Clearance;
use kefu_contracts::{
    ClassSet,
    policy::DataClass,
    ticket::{
        FindThemesRequest, FindThemesResponse, Theme, ThemeCategory, ThemeKind, ThemePeriod,
        Ticket, TicketKind, theme_service_server::ThemeService,
    },
};
use kefu_service::{
    call::{Answer, Call, answer},
    error::{Fault, Violation},
    fields::{Fields, name},
    present::Shown,
    time::to_proto,
};
use sqlx::{Postgres, QueryBuilder};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::Tickets;
use crate::{
    domain::theme::{self, Told, terms::terms},
    store::records::{RECORD, StoredTicket},
};

const SERVICE: ClassSet = ClassSet::of(&[DataClass::Service]);
/// Tickets of a period that are looked at.
const MOST_TICKETS: usize = 2_000;
/// Tickets that a theme names.
const MOST_NAMED: usize = 50;
const LEAST_CUSTOMERS: i32 = 5;
const LIMIT: (i32, i32) = (50, 200);
const LONGEST: SignedDuration = SignedDuration::from_hours(366 * 24);

/// The handlers.
#[derive(Clone)]
pub(crate) struct Themes(pub(crate) Tickets);

/// A request that can be answered.
struct Wanted {
    kind: ThemeKind,
    start: Timestamp,
    end: Timestamp,
    /// Of the period before, which ends where this one begins.
    before: Timestamp,
    least_customers: usize,
    limit: usize,
}

/// A ticket that was opened for its words.
struct Opened {
    ticket: Uuid,
    customer: Uuid,
    /// Rules of the call that let it through.
    matched: i64,
    category: String,
    text: String,
}

impl Themes {
    /// Clause SG-8.
    async fn find(
        &self,
        call: Call,
        request: FindThemesRequest,
    ) -> Result<Answer<FindThemesResponse>, Fault> {
        let wanted = read(&request, call.now)?;
        let (opened, period) = self
            .open(&call, wanted.kind, (wanted.start, wanted.end))
            .await?;
        let (earlier, previous) = self
            .open(&call, wanted.kind, (wanted.before, wanted.start))
            .await?;
        let whose: Whose = opened.iter().map(whose).collect();
        let least = wanted.least_customers;
        // The dictionary and so many texts take their time.
        let counted = tokio::task::spawn_blocking(move || {
            let (now, before) = (told(opened), told(earlier));
            theme::themes(&now, &before, least)
        });
        let found = counted.await;
        let found = found.map_err(|error| Fault::internal(format!("themes: {error}")))?;
        let truncated = found.len() > wanted.limit;
        let themes: Vec<_> = found.into_iter().take(wanted.limit).collect();
        let viewed = viewed(&call, &themes, &whose);
        let views = &self.0.core.views;
        views.record(&call, "theme.viewed", &viewed).await?;
        Ok(Answer::read(FindThemesResponse {
            themes: themes.into_iter().map(shown).collect(),
            period: Some(period),
            previous: Some(previous),
            truncated,
        }))
    }

    /// Opens what was written of the tickets of a period, as far as it is cleared.
    async fn open(
        &self,
        call: &Call,
        kind: ThemeKind,
        (from, until): (Timestamp, Timestamp),
    ) -> Result<(Vec<Opened>, ThemePeriod), Fault> {
        let mut query = query(call, kind, (from, until));
        let rows = self.0.core.deps.db.run(move |connection| {
            Box::pin(async move { Ok(query.build().fetch_all(connection).await?) })
        });
        let rows = rows.await?;
        let mut opened = Vec::new();
        let mut held_back = 0;
        for row in rows.iter().take(MOST_TICKETS) {
            let row = StoredTicket::read(row)?;
            let clearance = call.context.clearance(row.matched, call.now);
            if !clearance.classes.contains(DataClass::Service) {
                held_back += 1;
                continue;
            }
            let sealer = &self.0.sealer;
            let key = sealer.open_key(row.customer_id, &row.wrapped).await?;
            let (ticket, _) = sealer.open::<Ticket>(&key, row.id, &row.sealed, SERVICE)?;
            let text = match kind {
                ThemeKind::ComplaintCauses => ticket.cause,
                _ => format!("{}\n{}", ticket.subject, ticket.description),
            };
            if text.trim().is_empty() {
                continue;
            }
            opened.push(Opened {
                ticket: row.id,
                customer: row.customer_id,
                matched: row.matched,
                category: row.columns().category.clone(),
                text,
            });
        }
        let period = ThemePeriod {
            start_time: Some(to_proto(from)),
            end_time: Some(to_proto(until)),
            ticket_count: i64::try_from(opened.len()).unwrap_or(i64::MAX),
            held_back_count: held_back,
            truncated: rows.len() > MOST_TICKETS,
        };
        Ok((opened, period))
    }
}

/// Tickets of the kind that were received in a period, the newest first, one more than is looked
/// at; those that are part of another are told of there.
fn query(
    call: &Call,
    kind: ThemeKind,
    (from, until): (Timestamp, Timestamp),
) -> QueryBuilder<Postgres> {
    let kind = match kind {
        ThemeKind::ComplaintCauses => TicketKind::Complaint,
        _ => TicketKind::Consultation,
    };
    let mut query = RECORD.select(call);
    query.push(format_args!(
        " AND t.merged_at IS NULL AND t.kind = {} AND t.received_at >= ",
        kind as i32
    ));
    query
        .push_bind(from.to_sqlx())
        .push(" AND t.received_at < ")
        .push_bind(until.to_sqlx());
    query.push(format_args!(
        " ORDER BY t.received_at DESC, t.id DESC LIMIT {}",
        MOST_TICKETS + 1
    ));
    query
}

fn read(request: &FindThemesRequest, now: Timestamp) -> Result<Wanted, Fault> {
    let mut fields = Fields::new();
    let kind = fields.required_enum::<ThemeKind>("kind", request.kind);
    let mut bound = |field: &str, at: Option<&prost_types::Timestamp>| {
        fields.ensure(at.is_some(), field, Violation::Required);
        fields.time(field, at)
    };
    let start = bound("start_time", request.start_time.as_ref());
    let end = bound("end_time", request.end_time.as_ref());
    let both = start.zip(end);
    if let Some((start, end)) = both {
        let sound = end > start && end.duration_since(start) <= LONGEST;
        fields.ensure(sound, "end_time", Violation::Contradiction);
    }
    let began = start.is_none_or(|start| start <= now);
    fields.ensure(began, "start_time", Violation::InFuture);
    let least = request.least_customers;
    let range = Violation::OutOfRange(LEAST_CUSTOMERS.into(), i32::MAX.into());
    let sound = least == 0 || least >= LEAST_CUSTOMERS;
    fields.ensure(sound, "least_customers", range);
    let (usual, most) = LIMIT;
    let sound = (0..=most).contains(&request.limit);
    fields.ensure(sound, "limit", Violation::OutOfRange(1, most.into()));
    let before = both.and_then(|(start, end)| start.checked_sub(end.duration_since(start)).ok());
    if both.is_some_and(|(start, end)| end > start) {
        fields.ensure(before.is_some(), "start_time", Violation::Time);
    }
    fields.finish()?;
    let or = |given: i32, usual: i32| if given == 0 { usual } else { given };
    let number = |number: i32| usize::try_from(number).unwrap_or_default();
    match (kind, both, before) {
        (Some(kind), Some((start, end)), Some(before)) => Ok(Wanted {
            kind,
            start,
            end,
            before,
            least_customers: number(or(least, LEAST_CUSTOMERS)),
            limit: number(or(request.limit, usual)),
        }),
        _ => Err(Fault::internal("a violation was not noted")),
    }
}

/// Of each ticket, whose it is, and the rules that let it through.
type Whose = BTreeMap<Uuid, (Uuid, i64)>;

fn whose(opened: &Opened) -> (Uuid, (Uuid, i64)) {
    (opened.ticket, (opened.customer, opened.matched))
}

fn told(opened: Vec<Opened>) -> Vec<Told> {
    let told = opened.into_iter().map(|one| Told {
        ticket: one.ticket,
        customer: one.customer,
        category: one.category,
        terms: terms(&one.text),
    });
    told.collect()
}

/// That words were told is journaled, and each ticket that is named as one that has them, by the
/// rules that let it through.
fn viewed(call: &Call, themes: &[theme::Theme], whose: &Whose) -> Vec<Shown> {
    let words = Shown {
        resource: "themes".to_owned(),
        customer_id: None,
        clearance: clearance(call),
    };
    let named: BTreeSet<&Uuid> = themes.iter().flat_map(named).collect();
    let whose = whose.iter().filter(|(ticket, _)| named.contains(ticket));
    let tickets = whose.map(|(ticket, (customer, matched))| Shown {
        resource: name("tickets", *ticket),
        customer_id: Some(*customer),
        clearance: Clearance {
            classes: SERVICE,
            ..call.context.clearance(*matched, call.now)
        },
    });
    std::iter::once(words).chain(tickets).collect()
}

/// The tickets that it names.
fn named(theme: &theme::Theme) -> impl Iterator<Item = &Uuid> {
    theme.tickets.iter().take(MOST_NAMED)
}

fn shown(theme: theme::Theme) -> Theme {
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let tickets = named(&theme).map(|id| name("tickets", *id)).collect();
    let categories = theme.categories.into_iter();
    Theme {
        term: theme.term,
        ticket_count: count(theme.tickets.len()),
        customer_count: count(theme.customers),
        previous_ticket_count: count(theme.before),
        rising: theme.rising,
        categories: categories
            .map(|(category, tickets)| ThemeCategory {
                category,
                ticket_count: count(tickets),
            })
            .collect(),
        tickets,
    }
}

/// By which rules words are told: those that clear what was written.
fn clearance(call: &Call) -> Clearance {
    let mut clearance = Clearance {
        classes: SERVICE,
        ..Clearance::default()
    };
    let standing = call.context.rules.iter();
    let standing =
        standing.filter(|rule| rule.stands(call.now) && rule.classes.contains(DataClass::Service));
    for rule in standing {
        clearance.until = clearance.until.into_iter().chain(rule.expires_at).min();
        if !clearance.sources.contains(&rule.source) {
            clearance.sources.push(rule.source.clone());
        }
    }
    clearance
}

#[tonic::async_trait]
impl ThemeService for Themes {
    async fn find_themes(
        &self,
        request: Request<FindThemesRequest>,
    ) -> Result<Response<FindThemesResponse>, Status> {
        answer(request, |call, body| self.find(call, body)).await
    }
}
