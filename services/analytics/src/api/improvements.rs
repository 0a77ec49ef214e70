//! `kefu.analytics.v1.ImprovementService`: what was suggested, carried out and judged, and whether
//! its figure moved.

mod agree;
mod change;
mod suggest;

use kefu_access::RowFacts;
use kefu_contracts::{
    analytics::{
        AbandonImprovementRequest, AgreeToImprovementRequest, CompleteImprovementRequest,
        DeclineImprovementRequest, GetImprovementRequest, Improvement, JudgeImprovementRequest,
        ListImprovementsRequest, ListImprovementsResponse, Movement, StartImprovementRequest,
        SuggestImprovementRequest, Verdict, improvement_service_server::ImprovementService,
    },
    journal::EntryKind,
};
use kefu_journal::Entry;
use kefu_service::{
    call::{Answer, Call, answer},
    core::Core,
    error::Fault,
    fields::parse_name,
    idempotency::Plain,
    listing::{self, ListSpec, One, asked},
    present::{Shown, entry},
    scope::{After, Order},
    written::Written,
};
use tonic::{Request, Response, Status};

use self::change::Deed;
use crate::{
    domain::{
        improvement::{
            changed, overdue,
            state::journaled_as,
            suggestion::{LONGEST_TEXT, standard},
        },
        period::Zone,
        report::DEPARTMENTS,
    },
    maker::Maker,
    store::improvements::{IMPROVEMENTS, RECORD, StoredImprovement},
};

const VIEWED: &str = "improvement.viewed";
const REFUSED: &str = "improvement.refused";

const ONE: One<StoredImprovement> = One {
    record: &RECORD,
    collection: IMPROVEMENTS,
    read: StoredImprovement::read,
    viewed: VIEWED,
    refused: REFUSED,
};

const LIST: ListSpec<StoredImprovement> = ListSpec {
    record: &RECORD,
    time: "create_time",
    order: Order {
        column: "i.created_at",
        descending: true,
    },
    read: StoredImprovement::read,
    place: |row| After {
        at: row.created_at,
        id: row.id,
    },
};

/// The handlers and what they share.
#[derive(Clone)]
pub(crate) struct Improvements {
    core: Core,
    maker: Maker,
    /// Of all their days.
    zone: Zone,
}

impl Improvements {
    pub(crate) fn new(core: &Core, maker: Maker, zone: Zone) -> Self {
        Self {
            core: core.clone(),
            maker,
            zone,
        }
    }

    async fn get(
        &self,
        call: Call,
        request: GetImprovementRequest,
    ) -> Result<Answer<Improvement>, Fault> {
        let reader = &call;
        ONE.show(&self.core, &call, &request.name, |row| {
            Box::pin(async move { Ok(shown(reader, row)) })
        })
        .await
    }

