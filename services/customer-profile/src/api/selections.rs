//! `kefu.profile.v1.SelectionService`: rules that select files, saved under a name (CF-6.2).

mod change;

use kefu_contracts::profile::{
    ArchiveSelectionRequest, CreateSelectionRequest, GetSelectionRequest, ListSelectionsRequest,
    ListSelectionsResponse, ResolveSelectionRequest, Selection, UpdateSelectionRequest,
    selection_service_server::SelectionService,
};
use kefu_service::{
    call::{Answer, Call, answer},
    core::Core,
    error::{Fault, Violation},
    fields::Fields,
    listing::{self, ListSpec, asked},
    scope::{After, Order},
};
use tonic::{Request, Response, Status};

use super::retentions::shown;
use crate::store::selections::{self, SELECTIONS, StoredSelection};

const COLLECTION: &str = "selections";
const VIEWED: &str = "selection.viewed";
const REFUSED: &str = "selection.refused";

const LIST: ListSpec<StoredSelection> = ListSpec {
    record: &SELECTIONS,
    time: "create_time",
    order: Order {
        column: "s.created_at",
        descending: true,
    },
    read: StoredSelection::read,
    place: |row| After {
        at: row.created_at,
        id: row.id,
    },
};

/// The handlers.
#[derive(Clone)]
pub(crate) struct Selections(pub(crate) Core);

fn check_version(fields: &mut Fields, version: i32) {
    let from = Violation::OutOfRange(0, i64::from(i32::MAX));
    fields.ensure(version >= 0, "version", from);
}

impl Selections {
    async fn get(
        &self,
        call: Call,
        request: GetSelectionRequest,
    ) -> Result<Answer<Selection>, Fault> {
        let mut fields = Fields::new();
        let id = fields
            .name("name", &request.name, COLLECTION)
            .unwrap_or_default();
        check_version(&mut fields, request.version);
        fields.finish()?;
        let db = &self.0.deps.db;
        let row = db.row(SELECTIONS.get(&call, id)).await?;
        let found = row.as_ref().map(StoredSelection::read).transpose()?;
        let found = match found {
            Some(found) if request.version != 0 => {
                let (current, version) = (found.message.clone(), request.version);
                let then = db
                    .run(move |connection| {
                        let current = current.clone();
                        Box::pin(async move {
                            selections::at_version(connection, &current, id, version).await
                        })
                    })
                    .await?;
                then.map(|message| StoredSelection { message, ..found })
            }
            found => found,
        };
        let views = &self.0.views;
        let Some(found) = found else {
            let fault = Fault::not_found(&request.name);
            return Err(views.refuse(&call, REFUSED, &request.name, fault).await);
        };
        let shown = shown(&call, &request.name, None, found.matched);
        views.record(&call, VIEWED, &[shown]).await?;
        Ok(Answer::read(found.message))
    }

    async fn list(
        &self,
        call: Call,
        request: ListSelectionsRequest,
    ) -> Result<Answer<ListSelectionsResponse>, Fault> {
        let asked = asked!(request);
        let reader = &call;
        let page = listing::show(&self.0, &call, &LIST, asked, VIEWED, |row| {
            Box::pin(async move {
                let shown = shown(reader, &row.message.name, None, row.matched);
                Ok((row.message, shown))
            })
        })
        .await?;
        Ok(Answer::read(ListSelectionsResponse {
            selections: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }

    /// For what is about to refer to it; who asks is asked there.
    async fn resolve(&self, request: ResolveSelectionRequest) -> Result<Answer<Selection>, Fault> {
        let mut fields = Fields::new();
        let id = fields
            .name("name", &request.name, COLLECTION)
            .unwrap_or_default();
        check_version(&mut fields, request.version);
        fields.finish()?;
        let version = request.version;
        let found = self
            .0
            .deps
            .db
            .run(move |connection| {
                Box::pin(async move { selections::resolve(connection, id, version).await })
            })
            .await?;
        let (version, comparisons) = found.ok_or_else(|| Fault::not_found(&request.name))?;
        Ok(Answer::read(Selection {
            name: request.name,
            filter: comparisons.join(" AND "),
            version,
            ..Selection::default()
        }))
    }
}

#[tonic::async_trait]
impl SelectionService for Selections {
    async fn create_selection(
        &self,
        request: Request<CreateSelectionRequest>,
    ) -> Result<Response<Selection>, Status> {
        answer(request, |call, body| self.create(call, body)).await
    }

    async fn get_selection(
        &self,
        request: Request<GetSelectionRequest>,
    ) -> Result<Response<Selection>, Status> {
        answer(request, |call, body| self.get(call, body)).await
    }

    async fn list_selections(
        &self,
        request: Request<ListSelectionsRequest>,
    ) -> Result<Response<ListSelectionsResponse>, Status> {
        answer(request, |call, body| self.list(call, body)).await
    }

    async fn update_selection(
        &self,
        request: Request<UpdateSelectionRequest>,
    ) -> Result<Response<Selection>, Status> {
        answer(request, |call, body| self.update(call, body)).await
    }

    async fn archive_selection(
        &self,
        request: Request<ArchiveSelectionRequest>,
    ) -> Result<Response<Selection>, Status> {
        answer(request, |call, body| self.archive(call, body)).await
    }

    async fn resolve_selection(
        &self,
        request: Request<ResolveSelectionRequest>,
    ) -> Result<Response<Selection>, Status> {
        answer(request, |_, body| self.resolve(body)).await
    }
}
