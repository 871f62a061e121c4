//! Scripts that Redis runs: named by their hash, sent whole when a server does not know them yet.

use super::server::Connection;
use ::redis::{Cmd, ErrorKind, FromRedisValue, RedisResult, Script, ServerErrorKind, ToRedisArgs, cmd};

/// A script with one key.
pub(super) struct OneKey {
    text: &'static str,
    hash: String,
}

impl OneKey {
    pub(super) fn new(text: &'static str) -> OneKey {
        OneKey { text, hash: Script::new(text).get_hash().to_owned() }
    }

    pub(super) async fn run<T: FromRedisValue>(
        &self,
        connection: &Connection,
        key: &[u8],
        arguments: &[&[u8]],
    ) -> RedisResult<T> {
        let ran = connection.query(&call("EVALSHA", self.hash.as_bytes(), key, arguments)).await;
        match ran {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                connection.query(&call("EVAL", self.text.as_bytes(), key, arguments)).await
            }
            ran => ran,
        }
    }
}

fn call(how: &str, script: &[u8], key: &[u8], arguments: &[&[u8]]) -> Cmd {
    let mut command = cmd(how);
    command.arg(script).arg(1).arg(key);
    for argument in arguments {
        argument.write_redis_args(&mut command);
    }
    command
}
