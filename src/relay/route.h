#ifndef SIGNET_SRC_RELAY_ROUTE_H_
#define SIGNET_SRC_RELAY_ROUTE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/config/config.h"
#include "src/config/match.h"
#include "src/relay/relay.h"

namespace signet::relay {

// One upstream: a name or a numeric address, and a port; or the path of a Unix socket.
struct Host {
  std::string name;
  int port = 25;
  bool is_socket() const { return name.starts_with('/'); }
  bool operator==(const Host&) const = default;
};

// "host", "host:port", "192.0.2.1:26", "[2001:db8::1]:26", "2001:db8::1" — an item of a
// host list, after its doubled colons were undone. `port` is the transport's.
std::optional<Host> ParseHost(std::string_view item, int port);

// Where a recipient's copy goes. Two recipients of one message must have equal places but
// for the router.
struct Place {
  const config::Router* router = nullptr;
  const config::Transport* transport = nullptr;
  std::vector<Host> hosts;     // smtp, in the order to try
  bool randomize = false;      // or in any
  std::vector<Host> fallback;  // and then these
  std::string helo;            // smtp
  std::string directory;       // appendfile
  bool SameAs(const Place& other) const {
    return transport == other.transport && hosts == other.hosts && fallback == other.fallback &&
           helo == other.helo && directory == other.directory;
  }
};

class Routes {
 public:
  // The recipient is context.session.envelope.current.
  //   Errors  a Reply with 550 (unrouteable) or 451, and why for the log.
  Result<Place, Reply> Find(config::MatchContext& context) const;

 private:
  friend class Compiler;
  // "pattern hosts [options]" of a route_list.
  struct Rule {
    config::Expanded pattern, hosts;
    const config::Transport* transport = nullptr;  // an option's, or nullptr
    std::optional<bool> randomize;                 // an option's
  };
  struct Step {
    const config::Router* router = nullptr;
    const config::Transport* transport = nullptr;
    std::vector<Rule> rules;
  };
  // Of one step: a place, or nothing where it does not want this recipient.
  using Found = Result<std::optional<Place>, Reply>;
  Result<bool, Reply> Applies(const Step& step, config::MatchContext& context) const;
  Found Run(const Step& step, config::MatchContext& context) const;
  Found ByRules(const Step& step, config::MatchContext& context) const;
  // The hosts of a list. Empty where it forces failure, or is.
  static Result<std::vector<Host>, Reply> Hosts(const config::Expanded& list, int port,
                                                const config::Router& router,
                                                config::MatchContext& context);
  Found ToPlace(const Step& step, const config::Transport* transport, const config::Expanded* hosts,
                config::MatchContext& context) const;

  std::vector<std::unique_ptr<SourceText>> texts_;
  std::vector<Step> steps_;
};

// An option of a transport; `otherwise` where it is not set or forces failure.
//   Errors  451: it cannot be expanded, or is made of text from outside.
Result<std::string, Reply> ExpandOption(const config::Expanded& option, std::string_view name,
                                        const config::Router& router, config::MatchContext& context,
                                        std::string otherwise);

// `directory` of an appendfile transport as it expanded: absolute, without "." and ".."
// components. What the client typed may only be a component, or part of one, that is
// made of [A-Za-z0-9._+-] and does not start with a dot (rule E2).
//   Errors  why it cannot be used, for the log.
Result<std::string, std::string> SafeDirectory(const Value& value);

}  // namespace signet::relay
#endif
