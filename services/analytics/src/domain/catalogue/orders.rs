//! Figures of orders, what became of them, cases and visits.

use kefu_contracts::analytics::{
    Dimension::{
        self, Channel, Currency, Customer, Day, Department, Employee, Kind, Month, Product, Region,
        Status, Week,
    },
    Measure,
};

use super::{Metric, Population, Text, text};

const OF_ORDERS: &[Dimension] = &[
    Day, Week, Month, Department, Employee, Status, Currency, Region, Customer,
];
const OF_CASES: &[Dimension] = &[Day, Week, Month, Department, Employee, Kind, Status];

const ORDERS: Text = text("笔", "orders");
const SHARE: Text = text("占比（0 至 1）", "share from 0 to 1");
const SCORE: Text = text("分（1 至 5）", "score from 1 to 5");

pub(super) const METRICS: &[Metric] = &[
    Metric {
        id: "orders",
        title: text("订单量", "Orders"),
        definition: text("订单数", "number of orders"),
        population: text(
            "所有已提交的订单，含已取消的；按下单时间归日",
            "every order placed, cancelled ones too; its day is that on which it was placed",
        ),
        unit: ORDERS,
        measure: Measure::Count,
        of: Population::Orders,
        dimensions: OF_ORDERS,
        clauses: &["CC-1.4", "IH-8.1"],
    },
    Metric {
        id: "sales",
        title: text("销售额", "Sales"),
        definition: text(
            "订单金额之和与平均值；币种不同的不相加：按币种分组才有数。地区为客户档案现在的行政区划；产品见 product_sales",
            "sum and mean of what orders came to; currencies are not added up, so that there are amounts by currency alone. The region is the division of the customer's file as it is now; for products see product_sales",
        ),
        population: text(
            "所有未取消且有金额的订单；按下单时间归日",
            "every order that has an amount and is not cancelled; its day is that on which it was placed",
        ),
        unit: text("订单币种", "the orders' currency"),
        measure: Measure::Sum,
        of: Population::Sales,
        dimensions: OF_ORDERS,
        clauses: &["IH-8.1"],
    },
    Metric {
        id: "product_sales",
        title: text("产品销售额", "Sales of products"),
        definition: text(
            "订单中各产品类别的金额之和与平均值；类别以公司清单为准，不在清单中的归于无；币种不同的不相加",
            "sum and mean of what the lines of orders came to by category; categories are those of the company's list, and whatever is not on it is of none; currencies are not added up",
        ),
        population: text(
            "所有未取消且有金额的订单，每笔订单每个类别计一次；日志尚未记载类别时的订单以全额归于无；按下单时间归日",
            "every order that has an amount and is not cancelled, once for each category in it; those of before categories were journaled as a whole, of none; its day is that on which it was placed",
        ),
        unit: text("订单币种", "the orders' currency"),
        measure: Measure::Sum,
        of: Population::SalesOfProducts,
        dimensions: &[
            Day, Week, Month, Department, Employee, Status, Currency, Product, Region, Customer,
        ],
        clauses: &["IH-8.1"],
    },
    Metric {
        id: "order_lateness",
        title: text("订单延误率", "Lateness of orders"),
        definition: text(
            "曾晚于承诺的订单 ÷ 订单；按订单自身的时间判断，无论何时得知；每笔订单一计；改期不撤销已发生的延误",
            "orders that were once later than promised ÷ orders; by their own times, whenever these were told; each order once; another promise undoes nothing",
        ),
        population: text(
            "所有未取消的订单；按下单时间归日",
            "every order that is not cancelled; its day is that on which it was placed",
        ),
        unit: SHARE,
        measure: Measure::Rate,
        of: Population::LatenessOfOrders,
        dimensions: OF_ORDERS,
        clauses: &["OP-3.4.4", "SG-7"],
    },
    Metric {
        id: "stuck_orders",
        title: text("停滞订单", "Stuck orders"),
        definition: text(
            "当前停滞的订单及其已无消息的时长；按停滞的环节分组",
            "orders of which nothing is heard for longer than their stage allows, and for how long; its status is the stage",
        ),
        population: text(
            "当前停滞的订单；按最后一次有消息的时间归日",
            "every order that is stuck now; its day is that on which something was last heard of it",
        ),
        unit: text("秒", "seconds"),
        measure: Measure::Duration,
        of: Population::StuckOrders,
        dimensions: &[Day, Week, Month, Department, Status],
        clauses: &["OP-3.4.4", "SG-7", "IH-7"],
    },
    Metric {
        id: "after_sales_rate",
        title: text("售后率", "After-sales rate"),
        definition: text(
            "有售后登记的订单 ÷ 订单；无论售后种类，已取消的登记不计",
            "orders with an after-sales case of whatever kind, cancelled ones aside ÷ orders",
        ),
        population: text(
            "所有未取消的订单；按下单时间归日",
            "every order that is not cancelled; its day is that on which it was placed",
        ),
        unit: SHARE,
        measure: Measure::Rate,
        of: Population::AfterSalesOfOrders,
        dimensions: OF_ORDERS,
        clauses: &["IH-6", "OP-3.4.6"],
    },
    Metric {
        id: "after_sales_cases",
        title: text("售后量", "After-sales cases"),
        definition: text("售后登记数", "number of cases"),
        population: text(
            "所有售后登记，含已取消的；按登记时间归日",
            "every case registered, cancelled ones too; its day is that on which it was registered",
        ),
        unit: text("件", "cases"),
        measure: Measure::Count,
        of: Population::Cases,
        dimensions: OF_CASES,
        clauses: &["IH-6"],
    },
    Metric {
        id: "after_sales_score",
        title: text("售后评分", "Scores of cases"),
        definition: text(
            "客户对售后评分的平均值",
            "mean of what customers said of cases",
        ),
        population: text(
            "所有经客户评分（1 至 5 分）的售后登记；按登记时间归日",
            "every case that its customer evaluated (1 to 5); its day is that on which it was registered",
        ),
        unit: SCORE,
        measure: Measure::Mean,
        of: Population::CaseScores,
        dimensions: OF_CASES,
        clauses: &["IH-6", "OP-4.2"],
    },
    Metric {
        id: "order_satisfaction",
        title: text("订单满意度", "Satisfaction with orders"),
        definition: text(
            "客户对订单评分的平均值",
            "mean of the scores that customers gave when asked about orders",
        ),
        population: text(
            "客户对订单回访作出的每一次评分（1 至 5 分）；按作答时间归日",
            "every score (1 to 5) that customers gave when asked about an order; its day is that of the answer",
        ),
        unit: SCORE,
        measure: Measure::Mean,
        of: Population::Reviews,
        dimensions: &[Day, Week, Month, Department],
        clauses: &["CC-1.4", "OP-4.2"],
    },
    Metric {
        id: "visits",
        title: text("回访量", "Visits"),
        definition: text("回访数", "number of visits"),
        population: text(
            "所有回访，无论是否已进行；已进行的按其时间归日，其余按应进行的时间归日",
            "every visit, made or not; its day is that on which it took place, else that on which it is due",
        ),
        unit: text("次", "visits"),
        measure: Measure::Count,
        of: Population::Visits,
        dimensions: &[Day, Week, Month, Department, Status, Kind, Channel],
        clauses: &["OP-3.3", "IH-3.2"],
    },
];
