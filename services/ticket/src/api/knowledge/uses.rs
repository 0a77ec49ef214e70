//! Articles are used for tickets, which is shown with the ticket and counted for the article.

use kefu_contracts::{
    common::Reason,
    journal::{ArticleUsed, EntryKind, event},
    policy::DataClass,
    ticket::{
        ArticleFigures, ArticleHelp, ArticleUse, ListTicketArticlesRequest,
        ListTicketArticlesResponse, MeasureArticlesRequest, MeasureArticlesResponse, TicketState,
        UseArticleRequest,
    },
};
use kefu_journal::Cursor;
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, name},
    present::{Shown, entry},
};
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::{Knowledge, day};
use crate::store::{
    articles::{
        ARTICLES, reading,
        uses::{self, Days, NewUse, Said},
    },
    records::{RECORD, StoredTicket},
};

const VIEWED: &str = "ticket.viewed";
const REFUSED: &str = "ticket.refused";
const MOST: usize = 1_000;

/// What is said of which article for which ticket.
#[derive(Clone, Copy)]
struct Wanted {
    ticket: Uuid,
    article: Uuid,
    help: ArticleHelp,
}

impl Knowledge {
    /// Clauses OP-3.1, CC-2.4.
    pub(super) async fn use_for(
        &self,
        call: Call,
        request: UseArticleRequest,
    ) -> Result<Answer<ArticleUse>, Fault> {
        let mut fields = Fields::new();
        let ticket = fields.name("ticket", &request.ticket, "tickets");
        let article = fields.name("article", &request.article, ARTICLES);
        let help = fields.optional_enum("help", request.help);
        fields.finish()?;
        let wanted = Wanted {
            ticket: ticket.unwrap_or_default(),
            article: article.unwrap_or_default(),
            help: help.unwrap_or_default(),
        };
        let (service, caller) = (self.clone(), call.clone());
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (service, call) = (service.clone(), caller.clone());
                Box::pin(async move { service.say(connection, &call, wanted).await })
            })
            .await;
        let views = &self.core.views;
        let said = views
            .or_not_allowed(&call, REFUSED, &request.ticket, outcome)
            .await;
        let (used, shown, position) = said?;
        match position {
            Some(position) => Ok(Answer::written(used, position)),
            // Nothing changed; what stands is shown.
            None => {
                views.record(&call, VIEWED, &[shown]).await?;
                Ok(Answer::read(used))
            }
        }
    }

    async fn say(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        wanted: Wanted,
    ) -> Result<(ArticleUse, Shown, Option<Cursor>), Fault> {
        let (row, shown) = worked_on(connection, call, wanted.ticket).await?;
        if !reading::is_read(connection, call, wanted.article).await? {
            return Err(Fault::not_found(&name(ARTICLES, wanted.article)));
        }
        let before = uses::find(connection, row.id, wanted.article).await?;
        let said = say(before, wanted.help, row.standing().state);
        let position = match before {
            Some(before) if before == said => None,
            Some(before) => {
                uses::say(connection, row.id, wanted.article, before, said).await?;
                Some(journal(connection, call, &row, wanted.article, said).await?)
            }
            None => {
                let new = NewUse {
                    ticket: row.id,
                    article: wanted.article,
                    customer: row.customer_id,
                    user: call.context.subject.id,
                    now: call.now,
                    day: self.today(call),
                    said,
                };
                uses::insert(connection, &new).await?;
                Some(journal(connection, call, &row, wanted.article, said).await?)
            }
        };
        let article = name(ARTICLES, wanted.article);
        let all = uses::list(connection, row.id).await?;
        let used = all.into_iter().find(|one| one.article == article);
        let gone = || Fault::internal("a use that was just written is not there");
        Ok((used.ok_or_else(gone)?, shown, position))
    }

    /// Clause CC-2.4.
    pub(super) async fn uses(
        &self,
        call: Call,
        request: ListTicketArticlesRequest,
    ) -> Result<Answer<ListTicketArticlesResponse>, Fault> {
        let mut fields = Fields::new();
        let id = fields.name("parent", &request.parent, "tickets");
        fields.finish()?;
        let views = &self.core.views;
        let query = RECORD.get(&call, id.unwrap_or_default());
        let Some(row) = self.core.deps.db.row(query).await? else {
            let fault = Fault::not_found(&request.parent);
            return Err(views.refuse(&call, REFUSED, &request.parent, fault).await);
        };
        let row = StoredTicket::read(&row)?;
        let shown = shown(&call, &row);
        let cleared = shown.clearance.classes.contains(DataClass::Service);
        let uses = match cleared {
            true => {
                let db = &self.core.deps.db;
                db.run(move |connection| {
                    Box::pin(async move { uses::list(connection, row.id).await })
                })
                .await?
            }
            false => Vec::new(),
        };
        views.record(&call, VIEWED, &[shown]).await?;
        Ok(Answer::read(ListTicketArticlesResponse { uses, cleared }))
    }

    /// Clause SG-8.
    pub(super) async fn measure(
        &self,
        call: Call,
        request: MeasureArticlesRequest,
    ) -> Result<Answer<MeasureArticlesResponse>, Fault> {
        let mut fields = Fields::new();
        let article = fields.optional_name("article", &request.article, ARTICLES);
        let days = days(&mut fields, &request.first_day, &request.last_day);
        fields.finish()?;
        let mut query = uses::figures(&call, article, days, MOST);
        let rows = self.core.deps.db.run(move |connection| {
            Box::pin(async move { Ok(query.build().fetch_all(connection).await?) })
        });
        let rows = rows.await?;
        let figures = rows.iter().take(MOST).map(|row| {
            Ok(ArticleFigures {
                article: name(ARTICLES, row.try_get("id")?),
                used_count: row.try_get("used")?,
                helped_count: row.try_get("helped")?,
                not_helped_count: row.try_get("not_helped")?,
            })
        });
        let figures: Vec<ArticleFigures> = figures.collect::<Result<_, Fault>>()?;
        let shown: Vec<Shown> = figures
            .iter()
            .map(|one| Shown::of_company(&one.article))
            .collect();
        let views = &self.core.views;
        views.record(&call, "article.measured", &shown).await?;
        Ok(Answer::read(MeasureArticlesResponse {
            figures,
            more: rows.len() > MOST,
        }))
    }
}

