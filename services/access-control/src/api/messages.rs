//! The register as messages carry it.

use jiff::Timestamp;
use kefu_contracts::access as wire;
use kefu_service::{
    error::Violation,
    fields::{self, Fields, etag},
    time::to_proto,
};
use uuid::Uuid;

use crate::{
    domain::{
        binding::{BINDINGS, Binding, ROLES},
        delegation::DELEGATIONS,
        device::{DEVICES, Device, Holder},
        lapse::Lapse,
        qualification::{QUALIFICATIONS, Qualification},
        register::{DEPARTMENTS, Department, EMPLOYEES, Employee, collection},
        roles::{Apart, RoleRule},
        transfer::{TRANSFERS, Transfer},
    },
    store::{delegation::Lent, role::StoredRole},
};

/// Nobody joined, signed or left before this; and the database's years begin
/// later than those of a message.
const EARLIEST: i64 = -2_208_988_800; // 1900-01-01T00:00:00Z

pub(super) fn department(department: &Department) -> wire::Department {
    let name = |collection, id: Option<Uuid>| {
        id.map(|id| fields::name(collection, id))
            .unwrap_or_default()
    };
    wire::Department {
        name: fields::name(DEPARTMENTS, department.id),
        code: department.code.clone(),
        title: department.title.clone(),
        parent: name(DEPARTMENTS, department.parent),
        head: name(EMPLOYEES, department.head),
        supervising_leader: name(EMPLOYEES, department.supervising_leader),
        etag: etag(department.revision),
    }
}

pub(super) fn employee(employee: &Employee) -> wire::Employee {
    wire::Employee {
        name: employee.name(),
        login: employee.login.clone(),
        title: employee.title.clone(),
        department: employee
            .department
            .map(|id| fields::name(DEPARTMENTS, id))
            .unwrap_or_default(),
        system_account: employee.system_account,
        agreement_valid_until: employee.agreement_valid_until.map(to_proto),
        training_valid_until: employee.training_valid_until.map(to_proto),
        join_time: employee.joins_at.map(to_proto),
        leave_time: employee.leaves_at.map(to_proto),
        responsible: employee
            .responsible
            .map(|id| fields::name(EMPLOYEES, id))
            .unwrap_or_default(),
        etag: etag(employee.revision),
    }
}

pub(super) fn role(role: &StoredRole) -> wire::Role {
    wire::Role {
        name: format!("{ROLES}/{}", role.id),
        rules: role.rules.iter().map(rule_view).collect(),
    }
}

pub(super) fn apart(apart: &Apart) -> wire::RolesApart {
    wire::RolesApart {
        roles: apart
            .roles
            .iter()
            .map(|id| format!("{ROLES}/{id}"))
            .collect(),
        reason: apart.why.clone(),
    }
}

fn rule_view(rule: &RoleRule) -> wire::RoleRuleView {
    wire::RoleRuleView {
        id: rule.id.clone(),
        permissions: rule.permissions.clone(),
        scope: rule.scope.as_str().to_owned(),
        classes: rule.classes.to_numbers(),
        purposes: rule
            .purposes
            .iter()
            .map(|purpose| *purpose as i32)
            .collect(),
        consented_only: rule.consented_only,
    }
}

/// A revoked binding ended when it was revoked.
pub(super) fn binding(binding: &Binding, system_account: bool) -> wire::Binding {
    wire::Binding {
        name: fields::name(BINDINGS, binding.id),
        subject: fields::name(collection(system_account), binding.subject),
        role: format!("{ROLES}/{}", binding.role),
        departments: binding
            .departments
            .iter()
            .map(|id| fields::name(DEPARTMENTS, *id))
            .collect(),
        start_time: Some(to_proto(binding.starts_at)),
        end_time: binding.over_at().map(to_proto),
    }
}

/// A delegation as it stands now.
pub(super) fn delegation(lent: &Lent, now: Timestamp) -> wire::Delegation {
    let delegation = &lent.delegation;
    wire::Delegation {
        name: fields::name(DELEGATIONS, delegation.id),
        delegator: fields::name(EMPLOYEES, delegation.from),
        delegate: fields::name(EMPLOYEES, delegation.to),
        department: delegation
            .department
            .map(|id| fields::name(DEPARTMENTS, id))
            .unwrap_or_default(),
        start_time: Some(to_proto(delegation.starts_at)),
        end_time: Some(to_proto(delegation.ends_at)),
        reason: lent.reason.clone(),
        state: delegation.state(lent.left_at, now) as i32,
        revoke_time: delegation.revoked_at.map(to_proto),
    }
}

pub(super) fn device(device: &Device) -> wire::Device {
    let holder = |holder| match holder {
        Holder::Employee(id) => fields::name(EMPLOYEES, id),
        Holder::Department(id) => fields::name(DEPARTMENTS, id),
    };
    wire::Device {
        name: fields::name(DEVICES, device.id),
        asset_number: device.asset_number.clone(),
        kind: device.kind.clone(),
        title: device.title.clone(),
        state: device.state as i32,
        holder: device.holder.map(holder).unwrap_or_default(),
        since: Some(to_proto(device.since)),
        note: device.note.clone(),
        etag: etag(device.revision),
    }
}

pub(super) fn transfer(transfer: &Transfer) -> wire::Transfer {
    wire::Transfer {
        name: fields::name(TRANSFERS, transfer.id),
        employee: fields::name(EMPLOYEES, transfer.employee),
        department: fields::name(DEPARTMENTS, transfer.department),
        effective_time: Some(to_proto(transfer.effective_at)),
        state: transfer.state() as i32,
        settle_time: transfer.applied_at.or(transfer.cancelled_at).map(to_proto),
    }
}

pub(super) fn qualification(qualification: &Qualification) -> wire::Qualification {
    wire::Qualification {
        name: fields::name(QUALIFICATIONS, qualification.id),
        employee: fields::name(EMPLOYEES, qualification.employee),
        kind: qualification.kind as i32,
        obtain_time: Some(to_proto(qualification.obtained_at)),
        valid_until: Some(to_proto(qualification.valid_until)),
        evidence: qualification.evidence.clone(),
        withdraw_time: qualification.withdrawn_at.map(to_proto),
    }
}

pub(super) fn lapse(lapse: &Lapse) -> wire::Lapse {
    wire::Lapse {
        employee: fields::name(EMPLOYEES, lapse.employee),
        kind: lapse.kind as i32,
        resource: lapse.resource.clone(),
        lapse_time: Some(to_proto(lapse.at)),
    }
}

/// A moment of the register that may be left out.
pub(super) fn moment(
    fields: &mut Fields,
    field: &str,
    value: Option<&prost_types::Timestamp>,
) -> Option<Timestamp> {
    let at = fields.time(field, value)?;
    fields.ensure(at.as_second() >= EARLIEST, field, Violation::Time);
    Some(at)
}
