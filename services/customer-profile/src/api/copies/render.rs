//! A customer's copy as it leaves: for machines as JSON, for people as a page. Both are made
//! of the message that was disclosed, so that neither can hold more.

use std::{collections::HashMap, fmt::Write, sync::LazyLock};

use jiff::Timestamp;
use kefu_contracts::profile::CustomerCopy;
use kefu_service::{dynamic::contracts, error::Fault};
use prost::Message;
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, ReflectMessage, SerializeOptions, Value,
};
use serde::Deserialize;

/// Not about the customer, or said elsewhere in the page.
const UNSAID: &[&str] = &["disclosure", "etag", "make_time"];

const STYLE: &str = "body{font:15px/1.5 'Noto Sans CJK SC','Microsoft YaHei',sans-serif;color:#222;\
max-width:52rem;margin:2rem auto;padding:0 1rem}h1{font-size:1.5rem;margin-bottom:.2rem}\
h2{font-size:1.15rem;margin:2rem 0 .5rem;border-bottom:2px solid #456;padding-bottom:.2rem}\
table{border-collapse:collapse;width:100%;margin:.6rem 0 1.2rem}\
th,td{text-align:left;vertical-align:top;padding:.3rem .5rem;border-bottom:1px solid #ddd}\
th{width:34%;font-weight:normal;color:#456}small{color:#678}\
.held{background:#fff4e0;border:1px solid #e0b060;padding:.5rem .8rem}\
@media print{body{margin:0;max-width:none}tr{break-inside:avoid}}";

/// What things are called: Chinese, English.
type Words = HashMap<String, [String; 2]>;

#[derive(Deserialize)]
struct Dictionary {
    fields: Words,
    values: Words,
}

static WORDS: LazyLock<Result<Dictionary, toml::de::Error>> =
    LazyLock::new(|| toml::from_str(include_str!("../../../copy_words.toml")));

/// The copy as the contract's descriptor has it.
fn dynamic(copy: &CustomerCopy) -> Result<DynamicMessage, Fault> {
    let lost = |what: String| Fault::internal(format!("copy: {what}"));
    let kind = contracts()?
        .get_message_by_name("kefu.profile.v1.CustomerCopy")
        .ok_or_else(|| lost("no contract".into()))?;
    DynamicMessage::decode(kind, copy.encode_to_vec().as_slice())
        .map_err(|error| lost(error.to_string()))
}

/// As JSON, with the names of the contract.
pub(super) fn json(copy: &CustomerCopy) -> Result<String, Fault> {
    let options = SerializeOptions::new().use_proto_field_name(true);
    let mut out = Vec::new();
    let mut writer = serde_json::Serializer::pretty(&mut out);
    dynamic(copy)?
        .serialize_with_options(&mut writer, &options)
        .map_err(|error| Fault::internal(format!("copy: {error}")))?;
    String::from_utf8(out).map_err(|_| Fault::internal("copy: not UTF-8"))
}

/// As a page in Chinese and English.
pub(super) fn html(copy: &CustomerCopy) -> Result<String, Fault> {
    let words = WORDS
        .as_ref()
        .map_err(|error| Fault::internal(format!("copy: {error}")))?;
    let mut page = Page {
        words,
        out: String::new(),
    };
    page.document(&dynamic(copy)?)
        .map_err(|_| Fault::internal("copy: not written"))?;
    Ok(page.out)
}

struct Page<'a> {
    words: &'a Dictionary,
    out: String,
}

