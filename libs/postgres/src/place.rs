//! Where a cluster's files lie, and who may enter there.

use std::{
    fs::{self, DirBuilder, Permissions},
    hash::{DefaultHasher, Hash, Hasher},
    io::{ErrorKind, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use crate::{StartError, error::At, launch::Launcher};

/// Where the server's part goes when its user cannot enter the cluster's folder.
const ELSEWHERE: [&str; 2] = ["/var/lib/kefu-postgres", "/var/tmp/kefu-postgres"];

/// In a folder of [`ELSEWHERE`]: the cluster it belongs to.
const BELONGS_TO: &str = "belongs-to";

/// The longest path of a Unix socket is 107 bytes on Linux, 103 on macOS.
const SOCKET_PATH: usize = 103;

/// The folders of one cluster.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The caller's: locks, password and port.
    folder: PathBuf,
    /// The server's: data and log.
    server: PathBuf,
}

impl Place {
    /// The cluster in `folder`, if there is one.
    pub(crate) fn existing(folder: &Path) -> Option<Self> {
        let folder = folder.canonicalize().ok()?;
        let server = folder.join("server").canonicalize().ok()?;
        Some(Self { folder, server })
    }

    /// Finds or creates the folders. The launcher comes back as the user who
    /// owns them: data stays with the user who first ran the server.
    pub(crate) async fn prepare(
        folder: &Path,
        launcher: Launcher,
    ) -> Result<(Self, Launcher), StartError> {
        let folder = folder.canonicalize().at("find", folder)?;
        let link = folder.join("server");
        let Ok(server) = link.canonicalize() else {
            let server = create(&folder, &link, &launcher).await?;
            return Ok((Self { folder, server }, launcher));
        };
        let metadata = server.metadata().at("look at", &server)?;
        let launcher = launcher.or_owner(metadata.uid(), metadata.gid());
        if metadata.uid() != launcher.server_uid() {
            if launcher.run_as().is_none() || metadata.uid() != 0 {
                return Err(StartError::OtherOwner {
                    folder: server,
                    owner: metadata.uid(),
                });
            }
            // We were stopped between creating it and handing it over.
            launcher.hand_over(&server)?;
        }
        if !launcher.can_enter(&server).await {
            return Err(closed(&server, &launcher).await);
        }
        Ok((Self { folder, server }, launcher))
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn server(&self) -> &Path {
        &self.server
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.server.join("data")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.server.join("log")
    }

    /// The port last used, if any.
    pub(crate) fn port(&self) -> Option<u16> {
        fs::read_to_string(self.folder.join("port"))
            .ok()?
            .trim()
            .parse()
            .ok()
    }

    pub(crate) fn keep_port(&self, port: u16) -> Result<(), StartError> {
        let path = self.folder.join("port");
        fs::write(&path, port.to_string()).at("write", path)
    }

    /// The superuser's password.
    pub(crate) fn password(&self) -> Result<String, StartError> {
        let path = self.folder.join("password");
        Ok(fs::read_to_string(&path)
            .at("read", path)?
            .trim()
            .to_owned())
    }

    /// Makes a password if there is none yet. Whole or not at all: a process
    /// that ends half way leaves no empty file behind.
    pub(crate) fn ensure_password(&self) -> Result<String, StartError> {
        let path = self.folder.join("password");
        if !path.exists() {
            let draft = self.folder.join("password.new");
            write_private(&draft, &random_hex::<24>()?)?;
            fs::rename(&draft, &path).at("write", &path)?;
        }
        self.password()
    }

    /// A folder for the Unix socket: the server's own, or one in `/tmp` where
    /// that one's path is too long.
    pub(crate) fn socket_folder(&self, launcher: &Launcher) -> Result<PathBuf, StartError> {
        if self.server.as_os_str().len() + "/.s.PGSQL.65535".len() <= SOCKET_PATH {
            return Ok(self.server.clone());
        }
        let folder = self.short_socket_folder();
        match DirBuilder::new().mode(0o700).create(&folder) {
            Ok(()) => launcher.hand_over(&folder)?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                // In /tmp anybody could have put it there.
                let metadata = fs::symlink_metadata(&folder).at("look at", &folder)?;
                if !metadata.is_dir() || metadata.uid() != launcher.server_uid() {
                    return Err(StartError::OtherOwner {
                        folder,
                        owner: metadata.uid(),
                    });
                }
            }
            Err(error) => return Err(error).at("create", folder),
        }
        Ok(folder)
    }

    /// Deletes everything. The caller holds the lock and has stopped the server.
    pub(crate) fn delete(&self) -> Result<(), StartError> {
        // Only there if it was needed.
        let _ = fs::remove_dir_all(self.short_socket_folder());
        fs::remove_dir_all(&self.server).at("delete", &self.server)?;
        fs::remove_dir_all(&self.folder).at("delete", &self.folder)
    }

    fn short_socket_folder(&self) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        self.server.hash(&mut hasher);
        format!("/tmp/kefu-pg-{:016x}", hasher.finish()).into()
    }
}

