use kefu_access::Clearance;
use kefu_contracts::{
    ClassSet,
    analytics::{
        FigureRecord, ListFigureRecordsRequest, ListFigureRecordsResponse, ListStaffRecordsRequest,
        ListStaffRecordsResponse,
    },
    policy::DataClass,
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, name},
    page::{self, Binding},
    present::Shown,
    scope::After,
    time,
};
use sqlx::PgConnection;

use super::{Metrics, query::inner};
use crate::{
    domain::{
        catalogue::Population,
        perturbation::is_exact,
        question::{Door, Question},
    },
    error::from_figure,
    store::{
        generations,
        query::{
            Asked,
            records::{self, Counted, Named, Opened},
        },
    },
};

/// What is asked for.
#[derive(Clone)]
struct Wanted {
    question: Question,
    /// Of the row.
    dimensions: Vec<String>,
    size: usize,
    after: Option<After>,
}

impl Metrics {
    /// Clauses SG-7, CF-6.1.
    pub(super) async fn list_records(
        &self,
        call: Call,
        request: ListFigureRecordsRequest,
    ) -> Result<Answer<ListFigureRecordsResponse>, Fault> {
        Ok(Answer::read(
            self.open(&call, request, Door::Records).await?,
        ))
    }

    /// Clause OP-4.2.
    pub(super) async fn list_staff_records(
        &self,
        call: Call,
        request: ListStaffRecordsRequest,
    ) -> Result<Answer<ListStaffRecordsResponse>, Fault> {
        let missing = || Fault::fields(vec![("row".into(), Violation::Required)]);
        let row = request.row.ok_or_else(missing)?;
        let records = Some(self.open(&call, row, Door::StaffRecords).await?);
        Ok(Answer::read(ListStaffRecordsResponse { records }))
    }

    async fn open(
        &self,
        call: &Call,
        request: ListFigureRecordsRequest,
        door: Door,
    ) -> Result<ListFigureRecordsResponse, Fault> {
        let key = self.core.deps.vault.index_key();
        let wanted = self.wanted(&request, door)?;
        let binding = Binding::of(call, &row_of(&request), "");
        let wanted = Wanted {
            after: binding.after(key, &request.page_token)?,
            ..wanted
        };
        let (looked, asking) = (wanted.clone(), call.clone());
        let found = self.core.deps.db.snapshot(move |connection| {
            Box::pin(async move { look(connection, &looked, &asking).await })
        });
        let (counted, mut found) = found.await?;
        let more = found.len() > wanted.size;
        found.truncate(wanted.size);
        let last = found.last().filter(|_| more);
        let next_page_token = last
            .map(|last| {
                let after = After {
                    at: last.at,
                    id: last.id,
                };
                binding.token(key, after)
            })
            .unwrap_or_default();
        let shown = shown(call, &wanted.question, &found);
        self.core
            .views
            .record(call, "metric.opened", &shown)
            .await?;
        let metric = wanted.question.metric;
        let records = metric.records();
        let is_timed = !matches!(
            metric.of,
            Population::FormerlyActive | Population::Cohorts | Population::Buyers
        );
        let named = found.iter().map(|one| FigureRecord {
            name: name(records.collection.unwrap_or_default(), one.id),
            time: Some(time::to_proto(one.at)).filter(|_| is_timed),
            counted: one.counted,
        });
        let response = ListFigureRecordsResponse {
            records: named.collect(),
            next_page_token,
            named_count: counted.named,
            hidden_count: counted.hidden,
            ..Default::default()
        };
        if is_exact(&call.context, call.now, &wanted.question) {
            return Ok(response);
        }
        let hidden = self.aggregates.count(counted.heads, counted.behind);
        Ok(ListFigureRecordsResponse {
            hidden_count: hidden.unwrap_or_default(),
            hidden_suppressed: hidden.is_none(),
            approximation: Some(self.aggregates.to_proto()),
            ..response
        })
    }

    fn wanted(&self, request: &ListFigureRecordsRequest, door: Door) -> Result<Wanted, Fault> {
        let query = inner(request.query.clone())?;
        let question = Question::read(&query, &self.zone, door)?;
        let mut fields = Fields::new();
        let is_one_by_one = question.metric.of != Population::Reads;
        fields.ensure(is_one_by_one, "metric", Violation::NotApplicable);
        for (plain, field) in [
            (!query.fill_gaps, "fill_gaps"),
            (!query.compare, "compare"),
            (query.limit == 0, "limit"),
        ] {
            fields.ensure(plain, field, Violation::NotApplicable);
        }
        let is_whole = request.dimensions.len() == question.group_by.len();
        fields.ensure(is_whole, "dimensions", Violation::Contradiction);
        let size = page::size(&mut fields, request.page_size);
        fields.finish()?;
        Ok(Wanted {
            question,
            dimensions: request.dimensions.clone(),
            size,
            after: None,
        })
    }
}

/// What a page token is bound to: everything that says which row is opened.
fn row_of(request: &ListFigureRecordsRequest) -> String {
    format!("{:?} {:?}", request.query, request.dimensions)
}

async fn look(
    connection: &mut PgConnection,
    wanted: &Wanted,
    call: &Call,
) -> Result<(Counted, Vec<Named>), Fault> {
    let opened = Opened {
        asked: Asked {
            question: &wanted.question,
            context: &call.context,
            now: call.now,
            live: generations::live(connection).await?,
            // They name no orders.
            days: false,
            told: None,
            of_heads: !is_exact(&call.context, call.now, &wanted.question),
            working: None,
        },
        dimensions: &wanted.dimensions,
    };
    let mut count = opened.count();
    let counted = count.build().fetch_one(&mut *connection).await;
    let counted = records::read_counted(&counted.map_err(from_figure)?)?;
    let mut page = opened.page(wanted.after, wanted.size);
    let rows = page.build().fetch_all(connection).await;
    let named = records::read_named(&rows.map_err(from_figure)?)?;
    Ok((counted, named))
}

/// That a row was opened is journaled, and each record that is named, by the rules that let it
/// through: a name shows no class but SYSTEM.
fn shown(call: &Call, question: &Question, named: &[Named]) -> Vec<Shown> {
    let classes = ClassSet::of(&[DataClass::System]);
    let clearance = |matched: i64| Clearance {
        classes,
        ..call.context.clearance(matched, call.now)
    };
    let metric = Shown {
        resource: format!("metrics/{}", question.metric.id),
        customer_id: None,
        clearance: clearance(-1),
    };
    let collection = question.metric.records().collection.unwrap_or_default();
    let records = named.iter().map(|one| Shown {
        resource: name(collection, one.id),
        customer_id: one.customer,
        clearance: clearance(one.matched),
    });
    std::iter::once(metric).chain(records).collect()
}
