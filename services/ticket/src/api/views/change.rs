//! Views are saved, changed and deleted, each by its owner alone.

use kefu_contracts::{
    access::SubjectKind,
    common::Reason,
    journal::{EntryKind, ViewChanged, event},
    ticket::{CreateViewRequest, DeleteViewRequest, DeleteViewResponse, UpdateViewRequest, View},
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, etag, name, parse_name},
    filter::Filter,
    idempotency::{self, Claim},
    present::{Shown, entry},
    written::Written,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{REFUSED, SavedViews, VIEWED, reader};
use crate::{
    api::list::LIST,
    domain::view::{Definition, ensure_room},
    store::{
        records::RECORD,
        views::{self, StoredView, VIEWS},
    },
};

/// A change that can be made, if the view allows it.
#[derive(Clone)]
struct Wanted {
    id: Uuid,
    deed: Deed,
    claim: Option<Claim>,
}

#[derive(Clone)]
enum Deed {
    Save(Definition),
    /// What was decided upon this revision.
    Change(Definition, i64),
    Delete(i64),
}

/// Whether a filter that is to be kept reads as one that looks into sealed texts: by the same words
/// its table refuses it (migration 0075), also where they are within a value.
fn reads_as_sealed(filter: &str) -> bool {
    ["text", "subject", "resolution"].iter().any(|field| {
        let comparison = format!("{field} : ");
        filter.starts_with(&comparison) || filter.contains(&format!(" AND {comparison}"))
    })
}

impl SavedViews {
    /// Clauses SG-5, CC-1.2.
    pub(super) async fn create(
        &self,
        call: Call,
        request: CreateViewRequest,
    ) -> Result<Answer<View>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(&call, request_id, &request);
        let definition = self.definition(&call, &mut fields, &request.view.unwrap_or_default());
        fields.finish()?;
        let wanted = Wanted {
            id: self.0.deps.ids.next()?,
            deed: Deed::Save(definition),
            claim,
        };
        self.change(call, wanted).await
    }

    pub(super) async fn update(
        &self,
        call: Call,
        request: UpdateViewRequest,
    ) -> Result<Answer<View>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(&call, request_id, &request);
        let view = request.view.unwrap_or_default();
        let id = fields.name("view.name", &view.name, VIEWS);
        let revision = fields.etag("view.etag", &view.etag);
        let definition = self.definition(&call, &mut fields, &view);
        fields.finish()?;
        let wanted = Wanted {
            id: id.unwrap_or_default(),
            deed: Deed::Change(definition, revision.unwrap_or_default()),
            claim,
        };
        self.change(call, wanted).await
    }

    pub(super) async fn delete(
        &self,
        call: Call,
        request: DeleteViewRequest,
    ) -> Result<Answer<DeleteViewResponse>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(&call, request_id, &request);
        let id = fields.name("name", &request.name, VIEWS);
        let revision = fields.etag("etag", &request.etag);
        fields.finish()?;
        let wanted = Wanted {
            id: id.unwrap_or_default(),
            deed: Deed::Delete(revision.unwrap_or_default()),
            claim,
        };
        let gone = self.change(call, wanted).await?;
        Ok(Answer {
            body: DeleteViewResponse {},
            position: gone.position,
        })
    }

    fn definition(&self, call: &Call, fields: &mut Fields, view: &View) -> Definition {
        let key = self.0.deps.vault.index_key();
        let written = |filter: &str| {
            let filter = Filter::parse(filter, RECORD.fields, key)?;
            let text = filter.comparisons().join(" AND ");
            // What is looked for in sealed texts would be kept in words, and outlive them.
            match filter.is_about_sealed() || reads_as_sealed(&text) {
                true => Err(Violation::Filter),
                false => Ok(text),
            }
        };
        let order = |order: &str| LIST.order(order).err();
        let own = &call.context.subject.departments;
        Definition::read(fields, view, own, written, order)
    }

    async fn change(&self, call: Call, wanted: Wanted) -> Result<Answer<View>, Fault> {
        if call.context.subject.kind != SubjectKind::Employee {
            let rule = "only employees have views";
            return Err(Fault::new(Reason::PermissionMissing).with("rule", rule));
        }
        let resource = name(VIEWS, wanted.id);
        let writing = (call.clone(), wanted);
        let db = &self.0.deps.db;
        let outcome = db
            .transaction(move |connection| {
                let (call, wanted) = writing.clone();
                Box::pin(async move { attempt(connection, &call, &wanted).await })
            })
            .await;
        let views = &self.0.views;
        let outcome = views.or_not_allowed(&call, REFUSED, &resource, outcome);
        outcome.await?.into_answer(views, &call, VIEWED).await
    }
}

async fn attempt(
    connection: &mut PgConnection,
    call: &Call,
    wanted: &Wanted,
) -> Result<Written<View>, Fault> {
    let claim = wanted.claim.as_ref();
    if let Some(kept) = idempotency::find_plain::<View>(connection, claim).await? {
        let shown = Shown::of_company(&kept.body.name);
        return Ok(Written::before(kept.body, shown, kept.position));
    }
    let (id, owner) = (wanted.id, call.context.subject.id);
    let (view, revision, kind) = match &wanted.deed {
        Deed::Save(definition) => {
            ensure_room(views::count(connection, owner).await?)?;
            views::insert(connection, id, owner, definition, call.now).await?;
            let saved = found(connection, call, id).await?;
            (saved.message, saved.revision, "view.saved")
        }
        Deed::Change(definition, revision) => {
            own(connection, call, id, *revision).await?;
            views::update(connection, id, definition, call.now).await?;
            let changed = found(connection, call, id).await?;
            (changed.message, changed.revision, "view.changed")
        }
        Deed::Delete(revision) => {
            let gone = own(connection, call, id, *revision).await?;
            views::delete(connection, id).await?;
            (gone.message, gone.revision + 1, "view.deleted")
        }
    };
    let department = parse_name(&view.department, "departments");
    let event = event::Event::ViewChanged(ViewChanged {
        view_id: id.as_bytes().to_vec(),
        owner_id: owner.as_bytes().to_vec(),
        department_id: department
            .map(|id| id.as_bytes().to_vec())
            .unwrap_or_default(),
        deleted: matches!(wanted.deed, Deed::Delete(_)),
        revision,
    });
    let entry = entry(
        call,
        EntryKind::Change,
        kind,
        view.name.clone(),
        None,
        event,
    );
    let position = kefu_journal::append(connection, &[entry]).await?;
    idempotency::keep_plain(connection, call, claim, id, &view, position).await?;
    let shown = Shown::of_company(&view.name);
    Ok(Written::now(view, shown, position))
}

async fn found(connection: &mut PgConnection, call: &Call, id: Uuid) -> Result<StoredView, Fault> {
    let found = views::find(connection, &reader(call), id).await?;
    found.ok_or_else(|| Fault::not_found(&name(VIEWS, id)))
}

/// One of the caller's own, at the revision that the change was decided upon.
async fn own(
    connection: &mut PgConnection,
    call: &Call,
    id: Uuid,
    revision: i64,
) -> Result<StoredView, Fault> {
    let found = found(connection, call, id).await?;
    if found.owner_id != call.context.subject.id {
        let rule = "only its owner changes a view";
        return Err(Fault::new(Reason::PermissionMissing).with("rule", rule));
    }
    if found.revision != revision {
        return Err(Fault::new(Reason::EtagMismatch).with("etag", etag(found.revision)));
    }
    Ok(found)
}
