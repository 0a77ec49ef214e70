//! What can be counted: every figure in one table, with the one population that
//! its count, its mean and any list of its records share.

use kefu_contracts::analytics::{
    Dimension::{self, Channel, Day, Department, Kind, Priority, Status},
    Metric as MetricMessage,
};
use kefu_service::error::Language;

/// A text in both languages of the suite.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text {
    pub(crate) zh: &'static str,
    pub(crate) en: &'static str,
}

impl Text {
    /// In this language.
    pub(crate) fn of(self, language: Language) -> &'static str {
        match language {
            Language::Chinese => self.zh,
            Language::English => self.en,
        }
    }
}

/// Facts that figures are counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Facts {
    /// One for each ticket.
    Tickets,
    /// One for each ticket that its customer rated; the value is the score.
    RatedTickets,
    /// One for each order.
    Orders,
    /// One for each answer to an enquiry after an order; the value is the score.
    Reviews,
}

/// One figure.
#[derive(Debug)]
pub(crate) struct Metric {
    /// As queries name it.
    pub(crate) id: &'static str,
    pub(crate) title: Text,
    /// Which records are counted, and by which moment they belong to a day.
    pub(crate) population: Text,
    pub(crate) unit: Text,
    pub(crate) facts: Facts,
    /// What it can be grouped by.
    pub(crate) dimensions: &'static [Dimension],
    /// Clauses of the policy.
    pub(crate) clauses: &'static [&'static str],
}

/// Every figure there is.
pub(crate) const METRICS: &[Metric] = &[
    Metric {
        id: "tickets",
        title: Text {
            zh: "工单量",
            en: "Tickets",
        },
        population: Text {
            zh: "所有已受理的工单，无论当前状态；已并入其他工单的按“已合并”计一次；按受理时间归日",
            en: "every ticket received, whatever its state now, one that is part of another once as merged; its day is that on which it was received",
        },
        unit: Text {
            zh: "张",
            en: "tickets",
        },
        facts: Facts::Tickets,
        dimensions: &[Day, Department, Status, Priority, Kind, Channel],
        clauses: &["CC-1.4", "OP-4.2"],
    },
    Metric {
        id: "orders",
        title: Text {
            zh: "订单量",
            en: "Orders",
        },
        population: Text {
            zh: "所有已提交的订单，含已取消的；按下单时间归日",
            en: "every order placed, cancelled ones too; its day is that on which it was placed",
        },
        unit: Text {
            zh: "笔",
            en: "orders",
        },
        facts: Facts::Orders,
        dimensions: &[Day, Department, Status],
        clauses: &["CC-1.4"],
    },
    Metric {
        id: "order_satisfaction",
        title: Text {
            zh: "订单满意度",
            en: "Satisfaction with orders",
        },
        population: Text {
            zh: "客户对订单回访作出的每一次评分（1 至 5 分）；按作答时间归日",
            en: "every score (1 to 5) that customers gave when asked about an order; its day is that of the answer",
        },
        unit: Text {
            zh: "分",
            en: "score from 1 to 5",
        },
        facts: Facts::Reviews,
        dimensions: &[Day, Department],
        clauses: &["CC-1.4", "OP-4.2"],
    },
    Metric {
        id: "ticket_satisfaction",
        title: Text {
            zh: "工单满意度",
            en: "Satisfaction with tickets",
        },
        population: Text {
            zh: "所有经客户评分（1 至 5 分）的工单；按受理时间归日",
            en: "every ticket that its customer rated (1 to 5); its day is that on which it was received",
        },
        unit: Text {
            zh: "分",
            en: "score from 1 to 5",
        },
        facts: Facts::RatedTickets,
        dimensions: &[Day, Department, Status, Priority, Kind, Channel],
        clauses: &["CC-1.4", "OP-4.2"],
    },
];

/// The figure of this name.
pub(crate) fn find(id: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|metric| metric.id == id)
}

impl Metric {
    /// As the contract carries it.
    pub(crate) fn to_proto(&self, language: Language) -> MetricMessage {
        MetricMessage {
            id: self.id.to_owned(),
            title: self.title.of(language).to_owned(),
            population: self.population.of(language).to_owned(),
            unit: self.unit.of(language).to_owned(),
            dimensions: self
                .dimensions
                .iter()
                .map(|dimension| *dimension as i32)
                .collect(),
            clauses: self
                .clauses
                .iter()
                .map(|clause| (*clause).to_owned())
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clauses CC-1.4, OP-4.2: every figure says what it counts, and by which clause.
    #[test]
    fn every_figure_says_what_it_counts() {
        for metric in METRICS {
            assert_eq!(
                METRICS.iter().filter(|other| other.id == metric.id).count(),
                1,
                "{}",
                metric.id
            );
            assert!(
                !metric.clauses.is_empty() && !metric.dimensions.is_empty(),
                "{}",
                metric.id
            );
            assert!(
                !metric.dimensions.contains(&Dimension::Unspecified),
                "{}",
                metric.id
            );
            for language in [Language::Chinese, Language::English] {
                let message = metric.to_proto(language);
                assert!(
                    !message.title.is_empty()
                        && !message.population.is_empty()
                        && !message.unit.is_empty()
                );
            }
            assert_ne!(
                metric.title.of(Language::Chinese),
                metric.title.of(Language::English)
            );
        }
    }

    #[test]
    fn a_figure_is_found_by_its_exact_name() {
        assert_eq!(
            find("tickets").map(|metric| metric.facts),
            Some(Facts::Tickets)
        );
        assert!(find("Tickets").is_none() && find("").is_none());
    }
}
