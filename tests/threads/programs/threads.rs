// Threads, channels, maps and files as a Rust program uses them. Prints what must be the same on any
// system.
use std::collections::HashMap;
use std::io::{Read, Write};
use std::sync::{mpsc, Arc, Barrier, Condvar, Mutex, RwLock};
use std::thread;
use std::time::{Duration, Instant};

fn checksum(data: &[u8]) -> u64 {
    data.iter().fold(0xcbf29ce484222325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x100000001b3)
    })
}

fn main() {
    let mut request = String::new();
    std::io::stdin().read_to_string(&mut request).unwrap();
    println!("request: {}", request.trim());

    let (sender, receiver) = mpsc::channel();
    let workers: Vec<_> = (0..8u64)
        .map(|number| {
            let sender = sender.clone();
            thread::spawn(move || {
                for i in 0..500 {
                    sender.send(number * 1000 + i).unwrap();
                }
                number
            })
        })
        .collect();
    drop(sender);
    println!("sum of messages: {}", receiver.iter().sum::<u64>());
    println!("sum of workers: {}", workers.into_iter().map(|w| w.join().unwrap()).sum::<u64>());

    let map = Arc::new(RwLock::new(HashMap::new()));
    let barrier = Arc::new(Barrier::new(4));
    let threads: Vec<_> = (0..4u64)
        .map(|number| {
            let (map, barrier) = (map.clone(), barrier.clone());
            thread::spawn(move || {
                barrier.wait();
                for i in 0..1000u64 {
                    *map.write().unwrap().entry(i % 97).or_insert(0) += i * number;
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let mut entries: Vec<_> = map.read().unwrap().iter().map(|(k, v)| (*k, *v)).collect();
    entries.sort();
    println!("{} entries, the last {:?}", entries.len(), entries.last());

    let pair = Arc::new((Mutex::new(false), Condvar::new()));
    let other = pair.clone();
    let waker = thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        *other.0.lock().unwrap() = true;
        other.1.notify_one();
    });
    let began = Instant::now();
    let mut ready = pair.0.lock().unwrap();
    while !*ready {
        ready = pair.1.wait(ready).unwrap();
    }
    println!("slept long enough: {}", began.elapsed() >= Duration::from_millis(20));
    waker.join().unwrap();

    let panicked = thread::spawn(|| panic!("as it should")).join().is_err();
    println!("a thread panicked: {panicked}");

    let path = std::env::temp_dir().join(format!("mayfly-rust-{}", std::process::id()));
    let data: Vec<u8> = (0..1_000_000u32).map(|i| (i * 7 % 251) as u8).collect();
    std::fs::File::create(&path).unwrap().write_all(&data).unwrap();
    let back = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    println!("file: {} bytes, {:016x}", back.len(), checksum(&back));
    std::process::exit(4);
}
