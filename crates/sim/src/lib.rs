//! A seeded world: things that behave like the outside, the same way every time.
//!
//! Two halves. For tests of the shells, a data plane that serves made-up traffic and reports it as a real one would
//! (`plane`); the virtual clock is tokio's paused time, the crashing store is `fw_store::MemoryLog::reopen`.
//! For plans, whole rollouts in virtual time: `run` drives the real engine through one, `simulate` through
//! thousands, and `peers` says what the rules of other tools would have done with the same observations. `outlook`
//! works out, without simulation, what a plan can find; `history` makes past rollouts again under another plan; `rows` are
//! the worlds with clustered failures of the guide's table.

mod built_in;
pub mod chance;
pub mod history;
pub mod outlook;
pub mod peers;
mod plane;
pub mod plot;
pub mod rows;
pub mod run;
pub mod simulate;
pub mod world;

pub use built_in::{BUILT_IN_FOR, add_metrics, built_in_plan};
pub use fw_engine::analysis::Discounts;
pub use outlook::{Demand, Outlook, outlook};
pub use plane::{DataPlane, Traffic};
pub use run::{Outcome, Ran, Ruled, Setup};
pub use simulate::{Figures, RUNS_MAX, Simulation, Summary, simulate};
pub use world::{Scenario, duration};
