//! One function: what its body names, and of which types its parts are.

use std::collections::BTreeMap;

use syn::{
    Expr, Pat, ReturnType,
    parse::Parser,
    punctuated::Punctuated,
    visit::{self, Visit},
};

use super::{Named, last};

/// Reads one function.
pub(super) struct Read {
    owner: Option<String>,
    /// Whether it makes a fault of an error: what its arms name belongs to the error's variants.
    translates: bool,
    pub(super) receivers: BTreeMap<String, String>,
    /// Names that were given to parts of others: `let db = &self.core.deps.db`.
    aliases: BTreeMap<String, Vec<String>>,
    /// What closures name that have a name themselves.
    closures: BTreeMap<String, Named>,
    pub(super) variants: BTreeMap<(String, String), Named>,
    pub(super) named: Named,
}

impl Read {
    pub(super) fn of(owner: Option<String>, sig: &syn::Signature, block: &syn::Block) -> Self {
        let translates = match &sig.output {
            ReturnType::Type(_, kind) => match last(kind).as_deref() {
                Some("Fault") => true,
                Some("Self") => owner.as_deref() == Some("Fault"),
                _ => false,
            },
            ReturnType::Default => false,
        };
        let mut receivers = BTreeMap::new();
        for argument in &sig.inputs {
            match argument {
                syn::FnArg::Receiver(_) => {
                    receivers.extend(owner.clone().map(|owner| ("self".to_owned(), owner)));
                }
                syn::FnArg::Typed(typed) => {
                    if let (Pat::Ident(name), Some(kind)) = (typed.pat.as_ref(), last(&typed.ty)) {
                        receivers.insert(name.ident.to_string(), kind);
                    }
                }
            }
        }
        let mut read = Self {
            owner,
            translates,
            receivers,
            aliases: BTreeMap::new(),
            closures: BTreeMap::new(),
            variants: BTreeMap::new(),
            named: Named::default(),
        };
        read.visit_block(block);
        read
    }

    /// What this code names, apart from all else.
    fn apart(&mut self, code: impl FnOnce(&mut Self)) -> Named {
        let before = std::mem::take(&mut self.named);
        code(self);
        std::mem::replace(&mut self.named, before)
    }

    fn segments(&self, path: &syn::Path) -> Vec<String> {
        let one = |segment: &syn::PathSegment| match (segment.ident == "Self", &self.owner) {
            (true, Some(owner)) => owner.clone(),
            _ => segment.ident.to_string(),
        };
        path.segments.iter().map(one).collect()
    }

    fn name(&mut self, path: &syn::Path) {
        let path = self.segments(path);
        match path
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .as_slice()
        {
            [.., "Reason", reason] => {
                self.named.reasons.insert((*reason).to_owned());
            }
            [.., "Fault", "state"] => {
                self.named.reasons.insert("StateNotAllowed".to_owned());
            }
            [.., "Fault", "not_found"] => {
                self.named.reasons.insert("NotFoundOrOutOfScope".to_owned());
            }
            [single] if self.closures.contains_key(*single) => {
                let named = self.closures[*single].clone();
                self.named.merge(&named);
            }
            _ => {
                self.named.paths.insert(path);
            }
        }
    }

    /// Remembers what a name stands for: `let (service, of) = (self.clone(), Days::new())`.
    fn call_it(&mut self, name: &Pat, expression: &Expr) {
        match (name, expression) {
            (Pat::Tuple(names), Expr::Tuple(all)) => {
                for (name, expression) in names.elems.iter().zip(&all.elems) {
                    self.call_it(name, expression);
                }
            }
            (Pat::Ident(name), _) => {
                let name = name.ident.to_string();
                if let Some(kind) = self.made(expression) {
                    self.receivers.insert(name, kind);
                } else if let Some(of) = self.receiver(expression) {
                    self.aliases.insert(name, of);
                }
            }
            _ => {}
        }
    }

    /// Whose part an expression is.
    fn receiver(&self, expression: &Expr) -> Option<Vec<String>> {
        let found = receiver(expression)?;
        let (first, rest) = found.split_first()?;
        Some(match self.aliases.get(first) {
            Some(of) => of.iter().chain(rest).cloned().collect(),
            None => found,
        })
    }

