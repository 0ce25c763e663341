#ifndef SIGNET_SRC_CONFIG_CONFIG_H_
#define SIGNET_SRC_CONFIG_CONFIG_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "drivers/host/registry.h"
#include "expand/expand.h"
#include "expand/match.h"
#include "src/base/limits.h"
#include "src/base/source.h"
#include "src/config/allowances.h"
#include "src/crypto/pins.h"

// What the rest of the program sees of a configuration. Built whole or not at all,
// never edited afterwards, shared by shared_ptr; connections in flight keep the one they
// started with (rule C1).
namespace signet::config {

// An option whose text is expanded when used. `span` is the option's value; a span
// without text means that the option is not set (or that the text is a built-in
// default, which then has its own SourceText named "default of NAME").
struct Expanded {
  SourceSpan span;
  expand::ProgramPtr program;
  // Of a match list without expansions: compiled.
  std::unique_ptr<const expand::Patterns> patterns;
  explicit operator bool() const { return program != nullptr; }
};

// Text that is not expanded, with its place.
struct Text {
  std::string text;
  SourceSpan span;
  bool set() const { return span.text != nullptr; }
};

struct Named {
  std::string name;
  SourceSpan name_span;
};

// `name:` and the logical lines below it, in order; src/acl compiles them.
struct AclSource : Named {
  std::vector<SourceSpan> lines;
};

// domainlist, hostlist, addresslist, localpartlist.
struct NamedList : Named {
  std::string kind;
  Expanded list;
};

// A rule of server_identities: which identities an authority may assert.
struct IdentityRule {
  enum class Who : std::uint8_t { kKey, kSubject, kAnyOther };
  Who who = Who::kAnyOther;
  std::string text;  // SHA-256 of the key's SubjectPublicKeyInfo, octets; or the subject's text
  SourceSpan span;
  Expanded identities;  // address list
};

struct Authenticator : Named {
  const drivers::AuthDriver* driver = nullptr;
  std::string public_name;
  Expanded server_condition, server_set_id, server_advertise_condition;
  Expanded server_mail_auth_condition;
  // Of a driver that runs after TLS.
  Text server_eku, server_ca_names, server_tls_version_min;
  // Of those that run after TLS.
  Expanded server_match;
  bool server_require_verified = true;
  Text server_pins;  // a file, or a list of pins
  std::shared_ptr<crypto::PinSource> pins;
  Text server_identities;  // as written
  std::vector<IdentityRule> identities;
  // Private options, in the order of the driver's rows.
  struct Option {
    bool set = false;
    Expanded expanded;        // SIGNET_OPTION_EXPANDED
    std::string text;         // SIGNET_OPTION_TEXT
    std::int64_t number = 0;  // number, boolean, time in milliseconds
  };
  std::vector<Option> options;
};

enum class RouterDriver : std::uint8_t { kAccept, kManualroute };
struct Router : Named {
  RouterDriver driver = RouterDriver::kAccept;
  Expanded domains, local_parts, senders;  // lists; unset = all
  Expanded condition;
  Expanded route_list;  // manualroute: semicolon list of "pattern hosts [options]"
  Expanded route_data;
  Expanded fallback_hosts;
  bool hosts_randomize = false;
  Text transport;
  bool more = true;
};

enum class TransportDriver : std::uint8_t { kSmtp, kAppendfile };
struct Transport : Named {
  TransportDriver driver = TransportDriver::kSmtp;
  // smtp
  Text protocol;  // smtp, smtps, lmtp
  Expanded hosts, fallback_hosts, helo_data, port, socket;
  bool hosts_randomize = false;
  std::int64_t max_rcpt = 0;  // of one message; 0 is no limit
  Expanded hosts_avoid_pipelining;
  // smtp, who sent this
  Text xclient;  // no, login, full
  Expanded authenticated_sender;
  bool authenticated_sender_force = false;
  // smtp, TLS
  Expanded hosts_require_tls, hosts_try_tls, tls_verify_hosts;
  Expanded tls_verify_certificates, tls_crl, tls_verify_name, tls_sni;
  Expanded tls_certificate, tls_privatekey, tls_require_ciphers;
  Text tls_pins;  // as server_pins
  std::shared_ptr<crypto::PinSource> pins;
  // smtp, AUTH
  Text auth_mechanism;
  Expanded auth_user, auth_password;
  // smtp, connections that are used again
  std::int64_t connection_max_messages = limits::kUpstreamMessagesPerConnection;
  std::chrono::milliseconds connection_idle_timeout = limits::kUpstreamIdle;
  std::chrono::milliseconds connect_timeout = limits::kUpstreamConnect;
  std::chrono::milliseconds command_timeout = limits::kUpstreamReply;
  std::chrono::milliseconds data_timeout = limits::kUpstreamReply;
  std::chrono::milliseconds final_timeout = limits::kUpstreamFinalReply;
  // appendfile
  Expanded directory;
  Text mode, directory_mode;  // octal
  bool maildir_format = false;
  bool create_directory = true;
};

enum class AclWhen : std::uint8_t {
  kConnect,
  kHelo,
  kStarttls,
  kAuth,
  kMail,
  kMailauth,
  kRcpt,
  kPredata,
  kData,
  kQuit,
  kNotquit,
  kVrfy,
  kCount
};

struct Main {
  std::string primary_hostname;
  Expanded smtp_banner;                        // default: "$primary_hostname ESMTP Signet"
  std::vector<std::string> daemon_smtp_ports;  // numbers or service names
  std::vector<std::string> tls_on_connect_ports;
  Text local_interfaces;  // list; default "<; ::0 ; 0.0.0.0"
  Text pid_file_path;
  Text driver_modules;  // read before the rest: see LoadModules
  std::string qualify_domain;

