#include "src/config/sense.h"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <set>

#include "src/base/codes.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/config/options.h"
#include "src/config/scalars.h"

namespace signet::config {
namespace {

std::string Quoted(std::string_view text) { return '"' + Printable(text) + '"'; }

// A word in a text, with no letters, digits or "_" around it.
bool HasWord(std::string_view text, std::string_view word) {
  const auto is_name = [](char c) { return IsAlnum(c) || c == '_'; };
  for (std::size_t at = text.find(word); at != text.npos; at = text.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    const bool begins = at == 0 || !is_name(text[at - 1]);
    if (begins && (end == text.size() || !is_name(text[end]))) return true;
  }
  return false;
}

const std::string* ConstantOf(const Expanded& option) {
  return option ? option.program->constant() : nullptr;
}

// Items that any address matches.
bool IsEverybody(std::string_view item) {
  return item == "*" || item == "0.0.0.0/0" || item == "::/0";
}

// Options whose files are written by us: that they are there, or can be written, says nothing.
constexpr std::string_view kOutputs[] = {"control_socket", "decisions_file", "log_file_path",
                                         "log_json_path",  "metrics_listen", "pid_file_path",
                                         "tlsrpt_file"};
// Options whose files are looked at where they are loaded.
constexpr std::string_view kWatched[] = {"driver_modules", "server_pins", "tls_ticket_keys",
                                         "tls_verify_certificates"};

class Sense {
 public:
  Sense(const Config& config, const MainSpans& spans, Diagnostics* diagnostics)
      : config_(config), main_(config.main), spans_(spans), diagnostics_(*diagnostics) {}

  void Run() {
    CheckMechanisms();
    CheckWaysIn();
    CheckPeers();
    CheckNumbers();
  }

 private:
  SourceSpan Span(std::string_view option) const {
    const auto found = spans_.find(option);
    return found == spans_.end() ? SourceSpan{} : found->second;
  }
  void Warn(SourceSpan span, std::string message, std::string hint, std::string_view code) {
    diagnostics_.push_back(
        {Severity::kWarning, span, std::move(message), std::move(hint), {}, code});
  }

  // --- who can be known ------------------------------------------------------------------------

  bool OffersStartTls() const { return !MatchesNobody(main_.tls_advertise_hosts); }
  bool HasTls() const { return OffersStartTls() || !main_.tls_on_connect_ports.empty(); }

  static bool NeverAdvertised(const Authenticator& one) {
    const std::string* condition = ConstantOf(one.server_advertise_condition);
    return condition != nullptr && !expand::LaxTruth(Trim(*condition));
  }

  // Why no client is offered a mechanism; "" where some may be.
  std::string WhyNotOffered(const Authenticator& one) const {
    if (!HasTls())
      return "AUTH needs TLS, which neither tls_advertise_hosts nor tls_on_connect_ports allows";
    if (MatchesNobody(main_.auth_advertise_hosts)) return "auth_advertise_hosts matches no host";
    if (NeverAdvertised(one)) return "its server_advertise_condition is never true";
    return "";
  }

  // Without a certificate of ours there is no TLS, which is told where that is loaded.
  void CheckMechanisms() {
    if (!main_.tls_certificate) return;
    for (const Authenticator& one : config_.authenticators) {
      if (!one.driver || !one.driver->advertised) continue;
      const std::string why = WhyNotOffered(one);
      if (why.empty()) continue;
      Warn(one.name_span, "authenticator " + Quoted(one.name) + " is offered to no client: " + why,
           "take it out, or let clients reach it", code::kNeverRuns);
    }
  }

  // The first place in ACLs that asks who the client is.
  SourceSpan WhoIsAsked() const {
    for (const AclSource& acl : config_.acls)
      for (SourceSpan line : acl.lines)
        for (std::string_view word : {"authenticated", "authenticated_id"}) {
          if (!HasWord(line.view(), word)) continue;
          const std::size_t at = line.view().find(word);
          return line.Part(at, at + word.size());
        }
    return {};
  }

  bool CertificatesCount() const {
    const bool asks =
        !MatchesNobody(main_.tls_verify_hosts) || !MatchesNobody(main_.tls_try_verify_hosts);
    return asks &&
           std::any_of(config_.authenticators.begin(), config_.authenticators.end(),
                       [](const Authenticator& a) { return a.driver && a.driver->after_tls; });
  }
  bool MechanismsCount() const {
    return std::any_of(config_.authenticators.begin(), config_.authenticators.end(),
                       [&](const Authenticator& a) {
                         return a.driver && a.driver->advertised && WhyNotOffered(a).empty();
                       });
  }

