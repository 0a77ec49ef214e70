//! What looks like personal data in a text of the company's: phone numbers, e-mail addresses,
//! ID cards and bank cards, however they are written. Names are not known by their looks.

use kefu_contracts::ticket::PersonalData;
use kefu_service::error::{LooksLike, Violation};

/// Mainland mobile number without the code of the country.
const MOBILE: usize = 11;
const ID_CARD: usize = 18;
const BANK_CARD: std::ops::RangeInclusive<usize> = 15..=19;
/// Digits of the longest number.
const LONGEST: usize = 19;
/// Digits after a `+`.
const INTERNATIONAL: std::ops::RangeInclusive<usize> = 8..=15;
/// Signs that people put between two digits of a number.
const MOST_BETWEEN: usize = 2;

/// Something that looks like personal data: characters `from`..`to` of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) kind: PersonalData,
    pub(crate) from: usize,
    pub(crate) to: usize,
}

impl Found {
    /// Where it is: line and place in it, both from 1 on.
    pub(crate) fn violation(&self, text: &str) -> Violation {
        let before: Vec<char> = text.chars().take(self.from).collect();
        let line = before.iter().filter(|letter| **letter == '\n').count();
        let since = before.iter().rev().take_while(|letter| **letter != '\n');
        let looks = match self.kind {
            PersonalData::Email => LooksLike::Email,
            PersonalData::IdCard => LooksLike::IdCard,
            PersonalData::BankCard => LooksLike::BankCard,
            PersonalData::Phone | PersonalData::Unspecified => LooksLike::Phone,
        };
        Violation::PersonalData(looks, line + 1, since.count() + 1)
    }
}

/// Everything of a text that looks like personal data, in its order; nothing of it twice.
pub(crate) fn find(text: &str) -> Vec<Found> {
    let letters: Vec<char> = text.chars().map(narrow).collect();
    let mut found = emails(&letters);
    for run in runs(&letters) {
        found.extend(numbers(&letters, &run));
    }
    found.sort_by_key(|one| (one.from, std::cmp::Reverse(one.to)));
    let mut end = 0;
    found.retain(|one| {
        let apart = one.from >= end;
        if apart {
            end = one.to;
        }
        apart
    });
    found
}

/// The text with `…` where something looks like personal data, and what that was.
pub(crate) fn leave_out(text: &str) -> (String, Vec<PersonalData>) {
    let found = find(text);
    let (mut rest, mut at) = (text.chars(), 0);
    let mut left = String::with_capacity(text.len());
    for one in &found {
        left.extend(rest.by_ref().take(one.from - at));
        left.push('…');
        rest.by_ref().take(one.to - one.from).for_each(drop);
        at = one.to;
    }
    left.extend(rest);
    (left, found.into_iter().map(|one| one.kind).collect())
}

/// Letters and digits of full width count as what they stand for.
fn narrow(letter: char) -> char {
    match letter {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(letter as u32 - 0xfee0).unwrap_or(letter),
        '\u{3000}' => ' ',
        other => other,
    }
}

fn emails(letters: &[char]) -> Vec<Found> {
    let local = |letter: &char| {
        letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '%' | '+' | '-')
    };
    let domain = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-');
    let signs = letters.iter().enumerate().filter(|(_, one)| **one == '@');
    let around = signs.filter_map(|(at, _)| {
        let before = letters[..at].iter().rev().take_while(|one| local(one));
        let before = before.count();
        let after: String = letters[at + 1..]
            .iter()
            .take_while(|one| domain(one))
            .collect();
        let host = after.trim_end_matches(['.', '-']);
        let (name, top) = host.rsplit_once('.')?;
        let whole = before > 0
            && !name.is_empty()
            && top.len() >= 2
            && top.bytes().all(|one| one.is_ascii_alphabetic());
        whole.then(|| Found {
            kind: PersonalData::Email,
            from: at - before,
            to: at + 1 + host.len(),
        })
    });
    around.collect()
}

