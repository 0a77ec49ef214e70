use jiff::{SignedDuration, Timestamp};
use kefu_access::Clearance;
use kefu_contracts::{
    access::SubjectKind,
    order::{CreateOrderRequest, Order, OrderIntake, OrderStage, OrderStock},
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, etag, name},
    idempotency::{self, Claim, Kept},
    time,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Orders,
    present::{Journaled, Outcome, Parties, journaled},
    supply::About,
};
use crate::{
    desk::By,
    domain::{
        entry::{Intake, Taken, check, clear_outputs},
        stage::{Reached, current},
    },
    error,
    store::{customers, events, orders, promises, records::reached},
};

/// An order that passed every check that needs no database.
#[derive(Clone)]
struct Entry {
    id: Uuid,
    order: Order,
    parties: Parties,
    taken: Taken,
    clearance: Clearance,
    claim: Option<Claim>,
}

impl Orders {
    /// Clauses OP-3.4.1, OP-3.4.3.
    pub(super) async fn create(
        &self,
        call: Call,
        request: CreateOrderRequest,
    ) -> Result<Answer<Order>, Fault> {
        let (order, parties, taken, claim) = self.checked(&call, request).await?;
        // A rule that lets an order be entered lets it be entered where it reaches.
        let Some(clearance) = call.context.clearance_of(&parties.facts(), call.now) else {
            let refused = error::out_of_scope();
            return Err(self
                .core
                .views
                .refuse(&call, "order.refused", &order.customer, refused)
                .await);
        };
        let entry = Entry {
            id: self.core.deps.ids.next()?,
            order,
            parties,
            taken,
            clearance,
            claim,
        };
        let (service, writing) = (self.clone(), (call.clone(), entry));
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (service, (call, entry)) = (service.clone(), writing.clone());
                Box::pin(async move { service.enter(connection, &call, entry).await })
            })
            .await?;
        self.answer(&call, outcome).await
    }

    async fn checked(
        &self,
        call: &Call,
        request: CreateOrderRequest,
    ) -> Result<(Order, Parties, Taken, Option<Claim>), Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(call, request_id, &request);
        if request.order.is_none() {
            fields.refuse("order", Violation::Required);
            fields.finish()?;
            return Err(Fault::internal("no violation was noted"));
        }
        let mut order = request.order.unwrap_or_default();
        let subject = &call.context.subject;
        let is_system = subject.kind == SubjectKind::SystemAccount;
        let customer = fields.name("order.customer", &order.customer, "customers");
        let department = fields
            .optional_name("order.department", &order.department, "departments")
            .or_else(|| subject.departments.first().copied());
        fields.ensure(
            department.is_some(),
            "order.department",
            Violation::Required,
        );
        // Who takes an order follows it up unless it is said; a system follows nothing up.
        let own = (subject.kind == SubjectKind::Employee).then_some(subject.id);
        let owner = fields
            .optional_name("order.owner", &order.owner, "employees")
            .or(own);
        let intake = Intake {
            now: call.now,
            transferred: is_system,
            most_lines: self.most_lines,
        };
        let taken = check(&mut fields, &mut order, &intake);
        idempotency::finish(&self.core.deps.db, fields, claim.as_ref()).await?;
        let parties = Parties {
            customer: customer.unwrap_or_default(),
            department: department.unwrap_or_default(),
            owner,
        };
        Ok((order, parties, taken, claim))
    }

    async fn enter(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        new: Entry,
    ) -> Result<Outcome, Fault> {
        if let Some(given) = self.given_before(connection, call, &new).await? {
            return Ok(given);
        }
        if !customers::is_known(connection, new.parties.customer).await? {
            return Err(error::unknown_customer());
        }
        let (key, _) = self
            .sealer
            .key(connection, new.parties.customer, call.now)
            .await?;
        let submitted = Reached {
            at: new.taken.placed_at,
            stage: OrderStage::Submitted,
        };
        let mut order = composed(call, &new, submitted);
        // What happened elsewhere long ago is not to be cleared up here.
        if !is_history(call, submitted.at) {
            self.plausible.examine(&mut order);
        }
        let sealed = self.sealer.seal(&key, new.id, &order)?;
        let row = orders::NewRow {
            id: new.id,
            customer_id: new.parties.customer,
            submitted,
            department_id: new.parties.department,
            owner_id: new.parties.owner,
            external_ref: Some(order.external_ref.as_str())
                .filter(|reference| !reference.is_empty()),
            currency: &order.currency,
            sealed: &sealed,
            intake: order.intake(),
            promised_at: new.taken.promised_at,
            look_at: self.look_at(call),
            now: call.now,
        };
        let Some(number) = orders::insert(connection, &row).await? else {
            // Perhaps by this very request, sent twice at once.
            let given = self.given_before(connection, call, &new).await?;
            return given.ok_or_else(|| error::taken("order.external_ref"));
        };
        order.number = number;
        let (by, customer) = (By::Call(call), new.parties.customer);
        events::record(connection, &by, new.id, customer, submitted).await?;
        for promised in &new.taken.promises {
            promises::put(connection, new.id, customer, *promised).await?;
        }
        let about = About {
            id: new.id,
            parties: new.parties,
            placed_at: submitted.at,
            revision: 1,
        };
        let before = OrderStage::Unspecified;
        let event = self.changed(&order, about, before, submitted);
        let mut entries = vec![journaled(&by, "order.created", &order, about, event)];
        if order.intake() == OrderIntake::ToClearUp {
            let opened = self.follow_findings(connection, &by, &order, about);
            entries.extend(opened.await?);
        }
        if self
            .see_to_supply(connection, &mut order, about, &by)
            .await?
        {
            let none = OrderStock::NotKept;
            let follows = self.after_supply(connection, &by, &mut order, about, none);
            entries.extend(follows.await?);
            self.rewrite(connection, &key, new.id, &order).await?;
            let now_at = current(reached(&order.events)).unwrap_or(submitted);
            orders::turn(connection, new.id, now_at).await?;
        }
        entries.extend(self.submit(connection, &by, &order, about).await?);
        let position = kefu_journal::append(connection, &entries).await?;
        if let Some(claim) = &new.claim {
            let answer = self.sealer.seal_answer(&key, new.id, &order)?;
            let kept = Kept {
                resource_id: new.id,
                answer,
                position,
            };
            idempotency::keep(connection, call, claim, Some(customer), &kept).await?;
        }
        Ok(Outcome {
            order,
            customer: new.parties.customer,
            clearance: new.clearance,
            journaled: Journaled::Now(position),
        })
    }

    async fn given_before(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        new: &Entry,
    ) -> Result<Option<Outcome>, Fault> {
        let Some(claim) = &new.claim else {
            return Ok(None);
        };
        let Some(kept) = idempotency::find(connection, claim).await? else {
            return Ok(None);
        };
        // The same request names the same customer, whose key it is.
        let (key, _) = self
            .sealer
            .key(connection, new.parties.customer, call.now)
            .await?;
        self.replay(&key, new.parties.customer, &kept, new.clearance.clone())
            .map(Some)
    }
}

/// Whether a system transfers what was placed more than a day ago.
fn is_history(call: &Call, placed_at: Timestamp) -> bool {
    let long_ago = call.now.duration_since(placed_at) > SignedDuration::from_hours(24);
    call.context.subject.kind == SubjectKind::SystemAccount && long_ago
}

/// The order as it will stand, but for its number, which the database gives.
fn composed(call: &Call, new: &Entry, submitted: Reached) -> Order {
    let mut order = new.order.clone();
    clear_outputs(&mut order, new.id);
    order.stage = submitted.stage as i32;
    order.department = name("departments", new.parties.department);
    order.owner = new
        .parties
        .owner
        .map(|id| name("employees", id))
        .unwrap_or_default();
    order.total = Some(new.taken.total.clone());
    order.placed_time = Some(time::to_proto(submitted.at));
    order.stage_time = order.placed_time;
    order.promised_time = new.taken.promised_at.map(time::to_proto);
    order.events = vec![events::told(&By::Call(call), submitted)];
    order.etag = etag(1);
    order.create_time = Some(time::to_proto(call.now));
    order.update_time = order.create_time;
    order
}
