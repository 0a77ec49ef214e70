//! PostgreSQL's own `pg_dump` and `pg_restore`. What they write and read goes through a pipe: it is
//! never a file.

use std::{
    env,
    io::{Read, Write},
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, bail};
use sqlx::postgres::PgConnectOptions;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
};
use url::Url;

use crate::production::is_verified;

/// Most of what a program says about why it failed.
const SAID: usize = 4000;
/// Names a file of authorities, to the programs and to the driver.
const ROOTS: &str = "PGSSLROOTCERT";
/// Where a machine keeps the public authorities: Debian and our images, Fedora, macOS.
const PUBLIC: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

/// Where they are, and the database they work on.
#[derive(Debug, Clone)]
pub struct Programs {
    /// Their folder; none: on the path.
    pub folder: Option<PathBuf>,
}

impl Programs {
    fn program(&self, name: &str) -> PathBuf {
        self.folder
            .as_ref()
            .map_or_else(|| PathBuf::from(name), |folder| folder.join(name))
    }

    /// The major version of this program.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn major(&self, name: &str) -> anyhow::Result<u32> {
        let mut command = Command::new(self.program(name));
        command.arg("--version").stdin(Stdio::null());
        let output = command.output().await;
        let output =
            output.with_context(|| format!("{name} does not run; --programs names its folder"))?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        program_major(&said).with_context(|| format!("{name} does not say its version"))
    }

    /// Refuses a `pg_restore` that a server of this major version does not understand.
    ///
    /// # Errors
    /// When it is newer, or does not run.
    pub async fn fit(&self, server: u32) -> anyhow::Result<()> {
        fits(self.major("pg_restore").await?, server)
    }

    fn command(&self, name: &str, url: &str) -> anyhow::Result<Command> {
        // A password on the command line can be read by everybody on the machine.
        let not_one = || anyhow::anyhow!("not a url of PostgreSQL");
        let options: PgConnectOptions = url.parse().map_err(|_| not_one())?;
        let mut url = Url::parse(url).map_err(|_| not_one())?;
        let password = url.password().map(decoded).transpose()?;
        let _ = url.set_password(None);
        let mut command = Command::new(self.program(name));
        // The driver has the public authorities built in; the programs look for a file in a home.
        if is_verified(&options) && !names_roots(&url) {
            command.env(ROOTS, public_roots());
        }
        command
            .arg("--dbname")
            .arg(url.as_str())
            .arg("--no-password");
        if let Some(password) = password {
            command.env("PGPASSWORD", password);
        }
        command.stderr(Stdio::piped()).kill_on_drop(true);
        Ok(command)
    }

    /// Dumps these schemas as they were at this snapshot, without the rows of these tables.
    ///
    /// # Errors
    /// When it does not run, or says that it failed.
    pub async fn dump(
        &self,
        url: &str,
        snapshot: &str,
        schemas: &[&str],
        without: &[&str],
        to: &mut (impl Write + Send),
    ) -> anyhow::Result<()> {
        let mut command = self.command("pg_dump", url)?;
        command
            .args([
                "--format=custom",
                "--compress=1",
                "--no-owner",
                "--no-privileges",
                "--lock-wait-timeout=60s",
            ])
            .arg(format!("--snapshot={snapshot}"));
        command.args(schemas.iter().map(|schema| format!("--schema={schema}")));
        command.args(
            without
                .iter()
                .map(|table| format!("--exclude-table-data={table}")),
        );
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = child.context("pg_dump does not run; --programs names its folder")?;
        let mut dump = child.stdout.take().context("pg_dump without output")?;
        let said = said(&mut child);
        let mut part = vec![0; 1 << 18];
        loop {
            match dump.read(&mut part).await? {
                0 => break,
                read => to.write_all(&part[..read])?,
            }
        }
        ended("pg_dump", child, said).await
    }

    /// Puts a dump into a database, all of it or nothing.
    ///
    /// # Errors
    /// When it does not run, or says that it failed.
    pub async fn restore(&self, url: &str, from: &mut (impl Read + Send)) -> anyhow::Result<()> {
        let mut command = self.command("pg_restore", url)?;
        command.args([
            "--no-owner",
            "--no-privileges",
            "--single-transaction",
            "--exit-on-error",
        ]);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
        let mut child = child.context("pg_restore does not run; --programs names its folder")?;
        let mut dump = child.stdin.take().context("pg_restore without input")?;
        let said = said(&mut child);
        let mut part = vec![0; 1 << 18];
        let fed = loop {
            match from.read(&mut part) {
                Ok(0) => break Ok(()),
                Ok(read) => {
                    if dump.write_all(&part[..read]).await.is_err() {
                        // It has ended; it says itself why.
                        break Ok(());
                    }
                }
                Err(error) => break Err(error),
            }
        };
        if let Err(error) = fed {
            // Not to be taken for the end of the dump.
            child.kill().await?;
            return Err(error).context("the dump cannot be read to its end");
        }
        drop(dump);
        ended("pg_restore", child, said).await
    }
}

