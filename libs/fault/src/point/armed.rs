use crate::Fault;
use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// What happens at a failpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    /// The process aborts: nothing is flushed, no destructor runs.
    Abort,
    /// The failpoint returns an error.
    Error,
    /// The failpoint waits.
    Delay(Duration),
    /// The name is that of a safeguard, which is switched off.
    Off,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Plan {
    action: Action,
    /// The pass at which it happens, starting at 1.
    at: u32,
    /// Whether it also happens at all later passes.
    and_later: bool,
}

struct Armed {
    plans: HashMap<String, Plan>,
    passes: Mutex<HashMap<&'static str, u32>>,
    before_action: Box<dyn Fn(&'static str) + Send + Sync>,
}

static ARMED: OnceLock<Armed> = OnceLock::new();

/// An invalid entry of a script.
#[derive(Debug, thiserror::Error)]
#[error(
    "failpoints: {0:?} is not name=abort|error|delay:<ms>|off, with @<pass> or @<pass>+ behind it"
)]
pub struct ScriptError(String);

/// Configures the failpoints of this process with a script, once. `before_action` is called before each action, so that it can be
/// recorded before the process aborts.
pub fn arm(
    script: &str,
    before_action: impl Fn(&'static str) + Send + Sync + 'static,
) -> Result<(), ScriptError> {
    let mut plans = HashMap::new();
    for entry in script.split(';').map(str::trim).filter(|entry| !entry.is_empty()) {
        let (name, plan) = parse(entry).ok_or_else(|| ScriptError(entry.to_owned()))?;
        plans.insert(name.to_owned(), plan);
    }
    let before_action = Box::new(before_action);
    let _ = ARMED.set(Armed { plans, passes: Mutex::default(), before_action });
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

/// A failpoint: aborts, fails or waits if the script says so.
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
    (armed.before_action)(name);
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

/// Whether a safeguard is switched off.
pub fn off(name: &'static str) -> bool {
    let plan = ARMED.get().and_then(|armed| armed.plans.get(name));
    plan.is_some_and(|plan| plan.action == Action::Off)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn actions_happen_at_their_pass_and_are_recorded() {
        let recorded = std::sync::Arc::new(Mutex::new(Vec::new()));
        let record = recorded.clone();
        arm("a=error@2; b=error@2+ ;guard=off;", move |name| record.lock().unwrap().push(name))
            .unwrap();
        let mut passes = Vec::new();
        for name in ["a", "a", "a", "b", "b", "b", "c"] {
            passes.push(reached(name).await.is_ok());
        }
        assert_eq!(passes, [true, false, true, true, false, false, true]);
        assert_eq!(*recorded.lock().unwrap(), ["a", "b", "b"]);
        assert!(off("guard") && !off("a") && !off("other"));
    }

    #[test]
    fn invalid_scripts_are_rejected() {
        for script in ["a", "a=", "a=explode", "a=delay", "a=delay:x", "a=abort@x", "=@"] {
            assert!(arm(script, |_| {}).is_err(), "{script}");
        }
    }
}
