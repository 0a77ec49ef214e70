//! The services of the suite in memory.

use kefu_contracts::{
    kefu::{
        order::v1::order_service_server::OrderService,
        profile::v1::customer_service_server::CustomerService,
        ticket::v1::{queue_service_server::QueueService, ticket_service_server::TicketService},
    },
    order::*,
    profile::*,
    ticket::*,
};
use tonic::{Code, Request, Response, Status, async_trait};

use super::suite::{Handle, Records, now, refused, wrong};

type Answer<T> = Result<Response<T>, Status>;

/// The answer of methods that no import calls.
fn unused<T>() -> Answer<T> {
    Err(refused(Code::Unimplemented, "METHOD_UNKNOWN"))
}

/// The text between the quotes of a filter by external reference.
fn of_filter(filter: &str) -> String {
    let quoted = filter.strip_prefix("external_ref = \"").unwrap();
    quoted.strip_suffix('"').unwrap().to_owned()
}

#[async_trait]
impl CustomerService for Handle {
    async fn create_customer(&self, request: Request<CreateCustomerRequest>) -> Answer<Customer> {
        let id = |request: &CreateCustomerRequest| request.request_id.clone();
        self.0.answer(request, id, |records, request| {
            let mut customer = request.customer.unwrap();
            if customer.display_name == "nobody" {
                return Err(wrong("customer.display_name", "REQUIRED"));
            }
            let taken = records.customers.contains_key(&customer.external_ref);
            if taken {
                return Err(refused(Code::AlreadyExists, "ALREADY_EXISTS"));
            }
            customer.name = format!("customers/{}", customer.external_ref);
            customer.create_time = now();
            let key = customer.external_ref.clone();
            records.customers.insert(key, customer.clone());
            Ok(customer)
        })
    }

    async fn lookup_customer(
        &self,
        request: Request<LookupCustomerRequest>,
    ) -> Answer<LookupCustomerResponse> {
        self.0.answer(
            request,
            |_| String::new(),
            |records, request| {
                let Some(lookup_customer_request::By::ExternalRef(external_ref)) = request.by
                else {
                    panic!("{request:?}")
                };
                let customers = records.customers.get(&external_ref).cloned();
                Ok(LookupCustomerResponse {
                    customers: customers.into_iter().collect(),
                    truncated: false,
                })
            },
        )
    }

    async fn get_customer(&self, _: Request<GetCustomerRequest>) -> Answer<Customer> {
        unused()
    }

    async fn list_customers(
        &self,
        _: Request<ListCustomersRequest>,
    ) -> Answer<ListCustomersResponse> {
        unused()
    }

    async fn update_customer(&self, _: Request<UpdateCustomerRequest>) -> Answer<Customer> {
        unused()
    }
}

fn order<'a>(records: &'a mut Records, name: &str) -> Result<&'a mut Order, Status> {
    let found = records.orders.values_mut().find(|order| order.name == name);
    found.ok_or_else(|| refused(Code::NotFound, "NOT_FOUND_OR_OUT_OF_SCOPE"))
}

#[async_trait]
impl OrderService for Handle {
    async fn create_order(&self, request: Request<CreateOrderRequest>) -> Answer<Order> {
        let id = |request: &CreateOrderRequest| request.request_id.clone();
        self.0.answer(request, id, |records, request| {
            let mut order = request.order.unwrap();
            let known = records
                .customers
                .values()
                .any(|one| one.name == order.customer);
            if !known {
                return Err(wrong("order.customer", "UNKNOWN"));
            }
            if records.orders.contains_key(&order.external_ref) {
                return Err(refused(Code::AlreadyExists, "ALREADY_EXISTS"));
            }
            order.name = format!("orders/{}", order.external_ref);
            order.create_time = now();
            let key = order.external_ref.clone();
            records.orders.insert(key, order.clone());
            Ok(order)
        })
    }

    async fn get_order(&self, request: Request<GetOrderRequest>) -> Answer<Order> {
        self.0.answer(
            request,
            |_| String::new(),
            |records, request| Ok(order(records, &request.name)?.clone()),
        )
    }

    async fn list_orders(&self, request: Request<ListOrdersRequest>) -> Answer<ListOrdersResponse> {
        self.0.answer(
            request,
            |_| String::new(),
            |records, request| {
                let found = records.orders.get(&of_filter(&request.filter)).cloned();
                Ok(ListOrdersResponse {
                    orders: found.into_iter().collect(),
                    ..Default::default()
                })
            },
        )
    }

    async fn record_stage(&self, request: Request<RecordStageRequest>) -> Answer<Order> {
        let id = |request: &RecordStageRequest| request.request_id.clone();
        self.0.answer(request, id, |records, request| {
            let order = order(records, &request.name)?;
            order.events.push(StageEvent {
                stage: request.stage,
                occurred_time: request.occurred_time,
                ..Default::default()
            });
            let time = |event: &StageEvent| event.occurred_time.map(|at| (at.seconds, at.nanos));
            let latest = order
                .events
                .iter()
                .max_by_key(|event| (time(event), event.stage));
            order.stage = latest.unwrap().stage;
            Ok(order.clone())
        })
    }

