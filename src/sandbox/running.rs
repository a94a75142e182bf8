//! Starting, holding and stopping a sandbox.

use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;

use tokio::sync::oneshot;
use tokio::task::LocalSet;

use super::registry::KeyRequest;
use super::server::{self, Server};
use super::settings::SandboxSettings;
use super::state::{State, lock};
use super::statistics::Statistics;
use crate::clock::Clock;
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::secret::Secret;

/// The loopback provider, not yet running.
pub struct Sandbox;

impl Sandbox {
    /// Binds `listen` (port 0 takes a free one) and serves on a thread of its own.
    ///
    /// `clock` is called on that thread, and wherever a key is created in process; every time and
    /// every lag of the sandbox is by such a clock ([`crate::clock::from_environment`] fits). The same
    /// `seed` gives the same keys, ids and faults; without one they are random.
    ///
    /// # Errors
    /// Usage, where `listen` is not on the loopback or not free, or the settings make no sense.
    pub fn start(
        listen: SocketAddr,
        clock: impl Fn() -> Box<dyn Clock> + Send + Sync + 'static,
        settings: SandboxSettings,
        seed: Option<u64>,
    ) -> Result<RunningSandbox, Failure> {
        if !listen.ip().to_canonical().is_loopback() {
            let message =
                format!("the sandbox does not listen on {}, which is not the loopback", listen.ip());
            let hint = "anyone who reaches the sandbox can create keys: listen on 127.0.0.1:0 or [::1]:0";
            return Err(Failure::new(ExitCode::Usage, message, hint));
        }
        settings.check().map_err(bad_settings)?;
        let seed = match seed {
            Some(seed) => seed,
            None => getrandom::u64().map_err(|error| {
                Failure::unexpected("the system gives no random numbers").because(error.to_string())
            })?,
        };
        let (listener, address) = bind(listen)?;
        let (state, admin_value) = State::new(settings, seed);
        let admin_key = secret(admin_value)?;
        let state = Arc::new(Mutex::new(state));
        let clock: ClockFactory = Arc::new(clock);
        let (stop, stopped) = oneshot::channel();
        let (ending, ended) = oneshot::channel();
        let (report, started) = mpsc::channel();
        let thread = {
            let (state, clock) = (Arc::clone(&state), Arc::clone(&clock));
            std::thread::Builder::new().name("sandbox".to_owned()).spawn(move || {
                // dropped when the thread ends, however it ends
                let _ending: oneshot::Sender<()> = ending;
                run(listener, Thread { state, clock, stopped, report });
            })
        };
        let thread = thread.map_err(|error| cannot_start(&error))?;
        match started.recv() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(cannot_start(&error)),
            Err(_) => return Err(Failure::unexpected("the sandbox's thread ended before it served")),
        }
        Ok(RunningSandbox { address, admin_key, state, clock, stop: Some(stop), ended, thread: Some(thread) })
    }
}

type ClockFactory = Arc<dyn Fn() -> Box<dyn Clock> + Send + Sync>;

/// What a sandbox remembered at one moment: keys, their use, settings, counts.
pub struct Memory(State);

