//! Functions of a crate, and what each of them names.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use anyhow::Context;
use syn::{
    Expr, ImplItem, Item, Pat, ReturnType, Type, UseTree,
    parse::Parser,
    punctuated::Punctuated,
    visit::{self, Visit},
};

/// The crate that all services stand on.
pub(super) const SHARED: &str = "kefu_service";

/// A module, from the root of its crate.
pub(super) type Module = Vec<String>;

/// What a piece of code names.
#[derive(Debug, Clone, Default)]
pub(super) struct Named {
    /// Reasons that it gives.
    pub(super) reasons: BTreeSet<String>,
    /// Functions, and variants of enums, as they are written.
    pub(super) paths: BTreeSet<Vec<String>>,
    /// Methods with the receiver, where that is a name or a part of one: `self`, `self.0`, `register`.
    pub(super) methods: BTreeSet<(Option<Vec<String>>, String)>,
}

impl Named {
    fn merge(&mut self, other: &Self) {
        self.reasons.extend(other.reasons.iter().cloned());
        self.paths.extend(other.paths.iter().cloned());
        self.methods.extend(other.methods.iter().cloned());
    }
}

/// A function or method.
#[derive(Debug, Clone)]
pub(super) struct Function {
    pub(super) name: String,
    /// The type that it is a method of.
    pub(super) owner: Option<String>,
    /// The trait that it carries out.
    pub(super) carries_out: Option<String>,
    pub(super) module: Module,
    /// Types of `self` and of the arguments.
    pub(super) receivers: BTreeMap<String, String>,
    pub(super) named: Named,
}

impl Function {
    /// What all services share does not know what is in one of them, but by the traits that it carries out.
    pub(super) fn may_call(&self, other: &Self) -> bool {
        let shared = |function: &Self| function.module.first().is_some_and(|first| first == SHARED);
        !shared(self) || shared(other) || other.carries_out.is_some()
    }
}

/// A crate, or as much of it as was read.
#[derive(Debug, Clone, Default)]
pub(super) struct Code {
    pub(super) functions: Vec<Function>,
    /// What each module imports, by the name that it has there.
    pub(super) imports: BTreeMap<Module, BTreeMap<String, Vec<String>>>,
    /// What a macro of each module carries out, for which type.
    macros: BTreeMap<Module, (String, String)>,
    /// Types of constants, by module and name.
    pub(super) constants: BTreeMap<(Module, String), String>,
    /// Types of fields: by type and field.
    pub(super) fields: BTreeMap<(String, String), String>,
    /// What a variant of an error comes to where it becomes a fault: by enum and variant, and
    /// the function that makes it one.
    pub(super) variants: BTreeMap<(String, String), (Function, Named)>,
}

impl Code {
    pub(super) fn extend(&mut self, other: Self) {
        self.functions.extend(other.functions);
        self.imports.extend(other.imports);
        self.constants.extend(other.constants);
        self.fields.extend(other.fields);
        self.variants.extend(other.variants);
    }
}

/// Every file of a folder, tests left out.
pub(super) fn folder(root: &Path) -> anyhow::Result<Code> {
    let mut code = Code::default();
    let base = match root.ends_with("libs/service/src") {
        true => vec![SHARED.to_owned()],
        false => Vec::new(),
    };
    into(root, &base, &mut code).with_context(|| root.display().to_string())?;
    Ok(code)
}

fn into(folder: &Path, module: &Module, code: &mut Code) -> anyhow::Result<()> {
    let mut entries: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else {
            continue;
        };
        let mut inner = module.clone();
        if !matches!(stem, "lib" | "main" | "mod") {
            inner.push(stem.to_owned());
        }
        if path.is_dir() {
            into(&path, &inner, code)?;
        } else if path.extension().is_some_and(|ending| ending == "rs") && stem != "tests" {
            let text = fs::read_to_string(&path)?;
            let file = syn::parse_file(&text).with_context(|| path.display().to_string())?;
            items(&file.items, &inner, code);
        }
    }
    Ok(())
}

fn items(all: &[Item], module: &Module, code: &mut Code) {
    for item in all {
        match item {
            Item::Fn(function) => {
                let name = function.sig.ident.to_string();
                let read = Read::of(None, &function.sig, &function.block);
                add(code, module, name, None, None, read);
            }
            Item::Impl(block) => {
                let owner = last(&block.self_ty);
                let carries_out = block
                    .trait_
                    .as_ref()
                    .and_then(|(_, path, _)| path.segments.last());
                let carries_out = carries_out.map(|segment| segment.ident.to_string());
                for item in &block.items {
                    if let ImplItem::Fn(function) = item {
                        let name = function.sig.ident.to_string();
                        let read = Read::of(owner.clone(), &function.sig, &function.block);
                        add(code, module, name, owner.clone(), carries_out.clone(), read);
                    }
                }
            }
            Item::Struct(kind) => {
                for (place, field) in kind.fields.iter().enumerate() {
                    let name = field
                        .ident
                        .as_ref()
                        .map_or_else(|| place.to_string(), ToString::to_string);
                    if let Some(of) = last(&field.ty) {
                        code.fields.insert((kind.ident.to_string(), name), of);
                    }
                }
            }
            Item::Use(names) => {
                let into = code.imports.entry(module.clone()).or_default();
                imported(&names.tree, &mut Vec::new(), into);
            }
            Item::Mod(inner) if inner.ident != "tests" => {
                if let Some((_, content)) = &inner.content {
                    let mut module = module.clone();
                    module.push(inner.ident.to_string());
                    items(content, &module, code);
                }
            }
            Item::Const(constant) => {
                let kind = last(&constant.ty);
                code.constants
                    .extend(kind.map(|kind| ((module.clone(), constant.ident.to_string()), kind)));
            }
            Item::Static(constant) => {
                let kind = last(&constant.ty);
                code.constants
                    .extend(kind.map(|kind| ((module.clone(), constant.ident.to_string()), kind)));
            }
            Item::Macro(call) => declared(call, module, code),
            _ => {}
        }
    }
}

