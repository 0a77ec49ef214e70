//! `make bench`: the decision core beside Cedar, regorus and Casbin, on the same company,
//! the same rules and the same questions. Before anything is timed, all of them have to
//! give the same answers. Ratios are printed, nothing is asserted about time.
//!
//! The peers are spared grants: a hash index outside looks those up, before they are asked.

mod casbin;
mod cedar;
mod company;
mod kefu;
mod rego;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use anyhow::ensure;
use kefu_access::Decision;

use crate::{
    casbin::Casbin,
    cedar::Cedar,
    company::{Company, DEPARTMENTS, EMPLOYEES, GRANTS, Question, RECORDS},
    kefu::Kefu,
    rego::Rego,
};

const ROUNDS: usize = 5;
const MEDIAN_AT_MOST: Duration = Duration::from_micros(1);
const TIMES_FASTER: f64 = 20.0;

/// Times of one engine, of all its rounds.
struct Timed {
    name: &'static str,
    nanos: Vec<u64>,
}

impl Timed {
    fn at(&self, percent: usize) -> f64 {
        self.nanos[self.nanos.len() * percent / 100] as f64 / 1_000.0
    }
}

type Engine<'a> = (
    &'static str,
    Box<dyn Fn(usize, &Question) -> anyhow::Result<bool> + 'a>,
);

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let company = Company::new();
    let kefu = Kefu::new(&company)?;
    let cedar = Cedar::new(&company)?;
    let rego = Rego::new(&company)?;
    let casbin = Casbin::new().await?;
    let engines: Vec<Engine<'_>> = vec![
        (
            "kefu",
            Box::new(|at, _| Ok(kefu.answer(at))),
        ),
        (
            "regorus",
            Box::new(|at, question| Ok(company.granted(question) || rego.answer(at)?)),
        ),
        (
            "Casbin",
            Box::new(|_, question| {
                Ok(company.granted(question) || casbin.answer(&company, question)?)
            }),
        ),
        (
            "Cedar",
            Box::new(|at, question| Ok(company.granted(question) || cedar.answer(at))),
        ),
    ];
    agree(&company, &engines)?;

    let mut timed: Vec<Timed> = engines
        .iter()
        .map(|(name, _)| Timed {
            name,
            nanos: Vec::new(),
        })
        .collect();
    let mut decided = Timed {
        name: "kefu, decide() alone",
        nanos: Vec::new(),
    };
    let mut allowing = Timed {
        name: "    that lets through",
        nanos: Vec::new(),
    };
    let mut refusing = Timed {
        name: "    that refuses, saying why",
        nanos: Vec::new(),
    };
    let mut index = Timed {
        name: "the index of grants alone",
        nanos: Vec::new(),
    };
    for _ in 0..ROUNDS {
        for ((_, engine), timed) in engines.iter().zip(&mut timed) {
            time(&company, timed, |at, question| {
                engine(at, question).is_ok_and(|answer| answer)
            });
        }
        time(&company, &mut decided, |at, _| kefu.decide(at));
        // This round once more, told apart.
        let last = decided.nanos.len() - company.questions.len();
        for (at, nanos) in decided.nanos[last..].iter().enumerate() {
            match kefu.decide(at) {
                Decision::Allow(_) => allowing.nanos.push(*nanos),
                Decision::Deny(_) => refusing.nanos.push(*nanos),
            }
        }
        time(&company, &mut index, |_, question| {
            company.granted(question)
        });
    }
    timed.extend([decided, allowing, refusing, index]);
    print(timed);
    Ok(())
}

fn agree(company: &Company, engines: &[Engine<'_>]) -> anyhow::Result<()> {
    let (mut allowed, mut by_grant) = (0, 0);
    for (at, question) in company.questions.iter().enumerate() {
        let expected = engines[0].1(at, question)?;
        allowed += usize::from(expected);
        by_grant += usize::from(company.granted(question));
        for (name, engine) in &engines[1..] {
            ensure!(
                engine(at, question)? == expected,
                "{name} answers question {at} otherwise: kefu says {expected}"
            );
        }
    }
    println!(
        "Decisions: {EMPLOYEES} employees, {DEPARTMENTS} departments, {GRANTS} live grants, {RECORDS} records.\n\
         {} questions, {allowed} allowed ({by_grant} of them by a grant): kefu, regorus, Casbin and Cedar give the\n\
         same answer to every one.\n",
        company.questions.len()
    );
    Ok(())
}

/// Each question by itself; reading the clock is in the figures, for all alike.
fn time<T>(company: &Company, timed: &mut Timed, answer: impl Fn(usize, &Question) -> T) {
    for (at, question) in company.questions.iter().enumerate() {
        let begun = Instant::now();
        let answer = black_box(answer(at, black_box(question)));
        let taken = begun.elapsed();
        drop(answer);
        timed.nanos.push(taken.as_nanos() as u64);
    }
}

fn print(mut timed: Vec<Timed>) {
    timed.iter_mut().for_each(|one| one.nanos.sort_unstable());
    let own = timed[0].at(50);
    println!(
        "{:<28} {:>9} {:>9} {:>12}",
        "µs a decision", "median", "p99", "times kefu's"
    );
    for one in &timed {
        println!(
            "{:<28} {:>9.2} {:>9.2} {:>12.1}",
            one.name,
            one.at(50),
            one.at(99),
            one.at(50) / own
        );
    }
    let fastest = timed[1..4]
        .iter()
        .map(|one| one.at(50))
        .fold(f64::MAX, f64::min);
    let met = |met: bool| if met { "met" } else { "not met" };
    println!(
        "\n  kefu's median {own:.2} µs     target: at most {:.0} µs: {}",
        MEDIAN_AT_MOST.as_secs_f64() * 1e6,
        met(own <= MEDIAN_AT_MOST.as_secs_f64() * 1e6)
    );
    println!(
        "  fastest peer / kefu {:.0}    target: at least {TIMES_FASTER:.0}: {}\n",
        fastest / own,
        met(fastest / own >= TIMES_FASTER)
    );
}
