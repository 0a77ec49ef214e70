//! At the archive's counter: copies are handed out, come back and are inspected, are
//! reported lost and followed up, and the borrowing is closed (CF-9.2).

use kefu_contracts::access::{
    self as wire, ApprovalEvent, CloseBorrowingRequest, CopyCondition, HandOutItemsRequest,
    RecordFollowUpRequest, ReportItemsLostRequest, TakeBackItemsRequest,
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::Fields,
};
use prost::Message;
use uuid::Uuid;

use super::{Register, messages};
use crate::{
    api::{
        approvals::{
            Desk, Kind,
            act::{Asked, MOST_TEXT, asked, opened},
            write::{self, Happened},
        },
        write::{Done, claim},
    },
    domain::{
        approval::{Act, Case, Hat, Refusal, State},
        borrowing::{
            BORROWINGS, BorrowedCopy, BorrowingTerms, ItemEvent, ItemRefusal, ItemState, inspected,
        },
    },
    error::RegisterError,
    store::{
        approval::{self, Step},
        borrowing::StoredBorrowing,
        borrowing_line,
        changes::Revision,
        chart,
    },
};

/// What is done with which copies.
#[derive(Clone)]
struct Doing {
    event: ApprovalEvent,
    /// None of them: all that it can be done with, where that may be meant.
    items: Vec<wire::BorrowedCopy>,
    /// Condition and note, of each that comes back.
    found: Vec<(CopyCondition, String)>,
}

/// Hands copies out.
pub(super) async fn hand_out(
    register: &Register,
    call: Call,
    request: HandOutItemsRequest,
) -> Result<Answer<wire::Borrowing>, Fault> {
    let doing = Doing {
        event: ApprovalEvent::HandedOut,
        items: request.items.clone(),
        found: Vec::new(),
    };
    serve(
        register,
        call,
        &request,
        asked!(request, comment false),
        doing,
    )
    .await
}

/// Inspects copies that come back.
pub(super) async fn take_back(
    register: &Register,
    call: Call,
    request: TakeBackItemsRequest,
) -> Result<Answer<wire::Borrowing>, Fault> {
    let items = request.items.iter();
    let copies = items
        .clone()
        .map(|one| one.item.clone().unwrap_or_default());
    let doing = Doing {
        event: ApprovalEvent::TakenBack,
        items: copies.collect(),
        found: items
            .map(|one| (one.condition(), one.note.clone()))
            .collect(),
    };
    serve(
        register,
        call,
        &request,
        asked!(request, comment false),
        doing,
    )
    .await
}

/// Notes that copies cannot be found.
pub(super) async fn report_lost(
    register: &Register,
    call: Call,
    request: ReportItemsLostRequest,
) -> Result<Answer<wire::Borrowing>, Fault> {
    let doing = Doing {
        event: ApprovalEvent::ReportedLost,
        items: request.items.clone(),
        found: Vec::new(),
    };
    serve(
        register,
        call,
        &request,
        asked!(request, comment true),
        doing,
    )
    .await
}

/// Records what was decided about damage or loss.
pub(super) async fn follow_up(
    register: &Register,
    call: Call,
    request: RecordFollowUpRequest,
) -> Result<Answer<wire::Borrowing>, Fault> {
    let doing = Doing {
        event: ApprovalEvent::FollowedUp,
        items: request.items.clone(),
        found: Vec::new(),
    };
    serve(
        register,
        call,
        &request,
        asked!(request, comment true),
        doing,
    )
    .await
}

/// Ends the borrowing.
pub(super) async fn close(
    register: &Register,
    call: Call,
    request: CloseBorrowingRequest,
) -> Result<Answer<wire::Borrowing>, Fault> {
    let doing = Doing {
        event: ApprovalEvent::Closed,
        items: Vec::new(),
        found: Vec::new(),
    };
    serve(
        register,
        call,
        &request,
        asked!(request, comment false),
        doing,
    )
    .await
}

async fn serve<M: Message>(
    register: &Register,
    call: Call,
    request: &M,
    asked: Asked,
    doing: Doing,
) -> Result<Answer<wire::Borrowing>, Fault> {
    let claim = claim(&call, &asked.request_id, request);
    let (caller, owner) = (call.clone(), register.clone());
    register
        .change(&call, claim, move |revision| {
            let (call, register) = (caller.clone(), owner.clone());
            let (asked, doing) = (asked.clone(), doing.clone());
            Box::pin(async move { attempt(revision, &call, &register, &asked, &doing).await })
        })
        .await
}

async fn attempt(
    revision: &mut Revision<'_>,
    call: &Call,
    register: &Register,
    asked: &Asked,
    doing: &Doing,
) -> Result<Done<wire::Borrowing>, Fault> {
    let mut fields = Fields::new();
    let wanted = asked.wanted(&mut fields, BORROWINGS);
    let copies = read(&mut fields, doing);
    fields.finish()?;
    let chart = chart::at(revision.connection, call.now).await?;
    let desk = register.desk::<StoredBorrowing>(&chart, call.now);
    let (mut stored, mut case) = opened::<StoredBorrowing>(revision, call, &desk, &wanted).await?;
    let actor = call.context.subject.id;
    let hat = may(&case, actor, doing.event, &desk)?;
    match doing.event {
        ApprovalEvent::HandedOut => {
            give(revision, &mut stored, &mut case, copies, actor, &desk).await?;
        }
        ApprovalEvent::Closed => {
            stored.borrowing.close(call.now).map_err(refused)?;
            case.finish().map_err(write::refused)?;
        }
        event => {
            let now = (actor, call.now);
            for (place, copy) in copies.iter().enumerate() {
                let what = what(doing, event, place);
                let borrowing = &mut stored.borrowing;
                let changed = borrowing.change(&case, (place, copy), what);
                let line = changed.map_err(refused)?;
                match event {
                    ApprovalEvent::TakenBack => {
                        line.inspected = Some(now);
                        line.condition = doing.found.get(place).map(|(condition, _)| *condition);
                        line.note = note(doing, place).to_owned();
                    }
                    ApprovalEvent::ReportedLost => {
                        line.lost = Some(now);
                        line.note = asked.comment.clone();
                    }
                    _ => {
                        line.followed_up = Some(now);
                        line.follow_up = asked.comment.clone();
                    }
                }
            }
        }
    }
    stored.save(revision, &desk, &case).await?;
    let happened = Happened {
        event: doing.event,
        stage: None,
        hat,
        comment: &asked.comment,
    };
    write::done::<StoredBorrowing>(revision, call, &desk, wanted.id, happened).await
}

