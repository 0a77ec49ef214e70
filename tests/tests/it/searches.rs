//! Files are found by what is known of them, as far as it is cleared (CF-4.2).

use std::{collections::BTreeSet, time::Duration};

use kefu_contracts::{
    common::TotalKind,
    policy::Purpose,
    profile::{
        Address, Customer, CustomerType, Email, ListCustomersRequest, LookupCustomerRequest, Phone,
        lookup_customer_request::By,
    },
};
use kefu_testkit::{Caller, TestSuite, eventually};
use proptest::{
    prelude::Strategy,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use tonic::{Code, Status};

use crate::{
    destruction::{COOLING, certificate, form, scheduled},
    records::{customers, enter, get, person, refusal, update, violations},
    retention::ago,
};

/// Names in their order, whole by pages of two, which the total agrees with.
async fn found(caller: &Caller, filter: &str) -> Result<Vec<String>, Status> {
    let mut all = Vec::new();
    let mut request = ListCustomersRequest {
        page_size: 2,
        filter: filter.into(),
        ..Default::default()
    };
    loop {
        let page = customers(caller).list_customers(request.clone()).await?;
        let page = page.into_inner();
        let names = page.customers.iter().map(|one| one.display_name.clone());
        all.extend(names);
        if page.next_page_token.is_empty() {
            assert_eq!(page.total_size as usize, all.len(), "{filter}");
            assert_eq!(page.total_kind(), TotalKind::Exact);
            return Ok(all);
        }
        request.page_token = page.next_page_token;
    }
}

fn named(name: &str) -> Customer {
    Customer {
        display_name: name.into(),
        ..person()
    }
}

/// Three people and a company, of whom everything is known.
async fn town(suite: &TestSuite) -> Caller {
    let erp = suite.caller_for("erp", "integration");
    let address = |street: &str| Address {
        province: "广东省".into(),
        city: "深圳市".into(),
        district: "南山区".into(),
        street: street.into(),
        ..Default::default()
    };
    let zhang = Customer {
        addresses: vec![address("科技园路 1 号")],
        emails: vec![Email {
            address: "Zhang.San@example.com".into(),
            ..Default::default()
        }],
        region: "华南".into(),
        tags: vec!["VIP".into(), "开发票".into()],
        ..person()
    };
    enter(&erp, zhang).await;
    let wang = Customer {
        addresses: vec![address("深南大道 9000 号")],
        phones: vec![Phone {
            number: "139 1234 5678".into(),
            ..Default::default()
        }],
        id_card: String::new(),
        tags: vec!["vip".into()],
        ..named("王三")
    };
    enter(&erp, wang).await;
    enter(&erp, named("John Smith-Müller")).await;
    let company = Customer {
        r#type: CustomerType::Enterprise as i32,
        credit_code: "91350100M000100Y43".into(),
        id_card: String::new(),
        region: "华南".into(),
        ..named("深圳市三丰精密科技有限公司")
    };
    enter(&erp, company).await;
    erp
}

/// Clause CF-4.2: by any word of names and addresses, and by any value that is known whole; pages and
/// counts are of the same.
#[tokio::test(flavor = "multi_thread")]
async fn files_are_found_by_what_is_known_of_them() {
    let suite = TestSuite::start().await;
    let erp = town(&suite).await;
    let (zhang, wang) = ("张三丰", "王三");
    let (smith, company) = ("John Smith-Müller", "深圳市三丰精密科技有限公司");
    for (filter, expected) in [
        ("name:三", &[zhang, wang, company][..]),
        ("name:王", &[wang]),
        ("name:三丰", &[zhang, company]),
        ("name:三丰精密科技", &[company]),
        ("name:smith", &[smith]),
        ("name:smi", &[smith]),
        ("name:smiht", &[smith]),
        ("name:muller", &[smith]),
        (r#"name:"müler john""#, &[smith]),
        ("name:李", &[]),
        ("address:科技园", &[zhang]),
        ("address:南山", &[zhang, wang]),
        (r#"address:"深圳 9000""#, &[wang]),
        ("address:王", &[]),
        ("name:三 AND address:深南", &[wang]),
        ("phone = +8613812345678", &[zhang, smith, company]),
        ("phone = 13912345678", &[wang]),
        ("email = zhang.san@EXAMPLE.com", &[zhang]),
        ("id_card = 11010519491231002x", &[zhang, smith]),
        ("credit_code = 91350100m000100y43", &[company]),
        ("region = 华南", &[zhang, company]),
        ("tag = VIP", &[zhang, wang]),
        ("tag = 开发票 AND type = PERSON", &[zhang]),
        ("number = P0A0002", &[wang]),
        ("number = P0A9999", &[]),
        (
            "tier = NORMAL AND state = ARCHIVED AND name:三",
            &[zhang, wang, company],
        ),
    ] {
        assert_eq!(found(&erp, filter).await.unwrap(), expected, "{filter}");
    }
    for wrong in [
        "name = 王",
        "name:a",
        "name:。",
        "phone = 12",
        "phone != 13912345678",
        "tag:VIP",
        "bank_card = 4111111111111111",
    ] {
        let refused = found(&erp, wrong).await.unwrap_err();
        assert_eq!(violations(&refused), ["filter"], "{wrong}");
    }
}

/// Clauses CF-4.2, CF-6.1: what is not cleared finds nothing and counts nothing, whether it is there or
/// not.
#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_seen_is_not_found_by() {
    let suite = TestSuite::start().await;
    let erp = town(&suite).await;
    let sales = suite.caller_for("wu.peng", "sales").after(&erp);
    assert_eq!(found(&sales, "").await.unwrap().len(), 4);
    for filter in [
        "name:三",
        "address:深圳",
        "phone = 13912345678",
        "email = zhang.san@example.com",
        "id_card = 11010519491231002X",
        "credit_code = 91350100M000100Y43",
        "region = 华南",
        "tag = VIP",
        "tier = NORMAL",
    ] {
        assert_eq!(found(&sales, filter).await.unwrap(), [""; 0], "{filter}");
    }
    // The head may see names and not numbers of documents: by the one the file is found.
    let agent = suite.caller("li.wei");
    enter(&agent, named("赵六")).await;
    let head = suite.caller("zhang.min").after(&agent);
    assert_eq!(found(&head, "name:赵").await.unwrap(), ["赵六"]);
    let by_card = found(&head, "id_card = 11010519491231002X").await;
    assert_eq!(by_card.unwrap(), [""; 0]);
    // And nobody finds what lies outside of their scope.
    let other = suite.caller("ma.chao").after(&agent);
    assert_eq!(found(&other, "name:赵").await.unwrap(), [""; 0]);
}

/// A token goes on with the query it was given for.
#[tokio::test(flavor = "multi_thread")]
async fn a_search_goes_on_where_it_was() {
    let suite = TestSuite::start().await;
    let erp = town(&suite).await;
    let page = |filter: &str, token: String| ListCustomersRequest {
        page_size: 1,
        filter: filter.into(),
        page_token: token,
        ..Default::default()
    };
    let mut list = customers(&erp);
    let first = list.list_customers(page("name:三", String::new()));
    let token = first.await.unwrap().into_inner().next_page_token;
    let other = list.list_customers(page("name:三丰", token.clone()));
    let refused = other.await.unwrap_err();
    assert_eq!(refusal(&refused).1, "INVALID_PAGE_TOKEN");
    let second = list.list_customers(page("name:三", token)).await;
    assert_eq!(
        second.unwrap().into_inner().customers[0].display_name,
        "王三"
    );
}

/// Clauses CF-4.2, CF-7.2: a change is found as it is, and no longer as it was; what is destroyed is
/// found by nothing; what was entered before is marked.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_found_follows_the_file() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let long_ago = Customer {
        contact_time: Some(kefu_service::time::to_proto(ago(&suite, 70))),
        ..person()
    };
    let file = enter(&erp, long_ago).await;
    let changed = Customer {
        display_name: "欧阳锋".into(),
        tags: vec!["西域".into()],
        ..get(&erp, &file.name).await.unwrap()
    };
    let paths = ["display_name", "tags"];
    let changed = update(&erp, changed, &paths, "改名").await.unwrap();
    assert_eq!(changed.tags, ["西域"]);
    assert_eq!(found(&erp, "name:张").await.unwrap(), [""; 0]);
    assert_eq!(
        found(&erp, "name:欧阳 AND tag = 西域").await.unwrap(),
        ["欧阳锋"]
    );

    // As it lay there before there were marks.
    let mut sql = suite.database.connect().await.unwrap();
    sqlx::query("UPDATE profile.customer SET name_marks = NULL, address_marks = NULL")
        .execute(&mut sql)
        .await
        .unwrap();
    assert_eq!(found(&erp, "name:欧阳").await.unwrap(), [""; 0]);
    suite.clock.advance(Duration::from_secs(61));
    eventually(|| async {
        let erp = suite.caller_for("erp", "integration");
        let names = found(&erp, "name:欧阳").await.ok()?;
        (names == ["欧阳锋"]).then_some(())
    })
    .await;

    let destruction = scheduled(&suite, form(&[&file.name])).await;
    suite.clock.advance(COOLING);
    certificate(&suite, &destruction).await;
    let left: (Vec<i64>, Vec<i64>, i64) = sqlx::query_as(
        "SELECT name_marks, address_marks, (SELECT count(*) FROM profile.lookup_key) FROM profile.customer",
    )
    .fetch_one(&mut sql)
    .await
    .unwrap();
    assert_eq!(left, (vec![], vec![], 0));
}

