//! How much there is of something is said anew.

use kefu_contracts::{
    common::Reason,
    journal::{EntryKind, StockChanged, event},
    order::{AdjustStockRequest, SetStockRequest, StockItem},
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, etag, parse_etag},
    idempotency::{self, Claim},
    present::{Shown, entry},
    written::Written,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Stock, VIEWED};
use crate::store::{
    back_orders,
    stock::{self, StoredItem},
};

const MOST_PIECES: i32 = 1_000_000_000;
const MOST_ALTERNATIVES: usize = 20;
const LONGEST_SKU: usize = 60;
const LONGEST_REASON: usize = 200;

/// What is said of an item.
#[derive(Clone)]
struct Said {
    sku: String,
    how: How,
    claim: Option<Claim>,
}

#[derive(Clone)]
enum How {
    /// So many, instead of which there are these; as it was seen at that revision.
    Set(i32, Vec<String>, Option<i64>),
    /// So many more or less.
    By(i32),
}

impl Stock {
    /// Clause OP-3.4.2.
    pub(super) async fn set(
        &self,
        call: Call,
        request: SetStockRequest,
    ) -> Result<Answer<StockItem>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(&call, request_id, &request);
        fields.required_text("sku", &request.sku, LONGEST_SKU);
        fields.required_text("reason", &request.reason, LONGEST_REASON);
        let sound = (0..=MOST_PIECES).contains(&request.on_hand);
        let range = Violation::OutOfRange(0, MOST_PIECES.into());
        fields.ensure(sound, "on_hand", range);
        let few = request.alternatives.len() <= MOST_ALTERNATIVES;
        fields.ensure(few, "alternatives", Violation::TooMany(MOST_ALTERNATIVES));
        for (at, other) in request
            .alternatives
            .iter()
            .enumerate()
            .take(MOST_ALTERNATIVES)
        {
            let field = format!("alternatives[{at}]");
            fields.required_text(&field, other, LONGEST_SKU);
            fields.ensure(*other != request.sku, field, Violation::Contradiction);
        }
        let known = request.etag.is_empty() || parse_etag(&request.etag).is_some();
        fields.ensure(known, "etag", Violation::Format);
        fields.finish()?;
        let how = How::Set(
            request.on_hand,
            request.alternatives,
            parse_etag(&request.etag),
        );
        let sku = request.sku;
        self.say(call, Said { sku, how, claim }).await
    }

    /// Clause OP-3.4.2.
    pub(super) async fn adjust(
        &self,
        call: Call,
        request: AdjustStockRequest,
    ) -> Result<Answer<StockItem>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(&call, request_id, &request);
        fields.required_text("sku", &request.sku, LONGEST_SKU);
        fields.required_text("reason", &request.reason, LONGEST_REASON);
        fields.ensure(request.by != 0, "by", Violation::Required);
        let sound = (-MOST_PIECES..=MOST_PIECES).contains(&request.by);
        let (least, most) = (-MOST_PIECES, MOST_PIECES);
        fields.ensure(
            sound,
            "by",
            Violation::OutOfRange(least.into(), most.into()),
        );
        fields.finish()?;
        let (sku, how) = (request.sku, How::By(request.by));
        self.say(call, Said { sku, how, claim }).await
    }

    async fn say(&self, call: Call, said: Said) -> Result<Answer<StockItem>, Fault> {
        let id = self.0.core.deps.ids.next()?;
        let writing = (call.clone(), said);
        let core = &self.0.core;
        let written = core
            .deps
            .db
            .transaction(move |connection| {
                let (call, said) = writing.clone();
                Box::pin(async move { write(connection, &call, &said, id).await })
            })
            .await?;
        written.into_answer(&core.views, &call, VIEWED).await
    }
}

async fn write(
    connection: &mut PgConnection,
    call: &Call,
    said: &Said,
    id: Uuid,
) -> Result<Written<StockItem>, Fault> {
    let claim = said.claim.as_ref();
    let before = stock::lock(connection, &said.sku).await?;
    if let Some(kept) = idempotency::find_plain::<StockItem>(connection, claim).await? {
        let shown = Shown::of_company(&kept.body.name);
        return Ok(Written::before(kept.body, shown, kept.position));
    }
    let more = before.as_ref().map_or(0, |item| item.on_hand);
    let item = changed(before.as_ref(), said, id, call)?;
    match before {
        Some(_) => stock::update(connection, &item).await?,
        None if stock::insert(connection, &item).await? => {}
        // Somebody entered it meanwhile.
        None => return Err(Fault::new(Reason::EtagMismatch).with("etag", etag(1))),
    }
    if item.on_hand > more {
        back_orders::try_all(connection, call.now).await?;
    }
    let event = event::Event::StockChanged(StockChanged {
        stock_item_id: item.id.as_bytes().to_vec(),
        on_hand: item.on_hand,
        reserved: item.reserved,
        revision: item.revision,
    });
    let answer = item.item();
    let (kind, resource) = ("stock.changed", answer.name.clone());
    let entry = entry(call, EntryKind::Change, kind, resource, None, event);
    let position = kefu_journal::append(connection, &[entry]).await?;
    idempotency::keep_plain(connection, call, claim, item.id, &answer, position).await?;
    let shown = Shown::of_company(&answer.name);
    Ok(Written::now(answer, shown, position))
}

/// The item as it is from now on.
fn changed(
    before: Option<&StoredItem>,
    said: &Said,
    id: Uuid,
    call: &Call,
) -> Result<StoredItem, Fault> {
    let revision = before.map_or(0, |item| item.revision);
    let mut item = before.cloned().unwrap_or_else(|| StoredItem {
        id,
        sku: said.sku.clone(),
        on_hand: 0,
        reserved: 0,
        alternatives: Vec::new(),
        revision,
        updated_at: call.now,
    });
    match &said.how {
        How::Set(_, _, seen) if seen.unwrap_or(0) != revision => {
            return Err(Fault::new(Reason::EtagMismatch).with("etag", etag(revision)));
        }
        How::Set(on_hand, alternatives, _) => {
            item.on_hand = *on_hand;
            item.alternatives.clone_from(alternatives);
        }
        How::By(_) if before.is_none() => {
            return Err(Fault::fields(vec![("sku".to_owned(), Violation::Unknown)]));
        }
        How::By(by) => {
            let there = item.on_hand.checked_add(*by);
            let there = there.filter(|there| (0..=MOST_PIECES).contains(there));
            let range = Violation::OutOfRange(i64::from(-item.on_hand), MOST_PIECES.into());
            item.on_hand = there.ok_or_else(|| Fault::fields(vec![("by".to_owned(), range)]))?;
        }
    }
    item.revision = revision + 1;
    item.updated_at = call.now;
    Ok(item)
}
