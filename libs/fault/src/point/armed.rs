use crate::Fault;
use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// What happens at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    /// The process dies as by SIGKILL: nothing is flushed, no destructor runs.
    Abort,
    /// The work there fails.
    Error,
    /// The work there waits.
    Delay(Duration),
    /// Not a point but a safeguard: it is taken away.
    Off,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Plan {
    action: Action,
    /// The pass at which it happens, from 1.
    at: u32,
    /// Whether it happens at every later pass too.
    and_later: bool,
}

struct Armed {
    plans: HashMap<String, Plan>,
    passes: Mutex<HashMap<&'static str, u32>>,
    happens: Box<dyn Fn(&'static str) + Send + Sync>,
}

static ARMED: OnceLock<Armed> = OnceLock::new();

/// A script that says nothing sensible.
#[derive(Debug, thiserror::Error)]
#[error(
    "failpoints: {0:?} is not name=abort|error|delay:<ms>|off, with @<pass> or @<pass>+ behind it"
)]
pub struct ScriptError(String);

/// Arms the points of this process by a script, once. `happens` is told of each thing that is about to happen, so that it can be
/// written down before the process dies.
pub fn arm(
    script: &str,
    happens: impl Fn(&'static str) + Send + Sync + 'static,
) -> Result<(), ScriptError> {
    let mut plans = HashMap::new();
    for entry in script.split(';').map(str::trim).filter(|entry| !entry.is_empty()) {
        let (name, plan) = parse(entry).ok_or_else(|| ScriptError(entry.to_owned()))?;
        plans.insert(name.to_owned(), plan);
    }
    let _ = ARMED.set(Armed { plans, passes: Mutex::default(), happens: Box::new(happens) });
    Ok(())
}

fn parse(entry: &str) -> Option<(&str, Plan)> {
    let (name, rest) = entry.split_once('=')?;
    let (action, pass) = rest.split_once('@').unwrap_or((rest, "1"));
    let (pass, and_later) = match pass.strip_suffix('+') {
        Some(pass) => (pass, true),
        None => (pass, false),
    };
    let action = match action.split_once(':') {
        Some(("delay", ms)) => Action::Delay(Duration::from_millis(ms.parse().ok()?)),
        None if action == "abort" => Action::Abort,
        None if action == "error" => Action::Error,
        None if action == "off" => Action::Off,
        _ => return None,
    };
    Some((name, Plan { action, at: pass.parse().ok()?, and_later }))
}

/// A point of the path of an event: dies, fails or waits here where a script says so.
pub async fn reached(name: &'static str) -> Result<(), Fault> {
    let Some(armed) = ARMED.get() else { return Ok(()) };
    let Some(plan) = armed.plans.get(name) else { return Ok(()) };
    let pass = {
        let mut passes = armed.passes.lock().unwrap_or_else(PoisonError::into_inner);
        let pass = passes.entry(name).or_default();
        *pass += 1;
        *pass
    };
    if pass < plan.at || (pass > plan.at && !plan.and_later) {
        return Ok(());
    }
    (armed.happens)(name);
    match plan.action {
        Action::Abort => std::process::abort(),
        Action::Error => Err(Fault::internal(format!("failpoint {name}"))),
        Action::Delay(time) => {
            tokio::time::sleep(time).await;
            Ok(())
        }
        Action::Off => Ok(()),
    }
}

/// Whether a safeguard is taken away.
pub fn off(name: &'static str) -> bool {
    let plan = ARMED.get().and_then(|armed| armed.plans.get(name));
    plan.is_some_and(|plan| plan.action == Action::Off)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_the_script_says_happens_at_its_pass_and_is_told_before() {
        let told = std::sync::Arc::new(Mutex::new(Vec::new()));
        let telling = told.clone();
        arm("a=error@2; b=error@2+ ;guard=off;", move |name| telling.lock().unwrap().push(name))
            .unwrap();
        let mut passes = Vec::new();
        for name in ["a", "a", "a", "b", "b", "b", "c"] {
            passes.push(reached(name).await.is_ok());
        }
        assert_eq!(passes, [true, false, true, true, false, false, true]);
        assert_eq!(*told.lock().unwrap(), ["a", "b", "b"]);
        assert!(off("guard") && !off("a") && !off("other"));
    }

    #[test]
    fn nonsense_is_refused() {
        for script in ["a", "a=", "a=explode", "a=delay", "a=delay:x", "a=abort@x", "=@"] {
            assert!(arm(script, |_| {}).is_err(), "{script}");
        }
    }
}
