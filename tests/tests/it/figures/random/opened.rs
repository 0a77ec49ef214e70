//! Rows of random figures, opened.

use kefu_contracts::analytics::{
    ListFigureRecordsRequest, ListStaffRecordsRequest, MetricRow, QueryMetricRequest,
    metrics_service_client::MetricsServiceClient,
};
use kefu_testkit::Caller;

/// What is of tickets or orders and told apart from them.
const OF_OTHERS: &[&str] = &[
    "first_response_time",
    "next_response_time",
    "resolution_time",
    "timely_response_rate",
    "timely_resolution_rate",
    "satisfaction",
    "service_score",
    "result_score",
    "stuck_orders",
];

/// One of the rows opens into as many records as it counts.
pub(super) async fn open_one(
    caller: &Caller,
    request: &QueryMetricRequest,
    rows: &[MetricRow],
    which: usize,
) {
    let rows: Vec<&MetricRow> = rows
        .iter()
        .filter(|row| !row.rest && row.count > 0)
        .collect();
    let Some(row) = rows.get(which % rows.len().max(1)) else {
        return;
    };
    let query = QueryMetricRequest {
        fill_gaps: false,
        compare: false,
        limit: 0,
        rank_by: 0,
        ..request.clone()
    };
    let opened = ListFigureRecordsRequest {
        query: Some(query),
        dimensions: row.dimensions.clone(),
        page_size: 200,
        page_token: String::new(),
    };
    let listed = MetricsServiceClient::new(caller.clone())
        .list_staff_records(ListStaffRecordsRequest { row: Some(opened) })
        .await;
    let listed = listed.unwrap().into_inner().records.unwrap();
    assert_eq!(
        listed.named_count + listed.hidden_count,
        row.count,
        "{request:?} {row:?}"
    );
    // Checks of files are named by their own list alone; clocks, answers and trouble to whoever may
    // look at their tickets and orders, which are not among what is drawn here (`opened`).
    let is_named = request.metric != "data_accuracy";
    if !OF_OTHERS.contains(&request.metric.as_str()) {
        assert_eq!(listed.named_count == 0, !is_named, "{request:?}");
    }
    let counted: i64 = listed.records.iter().map(|one| one.counted).sum();
    if listed.next_page_token.is_empty() {
        assert_eq!(counted, listed.named_count, "{request:?}");
    }
}