  // TLS
  Expanded tls_advertise_hosts, tls_verify_hosts, tls_try_verify_hosts;
  Expanded tls_certificate, tls_privatekey, tls_verify_certificates, tls_crl;
  Expanded tls_require_ciphers, tls_resumption_hosts;
  Expanded tls_ocsp_file, tls_alpn, hosts_require_alpn;
  Text tls_crl_on_stale;

  // SASL
  Expanded after_tls_auth, after_tls_authorize, auth_advertise_hosts;

  // Limits
  std::int64_t smtp_accept_max = limits::kConnectionsMax;  // 0 = only the built-in limit
  Expanded smtp_accept_max_per_host;
  Expanded message_size_limit;
  Expanded recipients_max;
  std::int64_t smtp_accept_max_nonmail = limits::kIdleCommandsMax;
  std::int64_t smtp_max_unknown_commands = limits::kUnknownCommandsMax;
  std::int64_t smtp_max_synprot_errors = limits::kSyntaxErrorsMax;
  std::chrono::milliseconds smtp_receive_timeout = limits::kCommandWait;
  bool smtp_enforce_sync = true;
  std::int64_t received_headers_max = limits::kReceivedMax;
  Expanded smtp_accept_max_per_connection;  // MAIL commands; 0 = no limit
  Expanded smtp_accept_max_nonmail_hosts;
  std::int64_t smtp_accept_reserve = 0;
  Expanded smtp_reserve_hosts;
  bool recipients_max_reject = false;

  // Who may speak for others.
  Expanded hosts_proxy, hosts_xclient, hosts_xclient_login;
  std::chrono::milliseconds proxy_protocol_timeout = limits::kProxyHeaderWait;

  // What is offered, and to whom.
  Expanded chunking_advertise_hosts, dsn_advertise_hosts, limits_advertise_hosts;
  Expanded pipelining_advertise_hosts, smtputf8_advertise_hosts;

  // The greeting, and names.
  Expanded smtp_active_hostname, host_reject_connection, hosts_connection_nolog;
  Expanded hosts_require_helo, helo_accept_junk_hosts, helo_verify_hosts, helo_try_verify_hosts;
  std::string helo_allow_chars;
  Expanded sender_unqualified_hosts, recipient_unqualified_hosts;
  std::string qualify_recipient;
  bool allow_domain_literals = false;

  // The message
  Text bare_newlines;  // reject, normalize, space
  std::int64_t message_linelength_limit = limits::kMessageLineMaxBytes;
  std::int64_t message_body_visible = 500;
  bool message_body_newlines = false;
  Text hold_directory;               // for messages that are held until their ACL has decided
  bool complete_submissions = true;  // missing Date and Message-ID of authenticated clients
  Expanded received_header_text;
  bool add_authentication_results = false;
  Text authserv_id;      // in Authentication-Results; unset is primary_hostname
  Text identity_header;  // name of a field with the client's identity

  bool strict_acl_vars = false;

  // Access control; index by AclWhen.
  Expanded acl[static_cast<std::size_t>(AclWhen::kCount)];

  Text ratelimit_store;  // a lookup type that keeps rates; unset: this process does

