#include <arpa/inet.h>
#include <grp.h>
#include <netdb.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "expand/empty.h"
#include "src/base/codes.h"
#include "src/base/log.h"
#include "src/base/log_place.h"
#include "src/base/log_selector.h"
#include "src/base/text.h"
#include "src/config/check.h"
#include "src/config/metrics_address.h"
#include "src/config/options.h"
#include "src/config/values.h"

namespace signet::config {
namespace {

std::string Quoted(std::string_view text) { return '"' + Printable(text) + '"'; }

// The mail services, so that a host without /etc/services knows them too.
struct ServiceRow {
  std::string_view name;
  int port;
};
constexpr ServiceRow kServices[] = {
    {"smtp", 25}, {"smtps", 465}, {"ssmtp", 465}, {"submission", 587}, {"submissions", 465}};

// An item of local_interfaces: an address, and a port where it names one ("[ip]:port",
// "ip.port", "ip:port" of IPv4).
struct Interface {
  bool good = false;
  std::string port;
};

bool IsAddress(const std::string& text) {
  unsigned char address[sizeof(in6_addr)];
  return inet_pton(AF_INET, text.c_str(), address) == 1 ||
         inet_pton(AF_INET6, text.c_str(), address) == 1;
}

Interface ReadInterface(const std::string& item) {
  if (IsAddress(item)) return {true, {}};
  if (item.starts_with('[')) {
    std::size_t close = item.find(']');
    if (close == item.npos || !IsAddress(item.substr(1, close - 1))) return {};
    std::string rest = item.substr(close + 1);
    if (rest.empty()) return {true, {}};
    if (rest[0] != ':' && rest[0] != '.') return {};
    return {PortNumber(rest.substr(1)).has_value(), rest.substr(1)};
  }
  std::size_t dot = item.rfind('.');
  if (dot == item.npos || !IsAddress(item.substr(0, dot))) return {};
  return {PortNumber(item.substr(dot + 1)).has_value(), item.substr(dot + 1)};
}

// A host or domain name: labels of letters, digits, "-" and "_", or octets beyond ASCII.
bool IsHostName(std::string_view name) {
  if (name.empty() || name.size() > 255) return false;
  char before = '.';
  for (char c : name) {
    bool octet = IsAlnum(c) || c == '-' || c == '_' || static_cast<unsigned char>(c) >= 0x80;
    if (c == '.' ? before == '.' : !octet) return false;
    before = c;
  }
  return before != '.';
}

bool IsNumber(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), IsDigit);
}

class Consistency {
 public:
  Consistency(const Config& config, const MainSpans& spans, Diagnostics* diagnostics)
      : config_(config), main_(config.main), spans_(spans), diagnostics_(*diagnostics) {}

  void Run() {
    CheckNames();
    CheckPorts();
    CheckTls();
    CheckNeeds();
    CheckSasl();
    CheckIdentities();
    CheckLimits();
    CheckRatelimitStore();
    CheckMessage();
    WarnOfWeakness();
    CheckLogs();
    CheckProcess();
  }

 private:
  SourceSpan Span(std::string_view option) const {
    auto found = spans_.find(option);
    return found == spans_.end() ? SourceSpan{} : found->second;
  }
  bool IsSet(std::string_view option) const {
    auto found = spans_.find(option);
    return found != spans_.end() && !found->second.view().empty();
  }
  void Error(SourceSpan span, std::string message, std::string hint = {}) {
    diagnostics_.push_back({Severity::kError, span, std::move(message), std::move(hint), {}});
  }

  void CheckNames() {
    for (const auto& [option, name] : {std::pair{"primary_hostname", main_.primary_hostname},
                                       std::pair{"qualify_domain", main_.qualify_domain}}) {
      if (!IsSet(option) || IsHostName(name)) continue;
      Error(Span(option),
            "host name expected for " + std::string(option) + ", but " + Quoted(name) + " found");
    }
  }

  // --- ports ------------------------------------------------------------------------------

  void CheckPort(std::string_view option, const std::string& port) {
    if (PortNumber(port)) return;
    Error(FindItem(Span(option), port), "port number or service name expected in " +
                                            std::string(option) + ", but " + Quoted(port) +
                                            " found");
  }

