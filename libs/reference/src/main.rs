//! Writes `docs/reference`; takes the root of the project, or the folder that it is started in.

use std::{env, fs, path::PathBuf};

use anyhow::Context;
use kefu_reference::{FOLDER, Sources};

fn main() -> anyhow::Result<()> {
    let root = env::args_os()
        .nth(1)
        .map_or_else(|| PathBuf::from("."), PathBuf::from);
    let folder = root.join(FOLDER);
    let pages = Sources::read(&root)?.pages();
    fs::create_dir_all(&folder)?;
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if name.is_none_or(|name| !pages.contains_key(name)) {
            fs::remove_file(&path)?;
        }
    }
    for (name, text) in pages {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    Ok(())
}
