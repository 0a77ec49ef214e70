//! Numbers that carry their own proof: ID card, credit code, bank card.

use jiff::civil::Date;
use kefu_contracts::profile::Sex;

/// First two digits of region codes (GB/T 2260): the provinces, and what residents of Hong
/// Kong, Macao and Taiwan are given.
const PROVINCES: [u8; 34] = [
    11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46, 50, 51, 52,
    53, 54, 61, 62, 63, 64, 65, 81, 82, 83,
];

/// What an ID card number says of the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IdCard {
    pub(crate) birth: Date,
    /// The number within region and day is odd for men, and even for women.
    pub(crate) sex: Sex,
}

/// What an 18-digit ID card number says, if its check digit is right whose check digit is right
/// (GB 11643-1999: ISO 7064 MOD 11-2) and there is its region; `None` when it is none.
pub(crate) fn id_card(number: &str) -> Option<IdCard> {
    let bytes: [u8; 18] = number.as_bytes().try_into().ok()?;
    let mut sum = 0;
    for (at, byte) in bytes[..17].iter().enumerate() {
        let digit = byte.is_ascii_digit().then(|| u32::from(byte - b'0'))?;
        // Weight of the place: 2^(17 - at) mod 11.
        sum += digit * ((1_u32 << (17 - at)) % 11);
    }
    let check = b"10X98765432"[(sum % 11) as usize];
    let province = (bytes[0] - b'0') * 10 + (bytes[1] - b'0');
    if bytes[17].to_ascii_uppercase() != check || !PROVINCES.contains(&province) {
        return None;
    }
    let year = number[6..10].parse().ok()?;
    let month = number[10..12].parse().ok()?;
    let day = number[12..14].parse().ok()?;
    let birth = Date::new(year, month, day).ok()?;
    let sex = match bytes[16] % 2 {
        1 => Sex::Male,
        _ => Sex::Female,
    };
    (birth.year() >= 1800).then_some(IdCard { birth, sex })
}

/// Whether it is a unified social credit code (GB 32100-2015: MOD 31).
pub(crate) fn is_credit_code(code: &str) -> bool {
    const SIGNS: &[u8] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
    const WEIGHTS: [usize; 17] = [
        1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28,
    ];
    let values: Option<Vec<usize>> = code
        .bytes()
        .map(|sign| SIGNS.iter().position(|known| *known == sign))
        .collect();
    let Some(values) = values.filter(|values| values.len() == 18) else {
        return false;
    };
    let sum: usize = values
        .iter()
        .zip(WEIGHTS)
        .map(|(value, weight)| value * weight)
        .sum();
    values[17] == (31 - sum % 31) % 31
}

/// Whether it is a card number (ISO/IEC 7812: 12–19 digits, Luhn).
pub(crate) fn is_bank_card(number: &str) -> bool {
    if !(12..=19).contains(&number.len()) || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let sum: u32 = number
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, byte)| {
            let digit = u32::from(byte - b'0');
            if at % 2 == 0 {
                digit
            } else {
                (digit * 2) / 10 + (digit * 2) % 10
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of GB 11643, and one wrong digit at each place. Clause SG-1.1.
    #[test]
    fn an_id_card_with_any_digit_wrong_is_refused() {
        let right = "11010519491231002X";
        assert_eq!(
            id_card(right),
            Some(IdCard {
                birth: jiff::civil::date(1949, 12, 31),
                sex: Sex::Female,
            })
        );
        assert!(id_card("11010519491231002x").is_some());
        for at in 0..17 {
            let mut wrong = right.as_bytes().to_vec();
            wrong[at] = if wrong[at] == b'9' {
                b'8'
            } else {
                wrong[at] + 1
            };
            assert_eq!(
                id_card(std::str::from_utf8(&wrong).unwrap()),
                None,
                "place {at}"
            );
        }
    }

    /// Clause SG-1.1: a number of a region that there is not, though its check digit is right.
    #[test]
    fn an_id_card_is_of_a_region_that_there_is() {
        for province in 0..100_u32 {
            let number = format!("{province:02}010519491231002");
            let sum: u32 = number
                .bytes()
                .enumerate()
                .map(|(at, digit)| u32::from(digit - b'0') * ((1 << (17 - at)) % 11))
                .sum();
            let check = char::from(b"10X98765432"[(sum % 11) as usize]);
            let known = matches!(
                province,
                11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 81..=83
            );
            assert_eq!(
                id_card(&format!("{number}{check}")).is_some(),
                known,
                "{province}"
            );
        }
    }

    /// Clause CF-2.1.
    #[test]
    fn credit_codes_carry_their_check_sign() {
        assert!(is_credit_code("91350100M000100Y43"));
        assert!(!is_credit_code("91350100M000100Y44"));
        assert!(!is_credit_code("91350100I000100Y43"));
        assert!(!is_credit_code("9135"));
    }

    /// Clause SG-1.1.
    #[test]
    fn bank_cards_pass_luhn() {
        assert!(is_bank_card("4111111111111111"));
        assert!(!is_bank_card("4111111111111112"));
        assert!(!is_bank_card("411111111111111a"));
    }
}
