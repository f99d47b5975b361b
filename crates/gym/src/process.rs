//! One Python process: started, spoken to, waited for, and never left behind.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The script, in the order of its parts.
const SCRIPT: &str = concat!(
    include_str!("python/spaces.py"),
    include_str!("python/single.py"),
    include_str!("python/vector.py"),
    include_str!("python/worker.py"),
);

/// Reads the script from the socket, so that it needs no file and the list of processes stays readable.
const BOOT: &str = "import os
n = int(os.read(0, 10)); s = b''
while len(s) < n: s += os.read(0, n - len(s))
exec(compile(s, 'striatum-worker', 'exec'))";

/// How much of what a worker prints is kept.
const KEPT: usize = 1 << 14;

/// How long a worker that was told to end may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// Where shared memory is no file of a disk.
const MEMORY: &str = "/dev/shm";

/// The Python to use where none is named.
pub(crate) fn default_python() -> PathBuf {
    let active = std::env::var_os("VIRTUAL_ENV").map(|path| Path::new(&path).join("bin").join("python"));
    active.filter(|python| python.exists()).unwrap_or_else(|| "python3".into())
}

/// Why no answer came.
#[derive(Debug)]
pub(crate) enum Silence {
    /// The process has ended, or the socket failed.
    Gone,
    /// It did not answer in time.
    Late,
}

/// A worker process with a socket to it, and a file without a name that it shares.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    control: UnixStream,
    /// The shared file, still empty.
    pub(crate) file: File,
    output: Arc<Mutex<VecDeque<u8>>>,
    drain: Option<JoinHandle<()>>,
}

impl Process {
    /// Starts Python with the script; `label` is what the list of processes shows of it.
    pub(crate) fn start(python: &Path, label: &str, timeout: Duration) -> io::Result<Self> {
        let (control, theirs) = UnixStream::pair()?;
        control.set_read_timeout(Some(timeout))?;
        control.set_write_timeout(Some(timeout))?;
        // A file without a name cannot be left behind, however the two sides end.
        let file = tempfile::tempfile_in(MEMORY).or_else(|_| tempfile::tempfile())?;
        let mut command = Command::new(python);
        command.args(["-c", BOOT, label]);
        for threads in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"] {
            // The workers are the parallelism.
            if std::env::var_os(threads).is_none() {
                command.env(threads, "1");
            }
        }
        command.stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)));
        command.stdout(Stdio::from(file.try_clone()?)).stderr(Stdio::piped());
        // A group of its own: Ctrl-C is for the trainer, and whatever the worker starts ends with it.
        command.process_group(0);
        let mut child = spawn(command)?;
        let output = Arc::new(Mutex::new(VecDeque::new()));
        let drain = child.stderr.take().map(|pipe| {
            let output = Arc::clone(&output);
            thread::spawn(move || drain(pipe, &output))
        });
        let mut process = Self { child, control, file, output, drain };
        // If it has ended already, the next answer says so.
        let _ = process.send(format!("{:10}", SCRIPT.len()).as_bytes());
        let _ = process.send(SCRIPT.as_bytes());
        Ok(process)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn send(&mut self, data: &[u8]) -> Result<(), Silence> {
        self.control.write_all(data).map_err(|_| Silence::Gone)
    }

    /// The first byte of an answer.
    #[inline]
    pub(crate) fn receive(&mut self) -> Result<u8, Silence> {
        let mut byte = [0];
        self.receive_into(&mut byte)?;
        Ok(byte[0])
    }

    /// As many bytes as there is room for.
    pub(crate) fn receive_into(&mut self, mut room: &mut [u8]) -> Result<(), Silence> {
        while !room.is_empty() {
            match self.control.read(room) {
                Ok(0) => return Err(Silence::Gone),
                Ok(n) => room = &mut room[n..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Err(Silence::Late);
                }
                Err(_) => return Err(Silence::Gone),
            }
        }
        Ok(())
    }

    /// The rest of a line.
    pub(crate) fn receive_line(&mut self) -> Result<Vec<u8>, Silence> {
        let mut line = Vec::new();
        loop {
            match self.receive()? {
                b'\n' => return Ok(line),
                byte => line.push(byte),
            }
        }
    }

    /// How the process ended; it is made to end if it has not.
    pub(crate) fn end(&mut self) -> Option<ExitStatus> {
        // A process whose socket is closed is about to end by itself, with a status that tells more.
        let status = self.wait(Duration::from_millis(500));
        status.or_else(|| {
            self.kill();
            self.child.wait().ok()
        })
    }

    /// Has Python print where it is, for one that hangs.
    pub(crate) fn ask_where(&self) {
        self.signal(libc::SIGUSR1, false);
        thread::sleep(Duration::from_millis(200));
    }

    /// The last that the process has printed.
    pub(crate) fn last_words(&self) -> String {
        let patience = Instant::now();
        while self.drain.as_ref().is_some_and(|drain| !drain.is_finished())
            && patience.elapsed() < Duration::from_millis(200)
        {
            thread::sleep(Duration::from_millis(5));
        }
        let output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&output.iter().copied().collect::<Vec<_>>()).trim().to_owned()
    }

    /// Tells the process to end, without waiting for it.
    pub(crate) fn dismiss(&self) {
        let _ = self.control.shutdown(std::net::Shutdown::Both);
    }

    fn wait(&mut self, patience: Duration) -> Option<ExitStatus> {
        let begun = Instant::now();
        loop {
            match self.child.try_wait() {
                Ok(None) if begun.elapsed() < patience => thread::sleep(Duration::from_millis(2)),
                Ok(status) => return status,
                Err(_) => return None,
            }
        }
    }

    fn kill(&self) {
        self.signal(libc::SIGKILL, true);
    }

    /// Sends a signal to the process, or to its whole group.
    fn signal(&self, signal: i32, group: bool) {
        let Ok(id) = i32::try_from(self.child.id()) else { return };
        // SAFETY: the child has not been waited for, or this is called no more, so that its number is not another's.
        unsafe { libc::kill(if group { -id } else { id }, signal) };
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.dismiss();
        if self.wait(FAREWELL).is_none() {
            self.kill();
            let _ = self.child.wait();
        }
    }
}

