//! A context as `kefu.access.v1.AccessContext`.

use kefu_contracts::{
    ClassSet,
    access::{self as wire, SubjectKind},
    policy::Purpose,
};
use uuid::Uuid;

use crate::{
    context::{AccessContext, MAX_RULES, Rule, Subject},
    scope::Scope,
    wire::{WireError, required_time, time, time_to_wire, uuid, uuids, uuids_to_wire},
};

impl Subject {
    /// The message.
    pub fn to_proto(&self) -> wire::Subject {
        wire::Subject {
            id: self.id.as_bytes().to_vec(),
            kind: self.kind as i32,
            department_ids: uuids_to_wire(&self.departments),
        }
    }

    /// Reads the message.
    ///
    /// # Errors
    ///
    /// A malformed id, or a kind that is not said or not known.
    pub fn from_proto(message: &wire::Subject) -> Result<Self, WireError> {
        let kind = SubjectKind::try_from(message.kind)
            .ok()
            .filter(|kind| *kind != SubjectKind::Unspecified)
            .ok_or(WireError::Value("subject.kind"))?;
        Ok(Self {
            id: uuid(&message.id, "subject.id")?,
            kind,
            departments: uuids(&message.department_ids, "subject.department_ids")?,
        })
    }
}

impl Rule {
    /// The message, in a context of this subject.
    pub fn to_proto(&self, subject: Uuid) -> wire::ContextRule {
        wire::ContextRule {
            scope: Some(self.scope.to_proto(subject)),
            classes: self.classes.to_numbers(),
            source: self.source.clone(),
            expires_at: self.expires_at.map(time_to_wire),
        }
    }

    /// Reads the message, in a context of this subject. A class of a later contract
    /// clears nothing here.
    ///
    /// # Errors
    ///
    /// A malformed scope or time.
    pub fn from_proto(message: &wire::ContextRule, subject: Uuid) -> Result<Self, WireError> {
        let scope = message
            .scope
            .as_ref()
            .ok_or(WireError::Missing("rule.scope"))?;
        Ok(Self {
            scope: Scope::from_proto(scope, subject)?,
            classes: ClassSet::from_numbers(&message.classes),
            source: message.source.clone(),
            expires_at: time(message.expires_at.as_ref(), "rule.expires_at")?,
        })
    }
}

impl AccessContext {
    /// The message.
    pub fn to_proto(&self) -> wire::AccessContext {
        wire::AccessContext {
            subject: Some(self.subject.to_proto()),
            permission: self.permission.clone(),
            purpose: self.purpose as i32,
            rules: self
                .rules
                .iter()
                .map(|rule| rule.to_proto(self.subject.id))
                .collect(),
            policy_revision: self.policy_revision,
            issued_at: Some(time_to_wire(self.issued_at)),
            expires_at: Some(time_to_wire(self.expires_at)),
        }
    }

    /// Reads the message. It says nothing about whether to believe it: that is
    /// [`ContextVerifier`](crate::ContextVerifier)'s.
    ///
    /// # Errors
    ///
    /// Any malformed part, more than [`MAX_RULES`] rules, or an end that does not
    /// come after the beginning.
    pub fn from_proto(message: &wire::AccessContext) -> Result<Self, WireError> {
        let subject = message.subject.as_ref();
        let subject = Subject::from_proto(subject.ok_or(WireError::Missing("subject"))?)?;
        if message.permission.is_empty() {
            return Err(WireError::Missing("permission"));
        }
        if message.rules.len() > MAX_RULES {
            return Err(WireError::TooMany("rules"));
        }
        let rules = message.rules.iter();
        let rules = rules.map(|rule| Rule::from_proto(rule, subject.id));
        let issued_at = required_time(message.issued_at.as_ref(), "issued_at")?;
        let expires_at = required_time(message.expires_at.as_ref(), "expires_at")?;
        if expires_at <= issued_at {
            return Err(WireError::Time("expires_at"));
        }
        Ok(Self {
            rules: rules.collect::<Result<_, _>>()?,
            subject,
            permission: message.permission.clone(),
            purpose: Purpose::try_from(message.purpose).map_err(|_| WireError::Value("purpose"))?,
            policy_revision: message.policy_revision,
            issued_at,
            expires_at,
        })
    }
}
