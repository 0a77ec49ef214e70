//! `kefu.order.v1.RelationshipService`: by what customers are visited.

mod importance;

use kefu_contracts::{
    journal::RelationPlansChanged,
    order::{
        GetRelationPlansRequest, GetRelationRequest, ListRelationsRequest, ListRelationsResponse,
        Relation, RelationPlanDefinition, RelationPlans, RelationPlansVersion,
        ReviseRelationPlansRequest, SetImportanceRequest,
        relationship_service_server::RelationshipService,
    },
};
use kefu_service::{
    call::{Answer, Call, answer},
    core::Core,
    error::Fault,
    fields::Fields,
    listing::{self, ListSpec, asked},
    present::{Shown, disclose},
    scope::{After, Order},
    versions::{self, Names, Revisable, revisable},
};
use tonic::{Request, Response, Status};

use crate::{
    domain::relation,
    store::{
        relations::{RECORD, RELATIONS, StoredRelation},
        versions::OrderRules,
    },
};

const VIEWED: &str = "relation.viewed";
const REFUSED: &str = "relation.refused";

const LIST: ListSpec<StoredRelation> = ListSpec {
    record: &RECORD,
    time: "known_time",
    order: Order {
        column: "r.known_at",
        descending: true,
    },
    read: StoredRelation::read,
    place: |row| After {
        at: row.known_at,
        id: row.customer_id,
    },
};

/// The handlers and what they share.
#[derive(Clone)]
pub(crate) struct Relations {
    core: Core,
}

impl Revisable<OrderRules> for RelationPlansVersion {
    revisable!(
        OrderRules,
        RelationPlans,
        ReviseRelationPlansRequest,
        RelationPlansChanged
    );

    const NAMES: Names = Names {
        resource: "relationPlans",
        viewed: "relation_plans.viewed",
        revised: "relation_plans.revised",
    };

    fn check(fields: &mut Fields, definition: &RelationPlanDefinition) {
        relation::check(fields, definition);
    }
}

impl Relations {
    pub(crate) fn new(core: &Core) -> Self {
        Self { core: core.clone() }
    }

    async fn plans(
        &self,
        call: Call,
        _: GetRelationPlansRequest,
    ) -> Result<Answer<RelationPlans>, Fault> {
        versions::get::<OrderRules, RelationPlansVersion>(&self.core, call).await
    }

    /// Clause OP-3.3.
    async fn revise(
        &self,
        call: Call,
        request: ReviseRelationPlansRequest,
    ) -> Result<Answer<RelationPlans>, Fault> {
        versions::revise::<OrderRules, RelationPlansVersion>(&self.core, call, request).await
    }

    async fn get(
        &self,
        call: Call,
        request: GetRelationRequest,
    ) -> Result<Answer<Relation>, Fault> {
        let mut fields = Fields::new();
        let id = fields.name("name", &request.name, RELATIONS);
        fields.finish()?;
        let query = RECORD.get(&call, id.unwrap_or_default());
        let Some(row) = self.core.deps.db.row(query).await? else {
            let fault = Fault::not_found(&request.name);
            let views = &self.core.views;
            return Err(views.refuse(&call, REFUSED, &request.name, fault).await);
        };
        let (relation, shown) = present(&call, StoredRelation::read(&row)?);
        self.core.views.record(&call, VIEWED, &[shown]).await?;
        Ok(Answer::read(relation))
    }

    async fn list(
        &self,
        call: Call,
        request: ListRelationsRequest,
    ) -> Result<Answer<ListRelationsResponse>, Fault> {
        let (asked, reader) = (asked!(request), &call);
        let page = listing::show(&self.core, &call, &LIST, asked, VIEWED, |row| {
            Box::pin(async move { Ok(present(reader, row)) })
        })
        .await?;
        Ok(Answer::read(ListRelationsResponse {
            relations: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }
}

fn present(call: &Call, row: StoredRelation) -> (Relation, Shown) {
    let clearance = call.context.clearance(row.matched, call.now);
    let mut relation = row.record;
    disclose(&mut relation, &clearance, Default::default());
    let shown = Shown {
        resource: relation.name.clone(),
        customer_id: Some(row.customer_id),
        clearance,
    };
    (relation, shown)
}

#[tonic::async_trait]
impl RelationshipService for Relations {
    async fn get_relation_plans(
        &self,
        request: Request<GetRelationPlansRequest>,
    ) -> Result<Response<RelationPlans>, Status> {
        answer(request, |call, body| self.plans(call, body)).await
    }

    async fn revise_relation_plans(
        &self,
        request: Request<ReviseRelationPlansRequest>,
    ) -> Result<Response<RelationPlans>, Status> {
        answer(request, |call, body| self.revise(call, body)).await
    }

    async fn get_relation(
        &self,
        request: Request<GetRelationRequest>,
    ) -> Result<Response<Relation>, Status> {
        answer(request, |call, body| self.get(call, body)).await
    }

    async fn list_relations(
        &self,
        request: Request<ListRelationsRequest>,
    ) -> Result<Response<ListRelationsResponse>, Status> {
        answer(request, |call, body| self.list(call, body)).await
    }

    async fn set_importance(
        &self,
        request: Request<SetImportanceRequest>,
    ) -> Result<Response<Relation>, Status> {
        answer(request, |call, body| self.set(call, body)).await
    }
}
