//! Greetings on festivals and birthdays: to who agreed to them, once, on their day.

use std::time::Duration;

use jiff::{civil::Date, tz::TimeZone};
use kefu_contracts::{
    common::Channel,
    google::r#type::Date as WireDate,
    order::{
        BirthdayGreeting, Festival, FollowUp, FollowUpState, Greeting, ListRelationsRequest,
        RelationPlanDefinition,
    },
    policy::Purpose,
    profile::{
        Consent, ConsentDecision, Customer, ListBirthdaysRequest,
        birthday_service_client::BirthdayServiceClient,
    },
};
use kefu_service::{clock::Clock, lunar::LunarDay, time::from_proto};
use kefu_testkit::{Caller, TestSuite, eventually};
use tonic::Code;

use crate::{
    follow_ups,
    records::{consent, enter, person, said_consent, say, violations},
    visits::{relations, revise},
};

const LI: &str = "li.wei";

fn zone() -> TimeZone {
    TimeZone::get("Asia/Shanghai").unwrap()
}

fn in_days(suite: &TestSuite, days: i64) -> Date {
    let today = suite.clock.now().to_zoned(zone()).date();
    today.checked_add(jiff::Span::new().days(days)).unwrap()
}

fn by_phone() -> Option<Greeting> {
    Some(Greeting {
        channel: Channel::Phone.into(),
        ..Greeting::default()
    })
}

fn festival(id: &str, lunar: bool, month: i32, day: i32) -> Festival {
    Festival {
        id: id.into(),
        title_zh: format!("节日{id}"),
        title_en: String::new(),
        lunar,
        month,
        day,
        greeting: by_phone(),
    }
}

/// A festival of either calendar, and birthdays, within the next days.
fn plan(suite: &TestSuite) -> RelationPlanDefinition {
    let (solar, other) = (in_days(suite, 5), in_days(suite, 4));
    let lunar = LunarDay::of(other).unwrap();
    RelationPlanDefinition {
        time_zone: "Asia/Shanghai".into(),
        ahead_days: 7,
        festivals: vec![
            festival("solar", false, solar.month().into(), solar.day().into()),
            festival("lunar", true, lunar.month.into(), lunar.day.into()),
        ],
        birthday: Some(BirthdayGreeting {
            lunar: false,
            greeting: by_phone(),
        }),
        ..RelationPlanDefinition::default()
    }
}

/// Somebody whose birthday is that day.
fn born(day: Date) -> Customer {
    Customer {
        id_card: String::new(),
        birth_date: Some(WireDate {
            year: 1988,
            month: day.month().into(),
            day: day.day().into(),
        }),
        ..person()
    }
}

async fn greetings(caller: &Caller) -> Vec<FollowUp> {
    follow_ups::list(caller, "kind = GREETING").await
}

/// Clauses OP-3.3, CC-2.2: whoever agreed to be turned to for that, by that channel, is greeted
/// on festivals of either calendar and on their birthday, once, however many instances look; and
/// nobody else, nor who takes it back.
#[tokio::test(flavor = "multi_thread")]
async fn who_agreed_is_greeted_on_their_day() {
    let suite = TestSuite::with(|gateway| gateway.max_snapshot_age_seconds = 10_000).await;
    let _twin = suite.twin();
    let (li, admin) = (suite.caller(LI), suite.caller("han.bing"));
    let agreed = enter(&li, born(in_days(&suite, 3))).await.name;
    consent(&li, &agreed, Purpose::Marketing).await;
    // Not to that, not by that channel, not at all.
    let sales = enter(&li, born(in_days(&suite, 3))).await.name;
    consent(&li, &sales, Purpose::Sales).await;
    let mail = enter(&li, born(in_days(&suite, 3))).await.name;
    let by_mail = Consent {
        channels: vec![Channel::Email.into()],
        ..said_consent(&mail, Purpose::Marketing, ConsentDecision::Given)
    };
    say(&li, by_mail).await;
    enter(&li, born(in_days(&suite, 3))).await;
    // What was said so far is heard of before anybody is greeted.
    let request = ListRelationsRequest::default();
    let heard = relations(&li).list_relations(request).await;
    assert_eq!(heard.unwrap().into_inner().total_size, 4);
    revise(&admin, plan(&suite), "r1").await.unwrap();
    suite.clock.advance(Duration::from_secs(15));

    let all = eventually(async || {
        let all = greetings(&li).await;
        (all.len() >= 3).then_some(all)
    })
    .await;
    suite.clock.advance(Duration::from_secs(15));
    let on: Vec<_> = all
        .iter()
        .map(|one| {
            assert_eq!((&one.customer, one.state()), (&agreed, FollowUpState::Open));
            let at = from_proto(one.due_time.as_ref().unwrap()).unwrap();
            at.to_zoned(zone()).date()
        })
        .collect();
    assert_eq!(on, [3, 4, 5].map(|days| in_days(&suite, days)));
    let words: Vec<_> = all.iter().map(|one| one.reason.as_str()).collect();
    assert!(words[0].contains("生日") && words[1].contains("lunar"));

    let no = said_consent(&agreed, Purpose::Marketing, ConsentDecision::Withdrawn);
    say(&li, no).await;
    eventually(async || {
        let all = greetings(&li).await;
        assert_eq!(all.len(), 3);
        let settled = |one: &FollowUp| one.state() == FollowUpState::Settled;
        all.iter().all(settled).then_some(())
    })
    .await;
}

/// Clause OP-3.3: what is said of festivals is checked; who has a birthday is for the services
/// of the suite alone.
#[tokio::test(flavor = "multi_thread")]
async fn birthdays_are_told_to_no_person() {
    let suite = TestSuite::start().await;
    let (li, admin) = (suite.caller(LI), suite.caller("han.bing"));
    let request = ListBirthdaysRequest::default();
    let mut client = BirthdayServiceClient::new(li.clone());
    let refused = client.list_birthdays(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
    let mut wrong = plan(&suite);
    wrong.festivals[1].day = 31;
    wrong.festivals[0].greeting = None;
    wrong.birthday = Some(BirthdayGreeting::default());
    let refused = revise(&admin, wrong, "r1").await.unwrap_err();
    assert_eq!(
        violations(&refused),
        [
            "definition.festivals[0].greeting",
            "definition.festivals[1].day",
            "definition.birthday.greeting"
        ]
    );
}
