//! The contracts around the bare handlers: one method each, the rest is not there.

use kefu_contracts::{
    profile::{
        CreateCustomerRequest, Customer, GetCustomerRequest, ListCustomersRequest,
        ListCustomersResponse, LookupCustomerRequest, LookupCustomerResponse,
        UpdateCustomerRequest, customer_service_server::CustomerService,
    },
    ticket::{
        AssignTicketRequest, CloseTicketRequest, GetTicketRequest, ListTicketsRequest,
        ListTicketsResponse, OpenTicketRequest, RateTicketRequest, ReopenTicketRequest,
        ReplyToTicketRequest, ResolveTicketRequest, StartTicketRequest, SuspendTicketRequest,
        Ticket, UpdateTicketRequest, ticket_service_server::TicketService,
    },
};
use tonic::{Request, Response, Status};

use crate::bare::{Reads, Writes};

/// A contract of which one method is answered.
macro_rules! only {
    (
        $contract:ident for $handlers:ident: $method:ident($request:ident) -> $answer:ident by $handler:ident;
        $($other:ident($other_request:ident) -> $other_answer:ident;)*
    ) => {
        #[tonic::async_trait]
        impl $contract for $handlers {
            async fn $method(&self, request: Request<$request>) -> Result<Response<$answer>, Status> {
                self.$handler(request).await
            }
            $(async fn $other(&self, _: Request<$other_request>) -> Result<Response<$other_answer>, Status> {
                Err(Status::unimplemented("not measured"))
            })*
        }
    };
}

only! {
    CustomerService for Reads: get_customer(GetCustomerRequest) -> Customer by get;
    create_customer(CreateCustomerRequest) -> Customer;
    list_customers(ListCustomersRequest) -> ListCustomersResponse;
    lookup_customer(LookupCustomerRequest) -> LookupCustomerResponse;
    update_customer(UpdateCustomerRequest) -> Customer;
}

only! {
    TicketService for Writes: open_ticket(OpenTicketRequest) -> Ticket by open;
    get_ticket(GetTicketRequest) -> Ticket;
    list_tickets(ListTicketsRequest) -> ListTicketsResponse;
    update_ticket(UpdateTicketRequest) -> Ticket;
    assign_ticket(AssignTicketRequest) -> Ticket;
    start_ticket(StartTicketRequest) -> Ticket;
    suspend_ticket(SuspendTicketRequest) -> Ticket;
    reply_to_ticket(ReplyToTicketRequest) -> Ticket;
    resolve_ticket(ResolveTicketRequest) -> Ticket;
    reopen_ticket(ReopenTicketRequest) -> Ticket;
    rate_ticket(RateTicketRequest) -> Ticket;
    close_ticket(CloseTicketRequest) -> Ticket;
}
