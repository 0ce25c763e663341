#ifndef SIGNET_DRIVERS_LOOKUP_LDAP_DIRECTORY_H_
#define SIGNET_DRIVERS_LOOKUP_LDAP_DIRECTORY_H_

#include <memory>
#include <string>
#include <vector>

#include "drivers/lookup/ldap_connection.h"
#include "drivers/lookup/ldap_query.h"
#include "drivers/lookup/ldap_referral.h"
#include "drivers/lookup/ldap_result.h"

namespace signet::ldap {

inline constexpr std::int64_t kRetryMs = 5'000;  // limits::kDirectoryRetry
// A server that nobody has asked for since, where others fail, is not remembered.
inline constexpr std::int64_t kForgetMs = 60'000;
inline constexpr std::size_t kConnectionsMax = 64;

// An answer as the language sees it.
struct Answer {
  enum Kind : std::uint8_t { kFound, kNotFound, kDeferred } kind = kDeferred;
  std::string text;  // value or reason
  std::string dn;    // of the last entry that the server gave, whatever came of it
};

// What the administrator set in the main section.
struct Settings {
  std::vector<Server> default_servers;
  bool start_tls = false;
  TlsOptions tls;
  std::string trouble;  // a setting that cannot be used: every lookup defers with it
};

// All directories of one worker: which servers there are, which of them are up, and the
// connections to them.
class Directory {
 public:
  Directory(const signet_host* host, signet_worker* worker);
  ~Directory();
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  // Answers a query of type ldap, ldapm or ldapdn (waits).
  Answer Find(std::string_view query, Form form, std::int64_t deadline_ms);
  // Tests the credentials in a query by binding with them (waits).
  signet_verdict Authenticate(std::string_view query, std::int64_t deadline_ms, std::string* why);
  std::size_t connections() const { return connections_.size(); }

 private:
  struct Status {
    Server server;
    Security security;
    std::int64_t retry_ms;  // left alone until then
    bool silent;            // found out by waiting, so not tried early either
    std::string why;
  };

  std::string ServersOf(const Query& query, std::vector<Server>* servers) const;
  // Who finds out whether a server that has failed is back: a connection beside the sessions, or
  // the session itself, where its connection is of use to nobody else.
  enum class Again : std::uint8_t { kBeside, kByThisOne };
  std::vector<Server> Order(const Query& query, const std::vector<Server>& servers, Again again,
                            std::string* why);
  Security SecurityOf(const Query& query, const Server& server) const;
  Status* FindStatus(const Server& server, Security security);
  bool Forget(const Target& target);
  void NoteFailure(const Connection& connection);
  void NoteSuccess(const Target& target);
  void Say(const std::string& line) const;
  bool IsReady(const Target& target) const;
  Target MakeTarget(const Query& query, const Server& server) const;
  std::shared_ptr<Connection> Get(const Target& target, std::string* why);
  void DropDead();
  bool DropIdle();
  SearchEnd SearchAt(const Query& query, const SearchRequest& request, const Server& server,
                     std::int64_t deadline_ms);
  void Follow(const Query& query, const SearchRequest& request, Security security,
              std::int64_t deadline_ms, SearchEnd* end);
  SearchEnd SearchBehind(const Referral& referral, const Query& query, Security security,
                         std::int64_t deadline_ms, SearchRequest* request);

  const signet_host* host_;
  signet_worker* worker_;
  Settings settings_;
  std::vector<Status> failed_;
  // Shared with the connections' tasks and with callers that are waiting.
  std::vector<std::shared_ptr<Connection>> connections_;
};

}  // namespace signet::ldap
#endif
