#include "src/server/listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

#include "src/base/text.h"

namespace signet::server {
namespace {

constexpr std::string_view kEverywhere = "<; ::0 ; 0.0.0.0";

bool IsIpv6(std::string_view ip) { return ip.find(':') != ip.npos; }

// A numeric address in its usual spelling ("::0" is "::"), or nullopt.
std::optional<std::string> NormalIp(std::string_view text) {
  unsigned char octets[sizeof(in6_addr)];
  char spelled[INET6_ADDRSTRLEN];
  const std::string copy(text);
  const int family = IsIpv6(text) ? AF_INET6 : AF_INET;
  if (::inet_pton(family, copy.c_str(), octets) != 1) return std::nullopt;
  return ::inet_ntop(family, octets, spelled, sizeof spelled);
}

std::optional<int> PortNumber(std::string_view text) {
  int port = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return {};
  if (port < 0 || port > 65535) return {};
  return port;
}

// An item of local_interfaces: "ip", "[ip]:port", "ip.port".
struct Interface {
  std::string ip;
  std::optional<int> port;
};

std::optional<Interface> ParseInterface(std::string_view item) {
  if (item.starts_with('[')) {
    const std::size_t end = item.find(']');
    if (end == item.npos) return {};
    auto ip = NormalIp(item.substr(1, end - 1));
    if (!ip) return {};
    std::string_view rest = item.substr(end + 1);
    if (rest.empty()) return Interface{*ip, {}};
    auto port = rest.starts_with(':') ? PortNumber(rest.substr(1)) : std::nullopt;
    if (!port) return {};
    return Interface{*ip, port};
  }
  if (auto ip = NormalIp(item)) return Interface{*ip, {}};
  const std::size_t dot = item.rfind('.');
  if (dot == item.npos) return {};
  auto ip = NormalIp(item.substr(0, dot));
  auto port = PortNumber(item.substr(dot + 1));
  if (!ip || !port) return {};
  return Interface{*ip, port};
}

struct Settings {
  std::vector<std::string> interfaces;
  std::vector<std::string> ports;
  std::vector<std::string> tls_ports;
  std::string_view interfaces_option = "local_interfaces";
  std::string_view ports_option = "daemon_smtp_ports";
};

Settings Apply(const config::Main& main, const ListenOverrides& overrides) {
  Settings settings;
  const std::string& configured = main.local_interfaces.text;
  settings.interfaces = SplitAdministratorList(configured.empty() ? kEverywhere : configured);
  settings.ports = main.daemon_smtp_ports;
  settings.tls_ports = main.tls_on_connect_ports;
  std::vector<std::string> interfaces, ports;
  for (const std::string& item : SplitAdministratorList(overrides.ports)) {
    (item.find_first_of(".:") == item.npos ? ports : interfaces).push_back(item);
  }
  if (!interfaces.empty()) {
    settings.interfaces = interfaces;
    settings.interfaces_option = "-oX";
  }
  if (!ports.empty()) {
    settings.ports = ports;
    settings.ports_option = "-oX";
  }
  return settings;
}

std::string BadItem(std::string_view option, std::string_view expected, std::string_view item) {
  return std::string(option) + ": expected " + std::string(expected) + ", found \"" +
         std::string(item) + "\"";
}

Result<std::vector<int>, std::string> Ports(const std::vector<std::string>& items,
                                            std::string_view option) {
  std::vector<int> ports;
  for (const std::string& item : items) {
    const int port = PortOf(item);
    if (port < 0) return Err{BadItem(option, "a port's number or name", item)};
    ports.push_back(port);
  }
  return ports;
}

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  sockaddr* generic() { return reinterpret_cast<sockaddr*>(&storage); }
};

SocketAddress ToSocketAddress(const ListenAddress& address) {
  SocketAddress result;
  if (IsIpv6(address.ip)) {
    auto* in6 = reinterpret_cast<sockaddr_in6*>(&result.storage);
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(static_cast<std::uint16_t>(address.port));
    ::inet_pton(AF_INET6, address.ip.c_str(), &in6->sin6_addr);
    result.size = sizeof *in6;
  } else {
    auto* in = reinterpret_cast<sockaddr_in*>(&result.storage);
    in->sin_family = AF_INET;
    in->sin_port = htons(static_cast<std::uint16_t>(address.port));
    ::inet_pton(AF_INET, address.ip.c_str(), &in->sin_addr);
    result.size = sizeof *in;
  }
  return result;
}

// 0, or errno.
int BindAndListen(int fd, const ListenAddress& address) {
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // Each family has its own socket, so that one of them can fail alone.
  if (IsIpv6(address.ip)) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  SocketAddress to = ToSocketAddress(address);
  if (::bind(fd, to.generic(), to.size) != 0) return errno;
  return ::listen(fd, SOMAXCONN) == 0 ? 0 : errno;
}

bool KernelHasIpv6() {
  const int fd = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  SocketAddress any = ToSocketAddress({"::", 0});
  const bool works = ::bind(fd, any.generic(), any.size) == 0;
  ::close(fd);
  return works;
}

// "port 587 (IPv6 and IPv4)" for wildcards of both families, else "[ip]:port".
std::vector<std::string> Places(const std::vector<ListenAddress>& addresses, bool tls) {
  auto has = [&](std::string_view ip, int port) {
    return std::any_of(addresses.begin(), addresses.end(), [&](const ListenAddress& a) {
      return a.ip == ip && a.port == port && a.tls_on_connect == tls;
    });
  };
  std::vector<std::string> places;
  for (const ListenAddress& a : addresses) {
    if (a.tls_on_connect != tls) continue;
    const bool both = has("::", a.port) && has("0.0.0.0", a.port);
    const std::string port = "port " + std::to_string(a.port);
    std::string place = a.Text();
    if (a.ip == "::") place = port + (both ? " (IPv6 and IPv4)" : " (IPv6)");
    if (a.ip == "0.0.0.0") place = port + (both ? " (IPv6 and IPv4)" : " (IPv4)");
    if (std::find(places.begin(), places.end(), place) == places.end()) places.push_back(place);
  }
  return places;
}

}  // namespace

