use std::{borrow::Cow, collections::BTreeMap};

use jiff::{Timestamp, tz::TimeZone};
use kefu_contracts::ticket::Language;
use kefu_service::{error::Language as Tongue, phrase};

use super::Placeholder;

/// What is known of a ticket when a text is put together.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) language: Language,
    pub(crate) number: String,
    pub(crate) subject: String,
    pub(crate) category: String,
    pub(crate) received_at: Option<Timestamp>,
    /// When the solution is due.
    pub(crate) promised_at: Option<Timestamp>,
    pub(crate) now: Timestamp,
    /// Of the calendar that the ticket counts by; none: the company's usual time.
    pub(crate) zone: Option<TimeZone>,
    pub(crate) values: BTreeMap<String, String>,
}

impl Facts {
    /// What is put in the place of it; `None` where that is not known.
    pub(super) fn of(&self, placeholder: &Placeholder) -> Option<Cow<'_, str>> {
        let said = |text: &'_ str| (!text.is_empty()).then(|| text.to_owned().into());
        match placeholder {
            Placeholder::Number => said(&self.number),
            Placeholder::Subject => said(&self.subject),
            Placeholder::Category => said(&self.category),
            Placeholder::ReceivedDate => self.day(self.received_at?),
            Placeholder::PromisedTime => self.minute(self.promised_at?),
            Placeholder::Today => self.day(self.now),
            Placeholder::Value(key) => self.values.get(key).map(|text| text.as_str().into()),
        }
    }

    fn day(&self, at: Timestamp) -> Option<Cow<'static, str>> {
        phrase::day(self.tongue(), at, self.zone.as_ref()).map(Cow::Owned)
    }

    fn minute(&self, at: Timestamp) -> Option<Cow<'static, str>> {
        phrase::minute(self.tongue(), at, self.zone.as_ref()).map(Cow::Owned)
    }

    fn tongue(&self) -> Tongue {
        match self.language {
            Language::En => Tongue::English,
            _ => Tongue::Chinese,
        }
    }
}
