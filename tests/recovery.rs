//! What a worker refuses to go on with: a journal that was written under other
//! settings, and a group whose journal is gone.

mod support;

use std::sync::Arc;

use claimsift::base::fault::Remedy;
use claimsift::base::fault::chain;
use claimsift::base::pseudonym::IdentityKey;
use claimsift::base::time::Civil;
use claimsift::commands::observe::Totals;
use claimsift::engine::Engine;
use claimsift::engine::settings::EngineSettings;
use claimsift::io::log::Output;
use claimsift::io::memory::MemoryCluster;
use claimsift::io::partition::Partitioner;
use claimsift::runtime::worker::Wish;
use claimsift::runtime::worker::Worker;
use claimsift::runtime::worker::WorkerSettings;
use claimsift::synth::SynthSettings;
use support::feed;
use support::feed::NoClock;
use support::feed::World;

fn with(engine: &Engine, change: impl FnOnce(&mut EngineSettings)) -> Arc<Engine> {
    let mut settings = engine.settings.clone();
    change(&mut settings);
    let key = IdentityKey::from_bytes(&[9; 32]);
    Arc::new(Engine::new(Arc::clone(&engine.rules), Arc::clone(&engine.references), settings, key))
}

/// Works to the end; why it stopped, if it did.
fn work(engine: &Arc<Engine>, cluster: &MemoryCluster) -> Result<(), String> {
    let mut log = cluster.worker("worker-0", feed::GROUP);
    let settings = WorkerSettings { until_end: true, ..WorkerSettings::default() };
    let done = Worker::new(Arc::clone(engine), &mut log, settings, &NoClock).run(&Wish::default(), &mut Totals::default());
    done.map_err(|fault| {
        assert_eq!(fault.remedy, Remedy::Stop, "{}", chain(&fault));
        chain(&fault)
    })
}

fn fed(world: &World, settings: &SynthSettings) -> MemoryCluster {
    let cluster = MemoryCluster::new(2);
    let (messages, _) = world.feed(settings);
    messages.iter().for_each(|message| feed::send(&cluster, message));
    feed::state_end(&cluster, 0);
    cluster.end();
    cluster
}

#[test]
fn a_journal_of_other_settings_is_not_continued() {
    let world = World::read();
    let settings = SynthSettings { settlements: 400, prescriptions: 60, persons: 80, ..SynthSettings::default() };
    let cluster = fed(&world, &settings);
    let engine = world.engine(&settings, 2);
    work(&engine, &cluster).unwrap();
    work(&engine, &cluster).unwrap();
    type Change = fn(&mut EngineSettings);
    let changes: [(&str, Change); 6] = [
        ("zone", |settings| settings.zone.0 = "UTC".parse().unwrap()),
        ("clues_from", |settings| settings.clues_from = None),
        ("covered_areas", |settings| settings.covered_areas.clear()),
        ("complete_from", |settings| settings.inputs[1].complete_from = Civil::parse("2020-01-01")),
        ("disorder", |settings| settings.inputs[0].disorder_seconds += 1),
        ("partitioner", |settings| settings.inputs[0].partitioner = Some(Partitioner::Crc32)),
    ];
    let told = cluster.output(Output::Clues).len();
    for (name, change) in changes {
        let reason = work(&with(&engine, change), &cluster).unwrap_err();
        assert!(reason.contains("the journal was written with") && reason.contains(name), "{name}: {reason}");
    }
    assert_eq!(cluster.output(Output::Clues).len(), told);
    work(&engine, &cluster).unwrap();
}

#[test]
fn a_group_without_its_journal_is_not_continued() {
    let world = World::read();
    let settings = SynthSettings { settlements: 400, prescriptions: 60, persons: 80, ..SynthSettings::default() };
    let cluster = fed(&world, &settings);
    let engine = world.engine(&settings, 2);
    work(&engine, &cluster).unwrap();
    let told = cluster.output(Output::Clues).len();
    assert!(!cluster.drain_output(Output::Journal).is_empty());
    let reason = work(&engine, &cluster).unwrap_err();
    assert!(reason.contains("the journal is empty") && reason.contains("another group"), "{reason}");
    assert_eq!(cluster.output(Output::Clues).len(), told);
}
