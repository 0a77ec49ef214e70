//! Clauses of the policy, as one organisation lives them: sales (head 2, overseen by 3)
//! below head office (head 3, overseen by nobody), led by 3 and 4; 5 and 6 work there.

use super::*;

const APPLICANT: u128 = 5;

fn company() -> Chart {
    let seat = |code: &str, parent, head, leader| Seat {
        code: code.into(),
        parent,
        head: Some(person(head)),
        supervising_leader: leader,
    };
    let sales = seat("sales", Some(department(2)), 2, Some(person(3)));
    let finance = seat("finance", Some(department(2)), 6, Some(person(3)));
    Chart {
        departments: HashMap::from([
            (department(1), sales),
            (department(2), seat("head_office", None, 3, None)),
            (department(3), finance),
        ]),
        present: (1..=7).map(person).collect(),
        holders: HashMap::from([("company_leader".to_owned(), vec![person(4)])]),
        stands: vec![],
    }
}

fn things(people: &[u128]) -> Things {
    Things {
        things: (0..4).collect(),
        people: people.iter().copied().map(person).collect(),
        until: hour(1000),
    }
}

fn submitted(applicant: u128, of: u128, people: &[u128]) -> Case<Things> {
    let mut case = Case::draft(person(applicant), department(of), things(people), hour(0));
    act(&mut case, applicant, Act::Submit, 0).unwrap();
    case
}

fn act(
    case: &mut Case<Things>,
    actor: u128,
    what: Act<Things>,
    at: i64,
) -> Result<Option<Hat>, Refusal> {
    act_in(&company(), case, actor, what, at)
}

fn act_in(
    chart: &Chart,
    case: &mut Case<Things>,
    actor: u128,
    what: Act<Things>,
    at: i64,
) -> Result<Option<Hat>, Refusal> {
    case.advance(&share(), hour(at));
    case.act(person(actor), what, &share(), chart, hour(at))
}

/// Clause CF-6.3: applicant → department head → supervising leader, in this order.
#[test]
fn head_first_then_supervising_leader() {
    let mut case = submitted(APPLICANT, 1, &[5]);
    let early = act(&mut case, 3, Act::Approve(None), 1).unwrap_err();
    assert!(matches!(early, Refusal::NotAnApprover(hats) if hats[0].actor == person(2)));
    act(&mut case, 2, Act::Approve(None), 1).unwrap();
    assert_eq!(case.state, State::InReview);
    assert_eq!(
        act(&mut case, 2, Act::Approve(None), 2),
        Err(Refusal::Involved)
    );
    act(&mut case, 3, Act::Approve(None), 2).unwrap();
    assert_eq!(case.state, State::Approved);
}

/// Clause CF-6.1: every other department needs the company leader's approval.
#[test]
fn other_departments_need_the_company_leader() {
    let mut case = submitted(7, 3, &[7]);
    act(&mut case, 6, Act::Approve(None), 1).unwrap();
    act(&mut case, 3, Act::Approve(None), 2).unwrap();
    assert_eq!((case.state, case.stage), (State::InReview, 2));
    act(&mut case, 4, Act::Approve(None), 3).unwrap();
    assert_eq!(case.state, State::Approved);
}

/// Clause CF-6.3: a head who applies is decided upon by the head above, and the same
/// person does not then also decide as supervising leader.
#[test]
fn nobody_decides_on_their_own_request_nor_twice() {
    let mut case = submitted(2, 1, &[5]);
    assert_eq!(
        act(&mut case, 2, Act::Approve(None), 1),
        Err(Refusal::Involved)
    );
    assert_eq!(
        act(&mut case, 5, Act::Approve(None), 1),
        Err(Refusal::Involved)
    );
    act(&mut case, 3, Act::Approve(None), 1).unwrap();
    let twice = act(&mut case, 3, Act::Approve(None), 2);
    assert_eq!(twice, Err(Refusal::Involved));
    // Nobody else oversees sales: the fallback decides.
    act(&mut case, 4, Act::Approve(None), 2).unwrap();
    assert_eq!(case.state, State::Approved);
}

