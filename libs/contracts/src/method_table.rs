//! Every RPC and its access rule, generated from the contracts.

use crate::policy::{DataClass, Effect};

/// Access rule of one RPC, as annotated in its contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method {
    /// gRPC path: `/kefu.ticket.v1.TicketService/OpenTicket`.
    pub path: &'static str,
    /// Full name of its service.
    pub service: &'static str,
    /// Permission the subject must hold.
    pub permission: &'static str,
    /// Refused without a stated purpose.
    pub purpose_required: bool,
    /// Reads or changes.
    pub effect: Effect,
    /// Classes of personal data its answer can carry.
    pub shows: &'static [DataClass],
    /// Only between the services of the suite.
    pub internal: bool,
    /// Answers with a stream.
    pub server_streaming: bool,
}

include!(concat!(env!("OUT_DIR"), "/method_table.rs"));

/// The rule of the RPC at this path; `None` when there is no such RPC.
pub fn method(path: &str) -> Option<&'static Method> {
    METHODS
        .binary_search_by(|method| method.path.cmp(path))
        .ok()
        .map(|at| &METHODS[at])
}
