//! `kefu.ticket.v1.MacroService`: standard phrases, and what they say of a ticket.

mod define;
mod look;
mod render;

use kefu_contracts::ticket::{
    CreateMacroRequest, GetMacroRequest, ListMacrosRequest, ListMacrosResponse, Macro,
    RenderMacroRequest, RenderMacroResponse, UpdateMacroRequest,
    macro_service_server::MacroService,
};
use kefu_service::{call::answer, core::Core};
use tonic::{Request, Response, Status};

use super::Tickets;

/// The handlers and what they share.
#[derive(Clone)]
pub(crate) struct Macros {
    core: Core,
    tickets: Tickets,
}

impl Macros {
    pub(crate) fn new(core: &Core, tickets: Tickets) -> Self {
        Self {
            core: core.clone(),
            tickets,
        }
    }
}

#[tonic::async_trait]
impl MacroService for Macros {
    async fn create_macro(
        &self,
        request: Request<CreateMacroRequest>,
    ) -> Result<Response<Macro>, Status> {
        answer(request, |call, body| self.create(call, body)).await
    }

    async fn update_macro(
        &self,
        request: Request<UpdateMacroRequest>,
    ) -> Result<Response<Macro>, Status> {
        answer(request, |call, body| self.update(call, body)).await
    }

    async fn get_macro(
        &self,
        request: Request<GetMacroRequest>,
    ) -> Result<Response<Macro>, Status> {
        answer(request, |call, body| self.get(call, body)).await
    }

    async fn list_macros(
        &self,
        request: Request<ListMacrosRequest>,
    ) -> Result<Response<ListMacrosResponse>, Status> {
        answer(request, |call, body| self.list(call, body)).await
    }

    async fn render_macro(
        &self,
        request: Request<RenderMacroRequest>,
    ) -> Result<Response<RenderMacroResponse>, Status> {
        answer(request, |call, body| self.render(call, body)).await
    }
}
