//! Whole runs against a suite in memory, with the mappings that ship.

mod services;
mod suite;

use std::{fs, net::SocketAddr, sync::Arc};

use clap::Parser;
use kefu_contracts::{
    order::OrderStage,
    ticket::{TicketState, WaitingFor},
};
use tempfile::TempDir;

use super::{ImportArgs, reader::proto_time, run};
use suite::{Fault, Suite};

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: ImportArgs,
}

/// A suite and a folder with small files in the form of the published ones.
struct Place {
    folder: TempDir,
    suite: Arc<Suite>,
    address: SocketAddr,
}

const MAPPINGS: &[(&str, &str)] = &[
    (
        "olist-customers.toml",
        include_str!("../../../../../tests/import/olist-customers.toml"),
    ),
    (
        "olist-orders.toml",
        include_str!("../../../../../tests/import/olist-orders.toml"),
    ),
    (
        "incidents-customers.toml",
        include_str!("../../../../../tests/import/incidents-customers.toml"),
    ),
    (
        "incidents-tickets.toml",
        include_str!("../../../../../tests/import/incidents-tickets.toml"),
    ),
];

const FILES: &[(&str, &str)] = &[
    (
        "olist_customers_dataset.csv",
        "customer_id,customer_unique_id,customer_zip_code_prefix,customer_city,customer_state\n\
         c1,u1,35182,timoteo,MG\nc2,u1,35182,timoteo,MG\nc3,u2,20231,rio de janeiro,RJ\n",
    ),
    (
        "olist_orders_dataset.csv",
        "order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,\
         order_delivered_carrier_date,order_delivered_customer_date,order_estimated_delivery_date\n\
         o1,c1,delivered,2017-07-09 21:57:05,2017-07-09 22:10:13,2017-07-11 14:58:04,2017-07-26 10:57:55,2017-08-01 00:00:00\n\
         o2,c2,invoiced,2017-04-11 12:22:08,2017-04-13 13:25:17,,,2017-05-09 00:00:00\n\
         o3,c3,shipped,2017-09-18 14:31:30,2017-09-19 04:04:09,2017-09-18 17:50:03,,2017-09-28 00:00:00\n",
    ),
    (
        "olist_order_items_dataset.csv",
        "order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,freight_value\n\
         o1,1,p1,s,2018-08-17 12:15:10,99.9,27.65\no1,2,p2,s,2018-08-17 12:15:10,10.0,0.0\n",
    ),
    (
        "olist_products_dataset.csv",
        "product_id,product_category_name\np1,bebes\np2,pc_gamer\n",
    ),
    (
        "product_category_name_translation.csv",
        "product_category_name,product_category_name_english\nbebes,baby\n",
    ),
    (
        "olist_order_reviews_dataset.csv",
        "review_id,order_id,review_score,review_comment_title,review_comment_message,review_creation_date,review_answer_timestamp\n\
         r1,o1,5,,Good,2018-01-18 00:00:00,2018-01-18 19:12:30\n\
         r1,o2,1,Bad,\"So\nbad\",2018-01-18 00:00:00,2018-01-18 19:12:30\n",
    ),
    (
        "incidents.csv",
        "number,incident_state,caller_id,opened_at,sys_updated_at,contact_type,category,subcategory,u_symptom,impact,urgency,\
         closed_code,assignment_group,reassignment_count,resolved_at,closed_at\n\
         I1,New,Caller 1,29-02-2016 01:16,29-02-2016 01:23,Phone,Cat 1,Sub 1,?,2 - Medium,2 - Medium,?,Group 1,0,01-03-2016 10:00,06-03-2016 12:00\n\
         I1,Awaiting Vendor,Caller 1,29-02-2016 01:16,29-02-2016 02:00,Phone,Cat 2,Sub 1,?,2 - Medium,1 - High,?,Group 2,1,01-03-2016 10:00,06-03-2016 12:00\n\
         I1,Resolved,Caller 1,29-02-2016 01:16,29-02-2016 08:53,Phone,Cat 2,Sub 1,?,2 - Medium,1 - High,code 5,Group 2,1,01-03-2016 10:00,06-03-2016 12:00\n\
         I1,Active,Caller 1,29-02-2016 01:16,29-02-2016 09:53,Phone,Cat 2,Sub 1,?,2 - Medium,1 - High,?,Group 2,1,01-03-2016 10:00,06-03-2016 12:00\n\
         I1,Resolved,Caller 1,29-02-2016 01:16,01-03-2016 08:53,Phone,Cat 2,Sub 1,?,2 - Medium,1 - High,?,?,2,01-03-2016 10:00,06-03-2016 12:00\n\
         I1,Closed,Caller 1,29-02-2016 01:16,05-03-2016 12:00,Phone,Cat 2,Sub 1,?,2 - Medium,1 - High,code 5,Group 3,2,01-03-2016 10:00,06-03-2016 12:00\n\
         I2,Active,Caller 2,29-02-2016 01:16,29-02-2016 01:23,Phone,?,Sub 2,Symptom 1,3 - Low,3 - Low,?,?,0,?,?\n",
    ),
];

