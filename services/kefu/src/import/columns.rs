//! Every column a mapping names, so that a misspelt one is refused before the
//! first row is sent. Each type is taken apart whole: the compiler tells when a
//! new field is not thought of here.

use anyhow::{Context, bail};

use super::{
    join::Data,
    mapping::{
        AddressFields, AttributeFields, ContactFields, CustomerFields, HistoryFields, LineFields,
        Mapping, OrderFields, PersonFields, ReviewFields, StageFields, TicketFields,
    },
    template::Value,
};

/// A value with the join whose rows it is resolved for.
type Placed<'a> = (Option<&'a str>, &'a Value);

/// Checks that each column of the mapping is one that can be read in its place.
///
/// # Errors
/// Names the first column that cannot.
pub(super) fn check(mapping: &Mapping, data: &Data) -> anyhow::Result<()> {
    for (each, value) in all(mapping) {
        if let Some(each) = each
            && !data.has_join(each)
        {
            bail!("each = \"{each}\" names no [join.{each}]");
        }
        for column in value.columns() {
            data.check(column, each)
                .with_context(|| format!("the mapping uses {{{column}}}"))?;
        }
    }
    Ok(())
}

fn all(mapping: &Mapping) -> Vec<Placed<'_>> {
    let Mapping {
        external_ref,
        source: _,
        join: _,
        customer,
        order,
        ticket,
    } = mapping;
    let mut values = vec![(None, external_ref)];
    values.extend(customer.iter().flat_map(of_customer));
    values.extend(order.iter().flat_map(of_order));
    values.extend(ticket.iter().flat_map(of_ticket));
    values
}

/// Values of the row itself: those that must be there and those that may.
fn of_row<'a>(must: &[&'a Value], may: &[&'a Option<Value>]) -> Vec<Placed<'a>> {
    placed(None, must, may)
}

fn placed<'a>(
    each: Option<&'a str>,
    must: &[&'a Value],
    may: &[&'a Option<Value>],
) -> Vec<Placed<'a>> {
    let given = may.iter().filter_map(|value| value.as_ref());
    must.iter()
        .copied()
        .chain(given)
        .map(|value| (each, value))
        .collect()
}

#[rustfmt::skip]
fn of_customer(fields: &CustomerFields) -> Vec<Placed<'_>> {
    let CustomerFields {
        r#type, display_name, business_line, department, owner, sex, birth_date, occupation, region,
        source_channel, special_needs, id_card, credit_code, bank_card, phones, emails, addresses,
        source_hand, source_credibility, signing_date, contact_persons,
        basic_attributes, contact_attributes, identity_attributes, financial_attributes, purchase_attributes, relation_attributes,
    } = fields;
    let mut values = of_row(&[r#type, display_name], &[
        business_line, department, owner, sex, birth_date, occupation, region,
        source_channel, special_needs, id_card, credit_code, bank_card,
        source_hand, source_credibility, signing_date,
    ]);
    for PersonFields { name, title, phone, email, primary: _ } in contact_persons {
        values.extend(of_row(&[name], &[title, phone, email]));
    }
    let attributes = [
        basic_attributes, contact_attributes, identity_attributes, financial_attributes, purchase_attributes, relation_attributes,
    ];
    for AttributeFields { id: _, value } in attributes.into_iter().flatten() {
        values.extend(of_row(&[value], &[]));
    }
    for ContactFields { value, kind, primary: _ } in phones.iter().chain(emails) {
        values.extend(of_row(&[value], &[kind]));
    }
    for address in addresses {
        let AddressFields { province, city, district, street, postal_code, kind, primary: _ } = address;
        values.extend(of_row(&[], &[province, city, district, street, postal_code, kind]));
    }
    values
}

#[rustfmt::skip]
fn of_order(fields: &OrderFields) -> Vec<Placed<'_>> {
    let OrderFields {
        customer, currency, department, owner, placed_time, promised_time, lines, stages, stage, reviews,
    } = fields;
    let mut values = of_row(&[customer, currency], &[department, owner, placed_time, promised_time, stage]);
    for StageFields { stage, time } in stages {
        values.extend(of_row(&[stage, time], &[]));
    }
    if let Some(lines) = lines {
        let LineFields { each, product, specification, category, quantity, unit_price, freight, discount, tax } = lines;
        values.extend(placed(
            Some(each),
            &[product, quantity, unit_price],
            &[specification, category, freight, discount, tax],
        ));
    }
    if let Some(reviews) = reviews {
        let ReviewFields { each, external_ref, score, comment, answered_time, arrived } = reviews;
        values.extend(placed(Some(each), &[external_ref, score], &[comment, answered_time, arrived]));
    }
    values
}

#[rustfmt::skip]
fn of_ticket(fields: &TicketFields) -> Vec<Placed<'_>> {
    let TicketFields {
        customer, kind, channel, subject, description, category, impact, urgency, department, received_time, history,
    } = fields;
    let mut values = of_row(
        &[customer, kind, channel, subject],
        &[description, category, impact, urgency, department, received_time],
    );
    if let Some(HistoryFields { time, state, waiting_for, resolution, reopen_reason, assignee, reassignments, resolved_time, closed_time }) = history {
        values.extend(of_row(&[time, state, resolution, reopen_reason], &[waiting_for, assignee, reassignments, resolved_time, closed_time]));
    }
    values
}
