//! Values that look like the real ones and are nobody else's.

use kefu_contracts::profile::Attribute;

/// Draws values, each once.
#[derive(Default)]
pub(super) struct Values(u32);

impl Values {
    /// Spread, so that no value is the beginning of another.
    fn next(&mut self) -> u32 {
        self.0 += 1;
        self.0.wrapping_mul(2_654_435_761)
    }

    /// Four Han characters.
    pub(super) fn text(&mut self) -> String {
        let seed = self.next();
        let sign =
            |shift: u32| char::from_u32(0x5000 + (seed.rotate_right(shift) & 0xfff)).unwrap();
        [0, 8, 16, 24].into_iter().map(sign).collect()
    }

    /// Of what the company declares.
    pub(super) fn attribute(&mut self, id: &str) -> Attribute {
        Attribute {
            id: id.into(),
            value: self.text(),
        }
    }

    pub(super) fn name(&mut self) -> String {
        format!("欧{}", self.text())
    }

    /// Mainland mobile in E.164.
    pub(super) fn phone(&mut self) -> String {
        format!("+86138{:08}", self.next() % 100_000_000)
    }

    pub(super) fn email(&mut self) -> String {
        format!("q{:08x}zyx@example.com", self.next())
    }

    /// ID card (GB 11643) and the birth date in it.
    pub(super) fn id_card(&mut self) -> (String, kefu_contracts::google::r#type::Date) {
        let seed = self.next() % 100_000;
        let (year, month, day) = (1950 + seed % 40, 1 + seed / 40 % 12, 1 + seed / 480 % 28);
        let number = format!("110{:03}{year}{month:02}{day:02}122", seed % 900 + 100);
        let sum: u32 = number
            .bytes()
            .enumerate()
            .map(|(at, digit)| u32::from(digit - b'0') * ((1 << (17 - at)) % 11))
            .sum();
        let check = char::from(b"10X98765432"[(sum % 11) as usize]);
        let date = kefu_contracts::google::r#type::Date {
            year: year as i32,
            month: month as i32,
            day: day as i32,
        };
        (format!("{number}{check}"), date)
    }

    /// Unified social credit code (GB 32100).
    pub(super) fn credit_code(&mut self) -> String {
        const SIGNS: &[u8] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
        const WEIGHTS: [usize; 17] = [
            1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28,
        ];
        let code = format!("911{:010}MA12", self.next());
        let value = |sign: u8| SIGNS.iter().position(|known| *known == sign).unwrap();
        let sum: usize = code
            .bytes()
            .zip(WEIGHTS)
            .map(|(sign, weight)| value(sign) * weight)
            .sum();
        format!("{code}{}", char::from(SIGNS[(31 - sum % 31) % 31]))
    }

    /// Sixteen digits (ISO/IEC 7812).
    pub(super) fn bank_card(&mut self) -> String {
        let number = format!("62{:010}123", self.next());
        let sum: u32 = number
            .bytes()
            .rev()
            .enumerate()
            .map(|(at, digit)| {
                let digit = u32::from(digit - b'0') * if at % 2 == 0 { 2 } else { 1 };
                digit / 10 + digit % 10
            })
            .sum();
        format!("{number}{}", (10 - sum % 10) % 10)
    }
}
