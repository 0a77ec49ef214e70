//! Who agreed to it is greeted on festivals, as the plan in force has them, and on birthdays,
//! which customer-profile is asked for day by day (OP-3.3, CC-2.2): each once, however many
//! instances look.

use std::{sync::Arc, time::Duration};

use jiff::civil::Date;
use kefu_contracts::{
    common::Channel,
    google::r#type::Date as WireDate,
    order::{Festival, FollowUpKind, FollowUpState, Greeting, RelationPlansVersion},
    profile::{ListBirthdaysRequest, birthday_service_client::BirthdayServiceClient},
};
use kefu_journal::Entry;
use kefu_service::{
    core::Deps, error::Fault, facts, fields::name, host::Job, peer::PeerService, versions::in_force,
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    desk::{By, Desk, Wanted},
    domain::{greeting, relation::Days},
    store::{
        greetings::{self, Greeted},
        relations::RELATIONS,
        versions,
    },
};

/// Days are long; who waits for a greeting waits this long.
const EVERY: Duration = Duration::from_secs(10);
/// Customers of one transaction.
const MOST: i64 = 200;

/// The job that looks every ten seconds.
pub(crate) fn job(deps: Deps, desk: Desk, profiles: PeerService) -> Job {
    let (clock, trouble) = (deps.clock.clone(), "customers cannot be greeted");
    Job::every("greetings", clock, EVERY, trouble, move || {
        let (deps, desk, profiles) = (deps.clone(), desk.clone(), profiles.clone());
        async move {
            while look(&deps, &desk).await? {}
            birthdays(&deps, &desk, &profiles).await
        }
    })
}

/// Goes on with the festivals that are near; whether there may be more of it.
async fn look(deps: &Deps, desk: &Desk) -> Result<bool, Fault> {
    let (now, request) = (deps.clock.now(), deps.ids.next()?);
    let desk = desk.clone();
    deps.db
        .transaction(move |connection| {
            let desk = desk.clone();
            Box::pin(async move {
                let versions = versions::all::<RelationPlansVersion>(connection).await?;
                let version = in_force(&versions, now);
                let plan = version.and_then(|version| version.definition.as_ref());
                let Some((plan, days)) = plan.zip(plan.and_then(Days::of)) else {
                    return Ok(false);
                };
                let (by, mut entries, mut more) = (By::Itself { now, request }, Vec::new(), false);
                for festival in &plan.festivals {
                    let next = greeting::next(festival, days.today(now));
                    let Some(date) = next.filter(|date| days.is_near(*date, now)) else {
                        continue;
                    };
                    let (opened, rest) =
                        go_on(connection, &desk, &by, &days, (festival, date)).await?;
                    entries.extend(opened);
                    more |= rest;
                }
                if !entries.is_empty() {
                    kefu_journal::append(connection, &entries).await?;
                }
                Ok(more)
            })
        })
        .await
}

/// Greets the next customers on a festival; what is to be journaled, and whether there may be
/// more of them.
async fn go_on(
    connection: &mut PgConnection,
    desk: &Desk,
    by: &By<'_>,
    days: &Days,
    (festival, date): (&Festival, Date),
) -> Result<(Vec<Entry>, bool), Fault> {
    let (occasion, mut entries) = (format!("{}:{date}", festival.id), Vec::new());
    if greetings::at(connection, &occasion).await?.is_none() {
        return Ok((entries, false));
    }
    let (Some(after), Some(how)) = (
        greetings::round(connection, &occasion).await?,
        festival.greeting.as_ref(),
    ) else {
        return Ok((entries, false));
    };
    let (channel, tiers) = whom(how);
    let some = greetings::after(connection, after, channel, &tiers, MOST).await?;
    for one in &some {
        let what = (occasion.as_str(), festival.title_zh.as_str(), how);
        entries.extend(greet(connection, desk, by, days, one, what, date).await?);
    }
    let done = i64::try_from(some.len()).unwrap_or(i64::MAX) < MOST;
    let last = some.last().map_or(after, |one| one.customer_id);
    greetings::reach(connection, &occasion, last, done).await?;
    Ok((entries, !done))
}

/// The days that are near, with how birthdays on them are kept; none: they are not.
async fn near(deps: &Deps) -> Result<Option<Near>, Fault> {
    let now = deps.clock.now();
    let versions = deps
        .db
        .run(|connection| Box::pin(versions::all::<RelationPlansVersion>(connection)))
        .await?;
    let version = in_force(&versions, now);
    let plan = version.and_then(|version| version.definition.as_ref());
    let birthday = plan.and_then(|plan| plan.birthday.clone());
    let days = plan.and_then(Days::of);
    Ok(birthday.zip(days).and_then(|(birthday, days)| {
        let lunar = birthday.lunar;
        let how = birthday.greeting?;
        Some(Near { lunar, how, days })
    }))
}