std::string ListenAddress::Text() const { return "[" + ip + "]:" + std::to_string(port); }

int PortOf(std::string_view text) {
  if (auto port = PortNumber(text)) return *port;
  const std::string name(text);
  const servent* service = ::getservbyname(name.c_str(), "tcp");
  if (service != nullptr) return ntohs(static_cast<std::uint16_t>(service->s_port));
  // Where /etc/services is missing, the ports of our own trade are still known.
  if (name == "smtp") return 25;
  if (name == "submission") return 587;
  if (name == "submissions" || name == "smtps" || name == "ssmtp") return 465;
  return -1;
}

Result<std::vector<ListenAddress>, std::string> ListeningSet(const config::Main& main,
                                                             const ListenOverrides& overrides) {
  const Settings settings = Apply(main, overrides);
  auto ports = Ports(settings.ports, settings.ports_option);
  if (!ports) return Err{ports.error()};
  auto tls_ports = Ports(settings.tls_ports, "tls_on_connect_ports");
  if (!tls_ports) return Err{tls_ports.error()};
  std::vector<ListenAddress> set;
  auto add = [&](const std::string& ip, int port) {
    const auto& tls = tls_ports.value();
    const bool on_connect =
        overrides.tls_on_connect || std::find(tls.begin(), tls.end(), port) != tls.end();
    const ListenAddress address{ip, port, on_connect};
    if (std::find(set.begin(), set.end(), address) == set.end() || port == 0) {
      set.push_back(address);
    }
  };
  for (const std::string& item : settings.interfaces) {
    const auto interface = ParseInterface(item);
    if (!interface) {
      return Err{BadItem(settings.interfaces_option,
                         "a numeric address, \"[ip]:port\" or \"ip.port\"", item)};
    }
    if (interface->port) {
      add(interface->ip, *interface->port);
    } else {
      for (int port : ports.value()) add(interface->ip, port);
    }
  }
  if (set.empty()) return Err{std::string("daemon_smtp_ports: there is no port to listen on")};
  return set;
}

std::string DescribeListening(const std::vector<ListenAddress>& addresses) {
  auto join = [](const std::vector<std::string>& places) {
    std::string text;
    for (const std::string& place : places) text += (text.empty() ? "" : " ") + place;
    return text;
  };
  const std::string smtp = join(Places(addresses, false));
  const std::string smtps = join(Places(addresses, true));
  if (smtp.empty() && smtps.empty()) return "not listening for SMTP";
  std::string text = "listening for ";
  if (!smtp.empty()) text += "SMTP on " + smtp;
  if (!smtp.empty() && !smtps.empty()) text += " and for ";
  if (!smtps.empty()) text += "SMTPS on " + smtps;
  return text;
}

Result<ListenerPtr, std::string> Listener::Open(const ListenAddress& address) {
  const int family = IsIpv6(address.ip) ? AF_INET6 : AF_INET;
  const int fd = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int error = fd < 0 ? errno : BindAndListen(fd, address);
  if (error == 0) return ListenerPtr(new Listener(fd, address));
  if (fd >= 0) ::close(fd);
  return Err{address.Text() + ": " + std::strerror(error)};
}

