//! Files by rule (CF-6.2): customer-profile reads the rule, and says whom it selects when
//! an approver agrees. It is asked before the register is changed: a change never waits
//! for another service.

use kefu_contracts::{
    ClassSet,
    access::{self as wire, ApproveShareRequest},
    policy::Purpose,
    profile::{ResolveSelectionRequest, selection_service_client::SelectionServiceClient},
};
use kefu_service::{
    call::Call,
    error::{Fault, Violation},
    facts::{self, Selected},
    fields::{Fields, parse_name},
};

use tonic::Code;

use super::{Register, messages::CUSTOMERS};
use crate::{
    api::approvals::look::reached,
    domain::{
        approval::State,
        selection::{Saved, Selection},
        share::{MOST_CUSTOMERS, SHARES, ShareTerms, Unfit},
    },
    error::RegisterError,
    store::share::StoredShare,
};

/// Collection of what is saved under a name.
pub(super) const SELECTIONS: &str = "selections";

/// What customer-profile says of a rule.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Heard {
    /// `None` where there is none, or it cannot be read.
    selected: Option<Selected>,
    /// Where it came from.
    saved: Option<Saved>,
    /// What is wrong with that, and in which field.
    unknown: Option<(&'static str, Violation)>,
}

/// The rule of a form, read; nothing is looked for yet.
pub(super) async fn of_form(
    register: &Register,
    form: Option<&wire::Share>,
) -> Result<Heard, Fault> {
    let requested = form.and_then(|form| form.requested.as_ref());
    let rule = requested.and_then(|terms| terms.selection.as_ref());
    let Some(rule) = rule else {
        return Ok(Heard::default());
    };
    if rule.saved.is_empty() {
        return Ok(Heard {
            selected: ask(register, &rule.filter, Purpose::Unspecified, 0).await?,
            unknown: (rule.version != 0).then_some(("version", Violation::NotApplicable)),
            ..Heard::default()
        });
    }
    of_saved(register, rule).await
}

/// The rule that was saved. One that is written beside it has to be the same: it is what a
/// form has that was read and is written again.
async fn of_saved(register: &Register, rule: &wire::CustomerSelection) -> Result<Heard, Fault> {
    let wrong = |field, what| Heard {
        unknown: Some((field, what)),
        ..Heard::default()
    };
    let Some(id) = parse_name(&rule.saved, SELECTIONS) else {
        return Ok(wrong("saved", Violation::ResourceName));
    };
    if rule.version < 0 {
        let from = Violation::OutOfRange(0, i64::from(i32::MAX));
        return Ok(wrong("version", from));
    }
    let request = ResolveSelectionRequest {
        name: rule.saved.clone(),
        version: rule.version,
    };
    let mut owner = SelectionServiceClient::new(register.owners.customers.clone());
    let found = match owner.resolve_selection(request).await {
        Ok(found) => found.into_inner(),
        Err(status) if status.code() == Code::NotFound => {
            return Ok(wrong("saved", Violation::Unknown));
        }
        Err(status) => return Err(facts::fault(&status)),
    };
    let selected = ask(register, &found.filter, Purpose::Unspecified, 0).await?;
    let written = match rule.filter.trim() {
        "" => None,
        filter => Some(ask(register, filter, Purpose::Unspecified, 0).await?),
    };
    let same = written.is_none_or(|written| written == selected);
    Ok(Heard {
        selected,
        saved: Some(Saved {
            id,
            version: found.version,
        }),
        unknown: (!same).then_some(("filter", Violation::Contradiction)),
    })
}

/// The files that the rule of a share in review selects now, as far as it is left, or as
/// it is narrowed by this approval.
pub(super) async fn of_approval(
    register: &Register,
    call: &Call,
    request: &ApproveShareRequest,
) -> Result<Heard, Fault> {
    let Some(id) = parse_name(&request.name, SHARES) else {
        return Ok(Heard::default());
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
        return Ok(Heard::default());
    };
    let Some(left) = &share.terms.selection else {
        return Ok(Heard::default());
    };
    let narrowed = request
        .terms
        .as_ref()
        .and_then(|terms| terms.selection.as_ref());
    let filter = narrowed.map_or_else(|| left.filter(), |rule| rule.filter.clone());
    // One more tells that there are more.
    let limit = i32::try_from(left.most + 1).unwrap_or(i32::MAX);
    let selected = ask(register, &filter, share.share.purpose, limit).await?;
    // Narrower, it still came from there.
    let said = narrowed.filter(|rule| !rule.saved.is_empty());
    let other = said.is_some_and(|rule| {
        let saved = parse_name(&rule.saved, SELECTIONS);
        let own = left
            .saved
            .filter(|own| [0, own.version].contains(&rule.version));
        saved.is_none() || own.map(|own| own.id) != saved
    });
    Ok(Heard {
        selected,
        saved: left.saved,
        unknown: other.then_some(("saved", Violation::Contradiction)),
    })
}

async fn ask(
    register: &Register,
    filter: &str,
    purpose: Purpose,
    limit: i32,
) -> Result<Option<Selected>, Fault> {
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
    if let Some((field, what)) = &heard.unknown {
        fields.refuse(format!("{at}.{field}"), *what);
    } else if rule.filter.trim().is_empty() && rule.saved.is_empty() {
        fields.refuse(&filter, Violation::Required);
    } else if let Some(heard) = &heard.selected {
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
        comparisons: heard.selected.as_ref()?.comparisons.clone(),
        most: most?,
        saved: heard.saved,
    })
}

/// Puts the files of a rule that all have agreed to.
pub(super) fn freeze(terms: &mut ShareTerms, heard: &Heard) -> Result<(), Fault> {
    let Some(rule) = &terms.selection else {
        return Ok(());
    };
    let of_this = heard
        .selected
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
