// Passes its request through pipes of a child, and tells how another one ends.
use std::io::{Read, Write};
use std::process::{Command, Stdio};

fn main() {
    let mut request = Vec::new();
    std::io::stdin().read_to_end(&mut request).unwrap();
    let mut sort = Command::new("sort").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    sort.stdin.take().unwrap().write_all(&request).unwrap();
    let output = sort.wait_with_output().unwrap();
    println!("{}{}", String::from_utf8_lossy(&output.stdout), output.status);
    println!("{}", Command::new("sh").args(["-c", "exit 3"]).status().unwrap());
    let mut killed = Command::new("sleep").arg("60").spawn().unwrap();
    killed.kill().unwrap();
    println!("{}", killed.wait().unwrap());
}
