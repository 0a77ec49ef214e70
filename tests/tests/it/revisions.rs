//! Every change of a file: who, when, why, before and after, and how it is put back.

use kefu_contracts::{
    google::r#type::Date,
    profile::{
        Attribute, ContactPerson, Customer, CustomerAct, CustomerRevision,
        ListCustomerRevisionsRequest, RestoreCustomerRevisionRequest, SourceHand,
    },
};
use kefu_testkit::{Caller, TestSuite, employee_id};
use tonic::{Code, Status};

use crate::records::{enter, get, person, refusal, revisions, update, violations};

pub(crate) async fn history(caller: &Caller, name: &str) -> Result<Vec<CustomerRevision>, Status> {
    let mut all = Vec::new();
    let mut request = ListCustomerRevisionsRequest {
        parent: name.into(),
        page_size: 2,
        ..Default::default()
    };
    let mut revisions = revisions(caller);
    loop {
        let page = revisions.list_customer_revisions(request.clone());
        let page = page.await?.into_inner();
        all.extend(page.revisions);
        if page.next_page_token.is_empty() {
            assert_eq!(page.total_size, all.len() as i32);
            return Ok(all);
        }
        request.page_token = page.next_page_token;
    }
}

async fn restore(caller: &Caller, file: &Customer, revision: i64) -> Result<Customer, Status> {
    let request = RestoreCustomerRevisionRequest {
        name: file.name.clone(),
        etag: file.etag.clone(),
        revision,
        reason: "录入有误".into(),
        request_id: String::new(),
    };
    let restored = revisions(caller).restore_customer_revision(request).await?;
    Ok(restored.into_inner())
}

/// Clause CF-7.2: what was changed, by whom and why, and put back to the letter.
#[tokio::test(flavor = "multi_thread")]
async fn every_change_is_kept_and_can_be_put_back() {
    let suite = TestSuite::start().await;
    let agent = suite.caller("li.wei");
    let entered = enter(&agent, person()).await;
    let wrong = Customer {
        occupation: "医生".into(),
        id_card: String::new(),
        ..entered.clone()
    };
    let changed = update(&agent, wrong, &["occupation", "id_card"], "客户来电更正")
        .await
        .unwrap();
    let restored = restore(&agent, &changed, 1).await.unwrap();
    assert_eq!(
        (restored.occupation.as_str(), restored.id_card.as_str()),
        ("教师", "11010519491231002X")
    );
    let status = restore(&agent, &restored, 1).await.unwrap_err();
    assert_eq!(
        violations(&status),
        ["revision"],
        "nothing is left to be put back"
    );
    let status = restore(&agent, &restored, 9).await.unwrap_err();
    assert_eq!(violations(&status), ["revision"]);
    let stale = restore(&agent, &changed, 1).await.unwrap_err();
    assert_eq!(refusal(&stale), (Code::Aborted, "ETAG_MISMATCH".into()));

    let all = history(&agent, &entered.name).await.unwrap();
    let acts: Vec<_> = all.iter().map(CustomerRevision::act).collect();
    assert_eq!(
        acts,
        [
            CustomerAct::Entered,
            CustomerAct::Changed,
            CustomerAct::Restored
        ]
    );
    assert!(all[0].before.is_none());
    let [before, after] = [&all[1].before, &all[1].after].map(|one| one.clone().unwrap());
    assert_eq!(all[1].changed_fields, ["occupation", "id_card"]);
    assert_eq!(all[1].actor, format!("employees/{}", employee_id("li.wei")));
    assert_eq!(all[1].name, format!("{}/revisions/2", entered.name));
    assert_eq!(
        (before.occupation.as_str(), before.etag.as_str()),
        ("教师", "r1")
    );
    assert_eq!(
        (after.occupation.as_str(), after.id_card.as_str()),
        ("医生", "")
    );
    assert_eq!(after.change_reason, "客户来电更正");
    assert_eq!(all[2].changed_fields, ["occupation", "id_card"]);
}

/// Clauses CF-7.2, CF-6.1: the past of a file is seen as far as the file is.
#[tokio::test(flavor = "multi_thread")]
async fn the_past_is_redacted_like_the_file() {
    let suite = TestSuite::start().await;
    let agent = suite.caller("li.wei");
    let entered = enter(&agent, person()).await;
    let erp = suite.caller_for("erp", "integration");
    let other = Customer {
        bank_card: "5555555555554444".into(),
        ..get(&erp, &entered.name).await.unwrap()
    };
    let changed = update(&erp, other, &["bank_card"], "换卡").await.unwrap();

    let seen = history(&agent, &entered.name).await.unwrap();
    let [before, after] = [&seen[1].before, &seen[1].after].map(|one| one.clone().unwrap());
    assert_eq!(
        (before.bank_card.as_str(), after.bank_card.as_str()),
        ("**** **** **** 1111", "**** **** **** 4444")
    );
    assert_eq!(after.display_name, "张三丰");
    let masked = after.disclosure.unwrap().masked_fields;
    assert_eq!(masked, ["bank_card"]);
    let auditor = suite.caller_for("dong.jie", "audit");
    let audited = history(&auditor, &entered.name).await.unwrap();
    let after = audited[1].after.clone().unwrap();
    assert_eq!(
        (after.display_name.as_str(), after.change_reason.as_str()),
        ("张*", "")
    );
    assert!(seen[1].actor.starts_with("system-accounts/"));

    let hidden = restore(&agent, &changed, 1).await.unwrap_err();
    assert_eq!(
        refusal(&hidden),
        (Code::PermissionDenied, "PERMISSION_MISSING".into()),
        "what one may not see one does not put back"
    );
    let stranger = history(&suite.caller("ma.chao"), &entered.name).await;
    assert_eq!(
        refusal(&stranger.unwrap_err()),
        (Code::NotFound, "NOT_FOUND_OR_OUT_OF_SCOPE".into())
    );
    let sales = suite.caller_for("wu.peng", "sales");
    let refused = history(&sales, &entered.name).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");

    // Who looked is in the journal, revision by revision.
    let mut sql = suite.database.connect().await.unwrap();
    let viewed: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM profile.journal WHERE type = 'revision.viewed' AND resource = $1",
    )
    .bind(format!("{}/revisions/2", entered.name))
    .fetch_one(&mut sql)
    .await
    .unwrap();
    assert_eq!(viewed, 2, "by the agent and by the auditor");
}

