//! Whom a leak touched, worked out from the audit log.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use kefu_contracts::{
    access::{
        AcknowledgeAlertRequest, AffectedCustomer, Incident, IncidentSeverity,
        ListAffectedCustomersRequest, ListAffectedCustomersResponse, ListExportsRequest, ShareMode,
    },
    journal::{EntryKind, event},
    policy::DataClass,
};
use kefu_journal::{Entry, Recorded};
use kefu_service::{
    fields::parse_name,
    time::{from_proto, to_proto},
};
use tonic::Status;
use uuid::Uuid;

use super::{archive, assess, close, leader, open, suspicion};
use crate::{
    alerts::{
        self, MORNING, NIGHT, acknowledge, acknowledgement, at, auditor, happened, house, view,
        views,
    },
    exports::approved,
    house::Caller,
};

pub(super) async fn page(
    by: &Caller,
    incident: &str,
    page_size: i32,
    page_token: &str,
) -> Result<ListAffectedCustomersResponse, Status> {
    let request = ListAffectedCustomersRequest {
        incident: incident.into(),
        page_size,
        page_token: page_token.into(),
    };
    let answer = by.incidents().list_affected_customers(request).await?;
    Ok(answer.into_inner())
}

/// All of them, page by page; each page says how many there are.
async fn affected(by: &Caller, incident: &Incident, page_size: i32) -> Vec<AffectedCustomer> {
    let mut all = Vec::new();
    let mut token = String::new();
    loop {
        let answer = page(by, &incident.name, page_size, &token).await.unwrap();
        all.extend(answer.customers);
        token = answer.next_page_token;
        if token.is_empty() {
            assert_eq!(i64::try_from(all.len()).unwrap(), answer.total_size);
            return all;
        }
    }
}

fn names(all: &[AffectedCustomer]) -> Vec<String> {
    all.iter().map(|one| one.customer.clone()).collect()
}

fn customers(numbers: impl IntoIterator<Item = u128>) -> Vec<String> {
    let name = |number| format!("customers/{}", Uuid::from_u128(number));
    numbers.into_iter().map(name).collect()
}

/// Clause IH-5: from an alert to the customers of its window and no other, those included that
/// were collected after it was opened; of a closed one they stay as they are.
#[tokio::test]
async fn an_incident_opened_from_an_alert_names_exactly_whose_files_were_read() {
    let house = house().await;
    let agent = house.id("li.wei");
    happened(&house, &views(house.id("wang.fang"), MORNING, 90..95)).await;
    happened(&house, &views(agent, "2026-03-03T03:00:00Z", 80..85)).await;
    happened(&house, &views(agent, MORNING, 0..61)).await;
    let [alert] = alerts::all(&house).await.try_into().unwrap();
    let request = AcknowledgeAlertRequest {
        note: "名单外流，转为事件".into(),
        ..acknowledgement(&alert)
    };
    acknowledge(&auditor(&house), request).await.unwrap();
    let from_alert = Incident {
        description: "名单外流".into(),
        alert: alert.name.clone(),
        ..Incident::default()
    };
    let archive = archive(&house);
    let opened = open(&archive, from_alert).await.unwrap();
    assert_eq!(opened.alert, alert.name);
    assert_eq!(opened.actors, [alert.subject]);
    assert_eq!(
        (opened.start_time, opened.end_time),
        (alert.start_time, alert.end_time)
    );
    let all = affected(&archive, &opened, 50).await;
    assert_eq!(names(&all), customers(0..61));
    assert_eq!(all[7].looks.len(), 1);
    let look = &all[7].looks[0];
    assert_eq!(look.subject, house.employee("li.wei"));
    assert_eq!(look.record_count, 1);
    assert_eq!(look.classes, [DataClass::Basic as i32]);
    assert_eq!(look.permissions, ["profile.customers.get"]);
    assert_eq!(
        (look.first_time, look.last_time),
        (Some(to_proto(at(MORNING))), look.first_time)
    );

    happened(&house, &views(agent, MORNING, 61..62)).await;
    assert_eq!(
        names(&affected(&archive, &opened, 200).await),
        customers(0..62)
    );
    let assessed = assess(&archive, &opened, IncidentSeverity::Minor)
        .await
        .unwrap();
    let closed = close(&leader(&house), &assessed).await.unwrap();
    let size = page(&archive, &closed.name, 0, "").await.unwrap().log_size;
    happened(&house, &views(agent, MORNING, 62..63)).await;
    assert_eq!(
        names(&affected(&archive, &closed, 200).await),
        customers(0..62)
    );
    assert_eq!(
        page(&archive, &closed.name, 0, "").await.unwrap().log_size,
        size
    );
    // Each look at them is journaled.
    let path = "/kefu.access.v1.IncidentService/ListAffectedCustomers";
    let is_look = |one: &Recorded| {
        let told = one.entry.event.as_ref().and_then(|one| one.event.as_ref());
        one.entry.resource == opened.name
            && matches!(told, Some(event::Event::Viewed(viewed)) if viewed.method == path)
    };
    house
        .journaled(EntryKind::View, |looks| {
            (looks.iter().filter(|one| is_look(one)).count() >= 6).then_some(())
        })
        .await;
}