impl Page<'_> {
    fn document(&mut self, copy: &DynamicMessage) -> std::fmt::Result {
        let made = copy.get_field_by_name("make_time");
        let made = made.as_deref().map(|value| self.plain(value, None));
        let made = made.unwrap_or_default();
        write!(
            self.out,
            "<!DOCTYPE html>\n<html lang=\"zh-CN\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n\
             <title>客户信息副本 Copy of customer data</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
             <h1>客户信息副本 <small>Copy of customer data</small></h1>\n<p><small>{made}</small></p>\n"
        )?;
        let fields = copy.descriptor();
        let said = fields
            .fields()
            .filter(|field| copy.has_field(field) && !UNSAID.contains(&field.name()));
        // First what the copy does not hold.
        let (held, lists): (Vec<_>, Vec<_>) =
            said.partition(|field| !matches!(field.kind(), Kind::Message(_)));
        for field in held {
            let label = self.label(&field);
            let said = self.plain(&copy.get_field(&field), Some(&field));
            writeln!(self.out, "<p class=\"held\">{label}: {said}</p>")?;
        }
        for field in lists {
            let label = self.label(&field);
            writeln!(self.out, "<h2>{label}</h2>")?;
            match copy.get_field(&field).as_ref() {
                Value::List(all) => {
                    for one in all.iter().filter_map(Value::as_message) {
                        self.table(one)?;
                    }
                }
                Value::Message(one) => self.table(one)?,
                _ => {}
            }
        }
        self.out.push_str("</body>\n</html>\n");
        Ok(())
    }

    fn table(&mut self, message: &DynamicMessage) -> std::fmt::Result {
        self.out.push_str("<table>\n");
        for field in message.descriptor().fields() {
            if !message.has_field(&field) || UNSAID.contains(&field.name()) {
                continue;
            }
            let label = self.label(&field);
            let said = self.plain(&message.get_field(&field), Some(&field));
            writeln!(self.out, "<tr><th>{label}</th><td>{said}</td></tr>")?;
        }
        self.out.push_str("</table>\n");
        Ok(())
    }

    /// What the field is called.
    fn label(&self, field: &FieldDescriptor) -> String {
        match self.words.fields.get(field.name()) {
            Some([chinese, english]) => {
                format!("{} <small>{}</small>", text(chinese), text(english))
            }
            None => text(field.name()),
        }
    }

    /// A value in one cell.
    fn plain(&self, value: &Value, field: Option<&FieldDescriptor>) -> String {
        match value {
            Value::List(all) => {
                let all: Vec<_> = all.iter().map(|one| self.plain(one, field)).collect();
                all.join("<br>")
            }
            Value::Message(message) => self.nested(message),
            Value::EnumNumber(number) => self.named(*number, field),
            Value::Bool(true) => "是 <small>yes</small>".into(),
            Value::Bool(false) => "否 <small>no</small>".into(),
            Value::String(said) => text(said),
            Value::I32(number) => number.to_string(),
            Value::I64(number) => number.to_string(),
            _ => String::new(),
        }
    }

    fn named(&self, number: i32, field: Option<&FieldDescriptor>) -> String {
        let Some(Kind::Enum(of)) = field.map(FieldDescriptor::kind) else {
            return number.to_string();
        };
        let Some(value) = of.get_value(number) else {
            return number.to_string();
        };
        match self.words.values.get(value.name()) {
            Some([chinese, english]) => {
                format!("{} <small>{}</small>", text(chinese), text(english))
            }
            None => text(value.name()),
        }
    }

    fn nested(&self, message: &DynamicMessage) -> String {
        let number = |name: &str| {
            let value = message.get_field_by_name(name);
            value
                .and_then(|value| value.as_i64().or(value.as_i32().map(i64::from)))
                .unwrap_or_default()
        };
        match message.descriptor().full_name() {
            "google.protobuf.Timestamp" => {
                let nanos = i32::try_from(number("nanos")).unwrap_or_default();
                let at = Timestamp::new(number("seconds"), nanos);
                at.map(|at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
                    .unwrap_or_default()
            }
            "google.type.Date" => {
                format!(
                    "{:04}-{:02}-{:02}",
                    number("year"),
                    number("month"),
                    number("day")
                )
            }
            "google.type.Money" => {
                let currency = message.get_field_by_name("currency_code");
                let currency = currency
                    .as_ref()
                    .and_then(|one| one.as_str())
                    .unwrap_or_default();
                let cents = number("nanos") / 10_000_000;
                format!("{}.{cents:02} {}", number("units"), text(currency))
            }
            _ => {
                let fields = message.descriptor();
                let said = fields
                    .fields()
                    .filter(|field| message.has_field(field) && !UNSAID.contains(&field.name()))
                    .map(|field| {
                        let value = self.plain(&message.get_field(&field), Some(&field));
                        format!("{}: {value}", self.label(&field))
                    });
                said.collect::<Vec<_>>().join("; ")
            }
        }
    }
}

/// Whatever a customer is called, it is text.
fn text(said: &str) -> String {
    said.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use kefu_contracts::profile::{Customer, Phone, Sex};
    use prost_reflect::MessageDescriptor;

    use super::*;

    fn fields(
        message: &MessageDescriptor,
        seen: &mut BTreeSet<String>,
        into: &mut BTreeSet<String>,
    ) {
        if !message.full_name().starts_with("kefu.profile.")
            || !seen.insert(message.full_name().into())
        {
            return;
        }
        for field in message
            .fields()
            .filter(|field| !UNSAID.contains(&field.name()))
        {
            into.insert(field.name().to_owned());
            if let Kind::Message(inner) = field.kind() {
                fields(&inner, seen, into);
            }
        }
    }

    /// Clause IH-2.1: whatever a copy can show is called something in both languages.
    #[test]
    fn every_field_of_a_copy_has_words() {
        let words = WORDS.as_ref().unwrap();
        let whole = dynamic(&CustomerCopy::default()).unwrap().descriptor();
        let (mut seen, mut named) = (BTreeSet::new(), BTreeSet::new());
        fields(&whole, &mut seen, &mut named);
        let missing: Vec<_> = named
            .iter()
            .filter(|one| !words.fields.contains_key(*one))
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
        let idle: Vec<_> = words
            .fields
            .keys()
            .filter(|one| !named.contains(*one) && *one != "make_time")
            .collect();
        assert!(idle.is_empty(), "{idle:?}");
    }

    /// Clause IH-2.1: the page says what the JSON says, and no name becomes part of the page.
    #[test]
    fn a_copy_is_read_by_people_and_by_machines() {
        let copy = CustomerCopy {
            customer: Some(Customer {
                display_name: "<b>张&三".into(),
                sex: Sex::Female.into(),
                birth_date: Some(kefu_contracts::google::r#type::Date {
                    year: 1949,
                    month: 12,
                    day: 31,
                }),
                phones: vec![Phone {
                    number: "+8613812345678".into(),
                    primary: true,
                    ..Phone::default()
                }],
                ..Customer::default()
            }),
            ..CustomerCopy::default()
        };
        let page = html(&copy).unwrap();
        for said in [
            "&lt;b&gt;张&amp;三",
            "女",
            "1949-12-31",
            "+8613812345678",
            "Date of birth",
        ] {
            assert!(page.contains(said), "{said} is not in {page}");
        }
        assert!(!page.contains("<b>"));
        let read: serde_json::Value = serde_json::from_str(&json(&copy).unwrap()).unwrap();
        assert_eq!(read["customer"]["display_name"], "<b>张&三");
        assert_eq!(read["customer"]["sex"], "SEX_FEMALE");
    }
}