impl Place {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in MAPPINGS.iter().chain(FILES) {
            fs::write(folder.path().join(name), text).unwrap();
        }
        fs::write(folder.path().join("token"), "secret\n").unwrap();
        let (suite, address, _) = Suite::start().await;
        Self {
            folder,
            suite,
            address,
        }
    }

    async fn import(
        &self,
        kind: &str,
        file: &str,
        mapping: &str,
        more: &[&str],
    ) -> anyhow::Result<()> {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let address = format!("http://{}", self.address);
        let (file, mapping, token) = (path(file), path(mapping), path("token"));
        let command = [
            "import",
            kind,
            &file,
            "--mapping",
            &mapping,
            "--address",
            &address,
            "--token-file",
            &token,
        ];
        let command = Command::try_parse_from(command.iter().chain(more))?;
        run(command.args).await
    }

    async fn customers(&self, more: &[&str]) -> anyhow::Result<()> {
        let file = "olist_customers_dataset.csv";
        self.import("customers", file, "olist-customers.toml", more)
            .await
    }

    async fn everything(&self, more: &[&str]) -> anyhow::Result<()> {
        self.customers(more).await?;
        let file = "olist_orders_dataset.csv";
        self.import("orders", file, "olist-orders.toml", more)
            .await?;
        let file = "incidents.csv";
        self.import("customers", file, "incidents-customers.toml", more)
            .await?;
        self.import("tickets", file, "incidents-tickets.toml", more)
            .await
    }

    /// Checks that everything is there once, as the files tell it.
    fn assert_whole(&self) {
        let records = self.suite.records();
        assert_eq!(records.customers.len(), 4);
        let stages: Vec<_> = ["olist:o1", "olist:o2", "olist:o3"]
            .map(|order| records.orders[order].stage())
            .into();
        assert_eq!(
            stages,
            [OrderStage::Delivered, OrderStage::Paid, OrderStage::Shipped]
        );
        let first = &records.orders["olist:o1"];
        let categories: Vec<_> = first
            .lines
            .iter()
            .map(|line| line.category.as_str())
            .collect();
        assert_eq!(categories, ["baby", "pc_gamer"]);
        assert_eq!((first.events.len(), first.reviews.len()), (4, 1));
        let second = &records.orders["olist:o2"];
        assert_eq!(second.customer, "customers/olist:u1");
        assert_eq!((second.events.len(), second.reviews.len()), (3, 1));
        assert_eq!(second.reviews[0].comment, "Bad\nSo\nbad");
        let ticket = &records.tickets["incident:I1"];
        assert_eq!(ticket.state(), TicketState::Closed);
        assert_eq!((ticket.history.len(), ticket.reopen_count), (5, 1));
        assert_eq!(ticket.history[0].waiting_for(), WaitingFor::Supplier);
        assert_eq!((ticket.category.as_str(), ticket.urgency), ("Cat 2", 3));
        // Resolved when the log says so; first hands, and two others.
        let resolved = ticket.history[3].occurred_time;
        assert_eq!(
            resolved,
            Some(proto_time("2016-03-01T10:00:00Z".parse().unwrap()))
        );
        let closed = ticket.history[4].occurred_time;
        assert_eq!(
            closed,
            Some(proto_time("2016-03-06T12:00:00Z".parse().unwrap()))
        );
        assert_eq!(ticket.messages.len(), 3);
        assert_eq!(records.tickets["incident:I2"].subject, "Sub 2, Symptom 1");
    }

    fn rejected(&self) -> String {
        let path = self
            .folder
            .path()
            .join("olist_customers_dataset.rejected.csv");
        fs::read_to_string(path).unwrap_or_default()
    }
}

#[tokio::test]
async fn twice_is_as_once() {
    let place = Place::new().await;
    place.everything(&[]).await.unwrap();
    place.assert_whole();
    place.suite.calls();
    // What is known to be done is not sent; but for one record of each run,
    // which shows that it is still the same suite.
    place.customers(&[]).await.unwrap();
    assert_eq!(place.suite.calls(), 1);
    place.everything(&["--from-start"]).await.unwrap();
    place.assert_whole();
}

#[tokio::test]
async fn what_fails_on_the_way_is_sent_again() {
    let place = Place::new().await;
    place.suite.fail(|call| match call % 5 {
        1 => Fault::Unavailable,
        3 => Fault::AnswerLost,
        _ => Fault::None,
    });
    place.everything(&["--concurrency", "3"]).await.unwrap();
    place.assert_whole();
}

