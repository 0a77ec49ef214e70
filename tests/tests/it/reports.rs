//! Reports come by themselves, hold what their readers may see, and stay as they were made.

use std::{collections::BTreeSet, time::Duration};

use jiff::civil::Date as Day;
use kefu_access_control::seed::department_id;
use kefu_contracts::{
    analytics::{
        Audience, Cadence, DownloadReportRequest, GetReportRequest, GetReportRulesRequest,
        ListReportsRequest, ListReportsResponse, Report, ReportChange, ReportDefinition,
        ReportFormat, ReportRules, ReportRulesDefinition, ReportSection, ReviseReportRulesRequest,
        RunReportRequest, report_service_client::ReportServiceClient,
    },
    google::r#type::Date,
    ticket::{Ticket, TicketKind},
};
use kefu_service::{clock::Clock, fields::name, time::to_proto};
use kefu_testkit::{Caller, TestSuite, eventually};
use sqlx::{Connection, PgConnection};
use tonic::{Code, Status};

use crate::records::{enter, open, person, refusal, ticket, violations};

/// Nobody has to have heard of the policy for a while.
const LONG: u32 = 200_000;
const LEADER: &str = "chen.guodong";
/// Heads technical support.
const HEAD: &str = "zhao.lei";
/// Heads the call centre, of which technical support is a part.
const HEAD_ABOVE: &str = "zhang.min";
const ADMINISTRATOR: &str = "han.bing";
const ID: &str = "0190c5a8-0000-7000-8000-00000000ae01";

pub(crate) fn reports(caller: &Caller) -> ReportServiceClient<Caller> {
    ReportServiceClient::new(caller.clone())
}

fn department(code: &str) -> String {
    name("departments", department_id(code))
}

async fn list(caller: &Caller, filter: &str) -> Result<ListReportsResponse, Status> {
    let request = ListReportsRequest {
        filter: filter.into(),
        ..Default::default()
    };
    let page = reports(caller).list_reports(request).await;
    page.map(|page| page.into_inner())
}

async fn get(caller: &Caller, name: &str) -> Result<Report, Status> {
    let request = GetReportRequest { name: name.into() };
    let found = reports(caller).get_report(request).await;
    found.map(|found| found.into_inner())
}

pub(crate) async fn run(caller: &Caller, request: RunReportRequest) -> Result<Report, Status> {
    let made = reports(caller).run_report(request).await;
    made.map(|made| made.into_inner())
}

/// Name, type and content of a file.
pub(crate) async fn download(
    caller: &Caller,
    name: &str,
    format: ReportFormat,
) -> Result<(String, String, Vec<u8>), Status> {
    let request = DownloadReportRequest {
        name: name.into(),
        format: format.into(),
    };
    let mut parts = reports(caller).download_report(request).await?.into_inner();
    let (mut called, mut kind, mut content) = (String::new(), String::new(), Vec::new());
    while let Some(part) = parts.message().await? {
        called.push_str(&part.file_name);
        kind.push_str(&part.content_type);
        content.extend(part.data);
    }
    Ok((called, kind, content))
}

fn count(report: &Report, section: &str) -> i64 {
    let mut figures = report.figures.iter();
    let figure = figures.find(|figure| figure.section == section).unwrap();
    figure.total.as_ref().unwrap().count
}

async fn counted(suite: &TestSuite, sql: &'static str) -> i64 {
    let mut connection = suite.database.connect().await.unwrap();
    let counted = sqlx::query_scalar::<_, i64>(sql);
    counted.fetch_one(&mut connection).await.unwrap()
}

async fn until(suite: &TestSuite, sql: &'static str, expected: i64) {
    eventually(async || (counted(suite, sql).await == expected).then_some(())).await;
}

fn today(suite: &TestSuite) -> Day {
    suite.clock.now().in_tz("Asia/Shanghai").unwrap().date()
}

/// A second after the day: the hour that a report waits for journals has not passed.
async fn end_day(suite: &TestSuite) {
    let (now, tomorrow) = (suite.clock.now(), today(suite).tomorrow().unwrap());
    let midnight = tomorrow.in_tz("Asia/Shanghai").unwrap().timestamp();
    let left = Duration::try_from(midnight.duration_since(now)).unwrap();
    suite.clock.advance(left + Duration::from_secs(61));
    suite.policy_is_fresh().await;
}