    async fn list(
        &self,
        call: Call,
        request: ListImprovementsRequest,
    ) -> Result<Answer<ListImprovementsResponse>, Fault> {
        let (asked, reader) = (asked!(request), &call);
        let page = listing::show(&self.core, &call, &LIST, asked, VIEWED, |row| {
            Box::pin(async move { Ok(shown(reader, row)) })
        })
        .await?;
        Ok(Answer::read(ListImprovementsResponse {
            improvements: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }
}

fn shown(call: &Call, row: StoredImprovement) -> (Improvement, Shown) {
    let shown = Shown::of_company(&row.record.name);
    (present(call, row), shown)
}

/// What was answered before, as far as the caller may see it now.
fn again(call: &Call, kept: Plain<Improvement>) -> Written<Improvement> {
    let shown = Shown::of_company(&kept.body.name);
    Written::before(withheld(call, kept.body), shown, kept.position)
}

/// As the caller may see it.
fn present(call: &Call, row: StoredImprovement) -> Improvement {
    let record = Improvement {
        overdue: overdue(&row.record, call.now),
        ..row.record
    };
    withheld(call, record)
}

/// Figures are of the department, and only for who reaches it.
fn withheld(call: &Call, record: Improvement) -> Improvement {
    let department = RowFacts {
        department: parse_name(&record.department, DEPARTMENTS),
        ..RowFacts::default()
    };
    let reaches = call.context.clearance_of(&department, call.now).is_some();
    if reaches || record.baseline.is_none() {
        return record;
    }
    Improvement {
        baseline: None,
        afterwards: None,
        movement: Movement::Unspecified.into(),
        reached: None,
        figures_withheld: true,
        ..record
    }
}

/// What happened last, for the journal.
fn journaled(call: &Call, record: &Improvement) -> Entry {
    let last = record.steps.last();
    let happened = last.map(|step| step.event()).unwrap_or_default();
    let (kind, event) = (journaled_as(happened), changed(record, happened));
    let resource = record.name.clone();
    entry(call, EntryKind::Change, kind, resource, None, event)
}

#[tonic::async_trait]
impl ImprovementService for Improvements {
    async fn suggest_improvement(
        &self,
        request: Request<SuggestImprovementRequest>,
    ) -> Result<Response<Improvement>, Status> {
        answer(request, |call, body| self.suggest(call, body)).await
    }

    async fn get_improvement(
        &self,
        request: Request<GetImprovementRequest>,
    ) -> Result<Response<Improvement>, Status> {
        answer(request, |call, body| self.get(call, body)).await
    }

    async fn list_improvements(
        &self,
        request: Request<ListImprovementsRequest>,
    ) -> Result<Response<ListImprovementsResponse>, Status> {
        answer(request, |call, body| self.list(call, body)).await
    }

    async fn agree_to_improvement(
        &self,
        request: Request<AgreeToImprovementRequest>,
    ) -> Result<Response<Improvement>, Status> {
        answer(request, |call, body| self.agree(call, body)).await
    }

    async fn decline_improvement(
        &self,
        request: Request<DeclineImprovementRequest>,
    ) -> Result<Response<Improvement>, Status> {
        answer(request, |call, body| async move {
            let wanted = change::wanted(&call, &body, (&body.name, &body.etag, &body.request_id));
            self.change(call, wanted, |fields| {
                fields.required_text("reason", &body.reason, LONGEST_TEXT);
                Deed::Decline(body.reason)
            })
            .await
        })
        .await
    }

    async fn start_improvement(
        &self,
        request: Request<StartImprovementRequest>,
    ) -> Result<Response<Improvement>, Status> {
        answer(request, |call, body| async move {
            let wanted = change::wanted(&call, &body, (&body.name, &body.etag, &body.request_id));
            self.change(call, wanted, |_| Deed::Start).await
        })
        .await
    }

    async fn complete_improvement(
        &self,
        request: Request<CompleteImprovementRequest>,
    ) -> Result<Response<Improvement>, Status> {
        answer(request, |call, body| async move {
            let wanted = change::wanted(&call, &body, (&body.name, &body.etag, &body.request_id));
            self.change(call, wanted, |fields| {
                fields.required_text("outcome", &body.outcome, LONGEST_TEXT);
                standard(fields, "standard", &body.standard);
                Deed::Complete {
                    outcome: body.outcome,
                    standard: body.standard,
                }
            })
            .await
        })
        .await
    }

    async fn abandon_improvement(
        &self,
        request: Request<AbandonImprovementRequest>,
    ) -> Result<Response<Improvement>, Status> {
        answer(request, |call, body| async move {
            let wanted = change::wanted(&call, &body, (&body.name, &body.etag, &body.request_id));
            self.change(call, wanted, |fields| {
                fields.required_text("reason", &body.reason, LONGEST_TEXT);
                Deed::Abandon(body.reason)
            })
            .await
        })
        .await
    }

    async fn judge_improvement(
        &self,
        request: Request<JudgeImprovementRequest>,
    ) -> Result<Response<Improvement>, Status> {
        answer(request, |call, body| async move {
            let wanted = change::wanted(&call, &body, (&body.name, &body.etag, &body.request_id));
            self.change(call, wanted, |fields| {
                let verdict = fields.required_enum::<Verdict>("verdict", body.verdict);
                fields.required_text("reason", &body.reason, LONGEST_TEXT);
                Deed::Judge(verdict.unwrap_or_default(), body.reason)
            })
            .await
        })
        .await
    }
}
