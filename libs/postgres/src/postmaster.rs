//! Looks whether a server runs on a cluster's data.

use std::{fs, path::Path, time::Duration};

use crate::{StartError, error::At, launch::Launcher, place::Place};

/// What `postmaster.pid` says of a server that runs.
pub(crate) struct Running {
    /// Nothing while it has not got that far.
    pub(crate) port: Option<u16>,
}

/// Whose a process number is.
enum Owner {
    Server,
    Other,
    Nobody,
}

/// Looks whether a server runs on the data. The number in `postmaster.pid`
/// alone proves nothing: after a restart of the machine or container another
/// program may have it, and PostgreSQL would then refuse to start.
pub(crate) async fn running(
    place: &Place,
    launcher: &Launcher,
) -> Result<Option<Running>, StartError> {
    let path = place.data().join("postmaster.pid");
    let Ok(text) = fs::read_to_string(&path) else {
        return Ok(None);
    };
    let Some(pid) = text
        .lines()
        .next()
        .and_then(|line| line.trim().parse::<u32>().ok())
    else {
        return Ok(None);
    };
    match owner_of(pid, place, launcher).await? {
        Owner::Server => Ok(Some(Running {
            port: port_in(&text),
        })),
        Owner::Other => {
            disown(place, launcher, &path, &text)?;
            Ok(None)
        }
        // PostgreSQL removes the file itself, after it has looked in it for
        // what a killed server may have left in memory.
        Owner::Nobody => Ok(None),
    }
}

/// Puts a number into `postmaster.pid` that no process ever has, so that
/// PostgreSQL takes the file for stale. Not deleted: it also says where to
/// look for children of a killed server that still use the data.
fn disown(place: &Place, launcher: &Launcher, path: &Path, text: &str) -> Result<(), StartError> {
    let rest = text.split_once('\n').map_or("", |(_, rest)| rest);
    fs::write(path, format!("{}\n{rest}", i32::MAX)).at("write", path)?;
    let sockets = place.socket_folder(launcher)?;
    for entry in fs::read_dir(&sockets).at("list", &sockets)?.flatten() {
        if entry.file_name().to_string_lossy().starts_with(".s.PGSQL.") {
            fs::remove_file(entry.path()).at("delete", entry.path())?;
        }
    }
    Ok(())
}

async fn owner_of(pid: u32, place: &Place, launcher: &Launcher) -> Result<Owner, StartError> {
    let linux = Path::new("/proc/self").exists();
    // Asked as the server's user: in a container, root may not look.
    let (program, arguments) = if linux {
        ("readlink", vec![format!("/proc/{pid}/cwd")])
    } else {
        let arguments = ["-o", "comm=", "-p", &pid.to_string()];
        ("ps", arguments.map(str::to_owned).to_vec())
    };
    let mut command = launcher.command(Path::new(program));
    command.args(arguments);
    let output = launcher
        .run(
            command,
            "looking for the server",
            Duration::from_secs(10),
            &place.log(),
        )
        .await?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let ours = if linux {
        Path::new(&said) == place.data()
    } else {
        said.ends_with("postgres")
    };
    let exists = if linux {
        Path::new(&format!("/proc/{pid}")).exists()
    } else {
        !said.is_empty()
    };
    Ok(match (ours, exists) {
        (true, _) => Owner::Server,
        (false, true) => Owner::Other,
        (false, false) => Owner::Nobody,
    })
}

/// The fourth line of `postmaster.pid`.
pub(crate) fn port_in(postmaster: &str) -> Option<u16> {
    postmaster.lines().nth(3)?.trim().parse().ok()
}
