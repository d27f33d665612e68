//! The reports of a demo's rollout as files: what any client gets, by the API.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;

use crate::client::{Address, Client};
use crate::failure::Failure;
use crate::output::say;

/// Every kind, and every form of it.
const KINDS: [&str; 4] = ["completion", "rollback", "performance", "business"];
const FORMS: [&str; 3] = ["html", "md", "json"];

/// Writes all there are; a rollout that never went back has no rollback report.
pub(super) async fn write(api: SocketAddr, folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder)
        .map_err(|e| Failure::Failed(format!("{} can't be made: {e}", folder.display())))?;
    let address = Address::parse(&format!("http://{api}")).map_err(Failure::Failed)?;
    let client = Client::new(address, None).map_err(Failure::Failed)?;
    let status = client.get("/status").await?;
    let Some(run) = status["run"].as_str() else { return Ok(()) };
    let history: Value = client.get(&format!("/api/v1/rollouts/{run}/history")).await?;
    let went_back =
        history["events"].as_array().is_some_and(|all| all.iter().any(|e| e["type"] == "rollback_started"));
    for kind in KINDS.into_iter().filter(|kind| went_back || *kind != "rollback") {
        for form in FORMS {
            let text =
                client.get_text(&format!("/api/v1/rollouts/{run}/reports/{kind}?format={form}")).await?;
            let file = folder.join(format!("{kind}.{form}"));
            std::fs::write(&file, text)
                .map_err(|e| Failure::Failed(format!("{} can't be written: {e}", file.display())))?;
        }
    }
    say(&format!(
        "reports are in {}: open {}.html",
        folder.display(),
        if went_back { "rollback" } else { "completion" }
    ));
    Ok(())
}
