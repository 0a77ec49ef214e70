//! Files of the conversation: what may come, in which parts, and whether it is what was said.

use aws_lc_rs::digest::{Context, SHA256};
use kefu_contracts::ticket::{Attachment, StartAttachmentRequest};
use kefu_service::{error::Violation, fields::Fields};

/// Bytes of each part but the last.
pub(crate) const PART: i64 = 1024 * 1024;
const LONGEST_NAME: usize = 200;
const HASH: usize = 32;

/// What the company allows.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) most_bytes: i64,
    /// `image/png`
    pub(crate) types: Vec<String>,
}

/// Notes every fault of what is said of a file that is to come.
pub(crate) fn check(fields: &mut Fields, said: &StartAttachmentRequest, limits: &Limits) {
    fields.required_text("file_name", &said.file_name, LONGEST_NAME);
    let plain = !said.file_name.contains(['/', '\\', '\n', '\r', '\t'])
        && ![".", ".."].contains(&said.file_name.as_str());
    fields.ensure(plain, "file_name", Violation::Format);
    let allowed = limits.types.contains(&said.content_type);
    fields.ensure(allowed, "content_type", Violation::UnknownValue);
    let sizes = 1..=limits.most_bytes;
    fields.ensure(
        sizes.contains(&said.size_bytes),
        "size_bytes",
        Violation::OutOfRange(1, limits.most_bytes),
    );
    fields.ensure(said.sha256.len() == HASH, "sha256", Violation::Format);
}

/// Of the parts of a file of this size, the number and the size of the one at this place;
/// `None` where no part begins there.
pub(crate) fn part_at(size: i64, offset: i64) -> Option<(i32, i64)> {
    if !(0..size).contains(&offset) || offset % PART != 0 {
        return None;
    }
    let seq = i32::try_from(offset / PART).ok()?;
    Some((seq, PART.min(size - offset)))
}

/// How many parts a file of this size has.
pub(crate) fn part_count(size: i64) -> usize {
    usize::try_from((size + PART - 1) / PART).unwrap_or_default()
}

/// A file that is read part by part, to be held against what was said of it.
pub(crate) struct Inspection {
    digest: Context,
    size: i64,
    /// By its first bytes; none: they say nothing.
    kind: Option<&'static str>,
    /// Its last bytes, where they may be the beginning of a letter.
    open: Vec<u8>,
    text: bool,
}

impl Inspection {
    pub(crate) fn begin() -> Self {
        Self {
            digest: Context::new(&SHA256),
            size: 0,
            kind: None,
            open: Vec::new(),
            text: true,
        }
    }

    /// Reads the next part.
    pub(crate) fn read(&mut self, part: &[u8]) {
        if self.size == 0 {
            self.kind = infer::get(part).map(|kind| kind.mime_type());
        }
        self.digest.update(part);
        self.size += i64::try_from(part.len()).unwrap_or(i64::MAX);
        if self.text {
            self.open.extend_from_slice(part);
            self.read_text();
        }
    }

    /// Text is UTF-8 without control characters.
    fn read_text(&mut self) {
        let control = |text: &str| {
            let written = |letter: char| matches!(letter, '\n' | '\r' | '\t');
            text.chars().any(|one| one.is_control() && !written(one))
        };
        let (valid, broken) = match std::str::from_utf8(&self.open) {
            Ok(text) => (text.len(), control(text)),
            Err(error) => {
                let whole = self.open.get(..error.valid_up_to()).unwrap_or_default();
                let begins = std::str::from_utf8(whole).unwrap_or_default();
                (whole.len(), error.error_len().is_some() || control(begins))
            }
        };
        self.text = !broken;
        self.open.drain(..valid);
    }