  void CheckPorts() {
    std::set<int> listened;
    for (const std::string& port : main_.daemon_smtp_ports) {
      CheckPort("daemon_smtp_ports", port);
      if (std::optional<int> number = PortNumber(port)) listened.insert(*number);
    }
    for (const std::string& item : SplitAdministratorList(main_.local_interfaces.text)) {
      Interface interface = ReadInterface(item);
      if (!interface.good) {
        Error(FindItem(main_.local_interfaces.span, item),
              "address expected in local_interfaces, but " + Quoted(item) + " found",
              "as in \"<; 192.0.2.1 ; 192.0.2.1.587 ; 2001:db8::1 ; [2001:db8::1]:587\"");
      }
      if (std::optional<int> number = PortNumber(interface.port)) listened.insert(*number);
    }
    for (const std::string& port : main_.tls_on_connect_ports) {
      CheckPort("tls_on_connect_ports", port);
      std::optional<int> number = PortNumber(port);
      if (!number || listened.contains(*number)) continue;
      Error(FindItem(Span("tls_on_connect_ports"), port),
            "port " + Quoted(port) + " in tls_on_connect_ports is not listened on",
            "add it to daemon_smtp_ports");
    }
  }

  // --- TLS --------------------------------------------------------------------------------

  void CheckTls() {
    bool asks = IsSet("tls_verify_hosts") || IsSet("tls_try_verify_hosts");
    for (std::string_view option : {"tls_verify_hosts", "tls_try_verify_hosts"}) {
      if (!IsSet(option) || IsSet("tls_verify_certificates")) continue;
      // Whom a pin lets in needs no authority; whom tls_verify_hosts asks does.
      if (option == "tls_try_verify_hosts" && PinsAreEnough()) continue;
      Error(Span(option), std::string(option) + " is set, but tls_verify_certificates is not set",
            "no certificate could verify");
    }
    for (std::string_view option : {"tls_verify_hosts", "tls_try_verify_hosts",
                                    "tls_on_connect_ports", "tls_advertise_hosts"}) {
      if (!IsSet(option) || IsSet("tls_certificate")) continue;
      Error(Span(option), std::string(option) + " is set, but tls_certificate is not set");
    }
    for (const Authenticator& authenticator : config_.authenticators) {
      if (!authenticator.driver || !authenticator.driver->after_tls || asks) continue;
      diagnostics_.push_back({Severity::kWarning,
                              authenticator.name_span,
                              "authenticator " + Quoted(authenticator.name) +
                                  " never runs, because no client is asked for a certificate",
                              "set tls_try_verify_hosts or tls_verify_hosts",
                              {},
                              code::kNeverRuns});
    }
  }

  bool PinsAreEnough() const {
    return std::any_of(config_.authenticators.begin(), config_.authenticators.end(),
                       [](const Authenticator& one) { return !one.server_require_verified; });
  }

  // --- identities -------------------------------------------------------------------------

  // An option without which the driver's authenticator would let in anybody, or nobody.
  void CheckNeeds() {
    for (const Authenticator& authenticator : config_.authenticators) {
      if (!authenticator.driver || Has(authenticator, authenticator.driver->needs)) continue;
      Error(authenticator.name_span, "authenticator " + Quoted(authenticator.name) + " needs " +
                                         authenticator.driver->needs + ", which is not set");
    }
  }

  void Warn(SourceSpan span, std::string message, std::string hint, std::string_view code) {
    diagnostics_.push_back(
        {Severity::kWarning, span, std::move(message), std::move(hint), {}, code});
  }

