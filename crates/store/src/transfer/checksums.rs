//! Checksums of all links of a store, one for each bucket, by which two stores tell where they differ.

use super::{LinkRecord, Retired};
use crate::packed;
use curtail_model::{Bucket, LinkId, Timestamp};
use xxhash_rust::xxh3::Xxh3Default;

/// What all links of a store come to, bucket by bucket, in whatever order they are added.
#[derive(Clone, PartialEq, Eq)]
pub struct Checksums(Vec<u64>);

impl Default for Checksums {
    fn default() -> Checksums {
        Checksums(vec![0; usize::from(Bucket::COUNT)])
    }
}

impl Checksums {
    /// Adds a link.
    pub fn add(&mut self, record: &LinkRecord) {
        let link = &record.link;
        let numbers = [
            Some(link.created_at.millis()),
            Some(link.updated_at.millis()),
            Some(link.version.cast_signed()),
            Some(link.archived.into()),
            Some(link.redirect_status.code().into()),
            Some(link.forward_query.into()),
            Some(record.generated.into()),
            link.starts_at.map(Timestamp::millis),
            link.expires_at.map(Timestamp::millis),
            link.max_clicks.map(u64::cast_signed),
            record.used.map(u64::cast_signed),
        ];
        let tags = packed::pack(&link.tags);
        let texts = [
            Some(link.code.as_str()),
            Some(link.url.as_str()),
            link.title.as_deref(),
            link.notes.as_deref(),
            tags.as_deref(),
            link.password_hash.as_deref(),
            link.expired_url.as_deref(),
        ];
        self.put(link.id, &numbers, &texts);
    }

    /// Adds what is left of a link that was removed.
    pub fn add_retired(&mut self, retired: Retired) {
        self.put(retired.id, &[(!retired.generated).then_some(0)], &[]);
    }

    /// The buckets in which the other store has something else.
    pub fn differing(&self, other: &Checksums) -> Vec<Bucket> {
        let pairs = (0_u64..).zip(self.0.iter().zip(&other.0));
        pairs.filter(|(_, (one, two))| one != two).map(|(bucket, _)| Bucket::from_low_bits(bucket)).collect()
    }

    fn put(&mut self, id: LinkId, numbers: &[Option<i64>], texts: &[Option<&str>]) {
        let mut hash = Xxh3Default::new();
        hash.update(&id.get().to_le_bytes());
        for number in numbers {
            hash.update(&[u8::from(number.is_some())]);
            hash.update(&number.unwrap_or_default().to_le_bytes());
        }
        for text in texts {
            // No text is as long as the length that stands for none.
            hash.update(&text.map_or(u64::MAX, |text| text.len() as u64).to_le_bytes());
            hash.update(text.unwrap_or_default().as_bytes());
        }
        // A sum of hashes does not depend on the order. Adversaries need not be feared: this finds accidents.
        let sum = &mut self.0[usize::from(id.bucket().number())];
        *sum = sum.wrapping_add(hash.digest());
    }
}

#[cfg(test)]
mod tests {
    use super::super::{LinkRecord, Retired};
    use super::Checksums;
    use curtail_model::{Code, Link, LinkId, RedirectStatus, Timestamp};

    fn record(id: u64, title: Option<&str>) -> LinkRecord {
        let link = Link {
            id: LinkId::new(id).unwrap(),
            code: Code::known("code"),
            url: "https://example.com/".into(),
            title: title.map(str::to_owned),
            notes: None,
            tags: Vec::new(),
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
            version: 1,
            starts_at: None,
            expires_at: None,
            max_clicks: None,
            redirect_status: RedirectStatus::Found,
            forward_query: false,
            password_hash: None,
            archived: false,
            expired_url: None,
        };
        LinkRecord { link, generated: true, used: None }
    }

    #[test]
    fn what_differs_is_named_by_its_bucket_and_order_makes_no_difference() {
        let all = |records: &[LinkRecord]| {
            let mut sums = Checksums::default();
            records.iter().for_each(|record| sums.add(record));
            sums
        };
        let (one, two) = (record(5, None), record(5 + 4096, Some("a")));
        let sums = all(&[one.clone(), two.clone()]);
        assert!(sums.differing(&all(&[two.clone(), one.clone()])).is_empty());
        for other in [record(5, Some("")), LinkRecord { used: Some(0), ..one.clone() }, two.clone()] {
            let differing = sums.differing(&all(&[other, two.clone()]));
            assert_eq!(differing.iter().map(|bucket| bucket.number()).collect::<Vec<_>>(), [5]);
        }
        let retired = |generated| {
            let mut sums = all(&[one.clone(), two.clone()]);
            sums.add_retired(Retired { id: LinkId::new(7).unwrap(), generated });
            sums
        };
        assert_eq!(sums.differing(&retired(true))[0].number(), 7);
        assert_eq!(retired(true).differing(&retired(false))[0].number(), 7);
    }
}
