//! `kefu.profile.v1.TimelineService`: what happened with a customer, and who had to do
//! with them.

use std::time::Duration;

use kefu_access::{ClassSet, Clearance};
use kefu_contracts::{
    journal::event::Event,
    policy::DataClass,
    profile::{
        ConsentFacts, DataRequestFacts, FeedbackFacts, FileFacts, FileView, GetPortraitRequest,
        GrantFacts, ListDutiesRequest, ListDutiesResponse, ListFileViewsRequest,
        ListFileViewsResponse, ListTimelineRequest, ListTimelineResponse, OrderFacts, Portrait,
        ProblemCategory, ServiceHistory, TicketFacts, TimelineEntry, TimelineKind,
        VerificationFacts, timeline_service_server::TimelineService,
    },
};
use kefu_service::{
    call::{Answer, Call, answer},
    error::{Fault, Violation},
    fields::{Fields, name},
    listing::{self, Asked, ListSpec, asked},
    present::Shown,
    scope::{After, Order},
    time,
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::Customers;
use crate::store::{
    duty::{DUTIES, STANDING, StoredDuty},
    timeline::{self, StoredEntry, StoredView, TIMELINE, VIEWS},
};

/// Longest look back, in days.
const LONGEST: i32 = 3650;
const USUAL: i32 = 365;
/// Categories that a portrait names.
const MOST_CATEGORIES: usize = 10;

/// Classes of what is in a history.
const OF_HISTORY: ClassSet =
    ClassSet::of(&[DataClass::Purchase, DataClass::Service, DataClass::Relation]);

const ENTRIES: ListSpec<StoredEntry> = ListSpec {
    record: &TIMELINE,
    time: "time",
    order: Order {
        column: "e.occurred_at",
        descending: true,
    },
    read: StoredEntry::read,
    place: |row| After {
        at: row.at,
        id: row.id,
    },
};

const LOOKS: ListSpec<StoredView> = ListSpec {
    record: &VIEWS,
    time: "time",
    order: Order {
        column: "e.recorded_at",
        descending: true,
    },
    read: StoredView::read,
    place: |row| After {
        at: row.at,
        id: row.id,
    },
};

impl Customers {
    /// Clause CF-2.3.
    async fn timeline(
        &self,
        call: Call,
        request: ListTimelineRequest,
    ) -> Result<Answer<ListTimelineResponse>, Fault> {
        let file = self.find(&call, "parent", &request.parent).await?;
        let clearance = call.context.clearance(file.matched, call.now);
        let of_file = of_file(file.id);
        let filter = match request.filter.trim() {
            "" => of_file,
            more => format!("{of_file} AND {more}"),
        };
        let asked = Asked {
            page_size: request.page_size,
            page_token: &request.page_token,
            filter: &filter,
            order_by: &request.order_by,
        };
        let reader = &call;
        let page = listing::show(
            &self.core,
            &call,
            &ENTRIES,
            asked,
            "timeline.viewed",
            |row| Box::pin(async move { Ok(entry(reader, row)) }),
        )
        .await?;
        Ok(Answer::read(ListTimelineResponse {
            entries: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
            hidden_classes: OF_HISTORY.without(clearance.classes).to_numbers(),
        }))
    }

    /// Clauses CF-2.2, SG-1.4.
    async fn portrait(
        &self,
        call: Call,
        request: GetPortraitRequest,
    ) -> Result<Answer<Portrait>, Fault> {
        let mut fields = Fields::new();
        let days = match request.days {
            0 => USUAL,
            days => days,
        };
        let fits = (1..=LONGEST).contains(&days);
        fields.ensure(fits, "days", Violation::OutOfRange(1, LONGEST.into()));
        fields.finish()?;
        let file = self.find(&call, "parent", &request.parent).await?;
        let (customer, shown) = self.open(&call, &file).await?;
        let id = file.id;
        let since = call.now - Duration::from_secs(days.unsigned_abs().into()) * 86_400;
        let (habit, problems) = self
            .core
            .deps
            .db
            .run(move |connection| {
                Box::pin(async move {
                    let habit = timeline::habit(connection, id, since).await?;
                    Ok((habit, timeline::problems(connection, id, since).await?))
                })
            })
            .await?;
        let cleared = |class| shown.clearance.classes.contains(class);
        let portrait = Portrait {
            customer: customer.name,
            r#type: customer.r#type,
            business_line: customer.business_line,
            tier: customer.tier,
            purchases: cleared(DataClass::Purchase).then_some(habit),
            service: cleared(DataClass::Service).then(|| service(problems)),
            hidden_classes: OF_HISTORY.without(shown.clearance.classes).to_numbers(),
        };
        self.core
            .views
            .record(&call, "portrait.viewed", &[shown])
            .await?;
        Ok(Answer::read(portrait))
    }

    /// Clauses CF-6.3, CF-9.1.
    async fn looks(
        &self,
        call: Call,
        request: ListFileViewsRequest,
    ) -> Result<Answer<ListFileViewsResponse>, Fault> {
        let file = self.find(&call, "parent", &request.parent).await?;
        let asked = Asked {
            page_size: request.page_size,
            page_token: &request.page_token,
            filter: &of_file(file.id),
            order_by: &request.order_by,
        };
        let page = listing::page(&self.core, &call, &LOOKS, asked).await?;
        let shown = shown(&call, file.id, name("customers", file.id), file.matched);
        self.core
            .views
            .record(&call, "views.viewed", &[shown])
            .await?;
        Ok(Answer::read(ListFileViewsResponse {
            views: page.records.into_iter().map(view).collect(),
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }

    /// Clause CF-9.1.
    async fn duties(
        &self,
        call: Call,
        request: ListDutiesRequest,
    ) -> Result<Answer<ListDutiesResponse>, Fault> {
        let asked = asked!(request);
        let list = ListSpec {
            record: if request.standing_only {
                &STANDING
            } else {
                &DUTIES
            },
            time: "start_time",
            order: Order {
                column: "u.started_at",
                descending: true,
            },
            read: StoredDuty::read,
            place: |row: &StoredDuty| After {
                at: row.started_at,
                id: row.id,
            },
        };
        let reader = &call;
        let page = listing::show(&self.core, &call, &list, asked, "duty.viewed", |row| {
            Box::pin(async move {
                let file = name("customers", row.customer);
                Ok((row.duty, shown(reader, row.customer, file, row.matched)))
            })
        })
        .await?;
        Ok(Answer::read(ListDutiesResponse {
            duties: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }
}

/// What is of the file that was found: by its old name one that became part of another is.
pub(super) fn of_file(id: Uuid) -> String {
    format!("customer = {}", name("customers", id))
}

fn shown(call: &Call, customer: Uuid, resource: String, matched: i64) -> Shown {
    let clearance: Clearance = call.context.clearance(matched, call.now);
    Shown {
        resource,
        customer_id: Some(customer),
        clearance,
    }
}

/// An entry as the call shows it.
pub(super) fn entry(call: &Call, row: StoredEntry) -> (TimelineEntry, Shown) {
    let shown = shown(call, row.customer, row.resource.clone(), row.matched);
    let mut entry = TimelineEntry {
        time: Some(time::to_proto(row.at)),
        kind: row.kind,
        data_class: row.class,
        resource: row.resource,
        act: row.act,
        actor_id: row.actor.map(|id| id.to_string()).unwrap_or_default(),
        ..TimelineEntry::default()
    };
    if let Some(event) = row.event.event {
        state(&mut entry, event);
    }
    (entry, shown)
}

fn state(entry: &mut TimelineEntry, event: Event) {
    match event {
        Event::CustomerChanged(file) => {
            entry.file = Some(FileFacts {
                changed_fields: file.changed_fields,
            });
        }
        Event::ConsentRecorded(consent) => {
            entry.consent = Some(ConsentFacts {
                purpose: consent.purpose,
                decision: consent.decision,
            });
        }
        Event::VerificationAsked(asked) => {
            entry.verification = Some(VerificationFacts {
                check: asked.check,
                ..VerificationFacts::default()
            });
        }
        Event::VerificationRecorded(result) => {
            entry.verification = Some(VerificationFacts {
                check: result.check,
                method: result.method,
                outcome: result.outcome,
            });
        }
        Event::DataRequestChanged(request) => {
            entry.data_request = Some(DataRequestFacts {
                kind: request.kind,
                state: request.state,
            });
        }
        Event::ApprovalChanged(grant) => {
            entry.grant = Some(GrantFacts {
                classes: grant.terms.unwrap_or_default().classes,
                start_time: grant.active_from,
                end_time: grant.active_until,
            });
        }
        Event::TicketChanged(ticket) => {
            entry.ticket = Some(TicketFacts {
                channel: ticket.channel,
                category: ticket.category,
                state: ticket.state,
                priority: ticket.priority,
                satisfaction_score: ticket.satisfaction_score,
            });
        }
        Event::OrderChanged(order) => {
            entry.order = Some(OrderFacts {
                stage: order.stage,
                total: order.total,
            });
        }
        Event::OrderReviewed(review) => {
            entry.feedback = Some(FeedbackFacts {
                score: review.score,
            });
        }
        Event::SurveyChanged(survey) if entry.kind() == TimelineKind::Feedback => {
            entry.feedback = Some(FeedbackFacts {
                score: survey.result_score,
            });
        }
        _ => {}
    }
}

fn service(problems: Vec<timeline::Problem>) -> ServiceHistory {
    let count = |tickets: i64| i32::try_from(tickets).unwrap_or(i32::MAX);
    let all = problems.iter().map(|problem| problem.tickets).sum();
    let categories = problems
        .into_iter()
        .take(MOST_CATEGORIES)
        .map(|problem| ProblemCategory {
            kind: problem.kind,
            category: problem.category,
            ticket_count: count(problem.tickets),
        });
    ServiceHistory {
        categories: categories.collect(),
        ticket_count: count(all),
    }
}

fn view(row: StoredView) -> FileView {
    let mut view = FileView {
        time: Some(time::to_proto(row.at)),
        actor_id: row.actor.map(|id| id.to_string()).unwrap_or_default(),
        purpose: timeline::purpose(row.purpose).into(),
        resource: row.resource,
        ..FileView::default()
    };
    if let Some(Event::Viewed(viewed)) = row.event.event {
        view.method = viewed.method;
        view.cleared = viewed.cleared;
        view.sources = viewed.sources;
    }
    view
}

#[tonic::async_trait]
impl TimelineService for Customers {
    async fn list_timeline(
        &self,
        request: Request<ListTimelineRequest>,
    ) -> Result<Response<ListTimelineResponse>, Status> {
        answer(request, |call, body| self.timeline(call, body)).await
    }

    async fn get_portrait(
        &self,
        request: Request<GetPortraitRequest>,
    ) -> Result<Response<Portrait>, Status> {
        answer(request, |call, body| self.portrait(call, body)).await
    }

    async fn list_file_views(
        &self,
        request: Request<ListFileViewsRequest>,
    ) -> Result<Response<ListFileViewsResponse>, Status> {
        answer(request, |call, body| self.looks(call, body)).await
    }

    async fn list_duties(
        &self,
        request: Request<ListDutiesRequest>,
    ) -> Result<Response<ListDutiesResponse>, Status> {
        answer(request, |call, body| self.duties(call, body)).await
    }
}
