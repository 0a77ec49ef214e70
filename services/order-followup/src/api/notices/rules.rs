//! The company's rules about notices (OP-3.4.4, SG-2.4).

use kefu_contracts::{
    journal::OrderNoticeRulesChanged,
    order::{NoticeDefinition, NoticeRules, NoticeRulesVersion, ReviseNoticeRulesRequest},
};
use kefu_service::{
    fields::Fields,
    versions::{Names, Revisable, revisable},
};

use crate::{domain::notice::check, store::versions::OrderRules};

impl Revisable<OrderRules> for NoticeRulesVersion {
    revisable!(
        OrderRules,
        NoticeRules,
        ReviseNoticeRulesRequest,
        OrderNoticeRulesChanged
    );

    const NAMES: Names = Names {
        resource: "orderNoticeRules",
        viewed: "order_notice_rules.viewed",
        revised: "order_notice_rules.revised",
    };

    fn check(fields: &mut Fields, definition: &NoticeDefinition) {
        check(fields, definition);
    }
}