  void CheckWaysIn() {
    const SourceSpan asked = WhoIsAsked();
    const bool told = !MatchesNobody(main_.hosts_xclient_login);
    if (asked.text == nullptr || told || !main_.tls_certificate) return;
    if (config_.authenticators.empty())
      return Warn(asked, "nobody is ever authenticated: there is no authenticator",
                  "see \"begin authenticators\"", code::kNoWayIn);
    if (!HasTls() || (!CertificatesCount() && !MechanismsCount()))
      return Warn(asked,
                  "nobody is ever authenticated: clients are neither asked for certificates nor "
                  "offered AUTH",
                  HasTls() ? "set tls_try_verify_hosts" : "see tls_advertise_hosts",
                  code::kNoWayIn);
    if (OffersStartTls()) return;
    for (const std::string& port : main_.daemon_smtp_ports) {
      if (IsOnConnect(port)) continue;
      const SourceSpan ports = Span("daemon_smtp_ports");
      Warn(ports.text != nullptr ? ports : Span("tls_on_connect_ports"),
           "nobody is ever authenticated on port " + Quoted(port) +
               ": there is no TLS there, since tls_advertise_hosts matches no host",
           "add it to tls_on_connect_ports, or do not listen there", code::kNoWayIn);
    }
  }
  bool IsOnConnect(const std::string& port) const {
    const std::optional<int> number = PortNumber(port);
    return std::any_of(
        main_.tls_on_connect_ports.begin(), main_.tls_on_connect_ports.end(),
        [&](const std::string& other) { return other == port || PortNumber(other) == number; });
  }

  // Who may speak for others, and is everybody (rule S15).
  void CheckPeers() {
    for (const auto& [name, list] :
         {std::pair{"hosts_proxy", &main_.hosts_proxy},
          std::pair{"hosts_xclient", &main_.hosts_xclient},
          std::pair{"hosts_xclient_login", &main_.hosts_xclient_login}}) {
      const std::string* text = ConstantOf(*list);
      if (text == nullptr) continue;
      const std::vector<std::string> items = SplitAdministratorList(*text);
      if (std::none_of(items.begin(), items.end(), IsEverybody)) continue;
      Warn(list->span,
           std::string(name) +
               " is everybody: any client may say that it is another one (weakens "
               "rule S15)",
           "name the addresses of your own hosts", code::kWeakSetting);
    }
  }

  // --- values ----------------------------------------------------------------------------------

  void Error(SourceSpan span, std::string message, std::string_view code) {
    diagnostics_.push_back({Severity::kError, span, std::move(message), {}, {}, code});
  }

  void CheckNumbers() {
    if (const std::string* text = ConstantOf(main_.smtp_accept_max_per_host)) {
      const std::string_view digits = Trim(*text);
      const bool good = digits.size() <= 9 && std::all_of(digits.begin(), digits.end(), IsDigit);
      if (!good)
        Error(main_.smtp_accept_max_per_host.span,
              "number expected for smtp_accept_max_per_host, but " + Quoted(digits) + " found",
              code::kBadNumber);
    }
    for (const auto& [name, option] :
         {std::pair{"message_size_limit", &main_.message_size_limit},
          std::pair{"recipients_max", &main_.recipients_max},
          std::pair{"smtp_accept_max_per_connection", &main_.smtp_accept_max_per_connection}}) {
      const std::string* text = ConstantOf(*option);
      if (text == nullptr || ReadInteger(Trim(*text), name)) continue;
      Error(option->span,
            "number expected for " + std::string(name) + ", but " + Quoted(*text) + " found",
            code::kBadNumber);
    }
  }

  const Config& config_;
  const Main& main_;
  const MainSpans& spans_;
  Diagnostics& diagnostics_;
};

class Files {
 public:
  Files(const Config& config, Diagnostics* diagnostics)
      : config_(config), main_(config.main), diagnostics_(*diagnostics) {}

  void Run() {
    CheckDirectories();
    CheckFiles();
  }

 private:
  void Warn(SourceSpan span, std::string message, std::string hint, std::string_view code) {
    diagnostics_.push_back(
        {Severity::kWarning, span, std::move(message), std::move(hint), {}, code});
  }

  void CheckDirectories() {
    CheckHold();
    for (const auto& [name, option] : {std::pair{"control_socket", &main_.control_socket},
                                       std::pair{"decisions_file", &main_.decisions_file},
                                       std::pair{"metrics_listen", &main_.metrics_listen},
                                       std::pair{"pid_file_path", &main_.pid_file_path},
                                       std::pair{"tlsrpt_file", &main_.tlsrpt_file}}) {
      if (!option->text.starts_with('/')) continue;
      const std::string directory = option->text.substr(0, option->text.rfind('/') + 1);
      CheckDirectory(name, *option, directory);
    }
  }

