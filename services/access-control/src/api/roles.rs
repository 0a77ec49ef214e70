//! `RoleService`: roles, their rules, and who holds them (OP-7.2).

use kefu_contracts::access::{
    Binding, CreateBindingRequest, ListBindingsRequest, ListBindingsResponse, ListRolesRequest,
    ListRolesResponse, RevokeBindingRequest, role_service_server::RoleService,
};
use kefu_service::{
    call::{Answer, Call, answer},
    error::Fault,
    present::Shown,
};
use tonic::{Request, Response, Status};

use super::{Register, VIEWED, bindings, messages};
use crate::store::role;

/// The service over the register.
pub(crate) struct RolesApi(pub(crate) Register);

#[tonic::async_trait]
impl RoleService for RolesApi {
    async fn list_roles(
        &self,
        request: Request<ListRolesRequest>,
    ) -> Result<Response<ListRolesResponse>, Status> {
        answer(request, |call, message| list(&self.0, call, message)).await
    }

    async fn list_bindings(
        &self,
        request: Request<ListBindingsRequest>,
    ) -> Result<Response<ListBindingsResponse>, Status> {
        answer(request, |call, message| {
            bindings::list(&self.0, call, message)
        })
        .await
    }

    async fn create_binding(
        &self,
        request: Request<CreateBindingRequest>,
    ) -> Result<Response<Binding>, Status> {
        answer(request, |call, message| {
            bindings::create(&self.0, call, message)
        })
        .await
    }

    async fn revoke_binding(
        &self,
        request: Request<RevokeBindingRequest>,
    ) -> Result<Response<Binding>, Status> {
        answer(request, |call, message| {
            bindings::revoke(&self.0, call, message)
        })
        .await
    }
}

async fn list(
    register: &Register,
    call: Call,
    _: ListRolesRequest,
) -> Result<Answer<ListRolesResponse>, Fault> {
    let stored = register
        .core
        .deps
        .db
        .run(|connection| Box::pin(role::list(connection, None)))
        .await?;
    let roles: Vec<_> = stored.iter().map(messages::role).collect();
    // A role is nobody's and of no department: any rule of the call reaches it.
    let clearance = call.context.clearance(i64::MAX, call.now);
    let shown: Vec<_> = roles
        .iter()
        .map(|role| Shown {
            resource: role.name.clone(),
            customer_id: None,
            clearance: clearance.clone(),
        })
        .collect();
    register.core.views.record(&call, VIEWED, &shown).await?;
    let apart = register.roles.apart.iter().map(messages::apart).collect();
    Ok(Answer::read(ListRolesResponse { roles, apart }))
}
