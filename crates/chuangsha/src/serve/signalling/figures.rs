//! 计数: what the edge and the feeds have counted, for `/metrics`. No label and no value comes from a call.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use chuangsha_sip::Edge;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
};

/// Counts, made before the edge is.
#[derive(Default)]
pub struct Figures {
    edge: OnceLock<Arc<Edge>>,
    /// Outcomes taken from call records and probes.
    pub taken: AtomicU64,
    /// Rows and frames that were not understood.
    pub rejected: AtomicU64,
    refused: AtomicBool,
    reloads: AtomicU64,
}

impl std::fmt::Debug for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Figures")
    }
}

impl Figures {
    /// Counts that edge from here on.
    pub fn watch(&self, edge: &Arc<Edge>) {
        let _ = self.edge.set(Arc::clone(edge));
    }

    /// The files were read again.
    pub fn reloaded(&self, refused: bool) {
        self.refused.store(refused, Ordering::Relaxed);
        self.reloads.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether the files on disk are not those in force.
    pub fn reload_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }
}

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Some(edge) = self.edge.get() else { return Ok(()) };
        let mut count = |name: &str, help: &str, value: u64| {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)
        };
        for (name, help, value) in edge.counters.all() {
            count(&format!("sip_{name}"), help, value)?;
        }
        count("sip_reloads", "Files of the edge read again", self.reloads.load(Ordering::Relaxed))?;
        count("sip_feed_outcomes", "Outcomes taken from call records and probes", self.taken.load(Ordering::Relaxed))?;
        count("sip_feed_rejected", "Rows and frames of feeds not understood", self.rejected.load(Ordering::Relaxed))?;
        let mut gauge = |name: &str, help: &str, value: u64| {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
        };
        gauge("sip_transactions", "Transactions remembered now", edge.remembered() as u64)?;
        gauge("sip_calls_under_way", "Calls on their way through the proxy now", edge.under_way() as u64)?;
        gauge("sip_trunks", "Trunks in force", edge.trunks().iter().count() as u64)?;
        gauge("sip_reload_refused", "1: the files on disk were refused, older ones are in force", u64::from(self.reload_refused()))
    }
}
