//! Selections are saved, changed and archived.

use kefu_access::RowFacts;
use kefu_contracts::{
    common::Reason,
    journal::{EntryKind, SelectionChanged, event},
    profile::{ArchiveSelectionRequest, CreateSelectionRequest, Selection, UpdateSelectionRequest},
};
use kefu_journal::Cursor;
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, etag, name},
    filter::Filter,
    idempotency::{self, Claim},
    present::entry,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{COLLECTION, REFUSED, SELECTIONS, Selections, StoredSelection, VIEWED, shown};
use crate::{
    api::ask::claim,
    domain::saved_selection::{Rule, ensure_current},
    store::{
        records::FILES,
        selections::{self, Place},
    },
};

/// A change that can be made, if the selection allows it.
#[derive(Clone)]
struct Wanted {
    id: Uuid,
    deed: Deed,
    claim: Option<Claim>,
}

#[derive(Clone)]
enum Deed {
    Save(Rule, Place),
    /// What was decided upon this revision.
    Change(Rule, i64),
    Archive(i64),
}

impl Deed {
    /// As states and as the journal name it.
    fn names(&self) -> (&'static str, &'static str) {
        match self {
            Self::Save(..) => ("save", "selection.saved"),
            Self::Change(..) => ("update", "selection.changed"),
            Self::Archive(_) => ("archive", "selection.archived"),
        }
    }
}

/// A selection as a change left it.
struct Outcome {
    message: Selection,
    matched: i64,
    position: Cursor,
    /// It was made before.
    replayed: bool,
}

impl Selections {
    fn rule(&self, fields: &mut Fields, selection: Option<&Selection>) -> Option<Rule> {
        let Some(selection) = selection else {
            fields.refuse("selection", Violation::Required);
            return None;
        };
        let key = self.0.deps.vault.index_key();
        // What is sealed would be kept in words.
        Rule::read(fields, selection, |filter| {
            let filter = Filter::parse(filter, FILES.fields, key).ok()?;
            (!filter.is_about_sealed()).then(|| filter.comparisons())
        })
    }

    /// Clause CF-6.2.
    pub(super) async fn create(
        &self,
        call: Call,
        request: CreateSelectionRequest,
    ) -> Result<Answer<Selection>, Fault> {
        let mut fields = Fields::new();
        let claim = claim(&call, &mut fields, &request.request_id, &request);
        let rule = self.rule(&mut fields, request.selection.as_ref());
        fields.finish()?;
        let rule = rule.ok_or_else(|| Fault::internal("a violation was lost"))?;
        let subject = &call.context.subject;
        // Who belongs nowhere has nothing of a department.
        let department = subject.departments.first().copied();
        let place = Place {
            owner: subject.id,
            department: department.ok_or_else(|| Fault::new(Reason::PermissionMissing))?,
        };
        let id = self.0.deps.ids.next()?;
        let facts = RowFacts {
            department: Some(place.department),
            owner: Some(place.owner),
            ..RowFacts::default()
        };
        let reached = call.context.clearance_of(&facts, call.now);
        reached.ok_or_else(|| Fault::new(Reason::PermissionMissing))?;
        let deed = Deed::Save(rule, place);
        self.change(call, Wanted { id, deed, claim }).await
    }

    /// Clause CF-6.2.
    pub(super) async fn update(
        &self,
        call: Call,
        request: UpdateSelectionRequest,
    ) -> Result<Answer<Selection>, Fault> {
        let mut fields = Fields::new();
        let claim = claim(&call, &mut fields, &request.request_id, &request);
        let rule = self.rule(&mut fields, request.selection.as_ref());
        let selection = request.selection.unwrap_or_default();
        let id = fields.name("selection.name", &selection.name, COLLECTION);
        let revision = fields.etag("selection.etag", &selection.etag);
        fields.finish()?;
        let rule = rule.ok_or_else(|| Fault::internal("a violation was lost"))?;
        let wanted = Wanted {
            id: id.unwrap_or_default(),
            deed: Deed::Change(rule, revision.unwrap_or_default()),
            claim,
        };
        self.change(call, wanted).await
    }

