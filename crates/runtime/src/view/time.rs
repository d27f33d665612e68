//! Moments as text: RFC 3339 for machines, time of day for people.

use fw_model::Timestamp;
use jiff::tz::TimeZone;

/// `2026-01-01T15:45:00.123Z`; the epoch for a moment jiff can't hold.
pub fn rfc3339(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string()
}

/// `3:45 PM` in the system's time zone, with the date in front when it is another day than `now`.
pub fn time_of_day(at: Timestamp, now: Timestamp) -> String {
    let zone = TimeZone::system();
    let zoned = |t: Timestamp| {
        jiff::Timestamp::from_millisecond(t.as_millis())
            .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
            .to_zoned(zone.clone())
    };
    let (at, now) = (zoned(at), zoned(now));
    let format = if at.date() == now.date() { "%-I:%M %p" } else { "%b %-d, %-I:%M %p" };
    at.strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_as_rfc_3339() {
        assert_eq!(rfc3339(Timestamp(1_767_281_100_123)), "2026-01-01T15:25:00.123Z");
    }

    #[test]
    fn the_time_of_day_has_the_seeds_form() {
        let text = time_of_day(Timestamp(1_767_281_100_000), Timestamp(1_767_281_100_000));
        assert!(text.ends_with(" AM") || text.ends_with(" PM"), "{text}");
        let later = time_of_day(Timestamp(1_767_281_100_000 + 3 * 86_400_000), Timestamp(1_767_281_100_000));
        assert!(later.contains(','), "{later}");
    }
}