    async fn record_review(&self, request: Request<RecordReviewRequest>) -> Answer<Order> {
        let id = |request: &RecordReviewRequest| request.request_id.clone();
        self.0.answer(request, id, |records, request| {
            let order = order(records, &request.name)?;
            let review = request.review.unwrap();
            let taken = order
                .reviews
                .iter()
                .any(|one| one.external_ref == review.external_ref);
            if taken {
                return Err(refused(Code::AlreadyExists, "ALREADY_EXISTS"));
            }
            order.reviews.push(review);
            Ok(order.clone())
        })
    }

    async fn bulk_record_stages(
        &self,
        _: Request<BulkRecordStagesRequest>,
    ) -> Answer<BulkRecordStagesResponse> {
        unused()
    }

    async fn complete_order(&self, _: Request<CompleteOrderRequest>) -> Answer<Order> {
        unused()
    }
}

/// Name, etag, request id and time of a request for a change.
type Head<Q> = fn(&Q) -> (&str, &str, &str, Option<prost_types::Timestamp>);

/// Where a call leads from which states.
type Move<'a> = (&'a [TicketState], TicketState, WaitingFor);

impl Handle {
    fn step<Q: prost::Message>(
        &self,
        request: Request<Q>,
        head: Head<Q>,
        work: impl FnOnce(&mut Ticket, Q) -> Option<Move<'static>>,
    ) -> Answer<Ticket> {
        let id = move |request: &Q| head(request).2.to_owned();
        self.0.answer(request, id, |records, request| {
            let (name, etag, _, time) = head(&request);
            let found = records.tickets.values_mut().find(|one| one.name == name);
            let ticket =
                found.ok_or_else(|| refused(Code::NotFound, "NOT_FOUND_OR_OUT_OF_SCOPE"))?;
            if ticket.etag != etag {
                return Err(refused(Code::Aborted, "ETAG_MISMATCH"));
            }
            if let Some((from, to, waiting_for)) = work(ticket, request) {
                if !from.contains(&ticket.state()) {
                    return Err(refused(Code::FailedPrecondition, "STATE_NOT_ALLOWED"));
                }
                ticket.history.push(StateChange {
                    from: ticket.state,
                    to: to.into(),
                    waiting_for: waiting_for.into(),
                    occurred_time: time,
                    ..Default::default()
                });
                ticket.state = to.into();
                ticket.waiting_for = waiting_for.into();
            }
            ticket.etag += "+";
            Ok(ticket.clone())
        })
    }
}

/// What every request for a change brings.
macro_rules! head {
    () => {
        |request| {
            (
                &request.name,
                &request.etag,
                &request.request_id,
                request.occurred_time,
            )
        }
    };
}

const AT_WORK: &[TicketState] = &[TicketState::New, TicketState::Open, TicketState::Pending];

#[async_trait]
impl TicketService for Handle {
    async fn open_ticket(&self, request: Request<OpenTicketRequest>) -> Answer<Ticket> {
        let id = |request: &OpenTicketRequest| request.request_id.clone();
        self.0.answer(request, id, |records, request| {
            let mut ticket = request.ticket.unwrap();
            if records.tickets.contains_key(&ticket.external_ref) {
                return Err(refused(Code::AlreadyExists, "ALREADY_EXISTS"));
            }
            ticket.name = format!("tickets/{}", ticket.external_ref);
            ticket.etag = "r".into();
            ticket.set_state(TicketState::New);
            ticket.create_time = now();
            let key = ticket.external_ref.clone();
            records.tickets.insert(key, ticket.clone());
            Ok(ticket)
        })
    }

    async fn get_ticket(&self, request: Request<GetTicketRequest>) -> Answer<Ticket> {
        self.0.answer(
            request,
            |_| String::new(),
            |records, request| {
                let found = records
                    .tickets
                    .values()
                    .find(|one| one.name == request.name);
                Ok(found.unwrap().clone())
            },
        )
    }

    async fn list_tickets(
        &self,
        request: Request<ListTicketsRequest>,
    ) -> Answer<ListTicketsResponse> {
        self.0.answer(
            request,
            |_| String::new(),
            |records, request| {
                let found = records.tickets.get(&of_filter(&request.filter)).cloned();
                Ok(ListTicketsResponse {
                    tickets: found.into_iter().collect(),
                    ..Default::default()
                })
            },
        )
    }

