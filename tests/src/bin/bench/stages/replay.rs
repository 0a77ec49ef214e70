//! The transactions of the service by pgbench: those of one call, over and over with other orders.

use std::{fmt::Write, time::Duration};

use anyhow::{Context, ensure};
use jiff::Timestamp;

use super::{AT_ONCE, IN_FLIGHT, orders::Order};
use crate::{pgbench::Pgbench, statement::Statement};

pub(crate) struct Replay {
    /// Prepares what is executed, once a connection.
    prepare: String,
    /// The transaction, with marks where orders, customers and the moment stand.
    transaction: String,
    statements: usize,
}

impl Replay {
    /// Of the statements of one call about these orders, which told of that moment.
    pub(crate) fn of(heard: &[Statement], orders: &[Order], at: Timestamp) -> anyhow::Result<Self> {
        let mut known: Vec<&str> = Vec::new();
        // Statements of every service's own tables name no schema.
        let mut prepare = "SET search_path = orders;\n".to_owned();
        let mut transaction = "BEGIN;\n".to_owned();
        for statement in heard {
            let sql = statement.sql().trim();
            let number = match known.iter().position(|one| *one == sql) {
                Some(number) => number,
                None => {
                    writeln!(prepare, "PREPARE s{} AS {sql};", known.len())?;
                    known.push(sql);
                    known.len() - 1
                }
            };
            let execute = statement.execute(&format!("s{number}"));
            writeln!(transaction, "{execute};")?;
        }
        transaction.push_str("COMMIT;\n");
        for (place, one) in orders.iter().enumerate() {
            for (kind, id) in [('o', one.id), ('c', one.customer)] {
                let [plain, hex] = marks(kind, place);
                transaction = transaction.replace(&id.to_string(), &plain);
                transaction = transaction.replace(&id.simple().to_string(), &hex);
            }
        }
        ensure!(
            transaction.contains(&written(at)),
            "another moment was told"
        );
        Ok(Self {
            prepare,
            transaction: transaction.replace(&written(at), MOMENT),
            statements: heard.len(),
        })
    }

    /// Statements of a transaction.
    pub(crate) fn len(&self) -> usize {
        self.statements
    }

    /// How long it takes to tell that each of these was paid at that moment.
    pub(crate) async fn run(
        &self,
        pgbench: &Pgbench,
        orders: &[Order],
        at: Timestamp,
    ) -> anyhow::Result<Duration> {
        let mut scripts = vec![self.prepare.clone(); IN_FLIGHT];
        for (number, some) in orders.chunks(AT_ONCE).enumerate() {
            let script = scripts.get_mut(number % IN_FLIGHT).context("a script")?;
            script.push_str(&self.about(some, at));
        }
        pgbench.once(&scripts).await
    }

    /// The transaction about others.
    fn about(&self, orders: &[Order], at: Timestamp) -> String {
        let mut text = self.transaction.replace(MOMENT, &written(at));
        for (place, one) in orders.iter().enumerate() {
            for (kind, id) in [('o', one.id), ('c', one.customer)] {
                let [plain, hex] = marks(kind, place);
                text = text.replace(&plain, &id.to_string());
                text = text.replace(&hex, &id.simple().to_string());
            }
        }
        text
    }
}

const MOMENT: &str = "{moment}";

/// Where an id stands as such, and where it stands in what the journal encodes.
fn marks(kind: char, place: usize) -> [String; 2] {
    [format!("{{{kind}{place}}}"), format!("{{{kind}{place}x}}")]
}

/// A moment of a whole second as the server's log writes it.
fn written(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S+00").to_string()
}
