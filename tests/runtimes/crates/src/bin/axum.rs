// A server, to which its own client hands the request.
use std::io::{Read, Write};

async fn upper(body: String) -> String {
    body.to_uppercase()
}

fn ask(port: u16, body: &str) -> std::io::Result<String> {
    let mut connection = std::net::TcpStream::connect(("127.0.0.1", port))?;
    write!(connection, "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    Ok(answer.split("\r\n\r\n").nth(1).unwrap_or(&answer).to_string())
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().route("/", axum::routing::post(upper))).await });
    let answer = tokio::task::spawn_blocking(move || {
        ask(port, "warm")?;
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        ask(port, &text)
    });
    println!("{}", answer.await.unwrap()?);
    Ok(())
}