#[tokio::test]
async fn a_ticket_that_others_change_meanwhile_is_read_again() {
    let place = Place::new().await;
    place.suite.fail(|call| match call % 4 {
        2 => Fault::Changed,
        _ => Fault::None,
    });
    // One at a time, or two tickets could go on spoiling each other's steps.
    place.everything(&["--concurrency", "1"]).await.unwrap();
    place.assert_whole();
}

#[tokio::test]
async fn a_run_that_ended_early_goes_on() {
    let place = Place::new().await;
    place.suite.fail(|call| match call {
        0..2 => Fault::None,
        2 => Fault::AnswerLost,
        _ => Fault::Unavailable,
    });
    let patience = ["--retry-for", "0", "--concurrency", "1"];
    // Two people are two calls; the third call is the first of the orders.
    place.customers(&patience).await.unwrap();
    let error = place
        .import(
            "orders",
            "olist_orders_dataset.csv",
            "olist-orders.toml",
            &patience,
        )
        .await
        .unwrap_err();
    let error = format!("{error:#}");
    assert!(error.contains("the same command goes on"), "{error}");
    assert!(error.contains("no answer"), "{error}");
    place.suite.fail(|_| Fault::None);
    place.everything(&[]).await.unwrap();
    place.assert_whole();
}

#[tokio::test]
async fn a_record_that_was_half_done_is_finished_whatever_happened_to_its_requests() {
    let place = Place::new().await;
    place.everything(&[]).await.unwrap();
    place.suite.forget_requests();
    {
        let mut records = place.suite.records();
        let order = records.orders.get_mut("olist:o1").unwrap();
        order.events.truncate(2);
        order.reviews.clear();
        let ticket = records.tickets.get_mut("incident:I1").unwrap();
        ticket.history.truncate(2);
        ticket.messages.truncate(2);
        ticket.set_state(TicketState::Resolved);
        ticket.reopen_count = 0;
    }
    place.everything(&["--from-start"]).await.unwrap();
    place.assert_whole();
}

#[tokio::test]
async fn rejected_rows_are_told_and_stop_nothing() {
    let place = Place::new().await;
    let header = FILES[0].1.lines().next().unwrap();
    let file = format!("{header}\nc1,u1,1,nowhere\nc2,,2,timoteo,MG\nc3,u3,3,rio,RJ\n");
    fs::write(place.folder.path().join(FILES[0].0), file).unwrap();
    let mapping = MAPPINGS[0]
        .1
        .replace("customer {customer_unique_id}", "{customer_city}");
    fs::write(
        place.folder.path().join(MAPPINGS[0].0),
        mapping.replace("olist:", "o:"),
    )
    .unwrap();
    let error = place.customers(&[]).await.unwrap_err().to_string();
    assert_eq!(error, "2 customers were rejected");
    assert_eq!(place.suite.records().customers.len(), 1);
    assert_eq!(
        place.rejected(),
        format!(
            "{header},reason\nc2,,2,timoteo,MG,external_ref: no value\n\
             c1,u1,1,nowhere,\"the row has 4 cells, the header 5\"\n"
        )
    );
    place.customers(&["--allow-rejected"]).await.unwrap();
}

#[tokio::test]
async fn what_the_suite_refuses_is_rejected_in_its_words() {
    let place = Place::new().await;
    let mapping = MAPPINGS[0]
        .1
        .replace("customer {customer_unique_id}", "nobody");
    fs::write(place.folder.path().join(MAPPINGS[0].0), mapping).unwrap();
    assert!(place.customers(&[]).await.is_err());
    let rejected = place.rejected();
    // All rows of the record, so that the file can be put right and imported.
    assert_eq!(
        rejected
            .matches("customer.display_name is not right")
            .count(),
        3
    );
}

#[tokio::test]
async fn a_suite_that_was_set_up_anew_gets_everything() {
    let place = Place::new().await;
    place.everything(&[]).await.unwrap();
    place.suite.forget_requests();
    *place.suite.records() = Default::default();
    place.everything(&[]).await.unwrap();
    place.assert_whole();
}

#[tokio::test]
async fn a_token_that_is_not_believed_ends_the_run_at_once() {
    let place = Place::new().await;
    fs::write(place.folder.path().join("token"), "stolen").unwrap();
    let error = place.customers(&[]).await.unwrap_err();
    assert!(format!("{error:#}").contains("TOKEN_INVALID"), "{error:#}");
    assert_eq!(place.rejected(), "");
}

#[tokio::test]
async fn a_mapping_for_something_else_is_refused() {
    let place = Place::new().await;
    for (file, mapping, expected) in [
        (
            "olist_orders_dataset.csv",
            "olist-orders.toml",
            "has no [customer]",
        ),
        (
            "olist_customers_dataset.csv",
            "incidents-customers.toml",
            "uses {caller_id}",
        ),
    ] {
        let error = place
            .import("customers", file, mapping, &[])
            .await
            .unwrap_err();
        let error = format!("{error:#}");
        assert!(error.contains(expected), "{error}");
    }
}
