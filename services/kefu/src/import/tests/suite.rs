//! A suite in memory that keeps what the contracts promise an importer: request
//! ids, external references, etags. It fails when it is told to.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
};

use jiff::Timestamp;
use kefu_contracts::{
    kefu::{
        order::v1::order_service_server::OrderServiceServer,
        profile::v1::customer_service_server::CustomerServiceServer,
        ticket::v1::{
            queue_service_server::QueueServiceServer, ticket_service_server::TicketServiceServer,
        },
    },
    order::Order,
    profile::Customer,
    ticket::Ticket,
};
use kefu_service::clock::{Clock, SystemClock};
use prost::Message;
use tokio::{net::TcpListener, task::JoinHandle};
use tonic::{
    Code, Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use crate::import::reader::proto_time;

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fault {
    None,
    /// It is not carried out.
    Unavailable,
    /// It is carried out, and its answer lost.
    AnswerLost,
    /// Somebody else has just changed every ticket.
    Changed,
}

/// What the suite has.
#[derive(Default)]
pub(super) struct Records {
    pub(super) customers: HashMap<String, Customer>,
    pub(super) orders: HashMap<String, Order>,
    pub(super) tickets: HashMap<String, Ticket>,
    /// Requests with their answers.
    requests: HashMap<String, (Vec<u8>, Vec<u8>)>,
}

/// A suite.
pub(super) struct Suite {
    records: Mutex<Records>,
    calls: AtomicUsize,
    fault: Mutex<fn(usize) -> Fault>,
}

/// As the generated servers want it.
#[derive(Clone)]
pub(super) struct Handle(pub(super) Arc<Suite>);

impl Suite {
    /// Starts a suite on a port of its own.
    pub(super) async fn start() -> (Arc<Self>, SocketAddr, JoinHandle<()>) {
        let suite = Arc::new(Self {
            records: Mutex::default(),
            calls: AtomicUsize::new(0),
            fault: Mutex::new(|_| Fault::None),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Server::builder()
            .add_service(CustomerServiceServer::new(Handle(suite.clone())))
            .add_service(OrderServiceServer::new(Handle(suite.clone())))
            .add_service(TicketServiceServer::new(Handle(suite.clone())))
            .add_service(QueueServiceServer::new(Handle(suite.clone())))
            .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)));
        let task = tokio::spawn(async move { server.await.unwrap() });
        (suite, address, task)
    }

    /// From now on, calls fail as this says for their number.
    pub(super) fn fail(&self, fault: fn(usize) -> Fault) {
        *self.fault.lock().unwrap() = fault;
    }

    pub(super) fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap()
    }

    /// Request ids are not kept for ever.
    pub(super) fn forget_requests(&self) {
        self.records().requests.clear();
    }

    /// Calls since this was last asked.
    pub(super) fn calls(&self) -> usize {
        self.calls.swap(0, Ordering::Relaxed)
    }

    /// Answers a request; one with an id that came before as before.
    pub(super) fn answer<Q: Message, A: Message + Default>(
        &self,
        request: Request<Q>,
        id: impl FnOnce(&Q) -> String,
        work: impl FnOnce(&mut Records, Q) -> Result<A, Status>,
    ) -> Result<Response<A>, Status> {
        let metadata = request.metadata();
        assert_eq!(metadata.get("kefu-purpose").unwrap(), "integration");
        if metadata.get("authorization").unwrap() != "Bearer secret" {
            return Err(refused(Code::Unauthenticated, "TOKEN_INVALID"));
        }
        let fault = (self.fault.lock().unwrap())(self.calls.fetch_add(1, Ordering::Relaxed));
        if fault == Fault::Unavailable {
            return Err(refused(Code::Unavailable, "UPSTREAM_UNAVAILABLE"));
        }
        let message = request.into_inner();
        let (id, body) = (id(&message), message.encode_to_vec());
        let mut records = self.records();
        if fault == Fault::Changed {
            for ticket in records.tickets.values_mut() {
                ticket.etag += "!";
            }
        }
        let answer = match records.requests.get(&id) {
            Some((known, answer)) if *known == body => A::decode(answer.as_slice()).unwrap(),
            Some(_) => return Err(refused(Code::FailedPrecondition, "REQUEST_ID_REUSED")),
            None => {
                let answer = work(&mut records, message)?;
                if !id.is_empty() {
                    records.requests.insert(id, (body, answer.encode_to_vec()));
                }
                answer
            }
        };
        match fault {
            Fault::AnswerLost => Err(Status::unknown("transport error")),
            _ => Ok(Response::new(answer)),
        }
    }
}

/// A refusal as the suite sends it.
pub(super) fn refused(code: Code, reason: &str) -> Status {
    let mut details = ErrorDetails::new();
    details.set_error_info(reason, "kefu", HashMap::new());
    Status::with_error_details(code, reason, details)
}

/// A refusal for one field.
pub(super) fn wrong(field: &str, reason: &str) -> Status {
    let mut violation = FieldViolation::new(field, "is not right");
    violation.reason = reason.into();
    let mut details = ErrorDetails::new();
    details.set_error_info("INVALID_FIELDS", "kefu", HashMap::new());
    details.set_bad_request(vec![violation]);
    Status::with_error_details(Code::InvalidArgument, "not right", details)
}

pub(super) fn now() -> Option<prost_types::Timestamp> {
    let now: Timestamp = SystemClock.now();
    Some(proto_time(now))
}
