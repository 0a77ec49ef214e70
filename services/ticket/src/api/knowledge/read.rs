//! Articles are looked at: by those who write and review, and by everybody.

use kefu_contracts::ticket::{
    Article, GetArticleRequest, ListArticleVersionsRequest, ListArticleVersionsResponse,
    ListArticlesRequest, ListArticlesResponse, ReadArticleRequest,
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::Fields,
    listing::{self, ListSpec, asked},
    present::Shown,
    scope::{After, Order},
};
use sqlx::{Postgres, QueryBuilder};

use super::{Knowledge, REFUSED};
use crate::store::articles::{self, ARTICLES, DESK, StoredArticle, VERSIONS, reading, steps};

pub(super) const VIEWED: &str = "article.viewed";

const LIST: ListSpec<StoredArticle> = ListSpec {
    record: &DESK,
    time: "update_time",
    order: Order {
        column: "a.updated_at",
        descending: true,
    },
    read: StoredArticle::read,
    place: |row| After {
        at: row.updated_at,
        id: row.id,
    },
};

impl Knowledge {
    pub(super) async fn get(
        &self,
        call: Call,
        request: GetArticleRequest,
    ) -> Result<Answer<Article>, Fault> {
        let mut fields = Fields::new();
        let id = fields.name("name", &request.name, ARTICLES);
        let known = request.version >= 0;
        fields.ensure(known, "version", Violation::OutOfRange(0, i32::MAX.into()));
        fields.finish()?;
        let number = Some(request.version).filter(|number| *number > 0);
        let query = articles::version(&call, id.unwrap_or_default(), number);
        self.show(&call, &request.name, query).await
    }

    /// Clause OP-3.1.
    pub(super) async fn read(
        &self,
        call: Call,
        request: ReadArticleRequest,
    ) -> Result<Answer<Article>, Fault> {
        let mut fields = Fields::new();
        let id = fields.name("name", &request.name, ARTICLES);
        fields.finish()?;
        let query = reading::get(&call, id.unwrap_or_default());
        self.show(&call, &request.name, query).await
    }

    async fn show(
        &self,
        call: &Call,
        name: &str,
        query: QueryBuilder<Postgres>,
    ) -> Result<Answer<Article>, Fault> {
        let views = &self.core.views;
        let Some(row) = self.core.deps.db.row(query).await? else {
            let fault = Fault::not_found(name);
            return Err(views.refuse(call, REFUSED, name, fault).await);
        };
        let article = StoredArticle::read(&row)?.article;
        let shown = Shown::of_company(&article.name);
        views.record(call, VIEWED, &[shown]).await?;
        Ok(Answer::read(article))
    }

    pub(super) async fn list(
        &self,
        call: Call,
        request: ListArticlesRequest,
    ) -> Result<Answer<ListArticlesResponse>, Fault> {
        let asked = asked!(request);
        let page = listing::show(&self.core, &call, &LIST, asked, VIEWED, |row| {
            let shown = Shown::of_company(&row.article.name);
            Box::pin(async move { Ok((row.article, shown)) })
        })
        .await?;
        Ok(Answer::read(ListArticlesResponse {
            articles: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }

    pub(super) async fn versions(
        &self,
        call: Call,
        request: ListArticleVersionsRequest,
    ) -> Result<Answer<ListArticleVersionsResponse>, Fault> {
        let mut fields = Fields::new();
        let id = fields.name("article", &request.article, ARTICLES);
        fields.finish()?;
        let id = id.unwrap_or_default();
        let mut query = VERSIONS.get(&call, id);
        query.push(" ORDER BY v.number");
        let found = self.core.deps.db.run(move |connection| {
            Box::pin(async move {
                let rows = query.build().fetch_all(&mut *connection).await?;
                Ok((rows, steps::list(connection, id).await?))
            })
        });
        let (rows, steps) = found.await?;
        let views = &self.core.views;
        if rows.is_empty() {
            let fault = Fault::not_found(&request.article);
            return Err(views.refuse(&call, REFUSED, &request.article, fault).await);
        }
        let versions: Vec<Article> = rows
            .iter()
            .map(|row| Ok(StoredArticle::read(row)?.article))
            .collect::<Result<_, Fault>>()?;
        let shown = Shown::of_company(&request.article);
        views.record(&call, VIEWED, &[shown]).await?;
        Ok(Answer::read(ListArticleVersionsResponse {
            versions,
            steps,
        }))
    }
}
