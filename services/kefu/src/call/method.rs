//! Finds a method of the contracts by as much of its name as is needed.

use anyhow::bail;
use prost_reflect::{DescriptorPool, MethodDescriptor};

/// The method whose path is this or, at the border of a name, ends in it.
///
/// # Errors
/// When there is none or more than one; says which come near.
pub(crate) fn find(pool: &DescriptorPool, name: &str) -> anyhow::Result<MethodDescriptor> {
    let wanted = name.trim_start_matches('/');
    let fits = |method: &MethodDescriptor| {
        let path = path(method);
        path.strip_suffix(wanted)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with(['.', '/']))
    };
    let mut found: Vec<_> = methods(pool).filter(fits).collect();
    if found.len() > 1 {
        // A short name means the method that people can call.
        found.retain(|method| !internal(method));
    }
    match found.as_slice() {
        [method] => Ok(method.clone()),
        [] => bail!("no method {name}; there are:{}", listed(&public(pool))),
        several => bail!("{name} could be:{}", listed(several)),
    }
}

/// `kefu.profile.v1.CustomerService/GetCustomer`
pub(super) fn path(method: &MethodDescriptor) -> String {
    format!("{}/{}", method.parent_service().full_name(), method.name())
}

fn methods(pool: &DescriptorPool) -> impl Iterator<Item = MethodDescriptor> {
    pool.services()
        .flat_map(|service| service.methods().collect::<Vec<_>>())
}

fn public(pool: &DescriptorPool) -> Vec<MethodDescriptor> {
    methods(pool).filter(|method| !internal(method)).collect()
}

fn internal(method: &MethodDescriptor) -> bool {
    kefu_contracts::method(&format!("/{}", path(method))).is_none_or(|rule| rule.internal)
}

fn listed(methods: &[MethodDescriptor]) -> String {
    methods
        .iter()
        .map(|method| format!("\n  {}", path(method)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_much_of_the_name_as_is_needed() {
        let pool = DescriptorPool::decode(kefu_contracts::DESCRIPTOR_SET).unwrap();
        for name in [
            "/kefu.profile.v1.CustomerService/GetCustomer",
            "kefu.profile.v1.CustomerService/GetCustomer",
            "CustomerService/GetCustomer",
            "GetCustomer",
        ] {
            let method = find(&pool, name).unwrap();
            assert_eq!(path(&method), "kefu.profile.v1.CustomerService/GetCustomer");
        }
        for name in ["Customer", "Service/GetCustomer", "getcustomer", ""] {
            assert!(find(&pool, name).is_err(), "{name}");
        }
    }
}
