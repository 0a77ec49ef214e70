//! What assessments are counted and opened with: figures within what the one above may see, at
//! one moment, and who is asked to score.

use aws_lc_rs::digest::{SHA256, digest};
use jiff::{SignedDuration, Timestamp};
use kefu_contracts::{
    analytics::{
        AssessmentRatingKind, AssessmentResult, AssessmentRulesVersion, AssessmentScheme,
        AssessmentSource, AssessmentState, QueryMetricRequest, SourceFreshness,
    },
    journal::{AssessmentAct, AssessmentChanged, event},
};
use kefu_service::{core::Core, error::Fault, fields::name, time::to_proto};
use prost::Message;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    domain::{
        assessment::{
            ASSESSMENTS, LEAST_COLLEAGUES,
            draw::draw,
            find, is_given, of_number,
            score::{self, Known},
        },
        company::Company,
        period::{Days, Zone, wire},
        question::{Door, Question},
        report::cadence::over_at,
    },
    jobs::{freshness, sources},
    maker::{Maker, context},
    store::{
        assessments::{self, New, StoredAssessment},
        generations,
        query::{self, Asked, Exact},
        ratings::{self, Given},
        versions,
    },
};

/// What it takes to assess.
#[derive(Clone)]
pub(crate) struct Assessor {
    pub(crate) core: Core,
    maker: Maker,
}

/// The figures of one person, counted in one moment.
#[derive(Debug, Clone)]
pub(crate) struct Figures {
    /// By the criteria of the scheme; none of what people give.
    all: Vec<Option<Exact>>,
    counted_at: Timestamp,
    generation: i32,
    sources: Vec<SourceFreshness>,
    late_sources: Vec<String>,
}

/// The scheme of an assessment, and the zone of its days.
#[derive(Debug, Clone)]
pub(crate) struct Ruled {
    pub(crate) scheme: AssessmentScheme,
    pub(crate) zone: Zone,
}

impl Ruled {
    /// Of a version, by number.
    pub(crate) fn of(
        versions: &[AssessmentRulesVersion],
        number: i32,
        scheme: &str,
    ) -> Result<Self, Fault> {
        let rules = of_number(versions, number);
        let scheme = rules.and_then(|rules| find(rules, scheme));
        let zone = rules.and_then(|rules| Zone::parse(&rules.time_zone));
        match (scheme, zone) {
            (Some(scheme), Some(zone)) => Ok(Self {
                scheme: scheme.clone(),
                zone,
            }),
            _ => Err(Fault::internal("an assessment by no scheme")),
        }
    }
}

impl Assessor {
    pub(crate) fn new(core: &Core, maker: Maker) -> Self {
        Self {
            core: core.clone(),
            maker,
        }
    }

    /// The people and departments as they are now.
    pub(crate) async fn company(&self) -> Result<Company, Fault> {
        self.maker.company().await
    }

    /// The rules that an assessment was opened by.
    pub(crate) async fn ruled(&self, row: &StoredAssessment) -> Result<Ruled, Fault> {
        let db = &self.core.deps.db;
        let versions = db.run(|connection| Box::pin(versions::assessments(connection)));
        Ruled::of(
            &versions.await?,
            row.record.rules_version,
            &row.record.scheme,
        )
    }

