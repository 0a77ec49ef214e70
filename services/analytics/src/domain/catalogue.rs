//! What can be counted: every figure in one table, with the one population that its count, its
//! mean and any list of its records share.

mod access;
mod classes;
mod customers;
mod orders;
mod records;
mod tickets;

use kefu_contracts::analytics::{Dimension, Measure, Metric as MetricMessage};
use kefu_service::error::Language;

pub(crate) use classes::class;

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

const fn text(zh: &'static str, en: &'static str) -> Text {
    Text { zh, en }
}

/// Records that figures are counted of; how they are found is in store/population.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Population {
    Tickets,
    RatedTickets,
    ReceivedTickets,
    SolvedTickets,
    OnceSolvedTickets,
    FirstContacts,
    ComplaintsOfTickets,
    OpenTickets,
    Calls,
    FirstResponses,
    NextResponses,
    Resolutions,
    ResponsesDue,
    ResolutionsDue,
    Answers,
    ServiceScores,
    ResultScores,
    InspectionScores,
    InspectionsPassed,
    Orders,
    Sales,
    SalesOfProducts,
    LatenessOfOrders,
    StuckOrders,
    AfterSalesOfOrders,
    Cases,
    CaseScores,
    Reviews,
    Visits,
    Customers,
    FormerlyActive,
    Cohorts,
    Buyers,
    Checks,
    Shares,
    Reads,
}

impl Population {
    /// Whether its records last from a moment until another, of which working time can be measured.
    pub(crate) fn lasts(self) -> bool {
        matches!(
            self,
            Self::SolvedTickets
                | Self::OpenTickets
                | Self::FirstResponses
                | Self::NextResponses
                | Self::Resolutions
        )
    }
}

/// One figure.
#[derive(Debug)]
pub(crate) struct Metric {
    /// As queries name it.
    pub(crate) id: &'static str,
    pub(crate) title: Text,
    /// How it is counted.
    pub(crate) definition: Text,
    /// Which records are counted, and by which moment they belong to a day.
    pub(crate) population: Text,
    pub(crate) unit: Text,
    pub(crate) measure: Measure,
    pub(crate) of: Population,
    /// What it can be grouped by.
    pub(crate) dimensions: &'static [Dimension],
    /// Clauses of the policy.
    pub(crate) clauses: &'static [&'static str],
}

/// Every figure there is.
pub(crate) fn metrics() -> impl Iterator<Item = &'static Metric> {
    let areas = [
        tickets::METRICS,
        orders::METRICS,
        customers::METRICS,
        access::METRICS,
    ];
    areas.into_iter().flatten()
}

/// The figure of this name.
pub(crate) fn find(id: &str) -> Option<&'static Metric> {
    metrics().find(|metric| metric.id == id)
}

impl Metric {
    /// Whether it compares a period with the one before, and so needs one that ends.
    pub(crate) fn needs_period(&self) -> bool {
        self.of == Population::FormerlyActive
    }

    /// Whether it counts how things stand now, and so nothing of a period that is over.
    pub(crate) fn is_of_now(&self) -> bool {
        matches!(self.of, Population::OpenTickets | Population::StuckOrders)
    }

    /// Whether a department has any of it: what was shown is of none.
    pub(crate) fn is_of_departments(&self) -> bool {
        self.of != Population::Reads
    }

    /// Whether it tells how people of the company work.
    pub(crate) fn is_of_people(&self) -> bool {
        self.dimensions.contains(&Dimension::Employee)
    }

    /// Whether it can be followed from period to period: by day, and no amounts, which are in
    /// several currencies; of a department only what it has any of.
    pub(crate) fn is_watched(&self, company: bool) -> bool {
        let by_day = self.dimensions.contains(&Dimension::Day);
        let reached = company || self.is_of_departments();
        by_day && reached && self.measure != Measure::Sum
    }

    /// As the contract carries it.
    pub(crate) fn to_proto(&self, language: Language) -> MetricMessage {
        MetricMessage {
            id: self.id.to_owned(),
            title: self.title.of(language).to_owned(),
            definition: self.definition.of(language).to_owned(),
            population: self.population.of(language).to_owned(),
            unit: self.unit.of(language).to_owned(),
            measure: self.measure.into(),
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
            period_required: self.needs_period(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clauses CC-1.4, OP-4.2: every figure says what it counts, in both languages, and by which
    /// clause.
    #[test]
    fn every_figure_says_what_it_counts() {
        for metric in metrics() {
            let alike = metrics().filter(|other| other.id == metric.id || other.of == metric.of);
            assert_eq!(alike.count(), 1, "{}: one population each", metric.id);
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
            assert_ne!(metric.measure, Measure::Unspecified, "{}", metric.id);
            let texts = [
                metric.title,
                metric.definition,
                metric.population,
                metric.unit,
            ];
            for text in texts {
                assert!(!text.zh.is_empty() && !text.en.is_empty(), "{}", metric.id);
                assert!(!text.zh.is_ascii(), "{}: {}", metric.id, text.zh);
                assert_ne!(text.zh, text.en, "{}", metric.id);
            }
        }
    }

    /// Clauses CC-1.4, OP-4.2: what the policy calls a KPI is a figure.
    #[test]
    fn every_kpi_of_the_policy_is_a_figure() {
        for id in [
            "satisfaction",
            "timely_response_rate",
            "resolution_rate",
            "first_contact_resolution",
            "reopening_rate",
            "call_duration",
            "complaint_rate",
            "churn",
            "data_accuracy",
        ] {
            assert!(find(id).is_some(), "{id}");
        }
    }

    #[test]
    fn a_figure_is_found_by_its_exact_name() {
        assert_eq!(
            find("tickets").map(|metric| metric.of),
            Some(Population::Tickets)
        );
        assert!(find("Tickets").is_none() && find("").is_none());
    }
}
