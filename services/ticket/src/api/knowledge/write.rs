//! Articles are begun, changed, and taken from state to state.

use kefu_access::RowFacts;
use kefu_contracts::{
    common::Reason,
    journal::{ArticleChanged, EntryKind, event},
    ticket::{Article, ArticleAct, ArticleState, CreateArticleRequest, UpdateArticleRequest},
};
use kefu_journal::Cursor;
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, etag, name},
    idempotency::{self, Claim},
    present::{Shown, entry},
    time::from_proto,
    written::Written,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Knowledge, REFUSED,
    acts::{Asks, journaled_as},
    read::VIEWED,
};
use crate::{
    domain::{
        article::{Content, check_categories, content, reason, review_due, state::after},
        handling::in_force,
    },
    store::{
        articles::{
            ARTICLES, DESK, StoredArticle,
            steps::{self, NewStep},
            versions::{self, Standing},
        },
        versions as rules,
    },
};

/// What is to be done, read and checked.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) id: Uuid,
    pub(super) step: Step,
    pub(super) claim: Option<Claim>,
}

#[derive(Clone)]
pub(super) enum Step {
    Create {
        department: Uuid,
        content: Content,
    },
    Update {
        revision: i64,
        department: String,
        content: Content,
    },
    Act {
        revision: i64,
        act: ArticleAct,
        reason: String,
    },
}

/// A step as it was decided.
struct Taken<'a> {
    version: i32,
    act: ArticleAct,
    from: ArticleState,
    to: ArticleState,
    reason: &'a str,
    standing: Standing,
}

