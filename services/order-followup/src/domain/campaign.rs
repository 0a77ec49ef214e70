//! News and offers to who agreed to them (OP-3.3, CC-2.2): when a customer may be turned to, and
//! what becomes of a campaign.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use kefu_contracts::{
    common::Channel,
    order::{Campaign, CampaignLimits, CampaignState, RelationPlanDefinition},
    policy::Purpose,
};
use kefu_service::{
    error::{Fault, Violation},
    fields::Fields,
};

const LONGEST_TITLE: usize = 120;
const LONGEST_MESSAGE: usize = 2000;
const LONGEST: SignedDuration = SignedDuration::from_hours(366 * 24);

/// How often, and when, customers may be turned to.
pub(crate) struct Limits {
    /// Contacts of one customer, over all campaigns.
    pub(crate) most: i64,
    /// Within so long.
    pub(crate) period: SignedDuration,
    quiet_from: i8,
    quiet_until: i8,
    zone: TimeZone,
}

impl Limits {
    /// Those of a plan that passed its check, or the ones that are shipped.
    pub(crate) fn of(plan: Option<&RelationPlanDefinition>) -> Self {
        let said = plan.and_then(|plan| plan.campaigns);
        let limits = said.unwrap_or(CampaignLimits {
            most_contacts: 1,
            period_days: 30,
            quiet_from_hour: 20,
            quiet_until_hour: 9,
        });
        let zone = plan.map_or("Asia/Shanghai", |plan| &plan.time_zone);
        let hour = |hour: i32| i8::try_from(hour).unwrap_or_default();
        Self {
            most: limits.most_contacts.into(),
            period: SignedDuration::from_hours(24 * i64::from(limits.period_days)),
            quiet_from: hour(limits.quiet_from_hour),
            quiet_until: hour(limits.quiet_until_hour),
            zone: TimeZone::get(zone).unwrap_or(TimeZone::UTC),
        }
    }

    /// This moment, or the end of the quiet hours that it is in.
    pub(crate) fn next_allowed(&self, now: Timestamp) -> Timestamp {
        let mut at = now.to_zoned(self.zone.clone());
        // An hour at a time, which a day of whatever length has an end of.
        for _ in 0..48 {
            if !self.is_quiet(at.hour()) {
                break;
            }
            let hour = at.with().minute(0).second(0).subsec_nanosecond(0).build();
            let next = hour.and_then(|hour| hour.checked_add(jiff::Span::new().hours(1)));
            at = next.unwrap_or(at);
        }
        at.timestamp()
    }

    fn is_quiet(&self, hour: i8) -> bool {
        match self.quiet_from <= self.quiet_until {
            true => (self.quiet_from..self.quiet_until).contains(&hour),
            false => hour >= self.quiet_from || hour < self.quiet_until,
        }
    }
}

/// Notes every fault of the limits.
pub(crate) fn check_limits(fields: &mut Fields, limits: &CampaignLimits) {
    let mut within = |field: &str, value: i32, least: i32, most: i32| {
        let sound = (least..=most).contains(&value);
        let range = Violation::OutOfRange(least.into(), most.into());
        fields.ensure(sound, format_args!("definition.campaigns.{field}"), range);
    };
    within("most_contacts", limits.most_contacts, 1, 100);
    within("period_days", limits.period_days, 1, 366);
    within("quiet_from_hour", limits.quiet_from_hour, 0, 23);
    within("quiet_until_hour", limits.quiet_until_hour, 0, 23);
}

/// When a campaign is to start and to end; `None` notes what is wrong with it.
pub(crate) fn check(
    fields: &mut Fields,
    campaign: &Campaign,
    now: Timestamp,
) -> Option<(Timestamp, Timestamp)> {
    fields.required_text("campaign.title", &campaign.title, LONGEST_TITLE);
    fields.required_text("campaign.message", &campaign.message, LONGEST_MESSAGE);
    let purpose = fields.required_enum::<Purpose>("campaign.purpose", campaign.purpose);
    let promotes = |purpose| matches!(purpose, Purpose::Sales | Purpose::Marketing);
    let sound = purpose.is_none_or(promotes);
    fields.ensure(sound, "campaign.purpose", Violation::NotApplicable);
    fields.required_enum::<Channel>("campaign.channel", campaign.channel);
    let start = campaign.start_time.as_ref();
    let start = fields.from_when("campaign.start_time", start, now);
    let told = campaign.end_time.as_ref();
    fields.ensure(told.is_some(), "campaign.end_time", Violation::Required);
    let end = fields.time("campaign.end_time", told)?;
    let sound = end > start && end.duration_since(start) <= LONGEST;
    fields.ensure(sound, "campaign.end_time", Violation::Contradiction);
    Some((start, end))
}

