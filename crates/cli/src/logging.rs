//! Logs on stderr: `RUST_LOG` as usual, else the seed's `DEBUG=rollout:*`, else warnings only.

use tracing_subscriber::EnvFilter;

use crate::output::Paint;

/// What `DEBUG=rollout:*` shows: the engine and the shell around it.
const ROLLOUT_DEBUG: &str = "fw_engine=debug,fw_runtime=debug";

/// Starts logging; `default` is what is shown when nothing asks for more, such as `warn` or `info`.
pub(crate) fn init(default: &str) {
    let get = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let filter = filter(get("RUST_LOG").as_deref(), get("DEBUG").as_deref(), default);
    let logs = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_ansi(Paint::stderr().is_on())
        .with_writer(std::io::stderr);
    // A second start in one process (tests) keeps the first.
    let _ = logs.try_init();
}

/// The filter, in `RUST_LOG`'s own words.
fn filter(rust_log: Option<&str>, debug: Option<&str>, default: &str) -> String {
    if let Some(own) = rust_log {
        return own.to_owned();
    }
    // As in the `debug` package of Node: names separated by commas or blanks, `*` for all.
    let wanted = debug.is_some_and(|names| {
        names.split([',', ' ']).any(|name| name == "*" || name == "rollout" || name.starts_with("rollout:"))
    });
    if wanted { format!("{default},{ROLLOUT_DEBUG}") } else { default.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_is_the_seeds_and_rust_log_wins() {
        assert_eq!(filter(None, None, "warn"), "warn");
        assert_eq!(filter(None, Some("rollout:*"), "warn"), "warn,fw_engine=debug,fw_runtime=debug");
        assert_eq!(filter(None, Some("express, *"), "info"), "info,fw_engine=debug,fw_runtime=debug");
        assert_eq!(filter(None, Some("express:*"), "info"), "info");
        assert_eq!(filter(Some("fw_engine=trace"), Some("rollout:*"), "info"), "fw_engine=trace");
    }
}