/// Clause CF-4.2: whoever calls is recognised by whatever they can say whole.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_looked_up_by_any_whole_value() {
    let suite = TestSuite::start().await;
    let erp = town(&suite).await;
    let agent = suite.caller("li.wei").after(&erp);
    let lookup = async |by: By| {
        let request = LookupCustomerRequest { by: Some(by) };
        let answer = customers(&agent).lookup_customer(request).await?;
        let found = answer.into_inner().customers;
        Ok::<_, Status>(found.len())
    };
    assert_eq!(
        lookup(By::Email("zhang.san@example.com".into()))
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        lookup(By::IdCard("11010519491231002x".into()))
            .await
            .unwrap(),
        2
    );
    assert_eq!(
        lookup(By::CreditCode("91350100M000100Y43".into()))
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        lookup(By::IdCard("110105194912310021".into()))
            .await
            .unwrap(),
        0
    );
    let refused = lookup(By::Email("nobody".into())).await.unwrap_err();
    assert_eq!(violations(&refused), ["email"]);
}

/// Tags are each once and of a length that can be read.
#[tokio::test(flavor = "multi_thread")]
async fn tags_are_words() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let file = enter(&erp, person()).await;
    let wrong = Customer {
        tags: vec!["VIP".into(), " vip ".into(), String::new(), "长".repeat(31)],
        ..file
    };
    let refused = update(&erp, wrong, &["tags"], "x").await.unwrap_err();
    assert_eq!(
        violations(&refused),
        ["customer.tags[1]", "customer.tags[2]", "customer.tags[3]"]
    );
}

