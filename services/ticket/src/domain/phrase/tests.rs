use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use kefu_contracts::ticket::Language;
use kefu_service::error::Violation;

use super::*;

const NOW: Timestamp = Timestamp::constant(1_764_345_600, 0);

fn facts(language: Language) -> Facts {
    Facts {
        language,
        number: "T1000001".into(),
        subject: "净化器安装".into(),
        category: "安装".into(),
        received_at: Some(NOW - 24.hours()),
        promised_at: Some(NOW + 90.minutes()),
        now: NOW,
        zone: None,
        values: BTreeMap::from([("window".into(), "周六上午".into())]),
    }
}

fn parse(text: &str) -> Result<Phrase, Vec<Wrong>> {
    Phrase::parse(text, &BTreeSet::from(["window"]))
}

/// Clause SG-2.3.
#[test]
fn a_phrase_says_what_is_known_of_the_ticket() {
    let text = "{{工单}} {ticket.number}（{ticket.subject}，{ticket.category}），{ticket.received_date}受理，\
                {ticket.promised_time}前解决；{value.window}上门。{today}";
    let phrase = parse(text).unwrap();
    assert!(phrase.tells_time());
    assert_eq!(
        phrase.render(&facts(Language::ZhCn)).unwrap(),
        "{工单} T1000001（净化器安装，安装），2025年11月28日受理，2025年11月29日 01:30前解决；周六上午上门。2025年11月29日"
    );
    let phrase = parse("received on {ticket.received_date}, due {ticket.promised_time}").unwrap();
    assert_eq!(
        phrase
            .render(&Facts {
                zone: Some(TimeZone::UTC),
                ..facts(Language::En)
            })
            .unwrap(),
        "received on 27 November 2025, due 28 November 2025, 17:30"
    );
}

/// Clause SG-2.3: whoever saves a phrase is told every place at once.
#[test]
fn what_cannot_be_put_there_is_refused_with_its_place() {
    let wrong = |text: &str| parse(text).unwrap_err();
    assert_eq!(wrong("您好{customer.name}"), [(2, Violation::Unknown)]);
    assert_eq!(
        wrong("{agent.name} {value.other} {ticket.number} }"),
        [
            (0, Violation::Unknown),
            (13, Violation::Unknown),
            (43, Violation::Format)
        ]
    );
    assert_eq!(wrong("a {today"), [(2, Violation::Format)]);
    assert_eq!(wrong("{ {today}"), [(0, Violation::Format)]);
    let mut fields = Fields::new();
    check(&mut fields, "macro.body", "a{b}", &BTreeSet::new());
    assert_eq!(
        fields.finish().unwrap_err().violations,
        [("macro.body[1]".to_owned(), Violation::Unknown)]
    );
}

/// Clause SG-2.3: everything that is missing is told at once, each once.
#[test]
fn what_is_not_known_is_not_left_blank() {
    let phrase =
        parse("{value.window}{ticket.promised_time}{ticket.subject}{value.window}").unwrap();
    let bare = Facts {
        subject: String::new(),
        promised_at: None,
        values: BTreeMap::new(),
        ..facts(Language::ZhCn)
    };
    let missing: Vec<_> = phrase
        .render(&bare)
        .unwrap_err()
        .iter()
        .map(Placeholder::name)
        .collect();
    assert_eq!(
        missing,
        ["ticket.subject", "ticket.promised_time", "value.window"]
    );
}
