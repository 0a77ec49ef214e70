//! What is bought and from where, as the company's lists say it.

use std::collections::BTreeMap;

use kefu_contracts::{
    analytics::{
        Dimension, ListFigureRecordsRequest, QueryMetricRequest, QueryMetricResponse,
        RankCustomersRequest, metrics_service_client::MetricsServiceClient,
    },
    google::r#type::Money,
    journal::{Event, FileDestroyed, event},
    order::{Order, OrderLine},
    profile::Customer,
};
use kefu_testkit::{Caller, TestSuite, eventually};
use prost::Message;
use uuid::Uuid;

use super::query;
use crate::records::{enter, order, person, place, update, violations};

const PHONE: &str = "手机";

async fn house() -> TestSuite {
    TestSuite::with_parts(|parts| {
        parts.order_followup.product_categories = vec![PHONE.into(), "laptop".into()];
    })
    .await
}

fn from(region: &str) -> Customer {
    Customer {
        region: region.into(),
        ..person()
    }
}

fn line(category: &str, units: i64) -> OrderLine {
    OrderLine {
        category: category.into(),
        quantity: 1,
        unit_price: Some(Money {
            currency_code: "CNY".into(),
            units,
            nanos: 0,
        }),
        ..order("").lines.remove(0)
    }
}

/// Counts and amounts by what rows are of.
fn told(answer: &QueryMetricResponse) -> BTreeMap<String, (i64, String)> {
    let rows = answer.rows.iter();
    rows.map(|row| {
        let sum = row.sum.clone().unwrap_or_default();
        let sum = sum.trim_end_matches('0').trim_end_matches('.').to_owned();
        (row.dimensions.join("/"), (row.count, sum))
    })
    .collect()
}

fn of(all: &[(&str, i64, &str)]) -> BTreeMap<String, (i64, String)> {
    all.iter()
        .map(|(what, count, sum)| ((*what).to_owned(), (*count, (*sum).to_owned())))
        .collect()
}

async fn sell(caller: &Caller, customer: &str, lines: Vec<OrderLine>) -> Order {
    let one = Order {
        lines,
        ..order(customer)
    };
    place(caller, one).await
}

/// Clause IH-8.1: sales are composed by product and by region, each as the company's list says it;
/// what is not on a list is of none, and its text is nowhere. A file that changes changes its orders' region, and one that
/// is destroyed has none.
#[tokio::test(flavor = "multi_thread")]
async fn sales_are_composed_by_product_and_region() {
    let suite = house().await;
    let erp = suite.caller_for("erp", "integration");
    let south = enter(&erp, from("广东省广州市天河区体育西路")).await;
    let brazil = enter(&erp, from("BR-SP")).await;
    let somewhere = enter(&erp, from("张三的老家")).await;
    sell(
        &erp,
        &south.name,
        vec![
            line("手机", 3000),
            line(" LAPTOP ", 7000),
            line("手机", 500),
        ],
    )
    .await;
    sell(&erp, &brazil.name, vec![line("laptop", 9000)]).await;
    sell(&erp, &somewhere.name, vec![line("给张三的礼物", 40)]).await;

    let leader = suite.caller_for("chen.guodong", "analysis").after(&erp);
    let products = query(&leader, "product_sales", &[Dimension::Product]).await;
    assert!(products.approximation.is_none());
    let expected = [("", 1, "40"), ("laptop", 2, "16000"), (PHONE, 1, "3500")];
    assert_eq!(told(&products), of(&expected));
    let total = query(&leader, "sales", &[]).await.total.unwrap();
    assert_eq!(
        products.total.unwrap().sum.unwrap().parse::<f64>().unwrap(),
        19_540.0
    );
    assert_eq!(total.sum.unwrap().parse::<f64>().unwrap(), 19_540.0);

    let regions = query(&leader, "sales", &[Dimension::Region]).await;
    assert!(regions.approximation.is_none());
    let expected = [("", 1, "40"), ("BR-SP", 1, "9000"), ("CN-GD", 1, "10500")];
    assert_eq!(told(&regions), of(&expected));
    let both = [Dimension::Region, Dimension::Product];
    let expected = [
        ("/", 1, "40"),
        ("BR-SP/laptop", 1, "9000"),
        ("CN-GD/laptop", 1, "7000"),
        ("CN-GD/手机", 1, "3500"),
    ];
    assert_eq!(
        told(&query(&leader, "product_sales", &both).await),
        of(&expected)
    );
    let files = query(&leader, "customers", &[Dimension::Region]).await;
    assert_eq!(
        told(&files),
        of(&[("", 1, ""), ("BR-SP", 1, ""), ("CN-GD", 1, "")])
    );

    // No text that somebody wrote is in a journal or a fact.
    let mut sql = suite.database.connect().await.unwrap();
    for (statement, text) in [
        (
            "SELECT count(*) FROM profile.journal WHERE position(convert_to($1, 'UTF8') IN event) > 0",
            "体育西路",
        ),
        (
            "SELECT count(*) FROM profile.journal WHERE position(convert_to($1, 'UTF8') IN event) > 0",
            "老家",
        ),
        (
            "SELECT count(*) FROM orders.journal WHERE position(convert_to($1, 'UTF8') IN event) > 0",
            "礼物",
        ),
        (
            "SELECT count(*) FROM analytics.fact WHERE position($1 IN fact::text) > 0",
            "礼物",
        ),
    ] {
        let found: i64 = sqlx::query_scalar(statement)
            .bind(text)
            .fetch_one(&mut sql)
            .await
            .unwrap();
        assert_eq!(found, 0, "{text}");
    }

    // Somebody moves, somebody is destroyed.
    let moved = Customer {
        region: "上海".into(),
        ..south.clone()
    };
    update(&erp, moved, &["region"], "搬家").await.unwrap();
    let destroyed = Uuid::parse_str(brazil.name.strip_prefix("customers/").unwrap()).unwrap();
    let event = Event {
        event: Some(event::Event::FileDestroyed(FileDestroyed {
            customer_id: destroyed.as_bytes().to_vec(),
            ..FileDestroyed::default()
        })),
    };
    sqlx::query(
        "INSERT INTO profile.journal (recorded_at, purpose, request_id, kind, resource, type, event)
         VALUES (now(), 1, '', 1, 'customers/destroyed', 'customer.destroyed', $1)",
    )
    .bind(event.encode_to_vec())
    .execute(&mut sql)
    .await
    .unwrap();
    let leader = leader.after(&erp);
    let expected = of(&[("", 2, "9040"), ("CN-SH", 1, "10500")]);
    eventually(async || {
        let regions = query(&leader, "sales", &[Dimension::Region]).await;
        (told(&regions) == expected).then_some(())
    })
    .await;
    let kept: i64 =
        sqlx::query_scalar("SELECT count(*) FROM analytics.fact WHERE category = 'BR-SP'")
            .fetch_one(&mut sql)
            .await
            .unwrap();
    assert_eq!(kept, 0);
}

