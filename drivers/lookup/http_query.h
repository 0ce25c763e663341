#ifndef SIGNET_DRIVERS_LOOKUP_HTTP_QUERY_H_
#define SIGNET_DRIVERS_LOOKUP_HTTP_QUERY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// What an administrator writes in ${lookup http{…}}: settings, then a URL. Pure text
// handling; libcurl is not involved.
namespace signet::http {

// limits.h of the program has the same numbers under kHttp…; a test compares them.
inline constexpr std::size_t kAnswerMaxBytes = 256 * 1024;
inline constexpr std::size_t kHeaderMaxBytes = 64 * 1024;
inline constexpr std::size_t kAtOnce = 8;
inline constexpr std::size_t kRedirectsMax = 5;
inline constexpr std::size_t kUrlMaxBytes = 8 * 1024;  // servers take no longer ones

struct Query {
  std::string url;     // http or https; only its path and query can have an outsider's octets
  std::string origin;  // scheme, host and port, for messages
  std::string method;  // "GET", "HEAD", "POST", "PUT"
  std::string user, password;  // decoded
  bool has_user = false, has_password = false;
  bool has_body = false;
  std::string body, content_type;
  std::vector<std::string> headers;  // "Name: value"
  std::size_t redirects = 0;

  Query() = default;
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  ~Query();  // wipes what may be secret
};

// `options`: those behind the type's name: "method=PUT,redirects=2".
//
//   Returns   what is wrong, or "".
//   Security  neither values of settings nor the URL's path are in what it returns.
std::string ParseQuery(std::string_view text, std::string_view options, Query* query);

// "a=b%20c&d=e" → {"a":"b c","d":"e"}. False where it is no such form, or its octets are not
// UTF-8.
bool FormToJson(std::string_view form, std::string* json);

}  // namespace signet::http
#endif
