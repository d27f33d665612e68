//! `waves`: in which order regions go, what each waits for, and what the others do when one goes wrong.

use std::time::Duration;

use fw_engine::waves::{
    Condition, HaltOthers, Of, OnPooled, OnUnreachable, REGIONS_MAX, Wave, WavesPlan, wave_by_wave,
};
use fw_model::{Plan, Region};

use super::Rules;
use super::regions::REGIONS_KEY;
use crate::config::duration::{self, Per};
use crate::config::format;
use crate::config::suggest::nearest;
use crate::config::table::{Choice, Format, Key, Kind, Section};
use crate::config::tree::View;

/// The key of the section.
const WAVES_KEY: &str = "waves";
/// Longest time between waves.
const GAP_MAX: Duration = Duration::from_secs(366 * 86_400);

static WAVE_KIND: Kind = Kind::Section(&WAVE);
static NAME: Kind = Kind::Text(format::REGION);

/// What a wave waits for.
const AFTER: Format = Format {
    expected: "a text such as \"us-east-1 healthy for 10m\" or \"previous completed\"",
    numbers: false,
    pattern: Some("^[A-Za-z0-9][A-Za-z0-9._-]{0,62} (completed|healthy for .+)$"),
    check: |text| {
        let rule = || {
            format!(
                "must be such as \"us-east-1 healthy for 10m\", \"previous healthy for 10m\" or \"us-east-1 completed\", not {:?}",
                crate::config::tree::shown(text)
            )
        };
        parse_after(text).map(drop).ok_or_else(rule)
    },
};

/// The key in the config.
pub(super) const WAVES: Key = Key::optional(
    WAVES_KEY,
    Kind::Section(&SECTION),
    "= one region after the other, each when the one before is complete",
    "In which order regions go, and what the others do when one goes wrong. Only with `regions`.",
);

/// The section.
pub(super) static SECTION: Section = Section {
    title: "waves",
    doc: "How a canary goes from region to region.",
    keys: &[
        Key::optional(
            "order",
            Kind::List { of: &WAVE_KIND, min: 1, max: REGIONS_MAX },
            "= the regions in their order, one wave each",
            "The waves, in order. Every region stands in exactly one.",
        ),
        Key::optional(
            "haltOthers",
            Kind::Choice(&[
                Choice::now("hold", "those that run hold, none begins, until a person says so"),
                Choice::now("rollback", "all go back to stable"),
                Choice::now("none", "they go on without it"),
            ]),
            "= `hold`",
            "What the other regions do when one went back, was ended, or is degraded.",
        ),
        Key::optional(
            "onUnreachable",
            Kind::Choice(&[
                Choice::now("hold", "no further region begins"),
                Choice::now("continue", "waves go on without it"),
            ]),
            "= `hold`",
            "What the other regions do while one can't be reached; that region is left as it is.",
        ),
        Key::optional(
            "pooled",
            Kind::Choice(&[
                Choice::now("rollback", "all go back to stable"),
                Choice::now("hold", "all hold until a person says so"),
                Choice::now("off", "nothing is pooled: the regions share all of α"),
            ]),
            "= `rollback`",
            "What follows when all regions together show that the canary is worse. Half of α's wealth is put on it.",
        ),
    ],
    exclusive: &[],
};

/// One wave.
pub(super) static WAVE: Section = Section {
    title: "waves.order[n]",
    doc: "The first wave begins at once. Without `after` and `stagger` a wave begins when every region of the one before is complete; with both, both must hold.",
    keys: &[
        Key::required(
            "regions",
            Kind::List { of: &NAME, min: 1, max: REGIONS_MAX },
            "The regions that go together.",
        ),
        Key::optional(
            "after",
            Kind::Text(AFTER),
            "= `previous completed`, where there is no `stagger`",
            "`REGION healthy for TIME`: shown to be healthy, and nothing spoke against it for that long. `REGION completed`. For REGION, `previous` is every region of the wave before.",
        ),
        Key::optional(
            "stagger",
            Kind::Duration { per: Per::Minute, min: Duration::ZERO, max: GAP_MAX },
            "= none",
            "Begin so long after the wave before began, if nothing is wrong anywhere; a bare number is minutes.",
        ),
    ],
    exclusive: &[],
};

