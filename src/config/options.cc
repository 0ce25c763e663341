#include "src/config/options.h"

#include <algorithm>

namespace signet::config {
namespace {

using facts::Phase;

template <typename Table>
constexpr bool SortedAndUnique(const Table& table) {
  for (std::size_t i = 1; i < std::size(table); ++i) {
    if (!(table[i - 1].name < table[i].name)) return false;
  }
  return true;
}

template <typename Table>
constexpr bool SortedNames(const Table& table) {
  for (std::size_t i = 1; i < std::size(table); ++i) {
    if (!(table[i - 1] < table[i])) return false;
  }
  return true;
}

template <typename Table>
constexpr bool Complete(const Table& table) {
  for (const auto& row : table) {
    if (row.name.empty() || row.manual.empty()) return false;
  }
  return true;
}

// clang-format off
constexpr Row<Main> kMain[] = {
  // name                       member                          default     the manual says
  {"acl_smtp_auth",             AclWhen::kAuth,                 "",         "ACL for AUTH", Phase::kAuth},
  {"acl_smtp_connect",          AclWhen::kConnect,              "",         "ACL for a new connection", Phase::kConnect},
  {"acl_smtp_data",             AclWhen::kData,                 "",         "ACL for a message that has been received", Phase::kData},
  {"acl_smtp_helo",             AclWhen::kHelo,                 "",         "ACL for EHLO and HELO", Phase::kHelo},
  {"acl_smtp_mail",             AclWhen::kMail,                 "",         "ACL for MAIL", Phase::kMail},
  {"acl_smtp_mailauth",         AclWhen::kMailauth,             "",         "ACL for AUTH= of MAIL; what it denies is not believed", Phase::kMail},
  {"acl_smtp_notquit",          AclWhen::kNotquit,              "",         "ACL for a session that ends without QUIT", Phase::kQuit},
  {"acl_smtp_predata",          AclWhen::kPredata,              "",         "ACL for DATA, before the message", Phase::kPredata},
  {"acl_smtp_quit",             AclWhen::kQuit,                 "",         "ACL for QUIT", Phase::kQuit},
  {"acl_smtp_rcpt",             AclWhen::kRcpt,                 "",         "ACL for RCPT; unset refuses every recipient", Phase::kRcpt},
  {"acl_smtp_starttls",         AclWhen::kStarttls,             "",         "ACL for STARTTLS", Phase::kHelo},
  {"acl_smtp_vrfy",             AclWhen::kVrfy,                 "",         "ACL for VRFY; unset refuses", Phase::kRcpt},
  {"add_authentication_results", &Main::add_authentication_results, "no",   "put an Authentication-Results field above the header, which says who the client is"},
  {"add_environment",           &Main::add_environment,         "",         "variables of the environment to add for ${env{}}: a list of NAME=value"},
  {"after_tls_auth",            &Main::after_tls_auth,          "hide",     "SASL for a client whose certificate has authenticated it: hide, external or full", Phase::kHelo},
  {"after_tls_authorize",       &Main::after_tls_authorize,     "",         "whether $authenticated_id may act as $auth1, which AUTH asked for; unset is no", Phase::kAuth},
  {"allow_domain_literals",     &Main::allow_domain_literals,   "no",       "take addresses whose domain is an address in brackets"},
  {"auth_advertise_hosts",      &Main::auth_advertise_hosts,    "*",        "hosts to offer AUTH to, under TLS", Phase::kHelo, ListKind::kHost},
  {"authserv_id",               &Main::authserv_id,             "",         "name in our Authentication-Results, which nobody else may use; unset is primary_hostname"},
  {"bare_newlines",             &Main::bare_newlines,           "reject",   "a CR or LF that is not part of a CRLF in a message: reject, normalize or space", Phase::kLoad, {}, {}, {"reject normalize space", {}, {}}},
  {"chroot_directory",          &Main::chroot_directory,        "",         "directory that is the root of the file system once root is given up; unset is what it was"},
  {"chunking_advertise_hosts",  &Main::chunking_advertise_hosts, "*",       "hosts to offer CHUNKING (BDAT) to", Phase::kHelo, ListKind::kHost},
  {"complete_submissions",      &Main::complete_submissions,    "yes",      "add Date and Message-ID to messages of authenticated clients that lack them"},
  {"control_socket",            &Main::control_socket,          "",         "Unix socket where \"signet why\", \"status\" and \"reload\" find the running server; unset is none"},
  {"daemon_smtp_ports",         &Main::daemon_smtp_ports,       "smtp",     "ports to listen on, numbers or service names"},
  {"decisions_file",            &Main::decisions_file,          "",         "file where decisions outlive the process; unset is nowhere"},
  {"decisions_kept",            &Main::decisions_kept,          "500",      "refusals that \"signet why\" knows, and as many accepted clients; 0 keeps none"},
  {"driver_modules",            &Main::driver_modules,          "",         "shared objects with drivers; a list of absolute paths"},
  {"dsn_advertise_hosts",       &Main::dsn_advertise_hosts,     "",         "hosts to offer DSN to: parameters about delivery reports, which go on to the upstream", Phase::kHelo, ListKind::kHost},
  {"helo_accept_junk_hosts",    &Main::helo_accept_junk_hosts,  "",         "hosts that may say anything printable in EHLO and HELO", Phase::kHelo, ListKind::kHost},
  {"helo_allow_chars",          &Main::helo_allow_chars,        "",         "further characters that a name in EHLO and HELO may have"},
  {"helo_try_verify_hosts",     &Main::helo_try_verify_hosts,   "",         "hosts whose name in EHLO is verified for verify = helo, whatever comes out", Phase::kHelo, ListKind::kHost},
  {"helo_verify_hosts",         &Main::helo_verify_hosts,       "",         "hosts that are refused where their name in EHLO is not their own", Phase::kHelo, ListKind::kHost},
  {"hold_directory",            &Main::hold_directory,          "/var/tmp", "where bodies of messages lie, in files without a name, while an ACL decides about their header"},
  {"host_reject_connection",    &Main::host_reject_connection,  "",         "hosts that are refused at once", Phase::kConnect, ListKind::kHost},
  {"hosts_connection_nolog",    &Main::hosts_connection_nolog,  "",         "hosts whose coming and going is not logged", Phase::kConnect, ListKind::kHost},
  {"hosts_proxy",               &Main::hosts_proxy,             "",         "load balancers that say who their client is with a PROXY header, and must", Phase::kConnect, ListKind::kHost},
  {"hosts_require_alpn",        &Main::hosts_require_alpn,      "",         "hosts that must name the protocol (ALPN) in the TLS handshake", Phase::kConnect, ListKind::kHost},
  {"hosts_require_helo",        &Main::hosts_require_helo,      "*",        "hosts that must say EHLO or HELO before MAIL", Phase::kConnect, ListKind::kHost},
  {"hosts_xclient",             &Main::hosts_xclient,           "",         "hosts that may say who their client is with XCLIENT", Phase::kConnect, ListKind::kHost},
  {"hosts_xclient_login",       &Main::hosts_xclient_login,     "",         "those of them that may say who it is authenticated as", Phase::kConnect, ListKind::kHost},
  {"identity_header",           &Main::identity_header,         "",         "name of a header field for $authenticated_id, which clients cannot set; unset is none"},
  {"keep_environment",          &Main::keep_environment,        "",         "variables of the environment that ${env{}} may see; unset is none", Phase::kLoad, ListKind::kString},
  {"key_process",               &Main::key_process,             "yes",      "hold private keys of certificates for clients in a process of their own"},
  {"limits_advertise_hosts",    &Main::limits_advertise_hosts,  "*",        "hosts to tell the limits of messages and recipients in EHLO", Phase::kHelo, ListKind::kHost},
  {"local_interfaces",          &Main::local_interfaces,        "<; ::0 ; 0.0.0.0", "addresses to listen on, each with a port if need be"},
  {"log_file_path",             &Main::log_file_path,           "",         "where logs go: files (%s becomes main, reject or panic), syslog, stderr; unset is standard error"},
  {"log_json_path",             &Main::log_json_path,           "",         "where logs go as JSON, one object a line; as log_file_path, and %s may be left out"},
  {"log_selector",              &Main::log_selector,            "",         "fields and lines to add to (+) or leave out of (-) the logs"},
  {"log_timezone",              &Main::log_timezone,            "no",       "show the offset from UTC in log time stamps"},
  {"master_process",            &Main::master_process,          "yes",      "serve in a child process, which is replaced when it dies"},
  {"message_body_newlines",     &Main::message_body_newlines,   "no",       "keep line ends of the body in $message_body and $message_body_end"},
  {"message_body_visible",      &Main::message_body_visible,    "500",      "octets of the body's start and end for $message_body and $message_body_end"},
  {"message_linelength_limit",  &Main::message_linelength_limit, "998",     "octets that a line of a message may have, without CRLF"},
  {"message_size_limit",        &Main::message_size_limit,      "50M",      "largest message in octets; 0 is no limit", Phase::kConnect},
  {"metrics_listen",            &Main::metrics_listen,          "",         "where metrics are served to Prometheus over HTTP: a loopback address and port, or a Unix socket; unset is nowhere"},
  {"pid_file_path",             &Main::pid_file_path,           "",         "file for the number of the process"},
  {"pipelining_advertise_hosts", &Main::pipelining_advertise_hosts, "*",    "hosts to offer PIPELINING to", Phase::kHelo, ListKind::kHost},
  {"primary_hostname",          &Main::primary_hostname,        "",         "name of this host in replies and trace fields; unset is what the system says"},
  {"proxy_protocol_timeout",    &Main::proxy_protocol_timeout,  "3s",       "wait for a PROXY header, in all"},
  {"qualify_domain",            &Main::qualify_domain,          "",         "domain for addresses without one; unset is primary_hostname"},
  {"qualify_recipient",         &Main::qualify_recipient,       "",         "domain for recipients without one; unset is qualify_domain"},
  {"ratelimit_store",           &Main::ratelimit_store,         "",         "lookup type whose database keeps the rates of ratelimit and seen, for several gateways; unset is this process"},
  {"received_header_text",      &Main::received_header_text,    "",         "text of our Received field, without its date; unset is the built-in one", Phase::kData},
  {"received_headers_max",      &Main::received_headers_max,    "100",      "Received fields that a message may have; more is taken for a loop"},
  {"recipient_unqualified_hosts", &Main::recipient_unqualified_hosts, "",   "hosts that may send to addresses without a domain", Phase::kRcpt, ListKind::kHost},
  {"recipients_max",            &Main::recipients_max,          "1000",     "recipients that a message may have; 0 is no limit", Phase::kConnect},
  {"recipients_max_reject",     &Main::recipients_max_reject,   "no",       "refuse a message with more recipients than recipients_max for good"},
  {"reply_references",          &Main::reply_references,        "yes",      "replies that refuse who the client is name a reference for \"signet why\""},
  {"sandbox",                   &Main::sandbox,                 "yes",      "limit the process that serves to the system calls and the places to write that it needs"},
  {"sender_unqualified_hosts",  &Main::sender_unqualified_hosts, "",        "hosts that may send from addresses without a domain", Phase::kMail, ListKind::kHost},
  {"signet_group",              &Main::signet_group,            "",         "group to become once ports are bound and keys read; name or number"},
  {"signet_user",               &Main::signet_user,             "",         "user to become once ports are bound and keys read; name or number"},
  {"smtp_accept_max",           &Main::smtp_accept_max,         "10000",    "connections at one time; 0 leaves only the built-in limit"},
  {"smtp_accept_max_nonmail",   &Main::smtp_accept_max_nonmail, "10",       "commands of a session that are not about mail"},
  {"smtp_accept_max_nonmail_hosts", &Main::smtp_accept_max_nonmail_hosts, "*", "hosts whose idle commands are counted", Phase::kConnect, ListKind::kHost},
  {"smtp_accept_max_per_connection", &Main::smtp_accept_max_per_connection, "1000", "messages of one connection; 0 is no limit", Phase::kConnect},
  {"smtp_accept_max_per_host",  &Main::smtp_accept_max_per_host, "",        "connections at one time from one address; unset leaves only the built-in limit", Phase::kConnect},
  {"smtp_accept_reserve",       &Main::smtp_accept_reserve,     "0",        "connections of smtp_accept_max that are kept for smtp_reserve_hosts"},
  {"smtp_active_hostname",      &Main::smtp_active_hostname,    "",         "name of this host for the client at hand; unset is primary_hostname", Phase::kConnect},
  {"smtp_banner",               &Main::smtp_banner,             "$primary_hostname ESMTP Signet", "text of the greeting after 220", Phase::kConnect},
  {"smtp_enforce_sync",         &Main::smtp_enforce_sync,       "yes",      "end a session whose client speaks before its turn"},
  {"smtp_max_synprot_errors",   &Main::smtp_max_synprot_errors, "3",        "syntax and protocol errors that a session may make"},
  {"smtp_max_unknown_commands", &Main::smtp_max_unknown_commands, "3",      "unknown commands that a session may send"},
  {"smtp_receive_timeout",      &Main::smtp_receive_timeout,    "5m",       "wait for a line of the client"},
  {"smtp_reserve_hosts",        &Main::smtp_reserve_hosts,      "",         "hosts that smtp_accept_reserve is for", Phase::kConnect, ListKind::kHost},
  {"smtputf8_advertise_hosts",  &Main::smtputf8_advertise_hosts, "*",       "hosts to offer SMTPUTF8 to: addresses in letters of the world", Phase::kHelo, ListKind::kHost},
  {"strict_acl_vars",           &Main::strict_acl_vars,         "no",       "an ACL variable that was never set is a failure instead of empty"},
  {"syslog_duplication",        &Main::syslog_duplication,      "yes",      "send what belongs to two logs to syslog twice, with a priority for each"},
  {"syslog_facility",           &Main::syslog_facility,         "mail",     "facility of lines sent to syslog"},
  {"syslog_pid",                &Main::syslog_pid,              "yes",      "the number of the process behind its name in syslog"},
  {"syslog_processname",        &Main::syslog_processname,      "signet",   "name of the process in syslog"},
  {"syslog_timestamp",          &Main::syslog_timestamp,        "yes",      "time stamps of our own in lines sent to syslog"},
  {"timezone",                  &Main::timezone,                "",         "time zone of logs and trace fields, as in TZ; unset is the system's"},
  {"tls_advertise_hosts",       &Main::tls_advertise_hosts,     "*",        "hosts to offer STARTTLS to", Phase::kHelo, ListKind::kHost},
  {"tls_alpn",                  &Main::tls_alpn,                "smtp : esmtp", "protocol names (ALPN) that we take for ours", Phase::kConnect},
  {"tls_certificate",           &Main::tls_certificate,         "",         "PEM file with our certificate and its chain; several for several key types", Phase::kConnect},
  {"tls_crl",                   &Main::tls_crl,                 "",         "PEM file or directory with revocation lists for client certificates; read again when it changes", Phase::kConnect},
  {"tls_crl_on_stale",          &Main::tls_crl_on_stale,        "defer",    "clients whose issuer's revocation list cannot be used: defer, reject or accept", Phase::kLoad, {}, {}, {"defer reject accept", "accept", "certificates that have been revoked since authenticate (weakens rule C3)"}},
  {"tls_ocsp_file",             &Main::tls_ocsp_file,           "",         "OCSP responses to staple, in the order of tls_certificate", Phase::kConnect},
  {"tls_on_connect_ports",      &Main::tls_on_connect_ports,    "",         "ports where TLS starts before the greeting"},
  {"tls_privatekey",            &Main::tls_privatekey,          "",         "PEM file with our key; unset is the file of the certificate", Phase::kConnect},
  {"tls_require_ciphers",       &Main::tls_require_ciphers,     "",         "GnuTLS priority string; unset is the built-in one", Phase::kConnect},
  {"tls_resumption_hosts",      &Main::tls_resumption_hosts,    "",         "hosts that may resume TLS sessions", Phase::kConnect, ListKind::kHost},
  {"tls_ticket_keys",           &Main::tls_ticket_keys,         "",         "file of the secrets that TLS tickets are sealed with, shared by several gateways; unset is a secret of each one's own"},
  {"tls_try_verify_hosts",      &Main::tls_try_verify_hosts,    "",         "hosts that are asked for a certificate and may go on without", Phase::kConnect, ListKind::kHost},
  {"tls_verify_certificates",   &Main::tls_verify_certificates, "",         "PEM file or directory of the authorities that client certificates come from", Phase::kConnect},
  {"tls_verify_hosts",          &Main::tls_verify_hosts,        "",         "hosts that must have a certificate that verifies", Phase::kConnect, ListKind::kHost},
  {"tlsrpt_contact_info",       &Main::tlsrpt_contact_info,     "",         "contact-info of TLS reports"},
  {"tlsrpt_file",               &Main::tlsrpt_file,             "",         "file where TLS sessions with upstreams are counted, for signet tlsrpt; unset counts none"},
  {"tlsrpt_organization_name",  &Main::tlsrpt_organization_name, "",        "organization-name of TLS reports; unset is primary_hostname"},
  {"write_rejectlog",           &Main::write_rejectlog,         "yes",      "write the reject log; what it would say is in the main log anyway"},
};

constexpr Row<Authenticator> kAuthenticator[] = {
  {"public_name",                &Authenticator::public_name,      "", "name of the mechanism; unset is the name of the instance"},
  {"server_advertise_condition", &Authenticator::server_advertise_condition, "", "whether to show the mechanism in EHLO's reply", Phase::kHelo},
  {"server_ca_names",            &Authenticator::server_ca_names,  "none", "names of authorities that clients are sent: none, all (of tls_verify_certificates) or a PEM file", Phase::kLoad, {}, {}, {}, true},
  {"server_condition",           &Authenticator::server_condition, "", "whether the client is who it says; unset is yes", Phase::kAuth},
  {"server_eku",                 &Authenticator::server_eku,       "require-client", "purpose (EKU) that a client's certificate must have: require-client, allow-server or ignore", Phase::kLoad, {}, {}, {"require-client allow-server ignore", "ignore", "certificates made for anything else authenticate (weakens rule I3)"}, true},
  {"server_identities",          &Authenticator::server_identities, "", "which identities an authority may assert: rules \"AUTHORITY => addresses\", separated by semicolons", Phase::kLoad, {}, {}, {}, true},
  {"server_mail_auth_condition", &Authenticator::server_mail_auth_condition, "", "whether AUTH= of MAIL is believed of a client that this has authenticated; unset is no", Phase::kMail},
  {"server_match",               &Authenticator::server_match,     "", "which element of $auth1 counts: asked about each as $item; $auth_matched is the only one for which it is true", Phase::kAuth, {}, {}, {}, true},
  {"server_pins",                &Authenticator::server_pins,      "", "keys that may authenticate: a file of pins, or a list of them", Phase::kLoad, {}, {}, {}, true},
  {"server_require_verified",    &Authenticator::server_require_verified, "yes", "whether a client's certificate must verify; if not, a pin of server_pins must match instead", Phase::kLoad, {}, {}, {}, true},
  {"server_set_id",              &Authenticator::server_set_id,    "", "the identity: $authenticated_id", Phase::kAuth},
  {"server_tls_version_min",     &Authenticator::server_tls_version_min, "TLS1.2", "oldest TLS in which a certificate is an identity: TLS1.2 or TLS1.3", Phase::kLoad, {}, {}, {"TLS1.2 TLS1.3", {}, {}}, true},
};

constexpr Row<Router> kRouter[] = {
  {"condition",   &Router::condition,   "",     "whether the router handles the address; unset is yes", Phase::kDelivery},
  {"domains",     &Router::domains,     "",     "domains that the router handles; unset is all", Phase::kDelivery, ListKind::kDomain},
  {"fallback_hosts", &Router::fallback_hosts, "",  "hosts to try when none of the others serves; unset is those of the transport", Phase::kDelivery},
  {"hosts_randomize", &Router::hosts_randomize, "no", "try the hosts in any order", {}, {}, "manualroute"},
  {"local_parts", &Router::local_parts, "",     "local parts that the router handles; unset is all", Phase::kDelivery, ListKind::kLocalPart},
  {"more",        &Router::more,        "yes",  "whether later routers see an address that this one declines"},
  {"route_data",  &Router::route_data,  "",     "hosts to send to, when the rule is the same for all domains", Phase::kDelivery, {}, "manualroute"},
  {"route_list",  &Router::route_list,  "",     "rules \"domains hosts options\", separated by semicolons", Phase::kDelivery, {}, "manualroute"},
  {"senders",     &Router::senders,     "",     "senders that the router handles; unset is all", Phase::kDelivery, ListKind::kAddress},
  {"transport",   &Router::transport,   "",     "the transport that takes the message"},
};

constexpr Row<Transport> kTransport[] = {
  {"auth_mechanism",   &Transport::auth_mechanism,   "",    "mechanisms to authenticate by at the upstream, the best first: cram-md5, external, login, plain", {}, {}, "smtp"},
  {"auth_password",    &Transport::auth_password,    "",    "our password there", Phase::kDelivery, {}, "smtp"},
  {"auth_user",        &Transport::auth_user,        "",    "our name there", Phase::kDelivery, {}, "smtp"},
  {"authenticated_sender", &Transport::authenticated_sender, "", "what MAIL's AUTH= tells the upstream of an authenticated client; of others, that there is none", Phase::kDelivery, {}, "smtp"},
  {"authenticated_sender_force", &Transport::authenticated_sender_force, "no", "send AUTH= also where the upstream does not offer AUTH", {}, {}, "smtp"},
  {"command_timeout",  &Transport::command_timeout,  "5m",  "wait for the upstream's reply to a command", {}, {}, "smtp"},
  {"connect_timeout",  &Transport::connect_timeout,  "5s",  "wait for a connection to one upstream host", {}, {}, "smtp"},
  {"connection_idle_timeout", &Transport::connection_idle_timeout, "10s", "how long a connection is kept for the next message; 0s is not at all", {}, {}, "smtp"},
  {"connection_max_messages", &Transport::connection_max_messages, "100", "messages of one connection; 0 is no limit", {}, {}, "smtp"},
  {"create_directory", &Transport::create_directory, "yes", "make the directory where it does not exist", {}, {}, "appendfile"},
  {"data_timeout",     &Transport::data_timeout,     "5m",  "wait for the upstream to take a part of the message", {}, {}, "smtp"},
  {"directory",        &Transport::directory,        "",    "the Maildir to deliver into", Phase::kDelivery, {}, "appendfile"},
  {"directory_mode",   &Transport::directory_mode,   "0700", "permissions of directories that are made", {}, {}, "appendfile"},
  {"fallback_hosts",   &Transport::fallback_hosts,   "",    "hosts to try when none of the others serves", Phase::kDelivery, {}, "smtp"},
  {"final_timeout",    &Transport::final_timeout,    "10m", "wait for the upstream's reply to the end of the message", {}, {}, "smtp"},
  {"helo_data",        &Transport::helo_data,        "$primary_hostname", "name to say in EHLO", Phase::kDelivery, {}, "smtp"},
  {"hosts",            &Transport::hosts,            "",    "hosts to send to where the router gives none", Phase::kDelivery, {}, "smtp"},
  {"hosts_avoid_pipelining", &Transport::hosts_avoid_pipelining, "", "upstream addresses that get one command at a time", Phase::kDelivery, ListKind::kHost, "smtp"},
  {"hosts_randomize",  &Transport::hosts_randomize,  "no",  "try the hosts in any order", {}, {}, "smtp"},
  {"hosts_require_tls", &Transport::hosts_require_tls, "<; ! 127.0.0.0/8 ; ! ::1 ; *", "upstream addresses that get mail over TLS only", Phase::kDelivery, ListKind::kHost, "smtp"},
  {"hosts_try_tls",    &Transport::hosts_try_tls,    "",    "upstream addresses where TLS is used if it is offered", Phase::kDelivery, ListKind::kHost, "smtp"},
  {"maildir_format",   &Transport::maildir_format,   "no",  "deliver in Maildir format; the only one there is", {}, {}, "appendfile"},
  {"max_rcpt",         &Transport::max_rcpt,         "0",   "recipients of one message; 0 is no limit", {}, {}, "smtp"},
  {"mode",             &Transport::mode,             "0600", "permissions of the file", {}, {}, "appendfile"},
  {"port",             &Transport::port,             "",    "port where the host list has none; unset is 25", Phase::kDelivery, {}, "smtp"},
  {"protocol",         &Transport::protocol,         "smtp", "smtp, smtps (TLS from the start) or lmtp", {}, {}, "smtp", {"smtp smtps lmtp", {}, {}}},
  {"socket",           &Transport::socket,           "",    "Unix socket to connect to, in place of hosts", Phase::kDelivery, {}, "smtp"},
  {"tls_certificate",  &Transport::tls_certificate,  "",    "PEM file with our certificate for the upstream, and its chain", Phase::kDelivery, {}, "smtp"},
  {"tls_crl",          &Transport::tls_crl,          "",    "PEM file or directory with revocation lists for upstreams' certificates", Phase::kDelivery, {}, "smtp"},
  {"tls_pins",         &Transport::tls_pins,         "",    "keys of the upstreams, in place of authorities and names: a file of pins, or a list of them", {}, {}, "smtp"},
  {"tls_privatekey",   &Transport::tls_privatekey,   "",    "PEM file with the key; unset is the file of the certificate", Phase::kDelivery, {}, "smtp"},
  {"tls_require_ciphers", &Transport::tls_require_ciphers, "", "GnuTLS priority string; unset is the built-in one", Phase::kDelivery, {}, "smtp"},
  {"tls_sni",          &Transport::tls_sni,          "",    "server name to ask for; unset is tls_verify_name, where that is no address", Phase::kDelivery, {}, "smtp"},
  {"tls_verify_certificates", &Transport::tls_verify_certificates, "system", "PEM file or directory of the authorities that upstreams' certificates come from; system: those that the system trusts", Phase::kDelivery, {}, "smtp"},
  {"tls_verify_hosts", &Transport::tls_verify_hosts, "*",   "upstream addresses whose certificates must verify", Phase::kDelivery, ListKind::kHost, "smtp"},
  {"tls_verify_name",  &Transport::tls_verify_name,  "",    "name that the upstream's certificate must have; unset is the host's, as configured", Phase::kDelivery, {}, "smtp"},
  {"xclient",          &Transport::xclient,          "no",  "whom XCLIENT tells the upstream of: no, login (the identity) or full (the connection too)", {}, {}, "smtp", {"no login full", {}, {}}},
};

struct AliasRow {
  std::string_view name, of;
};
constexpr AliasRow kMainAliases[] = {
  {"daemon_smtp_port", "daemon_smtp_ports"},
};

// Options of Exim 4.96 to 4.99 that have no row here.
constexpr std::string_view kForeignMain[] = {
  "accept_8bitmime", "acl_not_smtp", "acl_not_smtp_mime", "acl_not_smtp_start", "acl_smtp_atrn",
  "acl_smtp_data_prdr", "acl_smtp_dkim", "acl_smtp_etrn", "acl_smtp_expn",
  "acl_smtp_mime", "acl_smtp_wellknown", "admin_groups", "allow_mx_to_ip", "allow_utf8_domains",
  "auto_thaw", "av_scanner", "bi_command", "bounce_message_file", "bounce_message_text",
  "bounce_return_body", "bounce_return_linesize_limit", "bounce_return_message",
  "bounce_return_size_limit", "bounce_sender_authentication", "callout_domain_negative_expire",
  "callout_domain_positive_expire", "callout_negative_expire", "callout_positive_expire",
  "callout_random_local_part", "check_log_inodes", "check_log_space", "check_rfc2047_length",
  "check_spool_inodes", "check_spool_space", "commandline_checks_require_admin",
  "daemon_modules_load", "daemon_startup_retries", "daemon_startup_sleep", "dccifd_address",
  "dccifd_options", "debug_store", "delay_warning", "delay_warning_condition",
  "deliver_drop_privilege", "deliver_queue_load_max", "delivery_date_remove", "disable_fsync",
  "disable_ipv6", "dkim_verify_hashes", "dkim_verify_keytypes", "dkim_verify_min_keysizes",
  "dkim_verify_minimal", "dkim_verify_signers", "dmarc_forensic_sender", "dmarc_history_file",
  "dmarc_tld_file", "dns_again_means_nonexist", "dns_check_names_pattern", "dns_cname_loops",
  "dns_csa_search_limit", "dns_csa_use_reverse", "dns_dnssec_ok", "dns_ipv4_lookup", "dns_retrans",
  "dns_retry", "dns_trust_aa", "dns_use_edns0", "drop_cr", "dsn_from", "envelope_to_remove",
  "errors_copy", "errors_reply_to", "event_action", "exim_group", "exim_path", "exim_user",
  "exim_version", "extra_local_interfaces", "extract_addresses_remove_arguments",
  "finduser_retries", "freeze_tell", "gecos_name", "gecos_pattern", "gnutls_allow_auto_pkcs11",
  "gnutls_compat_mode", "header_line_maxsize", "header_maxsize", "headers_charset",
  "helo_lookup_domains", "hold_domains",
  "host_lookup", "host_lookup_order", "hosts_treat_as_local", "ibase_servers",
  "ignore_bounce_errors_after", "ignore_fromline_hosts", "ignore_fromline_local", "keep_malformed",
  "ldap_ca_cert_dir", "ldap_ca_cert_file", "ldap_cert_file", "ldap_cert_key", "ldap_cipher_suite",
  "ldap_default_servers", "ldap_require_cert", "ldap_start_tls", "ldap_version", "local_from_check",
  "local_from_prefix", "local_from_suffix", "local_scan_timeout", "local_sender_retain",
  "localhost_number", "log_ports", "lookup_open_max", "max_username_length",
  "message_id_header_domain", "message_id_header_text", "message_logs", "move_frozen_messages",
  "mua_wrapper", "mysql_servers", "never_users", "notifier_socket", "openssl_options",
  "oracle_servers", "panic_coredump", "percent_hack_domains", "perl_at_start", "perl_startup",
  "perl_taintmode", "pgsql_servers", "pipelining_connect_advertise_hosts", "prdr_enable",
  "preserve_message_logs", "print_topbitchars", "process_log_path", "prod_requires_admin",
  "queue_domains", "queue_fast_ramp", "queue_list_requires_admin", "queue_only", "queue_only_file",
  "queue_only_load", "queue_only_load_latch", "queue_only_override", "queue_run_in_order",
  "queue_run_max", "queue_smtp_domains", "receive_timeout", "redis_servers", "remote_max_parallel",
  "remote_sort_domains", "retry_data_expire", "retry_interval_max", "return_path_remove",
  "rfc1413_hosts", "rfc1413_query_timeout", "slow_lookup_log", "smtp_accept_keepalive",
  "smtp_accept_queue", "smtp_accept_queue_per_connection", "smtp_backlog_monitor",
  "smtp_check_spool_space", "smtp_connect_backlog", "smtp_etrn_command", "smtp_etrn_serialize",
  "smtp_load_reserve", "smtp_ratelimit_hosts", "smtp_ratelimit_mail", "smtp_ratelimit_rcpt",
  "smtp_return_error_details", "spamd_address", "spf_guess", "spf_smtp_comment_template",
  "split_spool_directory", "spool_directory", "spool_wireformat", "sqlite_dbfile",
  "sqlite_lock_timeout", "strip_excess_angle_brackets", "strip_trailing_dot",
  "system_filter", "system_filter_directory_transport", "system_filter_file_transport",
  "system_filter_group", "system_filter_pipe_transport", "system_filter_reply_transport",
  "system_filter_user", "tcp_nodelay", "timeout_frozen_after", "tls_dh_max_bits", "tls_dhparam",
  "tls_early_banner_hosts", "tls_eccurve", "tls_remember_esmtp", "trusted_groups", "trusted_users",
  "unknown_login", "unknown_username", "untrusted_set_sender", "uucp_from_pattern",
  "uucp_from_sender", "warn_message_file", "wellknown_advertise_hosts", 
};

constexpr std::string_view kForeignAuthenticator[] = {
  "client_condition", "client_domain", "client_ignore_invalid_base64", "client_name",
  "client_password", "client_secret", "client_send", "client_set_id", "client_spassword",
  "client_username", "server_channelbinding", "server_debug_print", "server_hostname",
  "server_key", "server_keytab", "server_mech", "server_param",
  "server_param1", "server_param2", "server_param3", "server_password", "server_prompts",
  "server_realm", "server_scram_iter", "server_scram_salt", "server_secret", "server_service",
  "server_skey", "server_socket",
};

constexpr std::string_view kForeignRouter[] = {
  "address_data", "address_test", "allow_defer", "allow_fail", "allow_filter", "allow_freeze",
  "cannot_route_message", "caseful_local_part", "check_ancestor", "check_group",
  "check_local_user", "check_owner", "check_secondary_mx", "command", "command_group",
  "command_user", "current_directory", "data", "debug_print",
  "directory_transport", "disable_logging", "dnssec_request_domains", "dnssec_require_domains",
  "dsn_lasthop", "errors_to", "expn", "fail_defer_domains", "fail_verify",
  "fail_verify_recipient", "fail_verify_sender", "file", "file_transport",
  "filter_prepend_home", "forbid_blackhole", "forbid_exim_filter", "forbid_file",
  "forbid_filter_dlfunc", "forbid_filter_existstest", "forbid_filter_logwrite",
  "forbid_filter_lookup", "forbid_filter_perl", "forbid_filter_readfile",
  "forbid_filter_readsocket", "forbid_filter_reply", "forbid_filter_run", "forbid_include",
  "forbid_pipe", "forbid_sieve_filter", "forbid_smtp_code", "group", "headers_add",
  "headers_remove", "hide_child_in_errmsg", "host_all_ignored", "host_find_failed",
  "hosts", "ignore_eacces", "ignore_enotdir", "ignore_target_hosts",
  "include_directory", "initgroups", "ipv4_only", "ipv4_prefer", "local_part_prefix",
  "local_part_prefix_optional", "local_part_suffix", "local_part_suffix_optional", "log_as_local",
  "modemask", "mx_domains", "mx_fail_domains", "one_time", "optional", "owners", "owngroups",
  "pass_on_timeout", "pass_router", "pipe_transport", "port", "protocol", "qualify_domain",
  "qualify_preserve_domain", "query", "redirect_router", "repeat_use", "reply_transport",
  "require_files", "reroute", "response_pattern", "retry_use_local_part", "rewrite",
  "rewrite_headers", "same_domain_copy_routing", "search_parents", "self", "set",
  "sieve_enotify_mailto_owner", "sieve_inbox", "sieve_subaddress", "sieve_useraddress",
  "sieve_vacation_directory", "skip_syntax_errors", "srv_fail_domains", "syntax_errors_text",
  "syntax_errors_to", "timeout", "translate_ip_address", "transport_current_directory",
  "transport_home_directory", "unseen", "user", "verify", "verify_only", "verify_recipient",
  "verify_sender", "widen_domains",
};

constexpr std::string_view kForeignTransport[] = {
  "address_retry_include_sender", "allow_commands", "allow_fifo", "allow_localhost",
  "allow_symlink", "batch_id", "batch_max",
  "bcc", "body_only", "cc", "check_group", "check_owner", "check_string", "command",
  "create_file", "current_directory", "dane_require_tls_ciphers",
  "debug_print", "delay_after_cutoff", "delivery_date_add", "directory_file",
  "disable_logging", "dkim_canon", "dkim_domain", "dkim_hash", "dkim_identity",
  "dkim_private_key", "dkim_selector", "dkim_sign_headers", "dkim_strict", "dkim_timestamps",
  "dns_qualify_single", "dns_search_parents", "dnssec_request_domains", "dnssec_require_domains",
  "dscp", "envelope_to_add", "environment", "escape_string", "event_action",
  "file", "file_expand", "file_format", "file_must_exist", "file_optional",
  "force_command", "freeze_exec_fail", "freeze_signal", "from", "gethostbyname",
  "gnutls_compat_mode", "group", "headers", "headers_add", "headers_only", "headers_remove",
  "headers_rewrite", "home_directory", "host_name_extract", "hosts_avoid_esmtp",
  "hosts_avoid_tls", "hosts_max_try", "hosts_max_try_hardlimit",
  "hosts_nopass_tls", "hosts_noproxy_tls", "hosts_override", "hosts_pipe_connect",
  "hosts_request_ocsp", "hosts_require_alpn", "hosts_require_auth",
  "hosts_require_dane", "hosts_require_helo", "hosts_require_ocsp",
  "hosts_try_auth", "hosts_try_chunking", "hosts_try_dane", "hosts_try_fastopen",
  "hosts_try_prdr", "hosts_verify_avoid_tls", "ignore_quota", "ignore_status", "initgroups",
  "interface", "keepalive", "lmtp_ignore_quota", "lock_fcntl_timeout", "lock_flock_timeout", "lock_interval",
  "lock_retries", "lockfile_mode", "lockfile_timeout", "log", "log_defer_output",
  "log_fail_output", "log_output", "mailbox_filecount", "mailbox_size",
  "maildir_quota_directory_regex", "maildir_retries", "maildir_tag", "maildir_use_size_file",
  "maildirfolder_create_regex", "mailstore_format", "mailstore_prefix", "mailstore_suffix",
  "max_output", "max_parallel", "mbx_format", "message_linelength_limit",
  "message_prefix", "message_size_limit", "message_suffix", "mode_fail_narrower",
  "multi_domain", "never_mail", "notify_comsat", "once", "once_file_size", "once_repeat", "path",
  "permit_coredump", "pipe_as_creator", "quota", "quota_directory",
  "quota_filecount", "quota_is_inclusive", "quota_size_regex", "quota_warn_message",
  "quota_warn_threshold", "rcpt_include_affixes", "reply_to", "restrict_to_path",
  "retry_include_ip_address", "retry_use_local_part", "return_fail_output", "return_message",
  "return_output", "return_path", "return_path_add", "serialize_hosts",
  "shadow_condition", "shadow_transport", "size_addition", "skip",
  "socks_proxy", "subject", "temp_errors", "text", "timeout", "timeout_defer", "tls_alpn",
  "tls_dh_min_bits", "tls_resumption_hosts", "tls_tempfail_tryclear", "tls_try_verify_hosts",
  "tls_verify_cert_hostnames", "to",
  "transport_filter", "transport_filter_timeout", "umask", "use_bsmtp", "use_classresources",
  "use_crlf", "use_fcntl_lock", "use_flock_lock", "use_lockfile", "use_mbx_lock", "use_shell",
  "user", "utf8_downconvert",
};

// Those of the above that forbid something.
constexpr std::string_view kRestrictiveMain[] = {
  "acl_smtp_dkim", "acl_smtp_mime",
};
constexpr std::string_view kRestrictiveAuthenticator[] = {"server_channelbinding"};
constexpr std::string_view kRestrictiveRouter[] = {
  "check_local_user", "dnssec_require_domains", "local_part_prefix", "local_part_suffix",
  "require_files", "verify_only",
};
constexpr std::string_view kRestrictiveTransport[] = {
  "dnssec_require_domains", "hosts_require_alpn", "hosts_require_auth", "hosts_require_dane",
  "hosts_require_ocsp",
};
// clang-format on

static_assert(SortedAndUnique(kMain) && Complete(kMain));
static_assert(SortedAndUnique(kAuthenticator) && Complete(kAuthenticator));
static_assert(SortedAndUnique(kRouter) && Complete(kRouter));
static_assert(SortedAndUnique(kTransport) && Complete(kTransport));
static_assert(SortedNames(kForeignMain) && SortedNames(kRestrictiveMain));
static_assert(SortedNames(kForeignAuthenticator) && SortedNames(kRestrictiveAuthenticator));
static_assert(SortedNames(kForeignRouter) && SortedNames(kRestrictiveRouter));
static_assert(SortedNames(kForeignTransport) && SortedNames(kRestrictiveTransport));

struct ForeignTable {
  std::span<const std::string_view> all, restrictive;
};

ForeignTable TableOf(Scope scope) {
  switch (scope) {
    case Scope::kMain:
      return {kForeignMain, kRestrictiveMain};
    case Scope::kAuthenticator:
      return {kForeignAuthenticator, kRestrictiveAuthenticator};
    case Scope::kRouter:
      return {kForeignRouter, kRestrictiveRouter};
    case Scope::kTransport:
      return {kForeignTransport, kRestrictiveTransport};
  }
  return {};
}

bool Holds(std::span<const std::string_view> names, std::string_view name) {
  return std::binary_search(names.begin(), names.end(), name);
}

}  // namespace

std::span<const Row<Main>> MainRows() { return kMain; }
std::span<const Row<Authenticator>> AuthenticatorRows() { return kAuthenticator; }
std::span<const Row<Router>> RouterRows() { return kRouter; }
std::span<const Row<Transport>> TransportRows() { return kTransport; }

std::string_view CanonicalMainName(std::string_view name) {
  for (const AliasRow& row : kMainAliases) {
    if (name == row.name) return row.of;
  }
  return name;
}

Foreign FindForeign(Scope scope, std::string_view name) {
  ForeignTable table = TableOf(scope);
  if (!Holds(table.all, name)) return Foreign::kUnknown;
  return Holds(table.restrictive, name) ? Foreign::kRestrictive : Foreign::kIgnored;
}

}  // namespace signet::config
