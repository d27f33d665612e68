//! The example of the seed's first pattern, run as it stands: compiled and called, not copied.

#[path = "../../examples/release_then_rollout.rs"]
mod example;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_releases_and_then_rolls_out() {
    assert_eq!(example::run().await.unwrap(), ("success".to_owned(), "completed".to_owned()));
}