fn wire(day: Day) -> Option<Date> {
    Some(Date {
        year: day.year().into(),
        month: day.month().into(),
        day: day.day().into(),
    })
}

/// Clauses OP-3.2, SG-7, CF-6.1: once the day is over there is a report of each department,
/// whichever instance made it, and who heads one reads of it and those below it.
#[tokio::test(flavor = "multi_thread")]
async fn reports_come_by_themselves_once_and_to_whom_they_are_for() {
    let suite = TestSuite::with(|gateway| gateway.max_snapshot_age_seconds = LONG).await;
    let _twin = suite.twin();
    until(&suite, "SELECT count(*) FROM analytics.report_schedule", 4).await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    for login in ["li.wei", "ma.chao"] {
        open(&suite.caller(login).after(&erp), ticket(&customer)).await;
    }
    let day = today(&suite);
    end_day(&suite).await;
    // Every department of the example company has a head.
    let daily = "SELECT count(*) FROM analytics.report WHERE report = 'daily_service'";
    until(&suite, daily, 11).await;
    let of_week = "SELECT count(*) FROM analytics.report WHERE report = 'weekly_department'";
    until(&suite, of_week, if weekly(day) { 11 } else { 0 }).await;
    until(&suite, "SELECT count(*) FROM analytics.report_due", 0).await;
    assert_eq!(
        counted(&suite, daily).await,
        11,
        "by either of the two instances, and once"
    );

    let leader = suite.caller_for(LEADER, "analysis");
    let all = list(&leader, "report = \"daily_service\"").await.unwrap();
    assert_eq!((all.total_size, all.reports.len()), (11, 11));
    let departments: BTreeSet<_> = all.reports.iter().map(|one| &one.department).collect();
    assert_eq!(departments.len(), 11);
    for one in &all.reports {
        assert_eq!((one.first_day, one.last_day), (wire(day), wire(day)));
        assert_eq!((one.run, one.version, one.requester.as_str()), (1, 0, ""));
        assert!(one.late_sources.is_empty() && one.figures.is_empty());
        assert_eq!(one.sources.len(), 5);
    }

    let (head, above) = (
        suite.caller_for(HEAD, "analysis"),
        suite.caller_for(HEAD_ABOVE, "analysis"),
    );
    let own = list(&head, "report = \"daily_service\"")
        .await
        .unwrap()
        .reports;
    assert_eq!(own.len(), 1);
    assert_eq!(own[0].department, department("technical_support"));
    let below = list(&above, "report = \"daily_service\"").await.unwrap();
    assert_eq!(
        below.total_size, 4,
        "the call centre and the desks below it"
    );
    let filter = format!(
        "report = \"daily_service\" AND department = {}",
        department("call_centre")
    );
    let centre = list(&above, &filter).await.unwrap().reports.remove(0);
    let read = get(&head, &own[0].name).await.unwrap();
    assert_eq!((count(&read, "received"), count(&read, "kinds")), (1, 1));
    let read = get(&above, &centre.name).await.unwrap();
    assert_eq!(count(&read, "received"), 2, "what is below counts with it");
    assert_eq!(get(&leader, &centre.name).await.unwrap(), read);

    // What is above them is not there for them; nor is anything for who has no such post.
    let hidden = (Code::NotFound, "NOT_FOUND_OR_OUT_OF_SCOPE".to_owned());
    assert_eq!(
        refusal(&get(&head, &centre.name).await.unwrap_err()),
        hidden
    );
    let file = download(&head, &centre.name, ReportFormat::Html).await;
    assert_eq!(refusal(&file.unwrap_err()), hidden);
    let refused = "SELECT count(*) FROM analytics.journal WHERE type = 'report.refused'";
    assert_eq!(counted(&suite, refused).await, 2);
    for login in ["zheng.xue", "li.wei", ADMINISTRATOR, "sun.li"] {
        let caller = suite.caller_for(login, "analysis");
        let found = list(&caller, "").await;
        match login {
            // Heads training and quality, where nothing was counted.
            "sun.li" => assert_eq!(found.unwrap().reports.len(), 1 + usize::from(weekly(day))),
            _ => assert_eq!(found.unwrap_err().code(), Code::PermissionDenied, "{login}"),
        }
    }
    let other = suite.caller_for(HEAD, "service");
    let wrong = list(&other, "").await.unwrap_err();
    assert_eq!(wrong.code(), Code::PermissionDenied, "for no other purpose");

    // Kept: not even the service may change it.
    let mut own = PgConnection::connect(&suite.database.url_of("analytics").unwrap())
        .await
        .unwrap();
    for change in [
        "UPDATE analytics.report SET run = 2",
        "DELETE FROM analytics.report",
    ] {
        let refused = sqlx::query(change).execute(&mut own).await.unwrap_err();
        assert!(
            refused.to_string().contains("permission denied"),
            "{refused}"
        );
    }
}