    /// Counts the figures of somebody's assessment: of the records of the department that it is
    /// kept in and of those below, which are those that the one above may see.
    pub(crate) async fn figures(
        &self,
        row: &StoredAssessment,
        ruled: &Ruled,
        company: &Company,
    ) -> Result<Figures, Fault> {
        let deps = &self.core.deps;
        let now = deps.clock.now();
        let questions = ruled.scheme.criteria.iter().map(|criterion| {
            if is_given(criterion.source()) {
                return Ok(None);
            }
            let request = QueryMetricRequest {
                metric: criterion.metric.clone(),
                first_day: Some(wire(row.first_day)),
                last_day: Some(wire(row.last_day)),
                ..QueryMetricRequest::default()
            };
            Question::read(&request, &ruled.zone, Door::Staff).map(Some)
        });
        let questions: Vec<Option<Question>> = questions.collect::<Result<_, _>>()?;
        let context = context(row.department.map(|id| company.reach(id)), now);
        // Before the figures: they are then at least as fresh as is said.
        let days = Days {
            first: row.first_day,
            last: row.last_day,
        };
        let over = over_at(days, &ruled.zone);
        let late_sources = over.map(|over| self.maker.late(over)).unwrap_or_default();
        let mut freshness = freshness(&self.core.progress, now);
        let person = row.employee;
        let counted = deps.db.snapshot(move |connection| {
            Box::pin(async move {
                let live = generations::live(connection).await?;
                let positions = generations::places(connection, &sources(), live).await?;
                let mut all = Vec::new();
                for question in &questions {
                    all.push(match question {
                        None => None,
                        Some(question) => {
                            let asked = Asked {
                                question,
                                context: &context,
                                now,
                                live,
                                days: false,
                                told: None,
                                of_heads: false,
                                working: None,
                            };
                            Some(query::of_person(connection, &asked, person).await?)
                        }
                    });
                }
                Ok((live, positions, all))
            })
        });
        let (generation, positions, all) = counted.await?;
        for (source, (_, position, _)) in freshness.iter_mut().zip(positions) {
            source.position = position;
        }
        Ok(Figures {
            all,
            counted_at: now,
            generation,
            sources: freshness,
            late_sources,
        })
    }
}

/// What an assessment comes to: figures, and what was given so far.
pub(crate) fn result(
    scheme: &AssessmentScheme,
    figures: &Figures,
    given: &[Given],
) -> Result<AssessmentResult, Fault> {
    let criteria = scheme.criteria.iter().zip(&figures.all);
    let criteria = criteria.map(|(criterion, figure)| {
        let known = match figure {
            Some(exact) => Known::Figure {
                sum: exact.sum,
                count: exact.count,
            },
            None => Known::Given(points(given, criterion.source(), &criterion.id)),
        };
        score::criterion(criterion, &known)
    });
    let mut result = AssessmentResult {
        criteria: criteria.collect(),
        count_time: Some(to_proto(figures.counted_at)),
        generation: figures.generation,
        sources: figures.sources.clone(),
        late_sources: figures.late_sources.clone(),
        ..AssessmentResult::default()
    };
    score::total(scheme, &mut result)?;
    Ok(result)
}

fn points(given: &[Given], source: AssessmentSource, criterion: &str) -> Vec<i32> {
    let kind = match source {
        AssessmentSource::Superior => AssessmentRatingKind::Superior,
        _ => AssessmentRatingKind::Colleague,
    };
    let theirs = given.iter().filter(|one| one.kind == kind);
    let points = theirs.filter_map(|one| {
        let mut all = one.points.as_ref()?.iter();
        all.find(|points| points.criterion == criterion)
    });
    points.map(|points| points.points).collect()
}

/// Whether nothing more is to be waited for: all have scored; or the time is over and the one
/// above has.
pub(crate) fn is_complete(given: &[Given], is_over: bool) -> bool {
    let mut missing = given.iter().filter(|one| one.points.is_none());
    match is_over {
        true => missing.all(|one| one.kind == AssessmentRatingKind::Colleague),
        false => missing.next().is_none(),
    }
}

/// A result as it is kept, and its digest.
pub(crate) fn kept(result: &AssessmentResult) -> (Vec<u8>, Vec<u8>) {
    let content = result.encode_to_vec();
    let sha256 = digest(&SHA256, &content).as_ref().to_vec();
    (content, sha256)
}

/// Somebody's assessment, about to be opened.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) new: New,
    pub(crate) asked: Vec<ratings::New>,
}

