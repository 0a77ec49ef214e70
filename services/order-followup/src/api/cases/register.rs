//! A case is registered (OP-3.4.6, IH-6).

use kefu_access::{Clearance, RowFacts, SubjectKind};
use kefu_contracts::{
    ClassSet, Resource,
    order::{Case, CaseState, Order, RegisterCaseRequest},
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, etag, name},
    idempotency::{self, Claim, Kept},
    present::Shown,
    time::to_proto,
    written::Written,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Cases, REFUSED, VIEWED, follow::changed};
use crate::{
    domain::case::{
        account::{Line, taken},
        due::plan_due,
        entry::{check, take_lines},
        rules::in_force,
    },
    error,
    store::{
        cases::{self, CASES, Parties},
        customers, line_accounts,
        records::{self, StoredOrder},
        versions,
    },
};

/// A case that passed every check that needs no database.
#[derive(Clone)]
struct New {
    id: Uuid,
    case: Case,
    customer: Uuid,
    order: Option<Uuid>,
    /// None: the order's, or the caller's own.
    department: Option<Uuid>,
    assignee: Option<Uuid>,
    claim: Option<Claim>,
}

impl Cases {
    /// Clauses OP-3.4.6, IH-6.
    pub(super) async fn register(
        &self,
        call: Call,
        request: RegisterCaseRequest,
    ) -> Result<Answer<Case>, Fault> {
        let new = self.checked(&call, request)?;
        let resource = match new.case.order.as_str() {
            "" => new.case.customer.clone(),
            order => order.to_owned(),
        };
        let (service, writing) = (self.clone(), (call.clone(), new));
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (service, (call, new)) = (service.clone(), writing.clone());
                Box::pin(async move { service.enter(connection, &call, new).await })
            })
            .await;
        let views = &self.core.views;
        let outcome = views.or_not_allowed(&call, REFUSED, &resource, outcome);
        let written = outcome.await?.disclosed();
        written.into_answer(&self.core.views, &call, VIEWED).await
    }

    fn checked(&self, call: &Call, request: RegisterCaseRequest) -> Result<New, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(call, request_id, &request);
        fields.ensure(request.case.is_some(), "case", Violation::Required);
        let case = request.case.unwrap_or_default();
        let subject = &call.context.subject;
        let customer = fields.name("case.customer", &case.customer, "customers");
        let order = fields.optional_name("case.order", &case.order, "orders");
        let department = fields.optional_name("case.department", &case.department, "departments");
        let assignee = fields.optional_name("case.assignee", &case.assignee, "employees");
        // To give work to others is a permission of its own; what a system brings has happened.
        let own = (subject.kind == SubjectKind::Employee).then_some(subject.id);
        let others = own.is_some() && assignee.is_some() && assignee != own;
        fields.ensure(!others, "case.assignee", Violation::NotApplicable);
        check(&mut fields, &case, call.now);
        fields.finish()?;
        Ok(New {
            id: self.core.deps.ids.next()?,
            case,
            customer: customer.unwrap_or_default(),
            order,
            department,
            assignee: assignee.or(own),
            claim,
        })
    }

    async fn enter(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        mut new: New,
    ) -> Result<Written<Case>, Fault> {
        let order = match new.order {
            Some(order) => Some(self.order(connection, call, order, new.customer).await?),
            None => None,
        };
        let own = call.context.subject.departments.first().copied();
        let of_order = order.as_ref().map(|(_, department)| *department);
        let department = new.department.or(of_order).or(own);
        let Some(department) = department else {
            let field = "case.department".to_owned();
            return Err(Fault::fields(vec![(field, Violation::Required)]));
        };
        let parties = Parties {
            customer: new.customer,
            order: new.order,
            department,
            assignee: new.assignee,
        };
        // A rule that lets a case be registered lets it be registered where it reaches.
        let clearance = call.context.clearance_of(&facts(&parties), call.now);
        let clearance = clearance.ok_or_else(error::out_of_scope)?;
        if let Some(given) = self.given_before(connection, &new, &clearance).await? {
            return Ok(given);
        }
        if !customers::is_known(connection, new.customer).await? {
            let field = "case.customer".to_owned();
            return Err(Fault::fields(vec![(field, Violation::Unknown)]));
        }
        let accounts = match &order {
            Some((order, _)) => take_lines(&mut new.case, order)?,
            None => Vec::new(),
        };
        let currency = order.map(|(order, _)| order.currency).unwrap_or_default();
        let case = self.composed(connection, call, &new, &parties).await?;
        let (record, position) = self
            .put(
                connection,
                call,
                (&new, parties),
                case,
                (&accounts, &currency),
            )
            .await?;
        let shown = Shown::of_customer(&record.name, new.customer, clearance);
        Ok(Written::now(record, shown, position))
    }

    /// The order within the caller's reach, with its department; it does not change meanwhile.
    async fn order(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        id: Uuid,
        customer: Uuid,
    ) -> Result<(Order, Uuid), Fault> {
        let mut query = records::RECORD.get(call, id);
        query.push(" FOR SHARE OF o");
        let row = query.build().fetch_optional(connection).await?;
        let row = row.as_ref().map(StoredOrder::read).transpose()?;
        let wrong = |field: &str, what| Fault::fields(vec![(field.to_owned(), what)]);
        let row = row.ok_or_else(|| wrong("case.order", Violation::Unknown))?;
        if row.customer_id != customer {
            return Err(wrong("case.customer", Violation::Contradiction));
        }
        Ok((self.open_order(&row).await?, row.department_id))
    }

    /// What an order says, whole; never for an answer.
    pub(super) async fn open_order(&self, row: &StoredOrder) -> Result<Order, Fault> {
        let sealer = &self.order_sealer;
        let key = sealer.open_key(row.customer_id, &row.wrapped).await?;
        let everything = ClassSet::of(Order::CLASSES);
        let (opened, _) = sealer.open(&key, row.id, &row.sealed, everything)?;
        Ok(row.with_columns(opened))
    }

    /// The case as it will stand, but for its number, which the database gives.
    async fn composed(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        new: &New,
        parties: &Parties,
    ) -> Result<Case, Fault> {
        let (_, rules) = in_force(&versions::all(connection).await?, call.now);
        let mut case = Case {
            name: name(CASES, new.id),
            customer: new.case.customer.clone(),
            order: new.case.order.clone(),
            kind: new.case.kind,
            department: name("departments", parties.department),
            assignee: parties
                .assignee
                .map(|id| name("employees", id))
                .unwrap_or_default(),
            registrar: call.caller(),
            lines: new.case.lines.clone(),
            problem: new.case.problem.clone(),
            delivered_time: new.case.delivered_time,
            etag: etag(1),
            create_time: Some(to_proto(call.now)),
            update_time: Some(to_proto(call.now)),
            ..Case::default()
        };
        case.set_state(CaseState::Registered);
        case.due_time = Some(to_proto(plan_due(&rules, &case, call.now)));
        Ok(case)
    }

    /// Writes the case, its accounts, what it makes due, the journal entries and the answer for the
    /// request id.
    async fn put(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        (new, parties): (&New, Parties),
        mut case: Case,
        (accounts, currency): (&[Line], &str),
    ) -> Result<(Case, kefu_journal::Cursor), Fault> {
        let key = self.sealer.key(connection, new.customer, call.now);
        let (key, _) = key.await?;
        let sealed = self.sealer.seal(&key, new.id, &case)?;
        case.number = cases::insert(connection, new.id, &parties, &case, &sealed, call.now).await?;
        if let Some(order) = new.order {
            line_accounts::open(connection, order, new.customer, accounts).await?;
            line_accounts::book(connection, order, &taken(&case), currency).await?;
        }
        let kind = "case.registered";
        let mut entries = vec![changed(call, kind, &case, CaseState::Unspecified)];
        entries.extend(self.follow(connection, call, None, &case).await?);
        let position = kefu_journal::append(connection, &entries).await?;
        if let Some(claim) = &new.claim {
            let kept = Kept {
                resource_id: new.id,
                answer: self.sealer.seal_answer(&key, new.id, &case)?,
                position,
            };
            idempotency::keep(connection, call, claim, Some(new.customer), &kept).await?;
        }
        Ok((case, position))
    }

    async fn given_before(
        &self,
        connection: &mut PgConnection,
        new: &New,
        clearance: &Clearance,
    ) -> Result<Option<Written<Case>>, Fault> {
        let Some(claim) = &new.claim else {
            return Ok(None);
        };
        let Some(kept) = idempotency::find(connection, claim).await? else {
            return Ok(None);
        };
        let key = self.sealer.standing_key(connection, new.customer).await?;
        let record: Case = self
            .sealer
            .open_answer(&key, kept.resource_id, &kept.answer)?;
        let shown = Shown::of_customer(&record.name, new.customer, clearance.clone());
        Ok(Some(Written::before(record, shown, kept.position)))
    }
}

/// What the rules of access look at in a case that is registered.
fn facts(parties: &Parties) -> RowFacts {
    RowFacts {
        department: Some(parties.department),
        owner: parties.assignee,
        customer: Some(parties.customer),
        duty: parties.assignee.into_iter().collect(),
        consents: Vec::new(),
    }
}