/// The major version of a server: `15.10 (Debian 15.10-0+deb12u1)` is 15, `18beta1` is 18.
pub(crate) fn major(version: &str) -> Option<u32> {
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// `pg_restore (PostgreSQL) 17.5 (Debian 17.5-1.pgdg12+1)` is 17.
fn program_major(said: &str) -> Option<u32> {
    major(said.split(") ").nth(1)?)
}

/// A `pg_restore` begins with settings of its own version (`transaction_timeout` from 17 on): a server that does not
/// know one refuses, and with it everything.
fn fits(program: u32, server: u32) -> anyhow::Result<()> {
    if program > server {
        bail!(
            "pg_restore is of PostgreSQL {program}, and a server of {server} refuses what it says: one of {server} is needed, \
             --programs names its folder. What pg_dump of {program} wrote goes into a server of {program} or newer"
        );
    }
    Ok(())
}

/// Whether authorities are named that are believed.
fn names_roots(url: &Url) -> bool {
    env::var_os(ROOTS).is_some() || url.query_pairs().any(|(name, _)| name == "sslrootcert")
}

/// The file that is there, or where it is looked for.
fn public_roots() -> &'static str {
    let there = PUBLIC.into_iter().find(|path| Path::new(path).exists());
    there.unwrap_or(PUBLIC[0])
}

/// What it says, read beside the rest so that it never waits for being heard.
fn said(child: &mut Child) -> tokio::task::JoinHandle<Vec<u8>> {
    let stderr = child.stderr.take();
    tokio::spawn(async move {
        let mut said = Vec::new();
        if let Some(mut stderr) = stderr {
            let _ = stderr.read_to_end(&mut said).await;
        }
        said
    })
}

async fn ended(
    name: &str,
    mut child: Child,
    said: tokio::task::JoinHandle<Vec<u8>>,
) -> anyhow::Result<()> {
    let status = child.wait().await?;
    if status.success() {
        return Ok(());
    }
    let said = said.await.unwrap_or_default();
    let said: String = String::from_utf8_lossy(&said).chars().take(SAID).collect();
    bail!("{name}: {status}: {}", said.trim())
}

/// `%40` is `@`.
fn decoded(text: &str) -> anyhow::Result<String> {
    let mut bytes = text.bytes();
    let mut plain = Vec::new();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            plain.push(byte);
            continue;
        }
        let digits = [bytes.next(), bytes.next()]
            .map(|one| one.map(char::from).and_then(|one| one.to_digit(16)));
        let [Some(high), Some(low)] = digits else {
            bail!("not a url of PostgreSQL")
        };
        plain.push(u8::try_from(high * 16 + low)?);
    }
    Ok(String::from_utf8(plain)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_on_the_command_line() {
        let programs = Programs { folder: None };
        let url = "postgres://kefu_backup:s%40fe@db.internal:5433/kefu?sslmode=verify-full";
        let command = programs.command("pg_dump", url).unwrap();
        let shown: Vec<_> = command
            .as_std()
            .get_args()
            .map(|one| one.to_string_lossy().into_owned())
            .collect();
        assert_eq!(
            shown,
            [
                "--dbname",
                "postgres://kefu_backup@db.internal:5433/kefu?sslmode=verify-full",
                "--no-password"
            ]
        );
        let password = command
            .as_std()
            .get_envs()
            .find(|(name, _)| *name == "PGPASSWORD");
        assert_eq!(password.unwrap().1.unwrap(), "s@fe");
        assert!(programs.command("pg_dump", "no url").is_err());
    }

    #[test]
    fn versions_are_read() {
        let debian = "pg_restore (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)\n";
        assert_eq!(program_major(debian), Some(15));
        assert_eq!(program_major("pg_dump (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(program_major("command not found\n"), None);
        assert_eq!(major("15.10 (Debian 15.10-0+deb12u1)"), Some(15));
        assert_eq!(major("17.2"), Some(17));
        assert_eq!(major("devel"), None);
    }

    #[test]
    fn a_pg_restore_that_is_newer_than_the_server_is_refused() {
        for (program, server) in [(15, 15), (15, 17), (14, 18)] {
            fits(program, server).unwrap();
        }
        for (program, server) in [(17, 16), (17, 15), (16, 15)] {
            let told = fits(program, server).unwrap_err().to_string();
            assert!(
                told.contains(&format!("pg_restore is of PostgreSQL {program}")),
                "{told}"
            );
            assert!(
                told.contains(&format!("one of {server} is needed")),
                "{told}"
            );
        }
    }

    #[test]
    fn public_authorities_are_believed_where_none_are_named() {
        let believed = |query: &str| {
            let url = format!("postgres://kefu_backup@db.internal/kefu{query}");
            let command = Programs { folder: None }.command("pg_dump", &url).unwrap();
            let mut variables = command.as_std().get_envs();
            let roots = variables.find(|(name, _)| *name == ROOTS);
            roots.and_then(|(_, file)| file.map(ToOwned::to_owned))
        };
        for verified in ["?sslmode=verify-full", "?sslmode=verify-ca"] {
            let file = believed(verified).unwrap();
            assert!(PUBLIC.iter().any(|public| file == *public), "{file:?}");
        }
        // With a file, `require` would verify too.
        for other in ["", "?sslmode=require"] {
            assert_eq!(believed(other), None);
        }
        let own = "?sslmode=verify-full&sslrootcert=/run/secrets/kefu/database-ca.crt";
        assert_eq!(believed(own), None);
    }
}
