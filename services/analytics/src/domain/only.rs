//! A figure of those records alone that have one value of a dimension, of a closed set.

use kefu_contracts::analytics::Dimension;
use kefu_service::{
    error::{Fault, Violation},
    fields::Fields,
};

use super::{catalogue::Metric, question::Question};

/// Number of a value of a dimension, of the records of a question's figure.
pub(crate) type ValueOf<'k> = &'k (dyn Fn(&Question, Dimension, &str) -> Option<usize> + Sync);

/// Notes what is wrong with the dimension that is named; which it is, where a value of it is asked
/// for.
pub(crate) fn check(
    fields: &mut Fields,
    place: &str,
    metric: Option<&Metric>,
    (dimension, value): (i32, &str),
) -> Option<Dimension> {
    let field = format!("{place}.dimension");
    let dimension = fields.optional_enum::<Dimension>(&field, dimension)?;
    if dimension == Dimension::Unspecified {
        let none = value.is_empty();
        fields.ensure(
            none,
            format_args!("{place}.value"),
            Violation::NotApplicable,
        );
        return None;
    }
    let closed = matches!(
        dimension,
        Dimension::Kind | Dimension::Channel | Dimension::Priority
    );
    let of_metric = metric.is_none_or(|metric| metric.dimensions.contains(&dimension));
    fields.ensure(closed && of_metric, &field, Violation::NotApplicable);
    (closed && of_metric).then_some(dimension)
}

/// The question of those records alone.
///
/// # Errors
/// When there is no such value.
pub(crate) fn apply(
    mut question: Question,
    dimension: Dimension,
    value: &str,
    value_of: ValueOf<'_>,
) -> Result<Question, Fault> {
    if dimension != Dimension::Unspecified {
        let unknown = || Fault::fields(vec![("value".to_owned(), Violation::UnknownValue)]);
        let number = value_of(&question, dimension, value).ok_or_else(unknown)?;
        question.only = Some((dimension, number));
    }
    Ok(question)
}
