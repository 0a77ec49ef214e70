//! The forms in which values of two files are compared, however they are written.

use kefu_contracts::profile::{Address, Customer, CustomerType};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// What says only what kind of company one is.
const COMPANY_FORMS: &[&str] = &[
    "股份有限公司",
    "有限责任公司",
    "有限公司",
    "coltd",
    "companylimited",
    "limited",
    "ltd",
    "inc",
    "gmbh",
];

/// Letters and digits alone, however they are written.
fn letters(text: &str) -> String {
    let letters = text.nfkd().filter(|letter| !is_combining_mark(*letter));
    let letters = letters.flat_map(char::to_lowercase);
    letters.filter(|letter| letter.is_alphanumeric()).collect()
}

/// A number of a document.
pub(super) fn code(text: &str) -> String {
    letters(text).to_uppercase()
}

/// A name in the form in which two are compared: words of Latin names in one order, companies
/// without their form.
pub(super) fn name(file: &Customer) -> String {
    let mut words: Vec<String> = file
        .display_name
        .split(|letter: char| !letter.is_alphanumeric() && letter != '.' && letter != '\'')
        .map(letters)
        .filter(|word| !word.is_empty())
        .collect();
    if file.r#type() == CustomerType::Enterprise {
        let whole: String = words.concat();
        let own = COMPANY_FORMS
            .iter()
            .find_map(|form| whole.strip_suffix(form));
        return own
            .filter(|own| !own.is_empty())
            .unwrap_or(&whole)
            .to_owned();
    }
    // Latin names are written in either order; a space in a Chinese one says nothing.
    if words.iter().all(|word| word.is_ascii()) {
        words.sort_unstable();
    }
    words.concat()
}

/// An address in the form in which two are compared; empty where it says no street.
pub(super) fn place(address: &Address) -> String {
    let street = letters(&address.street);
    if street.is_empty() {
        return street;
    }
    let parts = [&address.province, &address.city, &address.district];
    let parts = parts.map(|part| {
        let part = letters(part);
        let short = part.strip_suffix(['省', '市', '区', '县']);
        short
            .filter(|short| !short.is_empty())
            .unwrap_or(&part)
            .to_owned()
    });
    // Who writes the city alone, and who writes the province too, mean the same.
    let [_, city, district] = &parts;
    format!("{city}{district}{street}")
}
