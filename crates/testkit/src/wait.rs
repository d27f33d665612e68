//! Waiting for a condition: always with a deadline, never with a fixed sleep.

use std::time::{Duration, Instant};

/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Looks until `condition` holds; says whether it did before `deadline` passed. It looks at least once.
pub fn wait_until(deadline: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + deadline;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// As [`wait_until`], without blocking the thread.
pub async fn eventually(deadline: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + deadline;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_looks_once_even_without_time_and_gives_up_at_the_deadline() {
        assert!(wait_until(Duration::ZERO, || true));
        let mut looks = 0;
        assert!(!wait_until(Duration::from_millis(30), || {
            looks += 1;
            false
        }));
        assert!(looks >= 2, "{looks}");
    }

    #[tokio::test]
    async fn the_asynchronous_one_lets_others_run() {
        let flag = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let setter = std::sync::Arc::clone(&flag);
        tokio::spawn(async move { setter.store(true, std::sync::atomic::Ordering::Relaxed) });
        let set = || flag.load(std::sync::atomic::Ordering::Relaxed);
        assert!(eventually(Duration::from_secs(30), set).await);
    }
}
