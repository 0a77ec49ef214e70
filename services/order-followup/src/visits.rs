//! Plans visits with the follow-ups by which they are done, and ends them where the customer is
//! no longer served, in the transaction of what that is for.

use jiff::Timestamp;
use kefu_contracts::{
    ClassSet, Resource,
    journal::{VisitAct, VisitChanged, event},
    order::{FollowUpKind, FollowUpState, Visit, VisitMethod, VisitOrigin, VisitState},
};
use kefu_journal::Entry;
use kefu_service::{
    core::Core, error::Fault, fields::name, ids::Ids, sealed::Sealer, time::to_proto,
};
use kefu_vault::CustomerKey;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    desk::{By, Desk, Wanted},
    domain::visit::{Step, words},
    store::visits::{self, Change, NewVisit, StoredVisit, VISITS},
};

/// Where visits are planned and ended.
#[derive(Clone)]
pub(crate) struct Visits {
    ids: Ids,
    sealer: Sealer,
    desk: Desk,
}

/// A visit that is to be planned.
pub(crate) struct Planned<'a> {
    pub(crate) customer: Uuid,
    pub(crate) origin: VisitOrigin,
    pub(crate) method: VisitMethod,
    pub(crate) department: Uuid,
    pub(crate) owner: Option<Uuid>,
    pub(crate) due_at: Timestamp,
    /// Of one by plan, its version, and from when it was counted.
    pub(crate) period: Option<(i32, Timestamp)>,
    pub(crate) reason: &'a str,
}

impl Visits {
    pub(crate) fn new(core: &Core, desk: Desk) -> Self {
        Self {
            ids: core.deps.ids.clone(),
            sealer: Sealer::new(core.deps.vault.clone(), "orders.visit"),
            desk,
        }
    }

    pub(crate) fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    pub(crate) fn desk(&self) -> &Desk {
        &self.desk
    }

    /// Plans one, and opens its follow-up: its id, and what the caller has to journal; none
    /// where there is, or was, one for the same period.
    pub(crate) async fn plan(
        &self,
        connection: &mut PgConnection,
        by: &By<'_>,
        planned: &Planned<'_>,
    ) -> Result<Option<(Uuid, Vec<Entry>)>, Fault> {
        let (id, customer, now) = (self.ids.next()?, planned.customer, by.now());
        let (key, _) = self.sealer.key(connection, customer, now).await?;
        let said = Visit {
            reason: planned.reason.to_owned(),
            ..Visit::default()
        };
        let new = NewVisit {
            id,
            customer_id: customer,
            origin: planned.origin,
            method: planned.method,
            department_id: planned.department,
            owner_id: planned.owner,
            due_at: planned.due_at,
            plan_version: planned.period.map_or(0, |(version, _)| version),
            period_from: planned.period.map(|(_, from)| from),
            sealed: &self.sealer.seal(&key, id, &said)?,
            now,
        };
        if !visits::insert(connection, &new).await? {
            return Ok(None);
        }
        let event = event::Event::VisitChanged(VisitChanged {
            visit_id: id.as_bytes().to_vec(),
            customer_id: customer.as_bytes().to_vec(),
            act: VisitAct::Planned.into(),
            state: VisitState::Planned.into(),
            origin: planned.origin.into(),
            method: planned.method.into(),
            department_id: planned.department.as_bytes().to_vec(),
            due_at: Some(to_proto(planned.due_at)),
            visited_at: None,
            revision: 1,
        });
        let resource = name(VISITS, id);
        let mut entries = vec![by.fact("visit.planned", resource.clone(), Some(customer), event)];
        let wanted = Wanted {
            kind: FollowUpKind::Visit,
            cause: format!("visit:{id}"),
            customer,
            subject: &resource,
            department: planned.department,
            assignee: planned.owner,
            due_at: planned.due_at,
            reason: match planned.reason {
                "" => words(planned.method),
                reason => format!("{}。{reason}", words(planned.method)),
            },
        };
        entries.extend(self.desk.open(connection, by, wanted).await?);
        Ok(Some((id, entries)))
    }

    /// Ends what is planned to a customer who is no longer served under this file; what the
    /// caller has to journal.
    pub(crate) async fn end(
        &self,
        connection: &mut PgConnection,
        by: &By<'_>,
        customer: Uuid,
    ) -> Result<Vec<Entry>, Fault> {
        let mut entries = Vec::new();
        for row in visits::planned(connection, customer).await? {
            let change = Change {
                id: row.id,
                state: Step::End.leads_from(row.state())?,
                method: row.method(),
                due_at: row.due_at,
                moves: row.moves,
                visited_at: None,
                feedback_department: None,
                next_visit: None,
                closer: None,
                sealed: &row.sealed,
            };
            visits::update(connection, &change).await?;
            entries.push(changed(by, Step::End, &row, &change));
            let (subject, kind) = (name(VISITS, row.id), FollowUpKind::Visit);
            let how = FollowUpState::Settled;
            let closed = self.desk.close(connection, by, &subject, kind, how, "");
            entries.extend(closed.await?);
        }
        Ok(entries)
    }

    /// A visit opened whole, for sealing again; never for an answer that is not disclosed.
    pub(crate) fn open_whole(&self, key: &CustomerKey, row: &StoredVisit) -> Result<Visit, Fault> {
        let everything = ClassSet::of(Visit::CLASSES);
        let (opened, _) = self.sealer.open(key, row.id, &row.sealed, everything)?;
        Ok(row.with_opened(opened))
    }
}

/// What a step made of a visit, for the journal.
pub(crate) fn changed(by: &By<'_>, step: Step, row: &StoredVisit, change: &Change<'_>) -> Entry {
    let bytes = |id: Uuid| id.as_bytes().to_vec();
    let event = event::Event::VisitChanged(VisitChanged {
        visit_id: bytes(row.id),
        customer_id: bytes(row.customer_id),
        act: step.act().into(),
        state: change.state.into(),
        origin: row.origin().into(),
        method: change.method.into(),
        department_id: bytes(row.department_id),
        due_at: Some(to_proto(change.due_at)),
        visited_at: change.visited_at.map(to_proto),
        revision: row.revision + 1,
    });
    by.fact(
        step.journaled_as(),
        name(VISITS, row.id),
        Some(row.customer_id),
        event,
    )
}
