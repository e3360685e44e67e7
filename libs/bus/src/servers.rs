//! Reads the URLs of the broker's servers. The client library takes no user from a URL, and writes URLs to its log.

use async_nats::{ConnectOptions, ServerAddr};
use percent_encoding::percent_decode_str;
use std::io;

/// The servers of one broker, without secrets, and whom all of them are told that it is who connects.
pub struct Servers {
    /// Their addresses, without user and password.
    pub addresses: Vec<ServerAddr>,
    user: Option<User>,
}

/// Who connects. A name without a password is a token.
#[derive(PartialEq)]
struct User {
    name: String,
    password: Option<String>,
}

impl Servers {
    /// Reads URLs that are separated by commas, or returns what is wrong with them, without their secrets.
    pub fn read(urls: &str) -> Result<Self, String> {
        let mut servers = Self { addresses: Vec::new(), user: None };
        for (index, url) in urls.split(',').enumerate() {
            let of_url = |problem: String| format!("server {}: {problem}", index + 1);
            let (address, user) = split(url.trim()).map_err(of_url)?;
            servers.addresses.push(address);
            match (&servers.user, user) {
                (_, None) => {}
                (None, user) => servers.user = user,
                (Some(known), Some(user)) if *known == user => {}
                _ => return Err(of_url("has another user or password than those before".into())),
            }
        }
        Ok(servers)
    }

    /// The options of a client that shows them user and password.
    pub fn options(&self) -> ConnectOptions {
        match &self.user {
            None => ConnectOptions::new(),
            Some(User { name, password: None }) => ConnectOptions::with_token(name.clone()),
            Some(User { name, password: Some(password) }) => {
                ConnectOptions::with_user_and_password(name.clone(), password.clone())
            }
        }
    }
}

/// The address of a server, and the user in its URL.
fn split(url: &str) -> Result<(ServerAddr, Option<User>), String> {
    let address: ServerAddr = url.parse().map_err(|error: io::Error| error.to_string())?;
    if address.host().is_empty() {
        return Err("names no host".to_owned());
    }
    let mut url = address.into_inner();
    let user = match (url.username(), url.password()) {
        ("", None) => None,
        (name, password) => {
            Some(User { name: decoded(name)?, password: password.map(decoded).transpose()? })
        }
    };
    // Fails only where there is no host.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    let address = ServerAddr::from_url(url).map_err(|error| error.to_string())?;
    Ok((address, user))
}

fn decoded(text: &str) -> Result<String, String> {
    let text = percent_decode_str(text).decode_utf8();
    text.map(String::from).map_err(|_| "user or password is no UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(servers: &Servers) -> Vec<&str> {
        servers.addresses.iter().map(ServerAddr::as_url_str).collect()
    }

    fn user(name: &str, password: Option<&str>) -> Option<User> {
        Some(User { name: name.to_owned(), password: password.map(str::to_owned) })
    }

    #[test]
    fn user_and_password_are_taken_out_of_urls_and_decoded() {
        for (url, address, expected) in [
            ("nats://h:1", "nats://h:1", None),
            ("h:1", "nats://h:1", None),
            ("tls://a:b@h:1", "tls://h:1", user("a", Some("b"))),
            ("nats://a%40b:p%3Aq%2f%25@h", "nats://h", user("a@b", Some("p:q/%"))),
            ("nats://t0ken@h:1", "nats://h:1", user("t0ken", None)),
        ] {
            let servers = Servers::read(url).unwrap_or_else(|problem| panic!("{url}: {problem}"));
            assert_eq!(addresses(&servers), [address]);
            assert!(servers.user == expected, "{url}");
        }
        let servers = Servers::read("nats://h:1, nats://a:b@i:2,nats://a:b@j:3").ok().unwrap();
        assert_eq!(addresses(&servers), ["nats://h:1", "nats://i:2", "nats://j:3"]);
        assert!(servers.user == user("a", Some("b")));
    }

    #[test]
    fn what_is_wrong_is_said_without_the_secret() {
        for (urls, problem) in [
            ("nats://a:secret@h,nats://a:secret2@i", "server 2: has another user or password"),
            ("nats://a:secret@h:port", "server 1: NATS server URL is invalid: invalid port"),
            ("nats://a:secret@h,", "server 2: names no host"),
            ("http://a:secret@h", "server 1: invalid scheme for NATS server URL: http"),
            ("nats://a:secret%ff@h", "server 1: user or password is no UTF-8"),
        ] {
            let refused = Servers::read(urls).err().unwrap();
            assert!(refused.starts_with(problem) && !refused.contains("secret"), "{refused}");
        }
    }
}
