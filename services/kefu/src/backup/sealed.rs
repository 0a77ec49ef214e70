//! Files that only the holder of a secret key can read (age-encryption.org/v1): whoever makes backups
//! has the public key alone, and cannot read what it has written.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, BufWriter, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    str::FromStr,
};

use age::{Decryptor, Encryptor, Identity, IdentityFile, Recipient, stream, x25519};
use anyhow::{Context, bail};
use aws_lc_rs::digest::{self, SHA256};
use serde::{Deserialize, Serialize};

/// For whom backups are sealed.
#[derive(Clone)]
pub struct Recipients(Vec<x25519::Recipient>);

impl Recipients {
    /// From public keys: `age1…`.
    ///
    /// # Errors
    /// When there is none, or one is not a key.
    pub fn from_texts<S: AsRef<str>>(texts: &[S]) -> anyhow::Result<Self> {
        let read = |text: &S| {
            // Not quoted: it may be a secret key by mistake.
            x25519::Recipient::from_str(text.as_ref().trim())
                .map_err(|_| anyhow::anyhow!("a recipient is not a public key of age (age1…)"))
        };
        let recipients: Vec<_> = texts.iter().map(read).collect::<anyhow::Result<_>>()?;
        if recipients.is_empty() {
            bail!("no recipient: a backup is written for somebody who can read it");
        }
        Ok(Self(recipients))
    }
}

/// Who reads backups.
pub struct Reader(Vec<Box<dyn Identity + Send + Sync>>);

impl Reader {
    /// From a file with secret keys, as `age-keygen` writes it.
    ///
    /// # Errors
    /// When it cannot be read, or others can read it.
    pub fn from_file(path: &Path) -> anyhow::Result<Self> {
        use std::os::unix::fs::PermissionsExt;
        let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        if file.metadata()?.permissions().mode() & 0o077 != 0 {
            bail!("{} can be read by others: chmod 600", path.display());
        }
        let read = IdentityFile::from_buffer(BufReader::new(file));
        // The parser's own message would quote the line, and with it a key.
        let identities = read.ok().and_then(|file| file.into_identities().ok());
        let identities = identities.filter(|identities| !identities.is_empty());
        let identities =
            identities.with_context(|| format!("{} holds no secret key of age", path.display()))?;
        Ok(Self(identities))
    }

    /// What a sealed file says.
    ///
    /// # Errors
    /// When it is not for this reader, or not whole.
    pub fn open(&self, path: &Path) -> anyhow::Result<impl Read + use<>> {
        let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        let identities = self.0.iter().map(|one| &**one as &dyn Identity);
        let opened = Decryptor::new_buffered(BufReader::with_capacity(1 << 16, file))
            .and_then(|sealed| sealed.decrypt(identities));
        opened.with_context(|| format!("cannot open {}", path.display()))
    }
}

/// What was written, as it lies there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// Bytes.
    pub bytes: u64,
    /// SHA-256 in hexadecimal digits.
    pub sha256: String,
}

/// A sealed file in the making.
pub struct Sealing(stream::StreamWriter<Counted>);

impl Sealing {
    /// Makes the file; nothing that is not sealed is ever in it.
    ///
    /// # Errors
    /// When it cannot be made, or is there already.
    pub fn create(path: &Path, recipients: &Recipients) -> anyhow::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(path);
        let file = file.with_context(|| format!("cannot make {}", path.display()))?;
        let recipients = recipients.0.iter().map(|one| one as &dyn Recipient);
        let counted = Counted {
            file: BufWriter::with_capacity(1 << 18, file),
            hash: digest::Context::new(&SHA256),
            bytes: 0,
        };
        Ok(Self(
            Encryptor::with_recipients(recipients)?.wrap_output(counted)?,
        ))
    }

    /// It is whole, and on the disk.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self) -> io::Result<Written> {
        let Counted { file, hash, bytes } = self.0.finish()?;
        file.into_inner()
            .map_err(io::IntoInnerError::into_error)?
            .sync_all()?;
        Ok(Written {
            bytes,
            sha256: hex(hash.finish().as_ref()),
        })
    }
}

impl Write for Sealing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

struct Counted {
    file: BufWriter<File>,
    hash: digest::Context,
    bytes: u64,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A file as it lies there.
///
/// # Errors
/// When it cannot be read.
pub fn as_it_lies(path: &Path) -> anyhow::Result<Written> {
    let mut file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let (mut hash, mut bytes, mut part) = (digest::Context::new(&SHA256), 0, vec![0; 1 << 18]);
    loop {
        match file.read(&mut part)? {
            0 => break,
            read => {
                hash.update(&part[..read]);
                bytes += read as u64;
            }
        }
    }
    Ok(Written {
        bytes,
        sha256: hex(hash.finish().as_ref()),
    })
}

/// How large a file is.
///
/// # Errors
/// When it is not there.
pub fn size(path: &Path) -> anyhow::Result<u64> {
    Ok(fs::metadata(path)?.len())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