  // What a client finds behind its certificate.
  void CheckSasl() {
    const std::string* after =
        main_.after_tls_auth ? main_.after_tls_auth.program->constant() : nullptr;
    const bool known =
        after == nullptr || *after == "hide" || *after == "external" || *after == "full";
    if (!known)
      Error(main_.after_tls_auth.span,
            "after_tls_auth is " + Quoted(*after) + "; expected hide, external or full");
    const bool hides = after != nullptr && *after == "hide";
    const bool certificates =
        std::any_of(config_.authenticators.begin(), config_.authenticators.end(),
                    [](const Authenticator& a) { return a.driver && a.driver->after_tls; });
    if (after != nullptr && known && !hides && !certificates)
      Warn(Span("after_tls_auth"), "after_tls_auth has no effect: no authenticator runs after TLS",
           {}, code::kNoEffect);
    if (!IsSet("after_tls_authorize")) return;
    if (hides)
      Warn(Span("after_tls_authorize"), "after_tls_authorize has no effect: AUTH is hidden",
           "set after_tls_auth to external or full", code::kNoEffect);
    Warn(Span("after_tls_authorize"),
         "after_tls_authorize lets a client with a certificate act as somebody else that it names "
         "(weakens rule A2)",
         {}, code::kWeakSetting);
  }

  static bool Has(const Authenticator& authenticator, std::string_view option) {
    const auto& rows = authenticator.driver->options;
    for (std::size_t i = 0; i < rows.size() && i < authenticator.options.size(); ++i)
      if (rows[i].name == option) return authenticator.options[i].set;
    if (option == "server_condition") return bool{authenticator.server_condition};
    if (option == "server_set_id") return bool{authenticator.server_set_id};
    return true;
  }

  // A client whose id is empty stays without one, even where server_condition let it pass.
  // Nobody tells a client that has only proved a certificate; that of a mechanism hears 535.
  void CheckIdentities() {
    for (const Authenticator& authenticator : config_.authenticators) {
      if (!authenticator.server_require_verified && !authenticator.server_pins.set()) {
        Error(authenticator.name_span,
              "server_require_verified is off in " + Quoted(authenticator.name) +
                  ", but server_pins is not set",
              "with neither, any stranger's certificate would do");
      }
      const Expanded& id = authenticator.server_set_id;
      const Expanded& condition = authenticator.server_condition;
      if (!id || !condition) continue;
      if (authenticator.driver && authenticator.driver->advertised) continue;
      // server_match is asked before: where it finds none, nothing more is looked at.
      std::vector<std::string_view> set;
      if (authenticator.server_match) set = {"auth1", "auth_matched"};
      const bool all_are_pinned =
          authenticator.server_pins.set() &&
          (authenticator.server_require_verified || !IsSet("tls_verify_certificates"));
      if (all_are_pinned) set.push_back("auth_pinned");
      std::optional<SourceSpan> place = expand::FindEmpty(*id.program, *condition.program, set);
      if (!place) continue;
      diagnostics_.push_back({Severity::kWarning,
                              *place,
                              "server_set_id may be empty while server_condition is true: such a "
                              "client is not authenticated",
                              "let server_condition ask for it, as in ${if def:auth1}",
                              {},
                              code::kMaybeNoId});
    }
  }

  // --- the rest ---------------------------------------------------------------------------

  // What the administrator has made weaker than it is by default (rule C5).
  void WarnOfWeakness() {
    for (const Authenticator& authenticator : config_.authenticators) {
      if (authenticator.server_require_verified) continue;
      diagnostics_.push_back({Severity::kWarning,
                              authenticator.name_span,
                              "server_require_verified is off in " + Quoted(authenticator.name) +
                                  ": a certificate that no authority vouches for authenticates "
                                  "where server_pins has its key (weakens rule I1)",
                              {},
                              {},
                              code::kWeakSetting});
    }
    if (IsSet("hosts_xclient_login")) {
      diagnostics_.push_back({Severity::kWarning,
                              Span("hosts_xclient_login"),
                              "hosts_xclient_login: whoever has such an address is whom it says "
                              "it is (weakens rule I13)",
                              {},
                              {},
                              code::kWeakSetting});
    }
    if (main_.smtp_enforce_sync) return;
    diagnostics_.push_back({Severity::kWarning,
                            Span("smtp_enforce_sync"),
                            "smtp_enforce_sync is off: clients that speak before their turn are "
                            "let in (weakens rule S8)",
                            {},
                            {},
                            code::kWeakSetting});
  }

  void CheckLimits() {
    if (main_.smtp_accept_max == 0 && IsSet("smtp_accept_max_per_host")) {
      Error(Span("smtp_accept_max_per_host"),
            "smtp_accept_max must be set if smtp_accept_max_per_host is set");
    }
  }

