//! Settings of a connection to a server, each with a default that suits a service.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fw_model::{IdError, Region, ServiceKey, ServiceName};
use fw_plane::follow::{Control, ControlSettings, Pace, SettingError};

use crate::core::Core;
use crate::remote;
use crate::rollout::Rollout;

/// Reports may be this far apart: a server takes a data plane for silent after 3 s.
const REPORT_EVERY_MAX: Duration = Duration::from_secs(2);
/// And no closer than this.
const REPORT_EVERY_MIN: Duration = Duration::from_millis(100);

/// Why a rollout can't be connected.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The service's or region's name is none.
    #[error(transparent)]
    Name(#[from] IdError),
    /// The URL or token can't be used.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The background thread can't be started.
    #[error("the thread that follows the split can't be started")]
    Thread(#[source] std::io::Error),
}

/// Settings of a connection.
#[derive(Debug, Clone)]
#[must_use = "nothing happens before `connect`"]
pub struct Builder {
    url: String,
    name: String,
    region: Option<String>,
    token: Option<String>,
    state_dir: Option<PathBuf>,
    pace: Pace,
}

impl Builder {
    /// `url`: the server, such as `http://127.0.0.1:3002`; `name`: the service.
    pub(crate) fn new(url: &str, name: &str) -> Builder {
        Builder {
            url: url.trim_end_matches('/').to_owned(),
            name: name.to_owned(),
            region: None,
            token: None,
            state_dir: None,
            pace: Pace::default(),
        }
    }

    /// Which region of the service this is, if regions are used.
    pub fn region(mut self, region: impl Into<String>) -> Builder {
        self.region = Some(region.into());
        self
    }

    /// Sent as `Authorization: Bearer`; a token with the role `reporter` is enough.
    pub fn token(mut self, token: impl Into<String>) -> Builder {
        self.token = Some(token.into());
        self
    }

    /// A folder for the last split, so that a restart serves by it also while the server is away. Made if it is not
    /// there. Without one a restart begins with stable.
    pub fn state_dir(mut self, dir: impl Into<PathBuf>) -> Builder {
        self.state_dir = Some(dir.into());
        self
    }

    /// How often counts are reported: 100 ms to 2 s, default 1 s; what is outside is put to the nearer end.
    pub fn report_every(mut self, every: Duration) -> Builder {
        self.pace.every = every.clamp(REPORT_EVERY_MIN, REPORT_EVERY_MAX);
        self
    }

    /// Connects: serves by the kept split if there is one, and follows the server from a thread of its own.
    ///
    /// # Errors
    /// [`ConnectError`]; a server that can't be reached is no error.
    pub fn connect(self) -> Result<Rollout, ConnectError> {
        let region = self.region.map(Region::new).transpose()?;
        let key = ServiceKey { service: ServiceName::new(self.name)?, region: region.clone() };
        let control = Control::new(&ControlSettings { url: self.url, key, token: self.token })?;
        let core = Arc::new(Core::new(region));
        let background = remote::start(Arc::clone(&core), control, self.state_dir, self.pace);
        Ok(Rollout::new(core, background.map_err(ConnectError::Thread)?))
    }
}
