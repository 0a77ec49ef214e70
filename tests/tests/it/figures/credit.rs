//! Which credit a customer has.

use kefu_contracts::analytics::{
    Dimension, ListFigureRecordsRequest, ListFigureRecordsResponse, MeasureStaffRequest,
    QueryMetricRequest, metrics_service_client::MetricsServiceClient,
};
use kefu_testkit::{Caller, TestSuite};

use super::query;
use crate::records::{enter, person};

fn asked(by: &[Dimension]) -> QueryMetricRequest {
    QueryMetricRequest {
        metric: "customers".into(),
        group_by: by.iter().map(|one| *one as i32).collect(),
        ..QueryMetricRequest::default()
    }
}

async fn open(caller: &Caller, by: &[Dimension], row: &[&str]) -> ListFigureRecordsResponse {
    let request = ListFigureRecordsRequest {
        query: Some(asked(by)),
        dimensions: row.iter().map(|one| (*one).to_owned()).collect(),
        ..ListFigureRecordsRequest::default()
    };
    let mut client = MetricsServiceClient::new(caller.clone());
    let listed = client.list_figure_records(request).await;
    listed.unwrap().into_inner()
}

/// Clauses CF-6.1, IH-8.2: which credit a customer has is FINANCIAL data, which figures clear for nobody: a
/// head, a supervising leader and the company's leader, who count and open their files, are told approximations
/// by credit, and nobody is named.
#[tokio::test(flavor = "multi_thread")]
async fn which_credit_a_customer_has_no_figure_tells() {
    let suite = TestSuite::start().await;
    let agent = suite.caller("ma.chao");
    let customer = enter(&agent, person()).await.name;
    for login in ["zhao.lei", "liu.jianhua", "chen.guodong"] {
        let caller = suite.caller_for(login, "analysis").after(&agent);
        for by in [vec![], vec![Dimension::Tier]] {
            let files = query(&caller, "customers", &by).await;
            assert!(files.approximation.is_none(), "{login}");
            assert_eq!(files.total.unwrap().count, 1, "{login}");
        }
        let named = open(&caller, &[], &[]).await;
        assert_eq!(named.records[0].name, customer, "{login}");

        for by in [
            &[Dimension::Credit][..],
            &[Dimension::Credit, Dimension::Day, Dimension::Department],
        ] {
            let rated = query(&caller, "customers", by).await;
            assert!(rated.approximation.is_some(), "{login}");
            let mut rows = rated.rows.iter().chain(&rated.total);
            assert!(rows.all(|row| row.suppressed && row.count == 0), "{login}");
        }
        let mut client = MetricsServiceClient::new(caller.clone());
        let query = Some(asked(&[Dimension::Credit]));
        let measured = client.measure_staff(MeasureStaffRequest { query }).await;
        let measured = measured.unwrap().into_inner().figure.unwrap();
        assert!(measured.approximation.is_some(), "{login}");
        for credit in ["a", "b", "c", ""] {
            let hidden = open(&caller, &[Dimension::Credit], &[credit]).await;
            assert!(hidden.records.is_empty(), "{login}");
            assert_eq!((hidden.named_count, hidden.hidden_count), (0, 0), "{login}");
            assert!(hidden.hidden_suppressed && hidden.approximation.is_some());
        }
    }
}
