//! Functions of a crate, and what each of them names.

mod body;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use anyhow::Context;
use syn::{ImplItem, Item, Type, UseTree};

use self::body::Read;

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
