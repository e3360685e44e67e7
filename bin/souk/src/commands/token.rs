use super::duration::duration;
use super::flags::Flags;
use crate::environment::Environment;
use crate::output;
use crate::usage::Usage;
use anyhow::{Result, anyhow};
use clap::Args;
use mesh::Config;
use mesh::auth::{ACT_AS, all_scopes};
use mesh::identity::Signer;
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;

/// Prints a token that the configured key signed.
#[derive(Debug, Args)]
pub struct Token {
    /// Subject of the token.
    #[arg(long, default_value = "me")]
    subject: String,
    /// Scopes, separated by spaces; default: all scopes of the contract.
    #[arg(long)]
    scope: Option<String>,
    /// How long it is valid: a number with s, m, h or d.
    #[arg(long, default_value = "12h", value_parser = duration)]
    ttl: Duration,
    #[command(flatten)]
    flags: Flags,
}

impl Token {
    /// Prints the token and nothing else.
    pub fn run(self) -> Result<()> {
        let (config, _) = self.flags.load(&Environment::of_client(), |_, _| {})?;
        let scopes = scopes(self.scope.as_deref())?;
        output::line(mint(&config, &self.subject, &scopes, self.ttl)?.expose_secret());
        Ok(())
    }
}

/// Signs a token with the configured key.
pub fn mint(
    config: &Config,
    subject: &str,
    scopes: &[&str],
    ttl: Duration,
) -> Result<SecretString> {
    let signer = Signer::open(&config.auth, &config.server);
    let signer = signer.map_err(|problem| Usage(format!("auth.signing_key_file: {problem}")))?;
    let signer = signer.ok_or_else(|| {
        let message = "there is no key to sign a token with: set SOUK_AUTH_SIGNING_KEY_FILE, or start the \
                       development stack (`./dev up`), which makes one";
        Usage(message.to_owned())
    })?;
    signer.mint(subject, scopes, ttl).map_err(|problem| anyhow!("sign a token: {problem}"))
}

fn scopes(named: Option<&str>) -> Result<Vec<&str>, Usage> {
    let all = all_scopes();
    let Some(named) = named else { return Ok(all) };
    let named: Vec<&str> = named.split_whitespace().collect();
    let unknown: Vec<&str> =
        named.iter().copied().filter(|scope| *scope != ACT_AS && !all.contains(scope)).collect();
    match unknown.is_empty() {
        true => Ok(named),
        false => {
            let (unknown, all) = (unknown.join(" "), all.join(" "));
            Err(Usage(format!("no method asks for the scope {unknown}; there are: {all} {ACT_AS}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_that_nothing_asks_for_is_refused() {
        assert_eq!(scopes(None).unwrap(), all_scopes());
        assert_eq!(scopes(Some("catalog:read pricing:write")).unwrap().len(), 2);
        assert!(scopes(Some("catalog:raed")).unwrap_err().to_string().contains("catalog:raed;"));
    }
}
