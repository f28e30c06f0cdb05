// A runtime with several threads, started before its request is read: tasks, timers, sockets, children.
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

async fn square(number: i64) -> i64 {
    tokio::time::sleep(Duration::from_millis(1)).await;
    tokio::task::spawn_blocking(move || number * number).await.unwrap()
}

async fn by_socket(text: String) -> std::io::Result<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await?;
        let mut all = String::new();
        connection.read_to_string(&mut all).await?;
        connection.write_all(all.to_uppercase().as_bytes()).await
    });
    let mut client = tokio::net::TcpStream::connect(address).await?;
    client.write_all(text.as_bytes()).await?;
    client.shutdown().await?;
    let mut answer = String::new();
    client.read_to_string(&mut answer).await?;
    server.await.unwrap()?;
    Ok(answer)
}

async fn by_child(text: String) -> std::io::Result<String> {
    let mut child = Command::new("sort").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    child.stdin.take().unwrap().write_all(text.as_bytes()).await?;
    let output = child.wait_with_output().await?;
    Ok(format!("{}{}", String::from_utf8_lossy(&output.stdout), output.status))
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let children = std::env::args().nth(1).as_deref() == Some("children");
    square(2).await;
    let mut text = String::new();
    tokio::io::stdin().read_to_string(&mut text).await?;
    let numbers: Vec<i64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let tasks: Vec<_> = numbers.iter().map(|number| tokio::spawn(square(*number))).collect();
    for task in tasks {
        print!("{} ", task.await.unwrap());
    }
    print!("{}", by_socket(text.clone()).await?);
    if children {
        println!("{}", by_child(text).await?);
        println!("{}", Command::new("sh").args(["-c", "exit 3"]).status().await?);
    }
    Ok(())
}