/// What happens to a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Approve,
    /// Its start has come.
    Start,
    End,
}

/// The table: each step with its name, what it is in the journal, from where it leads, and where.
const TABLE: [(Step, &str, &str, &[CampaignState], CampaignState); 3] = {
    use CampaignState::*;
    [
        (
            Step::Approve,
            "approve",
            "campaign.approved",
            &[Draft],
            Approved,
        ),
        (
            Step::Start,
            "start",
            "campaign.started",
            &[Approved],
            Running,
        ),
        (
            Step::End,
            "end",
            "campaign.ended",
            &[Draft, Approved, Running],
            Ended,
        ),
    ]
};

impl Step {
    /// Where it leads from a state.
    ///
    /// # Errors
    /// `STATE_NOT_ALLOWED` when the table has no way.
    pub(crate) fn leads_from(self, state: CampaignState) -> Result<CampaignState, Fault> {
        let (_, name, _, from, to) = self.row();
        if from.contains(&state) {
            return Ok(to);
        }
        let state = state.as_str_name();
        let state = state.strip_prefix("CAMPAIGN_STATE_").unwrap_or(state);
        Err(Fault::state(state, name))
    }

    /// Type of its journal entry.
    pub(crate) fn journaled_as(self) -> &'static str {
        self.row().2
    }

    fn row(
        self,
    ) -> (
        Self,
        &'static str,
        &'static str,
        &'static [CampaignState],
        CampaignState,
    ) {
        let row = TABLE.into_iter().find(|(step, ..)| *step == self);
        row.unwrap_or(TABLE[2])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limits(from: i32, until: i32) -> Limits {
        Limits::of(Some(&RelationPlanDefinition {
            time_zone: "Asia/Shanghai".into(),
            campaigns: Some(CampaignLimits {
                most_contacts: 1,
                period_days: 7,
                quiet_from_hour: from,
                quiet_until_hour: until,
            }),
            ..RelationPlanDefinition::default()
        }))
    }

    proptest! {
        /// Clause OP-3.3: the first minute from now on that is in no quiet hour.
        #[test]
        fn nobody_is_turned_to_in_quiet_hours(
            from in 0..24_i32, until in 0..24_i32, second in 1_700_000_000..1_800_000_000_i64,
        ) {
            let limits = limits(from, until);
            let now = Timestamp::from_second(second).unwrap();
            let found = limits.next_allowed(now);
            let hour = |at: Timestamp| i32::from(at.to_zoned(limits.zone.clone()).hour());
            let quiet = |at| match from <= until {
                true => hour(at) >= from && hour(at) < until,
                false => hour(at) >= from || hour(at) < until,
            };
            prop_assert!(!quiet(found) && found >= now);
            prop_assert_eq!(found == now, !quiet(now));
            if found > now {
                prop_assert!(quiet(found.checked_sub(SignedDuration::from_secs(1)).unwrap()));
            }
        }
    }

    /// Clauses OP-3.3, CC-2.2: nothing runs that was not agreed to, and what ended stays so.
    #[test]
    fn a_campaign_runs_once_it_was_agreed_to() {
        use CampaignState::*;
        assert!(Step::Start.leads_from(Draft).is_err());
        assert_eq!(Step::Approve.leads_from(Draft).unwrap(), Approved);
        assert_eq!(Step::Start.leads_from(Approved).unwrap(), Running);
        for step in [Step::Approve, Step::Start, Step::End] {
            assert!(step.leads_from(Ended).is_err(), "{step:?}");
        }
        assert!(Step::Approve.leads_from(Running).is_err());
    }
}
