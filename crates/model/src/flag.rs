//! Feature flags: which value somebody gets, by a rule, by a rollout's split, by fixed weights, or because it is forced.
//!
//! `V` is what a value is; nothing here looks into one. Whether a rule holds for somebody is found out elsewhere: what a
//! rule that holds does stands here. Pure: a flag, a split and a key give the same answer anywhere. A
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
/// Most rules of a flag.
pub const FLAG_RULES_MAX: usize = 64;
/// Keeps salts of flags apart from everything else that is hashed.
const SALTED: &[u8] = b"fw flag\x1f";
/// Keeps salts of exclusive groups apart from those of flags.
const GROUP_SALTED: &[u8] = b"fw group\x1f";

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
    /// What becomes of those for whom a condition holds; the first that holds decides.
    pub rules: Vec<Rule>,
    /// The part of all keys that may take part, where experiments must not overlap.
    pub exclusive: Option<Slice>,
}

/// What a condition does for those it holds for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The variant they get; none = they take part in the split, and later rules are not asked.
    pub variant: Option<String>,
}

/// A part of all keys of a group of flags. Slices of one group that do not overlap never share a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// The group's name: every flag of it cuts the same keys.
    pub group: String,
    /// Keys from here on are in.
    pub from: Weight,
    /// Keys from here on are out again.
    pub to: Weight,
}

impl Slice {
    /// Whether this key is in.
    pub fn holds(&self, key: &[u8]) -> bool {
        let salt = Salt::from_bits(xxh3_128(&[GROUP_SALTED, self.group.as_bytes()].concat()));
        (self.from.units()..self.to.units()).contains(&split::bucket_of(&salt, key))
    }

    /// Whether some key may be in both.
    pub fn overlaps(&self, other: &Slice) -> bool {
        self.group == other.group && self.from < other.to && other.from < self.to
    }
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Asker<'a> {
    /// The targeting key, if there is one. Trimmed as everywhere.
    pub key: Option<&'a str>,
    /// Position of the first of the flag's rules that holds for whoever asks.
    pub rule: Option<usize>,
}

impl<'a> Asker<'a> {
    /// Somebody with a key, for whom no rule holds.
    pub fn keyed(key: &'a str) -> Asker<'a> {
        Asker { key: Some(key), rule: None }
    }
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
    /// It is forced for this key, or a rule says so.
    TargetingMatch,
    /// By the key's bucket.
    Split,
    /// The flag is off: there is no value.
    Disabled,
    /// The key is outside the flag's slice: there is no value.
    Default,
}

impl Reason {
    /// The word of OpenFeature.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Static => "STATIC",
            Reason::TargetingMatch => "TARGETING_MATCH",
            Reason::Split => "SPLIT",
            Reason::Disabled => "DISABLED",
            Reason::Default => "DEFAULT",
        }
    }
}