/// A sandbox that serves; it stops when this is dropped.
pub struct RunningSandbox {
    address: SocketAddr,
    admin_key: Secret,
    state: Arc<Mutex<State>>,
    clock: ClockFactory,
    /// Dropping it stops the server.
    stop: Option<oneshot::Sender<()>>,
    ended: oneshot::Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl RunningSandbox {
    /// `http://ADDRESS:PORT`, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The one admin key; it never changes and never expires.
    pub fn admin_key(&self) -> &Secret {
        &self.admin_key
    }

    /// Creates an active key as a person would in the console, without an expiry; gives its id and value.
    ///
    /// # Errors
    /// Usage, for a name that is empty or past 500 characters, or a workspace that is not `wrkspc_…`.
    pub fn create_key(&self, name: &str, workspace: Option<&str>) -> Result<(String, Secret), Failure> {
        let now = (self.clock)().now().wall;
        let request = KeyRequest {
            name: name.to_owned(),
            workspace_id: workspace.map(str::to_owned),
            expires_at: None,
        };
        let state = &mut *lock(&self.state);
        let (index, value) = state.registry.create(request, now, &mut state.random).map_err(|refusal| {
            let hint =
                "give a name of 1 to 500 characters and a workspace such as wrkspc_01JwQvzr7rXLA5AGx3HKfFUJ";
            Failure::new(ExitCode::Usage, "the sandbox does not create this key", hint)
                .because(refusal.message())
        })?;
        let id = state.registry.get(index).map(|key| key.id.clone()).unwrap_or_default();
        Ok((id, secret(value)?))
    }

    /// Everything the sandbox remembers, as of now.
    pub fn memory(&self) -> Memory {
        Memory(lock(&self.state).clone())
    }

    /// Puts back what it remembered then; what came later never was.
    pub fn recall(&self, memory: &Memory) {
        *lock(&self.state) = memory.0.clone();
    }

    /// The counts so far.
    pub fn statistics(&self) -> Statistics {
        lock(&self.state).statistics()
    }

    pub fn settings(&self) -> SandboxSettings {
        lock(&self.state).settings.clone()
    }

    /// Changes settings between two requests; they stay as they were when the change makes no sense.
    ///
    /// # Errors
    /// Usage, where a probability is none or the probabilities add up to more than 1.
    pub fn update_settings(&self, change: impl FnOnce(&mut SandboxSettings)) -> Result<(), Failure> {
        let mut settings = self.settings();
        change(&mut settings);
        settings.check().map_err(bad_settings)?;
        lock(&self.state).settings = settings;
        Ok(())
    }

    /// Serves until `until` is done (a signal, say), then stops.
    ///
    /// # Errors
    /// Unexpected, where the server's thread ended in a panic.
    pub async fn serve_until(mut self, until: impl Future<Output = ()>) -> Result<(), Failure> {
        tokio::select! {
            _ = &mut self.ended => {}
            () = until => {}
        }
        self.stop()
    }

    /// Blocks this thread for as long as the server runs: until the process is killed, unless it fails.
    ///
    /// # Errors
    /// Unexpected, where the server's thread ended in a panic.
    pub fn wait(mut self) -> Result<(), Failure> {
        self.join()
    }

    /// Closes every connection and the port.
    ///
    /// # Errors
    /// Unexpected, where the server's thread ended in a panic.
    pub fn stop(mut self) -> Result<(), Failure> {
        self.stop = None;
        self.join()
    }

    fn join(&mut self) -> Result<(), Failure> {
        let ended = self.thread.take().map_or(Ok(()), JoinHandle::join);
        ended.map_err(|_| Failure::unexpected("the sandbox's thread panicked"))
    }
}

impl Drop for RunningSandbox {
    fn drop(&mut self) {
        self.stop = None;
        if let Err(failure) = self.join() {
            tracing::error!("{failure}");
        }
    }
}

/// What the server's thread is given besides its listener.
struct Thread {
    state: Arc<Mutex<State>>,
    clock: ClockFactory,
    stopped: oneshot::Receiver<()>,
    report: mpsc::Sender<std::io::Result<()>>,
}

/// The thread: a runtime of its own, so that whoever started the sandbox may block or run another.
fn run(listener: TcpListener, thread: Thread) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return send(&thread.report, Err(error)),
    };
    let server = Rc::new(Server { state: thread.state, clock: (thread.clock)() });
    LocalSet::new().block_on(&runtime, async move {
        let listener = match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => return send(&thread.report, Err(error)),
        };
        send(&thread.report, Ok(()));
        tokio::select! {
            never = server::accept(listener, server) => match never {},
            _ = thread.stopped => {}
        }
    });
}

fn send(report: &mpsc::Sender<std::io::Result<()>>, started: std::io::Result<()>) {
    // the starter waits for this; if it is gone there is nobody to tell, and `stopped` fires at once
    if report.send(started).is_err() {
        tracing::debug!("nobody waits for the sandbox to start");
    }
}

fn bind(listen: SocketAddr) -> Result<(TcpListener, SocketAddr), Failure> {
    let bound = TcpListener::bind(listen).and_then(|listener| {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    bound.map_err(|error| {
        let hint = "choose another port, or 127.0.0.1:0 for a free one";
        Failure::new(ExitCode::Usage, format!("the sandbox cannot listen on {listen}"), hint)
            .caused_by(&error)
    })
}

fn secret(value: String) -> Result<Secret, Failure> {
    Secret::from_text(value)
        .map_err(|malformed| Failure::unexpected("minted a bad value").caused_by(&malformed))
}

fn cannot_start(error: &std::io::Error) -> Failure {
    Failure::unexpected("the sandbox cannot start its thread").caused_by(error)
}

fn bad_settings(message: String) -> Failure {
    Failure::new(ExitCode::Usage, message, "correct the sandbox's setting of that name")
}
