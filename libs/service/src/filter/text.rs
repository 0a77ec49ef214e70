//! Filters as they are written: words, quoted text and operators.

/// Text as [`unquote`] reads it.
pub(super) fn quote(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Word(String),
    Quoted(String),
    Operator(&'static str),
}

pub(super) fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let length = if let Some(quoted) = rest.strip_prefix('"') {
            let (value, length) = unquote(quoted)?;
            tokens.push(Token::Quoted(value));
            length + 1
        } else if let Some(operator) = ["!=", "<=", ">=", "=", "<", ">", ":"]
            .into_iter()
            .find(|o| rest.starts_with(o))
        {
            tokens.push(Token::Operator(operator));
            operator.len()
        } else {
            // A value may have colons in it: times do. The name of a field has none.
            let names = tokens
                .last()
                .is_none_or(|last| *last == Token::Word("AND".into()));
            let others = if names { "_." } else { "_-./:+@" };
            let end = rest
                .find(|c: char| !(c.is_alphanumeric() || others.contains(c)))
                .unwrap_or(rest.len());
            if end == 0 {
                return None;
            }
            tokens.push(Token::Word(rest[..end].to_owned()));
            end
        };
        rest = rest[length..].trim_start();
    }
    Some(tokens)
}

/// The text up to the closing quote, and how many bytes it took with it.
fn unquote(text: &str) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, at + 1)),
            '\\' => value.push(letters.next()?.1),
            _ => value.push(letter),
        }
    }
    None
}
