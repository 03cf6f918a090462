//! Over a real TCP connection, spoken to by hand.

use rollcall_http::Clock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::peer::{form, user};
use crate::{Fault, Faults, Tenant, TenantOptions};

/// Sends one request and reads until the server closes.
async fn speak(port: u16, head: &str, body: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let text = format!(
        "{head}\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(text.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// Signs in, creates, pages on its own origin; then connections break, one before and one after
/// the write, and not a byte of an answer arrives.
#[tokio::test]
async fn the_tenant_is_served_on_a_port() {
    let options = TenantOptions::default();
    let tenant = Tenant::open(options.clone(), Clock::system()).unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(crate::serve(tenant.clone(), listener));

    let head = format!(
        "POST /{}/oauth2/v2.0/token HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded",
        options.tenant_id
    );
    let answer = speak(port, &head, &form(&options)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let token = answer
        .split("\"access_token\":\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();

    let json = format!("Authorization: Bearer {token}\r\nContent-Type: application/json");
    let post = format!("POST /v1.0/users HTTP/1.1\r\n{json}");
    for name in ["mira", "noor"] {
        let answer = speak(port, &post, &user(name).to_string()).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 201 Created"), "{answer}");
    }
    let get = format!("GET /v1.0/users?$top=1 HTTP/1.1\r\nAuthorization: Bearer {token}");
    let answer = speak(port, &get, "").await.unwrap();
    let link = format!("\"@odata.nextLink\":\"http://127.0.0.1:{port}/v1.0/users?");
    assert!(answer.contains(&link), "{answer}");

    for (kind, name, users) in [
        (Fault::ResetBefore, "omar", 2),
        (Fault::ResetAfter, "pia", 3),
    ] {
        tenant.set_faults(Faults {
            seed: 1,
            share: 1.0,
            kinds: vec![kind],
        });
        match speak(port, &post, &user(name).to_string()).await {
            Ok(answer) => assert_eq!(answer, "", "{kind:?}"),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
        }
        assert_eq!(tenant.users().len(), users, "{kind:?}");
    }
    tenant.set_faults(Faults::none());
    let answer = speak(port, &post, &user("pia").to_string()).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request"), "{answer}");
    server.abort();
}
