//! What tickets can be to each other (SG-5).

use kefu_contracts::ticket::LinkKind;
use uuid::Uuid;

/// Whether it means something which of the two is first: then no such links make a circle.
pub(crate) fn is_directed(kind: LinkKind) -> bool {
    kind != LinkKind::Related
}

/// Whether people say it; what happened is not said, nor taken back.
pub(crate) fn is_said(kind: LinkKind) -> bool {
    kind != LinkKind::SplitFrom
}

/// The two in the order in which they are kept: one, where their order means nothing.
pub(crate) fn between(kind: LinkKind, from: Uuid, to: Uuid) -> (Uuid, Uuid) {
    if !is_directed(kind) && to < from {
        (to, from)
    } else {
        (from, to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_direction_is_one_link_from_either_side() {
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let related = LinkKind::Related;
        assert_eq!(between(related, one, other), between(related, other, one));
        let caused = LinkKind::CausedBy;
        assert_eq!(between(caused, other, one), (other, one));
    }
}
