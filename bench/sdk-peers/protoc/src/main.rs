//! Prints the path of a `protoc` that comes from the crates registry.
//!
//! The build script of `open-feature-flagd` wants that program (by `PROTOC`), and few machines have it. It is a
//! program and no build script of the benchmark's, because the peer's build script runs before that.

fn main() -> anyhow::Result<()> {
    println!("{}", protoc_bin_vendored::protoc_bin_path()?.display());
    Ok(())
}
