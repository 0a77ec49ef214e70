//! Of what data it is by what figures are grouped.

use kefu_contracts::{analytics::Dimension, policy::DataClass};

/// The class that the contract gives the field that a dimension is read from: of all figures that have
/// it the same.
pub(crate) fn class(dimension: Dimension) -> DataClass {
    use Dimension as By;
    match dimension {
        By::Region => DataClass::Basic,
        By::Credit => DataClass::Financial,
        By::Product | By::Cohort | By::Age | By::Recency | By::Frequency | By::Monetary => {
            DataClass::Purchase
        }
        By::Tier => DataClass::Relation,
        By::Unspecified
        | By::Day
        | By::Week
        | By::Month
        | By::Department
        | By::Employee
        | By::Customer
        | By::Status
        | By::Priority
        | By::Kind
        | By::Channel
        | By::Category
        | By::Attempt
        | By::Purpose
        | By::Currency
        | By::Source
        | By::Outcome => DataClass::System,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::catalogue::metrics;

    /// Clauses CF-6.1, IH-8.1, IH-8.2: whoever has a figure's records cleared has all cleared by which it is
    /// grouped, but for where customers are from and which credit they have.
    #[test]
    fn only_regions_and_credit_are_of_other_data_than_records() {
        for metric in metrics() {
            for dimension in metric.dimensions {
                let class = class(*dimension);
                let other = class != DataClass::System && class != metric.records().class;
                let expected = matches!(dimension, Dimension::Region | Dimension::Credit);
                assert_eq!(other, expected, "{}: {dimension:?}", metric.id);
            }
        }
        assert_eq!(class(Dimension::Credit), DataClass::Financial);
        assert_eq!(class(Dimension::Region), DataClass::Basic);
    }
}
