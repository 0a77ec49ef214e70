//! `kefu.analytics.v1.RebuildService`: all figures counted anew.

use kefu_contracts::{
    analytics::{
        GetRebuildRequest, Rebuild, RebuildFiguresRequest, RebuildProgress, RebuildState,
        rebuild_service_server::RebuildService,
    },
    journal::{EntryKind, FiguresRebuilt, event},
};
use kefu_service::{
    call::{Answer, Call, answer},
    core::Core,
    error::{Fault, Violation},
    fields::Fields,
    idempotency::{self, Claim},
    present::{Shown, entry},
    time::to_proto,
    written::Written,
};
use sqlx::PgConnection;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    jobs::sources,
    store::generations::{self, Generation},
};

const VIEWED: &str = "rebuild.viewed";

/// The handlers and what they share.
#[derive(Clone)]
pub(crate) struct Rebuilds {
    core: Core,
}

impl Rebuilds {
    pub(crate) fn new(core: &Core) -> Self {
        Self { core: core.clone() }
    }

    async fn begin(
        &self,
        call: Call,
        request: RebuildFiguresRequest,
    ) -> Result<Answer<Rebuild>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        fields.finish()?;
        let claim = Claim::of(&call, request_id, &request);
        let asked = (call.clone(), claim);
        let done = self.core.deps.db.transaction(move |connection| {
            let (call, claim) = asked.clone();
            Box::pin(async move {
                let claim = claim.as_ref();
                let kept = idempotency::find_plain::<Rebuild>(connection, claim).await?;
                if let Some(kept) = kept {
                    let shown = Shown::of_company(&kept.body.name);
                    return Ok(Written::before(kept.body, shown, kept.position));
                }
                let (generation, begun) = generations::begin(connection, call.now).await?;
                let event = event::Event::FiguresRebuilt(FiguresRebuilt {
                    generation,
                    live: false,
                });
                // That somebody asked is journaled also where it is under way.
                let kind = match begun {
                    true => "figures.rebuild_begun",
                    false => "figures.rebuild_asked",
                };
                let entry = entry(
                    &call,
                    EntryKind::Change,
                    kind,
                    name(generation),
                    None,
                    event,
                );
                let position = kefu_journal::append(connection, &[entry]).await?;
                let body = one(connection, Some(generation)).await?;
                let resource = Uuid::from_u128(u128::from(generation.unsigned_abs()));
                idempotency::keep_plain(connection, &call, claim, resource, &body, position)
                    .await?;
                let shown = Shown::of_company(&body.name);
                Ok(Written::now(body, shown, position))
            })
        });
        let written = done.await?;
        written.into_answer(&self.core.views, &call, VIEWED).await
    }

    async fn get(&self, call: Call, request: GetRebuildRequest) -> Result<Answer<Rebuild>, Fault> {
        let number = request.name.strip_prefix(PREFIX);
        let number = number.and_then(|number| number.parse::<i32>().ok());
        let mut fields = Fields::new();
        let named = number.is_some() || request.name.is_empty();
        fields.ensure(named, "name", Violation::ResourceName);
        fields.finish()?;
        let body = self
            .core
            .deps
            .db
            .snapshot(move |connection| Box::pin(one(connection, number)))
            .await?;
        let shown = Shown::of_company(body.name.clone());
        self.core.views.record(&call, VIEWED, &[shown]).await?;
        Ok(Answer::read(body))
    }
}

const PREFIX: &str = "rebuilds/";

fn name(generation: i32) -> String {
    format!("{PREFIX}{generation}")
}

async fn one(connection: &mut PgConnection, number: Option<i32>) -> Result<Rebuild, Fault> {
    let Some(found) = generations::find(connection, number).await? else {
        return Err(Fault::not_found(&name(number.unwrap_or_default())));
    };
    let places = match state(&found) {
        RebuildState::Running => generations::places(connection, &sources(), found.number).await?,
        _ => Vec::new(),
    };
    let progress = places
        .into_iter()
        .map(|(source, live_position, position)| RebuildProgress {
            source,
            position,
            live_position,
        });
    Ok(Rebuild {
        name: name(found.number),
        state: state(&found).into(),
        ask_time: Some(to_proto(found.asked_at)),
        live_time: found.live_at.map(to_proto),
        progress: progress.collect(),
    })
}

fn state(generation: &Generation) -> RebuildState {
    match (generation.retired, generation.live_at) {
        (true, _) => RebuildState::Retired,
        (false, Some(_)) => RebuildState::Live,
        (false, None) => RebuildState::Running,
    }
}

#[tonic::async_trait]
impl RebuildService for Rebuilds {
    /// Clause CC-1.4.
    async fn rebuild_figures(
        &self,
        request: Request<RebuildFiguresRequest>,
    ) -> Result<Response<Rebuild>, Status> {
        answer(request, |call, body| self.begin(call, body)).await
    }

    async fn get_rebuild(
        &self,
        request: Request<GetRebuildRequest>,
    ) -> Result<Response<Rebuild>, Status> {
        answer(request, |call, body| self.get(call, body)).await
    }
}
