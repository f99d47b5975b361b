//! What sinks make of a run's events.

use protobuf::Message;
use serde_json::Value;
use std::cell::RefCell;
use std::io::Write;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};
use striatum_train::event::{Event, SavedKind};
use striatum_train::sinks::{Console, Jsonl, Sink, SinkError, Sinks, TensorBoard};
use tensorboard_proto::event::{Event as Record, SessionLog_SessionStatus};

fn start(step: u64) -> Event {
    Event::Start {
        config: "seed = 3\n[ppo]\nclip = 0.2\nname = \"a|b\"\n".into(),
        task: "CartPole-v1".into(),
        algo: "ppo".into(),
        engine: "fused".into(),
        device: "cpu".into(),
        reason: None,
        seed: 3,
        total_steps: 400,
        step,
        wall_seconds: step as f64 / 100.0,
    }
}

fn iteration(step: u64, episodic_return: Option<f64>) -> Event {
    Event::Iteration {
        step,
        wall_seconds: step as f64 / 100.0,
        steps_per_second: 12_345.0,
        episodes: step / 10,
        episodic_return,
        scalars: vec![("losses/entropy", 0.5), ("losses/value_loss", f64::NAN)],
    }
}

fn evaluation(step: u64) -> Event {
    Event::Evaluation { step, wall_seconds: step as f64 / 100.0, mean: 487.5, std: 1.25, episodes: 10 }
}

fn end(step: u64) -> Event {
    let wall_seconds = step as f64 / 100.0;
    Event::End { step, wall_seconds, episodes: step / 10, episodic_return: Some(480.0), reason: "finished".into() }
}

fn lines(path: &Path) -> Vec<Value> {
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn jsonl_has_one_object_an_event_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.jsonl");
    let mut jsonl = Jsonl::create(&path).unwrap();
    jsonl.on(&start(0)).unwrap();
    jsonl.on(&iteration(100, None)).unwrap();
    jsonl.on(&Event::Warning("not a metric".into())).unwrap();
    jsonl.on(&iteration(200, Some(21.5))).unwrap();
    jsonl.on(&evaluation(200)).unwrap();
    jsonl.on(&Event::Saved { step: 200, path: "runs/a/best.safetensors".into(), kind: SavedKind::Best }).unwrap();
    let lines = lines(&path);
    let events: Vec<_> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["start", "iteration", "iteration", "evaluation", "saved"]);
    assert_eq!(
        (&lines[0]["task"], &lines[0]["algo"], &lines[0]["seed"]),
        (&"CartPole-v1".into(), &"ppo".into(), &3.into())
    );
    assert!(lines[1].get("charts/episodic_return").is_none() && lines[1]["losses/value_loss"].is_null());
    assert_eq!((&lines[2]["step"], &lines[2]["charts/episodic_return"]), (&200.into(), &21.5.into()));
    assert_eq!((&lines[2]["charts/SPS"], &lines[2]["losses/entropy"]), (&12_345.0.into(), &0.5.into()));
    assert_eq!((&lines[3]["eval/return_mean"], &lines[4]["kind"]), (&487.5.into(), &"best".into()));
}

#[test]
fn a_resumed_jsonl_repeats_no_step() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.jsonl");
    let mut jsonl = Jsonl::create(&path).unwrap();
    for event in [start(0), iteration(100, None), iteration(200, None), iteration(300, None)] {
        jsonl.on(&event).unwrap();
    }
    drop(jsonl);
    // The machine died in the middle of a line.
    std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"event\":\"itera").unwrap();
    let mut jsonl = Jsonl::resume(&path, 200).unwrap();
    for event in [start(200), iteration(300, None), end(300)] {
        jsonl.on(&event).unwrap();
    }
    let of = |event: &str| {
        lines(&path).iter().filter(|l| l["event"] == event).map(|l| l["step"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(of("iteration"), [100, 200, 300]);
    assert_eq!((of("start"), of("end")), (vec![0, 200], vec![300]));
}

#[test]
fn a_resumed_jsonl_that_was_lost_is_started() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.jsonl");
    Jsonl::resume(&path, 200).unwrap().on(&iteration(300, None)).unwrap();
    assert_eq!(lines(&path).len(), 1);
    let error = Jsonl::create(&path.join("below")).err().unwrap();
    assert!(error.to_string().contains("below"), "{error}");
}

/// The whole records of every event file of a folder, oldest first. The framing is length (8 bytes), its checksum (4), data, its checksum (4).
fn records(folder: &Path) -> Vec<Record> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut records = Vec::new();
    for file in files {
        let bytes = std::fs::read(file).unwrap();
        let mut rest = bytes.as_slice();
        while let Some((length, after)) = rest.split_first_chunk::<8>() {
            let length = u64::from_le_bytes(*length) as usize;
            if after.len() < length + 8 {
                break;
            }
            let mut record = Record::new();
            record.merge_from_bytes(&after[4..4 + length]).unwrap();
            records.push(record);
            rest = &after[length + 8..];
        }
    }
    records
}

#[test]
fn tensorboard_has_curves_and_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let mut sink = TensorBoard::open(folder.path()).unwrap();
    for event in [start(0), iteration(100, Some(20.0)), evaluation(100), end(100)] {
        sink.on(&event).unwrap();
    }
    drop(sink);
    let records = records(folder.path());
    assert_eq!(records[0].get_file_version(), "brain.Event:2");
    let text = &records[1].get_summary().get_value()[0];
    assert_eq!(text.get_metadata().get_plugin_data().get_plugin_name(), "text");
    assert_eq!(
        String::from_utf8_lossy(&text.get_tensor().get_string_val()[0]),
        "| key | value |\n|---|---|\n| seed | 3 |\n| ppo.clip | 0.2 |\n| ppo.name | \"a\\|b\" |\n"
    );
    let curves = |record: &Record| -> Vec<(i64, String, f32)> {
        let values = record.get_summary().get_value().iter();
        values.map(|value| (record.get_step(), value.get_tag().to_owned(), value.get_simple_value())).collect()
    };
    let first = curves(&records[2]);
    assert_eq!(first[..2], [(100, "charts/episodic_return".into(), 20.0), (100, "charts/SPS".into(), 12_345.0)]);
    assert_eq!(first[2], (100, "losses/entropy".into(), 0.5));
    assert_eq!(curves(&records[3])[0], (100, "eval/return_mean".into(), 487.5));
    assert_eq!(records.len(), 4);
}

