#include "drivers/lookup/ldap_directory.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <mutex>
#include <set>

#include "drivers/lookup/escape.h"

namespace signet::ldap {
namespace {

using driver::LowerAscii;
using driver::View;

std::string Option(const signet_host* host, signet_worker* worker, std::string_view name) {
  signet_text text{};
  return host->main_option(worker, driver::Text(name), &text) != 0 ? std::string(View(text)) : "";
}

bool IsTrue(std::string_view text) {
  const std::string word = LowerAscii(text);
  return word == "true" || word == "yes" || word == "1";
}

// Unset, and whatever is not known, means the strict thing.
bool MustVerify(std::string_view require_cert) {
  const std::string word = LowerAscii(require_cert);
  return word != "never" && word != "allow";
}

Settings ReadSettings(const signet_host* host, signet_worker* worker) {
  const auto option = [&](std::string_view name) { return Option(host, worker, name); };
  Settings settings;
  settings.trouble = ParseServers(option("ldap_default_servers"), &settings.default_servers);
  const std::string version = option("ldap_version");
  if (!version.empty() && version != "3")
    settings.trouble = "ldap_version must be 3, found \"" + version + "\"";
  settings.start_tls = IsTrue(option("ldap_start_tls"));
  settings.tls.ca_file = option("ldap_ca_cert_file");
  settings.tls.ca_directory = option("ldap_ca_cert_dir");
  settings.tls.certificate_file = option("ldap_cert_file");
  settings.tls.key_file = option("ldap_cert_key");
  settings.tls.ciphers = option("ldap_cipher_suite");
  settings.tls.verify = MustVerify(option("ldap_require_cert"));
  return settings;
}

Answer Defer(std::string why) { return {Answer::kDeferred, std::move(why), ""}; }

constexpr const char kNotFollowed[] =
    "LDAP search: the server refers to others, and referrals are not followed";

bool MeansNoEntry(int code) {
  return code == kNoSuchObject || code == 33 || code == kInvalidDnSyntax ||
         code == kAliasDereferencingProblem;
}

std::string ServerSaid(const SearchEnd& end) {
  std::string text =
      "LDAP search failed - error " + std::to_string(end.code) + ": " + CodeText(end.code);
  if (!end.text.empty()) text += "/" + end.text;
  if (!end.matched.empty()) text += "/" + end.matched;
  return text;
}

// What the server's answer means, but for the name of the entry. Several entries where one is
// wanted are never one (L3).
Answer Interpret(const SearchEnd& end, const Query& query, Form form) {
  if (MeansNoEntry(end.code)) return {Answer::kNotFound, "", ""};
  if (end.code == kReferral) return Defer(kNotFollowed);
  const bool cut = end.code == kSizeLimitExceeded && query.size_limit != 0;
  if (end.code != kSuccess && !cut) return Defer(ServerSaid(end));
  if (form != Form::kMany && end.entries.size() > 1)
    return Defer("LDAP search: more than one entry (" + std::to_string(end.entries.size()) +
                 ") was returned (filter not specific enough?)");
  if (end.entries.empty() && !end.references.empty()) return Defer(kNotFollowed);
  if (end.entries.empty()) return {Answer::kNotFound, "", ""};
  if (form != Form::kDn && !HasValues(end.entries)) return {Answer::kNotFound, "", ""};
  return {Answer::kFound, FormatEntries(end.entries, form, query.attributes.size()), ""};
}

// Whether a question to another server could still be answered: it could not where the
// question is wrong, or where this server did answer.
bool IsFinal(const SearchEnd& end) {
  return end.kind == SearchEnd::kBad || end.kind == SearchEnd::kTooLarge ||
         end.kind == SearchEnd::kStopping;
}

SearchRequest MakeRequest(const Query& query, Form form, std::int64_t left_ms) {
  SearchRequest request;
  request.base = query.base;
  request.filter = query.filter;
  request.attributes = form == Form::kDn ? std::vector<std::string>{"1.1"} : query.attributes;
  request.scope = query.scope;
  request.dereference = query.dereference;
  request.size_limit = static_cast<int>(query.size_limit);
  const auto left_s = static_cast<int>(left_ms / 1000 + 1);
  request.time_limit_s = query.time_limit_s == 0 ? left_s : static_cast<int>(query.time_limit_s);
  return request;
}

// Rule L6: a bind without a password, or with one but no name, proves nothing. A name of
// blanks is one of no components. A password with a NUL may be an empty one to a server
// that ends texts there.
bool MayBind(const Query& query) {
  return query.user.find_first_not_of(" \t\r\n") != std::string::npos && !query.password.empty() &&
         query.password.find('\0') == std::string::npos;
}

std::string CheckCredentials(const Query& query) {
  if ((!query.has_user && !query.has_password) || MayBind(query)) return "";
  return "LDAP lookups with USER or PASS need both, neither empty, and no NUL in them";
}

SearchEnd Stopping() {
  SearchEnd end;
  end.kind = SearchEnd::kStopping;
  end.why = "the program is stopping";
  return end;
}

// Workers find out one by one; the log is told by the first. Bounded, because directories may
// refer to any number of servers (rule R7).
enum class Standing : std::uint8_t { kGone, kBack };
bool IsNews(const std::string& server, Standing standing) {
  constexpr std::size_t kTold = 100;
  static std::mutex mutex;
  static std::set<std::string> gone;
  const std::lock_guard lock(mutex);
  if (standing == Standing::kBack) return gone.erase(server) != 0;
  return gone.size() < kTold && gone.insert(server).second;
}

std::int64_t AnswerMs(const Query& query) {
  if (query.network_timeout_s == 0) return kAnswerMs;
  return std::min<std::int64_t>(kAnswerMs, query.network_timeout_s * 1000);
}

}  // namespace

Directory::Directory(const signet_host* host, signet_worker* worker)
    : host_(host), worker_(worker), settings_(ReadSettings(host, worker)) {}

Directory::~Directory() {
  for (const auto& connection : connections_) connection->Kill("the worker is closing");
}

// --- servers ------------------------------------------------------------------------------

std::string Directory::ServersOf(const Query& query, std::vector<Server>* servers) const {
  if (!settings_.trouble.empty()) return settings_.trouble;
  if (query.server)
    servers->push_back(*query.server);
  else if (query.servers) {
    if (std::string why = ParseServers(*query.servers, servers); !why.empty()) return why;
  } else {
    *servers = settings_.default_servers;
  }
  if (servers->empty())
    return "no LDAP server: neither the URL, nor SERVERS, nor ldap_default_servers names one";
  for (Server& server : *servers) {
    if (query.scheme == "ldapi" && server.unix_path.empty())
      return "ldapi requires an absolute path (\"" + server.host + "\" given)";
    if (server.unix_path.empty() && server.port == 0)
      server.port = query.scheme == "ldaps" ? 636 : 389;
  }
  return "";
}

Security Directory::SecurityOf(const Query& query, const Server& server) const {
  if (!server.unix_path.empty()) return Security::kClear;
  if (query.scheme == "ldaps") return Security::kTls;
  return settings_.start_tls ? Security::kStartTls : Security::kClear;
}

Directory::Status* Directory::FindStatus(const Server& server, Security security) {
  const auto found = std::find_if(failed_.begin(), failed_.end(), [&](const Status& status) {
    return status.server == server && status.security == security;
  });
  return found == failed_.end() ? nullptr : &*found;
}

bool Directory::Forget(const Target& target) {
  return std::erase_if(failed_, [&](const Status& status) {
           return status.server == target.server && status.security == target.security;
         }) != 0;
}

void Directory::NoteSuccess(const Target& target) {
  const std::string name = target.server.Name();
  if (Forget(target) && IsNews(name, Standing::kBack)) Say("LDAP server " + name + " is back");
}

void Directory::NoteFailure(const Connection& connection) {
  if (!connection.server_failed()) return;
  const Target& target = connection.target();
  const std::int64_t now_ms = host_->now_ms();
  const std::string name = target.server.Name();
  if (!Forget(target) && IsNews(name, Standing::kGone))
    Say("LDAP server " + name + " is gone: " + connection.why());
  // Servers that a directory refers to come and go (rule R7).
  std::erase_if(failed_, [&](const Status& s) { return s.retry_ms + kForgetMs <= now_ms; });
  failed_.push_back({target.server, target.security, now_ms + kRetryMs, connection.was_silent(),
                     connection.why()});
}

void Directory::Say(const std::string& line) const {
  host_->worker_log(worker_, driver::Text(line));
}

bool Directory::IsReady(const Target& target) const {
  return std::any_of(connections_.begin(), connections_.end(), [&](const auto& connection) {
    return connection->state() == Connection::State::kReady && connection->target() == target;
  });
}

// The servers to try, in the order in which they were named: those that have not failed.
// One that has is connected to again when its time has come, beside the sessions, and is one
// of them again when that has worked. Where all have failed, those whose time has come, or
// else those whose failure shows at once: a server that fails by silence is not waited for
// again so soon, or each session would wait for it in turn.
std::vector<Server> Directory::Order(const Query& query, const std::vector<Server>& servers,
                                     Again again, std::string* why) {
  std::vector<Server> good, due, quick;
  const std::int64_t now_ms = host_->now_ms();
  for (const Server& server : servers) {
    const Target target = MakeTarget(query, server);
    if (again == Again::kBeside && IsReady(target)) NoteSuccess(target);
    Status* status = FindStatus(server, target.security);
    if (status == nullptr) {
      good.push_back(server);
    } else if (status->retry_ms <= now_ms) {
      due.push_back(server);
      status->retry_ms = now_ms + kRetryMs;  // the others need not try, too
      if (again == Again::kByThisOne) good.push_back(server);
    } else if (!status->silent) {
      quick.push_back(server);
    } else {
      *why = status->why + " (not tried again yet)";
    }
  }
  if (good.empty()) return due.empty() ? quick : due;
  std::string unused;
  if (again == Again::kBeside)
    for (const Server& server : due) (void)Get(MakeTarget(query, server), &unused);
  return good;
}

// --- connections ----------------------------------------------------------------------------

Target Directory::MakeTarget(const Query& query, const Server& server) const {
  return {server, SecurityOf(query, server), query.user, query.password, settings_.tls};
}

void Directory::DropDead() {
  std::erase_if(connections_, [](const std::shared_ptr<Connection>& connection) {
    return connection->state() == Connection::State::kDead;
  });
}

// Ends the connection that nobody has used for longest.
bool Directory::DropIdle() {
  std::shared_ptr<Connection> oldest;
  for (const auto& connection : connections_)
    if (connection->idle() &&
        (oldest == nullptr || connection->last_used_ms() < oldest->last_used_ms()))
      oldest = connection;
  if (oldest == nullptr) return false;
  oldest->Kill("another connection was wanted more");
  DropDead();
  return true;
}

std::shared_ptr<Connection> Directory::Get(const Target& target, std::string* why) {
  DropDead();
  for (const auto& connection : connections_)
    if (connection->target() == target) return connection;
  if (connections_.size() >= kConnectionsMax && !DropIdle()) {
    *why = "more than " + std::to_string(kConnectionsMax) + " LDAP connections are in use";
    return nullptr;
  }
  auto connection = std::make_shared<Connection>(host_, worker_, target);
  connections_.push_back(connection);
  connection->Start();
  return connection;
}

// --- lookups --------------------------------------------------------------------------------

// One search at one server. A connection that was there before may have died of old age:
// then once more, on a new one.
SearchEnd Directory::SearchAt(const Query& query, const SearchRequest& request,
                              const Server& server, std::int64_t deadline_ms) {
  const Target target = MakeTarget(query, server);
  SearchEnd end;
  for (int attempt = 0; attempt < 2; ++attempt) {
    const std::shared_ptr<Connection> connection = Get(target, &end.why);
    if (connection == nullptr) return end;
    const bool fresh = connection->state() == Connection::State::kOpening;
    // Its task has a deadline of its own, so this ends in time.
    if (connection->WaitOpen(deadline_ms) == SIGNET_IO_CANCELLED) return Stopping();
    end = connection->Search(request, std::min(deadline_ms, host_->now_ms() + AnswerMs(query)));
    if (end.kind == SearchEnd::kAnswered) NoteSuccess(target);
    if (end.kind != SearchEnd::kDead) return end;
    NoteFailure(*connection);
    if (fresh || host_->now_ms() >= deadline_ms) return end;
  }
  return end;
}

// --- referrals ------------------------------------------------------------------------------

// Asks the servers of one referral in turn, as nobody (rule L7), until one answers.
SearchEnd Directory::SearchBehind(const Referral& referral, const Query& query, Security security,
                                  std::int64_t deadline_ms, SearchRequest* request) {
  SearchEnd end;
  end.why = "the server refers to nobody";
  for (const std::string& url : referral.urls) {
    Query next;
    next.network_timeout_s = query.network_timeout_s;
    *request = referral.request;
    end = SearchEnd();
    end.why = ReadReferral(url, &next, request);
    if (!end.why.empty()) continue;
    Server server = *next.server;
    if (server.port == 0) server.port = next.scheme == "ldaps" ? 636 : 389;
    // Where TLS was wanted, it is wanted (rule T14).
    if (security != Security::kClear && SecurityOf(next, server) == Security::kClear) {
      end.why = "the server refers to " + server.Name() + ", and TLS would end there";
      continue;
    }
    end = SearchAt(next, *request, server, deadline_ms);
    if (end.kind == SearchEnd::kAnswered || end.kind == SearchEnd::kStopping) return end;
  }
  return end;
}

// Adds to an answer what the servers know that it refers to. One that cannot be asked, or
// refuses, makes the whole answer one that cannot be given.
void Directory::Follow(const Query& query, const SearchRequest& request, Security security,
                       std::int64_t deadline_ms, SearchEnd* end) {
  std::deque<Referral> open;
  const auto add = [&open](SearchEnd* from, const SearchRequest& asked, std::size_t hops) {
    for (auto& urls : from->references) open.push_back({std::move(urls), asked, hops});
    from->references.clear();
    if (from->code == kReferral) from->code = kSuccess;
  };
  add(end, request, 1);
  for (std::size_t followed = 0; !open.empty(); ++followed) {
    const Referral referral = std::move(open.front());
    open.pop_front();
    SearchEnd part;
    SearchRequest asked;
    if (followed == kReferralsMax || referral.hops > kReferralHopsMax) {
      part.kind = SearchEnd::kTooLarge;
      part.why = "LDAP search: too many referrals";
    } else {
      part = SearchBehind(referral, query, security, deadline_ms, &asked);
    }
    if (part.kind == SearchEnd::kAnswered) add(&part, asked, referral.hops + 1);
    const bool good = part.code == kSuccess || MeansNoEntry(part.code);
    if (part.kind != SearchEnd::kAnswered || !good) {
      *end = std::move(part);
      return;
    }
    std::move(part.entries.begin(), part.entries.end(), std::back_inserter(end->entries));
    if (end->entries.size() <= kAnswerEntriesMax) continue;
    *end = SearchEnd();
    end->kind = SearchEnd::kTooLarge;
    end->why = "LDAP search: the answer is over " + std::to_string(kAnswerEntriesMax) + " entries";
    return;
  }
}

Answer Directory::Find(std::string_view text, Form form, std::int64_t deadline_ms) {
  Query query;
  if (std::string why = ParseQuery(text, &query); !why.empty()) return Defer(std::move(why));
  if (std::string why = CheckCredentials(query); !why.empty()) return Defer(std::move(why));
  std::vector<Server> servers;
  if (std::string why = ServersOf(query, &servers); !why.empty()) return Defer(std::move(why));
  std::string why = "no LDAP server answered";
  for (const Server& server : Order(query, servers, Again::kBeside, &why)) {
    const std::int64_t left_ms = deadline_ms - host_->now_ms();
    if (left_ms <= 0) break;
    const SearchRequest request = MakeRequest(query, form, left_ms);
    SearchEnd end = SearchAt(query, request, server, deadline_ms);
    if (end.kind == SearchEnd::kAnswered && query.follow)
      Follow(query, request, SecurityOf(query, server), deadline_ms, &end);
    if (end.kind == SearchEnd::kAnswered) {
      Answer answer = Interpret(end, query, form);
      if (!end.entries.empty()) answer.dn = end.entries.back().dn;
      const bool several = form != Form::kMany && end.entries.size() > 1;
      if (answer.kind != Answer::kDeferred || several) return answer;
      why = std::move(answer.text);
      continue;
    }
    why = end.why.empty() ? "no answer" : std::move(end.why);
    if (IsFinal(end)) break;
  }
  return Defer(std::move(why));
}

signet_verdict Directory::Authenticate(std::string_view text, std::int64_t deadline_ms,
                                       std::string* why) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return SIGNET_REJECT;
  Query query;
  if (*why = ParseQuery(text, &query); !why->empty()) return SIGNET_DEFER;
  if (!query.has_user || !query.has_password) {
    *why = "ldapauth lookups must specify the username and password";
    return SIGNET_DEFER;
  }
  if (!MayBind(query)) return SIGNET_REJECT;
  std::vector<Server> servers;
  if (*why = ServersOf(query, &servers); !why->empty()) return SIGNET_DEFER;
  *why = "no LDAP server answered";
  for (const Server& server : Order(query, servers, Again::kByThisOne, why)) {
    // A connection of its own: binding again would change who asks on a shared one.
    const auto connection = std::make_shared<Connection>(host_, worker_, MakeTarget(query, server));
    connection->Start();
    const signet_io opened = connection->WaitOpen(deadline_ms);
    const bool bound = opened == SIGNET_IO_OK && connection->state() == Connection::State::kReady;
    *why = bound ? "" : opened == SIGNET_IO_OK ? connection->why() : "timed out";
    if (opened == SIGNET_IO_OK && !bound) NoteFailure(*connection);
    if (bound || connection->bind_code() != 0) NoteSuccess(connection->target());
    connection->Kill("the test is over");
    if (bound) return SIGNET_ACCEPT;
    if (connection->bind_code() == kInvalidCredentials) return SIGNET_REJECT;
    if (connection->bind_code() != 0 || opened == SIGNET_IO_CANCELLED) return SIGNET_DEFER;
  }
  return SIGNET_DEFER;
}

}  // namespace signet::ldap