/// Whether a week was over with this day.
fn weekly(day: Day) -> bool {
    day.weekday() == jiff::civil::Weekday::Sunday
}

/// Clause OP-3.2: complaints are reported upward; what comes late makes another run, which says
/// in what it differs, and the first stays, to the byte of its files.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_is_run_again_says_what_came_late() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    let month = today(&suite).first_of_month().yesterday().unwrap();
    let at = month.at(12, 0, 0, 0).in_tz("Asia/Shanghai").unwrap();
    let complaint = || Ticket {
        kind: TicketKind::Complaint.into(),
        received_time: Some(to_proto(at.timestamp())),
        ..ticket(&customer)
    };
    open(&erp, complaint()).await;
    let leader = suite.caller_for(LEADER, "analysis").after(&erp);
    let asked = RunReportRequest {
        report: "complaints".into(),
        day: wire(month),
        request_id: ID.into(),
        ..Default::default()
    };
    let first = run(&leader, asked.clone()).await.unwrap();
    assert_eq!((first.run, first.earlier.as_str()), (1, ""));
    assert_eq!(
        (first.first_day, first.last_day),
        (wire(month.first_of_month()), wire(month))
    );
    assert_eq!(
        first.requester,
        format!("employees/{}", kefu_testkit::employee_id(LEADER))
    );
    assert_eq!((count(&first, "received"), count(&first, "share")), (1, 1));
    assert_eq!(first.changes, []);
    let looks = "SELECT count(*) FROM analytics.journal WHERE type = 'report.viewed'";
    let looked = counted(&suite, looks).await;
    assert_eq!(
        run(&leader, asked.clone()).await.unwrap(),
        first,
        "the same call"
    );
    assert_eq!(counted(&suite, looks).await, looked + 1, "shown again");
    let other = RunReportRequest {
        report: "monthly_leaders".into(),
        ..asked.clone()
    };
    let reused = run(&leader, other).await.unwrap_err();
    assert_eq!(refusal(&reused).1, "REQUEST_ID_REUSED");

    let formats = [ReportFormat::Html, ReportFormat::Csv];
    let mut files = Vec::new();
    for format in formats {
        files.push(download(&leader, &first.name, format).await.unwrap());
    }
    let day = month.first_of_month();
    assert_eq!(files[0].0, format!("complaints-{day}-1.html"));
    assert_eq!(files[0].1, "text/html; charset=utf-8");
    let page = String::from_utf8(files[0].2.clone()).unwrap();
    assert!(
        page.contains("Report of complaints")
            && page.contains("<svg")
            && page.contains(&first.sha256)
    );
    assert_eq!(files[1].0, format!("complaints-{day}-1.csv"));
    assert!(files[1].2.starts_with("\u{feff}report,of,run,".as_bytes()));

    // Another complaint of that month is entered now.
    open(&erp, complaint()).await;
    let leader = leader.after(&erp);
    let again = RunReportRequest {
        request_id: String::new(),
        ..asked
    };
    let second = run(&leader, again.clone()).await.unwrap();
    assert_eq!((second.run, &second.earlier), (2, &first.name));
    let mut changes = second.changes.iter();
    let change = changes.find(|one| one.section == "received").unwrap();
    let counts = [&change.earlier, &change.later].map(|row| row.as_ref().unwrap().count);
    assert_eq!(counts, [1, 2]);
    assert!(
        second
            .changes
            .iter()
            .any(|one| one.section == "channels" && one.dimensions == ["phone"])
    );
    assert_eq!(get(&leader, &first.name).await.unwrap(), first, "it stays");
    for (format, file) in formats.into_iter().zip(files) {
        assert_eq!(
            download(&leader, &first.name, format).await.unwrap(),
            file,
            "to the byte"
        );
    }
    let third = run(&leader, again).await.unwrap();
    // What is open grows older, and clocks may have been read meanwhile.
    let sections = &third.definition.as_ref().unwrap().sections;
    let counted = sections.iter().filter(|one| one.metric == "tickets");
    let counted: BTreeSet<_> = counted.map(|one| one.id.as_str()).collect();
    let of_tickets = |one: &&ReportChange| counted.contains(one.section.as_str());
    let came = third.changes.iter().filter(of_tickets).count();
    assert_eq!(came, 0, "no ticket came since");
    let page = download(&leader, &second.name, ReportFormat::Html)
        .await
        .unwrap()
        .2;
    assert!(
        String::from_utf8(page)
            .unwrap()
            .contains("Changed since the run before")
    );
}

