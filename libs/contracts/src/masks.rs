//! The masked forms of the policy ("Data classes"): enough to recognise what is
//! already known, too little to learn it.

use crate::{
    policy::Mask,
    redact::{Account, Path},
};

/// A value that may be absent; only what is there can be held back.
pub(crate) trait Blank {
    fn is_blank(&self) -> bool;
}

impl Blank for String {
    fn is_blank(&self) -> bool {
        self.is_empty()
    }
}

impl<T> Blank for Vec<T> {
    fn is_blank(&self) -> bool {
        self.is_empty()
    }
}

impl<T> Blank for Option<T> {
    fn is_blank(&self) -> bool {
        self.is_none()
    }
}

macro_rules! blank_when_default {
    ($($kind:ty),*) => {$(
        impl Blank for $kind {
            fn is_blank(&self) -> bool {
                *self == <$kind>::default()
            }
        }
    )*};
}

blank_when_default!(bool, i32, i64, u32, u64, f64);

pub(crate) fn omit<T: Blank + Default>(value: &mut T, path: &Path<'_>, account: &mut Account) {
    if !value.is_blank() {
        *value = T::default();
        account.note_omitted(path);
    }
}

pub(crate) fn mask(how: Mask, value: &mut String, path: &Path<'_>, account: &mut Account) {
    if !value.is_blank() {
        *value = masked(how, value);
        account.note_masked(path);
    }
}

/// The masked form of a text. A text shorter than the mask expects shows nothing.
pub fn masked(how: Mask, value: &str) -> String {
    match how {
        Mask::Name => name(value),
        Mask::Phone => phone(value),
        Mask::Email => email(value),
        Mask::IdCard => ends(value, 3, 4),
        Mask::BankCard => bank_card(value),
        Mask::Keep => value.to_owned(),
        Mask::Omit | Mask::Unspecified => String::new(),
    }
}

/// `张三丰` → `张*`: the length stays hidden.
fn name(value: &str) -> String {
    let first: String = value.chars().take(1).collect();
    match value.chars().count() {
        0 | 1 => "*".to_owned(),
        _ => first + "*",
    }
}

/// `+8613812345678` → `138****5678`; the country code of the mainland is not shown.
fn phone(value: &str) -> String {
    let national = value.strip_prefix("+86").unwrap_or(value);
    ends(national, 3, 4)
}

/// `zhang@example.com` → `z***@example.com`.
fn email(value: &str) -> String {
    match value.split_once('@') {
        Some((user, domain)) if !user.is_empty() => {
            let first: String = user.chars().take(1).collect();
            format!("{first}***@{domain}")
        }
        _ => "***".to_owned(),
    }
}

/// `6222021234561234` → `**** **** **** 1234`.
fn bank_card(value: &str) -> String {
    let digits: Vec<char> = value
        .chars()
        .filter(|letter| !letter.is_whitespace())
        .collect();
    let last = if digits.len() >= 12 {
        &digits[digits.len() - 4..]
    } else {
        &[]
    };
    format!("**** **** **** {}", last.iter().collect::<String>())
        .trim_end()
        .to_owned()
}

/// Keeps so many characters at each end and hides the rest, at least four.
fn ends(value: &str, front: usize, back: usize) -> String {
    let letters: Vec<char> = value.chars().collect();
    if letters.len() < front + back + 4 {
        return "*".repeat(letters.len().max(4));
    }
    let hidden = letters.len() - front - back;
    let mut out: String = letters[..front].iter().collect();
    out.push_str(&"*".repeat(hidden));
    out.extend(&letters[letters.len() - back..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The forms the policy spells out ("Data classes"). Clause IH-5.
    #[test]
    fn masks_are_those_of_the_policy() {
        for (how, value, expected) in [
            (Mask::Name, "张三丰", "张*"),
            (Mask::Name, "张", "*"),
            (Mask::Phone, "+8613812345678", "138****5678"),
            (Mask::Phone, "12345", "*****"),
            (Mask::Email, "zhang@example.com", "z***@example.com"),
            (Mask::Email, "nonsense", "***"),
            (Mask::IdCard, "110101199003071234", "110***********1234"),
            (Mask::BankCard, "6222021234561234", "**** **** **** 1234"),
            (Mask::BankCard, "1234", "**** **** ****"),
        ] {
            assert_eq!(masked(how, value), expected, "{how:?} of {value}");
        }
    }
}