/// What somebody gets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evaluation<'a, V> {
    /// The variant's name; empty without a value.
    pub variant: &'a str,
    /// Its value; none when the flag is off or the key outside its slice: the code's default holds.
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

    /// The place of a variant among [`Flag::variants`].
    pub fn place_of(&self, name: &str) -> Option<usize> {
        match &self.assign {
            Assign::Rollout { .. } => {
                [Variant::Stable, Variant::Canary].iter().position(|variant| variant.as_str() == name)
            }
            Assign::Weights(weighted) => weighted.iter().position(|one| one.name == name),
        }
    }

    /// What whoever asks gets, with the service's split as it is now.
    ///
    /// # Errors
    /// [`KeyMissing`] where it depends on a key.
    pub fn evaluate(&self, split: &Split, asker: Asker<'_>) -> Result<Evaluation<'_, V>, KeyMissing> {
        if !self.enabled {
            return Ok(Evaluation { variant: "", value: None, reason: Reason::Disabled });
        }
        let key = asker.key.map(|key| split::trim_key(key.as_bytes())).filter(|key| !key.is_empty());
        let forced = key.and_then(|key| self.forced_for(key));
        let rule = asker.rule.and_then(|rule| self.rules.get(rule));
        if let Some(named) = forced.or(rule.and_then(|rule| rule.variant.as_deref()))
            && let Some((variant, value)) = self.variants().into_iter().find(|(name, _)| *name == named)
        {
            return Ok(Evaluation { variant, value: Some(value), reason: Reason::TargetingMatch });
        }
        if let Some(slice) = &self.exclusive
            && !slice.holds(key.ok_or(KeyMissing)?)
        {
            return Ok(Evaluation { variant: "", value: None, reason: Reason::Default });
        }
        match &self.assign {
            Assign::Rollout { stable, canary } => by_rollout((stable, canary), split, key),
            Assign::Weights(weighted) => self.by_weights(weighted, key),
        }
    }

    /// The variant that is forced for this key.
    fn forced_for(&self, key: &[u8]) -> Option<&str> {
        let is_named = |forced: &&Forced| forced.keys.iter().any(|named| named.as_bytes() == key);
        self.forced.iter().find(is_named).map(|forced| forced.variant.as_str())
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
        Flag { key: "new-checkout".into(), enabled: true, assign, forced, rules: vec![], exclusive: None }
    }

    fn weighted(weights: &[u32]) -> Flag<usize> {
        let one = |(i, units): (usize, &u32)| Weighted {
            name: format!("v{i}"),
            value: i,
            weight: Weight::new(*units).unwrap(),
        };
        let assign = Assign::Weights(weights.iter().enumerate().map(one).collect());
        Flag { key: "colour".into(), enabled: true, assign, forced: vec![], rules: vec![], exclusive: None }
    }

    #[test]
    fn a_bound_flag_gives_what_the_proxy_gives() {
        let flag = bound();
        for units in [100, 1_000, 5_000, 25_000, 50_000] {
            let split = split(units);
            for n in 0..2_000 {
                let key = format!("user-{n}");
                let wanted = split::variant_of_key(&split.salt, key.as_bytes(), split.canary);
                let got = flag.evaluate(&split, Asker::keyed(&format!(" {key}\n"))).unwrap();
                assert_eq!((got.variant, got.reason), (wanted.as_str(), Reason::Split));
            }
        }
    }

    #[test]
    fn everybody_and_nobody_need_no_key() {
        let flag = bound();
        let none = flag.evaluate(&split(0), Asker::default()).unwrap();
        assert_eq!((none.variant, none.value, none.reason), ("stable", Some(&false), Reason::Static));
        assert_eq!(flag.evaluate(&split(100_000), Asker::keyed("")).unwrap().variant, "canary");
        assert_eq!(flag.evaluate(&split(5_000), Asker::default()), Err(KeyMissing));
        assert_eq!(flag.evaluate(&split(5_000), Asker::keyed(" ")), Err(KeyMissing));
    }

    #[test]
    fn testers_get_their_variant_and_a_flag_that_is_off_gives_nobody_any() {
        let mut flag = bound();
        let forced = flag.evaluate(&split(0), Asker::keyed("tester")).unwrap();
        assert_eq!((forced.variant, forced.reason), ("canary", Reason::TargetingMatch));
        flag.enabled = false;
        let off = flag.evaluate(&split(100_000), Asker::keyed("tester")).unwrap();
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
            let of = |flag: &Flag<usize>| *flag.evaluate(&split, Asker::keyed(&key)).unwrap().value.unwrap();
            counts[of(&flag)] += 1;
            both += u32::from(of(&flag) == 0 && of(&other) == 0);
        }
        for (count, share) in counts.into_iter().zip([0.5, 0.3, 0.2]) {
            let error = (share * (1.0 - share) / 20_000_f64).sqrt();
            assert!((f64::from(count) / 20_000.0 - share).abs() < 4.0 * error, "{counts:?}");
        }
        assert!((f64::from(both) / 20_000.0 - 0.25).abs() < 0.0125, "{both}");
        let only = weighted(&[0, 100_000]);
        assert_eq!(only.evaluate(&split, Asker::default()).unwrap().reason, Reason::Static);
    }

    #[test]
    fn a_rule_that_holds_comes_after_what_is_forced_and_before_the_split() {
        let mut flag = bound();
        flag.rules = vec![Rule { variant: Some("stable".into()) }, Rule { variant: None }];
        let of = |flag: &Flag<bool>, key, rule| {
            let found = flag.evaluate(&split(100_000), Asker { key, rule }).unwrap();
            (found.variant.to_owned(), found.reason)
        };
        assert_eq!(
            of(&flag, None, Some(0)),
            ("stable".into(), Reason::TargetingMatch),
            "a rule needs no key"
        );
        assert_eq!(of(&flag, Some("tester"), Some(0)), ("canary".into(), Reason::TargetingMatch));
        assert_eq!(of(&flag, Some("user"), Some(1)), ("canary".into(), Reason::Static), "takes part");
        assert_eq!(of(&flag, Some("user"), Some(7)), ("canary".into(), Reason::Static), "no such rule");
        flag.enabled = false;
        assert_eq!(of(&flag, None, Some(0)).1, Reason::Disabled);
    }

    #[test]
    fn flags_of_one_group_share_no_key_and_a_slice_is_as_large_as_it_says() {
        let slice = |group: &str, from, to| Slice {
            group: group.into(),
            from: Weight::new(from).unwrap(),
            to: Weight::new(to).unwrap(),
        };
        let (mut one, mut other) = (weighted(&[50_000, 50_000]), weighted(&[50_000, 50_000]));
        other.key = "shape".into();
        one.exclusive = Some(slice("page", 0, 30_000));
        other.exclusive = Some(slice("page", 30_000, 100_000));
        let (split, mut inside) = (split(0), [0_u32; 3]);
        for n in 0..20_000 {
            let key = format!("user-{n}");
            let takes_part = |flag: &Flag<usize>| {
                let found = flag.evaluate(&split, Asker::keyed(&key)).unwrap();
                assert_eq!(found.value.is_some(), found.reason == Reason::Split);
                assert!(found.value.is_some() || (found.variant, found.reason) == ("", Reason::Default));
                found.value.copied()
            };
            let (a, b) = (takes_part(&one), takes_part(&other));
            assert!(a.is_some() != b.is_some(), "{key} is in just one");
            inside[0] += u32::from(a.is_some());
            // Within the slice the weights hold: the group's cut says nothing of the flag's.
            inside[1] += u32::from(a == Some(0));
            inside[2] += u32::from(b == Some(0));
        }
        let near =
            |count: u32, n: f64, p: f64| (f64::from(count) - n * p).abs() < 4.0 * (n * p * (1.0 - p)).sqrt();
        assert!(near(inside[0], 20_000.0, 0.3), "{inside:?}");
        assert!(
            near(inside[1], f64::from(inside[0]), 0.5) && near(inside[2], f64::from(20_000 - inside[0]), 0.5)
        );
        assert_eq!(one.evaluate(&split, Asker::default()), Err(KeyMissing));
        assert!(!slice("page", 0, 30_000).overlaps(&slice("page", 30_000, 40_000)));
        assert!(slice("page", 0, 30_001).overlaps(&slice("page", 30_000, 40_000)));
        assert!(!slice("page", 0, 30_001).overlaps(&slice("other", 30_000, 40_000)));
    }
}
