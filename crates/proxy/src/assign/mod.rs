//! Who gets the canary: from a request's headers to a variant, by the one rule of `fw_model::split`.
//!
//! A request keeps its key and its random draw for its whole life, so that assigning it anew under a
//! newer split gives what that split says of it. Nothing is parsed that the split does not ask for.

mod cookie;
mod forced;

use fw_model::split::{bucket_of, bucket_of_random, trim_key, variant_of_bucket};
use fw_model::{Epoch, Variant};
use http::HeaderValue;

use crate::h1::Fields;
use crate::route::{Routing, Sticky};

pub(crate) use forced::{ForcedRule, take_forced};

/// What is decided once for a request and kept when it is assigned anew.
#[derive(Debug, Default)]
pub(crate) struct Visitor {
    /// A person picked the variant; not counted.
    pub(crate) forced: Option<Variant>,
    /// The draw of a request without a key.
    bits: Option<u64>,
    /// The key of a visitor who had none: 32 hex characters, sent back as a cookie.
    fresh: Option<[u8; 32]>,
    /// The epoch it was last assigned under: a retry there is no unit once more.
    assigned_under: Option<Epoch>,
}

/// A request's variant, and its key if it has one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Assigned<'a> {
    pub(crate) variant: Variant,
    pub(crate) key: Option<&'a [u8]>,
    /// Whether it is a unit of randomisation of this epoch; a forced one never is.
    pub(crate) unit: bool,
}

impl Visitor {
    /// Assigns under `routing`. Random bits come from `rng` only where they are needed.
    pub(crate) fn assign<'a>(
        &'a mut self,
        routing: &Routing,
        fields: &'a Fields,
        rng: &mut fastrand::Rng,
    ) -> Assigned<'a> {
        let split = &routing.split;
        let key: Option<&[u8]> = match &routing.sticky {
            Sticky::None => None,
            Sticky::Header(name) => {
                fields.get(name.as_str().as_bytes()).map(trim_key).filter(|k| !k.is_empty())
            }
            Sticky::Cookie(name) => match cookie::find(fields, name) {
                Some(key) => Some(key),
                None => Some(self.fresh.get_or_insert_with(|| hex(rng.u128(..))).as_slice()),
            },
        };
        let variant = match (self.forced, key) {
            (Some(variant), _) => variant,
            (None, Some(key)) => variant_of_bucket(bucket_of(&split.salt, key), split.canary),
            (None, None) => {
                let bits = *self.bits.get_or_insert_with(|| rng.u64(..));
                variant_of_bucket(bucket_of_random(bits), split.canary)
            }
        };
        let anew = self.assigned_under.replace(split.epoch) != Some(split.epoch);
        let counted = anew && self.forced.is_none();
        let unit = match key {
            Some(key) => counted && routing.see(variant, key),
            None => counted && routing.draws(),
        };
        Assigned { variant, key, unit }
    }

    /// The cookie to set, if this visitor came without one.
    pub(crate) fn set_cookie(&self, routing: &Routing, secure: bool) -> Option<HeaderValue> {
        let (Sticky::Cookie(name), Some(id)) = (&routing.sticky, &self.fresh) else { return None };
        // The name is a token and the rest is ASCII, so this never fails.
        fw_plane::cookie::set(name, id, secure)
    }
}

fn hex(bits: u128) -> [u8; 32] {
    *fw_model::Salt::from_bits(bits).as_bytes()
}

#[cfg(test)]
mod tests {
    use fw_model::{LogId, Plan, Salt, Split, Weight};

    use super::*;

    fn routing(stickiness: fw_model::split::Stickiness, canary: u32) -> Routing {
        let mut plan = Plan::seed("shop".parse().unwrap());
        plan.stable.urls = vec!["http://127.0.0.1:1".into()];
        let mut split = Split::resting(&plan, LogId("l".into()), Epoch(1), Salt::from_bits(9));
        split.stickiness = stickiness;
        split.canary = Weight::new(canary).unwrap();
        Routing::new(split, 1).unwrap()
    }

