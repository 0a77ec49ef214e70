//! What the contracts say in their comments.

use std::collections::HashMap;

use prost_reflect::{
    DescriptorPool, EnumDescriptor, EnumValueDescriptor, FieldDescriptor, FileDescriptor,
    MessageDescriptor, MethodDescriptor, ServiceDescriptor,
};

/// Comments by file and place in it.
pub(super) struct Words(HashMap<(String, Vec<i32>), String>);

impl Words {
    pub(super) fn of(pool: &DescriptorPool) -> Self {
        let mut words = HashMap::new();
        for file in pool.files() {
            let proto = file.file_descriptor_proto();
            let places = proto
                .source_code_info
                .iter()
                .flat_map(|info| &info.location);
            for place in places {
                if let Some(comment) = &place.leading_comments {
                    words.insert((file.name().to_owned(), place.path.clone()), plain(comment));
                }
            }
        }
        Self(words)
    }

    fn at(&self, file: &FileDescriptor, path: &[i32]) -> &str {
        let key = (file.name().to_owned(), path.to_vec());
        self.0.get(&key).map_or("", String::as_str)
    }

    pub(super) fn service(&self, one: &ServiceDescriptor) -> &str {
        self.at(&one.parent_file(), one.path())
    }

    pub(super) fn method(&self, one: &MethodDescriptor) -> &str {
        self.at(&one.parent_service().parent_file(), one.path())
    }

    pub(super) fn message(&self, one: &MessageDescriptor) -> &str {
        self.at(&one.parent_file(), one.path())
    }

    pub(super) fn field(&self, one: &FieldDescriptor) -> &str {
        self.at(&one.parent_file(), one.path())
    }

    pub(super) fn kind(&self, one: &EnumDescriptor) -> &str {
        self.at(&one.parent_file(), one.path())
    }

    pub(super) fn value(&self, one: &EnumValueDescriptor) -> &str {
        self.at(&one.parent_file(), one.path())
    }
}

/// Lines of a paragraph in one, paragraphs apart.
fn plain(comment: &str) -> String {
    let lines = comment.trim().lines().map(str::trim);
    let mut text = String::new();
    let mut apart = "";
    for line in lines {
        if line.is_empty() {
            apart = "\n\n";
            continue;
        }
        text.push_str(apart);
        text.push_str(line);
        apart = " ";
    }
    text
}

/// The first sentence.
pub(super) fn first(text: &str) -> &str {
    let end = [". ", ".\n", "; ", ": "]
        .iter()
        .filter_map(|end| text.find(end))
        .min();
    text[..end.unwrap_or(text.len())].trim_end_matches('.')
}
