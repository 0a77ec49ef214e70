//! Which stages a kind of request passes, from `approvals.toml`.

use jiff::SignedDuration;
use serde::Deserialize;

/// How an approver is found in the organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finder {
    /// Head of the applicant's department, or of the nearest above.
    DepartmentHead,
    /// Supervising leader of the applicant's department, or of the nearest above.
    SupervisingLeader,
    /// Whoever holds the post of company leader.
    CompanyLeader,
    /// Whoever holds the post of archive manager.
    ArchiveManager,
}

impl Finder {
    /// The role that makes the post, where it is not a place in the tree.
    pub fn role(self) -> Option<&'static str> {
        match self {
            Self::DepartmentHead | Self::SupervisingLeader => None,
            Self::CompanyLeader => Some("company_leader"),
            Self::ArchiveManager => Some("archive_manager"),
        }
    }

    /// `department_head`
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DepartmentHead => "department_head",
            Self::SupervisingLeader => "supervising_leader",
            Self::CompanyLeader => "company_leader",
            Self::ArchiveManager => "archive_manager",
        }
    }
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageRule {
    /// `department_head`
    pub id: String,
    /// Who decides it.
    pub approver: Finder,
    /// Who may decide it as well once the deadline has passed, or where nobody else can.
    pub fallback: Finder,
    /// Codes of departments that do not pass through it.
    pub except_departments: Vec<String>,
    /// Left out when whoever holds its post has decided before.
    pub once: bool,
    /// From opening to the reminder.
    pub reminder: SignedDuration,
    /// From opening to the escalation.
    pub deadline: SignedDuration,
    /// From the escalation to the end of the request.
    pub fallback_deadline: SignedDuration,
}

/// The stages of one kind of request, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// At least two.
    pub stages: Vec<StageRule>,
    /// From approval to the end of what nobody activated.
    pub activation: SignedDuration,
    /// Codes of the departments whose people may accompany (CF-9.1), with all below.
    pub companion_departments: Vec<String>,
    /// How packages leave and are recalled (CF-6.3).
    pub export: ExportRule,
    /// Who puts it to use and takes it back, where that is not the applicant's own to do.
    pub custodian: Option<Finder>,
    /// Every how long what is overdue is chased.
    pub chase_every: SignedDuration,
    /// From the last approval to what cannot be undone (CF-10.2).
    pub cooling_off: SignedDuration,
}

/// How often a package may leave, and when its deletion has to be confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportRule {
    /// Times its bytes may be sent, all in all.
    pub downloads: u16,
    /// From the recall to the end of the time to confirm.
    pub confirm: SignedDuration,
    /// From one reminder to the next, from the recall on.
    pub remind: SignedDuration,
}

/// The flows of all kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flows {
    /// Sharing files (CF-6.3).
    pub share: Flow,
    /// Borrowing files (CF-9.2).
    pub borrowing: Flow,
    /// Destroying files (CF-10.2).
    pub destruction: Flow,
}

