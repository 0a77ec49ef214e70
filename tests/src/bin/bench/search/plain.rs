//! The same names and addresses, open, under a trigram index.

use sqlx::{Connection, Executor, PgConnection};

use super::{fill::COUNTED, people::People};

pub(crate) struct Plain;

impl Plain {
    pub(crate) async fn fill(admin: &mut PgConnection, people: &People) -> anyhow::Result<Self> {
        let extension = admin
            .execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            .await;
        admin
            .execute("CREATE TABLE public.plain (id bigint PRIMARY KEY, name text, address text)")
            .await?;
        let mut copy = admin.copy_in_raw("COPY public.plain FROM STDIN").await?;
        for number in 0..people.count {
            let customer = people.customer(number);
            let address = customer
                .addresses
                .first()
                .map(|one| format!("{}{}{}{}", one.province, one.city, one.district, one.street));
            let line = format!(
                "{number}\t{}\t{}\n",
                customer.display_name,
                address.unwrap_or_default()
            );
            copy.send(line.into_bytes()).await?;
        }
        copy.finish().await?;
        if extension.is_ok() {
            admin
                .execute(
                    "CREATE INDEX ON public.plain USING gin (name gin_trgm_ops);
                     CREATE INDEX ON public.plain USING gin (address gin_trgm_ops)",
                )
                .await?;
        } else {
            println!("pg_trgm is not there: open text has no index of its words");
        }
        Ok(Self)
    }

    /// A page in order of entry, and the count.
    pub(crate) async fn first_page(
        &self,
        admin: &mut PgConnection,
        (column, pattern): &(&'static str, String),
    ) -> anyhow::Result<()> {
        let page = format!(
            "SELECT id, name, address FROM public.plain WHERE {column} LIKE $1 ORDER BY id LIMIT 51"
        );
        let count = format!(
            "SELECT count(*) FROM (SELECT 1 FROM public.plain WHERE {column} LIKE $1 LIMIT {COUNTED}) counted"
        );
        for statement in [page, count] {
            sqlx::query(sqlx::AssertSqlSafe(statement))
                .bind(pattern)
                .fetch_all(&mut *admin)
                .await?;
        }
        admin.ping().await?;
        Ok(())
    }
}
