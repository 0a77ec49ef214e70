//! Makes reports: counts what a definition asks for, within what its audience may see and at one
//! moment, and keeps it beside what was said of the same period before.

use std::{collections::BTreeSet, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use jiff::{SignedDuration, Timestamp, civil};
use kefu_access::{AccessContext, Purpose, Rule, Scope, Subject, SubjectKind};
use kefu_contracts::{
    ClassSet,
    access::{
        WatchSnapshotRequest, WatchSnapshotResponse, snapshot_service_client::SnapshotServiceClient,
    },
    analytics::{DepartmentTitle, Dimension, Report, ReportDefinition, ReportFigure},
    journal::{ReportMade, event},
};
use kefu_service::{
    core::Core,
    error::Fault,
    facts,
    fields::{name, parse_name},
    peer::PeerService,
    time::to_proto,
};
use prost::Message;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    domain::{
        company::Company,
        organisation::Organisation,
        period::{Days, Zone, wire},
        question::Question,
        report::{DEPARTMENTS, changes::changes, section},
    },
    jobs::{SOURCES, freshness, sources},
    store::{
        generations,
        query::{self, Asking, Compared},
        reports::{self, New, Of, REPORTS},
    },
};

/// So long after a period journals that lag are waited for; then it is counted and says so.
const PATIENCE: SignedDuration = SignedDuration::from_hours(1);
/// Calls record the moment at which they began; so long after it even a slow one has begun to
/// write, or never will: the services' longest deadline.
const CALLS_END: SignedDuration = SignedDuration::from_secs(60);
/// All figures of a report together; each is bounded as any other statement.
const BOUND: Duration = Duration::from_secs(120);
/// The first message has everybody in it: ten thousand employees are some four megabytes.
const LARGEST_MESSAGE: usize = 256 * 1024 * 1024;

/// What it takes to make reports.
#[derive(Clone)]
pub(crate) struct Maker {
    pub(crate) core: Core,
    access_control: PeerService,
}

/// A report that is wanted.
#[derive(Clone)]
pub(crate) struct Wanted {
    /// Of the rules.
    pub(crate) version: i32,
    pub(crate) zone: Zone,
    pub(crate) definition: ReportDefinition,
    /// None: of the whole company.
    pub(crate) department: Option<Uuid>,
    pub(crate) period: Days,
    /// When the period was over.
    pub(crate) over_at: Timestamp,
    /// Resource name of who asked; empty: nobody.
    pub(crate) requester: String,
}

/// What was counted in one moment.
struct Counted {
    generation: i32,
    /// Last entry that is counted, of each journal.
    positions: Vec<i64>,
    figures: Vec<ReportFigure>,
}

impl Maker {
    pub(crate) fn new(core: &Core, access_control: PeerService) -> Self {
        Self {
            core: core.clone(),
            access_control,
        }
    }

    /// The departments as they are now.
    pub(crate) async fn organisation(&self) -> Result<Organisation, Fault> {
        let all = self.policy().await?;
        Ok(Organisation::of(&all.departments))
    }

    /// The people and departments as they are now.
    pub(crate) async fn company(&self) -> Result<Company, Fault> {
        let all = self.policy().await?;
        Ok(Company::of(&all, self.core.deps.clock.now()))
    }

    /// Departments, people and what they hold, as they are now.
    async fn policy(&self) -> Result<WatchSnapshotResponse, Fault> {
        let mut client = SnapshotServiceClient::new(self.access_control.clone())
            .max_decoding_message_size(LARGEST_MESSAGE);
        let policy = client.watch_snapshot(WatchSnapshotRequest {}).await;
        let mut policy = policy.map_err(|status| facts::fault(&status))?.into_inner();
        let first = policy.message().await;
        let first = first.map_err(|status| facts::fault(&status))?;
        let all = first.filter(|message| message.full);
        all.ok_or_else(|| Fault::internal("a policy that does not begin with all of it"))
    }