/// What is wrong with a file of flows.
#[derive(Debug, thiserror::Error)]
pub enum FlowsProblem {
    /// Not TOML, or not of this shape.
    #[error("approvals: {0}")]
    Shape(#[from] toml::de::Error),
    /// A flow that cannot be meant.
    #[error("approvals: {kind}: {what}")]
    Content {
        /// Kind of the flow.
        kind: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    share: FlowEntry,
    borrowing: FlowEntry,
    destruction: FlowEntry,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FlowEntry {
    activation_days: u16,
    #[serde(default)]
    companion_departments: Vec<String>,
    #[serde(default)]
    export: ExportEntry,
    custodian: Option<Finder>,
    #[serde(default = "daily")]
    chase_every_hours: u16,
    #[serde(default)]
    cooling_off_hours: u16,
    /// On top of the hours: to try it.
    #[serde(default)]
    cooling_off_seconds: u16,
    stages: Vec<StageEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ExportEntry {
    downloads: u16,
    confirm_hours: u16,
    remind_hours: u16,
}

impl Default for ExportEntry {
    fn default() -> Self {
        Self {
            downloads: 3,
            confirm_hours: 72,
            remind_hours: 24,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StageEntry {
    id: String,
    approver: Finder,
    fallback: Finder,
    #[serde(default)]
    except_departments: Vec<String>,
    #[serde(default)]
    once: bool,
    reminder_hours: u16,
    deadline_hours: u16,
    fallback_hours: u16,
}

fn daily() -> u16 {
    24
}

impl Flows {
    /// The flows that come with the suite.
    ///
    /// # Errors
    /// When `approvals.toml` does not hold together; a test sees to it that it does.
    pub fn shipped() -> Result<Self, FlowsProblem> {
        Self::from_toml(include_str!("../../../approvals.toml"))
    }

    /// Flows from a file.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn from_toml(text: &str) -> Result<Self, FlowsProblem> {
        let file: File = toml::from_str(text)?;
        Ok(Self {
            share: flow("share", file.share)?,
            borrowing: flow("borrowing", file.borrowing)?,
            destruction: destruction(file.destruction)?,
        })
    }
}

/// CF-10.2: what cannot be undone can be thought over.
fn destruction(entry: FlowEntry) -> Result<Flow, FlowsProblem> {
    if entry.cooling_off_hours == 0 && entry.cooling_off_seconds == 0 {
        return Err(FlowsProblem::Content {
            kind: "destruction",
            what: "no cooling-off",
        });
    }
    flow("destruction", entry)
}

fn flow(kind: &'static str, entry: FlowEntry) -> Result<Flow, FlowsProblem> {
    let wrong = |what| FlowsProblem::Content { kind, what };
    let stages: Vec<StageRule> = entry.stages.into_iter().map(stage).collect();
    // CF-6.3: two people decide, whatever department applies.
    let always = stages
        .iter()
        .filter(|stage| stage.except_departments.is_empty() && !stage.once);
    if always.count() < 2 {
        return Err(wrong("fewer than two stages that everybody passes"));
    }
    if stages.iter().any(|stage| stage.reminder > stage.deadline) {
        return Err(wrong("a reminder after the deadline"));
    }
    let ExportEntry {
        downloads,
        confirm_hours,
        remind_hours,
    } = entry.export;
    if downloads == 0 || remind_hours == 0 {
        return Err(wrong(
            "an export that nobody can download or is reminded of",
        ));
    }
    if entry.chase_every_hours == 0 {
        return Err(wrong("chased without end"));
    }
    Ok(Flow {
        stages,
        activation: SignedDuration::from_hours(24 * i64::from(entry.activation_days)),
        companion_departments: entry.companion_departments,
        export: ExportRule {
            downloads,
            confirm: SignedDuration::from_hours(confirm_hours.into()),
            remind: SignedDuration::from_hours(remind_hours.into()),
        },
        custodian: entry.custodian,
        chase_every: SignedDuration::from_hours(entry.chase_every_hours.into()),
        cooling_off: SignedDuration::from_hours(entry.cooling_off_hours.into())
            + SignedDuration::from_secs(entry.cooling_off_seconds.into()),
    })
}

fn stage(entry: StageEntry) -> StageRule {
    let hours = |hours: u16| SignedDuration::from_hours(hours.into());
    StageRule {
        id: entry.id,
        approver: entry.approver,
        fallback: entry.fallback,
        except_departments: entry.except_departments,
        once: entry.once,
        reminder: hours(entry.reminder_hours),
        deadline: hours(entry.deadline_hours),
        fallback_deadline: hours(entry.fallback_hours),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clauses CF-6.3, CF-9.2: head first, then supervising leader.
    #[test]
    fn the_shipped_flows_have_two_ordered_stages_for_everybody() {
        let Flows {
            share, borrowing, ..
        } = Flows::shipped().unwrap();
        for flow in [share, borrowing] {
            assert_eq!(flow.stages[0].approver, Finder::DepartmentHead);
            assert_eq!(flow.stages[1].approver, Finder::SupervisingLeader);
        }
    }

    /// Clauses CF-10.1, CF-10.2: the archive manager, then the company leader, then time to
    /// think it over.
    #[test]
    fn a_destruction_passes_archive_and_leader_and_cools_off() {
        let Flows { destruction, .. } = Flows::shipped().unwrap();
        assert_eq!(destruction.stages[0].approver, Finder::ArchiveManager);
        assert_eq!(destruction.stages[1].approver, Finder::CompanyLeader);
        assert!(destruction.cooling_off > SignedDuration::ZERO);
        let hasty = include_str!("../../../approvals.toml");
        let hasty = hasty.replace("cooling_off_hours = 168", "cooling_off_hours = 0");
        assert!(Flows::from_toml(&hasty).is_err());
    }

    #[test]
    fn a_flow_that_one_person_could_pass_is_refused() {
        let stage = |kind: &str, extra: &str| {
            format!(
                "[[{kind}.stages]]\nid = 'a'\napprover = 'company_leader'\nfallback = 'company_leader'\n\
                 reminder_hours = 1\ndeadline_hours = 2\nfallback_hours = 2\n{extra}\n"
            )
        };
        let flow = |kind: &str, stages: &[&str]| {
            let stages: String = stages.iter().map(|extra| stage(kind, extra)).collect();
            format!("[{kind}]\nactivation_days = 1\n{stages}")
        };
        let flows = |stages: &[&str]| {
            let destruction = flow("destruction", &["", ""]);
            let destruction = destruction.replacen('\n', "\ncooling_off_hours = 1\n", 1);
            Flows::from_toml(
                &(flow("share", stages) + &flow("borrowing", &["", ""]) + &destruction),
            )
        };
        assert!(flows(&["", ""]).is_ok());
        assert!(flows(&[""]).is_err());
        assert!(flows(&["", "once = true"]).is_err());
        assert!(flows(&["", "except_departments = ['sales']"]).is_err());
        assert!(flows(&["", "late = 1"]).is_err());
    }
}