/// How birthdays are kept.
struct Near {
    lunar: bool,
    how: Greeting,
    days: Days,
}

/// Goes on with the birthdays that are near. Who has one is asked between two transactions; the
/// second greets nobody if somebody else got further meanwhile.
async fn birthdays(deps: &Deps, desk: &Desk, profiles: &PeerService) -> Result<(), Fault> {
    let Some(near) = near(deps).await? else {
        return Ok(());
    };
    let near = Arc::new(near);
    for date in near.days.near(deps.clock.now()) {
        while birthday(deps, desk, profiles, &near, date).await? {}
    }
    Ok(())
}

/// Goes on with the birthdays of a day; whether there may be more of them.
async fn birthday(
    deps: &Deps,
    desk: &Desk,
    profiles: &PeerService,
    near: &Arc<Near>,
    date: Date,
) -> Result<bool, Fault> {
    let occasion = format!("birthday:{date}");
    let asked = occasion.clone();
    let seen = deps
        .db
        .run(move |connection| Box::pin(async move { greetings::at(connection, &asked).await }))
        .await?;
    let Some(after) = seen else { return Ok(false) };
    let request = ListBirthdaysRequest {
        date: Some(WireDate {
            year: date.year().into(),
            month: date.month().into(),
            day: date.day().into(),
        }),
        lunar: near.lunar,
        after: after.as_bytes().to_vec(),
        most: i32::try_from(MOST).unwrap_or(i32::MAX),
    };
    let mut client = BirthdayServiceClient::new(profiles.clone());
    let found = client.list_birthdays(request).await;
    let found = found.map_err(|status| facts::fault(&status))?.into_inner();
    let customers = found.customers.iter();
    let some: Vec<Uuid> = customers
        .filter_map(|id| Uuid::from_slice(id).ok())
        .collect();
    let (now, request) = (deps.clock.now(), deps.ids.next()?);
    let writing = (desk.clone(), near.clone(), occasion, some);
    deps.db
        .transaction(move |connection| {
            let (desk, near, occasion, some) = writing.clone();
            Box::pin(async move {
                if greetings::round(connection, &occasion).await? != Some(after) {
                    return Ok(false);
                }
                let (by, mut entries) = (By::Itself { now, request }, Vec::new());
                let (channel, tiers) = whom(&near.how);
                for customer in &some {
                    let one = greetings::one(connection, *customer, channel, &tiers).await?;
                    let Some(one) = one else { continue };
                    let what = (occasion.as_str(), "生日", &near.how);
                    let days = &near.days;
                    entries.extend(greet(connection, &desk, &by, days, &one, what, date).await?);
                }
                let done = i64::try_from(some.len()).unwrap_or(i64::MAX) < MOST;
                let last = some.last().copied().unwrap_or(after);
                greetings::reach(connection, &occasion, last, done).await?;
                if !entries.is_empty() {
                    kefu_journal::append(connection, &entries).await?;
                }
                Ok(!done)
            })
        })
        .await
}

/// Settles the greetings of a customer who no longer agrees to all that they agreed to: by which
/// channel each is made is not asked, in favour of whoever does not want to be turned to.
pub(crate) async fn stop(
    connection: &mut PgConnection,
    desk: &Desk,
    by: &By<'_>,
    customer: Uuid,
) -> Result<Vec<Entry>, Fault> {
    let (subject, kind) = (name(RELATIONS, customer), FollowUpKind::Greeting);
    let how = FollowUpState::Settled;
    desk.close(connection, by, &subject, kind, how, "客户撤回同意")
        .await
}

async fn greet(
    connection: &mut PgConnection,
    desk: &Desk,
    by: &By<'_>,
    days: &Days,
    one: &Greeted,
    (occasion, title, how): (&str, &str, &Greeting),
    date: Date,
) -> Result<Option<Entry>, Fault> {
    let Some(due_at) = days.moment(date, greeting::hour(how)) else {
        return Ok(None);
    };
    let subject = name(RELATIONS, one.customer_id);
    let wanted = Wanted {
        kind: FollowUpKind::Greeting,
        cause: format!("greeting:{occasion}:{}", one.customer_id),
        customer: one.customer_id,
        subject: &subject,
        department: one.department_id,
        assignee: one.owner_id,
        due_at,
        reason: greeting::words(title, how.channel()),
    };
    desk.open(connection, by, wanted).await
}

fn whom(how: &Greeting) -> (Channel, Vec<i16>) {
    let tiers = how
        .tiers
        .iter()
        .filter_map(|tier| i16::try_from(*tier).ok());
    (how.channel(), tiers.collect())
}