#[test]
fn iterations_that_wait_are_written_with_what_does_not_wait() {
    let steps = |folder: &Path| -> Vec<i64> {
        records(folder).iter().filter(|record| record.has_summary()).map(Record::get_step).collect()
    };
    let saved = |step| Event::Saved { step, path: "latest.safetensors".into(), kind: SavedKind::Latest };
    for last in [saved(104), evaluation(104), end(104)] {
        let folder = tempfile::tempdir().unwrap();
        let mut sink = TensorBoard::open(folder.path()).unwrap();
        for event in [start(0), iteration(101, None), iteration(102, None), iteration(103, None), last] {
            sink.on(&event).unwrap();
        }
        // While the sink is still open; its writer is a thread.
        let begun = Instant::now();
        while !steps(folder.path()).starts_with(&[0, 101, 102, 103]) {
            assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", steps(folder.path()));
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let mut sink = TensorBoard::open(folder.path()).unwrap();
    for step in 1..=50 {
        sink.on(&iteration(step, None)).unwrap();
    }
    drop(sink);
    assert_eq!(steps(folder.path()), Vec::from_iter(1..=50));
}

#[test]
fn a_resumed_tensorboard_forgets_later_steps_and_overwrites_no_file() {
    let folder = tempfile::tempdir().unwrap();
    for step in [0, 100] {
        let mut sink = TensorBoard::open(folder.path()).unwrap();
        for event in [start(step), iteration(step + 100, None)] {
            sink.on(&event).unwrap();
        }
    }
    let records = records(folder.path());
    assert_eq!(records.iter().filter(|record| record.has_file_version()).count(), 2);
    let restarts: Vec<_> = records.iter().filter(|record| record.has_session_log()).collect();
    assert_eq!(restarts.len(), 1);
    assert_eq!(restarts[0].get_session_log().get_status(), SessionLog_SessionStatus::START);
    assert_eq!(restarts[0].get_step(), 101);
}

#[test]
fn tensorboard_needs_a_folder() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = TensorBoard::open(&file.path().join("run")).err().unwrap();
    assert!(error.to_string().contains("event file"), "{error}");
}

/// A writer whose text a test can read.
#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Vec<u8>>>);

impl Shared {
    fn text(&self) -> String {
        String::from_utf8(self.0.borrow().clone()).unwrap()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn plain_lines_tell_the_story() {
    let out = Shared::default();
    let mut console = Console::lines(out.clone(), Duration::ZERO);
    for event in [start(0), iteration(100, Some(21.456)), evaluation(200), Event::Warning("odd".into()), end(400)] {
        console.on(&event).unwrap();
    }
    assert_eq!(
        out.text(),
        "CartPole-v1: ppo on cpu (fused), seed 3\n\
         100 / 400 steps   12.3k steps/s   return 21.46   3.0s left\n\
         step 200: evaluation 487.5 ± 1.25 over 10 episodes\n\
         warning: odd\n\
         finished after 400 steps, 4.0s, return 480\n"
    );
}

#[test]
fn time_left_counts_from_the_resumed_step() {
    let out = Shared::default();
    let mut console = Console::lines(out.clone(), Duration::ZERO);
    console.on(&start(200)).unwrap();
    let mut slow = iteration(300, None);
    if let Event::Iteration { wall_seconds, .. } = &mut slow {
        // 100 steps in 50 seconds, and 100 to go.
        *wall_seconds = 52.0;
    }
    console.on(&slow).unwrap();
    assert!(out.text().contains("from step 200") && out.text().ends_with("50s left\n"), "{}", out.text());
}

#[test]
fn plain_lines_keep_their_interval_and_quiet_says_only_warnings() {
    let (often, never) = (Shared::default(), Shared::default());
    let mut console = Console::lines(often.clone(), Duration::from_secs(3600));
    let mut quiet = Console::quiet(never.clone());
    for event in [start(0), iteration(100, None), iteration(200, None), Event::Warning("odd".into()), end(400)] {
        console.on(&event).unwrap();
        quiet.on(&event).unwrap();
    }
    assert_eq!(often.text().lines().filter(|line| line.contains("steps/s")).count(), 1);
    assert_eq!(never.text(), "warning: odd\n");
}

/// Fails at its second event.
struct Fragile(u32);

impl Sink for Fragile {
    fn on(&mut self, _: &Event) -> Result<(), SinkError> {
        self.0 += 1;
        match self.0 {
            1 => Ok(()),
            2 => Err(SinkError { what: "cannot write `f`".into(), reason: "the disk is full".into() }),
            _ => panic!("used after it failed"),
        }
    }
}

#[test]
fn a_sink_that_fails_is_dropped_with_one_warning() {
    let out = Shared::default();
    let mut sinks = Sinks::new();
    sinks.add(Fragile(0));
    sinks.add(Console::quiet(out.clone()));
    for step in 0..5 {
        sinks.emit(&iteration(step, None));
    }
    assert_eq!(out.text(), "warning: cannot write `f`: the disk is full; training goes on without it\n");
}
