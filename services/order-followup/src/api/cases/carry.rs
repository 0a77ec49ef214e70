//! The one way in which a command on a case is carried out: who would get work may do it → lock →
//! the answer given before → etag → second person → rules → accounts → write → journal → keep.

use kefu_access::{Clearance, Purpose, RowFacts};
use kefu_contracts::{
    common::Reason,
    order::{AfterSalesDefinition, Case, CasePaymentKind},
    policy::DataClass,
};
use kefu_journal::{Cursor, Entry};
use kefu_service::{
    call::{Answer, Call},
    entitlements::{self, Asked},
    error::Fault,
    fields::{etag, parse_name},
    idempotency::{self, Kept},
    present::Shown,
    time::to_proto,
    written::Written,
};
use kefu_vault::CustomerKey;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Cases, REFUSED, VIEWED,
    commands::{Command, Wanted},
    follow::{changed, paid},
};
use crate::{
    desk::By,
    domain::{
        case::{
            account::{difference, taken},
            action::{Action, Around, OrderStanding},
            rules::in_force,
            state::is_over,
        },
        money,
    },
    points::Occasion,
    store::{
        cases::{self, Paid, RECORD, StoredCase},
        line_accounts, orders,
        points::postings,
        records, versions,
    },
};

/// For what people work on cases.
const WORK: &[Purpose] = &[Purpose::Service, Purpose::Complaint];

impl Cases {
    /// Every command on a case that is there. Clauses OP-3.4.6, IH-6, IH-4, SG-4.
    pub(super) async fn command<C: Command>(
        &self,
        call: Call,
        request: C,
    ) -> Result<Answer<Case>, Fault> {
        let (wanted, fields) = request.read(&call);
        idempotency::finish(&self.core.deps.db, fields, wanted.claim.as_ref()).await?;
        self.ensure_entitled(&call, &wanted).await?;
        let resource = wanted.name.clone();
        let (service, writing) = (self.clone(), (call.clone(), wanted));
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (service, (call, wanted)) = (service.clone(), writing.clone());
                Box::pin(async move { service.carry_out(connection, &call, &wanted).await })
            })
            .await;
        let views = &self.core.views;
        let outcome = views.or_not_allowed(&call, REFUSED, &resource, outcome);
        let written = outcome.await?.disclosed();
        written.into_answer(&self.core.views, &call, VIEWED).await
    }

    /// Refuses whom the case or a step of it would be given to and who may not work on it. Asked
    /// before the change: it never waits for another service, and is decided upon the same revision.
    async fn ensure_entitled(&self, call: &Call, wanted: &Wanted) -> Result<(), Fault> {
        let (employee, permissions): (Uuid, &[&str]) = match &wanted.action {
            Action::Assign(employee) => (*employee, &["order.cases.get", "order.cases.work"]),
            Action::AddStep(step) => match step.assignee {
                Some(employee) => (
                    employee,
                    &["order.follow_ups.list", "order.follow_ups.work"],
                ),
                None => return Ok(()),
            },
            _ => return Ok(()),
        };
        let row = self.core.deps.db.row(RECORD.get(call, wanted.id)).await?;
        let row = row.as_ref().map(StoredCase::read).transpose()?;
        let Some(row) = row.filter(|row| wanted.revision == row.revision) else {
            return Ok(());
        };
        let asked = Asked {
            subjects: &[employee],
            permissions,
            purposes: WORK,
            row: facts(&row),
            as_theirs: true,
        };
        entitlements::ensure(self.people.clone(), &asked, "assignee").await
    }

    async fn carry_out(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        wanted: &Wanted,
    ) -> Result<Written<Case>, Fault> {
        let mut query = RECORD.get(call, wanted.id);
        query.push(" FOR UPDATE OF c");
        let row = query.build().fetch_optional(&mut *connection).await?;
        let row = row.as_ref().map(StoredCase::read).transpose()?;
        // Before the row is missed: who gives a case away or closes it may lose it by that, and is
        // still told that it is done, with nothing cleared.
        if let Some(claim) = &wanted.claim
            && let Some(kept) = idempotency::find(connection, claim).await?
        {
            return self.replay(connection, call, wanted.id, row, &kept).await;
        }
        let row = row.ok_or_else(|| Fault::not_found(&wanted.name))?;
        let clearance = call.context.clearance(row.matched, call.now);
        if row.revision != wanted.revision {
            return Err(Fault::new(Reason::EtagMismatch).with("etag", etag(row.revision)));
        }
        ensure_sees(&wanted.action, &clearance)?;
        if wanted.action.by_a_second_person() {
            let actor = call.context.subject.id;
            if cases::had_a_hand(connection, &row, actor).await? {
                return Err(Fault::new(Reason::SecondPersonRequired));
            }
        }
        let key = self.sealer.open_key(row.customer_id, &row.wrapped).await?;
        let before = self.open_whole(&key, &row)?;
        let rules = in_force(&versions::all(connection).await?, call.now);
        let order = match row.order_id {
            Some(order) => Some(orders::standing(connection, order).await?),
            None => None,
        };
        let after = decide(call, &wanted.action, &before, &row, &rules, order.as_ref())?;
        if let (Some(id), Some(order)) = (row.order_id, &order) {
            let bookings = difference(&taken(&before), &taken(&after));
            line_accounts::book(connection, id, &bookings, &order.currency).await?;
        }
        let position = self
            .write(connection, call, wanted, &row, &key, (&before, &after))
            .await?;
        let shown = Shown::of_customer(&after.name, row.customer_id, clearance);
        Ok(Written::now(after, shown, position))
    }

    /// Writes what was decided: the case, what it makes due, the journal entries and the answer for
    /// the request id.
    async fn write(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        wanted: &Wanted,
        row: &StoredCase,
        key: &CustomerKey,
        (before, after): (&Case, &Case),
    ) -> Result<Cursor, Fault> {
        let sealed = self.sealer.seal(key, row.id, after)?;
        cases::update(connection, row.id, after, &sealed, call.now).await?;
        let mut back = Vec::new();
        if let Action::Pay { number, reference } = &wanted.action {
            let index = self.sealer.vault().index_key();
            let blind = index.blind("orders.case_payment_reference", "reference", reference);
            let blind = blind.to_vec();
            let paid = Paid {
                number: *number,
                reference: &blind,
                refund: refund(row, after, *number),
            };
            back = self.points_back(connection, call, row, &paid).await?;
            cases::pay(connection, row, &paid).await?;
        }
        let kind = wanted.action.journaled_as();
        let mut entries = vec![changed(call, kind, after, before.state())];
        entries.extend(paid(call, &wanted.action, before, after));
        entries.extend(self.follow(connection, call, Some(before), after).await?);
        entries.extend(back);
        let position = kefu_journal::append(connection, &entries).await?;
        if let Some(claim) = &wanted.claim {
            let kept = Kept {
                resource_id: row.id,
                answer: self.sealer.seal_answer(key, row.id, after)?,
                position,
            };
            idempotency::keep(connection, call, claim, Some(row.customer_id), &kept).await?;
        }
        Ok(position)
    }

    /// With money that goes back of an order its share of the points that the order earned does.
    async fn points_back(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        row: &StoredCase,
        paid: &Paid<'_>,
    ) -> Result<Vec<Entry>, Fault> {
        let Some((order, nanos)) = paid.refund else {
            return Ok(Vec::new());
        };
        // Nothing is earned by it meanwhile: either this or that sees the other.
        orders::lock(connection, order).await?;
        if postings::earned_by(connection, order).await?.is_none() {
            return Ok(Vec::new());
        }
        let before = cases::refunded_of(connection, order).await?;
        let whole = records::whole(connection, order).await?;
        let whole = self.open_order(&whole).await?;
        let total = whole.total.as_ref();
        let total = total.and_then(|total| money::nanos(total, &whole.currency));
        let occasion = Occasion::Refunded {
            case: row.id,
            number: paid.number,
            nanos,
            left: total.unwrap_or_default().saturating_sub(before),
        };
        let (by, of) = (By::Call(call), (order, row.customer_id));
        let points = &self.points;
        points.take_back(connection, &by, of, &occasion).await
    }

    /// The answer that was given to this request before, as far as the caller reaches the case now.
    async fn replay(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        id: Uuid,
        row: Option<StoredCase>,
        kept: &Kept,
    ) -> Result<Written<Case>, Fault> {
        let clearance = row.map(|row| call.context.clearance(row.matched, call.now));
        let customer = cases::customer(connection, id).await?;
        let key = self.sealer.standing_key(connection, customer).await?;
        let answer = kept.answer.as_slice();
        let record: Case = self.sealer.open_answer(&key, kept.resource_id, answer)?;
        let shown = Shown::of_customer(&record.name, customer, clearance.unwrap_or_default());
        Ok(Written::before(record, shown, kept.position))
    }
}

