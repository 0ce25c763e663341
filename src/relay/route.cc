#include "src/relay/route.h"

#include <algorithm>
#include <charconv>

#include "expand/network.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/facts/written.h"

namespace signet::relay {
namespace {

using config::ListKind;
using config::TransportDriver;

// Who may name the host that we connect to: the administrator, and the directory, which
// is his way to say it per domain (rule E2).
constexpr Origins kNoHosts = kFromClient | kFromCertificate | kFromUpstream;

std::string Quoted(std::string_view text) { return '"' + Printable(text) + '"'; }

Err<Reply> Temporary(std::string log_text) {
  return Err{
      Reply{451, "4.3.0", "Temporary local problem - please try later", std::move(log_text)}};
}

Err<Reply> Temporary(const config::Router& router, const config::Transport& transport,
                     std::string problem) {
  return Temporary("R=" + router.name + " T=" + transport.name + ": " + std::move(problem));
}

Err<Reply> Temporary(const config::Router& router, const Failure& failure) {
  std::string place = PlaceOf(failure.span);
  return Temporary("R=" + router.name + ": " + (place.empty() ? "" : place + ": ") + failure.text);
}

std::optional<int> ParsePort(std::string_view text) {
  int port = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  bool good = error == std::errc() && end == text.data() + text.size() && port > 0 && port < 65536;
  return good ? std::optional(port) : std::nullopt;
}

bool IsHostName(std::string_view text) {
  return !text.empty() && text.size() <= 255 && std::all_of(text.begin(), text.end(), [](char c) {
    return IsAlnum(c) || c == '.' || c == '-' || c == '_';
  });
}

// What EHLO may say: a name or an address literal.
bool IsHelo(std::string_view text) {
  return !text.empty() && text.size() <= 255 && std::all_of(text.begin(), text.end(), [](char c) {
    return IsAlnum(c) || std::string_view(".-_[]:").find(c) != std::string_view::npos;
  });
}

std::string StandardPort(const config::Transport& transport) {
  if (transport.protocol.text == "smtps") return "465";
  return transport.protocol.text == "lmtp" ? "24" : "25";
}

}  // namespace

std::optional<Host> ParseHost(std::string_view item, int port) {
  if (expand::ParseHostAddress(item)) return Host{std::string(item), port};
  std::string_view name = item, port_text;
  if (item.starts_with('[')) {
    std::size_t close = item.find(']');
    if (close == item.npos) return std::nullopt;
    name = item.substr(1, close - 1);
    port_text = item.substr(close + 1);
    if (!expand::ParseHostAddress(name)) return std::nullopt;
    if (!port_text.empty() && port_text[0] != ':') return std::nullopt;
  } else if (std::size_t colon = item.rfind(':'); colon != item.npos) {
    name = item.substr(0, colon);
    port_text = item.substr(colon);
  }
  if (!expand::ParseHostAddress(name) && !IsHostName(name)) return std::nullopt;
  if (port_text.empty()) return Host{std::string(name), port};
  auto parsed = ParsePort(port_text.substr(1));
  return parsed ? std::optional(Host{std::string(name), *parsed}) : std::nullopt;
}

Result<std::string, Reply> ExpandOption(const config::Expanded& option, std::string_view name,
                                        const config::Router& router, config::MatchContext& context,
                                        std::string otherwise) {
  if (!option) return otherwise;
  expand::Outcome outcome =
      expand::Evaluate(*option.program, context.session, context.services, context.budget);
  if (!outcome.ok()) {
    if (outcome.error().kind == FailureKind::kForced) return otherwise;
    return Temporary(router, outcome.error());
  }
  if (outcome.value().origins() & kNoHosts)
    return Temporary("text from outside in " + std::string(name) + ": " +
                     Quoted(outcome.value().text));
  return outcome.value().text;
}

Result<std::string, std::string> SafeDirectory(const Value& value) {
  const std::string& path = value.text;
  auto bad = [&](std::string why) { return Err{"directory " + Quoted(path) + ": " + why}; };
  if (!path.starts_with('/')) return bad("absolute path expected");
  if (std::any_of(path.begin(), path.end(), IsControl)) return bad("control character");

  auto from_stranger = [&](std::size_t at) {
    for (const Segment& segment : value.segments)
      if (at < segment.end) return (segment.origins & kNoHosts) != 0;
    return value.is_list && (value.element_origins & kNoHosts) != 0;
  };
  for (std::size_t at = 0; at < path.size(); ++at) {
    char c = path[at];
    if (!from_stranger(at)) continue;
    bool good = IsAlnum(c) || std::string_view("._+-").find(c) != std::string_view::npos;
    bool first = at == 0 || path[at - 1] == '/';
    if (!good || (first && c == '.')) return bad("what the client typed is not a safe file name");
  }
  for (std::size_t from = 1; from <= path.size();) {
    std::size_t end = std::min(path.find('/', from), path.size());
    std::string_view component = std::string_view(path).substr(from, end - from);
    if (component == "." || component == "..") return bad("\".\" and \"..\" are not allowed");
    from = end + 1;
  }
  return path;
}

namespace {

// A router that is asked, in the session's trace if there is one.
class RouterStep {
 public:
  RouterStep(facts::Trace* trace, const config::Router& router) : trace_(trace) {
    if (trace_ == nullptr) return;
    facts::TraceStep step;
    step.what = "router " + router.name;
    step.place = PlaceOf(router.name_span);
    id_ = trace_->Begin(std::move(step));
  }
  ~RouterStep() {
    if (trace_ != nullptr) trace_->End(id_, outcome_, value_);
  }
  RouterStep(const RouterStep&) = delete;
  RouterStep& operator=(const RouterStep&) = delete;