/// Clause CF-6.3: also not through delegation.
#[test]
fn lending_a_post_opens_no_way_around() {
    let lent = |from, to| Chart {
        stands: vec![Stand {
            from: person(from),
            to: person(to),
            department: None,
        }],
        ..company()
    };
    // The head lends the post to the applicant, to somebody who benefits.
    for (to, people) in [(APPLICANT, vec![6]), (7, vec![7])] {
        let mut case = submitted(APPLICANT, 1, &people);
        let own = act_in(&lent(2, to), &mut case, to, Act::Approve(None), 1);
        assert_eq!(own, Err(Refusal::Involved));
    }
    // The head applies: the post is no longer theirs to lend.
    let mut case = submitted(2, 1, &[5]);
    let for_the_head = act_in(&lent(2, 7), &mut case, 7, Act::Approve(None), 1);
    assert!(matches!(for_the_head, Err(Refusal::NotAnApprover(_))));
    // Whoever stood in for the head, and the head, are both used up.
    let mut case = submitted(APPLICANT, 1, &[5]);
    let chart = lent(2, 7);
    let hat = act_in(&chart, &mut case, 7, Act::Approve(None), 1)
        .unwrap()
        .unwrap();
    assert_eq!((hat.actor, hat.principal), (person(7), person(2)));
    let both = lent(3, 7);
    assert_eq!(
        act_in(&both, &mut case, 7, Act::Approve(None), 2),
        Err(Refusal::Involved)
    );
    assert_eq!(
        act_in(&both, &mut case, 2, Act::Approve(None), 2),
        Err(Refusal::Involved)
    );
    act_in(&both, &mut case, 3, Act::Approve(None), 2).unwrap();
}

/// Clauses CF-6.3, CC-1.1: a post lent over one department serves for what is asked there and
/// below, also where the post is held further up, and nowhere else; only who would decide anyway
/// lends it.
#[test]
fn a_post_lent_over_a_department_serves_there() {
    // Below sales is a desk (4) without a head: that of sales decides for it.
    let chart = |from, over| {
        let mut chart = company();
        let desk = Seat {
            code: "desk".into(),
            parent: Some(department(1)),
            ..Seat::default()
        };
        chart.departments.insert(department(4), desk);
        chart.stands = vec![Stand {
            from: person(from),
            to: person(7),
            department: Some(department(over)),
        }];
        chart
    };
    use Finder::{ArchiveManager, CompanyLeader, DepartmentHead, SupervisingLeader};
    for (from, over, post, serves) in [
        (2, 1, DepartmentHead, vec![1, 4]),
        (2, 4, DepartmentHead, vec![4]),
        (3, 4, SupervisingLeader, vec![4]),
        (3, 1, SupervisingLeader, vec![1, 4]),
        // The head of head office decides for no department below that has a head.
        (3, 1, DepartmentHead, vec![]),
        // Held over sales alone: not among the posts over head office.
        (2, 2, DepartmentHead, vec![]),
        (4, 1, CompanyLeader, vec![1, 4]),
        (4, 2, CompanyLeader, vec![1, 2, 3, 4]),
        // Files are kept for the whole company, over no department.
        (6, 1, ArchiveManager, vec![]),
    ] {
        let mut chart = chart(from, over);
        let keeps = ("archive_manager".to_owned(), vec![person(6)]);
        chart.holders.extend([keeps]);
        for of in 1..=4 {
            let hats = chart.hats(post, department(of), &HashSet::new());
            assert_eq!(
                hats.iter().any(|hat| hat.actor == person(7)),
                serves.contains(&of),
                "{from} lent {post:?} over {over}, asked for in {of}"
            );
        }
    }
    // Asked for at the desk, decided by whom the head of sales lent it to.
    let mut case = Case::draft(person(APPLICANT), department(4), things(&[5]), hour(0));
    let chart = chart(2, 4);
    act_in(&chart, &mut case, APPLICANT, Act::Submit, 0).unwrap();
    let hat = act_in(&chart, &mut case, 7, Act::Approve(None), 1).unwrap();
    let hat = hat.unwrap();
    assert_eq!((hat.actor, hat.principal), (person(7), person(2)));
}

