use kefu_contracts::ticket::StateChange;

use super::*;
use crate::import::drive::tests::planned;

const MAPPING: &str = r#"
    external_ref = "s:{number}"
    [source]
    time_format = "%d-%m-%Y %H:%M"
    null = ["?"]
    [ticket]
    customer = "caller:{caller}"
    kind = "TICKET_KIND_SERVICE_REQUEST"
    channel = "CHANNEL_PHONE"
    subject = "{category?} case"
    category = "{category}"
    impact = { from = "{impact}", map = { M = "LEVEL_MEDIUM", H = "LEVEL_HIGH" } }
    received_time = "{opened}"
    [ticket.history]
    time = "{updated}"
    state = { from = "{state}", map = { New = "TICKET_STATE_NEW", Active = "TICKET_STATE_OPEN", User = "TICKET_STATE_PENDING", Vendor = "TICKET_STATE_PENDING", Resolved = "TICKET_STATE_RESOLVED", Closed = "TICKET_STATE_CLOSED" } }
    waiting_for = { from = "{state}", map = { User = "WAITING_FOR_CUSTOMER", Vendor = "WAITING_FOR_SUPPLIER" }, otherwise = "" }
    resolution = ["code {code}", "no code"]
    reopen_reason = "taken up again"
"#;

/// Plans one ticket from `state impact category minute` rows, opened at 10:10.
fn plan(rows: &[&str]) -> Result<TicketPlan, String> {
    let mut file = "number,caller,opened,state,impact,category,updated,code\n".to_owned();
    for row in rows {
        let [state, impact, category, minute] = row.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{row}")
        };
        file +=
            &format!("1,c,01-03-2016 10:10,{state},{impact},{category},01-03-2016 10:{minute},?\n");
    }
    planned(MAPPING, &[("f.csv", &file)], |mapping| mapping.ticket).remove(0)
}

fn actions(rows: &[&str]) -> Vec<Action> {
    let steps = plan(rows).unwrap().steps;
    steps.into_iter().map(|step| step.action).collect()
}

fn resolve() -> Action {
    Action::Resolve("no code".into())
}

fn reopen() -> Action {
    Action::Reopen("taken up again".into())
}

#[test]
fn each_change_of_state_is_its_call() {
    use Action::{Close, Start, Suspend};
    let rows = [
        "New M ? 10",
        "New M ? 11",
        "Active M ? 12",
        "User M ? 13",
        "Vendor M ? 14",
        "Active M ? 15",
        "Resolved M ? 16",
        "Active M ? 17",
        "Resolved M ? 18",
        "Closed M ? 19",
    ];
    let (customer, vendor) = (WaitingFor::Customer, WaitingFor::Supplier);
    let expected = [
        Start,
        Suspend(customer),
        Suspend(vendor),
        Start,
        resolve(),
        reopen(),
        resolve(),
        Close,
    ];
    assert_eq!(actions(&rows), expected);
}

#[test]
fn a_ticket_may_come_at_any_state_and_skip_some() {
    assert_eq!(actions(&["Active M ? 10"]), [Action::Start]);
    assert_eq!(
        actions(&["User M ? 10"]),
        [Action::Suspend(WaitingFor::Customer)]
    );
    assert_eq!(actions(&["Closed M ? 10"]), [resolve(), Action::Close]);
    assert_eq!(
        actions(&["Resolved M ? 10", "User M ? 11"]),
        [resolve(), reopen(), Action::Suspend(WaitingFor::Customer)]
    );
    let error = plan(&["Active M ? 10", "New M ? 11"]).unwrap_err();
    assert_eq!(
        error,
        "2016-03-01T10:11:00Z: a ticket cannot become new again"
    );
}

#[test]
fn what_is_judged_otherwise_is_said_before_the_state_changes() {
    let plan = plan(&["New M a 10", "Active H a 11", "Active H ? 12"]).unwrap();
    assert_eq!(plan.ticket.category, "a");
    let names: Vec<_> = plan
        .steps
        .iter()
        .map(|step| step.action.leads_to())
        .collect();
    assert_eq!(names, [None, Some(TicketState::Open), None]);
    let Action::Update { before, after } = &plan.steps[0].action else {
        panic!("{plan:?}")
    };
    assert_eq!((before.impact, after.impact), (2, 3));
}

#[test]
fn nothing_happens_before_the_ticket_was_received() {
    let plan = plan(&["Active M ? 05", "Resolved M ? 20"]).unwrap();
    let times: Vec<_> = plan.steps.iter().map(|step| step.at.to_string()).collect();
    assert_eq!(times, ["2016-03-01T10:10:00Z", "2016-03-01T10:20:00Z"]);
}

#[test]
fn what_the_history_tells_is_not_done_again() {
    let plan = plan(&[
        "New M ? 10",
        "Active H ? 11",
        "Resolved H ? 12",
        "Closed M ? 13",
    ])
    .unwrap();
    let change = |to: TicketState, step: usize| StateChange {
        to: to.into(),
        occurred_time: Some(proto_time(plan.steps[step].at)),
        ..StateChange::default()
    };
    let mut ticket = Ticket::default();
    assert_eq!(plan.next_step(&ticket, &[]), 0);
    ticket.history.push(change(TicketState::New, 0));
    ticket.history.push(change(TicketState::Open, 1));
    assert_eq!(plan.next_step(&ticket, &[]), 2);
    ticket.history.push(change(TicketState::Resolved, 2));
    assert_eq!(plan.next_step(&ticket, &[]), 3);
}

