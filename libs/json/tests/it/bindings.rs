//! Every public method has one binding, and each way in which a contract can owe that is found.

use std::path::Path;

use kefu_contracts::METHODS;
use kefu_json::{Api, Route, Verb};
use prost_reflect::{DescriptorPool, Kind};
use protox::{
    Compiler,
    file::{ChainFileResolver, File, FileResolver, GoogleFileResolver, IncludeFileResolver},
};

/// The contracts owe nothing: exactly one valid binding each, no two of which collide, and
/// every variable of a path is a field of its request.
#[test]
fn every_public_method_can_be_asked_for_in_one_way() {
    let api = Api::of_contracts().unwrap_or_else(|owed| panic!("{}", owed.join("\n")));
    let public = METHODS.iter().filter(|method| !method.internal).count();
    assert_eq!(api.bindings().len(), public);
    for binding in api.bindings() {
        assert!(
            !binding.method.is_client_streaming(),
            "{}",
            binding.method.full_name()
        );
    }
}

/// A line of a stream is a message, or the error that it ends with; they must be told apart.
#[test]
fn no_message_of_a_stream_has_a_field_named_error() {
    let api = Api::of_contracts().unwrap();
    let mut streams = 0;
    for binding in api
        .bindings()
        .iter()
        .filter(|one| one.rule.server_streaming)
    {
        let message = binding.method.output();
        assert!(
            message.get_field_by_json_name("error").is_none(),
            "{}",
            message.full_name()
        );
        streams += 1;
    }
    assert!(streams >= 8, "{streams}");
}

/// What can be asked for with an address alone has nothing in it that is only said in parts
/// of lists, and no free text of people.
#[test]
fn whatever_stands_in_an_address_can_stand_there() {
    for binding in Api::of_contracts().unwrap().bindings() {
        if binding.verb.has_body() {
            continue;
        }
        for field in binding.method.input().fields() {
            let messages = matches!(field.kind(), Kind::Message(_)) && field.is_list();
            assert!(!messages && !field.is_map(), "{}", field.full_name());
            for personal in [
                "phone", "email", "id_card", "body", "reason", "comment", "note",
            ] {
                assert_ne!(field.name(), personal, "{}", field.full_name());
            }
        }
    }
}

#[test]
fn a_request_is_told_from_others_by_verb_and_path() {
    let api = Api::of_contracts().unwrap();
    let called = |verb, path: &str| match api.route(Verb::named(verb), path) {
        Route::Call(binding, values) => {
            let values: Vec<_> = values
                .iter()
                .map(|(field, value)| format!("{field}={value}"))
                .collect();
            format!("{} {}", binding.method.name(), values.join(" "))
        }
        Route::OtherVerbs(verbs) => format!("{verbs:?}"),
        Route::Nothing => String::new(),
    };
    for (verb, path, expected) in [
        ("GET", "/v1/tickets", "ListTickets "),
        ("POST", "/v1/tickets", "OpenTicket "),
        ("GET", "/v1/tickets/x", "GetTicket name=tickets/x"),
        (
            "PATCH",
            "/v1/tickets/x",
            "UpdateTicket ticket.name=tickets/x",
        ),
        (
            "POST",
            "/v1/tickets/x:assign",
            "AssignTicket name=tickets/x",
        ),
        ("GET", "/v1/tickets:watch", "WatchTickets "),
        ("POST", "/v1/tickets/x:watch", "WatchTicket name=tickets/x"),
        ("GET", "/v1/audit-entries/7", "GetAuditEntry seq=7"),
        ("DELETE", "/v1/tickets", "[Get, Post]"),
        ("TRACE", "/v1/tickets/x", "[Get, Patch]"),
        ("GET", "/v1/tickets/x:assign", "[Post]"),
        ("GET", "/v1/nonsense", ""),
        ("GET", "/v1/tickets/x/y/z", ""),
        ("GET", "/v2/tickets", ""),
        ("GET", "/", ""),
    ] {
        assert_eq!(called(verb, path), expected, "{verb} {path}");
    }
}

struct Text(String);

impl FileResolver for Text {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        match name {
            "kefu/ticket/v1/ticket_service.proto" => File::from_source(name, &self.0),
            _ => Err(protox::Error::file_not_found(name)),
        }
    }
}

/// What is owed when the ticket service has these options; the names are of real methods, as
/// who may call is looked up by them.
fn owed(get: &str, list: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut resolver = ChainFileResolver::new();
    resolver.add(Text(format!(
        "syntax = \"proto3\"; package kefu.ticket.v1; import \"google/api/annotations.proto\";
         service TicketService {{ rpc GetTicket(R) returns (R) {{ {get} }} rpc CloseTicket(R) returns (R) {{ {list} }} }}
         message R {{ string name = 1; repeated string many = 2; R inner = 3; }}"
    )));
    resolver.add(IncludeFileResolver::new(root.join("contracts/googleapis")));
    resolver.add(GoogleFileResolver::new());
    let mut compiler = Compiler::with_file_resolver(resolver);
    compiler
        .include_imports(true)
        .open_file("kefu/ticket/v1/ticket_service.proto")
        .unwrap();
    let encoded = compiler.encode_file_descriptor_set();
    let pool = DescriptorPool::decode(encoded.as_slice()).unwrap();
    Api::read(pool).err().unwrap_or_default()
}

#[test]
fn whatever_a_contract_owes_is_found() {
    let option = |rule: &str| format!("option (google.api.http) = {{{rule}}};");
    let get = option("get: \"/v1/{name=tickets/*}\"");
    let close = option("post: \"/v1/{name=tickets/*}:close\" body: \"*\"");
    assert_eq!(owed(&get, &close), Vec::<String>::new());
    for (get, close, expected) in [
        (String::new(), close.clone(), "no (google.api.http)"),
        (
            option("get: \"/v1/{nam=tickets/*}\""),
            close.clone(),
            "nam is no single text",
        ),
        (
            option("get: \"/v1/{many=tickets/*}\""),
            close.clone(),
            "many is no single text",
        ),
        (
            option("get: \"/v1/{inner=tickets/*}\""),
            close.clone(),
            "inner is no single text",
        ),
        (
            option("get: \"/v1/{inner.name=tickets/*}\" body: \"*\""),
            close.clone(),
            "has the body",
        ),
        (
            option("get: \"/tickets\""),
            close.clone(),
            "does not begin with v1",
        ),
        (
            option("custom: {kind: \"HEAD\" path: \"/v1/x\"}"),
            close.clone(),
            "no path of a known verb",
        ),
        (
            option("get: \"/v1/{name=tickets/*}\" additional_bindings: {get: \"/v1/x\"}"),
            close.clone(),
            "one binding",
        ),
        (
            get.clone(),
            option("post: \"/v1/{name=tickets/*}:close\" body: \"many\""),
            "has the body",
        ),
        (
            get.clone(),
            option("get: \"/v1/tickets:close\""),
            "is not asked for with GET",
        ),
        (
            option("post: \"/v1/{inner.name=tickets/*}:close\" body: \"*\""),
            close,
            "the same verb at the same path",
        ),
    ] {
        let found = owed(&get, &close);
        assert!(
            found.iter().any(|one| one.contains(expected)),
            "{expected}: {found:?}"
        );
    }
}
