//! Latencies, counted in buckets that are at most 1/64 wide: what is read out is at most 1.6 % too high.

/// Buckets in each power of two.
const STEPS: u64 = 64;
const STEP_BITS: u32 = STEPS.ilog2();
/// Enough for every 64-bit number of nanoseconds.
const BUCKETS: usize = ((u64::BITS - STEP_BITS + 1) as u64 * STEPS) as usize;

/// A distribution of times.
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max_nanos: u64,
}

impl Histogram {
    pub(crate) fn new() -> Histogram {
        Histogram { counts: vec![0; BUCKETS], total: 0, max_nanos: 0 }
    }

    pub(crate) fn record(&mut self, nanos: u64) {
        self.counts[bucket(nanos)] += 1;
        self.total += 1;
        self.max_nanos = self.max_nanos.max(nanos);
    }

    /// The time, in microseconds, that the share `quantile` of all did not exceed.
    pub(crate) fn micros_at(&self, quantile: f64) -> f64 {
        let rank = ((self.total as f64 * quantile).ceil() as u64).max(1);
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return upper_end(index).min(self.max_nanos) as f64 / 1e3;
            }
        }
        self.max_nanos as f64 / 1e3
    }
}

fn bucket(nanos: u64) -> usize {
    if nanos < STEPS {
        return nanos as usize;
    }
    let shift = nanos.ilog2() - STEP_BITS;
    ((u64::from(shift) + 1) * STEPS + ((nanos >> shift) - STEPS)) as usize
}

fn upper_end(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < STEPS {
        return bucket;
    }
    let shift = bucket / STEPS - 1;
    (((bucket % STEPS + STEPS + 1) as u128) << shift).saturating_sub(1).min(u128::from(u64::MAX)) as u64
}

#[cfg(test)]
mod tests {
    use super::{Histogram, bucket, upper_end};

    #[test]
    fn a_bucket_ends_at_most_a_64th_above_what_it_holds() {
        for shift in 0..64 {
            for nanos in [1u64 << shift, (1 << shift) + (1 << shift) / 3, ((1u128 << (shift + 1)) - 1) as u64]
            {
                let end = upper_end(bucket(nanos));
                assert!(end >= nanos && end - nanos <= nanos / 64, "{nanos} is read as {end}");
            }
        }
    }

    #[test]
    fn quantiles_are_those_of_what_was_recorded() {
        let mut histogram = Histogram::new();
        (1..=1000).for_each(|micros| histogram.record(micros * 1000));
        assert!((495.0..=510.0).contains(&histogram.micros_at(0.5)));
        assert!((985.0..=1000.0).contains(&histogram.micros_at(0.99)));
        assert_eq!(histogram.micros_at(1.0), 1000.0);
    }
}
