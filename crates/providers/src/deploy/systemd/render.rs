//! A unit of systemd for one instance, as text. Pure: the same instance gives the same text.
//!
//! The service gets a user of its own, no privileges, and a file system that it can't write but where it is told. What each
//! line means: systemd.exec(5), systemd.service(5), systemd.unit(5), systemd.kill(5).

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::UnitError;

/// Longest name of a unit, with its ending, bytes. Source: systemd.unit(5), UNIT_NAME_MAX.
const NAME_BYTES_MAX: usize = 255;
/// Ports below need a capability.
const PORT_FREE_MIN: u16 = 1024;

/// Everything a unit is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// The service.
    pub service: String,
    /// The version.
    pub version: String,
    /// The instance's URL.
    pub url: String,
    /// Where it listens.
    pub at: SocketAddr,
    /// The program by its absolute path, and its arguments as they are.
    pub argv: Vec<String>,
    /// Variables with their values. The unit can be read by everybody: nothing secret belongs here.
    pub env: Vec<(String, String)>,
    /// A file with further variables, for what is secret.
    pub environment_file: Option<PathBuf>,
    /// The folder it runs in.
    pub cwd: PathBuf,
    /// The user it runs as; none = one that systemd makes for it.
    pub user: Option<String>,
    /// Folders it may write.
    pub writable: Vec<PathBuf>,
    /// Time between SIGTERM and SIGKILL.
    pub stop_grace: Duration,
    /// Pause before it is started again.
    pub restart_pause: Duration,
}

/// What no service needs.
const HARDENING: &str = "\
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
PrivateDevices=yes
PrivateTmp=yes
LockPersonality=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
UMask=0077
";

impl Unit {
    /// The name of its file: `fw-SERVICE__VERSION__PORT.service`. Bytes that a name can't hold are written `_XX`.
    ///
    /// # Errors
    /// [`UnitError::Unfit`] when it is too long.
    pub fn name(&self) -> Result<String, UnitError> {
        let (service, version) = (name_part(&self.service), name_part(&self.version));
        let host = match self.at.ip().is_loopback() {
            true => String::new(),
            false => format!("{}__", name_part(&self.at.ip().to_string())),
        };
        let name = format!("fw-{service}__{version}__{host}{}.service", self.at.port());
        if name.len() > NAME_BYTES_MAX {
            let text = format!("the unit's name {name} has more than {NAME_BYTES_MAX} bytes");
            return Err(UnitError::Unfit(text));
        }
        Ok(name)
    }

    /// The text of its file.
    ///
    /// # Errors
    /// [`UnitError::Unfit`] when the program is no absolute path, or something holds a zero byte or a line break.
    pub fn render(&self) -> Result<String, UnitError> {
        let program = self.argv.first().map_or("", String::as_str);
        if !program.starts_with('/') {
            let text = format!("systemd starts programs by absolute paths; {program:?} is none");
            return Err(UnitError::Unfit(text));
        }
        let mut text = String::from(
            "# Written by FactoryWager, and written again when it is changed by hand.\n[Unit]\n",
        );
        let description = format!("{} {} at {}", self.service, self.version, self.url);
        line(&mut text, "Description", &plain(&description)?);
        text.push_str("After=network.target\nStartLimitIntervalSec=0\n\n[Service]\nType=exec\n");
        let argv: Result<Vec<String>, UnitError> =
            self.argv.iter().map(|arg| quoted(arg).map(|word| word.replace('$', "$$"))).collect();
        line(&mut text, "ExecStart", &argv?.join(" "));
        line(&mut text, "WorkingDirectory", &path(&self.cwd)?);
        for (name, value) in &self.env {
            line(&mut text, "Environment", &quoted(&format!("{name}={value}"))?);
        }
        if let Some(file) = &self.environment_file {
            line(&mut text, "EnvironmentFile", &path(file)?);
        }
        match &self.user {
            Some(user) => line(&mut text, "User", &plain(user)?),
            None => line(&mut text, "DynamicUser", "yes"),
        }
        text.push_str("Restart=on-failure\n");
        line(&mut text, "RestartSec", &format!("{}ms", self.restart_pause.as_millis()));
        line(&mut text, "TimeoutStopSec", &format!("{}ms", self.stop_grace.as_millis()));
        text.push_str("KillMode=mixed\n");
        text.push_str(HARDENING);
        let capability = if self.at.port() < PORT_FREE_MIN { "CAP_NET_BIND_SERVICE" } else { "" };
        line(&mut text, "AmbientCapabilities", capability);
        line(&mut text, "CapabilityBoundingSet", capability);
        for folder in &self.writable {
            line(&mut text, "ReadWritePaths", &quoted(&path(folder)?.replace("%%", "%"))?);
        }
        text.push_str("\n[Install]\nWantedBy=multi-user.target\n");
        Ok(text)
    }
}

fn line(text: &mut String, name: &str, value: &str) {
    // Writing to a String can't fail.
    let _ = writeln!(text, "{name}={value}");
}

fn name_part(name: &str) -> String {
    let mut part = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-') {
            part.push(char::from(byte));
        } else {
            let _ = write!(part, "_{byte:02X}");
        }
    }
    part
}

/// One line of text; `%` begins a specifier, so it is doubled.
fn plain(text: &str) -> Result<String, UnitError> {
    if text.contains(['\0', '\n', '\r']) || text.ends_with('\\') {
        return Err(UnitError::Unfit(format!("{text:?} can't stand in a unit: it must be one line")));
    }
    Ok(text.replace('%', "%%"))
}

/// A path of its own; systemd takes such a value as it is, blanks included.
fn path(path: &Path) -> Result<String, UnitError> {
    let text = path.to_str().filter(|_| path.is_absolute());
    let text = text.ok_or_else(|| UnitError::Unfit(format!("{} is no absolute path", path.display())))?;
    plain(text)
}

/// One word among several, in quotes. Source: systemd.syntax(7), "Quoting".
fn quoted(text: &str) -> Result<String, UnitError> {
    if text.contains('\0') {
        return Err(UnitError::Unfit(format!("{text:?} can't stand in a unit: it holds a zero byte")));
    }
    let mut word = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => word.push_str("\\\""),
            '\\' => word.push_str("\\\\"),
            '%' => word.push_str("%%"),
            '\n' => word.push_str("\\n"),
            '\r' => word.push_str("\\r"),
            '\t' => word.push_str("\\t"),
            c => word.push(c),
        }
    }
    word.push('"');
    Ok(word)
}
