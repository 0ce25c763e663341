#ifndef SIGNET_DRIVERS_LOOKUP_LDAP_QUERY_H_
#define SIGNET_DRIVERS_LOOKUP_LDAP_QUERY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What an administrator writes in ${lookup ldap{…}}: settings, then an LDAP URL. Pure
// text handling; libldap is not involved.
namespace signet::ldap {

// limits.h of the program has the same numbers under kLdap…; a test compares them.
inline constexpr std::size_t kFilterNestingMax = 50;

enum class Security : std::uint8_t { kClear, kStartTls, kTls };

// Where a server is: host and port, or the path of a socket.
struct Server {
  std::string host;
  std::uint16_t port = 0;  // 0: the default of the scheme
  std::string unix_path;
  bool operator==(const Server&) const = default;
  std::string Name() const;  // for messages: "ldap.example.org:389", "/run/ldapi"
};

enum class Scope : std::uint8_t { kBase, kOne, kSub };
enum class Dereference : std::uint8_t { kNever, kSearching, kFinding, kAlways };

struct Query {
  // Settings.
  std::string user;      // bind DN, percent-decoded; empty: anonymous
  std::string password;  // secret: never in a message
  bool has_user = false, has_password = false;
  std::uint32_t size_limit = 0, time_limit_s = 0, network_timeout_s = 0;  // 0: unset
  Dereference dereference = Dereference::kNever;
  bool follow = false;  // referrals
  std::optional<std::string> servers;

  // URL, percent-decoded. NUL octets in base and filter stand as their LDAP escape \00,
  // because libldap ends texts there.
  std::string scheme;                   // "ldap", "ldaps", "ldapi"
  std::optional<Server> server;         // where the URL names one
  std::string base, filter;             // filter "" = (objectClass=*)
  std::vector<std::string> attributes;  // empty: all
  Scope scope = Scope::kBase;
  bool has_scope = false;  // the URL says which

  Query() = default;
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  Query(Query&&) = default;
  Query& operator=(Query&&) = default;
  ~Query();  // wipes the password
};

// Parses settings and URL. `*query` is meaningful where the result is "".
//
//   Errors    what is wrong, as Exim words it where it has words.
//   Security  neither PASS's value nor anything behind a malformed quote is in the text.
std::string ParseQuery(std::string_view text, Query* query);

// Items of ldap_default_servers or SERVERS: a list with ':' (doubled: itself) or the
// separator that "<x" declares. An item is host, host:port, [v6]:port, or /socket.
std::string ParseServers(std::string_view list, std::vector<Server>* servers);

}  // namespace signet::ldap
#endif
