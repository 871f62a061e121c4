//! Where a network is, from an MMDB file that the operator provides.
//!
//! The file is read into memory and looked at again every few seconds; a changed one takes the place of the old one, and
//! one that cannot be read leaves the old one in use. It is not mapped: a mapped file that somebody writes over in place
//! ends the process with a signal.

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
#[error("the geo database {path} cannot be used: {reason}")]
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
    pub fn record_of(&self, network: IpAddr) -> Option<usize> {
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
    let city = record.city.names.english.map(|city| {
        let parts = [Some(city), region.filter(|region| *region != city), country];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    });
    Ok(Place { country: country.map(str::to_owned), city })
}
