//! Links are made, taken back and listed.

use kefu_access::Clearance;
use kefu_contracts::{
    common::Reason,
    ticket::{
        LinkKind, LinkTicketsRequest, ListLinksRequest, ListLinksResponse, TicketLink,
        UnlinkTicketsRequest,
    },
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, parse_name},
    idempotency::{self, Claim, Plain},
    present::Shown,
    written::Written,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Links, REFUSED, linked};
use crate::{
    api::present::refused_for,
    domain::link::{between, is_directed, is_said},
    store::{
        links::{self, LINKS, NewLink, StoredLink},
        records::{self, StoredTicket},
    },
};

const VIEWED: &str = "links.viewed";

/// A link to be made, read and checked.
#[derive(Clone)]
struct Wanted {
    id: Uuid,
    kind: LinkKind,
    from: Uuid,
    to: Uuid,
    claim: Option<Claim>,
}

impl Links {
    /// Clause SG-5.
    pub(super) async fn link(
        &self,
        call: Call,
        request: LinkTicketsRequest,
    ) -> Result<Answer<TicketLink>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let kind = fields.required_enum::<LinkKind>("kind", request.kind);
        fields.ensure(kind.is_none_or(is_said), "kind", Violation::NotApplicable);
        let from = fields.name("from", &request.from, "tickets");
        let to = fields.name("to", &request.to, "tickets");
        let same = to.is_some() && from == to;
        fields.ensure(!same, "to", Violation::Duplicate);
        fields.finish()?;
        let kind = kind.unwrap_or_default();
        let (from, to) = between(kind, from.unwrap_or_default(), to.unwrap_or_default());
        let wanted = Wanted {
            id: self.0.core.deps.ids.next()?,
            kind,
            from,
            to,
            claim: Claim::of(&call, request_id, &request),
        };
        let writing = (call.clone(), wanted);
        let outcome = self
            .0
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (call, wanted) = writing.clone();
                Box::pin(async move { link(connection, &call, &wanted).await })
            })
            .await;
        let views = &self.0.core.views;
        let resource = refused_for(&outcome).unwrap_or(request.from);
        let written = views.or_refused(&call, REFUSED, &resource, outcome).await?;
        written.into_answer(views, &call, VIEWED).await
    }

    /// Clause SG-5.
    pub(super) async fn unlink(
        &self,
        call: Call,
        request: UnlinkTicketsRequest,
    ) -> Result<Answer<TicketLink>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let id = fields.name("name", &request.name, LINKS);
        fields.finish()?;
        let claim = Claim::of(&call, request_id, &request);
        let writing = (
            call.clone(),
            id.unwrap_or_default(),
            claim,
            request.name.clone(),
        );
        let outcome = self
            .0
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (call, id, claim, name) = writing.clone();
                Box::pin(async move { unlink(connection, &call, id, claim, &name).await })
            })
            .await;
        let views = &self.0.core.views;
        let written = views
            .or_refused(&call, REFUSED, &request.name, outcome)
            .await?;
        written.into_answer(views, &call, VIEWED).await
    }

    /// Clause SG-5.
    pub(super) async fn list(
        &self,
        call: Call,
        request: ListLinksRequest,
    ) -> Result<Answer<ListLinksResponse>, Fault> {
        let mut fields = Fields::new();
        let id = fields.name("parent", &request.parent, "tickets");
        fields.finish()?;
        let id = id.unwrap_or_default();
        let mut parent = records::RECORD.get(&call, id);
        let mut query = links::RECORD.select(&call);
        query.push(" AND (l.from_id = ").push_bind(id);
        query.push(" OR l.to_id = ").push_bind(id);
        query.push(") ORDER BY l.created_at, l.id");
        let db = &self.0.core.deps.db;
        let found = db
            .run(move |connection| {
                Box::pin(async move {
                    let Some(row) = parent.build().fetch_optional(&mut *connection).await? else {
                        return Ok(None);
                    };
                    let rows = query.build().fetch_all(connection).await?;
                    let links: Result<Vec<_>, _> = rows.iter().map(StoredLink::read).collect();
                    Ok(Some((StoredTicket::read(&row)?, links?)))
                })
            })
            .await?;
        let views = &self.0.core.views;
        let Some((row, links)) = found else {
            let fault = Fault::not_found(&request.parent);
            return Err(views.refuse(&call, REFUSED, &request.parent, fault).await);
        };
        let shown = Shown {
            resource: request.parent,
            customer_id: Some(row.customer_id),
            clearance: call.context.clearance(row.matched, call.now),
        };
        views.record(&call, VIEWED, &[shown]).await?;
        let links = links.into_iter().map(|one| one.link).collect();
        Ok(Answer::read(ListLinksResponse { links }))
    }
}

