//! A sheet is filled in, and what follows from it.

use jiff::{Timestamp, ToSpan};
use kefu_contracts::{
    ClassSet, Resource,
    common::Reason,
    journal::{EntryKind, InspectionAct},
    ticket::{
        AppealOutcome, CompleteInspectionTaskRequest, Inspection, InspectionDefinition,
        InspectionResult, InspectionState, InspectionTask, InspectionTaskKind, InspectionTaskState,
    },
};
use kefu_journal::Entry;
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::{Fields, etag},
    idempotency::{self, Claim, Kept},
    present::{Shown, entry},
    time::to_proto,
    written::Written,
};
use kefu_vault::CustomerKey;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Inspections, TASK_REFUSED, changed, done, ensure_cleared, tasks::VIEWED};
use crate::{
    domain::inspection::{
        rules::{of_number, sheet},
        score::{self, Filled, Outcome},
        state::{self, Event},
    },
    store::{
        inspection_tasks::{self, Done, NewTask, RECORD, Scored, StoredTask, TASKS},
        inspections::{self, By, Counted, StoredInspection},
        versions,
    },
};

/// What is to be written, read and checked but for the sheet.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) id: Uuid,
    pub(super) name: String,
    pub(super) revision: i64,
    pub(super) filled: Filled,
    /// Of an appeal: what it comes to, and why.
    pub(super) appeal: Option<(AppealOutcome, String)>,
    /// Of a task that follows.
    pub(super) next: Uuid,
    pub(super) claim: Option<Claim>,
}

/// A task that is its inspector's to do, with all that it is judged by.
pub(super) struct Hand {
    pub(super) task: StoredTask,
    pub(super) inspection: StoredInspection,
    pub(super) definition: InspectionDefinition,
    pub(super) key: CustomerKey,
}

