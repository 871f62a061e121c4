//! User agents, each read once for as long as it is remembered.

use crate::classify::{self, Agent};
use crate::log::{AgentId, AgentValues, Values};
use crate::rollup::Section;
use curtail_model::Dimension;
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// So many user agents are remembered, at most 512 bytes each; real traffic has a few thousand. When there
/// are more, all are forgotten: reading one again costs microseconds.
const AGENTS_MAX: usize = 8_192;

/// User agents and what they say.
#[derive(Default)]
pub(super) struct Agents(HashMap<Box<[u8]>, Agent, RandomState>);

/// The values of one user agent, for each way of asking.
#[derive(Clone, Copy)]
pub(super) struct AgentIds {
    plain: AgentId,
    prefetch: AgentId,
    head: AgentId,
}

impl AgentIds {
    pub(super) fn when(self, head: bool, prefetch: bool) -> AgentId {
        match (head, prefetch) {
            (true, _) => self.head,
            (false, true) => self.prefetch,
            (false, false) => self.plain,
        }
    }
}

impl Agents {
    pub(super) fn values_of(&mut self, user_agent: &[u8], values: &mut Values) -> AgentIds {
        let agent = self.read(user_agent);
        let mut ids = |head, prefetch| {
            let (class, reason) = classify::class(head, prefetch, &agent);
            let values_of_agent = [
                values.id(Section::of(Dimension::Reason), reason),
                values.id(Section::of(Dimension::Browser), agent.browser),
                values.id(Section::of(Dimension::Os), agent.os),
                values.id(Section::of(Dimension::Device), agent.device),
            ];
            values.agent_id(AgentValues { class, values: values_of_agent })
        };
        AgentIds { plain: ids(false, false), prefetch: ids(false, true), head: ids(true, false) }
    }

    fn read(&mut self, user_agent: &[u8]) -> Agent {
        if let Some(agent) = self.0.get(user_agent) {
            return *agent;
        }
        let agent = classify::agent(&String::from_utf8_lossy(user_agent));
        if self.0.len() >= AGENTS_MAX {
            self.0.clear();
        }
        self.0.insert(user_agent.into(), agent);
        agent
    }
}
