//! Durations in microseconds, counted in buckets that are exact below 64 and within 3 % above.

const EXACT: u64 = 64;
/// Buckets per power of two above `EXACT`.
const STEPS: u64 = 32;

pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    sum: f64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram { buckets: vec![0; 2048], count: 0, sum: 0.0, max: 0 }
    }
}

impl Histogram {
    pub fn add(&mut self, micros: u64) {
        self.buckets[bucket(micros)] += 1;
        self.count += 1;
        self.sum += micros as f64;
        self.max = self.max.max(micros);
    }

    fn quantile(&self, share: f64) -> u64 {
        let wanted = (self.count as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted && seen > 0 {
                return middle(index).min(self.max);
            }
        }
        self.max
    }

    pub fn json(&self) -> String {
        if self.count == 0 {
            return "{\"n\":0}".into();
        }
        let ms = |micros: u64| micros as f64 / 1e3;
        format!(
            "{{\"n\":{},\"mean_ms\":{:.3},\"p50_ms\":{:.3},\"p90_ms\":{:.3},\"p99_ms\":{:.3},\"p999_ms\":{:.3},\"max_ms\":{:.3}}}",
            self.count,
            self.sum / self.count as f64 / 1e3,
            ms(self.quantile(0.5)),
            ms(self.quantile(0.9)),
            ms(self.quantile(0.99)),
            ms(self.quantile(0.999)),
            ms(self.max)
        )
    }
}

fn bucket(micros: u64) -> usize {
    if micros < EXACT {
        return micros as usize;
    }
    let exponent = u64::from(micros.ilog2());
    (EXACT + (exponent - 6) * STEPS + ((micros >> (exponent - 5)) & (STEPS - 1))) as usize
}

fn middle(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < EXACT {
        return bucket;
    }
    let (exponent, step) = ((bucket - EXACT) / STEPS + 6, (bucket - EXACT) % STEPS);
    (1 << exponent) + ((step * 2 + 1) << (exponent - 6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_three_percent() {
        let mut histogram = Histogram::default();
        for micros in 1..=100_000 {
            histogram.add(micros);
        }
        for (share, expected) in [(0.5, 50_000.0), (0.99, 99_000.0), (0.0001, 10.0)] {
            let got = histogram.quantile(share) as f64;
            assert!((got / expected - 1.0).abs() < 0.03, "{share}: {got}");
        }
    }

    #[test]
    fn the_longest_duration_has_a_bucket() {
        Histogram::default().add(u64::MAX);
    }
}
