//! Where a network is, from an MMDB file that the operator provides.
//!
//! The file is read into memory and looked at again every few seconds; a changed one takes the place of the
//! old one, and one that cannot be read leaves the old one in use. It is not mapped: a mapped file that
//! somebody writes over in place ends the process with a signal.

use maxminddb::geoip2::City;
use maxminddb::{LookupResult, MaxMindDbError, Reader};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// How often the file is looked at.
const CHECK_INTERVAL: Duration = Duration::from_secs(10);

/// A geo database that follows its file.
pub struct Geo {
    path: PathBuf,
    reader: Reader<Vec<u8>>,
    /// The file that `reader` was read from, or the last one that could not be read.
    seen: Seen,
    checked: Instant,
}

/// What tells one version of a file from the next.
type Seen = (SystemTime, u64);

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("geo.path: the geo database {path} cannot be used ({reason}); correct geo.path, or set it off")]
pub struct GeoError {
    path: PathBuf,
    reason: String,
}

/// A place as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Place {
    /// ISO 3166-1 code.
    pub country: Option<String>,
    /// "City, Region, CC", or "City, CC" where no region is known.
    pub city: Option<String>,
}

impl Geo {
    /// Reads the database.
    pub fn open(path: &Path) -> Result<Geo, GeoError> {
        let failed = |reason: String| GeoError { path: path.to_owned(), reason };
        let seen = version_of(path).map_err(|error| failed(error.to_string()))?;
        let reader = Reader::open_readfile(path).map_err(|error| failed(error.to_string()))?;
        Ok(Geo { path: path.to_owned(), reader, seen, checked: Instant::now() })
    }

    /// Takes up a changed file, at most every few seconds. Answers whether it did.
    pub fn refresh(&mut self) -> bool {
        if self.checked.elapsed() < CHECK_INTERVAL {
            return false;
        }
        self.reload_if_changed()
    }

    fn reload_if_changed(&mut self) -> bool {
        self.checked = Instant::now();
        // A file that is missing for a moment is being replaced.
        let Ok(now) = version_of(&self.path) else { return false };
        if now == self.seen {
            return false;
        }
        self.seen = now;
        match Reader::open_readfile(&self.path) {
            Ok(reader) => {
                self.reader = reader;
                tracing::info!(path = %self.path.display(), "took up a changed geo database");
                true
            }
            Err(error) => {
                tracing::warn!(path = %self.path.display(), %error, "the changed geo database cannot be read, the old one stays");
                false
            }
        }
    }

    /// Where the record of a network stands in the database: networks of one place share it. Valid until
    /// [`Geo::refresh`] answers that the file has changed.
    pub(crate) fn record_of(&self, network: IpAddr) -> Option<usize> {
        self.reader.lookup(network).ok()?.offset()
    }

    /// Where a network is; what is broken in the database is not known.
    pub fn place(&self, network: IpAddr) -> Place {
        self.reader.lookup(network).and_then(|found| decode(&found)).unwrap_or_default()
    }
}

fn version_of(path: &Path) -> std::io::Result<Seen> {
    let metadata = std::fs::metadata(path)?;
    Ok((metadata.modified()?, metadata.len()))
}

