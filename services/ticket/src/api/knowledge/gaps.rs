//! What the knowledge base has no answer to, and what becomes of it.

use kefu_contracts::{
    journal::{EntryKind, KnowledgeGapClosed, event},
    ticket::{
        CloseKnowledgeGapRequest, KnowledgeGap, KnowledgeGapState, ListKnowledgeGapsRequest,
        ListKnowledgeGapsResponse, ListUncoveredCategoriesRequest, ListUncoveredCategoriesResponse,
        UncoveredCategory,
    },
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, name},
    idempotency::{self, Claim},
    page::{self, Binding},
    present::{Shown, entry},
    scope::After,
    written::Written,
};
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::{Knowledge, uses::days};
use crate::{
    domain::article::reason,
    store::articles::{
        ARTICLES,
        gaps::{self, Found, GAPS, Wanted},
        reading,
    },
};

const VIEWED: &str = "knowledge_gap.viewed";
const REFUSED: &str = "knowledge_gap.refused";
const MOST_CATEGORIES: usize = 200;
/// Solved tickets from which on a category is missed.
const MANY: i32 = 10;

/// How a gap is to be closed.
#[derive(Clone)]
struct Closing {
    id: Uuid,
    article: Option<Uuid>,
    reason: String,
    claim: Option<Claim>,
}

impl Knowledge {
    /// Clause SG-8.
    pub(super) async fn gaps(
        &self,
        call: Call,
        request: ListKnowledgeGapsRequest,
    ) -> Result<Answer<ListKnowledgeGapsResponse>, Fault> {
        let mut fields = Fields::new();
        let size = page::size(&mut fields, request.page_size);
        let state: Option<KnowledgeGapState> = fields.optional_enum("state", request.state);
        let days = days(&mut fields, &request.first_day, &request.last_day);
        let least = least(&mut fields, request.least_count, 1);
        fields.finish()?;
        let state = state.filter(|state| *state != KnowledgeGapState::Unspecified);
        let wanted = Wanted {
            state: state.unwrap_or(KnowledgeGapState::Open),
            days,
            least,
        };
        let key = self.core.deps.vault.index_key();
        let filter = format!(
            "{} {} {} {least}",
            request.state, request.first_day, request.last_day
        );
        let binding = Binding::of(&call, &filter, "");
        let after = binding.after(key, &request.page_token)?;
        let (mut count, mut page) = (wanted.count(), wanted.page(after, size));
        let found = self.core.deps.db.snapshot(move |connection| {
            Box::pin(async move {
                let count = count.build_query_scalar();
                let counted: i64 = count.fetch_one(&mut *connection).await?;
                Ok((counted, page.build().fetch_all(connection).await?))
            })
        });
        let (counted, rows) = found.await?;
        let found = rows.iter().take(size).map(Found::read);
        let found: Vec<Found> = found.collect::<Result<_, _>>()?;
        let next = found.last().filter(|_| rows.len() > size);
        let next_page_token = next
            .map(|last| Ok::<_, Fault>(binding.token(key, place(last)?)))
            .transpose()?
            .unwrap_or_default();
        let shown: Vec<Shown> = found
            .iter()
            .map(|one| Shown::of_company(&one.gap.name))
            .collect();
        let views = &self.core.views;
        views.record(&call, VIEWED, &shown).await?;
        Ok(Answer::read(ListKnowledgeGapsResponse {
            gaps: found.into_iter().map(|one| one.gap).collect(),
            next_page_token,
            total_size: i32::try_from(counted).unwrap_or(i32::MAX),
        }))
    }

