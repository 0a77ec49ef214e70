//! Drives a run: records through planning and sending, many at once, and what
//! comes of each to the state, the rejected rows and the figures.

use std::{cell::RefCell, time::Duration};

use anyhow::anyhow;
use futures_util::{StreamExt, stream};
use tokio::time::{MissedTickBehavior, interval};

use super::{
    join::{Data, Scope},
    progress::Progress,
    reader::{Formats, Reader},
    record::Record,
    reject::Rejects,
    report::{Sent, Tally},
    session::{Failure, Session},
    state::State,
};
use crate::client::Refusal;

/// Time between two looks at how far the run is.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// Brings one kind of records into the suite.
pub(super) trait Importer {
    /// `customers`: part of the ids of requests, never to be changed.
    const KIND: &'static str;
    /// What is sent for one record.
    type Plan;

    /// Reads a record from the rows about it, of which there is at least one.
    /// Pure: what is wrong is noted with the readers.
    fn plan(&self, external_ref: &str, rows: &[Reader<'_>]) -> Self::Plan;

    /// Sends what was planned. Sent again, it changes nothing.
    async fn send(&self, session: &Session, plan: &Self::Plan) -> Result<Sent, Failure>;
}

/// Whether a create was refused because the record is there: under its external
/// reference, or entered by this very request when the mapping said it otherwise.
pub(super) fn is_there(refusal: &Refusal) -> bool {
    refusal.is("ALREADY_EXISTS") || refusal.is("REQUEST_ID_REUSED")
}

/// A list's filter for exactly this external reference.
pub(super) fn filter_by_ref(external_ref: &str) -> String {
    let quoted = external_ref.replace('\\', "\\\\").replace('"', "\\\"");
    format!("external_ref = \"{quoted}\"")
}

/// One run.
pub(super) struct Run<'a, I> {
    pub(super) importer: &'a I,
    pub(super) data: &'a Data,
    pub(super) formats: &'a Formats,
    pub(super) session: &'a Session,
    pub(super) concurrency: usize,
    pub(super) state: State,
    pub(super) rejects: Rejects,
    pub(super) tally: Tally,
}

impl<I: Importer> Run<'_, I> {
    /// Imports the records; those that the state knows are not sent again.
    ///
    /// # Errors
    /// When the run cannot go on. What was done by then is kept.
    pub(super) async fn records(
        &mut self,
        records: &[Record],
        progress: &mut Progress,
    ) -> anyhow::Result<()> {
        let done = self.drive(records, progress).await;
        progress.finish();
        self.state.sync()?;
        done
    }

    async fn drive(&mut self, records: &[Record], progress: &mut Progress) -> anyhow::Result<()> {
        self.forget_another_suite(records).await?;
        let (done, open): (Vec<_>, Vec<_>) = records
            .iter()
            .partition(|record| self.state.is_done(&record.external_ref));
        for record in done {
            self.tally.skip(record.rows.len());
        }
        let (importer, data, formats, session) =
            (self.importer, self.data, self.formats, self.session);
        let mut sending = stream::iter(open)
            .map(|record| async move {
                (
                    record,
                    import(importer, data, formats, session, record).await,
                )
            })
            .buffer_unordered(self.concurrency);
        let mut looks = interval(BETWEEN_LOOKS);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
        loop {
            tokio::select! {
                sent = sending.next() => match sent {
                    Some((record, sent)) => self.note(record, sent)?,
                    None => return Ok(()),
                },
                _ = looks.tick() => progress.show(&self.tally, session.trouble().as_deref()),
                Ok(()) = &mut interrupted => return Err(anyhow!("interrupted")),
            }
        }
    }

    /// A state tells what one suite has; an address may lead to another by now,
    /// as one that was set up anew. The first record that is done tells: sent
    /// again, it must not come to be.
    async fn forget_another_suite(&mut self, records: &[Record]) -> anyhow::Result<()> {
        let known = records
            .iter()
            .find(|record| self.state.is_done(&record.external_ref));
        let Some(known) = known else { return Ok(()) };
        let sent = import(self.importer, self.data, self.formats, self.session, known).await;
        match sent {
            Ok(sent) if !sent.created => {}
            Err(Failure::Stopped(error)) => return Err(error),
            // Refused, it is not there either.
            Ok(_) | Err(_) => {
                eprintln!("the suite has not what an earlier run brought it: starting over");
                self.state.start_over()?;
            }
        }
        Ok(())
    }

    fn note(&mut self, record: &Record, sent: Result<Sent, Failure>) -> anyhow::Result<()> {
        match sent {
            Ok(sent) => {
                self.tally.sent(record.rows.len(), &sent);
                self.state.note(&record.external_ref)
            }
            Err(Failure::Stopped(error)) => Err(error),
            Err(failure) => {
                self.tally.reject(record.rows.len());
                let reason = failure.to_string();
                for row in &record.rows {
                    let row = self.data.main.rows[*row].as_byte_record();
                    self.rejects.add(row, &reason)?;
                }
                Ok(())
            }
        }
    }
}

async fn import<I: Importer>(
    importer: &I,
    data: &Data,
    formats: &Formats,
    session: &Session,
    record: &Record,
) -> Result<Sent, Failure> {
    let plan = plan(importer, data, formats, record).map_err(Failure::Rejected)?;
    Box::pin(importer.send(session, &plan)).await
}

/// Plans a record; everything wrong with it in one text.
fn plan<I: Importer>(
    importer: &I,
    data: &Data,
    formats: &Formats,
    record: &Record,
) -> Result<I::Plan, String> {
    let problems = RefCell::default();
    let rows: Vec<_> = record
        .rows
        .iter()
        .map(|row| Reader::new(Scope::of(data, *row), formats, &problems))
        .collect();
    let plan = importer.plan(&record.external_ref, &rows);
    let problems = problems.take();
    match problems.is_empty() {
        true => Ok(plan),
        false => Err(problems.join("; ")),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::import::{columns, join, mapping::Mapping, record};

    /// Plans of all records of inline files, of which the first is imported.
    pub(in super::super) fn planned<I: Importer>(
        mapping: &str,
        files: &[(&str, &str)],
        importer: impl FnOnce(Mapping) -> Option<I>,
    ) -> Vec<Result<I::Plan, String>> {
        let mapping: Mapping = toml::from_str(mapping).unwrap();
        let data = join::tests::data(files, &mapping.source, &mapping.join).unwrap();
        columns::check(&mapping, &data).unwrap();
        let formats = Formats::of(&mapping.source).unwrap();
        let (records, strays) = record::group(&data, &formats, &mapping.external_ref);
        assert_eq!(strays, []);
        let importer = importer(mapping).unwrap();
        records
            .iter()
            .map(|record| plan(&importer, &data, &formats, record))
            .collect()
    }

    #[test]
    fn a_reference_is_quoted_for_a_filter() {
        let filter = filter_by_ref(r#"a "b" \c"#);
        assert_eq!(filter, r#"external_ref = "a \"b\" \\c""#);
    }
}
