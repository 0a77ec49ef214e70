//! What is shown of a body that a query found.

use super::{Query, Term, Word, misspelt, words};

/// Characters before what was found, and from there on.
const BEFORE: usize = 30;
const AFTER: usize = 90;

/// What stands around the first word of the query in the body, in one line; its beginning
/// where there is none.
pub(crate) fn snippet(body: &str, query: &Query) -> String {
    let words = words(body);
    let first = |found: fn(&Word, &Term) -> Option<usize>| {
        let mut all = words.iter();
        all.find_map(|word| query.terms.iter().find_map(|term| found(word, term)))
    };
    let at = first(plainly).or_else(|| first(misspelt_there));
    let from = at.unwrap_or_default().saturating_sub(BEFORE);
    let mut letters = body.chars().skip(from);
    let shown: String = letters.by_ref().take(BEFORE + AFTER).collect();
    let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    let (before, after) = (from > 0, letters.next().is_some());
    let dots = |cut: bool| if cut { "…" } else { "" };
    format!("{}{shown}{}", dots(before), dots(after))
}

/// Where the word has the term as it is, or a part of a long one.
fn plainly(word: &Word, term: &Term) -> Option<usize> {
    let letters = &word.letters;
    let at = match term {
        Term::Latin(wanted) => (word.latin && letters.starts_with(wanted)).then_some(0),
        Term::Gram(wanted) | Term::Exact(wanted) => {
            let mut places = letters.windows(wanted.len());
            places.position(|there| there == wanted.as_slice())
        }
        Term::Most(grams, _) => {
            let mut places = letters.windows(2);
            places.position(|two| grams.contains(&two.iter().collect()))
        }
    };
    at.filter(|_| word.latin == matches!(term, Term::Latin(_)))
        .map(|at| word.at + at)
}

fn misspelt_there(word: &Word, term: &Term) -> Option<usize> {
    let Term::Latin(wanted) = term else {
        return None;
    };
    let near = word.latin && word.letters.len().abs_diff(wanted.len()) <= 1;
    let same = near && !misspelt('b', &word.letters).is_disjoint(&misspelt('b', wanted));
    same.then_some(word.at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snippet_stands_around_what_was_found() {
        let of = |body: &str, query: &str| snippet(body, &Query::read(query).unwrap());
        let long = format!("{}\n更换滤芯前断电。{}", "前".repeat(50), "后".repeat(100));
        let shown = of(&long, "滤芯");
        assert_eq!(
            shown,
            format!("…{} 更换滤芯前断电。{}…", "前".repeat(27), "后".repeat(84))
        );
        assert_eq!(
            of("先断电，再 Filter 复位", "filtre"),
            "先断电，再 Filter 复位"
        );
        assert_eq!(of("短文", "没有"), "短文");
        let at_the_end = format!("{}怎样换滤芯", "前".repeat(50));
        assert!(of(&at_the_end, "怎么换滤芯呢").ends_with("换滤芯"));
    }
}
