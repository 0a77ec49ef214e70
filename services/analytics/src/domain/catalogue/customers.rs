//! Figures of customers: who they are, who stays, what they buy, and whether their data is right.

use kefu_contracts::analytics::{
    Dimension::{
        Age, Channel, Cohort, Credit, Currency, Day, Department, Frequency, Kind, Monetary, Month,
        Outcome, Recency, Region, Status, Tier, Week,
    },
    Measure,
};

use super::{Metric, Population, Text, text};

const CUSTOMERS: Text = text("名", "customers");
const SHARE: Text = text("占比（0 至 1）", "share from 0 to 1");

pub(super) const METRICS: &[Metric] = &[
    Metric {
        id: "customers",
        title: text("客户构成", "Composition of customers"),
        definition: text(
            "客户档案数；按等级、信用等级、类型、地区分组即其构成；地区为档案中可识别的行政区划，其余归于无",
            "number of files; by tier, credit, kind or region their composition; a region is the division that the file's names, and none where it names none",
        ),
        population: text(
            "所有客户档案，不含草稿、已并入其他档案的和已销毁的；从未评定信用的按 B 级计；按建档时间归日",
            "every file but drafts, those that are part of another and those that are destroyed; who was never rated otherwise has credit B; its day is that on which it was entered",
        ),
        unit: CUSTOMERS,
        measure: Measure::Count,
        of: Population::Customers,
        dimensions: &[
            Day, Week, Month, Department, Status, Kind, Tier, Credit, Region,
        ],
        clauses: &["CF-4.2", "IH-8.1", "IH-8.2", "IH-7"],
    },
    Metric {
        id: "churn",
        title: text("客户流失率", "Churn"),
        definition: text(
            "上一期有下单而本期没有的客户 ÷ 上一期有下单的客户；上一期紧接其前：整月的为同样多的月，否则为同样多的天",
            "customers active in the period before and not in this one ÷ customers active in the period before, which ends where this one begins and has as many months, where this one is of whole months, else as many days",
        ),
        population: text(
            "上一期有未取消订单的客户，每名计一次；部门是其最后一笔订单的部门；已并入其他档案的，其订单归合并后的客户",
            "every customer who placed an order in the period before that is not cancelled, once; the department is that of their last order; those of a file that is part of another are of that other's customer",
        ),
        unit: SHARE,
        measure: Measure::Rate,
        of: Population::FormerlyActive,
        dimensions: &[Department],
        clauses: &["CC-1.4"],
    },
    Metric {
        id: "cohort_retention",
        title: text("同期群留存率", "Retention by cohort"),
        definition: text(
            "首单月份相同的客户中，之后第几个月仍有下单的占比",
            "of the customers whose first order was in the same month, the share who ordered in the month so many months later",
        ),
        population: text(
            "每名有未取消订单的客户，自首单之月起至期末（或最后一笔订单之月）每月一计；按首单时间归期；已并入其他档案的，其订单归合并后的客户",
            "every customer with an order that is not cancelled, once for each month from that of the first order until the end of the period, or the month of the last order there is; the period is that of the first order; orders of a file that is part of another are of that other's customer",
        ),
        unit: SHARE,
        measure: Measure::Rate,
        of: Population::Cohorts,
        dimensions: &[Cohort, Age],
        clauses: &["CC-1.4", "IH-8.1"],
    },
    Metric {
        id: "buyers",
        title: text(
            "客户价值分层（RFM）",
            "Buyers by recency, frequency and value",
        ),
        definition: text(
            "每名客户在期内的订单金额；按最近下单、次数、金额各分五档，5 最高；各币种分别计算，相同者以编号定先后",
            "what each customer's orders of the period came to; by fifths of recency, frequency and value, 5 the highest; each currency by itself, and of those alike the ids decide",
        ),
        population: text(
            "期内有未取消订单的客户，每名每币种计一次；已并入其他档案的，其订单归合并后的客户",
            "every customer with an order of the period that is not cancelled, once for each currency; orders of a file that is part of another are of that other's customer",
        ),
        unit: text("订单币种", "the orders' currency"),
        measure: Measure::Sum,
        of: Population::Buyers,
        dimensions: &[Recency, Frequency, Monetary, Currency],
        clauses: &["IH-8.1", "IH-7"],
    },
    Metric {
        id: "data_accuracy",
        title: text("数据准确率", "Data accuracy"),
        definition: text("通过的核验 ÷ 已作的核验", "checks passed ÷ checks made"),
        population: text(
            "所有有结果的核验；未能进行的不计；按核验时间归日",
            "every check that was passed or failed; one that could not be made is none; its day is that of the check",
        ),
        unit: SHARE,
        measure: Measure::Rate,
        of: Population::Checks,
        dimensions: &[Day, Week, Month, Department, Kind, Channel, Outcome],
        clauses: &["SG-1.2", "IH-7", "SG-5"],
    },
];
