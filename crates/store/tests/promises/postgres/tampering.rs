//! A server that is not what it seems: the real one, behind a
//! proxy that changes some of its words, or carries them slowly.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// Starts a proxy to a server that replaces a word in what the server says by another of the same length.
pub(crate) async fn with_words_changed(server: String, from: &'static str, to: &'static str) -> SocketAddr {
    assert_eq!(from.len(), to.len());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&server).await.unwrap();
            tokio::spawn(pass(client, server, from, to));
        }
    });
    address
}

/// Starts a proxy to a server that ends a connection when a commit
/// has been passed on, before that is answered, while `loses`.
pub(crate) async fn losing_answers_to_commits(server: String, loses: Arc<AtomicBool>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&server).await.unwrap();
            tokio::spawn(pass_until_a_commit(client, server, loses.clone()));
        }
    });
    address
}

async fn pass_until_a_commit(client: TcpStream, server: TcpStream, loses: Arc<AtomicBool>) {
    let (mut client_reads, mut client_writes) = client.into_split();
    let (mut server_reads, mut server_writes) = server.into_split();
    let forth = async {
        let mut buffer = vec![0; 65_536];
        loop {
            let length = client_reads.read(&mut buffer).await?;
            server_writes.write_all(&buffer[..length]).await?;
            let commits = buffer[..length].windows(7).any(|word| word == b"COMMIT\0");
            if length == 0 || (commits && loses.load(Ordering::SeqCst)) {
                return Ok::<(), std::io::Error>(());
            }
        }
    };
    let back = tokio::io::copy(&mut server_reads, &mut client_writes);
    tokio::select! {
        biased;
        _ = forth => {}
        _ = back => {}
    }
}

async fn pass(client: TcpStream, server: TcpStream, from: &'static str, to: &'static str) {
    let (mut client_reads, mut client_writes) = client.into_split();
    let (mut server_reads, mut server_writes) = server.into_split();
    let forth = tokio::io::copy(&mut client_reads, &mut server_writes);
    let back = async {
        let mut buffer = vec![0; 65_536];
        loop {
            let length = server_reads.read(&mut buffer).await?;
            if length == 0 {
                return Ok::<(), std::io::Error>(());
            }
            let said = &mut buffer[..length];
            for start in 0..length.saturating_sub(from.len() - 1) {
                if said[start..].starts_with(from.as_bytes()) {
                    said[start..start + to.len()].copy_from_slice(to.as_bytes());
                }
            }
            client_writes.write_all(said).await?;
        }
    };
    tokio::select! {
        _ = forth => {}
        _ = back => {}
    }
}

/// Starts a proxy to a server that makes every word of either take so long.
pub(crate) async fn far_away(server: String, one_way: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&server).await.unwrap();
            let ((from_client, to_client), (from_server, to_server)) =
                (client.into_split(), server.into_split());
            tokio::spawn(carry(from_client, to_server, one_way));
            tokio::spawn(carry(from_server, to_client, one_way));
        }
    });
    address
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, one_way: Duration) {
    let mut buffer = vec![0; 65_536];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        tokio::time::sleep(one_way).await;
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
