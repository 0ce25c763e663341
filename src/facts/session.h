#ifndef SIGNET_SRC_FACTS_SESSION_H_
#define SIGNET_SRC_FACTS_SESSION_H_

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "src/base/clock.h"
#include "src/base/value.h"
#include "src/crypto/certificate.h"
#include "src/facts/phase.h"
#include "src/facts/trace.h"

// Plain facts: what the stages of a session tell each other. Only smtp/session.cc
// appends to a Session; everybody else reads. Addresses are numeric text without
// brackets; ports are numbers.
namespace signet::facts {

struct Connection {
  std::string client_ip;  // "192.0.2.1", "2001:db8::1"
  int client_port = 0;
  std::string local_ip;
  int local_port = 0;
  bool tls_on_connect = false;
  std::string id;  // short, for logs
  WallTime started;
  // Where a PROXY header or XCLIENT (from hosts named for it, rule S15) has told about another
  // client: then client_… and local_… are what was told, and these are the socket's own.
  bool proxied = false;  // by a PROXY header: $proxy_session
  std::string proxy_ip;  // the peer of the socket, whoever was told about; "" without PROXY
  int proxy_port = 0;
  std::string socket_ip;  // our end of the socket; "" without PROXY
  int socket_port = 0;
  std::map<int, std::string> proxy_tlvs;  // of PROXY v2, by type; the last of each
};

// The TLS layer as it was when its handshake ended. Made anew by each STARTTLS.
struct Tls {
  bool active = false;
  std::string version;     // "TLS1.3"; empty without TLS
  std::string cipher;      // "TLS1.3:ECDHE_X25519__ECDSA_SECP256R1_SHA256__AES_256_GCM:256"
  std::string cipher_std;  // IANA name
  int bits = 0;
  std::string sni;     // client's text
  int resumption = 0;  // bit mask as $tls_in_resumption
  int ocsp = 0;
  bool verified = false;  // computed for this session, now (rules I1, T4, T12)
  // Not verified, and not for want of trust: the issuer's revocation list cannot be used
  // at the moment, so that identities of that issuer are deferred (rule C3).
  bool verify_deferred = false;
  bool revoked = false;       // not verified, because an issuer took it back
  std::string verify_reason;  // why not, for the log
  // Verified only because the authenticator's server_eku asks for less than the purpose of
  // TLS clients.
  bool purpose_excused = false;
  std::string exporter;         // 32 octets for channel binding (RFC 9266), or empty
  crypto::CertificatePtr peer;  // the certificate whose key signed the handshake
  // The path that was verified: `peer` first, the trust anchor last (one element where the
  // peer's certificate is an anchor itself). Empty unless `verified`.
  std::vector<crypto::CertificatePtr> path;
  // What the peer has sent where it did not verify, leaf first: DER.
  std::vector<std::string> presented;
  crypto::CertificatePtr own;
};

// The host that a message goes to, once there is a connection to it.
struct Upstream {
  std::string name, ip;
  int port = 0;
  Tls tls;  // its certificate is tls.peer
};

enum class AuthResult : std::uint8_t { kNotTried, kAuthenticated, kFailed, kDeferred };

// Outcome of the authenticator. `id` is non-empty and printable where the result is
// kAuthenticated (rules I1, I11); all of it is reset before each attempt (I15).
struct Auth {
  AuthResult result = AuthResult::kNotTried;
  std::string authenticator;  // instance name: $sender_host_authenticated
  std::string public_name;
  std::string id;  // $authenticated_id
  Origins id_origins = kFromAdministrator;
  std::string fail_id;         // $authenticated_fail_id: the id that failed, plain
  std::string reason;          // for the log
  std::string deferred_class;  // short words fit for a client, e.g. "directory not available"
};

struct Recipient {
  std::string address;     // local@domain
  std::string local_part;  // unquoted
  std::string domain;      // as typed
  std::string notify;  // RFC 3461: "NEVER", or a list of SUCCESS, FAILURE, DELAY; "" where absent
  std::string orcpt;   // RFC 3461: "rfc822;…", xtext as typed and found well formed; "" likewise
};

// A field of a message's header as it came: `text` is the whole field, name and colon
// included, its lines apart by "\n" and without one at the end.
struct HeaderField {
  std::string name;  // as typed
  std::string text;
};

// Where a header field that an ACL adds goes.
enum class HeaderPlace : std::uint8_t {
  kEnd,            // below the message's own header
  kStart,          // above everything
  kAfterReceived,  // below the first block of Received fields
  kStartRfc,       // above the first field that is no trace field
};
struct AddedHeader {
  std::string text;  // "Name: value", continuation lines behind "\n" and a blank
  HeaderPlace place = HeaderPlace::kEnd;
};

// What ACLs have asked for with "control".
struct Controls {
  bool submission = false;  // complete and check the header as RFC 6409 has it
  bool submission_sender_retain = false;
  std::string submission_domain, submission_name;
  bool submission_has_domain = false;
  bool suppress_local_fixups = false;
  bool fake_reject = false, fake_defer = false;  // take the message, but say no
  std::string fake_text;
  bool caseful_local_part = false;
};

// The same for what is asked of the connection as such: kept until it ends.
struct ConnectionControls {
  std::optional<bool> enforce_sync;     // in place of smtp_enforce_sync
  bool no_pipelining = false;           // not offered from the next EHLO on
  bool no_multiline_responses = false;  // of a reply by an ACL's text, only its first line
  bool no_delay_flush = false;          // replies may wait while "delay" passes
  bool no_callout_flush = false;        // … and while an address is verified
};

// Rates that "ratelimit" conditions have measured, by key: an event is counted once, however
// many conditions ask.
using Rates = std::map<std::string, double>;

// Whether the name of the client's host has been looked for, and what came out.
enum class HostLookup : std::uint8_t { kNotDone, kFound, kNone, kLater };

struct Envelope {
  bool has_sender = false;
  std::string sender;  // "" for <>
  std::string sender_local_part, sender_domain;
  std::vector<Recipient> recipients;  // accepted ones
  Recipient current;                  // while RCPT is being decided
  std::uint64_t declared_size = 0;    // SIZE=, 0 where absent
  bool body_8bitmime = false;
  bool smtputf8 = false;                // RFC 6531
  std::string dsn_ret;                  // RFC 3461: "FULL", "HDRS" or ""
  std::string dsn_envid;                // RFC 3461: xtext as typed and found well formed
  bool bdat = false;                    // it came by BDAT
  std::size_t recipients_refused = 0;   // RCPT commands answered 5xx …
  std::size_t recipients_deferred = 0;  // … and 4xx
  std::size_t recipients_asked = 0;     // RCPT commands, the one at hand included
  WallTime received;                    // when the message began to come
  std::vector<HeaderField> headers;     // once the header has been read
  bool headers_read = false;
  // Of the message as it came, once it is whole: its header and its body, the lines and
  // octets of the body, its NULs, and the longest line. The blank line between header and
  // body counts as one of the message.
  std::uint64_t message_lines = 0, body_lines = 0, body_size = 0, body_zeros = 0;
  std::size_t max_line_length = 0;
  std::string body_start, body_end;          // of the body, so many octets as configured
  std::vector<AddedHeader> added_headers;    // by ACLs, in their order
  std::vector<std::string> removed_headers;  // names or patterns, of remove_header
  Controls controls;
  Rates rates;                   // of this message
  std::set<std::string> warned;  // texts of "warn" that are in the log for this message
  // What the match lists of conditions found by lookups: $sender_data, …
  Value sender_data, recipient_data, domain_data, local_part_data;
  std::string message_id;            // ours: "1xUPkM-0007Kz-0g"
  std::uint64_t message_size = 0;    // octets received
  std::string authenticated_sender;  // accepted AUTH= value
};

// Everything known about one connection so far. Variables of the expansion language
// read from here.
struct Session {
  std::string primary_hostname;
  std::string active_hostname;
  Connection connection;
  Tls tls;
  Auth auth;
  std::string helo;  // argument of EHLO/HELO, "" before and after STARTTLS
  bool esmtp = false;
  Envelope envelope;
  Phase phase = Phase::kConnect;
  std::string smtp_command;  // whole line, for $smtp_command
  std::string smtp_command_argument;
  std::string host_name;  // $sender_host_name, if looked up
  HostLookup host_lookup = HostLookup::kNotDone;
  bool helo_verified = false;  // by "verify = helo"
  Value host_data;             // $host_data
  ConnectionControls controls;
  Rates rates_of_connection, rates_of_command;
  std::set<std::string> warned;                     // as in the envelope, outside a message
  std::map<std::string, Value, std::less<>> acl_c;  // by full name, "acl_c_x"
  std::map<std::string, Value, std::less<>> acl_m;
  Value auth_vars[4];                     // $auth1…$auth4, only while an authenticator runs
  Value auth_matched, auth_pinned;        // $auth_matched, $auth_pinned, likewise
  bool auth_numbers = false;              // they are $1…$4 too
  Value auth_state;                       // $auth_state, between the steps of an exchange
  std::string auth_challenge;             // $auth_challenge: what the client was asked last
  int auth_step = 0;                      // $auth_step, from 1; 0 outside an exchange
  bool authentication_failed = false;     // $authentication_failed
  std::vector<std::string> auth_offered;  // mechanisms of the last EHLO's AUTH line
  Upstream upstream;                      // $host, $tls_out_…
  std::string notquit_reason;             // $smtp_notquit_reason
  // $sender_rate, …: of the last ratelimit condition.
  std::string sender_rate, sender_rate_limit, sender_rate_period;
  bool strict_acl_vars = false;  // $acl_… that no ACL has set is a failure
  std::vector<Value> acl_args;   // $acl_arg1…9 of the innermost nested ACL
  std::string acl_verify_message;
  // Where the decisions about this client are written down, step by step; nullptr: nowhere.
  Trace* trace = nullptr;
  // The moment that an offline tool pretends it is, in seconds; unset: now.
  std::optional<std::int64_t> at;
  // What --set and `set name = value` override, by variable name (offline tools only).
  std::map<std::string, Value, std::less<>> overrides;

  // "smtp", "esmtp", "esmtps", "esmtpsa", …
  std::string ReceivedProtocol() const;
};

inline std::string Session::ReceivedProtocol() const {
  std::string name = esmtp ? "esmtp" : "smtp";
  if (envelope.smtputf8) name.insert(0, "utf8");
  if (tls.active) name += 's';
  if (auth.result == AuthResult::kAuthenticated) name += 'a';
  return name;
}

}  // namespace signet::facts
#endif
