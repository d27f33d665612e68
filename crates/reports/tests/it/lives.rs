//! Random lives through the real engine: whatever happens, the story adds up and every report can be made.

use std::collections::BTreeMap;

use fw_engine::generate::{Generator, apply};
use fw_engine::{Event, Rollout};
use fw_model::{Epoch, Variant};
use fw_reports::{Kind, Ledger, report};

/// Lives, and events of each.
const LIVES: u64 = 40;
const EVENTS: usize = 150;

/// Requests and errors of each epoch and variant, summed over the events themselves.
#[derive(Default)]
struct Sums(BTreeMap<(Epoch, Variant), (u64, u64)>);

impl Sums {
    fn add(&mut self, event: &Event, before: &Rollout) {
        let Event::Looked(look) = event else { return };
        for delta in look.deltas.iter().filter(|d| d.epoch >= before.first_epoch && d.epoch <= before.epoch) {
            let sum = self.0.entry((delta.epoch, delta.variant)).or_default();
            // The world of random lives has counts at the end of the scale, and the engine stays there too.
            sum.0 = sum.0.saturating_add(delta.counts.requests);
            sum.1 = sum.1.saturating_add(delta.counts.errors);
        }
    }
}

#[test]
fn every_life_has_a_story_that_adds_up_and_four_reports() {
    let (mut stories, mut rollbacks, mut visits) = (0, 0, 0);
    for seed in 0..LIVES {
        let mut generator = Generator::new(seed);
        let mut life: Option<(Rollout, Ledger)> = None;
        let mut sums = Sums::default();
        for _ in 0..EVENTS {
            let (event, now) = generator.next(life.as_ref().map(|(rollout, _)| rollout));
            let Ok(transition) = apply(life.as_ref().map(|(rollout, _)| rollout), &event, now) else {
                continue;
            };
            let next = transition.next.clone();
            match &mut life {
                Some((before, ledger)) if !matches!(event, Event::Started(_)) => {
                    sums.add(&event, before);
                    ledger.take(&event, transition, now);
                    *before = next;
                }
                _ => {
                    sums = Sums::default();
                    life = Some((next, Ledger::begin(&event, &transition, now).expect("a beginning")));
                }
            }
        }
        let (rollout, ledger) = life.expect("a rollout begins");
        let story = ledger.story([None, Some(7)]);
        let canary = story.canary();
        assert_eq!(
            (canary.requests, canary.errors),
            (rollout.totals.requests, rollout.totals.errors),
            "{seed}"
        );
        for visit in &story.visits {
            for (variant, figures) in [(Variant::Canary, &visit.canary), (Variant::Stable, &visit.stable)] {
                let want = sums.0.get(&(Epoch(visit.epoch), variant)).copied().unwrap_or_default();
                assert_eq!(
                    (figures.requests, figures.errors),
                    want,
                    "{seed}: epoch {} {variant:?}",
                    visit.epoch
                );
            }
        }
        let points: u64 = story.series.points.iter().map(|p| p.canary.requests).sum();
        assert_eq!(points, rollout.totals.requests, "{seed}: the series loses nothing");
        for kind in Kind::ALL {
            let made = report(&story, kind);
            assert_eq!(
                made.is_err(),
                kind == Kind::Rollback && story.rollbacks.is_empty(),
                "{seed} {kind:?}"
            );
            let Ok(made) = made else { continue };
            let (json, markdown, html) = (made.json().to_string(), made.markdown(), made.html());
            assert!(markdown.starts_with("# ") && html.starts_with("<!doctype html>"));
            assert!(
                !html.contains("NaN") && !markdown.contains("NaN") && !html.contains("inf "),
                "{seed} {kind:?}"
            );
            assert!(json.contains(&format!("\"requests\":{}", canary.requests)), "{seed} {kind:?}");
        }
        let kept = serde_json::to_string(&story).unwrap();
        assert_eq!(serde_json::from_str::<fw_reports::Story>(&kept).unwrap().canary(), canary, "{seed}");
        stories += 1;
        rollbacks += story.rollbacks.len();
        visits += story.visits.len();
    }
    assert!(stories == LIVES && rollbacks > 20 && visits > 100, "{stories} {rollbacks} {visits}");
}