impl Inspections {
    /// Clause OP-5.
    pub(super) async fn complete(
        &self,
        call: Call,
        request: CompleteInspectionTaskRequest,
    ) -> Result<Answer<InspectionTask>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let id = fields.name("name", &request.name, TASKS);
        let revision = fields.etag("etag", &request.etag);
        fields.finish()?;
        let wanted = Wanted {
            claim: Claim::of(&call, request_id, &request),
            id: id.unwrap_or_default(),
            name: request.name,
            revision: revision.unwrap_or_default(),
            filled: Filled {
                scores: request.scores,
                knock_outs: request.knock_outs,
                comments: request.comments,
            },
            appeal: None,
            next: self.core.deps.ids.next()?,
        };
        self.work(call, wanted).await
    }

    pub(super) async fn work(
        &self,
        call: Call,
        wanted: Wanted,
    ) -> Result<Answer<InspectionTask>, Fault> {
        let name = wanted.name.clone();
        let (service, writing) = (self.clone(), (call.clone(), wanted));
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (service, (call, wanted)) = (service.clone(), writing.clone());
                Box::pin(async move { service.write(connection, &call, &wanted).await })
            })
            .await;
        let views = &self.core.views;
        let written = views.or_not_allowed(&call, TASK_REFUSED, &name, outcome);
        let written = written.await?.disclosed();
        written.into_answer(views, &call, VIEWED).await
    }

    async fn write(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        wanted: &Wanted,
    ) -> Result<Written<InspectionTask>, Fault> {
        let (row, inspection) = held(connection, call, wanted).await?;
        let shown = Shown {
            resource: wanted.name.clone(),
            customer_id: Some(row.customer_id),
            clearance: call.context.clearance(row.matched, call.now),
        };
        let destroyed = || Fault::new(Reason::CustomerDestroyed);
        let wrapped = row.wrapped.as_ref().ok_or_else(destroyed)?;
        let key = self.tasks.open_key(row.customer_id, wrapped).await?;
        if let Some(claim) = &wanted.claim
            && let Some(kept) = idempotency::find(connection, claim).await?
        {
            let task = self.tasks.open_answer(&key, row.id, &kept.answer)?;
            return Ok(Written::before(task, shown, kept.position));
        }
        if row.revision != wanted.revision {
            return Err(Fault::new(Reason::EtagMismatch).with("etag", etag(row.revision)));
        }
        ensure_cleared(&shown.clearance)?;
        if row.state != InspectionTaskState::Open {
            let open = InspectionTaskState::Open.as_str_name();
            return Err(Fault::state(row.state.as_str_name(), open));
        }
        if (row.kind == InspectionTaskKind::Appeal) != wanted.appeal.is_some() {
            let kind = match wanted.appeal {
                Some(_) => InspectionTaskKind::Appeal,
                None => InspectionTaskKind::Inspect,
            };
            return Err(Fault::state(row.kind.as_str_name(), kind.as_str_name()));
        }
        let strange = || Fault::internal("an inspection by rules that there are not");
        let all = versions::all(connection).await?;
        let definition = of_number(&all, inspection.rules_version).cloned();
        let hand = Hand {
            task: row,
            inspection,
            definition: definition.ok_or_else(strange)?,
            key,
        };
        let (task, mut entries) = self.do_it(connection, call, &hand, wanted).await?;
        let (resource, event) = done(&hand.task, hand.task.revision + 1);
        let customer = Some(hand.task.customer_id);
        let kind = "inspection_task.done";
        entries.insert(
            0,
            entry(call, EntryKind::Change, kind, resource, customer, event),
        );
        let position = kefu_journal::append(connection, &entries).await?;
        if let Some(claim) = &wanted.claim {
            let kept = Kept {
                resource_id: hand.task.id,
                answer: self.tasks.seal_answer(&hand.key, hand.task.id, &task)?,
                position,
            };
            idempotency::keep(connection, call, claim, customer, &kept).await?;
        }
        Ok(Written::now(task, shown, position))
    }

    /// Keeps what was filled in, and does what follows; the task as it is then.
    async fn do_it(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        hand: &Hand,
        wanted: &Wanted,
    ) -> Result<(InspectionTask, Vec<Entry>), Fault> {
        let strange = || Fault::internal("an inspection by a sheet that there is not");
        let sheet = sheet(&hand.definition, &hand.inspection.columns.sheet).ok_or_else(strange)?;
        let upholds = matches!(wanted.appeal, Some((AppealOutcome::Upheld, _)));
        let mut fields = Fields::new();
        if upholds {
            super::appeal::check_empty(&mut fields, &wanted.filled);
        } else {
            score::check(&mut fields, sheet, &wanted.filled);
        }
        fields.finish()?;
        let outcome = match upholds {
            true => Outcome {
                score: hand.inspection.columns.score,
                passed: hand.inspection.columns.passed,
            },
            false => score::outcome(sheet, &wanted.filled),
        };
        let task = self.filled(connection, call, hand, wanted, outcome).await?;
        let entries = match &wanted.appeal {
            Some((appeal, reason)) => {
                let decided = (*appeal, reason.as_str());
                self.closed(connection, call, hand, &task, decided).await?
            }
            None => {
                self.scored(connection, call, hand, &task, wanted.next)
                    .await?
            }
        };
        Ok((task, entries))
    }

    async fn filled(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        hand: &Hand,
        wanted: &Wanted,
        outcome: Outcome,
    ) -> Result<InspectionTask, Fault> {
        let row = &hand.task;
        let everything = ClassSet::of(InspectionTask::CLASSES);
        let (opened, _) = self
            .tasks
            .open(&hand.key, row.id, &row.sealed, everything)?;
        let mut task = row.with_opened(opened);
        task.set_state(InspectionTaskState::Done);
        task.complete_time = Some(to_proto(call.now));
        (task.score, task.passed) = (outcome.score, outcome.passed);
        task.scores.clone_from(&wanted.filled.scores);
        task.knock_outs.clone_from(&wanted.filled.knock_outs);
        task.comments.clone_from(&wanted.filled.comments);
        let appeal = wanted.appeal.clone().unwrap_or_default();
        task.set_appeal_outcome(appeal.0);
        task.decision_reason = appeal.1;
        task.etag = etag(row.revision + 1);
        let sealed = self.tasks.seal(&hand.key, row.id, &task)?;
        let done = Done {
            outcome,
            answers: &answers(&task),
            appeal: appeal.0,
            sealed: &sealed,
            now: call.now,
        };
        inspection_tasks::complete(connection, row.id, &done).await?;
        Ok(task)
    }

    /// Clauses OP-5, SG-7: a single result stands, so do two that are alike; else a third
    /// decides, and theirs counts.
    async fn scored(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        hand: &Hand,
        task: &InspectionTask,
        next: Uuid,
    ) -> Result<Vec<Entry>, Fault> {
        let row = &hand.inspection;
        if hand.task.kind == InspectionTaskKind::Decide {
            state::after(row.state, Event::Decide)?;
            return self.finish(connection, call, hand, result(task)).await;
        }
        let results = inspection_tasks::scored(connection, row.id).await?;
        let outcomes: Vec<Outcome> = results.iter().map(|one| one.outcome).collect();
        let wanted = if row.two { 2 } else { 1 };
        let event = state::scored(&outcomes, wanted, hand.definition.difference);
        let state = state::after(row.state, event)?;
        match event {
            Event::Agree => {
                // They are alike: either stands for both.
                let first = results
                    .first()
                    .map(|one| self.opened(hand, one))
                    .transpose()?;
                let first = first.unwrap_or_default();
                self.finish(connection, call, hand, first).await
            }
            Event::Differ => {
                self.differ(connection, call, hand, &results, (state, next))
                    .await
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Has a third decide, who sees both.
    async fn differ(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        hand: &Hand,
        results: &[Scored],
        (state, next): (InspectionState, Uuid),
    ) -> Result<Vec<Entry>, Fault> {
        let row = &hand.inspection;
        let results = results.iter().map(|one| self.opened(hand, one));
        let to_see = InspectionTask {
            results: results.collect::<Result<_, _>>()?,
            ..InspectionTask::default()
        };
        let sealed = self.tasks.seal(&hand.key, next, &to_see)?;
        let task = NewTask {
            id: next,
            inspection: row.id,
            customer: row.customer_id,
            kind: InspectionTaskKind::Decide,
            due_at: days_from(call.now, hand.definition.due_days)?,
            sealed: &sealed,
            now: call.now,
        };
        inspection_tasks::insert(connection, &task).await?;
        inspections::turn(connection, row.id, state).await?;
        let now = Inspection {
            state: state.into(),
            ..row.columns.clone()
        };
        let (resource, event) = changed(row, &now, InspectionAct::Differed, row.revision + 1);
        let (kind, customer) = ("inspection.differed", Some(row.customer_id));
        let entry = entry(call, EntryKind::Change, kind, resource, customer, event);
        Ok(vec![entry])
    }

    /// Gives the inspection its result.
    async fn finish(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        hand: &Hand,
        result: InspectionResult,
    ) -> Result<Vec<Entry>, Fault> {
        let row = &hand.inspection;
        let now = Inspection {
            state: InspectionState::Final.into(),
            score: result.score,
            passed: result.passed,
            comments: result.comments.clone(),
            ..row.columns.clone()
        };
        let sealed = self.results.seal(&hand.key, row.id, &now)?;
        let days = hand.definition.appeal_days;
        let until = (days > 0).then(|| days_from(call.now, days)).transpose()?;
        let counted = Counted {
            outcome: Outcome {
                score: result.score,
                passed: result.passed,
            },
            answers: &without_comments(result),
            sealed: &sealed,
        };
        inspections::finish(connection, row.id, &counted, call.now, until).await?;
        let (resource, event) = changed(row, &now, InspectionAct::Finished, row.revision + 1);
        let (kind, customer) = ("inspection.finished", Some(row.customer_id));
        let entry = entry(call, EntryKind::Change, kind, resource, customer, event);
        Ok(vec![entry])
    }

    fn opened(&self, hand: &Hand, one: &Scored) -> Result<InspectionResult, Fault> {
        let everything = ClassSet::of(InspectionTask::CLASSES);
        let (task, _) =
            self.tasks
                .open::<InspectionTask>(&hand.key, one.id, &one.sealed, everything)?;
        Ok(InspectionResult {
            score: one.outcome.score,
            passed: one.outcome.passed,
            comments: task.comments,
            ..one.answers.clone()
        })
    }
}

/// The task within the call's scope and its inspection, both as nobody else changes them. The
/// inspection is held first, as by whoever gives tasks out.
async fn held(
    connection: &mut PgConnection,
    call: &Call,
    wanted: &Wanted,
) -> Result<(StoredTask, StoredInspection), Fault> {
    let unknown = || Fault::not_found(&wanted.name);
    let seen = RECORD
        .get(call, wanted.id)
        .build()
        .fetch_optional(&mut *connection)
        .await?;
    let seen = seen.as_ref().map(StoredTask::read).transpose()?;
    let inspection = seen.ok_or_else(unknown)?.inspection_id;
    let inspection = inspections::lock(connection, By::Id(inspection)).await?;
    let mut query = RECORD.get(call, wanted.id);
    query.push(" FOR UPDATE OF x");
    let row = query.build().fetch_optional(connection).await?;
    let row = row.as_ref().map(StoredTask::read).transpose()?;
    row.zip(inspection).ok_or_else(unknown)
}

/// What a task that is done says.
pub(super) fn result(task: &InspectionTask) -> InspectionResult {
    InspectionResult {
        score: task.score,
        passed: task.passed,
        scores: task.scores.clone(),
        knock_outs: task.knock_outs.clone(),
        comments: task.comments.clone(),
    }
}

/// What of it lies open.
fn answers(task: &InspectionTask) -> InspectionResult {
    without_comments(result(task))
}

pub(super) fn without_comments(result: InspectionResult) -> InspectionResult {
    InspectionResult {
        comments: Vec::new(),
        ..result
    }
}

pub(super) fn days_from(now: Timestamp, days: i32) -> Result<Timestamp, Fault> {
    let far = |_| Fault::internal("a moment out of range");
    now.checked_add((i64::from(days) * 24).hours()).map_err(far)
}
