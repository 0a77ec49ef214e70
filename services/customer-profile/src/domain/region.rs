//! Which division a region names (ISO 3166-2), for figures. What people write as a region is the
//! customer's data and may say anything; a division is one of a closed list and shared by many.

use phonenumber::country;

/// Provinces of China as they are written, and their codes.
const PROVINCES: [(&str, &str); 34] = [
    ("北京", "CN-BJ"),
    ("天津", "CN-TJ"),
    ("河北", "CN-HE"),
    ("山西", "CN-SX"),
    ("内蒙古", "CN-NM"),
    ("辽宁", "CN-LN"),
    ("吉林", "CN-JL"),
    ("黑龙江", "CN-HL"),
    ("上海", "CN-SH"),
    ("江苏", "CN-JS"),
    ("浙江", "CN-ZJ"),
    ("安徽", "CN-AH"),
    ("福建", "CN-FJ"),
    ("江西", "CN-JX"),
    ("山东", "CN-SD"),
    ("河南", "CN-HA"),
    ("湖北", "CN-HB"),
    ("湖南", "CN-HN"),
    ("广东", "CN-GD"),
    ("广西", "CN-GX"),
    ("海南", "CN-HI"),
    ("重庆", "CN-CQ"),
    ("四川", "CN-SC"),
    ("贵州", "CN-GZ"),
    ("云南", "CN-YN"),
    ("西藏", "CN-XZ"),
    ("陕西", "CN-SN"),
    ("甘肃", "CN-GS"),
    ("青海", "CN-QH"),
    ("宁夏", "CN-NX"),
    ("新疆", "CN-XJ"),
    ("台湾", "CN-TW"),
    ("香港", "CN-HK"),
    ("澳门", "CN-MO"),
];

/// The division that a text names: by its code alone (`BR-SP`), or by a Chinese province that it begins
/// with (`广东省深圳市`).
pub(crate) fn division(region: &str) -> Option<String> {
    let region = region.trim();
    let of_china = PROVINCES.iter().find(|(name, _)| region.starts_with(name));
    if let Some((_, code)) = of_china {
        return Some((*code).to_owned());
    }
    let code = region.to_ascii_uppercase();
    let (land, part) = code.split_once('-')?;
    let is_part =
        (1..=3).contains(&part.len()) && part.bytes().all(|one| one.is_ascii_alphanumeric());
    let is_land = land.len() == 2 && land.parse::<country::Id>().is_ok();
    (is_part && is_land).then_some(code)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Clause IH-8.1: regions are composed of what people write in several ways.
    #[test]
    fn a_division_is_known_by_its_name_or_code() {
        for (region, code) in [
            ("广东", "CN-GD"),
            (" 广东省深圳市南山区", "CN-GD"),
            ("内蒙古自治区", "CN-NM"),
            ("BR-SP", "BR-SP"),
            ("br-rj", "BR-RJ"),
            ("DE-BY", "DE-BY"),
        ] {
            assert_eq!(division(region).as_deref(), Some(code), "{region}");
        }
        for region in [
            "",
            "华东",
            "SP",
            "XX-SP",
            "BR-SÃO",
            "BR-ABCD",
            "BR-",
            "13800138000",
        ] {
            assert_eq!(division(region), None, "{region}");
        }
    }

    #[test]
    fn all_provinces_are_there_once() {
        let mut codes: Vec<_> = PROVINCES.iter().map(|(_, code)| *code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), PROVINCES.len());
    }

    proptest! {
        /// Clause CF-6.1: of whatever was written nothing is told but two letters of a country and
        /// up to three signs.
        #[test]
        fn nothing_but_a_code_is_told(region in ".{0,40}|[a-zA-Z]{2}-[a-zA-Z0-9]{1,8}|广东.{0,9}") {
            if let Some(code) = division(&region) {
                prop_assert!(code.is_ascii() && (4..=6).contains(&code.len()), "{}", code);
            }
        }
    }
}
