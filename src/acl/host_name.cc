#include "src/acl/host_name.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>

#include "src/base/limits.h"
#include "src/base/text.h"
#include "src/config/match.h"
#include "src/engine/engine.h"

namespace signet::acl {
namespace {

using facts::HostLookup;

// What a thread of the pool finds out. Shared, because a caller whose deadline passes goes
// away before the resolver has an answer.
struct Search {
  std::string subject;
  HostAnswer answer;
  bool done = false;
  engine::Event changed;
};

HostAnswer Later(std::string why) { return {HostAnswer::kLater, {}, std::move(why)}; }

// A name or address that is not there is an answer; everything else is trouble (rule E6).
bool IsAbsence(int code) {
  return code == EAI_NONAME || code == EAI_NODATA || code == EAI_ADDRFAMILY;
}
HostAnswer FromCode(int code) {
  if (IsAbsence(code)) return {HostAnswer::kNone, {}, gai_strerror(code)};
  return Later(code == EAI_SYSTEM ? strerror(errno) : gai_strerror(code));
}

HostAnswer AskName(const std::string& ip) {
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  v4.sin_family = AF_INET;
  v6.sin6_family = AF_INET6;
  const bool is_v4 = inet_pton(AF_INET, ip.c_str(), &v4.sin_addr) == 1;
  if (!is_v4 && inet_pton(AF_INET6, ip.c_str(), &v6.sin6_addr) != 1)
    return {HostAnswer::kNone, {}, "not an address"};
  char name[NI_MAXHOST];
  const int code = is_v4 ? getnameinfo(reinterpret_cast<const sockaddr*>(&v4), sizeof v4, name,
                                       sizeof name, nullptr, 0, NI_NAMEREQD)
                         : getnameinfo(reinterpret_cast<const sockaddr*>(&v6), sizeof v6, name,
                                       sizeof name, nullptr, 0, NI_NAMEREQD);
  if (code != 0) return FromCode(code);
  return {HostAnswer::kFound, {name}, ""};
}

HostAnswer AskAddresses(const std::string& name) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int code = getaddrinfo(name.c_str(), nullptr, &hints, &found);
  if (code != 0) return FromCode(code);
  HostAnswer answer{HostAnswer::kFound, {}, ""};
  for (const addrinfo* item = found; item != nullptr; item = item->ai_next) {
    char text[NI_MAXHOST];
    if (getnameinfo(item->ai_addr, item->ai_addrlen, text, sizeof text, nullptr, 0,
                    NI_NUMERICHOST) == 0)
      answer.values.emplace_back(text);
  }
  freeaddrinfo(found);
  return answer;
}

HostAnswer AskBy(HostAnswer (*ask)(const std::string&), const std::string& subject,
                 Deadline deadline) {
  if (!engine::InCoroutine()) return ask(subject);
  auto search = std::make_shared<Search>();
  search->subject = subject;
  const bool started = engine::Loop::Current()->Spawn([search, ask] {
    engine::BlockingForAnswer([&search, ask] { search->answer = ask(search->subject); });
    search->done = true;
    search->changed.Signal();
  });
  if (!started) return Later("no task can be started");
  engine::IoStatus status = engine::IoStatus::kOk;
  while (!search->done && status == engine::IoStatus::kOk) status = search->changed.Wait(deadline);
  return search->done ? search->answer : Later("no answer from the resolver");
}

// A name from the DNS is somebody else's text: only what is a host name is one.
bool IsHostName(std::string_view name) {
  if (name.empty() || name.size() > 255 || name.front() == '-') return false;
  char before = '.';
  for (char c : name) {
    if (c == '.' && before == '.') return false;
    if (!IsAlnum(c) && c != '-' && c != '_' && c != '.') return false;
    before = c;
  }
  return std::any_of(name.begin(), name.end(), [](char c) { return !IsDigit(c) && c != '.'; });
}

std::string_view WithoutDot(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

HostLookup Confirm(Effects& effects, const std::string& name, const std::string& ip) {
  const HostAnswer addresses = effects.AddressesOfHost(name);
  if (addresses.kind == HostAnswer::kLater) return HostLookup::kLater;
  const bool ours = std::any_of(
      addresses.values.begin(), addresses.values.end(),
      [&](const std::string& one) { return config::IpInNetwork(ip, one).value_or(false); });
  return ours ? HostLookup::kFound : HostLookup::kNone;
}

}  // namespace

HostAnswer SystemNameOf(const std::string& ip, Deadline deadline) {
  return AskBy(&AskName, ip, deadline);
}
HostAnswer SystemAddressesOf(const std::string& name, Deadline deadline) {
  return AskBy(&AskAddresses, name, deadline);
}

HostAnswer Effects::NameOfHost(const std::string& ip) {
  return SystemNameOf(ip, Deadline::After(limits::kHostNameLookup));
}
HostAnswer Effects::AddressesOfHost(const std::string& name) {
  return SystemAddressesOf(name, Deadline::After(limits::kHostNameLookup));
}

HostLookup FindHostName(Effects& effects) {
  facts::Session& session = effects.session();
  if (session.host_lookup != HostLookup::kNotDone) return session.host_lookup;
  const std::string& ip = session.connection.client_ip;
  const HostAnswer names = effects.NameOfHost(ip);
  HostLookup result = names.kind == HostAnswer::kLater ? HostLookup::kLater : HostLookup::kNone;
  if (names.kind == HostAnswer::kFound && !names.values.empty()) {
    const std::string name = Lower(WithoutDot(names.values.front()));
    if (IsHostName(name)) result = Confirm(effects, name, ip);
    if (result == HostLookup::kFound) session.host_name = name;
  }
  return session.host_lookup = result;
}

HostLookup VerifyHelo(Effects& effects) {
  facts::Session& session = effects.session();
  const std::string helo = session.helo;
  const std::string& ip = session.connection.client_ip;
  if (helo.empty()) return HostLookup::kNone;
  if (helo.front() == '[') {
    std::string_view literal = std::string_view(helo).substr(1);
    if (literal.ends_with(']')) literal.remove_suffix(1);
    if (StartsWithIgnoreCase(literal, "IPv6:")) literal.remove_prefix(5);
    return config::IpInNetwork(ip, literal).value_or(false) && literal.find('/') == literal.npos
               ? HostLookup::kFound
               : HostLookup::kNone;
  }
  const std::string name = Lower(WithoutDot(helo));
  if (!IsHostName(name)) return HostLookup::kNone;
  if (FindHostName(effects) == HostLookup::kFound && session.host_name == name)
    return HostLookup::kFound;
  return Confirm(effects, name, ip);
}

}  // namespace signet::acl
