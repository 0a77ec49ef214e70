//! File numbers (CF-4.3): unique for ever, and every one of them finds its file.

use std::collections::BTreeSet;

use kefu_contracts::profile::{Customer, LookupCustomerRequest, lookup_customer_request::By};
use kefu_testkit::{Caller, TestSuite};

use crate::records::{customers, enter, person, update, violations};

async fn found_by(caller: &Caller, number: &str) -> Vec<String> {
    let request = LookupCustomerRequest {
        by: Some(By::FileNumber(number.into())),
    };
    let found = customers(caller).lookup_customer(request).await.unwrap();
    let found = found.into_inner().customers;
    found.into_iter().map(|one| one.name).collect()
}

async fn moved(caller: &Caller, file: Customer, line: &str) -> Customer {
    let file = Customer {
        business_line: line.into(),
        ..file
    };
    update(caller, file, &["business_line"], "业务调整")
        .await
        .unwrap()
}

/// Clause CF-4.3: another business, another number; the old ones still find the file.
#[tokio::test(flavor = "multi_thread")]
async fn another_business_means_another_number_and_all_of_them_resolve() {
    let suite = TestSuite::start().await;
    let agent = suite.caller("li.wei");
    let first = enter(&agent, person()).await;
    let second = moved(&agent, first.clone(), "B").await;
    let third = moved(&agent, second.clone(), "A").await;
    let numbers = [&first, &second, &third].map(|one| one.file_number.clone());
    assert_eq!(numbers, ["P0A0001", "P0B0001", "P0A0002"]);
    for number in &numbers {
        assert_eq!(found_by(&agent, number).await, [first.name.as_str()]);
    }
    let same = moved(&agent, third, "A").await;
    assert_eq!(same.file_number, "P0A0002", "nothing moved");
    let wrong = Customer {
        business_line: "ä".into(),
        ..same
    };
    let status = update(&agent, wrong, &["business_line"], "x")
        .await
        .unwrap_err();
    assert_eq!(violations(&status), ["customer.business_line"]);
    assert!(found_by(&agent, "P0A0003").await.is_empty());
}

/// Clause CF-4.3: past 9999, whoever enters and moves files at the same time.
#[tokio::test(flavor = "multi_thread")]
async fn numbers_stay_unique_past_9999_under_concurrency() {
    let suite = TestSuite::start().await;
    let agent = suite.caller("li.wei");
    let mut sql = suite.database.connect().await.unwrap();
    for prefix in ["P0A", "P0B"] {
        sqlx::query("INSERT INTO profile.file_number_series (prefix, last) VALUES ($1, 9990)")
            .bind(prefix)
            .execute(&mut sql)
            .await
            .unwrap();
    }
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let agent = agent.clone();
            tokio::spawn(async move {
                let entered = enter(&agent, person()).await;
                let moved = moved(&agent, entered.clone(), "B").await;
                (entered.name, [entered.file_number, moved.file_number])
            })
        })
        .collect();
    let mut all = BTreeSet::new();
    for call in calls {
        let (name, numbers) = call.await.unwrap();
        for number in numbers {
            assert_eq!(found_by(&agent, &number).await, [name.as_str()], "{number}");
            all.insert(number);
        }
    }
    let expected = ["P0A", "P0B"]
        .into_iter()
        .flat_map(|prefix| (9991..=10010).map(move |running| format!("{prefix}{running}")));
    assert_eq!(all, expected.collect());
}
