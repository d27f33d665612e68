//! What a split means to a thread that assigns and counts: one value, made once a split, never changed.

use std::sync::Arc;

use fw_model::split::Salted;
#[cfg(feature = "tower")]
use fw_model::split::{ErrorRule, Stickiness};
use fw_model::{Epoch, Salt, Split, Variant, Weight};
use fw_plane::count::{SeenKeys, SeenUsers};

/// A split, ready to be used. Before the first one all traffic is stable's, under epoch 0.
#[derive(Debug, Clone)]
pub(crate) struct View {
    /// Counts the views of this process, from 0; later is larger.
    pub(crate) serial: u64,
    /// Counts the logs that splits came from. Epochs compare only inside one.
    pub(crate) log: u32,
    pub(crate) epoch: Epoch,
    salted: Salted,
    pub(crate) canary: Weight,
    /// The share that the epoch stands for. While the dead man's switch is thrown `canary` is another.
    of_epoch: Weight,
    pub(crate) apdex_nanos: u64,
    /// Where a request's key is.
    #[cfg(feature = "tower")]
    pub(crate) stickiness: Stickiness,
    /// Which answers are errors.
    #[cfg(feature = "tower")]
    pub(crate) errors: ErrorRule,
    /// Keys seen under this epoch.
    pub(crate) seen: Arc<SeenKeys>,
    /// Users of this rollout.
    pub(crate) users: Arc<SeenUsers>,
    /// Older epochs that the server has closed: threads let go of their counts.
    pub(crate) closed: Arc<[u64]>,
    /// The split itself; none before the first.
    pub(crate) split: Option<Split>,
}

impl View {
    /// What holds before any split is known.
    pub(crate) fn unknown() -> View {
        View {
            serial: 0,
            log: 0,
            epoch: Epoch(0),
            salted: Salted::new(Salt::from_bits(0)),
            canary: Weight::ZERO,
            of_epoch: Weight::ZERO,
            apdex_nanos: 500_000_000,
            #[cfg(feature = "tower")]
            stickiness: Stickiness::None,
            #[cfg(feature = "tower")]
            errors: ErrorRule::default(),
            seen: Arc::default(),
            users: Arc::default(),
            closed: Arc::default(),
            split: None,
        }
    }

    /// The view of a split that takes the place of this one.
    pub(crate) fn next(&self, split: Split) -> View {
        let other_log = self.split.as_ref().is_some_and(|now| now.log_id != split.log_id);
        let same_users = self.split.as_ref().is_some_and(|now| now.salt == split.salt) && !other_log;
        let same_keys = self.split.as_ref().is_some_and(|now| now.epoch == split.epoch) && !other_log;
        View {
            serial: self.serial + 1,
            log: self.log + u32::from(other_log),
            epoch: split.epoch,
            salted: Salted::new(split.salt),
            canary: split.canary,
            of_epoch: if same_keys { self.of_epoch } else { split.canary },
            apdex_nanos: (split.apdex_target_ms.clamp(0.0, 1e9) * 1e6) as u64,
            #[cfg(feature = "tower")]
            stickiness: split.stickiness.clone(),
            #[cfg(feature = "tower")]
            errors: split.errors.clone(),
            seen: if same_keys { Arc::clone(&self.seen) } else { Arc::default() },
            users: if same_users { Arc::clone(&self.users) } else { Arc::default() },
            closed: if other_log { Arc::default() } else { Arc::clone(&self.closed) },
            split: Some(split),
        }
    }

    /// The same split, with other epochs closed.
    pub(crate) fn closing(&self, closed: &[u64]) -> View {
        View { serial: self.serial + 1, closed: closed.into(), ..self.clone() }
    }

    /// Whether who is assigned now is drawn with the epoch's share, so that the draws may be held against it.
    #[inline]
    pub(crate) fn draws(&self) -> bool {
        self.canary == self.of_epoch
    }

    /// The variant of a key without white space around it, by the one rule of `fw_model::split`.
    #[inline(always)]
    pub(crate) fn variant_of(&self, trimmed: &[u8]) -> Variant {
        self.salted.variant_of_trimmed(trimmed, self.canary)
    }
}
