//! A question with the period before, where it is to be compared: both as of one moment.

use jiff::Timestamp;
use kefu_access::AccessContext;
use kefu_contracts::analytics::PeriodBefore;
use kefu_service::error::Fault;
use sqlx::PgConnection;

use super::{Asked, Figure, answer};
use crate::{
    domain::{
        period::{Days, wire},
        perturbation::Aggregates,
        question::Question,
    },
    store::{calendars, days},
};

/// By whom, when and of what it is asked, whatever the question.
pub(crate) struct Asking<'a> {
    pub(crate) context: &'a AccessContext,
    pub(crate) now: Timestamp,
    /// The generation that is answered from.
    pub(crate) live: i32,
    /// It is counted of perturbed data, and told like this.
    pub(crate) told: Option<Aggregates>,
}

/// A figure, and that of the period before where one was asked for.
pub(crate) struct Compared {
    pub(crate) figure: Figure,
    pub(crate) before: Option<Before>,
}

/// The period before.
pub(crate) struct Before {
    days: Option<Days>,
    pub(crate) figure: Figure,
}

impl From<Before> for PeriodBefore {
    fn from(before: Before) -> Self {
        Self {
            first_day: before.days.map(|days| wire(days.first)),
            last_day: before.days.map(|days| wire(days.last)),
            rows: before.figure.rows,
            total: Some(before.figure.total),
            truncated: before.figure.truncated,
        }
    }
}

/// Answers a question, in the working time of its calendar where it names one.
///
/// # Errors
/// A violation of `calendar` where there is none of this name, or the driver's.
pub(crate) async fn compared(
    connection: &mut PgConnection,
    question: &Question,
    asking: &Asking<'_>,
) -> Result<Compared, Fault> {
    let figure = measured(connection, question, asking).await?;
    let before = match question.before() {
        Some(before) => Some(Before {
            days: before.days,
            figure: measured(connection, &before, asking).await?,
        }),
        None => None,
    };
    Ok(Compared { figure, before })
}

async fn measured(
    connection: &mut PgConnection,
    question: &Question,
    asking: &Asking<'_>,
) -> Result<Figure, Fault> {
    let (now, live) = (asking.now, asking.live);
    let working = calendars::working(connection, question, live, now).await?;
    let asked = Asked {
        question,
        context: asking.context,
        now,
        live,
        days: days::are_of(connection, live, question.zone.name()).await?,
        told: asking.told,
        of_heads: asking.told.is_some(),
        working: working.as_ref(),
    };
    answer(connection, &asked).await
}
