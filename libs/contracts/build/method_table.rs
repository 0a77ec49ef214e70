//! Writes the table of every RPC and its access rule.

use std::fmt::Write;

use prost_reflect::DescriptorPool;

use crate::annotations::Annotations;

pub(crate) fn generate(pool: &DescriptorPool) -> String {
    let annotations = Annotations::of(pool).expect("checked by the lint");
    let mut rows: Vec<(String, String)> = pool
        .services()
        .flat_map(|service| service.methods().collect::<Vec<_>>())
        .map(|method| {
            let service = method.parent_service().full_name().to_owned();
            let path = format!("/{service}/{}", method.name());
            let policy = annotations.method(&method).expect("checked by the lint");
            let shows: Vec<_> = policy.shows.iter().map(|class| format!("DataClass::{class}")).collect();
            let row = format!(
                "    Method {{ path: {path:?}, service: {service:?}, permission: {:?}, purpose_required: {}, \
                 effect: Effect::{}, shows: &[{}], internal: {}, server_streaming: {} }},",
                policy.permission,
                policy.purpose_required,
                policy.effect.expect("checked by the lint"),
                shows.join(", "),
                policy.internal,
                method.is_server_streaming(),
            );
            (path, row)
        })
        .collect();
    rows.sort();
    let mut out = String::from(
        "/// Every RPC of the contracts, sorted by path.\npub static METHODS: &[Method] = &[\n",
    );
    for (_, row) in rows {
        writeln!(out, "{row}").expect("writing to a string");
    }
    out.push_str("];\n");
    out
}
