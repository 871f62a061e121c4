//! The known name that somebody who mistyped one probably meant.

/// The nearest of `known` to `typed`, if it is near enough to be worth naming.
pub(crate) fn nearest<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Somebody else's text may be of any length, and the work grows with it.
    if typed.len() > 100 {
        return None;
    }
    let (distance, name) = known.map(|name| (distance(typed, name), name)).min()?;
    (distance <= 1 + name.len() / 4).then_some(name)
}

/// How many letters must be added, removed, changed or swapped with their neighbour to make one word of the
/// other (the optimal string alignment distance).
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for i in 1..=one.len() {
        let mut row = vec![i];
        for j in 1..=other.len() {
            let changed = last[j - 1] + usize::from(one[i - 1] != other[j - 1]);
            let mut least = changed.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[other.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_of_the_finger_is_understood_and_a_strange_word_is_not() {
        let known = ["listen", "cache.bytes", "cache.ttl_seconds"];
        let nearest = |typed| nearest(typed, known.into_iter());
        assert_eq!(nearest("lisetn"), Some("listen"));
        assert_eq!(nearest("cache.byte"), Some("cache.bytes"));
        assert_eq!(nearest("cache.ttl"), None);
        assert_eq!(nearest("colour"), None);
        assert_eq!(nearest(&"x".repeat(5_000)), None);
    }
}
