//! Whatever keys look like: each share gets its share of them, who is in stays in, and two rollouts know nothing of
//! each other.

use fw_model::split::{bucket_of, variant_of_bucket};
use fw_model::{Salt, Variant, Weight};

const KEYS: usize = 100_000;
/// 0.1 to 100 %, in thousandths of a percent.
const SHARES: [u32; 6] = [100, 1_000, 5_000, 25_000, 50_000, 100_000];
/// Rollouts that each kind of key is tried with.
const SALTS: u128 = 5;

/// The next number of SplitMix64. Source: Steele, Lea & Flood, "Fast splittable pseudorandom number generators" (2014).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn uuid(state: &mut u64) -> String {
    let (a, b) = (next(state), next(state));
    let (upper, version, variant) = (a >> 32, a & 0xfff, b >> 50 & 0xfff);
    format!(
        "{upper:08x}-{:04x}-4{version:03x}-8{variant:03x}-{:012x}",
        a >> 16 & 0xffff,
        b & 0xffff_ffff_ffff
    )
}

/// Every pair of printable ASCII characters: all keys of two characters that people write.
fn pairs() -> Vec<String> {
    let printable = || (b'!'..=b'~').map(char::from);
    printable().flat_map(|a| printable().map(move |b| format!("{a}{b}"))).collect()
}

fn kinds() -> Vec<(&'static str, Vec<String>)> {
    let mut state = 42;
    let ids = (1..=KEYS).map(|n| n.to_string());
    let hosts = ["example.org", "example.com", "mail.example.net"];
    let mail = (0..KEYS).map(|n| format!("name.surname{}@{}", n / 3, hosts[n % 3]));
    let uuids = (0..KEYS).map(|_| uuid(&mut state));
    vec![
        ("sequential ids", ids.collect()),
        ("UUIDs", uuids.collect()),
        ("e-mail addresses", mail.collect()),
        ("two characters", pairs()),
    ]
}

fn salt(n: u128) -> Salt {
    Salt::from_bits(n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
}

fn buckets(salt: &Salt, keys: &[String]) -> Vec<u32> {
    keys.iter().map(|key| bucket_of(salt, key.as_bytes())).collect()
}

#[test]
fn each_share_gets_its_share_of_keys_of_every_kind_and_who_is_in_stays_in() {
    for (kind, keys) in kinds() {
        for n in 1..=SALTS {
            let buckets = buckets(&salt(n), &keys);
            let mut before = vec![false; keys.len()];
            for units in SHARES {
                let weight = Weight::new(units).unwrap();
                let mut count = 0.0;
                for (bucket, before) in buckets.iter().zip(&mut before) {
                    let canary = variant_of_bucket(*bucket, weight) == Variant::Canary;
                    assert!(canary || !*before, "{kind}: out again at {units}");
                    *before = canary;
                    count += f64::from(u8::from(canary));
                }
                let (n, p) = (keys.len() as f64, weight.percent() / 100.0);
                let error = (n * p * (1.0 - p)).sqrt();
                assert!((count - n * p).abs() <= 4.0 * error, "{kind}: {count} of {n} at {units}");
            }
        }
    }
}

/// χ² of a table against independence, its expected counts from its margins.
fn chi_square(table: &[Vec<f64>]) -> f64 {
    let rows: Vec<f64> = table.iter().map(|row| row.iter().sum()).collect();
    let columns: Vec<f64> = (0..table[0].len()).map(|j| table.iter().map(|row| row[j]).sum()).collect();
    let all: f64 = rows.iter().sum();
    let cells = rows
        .iter()
        .enumerate()
        .flat_map(|(i, row)| columns.iter().enumerate().map(move |(j, column)| (i, j, row * column / all)));
    cells.map(|(i, j, expected)| (table[i][j] - expected).powi(2) / expected).sum()
}

#[test]
fn two_rollouts_are_independent_of_each_other() {
    const CLASSES: usize = 10;
    for (kind, keys) in kinds() {
        let of: Vec<Vec<u32>> = (1..=SALTS).map(|n| buckets(&salt(n), &keys)).collect();
        for (i, one) in of.iter().enumerate() {
            for other in &of[i + 1..] {
                let mut table = vec![vec![0.0; CLASSES]; CLASSES];
                for (a, b) in one.iter().zip(other) {
                    table[*a as usize * CLASSES / 100_000][*b as usize * CLASSES / 100_000] += 1.0;
                }
                // 81 degrees of freedom: mean 81, standard deviation 12.7; beyond 150 comes once in 10⁵ tables.
                let value = chi_square(&table);
                assert!(value < 150.0, "{kind}: χ² {value:.1}");
            }
        }
    }
}

#[test]
fn a_table_that_is_not_independent_is_told() {
    let table = vec![vec![600.0, 400.0], vec![400.0, 600.0]];
    assert!((chi_square(&table) - 80.0).abs() < 1e-9);
}