  // Process
  Text signet_user, signet_group;  // what root becomes once ports are bound; name or number
  Text timezone;                   // TZ
  Text chroot_directory;           // where sessions run; unset = everywhere
  bool sandbox = true;             // system calls and files are limited to what serving needs
  bool master_process = true;      // sessions run in a child, which is replaced after a crash
  bool key_process = true;         // private keys are held and used by a process of their own
  Expanded keep_environment, add_environment;  // for ${env{}}

  // Logging
  Text log_file_path;  // list; "%s" → main, reject, panic; unset or empty = standard error
  Text log_json_path;
  Text syslog_facility, syslog_processname;
  bool syslog_duplication = true, syslog_pid = true, syslog_timestamp = true;
  bool write_rejectlog = true;
  Text tlsrpt_file, tlsrpt_organization_name, tlsrpt_contact_info;
  Text log_selector;
  bool log_timezone = false;

  // Seeing why, and how it goes
  std::int64_t decisions_kept = limits::kDecisionsKept;  // refusals; as many others; 0 = none
  Text decisions_file;           // where they outlive the process; unset = nowhere
  Text control_socket;           // a path; unset = none
  Text metrics_listen;           // "127.0.0.1:9465", "[::1]:9465" or a path; unset = none
  Text tls_ticket_keys;          // a file that several gateways share; unset = each its own
  bool reply_references = true;  // refusals carry the reference for "signet why"

  // Where drivers' own main options (ldap_default_servers …) end up, by name.
  std::map<std::string, std::string, std::less<>> driver_options;
};

struct Macro {
  std::string name, text;
};

struct Config {
  std::vector<std::unique_ptr<SourceText>> texts;  // owns every text that spans point into
  std::string file;
  Main main;
  std::vector<NamedList> lists;
  std::vector<AclSource> acls;
  std::vector<Authenticator> authenticators;
  std::vector<Router> routers;
  std::vector<Transport> transports;
  Allowances allowances;  // which warnings are not to be shown, and where
  // MakeNames() of this configuration: match lists find their lookup types here.
  std::shared_ptr<const expand::Names> names;
  // For PrintOptions: the drivers' main options, set or not; macros as they stood at the end, and
  // the settings that began with "hide": "NAME" in the main section, "transport/smtp/NAME" of a
  // driver.
  std::vector<std::string> driver_option_names;
  std::vector<Macro> macros;
  std::set<std::string, std::less<>> hidden;
  const NamedList* FindList(std::string_view kind, std::string_view name) const;
};
using ConfigPtr = std::shared_ptr<const Config>;

struct Loaded {
  std::shared_ptr<Config> config;  // nullptr where there were errors
  // What could be read where there were errors: for looking for more of them, nothing else.
  std::shared_ptr<Config> partial;
  Diagnostics diagnostics;  // source order; may hold warnings only
  // Keeps the texts that the diagnostics point into, where there is no config.
  std::vector<std::unique_ptr<SourceText>> texts;
};

// Loads the shared objects that `driver_modules` of a configuration file names, so that
// Load() knows their drivers. Once per process: a registry does not change while serving.
//
//   Returns  diagnostics of modules that cannot be loaded, with their texts; `config` is
//            never set. Mistakes in the rest of the file are left to Load().
Loaded LoadModules(const std::string& path, const std::vector<Macro>& macros,
                   drivers::Registry* registry);

// Reads, checks and compiles a configuration file. All mistakes at once.
Loaded Load(const std::string& path, const std::vector<Macro>& macros,
            const drivers::Registry& registry);
// The same for text that is in memory (tests); includes are relative to the name's directory.
Loaded LoadText(std::string name, std::string text, const std::vector<Macro>& macros,
                const drivers::Registry& registry);

// expand::Names for a configuration: lookup types of the registry, named lists.
std::unique_ptr<expand::Names> MakeNames(const drivers::Registry& registry, const Config* config);

// `name = value` lines of the effective settings, as `-bP` prints them. What began with
// "hide" is not displayed. `what` is
//
//   ""                        all main options
//   an option's name          that one
//   "+NAME"                   a named list
//   "routers", "transports", "authenticators"   all options of all instances
//   "router NAME", …          of one instance
//   "router_list", …          the names of the instances
//   "macros", "macro NAME"    macros as they stood at the end
//   "config_file"             the file's name
//
// nullopt where there is no such thing.
std::optional<std::string> PrintOptions(const Config& config, std::string_view what);

}  // namespace signet::config
#endif
