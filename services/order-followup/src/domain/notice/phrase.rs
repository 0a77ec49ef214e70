//! What notices about orders are put together from.

use std::borrow::Cow;

use jiff::{Timestamp, tz::TimeZone};
use kefu_contracts::order::{Language, NoticeEvent, NoticeRule};
use kefu_service::{
    error::Language as Tongue,
    phrase::{self, Phrase, Wrong},
};

use super::News;
use crate::domain::stage::in_words;

/// What can be put into a text. The names are part of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Placeholder {
    Number,
    Stage,
    PromisedTime,
    NewPromisedTime,
    HeardTime,
    Today,
}

impl Placeholder {
    /// The one of this name; `None` where there is none.
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "order.number" => Self::Number,
            "order.stage" => Self::Stage,
            "order.promised_time" => Self::PromisedTime,
            "order.new_promised_time" => Self::NewPromisedTime,
            "order.heard_time" => Self::HeardTime,
            "today" => Self::Today,
            _ => return None,
        })
    }
}

/// What is known of an order when a text is put together.
#[derive(Debug, Clone)]
pub(crate) struct Facts<'a> {
    pub(crate) number: &'a str,
    pub(crate) news: News,
    pub(crate) now: Timestamp,
    /// The company's; none: the usual time.
    pub(crate) zone: Option<&'a TimeZone>,
}

impl Facts<'_> {
    /// What is put in the place of it; `None` where that is not known.
    fn of(&self, placeholder: Placeholder, language: Language) -> Option<Cow<'_, str>> {
        let tongue = match language {
            Language::En => Tongue::English,
            _ => Tongue::Chinese,
        };
        let said = |text| {
            Some(text)
                .filter(|text: &&str| !text.is_empty())
                .map(Cow::from)
        };
        let minute = |at| phrase::minute(tongue, at, self.zone).map(Cow::from);
        let since = self.news.since;
        let of_silence = matches!(
            self.news.event,
            NoticeEvent::Stuck | NoticeEvent::StuckNoMore
        );
        match placeholder {
            Placeholder::Number => said(self.number),
            Placeholder::Stage => said(in_words(since.stage, tongue)),
            Placeholder::PromisedTime if !of_silence => minute(since.at),
            Placeholder::HeardTime if of_silence => minute(since.at),
            Placeholder::PromisedTime | Placeholder::HeardTime => None,
            Placeholder::NewPromisedTime => minute(self.news.promised?),
            Placeholder::Today => phrase::day(tongue, self.now, self.zone).map(Cow::from),
        }
    }
}

/// What is wrong with a text.
pub(super) fn wrong(text: &str) -> Vec<Wrong> {
    Phrase::parse(text, Placeholder::parse)
        .err()
        .unwrap_or_default()
}

/// What the rule says of an order, and in what language; `None` where something in it is not
/// known. Which language a customer reads is not known here, so that it is Chinese.
pub(crate) fn word(rule: &NoticeRule, facts: &Facts<'_>) -> Option<(Language, String)> {
    let language = Language::ZhCn;
    let text = rule.texts.iter().find(|text| text.language() == language)?;
    let phrase = Phrase::parse(&text.text, Placeholder::parse).ok()?;
    let said = phrase.render(|placeholder| facts.of(*placeholder, language));
    said.ok().map(|text| (language, text))
}