    async fn update_ticket(&self, request: Request<UpdateTicketRequest>) -> Answer<Ticket> {
        fn head(
            request: &UpdateTicketRequest,
        ) -> (&str, &str, &str, Option<prost_types::Timestamp>) {
            let ticket = request.ticket.as_ref().unwrap();
            (
                &ticket.name,
                &ticket.etag,
                &request.request_id,
                request.occurred_time,
            )
        }
        self.step(request, head, |ticket, request| {
            let new = request.ticket.unwrap();
            for path in request.update_mask.unwrap().paths {
                match path.as_str() {
                    "category" => ticket.category.clone_from(&new.category),
                    "impact" => ticket.impact = new.impact,
                    "urgency" => ticket.urgency = new.urgency,
                    other => panic!("{other}"),
                }
            }
            None
        })
    }

    async fn start_ticket(&self, request: Request<StartTicketRequest>) -> Answer<Ticket> {
        let to = (AT_WORK, TicketState::Open, WaitingFor::Unspecified);
        self.step(request, head!(), |_, _| Some(to))
    }

    async fn suspend_ticket(&self, request: Request<SuspendTicketRequest>) -> Answer<Ticket> {
        self.step(request, head!(), |_, request| {
            Some((AT_WORK, TicketState::Pending, request.waiting_for()))
        })
    }

    async fn resolve_ticket(&self, request: Request<ResolveTicketRequest>) -> Answer<Ticket> {
        self.step(request, head!(), |ticket, request| {
            ticket.resolution = request.resolution;
            Some((AT_WORK, TicketState::Resolved, WaitingFor::Unspecified))
        })
    }

    async fn reopen_ticket(&self, request: Request<ReopenTicketRequest>) -> Answer<Ticket> {
        self.step(request, head!(), |ticket, _| {
            ticket.reopen_count += 1;
            Some((
                &[TicketState::Resolved],
                TicketState::Open,
                WaitingFor::Unspecified,
            ))
        })
    }

    async fn close_ticket(&self, request: Request<CloseTicketRequest>) -> Answer<Ticket> {
        let to: Move<'_> = (
            &[TicketState::Resolved],
            TicketState::Closed,
            WaitingFor::Unspecified,
        );
        self.step(request, head!(), |_, _| Some(to))
    }

    async fn assign_ticket(&self, request: Request<AssignTicketRequest>) -> Answer<Ticket> {
        self.step(request, head!(), |ticket, request| {
            // Kept where nothing else is, for `list_assignments`.
            ticket.messages.push(Message {
                body: request.assignee.clone(),
                time: request.occurred_time,
                ..Default::default()
            });
            ticket.assignee = request.assignee;
            None
        })
    }

    async fn reply_to_ticket(&self, _: Request<ReplyToTicketRequest>) -> Answer<Ticket> {
        unused()
    }

    async fn rate_ticket(&self, _: Request<RateTicketRequest>) -> Answer<Ticket> {
        unused()
    }
}

#[async_trait]
impl QueueService for Handle {
    async fn create_queue(&self, _: Request<CreateQueueRequest>) -> Answer<Queue> {
        unused()
    }

    async fn update_queue(&self, _: Request<UpdateQueueRequest>) -> Answer<Queue> {
        unused()
    }

    async fn list_queues(&self, _: Request<ListQueuesRequest>) -> Answer<ListQueuesResponse> {
        unused()
    }

    async fn set_agent(&self, _: Request<SetAgentRequest>) -> Answer<Agent> {
        unused()
    }

    async fn list_agents(&self, _: Request<ListAgentsRequest>) -> Answer<ListAgentsResponse> {
        unused()
    }

    async fn set_presence(&self, _: Request<SetPresenceRequest>) -> Answer<Agent> {
        unused()
    }

    async fn list_queued_tickets(
        &self,
        _: Request<ListQueuedTicketsRequest>,
    ) -> Answer<ListQueuedTicketsResponse> {
        unused()
    }

    async fn take_over_ticket(&self, _: Request<TakeOverTicketRequest>) -> Answer<Ticket> {
        unused()
    }

    async fn release_ticket(&self, _: Request<ReleaseTicketRequest>) -> Answer<Ticket> {
        unused()
    }

    async fn list_assignments(
        &self,
        request: Request<ListAssignmentsRequest>,
    ) -> Answer<ListAssignmentsResponse> {
        self.0.answer(
            request,
            |_| String::new(),
            |records, request| {
                let found = records
                    .tickets
                    .values()
                    .find(|one| one.name == request.parent);
                let ticket =
                    found.ok_or_else(|| refused(Code::NotFound, "NOT_FOUND_OR_OUT_OF_SCOPE"))?;
                let assignments = ticket.messages.iter().map(|kept| Assignment {
                    to: kept.body.clone(),
                    occurred_time: kept.time,
                    ..Default::default()
                });
                Ok(ListAssignmentsResponse {
                    assignments: assignments.collect(),
                })
            },
        )
    }
}