/// Creates the server's part in `folder`, or elsewhere with a link to it.
async fn create(folder: &Path, link: &Path, launcher: &Launcher) -> Result<PathBuf, StartError> {
    if link.is_symlink() {
        fs::remove_file(link).at("delete", link)?;
    }
    if launcher.run_as().is_some() {
        sweep(folder);
    }
    if launcher.can_enter(folder).await {
        return create_for_server(link.to_owned(), launcher);
    }
    for parent in ELSEWHERE.map(Path::new) {
        if !ready(parent) || !launcher.can_enter(parent).await {
            continue;
        }
        let server = create_for_server(parent.join(random_hex::<8>()?), launcher)?;
        let note = server.join(BELONGS_TO);
        fs::write(&note, folder.as_os_str().as_encoded_bytes()).at("write", note)?;
        symlink(&server, link).at("link", link)?;
        tracing::info!(folder = %folder.display(), data = %server.display(),
            "the server's user cannot enter the folder, so that its data lies elsewhere");
        return Ok(server);
    }
    Err(closed(folder, launcher).await)
}

fn create_for_server(path: PathBuf, launcher: &Launcher) -> Result<PathBuf, StartError> {
    DirBuilder::new()
        .mode(0o700)
        .create(&path)
        .at("create", &path)?;
    launcher.hand_over(&path)?;
    Ok(path)
}

/// Whether `parent` is a folder of root's own; in `/var/tmp` it could be anybody's.
fn ready(parent: &Path) -> bool {
    if DirBuilder::new().create(parent).is_ok() {
        return fs::set_permissions(parent, Permissions::from_mode(0o755)).is_ok();
    }
    fs::symlink_metadata(parent).is_ok_and(|metadata| metadata.is_dir() && metadata.uid() == 0)
}

/// Removes what clusters that once lay in `folder` have left elsewhere: the
/// folder has been deleted since, or it would link to it. What cannot be
/// removed is left; a server that still runs there notices and ends.
fn sweep(folder: &Path) {
    for entry in ELSEWHERE
        .iter()
        .filter_map(|parent| fs::read_dir(parent).ok())
        .flatten()
        .flatten()
    {
        let owner = fs::read(entry.path().join(BELONGS_TO));
        if owner.is_ok_and(|owner| owner == folder.as_os_str().as_encoded_bytes()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Names the first folder on the way that the server's user may not enter.
async fn closed(path: &Path, launcher: &Launcher) -> StartError {
    let user = launcher
        .run_as()
        .map_or_else(String::new, |user| user.name.clone());
    let mut way: Vec<&Path> = path.ancestors().collect();
    way.reverse();
    for folder in way {
        if !launcher.can_enter(folder).await {
            return StartError::NotReachable {
                folder: folder.to_owned(),
                user,
            };
        }
    }
    StartError::NotReachable {
        folder: path.to_owned(),
        user,
    }
}

/// Writes a file that only its owner may read, from its first byte on.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), StartError> {
    // An old one might be open to others, or open to them already.
    let _ = fs::remove_file(path);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .at("create", path)?;
    file.write_all(text.as_bytes()).at("write", path)
}

fn random_hex<const BYTES: usize>() -> Result<String, StartError> {
    let mut bytes = [0; BYTES];
    let source = "/dev/urandom";
    fs::File::open(source)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .at("read", source)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