/// Clause IH-5: an alert of one night names whom that night touched, not the whole day.
#[tokio::test]
async fn an_incident_opened_from_an_alert_of_the_night_names_whom_that_night_touched() {
    let house = house().await;
    let agent = house.id("li.wei");
    let of_day = "2026-03-02T09:00:00Z";
    let sensitive = [DataClass::Contact];
    let mut entries = views(agent, of_day, 10..15);
    entries.push(view(agent, at(NIGHT), 1, &sensitive));
    entries.push(view(agent, at(NIGHT), 2, &sensitive));
    happened(&house, &entries).await;
    let [alert] = alerts::all(&house).await.try_into().unwrap();
    let from_alert = Incident {
        description: "夜间查阅".into(),
        alert: alert.name,
        ..Incident::default()
    };
    let archive = archive(&house);
    let opened = open(&archive, from_alert).await.unwrap();
    assert_eq!(opened.customers, customers(1..3));
    assert_eq!(
        names(&affected(&archive, &opened, 0).await),
        customers(1..3)
    );
}

/// Clause IH-5: what left as a package was seen by whoever received it, by its share.
#[tokio::test]
async fn an_incident_about_an_export_looks_at_its_share_and_receiver() {
    let house = house().await;
    let share = approved(&house, ShareMode::Export).await;
    let listed = auditor(&house)
        .exports()
        .list_exports(ListExportsRequest::default())
        .await;
    let export = listed.unwrap().into_inner().exports.remove(0);
    let (receiver, grant) = (
        house.id("song.yue"),
        parse_name(&share.name, "shares").unwrap(),
    );
    let other = house.ids.next().unwrap();
    happened(
        &house,
        &[
            by_grant(view(receiver, at(MORNING), 1, &[]), grant),
            by_grant(view(receiver, at(MORNING), 2, &[]), other),
            by_grant(view(house.id("li.wei"), at(MORNING), 3, &[]), grant),
            view(receiver, at(MORNING), 4, &[]),
        ],
    )
    .await;
    let about = Incident {
        export: export.name.clone(),
        actors: Vec::new(),
        ..suspicion(&house)
    };
    let archive = archive(&house);
    let opened = open(&archive, about.clone()).await.unwrap();
    assert_eq!(
        (opened.share.as_str(), &opened.export),
        (share.name.as_str(), &export.name)
    );
    assert_eq!(opened.actors, [house.employee("song.yue")]);
    assert_eq!(names(&affected(&archive, &opened, 0).await), customers([1]));
    // By the share alone it is whoever saw by it.
    let whole = Incident {
        export: String::new(),
        share: share.name,
        ..about
    };
    let opened = open(&archive, whole).await.unwrap();
    assert_eq!(
        names(&affected(&archive, &opened, 0).await),
        customers([1, 3])
    );
}

