//! What a split means to this proxy: origins parsed, names ready, one value for all workers.
//!
//! A [`Routing`] is made once a split and never changes. Each worker puts it together with its own
//! pools and slots into a [`LocalRoute`], which requests then read without any lock.

mod local;

use std::sync::Arc;

use fw_api::wire::CellWire;
use fw_model::split::Stickiness;
use fw_model::{Split, Variant, Weight};
use fw_plane::count::{SeenKeys, SeenUsers, key_hash};
use fw_plane::net::Origin;
use http::HeaderName;

pub(crate) use local::LocalRoute;

/// Most upstream instances a variant may have.
const INSTANCES_MAX: usize = 256;

/// Where the key of a request is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sticky {
    None,
    Cookie(String),
    Header(HeaderName),
}

/// A split, ready to route by.
#[derive(Debug)]
pub(crate) struct Routing {
    /// Counts the routings of this process, from 1; later is larger.
    pub(crate) serial: u64,
    pub(crate) split: Split,
    pub(crate) sticky: Sticky,
    /// Instances, stable first.
    pub(crate) origins: [Vec<Arc<Origin>>; 2],
    pub(crate) apdex_nanos: u64,
    /// Keys seen under this split's epoch.
    seen: Arc<SeenKeys>,
    /// Users of this rollout.
    users: Arc<SeenUsers>,
    /// The share that the epoch stands for. While the dead man's switch is thrown the split's is another.
    of_epoch: Weight,
}

impl Routing {
    /// Reads a split.
    ///
    /// # Errors
    /// A text that says what in the split can't be used.
    pub(crate) fn new(split: Split, serial: u64) -> Result<Routing, String> {
        let origins = |variant| -> Result<Vec<Arc<Origin>>, String> {
            let urls = split.urls(variant);
            if urls.len() > INSTANCES_MAX {
                return Err(format!("{variant} has more than {INSTANCES_MAX} upstreams"));
            }
            urls.iter().map(|url| Origin::parse(url).map(Arc::new).map_err(|e| e.to_string())).collect()
        };
        let origins = [origins(Variant::Stable)?, origins(Variant::Canary)?];
        if origins[0].is_empty() {
            return Err("stable has no upstream; name at least one URL".into());
        }
        let sticky = match &split.stickiness {
            Stickiness::None => Sticky::None,
            Stickiness::Cookie(name) if is_token(name) => Sticky::Cookie(name.clone()),
            Stickiness::Cookie(name) => return Err(format!("{name:?} can't be a cookie's name")),
            Stickiness::Header(name) => {
                Sticky::Header(name.parse().map_err(|_| format!("{name:?} can't be a header's name"))?)
            }
        };
        let apdex_nanos = (split.apdex_target_ms.clamp(0.0, 1e9) * 1e6) as u64;
        Ok(Routing {
            serial,
            sticky,
            origins,
            apdex_nanos,
            seen: Arc::default(),
            users: Arc::default(),
            of_epoch: split.canary,
            split,
        })
    }

    /// The same, going on from the routing before: one of the same epoch has seen the same keys.
    pub(crate) fn after(self, before: &Routing) -> Routing {
        let (own, old) = (&self.split, &before.split);
        let same_rollout = (&own.log_id, &own.salt) == (&old.log_id, &old.salt);
        let same_epoch = (&own.log_id, own.epoch) == (&old.log_id, old.epoch);
        let same_keys = same_epoch && self.sticky == before.sticky;
        let of_epoch = if same_epoch { before.of_epoch } else { own.canary };
        let seen = if same_keys { Arc::clone(&before.seen) } else { self.seen };
        let users = if same_rollout { Arc::clone(&before.users) } else { self.users };
        Routing { seen, users, of_epoch, ..self }
    }

    /// Notes a key that got this variant; whether it is a unit of randomisation.
    #[inline]
    pub(crate) fn see(&self, variant: Variant, key: &[u8]) -> bool {
        let hash = key_hash(key);
        self.users.see(variant, hash);
        self.draws() && self.seen.touch(hash)
    }

    /// Puts the users of this rollout into a report's cells.
    pub(crate) fn add_users(&self, cells: &mut [CellWire]) {
        self.users.add_to(cells);
    }

    /// Whether who is assigned now is drawn with the epoch's share, so that the draws may be held against it.
    pub(crate) fn draws(&self) -> bool {
        self.split.canary == self.of_epoch
    }
}

/// A token of RFC 9110 section 5.6.2, which a cookie's name must be (RFC 6265 section 4.1.1).
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}