/// What looks for somebody is not written into a share.
#[tokio::test(flavor = "multi_thread")]
async fn no_share_selects_by_sealed_values() {
    let suite = TestSuite::start().await;
    for filter in ["name:张", "phone = 13812345678", "tag = VIP"] {
        let refused = crate::selections::asked(&suite, Purpose::Service, filter).await;
        let refused = refused.unwrap_err();
        assert_eq!(refusal(&refused).0, Code::InvalidArgument, "{filter}");
    }
}

/// Clause CF-4.2: over random names, a search finds what looking at each of them finds.
#[tokio::test(flavor = "multi_thread")]
async fn a_search_is_as_looking_at_every_file() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut some = |pattern: &str| {
        let strategy = proptest::string::string_regex(pattern).unwrap();
        strategy.new_tree(&mut runner).unwrap().current()
    };
    let mut names = BTreeSet::new();
    while names.len() < 40 {
        names.insert(some("[张王李][三四丰伟]{1,4}"));
    }
    for name in &names {
        enter(&erp, named(name)).await;
    }
    for _ in 0..60 {
        let query = some("[张王李三四丰伟]{1,4}");
        let expected: BTreeSet<_> = names.iter().filter(|name| name.contains(&query)).collect();
        let seen = found(&erp, &format!("name:{query}")).await.unwrap();
        assert_eq!(seen.iter().collect::<BTreeSet<_>>(), expected, "{query}");
        assert_eq!(seen.len(), expected.len());
    }
}
