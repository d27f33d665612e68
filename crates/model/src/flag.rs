//! Feature flags: which value somebody gets, by a rollout's split, by fixed weights, or because it is forced.
//!
//! `V` is what a value is; nothing here looks into one. Pure: a flag, a split and a key give the same answer anywhere. A
//! flag that is bound to a rollout uses the rollout's salt and weight, so that whoever gets the canary from the proxy gets
//! the canary's value here. How flags are written and asked for is the business of the config and of the server.

use xxhash_rust::xxh3::xxh3_128;

use crate::{Salt, Split, Variant, Weight, split};

/// Most flags of a service.
pub const FLAGS_MAX: usize = 1000;
/// Most variants of a flag with weights.
pub const FLAG_VARIANTS_MAX: usize = 32;
/// Most keys that a flag forces variants for.
pub const FLAG_FORCED_MAX: usize = 1000;
/// Longest name of a flag or of a variant, bytes.
pub const FLAG_NAME_BYTES_MAX: usize = 128;
/// Keeps salts of flags apart from everything else that is hashed.
const SALTED: &[u8] = b"fw flag\x1f";

/// A feature flag.
#[derive(Debug, Clone, PartialEq)]
pub struct Flag<V> {
    /// Its name in OpenFeature.
    pub key: String,
    /// Off: everybody gets the value that the code has as its default.
    pub enabled: bool,
    /// Who gets what.
    pub assign: Assign<V>,
    /// Who gets what for certain.
    pub forced: Vec<Forced>,
}

/// Who gets which value of a flag.
#[derive(Debug, Clone, PartialEq)]
pub enum Assign<V> {
    /// By the split of the service's rollout.
    Rollout {
        /// What stable's users get.
        stable: V,
        /// What the canary's users get.
        canary: V,
    },
    /// By weights that stay; they sum to [`Weight::FULL`].
    Weights(Vec<Weighted<V>>),
}

/// A variant with its weight.
#[derive(Debug, Clone, PartialEq)]
pub struct Weighted<V> {
    /// Its name.
    pub name: String,
    /// What it is.
    pub value: V,
    /// Share of keys that get it.
    pub weight: Weight,
}

/// Keys that get a variant whatever the weights are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forced {
    /// The variant's name.
    pub variant: String,
    /// Targeting keys.
    pub keys: Vec<String>,
}

/// Why somebody gets a value, in OpenFeature's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Everybody does.
    Static,
    /// It is forced for this key.
    TargetingMatch,
    /// By the key's bucket.
    Split,
    /// The flag is off: there is no value.
    Disabled,
}

impl Reason {
    /// The word of OpenFeature.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Static => "STATIC",
            Reason::TargetingMatch => "TARGETING_MATCH",
            Reason::Split => "SPLIT",
            Reason::Disabled => "DISABLED",
        }
    }
}

/// What somebody gets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evaluation<'a, V> {
    /// The variant's name; empty when the flag is off.
    pub variant: &'a str,
    /// Its value; none when the flag is off: the code's default holds.
    pub value: Option<&'a V>,
    /// Why.
    pub reason: Reason,
}

/// The split needs a key, and there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this flag is split by targetingKey, and the context has none")]
pub struct KeyMissing;

impl<V> Flag<V> {
    /// Names and values of the variants.
    pub fn variants(&self) -> Vec<(&str, &V)> {
        match &self.assign {
            Assign::Rollout { stable, canary } => {
                vec![(Variant::Stable.as_str(), stable), (Variant::Canary.as_str(), canary)]
            }
            Assign::Weights(weighted) => weighted.iter().map(|one| (one.name.as_str(), &one.value)).collect(),
        }
    }

    /// What the holder of this key gets, with the service's split as it is now. Keys are trimmed as everywhere.
    ///
    /// # Errors
    /// [`KeyMissing`] where it depends on a key.
    pub fn evaluate(&self, split: &Split, key: Option<&str>) -> Result<Evaluation<'_, V>, KeyMissing> {
        if !self.enabled {
            return Ok(Evaluation { variant: "", value: None, reason: Reason::Disabled });
        }
        let key = key.map(|key| split::trim_key(key.as_bytes())).filter(|key| !key.is_empty());
        if let Some(forced) = key.and_then(|key| self.forced_for(key)) {
            return Ok(forced);
        }
        match &self.assign {
            Assign::Rollout { stable, canary } => by_rollout((stable, canary), split, key),
            Assign::Weights(weighted) => self.by_weights(weighted, key),
        }
    }

    fn forced_for(&self, key: &[u8]) -> Option<Evaluation<'_, V>> {
        let is_named = |forced: &&Forced| forced.keys.iter().any(|named| named.as_bytes() == key);
        let name = &self.forced.iter().find(is_named)?.variant;
        let (variant, value) = self.variants().into_iter().find(|(variant, _)| variant == name)?;
        Some(Evaluation { variant, value: Some(value), reason: Reason::TargetingMatch })
    }

    fn by_weights<'a>(
        &self,
        weighted: &'a [Weighted<V>],
        key: Option<&[u8]>,
    ) -> Result<Evaluation<'a, V>, KeyMissing> {
        let of =
            |one: &'a Weighted<V>, reason| Evaluation { variant: &one.name, value: Some(&one.value), reason };
        if let Some(only) = weighted.iter().find(|one| one.weight == Weight::FULL) {
            return Ok(of(only, Reason::Static));
        }
        let bucket = split::bucket_of(&self.salt(), key.ok_or(KeyMissing)?);
        let mut below = 0;
        let taken = weighted.iter().find(|one| {
            below += one.weight.units();
            bucket < below
        });
        // Weights sum to everything; if they did not, the last one takes the rest.
        let one = taken.or(weighted.last()).ok_or(KeyMissing)?;
        Ok(of(one, Reason::Split))
    }

    /// The salt of a flag with weights: the same for ever, and unlike any other flag's.
    fn salt(&self) -> Salt {
        Salt::from_bits(xxh3_128(&[SALTED, self.key.as_bytes()].concat()))
    }
}

