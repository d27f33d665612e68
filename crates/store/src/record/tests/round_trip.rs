//! Whatever the engine's generator comes up with reads back as it was.

use fw_engine::generate::{Generator, apply};
use fw_engine::{Event, Rollout, Status};

use super::super::*;

/// Lives, and events of each.
const LIVES: u64 = 60;
const EVENTS: usize = 110;

#[test]
fn every_event_and_state_of_random_lives_reads_back() {
    let (mut looks, mut bytes_of_looks, mut states) = (0_usize, 0_usize, [0_usize; Status::ALL.len()]);
    for seed in 0..LIVES {
        let mut generator = Generator::new(seed);
        let mut rollout: Option<Rollout> = None;
        for _ in 0..EVENTS {
            let (event, now) = generator.next(rollout.as_ref());
            let (format, bytes) = encode_event(&event);
            if matches!(event, Event::Looked(_)) {
                (looks, bytes_of_looks) = (looks + 1, bytes_of_looks + bytes.len());
            }
            assert_eq!(decode_event(format, &bytes).as_ref(), Ok(&event), "seed {seed}");
            let Ok(transition) = apply(rollout.as_ref(), &event, now) else { continue };
            let (format, bytes) = encode_state(&transition.next);
            assert_eq!(decode_state(format, &bytes).as_ref(), Ok(&transition.next), "seed {seed}");
            states[transition.next.status as usize] += 1;
            rollout = Some(transition.next);
        }
    }
    assert!(looks > 1000 && states.iter().all(|&n| n > 0), "{looks} looks, states {states:?}");
    println!("{} bytes a look on average over {looks}", bytes_of_looks / looks);
}

/// A log read back decides as the log that was never written.
#[test]
fn a_log_read_back_replays_to_the_same_state() {
    for seed in 0..LIVES {
        let mut generator = Generator::new(1000 + seed);
        let (mut live, mut again): (Option<Rollout>, Option<Rollout>) = (None, None);
        for _ in 0..EVENTS {
            let (event, now) = generator.next(live.as_ref());
            let (format, bytes) = encode_event(&event);
            let read = decode_event(format, &bytes).unwrap();
            let Ok(transition) = apply(live.as_ref(), &event, now) else { continue };
            again = Some(apply(again.as_ref(), &read, now).unwrap().next);
            live = Some(transition.next);
        }
        assert_eq!(live, again, "seed {seed}");
    }
}
