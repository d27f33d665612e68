//! Different users of each variant over one rollout: sketches that all threads fill, without a lock.
//!
//! A user who was here before costs a load; only a longer run of zeros than any before is written. What a sketch is and
//! how it is read is the model's.

use std::sync::atomic::{AtomicU8, Ordering};

use fw_api::wire::CellWire;
use fw_model::{USER_REGISTERS, Users, Variant, user_register};

/// One sketch for each variant: 4 KiB.
#[derive(Debug)]
pub struct SeenUsers([Box<[AtomicU8]>; 2]);

impl Default for SeenUsers {
    fn default() -> SeenUsers {
        SeenUsers([(), ()].map(|()| (0..USER_REGISTERS).map(|_| AtomicU8::new(0)).collect()))
    }
}

impl SeenUsers {
    /// The user with this hash ([`super::key_hash`]) has this variant.
    #[inline]
    pub fn see(&self, variant: Variant, hash: u64) {
        let (index, rank) = user_register(hash);
        // The index is below USER_REGISTERS.
        let register = &self.0[variant.index()][index];
        if register.load(Ordering::Relaxed) < rank {
            register.fetch_max(rank, Ordering::Relaxed);
        }
    }

    /// The sketch of a variant.
    pub fn read(&self, variant: Variant) -> Users {
        Users::from_registers(self.0[variant.index()].iter().map(|register| register.load(Ordering::Relaxed)))
    }

    /// Puts each variant's sketch into its newest cell: the server joins the sketches of a rollout, so once is enough.
    pub fn add_to(&self, cells: &mut [CellWire]) {
        for variant in Variant::ALL {
            let users = self.read(variant);
            let newest =
                cells.iter_mut().filter(|cell| cell.variant == variant).max_by_key(|cell| cell.epoch);
            if let Some(cell) = newest.filter(|_| !users.is_empty()) {
                cell.users = Some(users.to_text());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use fw_model::{CellKey, Counts, Epoch};

    use super::super::key_hash;
    use super::*;

    #[test]
    fn threads_fill_one_sketch_and_it_travels_in_the_newest_cell() {
        let seen = SeenUsers::default();
        std::thread::scope(|scope| {
            for thread in 0..4_u32 {
                let seen = &seen;
                scope.spawn(move || {
                    for n in 0..5_000 {
                        let hash = key_hash(format!("user-{}", thread * 2_500 + n).as_bytes());
                        seen.see(Variant::Canary, hash);
                    }
                });
            }
        });
        let mut alone = Users::default();
        (0..12_500_u32).for_each(|n| alone.add(key_hash(format!("user-{n}").as_bytes())));
        assert_eq!(seen.read(Variant::Canary), alone);
        let cell = |epoch, variant| {
            let key = CellKey { epoch: Epoch(epoch), variant, instance: "a:1".into() };
            CellWire::from_counts(&key, &Counts { requests: 1, ..Counts::default() })
        };
        let mut cells = [cell(1, Variant::Canary), cell(2, Variant::Stable), cell(2, Variant::Canary)];
        seen.add_to(&mut cells);
        let has = cells.map(|cell| cell.users.map(|text| Users::from_text(&text).unwrap()));
        assert_eq!(has, [None, None, Some(alone)]);
    }
}
