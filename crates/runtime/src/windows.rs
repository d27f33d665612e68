//! Windows and the calendar: which minute of the week it is in a zone, and whether a window is open then.
//!
//! The engine knows windows but no clock; this is where the two meet.

use fw_engine::Rollout;
use fw_model::Timestamp;
use fw_model::release::{GateKind, Window};
use jiff::tz::TimeZone;

/// A day of the week (Monday = 0) and the minute of that day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeekMinute {
    /// From Monday = 0.
    pub day: usize,
    /// 0 to 1439.
    pub minute: u16,
}

/// The minute of the week in a zone; none for a zone nobody knows, or a time out of range.
pub fn week_minute(at: Timestamp, zone: &str) -> Option<WeekMinute> {
    minute_in(at, TimeZone::get(zone).ok()?)
}

fn minute_in(at: Timestamp, zone: TimeZone) -> Option<WeekMinute> {
    let local = jiff::Timestamp::from_millisecond(at.as_millis()).ok()?.to_zoned(zone);
    let day = usize::try_from(local.weekday().to_monday_zero_offset()).ok()?;
    let minute = u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).ok()?;
    Some(WeekMinute { day, minute })
}

/// The day of the calendar in a zone, `2026-12-20`; none as for [`week_minute`].
pub fn local_date(at: Timestamp, zone: &str) -> Option<String> {
    let zone = TimeZone::get(zone).ok()?;
    let local = jiff::Timestamp::from_millisecond(at.as_millis()).ok()?.to_zoned(zone);
    Some(local.date().to_string())
}

/// The minute of the week by the server's own clock and zone.
pub fn local_week_minute(at: Timestamp) -> Option<WeekMinute> {
    minute_in(at, TimeZone::system())
}

/// Days from one day of the calendar to another, below 0 when it is earlier; none for what are no days.
pub fn days_between(from: &str, to: &str) -> Option<i64> {
    let (from, to): (jiff::civil::Date, jiff::civil::Date) = (from.parse().ok()?, to.parse().ok()?);
    Some(i64::from(from.until(to).ok()?.get_days()))
}

/// Whether a zone is known.
pub fn is_zone(name: &str) -> bool {
    TimeZone::get(name).is_ok()
}

/// Whether a window is open. One in a zone that is not known never is.
pub fn is_open(window: &Window, at: Timestamp) -> bool {
    week_minute(at, &window.zone).is_some_and(|now| window.holds(now.day, now.minute))
}

/// The windows among the gates of a rollout's phase: by position, whether each is open.
pub(crate) fn open_now(rollout: &Rollout, at: Timestamp) -> Vec<(usize, bool)> {
    let gates = rollout.phase().map_or(&[][..], |phase| &phase.gates);
    let windows = gates.iter().enumerate().filter_map(|(place, gate)| match &gate.kind {
        GateKind::Window(window) => Some((place, is_open(window, at))),
        GateKind::Approval { .. } | GateKind::Webhook { .. } | GateKind::Release => None,
    });
    windows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minute_of_the_week_follows_the_zone() {
        // 2026-11-27 23:30 UTC is a Friday; in Berlin it is Saturday 00:30, in New York Friday 18:30.
        let at = Timestamp(1_795_822_200_000);
        assert_eq!(week_minute(at, "UTC"), Some(WeekMinute { day: 4, minute: 1410 }));
        assert_eq!(week_minute(at, "Europe/Berlin"), Some(WeekMinute { day: 5, minute: 30 }));
        assert_eq!(week_minute(at, "America/New_York"), Some(WeekMinute { day: 4, minute: 1110 }));
        assert_eq!(week_minute(at, "Mars/Base"), None);
        assert_eq!(local_date(at, "Europe/Berlin").as_deref(), Some("2026-11-28"));
        assert_eq!(days_between("2026-12-20", "2027-01-03"), Some(14));
        assert_eq!(days_between("2026-12-20", "2026-12-19"), Some(-1));
        assert_eq!(days_between("soon", "2026-12-19"), None);
        let window: Window = "Fri 18:00-19:00 America/New_York".parse().unwrap();
        assert!(is_open(&window, at));
        assert!(!is_open(&Window { zone: "Mars/Base".into(), ..window }, at));
    }
}