impl Knowledge {
    /// Clause OP-3.1.
    pub(super) async fn create(
        &self,
        call: Call,
        request: CreateArticleRequest,
    ) -> Result<Answer<Article>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(&call, request_id, &request);
        let step = begun(&mut fields, &call, &request.article.unwrap_or_default());
        idempotency::finish(&self.core.deps.db, fields, claim.as_ref()).await?;
        let wanted = Wanted {
            id: self.core.deps.ids.next()?,
            step,
            claim,
        };
        self.carry(call, wanted).await
    }

    pub(super) async fn update(
        &self,
        call: Call,
        request: UpdateArticleRequest,
    ) -> Result<Answer<Article>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(&call, request_id, &request);
        let article = request.article.unwrap_or_default();
        let id = fields.name("article.name", &article.name, ARTICLES);
        let revision = fields.etag("article.etag", &article.etag);
        let content = content(&mut fields, &article, call.now);
        idempotency::finish(&self.core.deps.db, fields, claim.as_ref()).await?;
        let step = Step::Update {
            revision: revision.unwrap_or_default(),
            department: article.department,
            content,
        };
        let wanted = Wanted {
            id: id.unwrap_or_default(),
            step,
            claim,
        };
        self.carry(call, wanted).await
    }

    pub(super) async fn act<A: Asks>(
        &self,
        call: Call,
        request: A,
    ) -> Result<Answer<Article>, Fault> {
        let mut fields = Fields::new();
        let (name, etag, request_id) = request.of();
        let request_id = fields.request_id(request_id);
        let claim = Claim::of(&call, request_id, &request);
        let id = fields.name("name", name, ARTICLES);
        let revision = fields.etag("etag", etag);
        if let Some(why) = request.reason() {
            reason(&mut fields, why);
        }
        fields.finish()?;
        let step = Step::Act {
            revision: revision.unwrap_or_default(),
            act: A::ACT,
            reason: request.reason().unwrap_or_default().to_owned(),
        };
        let wanted = Wanted {
            id: id.unwrap_or_default(),
            step,
            claim,
        };
        self.carry(call, wanted).await
    }

    async fn carry(&self, call: Call, wanted: Wanted) -> Result<Answer<Article>, Fault> {
        let resource = name(ARTICLES, wanted.id);
        let (service, writing) = (self.clone(), (call.clone(), wanted));
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (service, (call, wanted)) = (service.clone(), writing.clone());
                Box::pin(async move { service.write(connection, &call, &wanted).await })
            })
            .await;
        let views = &self.core.views;
        let written = views
            .or_not_allowed(&call, REFUSED, &resource, outcome)
            .await?;
        written.into_answer(views, &call, VIEWED).await
    }

    /// Takes the step and journals it, once for a request id.
    pub(super) async fn write(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        wanted: &Wanted,
    ) -> Result<Written<Article>, Fault> {
        let claim = wanted.claim.as_ref();
        if let Some(kept) = idempotency::find_plain::<Article>(connection, claim).await? {
            let shown = Shown::of_company(&kept.body.name);
            return Ok(Written::before(kept.body, shown, kept.position));
        }
        let id = wanted.id;
        let taken = match &wanted.step {
            Step::Create {
                department,
                content,
            } => {
                ensure_own(call, *department)?;
                ensure_categories(connection, call, content).await?;
                let author = call.context.subject.id;
                versions::insert(connection, id, *department, author, call.now).await?;
                versions::draft(connection, id, 1, content, author).await?;
                begins(1, ArticleAct::Create, ArticleState::Unspecified, None)
            }
            Step::Update {
                revision,
                department,
                content,
            } => {
                let row = locked(connection, call, id, *revision).await?;
                self.rewrite(connection, call, &row, department, content)
                    .await?
            }
            Step::Act {
                revision,
                act,
                reason,
            } => {
                let row = locked(connection, call, id, *revision).await?;
                self.take(connection, call, &row, *act, reason).await?
            }
        };
        let position = record(connection, call, id, &taken).await?;
        let article = versions::written(connection, id, taken.version)
            .await?
            .article;
        idempotency::keep_plain(connection, call, claim, id, &article, position).await?;
        let shown = Shown::of_company(&article.name);
        Ok(Written::now(article, shown, position))
    }

    /// Another text for a draft, or the next version.
    async fn rewrite<'a>(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        row: &StoredArticle,
        department: &str,
        content: &Content,
    ) -> Result<Taken<'a>, Fault> {
        if department != row.article.department {
            let violation = ("article.department".to_owned(), Violation::Immutable);
            return Err(Fault::fields(vec![violation]));
        }
        ensure_categories(connection, call, content).await?;
        let state = row.article.state();
        let act = match state {
            ArticleState::Published | ArticleState::Archived => ArticleAct::Revise,
            _ => ArticleAct::Update,
        };
        after(state, act)?;
        let version = row.article.version + i32::from(act == ArticleAct::Revise);
        versions::draft(
            connection,
            row.id,
            version,
            content,
            call.context.subject.id,
        )
        .await?;
        let mut taken = begins(version, act, state, row.published);
        taken.standing.review_due = due(row);
        Ok(taken)
    }

    async fn take<'a>(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        row: &StoredArticle,
        act: ArticleAct,
        reason: &'a str,
    ) -> Result<Taken<'a>, Fault> {
        let latest = row.article.version;
        // What is read is confirmed and archived, whatever is being written next.
        let (version, from) = match (act, row.published) {
            (ArticleAct::Confirm | ArticleAct::Archive, Some(read)) => {
                (read, ArticleState::Published)
            }
            _ => (latest, row.article.state()),
        };
        let to = after(from, act)?;
        let mut standing = Standing {
            latest,
            published: row.published,
            review_due: due(row),
        };
        let again = Some(review_due(call.now, self.review_months));
        match act {
            ArticleAct::Publish => {
                self.publish(connection, call, row).await?;
                standing.published = Some(version);
                standing.review_due = again;
            }
            ArticleAct::Confirm => standing.review_due = again,
            _ => {
                versions::set_state(connection, row.id, version, to).await?;
                if row.published == Some(version) {
                    (standing.published, standing.review_due) = (None, None);
                }
            }
        }
        Ok(Taken {
            version,
            act,
            from,
            to,
            reason,
            standing,
        })
    }

    /// Puts a version in the place of the one that is read.
    async fn publish(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        row: &StoredArticle,
    ) -> Result<(), Fault> {
        let publisher = call.context.subject.id;
        if row.writers.contains(&publisher) {
            return Err(Fault::new(Reason::SecondPersonRequired));
        }
        let until = row.article.valid_until_time.as_ref().and_then(from_proto);
        if until.is_some_and(|end| end <= call.now) {
            let field = "article.valid_until_time".to_owned();
            return Err(Fault::fields(vec![(field, Violation::Contradiction)]));
        }
        if let Some(before) = row.published {
            let (from, act) = (ArticleState::Published, ArticleAct::Supersede);
            let to = after(from, act)?;
            versions::set_state(connection, row.id, before, to).await?;
            let step = NewStep {
                article: row.id,
                version: before,
                act,
                from,
                to,
                actor: publisher,
                now: call.now,
                reason: "",
            };
            steps::insert(connection, &step).await?;
        }
        versions::publish(connection, row.id, &row.article, publisher, call.now).await
    }
}