/// Places of digits that may be of one number.
fn runs(letters: &[char]) -> Vec<Vec<usize>> {
    let mut runs: Vec<Vec<usize>> = Vec::new();
    for (at, _) in digits(letters) {
        let joins = runs.last().and_then(|run| run.last()).is_some_and(|last| {
            let between = &letters[last + 1..at];
            let joining = |one: &char| matches!(one, ' ' | '-' | '.' | '(' | ')');
            between.len() <= MOST_BETWEEN && between.iter().all(joining)
        });
        match runs.last_mut() {
            Some(run) if joins => run.push(at),
            _ => runs.push(vec![at]),
        }
    }
    runs
}

fn digits(letters: &[char]) -> impl Iterator<Item = (usize, &char)> {
    let all = letters.iter().enumerate();
    all.filter(|(_, letter)| letter.is_ascii_digit())
}

/// Numbers of a run that begin and end where a group of digits does.
fn numbers(letters: &[char], run: &[usize]) -> Vec<Found> {
    let begins = |at: usize| at == 0 || run[at - 1] + 1 != run[at];
    let mut found = Vec::new();
    let mut start = 0;
    while start < run.len() {
        let most = run.len().min(start + LONGEST);
        let longest = (start + 1..=most)
            .rev()
            .filter(|end| begins(start) && (*end == run.len() || begins(*end)))
            .find_map(|end| number(letters, &run[start..end]).map(|one| (one, end)));
        match longest {
            Some((one, end)) => {
                found.push(one);
                start = end;
            }
            None => start += 1,
        }
    }
    found
}

/// What a number of these digits is.
fn number(letters: &[char], places: &[usize]) -> Option<Found> {
    let digits: Vec<u32> = places
        .iter()
        .filter_map(|at| letters[*at].to_digit(10))
        .collect();
    let (first, last) = (*places.first()?, *places.last()?);
    let sign = |at: Option<usize>| at.and_then(|at| letters.get(at)).copied();
    let plus = sign(first.checked_sub(1)) == Some('+');
    let checked = matches!(sign(Some(last + 1)), Some('x' | 'X'));
    let found = |kind, from, to| Some(Found { kind, from, to });
    let sign = usize::from(checked && digits.len() + 1 == ID_CARD);
    if digits.len() + sign == ID_CARD && has_birth_date(&digits) {
        return found(PersonalData::IdCard, first, last + 1 + sign);
    }
    if plus && INTERNATIONAL.contains(&digits.len()) {
        return found(PersonalData::Phone, first - 1, last + 1);
    }
    if is_phone(&digits) {
        return found(PersonalData::Phone, first, last + 1);
    }
    if BANK_CARD.contains(&digits.len()) && is_luhn(&digits) {
        return found(PersonalData::BankCard, first, last + 1);
    }
    None
}

/// Of the mainland: a mobile number, or one with an area code. Service numbers (400, 800, 95)
/// are the company's and no person's.
fn is_phone(digits: &[u32]) -> bool {
    let national = match digits {
        [0, 0, 8, 6, rest @ ..] | [8, 6, rest @ ..] if rest.len() == MOBILE => rest,
        all => all,
    };
    match national {
        [1, 3..=9, ..] => national.len() == MOBILE,
        [0, 1, 0, 2..=9, ..] | [0, 2, _, 2..=9, ..] => matches!(national.len(), 10 | 11),
        [0, 3..=9, _, _, 2..=9, ..] => matches!(national.len(), 11 | 12),
        _ => false,
    }
}

/// Whether digits 7 to 14 are a day on which somebody may have been born (GB 11643).
fn has_birth_date(digits: &[u32]) -> bool {
    let number = |from: usize, to: usize| {
        let part = digits.get(from..to).unwrap_or_default().iter();
        part.fold(0, |sum, digit| sum * 10 + digit)
    };
    (1900..2100).contains(&number(6, 10))
        && (1..=12).contains(&number(10, 12))
        && (1..=31).contains(&number(12, 14))
}