const HANDS: &str = r#"
    external_ref = "s:{number}"
    [source]
    time_format = "%d-%m-%Y %H:%M"
    null = ["?"]
    [ticket]
    customer = "caller:{caller}"
    kind = "TICKET_KIND_SERVICE_REQUEST"
    channel = "CHANNEL_PHONE"
    subject = "case"
    received_time = "{opened}"
    [ticket.history]
    time = "{updated}"
    state = { from = "{state}", map = { New = "TICKET_STATE_NEW", Active = "TICKET_STATE_OPEN", Resolved = "TICKET_STATE_RESOLVED", Closed = "TICKET_STATE_CLOSED" } }
    resolution = "done"
    reopen_reason = "again"
    assignee = "{group}"
    resolved_time = "{resolved}"
"#;

/// Plans one ticket from `state group count minute` rows, resolved at the minute.
fn handled(rows: &[&str], counted: bool, resolved: &str) -> Result<Vec<Step>, String> {
    let mapping = match counted {
        true => format!("{HANDS}    reassignments = \"{{count}}\"\n"),
        false => HANDS.to_owned(),
    };
    let resolved = match resolved {
        "?" => resolved.to_owned(),
        minute => format!("01-03-2016 10:{minute}"),
    };
    let mut file = "number,caller,opened,state,group,count,updated,resolved\n".to_owned();
    for row in rows {
        let [state, group, count, minute] = row.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{row}")
        };
        file += &format!(
            "1,c,01-03-2016 10:10,{state},{group},{count},01-03-2016 10:{minute},{resolved}\n"
        );
    }
    let plan = planned(&mapping, &[("f.csv", &file)], |mapping| mapping.ticket).remove(0)?;
    Ok(plan.steps)
}

/// What is done at which minute: `a` assigned, `o` opened, `r` resolved, `c` closed.
fn told(steps: &[Step]) -> Vec<String> {
    let told = steps.iter().map(|step| {
        let what = match &step.action {
            Action::Assign(_) => "a",
            Action::Start | Action::Reopen(_) => "o",
            Action::Resolve(_) => "r",
            Action::Close => "c",
            other => panic!("{other:?}"),
        };
        format!("{what}{}", step.at.strftime("%M"))
    });
    told.collect()
}

#[test]
fn a_ticket_changes_hands_as_often_as_the_rows_count() {
    let rows = [
        "New G1 0 10",
        "Active G1 1 11",
        "Active G2 1 12",
        "Active G3 3 13",
        "Resolved ? 3 14",
        "Closed G3 4 15",
    ];
    let steps = handled(&rows, true, "?").unwrap();
    assert_eq!(
        told(&steps),
        ["a10", "a11", "o11", "a13", "a13", "r14", "a15", "c15"]
    );
    // Without a count, whenever they are other hands.
    let steps = handled(&rows, false, "?").unwrap();
    assert_eq!(told(&steps), ["a10", "o11", "a12", "a13", "r14", "c15"]);
    let whose = steps.iter().filter_map(|step| match &step.action {
        Action::Assign(whose) => Some(whose.as_str()),
        _ => None,
    });
    let names: Vec<_> = whose.collect();
    assert_eq!(names.len(), 3);
    assert!(names.iter().all(|name| name.starts_with("employees/")));
    assert!(names[0] != names[1] && names[1] != names[2]);
    let error = handled(&["New G1 2 10", "Active G1 1 11"], true, "?").unwrap_err();
    assert_eq!(error, "2016-03-01T10:11:00Z: 1 reassignments after 2");
}

#[test]
fn it_was_resolved_when_the_file_says_so() {
    let rows = [
        "Active G1 0 10",
        "Resolved G1 0 12",
        "Resolved G2 1 14",
        "Closed G2 1 18",
    ];
    let of = |minute| told(&handled(&rows, true, minute).unwrap());
    assert_eq!(of("?"), ["a10", "o10", "r12", "a14", "c18"]);
    assert_eq!(of("13"), ["a10", "o10", "r13", "a14", "c18"]);
    assert_eq!(of("16"), ["a10", "o10", "a14", "r16", "c18"]);
    // Neither before what led to it nor past what followed.
    assert_eq!(of("05"), ["a10", "o10", "r10", "a14", "c18"]);
    assert_eq!(of("30"), ["a10", "o10", "a14", "r18", "c18"]);
    // Only the last time: a reopening came between.
    let rows = ["Resolved G1 0 11", "Active G1 0 13", "Resolved G1 0 15"];
    let steps = handled(&rows, true, "16").unwrap();
    assert_eq!(told(&steps), ["a11", "r11", "o13", "r16"]);
}

#[test]
fn hands_that_are_told_of_are_not_changed_again() {
    let steps = handled(&["New G1 0 10", "New G2 1 11", "Active G3 2 12"], true, "?").unwrap();
    let plan = TicketPlan {
        customer: String::new(),
        ticket: Ticket::default(),
        steps,
    };
    let assignment = |step: usize| Assignment {
        to: match &plan.steps[step].action {
            Action::Assign(to) => to.clone(),
            other => panic!("{other:?}"),
        },
        occurred_time: Some(proto_time(plan.steps[step].at)),
        ..Assignment::default()
    };
    let ticket = Ticket::default();
    assert_eq!(plan.next_step(&ticket, &[]), 0);
    assert_eq!(plan.next_step(&ticket, &[assignment(0), assignment(1)]), 2);
    assert!(plan.assigns());
}