/// Of which order how much goes back by this payment; none: it is no refund of one.
fn refund(row: &StoredCase, case: &Case, number: i32) -> Option<(Uuid, i128)> {
    let mut payments = case.payments.iter();
    let payment = payments.find(|payment| payment.number == number)?;
    let amount = payment.amount.as_ref()?;
    let is_refund = payment.kind() == CasePaymentKind::Refund;
    let nanos = money::nanos(amount, &amount.currency_code)?;
    row.order_id
        .filter(|_| is_refund)
        .map(|order| (order, nanos))
}

/// What one may not see one may not overwrite, and whoever moves money sees it.
fn ensure_sees(action: &Action, clearance: &Clearance) -> Result<(), Fault> {
    let needed = [
        (
            !matches!(action, Action::Assign(_) | Action::Check),
            DataClass::Service,
        ),
        (action.about_money(), DataClass::Purchase),
    ];
    for (needed, class) in needed {
        if needed && !clearance.classes.contains(class) {
            let class = class.as_str_name();
            return Err(Fault::new(Reason::PermissionMissing).with("classes", class));
        }
    }
    Ok(())
}

/// What the rules make of the command.
fn decide(
    call: &Call,
    action: &Action,
    before: &Case,
    row: &StoredCase,
    (rules_version, rules): &(i32, AfterSalesDefinition),
    order: Option<&OrderStanding>,
) -> Result<Case, Fault> {
    let mut case = before.clone();
    let around = Around {
        now: call.now,
        rules,
        rules_version: *rules_version,
        actor: &call.caller(),
        order,
    };
    action.apply(&mut case, around)?;
    case.etag = etag(row.revision + 1);
    case.update_time = Some(to_proto(call.now));
    Ok(case)
}

/// What the rules of access look at.
fn facts(row: &StoredCase) -> RowFacts {
    let case = row.with_columns(Case::default());
    let assignee = parse_name(&case.assignee, "employees");
    let duty = assignee.into_iter().chain(row.workers.iter().copied());
    RowFacts {
        department: parse_name(&case.department, "departments"),
        owner: assignee,
        customer: Some(row.customer_id),
        duty: duty.filter(|_| !is_over(case.state())).collect(),
        consents: Vec::new(),
    }
}
