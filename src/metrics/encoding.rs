//! Counters and gauges in the words of the OpenMetrics format.

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use std::fmt;

/// One of a family: its labels, with their values, and what it stands at.
pub(super) type Labelled<'a, const LABELS: usize> = ([(&'a str, &'a str); LABELS], u64);

pub(super) fn counter(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: u64,
) -> fmt::Result {
    one(encoder, name, help, None, &ConstCounter::new(value))
}

pub(super) fn counters<'a, const LABELS: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    family: impl IntoIterator<Item = Labelled<'a, LABELS>>,
) -> fmt::Result {
    each(encoder, name, help, None, family, ConstCounter::new)
}

pub(super) fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    value: u64,
) -> fmt::Result {
    one(encoder, name, help, unit, &ConstGauge::new(signed(value)))
}

pub(super) fn gauges<'a, const LABELS: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    family: impl IntoIterator<Item = Labelled<'a, LABELS>>,
) -> fmt::Result {
    each(encoder, name, help, None, family, |value| ConstGauge::new(signed(value)))
}

/// A time, in seconds as Prometheus has all times.
pub(super) fn seconds(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    millis: u64,
) -> fmt::Result {
    one(encoder, name, help, Some(&Unit::Seconds), &ConstGauge::new(in_seconds(millis)))
}

/// The same, one for each label; given in milliseconds.
pub(super) fn labelled_seconds<'a, const LABELS: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    family: impl IntoIterator<Item = Labelled<'a, LABELS>>,
) -> fmt::Result {
    each(encoder, name, help, Some(&Unit::Seconds), family, |millis| ConstGauge::new(in_seconds(millis)))
}

fn one(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    metric: &impl EncodeMetric,
) -> fmt::Result {
    metric.encode(encoder.encode_descriptor(name, help, unit, metric.metric_type())?)
}

fn each<'a, const LABELS: usize, M: EncodeMetric>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    family: impl IntoIterator<Item = Labelled<'a, LABELS>>,
    metric: impl Fn(u64) -> M,
) -> fmt::Result {
    let mut descriptor = encoder.encode_descriptor(name, help, unit, metric(0).metric_type())?;
    for (labels, value) in family {
        metric(value).encode(descriptor.encode_family(&labels)?)?;
    }
    Ok(())
}

fn in_seconds(millis: u64) -> f64 {
    millis as f64 / 1_000.0
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
