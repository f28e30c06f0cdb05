// Sums squares of its numbers by a pool of threads.
use rayon::prelude::*;
use std::io::Read;

fn main() {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).unwrap();
    let numbers: Vec<i64> = serde_json::from_str(&text).unwrap();
    let total: i64 = (0..1000i64).into_par_iter().map(|round| numbers.iter().map(|n| n * n % (round + 1)).sum::<i64>()).sum();
    println!("{total}");
}