/// `us-east-1 healthy for 10m`, `previous completed`.
fn parse_after(text: &str) -> Option<Condition> {
    let (of, rest) = text.trim().split_once(' ')?;
    let of = if of == "previous" { Of::Previous } else { Of::Region(Region::new(of).ok()?) };
    match rest.trim() {
        "completed" => Some(Condition::Completed(of)),
        rest => {
            let span = duration::parse(rest.strip_prefix("healthy for ")?.trim())?;
            (span <= GAP_MAX).then_some(Condition::Healthy { of, span })
        }
    }
}

/// What [`parse_after`] reads.
pub(in crate::config) fn write_after(condition: &Condition) -> Option<String> {
    match condition {
        Condition::Completed(of) => Some(format!("{of} completed")),
        Condition::Healthy { of, span } => Some(format!("{of} healthy for {}", duration::write(*span))),
        Condition::Stagger(_) => None,
    }
}

/// The plan over the regions; none without regions.
pub(super) fn read(rules: &mut Rules<'_>, plan: &Plan) -> Option<WavesPlan> {
    let root = rules.view();
    let view = root.get(WAVES_KEY);
    let names = |list: View<'_>| -> Vec<Region> {
        list.items().iter().filter_map(|node| Region::new(View(Some(node)).text()?).ok()).collect()
    };
    let name = |node| Region::new(View(Some(node)).get("name").text()?).ok();
    let regions: Vec<Region> = root.get(REGIONS_KEY).items().iter().filter_map(name).collect();
    if root.get(REGIONS_KEY).items().is_empty() {
        if view.exists() {
            rules.fault(WAVES_KEY, "goes with `regions`: there are none");
        }
        return None;
    }
    let one = |(place, node): (usize, &_)| {
        let wave = View(Some(node));
        let mut after: Vec<Condition> = wave.get("after").text().and_then(parse_after).into_iter().collect();
        after.extend(wave.get("stagger").duration(Per::Minute).map(Condition::Stagger));
        if after.is_empty() && place > 0 {
            after.push(Condition::Completed(Of::Previous));
        }
        Wave { regions: names(wave.get("regions")), after }
    };
    let order = view.get("order");
    let waves = match order.exists() {
        true => order.items().iter().enumerate().map(one).collect(),
        false => wave_by_wave(regions.iter().cloned()),
    };
    let word = |key: &str| view.get(key).text();
    let waves = WavesPlan {
        service: plan.key.service.clone(),
        stable: plan.stable.version.clone(),
        canary: plan.canary.version.clone(),
        waves,
        halt_others: match word("haltOthers") {
            Some("rollback") => HaltOthers::Rollback,
            Some("none") => HaltOthers::None,
            _ => HaltOthers::Hold,
        },
        on_unreachable: match word("onUnreachable") {
            Some("continue") => OnUnreachable::Continue,
            _ => OnUnreachable::Hold,
        },
        pooled: match word("pooled") {
            Some("hold") => OnPooled::Hold,
            Some("off") => OnPooled::Off,
            _ => OnPooled::Rollback,
        },
        alpha: plan.analysis.alpha,
    };
    check(rules, &waves, &regions);
    Some(waves)
}

fn check(rules: &mut Rules<'_>, waves: &WavesPlan, regions: &[Region]) {
    let order = format!("{WAVES_KEY}.order");
    for fault in waves.check().err().unwrap_or_default() {
        match fault.wave {
            Some(wave) => rules.fault(&format!("{order}[{wave}]"), fault.message),
            None => rules.fault(&order, fault.message),
        }
    }
    for (place, wave) in waves.waves.iter().enumerate() {
        let unknown = wave.regions.iter().enumerate().filter(|(_, name)| !regions.contains(name));
        for (i, name) in unknown {
            let near = nearest(name.as_str(), regions.iter().map(Region::as_str));
            let near = near.map_or(String::new(), |near| format!("; did you mean {near}?"));
            let text = format!("{name} is no region of this config{near}");
            rules.fault(&format!("{order}[{place}].regions[{i}]"), text);
        }
    }
    let standing: Vec<&Region> = waves.regions().collect();
    for (i, region) in regions.iter().enumerate().filter(|(_, region)| !standing.contains(region)) {
        let text =
            format!("{region} stands in no wave: name it under `waves.order`, or it would never begin");
        rules.fault(&format!("{REGIONS_KEY}[{i}].name"), text);
    }
}
