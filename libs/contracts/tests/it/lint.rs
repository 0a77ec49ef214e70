//! Each way in which a contract can owe an annotation is found. The contracts
//! here are compiled like the real ones, against the real kefu.policy.v1.

use std::path::Path;

use prost_reflect::DescriptorPool;
use protox::{
    Compiler,
    file::{ChainFileResolver, File, FileResolver, GoogleFileResolver, IncludeFileResolver},
};

use crate::lint_rules;

struct Text(String);

impl FileResolver for Text {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        match name {
            "kefu/test/v1/test.proto" => File::from_source(name, &self.0),
            _ => Err(protox::Error::file_not_found(name)),
        }
    }
}

fn findings(body: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut resolver = ChainFileResolver::new();
    resolver.add(Text(format!(
        "syntax = \"proto3\"; package kefu.test.v1; import \"kefu/policy/v1/policy.proto\"; {body}"
    )));
    resolver.add(IncludeFileResolver::new(root.join("../../proto")));
    resolver.add(GoogleFileResolver::new());
    let mut compiler = Compiler::with_file_resolver(resolver);
    compiler
        .include_imports(true)
        .open_file("kefu/test/v1/test.proto")
        .unwrap();
    let encoded = compiler.encode_file_descriptor_set();
    lint_rules::check(&DescriptorPool::decode(encoded.as_slice()).unwrap())
}

const METHOD: &str = "option (kefu.policy.v1.method) = {permission: \"test.things.get\" purpose_required: true \
                      effect: EFFECT_READ shows: [DATA_CLASS_BASIC]};";

fn service(method: &str, fields: &str) -> Vec<String> {
    findings(&format!(
        "service ThingService {{ rpc Get(Request) returns (Thing) {{ {method} }} }} message Request {{}} \
         message Thing {{ {fields} }} message Part {{ string text = 1; }}"
    ))
}

const NAME: &str =
    "string name = 1 [(kefu.policy.v1.field) = {class: DATA_CLASS_BASIC, mask: MASK_NAME}];";

#[test]
fn an_annotated_contract_passes() {
    assert_eq!(service(METHOD, NAME), Vec::<String>::new());
}

#[test]
fn an_rpc_without_annotation_is_refused() {
    assert_eq!(
        service("", NAME),
        ["kefu.test.v1.ThingService.Get: no (kefu.policy.v1.method)"]
    );
}

#[test]
fn a_field_without_annotation_is_refused_however_deep_it_lies() {
    let found = service(METHOD, &format!("{NAME} repeated Part parts = 2;"));
    assert_eq!(found, ["kefu.test.v1.Part.text: no (kefu.policy.v1.field)"]);
}

#[test]
fn every_other_omission_is_refused() {
    let field = |options: &str| {
        service(
            METHOD,
            &format!("{NAME} string text = 2 [(kefu.policy.v1.field) = {{{options}}}];"),
        )
    };
    for (found, expected) in [
        (field("class: DATA_CLASS_BASIC"), "no mask"),
        (field("mask: MASK_OMIT"), "no data class"),
        (
            field("class: DATA_CLASS_SYSTEM mask: MASK_OMIT"),
            "SYSTEM fields have no mask",
        ),
        (
            field("class: DATA_CLASS_CONTACT mask: MASK_OMIT"),
            "its annotation says",
        ),
        (
            service(
                METHOD,
                &format!(
                    "{NAME} int32 n = 2 [(kefu.policy.v1.field) = {{class: DATA_CLASS_BASIC mask: MASK_PHONE}}];"
                ),
            ),
            "is for single strings",
        ),
        (
            service(METHOD, &format!("{NAME} map<string, string> m = 2;")),
            "maps cannot be classified",
        ),
        (
            service(&METHOD.replace("purpose_required: true", ""), NAME),
            "without a purpose",
        ),
        (
            service(&METHOD.replace("effect: EFFECT_READ", ""), NAME),
            "no effect",
        ),
        (
            service(&METHOD.replace("test.things.get", "things"), NAME),
            "is not domain.resource.verb",
        ),
        (
            service(
                &METHOD.replace("test.things.get", "internal.things.get"),
                NAME,
            ),
            "internal methods",
        ),
    ] {
        assert!(
            found.iter().any(|one| one.contains(expected)),
            "{expected}: {found:?}"
        );
    }
}

/// The real contracts owe nothing.
#[test]
fn the_contracts_of_the_suite_pass() {
    let pool = DescriptorPool::decode(kefu_contracts::DESCRIPTOR_SET).unwrap();
    assert_eq!(lint_rules::check(&pool), Vec::<String>::new());
}