/// Days that may be left out, in their order.
pub(super) fn days(fields: &mut Fields, first: &str, last: &str) -> Days {
    let days = Days {
        first: day(fields, "first_day", first),
        last: day(fields, "last_day", last),
    };
    if let (Some(first), Some(last)) = (days.first, days.last) {
        fields.ensure(first <= last, "last_day", Violation::Contradiction);
    }
    days
}

/// A ticket within the call's scope whose SERVICE is cleared; it stays as it is until the
/// transaction ends.
pub(super) async fn worked_on(
    connection: &mut PgConnection,
    call: &Call,
    id: Uuid,
) -> Result<(StoredTicket, Shown), Fault> {
    let mut query = RECORD.get(call, id);
    query.push(" FOR UPDATE OF t");
    let row = query.build().fetch_optional(connection).await?;
    let row = row.ok_or_else(|| Fault::not_found(&name("tickets", id)))?;
    let row = StoredTicket::read(&row)?;
    let shown = shown(call, &row);
    if !shown.clearance.classes.contains(DataClass::Service) {
        let class = DataClass::Service.as_str_name();
        return Err(Fault::new(Reason::PermissionMissing).with("classes", class));
    }
    Ok((row, shown))
}

fn shown(call: &Call, row: &StoredTicket) -> Shown {
    Shown {
        resource: name("tickets", row.id),
        customer_id: Some(row.customer_id),
        clearance: call.context.clearance(row.matched, call.now),
    }
}

/// What counts, from what counted and what is said now.
fn say(before: Option<Said>, help: ArticleHelp, state: TicketState) -> Said {
    let solved = matches!(state, TicketState::Resolved | TicketState::Closed);
    match (before, help) {
        (Some(before), ArticleHelp::Unspecified) => before,
        (None, ArticleHelp::Unspecified) if solved => Said {
            help: ArticleHelp::Helped,
            by_resolution: true,
        },
        (_, help) => Said {
            help,
            by_resolution: false,
        },
    }
}

async fn journal(
    connection: &mut PgConnection,
    call: &Call,
    row: &StoredTicket,
    article: Uuid,
    said: Said,
) -> Result<Cursor, Fault> {
    let event = event::Event::ArticleUsed(ArticleUsed {
        article_id: article.as_bytes().to_vec(),
        ticket_id: row.id.as_bytes().to_vec(),
        customer_id: row.customer_id.as_bytes().to_vec(),
        help: said.help.into(),
    });
    let entry = entry(
        call,
        EntryKind::Change,
        "article.used",
        name("tickets", row.id),
        Some(row.customer_id),
        event,
    );
    Ok(kefu_journal::append(connection, &[entry]).await?)
}
