//! `kefu.ticket.v1.ViewService`: filters saved under a name, read by whoever looks under their
//! own scope.

mod change;

use kefu_contracts::ticket::{
    CreateViewRequest, DeleteViewRequest, DeleteViewResponse, GetViewRequest, ListViewsRequest,
    ListViewsResponse, UpdateViewRequest, View, view_service_server::ViewService,
};
use kefu_service::{
    call::{Answer, Call, answer},
    core::Core,
    error::Fault,
    fields::Fields,
    filter::Filter,
    present::Shown,
    scope::total,
};
use tonic::{Request, Response, Status};

use super::list::LIST;
use crate::store::{
    records::RECORD,
    views::{self, Reader, VIEWS},
};

const VIEWED: &str = "view.viewed";
const REFUSED: &str = "view.refused";

/// The handlers.
#[derive(Clone)]
pub(crate) struct SavedViews(pub(crate) Core);

/// Who calls, as views know them.
fn reader(call: &Call) -> Reader {
    Reader {
        id: call.context.subject.id,
        departments: call.context.subject.departments.clone(),
    }
}

impl SavedViews {
    /// Clause SG-5.
    async fn get(&self, call: Call, request: GetViewRequest) -> Result<Answer<View>, Fault> {
        let mut fields = Fields::new();
        let id = fields
            .name("name", &request.name, VIEWS)
            .unwrap_or_default();
        fields.finish()?;
        let (reader, db) = (reader(&call), &self.0.deps.db);
        let found = db.run(move |connection| {
            Box::pin(async move { views::find(connection, &reader, id).await })
        });
        let Some(found) = found.await? else {
            let fault = Fault::not_found(&request.name);
            let views = &self.0.views;
            return Err(views.refuse(&call, REFUSED, &request.name, fault).await);
        };
        let mut view = found.message;
        let filter = self.still_read(&view)?;
        let mut count = RECORD.count(&call, &filter);
        let counted = db.run(move |connection| {
            Box::pin(async move {
                let count = count.build_query_scalar::<i64>();
                Ok(count.fetch_one(connection).await?)
            })
        });
        let (size, kind) = total(counted.await?, filter.count_limit());
        view.ticket_count = size;
        view.set_ticket_count_kind(kind);
        self.show(&call, std::slice::from_ref(&view)).await?;
        Ok(Answer::read(view))
    }

    /// The filter of a view, as the list reads it today.
    fn still_read(&self, view: &View) -> Result<Filter, Fault> {
        let mut fields = Fields::new();
        let key = self.0.deps.vault.index_key();
        let filter = Filter::parse(&view.filter, RECORD.fields, key).unwrap_or_else(|what| {
            fields.refuse("view.filter", what);
            Filter::default()
        });
        if let Err(what) = LIST.order(&view.order_by) {
            fields.refuse("view.order_by", what);
        }
        fields.finish()?;
        Ok(filter)
    }

    async fn list(
        &self,
        call: Call,
        _: ListViewsRequest,
    ) -> Result<Answer<ListViewsResponse>, Fault> {
        let (reader, db) = (reader(&call), &self.0.deps.db);
        let all = db
            .run(move |connection| Box::pin(async move { views::list(connection, &reader).await }));
        let views = all.await?;
        self.show(&call, &views).await?;
        Ok(Answer::read(ListViewsResponse { views }))
    }

    async fn show(&self, call: &Call, all: &[View]) -> Result<(), Fault> {
        let shown: Vec<Shown> = all.iter().map(|one| Shown::of_company(&one.name)).collect();
        self.0.views.record(call, VIEWED, &shown).await.map(drop)
    }
}

#[tonic::async_trait]
impl ViewService for SavedViews {
    async fn create_view(
        &self,
        request: Request<CreateViewRequest>,
    ) -> Result<Response<View>, Status> {
        answer(request, |call, body| self.create(call, body)).await
    }

    async fn get_view(&self, request: Request<GetViewRequest>) -> Result<Response<View>, Status> {
        answer(request, |call, body| self.get(call, body)).await
    }

    async fn list_views(
        &self,
        request: Request<ListViewsRequest>,
    ) -> Result<Response<ListViewsResponse>, Status> {
        answer(request, |call, body| self.list(call, body)).await
    }

    async fn update_view(
        &self,
        request: Request<UpdateViewRequest>,
    ) -> Result<Response<View>, Status> {
        answer(request, |call, body| self.update(call, body)).await
    }

    async fn delete_view(
        &self,
        request: Request<DeleteViewRequest>,
    ) -> Result<Response<DeleteViewResponse>, Status> {
        answer(request, |call, body| self.delete(call, body)).await
    }
}
