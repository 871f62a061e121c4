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
    let metric = ConstCounter::new(value);
    metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
}

pub(super) fn counters<'a, const LABELS: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    family: impl IntoIterator<Item = Labelled<'a, LABELS>>,
) -> fmt::Result {
    let kind = ConstCounter::new(0u64).metric_type();
    let mut descriptor = encoder.encode_descriptor(name, help, None, kind)?;
    for (labels, value) in family {
        ConstCounter::new(value).encode(descriptor.encode_family(&labels)?)?;
    }
    Ok(())
}

pub(super) fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    value: u64,
) -> fmt::Result {
    let metric = ConstGauge::new(signed(value));
    metric.encode(encoder.encode_descriptor(name, help, unit, metric.metric_type())?)
}

pub(super) fn gauges<'a, const LABELS: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    family: impl IntoIterator<Item = Labelled<'a, LABELS>>,
) -> fmt::Result {
    let kind = ConstGauge::new(0i64).metric_type();
    let mut descriptor = encoder.encode_descriptor(name, help, None, kind)?;
    for (labels, value) in family {
        ConstGauge::new(signed(value)).encode(descriptor.encode_family(&labels)?)?;
    }
    Ok(())
}

/// A time, in seconds as Prometheus has all times.
pub(super) fn seconds(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    millis: u64,
) -> fmt::Result {
    let metric = ConstGauge::new(in_seconds(millis));
    metric.encode(encoder.encode_descriptor(name, help, Some(&Unit::Seconds), metric.metric_type())?)
}

/// The same, one for each label; given in milliseconds.
pub(super) fn labelled_seconds<'a, const LABELS: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    family: impl IntoIterator<Item = Labelled<'a, LABELS>>,
) -> fmt::Result {
    let kind = ConstGauge::new(0f64).metric_type();
    let mut descriptor = encoder.encode_descriptor(name, help, Some(&Unit::Seconds), kind)?;
    for (labels, millis) in family {
        ConstGauge::new(in_seconds(millis)).encode(descriptor.encode_family(&labels)?)?;
    }
    Ok(())
}

fn in_seconds(millis: u64) -> f64 {
    millis as f64 / 1_000.0
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