  void CheckRatelimitStore() {
    const std::string& name = main_.ratelimit_store.text;
    if (name.empty() || config_.names == nullptr) return;
    const expand::LookupType* type = config_.names->FindLookup(name);
    if (type != nullptr && type->rates) return;
    std::vector<std::string_view> able;
    for (std::string_view known : config_.names->LookupNames())
      if (config_.names->FindLookup(known)->rates) able.push_back(known);
    std::string hint;
    for (std::string_view one : able) hint += (hint.empty() ? "" : ", ") + std::string(one);
    Error(Span("ratelimit_store"),
          type == nullptr ? "unknown lookup type " + Quoted(name) + " in ratelimit_store"
                          : "lookup type " + Quoted(name) + " keeps no rates",
          hint.empty() ? "" : "those that do: " + hint);
  }

  void CheckMessage() {
    CheckRange("message_body_visible", main_.message_body_visible, 0,
               limits::kMessageBodyVisibleMaxBytes);
    CheckRange("message_linelength_limit", main_.message_linelength_limit,
               limits::kMessageLineMaxBytes, limits::kMessageLineCeilingBytes);
    const Text& identity = main_.identity_header;
    const std::string_view name = identity.text;
    const bool is_name = std::all_of(name.begin(), name.end(),
                                     [](char c) { return c > ' ' && c < 0x7f && c != ':'; });
    if (!is_name)
      Error(identity.span,
            "name of a header field expected for identity_header, found " + Quoted(identity.text));
    constexpr std::string_view kTaken[] = {"Authentication-Results",
                                           "Bcc",
                                           "Cc",
                                           "Date",
                                           "From",
                                           "Message-ID",
                                           "Received",
                                           "Reply-To",
                                           "Return-Path",
                                           "Sender",
                                           "Subject",
                                           "To"};
    if (std::any_of(std::begin(kTaken), std::end(kTaken),
                    [&](std::string_view taken) { return EqualsIgnoreCase(taken, name); }))
      Error(identity.span, "header field " + Quoted(name) + " belongs to others",
            "name a field of its own, which is then removed from what clients send");
  }

  void CheckRange(std::string_view option, std::int64_t value, std::size_t least,
                  std::size_t most) {
    if (value < 0 || static_cast<std::size_t>(value) < least ||
        static_cast<std::size_t>(value) > most)
      Error(Span(option), std::string(option) + " must be between " + std::to_string(least) +
                              " and " + std::to_string(most));
  }

  void CheckLogs() {
    CheckLogSelector();
    CheckReports();
    CheckMetrics();
    CheckPlaces("log_file_path", main_.log_file_path, Log::Form::kExim);
    CheckPlaces("log_json_path", main_.log_json_path, Log::Form::kJson);
    if (!FindSyslogFacility(main_.syslog_facility.text))
      Error(main_.syslog_facility.span,
            "facility expected in syslog_facility, but " + Quoted(main_.syslog_facility.text) +
                " found",
            "one of mail, user, news, uucp, daemon, local0 … local7");
    constexpr std::size_t kNameMaxBytes = 32;  // as in Exim
    if (main_.syslog_processname.text.size() > kNameMaxBytes)
      Error(main_.syslog_processname.span, "syslog_processname is longer than 32 characters");
  }

  void CheckReports() {
    CheckAbsolute("tlsrpt_file", main_.tlsrpt_file);
    CheckAbsolute("decisions_file", main_.decisions_file);
    CheckAbsolute("tls_ticket_keys", main_.tls_ticket_keys);
    if (!main_.tls_ticket_keys.text.empty() && !main_.tls_resumption_hosts)
      Warn(main_.tls_ticket_keys.span,
           "tls_ticket_keys has no effect: nobody may resume a TLS session",
           "set tls_resumption_hosts", code::kNoEffect);
    CheckAbsolute("control_socket", main_.control_socket);
    CheckRange("decisions_kept", main_.decisions_kept, 0,
               static_cast<std::size_t>(limits::kDecisionsKeptMost));
    constexpr std::size_t kSocketPathBytes = sizeof(sockaddr_un::sun_path) - 1;
    if (main_.control_socket.text.size() > kSocketPathBytes)
      Error(main_.control_socket.span, "control_socket is longer than the " +
                                           std::to_string(kSocketPathBytes) +
                                           " octets that the system takes");
  }

