//! The same texts, open: under a trigram index, where PostgreSQL has it, and in the order of tickets.

use sqlx::{Connection, Executor, PgConnection};

use super::fill::{COUNTED, Desk};

/// Texts copied at once.
const BATCH: usize = 2_000;

pub(crate) struct Plain;

impl Plain {
    pub(crate) async fn fill(admin: &mut PgConnection, desk: &Desk) -> anyhow::Result<Self> {
        println!("the same texts are written open …");
        let extension = admin
            .execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            .await;
        admin
            .execute("CREATE TABLE public.plain (ticket bigint, body text)")
            .await?;
        let mut copy = admin.copy_in_raw("COPY public.plain FROM STDIN").await?;
        for start in (0..desk.count).step_by(BATCH) {
            let mut lines = String::new();
            for number in start..desk.count.min(start + BATCH) {
                let texts = desk.texts(number);
                let opening = format!("{}，{}", texts.subject, texts.description);
                for text in texts.messages.iter().chain([&opening, &texts.resolution]) {
                    lines.push_str(&format!("{number}\t{text}\n"));
                }
            }
            copy.send(lines.into_bytes()).await?;
        }
        copy.finish().await?;
        admin
            .execute("CREATE INDEX ON public.plain (ticket)")
            .await?;
        if extension.is_ok() {
            admin
                .execute("CREATE INDEX ON public.plain USING gin (body gin_trgm_ops)")
                .await?;
        } else {
            println!("pg_trgm is not there: open text has no index of its words");
        }
        Ok(Self)
    }

    /// The latest tickets that have it, and the count.
    pub(crate) async fn first_page(
        &self,
        admin: &mut PgConnection,
        pattern: &str,
    ) -> anyhow::Result<()> {
        let page = "SELECT DISTINCT ticket FROM public.plain WHERE body ILIKE $1 ORDER BY ticket DESC LIMIT 51";
        let count = format!(
            "SELECT count(*) FROM (SELECT DISTINCT ticket FROM public.plain WHERE body ILIKE $1 LIMIT {COUNTED}) counted"
        );
        for statement in [page.to_owned(), count] {
            sqlx::query(sqlx::AssertSqlSafe(statement))
                .bind(pattern)
                .fetch_all(&mut *admin)
                .await?;
        }
        admin.ping().await?;
        Ok(())
    }
}