ListenerPtr Listener::Inherit(OwnedFd fd, const ListenAddress& asked) {
  int listens = 0;
  socklen_t size = sizeof listens;
  const int rc = ::getsockopt(fd.get(), SOL_SOCKET, SO_ACCEPTCONN, &listens, &size);
  if (rc != 0 || listens == 0) return nullptr;
  // Whoever has opened it may have done without.
  ::fcntl(fd.get(), F_SETFD, FD_CLOEXEC);
  ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
  return ListenerPtr(new Listener(fd.Release(), asked));
}

ListenerPtr Listener::Inherit(OwnedFd fd) {
  SocketAddress name;
  name.size = sizeof name.storage;
  if (::getsockname(fd.get(), name.generic(), &name.size) != 0) return nullptr;
  char ip[INET6_ADDRSTRLEN];
  ListenAddress asked;
  if (name.storage.ss_family == AF_INET6) {
    const auto* in6 = reinterpret_cast<const sockaddr_in6*>(&name.storage);
    asked = {::inet_ntop(AF_INET6, &in6->sin6_addr, ip, sizeof ip), ntohs(in6->sin6_port)};
  } else if (name.storage.ss_family == AF_INET) {
    const auto* in = reinterpret_cast<const sockaddr_in*>(&name.storage);
    asked = {::inet_ntop(AF_INET, &in->sin_addr, ip, sizeof ip), ntohs(in->sin_port)};
  } else {
    return nullptr;
  }
  auto listener = Inherit(std::move(fd), asked);
  if (listener != nullptr) listener->Share();
  return listener;
}

bool Listener::takes_both() const {
  int only = 1;
  socklen_t size = sizeof only;
  return IsIpv6(asked_.ip) && ::getsockopt(fd_, IPPROTO_IPV6, IPV6_V6ONLY, &only, &size) == 0 &&
         only == 0;
}

Listener::~Listener() { ::close(fd_); }

ListenAddress Listener::bound() const {
  SocketAddress name;
  name.size = sizeof name.storage;
  ListenAddress address{asked_.ip, asked_.port, tls_on_connect_};
  if (::getsockname(fd_, name.generic(), &name.size) != 0) return address;
  const auto* in6 = reinterpret_cast<const sockaddr_in6*>(&name.storage);
  const auto* in = reinterpret_cast<const sockaddr_in*>(&name.storage);
  address.port = ntohs(name.storage.ss_family == AF_INET6 ? in6->sin6_port : in->sin_port);
  return address;
}

// Closing our descriptor alone would leave the workers' duplicates listening.
void Listener::Close() {
  if (closed_.exchange(true) || shared_) return;
  ::shutdown(fd_, SHUT_RDWR);
}

Result<Opened, std::vector<std::string>> OpenListeners(const std::vector<ListenAddress>& set,
                                                       const std::vector<ListenerPtr>& current) {
  Opened opened;
  std::vector<std::string> errors;
  opened.dropped = current;
  for (const ListenAddress& address : set) {
    auto kept = std::find_if(opened.dropped.begin(), opened.dropped.end(), [&](const auto& l) {
      return l->asked().ip == address.ip && l->asked().port == address.port;
    });
    if (kept != opened.dropped.end()) {
      opened.entries.push_back({*kept, address.tls_on_connect});
      opened.dropped.erase(kept);
      continue;
    }
    if (address.ip == "::" && !KernelHasIpv6()) continue;
    const auto is_in_both = [&](const Opened::Entry& entry) {
      return entry.listener->asked().ip == "::" && entry.listener->asked().port == address.port &&
             entry.listener->takes_both();
    };
    if (address.ip == "0.0.0.0" &&
        std::any_of(opened.entries.begin(), opened.entries.end(), is_in_both))
      continue;
    auto listener = Listener::Open(address);
    if (listener)
      opened.entries.push_back({std::move(listener).value(), address.tls_on_connect});
    else
      errors.push_back(listener.error());
  }
  if (errors.empty() && opened.entries.empty()) errors.push_back("nothing to listen on");
  if (!errors.empty()) return Err{errors};
  return opened;
}

std::vector<ListenerPtr> Opened::Adopt() const {
  std::vector<ListenerPtr> listeners;
  for (const Entry& entry : entries) {
    entry.listener->SetTlsOnConnect(entry.tls_on_connect);
    listeners.push_back(entry.listener);
  }
  for (const ListenerPtr& listener : dropped) listener->Close();
  return listeners;
}

}  // namespace signet::server
