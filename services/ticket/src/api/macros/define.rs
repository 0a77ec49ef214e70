//! Macros are added, changed and archived by who leads.

use kefu_access::RowFacts;
use kefu_contracts::{
    common::Reason,
    journal::{EntryKind, MacroChanged, event},
    ticket::{CreateMacroRequest, Macro, MacroState, UpdateMacroRequest},
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, etag},
    idempotency::{self, Claim},
    present::{Shown, entry},
    written::Written,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Macros, look::VIEWED};
use crate::{
    domain::macros::check,
    store::macros::{self, Defined, MACROS},
};

/// A macro that is to be written, read and checked.
#[derive(Clone)]
struct Wanted {
    id: Uuid,
    department: Option<Uuid>,
    body: Macro,
    /// The revision that it was decided upon; none: it is new.
    revision: Option<i64>,
    claim: Option<Claim>,
}

impl Macros {
    /// Clause SG-2.3.
    pub(super) async fn create(
        &self,
        call: Call,
        request: CreateMacroRequest,
    ) -> Result<Answer<Macro>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(&call, request_id, &request);
        let body = request.r#macro.unwrap_or_default();
        let department = fields.optional_name("macro.department", &body.department, "departments");
        check(&mut fields, &body);
        fields.finish()?;
        let wanted = Wanted {
            id: self.core.deps.ids.next()?,
            department,
            body,
            revision: None,
            claim,
        };
        self.write(call, wanted).await
    }

    /// Clause SG-2.3.
    pub(super) async fn update(
        &self,
        call: Call,
        request: UpdateMacroRequest,
    ) -> Result<Answer<Macro>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(&call, request_id, &request);
        let body = request.r#macro.unwrap_or_default();
        let id = fields.name("macro.name", &body.name, MACROS);
        let revision = fields.etag("macro.etag", &body.etag);
        let department = fields.optional_name("macro.department", &body.department, "departments");
        check(&mut fields, &body);
        fields.finish()?;
        let wanted = Wanted {
            id: id.unwrap_or_default(),
            department,
            body,
            revision: Some(revision.unwrap_or_default()),
            claim,
        };
        self.write(call, wanted).await
    }

    async fn write(&self, call: Call, wanted: Wanted) -> Result<Answer<Macro>, Fault> {
        let resource = wanted.body.name.clone();
        let writing = (call.clone(), wanted);
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (call, wanted) = writing.clone();
                Box::pin(async move { write(connection, &call, &wanted).await })
            })
            .await;
        let views = &self.core.views;
        let written = views
            .or_not_allowed(&call, "macro.refused", &resource, outcome)
            .await?;
        written.into_answer(views, &call, VIEWED).await
    }
}

/// Who leads a department says what is for it; what is for all, who reaches all.
fn ensure_reach(call: &Call, department: Option<Uuid>) -> Result<(), Fault> {
    let facts = RowFacts {
        department,
        ..RowFacts::default()
    };
    let rule = "the department lies outside of your scope";
    match call.context.clearance_of(&facts, call.now) {
        Some(_) => Ok(()),
        None => Err(Fault::new(Reason::PermissionMissing).with("rule", rule)),
    }
}

async fn write(
    connection: &mut PgConnection,
    call: &Call,
    wanted: &Wanted,
) -> Result<Written<Macro>, Fault> {
    let claim = wanted.claim.as_ref();
    if let Some(kept) = idempotency::find_plain::<Macro>(connection, claim).await? {
        let shown = Shown::of_company(&kept.body.name);
        return Ok(Written::before(kept.body, shown, kept.position));
    }
    ensure_reach(call, wanted.department)?;
    let defined = Defined {
        id: wanted.id,
        department: wanted.department,
        body: &wanted.body,
    };
    let kind = match wanted.revision {
        None => {
            macros::insert(connection, &defined, call.now).await?;
            "macro.created"
        }
        Some(from) => {
            ensure_same(connection, wanted, from).await?;
            macros::update(connection, &defined).await?;
            "macro.updated"
        }
    };
    let gone = || Fault::internal("a macro that was just written is not there");
    let stored = macros::find(connection, wanted.id)
        .await?
        .ok_or_else(gone)?;
    let department = wanted.department.map(|id| id.as_bytes().to_vec());
    let event = event::Event::MacroChanged(MacroChanged {
        macro_id: wanted.id.as_bytes().to_vec(),
        department_id: department.unwrap_or_default(),
        archived: stored.body.state() == MacroState::Archived,
        revision: stored.revision,
    });
    let name = stored.body.name.clone();
    let entry = entry(call, EntryKind::Change, kind, name, None, event);
    let position = kefu_journal::append(connection, &[entry]).await?;
    idempotency::keep_plain(connection, call, claim, wanted.id, &stored.body, position).await?;
    let shown = Shown::of_company(&stored.body.name);
    Ok(Written::now(stored.body, shown, position))
}

/// Refuses to change what is no longer as it was, and what stays.
async fn ensure_same(
    connection: &mut PgConnection,
    wanted: &Wanted,
    revision: i64,
) -> Result<(), Fault> {
    macros::lock(connection, wanted.id).await?;
    let stored = macros::find(connection, wanted.id)
        .await?
        .ok_or_else(|| Fault::not_found(&wanted.body.name))?;
    if stored.revision != revision {
        return Err(Fault::new(Reason::EtagMismatch).with("etag", etag(stored.revision)));
    }
    let mut fields = Fields::new();
    let same = stored.department == wanted.department;
    fields.ensure(same, "macro.department", Violation::Immutable);
    fields.finish()
}
