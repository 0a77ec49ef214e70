//! Certificates of destruction, in words (CF-10.2).

use std::fmt::Write;

use kefu_contracts::profile::{Certificate, DestructionOutcome};
use kefu_service::time;
use prost_types::Timestamp;

/// The certificate in words, to be printed; the same for ever for the same certificate.
pub(crate) fn text(certificate: &Certificate) -> String {
    let mut text = String::from("客户档案销毁证明 Certificate of destruction\n\n");
    let mut line = |label: &str, value: &str| {
        let _ = writeln!(text, "{label}: {value}");
    };
    line("编号 No.", &certificate.name);
    line("销毁申请 Application", &certificate.destruction);
    line("申请人 Applicant", &certificate.applicant);
    line("理由 Reasons", &certificate.justification);
    line(
        "提前销毁 Early",
        if certificate.early {
            "是 yes"
        } else {
            "否 no"
        },
    );
    line("销毁时间 Time", &moment(certificate.issue_time.as_ref()));
    line("日志位置 Journal", &certificate.journal_position);
    text.push_str("\n审批 Approvals\n");
    for decision in &certificate.decisions {
        let at = moment(decision.decision_time.as_ref());
        let _ = write!(text, "  {at}  {}  {}", decision.stage, decision.approver);
        if !decision.principal.is_empty() {
            let _ = write!(text, " (代 for {})", decision.principal);
        }
        text.push('\n');
    }
    text.push_str("\n档案 Files\n");
    for file in &certificate.files {
        let numbers = file.file_numbers.join(", ");
        let became = outcome(file.outcome());
        let _ = writeln!(text, "  {numbers}  {}  {became}", file.customer);
    }
    text
}

fn moment(at: Option<&Timestamp>) -> String {
    let at = at.and_then(time::from_proto);
    at.map(|at| at.to_string()).unwrap_or_default()
}

fn outcome(outcome: DestructionOutcome) -> &'static str {
    match outcome {
        DestructionOutcome::Destroyed => "已销毁，不可恢复 destroyed beyond recovery",
        DestructionOutcome::Held => "未销毁：保全中 spared: held",
        DestructionOutcome::NotDue => "未销毁：未到期 spared: not due",
        DestructionOutcome::Absent => "无此档案 no such file",
        DestructionOutcome::Unspecified => "",
    }
}

/// What becomes of a file at the moment of its destruction.
pub(crate) fn fate(held: bool, due: bool, early: bool) -> DestructionOutcome {
    if held {
        DestructionOutcome::Held
    } else if due || early {
        DestructionOutcome::Destroyed
    } else {
        DestructionOutcome::NotDue
    }
}

#[cfg(test)]
mod tests {
    use kefu_contracts::profile::{CertifiedDecision, CertifiedFile};

    use super::*;

    /// Clause CF-10.2: the list, the reasons, who agreed, when, and what was spared.
    #[test]
    fn a_certificate_says_all_of_it() {
        let at = |seconds| Some(Timestamp { seconds, nanos: 0 });
        let file = |number: &str, outcome: DestructionOutcome| CertifiedFile {
            customer: format!("customers/{number}"),
            outcome: outcome.into(),
            file_numbers: vec!["P0A0001".into(), number.into()],
            ..CertifiedFile::default()
        };
        let certificate = Certificate {
            name: "certificates/7".into(),
            destruction: "destructions/7".into(),
            applicant: "employees/1".into(),
            justification: "保管期满".into(),
            decisions: vec![CertifiedDecision {
                stage: "archive_manager".into(),
                approver: "employees/2".into(),
                principal: "employees/3".into(),
                decision_time: at(0),
            }],
            files: vec![
                file("P1A0002", DestructionOutcome::Destroyed),
                file("P1A0003", DestructionOutcome::Held),
            ],
            issue_time: at(60),
            journal_position: "customer-profile:812.55".into(),
            ..Certificate::default()
        };
        let expected = "\
客户档案销毁证明 Certificate of destruction

编号 No.: certificates/7
销毁申请 Application: destructions/7
申请人 Applicant: employees/1
理由 Reasons: 保管期满
提前销毁 Early: 否 no
销毁时间 Time: 1970-01-01T00:01:00Z
日志位置 Journal: customer-profile:812.55

审批 Approvals
  1970-01-01T00:00:00Z  archive_manager  employees/2 (代 for employees/3)

档案 Files
  P0A0001, P1A0002  customers/P1A0002  已销毁，不可恢复 destroyed beyond recovery
  P0A0001, P1A0003  customers/P1A0003  未销毁：保全中 spared: held
";
        assert_eq!(text(&certificate), expected);
    }

    /// Clauses CF-5.2, CF-10.1: a hold wins over everything; what is not due goes only early.
    #[test]
    fn what_is_held_or_not_due_is_spared() {
        use DestructionOutcome::{Destroyed, Held, NotDue};
        for (held, due, early, expected) in [
            (true, true, true, Held),
            (true, false, false, Held),
            (false, true, false, Destroyed),
            (false, false, true, Destroyed),
            (false, false, false, NotDue),
        ] {
            assert_eq!(fate(held, due, early), expected);
        }
    }
}