    /// Clause SG-8.
    pub(super) async fn close(
        &self,
        call: Call,
        request: CloseKnowledgeGapRequest,
    ) -> Result<Answer<KnowledgeGap>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(&call, request_id, &request);
        let id = fields.name("name", &request.name, GAPS);
        let article = fields.optional_name("article", &request.article, ARTICLES);
        if request.article.is_empty() {
            reason(&mut fields, &request.reason);
        } else {
            let one = request.reason.is_empty();
            fields.ensure(one, "reason", Violation::Contradiction);
        }
        fields.finish()?;
        let closing = Closing {
            id: id.unwrap_or_default(),
            article,
            reason: request.reason,
            claim,
        };
        let writing = (call.clone(), closing);
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (call, closing) = writing.clone();
                Box::pin(async move { close(connection, &call, &closing).await })
            })
            .await;
        let views = &self.core.views;
        let closed = views
            .or_refused(&call, REFUSED, &request.name, outcome)
            .await?;
        closed.into_answer(views, &call, VIEWED).await
    }

    /// Clause SG-8.
    pub(super) async fn uncovered(
        &self,
        call: Call,
        request: ListUncoveredCategoriesRequest,
    ) -> Result<Answer<ListUncoveredCategoriesResponse>, Fault> {
        let mut fields = Fields::new();
        let least = least(&mut fields, request.least_count, MANY);
        fields.finish()?;
        let mut query = gaps::uncovered(&call, least, MOST_CATEGORIES);
        let rows = self.core.deps.db.run(move |connection| {
            Box::pin(async move { Ok(query.build().fetch_all(connection).await?) })
        });
        let rows = rows.await?;
        let categories = rows.iter().map(|row| {
            Ok(UncoveredCategory {
                category: row.try_get("category")?,
                ticket_count: row.try_get("count")?,
            })
        });
        let categories = categories.collect::<Result<_, Fault>>()?;
        let views = &self.core.views;
        views.record(&call, "knowledge_gap.measured", &[]).await?;
        Ok(Answer::read(ListUncoveredCategoriesResponse { categories }))
    }
}

fn least(fields: &mut Fields, asked: i32, usual: i32) -> i64 {
    let field = "least_count";
    fields.ensure(asked >= 0, field, Violation::OutOfRange(1, i32::MAX.into()));
    i64::from(if asked == 0 { usual } else { asked })
}

/// Where a page after this gap begins: a count, carried where lists carry a time.
fn place(found: &Found) -> Result<After, Fault> {
    let at = jiff::Timestamp::from_microsecond(found.gap.count);
    Ok(After {
        at: at.map_err(|_| Fault::internal("a count that is no place"))?,
        id: found.id,
    })
}

async fn close(
    connection: &mut PgConnection,
    call: &Call,
    closing: &Closing,
) -> Result<Written<KnowledgeGap>, Fault> {
    let claim = closing.claim.as_ref();
    if let Some(kept) = idempotency::find_plain::<KnowledgeGap>(connection, claim).await? {
        let shown = Shown::of_company(&kept.body.name);
        return Ok(Written::before(kept.body, shown, kept.position));
    }
    let resource = name(GAPS, closing.id);
    let state = gaps::lock(connection, closing.id).await?;
    let state = state.ok_or_else(|| Fault::not_found(&resource))?;
    if state != KnowledgeGapState::Open {
        let name = state.as_str_name();
        let name = name.strip_prefix("KNOWLEDGE_GAP_STATE_").unwrap_or(name);
        return Err(Fault::state(name, "CLOSE").with("from", "OPEN"));
    }
    if let Some(article) = closing.article
        && !reading::is_read(connection, call, article).await?
    {
        return Err(Fault::not_found(&name(ARTICLES, article)));
    }
    let (article, reason) = (closing.article, &closing.reason);
    let gap = gaps::close(connection, call, closing.id, article, reason).await?;
    let event = event::Event::KnowledgeGapClosed(KnowledgeGapClosed {
        gap_id: closing.id.as_bytes().to_vec(),
        article_id: article.map(|id| id.as_bytes().to_vec()).unwrap_or_default(),
    });
    let entry = entry(
        call,
        EntryKind::Change,
        "knowledge_gap.closed",
        resource,
        None,
        event,
    );
    let position = kefu_journal::append(connection, &[entry]).await?;
    idempotency::keep_plain(connection, call, claim, closing.id, &gap, position).await?;
    let shown = Shown::of_company(&gap.name);
    Ok(Written::now(gap, shown, position))
}
