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

fn channels() {
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
}

fn maps() {
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
}

fn condition() {
    let pair = Arc::new((Mutex::new(false), Condvar::new()));
    let other = pair.clone();
    let began = Instant::now();
    let waker = thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        *other.0.lock().unwrap() = true;
        other.1.notify_one();
    });
    let mut ready = pair.0.lock().unwrap();
    while !*ready {
        ready = pair.1.wait(ready).unwrap();
    }
    println!("slept long enough: {}", began.elapsed() >= Duration::from_millis(20));
    waker.join().unwrap();
}

fn panic() {
    let panicked = thread::spawn(|| panic!("as it should")).join().is_err();
    println!("a thread panicked: {panicked}");
    let caught = std::panic::catch_unwind(|| Vec::<u32>::new()[3]).is_err();
    println!("an index was out of bounds: {caught}");
}

fn files() {
    let path = std::env::temp_dir().join(format!("mayfly-rust-{}", std::process::id()));
    let data: Vec<u8> = (0..1_000_000u32).map(|i| (i * 7 % 251) as u8).collect();
    std::fs::File::create(&path).unwrap().write_all(&data).unwrap();
    let back = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    println!("file: {} bytes, {:016x}", back.len(), checksum(&back));
    println!("gone: {:?}", std::fs::metadata(&path).unwrap_err().kind());
}

fn words(request: &str) {
    let mut counts = std::collections::BTreeMap::new();
    for word in request.split_whitespace() {
        *counts.entry(word.to_uppercase()).or_insert(0u32) += 1;
    }
    let numbers: Vec<f64> = request.split_whitespace().filter_map(|w| w.parse().ok()).collect();
    println!("{counts:?} {numbers:.1?} {:?}", "x".parse::<i32>());
}

fn integer_root(n: u32) -> u32 {
    f64::from(n).sqrt() as u32
}

fn arithmetic() {
    let primes = (2..20_000u32).filter(|n| (2..=integer_root(*n)).all(|d| n % d != 0)).count();
    let sum: f64 = (1..100_000).map(|n| 1.0 / f64::from(n)).sum();
    println!("{primes} {sum:.9} {:?} {}", 200u8.checked_add(100), u64::MAX.wrapping_mul(3));
}

// The arguments name the parts to run.
fn main() {
    let mut request = String::new();
    std::io::stdin().read_to_string(&mut request).unwrap();
    for part in std::env::args().skip(1) {
        match part.as_str() {
            "channels" => channels(),
            "maps" => maps(),
            "condition" => condition(),
            "panic" => panic(),
            "files" => files(),
            "words" => words(&request),
            "arithmetic" => arithmetic(),
            _ => std::process::exit(2),
        }
    }
    std::process::exit(4);
}
