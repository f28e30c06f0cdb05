// Sums the numbers by name, then runs "rounds" of a small generator, in two threads.
use std::collections::BTreeMap;
use std::io::Read;

fn generate(rounds: u64) -> u64 {
    (0..rounds).fold(1, |x, _| (x * 1103 + 12345) % 2147483648)
}

fn main() {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).unwrap();
    let mut totals: BTreeMap<&str, u64> = BTreeMap::new();
    for line in text.lines() {
        let (name, number) = line.split_once(' ').unwrap();
        *totals.entry(name).or_default() += number.parse::<u64>().unwrap();
    }
    for (name, total) in &totals {
        println!("{name} {total}");
    }
    let rounds = totals["rounds"];
    let other = std::thread::spawn(move || generate(rounds));
    println!("{} {}", generate(rounds), other.join().unwrap());
}