/// Clauses CF-2.4, SG-1.1, IH-9: contact persons, source, signing date and what the company
/// declares are entered, changed, put back and hidden like every other field.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_company_declares_is_data_like_other_data() {
    let suite = TestSuite::start().await;
    let agent = suite.caller("li.wei");
    let attribute = |id: &str, value: &str| Attribute {
        id: id.into(),
        value: value.into(),
    };
    let file = Customer {
        contact_persons: vec![ContactPerson {
            name: "赵敏".into(),
            title: "采购经理".into(),
            phone: "139 8765 4321".into(),
            ..Default::default()
        }],
        source_hand: SourceHand::First as i32,
        signing_date: Some(Date {
            year: 2024,
            month: 2,
            day: 29,
        }),
        contact_attributes: vec![attribute("wechat", "zhang_sanfeng")],
        purchase_attributes: vec![attribute("favourite_colour", "红")],
        ..person()
    };
    let entered = enter(&agent, file).await;
    let seen = get(&agent, &entered.name).await.unwrap();
    assert_eq!(seen.contact_persons[0].phone, "+8613987654321");
    assert_eq!(seen.contact_attributes[0].value, "zhang_sanfeng");

    let sales = suite.caller_for("wu.peng", "sales");
    let masked = get(&sales, &entered.name).await.unwrap();
    let person = &masked.contact_persons[0];
    assert_eq!(
        (
            person.name.as_str(),
            person.title.as_str(),
            person.phone.as_str()
        ),
        ("赵*", "", "139****4321")
    );
    assert_eq!((masked.source_hand, masked.signing_date), (0, None));
    assert!(masked.contact_attributes.is_empty());
    assert_eq!(masked.purchase_attributes[0].value, "红");
    let omitted = masked.disclosure.unwrap().omitted_fields;
    assert!(omitted.contains(&"contact_attributes".to_owned()));

    let wrong = Customer {
        purchase_attributes: vec![
            attribute("favourite_colour", "紫"),
            attribute("shoe_size", "42"),
        ],
        ..entered.clone()
    };
    let status = update(&agent, wrong, &["purchase_attributes"], "")
        .await
        .unwrap_err();
    assert_eq!(
        violations(&status),
        [
            "customer.purchase_attributes[0].value",
            "customer.purchase_attributes[1].id"
        ]
    );
    let emptied = Customer {
        contact_attributes: Vec::new(),
        contact_persons: Vec::new(),
        ..entered.clone()
    };
    let paths = ["contact_attributes", "contact_persons"];
    let emptied = update(&agent, emptied, &paths, "").await.unwrap();
    assert!(emptied.contact_attributes.is_empty());
    let restored = restore(&agent, &emptied, 1).await.unwrap();
    assert_eq!(restored.contact_attributes, entered.contact_attributes);
    assert_eq!(restored.contact_persons, entered.contact_persons);
}

/// Clause CF-7.2: fifty people at one file lose nothing that any of them entered.
#[tokio::test(flavor = "multi_thread")]
async fn fifty_writers_lose_no_update() {
    const WRITERS: usize = 50;
    let suite = TestSuite::start().await;
    let agent = suite.caller("li.wei");
    let file = Customer {
        purchase_preferences: Vec::new(),
        ..person()
    };
    let name = enter(&agent, file).await.name;
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (agent, name) = (agent.clone(), name.clone());
            tokio::spawn(async move {
                loop {
                    let mut file = get(&agent, &name).await.unwrap();
                    file.purchase_preferences.push(format!("{writer}"));
                    match update(&agent, file, &["purchase_preferences"], "").await {
                        Ok(_) => return,
                        Err(status) => assert_eq!(status.code(), Code::Aborted, "{status:?}"),
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let file = get(&agent, &name).await.unwrap();
    assert_eq!(file.etag, format!("r{}", WRITERS + 1));
    let mut written: Vec<usize> = file
        .purchase_preferences
        .iter()
        .map(|one| one.parse().unwrap())
        .collect();
    written.sort_unstable();
    assert_eq!(written, (0..WRITERS).collect::<Vec<_>>());
    let numbers: Vec<_> = history(&agent, &name)
        .await
        .unwrap()
        .iter()
        .map(|one| one.revision)
        .collect();
    assert_eq!(numbers, (1..=51).collect::<Vec<i64>>());
}
