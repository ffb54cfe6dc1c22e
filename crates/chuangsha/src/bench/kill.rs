//! 强杀: the whole program killed in the middle of 40,000 calls a second and started again, beside an upstream that routes on when it hears nothing.

use std::path::Path;

use super::Figure;
use crate::say::Say;

#[cfg(not(target_os = "linux"))]
pub fn run(_: &Say, _: &Path) -> Result<Vec<Figure>, Box<dyn std::error::Error>> {
    Err("it is measured on Linux only".into())
}

#[cfg(target_os = "linux")]
pub use linux::run;

#[cfg(target_os = "linux")]
mod linux {
    use std::{
        fs,
        io::{BufRead, BufReader},
        net::SocketAddr,
        process::{Child, Command, Stdio},
        sync::{
            Arc,
            atomic::{AtomicU64, Ordering},
        },
        thread::JoinHandle,
        time::{Duration, Instant},
    };

    use chuangsha_sip::upstream::{self, TIMER};

    use super::{Figure, Path, Say};

    type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

    const RATE: u64 = 40_000;
    const KILLED: Duration = Duration::from_secs(3);
    /// The rest of the time it comes back and serves.
    const STARTED: Duration = Duration::from_secs(5);
    const WHOLE: Duration = Duration::from_secs(12);

    /// This program, serving calls; ended by its own number.
    struct Server {
        child: Child,
        address: SocketAddr,
    }

    impl Server {
        fn start(folder: &Path, listen: &str) -> Result<Self> {
            let mut command = Command::new(std::env::current_exe()?);
            command.args(["--json", "--lang", "en", "--data"]).arg(folder.join("data")).current_dir(folder);
            let settings = [
                "server.listen=127.0.0.1:0",
                "admin.listen=127.0.0.1:0",
                "operator.code=test",
                "operator.name_zh=测试",
                "operator.name_en=TEST",
                "operator.hotline=10000",
                "sip.trunks=trunks.toml",
                "sip.loops=1",
                "log.file=server.log",
            ];
            for setting in settings {
                command.args(["--set", setting]);
            }
            command.args(["--set", &format!("sip.listen=udp:{listen}")]).arg("serve");
            let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
            let mut line = String::new();
            let told = child.stdout.as_mut().map(|out| BufReader::new(out).read_line(&mut line));
            let address = serde_json::from_str::<serde_json::Value>(&line).ok().and_then(|started| {
                let text = started["sip"][0].as_str()?.strip_prefix("udp:")?.to_owned();
                text.parse().ok()
            });
            match (told, address) {
                (Some(Ok(_)), Some(address)) => Ok(Self { child, address }),
                _ => {
                    let _ = child.kill();
                    let _ = child.wait();
                    Err(format!("the program did not start: {}", line.trim()).into())
                }
            }
        }
    }

    impl Drop for Server {
        fn drop(&mut self) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    /// Runs it; the folder is removed again.
    pub fn run(say: &Say, on: &Path) -> std::result::Result<Vec<Figure>, Box<dyn std::error::Error>> {
        let folder = on.join(format!("chuangsha-kill-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let measured = measure(say, &folder);
        let _ = fs::remove_dir_all(&folder);
        measured.map_err(|error| error.to_string().into())
    }

    fn measure(say: &Say, folder: &Path) -> Result<Vec<Figure>> {
        // Every caller calls once: nothing to be screened out.
        fs::write(folder.join("trunks.toml"), "[[trunk]]\nname = \"bench\"\nclass = \"interconnect\"\nsources = [\"127.0.0.0/8\"]\n")?;
        let server = Server::start(folder, "127.0.0.1:0")?;
        let address = server.address;
        let began = Instant::now();
        // Milliseconds into the run: 0 = not yet.
        let ready = Arc::new(AtomicU64::new(0));
        let mut standing = Some(server);
        let mut next: Option<JoinHandle<Result<(Server, Duration)>>> = None;
        let fate = upstream::run(address, RATE, WHOLE, |elapsed| {
            if elapsed >= KILLED
                && let Some(mut server) = standing.take()
            {
                // SIGKILL, and nobody waits here for the end of the process.
                let _ = server.child.kill();
                std::thread::spawn(move || drop(server));
            }
            if elapsed >= STARTED && next.is_none() {
                let (folder, ready) = (folder.to_owned(), Arc::clone(&ready));
                next = Some(std::thread::spawn(move || {
                    let asked = Instant::now();
                    let server = Server::start(&folder, &address.to_string())?;
                    ready.store(began.elapsed().as_millis() as u64, Ordering::Relaxed);
                    Ok((server, asked.elapsed()))
                }));
            }
        })?;
        let (server, start) = next.ok_or("it was never started again")?.join().map_err(|_| "starting it again failed")??;
        drop(server);
        let tenth = |time: Duration| time.as_millis() as usize / 100;
        let share = |tenths: &[(u64, u64)]| {
            let (asked, answered) = tenths.iter().fold((0, 0), |sum, tenth| (sum.0 + tenth.0, sum.1 + tenth.1));
            answered as f64 / asked.max(1) as f64
        };
        let of = |from: usize, until: usize| share(fate.tenths.get(from..until.min(fate.tenths.len())).unwrap_or_default());
        let ready = Duration::from_millis(ready.load(Ordering::Relaxed));
        say.note(
            &format!(
                "呼叫 {}，应答 {}，未应答而接续 {}，拦截 {}，到达 {}",
                fate.calls, fate.answered, fate.unanswered, fate.blocked, fate.reached
            ),
            &format!(
                "{} calls, {} answered, {} routed on unanswered, {} blocked, {} reached the core",
                fate.calls, fate.answered, fate.unanswered, fate.blocked, fate.reached
            ),
        );
        Ok(vec![
            Figure::new("sip/kill_routed_on", fate.reached as f64 / fate.calls.max(1) as f64, "of 1", 1.0),
            Figure::new("sip/kill_rate", fate.calls as f64 / WHOLE.as_secs_f64(), "calls/s", RATE as f64),
            Figure::new("sip/kill_longest", fate.longest_ms, "ms", TIMER.as_secs_f64() * 1_000.0),
            Figure::new("sip/kill_answered_before", of(0, tenth(KILLED)), "of 1", 1.0),
            Figure::new("sip/kill_answered_dead", of(tenth(KILLED) + 1, tenth(STARTED)), "of 1", 1.0),
            Figure::new("sip/kill_start", start.as_secs_f64() * 1_000.0, "ms", 2_000.0),
            Figure::new("sip/kill_first_second_back", of(tenth(ready) + 1, tenth(ready) + 11), "of 1", 1.0),
        ])
    }
}
