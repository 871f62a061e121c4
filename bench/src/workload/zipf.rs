//! Draws from a Zipf distribution by inverting its cumulative distribution.

pub(super) struct Zipf {
    cumulative: Vec<f64>,
    /// Coprime to the number of keys, so that multiplying by it deals ranks to keys one to one.
    stride: u64,
    state: u64,
}

impl Zipf {
    /// Over the keys `0..count`, of which rank `r` is drawn in proportion to `1 / r^exponent`.
    pub(super) fn new(count: usize, exponent: f64, seed: u64) -> Zipf {
        let mut sum = 0.0;
        let cumulative = (1..=count)
            .map(|rank| {
                sum += (rank as f64).powf(-exponent);
                sum
            })
            .collect();
        let mut stride = (count as f64 * 0.618) as u64 | 1;
        while greatest_common_divisor(stride, count as u64) != 1 {
            stride += 2;
        }
        Zipf { cumulative, stride, state: seed }
    }

    /// The next key.
    pub(super) fn draw(&mut self) -> usize {
        let count = self.cumulative.len();
        let whole = self.cumulative.last().copied().unwrap_or(0.0);
        let point = self.uniform() * whole;
        let rank = self.cumulative.partition_point(|&sum| sum <= point).min(count - 1);
        ((rank as u64 * self.stride) % count as u64) as usize
    }

    /// Splitmix64 (Steele, Lea and Flood, 2014), as a number in `0..1`.
    fn uniform(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::Zipf;

    #[test]
    fn keys_are_drawn_as_often_as_the_law_says() {
        let (count, draws) = (1000, 1_000_000);
        let mut zipf = Zipf::new(count, 1.0, 1);
        let mut drawn = vec![0u32; count];
        (0..draws).for_each(|_| drawn[zipf.draw()] += 1);
        drawn.sort_unstable_by(|a, b| b.cmp(a));
        let harmonic: f64 = (1..=count).map(|rank| 1.0 / rank as f64).sum();
        for rank in [1, 2, 10] {
            let expected = f64::from(draws) / harmonic / rank as f64;
            let got = f64::from(drawn[rank - 1]);
            assert!((got / expected - 1.0).abs() < 0.05, "rank {rank}: {got}, expected {expected}");
        }
        assert!(drawn[count - 1] > 0, "every key has a rank");
    }
}
