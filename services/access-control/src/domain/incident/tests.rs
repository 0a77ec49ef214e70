use proptest::prelude::*;

use super::*;

const OPENER: Uuid = Uuid::from_u128(1);

fn moment(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn opened() -> Incident {
    Incident {
        id: Uuid::nil(),
        description: "名单外流".into(),
        alert: None,
        export: None,
        bounds: Bounds {
            from: moment(0),
            until: moment(1),
            subjects: BTreeSet::new(),
            customers: BTreeSet::new(),
            grant: Some(Uuid::nil()),
        },
        machines: BTreeSet::new(),
        state: IncidentState::Open,
        severity: IncidentSeverity::Unspecified,
        opener: OPENER,
        opened_at: moment(0),
        deadlines: Deadlines {
            assess: moment(24),
            report: moment(72),
        },
        told: Vec::new(),
        closed_size: None,
        steps: Vec::new(),
        revision: 1,
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let act = prop_oneof![
        Just(IncidentAct::Assess),
        Just(IncidentAct::Report),
        Just(IncidentAct::Close)
    ];
    let severity = prop_oneof![Just(IncidentSeverity::Minor), Just(IncidentSeverity::Grave)];
    let step = (act, 1..4_u128, severity).prop_map(|(act, by, severity)| Step {
        act,
        at: moment(1),
        by: Uuid::from_u128(by),
        severity: match act {
            IncidentAct::Assess => severity,
            _ => IncidentSeverity::Unspecified,
        },
        recipient: String::new(),
        text: "x".into(),
    });
    proptest::collection::vec(step, 0..12)
}

#[test]
fn acts_lead_where_the_table_says() {
    use IncidentAct::{Assess, Close, Report};
    use IncidentState::{Assessed, Closed, Open, Reported};
    for (state, assess, report, close) in [
        (Open, Some(Assessed), None, None),
        (Assessed, Some(Assessed), Some(Reported), Some(Closed)),
        (Reported, Some(Reported), Some(Reported), Some(Closed)),
        (Closed, None, None, None),
    ] {
        for (act, wanted) in [(Assess, assess), (Report, report), (Close, close)] {
            let mut incident = Incident {
                state,
                severity: IncidentSeverity::Minor,
                ..opened()
            };
            let step = Step {
                act,
                at: moment(1),
                by: Uuid::from_u128(2),
                severity: IncidentSeverity::Minor,
                recipient: String::new(),
                text: String::new(),
            };
            let taken = incident.take(step);
            assert_eq!(taken.is_ok(), wanted.is_some(), "{state:?} {act:?}");
            assert_eq!(incident.state, wanted.unwrap_or(state));
        }
    }
}

proptest! {
    /// Clause IH-5.
    #[test]
    fn whatever_is_tried_a_leak_is_judged_and_reported_before_another_closes_it(all in steps()) {
        let mut incident = opened();
        let mut done: Vec<Step> = Vec::new();
        for step in all {
            let before = incident.clone();
            if incident.take(step.clone()).is_ok() {
                done.push(step);
            } else {
                prop_assert_eq!(&incident, &before);
            }
        }
        prop_assert_eq!(&incident.steps, &done);
        let of = |act| done.iter().filter(move |one: &&Step| one.act == act);
        let last = of(IncidentAct::Assess).next_back();
        prop_assert_eq!(incident.severity, last.map(|one| one.severity).unwrap_or_default());
        let closings: Vec<_> = of(IncidentAct::Close).collect();
        prop_assert_eq!(incident.state == IncidentState::Closed, !closings.is_empty());
        if let Some(closing) = closings.first() {
            prop_assert!(closing.by != OPENER);
            prop_assert_eq!(done.last(), Some(*closing));
            prop_assert!(last.is_some());
            let minor = incident.severity == IncidentSeverity::Minor;
            prop_assert!(minor || of(IncidentAct::Report).next().is_some());
        }
    }

    /// Looked at each hour or once at the end, each thing that fell due is told once.
    #[test]
    fn what_is_overdue_is_told_once_and_in_its_order(all in steps(), hours in 0..100_i64) {
        let mut incident = opened();
        for step in all {
            let _ = incident.take(step);
        }
        let now = moment(hours);
        let mut told = Vec::new();
        while let Some((_, act)) = incident.next().filter(|(at, _)| *at <= now) {
            told.push(act);
            incident.told.push(act);
        }
        prop_assert_eq!(&told, &incident.overdue(now));
        let open = incident.state == IncidentState::Open;
        let unreported = incident.state == IncidentState::Assessed
            && incident.severity == IncidentSeverity::Grave;
        prop_assert_eq!(told.contains(&IncidentAct::Assess), open && hours >= 24);
        prop_assert_eq!(told.contains(&IncidentAct::Report), (open || unreported) && hours >= 72);
    }
}
