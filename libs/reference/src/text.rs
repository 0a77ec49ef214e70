//! Comments of the contracts as Markdown.

/// A comment as Markdown: letters that mean something there are escaped outside of code.
pub(crate) fn prose(comment: &str) -> String {
    let mut out = String::new();
    let mut code = false;
    for letter in comment.chars() {
        match letter {
            '`' => code = !code,
            '*' | '_' | '<' | '[' | ']' | '\\' | '~' if !code => out.push('\\'),
            _ => {}
        }
        out.push(letter);
    }
    out
}

/// As [`prose`], in a cell of a table: one line, paragraphs and lists kept apart by breaks.
pub(crate) fn cell(comment: &str) -> String {
    let mut out = String::new();
    for line in prose(comment).lines() {
        let line = line.trim_end();
        let apart = line.is_empty() || line.starts_with("- ");
        if apart && !out.is_empty() && !out.ends_with("<br>") {
            out.push_str("<br>");
        }
        if line.is_empty() {
            continue;
        }
        if !out.is_empty() && !out.ends_with("<br>") {
            out.push(' ');
        }
        out.push_str(line.trim());
    }
    out.replace('|', "\\|")
}

/// The first sentence of a comment, for a list.
pub(crate) fn first_sentence(comment: &str) -> String {
    let paragraph = comment.split("\n\n").next().unwrap_or_default();
    let line = paragraph.replace('\n', " ");
    let end = line.match_indices(". ").map(|(at, _)| at + 1).find(|at| {
        line[at + 1..]
            .chars()
            .next()
            .is_some_and(char::is_uppercase)
    });
    let sentence = end.map_or(line.as_str(), |at| &line[..at]);
    cell(sentence)
}

/// What a code host makes of a heading as the target of a link.
pub(crate) fn anchor(heading: &str) -> String {
    heading
        .chars()
        .filter_map(|letter| match letter {
            ' ' => Some('-'),
            '-' | '_' => Some(letter),
            _ if letter.is_alphanumeric() => Some(letter.to_ascii_lowercase()),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_markdown_is_escaped_outside_of_code() {
        assert_eq!(prose("张* and `a_b` of c_d"), "张\\* and `a_b` of c\\_d");
        assert_eq!(
            cell("One|two\nlines.\n\nMore:\n- a\n- b"),
            "One\\|two lines.<br>More:<br>- a<br>- b"
        );
    }

    #[test]
    fn a_sentence_ends_before_the_next_one() {
        assert_eq!(
            first_sentence("A file, e.g. theirs. Clause X."),
            "A file, e.g. theirs."
        );
        assert_eq!(
            first_sentence("Alone\nover lines\n\nmore"),
            "Alone over lines"
        );
    }

    #[test]
    fn anchors_are_those_of_code_hosts() {
        assert_eq!(
            anchor("CustomerService.GetCustomer"),
            "customerservicegetcustomer"
        );
    }
}