/// Reads which copies, and how they came back.
fn read(fields: &mut Fields, doing: &Doing) -> Vec<BorrowedCopy> {
    let all = matches!(
        doing.event,
        ApprovalEvent::HandedOut | ApprovalEvent::Closed
    );
    fields.ensure(all || !doing.items.is_empty(), "items", Violation::Required);
    for (place, (condition, note)) in doing.found.iter().enumerate() {
        let at = |field: &str| format!("items[{place}].{field}");
        let said = inspected(*condition).is_some();
        fields.ensure(said, at("condition"), Violation::Required);
        match condition {
            CopyCondition::Damaged | CopyCondition::Lost => {
                fields.required_text(at("note"), note, MOST_TEXT);
            }
            _ => fields.text(at("note"), note, MOST_TEXT),
        }
    }
    messages::copies(fields, "items", &doing.items)
}

/// The archive manager does all of it, and never for themselves; the borrower may say
/// that something is lost.
fn may(
    case: &Case<BorrowingTerms>,
    actor: Uuid,
    event: ApprovalEvent,
    desk: &Desk<'_>,
) -> Result<Option<Hat>, Fault> {
    if event == ApprovalEvent::ReportedLost && actor == case.applicant {
        return Ok(None);
    }
    let hat = case.custodian(actor, desk.flow, desk.chart);
    hat.map(Some).map_err(write::refused)
}

/// What happens to the copy at this place.
fn what(doing: &Doing, event: ApprovalEvent, place: usize) -> ItemEvent {
    let found = doing.found.get(place).map(|(condition, _)| *condition);
    match event {
        ApprovalEvent::FollowedUp => ItemEvent::FollowUp,
        _ => found.and_then(inspected).unwrap_or(ItemEvent::Lose),
    }
}

fn note(doing: &Doing, place: usize) -> &str {
    let found = doing.found.get(place);
    found.map(|(_, note)| note.as_str()).unwrap_or_default()
}

fn refused(refusal: ItemRefusal) -> Fault {
    RegisterError::Item(refusal).into()
}

/// Hands out these copies, or all that wait; the first puts the borrowing to use.
async fn give(
    revision: &mut Revision<'_>,
    stored: &mut StoredBorrowing,
    case: &mut Case<BorrowingTerms>,
    copies: Vec<BorrowedCopy>,
    actor: Uuid,
    desk: &Desk<'_>,
) -> Result<(), Fault> {
    if case.state != State::Active {
        case.act(actor, Act::Activate, desk.flow, desk.chart, desk.now)
            .map_err(write::refused)?;
        if case.state == State::Scheduled {
            return Err(Fault::state("SCHEDULED", "ACTIVE"));
        }
    }
    let copies = match copies.is_empty() {
        true => stored.borrowing.waiting(case),
        false => copies,
    };
    if copies.is_empty() {
        return Err(write::refused(Refusal::State(case.state)));
    }
    let borrowing = &mut stored.borrowing;
    let handed_out = borrowing.hand_out(case, &copies, actor, desk.now);
    handed_out.map_err(refused)?;
    if let Some(before) = stored.borrowing.extends {
        renew(revision, before, &copies, actor, desk).await?;
    }
    for copy in copies {
        let out = borrowing_line::elsewhere(revision.connection, &copy).await?;
        if let Some(state) = out {
            return Err(refused(ItemRefusal::State(copy, state)));
        }
    }
    Ok(())
}

/// What is out under the borrowing that is prolonged stays out under this one.
async fn renew(
    revision: &mut Revision<'_>,
    before: Uuid,
    copies: &[BorrowedCopy],
    actor: Uuid,
    desk: &Desk<'_>,
) -> Result<(), Fault> {
    let connection = &mut *revision.connection;
    approval::lock(connection, before).await?;
    let found = StoredBorrowing::list(connection, &[before]).await?.pop();
    let mut old = found.ok_or_else(|| Fault::internal("a borrowing that is prolonged"))?;
    let mut case = old.case();
    write::time_passed(connection, desk, &mut old, &mut case).await?;
    let out = |copy: &&BorrowedCopy| old.borrowing.state_of(&case, copy) == Some(ItemState::Out);
    let renewed: Vec<_> = copies.iter().filter(out).cloned().collect();
    if renewed.is_empty() {
        return Ok(());
    }
    for copy in renewed.iter().enumerate() {
        let changed = old.borrowing.change(&case, copy, ItemEvent::Renew);
        changed.map_err(refused)?;
    }
    old.keep(connection, desk, &case).await?;
    let step = Step {
        actor: Some(actor),
        ..write::step_of_time(ApprovalEvent::Renewed, desk.now, None)
    };
    write::note::<StoredBorrowing>(connection, desk, before, &step).await
}
