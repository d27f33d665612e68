//! What the log of a rollout tells people.
//!
//! [`Ledger`] folds the events of one run, in order, into a [`Story`]: visits to phases with their counts, what was decided
//! and why, who did what, how the measurements went. [`report`] makes one of four reports of a story, as JSON, Markdown or a
//! page. Everything is a function of the log: no clock, no network, no number that is not in it. Keeping stories and
//! serving reports is the server's business.

mod business;
mod chart;
mod document;
mod figures;
mod html;
mod kinds;
mod ledger;
mod markdown;
mod moments;
mod regional;
mod series;
mod story;
mod words;

pub use business::{Impact, Impacts, impacts};
pub use figures::{Figures, MetricFigures};
pub use kinds::{Kind, Rendered, report};
pub use ledger::Ledger;
pub use regional::{RegionFigures, Regional, RegionalMoment, regional};
pub use series::{POINTS_MAX, Point, PointArm, Series};
pub use story::{Answer, Moment, PhasePlan, Rollback, STORY_FORMAT, Said, Story, Visit};
