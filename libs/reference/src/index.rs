//! The first page: how to read the others, why calls are refused, and what there is.

use kefu_contracts::common::Reason;

use crate::{
    Sources,
    contract::short,
    page::{self, WRITTEN},
    refusals::OF_EVERY_CALL,
    text::{anchor, cell, first_sentence},
};

const INTRODUCTION: &str = "\
# API reference

Every call that the gateway takes, with what it needs, shows and refuses, and every message. The contracts
themselves are in [`proto/`](../../proto); what is written there is what is written here.
[Integrating](../integrating.md) and [pages in browsers](../frontend.md) tell how to call.

## How to read it

- **permission**: what a rule of the caller has to hold; **shipped roles** are the posts whose rules hold it, each
  with the records that it reaches (`owner`: one's own, `duty`: those one works on, `departments`: those of the
  departments that one holds the post for, `all`). Everybody holds what `employee` holds. A company may have other roles.
- **purpose**: the call is refused without `kefu-purpose` metadata where it *has to be stated*.
- **shows**: classes of personal data that the answer can carry; which of them a caller gets depends on the rule
  and on the record, and stands in the answer's `disclosure`.
- **class** of a field, and after the dot its [mask](policy.md#mask): how it looks where the class is not cleared.
  SYSTEM fields are always shown. Messages in which no field has a class are requests, or carry no personal data.
- Examples are typed in the folder of `make run`; the JSON is a message of the contract, and what stands in it is made up.
  They name what a call needs and no more: `…` is the caller's to write. Fields are spelled as in the tables or in camel case.

";

pub(crate) fn write(sources: &Sources) -> String {
    let mut out = format!("{WRITTEN}{INTRODUCTION}");
    out.push_str(&contents(sources));
    out + &refusals(sources)
}

fn contents(sources: &Sources) -> String {
    let contract = &sources.contract;
    let mut out = "## Pages\n\n".to_owned();
    let packages = contract.packages();
    let (with, without): (Vec<_>, Vec<_>) = packages
        .iter()
        .partition(|package| !contract.services_of(package).is_empty());
    for package in with {
        let page = page::file(package);
        out.push_str(&format!(
            "### [{package}]({page})\n\n| | calls | |\n|---|---|---|\n"
        ));
        for service in contract.services_of(package) {
            let file = service.parent_file();
            let own = contract.comment(&file, service.path());
            let said = match own.is_empty() {
                true => contract.comment(&file, &[2]),
                false => own,
            };
            out.push_str(&format!(
                "| [{name}]({page}#{anchor}) | {} | {} |\n",
                contract.rpcs_of(&service).len(),
                first_sentence(said),
                name = service.name(),
                anchor = anchor(service.name()),
            ));
        }
        out.push('\n');
    }
    let shared: Vec<_> = without
        .iter()
        .map(|package| format!("[{package}]({})", page::file(package)))
        .collect();
    out.push_str(&format!(
        "Messages that several of them share: {}.\n\n",
        shared.join(", ")
    ));
    out
}

fn refusals(sources: &Sources) -> String {
    let mut every = String::new();
    let mut some = String::new();
    let contract = &sources.contract;
    let Some(kind) = contract.enumeration("kefu.common.v1.Reason") else {
        return String::new();
    };
    for value in kind
        .values()
        .filter(|value| value.number() != Reason::Unspecified as i32)
    {
        let name = short(&kind, value.name());
        let comment = contract.comment(&kind.parent_file(), value.path());
        let (code, said) = comment
            .split_once(':')
            .unwrap_or((comment.trim_end_matches('.'), ""));
        let row = format!("| `{name}` | {} | {} |\n", code.trim(), cell(said.trim()));
        match OF_EVERY_CALL.contains(&name) {
            true => every.push_str(&row),
            false => some.push_str(&row),
        }
    }
    format!(
        "## Refusals\n\nA refusal is a `google.rpc.Status` with an `ErrorInfo` (domain `kefu`, and a reason of this closed set), \
         every violation of fields at once, `RetryInfo` where trying again makes sense, and a sentence in the caller's language \
         (`accept-language`: zh-CN or en). Its metadata says which rule refused and whom to ask.\n\n\
         ### Refusals of every call\n\nAny call may be refused with these, and they are not repeated with each:\n\n\
         | reason | code | |\n|---|---|---|\n{every}\n\
         ### Refusals of some calls\n\nA call names which of these it may give. Some follow from its request; the others are found in the code that \
         the call leads to, by the names of functions: one may stand there which needs more than this call to come about, and \
         `make docs-test` refuses a page that lacks one which a call was seen to give.\n\n\
         | reason | code | |\n|---|---|---|\n{some}"
    )
}