/// Who assesses somebody by a scheme: the one above, and the colleagues that were named; none:
/// those that are drawn. `None` where there is nobody above.
pub(crate) fn plan(
    core: &Core,
    company: &Company,
    scheme: &AssessmentScheme,
    person: Uuid,
    named: &[Uuid],
    now: Timestamp,
) -> Result<Option<Planned>, Fault> {
    let Some(superior) = company.superior(person) else {
        return Ok(None);
    };
    let ids = &core.deps.ids;
    let id = ids.next()?;
    let has = |source| scheme.criteria.iter().any(|one| one.source() == source);
    let mut raters = Vec::new();
    if has(AssessmentSource::Superior) {
        raters.push((AssessmentRatingKind::Superior, superior.id));
    }
    if has(AssessmentSource::Colleague) {
        let count = usize::try_from(scheme.colleagues).unwrap_or_default();
        let drawn = match named.is_empty() {
            true => draw(id, &company.colleagues(person), count),
            false => named.to_vec(),
        };
        // What fewer say counts for nothing: then nobody is asked.
        let asked = drawn
            .into_iter()
            .map(|one| (AssessmentRatingKind::Colleague, one));
        let asked: Vec<_> = asked.collect();
        if asked.len() >= LEAST_COLLEAGUES {
            raters.extend(asked);
        }
    }
    let asked = raters.into_iter().map(|(kind, rater)| {
        Ok(ratings::New {
            id: ids.next()?,
            assessment: id,
            kind,
            rater,
        })
    });
    let asked: Vec<ratings::New> = asked.collect::<Result<_, Fault>>()?;
    let new = New {
        id,
        scheme: scheme.id.clone(),
        employee: person,
        superior: superior.id,
        department: superior.department,
        score_until: days_from(now, scheme.scoring_days)?,
        state: match asked.is_empty() {
            true => AssessmentState::Ready,
            false => AssessmentState::Collecting,
        },
    };
    Ok(Some(Planned { new, asked }))
}

/// So many days later.
pub(crate) fn days_from(now: Timestamp, days: i32) -> Result<Timestamp, Fault> {
    let later = now.checked_add(SignedDuration::from_hours(24 * i64::from(days)));
    later.map_err(|_| Fault::internal("a day beyond the calendar"))
}

/// What is opened, for the journal.
pub(crate) fn opened(planned: &Planned, version: i32) -> (String, event::Event) {
    let new = &planned.new;
    let bytes = |id: Uuid| id.as_bytes().to_vec();
    let event = AssessmentChanged {
        assessment_id: bytes(new.id),
        act: AssessmentAct::Opened.into(),
        state: new.state.into(),
        employee_id: bytes(new.employee),
        department_id: new.department.map(bytes).unwrap_or_default(),
        superior_id: bytes(new.superior),
        version,
        scheme: new.scheme.clone(),
        result_sha256: Vec::new(),
        revision: 1,
    };
    (
        name(ASSESSMENTS, new.id),
        event::Event::AssessmentChanged(event),
    )
}

/// What happened to an assessment, for the journal: as it is afterwards, but for what it came to.
pub(crate) fn changed(now: &StoredAssessment, act: AssessmentAct) -> (String, event::Event) {
    let bytes = |id: Uuid| id.as_bytes().to_vec();
    let result = now.record.result.as_ref();
    let event = AssessmentChanged {
        assessment_id: bytes(now.id),
        act: act.into(),
        state: now.state.into(),
        employee_id: bytes(now.employee),
        department_id: now.department.map(bytes).unwrap_or_default(),
        superior_id: bytes(now.superior),
        version: now.record.rules_version,
        scheme: now.record.scheme.clone(),
        result_sha256: result.map(|result| kept(result).1).unwrap_or_default(),
        revision: now.revision,
    };
    (
        now.record.name.clone(),
        event::Event::AssessmentChanged(event),
    )
}

/// An assessment as a change left it.
pub(crate) async fn again(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<StoredAssessment, Fault> {
    let row = assessments::lock(connection, id).await?;
    row.ok_or_else(|| Fault::internal("an assessment that is not there"))
}