    /// Journals that had not been read up to then, as far as is known here.
    pub(crate) fn late(&self, over_at: Timestamp) -> Vec<String> {
        let progress = &self.core.progress;
        let late = SOURCES.iter().filter(|source| {
            let caught_up_at = progress.caught_up_at(source);
            caught_up_at.is_none_or(|at| at < over_at)
        });
        late.map(|source| (*source).to_owned()).collect()
    }

    /// Whether a period that was over at this moment can be counted: all that was recorded in it has
    /// been read, or it has been waited for long enough.
    pub(crate) fn is_due(&self, over_at: Timestamp) -> bool {
        let waited = self.core.deps.clock.now().duration_since(over_at);
        waited >= PATIENCE || self.late(over_at + CALLS_END).is_empty()
    }

    /// Counts a report; it has no name and no run before it is [kept](keep).
    pub(crate) async fn count(
        &self,
        wanted: &Wanted,
        organisation: &Organisation,
    ) -> Result<Report, Fault> {
        let deps = &self.core.deps;
        let now = deps.clock.now();
        let cadence = wanted.definition.cadence();
        let sections = wanted.definition.sections.iter();
        let questions = sections.map(|section| {
            let (period, zone) = (wanted.period, &wanted.zone);
            let question = section::question(section, cadence, period, zone, &query::kind);
            question.map(|question| (section.id.clone(), question))
        });
        let questions: Vec<_> = questions.collect::<Result<_, _>>()?;
        let context = context(wanted.department.map(|id| organisation.reach(id)), now);
        // Before the figures: they are then at least as fresh as is said.
        let late_sources = self.late(wanted.over_at);
        let mut sources = freshness(&self.core.progress, now);
        let last = wanted.period.last;
        let db = deps.db.within(BOUND);
        let counted = db.snapshot(move |connection| {
            Box::pin(async move { look(connection, &questions, &context, now, last).await })
        });
        let counted = counted.await?;
        for (source, position) in sources.iter_mut().zip(&counted.positions) {
            source.position = *position;
        }
        let department = wanted.department.map(|id| name(DEPARTMENTS, id));
        let departments = titles(
            &counted.figures,
            &wanted.definition,
            department.as_deref(),
            organisation,
        );
        Ok(Report {
            report: wanted.definition.id.clone(),
            version: wanted.version,
            definition: Some(wanted.definition.clone()),
            department: department.unwrap_or_default(),
            first_day: Some(wire(wanted.period.first)),
            last_day: Some(wire(last)),
            time_zone: wanted.zone.name().to_owned(),
            make_time: Some(to_proto(now)),
            requester: wanted.requester.clone(),
            generation: counted.generation,
            sources,
            late_sources,
            figures: counted.figures,
            departments,
            ..Report::default()
        })
    }

    /// The figure that answers a question, within departments, or the whole company; and of which
    /// generation it is.
    pub(crate) async fn figure(
        &self,
        question: Question,
        departments: Option<Vec<Uuid>>,
    ) -> Result<(i32, ReportFigure), Fault> {
        let now = self.core.deps.clock.now();
        let context = context(departments, now);
        let asked = [(String::new(), question)];
        let db = self.core.deps.db.within(BOUND);
        let counted = db.snapshot(move |connection| {
            Box::pin(async move {
                look(connection, &asked, &context, now, civil::Date::default()).await
            })
        });
        let counted = counted.await?;
        let figure = counted.figures.into_iter().next();
        Ok((counted.generation, figure.unwrap_or_default()))
    }
}