/// Clause OP-3.2: what a report says of a day is nothing that it says otherwise of the month that
/// begins with it; the last one of the day is found all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_held_against_one_of_the_same_days() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    let last = today(&suite).first_of_month().yesterday().unwrap();
    let first = last.first_of_month();
    for day in [first, first.tomorrow().unwrap()] {
        let at = day.at(12, 0, 0, 0).in_tz("Asia/Shanghai").unwrap();
        let received = Ticket {
            received_time: Some(to_proto(at.timestamp())),
            department: department("technical_support"),
            ..ticket(&customer)
        };
        open(&erp, received).await;
    }
    let administrator = suite.caller(ADMINISTRATOR);
    let rules = reports(&administrator)
        .get_report_rules(GetReportRulesRequest {})
        .await;
    let mut etag = rules.unwrap().into_inner().etag;
    let head = suite.caller_for(HEAD, "analysis").after(&erp);
    let asked = RunReportRequest {
        report: "evening".into(),
        department: department("technical_support"),
        day: wire(first),
        ..Default::default()
    };
    let mut made = Vec::new();
    for cadence in [Cadence::Daily, Cadence::Monthly, Cadence::Daily] {
        let mut definition = evening();
        definition.reports[0].cadence = cadence.into();
        let revised = revise(&administrator, definition, &etag).await;
        etag = revised.unwrap().etag;
        made.push(run(&head, asked.clone()).await.unwrap());
    }
    let [day, month, again] = made.as_slice() else {
        panic!("{made:?}");
    };
    let counts = [day, month, again].map(|one| count(one, "received"));
    assert_eq!(counts, [1, 2, 1]);
    assert_eq!([day.run, month.run, again.run], [1, 2, 3]);
    assert_eq!((month.first_day, month.last_day), (wire(first), wire(last)));
    assert_eq!((month.earlier.as_str(), month.changes.len()), ("", 0));
    assert_eq!((&again.earlier, again.changes.len()), (&day.name, 0));
}

/// Clause CF-6.1: a report is made by hand by who reaches all that it is of, and of what is over.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_makes_a_report_of_what_is_not_theirs() {
    let suite = TestSuite::start().await;
    let leader = suite.caller_for(LEADER, "analysis");
    let (head, above) = (
        suite.caller_for(HEAD, "analysis"),
        suite.caller_for(HEAD_ABOVE, "analysis"),
    );
    let yesterday = today(&suite).yesterday().unwrap();
    let of = |report: &str, department: &str| RunReportRequest {
        report: report.into(),
        department: match department {
            "" => String::new(),
            code => self::department(code),
        },
        day: wire(yesterday),
        request_id: String::new(),
    };
    let own = run(&head, of("daily_service", "technical_support"))
        .await
        .unwrap();
    assert_eq!(own.department, department("technical_support"));
    assert_eq!(own.departments[0].title, "技术支持部");
    run(&above, of("daily_service", "technical_support"))
        .await
        .unwrap();
    run(&leader, of("daily_service", "technical_support"))
        .await
        .unwrap();

    let hidden = (Code::NotFound, "NOT_FOUND_OR_OUT_OF_SCOPE".to_owned());
    let company = RunReportRequest {
        day: wire(yesterday.first_of_month().yesterday().unwrap()),
        ..of("complaints", "")
    };
    for (caller, request) in [
        (&head, of("daily_service", "call_centre")),
        (&head, of("daily_service", "sales")),
        (&above, company.clone()),
        (
            &leader,
            RunReportRequest {
                department: format!("departments/{ID}"),
                ..of("daily_service", "")
            },
        ),
    ] {
        assert_eq!(refusal(&run(caller, request).await.unwrap_err()), hidden);
    }
    run(&leader, company).await.unwrap();
    for login in ["zheng.xue", "li.wei", ADMINISTRATOR] {
        let caller = suite.caller_for(login, "analysis");
        let refused = run(&caller, of("daily_service", "marketing"))
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{login}");
    }

    let today = RunReportRequest {
        day: wire(today(&suite)),
        ..of("daily_service", "")
    };
    let wrong = run(&leader, today).await.unwrap_err();
    assert_eq!(violations(&wrong), ["department", "day"]);
    let wrong = run(&leader, of("gossip", "")).await.unwrap_err();
    assert_eq!(violations(&wrong), ["report"]);
    let wrong = run(&leader, of("monthly_leaders", "sales"))
        .await
        .unwrap_err();
    assert!(violations(&wrong).contains(&"department".to_owned()));
}