/// ISO/IEC 7812.
fn is_luhn(digits: &[u32]) -> bool {
    let from_the_right = digits.iter().rev().enumerate();
    let sum: u32 = from_the_right
        .map(|(at, digit)| match at % 2 {
            0 => *digit,
            _ => digit * 2 / 10 + digit * 2 % 10,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kinds(text: &str) -> Vec<PersonalData> {
        find(text).into_iter().map(|one| one.kind).collect()
    }

    /// Clause OP-3.1.
    #[test]
    fn what_looks_like_personal_data_is_found_however_it_is_written() {
        use PersonalData::{BankCard, Email, IdCard, Phone};
        for (text, expected) in [
            ("致电 13812345678", Phone),
            ("致电138-1234-5678。", Phone),
            ("订单 10 138 1234 5678", Phone),
            ("+86 138 1234 5678", Phone),
            ("008613812345678", Phone),
            ("１３８１２３４５６７８", Phone),
            ("(010) 6552 9988", Phone),
            ("0755-26771234", Phone),
            ("+1 (415) 555-0132", Phone),
            ("写信 zhang.san+vip@mail.example.com.", Email),
            ("ｚｓ＠example.com", Email),
            ("11010519491231002X", IdCard),
            ("证件110105194912310021，", IdCard),
            ("6222 0212 3456 7890 128", BankCard),
            ("4111111111111111", BankCard),
        ] {
            assert_eq!(kinds(text), [expected], "{text}");
        }
        for text in [
            "2026-11-28 10:30",
            "400-800-8888 或 95588",
            "型号 KJ500F-A11，序列号 2026112800017",
            "1. 断电\n2. 打开\n3. 更换",
            "a@b，@张三",
            "12345678901",
            "价格 1299.50 元，10000000 次",
            "4111111111111112",
        ] {
            assert_eq!(kinds(text), [], "{text}");
        }
    }

    #[test]
    fn it_is_told_where() {
        let text = "断电后\n请致电 138 1234 5678 或写信";
        let found = find(text);
        let expected = Violation::PersonalData(LooksLike::Phone, 2, 5);
        assert_eq!(found[0].violation(text), expected);
        let (left, kinds) = leave_out(text);
        assert_eq!(left, "断电后\n请致电 … 或写信");
        assert_eq!(kinds, [PersonalData::Phone]);
    }

    fn written(digits: String, between: &'static str) -> String {
        let letters: Vec<char> = digits.chars().collect();
        let groups = letters
            .chunks(4)
            .map(|part| part.iter().collect::<String>());
        groups.collect::<Vec<_>>().join(between)
    }

    fn planted() -> impl Strategy<Value = String> {
        let between = || proptest::sample::select(vec!["", " ", "-", "."]);
        let mobile = ("1[3-9][0-9]{9}", between()).prop_map(|(one, by)| written(one, by));
        let card = ("62[0-9]{13}", between()).prop_map(|(one, by)| {
            let check = (0..10u32).find(|check| {
                let all = format!("{one}{check}");
                is_luhn(
                    &all.chars()
                        .filter_map(|one| one.to_digit(10))
                        .collect::<Vec<_>>(),
                )
            });
            written(format!("{one}{}", check.unwrap()), by)
        });
        let id = "[1-8][0-9]{5}(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9])[0-9]{3}[0-9X]";
        prop_oneof![
            mobile,
            card,
            id.prop_map(String::from),
            "[a-z][a-z0-9_]{0,9}@[a-z]{2,8}\\.(com|cn)".prop_map(String::from),
        ]
    }

    proptest! {
        /// Wherever it stands in a text without digits, it is found there, whole, and nothing
        /// else is; left out, nothing of it is left.
        #[test]
        fn what_is_planted_is_found_where_it_stands(
            before in "[一-龥，。\n]{0,20}",
            one in planted(),
            after in "([，。\n][一-龥]{0,20})?",
        ) {
            let text = format!("{before}{one}{after}");
            let found = find(&text);
            let from = before.chars().count();
            prop_assert_eq!(found.len(), 1);
            prop_assert_eq!((found[0].from, found[0].to), (from, from + one.chars().count()));
            prop_assert_eq!(leave_out(&text).0, format!("{before}…{after}"));
        }

        #[test]
        fn nothing_is_left_out_twice(text in "[0-9 \\-+@.a-zX一二]{0,60}") {
            let (left, kinds) = leave_out(&text);
            prop_assert_eq!(kinds.is_empty(), left == text);
        }
    }
}
