//! Files by rule (CF-6.2): customer-profile reads the rule, and says whom it selects when
//! an approver agrees. It is asked before the register is changed: a change never waits
//! for another service.

use kefu_contracts::{
    ClassSet,
    access::{self as wire, ApproveShareRequest},
    policy::Purpose,
};
use kefu_service::{
    call::Call,
    error::{Fault, Violation},
    facts::{self, Selected},
    fields::{Fields, parse_name},
};

use super::{Register, messages::CUSTOMERS};
use crate::{
    api::approvals::look::reached,
    domain::{
        approval::State,
        selection::Selection,
        share::{MOST_CUSTOMERS, SHARES, ShareTerms, Unfit},
    },
    error::RegisterError,
    store::share::StoredShare,
};

/// What customer-profile says of a rule; `None` when there is none, or it cannot be read.
pub(crate) type Heard = Option<Selected>;

/// The rule of a form, read; nothing is looked for yet.
pub(super) async fn of_form(
    register: &Register,
    form: Option<&wire::Share>,
) -> Result<Heard, Fault> {
    let requested = form.and_then(|form| form.requested.as_ref());
    let rule = requested.and_then(|terms| terms.selection.as_ref());
    let Some(rule) = rule else {
        return Ok(None);
    };
    ask(register, &rule.filter, Purpose::Unspecified, 0).await
}

/// The files that the rule of a share in review selects now, as far as it is left, or as
/// it is narrowed by this approval.
pub(super) async fn of_approval(
    register: &Register,
    call: &Call,
    request: &ApproveShareRequest,
) -> Result<Heard, Fault> {
    let Some(id) = parse_name(&request.name, SHARES) else {
        return Ok(None);
    };
    let reader = call.clone();
    let db = &register.core.deps.db;
    let found = db
        .run(move |connection| {
            let reader = reader.clone();
            Box::pin(async move { reached::<StoredShare>(connection, &reader, id).await })
        })
        .await?;
    // What is not theirs to approve is refused where the register is changed.
    let Some((_, share)) = found.filter(|(_, share)| share.approval.state == State::InReview)
    else {
        return Ok(None);
    };
    let Some(left) = &share.terms.selection else {
        return Ok(None);
    };
    let narrowed = request
        .terms
        .as_ref()
        .and_then(|terms| terms.selection.as_ref());
    let filter = narrowed.map_or_else(|| left.filter(), |rule| rule.filter.clone());
    // One more tells that there are more.
    let limit = i32::try_from(left.most + 1).unwrap_or(i32::MAX);
    ask(register, &filter, share.share.purpose, limit).await
}

async fn ask(
    register: &Register,
    filter: &str,
    purpose: Purpose,
    limit: i32,
) -> Result<Heard, Fault> {
    let customers = register.owners.customers.clone();
    facts::select(customers, CUSTOMERS, filter, purpose, limit).await
}

/// Reads a rule as it was heard of; what is wrong with it is noted under `at`.
pub(super) fn read(
    fields: &mut Fields,
    at: &str,
    rule: &wire::CustomerSelection,
    heard: &Heard,
    classes: ClassSet,
) -> Option<Selection> {
    let filter = format!("{at}.filter");
    if rule.filter.trim().is_empty() {
        fields.refuse(&filter, Violation::Required);
    } else if let Some(heard) = heard {
        // Whom it selects would tell what is not shared of them.
        let shared = heard.classes.without(classes).is_empty();
        fields.ensure(shared, &filter, Violation::Contradiction);
    } else {
        fields.refuse(&filter, Violation::Filter);
    }
    let most = usize::try_from(rule.max_files).ok();
    let most = most.filter(|most| (1..=MOST_CUSTOMERS).contains(most));
    let bounds = Violation::OutOfRange(1, MOST_CUSTOMERS as i64);
    fields.ensure(most.is_some(), format!("{at}.max_files"), bounds);
    Some(Selection {
        comparisons: heard.as_ref()?.comparisons.clone(),
        most: most?,
    })
}

/// Puts the files of a rule that all have agreed to.
pub(super) fn freeze(terms: &mut ShareTerms, heard: &Heard) -> Result<(), Fault> {
    let Some(rule) = &terms.selection else {
        return Ok(());
    };
    let of_this = heard
        .as_ref()
        .filter(|heard| heard.comparisons == rule.comparisons);
    // It was narrowed after its files were asked for.
    let heard = of_this.ok_or(RegisterError::Stale)?;
    let frozen = terms.freeze(heard.records.clone());
    frozen.map_err(|unfit| {
        let (field, violation) = match unfit {
            Unfit::Nothing => ("terms.selection.filter", Violation::Unknown),
            Unfit::TooMany(most) => ("terms.selection.max_files", Violation::TooMany(most)),
        };
        Fault::fields(vec![(field.to_owned(), violation)])
    })
}
