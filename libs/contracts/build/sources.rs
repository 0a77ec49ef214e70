//! Finds the contract files and compiles them to one descriptor set.

use std::{
    error::Error,
    fs, io,
    path::{Path, PathBuf},
};

/// Encoded `FileDescriptorSet` of every contract and what it imports, with
/// comments and custom options.
pub(crate) fn compile(contracts: &Path, google: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut files = Vec::new();
    collect(contracts, &mut files)?;
    files.sort();
    let mut compiler = protox::Compiler::new([contracts, google])?;
    compiler
        .include_source_info(true)
        .include_imports(true)
        .open_files(&files)?;
    Ok(compiler.encode_file_descriptor_set())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|ending| ending == "proto") {
            files.push(path);
        }
    }
    Ok(())
}
