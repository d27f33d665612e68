//! The proxy alone with a fixed split, for benchmarks: no control plane, no state.
//!
//! `bench_proxy --listen 127.0.0.1:9000 --stable http://127.0.0.1:9001 --canary http://127.0.0.1:9002
//! --weight 10000 --workers 1`. The weight is the canary's, in units of 1/100 000. Prints `listening ADDR`
//! when ready; ends when its standard input does, printing the counts.

use std::collections::HashMap;
use std::io::Read;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use fw_model::{Epoch, LogId, Plan, Salt, Split, Weight};
use fw_proxy::{Proxy, ProxySettings};

/// How long requests in flight may take at the end.
const GRACE: Duration = Duration::from_secs(2);

fn main() -> Result<()> {
    let mut arguments = options()?;
    let mut take = |name: &str, default: &str| arguments.remove(name).unwrap_or_else(|| default.to_owned());
    let settings = ProxySettings {
        listen: take("--listen", "127.0.0.1:0").parse().context("--listen")?,
        workers: Some(take("--workers", "1").parse().context("--workers")?),
        ..ProxySettings::default()
    };
    let mut plan = Plan::seed("bench".parse()?);
    plan.stable.urls = vec![take("--stable", "http://127.0.0.1:9001")];
    plan.canary.urls = vec![take("--canary", "http://127.0.0.1:9002")];
    let mut split = Split::resting(&plan, LogId("bench".into()), Epoch(1), Salt::from_bits(1));
    split.canary = Weight::new(take("--weight", "10000").parse().context("--weight")?)?;
    if let Some(unknown) = arguments.keys().next() {
        bail!("unknown option {unknown}");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(settings, split))
}

fn options() -> Result<HashMap<String, String>> {
    let mut arguments = std::env::args().skip(1);
    let mut options = HashMap::new();
    while let Some(name) = arguments.next() {
        let value = arguments.next().with_context(|| format!("{name} needs a value"))?;
        options.insert(name, value);
    }
    Ok(options)
}

async fn serve(settings: ProxySettings, split: Split) -> Result<()> {
    let proxy = Proxy::start(settings, split).await?;
    println!("listening {}", proxy.local_addr());
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    for cell in proxy.report().cells {
        println!("{} {} requests {} errors {}", cell.variant, cell.instance, cell.requests, cell.errors);
    }
    let drained = proxy.shutdown(GRACE).await;
    println!("finished {} aborted {}", drained.finished, drained.aborted);
    Ok(())
}