async fn link(
    connection: &mut PgConnection,
    call: &Call,
    wanted: &Wanted,
) -> Result<Written<TicketLink>, Fault> {
    let claim = wanted.claim.as_ref();
    if let Some(kept) = idempotency::find_plain(connection, claim).await? {
        return before(connection, kept).await;
    }
    let mut tickets = Vec::with_capacity(2);
    for id in [wanted.from, wanted.to] {
        let row = records::RECORD
            .get(call, id)
            .build()
            .fetch_optional(&mut *connection)
            .await?;
        let row = row.as_ref().map(StoredTicket::read).transpose()?;
        tickets.push(row.ok_or_else(|| Fault::not_found(&format!("tickets/{id}")))?);
    }
    if is_directed(wanted.kind) {
        links::lock(connection).await?;
        if links::leads(connection, wanted.kind, wanted.to, wanted.from).await? {
            let violation = ("to".to_owned(), Violation::Contradiction);
            return Err(Fault::fields(vec![violation]));
        }
    }
    let new = NewLink {
        id: wanted.id,
        kind: wanted.kind,
        from: wanted.from,
        to: wanted.to,
        customer: tickets[0].customer_id,
        author: call.caller(),
        now: call.now,
    };
    if !links::insert(connection, &new).await? {
        return Err(Fault::new(Reason::AlreadyExists).with("field", "to"));
    }
    let link = new.to_proto(&tickets[0].columns().number, &tickets[1].columns().number);
    let position = kefu_journal::append(connection, &[linked(call, &new, false)]).await?;
    idempotency::keep_plain(connection, call, claim, new.id, &link, position).await?;
    let shown = shown(&link, Some(new.customer));
    Ok(Written::now(link, shown, position))
}

async fn unlink(
    connection: &mut PgConnection,
    call: &Call,
    id: Uuid,
    claim: Option<Claim>,
    name: &str,
) -> Result<Written<TicketLink>, Fault> {
    if let Some(kept) = idempotency::find_plain(connection, claim.as_ref()).await? {
        return before(connection, kept).await;
    }
    let mut query = links::RECORD.get(call, id);
    query.push(" FOR UPDATE OF l");
    let row = query.build().fetch_optional(&mut *connection).await?;
    let row = row.as_ref().map(StoredLink::read).transpose()?;
    let row = row.ok_or_else(|| Fault::not_found(name))?;
    let kind = row.link.kind();
    if !is_said(kind) {
        return Err(Fault::state(kind.as_str_name(), "unlink"));
    }
    links::delete(connection, id).await?;
    let gone = NewLink {
        id,
        kind,
        from: row.from,
        to: row.to,
        customer: row.customer,
        author: String::new(),
        now: call.now,
    };
    let position = kefu_journal::append(connection, &[linked(call, &gone, true)]).await?;
    idempotency::keep_plain(connection, call, claim.as_ref(), id, &row.link, position).await?;
    let shown = shown(&row.link, Some(row.customer));
    Ok(Written::now(row.link, shown, position))
}

/// A link as it was answered before.
async fn before(
    connection: &mut PgConnection,
    kept: Plain<TicketLink>,
) -> Result<Written<TicketLink>, Fault> {
    let from = parse_name(&kept.body.from, "tickets").unwrap_or_default();
    let ticket = records::find(connection, from).await?;
    let shown = shown(&kept.body, ticket.map(|ticket| ticket.customer_id));
    Ok(Written::before(kept.body, shown, kept.position))
}

/// A link says of its tickets only that they are there.
fn shown(link: &TicketLink, customer_id: Option<Uuid>) -> Shown {
    Shown {
        resource: link.name.clone(),
        customer_id,
        clearance: Clearance::default(),
    }
}
