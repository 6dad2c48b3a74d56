//! How fast the generator writes: events and bytes a second on one core.

use std::hint::black_box;
use std::time::Instant;

use claimsift::synth::City;
use claimsift::synth::Generated;
use claimsift::synth::SynthSettings;
use claimsift::synth::generate;

fn main() {
    let city = City::sample();
    let settings = SynthSettings { settlements: 300_000, prescriptions: 30_000, persons: 60_000, ..SynthSettings::default() };
    let mut out = Generated::default();
    let (mut events, mut bytes) = (0u64, 0u64);
    let start = Instant::now();
    let mut generator = generate(&settings, &city);
    while generator.next_into(&mut out) {
        events += 1;
        bytes += black_box(&out).json.len() as u64;
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("synth: {events} events of {} bytes in {seconds:.2} s: {:.0} events/s", bytes / events.max(1), events as f64 / seconds);
}
