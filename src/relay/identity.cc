#include "src/relay/identity.h"

#include "src/base/codec.h"
#include "src/base/log.h"
#include "src/base/text.h"

namespace signet::relay {
namespace {

constexpr char kUnavailable[] = "[UNAVAILABLE]";

bool IsAuthenticated(const facts::Session& session) {
  return session.auth.result == facts::AuthResult::kAuthenticated && !session.auth.id.empty();
}

std::string Known(std::string_view value) {
  return value.empty() ? kUnavailable : EncodeXtext(value);
}

// Postfix wants to be told which family it is, where that is not the old one.
std::string AddressValue(const std::string& ip) {
  return ip.find(':') == ip.npos ? Known(ip) : "IPV6:" + EncodeXtext(ip);
}

std::string PortValue(int port) { return port > 0 ? std::to_string(port) : kUnavailable; }

// A value in front of which a server could not tell an identity from "there is none".
bool IsReserved(std::string_view id) { return id.starts_with('[') && id.ends_with(']'); }

}  // namespace

std::vector<Attribute> XclientAttributes(Xclient which, const facts::Session& session) {
  if (which == Xclient::kNo) return {};
  std::string login = kUnavailable;
  if (IsAuthenticated(session) && !IsReserved(session.auth.id))
    login = EncodeXtext(session.auth.id);
  std::vector<Attribute> all = {{"LOGIN", login}};
  if (which == Xclient::kLogin) return all;
  const facts::Connection& connection = session.connection;
  all.push_back({"NAME", Known(session.host_name)});
  all.push_back({"ADDR", AddressValue(connection.client_ip)});
  all.push_back({"PORT", PortValue(connection.client_port)});
  all.push_back({"PROTO", session.esmtp ? "ESMTP" : "SMTP"});
  all.push_back({"HELO", Known(session.helo)});
  all.push_back({"DESTADDR", AddressValue(connection.local_ip)});
  all.push_back({"DESTPORT", PortValue(connection.local_port)});
  return all;
}

Result<std::string, std::string> XclientCommand(const std::vector<Attribute>& attributes,
                                                const Offered& offered) {
  std::string line = "XCLIENT";
  for (const Attribute& attribute : attributes) {
    if (offered.Xclient(attribute.name))
      line += ' ' + attribute.name + '=' + attribute.value;
    else if (attribute.name == "LOGIN")
      return Err{std::string("XCLIENT LOGIN is not offered")};
  }
  return line;
}

Result<std::string, std::string> MailAuth(const Value& value, const facts::Session& session) {
  const auto is_known = [&](std::string_view text) {
    return EqualsIgnoreCase(text, session.auth.id) ||
           EqualsIgnoreCase(text, session.envelope.authenticated_sender);
  };
  const auto is_stranger = [](Origins origins) {
    return (origins & (kFromClient | kFromUpstream)) != 0;
  };
  bool good = !value.is_list || !is_stranger(value.element_origins);
  std::size_t at = 0;
  for (const Segment& segment : value.segments) {
    const std::string_view run = std::string_view(value.text).substr(at, segment.end - at);
    if (is_stranger(segment.origins) && !is_known(run)) good = false;
    at = segment.end;
  }
  if (!good)
    return Err{"authenticated_sender: what the client says is no identity: \"" +
               Printable(value.text) + '"'};
  return value.text.empty() ? "<>" : EncodeXtext(value.text);
}

}  // namespace signet::relay
