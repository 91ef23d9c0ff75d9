//! Whose turn it is among several relays.

/// Turns by weight, evenly mixed: with weights 3 and 1 every fourth is the
/// second's. Who cannot take a turn is passed over and does not catch up later.
#[derive(Clone, Debug)]
pub struct Turns {
    weights: Vec<u32>,
    credit: Vec<i64>,
}

impl Turns {
    /// Turns for so many as there are weights; nobody weighs less than 1.
    pub fn new(weights: impl IntoIterator<Item = u32>) -> Self {
        let weights: Vec<u32> = weights.into_iter().map(|weight| weight.max(1)).collect();
        Self { credit: vec![0; weights.len()], weights }
    }

    /// Whose turn it is among those that can; `None` when nobody can.
    pub fn next(&mut self, can: impl Fn(usize) -> bool) -> Option<usize> {
        let mut all = 0;
        let mut best: Option<usize> = None;
        for (index, weight) in self.weights.iter().enumerate().filter(|(index, _)| can(*index)) {
            all += i64::from(*weight);
            self.credit[index] += i64::from(*weight);
            if best.is_none_or(|best| self.credit[index] > self.credit[best]) {
                best = Some(index);
            }
        }
        self.credit[best?] -= all;
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn turns_are_mixed_evenly() {
        let mut turns = Turns::new([3, 1, 0]);
        let taken: Vec<_> = (0..10).filter_map(|_| turns.next(|_| true)).collect();
        assert_eq!(taken, [0, 1, 0, 2, 0, 0, 1, 0, 2, 0]);
        assert_eq!(turns.next(|_| false), None);
        assert_eq!(turns.next(|index| index == 2), Some(2));
    }

    proptest! {
        #[test]
        fn everybody_gets_turns_by_weight(weights in proptest::collection::vec(1_u32..20, 1..6)) {
            let mut turns = Turns::new(weights.clone());
            let all: u32 = weights.iter().sum();
            let mut got = vec![0; weights.len()];
            for n in 1..=all * 3 {
                got[turns.next(|_| true).unwrap()] += 1;
                for (index, weight) in weights.iter().enumerate() {
                    let fair = f64::from(n) * f64::from(*weight) / f64::from(all);
                    prop_assert!((f64::from(got[index]) - fair).abs() <= weights.len() as f64, "{got:?} of {weights:?}");
                }
            }
            prop_assert!(got.iter().zip(&weights).all(|(got, weight)| *got == weight * 3));
        }
    }
}
