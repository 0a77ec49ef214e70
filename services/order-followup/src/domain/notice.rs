//! What customers are told of an order that is late or stuck, and when it no longer is: by which
//! rules, and in which words (OP-3.4.4, SG-2.4).

mod phrase;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use kefu_contracts::order::{
    Language, NoticeDefinition,
    NoticeEvent::{self, *},
    NoticeRule, NoticeRulesVersion, OrderStage, PromiseDefinition,
};
use kefu_service::{
    fields::Fields,
    notice::{self, RuleWords},
    versions,
};
use uuid::Uuid;

pub(crate) use self::phrase::{Facts, word};
use super::{
    promise::{self, Judged, Standing, passed_at},
    stage::{Reached, current, is_over},
};

/// Nobody is told anything until the company wrote what.
pub(crate) fn shipped() -> NoticeDefinition {
    NoticeDefinition::default()
}

/// The number of the version in force then, and what it says.
pub(crate) fn in_force(
    versions: &[NoticeRulesVersion],
    at: Timestamp,
) -> Option<(i32, &NoticeDefinition)> {
    let version = versions::in_force(versions, at)?;
    Some((version.number, version.definition.as_ref()?))
}

/// The rules for what happened to an order at this stage, in order.
pub(crate) fn rules(
    definition: &NoticeDefinition,
    event: NoticeEvent,
    stage: OrderStage,
) -> impl Iterator<Item = &NoticeRule> {
    let fits = move |rule: &&NoticeRule| {
        let stages = &rule.stages;
        rule.event() == event && (stages.is_empty() || stages.contains(&stage.into()))
    };
    definition.rules.iter().filter(fits)
}

/// By which channels the customer may be told, none of which: any. `None`: they are not told.
pub(crate) fn channels(rule: &NoticeRule, agreed: Option<&[i32]>) -> Option<Vec<i32>> {
    notice::channels(&rule.channels, rule.asks_for_quality, agreed)
}

/// What came to be with an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) event: NoticeEvent,
    /// What it is, or was, late with, and for when that was promised; or where it is or was
    /// stuck, and when something was last heard of it before.
    pub(crate) since: Reached,
    /// For when it is promised now.
    pub(crate) promised: Option<Timestamp>,
    /// When that came to be.
    pub(crate) occurred_at: Timestamp,
}

impl News {
    /// Names the occasion: it is told once, ever.
    pub(crate) fn cause(&self, order: Uuid) -> String {
        let event = self.event.as_str_name();
        let event = event.strip_prefix("NOTICE_EVENT_").unwrap_or(event);
        let of = Reached {
            at: self.promised.unwrap_or(self.since.at),
            ..self.since
        };
        promise::cause(&event.to_ascii_lowercase(), order, of)
    }
}

/// What was found of an order when it was last judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Before {
    pub(crate) late: Option<Reached>,
    pub(crate) stuck_since: Option<Timestamp>,
}

/// What there is to tell of an order that was judged again.
pub(crate) fn news(
    standing: &Standing,
    rules: &PromiseDefinition,
    before: Before,
    judged: &Judged,
    now: Timestamp,
) -> Vec<News> {
    let trouble = |event, trouble: promise::Trouble| News {
        event,
        since: trouble.since,
        promised: None,
        occurred_at: trouble.from,
    };
    let mut news = Vec::new();
    match judged.late {
        Some(late) if Some(late.since) != before.late => news.push(trouble(Late, late)),
        None => {
            let over = before.late;
            news.extend(over.and_then(|over| late_no_more(standing, rules, over, now)));
        }
        Some(_) => {}
    }
    match judged.stuck {
        Some(stuck) if Some(stuck.since.at) != before.stuck_since => {
            news.push(trouble(Stuck, stuck));
        }
        None => {
            let over = before.stuck_since;
            news.extend(over.and_then(|over| stuck_no_more(standing, over)));
        }
        Some(_) => {}
    }
    news
}

/// What it was late with has come to pass, or is promised anew. Of an order that is over nobody
/// is told that it is late no more.
fn late_no_more(
    standing: &Standing,
    rules: &PromiseDefinition,
    since: Reached,
    now: Timestamp,
) -> Option<News> {
    going_on(standing)?;
    if let Some(passed) = passed_at(&standing.reached, since.stage) {
        return Some(News {
            event: LateNoMore,
            since,
            promised: None,
            occurred_at: passed,
        });
    }
    let promised = standing.promise(rules, since.stage)?;
    (promised > now).then_some(News {
        event: PromiseChanged,
        since,
        promised: Some(promised),
        occurred_at: now,
    })
}

/// Something was heard of it.
fn stuck_no_more(standing: &Standing, since: Timestamp) -> Option<News> {
    let heard = going_on(standing)?;
    let at = standing.reached.iter().filter(|one| one.at == since);
    let stage = at.map(|one| one.stage).max();
    (heard.at > since).then_some(News {
        event: StuckNoMore,
        since: Reached {
            at: since,
            stage: stage.unwrap_or_default(),
        },
        promised: None,
        occurred_at: heard.at,
    })
}

/// Where an order is that is not over.
fn going_on(standing: &Standing) -> Option<Reached> {
    let at = current(standing.reached.iter().copied());
    at.filter(|at| !is_over(at.stage))
}

/// Notes every fault of a definition.
pub(crate) fn check(fields: &mut Fields, definition: &NoticeDefinition) {
    notice::check(
        fields,
        &definition.rules,
        words,
        check_own,
        phrase::wrong,
        Language::ZhCn,
    );
}

fn words(rule: &NoticeRule) -> RuleWords<'_> {
    let texts = rule.texts.iter();
    RuleWords {
        id: &rule.id,
        channels: &rule.channels,
        texts: texts.map(|one| (one.language, one.text.as_str())).collect(),
    }
}

fn check_own(fields: &mut Fields, place: &str, rule: &NoticeRule) {
    fields.required_enum::<NoticeEvent>(format_args!("{place}.event"), rule.event);
    for (at, stage) in rule.stages.iter().enumerate() {
        fields.required_enum::<OrderStage>(format_args!("{place}.stages[{at}]"), *stage);
    }
}