/// Clauses CF-6.1, IH-8.1: where customers are from is exact for who sees that of all of them; a head, who
/// sees the department's files, is told an approximation, and naming what was bought does not tell it.
#[tokio::test(flavor = "multi_thread")]
async fn a_region_is_no_way_around_the_file() {
    let suite = house().await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, from("广东")).await;
    let support = suite.caller("ma.chao").after(&erp);
    let one = sell(&support, &customer.name, vec![line(PHONE, 3000)]).await;
    let head = suite.caller_for("zhao.lei", "analysis").after(&support);
    // What the department sold is exact, also by product.
    let products = query(&head, "product_sales", &[Dimension::Product]).await;
    assert!(products.approximation.is_none());
    assert_eq!(told(&products), of(&[(PHONE, 1, "3000")]));
    let regions = query(&head, "sales", &[Dimension::Region]).await;
    assert!(regions.approximation.is_some());
    let exact = regions.rows.iter().filter(|row| !row.suppressed).count();
    assert_eq!(exact, 0, "{:?}", regions.rows);

    let open = async |caller: &Caller, by: &[Dimension], row: &[&str]| {
        let request = ListFigureRecordsRequest {
            query: Some(QueryMetricRequest {
                metric: "sales".into(),
                group_by: by.iter().map(|one| *one as i32).collect(),
                ..QueryMetricRequest::default()
            }),
            dimensions: row.iter().map(|one| (*one).to_owned()).collect(),
            ..ListFigureRecordsRequest::default()
        };
        let mut client = MetricsServiceClient::new(caller.clone());
        let listed = client.list_figure_records(request).await;
        listed.map(tonic::Response::into_inner)
    };
    let named = open(&head, &[], &[]).await.unwrap();
    assert_eq!(named.records[0].name, one.name);
    let hidden = open(&head, &[Dimension::Region], &["CN-GD"]).await.unwrap();
    assert_eq!((hidden.records.len(), hidden.hidden_suppressed), (0, true));
    let leader = suite.caller_for("chen.guodong", "analysis").after(&support);
    let named = open(&leader, &[Dimension::Region], &["CN-GD"])
        .await
        .unwrap();
    assert_eq!(named.records[0].name, one.name);

    // Together with who it is it is told to nobody.
    let both = [Dimension::Customer, Dimension::Region];
    let row = [customer.name.as_str(), "CN-GD"];
    let refused = open(&leader, &both, &row).await.unwrap_err();
    assert_eq!(violations(&refused), ["group_by[1]"]);
    let ranked = RankCustomersRequest {
        query: Some(QueryMetricRequest {
            metric: "sales".into(),
            group_by: both.iter().map(|one| *one as i32).collect(),
            limit: 5,
            ..QueryMetricRequest::default()
        }),
    };
    let mut client = MetricsServiceClient::new(leader.clone());
    let refused = client.rank_customers(ranked).await.unwrap_err();
    assert_eq!(violations(&refused), ["group_by[1]"]);
}