    #[test]
    fn while_the_dead_mans_switch_is_thrown_nobody_is_a_draw_of_the_epochs_share() {
        let before = routing(fw_model::split::Stickiness::None, 50_000);
        let dead = routing(fw_model::split::Stickiness::None, 0).after(&before);
        let back = routing(fw_model::split::Stickiness::None, 50_000).after(&dead);
        assert_eq!([&before, &dead, &back].map(Routing::draws), [true, false, true]);
    }

    #[test]
    fn a_request_keeps_its_draw_when_it_is_assigned_anew() {
        let mut rng = fastrand::Rng::with_seed(1);
        let headers = Fields::default();
        for _ in 0..1000 {
            let mut visitor = Visitor::default();
            let [low, high] = [10_000, 60_000].map(|weight| {
                let routing = routing(fw_model::split::Stickiness::None, weight);
                visitor.assign(&routing, &headers, &mut rng).variant
            });
            assert!(low == Variant::Stable || high == Variant::Canary);
        }
    }

    #[test]
    fn a_request_is_a_unit_once_an_epoch_and_a_key_with_it() {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut headers = Fields::default();
        let keyed = || routing(fw_model::split::Stickiness::Header("x-user".into()), 50_000);
        let first = keyed();
        let mut unit = |visitor: &mut Visitor, routing: &Routing, headers: &Fields| {
            visitor.assign(routing, headers, &mut rng).unit
        };
        let mut without = Visitor::default();
        assert!(unit(&mut without, &first, &headers));
        assert!(!unit(&mut without, &first, &headers), "a retry");
        assert!(unit(&mut Visitor::default(), &first, &headers), "another request without a key");
        headers.push(b"x-user", b"ann");
        let mut forced = Visitor { forced: Some(Variant::Canary), ..Visitor::default() };
        assert!(!unit(&mut forced, &first, &headers));
        assert!(unit(&mut Visitor::default(), &first, &headers), "what is forced leaves no trace");
        assert!(!unit(&mut Visitor::default(), &first, &headers), "the same key");
        let mut next = keyed();
        next.split.epoch = Epoch(2);
        let mut moved = Visitor::default();
        assert!(!unit(&mut moved, &first, &headers));
        assert!(unit(&mut moved, &next, &headers), "assigned anew under another epoch");
    }

    #[test]
    fn a_cookie_is_made_only_where_none_came() {
        let mut rng = fastrand::Rng::with_seed(1);
        let routing = routing(fw_model::split::Stickiness::Cookie("fw_key".into()), 50_000);
        let mut headers = Fields::default();
        headers.push(b"cookie", b"a=b; fw_key= x ; c=d");
        let mut visitor = Visitor::default();
        assert_eq!(visitor.assign(&routing, &headers, &mut rng).key, Some(b"x".as_slice()));
        assert_eq!(visitor.set_cookie(&routing, false), None);
        headers.clear();
        let key = visitor.assign(&routing, &headers, &mut rng).key.unwrap().to_vec();
        let cookie = visitor.set_cookie(&routing, true).unwrap();
        let want =
            format!("fw_key={}; Path=/; HttpOnly; SameSite=Lax; Secure", String::from_utf8(key).unwrap());
        assert_eq!(cookie.to_str().unwrap(), want);
    }

    #[test]
    fn the_shared_examples_hold() {
        let file: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/vectors/split.json")).unwrap();
        let rows = file["rows"].as_array().unwrap();
        assert!(rows.len() > 20);
        for row in rows {
            let field = row["field"].as_str().unwrap().as_bytes();
            let salt = Salt::try_from(row["salt"].as_str().unwrap().to_owned()).unwrap();
            let bucket = bucket_of(&salt, field);
            assert_eq!(u64::from(bucket), row["bucket"].as_u64().unwrap(), "{row}");
            let weight = Weight::new(u32::try_from(row["canaryWeight"].as_u64().unwrap()).unwrap()).unwrap();
            assert_eq!(variant_of_bucket(bucket, weight).as_str(), row["variant"].as_str().unwrap(), "{row}");
        }
    }
}
