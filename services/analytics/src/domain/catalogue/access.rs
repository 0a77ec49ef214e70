//! Figures of who asks for customers' data, and what for.

use kefu_contracts::analytics::{
    Dimension::{Day, Department, Kind, Month, Outcome, Purpose, Source, Status, Week},
    Measure,
};

use super::{Metric, Population, text};

pub(super) const METRICS: &[Metric] = &[
    Metric {
        id: "share_requests",
        title: text("共享申请", "Share requests"),
        definition: text(
            "共享、借阅、销毁申请数",
            "requests to share, borrow or destroy files",
        ),
        population: text(
            "所有已提交的申请，无论结果；按拟定时间归日",
            "every request that was handed in, whatever came of it; its day is that on which it was drawn up",
        ),
        unit: text("件", "requests"),
        measure: Measure::Count,
        of: Population::Shares,
        dimensions: &[Day, Week, Month, Department, Kind, Status, Purpose],
        clauses: &["CF-6.2", "CF-6.3", "IH-7"],
    },
    Metric {
        id: "reads",
        title: text("查阅量", "Looks at records"),
        definition: text(
            "被展示的记录与被拒绝的调用，各计一次",
            "records that were shown and calls that were refused, once each",
        ),
        population: text(
            "各服务日志中每一条展示与拒绝；不属于任何部门，故仅对全公司可见者可计；按时间归日，精确到一刻钟",
            "every entry of a record shown or a call refused in the services' journals; it is of no department, so that only who sees the whole company counts it; its day is told to a quarter of an hour",
        ),
        unit: text("次", "looks"),
        measure: Measure::Count,
        of: Population::Reads,
        dimensions: &[Day, Week, Month, Purpose, Source, Kind, Outcome],
        clauses: &["CF-6.3", "IH-7"],
    },
];
