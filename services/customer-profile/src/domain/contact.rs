//! Phones and e-mail addresses as they are kept and compared.

use phonenumber::{Mode, country};

/// Country of a number that names none.
#[derive(Clone, Copy)]
pub(crate) struct Region(country::Id);

impl Region {
    /// From an ISO 3166-1 alpha-2 code.
    pub(crate) fn parse(code: &str) -> Option<Self> {
        code.parse().ok().map(Self)
    }

    /// The mainland.
    pub(crate) fn china() -> Self {
        Self(country::CN)
    }
}

/// The number as E.164, which is how it is kept and looked up; `None` when it is
/// not a number that can exist.
pub(crate) fn normal_phone(region: Region, written: &str) -> Option<String> {
    let number = phonenumber::parse(Some(region.0), written).ok()?;
    phonenumber::is_valid(&number).then(|| number.format().mode(Mode::E164).to_string())
}

/// The address in the form that is kept: the domain in lower case; `None` when
/// no mail could reach it. The usual subset of RFC 5321, no quoted local parts.
pub(crate) fn normal_email(written: &str) -> Option<String> {
    let (local, domain) = written.trim().rsplit_once('@')?;
    let plain = |text: &str| {
        !text
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || "()<>,;:\\\"[]@".contains(c))
    };
    let local_ok = (1..=64).contains(&local.len())
        && plain(local)
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..");
    let labels: Vec<_> = domain.split('.').collect();
    let domain_ok = domain.len() <= 255
        && labels.len() >= 2
        && labels.iter().all(|label| {
            (1..=63).contains(&label.len())
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        });
    (local_ok && domain_ok).then(|| format!("{local}@{}", domain.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clause CF-2.1.
    #[test]
    fn one_phone_has_one_form() {
        let china = Region::parse("CN").unwrap();
        for written in [
            "13812345678",
            "138 1234 5678",
            "+86 138-1234-5678",
            "0086 13812345678",
        ] {
            assert_eq!(
                normal_phone(china, written).as_deref(),
                Some("+8613812345678"),
                "{written}"
            );
        }
        for wrong in ["", "12345", "phone", "138123456789012", "+86 138"] {
            assert_eq!(normal_phone(china, wrong), None, "{wrong}");
        }
        assert_eq!(
            normal_phone(china, "+44 20 7183 8750").as_deref(),
            Some("+442071838750")
        );
    }

    /// Clause CF-2.1.
    #[test]
    fn only_addresses_that_mail_can_reach() {
        assert_eq!(
            normal_email("Zhang.San@Example.COM").as_deref(),
            Some("Zhang.San@example.com")
        );
        for wrong in [
            "", "a", "@b.cn", "a@b", "a b@c.cn", "a@-b.cn", "a@b..cn", ".a@b.cn", "a@b.cn@",
        ] {
            assert_eq!(normal_email(wrong), None, "{wrong}");
        }
    }
}
