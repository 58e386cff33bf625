//! An application's state: how it is given, and the routes that have it, with its type forgotten.

use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;

use super::Start;
use crate::environment::Environment;
use crate::error::Result;
use crate::routes::{Routes, Supply};

pub(super) type GiveRoutes<S> = Box<dyn FnOnce(&Environment) -> Routes<S> + Send>;

type Starting<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

/// A state, or the function that makes it.
pub(super) enum State<S> {
    Given(S),
    Made(Box<dyn FnOnce(Start) -> Starting<S> + Send>),
}

/// A table with its state, of any type.
pub(super) struct Typed<S> {
    pub(super) routes: GiveRoutes<S>,
    pub(super) state: State<S>,
}

/// A table whose state is not made yet. What puts an application together and runs it is of one type for all, so that it is
/// compiled with this crate, and not with the application at every edit.
pub(super) trait Unstarted: Send {
    /// The table as it is looked at.
    fn look_at(self: Box<Self>, environment: &Environment) -> Routes;

    /// Makes the state.
    fn start(self: Box<Self>, start: Start) -> Starting<Started>;
}

/// A table that can be given its state, which is made.
pub(super) struct Started {
    pub(super) routes: GiveRoutes<()>,
    /// The state itself, for connections that come from another process.
    pub(super) state: Arc<dyn Any + Send + Sync>,
}

impl State<()> {
    /// This state in place of none; what there was to do at the start is done all the same.
    pub(super) fn then_given<S: Send + 'static>(self, state: S) -> State<S> {
        match self {
            Self::Given(()) => State::Given(state),
            Self::Made(_) => self.then(async |_| Ok(state)),
        }
    }

    pub(super) fn then<S, Fut>(self, make: impl FnOnce(Start) -> Fut + Send + 'static) -> State<S>
    where
        Fut: Future<Output = Result<S>> + Send + 'static,
    {
        State::Made(match self {
            Self::Given(()) => Box::new(|start| Box::pin(make(start))),
            Self::Made(before) => Box::new(|start| {
                Box::pin(async {
                    before(start.clone()).await?;
                    make(start).await
                })
            }),
        })
    }
}

impl<S: Clone + Send + Sync + 'static> Unstarted for Typed<S> {
    fn look_at(self: Box<Self>, environment: &Environment) -> Routes {
        looked_at((self.routes)(environment))
    }

    fn start(self: Box<Self>, start: Start) -> Starting<Started> {
        let Self { routes, state } = *self;
        Box::pin(async move {
            let state = match state {
                State::Given(state) => state,
                State::Made(make) => make(start).await?,
            };
            let state = Arc::new(state);
            let supplied = Arc::clone(&state);
            let supply: Supply<S> = Arc::new(move || S::clone(&supplied));
            Ok(Started {
                routes: Box::new(move |environment| routes(environment).with_state(&supply)),
                state,
            })
        })
    }
}

/// A table to be looked at, without a state: what is in it can't be called.
pub(super) fn looked_at<S: Clone + Send + Sync + 'static>(routes: Routes<S>) -> Routes {
    let supply: Supply<S> = Arc::new(|| unreachable!("nothing is called in a table that is looked at"));
    routes.with_state(&supply)
}