/// Clause CF-6.2: narrowed by each approver, widened by none.
#[test]
fn what_was_narrowed_stays_narrow() {
    let mut case = submitted(APPLICANT, 1, &[5, 6]);
    let narrow = Things {
        things: BTreeSet::from([1]),
        people: vec![person(6)],
        until: hour(500),
    };
    act(&mut case, 2, Act::Approve(Some(narrow.clone())), 1).unwrap();
    for wider in [
        Things {
            things: BTreeSet::from([1, 2]),
            ..narrow.clone()
        },
        Things {
            people: vec![person(5)],
            ..narrow.clone()
        },
        Things {
            until: hour(501),
            ..narrow.clone()
        },
    ] {
        assert_eq!(
            act(&mut case, 3, Act::Approve(Some(wider)), 2),
            Err(Refusal::Wider)
        );
    }
    act(&mut case, 3, Act::Approve(None), 2).unwrap();
    assert_eq!(case.terms, narrow);
    // 5 still applied, but gets nothing any more; 7 never did.
    assert_eq!(
        act(&mut case, 7, Act::Activate, 3),
        Err(Refusal::NotAReceiver)
    );
    act(&mut case, 6, Act::Activate, 3).unwrap();
    assert_eq!(case.period, Some((hour(3), hour(500))));
}

/// Clause CF-6.3: what nobody decides is chased, handed on, and in the end over.
#[test]
fn a_stage_reminds_escalates_and_expires() {
    let mut case = submitted(APPLICANT, 1, &[5]);
    let happened = case.advance(&share(), hour(200));
    let steps = [
        (24, Timed::Reminded),
        (72, Timed::Escalated),
        (144, Timed::Expired),
    ];
    assert_eq!(happened, steps.map(|(at, what)| (hour(at), what)));
    assert_eq!(case.state, State::Expired);

    let mut case = submitted(APPLICANT, 1, &[5]);
    let early = act(&mut case, 4, Act::Approve(None), 71).unwrap_err();
    assert!(matches!(early, Refusal::NotAnApprover(_)));
    act(&mut case, 4, Act::Approve(None), 72).unwrap();
    assert_eq!((case.state, case.stage), (State::InReview, 1));
}

/// Clause CF-6.3: taken back when its time is over, and when somebody takes it back.
#[test]
fn it_ends_at_its_end_or_when_it_is_revoked() {
    let approved = || {
        let mut case = submitted(APPLICANT, 1, &[5]);
        act(&mut case, 2, Act::Approve(None), 1).unwrap();
        act(&mut case, 3, Act::Approve(None), 2).unwrap();
        case
    };
    let mut unused = approved();
    assert_eq!(
        act(&mut unused, 5, Act::Activate, 2 + 14 * 24),
        Err(Refusal::State(State::Expired))
    );
    let mut used = approved();
    act(&mut used, 5, Act::Activate, 3).unwrap();
    assert_eq!(
        used.advance(&share(), hour(1000)),
        [(hour(1000), Timed::Ended)]
    );
    assert_eq!(used.state, State::Ended);
    for (actor, may) in [(2, true), (3, true), (4, true), (5, false), (6, false)] {
        let mut revoked = approved();
        act(&mut revoked, 5, Act::Activate, 3).unwrap();
        assert_eq!(
            act(&mut revoked, actor, Act::Revoke, 4).is_ok(),
            may,
            "{actor}"
        );
    }
}

#[test]
fn what_is_returned_begins_anew() {
    let mut case = submitted(APPLICANT, 1, &[5]);
    act(&mut case, 2, Act::Approve(None), 1).unwrap();
    act(&mut case, 3, Act::Return, 2).unwrap();
    assert_eq!(case.state, State::Returned);
    act(&mut case, APPLICANT, Act::Submit, 3).unwrap();
    assert_eq!((case.stage, case.decisions.len()), (0, 0));
    act(&mut case, 2, Act::Approve(None), 4).unwrap();
    act(&mut case, 3, Act::Reject, 5).unwrap();
    assert_eq!(case.state, State::Rejected);
    assert_eq!(
        act(&mut case, APPLICANT, Act::Submit, 6),
        Err(Refusal::State(State::Rejected))
    );
}
