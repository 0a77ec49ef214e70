//! Open time of a calendar, for whoever wants to know why a clock reads what it reads.

use jiff::{SignedDuration, Timestamp};
use kefu_contracts::ticket::{MeasureTimeRequest, MeasureTimeResponse, OpenSpan};
use kefu_service::{
    calendar::Calendar,
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::Fields,
    present::Shown,
    time,
};

use super::{Calendars, VIEWED};
use crate::store::calendars::counted;

const LONGEST: SignedDuration = SignedDuration::from_hours(400 * 24);
const MOST_SECONDS: i64 = 31_536_000;
/// How far ahead what is due is looked for.
const HORIZON: SignedDuration = SignedDuration::from_hours(5 * 366 * 24);
const MOST_SPANS: usize = 1000;

/// What is asked of the calendar.
enum Asked {
    Until(Timestamp),
    Amount(i64),
}

impl Calendars {
    pub(super) async fn measure(
        &self,
        call: Call,
        request: MeasureTimeRequest,
    ) -> Result<Answer<MeasureTimeResponse>, Fault> {
        let mut fields = Fields::new();
        let start = fields.time("start_time", request.start_time.as_ref());
        fields.ensure(
            request.start_time.is_some(),
            "start_time",
            Violation::Required,
        );
        let asked = match (request.end_time.as_ref(), request.open_seconds) {
            (Some(end), 0) => {
                let end = fields.time("end_time", Some(end)).unwrap_or_default();
                let length = start.map(|start| end.duration_since(start));
                let fits = length.is_none_or(|length| !length.is_negative() && length <= LONGEST);
                fields.ensure(fits, "end_time", Violation::Contradiction);
                Asked::Until(end)
            }
            (None, seconds) => {
                fields.ensure(
                    (1..=MOST_SECONDS).contains(&seconds),
                    "open_seconds",
                    Violation::OutOfRange(1, MOST_SECONDS),
                );
                Asked::Amount(seconds)
            }
            (Some(_), _) => {
                fields.refuse("open_seconds", Violation::Contradiction);
                Asked::Amount(0)
            }
        };
        let calendar = self.find(&call, fields, &request.name).await?;
        let answer = answer(&counted(&calendar)?, start.unwrap_or_default(), &asked);
        let shown = [Shown::of_company(&calendar.name)];
        self.core.views.record(&call, VIEWED, &shown).await?;
        Ok(Answer::read(answer))
    }
}

fn answer(calendar: &Calendar, start: Timestamp, asked: &Asked) -> MeasureTimeResponse {
    let (end, due) = match asked {
        Asked::Until(end) => (*end, None),
        Asked::Amount(seconds) => {
            let horizon = start.checked_add(HORIZON).unwrap_or(Timestamp::MAX);
            let due = calendar.after(start, SignedDuration::from_secs(*seconds), horizon);
            (due.unwrap_or(start), due)
        }
    };
    let mut spans = calendar.spans(start, end);
    let named = spans.by_ref().take(MOST_SPANS).map(|span| OpenSpan {
        start_time: Some(time::to_proto(span.start)),
        end_time: Some(time::to_proto(span.end)),
    });
    let named = named.collect();
    MeasureTimeResponse {
        open_seconds: calendar.open_between(start, end).as_secs(),
        due_time: due.map(time::to_proto),
        spans: named,
        spans_cut: spans.next().is_some(),
    }
}
