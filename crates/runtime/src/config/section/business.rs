//! `business`: what things cost and earn, for reports. Nothing is ever decided by it.

use fw_model::plan::Business;

use crate::config::format;
use crate::config::table::{Key, Kind, Range, Section};
use crate::config::tree::View;

/// Most a failed request may cost: sums stay far inside what a number holds.
const COST_MAX: f64 = 1e9;

/// The section.
pub(super) static BUSINESS: Section = Section {
    title: "business",
    doc: "For reports alone: the unit of money, what a failed request costs, and which custom metrics are revenue, conversions and satisfaction. What is not reported has no number.",
    keys: &[
        Key::optional("currency", Kind::Text(format::UNIT), "= none", "Unit of money, such as EUR."),
        Key::optional(
            "errorCost",
            Kind::Number(Range { min: 0.0, max: COST_MAX, above: true, unit: "in `currency`" }),
            "= not known",
            "What a failed request costs.",
        ),
        Key::optional(
            "revenue",
            Kind::Text(format::METRIC),
            r#""revenue""#,
            "The custom metric whose values are revenue.",
        ),
        Key::optional(
            "conversion",
            Kind::Text(format::METRIC),
            r#""conversion""#,
            "The custom metric whose values are conversions: 1 for each.",
        ),
        Key::optional(
            "satisfaction",
            Kind::Text(format::METRIC),
            r#""user_satisfaction""#,
            "The custom metric whose values are satisfaction, 0 to 100; Apdex where nobody reports it.",
        ),
    ],
    exclusive: &[],
};

/// What the config says, and the defaults for the rest.
pub(super) fn read(business: View<'_>) -> Business {
    let text = |key: &str, default: String| business.get(key).text().map_or(default, str::to_owned);
    let usual = Business::default();
    Business {
        currency: text("currency", usual.currency),
        error_cost: business.get("errorCost").number().filter(|cost| *cost > 0.0),
        revenue: text("revenue", usual.revenue),
        conversion: text("conversion", usual.conversion),
        satisfaction: text("satisfaction", usual.satisfaction),
    }
}