/// An article that is to be begun.
pub(super) fn begun(fields: &mut Fields, call: &Call, article: &Article) -> Step {
    let department = fields.name("article.department", &article.department, "departments");
    let content = content(fields, article, call.now);
    Step::Create {
        department: department.unwrap_or_default(),
        content,
    }
}

fn begins<'a>(
    version: i32,
    act: ArticleAct,
    from: ArticleState,
    published: Option<i32>,
) -> Taken<'a> {
    Taken {
        version,
        act,
        from,
        to: ArticleState::Draft,
        reason: "",
        standing: Standing {
            latest: version,
            published,
            review_due: None,
        },
    }
}

fn due(row: &StoredArticle) -> Option<jiff::Timestamp> {
    row.article.review_due_time.as_ref().and_then(from_proto)
}

/// The last version of an article within the call's scope, as it was when it was decided upon;
/// nobody else changes it until the transaction ends.
async fn locked(
    connection: &mut PgConnection,
    call: &Call,
    id: Uuid,
    revision: i64,
) -> Result<StoredArticle, Fault> {
    let gone = || Fault::not_found(&name(ARTICLES, id));
    let mut query = DESK.get(call, id);
    query.push(" FOR UPDATE OF a");
    let row = query.build().fetch_optional(&mut *connection).await?;
    let row = StoredArticle::read(&row.ok_or_else(gone)?)?;
    if row.revision != revision {
        return Err(Fault::new(Reason::EtagMismatch).with("etag", etag(row.revision)));
    }
    Ok(row)
}

/// Keeps what was done, and journals it.
async fn record(
    connection: &mut PgConnection,
    call: &Call,
    id: Uuid,
    taken: &Taken<'_>,
) -> Result<Cursor, Fault> {
    versions::stand(connection, id, &taken.standing, call.now).await?;
    let step = NewStep {
        article: id,
        version: taken.version,
        act: taken.act,
        from: taken.from,
        to: taken.to,
        actor: call.context.subject.id,
        now: call.now,
        reason: taken.reason,
    };
    steps::insert(connection, &step).await?;
    let now = versions::written(connection, id, taken.version).await?;
    let event = event::Event::ArticleChanged(ArticleChanged {
        article_id: id.as_bytes().to_vec(),
        version: taken.version,
        act: taken.act.into(),
        state: taken.to.into(),
        department_id: now.department.as_bytes().to_vec(),
        revision: now.revision,
    });
    let kind = journaled_as(taken.act);
    let entry = entry(
        call,
        EntryKind::Change,
        kind,
        name(ARTICLES, id),
        None,
        event,
    );
    Ok(kefu_journal::append(connection, &[entry]).await?)
}

/// Refuses to begin an article that another department answers for.
fn ensure_own(call: &Call, department: Uuid) -> Result<(), Fault> {
    let facts = RowFacts {
        department: Some(department),
        ..RowFacts::default()
    };
    let own = call.context.subject.departments.contains(&department);
    if own || call.context.clearance_of(&facts, call.now).is_some() {
        return Ok(());
    }
    let rule = "the department is not yours and lies outside of your scope";
    Err(Fault::new(Reason::PermissionMissing).with("rule", rule))
}

async fn ensure_categories(
    connection: &mut PgConnection,
    call: &Call,
    content: &Content,
) -> Result<(), Fault> {
    let mut fields = Fields::new();
    let (_, rules) = in_force(&rules::all(connection).await?, call.now);
    check_categories(&mut fields, &rules, &content.categories);
    fields.finish()
}
