//! What a collector is told of one call: through gateway and service in one tree, and what followed from it in other
//! services.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use kefu_contracts::{
    common::Channel as ContactChannel,
    ticket::{OpenTicketRequest, Ticket, TicketKind, ticket_service_client::TicketServiceClient},
};
use kefu_testkit::eventually;
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::any_value::Value,
    trace::v1::{Span, span::SpanKind},
};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, transport::Server};

use crate::processes::{Site, enter, request};

/// Spans and the services that they are of.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<(String, Span)>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for resource in request.into_inner().resource_spans {
            let attributes = resource.resource.unwrap_or_default().attributes;
            let named = attributes.into_iter().find(|one| one.key == "service.name");
            let Some(Value::StringValue(service)) =
                named.and_then(|one| one.value).and_then(|one| one.value)
            else {
                return Err(Status::invalid_argument("spans of nobody"));
            };
            let spans = resource.scope_spans.into_iter().flat_map(|one| one.spans);
            let spans = spans.map(|span| (service.clone(), span));
            self.0.lock().unwrap().extend(spans);
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    async fn start() -> (Self, String) {
        let collector = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = Server::builder().add_service(TraceServiceServer::new(collector.clone()));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        (collector, address)
    }

    /// The spans of a service of which this is so.
    fn spans(&self, service: &str, is: impl Fn(&Span) -> bool) -> Vec<Span> {
        let all = self.0.lock().unwrap();
        let of = all.iter().filter(|(of, span)| of == service && is(span));
        of.map(|(_, span)| span.clone()).collect()
    }
}

/// Issue 8, point 4: gateway → ticket in one tree; customer-profile, order-followup and analytics, which read in the
/// journal that there is a ticket, each in a trace of their own that is linked with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_one_tree_and_what_follows_from_it_is_linked() {
    let (collector, address) = Collector::start().await;
    let site = Site::prepare().await;
    site.send_traces_to(&address);
    let _processes = [
        "access-control",
        "customer-profile",
        "ticket",
        "analytics",
        "gateway",
    ]
    .map(|service| site.start(service));
    let (channel, token) = (site.gateway(), site.token("li.wei"));
    let (customer, entered) = enter(&channel, &token).await;
    let ticket = Ticket {
        customer,
        kind: TicketKind::Consultation.into(),
        channel: ContactChannel::Online.into(),
        subject: "发票抬头".into(),
        ..Ticket::default()
    };
    let body = OpenTicketRequest {
        ticket: Some(ticket),
        request_id: String::new(),
    };
    let mut tickets = TicketServiceClient::new(channel);
    // Ticket may yet be starting.
    eventually(async || {
        let asked = request(body.clone(), &token, "service", &entered);
        tickets.open_ticket(asked).await.ok()
    })
    .await;

    let opened = "kefu.ticket.v1.TicketService/OpenTicket";
    let is_call = |span: &Span| span.name == opened && span.kind() == SpanKind::Server;
    let (at_gateway, in_ticket) = eventually(async || {
        let children = collector.spans("ticket", is_call);
        children.into_iter().find_map(|child| {
            let is_parent = |span: &Span| is_call(span) && span.span_id == child.parent_span_id;
            let parent = collector.spans("gateway", is_parent).pop()?;
            Some((parent, child))
        })
    })
    .await;
    assert_eq!(at_gateway.trace_id, in_ticket.trace_id);
    assert!(at_gateway.parent_span_id.is_empty(), "nobody asked it to");

    for service in ["customer-profile", "analytics", "access-control"] {
        let follows = |span: &Span| {
            let mut links = span.links.iter();
            span.kind() == SpanKind::Consumer
                && links.any(|link| {
                    (&link.trace_id, &link.span_id) == (&in_ticket.trace_id, &in_ticket.span_id)
                })
        };
        let span = eventually(async || collector.spans(service, follows).pop()).await;
        assert_eq!(span.name, "process ticket");
        assert_ne!(span.trace_id, in_ticket.trace_id);
        assert!(span.parent_span_id.is_empty());
    }
    let jobs = eventually(async || {
        let jobs = collector.spans("ticket", |span| span.name.starts_with("job "));
        (!jobs.is_empty()).then_some(jobs)
    })
    .await;
    let traces: HashSet<_> = jobs.iter().map(|job| &job.trace_id).collect();
    assert_eq!(traces.len(), jobs.len(), "each turn is a trace of its own");
    // Nothing of what was asked is in any of them.
    let told = format!("{:?}", collector.0.lock().unwrap());
    assert!(!told.contains("发票抬头") && !told.contains("李四"));
}
