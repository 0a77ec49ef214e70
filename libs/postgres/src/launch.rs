//! Runs PostgreSQL's programs as a user they accept.

use std::{
    env,
    path::Path,
    process::{Output, Stdio},
    time::Duration,
};

use tokio::{process::Command, time::timeout};

use crate::{StartError, error::At};

/// For programs that only say something about themselves.
const ASKING: Duration = Duration::from_secs(10);

/// A user by number, with the name for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// Starts programs either as ourselves or, where we are root, as `run_as`.
#[derive(Clone, Debug)]
pub(crate) struct Launcher {
    run_as: Option<User>,
    own_uid: u32,
}

impl Launcher {
    /// Finds out who we are, and whom to be for the server.
    pub(crate) async fn detect() -> Result<Self, StartError> {
        // `id` rather than /etc/passwd: it also knows users from directories, and macOS.
        let own_uid = id("-u", None).await.ok_or(StartError::NoServerUser)?;
        if own_uid != 0 {
            return Ok(Self {
                run_as: None,
                own_uid,
            });
        }
        for name in ["postgres", "nobody"] {
            if let (Some(uid), Some(gid)) = (id("-u", Some(name)).await, id("-g", Some(name)).await)
            {
                let user = User {
                    name: name.to_owned(),
                    uid,
                    gid,
                };
                return Ok(Self {
                    run_as: Some(user),
                    own_uid,
                });
            }
        }
        Err(StartError::NoServerUser)
    }

    /// The user the server runs as, where that is not us.
    pub(crate) fn run_as(&self) -> Option<&User> {
        self.run_as.as_ref()
    }

    /// Number of the user the server runs as.
    pub(crate) fn server_uid(&self) -> u32 {
        self.run_as.as_ref().map_or(self.own_uid, |user| user.uid)
    }

    /// The same, but as the user who owns existing data. Only root has the choice.
    pub(crate) fn or_owner(self, uid: u32, gid: u32) -> Self {
        match &self.run_as {
            Some(user) if user.uid != uid && uid != 0 => Self {
                run_as: Some(User {
                    name: uid.to_string(),
                    uid,
                    gid,
                }),
                own_uid: self.own_uid,
            },
            _ => self,
        }
    }

    /// Hands a file or folder over to the server's user.
    pub(crate) fn hand_over(&self, path: &Path) -> Result<(), StartError> {
        match &self.run_as {
            Some(user) => {
                std::os::unix::fs::chown(path, Some(user.uid), Some(user.gid)).at("hand over", path)
            }
            None => Ok(()),
        }
    }

    /// Whether the server's user can enter `folder`. Tried rather than computed
    /// from modes, which know nothing of access lists and mount options.
    pub(crate) async fn can_enter(&self, folder: &Path) -> bool {
        let mut command = self.command(Path::new("true"));
        command.current_dir(folder);
        command.status().await.is_ok_and(|status| status.success())
    }

    /// A command without our locale, our `PG…` variables, our folder or our
    /// terminal's signals: Ctrl-C is for us, we then stop the server in order.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir("/")
            .stdin(Stdio::null())
            .process_group(0)
            .kill_on_drop(true);
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("PG") || text.starts_with("LC_") || text == "LANGUAGE" {
                command.env_remove(&name);
            }
        }
        command.env("LC_ALL", "C").env("LANG", "C").env("TZ", "UTC");
        if let Some(user) = &self.run_as {
            // std drops root's supplementary groups along with the uid.
            command.uid(user.uid).gid(user.gid);
        }
        command
    }

    /// Runs `command` to its end, within a bound.
    pub(crate) async fn run(
        &self,
        mut command: Command,
        what: &'static str,
        bound: Duration,
        log: &Path,
    ) -> Result<Output, StartError> {
        let program = command.as_std().get_program().to_owned();
        match timeout(bound, command.output()).await {
            Ok(output) => output.at("run", program),
            Err(_) => Err(StartError::TooSlow {
                what,
                seconds: bound.as_secs(),
                see: log.to_owned(),
            }),
        }
    }

    /// What `program` prints for one argument.
    pub(crate) async fn ask(&self, program: &Path, argument: &str) -> Result<String, StartError> {
        let mut command = self.command(program);
        command.arg(argument);
        let output = self
            .run(command, "asking a program", ASKING, program)
            .await?;
        check(program, &output)?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// Turns a failed program into an error with the end of what it said.
pub(crate) fn check(program: &Path, output: &Output) -> Result<(), StartError> {
    if output.status.success() {
        return Ok(());
    }
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    Err(StartError::Program {
        program: program.to_owned(),
        status: output.status.to_string(),
        output: tail(&String::from_utf8_lossy(&said)),
    })
}

/// The last lines of a text, enough to see why.
pub(crate) fn tail(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines[lines.len().saturating_sub(8)..].join("\n")
}

/// `id -u` or `id -g`, of ourselves or of `name`.
async fn id(flag: &str, name: Option<&str>) -> Option<u32> {
    let output = Command::new("id")
        .arg(flag)
        .args(name)
        .stdin(Stdio::null())
        .output()
        .await
        .ok()?;
    let number: i64 = String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .ok()?;
    // macOS prints nobody's number as -2 or as 4294967294.
    output.status.success().then_some(number as u32)
}
