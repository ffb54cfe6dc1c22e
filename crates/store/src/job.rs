//! One closure on its way through a worker thread and back to its caller.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

use crate::{StoreError, Tx, TxError, error::Result};

/// What became of one run of a closure.
pub(crate) enum Ran {
    /// It wants its work kept.
    Done,
    /// It refused: its work must go, the reason is its own affair.
    Refused,
    /// The store failed it: its work must go, and a retry may help.
    Failed(StoreError),
}

/// A closure and the caller waiting for it, with their types hidden from the workers.
pub(crate) trait Job: Send {
    /// Runs the closure, again if need be. Never panics.
    fn run(&mut self, tx: &mut Tx<'_>) -> Ran;
    /// Tells the caller: with `Ok` the closure's own result, with `Err` that fault in its place.
    fn settle(self: Box<Self>, outcome: Result<()>);
    /// Nobody waits any more.
    fn is_abandoned(&self) -> bool;
}

pub(crate) struct Call<F, T, E> {
    work: F,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Call<F, T, E>
where
    F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: TxError,
{
    pub(crate) fn place(work: F) -> (Box<dyn Job>, oneshot::Receiver<Result<T, E>>) {
        let (reply, answer) = oneshot::channel();
        (Box::new(Self { work, result: None, reply }), answer)
    }
}

impl<F, T, E> Job for Call<F, T, E>
where
    F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: TxError,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> Ran {
        self.result = None;
        let result = match catch_unwind(AssertUnwindSafe(|| (self.work)(tx))) {
            Ok(result) => result,
            Err(_) => Err(E::from(StoreError::Panicked)),
        };
        // A swallowed fault must not commit half of what was meant.
        let result = match (result, tx.fault.take()) {
            (Ok(_), Some(fault)) => Err(E::from(fault)),
            (result, _) => result,
        };
        let ran = match &result {
            Ok(_) => Ran::Done,
            Err(error) => error.store().cloned().map_or(Ran::Refused, Ran::Failed),
        };
        self.result = Some(result);
        ran
    }

    fn settle(self: Box<Self>, outcome: Result<()>) {
        let Self { work, result, reply } = *self;
        // What the closure holds goes before the caller hears: who shares it with the closure has it alone from then on.
        drop(work);
        let result = match (outcome, result) {
            (Ok(()), Some(result)) => result,
            (Ok(()), None) => Err(E::from(StoreError::Closed)),
            (Err(fault), _) => Err(E::from(fault)),
        };
        // The caller may have gone away; its work stays as decided.
        drop(reply.send(result));
    }

    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }
}
