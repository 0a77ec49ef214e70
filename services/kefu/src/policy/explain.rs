//! `kefu policy explain`: one decision, and why.

use anyhow::anyhow;
use kefu_access::{About, Outcome, Query};
use kefu_access_control::domain::{
    cases::{self, RecordEntry},
    words,
};

use super::{WorldArgs, text};

/// Says which rule lets somebody through or refuses them, and whom to ask
#[derive(Debug, clap::Args)]
pub(super) struct ExplainArgs {
    /// Login of whom it is about
    #[arg(long)]
    subject: String,
    /// profile.customers.get
    #[arg(long)]
    permission: String,
    /// service, complaint, sales, audit, …
    #[arg(long)]
    purpose: Option<String>,
    /// When: a moment, or from the start on: +120d, -4h
    #[arg(long, allow_hyphen_values = true)]
    at: Option<String>,
    /// On a record of the department with this code
    #[arg(long, value_name = "CODE")]
    department: Option<String>,
    /// On a record that belongs to this login
    #[arg(long, value_name = "LOGIN")]
    owner: Option<String>,
    /// On a record on which this login has duty; may be given more than once
    #[arg(long, value_name = "LOGIN")]
    duty: Vec<String>,
    /// On a record whose customer consented to this purpose; may be given more than once
    #[arg(long, value_name = "PURPOSE")]
    consent: Vec<String>,
    #[command(flatten)]
    world: WorldArgs,
}

impl ExplainArgs {
    /// The record asked about, where anything is said of one.
    fn record(&self) -> Option<RecordEntry> {
        let said = self.department.is_some()
            || self.owner.is_some()
            || !self.duty.is_empty()
            || !self.consent.is_empty();
        said.then(|| RecordEntry {
            department: self.department.clone(),
            owner: self.owner.clone(),
            duty: self.duty.clone(),
            consents: self.consent.clone(),
        })
    }
}

pub(super) fn run(args: &ExplainArgs) -> anyhow::Result<()> {
    let world = args.world.world()?;
    let language = args.world.language();
    let fault = |what: String| anyhow!(what);
    let method = cases::method(&args.permission).map_err(fault)?;
    let purpose = args.purpose.as_deref().map(cases::purpose);
    let at = args.at.as_deref();
    let at = at.map_or(Ok(world.start), |at| cases::moment(at, world.start));
    let query = Query {
        subject: cases::person(&args.subject, &world).map_err(fault)?,
        permission: method.permission,
        purpose: purpose.transpose().map_err(fault)?.unwrap_or_default(),
        purpose_required: method.purpose_required,
    };
    let record = args.record().map(|record| cases::facts(&record, &world));
    let record = record.transpose().map_err(fault)?;
    let about = record.as_ref().map_or(About::Anything, About::Record);
    let explanation = world.policy.account(&query, about, at.map_err(fault)?);
    let mark = match explanation.outcome {
        Outcome::Allowed(_) => "✓",
        Outcome::Refused { .. } => "✗",
    };
    println!("{mark} {}", words::summary(&explanation, language));
    if let Outcome::Allowed(clearance) = &explanation.outcome
        && let Some(until) = clearance.until
    {
        println!("  {} {until}", text::pick(language, "有效至", "until"));
    }
    for line in text::lines(&explanation, &world, language) {
        println!("  {line}");
    }
    Ok(())
}