/// `was killed by signal 9`, `exited with status 1`.
pub(crate) fn fate(status: Option<ExitStatus>) -> String {
    match status.map(|status| (status.signal(), status.code())) {
        Some((Some(9), _)) => "was killed by signal 9 (by hand, or because memory ran out)".to_owned(),
        Some((Some(signal), _)) => format!("was killed by signal {signal}"),
        Some((None, Some(code))) => format!("exited with status {code}"),
        _ => "is gone".to_owned(),
    }
}

/// Reads what a process prints to the end, and keeps the last of it.
fn drain(mut pipe: ChildStderr, output: &Mutex<VecDeque<u8>>) {
    let mut part = [0; 4096];
    while let Ok(n @ 1..) = pipe.read(&mut part) {
        let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
        output.extend(&part[..n]);
        let surplus = output.len().saturating_sub(KEPT);
        output.drain(..surplus);
    }
}

/// A process to start, and who wants it.
type Order = (Command, Sender<io::Result<Child>>);

/// Starts a process from a thread that never ends: a worker asks the system to end it with the thread that started it.
fn spawn(command: Command) -> io::Result<Child> {
    static STARTER: OnceLock<Mutex<Sender<Order>>> = OnceLock::new();
    let starter = STARTER.get_or_init(|| {
        let (sender, orders) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, reply) in orders {
                let _ = reply.send(command.spawn());
            }
        });
        Mutex::new(sender)
    });
    let (reply, child) = mpsc::channel();
    let gone = || io::Error::other("the thread that starts processes is gone");
    starter.lock().unwrap_or_else(PoisonError::into_inner).send((command, reply)).map_err(|_| gone())?;
    child.recv().map_err(|_| gone())?
}
