//! How good a file is (CF-7.1, CF-7.3, IH-7): scores in per cent, what falls short, and what
//! becomes of findings. Uniqueness is measured by who looks for duplicates.

pub(crate) mod freshness;
pub(crate) mod problems;
pub(crate) mod rules;

use std::collections::BTreeSet;

use kefu_contracts::profile::{Customer, CustomerType};
use kefu_service::fields::Fields;

use self::rules::QualityRules;
use super::change;

/// What a file has and lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contents {
    /// 0–100; none where nothing is expected.
    pub(crate) completeness: Option<u8>,
    /// 0–100; none where no field is filled.
    pub(crate) validity: Option<u8>,
    /// Expected and not there, in field order.
    pub(crate) missing: Vec<String>,
    /// There, and not as they have to be, in field order.
    pub(crate) invalid: Vec<String>,
}

/// Looks at what is in a file. `faulty` are fields that today's rules refuse, or that a check
/// contradicts.
pub(crate) fn look(rules: &QualityRules, file: &Customer, faulty: &BTreeSet<String>) -> Contents {
    let none = std::collections::BTreeMap::new();
    let expected = match file.r#type() {
        CustomerType::Person => &rules.person,
        CustomerType::Enterprise => &rules.enterprise,
        CustomerType::Unspecified => &none,
    };
    let weight = |path: &str| expected.get(path).copied().map_or(0, u64::from);
    let (mut whole, mut there) = (0, 0);
    let (mut filled, mut valid) = (0, 0);
    let (mut missing, mut invalid) = (Vec::new(), Vec::new());
    for (path, _) in change::data() {
        whole += weight(path);
        if !change::is_set(file, path) {
            if weight(path) > 0 {
                missing.push(path.to_owned());
            }
            continue;
        }
        there += weight(path);
        filled += 1;
        if faulty.contains(path) {
            invalid.push(path.to_owned());
        } else {
            valid += 1;
        }
    }
    Contents {
        completeness: per_cent(there, whole),
        validity: per_cent(valid, filled),
        missing,
        invalid,
    }
}

/// The fields that violations of an entry are about.
pub(crate) fn fields_of(entry: Fields) -> BTreeSet<String> {
    let violations = entry.finish().err().map(|fault| fault.violations);
    let paths = violations.unwrap_or_default().into_iter();
    paths
        .filter_map(|(path, _)| {
            let path = path.strip_prefix("customer.")?;
            path.split(['.', '[']).next().map(str::to_owned)
        })
        .collect()
}

/// The mean of what is measured, rounded down.
pub(crate) fn overall(scores: &[Option<u8>]) -> Option<u8> {
    let measured: Vec<u64> = scores.iter().flatten().map(|one| u64::from(*one)).collect();
    let sum: u64 = measured.iter().sum();
    let mean = sum.checked_div(u64::try_from(measured.len()).unwrap_or_default());
    mean.and_then(|mean| u8::try_from(mean).ok())
}

fn per_cent(part: u64, whole: u64) -> Option<u8> {
    let share = (part * 100).checked_div(whole)?;
    u8::try_from(share).ok()
}

#[cfg(test)]
mod tests;