  bool CheckDirectory(std::string_view name, const Text& option, const std::string& directory) {
    struct stat info {};
    const bool found = ::stat(directory.c_str(), &info) == 0;
    if (found && S_ISDIR(info.st_mode)) return true;
    const std::string why = found ? "it is no directory" : std::strerror(errno);
    Warn(option.span,
         std::string(name) + ": there is no directory " + Quoted(directory) + ": " + why,
         "make it, for signet_user to write in", code::kNoDirectory);
    return false;
  }

  // Messages that are larger than what is held in memory could not be taken.
  void CheckHold() {
    const Text& hold = main_.hold_directory;
    if (hold.text.empty() || !CheckDirectory("hold_directory", hold, hold.text)) return;
    struct stat info {};
    if (::stat(hold.text.c_str(), &info) != 0 || MayWrite(info)) return;
    Warn(hold.span,
         "hold_directory: " + WhoWeAre() + " may not write in " + Quoted(hold.text) +
             ": large messages whose ACL looks at them are deferred",
         "give it to signet_user", code::kNoDirectory);
  }

  std::string WhoWeAre() const {
    return main_.signet_user.text.empty() ? "this user" : Quoted(main_.signet_user.text);
  }

  // As the user that the gateway becomes; as this one where it becomes none.
  bool MayWrite(const struct stat& info) const {
    const std::string& name = main_.signet_user.text;
    uid_t user = ::geteuid();
    std::set<gid_t> groups = {::getegid()};
    if (!name.empty()) {
      const struct passwd* entry = ::getpwnam(name.c_str());
      if (entry == nullptr) return true;  // a number, or an error that has been told
      user = entry->pw_uid;
      groups = {entry->pw_gid};
    }
    constexpr mode_t kNeeded = 3;  // to write, and to go there
    if (user == 0) return true;
    if (info.st_uid == user) return ((info.st_mode >> 6) & kNeeded) == kNeeded;
    if (groups.contains(info.st_gid)) return ((info.st_mode >> 3) & kNeeded) == kNeeded;
    return (info.st_mode & kNeeded) == kNeeded;
  }

  // Whoever may write what the gateway reads decides what it does (rule C4).
  void CheckFiles() {
    for (const auto& text : config_.texts) {
      if (!text->pieces().empty()) continue;  // put together: the files themselves are here too
      for (std::size_t from = 0; from < text->text().size();) {
        const std::size_t end = std::min(text->text().find('\n', from), text->text().size());
        CheckLine(text->whole().Part(from, end));
        from = end + 1;
      }
    }
  }

  void CheckLine(SourceSpan line) {
    const std::string_view text = line.view();
    const std::string_view shown = Trim(text);
    if (shown.starts_with('#')) return;
    const std::string_view option = shown.substr(0, shown.find_first_of(" \t="));
    if (std::ranges::count(kOutputs, option) + std::ranges::count(kWatched, option) > 0) return;
    constexpr std::string_view kBefore = " \t{;=:\"<";
    for (std::size_t at = text.find('/'); at != text.npos;) {
      std::size_t end = at;
      const auto in_path = [](char c) {
        return IsAlnum(c) || (c > ' ' && std::strchr("/._-+", c));
      };
      while (end < text.size() && in_path(text[end])) ++end;
      if (at > 0 && kBefore.find(text[at - 1]) != kBefore.npos)
        CheckPath(line.Part(at, end), std::string(text.substr(at, end - at)));
      at = text.find('/', std::max(end, at + 1));
    }
  }

  void CheckPath(SourceSpan place, const std::string& path) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return;
    if ((info.st_mode & (S_IWGRP | S_IWOTH)) == 0 || !told_.insert(path).second) return;
    Warn(place, "group or others may write " + Quoted(path) + ", and so say what the gateway does",
         "chmod go-w " + path, code::kFileMode);
  }

  const Config& config_;
  const Main& main_;
  Diagnostics& diagnostics_;
  std::set<std::string> told_;
};

}  // namespace

bool MatchesNobody(const Expanded& list) {
  if (!list) return true;
  const std::string* text = list.program->constant();
  return text != nullptr && SplitAdministratorList(*text).empty();
}

void CheckSense(const Config& config, const MainSpans& spans, Diagnostics* diagnostics) {
  Sense(config, spans, diagnostics).Run();
}

void CheckFiles(const Config& config, Diagnostics* diagnostics) {
  Files(config, diagnostics).Run();
}

}  // namespace signet::config
