//! A connection to Redis past what is tested.

use curtail_servers::PATIENCE;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client};

/// One that has time: by itself the library gives Redis half a second.
pub(crate) async fn connect(url: &str) -> MultiplexedConnection {
    let patient = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE));
    Client::open(url).unwrap().get_multiplexed_async_connection_with_config(&patient).await.unwrap()
}