fn decode(found: &LookupResult<'_, Vec<u8>>) -> Result<Place, MaxMindDbError> {
    let Some(record) = found.decode::<City<'_>>()? else {
        return Ok(Place::default());
    };
    let country = record.country.iso_code.or(record.registered_country.iso_code);
    let region = record.subdivisions.first().and_then(|region| region.names.english.or(region.iso_code));
    // Where no city is known, the region is all there is to tell of the place.
    let city = record.city.names.english;
    let nearest = [city, region.filter(|region| Some(*region) != city)];
    let city = nearest.iter().any(Option::is_some).then(|| {
        let parts = nearest.into_iter().chain([country]).flatten();
        parts.collect::<Vec<_>>().join(", ")
    });
    Ok(Place { country: country.map(str::to_owned), city })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Vec<u8> {
        [&[2 << 5 | text.len() as u8], text.as_bytes()].concat()
    }

    fn map(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let head = [7 << 5 | entries.len() as u8];
        head.into_iter()
            .chain(entries.iter().flat_map(|(key, value)| [text(key), value.clone()].concat()))
            .collect()
    }

    /// The smallest database that knows one place, for 192.0.2.0/24, in the format of MaxMind's specification
    /// 2.0. A city without a name is not in it.
    fn database(city: &str) -> Vec<u8> {
        let names = |name: &str| vec![("names", map(&[("en", text(name))]))];
        let region = map(&names("Hesse"));
        let country = map(&[("iso_code", text("DE"))]);
        let city = if city.is_empty() { Vec::new() } else { names(city) };
        let record = map(&[
            ("city", map(&city)),
            ("country", country),
            // An array with one element: its type is beyond 7 and stands in a byte of its own.
            ("subdivisions", [vec![1, 11 - 7], region].concat()),
        ]);
        // A node for each bit of the prefix: one record leads on, the other says that nothing is known.
        let (nodes, prefix) = (24_u32, u32::from_be_bytes([192, 0, 2, 0]));
        let mut tree = Vec::new();
        for bit in 0..nodes {
            let on = if bit + 1 == nodes { nodes + 16 } else { bit + 1 };
            let records = if prefix >> (31 - bit) & 1 == 0 { [on, nodes] } else { [nodes, on] };
            records.iter().for_each(|record| tree.extend_from_slice(&record.to_be_bytes()[1..]));
        }
        let metadata = map(&[
            ("node_count", vec![6 << 5 | 1, nodes as u8]),
            ("record_size", vec![5 << 5 | 1, 24]),
            ("ip_version", vec![5 << 5 | 1, 4]),
            ("database_type", text("Test-City")),
            ("languages", vec![0, 11 - 7]),
            ("binary_format_major_version", vec![5 << 5 | 1, 2]),
            ("binary_format_minor_version", vec![5 << 5]),
            ("build_epoch", vec![1, 9 - 7, 1]),
            ("description", map(&[])),
        ]);
        [tree, vec![0; 16], record, b"\xab\xcd\xefMaxMind.com".to_vec(), metadata].concat()
    }

    #[test]
    fn a_network_has_its_place_and_others_have_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("city.mmdb");
        std::fs::write(&path, database("Fulda")).unwrap();
        let geo = Geo::open(&path).unwrap();
        let known = Place { country: Some("DE".into()), city: Some("Fulda, Hesse, DE".into()) };
        assert_eq!(geo.place([192, 0, 2, 0].into()), known);
        assert!(geo.record_of([192, 0, 2, 0].into()).is_some());
        assert_eq!(geo.place([198, 51, 100, 0].into()), Place::default());
        assert_eq!(geo.record_of([198, 51, 100, 0].into()), None);
        assert_eq!(geo.place("2001:db8::".parse().unwrap()), Place::default(), "the database has no IPv6");
    }

    #[test]
    fn where_no_city_is_known_the_region_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("city.mmdb");
        std::fs::write(&path, database("")).unwrap();
        let place = Geo::open(&path).unwrap().place([192, 0, 2, 0].into());
        assert_eq!(place, Place { country: Some("DE".into()), city: Some("Hesse, DE".into()) });
    }

    #[test]
    fn a_changed_file_is_taken_up_and_a_broken_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("city.mmdb");
        assert!(Geo::open(&path).is_err());
        std::fs::write(&path, database("Fulda")).unwrap();
        let mut geo = Geo::open(&path).unwrap();
        let city = |geo: &Geo| geo.place([192, 0, 2, 0].into()).city.unwrap();
        assert!(!geo.reload_if_changed(), "nothing has changed");
        std::fs::write(&path, &database("Marburg")[..100]).unwrap();
        assert!(!geo.reload_if_changed());
        assert_eq!(city(&geo), "Fulda, Hesse, DE");
        std::fs::remove_file(&path).unwrap();
        assert!(!geo.reload_if_changed());
        std::fs::write(&path, database("Marburg")).unwrap();
        assert!(geo.reload_if_changed());
        assert_eq!(city(&geo), "Marburg, Hesse, DE");
    }
}