fn by_grant(entry: Entry, grant: Uuid) -> Entry {
    let event::Event::Viewed(mut viewed) = entry.event else {
        panic!("{entry:?}");
    };
    viewed.sources = vec![format!("grant:{grant}")];
    Entry {
        event: event::Event::Viewed(viewed),
        ..entry
    }
}

type Counted = BTreeMap<(String, String), (i64, BTreeSet<i32>, Timestamp, Timestamp)>;

/// Looks within the bounds, by customer and person, counted one by one.
fn by_hand(incident: &Incident, entries: &[Entry]) -> Counted {
    let moment =
        |time: &Option<prost_types::Timestamp>| from_proto(time.as_ref().unwrap()).unwrap();
    let (from, until) = (moment(&incident.start_time), moment(&incident.end_time));
    let mut counted = Counted::new();
    for entry in entries {
        let at = entry.recorded_at;
        let (Some(actor), Some(customer)) = (entry.actor_id, entry.customer_id) else {
            continue;
        };
        let event::Event::Viewed(viewed) = &entry.event else {
            continue;
        };
        let (actor, customer) = (
            format!("employees/{actor}"),
            format!("customers/{customer}"),
        );
        let named = |all: &[String], one: &String| all.is_empty() || all.contains(one);
        if at < from
            || until <= at
            || !named(&incident.actors, &actor)
            || !named(&incident.customers, &customer)
        {
            continue;
        }
        let own = counted
            .entry((customer, actor))
            .or_insert((0, BTreeSet::new(), at, at));
        own.0 += 1;
        own.1.extend(&viewed.cleared);
        own.2 = own.2.min(at);
        own.3 = own.3.max(at);
    }
    counted
}

/// Clause IH-5: per customer how often, by whom, which classes, first and last, whatever
/// bounds the leak.
#[tokio::test]
async fn affected_customers_are_those_that_counting_by_hand_finds() {
    let house = house().await;
    let people = ["li.wei", "wang.fang", "lin.na"].map(|login| house.id(login));
    let classes = [DataClass::Basic, DataClass::Contact, DataClass::Service];
    let begin = at("2026-03-03T02:00:00Z");
    // Whatever order they come in: 7 and 11 share no divisor with what they are taken modulo.
    let entries: Vec<Entry> = (0..300_u32)
        .map(|number| {
            let moment = begin + std::time::Duration::from_secs(u64::from(number * 7 % 60) * 60);
            let cleared = &classes[..(number as usize / 3) % 4];
            let one = view(
                people[number as usize * 11 % 3],
                moment,
                u128::from(number * 11 % 17),
                cleared,
            );
            Entry {
                actor_id: one.actor_id.filter(|_| number % 13 != 0),
                customer_id: one.customer_id.filter(|_| number % 19 != 0),
                ..one
            }
        })
        .collect();
    happened(&house, &entries).await;
    let archive = archive(&house);
    let whole = Incident {
        customers: customers(0..17),
        actors: Vec::new(),
        ..suspicion(&house)
    };
    let half = Some(to_proto(at("2026-03-03T02:30:00Z")));
    let bounds = [
        whole.clone(),
        suspicion(&house),
        Incident {
            start_time: half,
            ..suspicion(&house)
        },
        Incident {
            end_time: half,
            customers: customers(3..9),
            ..whole.clone()
        },
        Incident {
            actors: vec![house.employee("lin.na"), house.employee("li.wei")],
            customers: customers([1, 5, 16, 20]),
            start_time: half,
            ..whole
        },
    ];
    for bounds in bounds {
        let opened = open(&archive, bounds).await.unwrap();
        let mut found = Counted::new();
        for one in affected(&archive, &opened, 3).await {
            for look in one.looks {
                let moment =
                    |time: Option<prost_types::Timestamp>| from_proto(&time.unwrap()).unwrap();
                let (first, last) = (moment(look.first_time), moment(look.last_time));
                let classes = look.classes.into_iter().collect();
                let key = (one.customer.clone(), look.subject);
                let twice = found.insert(key, (look.record_count, classes, first, last));
                assert_eq!(twice, None);
            }
        }
        let expected = by_hand(&opened, &entries);
        assert!(expected.len() > 2);
        assert_eq!(found, expected);
    }
}