fn by_rollout<'a, V>(
    (stable, canary): (&'a V, &'a V),
    split: &Split,
    key: Option<&[u8]>,
) -> Result<Evaluation<'a, V>, KeyMissing> {
    let (variant, reason) = match split.canary {
        Weight::ZERO => (Variant::Stable, Reason::Static),
        Weight::FULL => (Variant::Canary, Reason::Static),
        weight => (split::variant_of_key(&split.salt, key.ok_or(KeyMissing)?, weight), Reason::Split),
    };
    let value = match variant {
        Variant::Stable => stable,
        Variant::Canary => canary,
    };
    Ok(Evaluation { variant: variant.as_str(), value: Some(value), reason })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Epoch, LogId, Plan};

    fn split(units: u32) -> Split {
        let plan = Plan::seed("checkout".parse().unwrap());
        let mut split = Split::resting(&plan, LogId("log".into()), Epoch(3), Salt::from_bits(7));
        split.canary = Weight::new(units).unwrap();
        split
    }

    fn bound() -> Flag<bool> {
        let assign = Assign::Rollout { stable: false, canary: true };
        let forced = vec![Forced { variant: "canary".into(), keys: vec!["tester".into()] }];
        Flag { key: "new-checkout".into(), enabled: true, assign, forced }
    }

    fn weighted(weights: &[u32]) -> Flag<usize> {
        let one = |(i, units): (usize, &u32)| Weighted {
            name: format!("v{i}"),
            value: i,
            weight: Weight::new(*units).unwrap(),
        };
        let assign = Assign::Weights(weights.iter().enumerate().map(one).collect());
        Flag { key: "colour".into(), enabled: true, assign, forced: vec![] }
    }

    #[test]
    fn a_bound_flag_gives_what_the_proxy_gives() {
        let flag = bound();
        for units in [100, 1_000, 5_000, 25_000, 50_000] {
            let split = split(units);
            for n in 0..2_000 {
                let key = format!("user-{n}");
                let wanted = split::variant_of_key(&split.salt, key.as_bytes(), split.canary);
                let got = flag.evaluate(&split, Some(&format!(" {key}\n"))).unwrap();
                assert_eq!((got.variant, got.reason), (wanted.as_str(), Reason::Split));
            }
        }
    }

    #[test]
    fn everybody_and_nobody_need_no_key() {
        let flag = bound();
        let none = flag.evaluate(&split(0), None).unwrap();
        assert_eq!((none.variant, none.value, none.reason), ("stable", Some(&false), Reason::Static));
        assert_eq!(flag.evaluate(&split(100_000), Some("")).unwrap().variant, "canary");
        assert_eq!(flag.evaluate(&split(5_000), None), Err(KeyMissing));
        assert_eq!(flag.evaluate(&split(5_000), Some(" ")), Err(KeyMissing));
    }

    #[test]
    fn testers_get_their_variant_and_a_flag_that_is_off_gives_nobody_any() {
        let mut flag = bound();
        let forced = flag.evaluate(&split(0), Some("tester")).unwrap();
        assert_eq!((forced.variant, forced.reason), ("canary", Reason::TargetingMatch));
        flag.enabled = false;
        let off = flag.evaluate(&split(100_000), Some("tester")).unwrap();
        assert_eq!(off, Evaluation { variant: "", value: None, reason: Reason::Disabled });
    }

    #[test]
    fn weights_are_kept_and_independent_of_other_flags() {
        let (flag, split) = (weighted(&[50_000, 30_000, 20_000]), split(0));
        let mut other = flag.clone();
        other.key = "shape".into();
        let (mut counts, mut both) = ([0_u32; 3], 0_u32);
        for n in 0..20_000 {
            let key = format!("user-{n}");
            let of = |flag: &Flag<usize>| *flag.evaluate(&split, Some(&key)).unwrap().value.unwrap();
            counts[of(&flag)] += 1;
            both += u32::from(of(&flag) == 0 && of(&other) == 0);
        }
        for (count, share) in counts.into_iter().zip([0.5, 0.3, 0.2]) {
            let error = (share * (1.0 - share) / 20_000_f64).sqrt();
            assert!((f64::from(count) / 20_000.0 - share).abs() < 4.0 * error, "{counts:?}");
        }
        assert!((f64::from(both) / 20_000.0 - 0.25).abs() < 0.0125, "{both}");
        let only = weighted(&[0, 100_000]);
        assert_eq!(only.evaluate(&split, None).unwrap().reason, Reason::Static);
    }
}