/// Keeps a report as the next run, with what it says otherwise than the last one of its period; as
/// it is answered, and for the journal.
pub(crate) async fn keep(
    connection: &mut PgConnection,
    id: Uuid,
    wanted: &Wanted,
    counted: &Report,
) -> Result<(Report, event::Event), Fault> {
    let of = Of {
        report: &wanted.definition.id,
        department: wanted.department,
        first_day: wanted.period.first,
    };
    let (run, last) = reports::hold_last(connection, of, counted).await?;
    let mut report = Report {
        name: name(REPORTS, id),
        run: run + 1,
        ..counted.clone()
    };
    if let Some(last) = last {
        report.changes = changes(&last, &report);
        report.earlier = last.name;
    }
    let content = report.encode_to_vec();
    let sha256 = digest(&SHA256, &content);
    let made_at = report.make_time.as_ref();
    let made_at = made_at.and_then(kefu_service::time::from_proto);
    let new = New {
        id,
        of,
        run: report.run,
        made_at: made_at.ok_or_else(|| Fault::internal("a report of no time"))?,
        content: &content,
        sha256: sha256.as_ref(),
    };
    reports::keep(connection, &new).await?;
    report.sha256 = reports::hex(sha256.as_ref());
    let made = ReportMade {
        report_id: id.as_bytes().to_vec(),
        report: report.report.clone(),
        version: report.version,
        department_id: wanted
            .department
            .map(|id| id.as_bytes().to_vec())
            .unwrap_or_default(),
        run: report.run,
    };
    Ok((report, event::Event::ReportMade(made)))
}

/// What a report, or an assessment, may look at: what its audience may see, and nothing else.
pub(crate) fn context(departments: Option<Vec<Uuid>>, now: Timestamp) -> AccessContext {
    let rule = Rule {
        scope: departments.map_or(Scope::All, Scope::Departments),
        classes: ClassSet::default(),
        source: "report".to_owned(),
        expires_at: None,
    };
    AccessContext {
        subject: Subject {
            id: Uuid::nil(),
            kind: SubjectKind::Service,
            departments: Vec::new(),
        },
        permission: "analytics.reports.run".to_owned(),
        purpose: Purpose::Analysis,
        rules: vec![rule],
        policy_revision: 0,
        issued_at: now,
        expires_at: now,
    }
}

async fn look(
    connection: &mut PgConnection,
    questions: &[(String, Question)],
    context: &AccessContext,
    now: Timestamp,
    last: civil::Date,
) -> Result<Counted, Fault> {
    let live = generations::live(connection).await?;
    let positions = generations::places(connection, &sources(), live).await?;
    let asking = Asking {
        context,
        now,
        live,
        told: None,
    };
    let mut figures = Vec::new();
    for (section, question) in questions {
        let Compared { figure, before } = query::compared(connection, question, &asking).await?;
        figures.push(ReportFigure {
            section: section.clone(),
            first_day: question.days.map(|days| wire(days.first)),
            last_day: Some(wire(last)),
            rows: figure.rows,
            total: Some(figure.total),
            truncated: figure.truncated,
            before: before.map(Into::into),
        });
    }
    Ok(Counted {
        generation: live,
        positions: positions.into_iter().map(|(_, live, _)| live).collect(),
        figures,
    })
}

/// What all departments that a report names are called now.
fn titles(
    figures: &[ReportFigure],
    definition: &ReportDefinition,
    own: Option<&str>,
    organisation: &Organisation,
) -> Vec<DepartmentTitle> {
    let mut named: BTreeSet<&str> = own.into_iter().collect();
    for (figure, section) in figures.iter().zip(&definition.sections) {
        let by = |one: &i32| *one == Dimension::Department as i32;
        let Some(at) = section.group_by.iter().position(by) else {
            continue;
        };
        let before = figure.before.iter().flat_map(|before| &before.rows);
        let rows = figure.rows.iter().chain(before);
        named.extend(rows.filter_map(|row| row.dimensions.get(at).map(String::as_str)));
    }
    let titles = named.into_iter().filter_map(|department| {
        let id = parse_name(department, DEPARTMENTS)?;
        Some(DepartmentTitle {
            department: department.to_owned(),
            title: organisation.title(id)?.to_owned(),
        })
    });
    titles.collect()
}