    /// Notes where it is not what was said.
    pub(crate) fn check(self, fields: &mut Fields, said: &Attachment) {
        let same = self.size == said.size_bytes;
        fields.ensure(same, "size_bytes", Violation::Contradiction);
        let digest = self.digest.finish();
        let same = digest.as_ref() == said.sha256;
        fields.ensure(same, "sha256", Violation::Contradiction);
        let declared = said.content_type.as_str();
        let same = match self.kind {
            Some(kind) => kind == declared,
            // What says nothing of itself is believed where it can be read.
            None => declared.starts_with("text/") && self.text && self.open.is_empty(),
        };
        fields.ensure(same, "content_type", Violation::Contradiction);
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::digest::digest;
    use proptest::prelude::*;

    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n0000";

    fn limits() -> Limits {
        Limits {
            most_bytes: 100,
            types: vec!["image/png".into(), "text/plain".into()],
        }
    }

    fn said(kind: &str, content: &[u8]) -> Attachment {
        Attachment {
            content_type: kind.into(),
            size_bytes: i64::try_from(content.len()).unwrap(),
            sha256: digest(&SHA256, content).as_ref().to_vec(),
            ..Attachment::default()
        }
    }

    fn found(said: &Attachment, parts: &[&[u8]]) -> Vec<(String, &'static str)> {
        let mut inspection = Inspection::begin();
        for part in parts {
            inspection.read(part);
        }
        let mut fields = Fields::new();
        inspection.check(&mut fields, said);
        let found = fields.finish().err().map(|fault| fault.violations);
        let found = found.unwrap_or_default().into_iter();
        found.map(|(field, what)| (field, what.name())).collect()
    }

    /// Clause OP-3.1: everything that is wrong with what is said, at once.
    #[test]
    fn only_what_the_company_allows_may_come() {
        let faults = |name: &str, kind: &str, size: i64, hash: usize| {
            let mut fields = Fields::new();
            let request = StartAttachmentRequest {
                file_name: name.into(),
                content_type: kind.into(),
                size_bytes: size,
                sha256: vec![0; hash],
                ..StartAttachmentRequest::default()
            };
            check(&mut fields, &request, &limits());
            let found = fields.finish().err().map(|fault| fault.violations);
            let found = found.unwrap_or_default().into_iter();
            found.map(|(field, _)| field).collect::<Vec<_>>()
        };
        assert_eq!(faults("照片.png", "image/png", 100, 32), [""; 0]);
        assert_eq!(
            faults("../x", "application/x-msdownload", 101, 31),
            ["file_name", "content_type", "size_bytes", "sha256"]
        );
        assert_eq!(
            faults("a\\b", "image/png", 0, 32),
            ["file_name", "size_bytes"]
        );
        assert_eq!(faults("..", "image/png", 1, 32), ["file_name"]);
    }

    /// Clauses OP-3.1, CC-2.4.
    #[test]
    fn a_file_is_what_was_said_of_it() {
        let none: [(String, &str); 0] = [];
        assert_eq!(found(&said("image/png", PNG), &[PNG]), none);
        let one = |field: &str| vec![(field.to_owned(), "CONTRADICTION")];
        assert_eq!(found(&said("text/plain", PNG), &[PNG]), one("content_type"));
        assert_eq!(
            found(&said("image/png", b"MZ\x90\0"), &[b"MZ\x90\0"]),
            one("content_type")
        );
        assert_eq!(
            found(&said("text/plain", b"a\0"), &[b"a\0"]),
            one("content_type")
        );
        // Half a letter at the end is no text.
        assert_eq!(
            found(&said("text/plain", b"a\xe5\xad"), &[b"a\xe5\xad"]),
            one("content_type")
        );
        let mut other = said("image/png", PNG);
        other.sha256[0] ^= 1;
        assert_eq!(found(&other, &[PNG]), one("sha256"));
        other.size_bytes += 1;
        assert_eq!(found(&other, &[PNG]).len(), 2);
    }

    proptest! {
        /// However a text is cut, its letters are read whole.
        #[test]
        fn text_is_text_however_it_is_cut(text in "[a字é😀\\n]{1,40}", cuts in proptest::collection::vec(0..160_usize, 0..5)) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let parts: Vec<&[u8]> = cuts.windows(2).map(|two| &bytes[two[0]..two[1]]).collect();
            prop_assert!(found(&said("text/plain", bytes), &parts).is_empty());
        }

        /// The parts of a file are its bytes, each once.
        #[test]
        fn parts_make_up_the_file(size in 1..(5 * PART + 2)) {
            let mut at = 0;
            for seq in 0..part_count(size) {
                let (number, length) = part_at(size, at).unwrap();
                prop_assert_eq!(usize::try_from(number).unwrap(), seq);
                prop_assert_eq!(part_at(size, at + 1), None);
                at += length;
            }
            prop_assert_eq!(at, size);
            prop_assert_eq!(part_at(size, size), None);
        }
    }
}