    /// The type of what `Type { … }` and `Type::new(…)` make.
    fn made(&self, expression: &Expr) -> Option<String> {
        match expression {
            Expr::Struct(kind) => self.segments(&kind.path).pop(),
            Expr::Call(call) => match call.func.as_ref() {
                Expr::Path(path) => match self.segments(&path.path).as_slice() {
                    [.., kind, made]
                        if made.starts_with("new") && kind.starts_with(char::is_uppercase) =>
                    {
                        Some(kind.clone())
                    }
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        }
    }

    /// Variants of an error that a pattern names; none where it names anything else.
    fn errors(&self, pattern: &Pat, into: &mut Vec<(String, String)>) {
        let path = match pattern {
            Pat::Or(several) => {
                for one in &several.cases {
                    self.errors(one, into);
                }
                return;
            }
            Pat::Path(path) => &path.path,
            Pat::TupleStruct(tuple) => &tuple.path,
            Pat::Struct(kind) => &kind.path,
            _ => return,
        };
        if let [.., kind, variant] = self.segments(path).as_slice()
            && is_error(kind)
        {
            into.push((kind.clone(), variant.clone()));
        }
    }
}

/// Whether an enum says why something is refused.
fn is_error(name: &str) -> bool {
    ["Error", "Refusal", "Refused", "Problem"]
        .iter()
        .any(|ending| name.ends_with(ending))
}

impl<'ast> Visit<'ast> for Read {
    fn visit_expr_path(&mut self, path: &'ast syn::ExprPath) {
        self.name(&path.path);
    }

    fn visit_expr_struct(&mut self, kind: &'ast syn::ExprStruct) {
        self.name(&kind.path);
        visit::visit_expr_struct(self, kind);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        let receiver = self.receiver(&call.receiver);
        self.named
            .methods
            .insert((receiver, call.method.to_string()));
        visit::visit_expr_method_call(self, call);
    }

    /// Who compares reasons gives none.
    fn visit_expr_binary(&mut self, binary: &'ast syn::ExprBinary) {
        if matches!(binary.op, syn::BinOp::Eq(_) | syn::BinOp::Ne(_)) {
            let before = self.named.reasons.clone();
            visit::visit_expr_binary(self, binary);
            self.named.reasons = before;
        } else {
            visit::visit_expr_binary(self, binary);
        }
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        if let (Pat::Ident(name), Some(init)) = (&local.pat, &local.init)
            && let Expr::Closure(closure) = init.expr.as_ref()
        {
            let named = self.apart(|read| read.visit_expr(&closure.body));
            self.closures.insert(name.ident.to_string(), named);
            return;
        }
        if let Some(init) = &local.init {
            self.call_it(&local.pat, &init.expr);
        }
        visit::visit_local(self, local);
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        let mut errors = Vec::new();
        if self.translates {
            self.errors(&arm.pat, &mut errors);
        }
        if errors.is_empty() {
            return visit::visit_arm(self, arm);
        }
        let named = self.apart(|read| read.visit_expr(&arm.body));
        for variant in errors {
            self.variants.entry(variant).or_default().merge(&named);
        }
    }

    /// Patterns name, and give nothing.
    fn visit_pat(&mut self, _: &'ast Pat) {}

    /// Arguments of macros that are expressions, as those of `vec!` and `try_join!` are.
    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        let quiet = [
            "matches",
            "assert",
            "debug_assert",
            "format",
            "query",
            "query_as",
        ];
        if call
            .path
            .segments
            .last()
            .is_some_and(|name| quiet.iter().any(|quiet| name.ident == quiet))
        {
            return;
        }
        let arguments = Punctuated::<Expr, syn::Token![,]>::parse_terminated;
        if let Ok(arguments) = arguments.parse2(call.tokens.clone()) {
            for argument in &arguments {
                self.visit_expr(argument);
            }
        }
    }
}

/// `self.0` as `["self", "0"]`.
fn receiver(expression: &Expr) -> Option<Vec<String>> {
    match expression {
        Expr::Path(path) => Some(vec![path.path.get_ident()?.to_string()]),
        Expr::Field(field) => {
            let mut inner = receiver(&field.base)?;
            inner.push(match &field.member {
                syn::Member::Named(name) => name.to_string(),
                syn::Member::Unnamed(place) => place.index.to_string(),
            });
            Some(inner)
        }
        Expr::MethodCall(call) if call.method == "clone" => receiver(&call.receiver),
        Expr::Reference(to) => receiver(&to.expr),
        Expr::Paren(inner) => receiver(&inner.expr),
        _ => None,
    }
}
