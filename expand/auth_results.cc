#include "expand/auth_results.h"

#include <algorithm>

#include "src/base/text.h"

namespace signet::expand {
namespace {

bool IsFitForResult(std::string_view text) {
  constexpr std::string_view kPlain = "!#$%&'*+-/?^_`{|}~.@:[]";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return IsAlnum(c) || kPlain.find(c) != std::string_view::npos;
  });
}

// A value of RFC 8601: as it is where it cannot be taken for more than that, otherwise
// quoted. Line ends and other controls never pass.
std::string ResultValue(std::string_view text) {
  if (IsFitForResult(text)) return std::string(text);
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += IsControl(c) ? '?' : c;
  }
  return quoted + '"';
}

// A comment of a header.
std::string ResultComment(std::string_view text) {
  std::string comment = "(";
  for (char c : text) {
    if (c == '(' || c == ')' || c == '\\') comment += '\\';
    comment += IsControl(c) ? '?' : c;
  }
  return comment + ")";
}

std::string AuthenticationResult(const facts::Session& session) {
  const facts::Auth& auth = session.auth;
  if (auth.result != facts::AuthResult::kAuthenticated) return "";
  const std::string& mechanism = auth.public_name.empty() ? auth.authenticator : auth.public_name;
  std::string text = ";\n\tauth=pass ";
  if (mechanism == "tls")
    text += auth.id.empty() ? "(tls) reason=x509.auth" : "(tls) x509.auth=" + ResultValue(auth.id);
  else if (auth.id.empty())
    text += ResultComment(mechanism + ", no id saved");
  else
    text += ResultComment(mechanism) + " smtp.auth=" + ResultValue(auth.id);
  const std::string& sender = session.envelope.authenticated_sender;
  if (!sender.empty()) text += " smtp.mailfrom=" + ResultValue(sender);
  return text;
}

}  // namespace

std::string AuthResultsField(const facts::Session& session, std::string_view id) {
  std::string results;
  if (!session.host_name.empty())
    results += ";\n\tiprev=pass " + ResultComment(session.host_name) +
               " smtp.remote-ip=" + ResultValue(session.connection.client_ip);
  results += AuthenticationResult(session);
  // RFC 8601 wants a word where there is no result.
  if (results.empty()) results = "; none";
  return "Authentication-Results: " + ResultValue(id) + results;
}

}  // namespace signet::expand
