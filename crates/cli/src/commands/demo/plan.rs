//! The demo's config: the seed's four phases, in minutes or in seconds.

use std::net::SocketAddr;

use fw_runtime::config::{self, ServiceConfig};
use serde_json::json;

use crate::failure::Failure;

/// The config as a person would write it, read as any config is.
pub(super) fn config(stable: SocketAddr, canary: SocketAddr, fast: bool) -> Result<ServiceConfig, Failure> {
    let duration = |minutes: u64| if fast { json!(format!("{}s", 2 + minutes)) } else { json!(minutes) };
    let phase = |id: u64,
                 percentage: u64,
                 minutes: u64,
                 risk: u64,
                 description: &str,
                 criteria: serde_json::Value| {
        json!({
            "id": id, "percentage": percentage, "duration": duration(minutes), "riskScore": risk,
            "description": description, "successCriteria": criteria,
        })
    };
    let value = json!({
        "service": "shop",
        "versions": {
            "stable": { "version": "1.4.2", "url": format!("http://{stable}") },
            "canary": { "version": "1.5.0", "url": format!("http://{canary}") },
        },
        "traffic": { "router": "proxy", "stickiness": { "header": "X-User-Id" } },
        "rollout": {
            "phases": [
                phase(0, 5, 2, 65, "Initial canary", json!({ "errorRate": 1, "responseTime": 500 })),
                phase(1, 25, 3, 55, "Limited rollout", json!({ "errorRate": 0.5, "healthScore": 85 })),
                phase(2, 50, 4, 45, "Balanced rollout", json!({ "errorRate": 0.3, "healthScore": 90 })),
                phase(3, 100, 5, 35, "Full deployment", json!({ "errorRate": 0.1, "healthScore": 95 })),
            ],
            "monitoringInterval": if fast { 2 } else { 30 },
        },
    });
    let mut config = config::load_json(&value, None).map_err(|faults| Failure::Config(Box::new(faults)))?;
    // A free port, so that a demo never collides with a service of the same machine.
    config.traffic.listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    config.traffic.workers = Some(1);
    Ok(config)
}