  void Declines(std::string_view why) { Came(facts::TraceStep::Outcome::kNo, why); }
  void Takes(const config::Transport& transport) {
    if (trace_ != nullptr) Came(facts::TraceStep::Outcome::kYes, "transport " + transport.name);
  }
  const Reply& Fails(const Reply& reply) {
    const bool later = reply.code >= 400 && reply.code < 500;
    Came(later ? facts::TraceStep::Outcome::kLater : facts::TraceStep::Outcome::kFailed,
         reply.log_text.empty() ? reply.text : reply.log_text);
    return reply;
  }

 private:
  void Came(facts::TraceStep::Outcome outcome, std::string_view value) {
    if (trace_ == nullptr) return;
    outcome_ = outcome;
    value_ = facts::WithoutCredentials(value);
  }

  facts::Trace* trace_;
  std::size_t id_ = 0;
  facts::TraceStep::Outcome outcome_ = facts::TraceStep::Outcome::kNone;
  std::string value_;
};

}  // namespace

Result<Place, Reply> Routes::Find(config::MatchContext& context) const {
  for (const Step& step : steps_) {
    RouterStep written(context.session.trace, *step.router);
    auto applies = Applies(step, context);
    if (!applies.ok()) return Err{written.Fails(applies.error())};
    if (!applies.value()) {
      written.Declines("does not apply");
      continue;
    }
    Found found = Run(step, context);
    if (!found.ok()) return Err{written.Fails(found.error())};
    if (found.value())
      written.Takes(*found.value()->transport);
    else
      written.Declines("has no hosts for it");
    if (found.value()) return *std::move(found).value();
    if (!step.router->more) break;
  }
  return Err{Reply{550, "5.1.1", "Unrouteable address", "unrouteable address"}};
}

Result<bool, Reply> Routes::Applies(const Step& step, config::MatchContext& context) const {
  const config::Router& router = *step.router;
  const facts::Envelope& envelope = context.session.envelope;
  struct Condition {
    const config::Expanded& list;
    ListKind kind;
    std::string_view subject;
  };
  const Condition conditions[] = {
      {router.domains, ListKind::kDomain, envelope.current.domain},
      {router.local_parts, ListKind::kLocalPart, envelope.current.local_part},
      {router.senders, ListKind::kAddress, envelope.sender},
  };
  for (const Condition& condition : conditions) {
    if (!condition.list) continue;
    auto matched = config::MatchList(condition.list, condition.kind, condition.subject, context);
    if (!matched.ok()) return Temporary(router, matched.error());
    if (!matched.value()) return false;
  }
  if (!router.condition) return true;
  expand::Outcome outcome = expand::Evaluate(*router.condition.program, context.session,
                                             context.services, context.budget);
  if (outcome.ok()) return expand::LaxTruth(outcome.value().text);
  if (outcome.error().kind == FailureKind::kForced) return false;
  return Temporary(router, outcome.error());
}

Routes::Found Routes::Run(const Step& step, config::MatchContext& context) const {
  const config::Router& router = *step.router;
  if (router.driver == config::RouterDriver::kAccept)
    return ToPlace(step, step.transport, nullptr, context);
  if (router.route_data) return ToPlace(step, step.transport, &router.route_data, context);
  return ByRules(step, context);
}

Routes::Found Routes::ByRules(const Step& step, config::MatchContext& context) const {
  for (const Rule& rule : step.rules) {
    auto matched = config::MatchList(rule.pattern, ListKind::kDomain,
                                     context.session.envelope.current.domain, context);
    if (!matched.ok()) return Temporary(*step.router, matched.error());
    if (!matched.value()) continue;
    const config::Transport* transport = rule.transport ? rule.transport : step.transport;
    Found found = ToPlace(step, transport, rule.hosts ? &rule.hosts : nullptr, context);
    if (rule.randomize && found.ok() && found.value()) found.value()->randomize = *rule.randomize;
    return found;
  }
  return std::optional<Place>();
}

Routes::Found Routes::ToPlace(const Step& step, const config::Transport* transport,
                              const config::Expanded* hosts, config::MatchContext& context) const {
  const config::Router& router = *step.router;
  Place place{.router = &router, .transport = transport};
  if (transport->driver == TransportDriver::kAppendfile) {
    expand::Outcome outcome = expand::Evaluate(*transport->directory.program, context.session,
                                               context.services, context.budget);
    if (!outcome.ok()) return Temporary(router, outcome.error());
    auto directory = SafeDirectory(outcome.value());
    if (!directory.ok()) return Temporary(router, *transport, directory.error());
    place.directory = std::move(directory).value();
    return std::optional(std::move(place));
  }

  auto port_text = ExpandOption(transport->port, "port", router, context, StandardPort(*transport));
  if (!port_text.ok()) return Err{port_text.error()};
  auto port = ParsePort(port_text.value());
  if (!port) return Temporary(router, *transport, "bad port " + Quoted(port_text.value()));

  auto helo = ExpandOption(transport->helo_data, "helo_data", router, context,
                           context.session.primary_hostname);
  if (!helo.ok()) return Err{helo.error()};
  if (!IsHelo(helo.value()))
    return Temporary(router, *transport, "bad helo_data " + Quoted(helo.value()));
  place.helo = std::move(helo).value();

  if (transport->socket) {
    auto path = ExpandOption(transport->socket, "socket", router, context, "");
    if (!path.ok()) return Err{path.error()};
    if (!path.value().starts_with('/'))
      return Temporary(router, *transport, "bad socket " + Quoted(path.value()));
    place.hosts.push_back({std::move(path).value(), 0});
    return std::optional(std::move(place));
  }

  if (hosts == nullptr) hosts = &transport->hosts;
  if (!*hosts) return Temporary(router, *transport, "no hosts");
  auto found = Hosts(*hosts, *port, router, context);
  if (!found.ok()) return Err{found.error()};
  place.hosts = std::move(found).value();
  if (place.hosts.empty()) return std::optional<Place>();
  place.randomize = router.hosts_randomize || transport->hosts_randomize;
  const config::Expanded& fallback =
      router.fallback_hosts ? router.fallback_hosts : transport->fallback_hosts;
  if (fallback) {
    auto others = Hosts(fallback, *port, router, context);
    if (!others.ok()) return Err{others.error()};
    place.fallback = std::move(others).value();
  }
  return std::optional(std::move(place));
}

Result<std::vector<Host>, Reply> Routes::Hosts(const config::Expanded& list, int port,
                                               const config::Router& router,
                                               config::MatchContext& context) {
  std::vector<Host> hosts;
  expand::Outcome outcome =
      expand::Evaluate(*list.program, context.session, context.services, context.budget);
  if (!outcome.ok()) {
    // A route that forces failure declines.
    if (outcome.error().kind == FailureKind::kForced) return hosts;
    return Temporary(router, outcome.error());
  }
  if (outcome.value().origins() & kNoHosts)
    return Temporary("R=" + router.name +
                     ": text from outside in the hosts: " + Quoted(outcome.value().text));
  for (const expand::ListElement& element : expand::SplitList(outcome.value())) {
    auto host = ParseHost(element.text, port);
    if (!host) return Temporary("R=" + router.name + ": bad host " + Quoted(element.text));
    hosts.push_back(std::move(*host));
  }
  return hosts;
}

}  // namespace signet::relay
