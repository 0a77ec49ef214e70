//! The same customer seen by five people: five different answers, each journaled.

use kefu_contracts::{
    policy::DataClass,
    profile::{ListCustomersRequest, LookupCustomerRequest, lookup_customer_request::By},
};
use kefu_service::fields::parse_name;
use kefu_testkit::{TestSuite, employee_id};
use sqlx::Row;
use tonic::Code;

use crate::records::{customers, enter, get, open, person, refusal, ticket};

/// Clauses CF-6.1, CF-9.1, CC-2.2.
#[tokio::test(flavor = "multi_thread")]
async fn one_file_has_five_faces() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await;
    // Duty is a fact: the agent has an open ticket of this customer.
    let agent = suite.caller("li.wei").after(&erp);
    open(&agent, ticket(&customer.name)).await;

    let with_duty = get(&agent, &customer.name).await.unwrap();
    assert_eq!(with_duty.display_name, "张三丰");
    assert_eq!(with_duty.phones[0].number, "+8613812345678");
    assert_eq!(with_duty.id_card, "11010519491231002X");
    assert_eq!(
        with_duty.bank_card, "**** **** **** 1111",
        "no post at the desk is cleared for FINANCIAL"
    );

    let without = get(&suite.caller("ma.chao"), &customer.name)
        .await
        .unwrap_err();
    assert_eq!(
        refusal(&without),
        (Code::NotFound, "NOT_FOUND_OR_OUT_OF_SCOPE".into())
    );

    let sales = get(&suite.caller_for("wu.peng", "sales"), &customer.name)
        .await
        .unwrap();
    assert_eq!(sales.purchase_preferences, ["静音空气净化器"]);
    assert_eq!(
        (sales.display_name.as_str(), sales.phones[0].number.as_str()),
        ("张*", "138****5678")
    );
    assert_eq!(sales.special_needs, "");

    let marketing = get(&suite.caller_for("zheng.xue", "marketing"), &customer.name)
        .await
        .unwrap_err();
    assert_eq!(
        refusal(&marketing),
        (Code::PermissionDenied, "PERMISSION_MISSING".into())
    );

    let auditor = get(&suite.caller_for("dong.jie", "audit"), &customer.name)
        .await
        .unwrap();
    assert_eq!(
        (
            auditor.display_name.as_str(),
            auditor.purchase_preferences.len()
        ),
        ("张*", 0)
    );
    let disclosure = auditor.disclosure.unwrap();
    assert!(disclosure.cleared.is_empty());
    assert!(
        disclosure
            .omitted_fields
            .contains(&"purchase_preferences".to_owned())
    );
    assert!(
        disclosure
            .masked_fields
            .contains(&"phones.number".to_owned())
    );
    assert!(sales.disclosure.unwrap().cleared == [DataClass::Purchase as i32]);

    let mut connection = suite.database.connect().await.unwrap();
    let id = parse_name(&customer.name, "customers").unwrap();
    let views: i64 =
        sqlx::query("SELECT count(*) FROM profile.journal WHERE customer_id = $1 AND kind = 2 AND type = 'customer.viewed'")
            .bind(id)
            .fetch_one(&mut connection)
            .await
            .unwrap()
            .get(0);
    assert_eq!(views, 3, "the agent, sales and the auditor");
    let refused: i64 =
        sqlx::query("SELECT count(*) FROM profile.journal WHERE kind = 3 AND resource = $1")
            .bind(&customer.name)
            .fetch_one(&mut connection)
            .await
            .unwrap()
            .get(0);
    assert_eq!(refused, 1, "the agent without duty");
    let at_the_gate: i64 =
        sqlx::query("SELECT count(*) FROM access.journal WHERE kind = 3 AND actor_id = $1")
            .bind(employee_id("zheng.xue"))
            .fetch_one(&mut connection)
            .await
            .unwrap()
            .get(0);
    assert_eq!(at_the_gate, 1, "marketing");
}

/// Clause CF-8.1: without training nobody is shown sensitive data, whatever the post.
#[tokio::test(flavor = "multi_thread")]
async fn a_lapsed_training_takes_the_sensitive_classes() {
    let suite = TestSuite::start().await;
    let lapsed = suite.caller("xu.jing");
    let customer = enter(&lapsed, person()).await;
    assert_eq!(customer.phones[0].number, "138****5678");
    assert_eq!(customer.display_name, "张三丰");
    let trained = suite.caller("li.wei");
    assert_eq!(
        enter(&trained, person()).await.phones[0].number,
        "+8613812345678"
    );
}

/// Clause CF-9.1: duty ends with the ticket.
#[tokio::test(flavor = "multi_thread")]
async fn duty_comes_and_goes_with_the_ticket() {
    use kefu_contracts::ticket::{CloseTicketRequest, ResolveTicketRequest};
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await;
    let agent = suite.caller("li.wei").after(&erp);
    assert!(get(&agent, &customer.name).await.is_err());
    let opened = open(&agent, ticket(&customer.name)).await;
    assert!(get(&agent, &customer.name).await.is_ok());
    let mut tickets = crate::records::tickets(&agent);
    let resolve = ResolveTicketRequest {
        name: opened.name.clone(),
        etag: opened.etag,
        resolution: "已安装".into(),
        ..Default::default()
    };
    let resolved = tickets.resolve_ticket(resolve).await.unwrap().into_inner();
    let close = CloseTicketRequest {
        name: opened.name,
        etag: resolved.etag,
        ..Default::default()
    };
    tickets.close_ticket(close).await.unwrap();
    assert_eq!(
        get(&agent, &customer.name).await.unwrap_err().code(),
        Code::NotFound
    );
}

/// Reception recognises who calls, and learns nothing it did not know.
#[tokio::test(flavor = "multi_thread")]
async fn a_phone_number_finds_its_file_masked() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await;
    let agent = suite.caller("ma.chao");
    let lookup = |phone: &str| LookupCustomerRequest {
        by: Some(By::Phone(phone.into())),
    };
    let found = customers(&agent)
        .lookup_customer(lookup("0086 138-1234-5678"))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(found.customers.len(), 1);
    assert_eq!(found.customers[0].name, customer.name);
    assert_eq!(found.customers[0].display_name, "张*");
    assert_eq!(found.customers[0].phones[0].number, "138****5678");
    let none = customers(&agent)
        .lookup_customer(lookup("13900000000"))
        .await
        .unwrap()
        .into_inner();
    assert!(none.customers.is_empty());
    // What may be looked up may not be listed.
    let listed = customers(&agent)
        .list_customers(ListCustomersRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!((listed.customers.len(), listed.total_size), (0, 0));
}

/// The number in the database is neither readable nor comparable without the key.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_classified_lies_open_in_the_database() {
    let suite = TestSuite::start().await;
    enter(&suite.caller("li.wei"), person()).await;
    let mut connection = suite.database.connect().await.unwrap();
    for table in [
        "profile.customer",
        "profile.journal",
        "profile.request",
        "profile.lookup_key",
    ] {
        let rows: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
            "SELECT t::text FROM {table} t"
        )))
        .fetch_all(&mut connection)
        .await
        .unwrap();
        let whole = rows.join("\n");
        for secret in [
            "张三丰",
            "13812345678",
            "11010519491231002X",
            "4111111111111111",
            "静音",
        ] {
            let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
            assert!(
                !whole.contains(secret) && !whole.contains(&hex),
                "{secret} in {table}"
            );
        }
    }
}
