//! What things cost and earn: for reports alone, never for a decision.

use serde::{Deserialize, Serialize};

/// Money and the metrics that stand for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Business {
    /// Unit of money, such as `EUR`; may be empty.
    pub currency: String,
    /// What a failed request costs, in that unit, above 0; none where nobody says.
    pub error_cost: Option<f64>,
    /// The custom metric whose values are revenue.
    pub revenue: String,
    /// The custom metric whose values are conversions.
    pub conversion: String,
    /// The custom metric whose values are satisfaction, 0 to 100.
    pub satisfaction: String,
}

impl Default for Business {
    /// Nothing is known but the usual names.
    fn default() -> Business {
        Business {
            currency: String::new(),
            error_cost: None,
            revenue: "revenue".into(),
            conversion: "conversion".into(),
            satisfaction: "user_satisfaction".into(),
        }
    }
}

impl Business {
    /// Whether nothing was said.
    pub fn is_default(&self) -> bool {
        *self == Business::default()
    }
}