  void CheckAbsolute(std::string_view option, const Text& path) {
    if (!path.text.empty() && path.text[0] != '/')
      Error(path.span, std::string(option) + ' ' + Quoted(path.text) + " is not an absolute path");
  }

  void CheckMetrics() {
    const Text& option = main_.metrics_listen;
    const auto address = ReadMetricsAddress(option.text);
    if (!address)
      Error(option.span, "metrics_listen " + Quoted(option.text) + ": " + address.error(),
            "a loopback address with a port (127.0.0.1:9465, [::1]:9465), or the absolute path of "
            "a Unix socket; a web server in front can let others in");
  }

  void CheckPlaces(std::string_view option, const Text& list, Log::Form form) {
    for (const std::string& item : SplitAdministratorList(list.text)) {
      const auto place = ReadLogPlace(item, form);
      if (!place) Error(FindItem(list.span, item), std::string(option) + ' ' + place.error());
    }
  }

  // +name and -name, separated by white space.
  void CheckLogSelector() {
    SourceSpan all = main_.log_selector.span;
    std::string_view text = main_.log_selector.text;
    std::size_t at = 0;
    while (at < text.size()) {
      if (IsSpace(text[at])) {
        ++at;
        continue;
      }
      std::size_t end = at;
      while (end < text.size() && !IsSpace(text[end])) ++end;
      CheckSelector(text.substr(at, end - at), all.Part(at, end));
      at = end;
    }
  }

  void CheckSelector(std::string_view word, SourceSpan span) {
    if (word[0] != '+' && word[0] != '-') {
      Error(span, "malformed log_selector setting: + or - expected but found " + Quoted(word));
      return;
    }
    const std::string_view name = word.substr(1);
    if (name == "all") return;
    const SelectorRow* row = FindSelector(name);
    if (row == nullptr) {
      std::vector<std::string_view> known = {"all"};
      for (const SelectorRow& r : SelectorRows()) known.push_back(r.name);
      std::string_view near = SuggestName(name, known);
      Error(span, "unknown log_selector setting: " + Printable(word),
            near.empty() ? ""
                         : "did you mean \"" + std::string(1, word[0]) + std::string(near) + "\"?");
    } else if (row->selector == Selector::kNone && word[0] == '+') {
      Warn(
          span,
          "log_selector " + std::string(word) + " has no meaning here: " + std::string(row->manual),
          "leave it out", code::kNoMeaning);
    }
  }

  void CheckProcess() {
    const Text& user = main_.signet_user;
    if (user.set() && !IsNumber(user.text) && getpwnam(user.text.c_str()) == nullptr) {
      Error(user.span, "user " + Quoted(user.text) + " unknown");
    }
    const Text& group = main_.signet_group;
    if (group.set() && !IsNumber(group.text) && getgrnam(group.text.c_str()) == nullptr) {
      Error(group.span, "group " + Quoted(group.text) + " unknown");
    }
    if (main_.pid_file_path.set() && !main_.pid_file_path.text.empty() &&
        main_.pid_file_path.text[0] != '/') {
      Error(main_.pid_file_path.span,
            "pid_file_path " + Quoted(main_.pid_file_path.text) + " is not an absolute path");
    }
  }

  const Config& config_;
  const Main& main_;
  const MainSpans& spans_;
  Diagnostics& diagnostics_;
};

}  // namespace

std::optional<int> PortNumber(std::string_view text) {
  int port = 0;
  auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error == std::errc() && stop == text.data() + text.size()) {
    return port >= 0 && port <= 65535 ? std::optional<int>(port) : std::nullopt;
  }
  for (const ServiceRow& row : kServices) {
    if (row.name == text) return row.port;
  }
  struct servent* service = getservbyname(std::string(text).c_str(), "tcp");
  if (service == nullptr) return std::nullopt;
  return ntohs(static_cast<std::uint16_t>(service->s_port));
}

void CheckConsistency(const Config& config, const MainSpans& spans, Diagnostics* diagnostics) {
  Consistency(config, spans, diagnostics).Run();
}

}  // namespace signet::config
