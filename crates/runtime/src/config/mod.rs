//! Reading `factory-wager.yaml`: every fault at once, with its place.