fn evening() -> ReportRulesDefinition {
    ReportRulesDefinition {
        time_zone: "Asia/Shanghai".into(),
        reports: vec![ReportDefinition {
            id: "evening".into(),
            title_zh: "晚间小结".into(),
            cadence: Cadence::Daily.into(),
            audience: Audience::Departments.into(),
            departments: vec![department("technical_support")],
            sections: vec![ReportSection {
                id: "received".into(),
                title_zh: "当日受理".into(),
                metric: "tickets".into(),
                ..Default::default()
            }],
            ..Default::default()
        }],
    }
}

pub(crate) async fn revise(
    caller: &Caller,
    definition: ReportRulesDefinition,
    etag: &str,
) -> Result<ReportRules, Status> {
    let request = ReviseReportRulesRequest {
        definition: Some(definition),
        reason: "只要晚间小结".into(),
        etag: etag.into(),
        ..Default::default()
    };
    let rules = reports(caller).revise_report_rules(request).await;
    rules.map(|rules| rules.into_inner())
}

/// Clause SG-7: which reports there are is the company's to say, in versions, and each report says
/// by which it was made.
#[tokio::test(flavor = "multi_thread")]
async fn the_company_says_which_reports_there_are() {
    let suite = TestSuite::with(|gateway| gateway.max_snapshot_age_seconds = LONG).await;
    let administrator = suite.caller(ADMINISTRATOR);
    let anybody = suite.caller_for("song.yue", "");
    let rules = reports(&anybody)
        .get_report_rules(GetReportRulesRequest {})
        .await;
    let rules = rules.unwrap().into_inner();
    let shipped = rules.versions[0].definition.as_ref().unwrap();
    let ids: Vec<_> = shipped.reports.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "daily_service",
            "weekly_department",
            "monthly_leaders",
            "complaints"
        ]
    );

    let refused = revise(&suite.caller(LEADER), evening(), &rules.etag).await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
    let mut wrong = evening();
    wrong.reports[0].sections[0].metric = "happiness".into();
    wrong.reports[0].departments.push("departments/all".into());
    let wrong = revise(&administrator, wrong, &rules.etag)
        .await
        .unwrap_err();
    assert_eq!(
        violations(&wrong),
        [
            "definition.reports[0].departments[1]",
            "definition.reports[0].sections[0].metric",
        ]
    );
    let revised = revise(&administrator, evening(), &rules.etag)
        .await
        .unwrap();
    assert_eq!(revised.versions.len(), 2);
    let late = revise(&administrator, evening(), &rules.etag)
        .await
        .unwrap_err();
    assert_eq!(refusal(&late).1, "ETAG_MISMATCH");

    let begun = "SELECT count(*) FROM analytics.report_schedule WHERE report = 'evening'";
    until(&suite, begun, 1).await;
    end_day(&suite).await;
    let made = "SELECT count(*) FROM analytics.report WHERE report = 'evening'";
    until(&suite, made, 1).await;
    let head = suite.caller_for(HEAD, "analysis");
    let found = list(&head, "report = \"evening\"").await.unwrap().reports;
    assert_eq!((found.len(), found[0].version), (1, 1));
    assert_eq!(found[0].definition.as_ref(), evening().reports.first());
    let others = "SELECT count(*) FROM analytics.report WHERE report <> 'evening'";
    assert_eq!(
        counted(&suite, others).await,
        0,
        "none of those that are no longer wanted"
    );
}
