//! What every route of the API holds in common.

use crate::Api;
use crate::auth::Authenticator;
use crate::bulk::spill::Spills;
use crate::consistency::Tokens;
use crate::origin::Origin;
use crate::problem::{Kind, Problem};
use crate::rate_limits::RateLimits;
use crate::settings::Settings;
use crate::validate::link::Rules;
use curtail_clicks::pipeline::Watch;
use curtail_clicks::stats::Stats;
use curtail_model::LinkId;
use curtail_runtime::password::Passwords;
use curtail_store::rollups::Totals;
use curtail_store::{Keys, Leaders, Links, Rollups, StoreError};
use std::sync::Arc;

/// The state of the API.
pub(crate) struct Service {
    pub(crate) links: Arc<dyn Links>,
    pub(crate) keys: Arc<dyn Keys>,
    pub(crate) rollups: Arc<dyn Rollups>,
    pub(crate) stats: Arc<Stats>,
    pub(crate) leaders: Arc<dyn Leaders>,
    pub(crate) pipeline: Watch,
    pub(crate) settings: Settings,
    pub(crate) authenticator: Authenticator,
    pub(crate) tokens: Tokens,
    pub(crate) rates: RateLimits,
    passwords: Passwords,
    /// Where answers to bulks wait for clients who do not read yet.
    pub(crate) spills: Arc<Spills>,
    /// Where short links begin, when that is configured.
    pub(crate) origin: Option<Origin>,
}

impl Service {
    pub(crate) fn new(api: Api) -> Service {
        Service {
            authenticator: Authenticator::new(api.keys.clone()),
            tokens: Tokens::new(&api.secret),
            rates: RateLimits::new(api.settings.rate_per_second, api.rates),
            passwords: api.passwords,
            spills: Arc::new(Spills::new(api.settings.spill_folder.clone())),
            origin: api.settings.base_url.as_deref().map(Origin::new),
            links: api.links,
            keys: api.keys,
            rollups: api.rollups,
            stats: api.stats,
            leaders: api.leaders,
            pipeline: api.pipeline,
            settings: api.settings,
        }
    }

    /// The PHC string of a password.
    pub(crate) async fn hash(&self, password: String) -> Result<String, Problem> {
        self.passwords.hash(password).await.map_err(|error| {
            tracing::error!(%error, "a password could not be hashed");
            Problem::new(Kind::Internal, "The password could not be hashed. The server's log says why.")
        })
    }

    /// What destinations are checked against in a request to `origin`.
    pub(crate) fn rules<'a>(&'a self, origin: &'a Origin) -> Rules<'a> {
        Rules {
            app_schemes: &self.settings.app_schemes,
            own_hosts: &self.settings.own_hosts,
            domain: origin.domain(),
        }
    }

    /// The clicks of links, in their order. A link is there though its counts are damaged: they begin anew
    /// with its next click.
    pub(crate) async fn totals(&self, links: Vec<LinkId>) -> Result<Vec<Totals>, StoreError> {
        match self.rollups.totals(links.clone()).await {
            Err(StoreError::Damaged(_)) => {}
            totals => return totals,
        }
        let mut totals = Vec::with_capacity(links.len());
        for link in links {
            totals.push(match self.rollups.totals(vec![link]).await {
                Err(StoreError::Damaged(what)) => {
                    tracing::error!(%link, what, "the counts of a link are damaged and begin anew");
                    Totals::default()
                }
                of_link => of_link?.first().copied().unwrap_or_default(),
            });
        }
        Ok(totals)
    }
}
