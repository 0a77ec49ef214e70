//! The company's rules about notices (SG-2.4).

use kefu_contracts::{
    journal::NoticeRulesChanged,
    ticket::{NoticeDefinition, NoticeRules, NoticeRulesVersion, ReviseNoticeRulesRequest},
};
use kefu_service::{
    fields::Fields,
    versions::{Names, Revisable, revisable},
};

use crate::{domain::notice::check, store::versions::TicketRules};

impl Revisable<TicketRules> for NoticeRulesVersion {
    revisable!(
        TicketRules,
        NoticeRules,
        ReviseNoticeRulesRequest,
        NoticeRulesChanged
    );

    const NAMES: Names = Names {
        resource: "noticeRules",
        viewed: "notice_rules.viewed",
        revised: "notice_rules.revised",
    };

    fn check(fields: &mut Fields, definition: &NoticeDefinition) {
        check(fields, definition);
    }
}