    pub(super) async fn archive(
        &self,
        call: Call,
        request: ArchiveSelectionRequest,
    ) -> Result<Answer<Selection>, Fault> {
        let mut fields = Fields::new();
        let claim = claim(&call, &mut fields, &request.request_id, &request);
        let id = fields.name("name", &request.name, COLLECTION);
        let revision = fields.etag("etag", &request.etag);
        fields.finish()?;
        let wanted = Wanted {
            id: id.unwrap_or_default(),
            deed: Deed::Archive(revision.unwrap_or_default()),
            claim,
        };
        self.change(call, wanted).await
    }

    async fn change(&self, call: Call, wanted: Wanted) -> Result<Answer<Selection>, Fault> {
        let resource = name(COLLECTION, wanted.id);
        let writing = (call.clone(), wanted);
        let db = &self.0.deps.db;
        let outcome = db
            .transaction(move |connection| {
                let (call, wanted) = writing.clone();
                Box::pin(async move { attempt(connection, &call, &wanted).await })
            })
            .await;
        let views = &self.0.views;
        let outcome = views.or_refused(&call, REFUSED, &resource, outcome).await?;
        if outcome.replayed {
            let shown = shown(&call, &outcome.message.name, None, outcome.matched);
            views.record(&call, VIEWED, &[shown]).await?;
        }
        Ok(Answer::written(outcome.message, outcome.position))
    }
}

async fn attempt(
    connection: &mut PgConnection,
    call: &Call,
    wanted: &Wanted,
) -> Result<Outcome, Fault> {
    let claim = wanted.claim.as_ref();
    if let Some(kept) = idempotency::find_plain::<Selection>(connection, claim).await? {
        let matched = reached(connection, call, kept.resource_id).await;
        return Ok(Outcome {
            message: kept.body,
            matched: matched.map(|found| found.matched).unwrap_or_default(),
            position: kept.position,
            replayed: true,
        });
    }
    let (verb, kind) = wanted.deed.names();
    match &wanted.deed {
        Deed::Save(rule, place) => {
            selections::insert(connection, wanted.id, *place, rule, call.now).await?;
        }
        Deed::Change(_, revision) | Deed::Archive(revision) => {
            let found = reached(connection, call, wanted.id).await?;
            if found.revision != *revision {
                let current = etag(found.revision);
                return Err(Fault::new(Reason::EtagMismatch).with("etag", current));
            }
            ensure_current(found.message.state(), verb)?;
            match &wanted.deed {
                Deed::Change(rule, _) => {
                    selections::update(connection, wanted.id, rule, call.now).await?;
                }
                _ => selections::archive(connection, wanted.id, &call.caller(), call.now).await?,
            }
        }
    }
    let after = reached(connection, call, wanted.id).await?;
    let event = event::Event::SelectionChanged(SelectionChanged {
        selection_id: wanted.id.as_bytes().to_vec(),
        version: after.message.version,
        state: after.message.state,
    });
    let resource = after.message.name.clone();
    let entry = entry(call, EntryKind::Change, kind, resource, None, event);
    let position = kefu_journal::append(connection, &[entry]).await?;
    // Selections are the company's own data.
    idempotency::keep_plain(connection, call, claim, wanted.id, &after.message, position).await?;
    Ok(Outcome {
        message: after.message,
        matched: after.matched,
        position,
        replayed: false,
    })
}

/// The selection within reach, locked.
async fn reached(
    connection: &mut PgConnection,
    call: &Call,
    id: Uuid,
) -> Result<StoredSelection, Fault> {
    let mut query = SELECTIONS.get(call, id);
    query.push(" FOR UPDATE OF s");
    let row = query.build().fetch_optional(connection).await?;
    let row = row.ok_or_else(|| Fault::not_found(&name(COLLECTION, id)))?;
    StoredSelection::read(&row)
}