/// Handlers that a macro of the module makes: `macro_rules!` with an `impl Service for Type`, called with
/// lines of `name: Request => Answer, handler;`.
fn declared(call: &syn::ItemMacro, module: &Module, code: &mut Code) {
    let text = call.mac.tokens.to_string();
    if call.ident.is_some() {
        let block = text
            .split_once("impl ")
            .and_then(|(_, rest)| rest.split_once(" for "));
        let block =
            block.and_then(|(carried, rest)| Some((carried, rest.split_whitespace().next()?)));
        if let Some((carried, owner)) = block {
            code.macros.insert(
                module.clone(),
                (carried.trim().to_owned(), owner.to_owned()),
            );
        }
        return;
    }
    let Some((carries_out, owner)) = code.macros.get(module).cloned() else {
        return;
    };
    for line in text.split(';') {
        let (Some((name, _)), Some((_, handler))) = (line.split_once(':'), line.rsplit_once(','))
        else {
            continue;
        };
        let method = (Some(vec!["self".to_owned()]), handler.trim().to_owned());
        code.functions.push(Function {
            name: name.trim().to_owned(),
            owner: Some(owner.clone()),
            carries_out: Some(carries_out.clone()),
            module: module.clone(),
            receivers: BTreeMap::from([("self".to_owned(), owner.clone())]),
            named: Named {
                methods: BTreeSet::from([method]),
                ..Named::default()
            },
        });
    }
}

fn add(
    code: &mut Code,
    module: &Module,
    name: String,
    owner: Option<String>,
    carries_out: Option<String>,
    read: Read,
) {
    let function = Function {
        name,
        owner,
        carries_out,
        module: module.clone(),
        receivers: read.receivers,
        named: read.named,
    };
    for (variant, named) in read.variants {
        let known = code
            .variants
            .entry(variant)
            .or_insert_with(|| (function.clone(), Named::default()));
        known.1.merge(&named);
    }
    code.functions.push(function);
}

/// `Register` of `&Register`, `Arc<Register>` and `crate::Register`.
fn last(kind: &Type) -> Option<String> {
    match kind {
        Type::Reference(to) => last(&to.elem),
        Type::Path(path) => {
            let segment = path.path.segments.last()?;
            match (&segment.arguments, segment.ident.to_string().as_str()) {
                (syn::PathArguments::AngleBracketed(inner), "Arc" | "Box" | "Option") => {
                    inner.args.iter().find_map(|argument| match argument {
                        syn::GenericArgument::Type(kind) => last(kind),
                        _ => None,
                    })
                }
                (_, name) => Some(name.to_owned()),
            }
        }
        _ => None,
    }
}

fn imported(tree: &UseTree, before: &mut Vec<String>, into: &mut BTreeMap<String, Vec<String>>) {
    let path = |last: &syn::Ident, before: &[String]| {
        let mut path = before.to_vec();
        if last != "self" {
            path.push(last.to_string());
        }
        path
    };
    match tree {
        UseTree::Path(step) => {
            before.push(step.ident.to_string());
            imported(&step.tree, before, into);
            before.pop();
        }
        UseTree::Name(name) => {
            let path = path(&name.ident, before);
            if let Some(last) = path.last() {
                into.insert(last.clone(), path.clone());
            }
        }
        UseTree::Rename(name) => {
            into.insert(name.rename.to_string(), path(&name.ident, before));
        }
        UseTree::Group(group) => {
            for tree in &group.items {
                imported(tree, before, into);
            }
        }
        UseTree::Glob(_) => {}
    }
}

/// Reads one function.
struct Read {
    owner: Option<String>,
    /// Whether it makes a fault of an error: what its arms name belongs to the error's variants.
    translates: bool,
    receivers: BTreeMap<String, String>,
    /// Names that were given to parts of others: `let db = &self.core.deps.db`.
    aliases: BTreeMap<String, Vec<String>>,
    /// What closures name that have a name themselves.
    closures: BTreeMap<String, Named>,
    variants: BTreeMap<(String, String), Named>,
    named: Named,
}

impl Read {
    fn of(owner: Option<String>, sig: &syn::Signature, block: &syn::Block) -> Self {
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
