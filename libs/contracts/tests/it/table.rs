use kefu_contracts::{METHODS, method, policy::Effect};
use prost_reflect::DescriptorPool;

/// What is not in the table does not exist, and everything in the contracts is in it.
#[test]
fn the_table_holds_every_rpc_of_the_contracts() {
    let pool = DescriptorPool::decode(kefu_contracts::DESCRIPTOR_SET).unwrap();
    let mut paths: Vec<String> = pool
        .services()
        .flat_map(|service| service.methods().collect::<Vec<_>>())
        .map(|method| format!("/{}/{}", method.parent_service().full_name(), method.name()))
        .collect();
    paths.sort();
    assert_eq!(
        METHODS
            .iter()
            .map(|one| one.path.to_owned())
            .collect::<Vec<_>>(),
        paths
    );
    for path in paths {
        assert_eq!(method(&path).unwrap().path, path);
    }
    assert_eq!(method("/kefu.ticket.v1.TicketService/Nonsense"), None);
    assert_eq!(method(""), None);
}

#[test]
fn rules_are_those_of_the_annotations() {
    let open = method("/kefu.ticket.v1.TicketService/OpenTicket").unwrap();
    assert_eq!(
        (open.permission, open.effect),
        ("ticket.tickets.open", Effect::Write)
    );
    assert!(open.purpose_required && !open.internal);
    assert!(
        method("/kefu.journal.v1.JournalService/Follow")
            .unwrap()
            .internal
    );
}
